//! The printed schema.

use backref::blog;
use backref::schema::Schema;

#[test]
fn schema_graphql_is_what_the_server_serves() {
    let catalog = blog::graph().build().unwrap_or_else(|e| panic!("{e}"));
    let schema = Schema::new(&catalog).unwrap_or_else(|e| panic!("{e}"));
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/schema.graphql");
    let checked_in = std::fs::read_to_string(file).unwrap_or_default();
    assert!(
        schema.sdl == checked_in,
        "schema.graphql is stale; renew it with: cargo run -- schema > schema.graphql"
    );
}

#[test]
fn everything_in_the_schema_is_described() {
    let catalog = blog::graph().build().unwrap_or_else(|e| panic!("{e}"));
    let schema = Schema::new(&catalog).unwrap_or_else(|e| panic!("{e}"));
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
    }
    assert!(missing.is_empty(), "without a description: {missing:?}");
}
