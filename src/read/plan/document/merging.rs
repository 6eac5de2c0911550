//! Fields of one key and one parent have the same arguments, wherever a document has them: whether or not they are skipped, and
//! whichever operation is run (FieldsInSetCanMerge of the specification).
//!
//! apollo-compiler has looked at the same pairs, and takes a list for another that begins with it, and a block string for
//! another string. Neither does graphql-js.

use std::collections::HashSet;

use apollo_compiler::ast::Value;
use apollo_compiler::collections::{IndexMap, IndexSet};
use apollo_compiler::executable::{Field, Selection, SelectionSet};
use apollo_compiler::parser::SourceMap;
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{ExecutableDocument, Name, Node, Schema};

/// A field that has other arguments than one before it with which it is merged, in a document that is valid otherwise.
pub fn differing<'d>(
    document: &'d ExecutableDocument,
    types: &'d Schema,
) -> Option<&'d Node<Field>> {
    let walk = Walk { document, types };
    if !walk.has_to_look() {
        return None;
    }
    let mut operations = document.operations.iter();
    operations.find_map(|operation| walk.differing_in(&[&operation.selection_set]))
}

struct Walk<'d> {
    document: &'d ExecutableDocument,
    types: &'d Schema,
}

/// A field with the type that it is selected of.
type Of<'d> = (&'d Name, &'d Node<Field>);

impl<'d> Walk<'d> {
    /// Whether there is anything that apollo-compiler does not tell apart.
    fn has_to_look(&self) -> bool {
        let operations = self.document.operations.iter().map(|o| &o.selection_set);
        let fragments = self.document.fragments.values().map(|f| &f.selection_set);
        operations.chain(fragments).any(|set| self.has_any(set))
    }

    fn has_any(&self, set: &SelectionSet) -> bool {
        set.selections.iter().any(|selection| match selection {
            Selection::Field(field) => {
                let mut arguments = field.arguments.iter();
                arguments.any(|argument| self.is_any(&argument.value))
                    || field
                        .selection_set
                        .as_ref()
                        .is_some_and(|set| self.has_any(set))
            }
            Selection::InlineFragment(fragment) => self.has_any(&fragment.selection_set),
            Selection::FragmentSpread(_) => false,
        })
    }

    fn is_any(&self, value: &Node<Value>) -> bool {
        match &**value {
            Value::List(_) => true,
            Value::String(_) => self.is_block(value),
            Value::Object(fields) => fields.iter().any(|(_, value)| self.is_any(value)),
            _ => false,
        }
    }

    /// In selection sets that are merged.
    fn differing_in(&self, sets: &[&'d SelectionSet]) -> Option<&'d Node<Field>> {
        let mut fields = IndexMap::default();
        let mut visited = HashSet::new();
        for set in sets {
            self.collect(set, &mut visited, &mut fields);
        }
        fields.values().find_map(|of_key| self.differing_of(of_key))
    }

    fn collect(
        &self,
        set: &'d SelectionSet,
        visited: &mut HashSet<&'d Name>,
        fields: &mut IndexMap<&'d Name, Vec<Of<'d>>>,
    ) {
        for selection in &set.selections {
            match selection {
                Selection::Field(field) => {
                    let of_key = fields.entry(field.response_name()).or_default();
                    of_key.push((&set.ty, field));
                }
                Selection::InlineFragment(fragment) => {
                    self.collect(&fragment.selection_set, visited, fields);
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.fragment_name;
                    if visited.insert(name)
                        && let Some(fragment) = self.document.fragments.get(name)
                    {
                        self.collect(&fragment.selection_set, visited, fields);
                    }
                }
            }
        }
    }

    /// Among fields of one key. Those of two object types never meet in one object.
    fn differing_of(&self, fields: &[Of<'d>]) -> Option<&'d Node<Field>> {
        let objects = fields.iter().map(|(of, _)| *of);
        let objects: IndexSet<&Name> = objects.filter(|of| !self.is_abstract(of)).collect();
        if objects.len() < 2 {
            return self.differing_among(fields.iter().map(|(_, field)| *field));
        }
        objects.iter().find_map(|object| {
            let meet = fields
                .iter()
                .filter(|(of, _)| of == object || self.is_abstract(of));
            self.differing_among(meet.map(|(_, field)| *field))
        })
    }

    /// Among fields that meet.
    fn differing_among(
        &self,
        fields: impl Iterator<Item = &'d Node<Field>> + Clone,
    ) -> Option<&'d Node<Field>> {
        let mut others = fields.clone();
        let first = others.next()?;
        let differing = others.find(|other| !self.are_asked_alike(first, other));
        differing.or_else(|| {
            let sets: Vec<_> = fields.filter_map(|f| f.selection_set.as_ref()).collect();
            self.differing_in(&sets)
        })
    }

    fn is_abstract(&self, of: &Name) -> bool {
        let of = self.types.types.get(of);
        matches!(
            of,
            Some(ExtendedType::Interface(_) | ExtendedType::Union(_))
        )
    }

    fn are_asked_alike(&self, one: &Field, other: &Field) -> bool {
        one.arguments.len() == other.arguments.len()
            && one.arguments.iter().all(|argument| {
                let mut others = other.arguments.iter();
                let other = others.find(|other| other.name == argument.name);
                other.is_some_and(|other| self.are_same(&argument.value, &other.value))
            })
    }

    fn are_same(&self, one: &Node<Value>, other: &Node<Value>) -> bool {
        match (&**one, &**other) {
            (Value::List(a), Value::List(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| self.are_same(a, b))
            }
            // Each field is there once.
            (Value::Object(a), Value::Object(b)) => {
                a.len() == b.len()
                    && a.iter().all(|(name, a)| {
                        let b = b.iter().find(|(n, _)| n == name);
                        b.is_some_and(|(_, b)| self.are_same(a, b))
                    })
            }
            (Value::String(a), Value::String(b)) => {
                a == b && self.is_block(one) == self.is_block(other)
            }
            (a, b) => a == b,
        }
    }

    /// Whether a string is written as a block.
    fn is_block(&self, value: &Node<Value>) -> bool {
        let sources: &SourceMap = &self.document.sources;
        value.location().is_some_and(|at| {
            let source = sources.get(&at.file_id());
            let text = source.and_then(|source| source.source_text().get(at.offset()..));
            text.is_some_and(|text| text.starts_with("\"\"\""))
        })
    }
}
