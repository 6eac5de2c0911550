//! What looks like a secret is on no API, wherever a copy of it is.

use backref::create::Choices;

use super::{Created, has_fields, links};
use crate::harness::Backend;

const REFERRED: &str = "
    CREATE TABLE session (token TEXT PRIMARY KEY, user_id INTEGER);
    CREATE TABLE visit (id INTEGER PRIMARY KEY, session_token TEXT REFERENCES session (token), page TEXT);
    CREATE TABLE login (id INTEGER PRIMARY KEY, accesstoken TEXT UNIQUE, name TEXT);
    CREATE TABLE entry (id INTEGER PRIMARY KEY, login TEXT UNIQUE REFERENCES login (accesstoken), door TEXT);
    CREATE TABLE echo (id INTEGER PRIMARY KEY, entry TEXT REFERENCES entry (login));
    CREATE TABLE by_session (session TEXT PRIMARY KEY REFERENCES session (token), n INTEGER);
    CREATE TABLE token (id INTEGER PRIMARY KEY, label TEXT);
    CREATE TABLE spending (id INTEGER PRIMARY KEY, token_id INTEGER REFERENCES token (id));";

#[tokio::test]
async fn what_refers_to_a_secret_is_one() {
    for backend in Backend::all() {
        let created = Created::of(backend, REFERRED)
            .await
            .expect("the database is here");
        links::check(&created);
        for (of, says) in [
            ("table session", "left out"),
            (
                "column visit.session_token",
                "holds what `session.token` does",
            ),
            ("column login.accesstoken", "looks like a secret"),
            ("column entry.login", "holds what `login.accesstoken` does"),
            ("column echo.entry", "holds what `entry.login` does"),
            ("table by_session", "left out"),
        ] {
            assert!(
                created.tells(of, says),
                "{of}: {says} is not told:\n{}",
                created.report
            );
        }
        assert!(created.told("the graph").is_empty(), "{}", created.report);
        let list = created.read("src/entities.rs");
        for hidden in [
            "visit::Column::SessionToken",
            "entry::Column::Login",
            "echo::Column::Entry",
        ] {
            assert!(list.contains(&format!(".hide(entity::{hidden})")), "{list}");
        }
        let schema = created.read("schema.graphql").to_lowercase();
        assert!(!schema.contains("sessiontoken") && !schema.contains("accesstoken:"));
        assert!(!schema.contains("`accesstoken`"));
        // A number of a row is no secret, whatever the row is.
        has_fields(&created, "Spending", &["tokenId: ID", "token"]);
    }
}

#[tokio::test]
async fn a_secret_is_shown_where_somebody_says_so() {
    for backend in Backend::all() {
        let choices = Choices {
            shown: vec!["visit.session_token".to_owned()],
            ..Choices::default()
        };
        let created = Created::with(backend, REFERRED, choices)
            .await
            .expect("the database is here");
        has_fields(&created, "Visit", &["sessionToken: String"]);
        assert!(created.told("column visit.session_token").is_empty());
        assert!(created.tells("table session", "left out"));
    }
}
