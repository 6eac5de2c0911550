//! Values that a database compares otherwise than by their bytes, and numbers that no float holds.

use backref::{Graph, Request};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use super::somebody;
use crate::harness::{Answer, Backend, TestApp, TestDatabase};

mod place {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "place")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub code: String,
        pub name: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod stay {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "stay")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub place_code: Option<String>,
        pub data: Option<Json>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::place::Entity",
            from = "Column::PlaceCode",
            to = "super::place::Column::Code"
        )]
        Place,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// A place `de` with two stays that write it `DE`, and a place `fr` with one.
async fn places(backend: Backend) -> (TestDatabase, TestApp) {
    let database = TestDatabase::empty(backend).await;
    let (text, number, json) = match backend {
        Backend::Sqlite => (
            "varchar COLLATE NOCASE",
            "integer PRIMARY KEY AUTOINCREMENT",
            "json_text",
        ),
        Backend::Postgres => ("citext", "bigserial PRIMARY KEY", "jsonb"),
    };
    let mut statements = vec![
        format!("CREATE TABLE place (code {text} PRIMARY KEY, name varchar NOT NULL)"),
        format!(
            "CREATE TABLE stay (id {number}, place_code {text} REFERENCES place (code), data {json})"
        ),
        "INSERT INTO place (code, name) VALUES ('de', 'D'), ('fr', 'F')".to_owned(),
        "INSERT INTO stay (place_code) VALUES ('DE'), ('DE'), ('FR')".to_owned(),
    ];
    if backend == Backend::Postgres {
        statements.insert(0, "CREATE EXTENSION citext".to_owned());
    }
    for statement in statements {
        let done = database.connection.execute_unprepared(&statement).await;
        done.unwrap_or_else(|e| panic!("{statement}: {e}"));
    }
    let graph = Graph::new().entity(place::Entity).entity(stay::Entity);
    let app = TestApp::new(&database, graph, Default::default());
    (database, app)
}

async fn ask(app: &TestApp, query: &str) -> Answer {
    app.ask(&somebody("anybody", 1), query, &json!({})).await
}

#[tokio::test]
async fn rows_are_in_a_relation_where_their_database_says_so() {
    let stays = async |app: &TestApp| -> Value {
        let query = "{ places { stays { id } } }";
        ask(app, query).await.data()["places"].clone()
    };
    for backend in Backend::all() {
        let (_database, app) = places(backend).await;
        let (first, second) = (json!({ "id": "Stay:1" }), json!({ "id": "Stay:2" }));
        let third = json!([{ "id": "Stay:3" }]);
        let both = json!([{ "stays": [first, second] }, { "stays": third }]);
        assert_eq!(stays(&app).await, both, "{backend:?}");
        let update = r#"mutation { updatePlace(id: "Place:de", input: { stays: {
            update: [{ id: "Stay:1", input: { data: 1 } }] } }) { stays { id data } } }"#;
        let updated = ask(&app, update).await.data();
        assert_eq!(updated["updatePlace"]["stays"][0]["data"], 1, "{backend:?}");
        // What another place has is not there.
        let absent = update.replace("Stay:1", "Stay:3");
        let absent = ask(&app, &absent).await;
        assert_eq!(absent.code(), "NOT_FOUND", "{backend:?}: {}", absent.text);
        let disconnect = r#"mutation { updatePlace(id: "Place:de", input: { stays: {
            disconnect: ["Stay:1", "Stay:3"] } }) { id } }"#;
        ask(&app, disconnect).await.data();
        let one = json!([{ "stays": [second] }, { "stays": third }]);
        assert_eq!(stays(&app).await, one, "{backend:?}");
        let delete = r#"mutation { updatePlace(id: "Place:de", input: { stays: { delete: ["Stay:2"] } }) { id } }"#;
        ask(&app, delete).await.data();
        let none = json!([{ "stays": [] }, { "stays": third }]);
        assert_eq!(stays(&app).await, none, "{backend:?}");
    }
}

/// However a number of JSON comes, it is there with all its digits.
#[tokio::test]
async fn json_keeps_the_digits_of_its_numbers() {
    let number = "0.12345678901234567890123456789";
    let data = format!(r#"{{"a": [1, {number}], "b": 123456789012345678901234567890}}"#);
    let requests = [
        (
            "mutation($input: StayCreate!) { createStay(input: $input) { data } }",
            format!(r#"{{ "input": {{ "data": {data} }} }}"#),
        ),
        (
            "mutation($inputs: [StayCreate!]!) { createStays(inputs: $inputs) { data } }",
            format!(r#"{{ "inputs": {{ "data": {data} }} }}"#),
        ),
        (
            "mutation($data: JSON) { createStay(input: { data: $data }) { data } }",
            format!(r#"{{ "data": {data} }}"#),
        ),
        (
            "mutation($data: JSON) { createStay(input: { data: [$data, 1] }) { data } }",
            format!(r#"{{ "data": {data} }}"#),
        ),
    ];
    for backend in Backend::all() {
        let (_database, app) = places(backend).await;
        for (query, variables) in &requests {
            let text = format!(r#"{{ "query": {:?}, "variables": {variables} }}"#, query);
            let request: Request = serde_json::from_str(&text).expect("a request");
            let made = app.engine.execute(&request, somebody("anybody", 1)).await;
            let answer = String::from_utf8(made.body).expect("UTF-8");
            for digits in [number, "123456789012345678901234567890"] {
                assert!(answer.contains(digits), "{backend:?} {query}: {answer}");
            }
        }
    }
}

/// PostgreSQL would round what lies between two of its microseconds, at last into a year that nobody reads; SQLite would keep
/// it. Both have the earlier.
#[tokio::test]
async fn times_are_written_in_whole_microseconds() {
    let times = [
        (
            "2020-06-30T23:59:59.123456789+14:00",
            "2020-06-30T09:59:59.123456Z",
        ),
        (
            "2020-06-30T23:59:59.1239999Z",
            "2020-06-30T23:59:59.123999Z",
        ),
        ("2020-06-30T23:59:59.1230009Z", "2020-06-30T23:59:59.123Z"),
        ("2020-06-30T23:59:59.0000009Z", "2020-06-30T23:59:59Z"),
        (
            "9999-12-31T23:59:59.9999999Z",
            "9999-12-31T23:59:59.999999Z",
        ),
    ];
    let create = "mutation($at: DateTime, $slug: String!) {
        createPost(input: { title: \"T\", slug: $slug, body: \"B\", publishedAt: $at }) { id } }";
    let find =
        "query($at: DateTime) { posts(where: { publishedAt: { eq: $at } }) { slug publishedAt } }";
    for backend in Backend::all() {
        let (_database, app) = super::blog(backend).await;
        let admin = somebody("admin", 1);
        for (n, (given, kept)) in times.into_iter().enumerate() {
            let slug = format!("at-{n}");
            let asked = json!({ "at": given, "slug": slug });
            app.ask(&admin, create, &asked).await.data();
            let found = app.ask(&admin, find, &json!({ "at": kept })).await.data();
            let expected = json!([{ "slug": slug, "publishedAt": kept }]);
            assert_eq!(found["posts"], expected, "{backend:?}: {given}");
        }
    }
}
