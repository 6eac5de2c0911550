//! How large a document is: counted before anything else walks it, with every fragment written out.
//!
//! **Invariant:** nothing here takes longer than in proportion to the text, whatever the text spells out:
//! the lexer counts the tokens as they are read, and a fragment is visited once and counted once per spread.

use std::collections::HashMap;
use std::fmt::Display;

use apollo_compiler::ast::{self, Definition, Selection};
use apollo_compiler::{Name, Node};

use crate::error::{Code, Error};

/// How large a document may be, and what it may ask. All but the tokens are counted with its fragments written out.
#[derive(Debug, Clone, Copy)]
pub struct DocumentLimits {
    /// Names, values, punctuation, commas and comments. Of values in arguments there may be as many with fragments written out.
    pub tokens: usize,
    /// Fields and fragments: a bomb need not have a field.
    pub fields: u64,
    /// Fields with an alias: what multiplies work and answers.
    pub aliases: u64,
    /// Directives, wherever they stand.
    pub directives: u64,
    /// Whether it may ask for the schema. Where it may not, no error suggests names of it either.
    pub introspection: bool,
}

impl Default for DocumentLimits {
    fn default() -> Self {
        DocumentLimits {
            tokens: 50_000,
            fields: 10_000,
            aliases: 200,
            directives: 200,
            introspection: true,
        }
    }
}

/// How deep brackets may nest, and selection sets with fragments written out. What follows walks both by
/// recursion, and relations have a limit of their own.
pub const MAX_NESTING: usize = 100;

/// Refuses a document that is too large once its fragments are written out.
pub fn check_expanded(ast: &ast::Document, limits: &DocumentLimits) -> Result<(), Error> {
    let size = Counter::count(ast).ok_or_else(|| too_deep("selection sets and fragments"))?;
    let counts = [
        (
            size.fields,
            limits.fields,
            "fields and fragments",
            "ask for less in one request",
        ),
        (
            size.aliases,
            limits.aliases,
            "aliases",
            "ask for fewer of them in one request, or for a list",
        ),
        (
            size.values,
            // As many as a document without fragments may have.
            limits.tokens as u64,
            "values in arguments",
            "give them as variables",
        ),
        (
            size.directives,
            limits.directives,
            "directives",
            "write fewer of them",
        ),
    ];
    match counts.into_iter().find(|(n, most, ..)| n > most) {
        None => Ok(()),
        Some((n, most, what, remedy)) => {
            let found: &dyn Display = match n {
                // Counting stopped there.
                u64::MAX => &format!("more than {most}"),
                _ => &n,
            };
            Err(refused(format!(
                "the document has {found} {what} once its fragments are written out, and {most} are allowed; {remedy}"
            )))
        }
    }
}

/// A document beyond a limit.
pub fn refused(message: String) -> Error {
    Error::new(Code::LimitExceeded, message)
}

pub fn too_deep(what: &str) -> Error {
    refused(format!(
        "the document nests {what} more than {MAX_NESTING} deep, and {MAX_NESTING} is allowed; ask in several requests"
    ))
}

/// A selection set with its fragments written out; the numbers saturate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Size {
    fields: u64,
    aliases: u64,
    directives: u64,
    /// Values in arguments: validation looks at each, wherever its fragment is spread.
    values: u64,
    /// Fields and fragments on the longest way down.
    depth: usize,
}

impl Size {
    /// With what is beside it.
    fn and(self, other: Size) -> Size {
        Size {
            fields: self.fields.saturating_add(other.fields),
            aliases: self.aliases.saturating_add(other.aliases),
            directives: self.directives.saturating_add(other.directives),
            values: self.values.saturating_add(other.values),
            depth: self.depth.max(other.depth),
        }
    }

    /// Below a field or fragment with these directives on it.
    fn within(self, directives: &ast::DirectiveList) -> Size {
        Size {
            fields: self.fields.saturating_add(1),
            directives: self.directives.saturating_add(directives.len() as u64),
            values: self
                .values
                .saturating_add(directives.iter().map(|d| values(&d.arguments)).sum()),
            depth: self.depth + 1,
            ..self
        }
    }
}

/// How many values there are in arguments, those within others included.
fn values(arguments: &[Node<ast::Argument>]) -> u64 {
    fn within(value: &ast::Value) -> u64 {
        1 + match value {
            ast::Value::List(items) => items.iter().map(|v| within(v)).sum(),
            ast::Value::Object(fields) => fields.iter().map(|(_, v)| within(v)).sum(),
            _ => 0,
        }
    }
    arguments.iter().map(|a| within(&a.value)).sum()
}

struct Counter<'a> {
    fragments: HashMap<&'a Name, &'a ast::FragmentDefinition>,
    known: HashMap<&'a Name, Size>,
}

impl<'a> Counter<'a> {
    /// The whole document; `None` where it nests too deep.
    fn count(ast: &'a ast::Document) -> Option<Size> {
        let fragments = ast.definitions.iter().filter_map(|d| match d {
            Definition::FragmentDefinition(f) => Some((&f.name, &**f)),
            _ => None,
        });
        let mut counter = Counter {
            fragments: fragments.collect(),
            known: HashMap::new(),
        };
        let mut total = Size::default();
        for definition in &ast.definitions {
            if let Definition::OperationDefinition(operation) = definition {
                let of_variables = operation.variables.iter().map(|v| v.directives.len());
                total.directives += of_variables.sum::<usize>() as u64;
                total.directives += operation.directives.len() as u64;
                total = total.and(counter.set(&operation.selection_set, 1)?);
            }
        }
        // A fragment that no operation reaches is an error, but validation walks it to say so.
        for definition in &ast.definitions {
            if let Definition::FragmentDefinition(f) = definition
                && !counter.known.contains_key(&f.name)
            {
                total = total.and(counter.fragment(&f.name, 1)?);
            }
        }
        Some(total)
    }

    fn set(&mut self, set: &'a [Selection], at: usize) -> Option<Size> {
        if at > MAX_NESTING {
            return None;
        }
        let mut size = Size::default();
        for selection in set {
            size = size.and(match selection {
                Selection::Field(f) => {
                    let inner = f.selection_set.as_deref().unwrap_or_default();
                    let aliases = f.alias.is_some().into();
                    let inner = self.set(inner, at + 1)?.within(&f.directives);
                    inner.and(Size {
                        aliases,
                        values: values(&f.arguments),
                        ..Size::default()
                    })
                }
                Selection::InlineFragment(f) => {
                    self.set(&f.selection_set, at + 1)?.within(&f.directives)
                }
                Selection::FragmentSpread(s) => self
                    .fragment(&s.fragment_name, at + 1)?
                    .within(&s.directives),
            });
        }
        // A fragment that was counted elsewhere may be too deep here.
        (at + size.depth <= MAX_NESTING).then_some(size)
    }

    fn fragment(&mut self, name: &'a Name, at: usize) -> Option<Size> {
        if let Some(&known) = self.known.get(name) {
            return Some(known);
        }
        let Some(&fragment) = self.fragments.get(name) else {
            return Some(Size::default());
        };
        // Meanwhile it counts nothing: a cycle ends here, and validation names it.
        self.known.insert(name, Size::default());
        let mut size = self.set(&fragment.selection_set, at)?;
        let directives = &fragment.directives;
        size.directives = size.directives.saturating_add(directives.len() as u64);
        let within = directives.iter().map(|d| values(&d.arguments)).sum();
        size.values = size.values.saturating_add(within);
        self.known.insert(name, size);
        Some(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(text: &str) -> Option<Size> {
        let ast = apollo_compiler::parser::Parser::new().parse_ast(text, "test");
        Counter::count(&ast.unwrap())
    }

    #[test]
    fn fragments_count_as_often_as_they_are_spread() {
        let text = "query($v: Int @d) @d { ...F @d ...F x { a: y @d } } fragment F on Q { b: z ... @d { w } }";
        let expected = Size {
            fields: 10,
            aliases: 3,
            directives: 6,
            depth: 3,
            values: 0,
        };
        assert_eq!(size(text), Some(expected));
    }

    #[test]
    fn values_count_as_often_as_their_fragment_is_spread() {
        let text = "query A { ...F } query B { ...F @d(x: 1) } fragment F on Q { a(b: [1, { c: 2 }], d: $e) @d(x: [3]) }";
        assert_eq!(size(text).map(|s| s.values), Some(2 * (4 + 1 + 2) + 1));
    }

    #[test]
    fn a_cycle_ends_and_an_unused_fragment_counts() {
        let text = "{ a ...A } fragment A on Q { b ...B } fragment B on Q { c ...A } fragment C on Q { d }";
        assert_eq!(size(text).map(|s| s.fields), Some(7));
    }

    #[test]
    fn a_bomb_without_a_field_counts_too() {
        let mut text = "{ ...F0 }".to_owned();
        for i in 0..70 {
            let next = (i + 1) % 70;
            text += &format!(" fragment F{i} on Q {{ ...F{next} ...F{next} }}");
        }
        assert_eq!(size(&text).map(|s| s.fields), Some(u64::MAX));
    }

    #[test]
    fn depth_is_counted_through_fragments_wherever_they_were_met_first() {
        let nested =
            |n: usize, inner: &str| format!("{}{inner}{}", "{ a ".repeat(n), "}".repeat(n));
        let text = |at: usize| {
            let (shallow, deep) = (nested(1, "{ ...F }"), nested(at, "{ ...F }"));
            let fragment = nested(48, "{ b }");
            format!("query A {shallow} query B {deep} fragment F on Q {fragment}")
        };
        assert!(size(&text(49)).is_some());
        assert!(size(&text(52)).is_none());
    }
}
