//! What a form can show of a value that cannot be written: both databases have the same errors, with the same text, wherever it
//! is written.

use backref::Graph;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use super::somebody;
use crate::harness::{Backend, TestApp, TestDatabase};

mod depot {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "depot")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub name: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod carrier {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "carrier")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub name: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod parcel {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "parcel")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique, column_type = "String(StringLen::N(4))")]
        pub code: String,
        #[sea_orm(unique)]
        pub label: Option<String>,
        pub weight: i16,
        #[sea_orm(column_type = "Decimal(Some((5, 2)))", nullable)]
        pub price: Option<Decimal>,
        #[sea_orm(column_type = "Float", nullable)]
        pub ratio: Option<f32>,
        pub sent: Option<Date>,
        pub at: Option<DateTimeUtc>,
        pub depot_id: i64,
        pub carrier_id: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::depot::Entity",
            from = "Column::DepotId",
            to = "super::depot::Column::Id"
        )]
        Depot,
        #[sea_orm(
            belongs_to = "super::carrier::Entity",
            from = "Column::CarrierId",
            to = "super::carrier::Column::Id"
        )]
        Carrier,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

async fn app(backend: Backend) -> (TestDatabase, TestApp) {
    let database = TestDatabase::empty(backend).await;
    let (key, decimal, real, date, time) = match backend {
        Backend::Sqlite => (
            "integer PRIMARY KEY AUTOINCREMENT",
            "real_decimal(5, 2)",
            "float",
            "date_text",
            "timestamp_with_timezone_text",
        ),
        Backend::Postgres => (
            "bigserial PRIMARY KEY",
            "numeric(5, 2)",
            "real",
            "date",
            "timestamptz",
        ),
    };
    let statements = [
        format!("CREATE TABLE depot (id {key}, name varchar NOT NULL)"),
        format!("CREATE TABLE carrier (id {key}, name varchar NOT NULL)"),
        format!(
            "CREATE TABLE parcel (
                id {key}, code varchar(4) NOT NULL UNIQUE, label varchar UNIQUE,
                weight smallint NOT NULL CONSTRAINT parcel_weight_check CHECK (weight > 0),
                price {decimal}, ratio {real}, sent {date}, at {time},
                depot_id bigint NOT NULL REFERENCES depot (id), carrier_id bigint REFERENCES carrier (id)
            )"
        ),
        "INSERT INTO depot (name) VALUES ('D')".to_owned(),
        "INSERT INTO carrier (name) VALUES ('C'), ('D')".to_owned(),
        "INSERT INTO parcel (code, label, weight, depot_id, carrier_id) VALUES ('one', 'first', 1, 1, 1), ('two', 'second', 1, 1, NULL)"
            .to_owned(),
    ];
    for statement in statements {
        let done = database.connection.execute_unprepared(&statement).await;
        done.unwrap_or_else(|e| panic!("{statement}: {e}"));
    }
    let graph = Graph::new()
        .entity(depot::Entity)
        .entity(carrier::Entity)
        .entity(parcel::Entity);
    let app = TestApp::new(&database, graph, Default::default());
    (database, app)
}

/// What cannot be written: a field with its value, and where below it the reason is.
const WRONG: &[(&str, &str, &str)] = &[
    ("weight", "40000", ""),
    ("weight", "-1", ""),
    ("weight", "null", ""),
    ("weight", r#""heavy""#, ""),
    ("weight", "3000000000", ""),
    ("code", r#""abcde""#, ""),
    ("code", "null", ""),
    ("label", r#""second""#, ""),
    ("price", r#""123456""#, ""),
    ("price", r#""dear""#, ""),
    ("ratio", "1e39", ""),
    ("sent", r#""2021-02-30""#, ""),
    ("sent", r#""soon""#, ""),
    ("at", r#""2021-01-01""#, ""),
    ("at", r#""2021-01-01T25:00:00Z""#, ""),
    ("carrier", r#"{ connect: "Carrier:99" }"#, ".connect"),
    ("carrierId", r#""Carrier:99""#, ""),
    ("carrierId", r#""Depot:1""#, ""),
    ("carrierId", r#""99999999999999999999""#, ""),
    ("depot", "null", ""),
];

/// Each way to write it, and where it stands there.
fn ways(field: &str, value: &str) -> Vec<(String, String)> {
    let new = |beside: &[(&str, &str)]| {
        let own = beside.iter().filter(|(name, _)| *name != field);
        let mut all: Vec<_> = own.map(|(name, of)| format!("{name}: {of}")).collect();
        all.push(format!("{field}: {value}"));
        format!("{{ {} }}", all.join(", "))
    };
    let beside = [
        ("code", r#""new""#),
        ("weight", "1"),
        ("depot", r#"{ connect: "Depot:1" }"#),
    ];
    let (alone, below) = (new(&beside), new(&beside[..2]));
    let change = new(&[]);
    let known = r#"{ code: "one", weight: 1, depot: { connect: "Depot:1" } }"#;
    let mut ways = vec![
        (
            format!("createParcel(input: {alone}) {{ id }}"),
            format!("input.{field}"),
        ),
        (
            format!("createParcels(inputs: [{alone}]) {{ id }}"),
            format!("inputs.0.{field}"),
        ),
        (
            format!("updateParcel(id: 1, input: {change}) {{ id }}"),
            format!("input.{field}"),
        ),
        (
            format!("updateParcels(where: {{ id: {{ eq: 1 }} }}, input: {change}) {{ count }}"),
            format!("input.{field}"),
        ),
        (
            format!("upsertParcel(create: {alone}, update: {{}}, on: CODE) {{ id }}"),
            format!("create.{field}"),
        ),
        (
            format!("upsertParcel(create: {known}, update: {change}, on: CODE) {{ id }}"),
            format!("update.{field}"),
        ),
        (
            format!(
                "updateDepot(id: 1, input: {{ parcels: {{ update: [{{ id: 1, input: {change} }}] }} }}) {{ id }}"
            ),
            format!("input.parcels.update.0.input.{field}"),
        ),
    ];
    if field != "depot" {
        ways.push((
            format!(
                "createDepot(input: {{ name: \"N\", parcels: {{ create: [{below}] }} }}) {{ id }}"
            ),
            format!("input.parcels.create.0.{field}"),
        ));
    }
    ways
}

#[tokio::test]
async fn what_cannot_be_written_is_told_alike() {
    let mut of_backends = Vec::new();
    let mut wrong = Vec::new();
    for backend in Backend::all() {
        let (_database, app) = app(backend).await;
        let mut told = Vec::new();
        for (field, value, below) in WRONG {
            for (document, place) in ways(field, value) {
                let document = format!("mutation {{ it: {document} }}");
                let answer = app
                    .ask(&somebody("anybody", 1), &document, &json!({}))
                    .await;
                let answer = answer.json();
                let errors = answer["errors"].as_array().cloned().unwrap_or_default();
                // Of a row that is there no database says whether it is the new one or the change that a check refuses.
                let place = format!("{place}{below}");
                let either = format!("create.{field}");
                let is_checked = (*field, *value) == ("weight", "-1");
                let is_there = |error: &Value| {
                    let named = error["extensions"]["field"].as_str().unwrap_or_default();
                    let is_other = is_checked && place.starts_with("update.") && named == either;
                    named == place || is_other
                };
                let is_named = errors.iter().any(|e| e["extensions"]["field"] == *place);
                if !is_named || !errors.iter().all(is_there) {
                    wrong.push(format!("{backend:?} {document}: {place}: {answer}"));
                }
                told.push((document, errors));
            }
        }
        of_backends.push(told);
    }
    for pair in of_backends.windows(2) {
        for ((document, one), (_, other)) in pair[0].iter().zip(&pair[1]) {
            if one != other {
                let (one, other) = (Value::from(one.clone()), Value::from(other.clone()));
                wrong.push(format!("{document}:\n  {one}\n  {other}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a database could say no more of than that it is so.
#[tokio::test]
async fn what_is_refused_of_rows_is_told_alike() {
    let cases = [
        (
            r#"deleteCarrier(id: "Carrier:1") { id }"#,
            "CONFLICT",
            "id",
            "this carrier cannot be deleted: it still has `parcels`; delete those first",
        ),
        (
            r#"deleteCarriers(where: { name: { eq: "C" } }) { count }"#,
            "CONFLICT",
            "where",
            "this carrier cannot be deleted: it still has `parcels`; delete those first",
        ),
        (
            r#"updateParcel(id: 1, input: { weight: -1 }) { id }"#,
            "BAD_USER_INPUT",
            "input.weight",
            "`weight` does not fit: the database checks `parcel_weight_check`",
        ),
        (
            r#"updateParcel(id: 1, input: { label: "second" }) { id }"#,
            "CONFLICT",
            "input.label",
            "this `label` is taken; choose another",
        ),
        (
            r#"updateParcel(id: 1, input: { carrier: { connect: 99 } }) { id }"#,
            "NOT_FOUND",
            "input.carrier.connect",
            "`carrier` names `Carrier:99`, and there is no such carrier that you may see",
        ),
    ];
    for backend in Backend::all() {
        let (_database, app) = app(backend).await;
        for (document, code, field, message) in cases {
            let document = format!("mutation {{ it: {document} }}");
            let answer = app
                .ask(&somebody("anybody", 1), &document, &json!({}))
                .await;
            let errors = json!([{
                "message": message,
                "locations": [{ "line": 1, "column": 12 }],
                "path": ["it"],
                "extensions": { "code": code, "field": field },
            }]);
            assert_eq!(answer.json()["errors"], errors, "{backend:?} {document}");
        }
    }
}
