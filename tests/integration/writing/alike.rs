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
        /// To the database it is never null, and short.
        pub note: Option<String>,
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
                price {decimal}, ratio {real}, sent {date}, at {time}, note varchar(4) NOT NULL DEFAULT 'none',
                depot_id bigint NOT NULL REFERENCES depot (id), carrier_id bigint REFERENCES carrier (id),
                CONSTRAINT dear CHECK (price > ratio)
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
                let place = format!("{place}{below}");
                let is_there = |error: &Value| error["extensions"]["field"] == *place;
                if errors.is_empty() || !errors.iter().all(is_there) {
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

/// Of an upsert a database looks at the row that was to be made before it looks whether there is one, and does not say which of
/// the two it has refused: it is told at that one, and at both where both say the same.
#[tokio::test]
async fn what_is_refused_of_an_upsert_is_told_where_it_stands() {
    let check = "`weight` does not fit: the database checks `parcel_weight_check`";
    let null = "`note` is never null; give it a value";
    let dear = "a value of this parcel does not fit: the database checks `dear`";
    let no = "the database refuses this parcel";
    let both: &[&str] = &["create.weight", "update.weight"];
    // Whether there is one; what is made and what is changed; where it is refused, and by which words.
    let cases: [(bool, &str, &str, &[&str], &str); 19] = [
        (true, "weight: -1", "weight: 2", &["create.weight"], check),
        (true, "weight: 1", "weight: -1", &["update.weight"], check),
        (true, "weight: -1", "weight: -1", both, check),
        (true, "weight: -1", "weight: -2", &["create.weight"], check),
        (
            true,
            "weight: -1",
            r#"label: "L""#,
            &["create.weight"],
            check,
        ),
        // Where nothing is to be changed it is not one statement.
        (true, "weight: -1", "", &["create.weight"], check),
        (false, "weight: -1", "weight: 2", &["create.weight"], check),
        (false, "weight: -1", "weight: -1", both, check),
        // What is not to be done is not looked at.
        (false, "weight: 1", "weight: -1", &[], ""),
        (
            true,
            "weight: 1, note: null",
            r#"note: "n""#,
            &["create.note"],
            null,
        ),
        (
            true,
            r#"weight: 1, note: "n""#,
            "note: null",
            &["update.note"],
            null,
        ),
        (true, "weight: 1", "note: null", &["update.note"], null),
        (
            true,
            "weight: 1, note: null",
            "note: null",
            &["create.note", "update.note"],
            null,
        ),
        (
            false,
            "weight: 1, note: null",
            r#"note: "n""#,
            &["create.note"],
            null,
        ),
        (
            true,
            r#"weight: 1, price: "1", ratio: 2"#,
            "weight: 2",
            &["create"],
            dear,
        ),
        (
            true,
            "weight: 1",
            r#"price: "1", ratio: 2"#,
            &["update"],
            dear,
        ),
        (
            true,
            r#"weight: 1, label: "no""#,
            "weight: 2",
            &["create"],
            no,
        ),
        (true, "weight: 1", r#"label: "no""#, &["update"], no),
        (
            false,
            r#"weight: 1, label: "no""#,
            "weight: 2",
            &["create"],
            no,
        ),
    ];
    for backend in Backend::all() {
        let (database, app) = app(backend).await;
        let triggers: Vec<String> = match backend {
            Backend::Postgres => vec![
                "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                    IF NEW.label = 'no' THEN RAISE EXCEPTION 'no'; END IF; RETURN NEW; END $$".to_owned(),
                "CREATE TRIGGER no BEFORE INSERT OR UPDATE ON parcel FOR EACH ROW EXECUTE FUNCTION no()".to_owned(),
            ],
            Backend::Sqlite => ["INSERT", "UPDATE"]
                .map(|event| format!(
                    "CREATE TRIGGER no_{event} BEFORE {event} ON parcel WHEN NEW.label = 'no' BEGIN SELECT RAISE(ABORT, 'no'); END"
                ))
                .into(),
        };
        for trigger in triggers {
            let done = database.connection.execute_unprepared(&trigger).await;
            done.expect("a trigger");
        }
        let before = parcels(&app).await;
        for (is_there, create, update, fields, message) in cases {
            let code = if is_there { "one" } else { "new" };
            let create = format!(r#"{{ code: "{code}", depotId: "Depot:1", {create} }}"#);
            let document = format!(
                "mutation {{ upsertParcel(create: {create}, update: {{ {update} }}, on: CODE) {{ id }} }}"
            );
            let answer = app
                .ask(&somebody("anybody", 1), &document, &json!({}))
                .await;
            let answer = answer.json();
            let told = told(&answer);
            let expected: Vec<_> = fields.iter().map(|field| (*field, message)).collect();
            assert_eq!(told, expected, "{backend:?} {document}: {answer}");
            if !fields.is_empty() {
                assert_eq!(parcels(&app).await, before, "{backend:?} {document}");
            } else {
                let delete =
                    r#"mutation { deleteParcels(where: { code: { eq: "new" } }) { count } }"#;
                app.query(delete).await.data();
            }
        }
        // One that an earlier field has made is not there any more when that is asked.
        let document = r#"mutation {
            a: createParcel(input: { code: "made", weight: 1, depotId: 1 }) { id }
            b: upsertParcel(create: { code: "made", weight: 1, depotId: 1 }, update: { weight: -1 }, on: CODE) { id }
        }"#;
        let answer = app.query(document).await.json();
        assert_eq!(told(&answer), [("update.weight", check)], "{backend:?}");
        assert_eq!(answer["errors"][0]["path"], json!(["b"]), "{backend:?}");
        // Only one of the two knows how long a text may be that the graph does not know.
        if backend == Backend::Postgres {
            let long = "a value of this parcel is longer than its column takes";
            for (create, update, field) in [
                (r#"note: "longer""#, r#"note: "n""#, "create"),
                (r#"note: "n""#, r#"note: "longer""#, "update"),
            ] {
                let document = format!(
                    r#"mutation {{ upsertParcel(create: {{ code: "one", weight: 1, depotId: 1, {create} }}, update: {{ {update} }}, on: CODE) {{ id }} }}"#
                );
                let answer = app.query(&document).await.json();
                assert_eq!(told(&answer), [(field, long)], "{document}: {answer}");
            }
        }
        assert_eq!(parcels(&app).await, before, "{backend:?}");
    }
}

async fn parcels(app: &TestApp) -> Value {
    let query = "{ parcels(orderBy: [{ id: ASC }]) { id code label weight price ratio note depotId carrierId } }";
    app.query(query).await.data()
}

/// The place and the words of each error.
fn told(answer: &Value) -> Vec<(&str, &str)> {
    let errors = answer["errors"].as_array().into_iter().flatten();
    let told = errors.map(|error| {
        let field = error["extensions"]["field"].as_str().unwrap_or_default();
        (field, error["message"].as_str().unwrap_or_default())
    });
    told.collect()
}
