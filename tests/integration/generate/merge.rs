//! The rule Field Selection Merging of the specification (section 5.3.2), as a search for a pair that
//! breaks it.

use super::{
    document::{Document, Field, Selection},
    repair::{each_typed_field, field_type},
};
use crate::reference::{SURFACE, named_type};
use std::collections::HashSet;

/// Two fields that must not have one response name.
pub fn find_conflict(document: &Document) -> Option<(usize, usize)> {
    let mut merging = Merging {
        document,
        compared: HashSet::new(),
    };
    let mut sets = Vec::new();
    for operation in &document.operations {
        sets.push(("Query", &operation.selections[..]));
    }
    each_typed_field(document, &mut |parent, field| {
        if let Some(ty) = field_type(parent, field) {
            sets.push((named_type(ty), &field.selections));
        }
    });
    sets.into_iter().find_map(|(parent, selections)| {
        let mut fields = Vec::new();
        merging.flatten(parent, selections, &mut HashSet::new(), &mut fields);
        merging.conflict(&fields, &fields, false)
    })
}

type Fields<'a> = Vec<(&'a str, &'a Field)>;

struct Merging<'a> {
    document: &'a Document,
    compared: HashSet<(usize, usize, bool)>,
}

impl<'a> Merging<'a> {
    /// The fields of a selection set and of the fragments in it, with the types they are on.
    fn flatten(
        &self,
        parent: &'a str,
        selections: &'a [Selection],
        visited: &mut HashSet<&'a str>,
        fields: &mut Fields<'a>,
    ) {
        for selection in selections {
            match selection {
                Selection::Field(field) => fields.push((parent, field)),
                Selection::Inline(inline) => {
                    let on = inline.on.as_deref().unwrap_or(parent);
                    self.flatten(on, &inline.selections, visited, fields);
                }
                Selection::Spread(spread) => {
                    if let Some(fragment) = self.document.fragment(&spread.name)
                        && visited.insert(&fragment.name)
                    {
                        self.flatten(&fragment.on, &fragment.selections, visited, fields);
                    }
                }
            }
        }
    }

    /// FieldsInSetCanMerge, for the pairs of a field of one list and a field of the other. Fields
    /// that no object can have both, because their parents differ, must have the same shape only.
    fn conflict(
        &mut self,
        some: &Fields<'a>,
        others: &Fields<'a>,
        exclusive: bool,
    ) -> Option<(usize, usize)> {
        for (one_parent, one) in some {
            for (other_parent, other) in others {
                if one.response_name() != other.response_name() {
                    continue;
                }
                let objects = SURFACE.is_object(one_parent) && SURFACE.is_object(other_parent);
                let exclusive = exclusive || (objects && one_parent != other_parent);
                if one.id >= other.id && std::ptr::eq(some, others)
                    || !self.compared.insert((one.id, other.id, exclusive))
                {
                    continue;
                }
                let differ =
                    one.name != other.name || sorted_arguments(one) != sorted_arguments(other);
                if differ && !exclusive || shape(one_parent, one) != shape(other_parent, other) {
                    return Some((one.id, other.id));
                }
                let subfields = |merging: &Self, parent, field: &'a Field| {
                    let mut fields = Fields::new();
                    if let Some(ty) = field_type(parent, field) {
                        let visited = &mut HashSet::new();
                        merging.flatten(named_type(ty), &field.selections, visited, &mut fields);
                    }
                    fields
                };
                let some = subfields(self, one_parent, one);
                let others = subfields(self, other_parent, other);
                if let Some(conflict) = self.conflict(&some, &others, exclusive) {
                    return Some(conflict);
                }
            }
        }
        None
    }
}

/// What a field asks for: fields that agree in it may have one response name.
pub fn meaning(parent: &str, field: &Field) -> (String, String, String) {
    let arguments = sorted_arguments(field).join(",");
    (field.name.clone(), arguments, shape(parent, field))
}

/// The arguments as texts that are equal where the arguments are: neither they nor the entries of an
/// object have an order.
fn sorted_arguments(field: &Field) -> Vec<String> {
    let arguments = field.arguments.iter().cloned();
    let mut arguments: Vec<_> = arguments
        .map(|mut argument| {
            argument.value.sort_entries();
            format!("{}:{}", argument.name, argument.value)
        })
        .collect();
    arguments.sort();
    arguments
}

/// The field's type, its name left out where it is a composite one (SameResponseShape).
fn shape(parent: &str, field: &Field) -> String {
    let Some(ty) = field_type(parent, field) else {
        return "String!".to_owned();
    };
    let name = named_type(ty);
    match SURFACE.is_composite(name) {
        true => ty.to_string().replace(name, "{}"),
        false => ty.to_string(),
    }
}
