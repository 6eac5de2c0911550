//! Where in the arguments of a field something stands: `input.tags.connect.1`, whether it came as a literal, as a variable or
//! in a variable that a literal has.
//!
//! It is looked for once something is known to be wrong: a request that is fine pays nothing for it.

use apollo_compiler::ast::{InputValueDefinition, Type, Value};
use apollo_compiler::executable::{Field, Operation};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{ExecutableDocument, Name, Node};

use super::bind::shortened;
use crate::schema::Schema;

/// The steps to something, of which the first is the argument's name. One value that stands for a list is its first.
pub type Place = Vec<String>;

/// The arguments of a document's fields.
#[derive(Clone, Copy)]
pub struct Arguments<'a> {
    pub schema: &'a Schema,
    pub document: &'a ExecutableDocument,
}

/// What begins at a place, and what it is to be.
struct Reached<'a> {
    place: Place,
    ty: &'a Type,
    value: &'a Node<Value>,
}

impl<'a> Arguments<'a> {
    /// The place of what begins at an offset of the text; none if that is in no argument of a field.
    pub fn at(self, offset: usize) -> Option<Place> {
        match self.reach(offset) {
            Some(reached) => Some(reached.place),
            // One that its field does not have.
            None => {
                let mut arguments = self.fields().flat_map(|field| &field.arguments);
                let found = arguments.find(|argument| spans(argument.location(), offset))?;
                Some(vec![shortened(&found.name)])
            }
        }
    }

    /// The place of the required field that is missing in the input object which begins there, or of another such.
    pub fn missing_in(self, offset: usize, which: usize) -> Option<Place> {
        let Reached {
            mut place,
            ty,
            value,
        } = self.reach(offset)?;
        let (Value::Object(given), Some(ExtendedType::InputObject(of))) =
            (&**value, self.schema.types.types.get(ty.inner_named_type()))
        else {
            return None;
        };
        let given = given.iter().map(|(name, value)| (name, value));
        place.push(missing(of.fields.values(), given, which)?);
        Some(place)
    }

    /// The place of the required argument that the field lacks which begins there, or of another such.
    pub fn missing_of(self, offset: usize, which: usize) -> Option<Place> {
        let begins =
            |field: &&Node<Field>| field.location().is_some_and(|at| at.offset() == offset);
        let field = self.fields().find(begins)?;
        let given = field.arguments.iter().map(|a| (&a.name, &a.value));
        Some(vec![missing(&field.definition.arguments, given, which)?])
    }

    /// Where an operation uses a variable first; none if no argument of a field has it.
    pub fn of_variable(self, operation: &'a Operation, name: &Name) -> Option<Place> {
        let mut fields = operation.all_fields(self.document);
        fields.find_map(|field| {
            let used = field.arguments.iter().find_map(|a| usage(&a.value, name))?;
            Some(self.reach_in(field, used.offset())?.place)
        })
    }

    /// Whether it is null in a list that stands for one scalar, which has whatever items it likes: apollo-compiler takes the
    /// scalar's own type, which may not be null, for theirs.
    pub fn is_null_in_scalar(self, offset: usize) -> bool {
        self.reach(offset)
            .is_some_and(|reached| !reached.ty.is_list() && null_in_list(reached.value, offset))
    }

    fn fields(self) -> impl Iterator<Item = &'a Node<Field>> {
        let operations = self.document.operations.iter();
        operations.flat_map(move |operation| operation.all_fields(self.document))
    }

    fn reach(self, offset: usize) -> Option<Reached<'a>> {
        let of_field = self.fields().find_map(|field| self.reach_in(field, offset));
        // What a variable has by default is a literal as well.
        of_field.or_else(|| {
            let mut operations = self.document.operations.iter();
            operations.find_map(|operation| {
                let mut variables = operation.variables.iter();
                let (variable, value) = variables.find_map(|variable| {
                    let value = variable.default_value.as_ref()?;
                    spans(value.location(), offset).then_some((variable, value))
                })?;
                let place = self.of_variable(operation, &variable.name)?;
                Some(self.below(place, &variable.ty, value, offset))
            })
        })
    }

    fn reach_in(self, field: &'a Node<Field>, offset: usize) -> Option<Reached<'a>> {
        let mut arguments = field.arguments.iter();
        let argument = arguments.find(|argument| spans(argument.location(), offset))?;
        let mut known = field.definition.arguments.iter();
        let known = known.find(|known| known.name == argument.name)?;
        let place = vec![argument.name.to_string()];
        match spans(argument.value.location(), offset) {
            true => Some(self.below(place, &known.ty, &argument.value, offset)),
            false => Some(Reached {
                place,
                ty: &known.ty,
                value: &argument.value,
            }),
        }
    }

    /// What of a value begins at an offset.
    fn below(
        self,
        mut place: Place,
        mut ty: &'a Type,
        mut value: &'a Node<Value>,
        offset: usize,
    ) -> Reached<'a> {
        loop {
            match &**value {
                Value::Variable(_) | Value::Null => break,
                Value::List(items) if ty.is_list() => {
                    let Some(at) = items.iter().position(|item| spans(item.location(), offset))
                    else {
                        break;
                    };
                    place.push(at.to_string());
                    (ty, value) = (ty.item_type(), &items[at]);
                }
                _ if ty.is_list() => {
                    place.push("0".to_owned());
                    ty = ty.item_type();
                }
                Value::Object(fields) => {
                    let types = &self.schema.types.types;
                    let Some(ExtendedType::InputObject(of)) = types.get(ty.inner_named_type())
                    else {
                        break;
                    };
                    let mut fields = fields.iter();
                    let found = fields.find(|(name, value)| {
                        spans(name.location(), offset) || spans(value.location(), offset)
                    });
                    let Some((name, found)) = found else { break };
                    place.push(shortened(name));
                    let Some(field) = of.fields.get(name) else {
                        break;
                    };
                    (ty, value) = (&field.ty, found);
                    if !spans(value.location(), offset) {
                        break;
                    }
                }
                _ => break,
            }
        }
        Reached { place, ty, value }
    }
}

fn spans(span: Option<SourceSpan>, offset: usize) -> bool {
    span.is_some_and(|span| (span.offset()..span.end_offset()).contains(&offset))
}

/// Whether the item of a list is null, or of a list in it, which begins at an offset.
fn null_in_list(value: &Value, offset: usize) -> bool {
    let Value::List(items) = value else {
        return false;
    };
    let mut items = items.iter();
    let found = items.find(|item| spans(item.location(), offset));
    found.is_some_and(|item| item.is_null() || null_in_list(item, offset))
}

/// Where a value has a variable.
fn usage(value: &Node<Value>, name: &Name) -> Option<SourceSpan> {
    match &**value {
        Value::Variable(used) if used == name => value.location(),
        Value::List(items) => items.iter().find_map(|item| usage(item, name)),
        Value::Object(fields) => fields.iter().find_map(|(_, value)| usage(value, name)),
        _ => None,
    }
}

/// One of those that are required and left out, or null. Each operation that a fragment is used in reports all of them.
fn missing<'k>(
    known: impl IntoIterator<Item = &'k Node<InputValueDefinition>>,
    given: impl Iterator<Item = (&'k Name, &'k Node<Value>)> + Clone,
    which: usize,
) -> Option<String> {
    let is_given = |name: &Name| {
        let mut given = given.clone();
        given.any(|(n, value)| n == name && !value.is_null())
    };
    let known = known.into_iter();
    let missing = known.filter(|known| known.is_required() && !is_given(&known.name));
    let missing: Vec<_> = missing.collect();
    let which = which.checked_rem(missing.len())?;
    Some(missing[which].name.to_string())
}
