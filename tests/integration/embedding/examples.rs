//! The programs in `examples/`, each started and asked as its first lines say.

use serde_json::json;

use crate::harness::{Backend, Program, TestDatabase};
use crate::identity::signing::by_secret;

#[tokio::test]
async fn embed() {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let url = database.url.shown();
    let app = Program::example("embed", Some(&url), &[]);
    assert_eq!(
        app.status_of("/hello").1,
        "This page is the application's own.\n"
    );
    let query = "{ viewer { id } }";
    assert_eq!(app.ask(query), json!({ "data": { "viewer": null } }));
    let known = app.ask_with(query, "cookie: user=2");
    assert_eq!(known, json!({ "data": { "viewer": { "id": "User:2" } } }));
}

#[tokio::test]
async fn async_graphql() {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let app = Program::example("async-graphql", Some(&database.url.shown()), &[]);
    let user = app.ask("{ user(id: 1) { id } }");
    assert_eq!(user, json!({ "data": { "user": { "id": "User:1" } } }));
    let (status, body) = app.status_of("/weather?query=%7Btemperature%7D");
    assert_eq!(
        (status.as_str(), body.contains("21.5")),
        ("200", true),
        "{body}"
    );
}

#[tokio::test]
async fn existing() {
    let database = TestDatabase::empty(Backend::Sqlite).await;
    let tables = "CREATE TABLE Artist (ArtistId INTEGER PRIMARY KEY NOT NULL, Name NVARCHAR(120));
        CREATE TABLE Album (AlbumId INTEGER PRIMARY KEY NOT NULL, Title NVARCHAR(160) NOT NULL,
            ArtistId INTEGER NOT NULL REFERENCES Artist (ArtistId));
        INSERT INTO Artist VALUES (1, 'AC/DC'); INSERT INTO Album VALUES (1, 'For Those About To Rock', 1)";
    let connection = &database.connection;
    let made = sea_orm::ConnectionTrait::execute_unprepared(connection, tables).await;
    made.expect("the tables are made");
    let app = Program::example("existing", Some(&database.url.shown()), &[]);
    let artists = app.ask("{ artists { name albums { title artist { name } } } }");
    let albums = json!([{ "title": "For Those About To Rock", "artist": { "name": "AC/DC" } }]);
    let artist = json!({ "name": "AC/DC", "albums": albums });
    assert_eq!(artists, json!({ "data": { "artists": [artist] } }));
}

#[tokio::test]
async fn tenants() {
    const SECRET: &str = "a-secret-of-at-least-32-bytes-which-nobody-knows";
    let arguments = ["--jwt-secret", SECRET, "--jwt-claims", "tenant"];
    let app = Program::example("tenants", None, &arguments);
    let header = |tenant: &str| {
        let claims = json!({ "sub": "1", "tenant": tenant, "exp": 4_000_000_000_u64 });
        format!("authorization: Bearer {}", by_secret(SECRET, &claims))
    };
    let (a, b) = (header("a"), header("b"));
    let made = app.ask_with(
        "mutation { createProject(input: { name: \"ours\" }) { name tenantId } }",
        &a,
    );
    assert_eq!(made["data"]["createProject"]["tenantId"], "a", "{made}");
    let query = "{ projects { name } }";
    assert_eq!(
        app.ask_with(query, &a)["data"],
        json!({ "projects": [{ "name": "ours" }] })
    );
    for asked in [app.ask_with(query, &b), app.ask(query)] {
        assert_eq!(asked["data"], json!({ "projects": [] }));
    }
}
