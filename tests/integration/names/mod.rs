//! Names: whatever tables, columns, enums and relations are called, the API has names for them that GraphQL takes.

mod drawn;
mod schemas;

use std::collections::BTreeSet;

use backref::graph::{Catalog, Entity, FieldSource, Kind};
use backref::read::plan::Limits;
use backref::schema::Schema;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::json;

use drawn::{Drawn, part, thing};

use crate::harness::{Backend, TestApp, TestDatabase, config};
use crate::validity_peer::GraphqlJs;

/// Words that mean something to GraphQL, to SQL or to Backref, and texts of other scripts and of none.
static KNOWN: &[&str] = &[
    "and",
    "or",
    "not",
    "And",
    "NOT",
    "имя",
    "Имя",
    "__typename",
    "__x",
    "_",
    "__",
    "true",
    "false",
    "null",
    "True",
    "男",
    "女",
    "+",
    "-",
    "активен",
    "3d",
    "2nd name",
    "node",
    "nodes",
    "query",
    "Mutation",
    "date",
    "string",
    "id",
    "ид",
    "cursor",
    "key",
    "count",
    "group",
    "select",
    "where",
    "page_info",
    "order_direction",
    "string_filter",
    "größe",
    "e\u{301}",
    "é",
    "😀",
    "C",
    "C++",
    "a\"b",
    "it's",
    "a?1 $2 {3}",
];

fn name() -> impl Strategy<Value = String> {
    let known = proptest::sample::select(KNOWN).prop_map(str::to_owned);
    let any = proptest::collection::vec(any::<char>(), 1..6);
    let any = any.prop_map(|letters| letters.into_iter().collect::<String>());
    prop_oneof![known, any].prop_filter("databases have no such names", |name| {
        // PostgreSQL's names end at 63 bytes, and SQLite keeps some for itself.
        !name.contains('\0') && name.len() < 60 && !name.to_lowercase().starts_with("sqlite_")
    })
}

fn distinct(names: &[&String]) -> bool {
    let folded: BTreeSet<String> = names.iter().map(|n| n.to_ascii_lowercase()).collect();
    folded.len() == names.len()
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let tables = (name(), name(), name(), name());
    let columns = [name(), name(), name(), name()];
    let values = proptest::collection::btree_set(name(), 1..6);
    let all = (tables, columns, name(), values);
    let drawn = all.prop_map(|(tables, columns, key, values)| {
        let (things, parts, kinds, relation) = tables;
        let [a, b, c, kind] = columns;
        Drawn {
            things,
            parts,
            columns: [a, b, c],
            kind,
            kinds,
            values: values.into_iter().collect(),
            key,
            relation,
        }
    });
    drawn.prop_filter("databases tell these apart", |d| {
        let [a, b, c] = &d.columns;
        let id = "id".to_owned();
        distinct(&[&d.things, &d.parts])
            && distinct(&[a, b, c, &d.kind, &id])
            && distinct(&[&d.key, &id])
    })
}

/// The catalog, unless two names that GraphQL takes as they are come out alike: then who is to give way is asked.
fn catalog(drawn: &Drawn) -> Option<Catalog> {
    match drawn.graph().build() {
        Ok(catalog) => Some(catalog),
        Err(error) => {
            for mistake in &error.mistakes {
                let remedies = [".rename_column(", ".rename(", ".type_name(", ".backref("];
                assert!(remedies.iter().any(|r| mistake.contains(r)), "{mistake}");
                assert!(mistake.contains("drawn::"), "{mistake}");
            }
            None
        }
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Makes the tables, with a thing for each value and one for none, and two parts of the first.
async fn make(database: &TestDatabase, drawn: &Drawn) {
    let backend = database.connection.get_database_backend();
    let [a, b, c] = [0, 1, 2].map(|i| quoted(&drawn.columns[i]));
    let (things, parts, kind) = (
        quoted(&drawn.things),
        quoted(&drawn.parts),
        quoted(&drawn.kind),
    );
    let mut statements = Vec::new();
    let kinds = match backend {
        DbBackend::Postgres => {
            statements.push("CREATE SCHEMA elsewhere".to_owned());
            let of_type = format!("elsewhere.{}", quoted(&drawn.kinds));
            let values: Vec<_> = drawn.values.iter().map(|v| literal(v)).collect();
            statements.push(format!(
                "CREATE TYPE {of_type} AS ENUM ({})",
                values.join(", ")
            ));
            of_type
        }
        _ => "text".to_owned(),
    };
    statements.push(format!(
        "CREATE TABLE {things} (id bigint PRIMARY KEY, {a} text NOT NULL, {b} text NOT NULL, {c} text NOT NULL, {kind} {kinds})"
    ));
    let key = quoted(&drawn.key);
    statements.push(format!(
        "CREATE TABLE {parts} (id bigint PRIMARY KEY, {key} bigint NOT NULL)"
    ));
    for (i, value) in drawn.values.iter().enumerate() {
        let n = i + 1;
        let value = literal(value);
        statements.push(format!(
            "INSERT INTO {things} VALUES ({n}, 'a{n}', 'b{n}', 'c{n}', {value})"
        ));
    }
    statements.push(format!(
        "INSERT INTO {things} VALUES (99, 'a99', 'b99', 'c99', NULL)"
    ));
    statements.push(format!("INSERT INTO {parts} VALUES (1, 1), (2, 1)"));
    for statement in statements {
        let done = database.connection.execute_unprepared(&statement).await;
        done.unwrap_or_else(|e| panic!("{statement}: {e}"));
    }
}

/// Leaves nothing of a case before.
async fn clear(database: &TestDatabase) {
    let db = &database.connection;
    let mut statements = Vec::new();
    match db.get_database_backend() {
        DbBackend::Postgres => {
            statements.push("DROP SCHEMA IF EXISTS elsewhere CASCADE".to_owned());
            statements.push("DROP SCHEMA public CASCADE".to_owned());
            statements.push("CREATE SCHEMA public".to_owned());
        }
        backend => {
            let tables = "SELECT name FROM sqlite_schema WHERE type = 'table'";
            let tables = Statement::from_string(backend, tables);
            for row in db.query_all_raw(tables).await.expect("the tables") {
                let table: String = row.try_get_by_index(0).expect("a name");
                statements.push(format!("DROP TABLE {}", quoted(&table)));
            }
        }
    }
    for statement in statements {
        let done = db.execute_unprepared(&statement).await;
        done.unwrap_or_else(|e| panic!("{statement}: {e}"));
    }
}

/// What things and parts are called in the API.
struct Called<'c> {
    things: &'c Entity,
    parts: &'c Entity,
    columns: [&'c str; 3],
    kind: &'c str,
    /// The values of the enum, in the order of the database's.
    values: &'c [String],
    grouping: &'c str,
    whole: &'c str,
    parts_of: &'c str,
}

impl<'c> Called<'c> {
    fn of(catalog: &'c Catalog) -> Self {
        let [things, parts] = &catalog.entities[..] else {
            panic!("two entities");
        };
        let kind = &things.columns[4];
        let Kind::Enum(of) = &kind.kind else {
            panic!("an enum");
        };
        let relation = |of: &'c Entity| {
            let is_relation = |source| matches!(source, FieldSource::Relation(_));
            let found = of.fields.iter().find(|f| is_relation(f.source));
            found.map(|f| f.name.as_str()).expect("a relation")
        };
        Called {
            things,
            parts,
            columns: [1, 2, 3].map(|i| things.columns[i].field.as_str()),
            kind: &kind.field,
            values: &of.names,
            grouping: &things
                .groupings
                .iter()
                .find(|(_, c)| *c == 4)
                .expect("it groups")
                .0,
            whole: relation(parts),
            parts_of: relation(things),
        }
    }

    /// A document that names everything.
    fn query(&self) -> String {
        let ([a, b, c], kind) = (self.columns, self.kind);
        let (things, parts) = (self.things, self.parts);
        let (one, many, of_parts) = (&things.single, &things.plural, &parts.plural);
        let (whole, parts_of, grouping) = (self.whole, self.parts_of, self.grouping);
        let (order, values) = (kind, self.values.join(", "));
        format!(
            "{{
  one: {one}(id: \"1\") {{ __typename id {a} {b} {c} {kind} {parts_of} {{ id }} }}
  many: {many}(where: {{ and: [{{ {a}: {{ ne: \"a99\" }} }}, {{ {kind}: {{ in: [{values}] }} }}], not: {{ {b}: {{ eq: \"x\" }} }} }}, orderBy: [{{ {c}: DESC }}, {{ {order}: ASC }}]) {{ {c} }}
  whole: {many}(where: {{ {parts_of}: {{ some: {{ {whole}: {{ {a}: {{ eq: \"a1\" }} }} }} }} }}) {{ {parts_of}Connection {{ edges {{ node {{ id }} }} }} {parts_of}Aggregate {{ count }} }}
  parts: {of_parts}(orderBy: {{ {whole}: {{ {a}: ASC }} }}) {{ {whole} {{ {kind} }} }}
  groups: {many}Aggregate {{ groups(by: [{grouping}]) {{ key {{ {kind} }} count }} max {{ {a} }} }}
  paged: {many}Connection(first: 1, orderBy: {{ {kind}: DESC_NULLS_LAST }}) {{ totalCount nodes {{ id }} pageInfo {{ endCursor }} }}
}}"
        )
    }
}

async fn check(database: &TestDatabase, drawn: &Drawn) {
    let Some(catalog) = catalog(drawn) else {
        return;
    };
    let called = Called::of(&catalog);
    clear(database).await;
    make(database, drawn).await;
    let app = TestApp::new(database, drawn.graph(), Limits::default());
    let query = called.query();
    let data = app.query(&query).await.data();
    let n = drawn.values.len();
    let ([a, b, c], kind) = (called.columns, called.kind);
    let of_type = &called.things.type_name;
    let first = &data["one"];
    assert_eq!(first["__typename"], json!(of_type), "{query}");
    assert_eq!(first["id"], json!(format!("{of_type}:1")));
    let shown = [a, b, c, kind].map(|field| first[field].clone());
    let value = json!(called.values[0]);
    assert_eq!(
        shown,
        [json!("a1"), json!("b1"), json!("c1"), value.clone()],
        "{query}"
    );
    let parts = &called.parts.type_name;
    let ids = json!([{ "id": format!("{parts}:1") }, { "id": format!("{parts}:2") }]);
    assert_eq!(first[called.parts_of], ids, "{query}");
    assert_eq!(data["many"].as_array().map(Vec::len), Some(n), "{query}");
    assert_eq!(data["parts"][1][called.whole][kind], value, "{query}");
    let groups: BTreeSet<String> = data["groups"]["groups"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|group| group["key"][kind].as_str().map(str::to_owned))
        .collect();
    assert_eq!(groups, called.values.iter().cloned().collect(), "{query}");
    assert_eq!(data["paged"]["totalCount"], json!(n + 1));
    let end = &data["paged"]["pageInfo"]["endCursor"];
    let many = &called.things.plural;
    let next = format!(
        "{{ {many}Connection(first: 50, after: {end}, orderBy: {{ {kind}: DESC_NULLS_LAST }}) {{ nodes {{ id }} }} }}"
    );
    let next = app.query(&next).await.data();
    let nodes = next[format!("{many}Connection")]["nodes"].as_array();
    assert_eq!(nodes.map(Vec::len), Some(n), "{query}");
    // Each value finds its own row, as a literal and as a variable.
    let enum_type = match &called.things.columns[4].kind {
        Kind::Enum(of) => of.type_name.clone(),
        _ => String::new(),
    };
    for (i, value) in called.values.iter().enumerate() {
        let query = format!(
            "query ($value: {enum_type}) {{ a: {many}(where: {{ {kind}: {{ eq: {value} }} }}) {{ {a} }} b: {many}(where: {{ {kind}: {{ eq: $value }} }}) {{ {a} }} }}"
        );
        let data = app
            .request(&query, None, &json!({ "value": value }))
            .await
            .data();
        let found = json!([{ a: format!("a{}", i + 1) }]);
        assert_eq!([&data["a"], &data["b"]], [&found, &found], "{query}");
    }
}

/// Names from all of Unicode, on each database: the schema builds, and answers a query that names everything.
#[test]
fn whatever_is_called_however_can_be_asked() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    for backend in Backend::all() {
        let database = runtime.block_on(TestDatabase::empty(backend));
        let outcome = TestRunner::new(config("names", 40)).run(&drawn(), |drawn| {
            runtime.block_on(check(&database, &drawn));
            Ok(())
        });
        outcome.unwrap_or_else(|e| panic!("{backend:?}: {e}"));
    }
}

/// The same names each time, none twice in one place, and hardly ever a graph that has to be told.
#[test]
fn names_are_found_without_asking() {
    let (mut found, mut asked) = (0, 0);
    let mut runner = TestRunner::new(config("found_names", 1));
    for _ in 0..120 {
        let drawn = drawn().new_tree(&mut runner).expect("names").current();
        let Some(catalog) = catalog(&drawn) else {
            asked += 1;
            continue;
        };
        found += 1;
        let again = drawn.graph().build().unwrap_or_else(|e| panic!("{e}"));
        for (one, two) in catalog.entities.iter().zip(&again.entities) {
            let fields = |e: &Entity| e.fields.iter().map(|f| f.name.clone()).collect::<Vec<_>>();
            assert_eq!(fields(one), fields(two));
            let distinct: BTreeSet<String> = fields(one).into_iter().collect();
            assert_eq!(distinct.len(), one.fields.len(), "{drawn:?}");
        }
        let Kind::Enum(of) = &catalog.entities[0].columns[4].kind else {
            panic!("an enum");
        };
        let names: BTreeSet<_> = of.names.iter().collect();
        assert_eq!(names.len(), of.values.len(), "{drawn:?}");
        Schema::new(&catalog, 50).unwrap_or_else(|e| panic!("{drawn:?}: {e}"));
    }
    assert!(
        asked * 10 < found,
        "{asked} of {} had to be told",
        asked + found
    );
}

/// graphql-js takes the schema, and the document that names everything.
#[test]
fn graphql_js_takes_every_name() {
    let mut runner = TestRunner::new(config("taken_names", 1));
    for _ in 0..12 {
        let drawn = drawn().new_tree(&mut runner).expect("names").current();
        let Some(catalog) = catalog(&drawn) else {
            continue;
        };
        let schema = Schema::new(&catalog, 50).unwrap_or_else(|e| panic!("{drawn:?}: {e}"));
        let Some(mut judge) = GraphqlJs::of(&schema.sdl) else {
            return;
        };
        let query = Called::of(&catalog).query();
        let verdict = judge.verdict(&query);
        assert!(verdict.valid, "{:?}\n{query}", verdict.errors);
    }
}

fn plain() -> Drawn {
    Drawn {
        things: "thing".to_owned(),
        parts: "part".to_owned(),
        columns: ["first", "second", "third"].map(str::to_owned),
        kind: "kind".to_owned(),
        kinds: "kinds".to_owned(),
        values: vec!["男".to_owned(), "女".to_owned()],
        key: "thing_id".to_owned(),
        relation: "Thing".to_owned(),
    }
}

/// By what is called how, the fields of things, the values of their enum, and the fields of parts.
fn named(drawn: &Drawn) -> String {
    let catalog = drawn.graph().build().unwrap_or_else(|e| panic!("{e}"));
    let [things, parts] = &catalog.entities[..] else {
        panic!("two entities");
    };
    let fields = |e: &Entity| {
        let own = e
            .fields
            .iter()
            .filter(|f| matches!(f.source, FieldSource::Column(_) | FieldSource::Relation(_)));
        let own: Vec<_> = own.map(|f| f.name.as_str()).collect();
        format!(
            "{} {} {}: {}",
            e.type_name,
            e.single,
            e.plural,
            own.join(" ")
        )
    };
    let Kind::Enum(of) = &things.columns[4].kind else {
        panic!("an enum");
    };
    format!(
        "{} | {} | {}: {}",
        fields(things),
        fields(parts),
        of.type_name,
        of.names.join(" ")
    )
}

#[test]
fn names_say_what_they_are_of() {
    let mut drawn = plain();
    assert_eq!(
        named(&drawn),
        "Thing thing things: first second third kind parts | Part part parts: thingId thing | Kinds: NAN NU"
    );
    drawn.things = "имя".to_owned();
    drawn.columns = ["and", "не", "__typename"].map(str::to_owned);
    drawn.values = ["+", "-", "активен", "true", "3d"]
        .map(str::to_owned)
        .into();
    drawn.relation = "Not".to_owned();
    assert_eq!(
        named(&drawn),
        "Imia imia imias: and_ ne typename kind parts | Part part parts: thingId not_ | Kinds: PLUS MINUS AKTIVEN TRUE _3D"
    );
    // What comes out alike is marked, where it is not written as it is.
    drawn.things = "Node".to_owned();
    drawn.parts = "nodes_".to_owned();
    drawn.columns = ["e", "é", "è"].map(str::to_owned);
    drawn.kinds = "order_direction".to_owned();
    drawn.values = ["e", "é", "è", "C", "C++"].map(str::to_owned).into();
    drawn.parts = "date".to_owned();
    drawn.relation = "Ид".to_owned();
    assert_eq!(
        named(&drawn),
        "Node_ node_ nodes_: e e_U00E9 e_U00E8 kind dates_ | Date_ date_ dates_: thingId id_U0418_U0434 | OrderDirection_: E E_U00E9 E_U00E8 C C_2"
    );
}

#[test]
fn each_can_be_named_in_one_line() {
    let graph = plain()
        .graph()
        .type_name(thing::Entity, "Person")
        .rename_column(thing::Column::First, "name")
        .name_enum(thing::Column::Kind, "Sex")
        .name_value(thing::Column::Kind, "女", "FEMALE")
        .name_value(thing::Column::Kind, "男", "MALE")
        .rename(part::Relation::Whole, "owner")
        .backref(part::Relation::Whole, "limbs");
    let catalog = graph.build().unwrap_or_else(|e| panic!("{e}"));
    let schema = Schema::new(&catalog, 50).unwrap_or_else(|e| panic!("{e}"));
    for part in [
        "enum Sex {",
        "  MALE\n",
        "  FEMALE\n",
        "type Person implements Node {",
        "  name: String!\n",
        "  kind: Sex\n",
        "  owner: Person!\n",
        "  limbs(",
        "input SexFilter {",
    ] {
        assert!(schema.sdl.contains(part), "no `{part}` in\n{}", schema.sdl);
    }
}

#[test]
fn a_name_that_cannot_be_is_refused_with_what_it_names() {
    type Change = fn(backref::Graph) -> backref::Graph;
    let cases: [(Change, &[&str]); 12] = [
        (
            |g| g.rename_column(thing::Column::First, "имя"),
            &["rename_column(thing.first", "`имя` is no name"],
        ),
        (
            |g| g.rename_column(thing::Column::First, "__x"),
            &["rename_column(thing.first", "`__x` is reserved"],
        ),
        (
            |g| g.rename_column(thing::Column::First, "and"),
            &["rename_column(thing.first", "`and` is a word"],
        ),
        (
            |g| g.rename(part::Relation::Whole, "2x"),
            &["part::Relation", "`2x` is no name"],
        ),
        (
            |g| g.backref(part::Relation::Whole, ""),
            &["part::Relation", "`` is no name"],
        ),
        (
            |g| g.type_name(part::Entity, "Part!"),
            &["type_name(part", "`Part!` is no name"],
        ),
        (
            |g| g.name_enum(thing::Column::Kind, "a b"),
            &["name_enum(thing.kind", "`a b` is no name"],
        ),
        (
            |g| g.name_enum(thing::Column::Kind, "Part"),
            &["thing.kind", "type `Part`", ".name_enum(", ".type_name("],
        ),
        (
            |g| g.name_enum(thing::Column::Kind, "Date"),
            &["thing.kind", "type `Date`", ".name_enum("],
        ),
        (
            |g| g.name_value(thing::Column::Kind, "男", "null"),
            &["name_value(thing.kind, \"男\"", "`null` is no name"],
        ),
        (
            |g| g.name_value(thing::Column::Kind, "x", "X"),
            &["name_value(thing.kind", "no value `x`", "`男`, `女`"],
        ),
        (
            |g| g.name_value(thing::Column::First, "x", "X"),
            &["thing.first", "an enum"],
        ),
    ];
    for (change, parts) in cases {
        let error = change(plain().graph()).build().expect_err("a mistake");
        let [mistake] = &error.mistakes[..] else {
            panic!("{parts:?}: one mistake, not {:#?}", error.mistakes);
        };
        for part in parts {
            assert!(mistake.contains(part), "`{part}` is not in: {mistake}");
        }
    }
    let twice = plain().graph().name_value(thing::Column::Kind, "男", "NU");
    let error = twice.build().expect_err("a mistake");
    assert!(
        error.mistakes[0].contains("`男` and `女`")
            && error.mistakes[0].contains(".name_value(thing.kind, \"女\""),
        "{error}"
    );
}
