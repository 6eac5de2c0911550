//! Which types a schema needs: those that something refers to, beginning at its roots.

use std::collections::{HashMap, HashSet};

use apollo_compiler::Name;
use apollo_compiler::ast::{Definition, Document};

/// Leaves out the types that no way leads to from a root operation. What implements an interface is reached by it.
pub(super) fn only(document: &mut Document) {
    let mut leads_to: HashMap<Name, Vec<Name>> = HashMap::new();
    for definition in &document.definitions {
        let Some(name) = definition.name() else {
            continue;
        };
        for interface in interfaces(definition) {
            leads_to
                .entry(interface.clone())
                .or_default()
                .push(name.clone());
        }
        leads_to
            .entry(name.clone())
            .or_default()
            .extend(named(definition));
    }
    let mut reached: HashSet<Name> = HashSet::new();
    let mut waiting = Vec::from(["Query", "Mutation", "Subscription"].map(Name::new_unchecked));
    while let Some(name) = waiting.pop() {
        if !reached.contains(&name) {
            waiting.extend(leads_to.remove(&name).unwrap_or_default());
            reached.insert(name);
        }
    }
    let kept = |d: &Definition| d.name().is_none_or(|name| reached.contains(name));
    document.definitions.retain(kept);
}

fn interfaces(definition: &Definition) -> &[Name] {
    match definition {
        Definition::ObjectTypeDefinition(object) => &object.implements_interfaces,
        Definition::InterfaceTypeDefinition(interface) => &interface.implements_interfaces,
        _ => &[],
    }
}

/// The types that a definition names.
fn named(definition: &Definition) -> Vec<Name> {
    let fields = match definition {
        Definition::ObjectTypeDefinition(object) => &object.fields[..],
        Definition::InterfaceTypeDefinition(interface) => &interface.fields,
        _ => &[],
    };
    let inputs = match definition {
        Definition::InputObjectTypeDefinition(input) => &input.fields[..],
        _ => &[],
    };
    let arguments = fields.iter().flat_map(|field| &field.arguments);
    let inputs = inputs.iter().chain(arguments);
    let types = fields.iter().map(|field| &field.ty);
    let types = types.chain(inputs.map(|input| &*input.ty));
    let types = types.map(|ty| ty.inner_named_type());
    types.chain(interfaces(definition)).cloned().collect()
}
