//! The printed schema.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::Positioned;
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{InputValueDefinition, TypeKind, TypeSystemDefinition};
use backref::Graph;
use backref::read::plan::Limits;
use backref::schema::Schema;

use crate::generality;
use crate::harness::blog;

fn schema(graph: Graph) -> Schema {
    let catalog = graph.build().unwrap_or_else(|e| panic!("{e}"));
    let schema = Schema::new(&catalog, Limits::default().default_page());
    schema.unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn schema_graphql_is_what_the_server_serves() {
    let schema = schema(backref::blog::graph());
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/schema.graphql");
    let checked_in = std::fs::read_to_string(file).unwrap_or_default();
    assert!(
        schema.sdl == checked_in,
        "schema.graphql is stale; renew it with: cargo run -- schema > schema.graphql"
    );
}

/// Nothing has lists of profiles, for one: from the queries, along fields, arguments and inputs; an interface leads to what implements it.
#[test]
fn every_type_is_there_because_something_refers_to_it() {
    for graph in [backref::blog::graph(), blog::graph(), generality::graph()] {
        let schema = schema(graph);
        let types = &schema.types.types;
        let mut reached = BTreeSet::from(["Query".to_owned(), "Mutation".to_owned()]);
        let mut waiting = vec!["Query".to_owned(), "Mutation".to_owned()];
        while let Some(name) = waiting.pop() {
            let Some(of_type) = types.get(name.as_str()) else {
                continue;
            };
            let fields = of_type.as_object().map(|o| &o.fields);
            let fields = fields.or(of_type.as_interface().map(|i| &i.fields));
            let fields = fields.into_iter().flat_map(|fields| fields.values());
            let mut named: Vec<String> = Vec::new();
            for field in fields {
                named.push(field.ty.inner_named_type().to_string());
                let arguments = field.arguments.iter();
                named.extend(arguments.map(|a| a.ty.inner_named_type().to_string()));
            }
            if let Some(input) = of_type.as_input_object() {
                let fields = input.fields.values();
                named.extend(fields.map(|f| f.ty.inner_named_type().to_string()));
            }
            let objects = types.values().filter_map(|t| t.as_object());
            let of_it = objects.filter(|o| o.implements_interfaces.iter().any(|i| **i == *name));
            named.extend(of_it.map(|o| o.name.to_string()));
            waiting.extend(named.into_iter().filter(|n| reached.insert(n.clone())));
        }
        let all = types.iter().filter(|(n, _)| !n.starts_with("__"));
        let all = all.filter(|(_, t)| !t.is_built_in());
        let dead: Vec<_> = all.filter(|(n, _)| !reached.contains(n.as_str())).collect();
        assert!(dead.is_empty(), "nothing refers to {dead:#?}");
    }
}

#[test]
fn everything_in_the_schema_is_described() {
    let schema = schema(backref::blog::graph());
    let mut missing = Vec::new();
    for (name, of_type) in schema
        .types
        .types
        .iter()
        .filter(|(n, t)| !n.starts_with("__") && !t.is_built_in())
    {
        if of_type.description().is_none() {
            missing.push(name.to_string());
        }
        let fields = of_type
            .as_object()
            .map(|o| &o.fields)
            .or(of_type.as_interface().map(|i| &i.fields));
        for (field, definition) in fields.into_iter().flatten() {
            if definition.description.is_none() {
                missing.push(format!("{name}.{field}"));
            }
            let bare = definition
                .arguments
                .iter()
                .filter(|a| a.description.is_none());
            missing.extend(bare.map(|a| format!("{name}.{field}({}:)", a.name)));
        }
        let inputs = of_type.as_input_object().map(|input| &input.fields);
        for (field, definition) in inputs.into_iter().flatten() {
            if definition.description.is_none() {
                missing.push(format!("{name}.{field}"));
            }
        }
    }
    assert!(missing.is_empty(), "without a description: {missing:?}");
}

/// Every type that the reference knows is as the server has it. Only the root may have more fields.
#[test]
fn the_surface_of_the_reference_is_what_the_server_serves() {
    let mut served = members(&schema(blog::graph()).sdl);
    for (name, known) in members(include_str!("reference/surface.graphql")) {
        let served = served.remove(&name).unwrap_or_default();
        let missing: Vec<_> = known.difference(&served).collect();
        assert!(missing.is_empty(), "{name} has no {missing:#?}");
        let unknown: Vec<_> = served.difference(&known).collect();
        assert!(
            unknown.is_empty() || name == "Query",
            "the reference does not know of {name} {unknown:#?}"
        );
    }
}

/// For each type its fields with their arguments and types, or the values of an enum.
fn members(sdl: &str) -> BTreeMap<String, BTreeSet<String>> {
    let input = |input: &Positioned<InputValueDefinition>| {
        let input = &input.node;
        let default = input.default_value.as_ref();
        let default = default.map_or(String::new(), |default| format!(" = {}", default.node));
        format!("{}: {}{default}", input.name.node, input.ty.node)
    };
    let definitions = parse_schema(sdl).expect("a schema").definitions.into_iter();
    let types = definitions.filter_map(|definition| match definition {
        TypeSystemDefinition::Type(definition) => Some(definition.node),
        _ => None,
    });
    types
        .map(|definition| {
            let fields = match &definition.kind {
                TypeKind::Object(object) => &object.fields[..],
                TypeKind::Interface(interface) => &interface.fields,
                _ => &[],
            };
            let mut members: BTreeSet<String> = fields
                .iter()
                .map(|field| {
                    let field = &field.node;
                    let arguments: Vec<_> = field.arguments.iter().map(input).collect();
                    let arguments = arguments.join(", ");
                    format!("{}({arguments}): {}", field.name.node, field.ty.node)
                })
                .collect();
            match &definition.kind {
                TypeKind::InputObject(object) => members.extend(object.fields.iter().map(input)),
                TypeKind::Enum(of) => {
                    let values = of.values.iter();
                    members.extend(values.map(|value| value.node.value.node.to_string()));
                }
                _ => {}
            }
            (definition.name.node.to_string(), members)
        })
        .collect()
}
