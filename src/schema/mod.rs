//! From the catalog to GraphQL types.
//!
//! async-graphql is the type system: it checks the types and prints the SDL that is `schema.graphql`.
//! The same SDL, read back by apollo-compiler, is what documents are validated against and what
//! introspection answers from, so the file, the validator and the server cannot disagree.
//!
//! Types that nothing refers to are declared as all others are, and left out at the end.
//!
//! **Invariant:** no field declared here has a resolver that runs; `plan` reads the document and `load`
//! answers it.

mod accounts;
mod aggregates;
mod connections;
pub mod examples;
mod inputs;
mod own;
mod referred;
pub mod writing;

pub use inputs::DIRECTIONS;

use std::collections::BTreeMap;

use apollo_compiler::ast::Document;
use apollo_compiler::collections::HashMap;
use apollo_compiler::schema::Implementers;
use apollo_compiler::validation::Valid;
use apollo_compiler::{Name, Schema as Types};
use async_graphql::dynamic::{
    self, Enum, EnumItem, FieldFuture, FieldValue, InputValue, Interface, InterfaceField, Object,
    ResolverContext, Scalar, TypeRef,
};

use crate::graph::{
    Cardinality, Catalog, Column, ColumnIx, Entity, EnumType, FieldSource, Kind, Link, Relation,
};

/// The served schema, in the forms that its readers need.
#[derive(Debug)]
pub struct Schema {
    /// What `backref schema` prints.
    pub sdl: String,
    pub types: Valid<Types>,
    pub implementers: HashMap<Name, Implementers>,
}

/// Why a catalog makes no valid schema; a mistake of the graph's definition that only GraphQL's own rules find.
#[derive(Debug, thiserror::Error)]
#[error("the graph makes no valid GraphQL schema: {0}")]
pub struct SchemaError(String);

impl Schema {
    /// `default_page` is how many rows a list gives at most where a client says nothing.
    pub fn new(catalog: &Catalog, default_page: u32) -> Result<Self, SchemaError> {
        let declared = declare(catalog, default_page)
            .finish()
            .map_err(|e| SchemaError(e.to_string()))?;
        let mut document = Document::parse(declared.sdl(), "schema.graphql")
            .map_err(|e| SchemaError(e.errors.to_string()))?;
        // async-graphql prints the directives that every schema has; they need no definition.
        document
            .definitions
            .retain(|d| d.as_directive_definition().is_none());
        referred::only(&mut document);
        let types = document
            .to_schema_validate()
            .map_err(|e| SchemaError(e.errors.to_string()))?;
        Ok(Schema {
            sdl: types.to_string(),
            implementers: types.implementers_map(),
            types,
        })
    }
}

fn declare(catalog: &Catalog, limit: u32) -> dynamic::SchemaBuilder {
    let mutates = !writing::fields(catalog).is_empty();
    let mutation = mutates.then_some("Mutation");
    let mut schema = dynamic::Schema::build("Query", mutation, None)
        .register(node())
        .register(query(catalog, limit));
    for (_, entity) in catalog.exposed() {
        schema = schema.register(object(catalog, entity, limit));
    }
    schema = accounts::register(schema, catalog);
    schema = writing::register(schema, catalog);
    schema = inputs::register(schema, catalog);
    schema = connections::register(schema, catalog);
    schema = aggregates::register(schema, catalog);
    schema = own::register(schema, catalog);
    for of in enums(catalog).into_values() {
        schema = schema.register(enumeration(of));
    }
    for name in SCALARS {
        schema = schema.register(scalar(name));
    }
    schema
}

const SCALARS: [(&str, &str, Option<&str>); 8] = [
    (
        "DateTime",
        "A point in time by RFC 3339, in UTC: `2025-03-01T12:00:00Z`. Other years than 0000 to 9999 have a sign and six digits: `-000043` is 44 BC.",
        Some("https://scalars.graphql.org/andimarek/date-time.html"),
    ),
    (
        "Date",
        "A calendar date by ISO 8601: `2025-03-01`; other years than 0000 to 9999 as in `DateTime`.",
        Some("https://scalars.graphql.org/andimarek/local-date"),
    ),
    (
        "Time",
        "A time of day by ISO 8601: `12:00:00`; with a zone where the column has one: `12:00:00+02:00`.",
        None,
    ),
    (
        "Decimal",
        "An exact decimal number, as a string: `\"12.50\"`; a number is taken, too, with all its digits. PostgreSQL also has `NaN`, `Infinity` and `-Infinity`.",
        None,
    ),
    (
        "BigInt",
        "A whole number of up to 64 bits, as a string: JavaScript's numbers end at 53.",
        None,
    ),
    (
        "JSON",
        "Any JSON value.",
        Some("https://www.rfc-editor.org/rfc/rfc8259"),
    ),
    (
        "UUID",
        "A universally unique identifier: `67e55044-10b1-426f-9247-bb680e5fe0c8`.",
        Some("https://www.rfc-editor.org/rfc/rfc9562"),
    ),
    (
        "Bytes",
        "Binary data as base64 with padding.",
        Some("https://www.rfc-editor.org/rfc/rfc4648"),
    ),
];

fn scalar((name, description, url): (&str, &str, Option<&str>)) -> Scalar {
    let scalar = Scalar::new(name).description(description);
    match url {
        Some(url) => scalar.specified_by_url(url),
        None => scalar,
    }
}

/// Every column that is a field, of a type or of edges.
fn shown_columns(catalog: &Catalog) -> impl Iterator<Item = &Column> {
    let entities = catalog.exposed().flat_map(|(_, e)| e.field_columns());
    let relations = catalog.relations.iter();
    let edges = relations.flat_map(|r| catalog.edge_columns(r));
    entities.chain(edges).map(|(_, column)| column)
}

fn enums(catalog: &Catalog) -> BTreeMap<&str, &EnumType> {
    shown_columns(catalog)
        .filter_map(|c| match c.kind.single() {
            Kind::Enum(of) => Some((of.type_name.as_str(), &**of)),
            _ => None,
        })
        .collect()
}

fn enumeration(of: &EnumType) -> Enum {
    let described = Enum::new(&of.type_name)
        .description(format!("The values of the database's `{}`.", of.name));
    of.names
        .iter()
        .zip(&of.values)
        .fold(described, |e, (name, value)| {
            e.item(EnumItem::new(name).description(format!("`{value}` in the database.")))
        })
}

fn node() -> Interface {
    Interface::new("Node")
        .description("An object with a global id, by which `node` finds it again.")
        .field(
            InterfaceField::new("id", TypeRef::named_nn(TypeRef::ID))
                .description("The global id: the type's name and the primary key, `Post:42`."),
        )
}

fn query(catalog: &Catalog, limit: u32) -> Object {
    let ids = "Global ids, as the `id` fields give them.";
    let query = Object::new("Query")
        .description("Everything that can be read.")
        .field(
            field("node", TypeRef::named("Node"))
                .description("The object with this global id; null if there is none that you may see.")
                .argument(
                    InputValue::new("id", TypeRef::named_nn(TypeRef::ID))
                        .description("A global id, as the `id` fields give it."),
                ),
        )
        .field(
            field("nodes", TypeRef::named_list_nn("Node"))
                .description("The objects with these global ids, in the order asked; null where there is none that you may see.")
                .argument(InputValue::new("ids", TypeRef::named_nn_list_nn(TypeRef::ID)).description(ids)),
        );
    let query = match &catalog.accounts {
        Some(accounts) => query.field(accounts::viewer(&catalog.entities[accounts.entity])),
        None => query,
    };
    let queries = catalog.owns.queries.values();
    let own = queries.map(|&own| own::field(catalog, &catalog.owns.fields[own]));
    let query = own.fold(query, Object::field);
    catalog.exposed().fold(query, |query, (_, entity)| {
        query
            .field(one_field(entity))
            .field(page_field(entity, limit))
            .field(connections::root_field(entity, limit))
            .field(aggregates::root_field(entity))
    })
}

/// The columns that find one row on their own, besides the primary key.
pub fn lookup_columns(entity: &Entity) -> impl Iterator<Item = (ColumnIx, &Column)> {
    entity.field_columns().filter(|(c, column)| {
        column.unique && entity.primary_key != [*c] && column.kind.element().is_none()
    })
}

fn one_field(entity: &Entity) -> dynamic::Field {
    let description = match lookup_columns(entity).next() {
        None => format!(
            "The {} with this id; null if there is none that you may see.",
            entity.one()
        ),
        Some(_) => format!(
            "The {} found by exactly one of the arguments; null if there is none that you may see.",
            entity.one()
        ),
    };
    let found = field(&entity.single, TypeRef::named(&entity.type_name))
        .description(description)
        .argument(
            InputValue::new("id", TypeRef::named(TypeRef::ID)).description(format!(
                "The global id, `{}:…`, or the bare key.",
                entity.type_name
            )),
        );
    lookup_columns(entity).fold(found, |found, (_, column)| {
        found.argument(
            InputValue::new(&column.field, TypeRef::named(named_type(column)))
                .description(format!("The unique `{}`.", column.field)),
        )
    })
}

fn page_field(entity: &Entity, limit: u32) -> dynamic::Field {
    paged(
        field(&entity.plural, TypeRef::named_nn_list_nn(&entity.type_name)).description(format!(
            "A page of {}, {}.",
            entity.many(),
            order(entity)
        )),
        entity,
        limit,
    )
}

fn order(entity: &Entity) -> &'static str {
    if entity.newest_first() {
        "newest first"
    } else {
        "in the order of their keys"
    }
}

/// A list of `entity`'s rows, with the arguments of every list.
fn paged(field: dynamic::Field, entity: &Entity, limit: u32) -> dynamic::Field {
    inputs::choosing(entity)
        .into_iter()
        .chain([inputs::order_argument(entity, true)])
        .fold(field, dynamic::Field::argument)
        .argument(
            InputValue::new("limit", TypeRef::named(TypeRef::INT))
                .description("How many at most.")
                .default_value(limit),
        )
        .argument(
            InputValue::new("offset", TypeRef::named(TypeRef::INT))
                .description("How many to skip first.")
                .default_value(0),
        )
}

fn object(catalog: &Catalog, entity: &Entity, limit: u32) -> Object {
    let object = Object::new(&entity.type_name)
        .description(described(
            &entity.description,
            format!("A row of the table `{}`.", entity.table),
        ))
        .implement("Node");
    entity.fields.iter().fold(object, |object, f| {
        object.field(match f.source {
            FieldSource::Id => field("id", TypeRef::named_nn(TypeRef::ID))
                .description(format!("The global id, `{}:…`.", entity.type_name)),
            FieldSource::Column(c) => column_field(catalog, entity, &entity.columns[c]),
            FieldSource::Relation(r) => relation_field(catalog, &catalog.relations[r], limit),
            FieldSource::Connection(r) => connections::field(catalog, &f.name, r, limit),
            FieldSource::Aggregate(r) => aggregates::field(catalog, &f.name, r),
            FieldSource::Own(own) => own::field(catalog, &catalog.owns.fields[own]),
        })
    })
}

fn column_field(catalog: &Catalog, entity: &Entity, column: &Column) -> dynamic::Field {
    let nullable = column.can_be_null();
    let named = named_type(column);
    let description = match column.refers_to {
        Some(to) => format!(
            "The id of the {} that `{}` refers to.",
            catalog.entities[to].one(),
            column.name
        ),
        None => format!("The column `{}` of `{}`.", column.name, entity.table),
    };
    let description = match column.has_rule {
        true => format!("{description} Null to those who may not see it."),
        false => description,
    };
    let description = described(&column.description, description);
    field(
        &column.field,
        match (column.kind.element(), nullable) {
            (None, true) => TypeRef::named(named),
            (None, false) => TypeRef::named_nn(named),
            (Some(_), true) => TypeRef::named_list(named),
            (Some(_), false) => TypeRef::named_list_nn(named),
        },
    )
    .description(description)
}

/// The name of the GraphQL type of a column's values, or of their elements where they are lists.
fn named_type(column: &Column) -> &str {
    if column.refers_to.is_some() {
        return TypeRef::ID;
    }
    type_name(&column.kind)
}

/// The name of the GraphQL type of a kind's values.
pub fn type_name(kind: &Kind) -> &str {
    match kind {
        Kind::Int => TypeRef::INT,
        Kind::BigInt => "BigInt",
        Kind::Float { .. } => TypeRef::FLOAT,
        Kind::Decimal { .. } => "Decimal",
        Kind::Boolean => TypeRef::BOOLEAN,
        Kind::Text | Kind::Other => TypeRef::STRING,
        Kind::Enum(of) => &of.type_name,
        Kind::DateTime { .. } => "DateTime",
        Kind::Date => "Date",
        Kind::Time => "Time",
        Kind::Json => "JSON",
        Kind::Uuid => "UUID",
        Kind::Bytes => "Bytes",
        Kind::Array(of) => type_name(of),
    }
}

fn relation_field(catalog: &Catalog, relation: &Relation, limit: u32) -> dynamic::Field {
    let source = &catalog.entities[relation.from];
    let target = &catalog.entities[relation.to];
    let keys = |columns: &[ColumnIx], of: &Entity| {
        let names: Vec<_> = columns
            .iter()
            .map(|&c| format!("`{}`", of.columns[c].name))
            .collect();
        names.join(", ")
    };
    let (key_owner, key_columns) = match &relation.link {
        Link::Direct { .. } if relation.holds_key => (source, &relation.from_columns),
        Link::Direct { columns } => (target, columns),
        Link::Through { junction, far, .. } => (&catalog.entities[*junction], far),
    };
    let by = format!("{} of `{}`", keys(key_columns, key_owner), key_owner.table);
    match relation.cardinality {
        Cardinality::One { nullable } => {
            let named = &target.type_name;
            let of_type = if nullable {
                TypeRef::named(named)
            } else {
                TypeRef::named_nn(named)
            };
            field(&relation.name, of_type).description(described(
                &relation.description,
                format!("The {} related by {by}.", target.one()),
            ))
        }
        Cardinality::Many => paged(
            field(&relation.name, TypeRef::named_nn_list_nn(&target.type_name)).description(
                described(
                    &relation.description,
                    format!(
                        "A page of the {} related by {by}, {}.",
                        target.many(),
                        match relation.link {
                            Link::Direct { .. } => order(target),
                            Link::Through { .. } if target.newest_first() =>
                                "the highest keys first",
                            Link::Through { .. } => "in the order of their keys",
                        }
                    ),
                ),
            ),
            target,
            limit,
        ),
    }
}

/// What somebody wrote, and below it what the catalog knows.
fn described(written: &Option<String>, known: String) -> String {
    match written {
        Some(text) => format!("{text}\n\n{known}"),
        None => known,
    }
}

/// A field without a resolver of its own; see the module's invariant.
fn field(name: &str, of_type: TypeRef) -> dynamic::Field {
    dynamic::Field::new(name, of_type, not_by_resolver)
}

fn not_by_resolver(_: ResolverContext) -> FieldFuture {
    FieldFuture::new(async {
        Err::<Option<FieldValue>, _>(async_graphql::Error::new(
            "this schema is executed by Backref's own plan",
        ))
    })
}
