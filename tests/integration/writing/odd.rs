//! Tables and columns of odd names and of every type, with keys of several columns, rows that refer to their own kind in every
//! way, and what the database makes itself: whatever is written, both databases answer alike, and hold what was answered.

use backref::Graph;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use super::somebody;
use crate::harness::{Backend, TestApp, TestDatabase};

mod place {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "Käse \"&\" co")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false, column_name = "from")]
        pub country: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub code: i32,
        #[sea_orm(column_name = "Größe")]
        pub size: Option<i16>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod thing {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "String", db_type = "Enum", enum_name = "kind of \"thing\"")]
    pub enum Kind {
        #[sea_orm(string_value = "big one")]
        Big,
        #[sea_orm(string_value = "it's \"small\"")]
        Small,
    }

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "Group")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false, column_name = "ID")]
        pub id: Uuid,
        #[sea_orm(unique, column_name = "select")]
        pub select: String,
        #[sea_orm(column_name = "a\"b", default_value = 7)]
        pub quoted: i32,
        #[sea_orm(column_name = "order", extra = "GENERATED ALWAYS AS (1) STORED")]
        pub made: Option<i32>,
        pub kind: Kind,
        #[sea_orm(column_type = "Decimal(Some((12, 3)))", nullable)]
        pub price: Option<Decimal>,
        pub day: Option<Date>,
        pub clock: Option<Time>,
        pub at: Option<DateTimeUtc>,
        pub data: Option<Json>,
        pub raw: Option<Vec<u8>>,
        pub other: Option<Uuid>,
        pub flag: Option<bool>,
        pub ratio: Option<f64>,
        pub long: Option<i64>,
        pub parent_id: Option<Uuid>,
        #[sea_orm(unique)]
        pub twin_id: Option<Uuid>,
        pub home_country: Option<String>,
        pub home_code: Option<i32>,
        pub born_country: Option<String>,
        pub born_code: Option<i32>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(belongs_to = "Entity", from = "Column::ParentId", to = "Column::Id")]
        Parent,
        #[sea_orm(belongs_to = "Entity", from = "Column::TwinId", to = "Column::Id")]
        Twin,
        #[sea_orm(
            belongs_to = "super::place::Entity",
            from = "(Column::HomeCountry, Column::HomeCode)",
            to = "(super::place::Column::Country, super::place::Column::Code)"
        )]
        Home,
        #[sea_orm(
            belongs_to = "super::place::Entity",
            from = "(Column::BornCountry, Column::BornCode)",
            to = "(super::place::Column::Country, super::place::Column::Code)"
        )]
        Born,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod visit {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "visit")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub thing_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub country: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub code: i32,
        #[sea_orm(column_name = "when")]
        pub when: Date,
        #[sea_orm(column_type = "Decimal(Some((6, 2)))", nullable)]
        pub cost: Option<Decimal>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::thing::Entity",
            from = "Column::ThingId",
            to = "super::thing::Column::Id",
            on_delete = "Cascade"
        )]
        Thing,
        #[sea_orm(
            belongs_to = "super::place::Entity",
            from = "(Column::Country, Column::Code)",
            to = "(super::place::Column::Country, super::place::Column::Code)",
            on_delete = "Cascade"
        )]
        Place,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

async fn app(backend: Backend) -> (TestDatabase, TestApp) {
    let database = TestDatabase::empty(backend).await;
    let (uuid, decimal, date, time, at, json, bytes, cost, kind) = match backend {
        Backend::Sqlite => (
            "uuid_text",
            "real_decimal(12, 3)",
            "date_text",
            "time_text",
            "timestamp_with_timezone_text",
            "json_text",
            "blob",
            "real_decimal(6, 2)",
            "enum_text",
        ),
        Backend::Postgres => (
            "uuid",
            "numeric(12, 3)",
            "date",
            "time",
            "timestamptz",
            "jsonb",
            "bytea",
            "numeric(6, 2)",
            r#""kind of ""thing""""#,
        ),
    };
    let statements = [
        r#"CREATE TABLE "Käse ""&"" co" ("from" varchar, code integer, "Größe" smallint, PRIMARY KEY ("from", code))"#
            .to_owned(),
        format!(
            r#"CREATE TABLE "Group" ("ID" {uuid} PRIMARY KEY, "select" varchar UNIQUE NOT NULL, "a""b" integer NOT NULL DEFAULT 7,
            "order" integer GENERATED ALWAYS AS ("a""b" * 2) STORED, kind {kind} NOT NULL, price {decimal}, day {date},
            clock {time}, at {at}, data {json}, raw {bytes}, other {uuid}, flag boolean, ratio double precision, long bigint,
            parent_id {uuid} REFERENCES "Group" ("ID"), twin_id {uuid} UNIQUE REFERENCES "Group" ("ID"),
            home_country varchar, home_code integer, born_country varchar, born_code integer,
            FOREIGN KEY (home_country, home_code) REFERENCES "Käse ""&"" co" ("from", code),
            FOREIGN KEY (born_country, born_code) REFERENCES "Käse ""&"" co" ("from", code))"#
        ),
        format!(
            r#"CREATE TABLE visit (thing_id {uuid} REFERENCES "Group" ("ID") ON DELETE CASCADE, country varchar, code integer,
            "when" {date} NOT NULL, cost {cost}, PRIMARY KEY (thing_id, country, code),
            FOREIGN KEY (country, code) REFERENCES "Käse ""&"" co" ("from", code) ON DELETE CASCADE)"#
        ),
    ];
    if backend == Backend::Postgres {
        let kind = r#"CREATE TYPE "kind of ""thing""" AS ENUM ('big one', 'it''s "small"')"#;
        let done = database.connection.execute_unprepared(kind).await;
        done.expect("a type");
    }
    for statement in statements {
        let done = database.connection.execute_unprepared(&statement).await;
        done.unwrap_or_else(|e| panic!("{statement}: {e}"));
    }
    let graph = Graph::new()
        .entity(place::Entity)
        .entity(thing::Entity)
        .entity(visit::Entity)
        .type_name(place::Entity, "Place")
        .rename_column(place::Column::Country, "country")
        .rename_column(place::Column::Size, "size")
        .rename_column(thing::Column::Quoted, "quoted")
        .rename_column(thing::Column::Made, "made")
        .type_name(thing::Entity, "Thing")
        .name_value(thing::Column::Kind, "big one", "BIG")
        .name_value(thing::Column::Kind, "it's \"small\"", "ITS_SMALL")
        .backref(thing::Relation::Parent, "children")
        .backref(thing::Relation::Twin, "twinOf")
        .backref(thing::Relation::Home, "homeOf")
        .backref(thing::Relation::Born, "bornHere");
    let app = TestApp::new(&database, graph, Default::default());
    (database, app)
}

const THING: &str = r#"{ id select quoted made kind price day clock at data raw other flag ratio long
    parent { id } twin { id } twinOf { id } children(orderBy: [{ select: ASC }]) { select } home { id size } born { id }
    placesConnection { edges { when cost node { id } } } }"#;

/// What is there.
async fn all(app: &TestApp) -> Value {
    let query = format!(
        "{{ things(orderBy: [{{ select: ASC }}]) {THING} places {{ id country code size homeOf {{ select }} bornHere {{ select }} things {{ select }} }} }}"
    );
    app.query(&query).await.data()
}

const A: &str = "00000000-0000-4000-8000-00000000000a";
const B: &str = "00000000-0000-4000-8000-00000000000b";

/// Mutations one after the other, each with whether it is done.
fn steps() -> Vec<(String, bool)> {
    let whole = r#"quoted: -1073741824, kind: ITS_SMALL, price: "-123456789.123", day: "2024-02-29", clock: "23:59:59.999999",
        at: "2024-02-29T12:00:00.5+02:00", data: { a: [1.50, null, "ä\"'"], b: 12345678901234567890 }, raw: "AAH/",
        other: "FFFFFFFF-0000-4000-8000-000000000000", flag: false, ratio: -0.1, long: "-9223372036854775808""#;
    let kind = "kind: BIG";
    vec![
        (r#"createPlaces(inputs: [{ country: "de", code: 1, size: -3 }, { country: "a:b", code: -2 }, { country: "", code: 0 }]) { id size }"#.to_owned(), true),
        (r#"createPlace(input: { country: "de", code: 1 }) { id }"#.to_owned(), false),
        (format!(r#"createThing(input: {{ id: "{A}", select: "a", {whole} }}) {THING}"#), true),
        (format!(r#"createThing(input: {{ id: "{A}", select: "again", {kind} }}) {{ id }}"#), false),
        (format!(r#"createThing(input: {{ id: "{B}", select: "b", {kind}, home: {{ connect: "Place:de:1" }}, bornCountry: "", bornCode: 0,
            twin: {{ connect: "{A}" }}, parent: {{ connect: "Thing:{A}" }},
            places: {{ connectWith: [{{ id: "Place:de:1", edge: {{ when: "2020-01-01", cost: "9999.99" }} }}] }} }}) {THING}"#), true),
        (format!(r#"updateThing(id: "{A}", input: {{ quoted: 21, price: "0.001", data: null, raw: "", flag: true, ratio: 1e300, long: 0 }}) {THING}"#), true),
        (format!(r#"updateThing(id: "{A}", input: {{ price: "1234567890.1" }}) {{ id }}"#), false),
        (format!(r#"updateThing(id: "{A}", input: {{ kind: null }}) {{ id }}"#), false),
        (format!(r#"updateThing(id: "{A}", input: {{ twinOf: null, twin: {{ connect: "{B}" }} }}) {THING}"#), true),
        (format!(r#"updateThing(id: "{A}", input: {{ twinOf: {{ connect: "{A}" }} }}) {THING}"#), true),
        (format!(r#"updateThing(id: "{A}", input: {{ children: {{ disconnect: ["{B}"], connect: ["{A}"] }} }}) {THING}"#), true),
        (format!(r#"updateThing(id: "{A}", input: {{ parent: null, children: {{ set: ["{B}"] }} }}) {THING}"#), true),
        (format!(r#"updateThing(id: "{B}", input: {{ home: {{ connectOrCreate: {{ on: ID, create: {{ country: "fr", code: 9, size: 1 }} }} }},
            born: {{ connect: "Place:a%3Ab:-2" }} }}) {THING}"#), true),
        (format!(r#"updateThing(id: "{B}", input: {{ home: {{ create: {{ country: "x", code: 5 }} }}, born: null }}) {THING}"#), true),
        (format!(r#"updateThing(id: "{B}", input: {{ homeCode: 1 }}) {{ id }}"#), false),
        (format!(r#"updateThing(id: "{B}", input: {{ homeCountry: "de", homeCode: 1 }}) {THING}"#), true),
        (format!(r#"updateThing(id: "{B}", input: {{ places: {{ createWith: [{{ node: {{ country: "n", code: 1 }}, edge: {{ when: "0001-01-01" }} }}],
            disconnect: ["Place:de:1"] }} }}) {THING}"#), true),
        (format!(r#"updateThing(id: "{B}", input: {{ places: {{ update: [{{ id: "Place:n:1", input: {{ size: 32767 }} }}] }} }}) {THING}"#), true),
        (format!(r#"updateThing(id: "{B}", input: {{ places: {{ update: [{{ id: "Place:de:1", input: {{ size: 1 }} }}] }} }}) {{ id }}"#), false),
        (r#"updatePlace(id: "Place:de:1", input: { homeOf: { create: [{ select: "c", kind: BIG, twin: { create: { select: "d", kind: ITS_SMALL } } }],
            disconnect: [] }, bornHere: { connect: ["THING_A"] }, things: { connectWith: [{ id: "THING_A", edge: { when: "2021-05-05", cost: "-0.01" } }] } })
            { id homeOf(orderBy: [{ select: ASC }]) { select twin { select } } bornHere { select } thingsConnection { edges { when cost node { select } } } }"#.replace("THING_A", A), true),
        (format!(r#"upsertThing(create: {{ id: "{A}", select: "zz", {kind} }}, update: {{ quoted: 5, kind: ITS_SMALL, day: "1999-12-31" }}, on: ID) {THING}"#), true),
        (format!(r#"upsertThing(create: {{ select: "b", {kind} }}, update: {{ home: null, clock: "00:00" }}, on: SELECT) {THING}"#), true),
        (r#"upsertThing(create: { select: "new", kind: BIG, quoted: 3 }, update: { quoted: 4 }, on: SELECT) { select quoted made kind }"#.to_owned(), true),
        (r#"upsertThing(create: { select: "new", kind: BIG, quoted: 3 }, update: { quoted: 4 }, on: SELECT) { select quoted made kind }"#.to_owned(), true),
        (r#"upsertPlace(create: { country: "up", code: 1, size: 1 }, update: { size: 2 }, on: ID) { id size }"#.to_owned(), true),
        (r#"upsertPlace(create: { country: "up", code: 1, size: 1 }, update: { size: 2 }, on: ID) { id size }"#.to_owned(), true),
        (r#"updateThings(where: { select: { in: ["a", "b"] } }, input: { price: "2.5", at: "1969-12-31T23:59:59.999999Z", home: { connect: "Place:up:1" } })
            { count nodes { select price at home { id } } }"#.to_owned(), true),
        (r#"updateThings(where: { kind: { eq: ITS_SMALL } }, input: { kind: BIG, raw: null }) { count }"#.to_owned(), true),
        (r#"updateThings(where: {}, input: { select: "same" }) { count }"#.to_owned(), false),
        (r#"updatePlaces(where: { homeOf: { some: { select: { eq: "a" } } } }, input: { size: 100 }) { count nodes { id size } }"#.to_owned(), true),
        (r#"updatePlace(id: "Place:up:1", input: { homeOf: { delete: ["THING_A"] } }) { id }"#.replace("THING_A", A), false),
        (r#"deletePlace(id: "Place:up:1") { id }"#.to_owned(), false),
        (r#"deletePlace(id: "Place:n:1") { id things { select } }"#.to_owned(), true),
        (format!(r#"a: updateThing(id: "{A}", input: {{ twin: null, children: {{ set: [] }} }}) {{ id }} b: deleteThing(id: "{A}") {THING}"#), true),
        (r#"deleteThings(where: { select: { in: ["new", "nothing"] } }) { count nodes { select kind } }"#.to_owned(), true),
        (r#"a: createThing(input: { as: "x", select: "x", kind: BIG, twin: { create: { as: "y", select: "y", kind: BIG, twin: { connect: "new:x" }, parent: { connect: "new:x" } } } })
            { select twin { select twin { select } } children { select } } b: createThing(input: { select: "z", kind: BIG, parent: { connect: "new:y" } }) { parent { select } }"#.to_owned(), true),
        (r#"createThings(inputs: [{ select: "m1", kind: BIG, quoted: 1 }, { select: "m2", kind: ITS_SMALL, price: "1" }, { select: "m3", kind: BIG, data: [1, 2], long: 5, flag: true }])
            { select quoted made price data long flag }"#.to_owned(), true),
    ]
}

/// Ids that nobody has given are drawn.
fn without_drawn(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let drawn = |id: &Value| {
                let id = id.as_str().unwrap_or_default();
                id.starts_with("Thing:") && !id.ends_with(A) && !id.ends_with(B)
            };
            if fields.get("id").is_some_and(drawn) {
                fields.insert("id".to_owned(), json!("drawn"));
            }
            fields.values_mut().for_each(without_drawn);
        }
        Value::Array(items) => items.iter_mut().for_each(without_drawn),
        _ => {}
    }
}

#[tokio::test]
async fn both_databases_do_the_same() {
    let mut of_backends = Vec::new();
    let mut wrong = Vec::new();
    for backend in Backend::all() {
        let (_database, app) = app(backend).await;
        let mut told = Vec::new();
        let mut before = all(&app).await;
        for (fields, is_done) in steps() {
            let document = format!("mutation {{ {fields} }}");
            let answer = app
                .ask(&somebody("anybody", 1), &document, &json!({}))
                .await;
            let mut answer = answer.json();
            let is_answered = answer.get("errors").is_none();
            if is_answered != is_done {
                wrong.push(format!("{backend:?} {document}: {answer}"));
            }
            let mut after = all(&app).await;
            if !is_answered && after != before {
                wrong.push(format!("{backend:?} {document} leaves a trace"));
            }
            // What a payload says of a whole row is what a query says.
            for key in ["createThing", "updateThing", "upsertThing"] {
                let row = &answer["data"][key];
                if row.get("made").is_some() && row.get("parent").is_some() {
                    let rows = after["things"].as_array().into_iter().flatten();
                    let mut rows = rows.filter(|other| other["id"] == row["id"]);
                    if rows.next() != Some(row) {
                        wrong.push(format!(
                            "{backend:?} {document} answers {row}, and there is {after}"
                        ));
                    }
                }
            }
            before = after.clone();
            answer.as_object_mut().map(|of| of.remove("extensions"));
            without_drawn(&mut answer);
            without_drawn(&mut after);
            told.push((document, answer, after));
        }
        of_backends.push(told);
    }
    for pair in of_backends.windows(2) {
        for ((document, one, there), (_, other, here)) in pair[0].iter().zip(&pair[1]) {
            if one != other {
                wrong.push(format!("{document}:\n  {one}\n  {other}"));
            }
            if there != here {
                wrong.push(format!("after {document}:\n  {there}\n  {here}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// PostgreSQL holds numbers without digits. SQLite has none, and would keep a number that nobody has given.
#[tokio::test]
async fn a_number_without_digits_is_kept_or_refused() {
    for backend in Backend::all() {
        let (_database, app) = app(backend).await;
        let anybody = somebody("anybody", 1);
        let ask = async |price: &str| {
            let input = format!(r#"select: "{price}", kind: BIG, price: "{price}""#);
            let document =
                format!("mutation {{ it: createThing(input: {{ {input} }}) {{ price }} }}");
            app.ask(&anybody, &document, &json!({})).await
        };
        // Where digits are counted, nothing is infinite.
        for price in ["NaN", "Infinity", "-Infinity"] {
            let answer = ask(price).await;
            match (backend, price) {
                (Backend::Postgres, "NaN") => assert_eq!(answer.data()["it"]["price"], price),
                _ => {
                    let error = answer.json()["errors"][0].clone();
                    let extensions = json!({ "code": "BAD_USER_INPUT", "field": "input.price" });
                    assert_eq!(
                        error["extensions"], extensions,
                        "{backend:?} {price}: {error}"
                    );
                }
            }
        }
    }
}
