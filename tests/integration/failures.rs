//! Statements that fail: what an answer still holds, and where its errors stand.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::generate::{self, without_cursors};
use crate::harness::{Answer, Backend, Stage, TestApp, TestDatabase, config};

/// The sample content with a table taken away while the server runs.
async fn without(backend: Backend, table: &str) -> (TestDatabase, TestApp) {
    let database = TestDatabase::sample(backend).await;
    let app = TestApp::blog(&database);
    app.query("{ users { posts { comments { id } } } }")
        .await
        .data();
    rename(&database, table, "elsewhere").await;
    (database, app)
}

fn postgres() -> bool {
    Backend::all().contains(&Backend::Postgres)
}

async fn rename(database: &TestDatabase, table: &str, to: &str) {
    // SQLite would change what refers to the table.
    let legacy = match database.connection.get_database_backend() {
        sea_orm::DatabaseBackend::Sqlite => "PRAGMA legacy_alter_table = ON; ",
        _ => "",
    };
    let sql = format!("{legacy}ALTER TABLE \"{table}\" RENAME TO \"{to}\"");
    let renamed = database.connection.execute_unprepared(&sql).await;
    renamed.expect("the table can be renamed");
}

/// The code and the path of each error.
fn errors(answer: &Answer) -> Vec<(String, String)> {
    let json = answer.json();
    let errors = json["errors"].as_array().cloned().unwrap_or_default();
    let of = |error: Value| {
        let path = error["path"].as_array().cloned().unwrap_or_default();
        let path = path.iter().map(|step| match step {
            Value::String(key) => key.clone(),
            index => index.to_string(),
        });
        let code = error["extensions"]["code"].as_str().unwrap_or_default();
        assert!(error["locations"][0]["line"].is_u64(), "{error}");
        (code.to_owned(), path.collect::<Vec<_>>().join("."))
    };
    errors.into_iter().map(of).collect()
}

fn internal(paths: &[&str]) -> Vec<(String, String)> {
    let of = |path: &&str| ("INTERNAL_SERVER_ERROR".to_owned(), (*path).to_owned());
    paths.iter().map(of).collect()
}

#[tokio::test]
async fn a_failed_to_one_is_null_where_it_may_be() {
    for backend in Backend::all() {
        let (_database, app) = without(backend, "profile").await;
        let answer = app
            .query("{ users(limit: 2) { id profile { bio } posts(limit: 1) { id } } }")
            .await;
        let data = &answer.json()["data"]["users"];
        for user in data.as_array().expect("users") {
            assert_eq!(user["profile"], Value::Null, "{}", answer.text);
            assert!(user["posts"].is_array());
        }
        let paths = ["users.0.profile", "users.1.profile"];
        assert_eq!(errors(&answer), internal(&paths), "{}", answer.text);
        assert!(!answer.text.contains("elsewhere") && !answer.text.contains("SQL"));
    }
}

#[tokio::test]
async fn a_failed_list_empties_the_nearest_nullable_field() {
    for backend in Backend::all() {
        let (_database, app) = without(backend, "comment").await;
        let answer = app
            .query(
                "{ user(id: 1) { id comments { id } } post(id: 1) { id } tags(limit: 1) { id } }",
            )
            .await;
        let data = &answer.json()["data"];
        let whole =
            json!({ "user": null, "post": { "id": "Post:1" }, "tags": [{ "id": "Tag:1" }] });
        assert_eq!(data, &whole, "{}", answer.text);
        assert_eq!(errors(&answer), internal(&["user.comments"]));
        // Up to the root, where nothing on the way may be null.
        let answer = app.query("{ tags { id } users { comments { id } } }").await;
        assert_eq!(answer.json()["data"], Value::Null);
        assert_eq!(errors(&answer), internal(&["users.0.comments"]));
    }
}

/// Eight levels and more that fail, each by itself, among others and above and below them: what is whole is answered,
/// however many are not.
#[tokio::test]
async fn levels_that_fail_are_no_attempts_of_the_request() {
    for backend in Backend::all() {
        for failing in [1, 8, 19] {
            let (_database, app) = without(backend, "profile").await;
            let mut query = "{ first: tags(limit: 3) { id }".to_owned();
            for i in 1..=failing {
                query += &format!(
                    " a{i}: profile(id: {i}) {{ user {{ id }} }} b{i}: users(limit: {i}) {{ id profile {{ bio }} posts(limit: 1) {{ id }} }}"
                );
            }
            query += " last: posts(limit: 2) { id author { id } } }";
            // A plan that is new, and one that is known to fail.
            for _ in 0..2 {
                let answer = app.query(&query).await;
                let data = &answer.json()["data"];
                let count = |field: &Value| field.as_array().map(Vec::len);
                assert_eq!(count(&data["first"]), Some(3), "{}", answer.text);
                assert_eq!(count(&data["last"]), Some(2), "{}", answer.text);
                for i in 1..=failing {
                    assert_eq!(data[format!("a{i}")], Value::Null);
                    let users = data[format!("b{i}")].as_array().expect("users");
                    for user in users {
                        assert_eq!(user["profile"], Value::Null);
                        assert!(user["posts"].is_array(), "{}", answer.text);
                    }
                }
                // Of so many that not all are listed the last says so.
                let json = answer.json();
                let errors = json["errors"].as_array().expect("errors");
                let codes = errors.iter().map(|error| &error["extensions"]["code"]);
                let others = codes.filter(|code| *code != "INTERNAL_SERVER_ERROR");
                let more = answer.text.contains("more errors are not listed");
                assert_eq!(others.count(), usize::from(more), "{}", answer.text);
            }
        }
    }
}

/// Every kind of level, with a table that its statement needs, and where the error stands then.
#[tokio::test]
async fn each_kind_of_level_fails_where_it_stands() {
    let kinds = [
        ("tag", "{ tags { id } ok: user(id: 1) { id } }", "tags"),
        ("tag", "{ tag(id: 1) { id } ok: user(id: 1) { id } }", "tag"),
        (
            "tag",
            "{ node(id: \"Tag:1\") { id } ok: user(id: 1) { id } }",
            "node",
        ),
        (
            "tag",
            "{ nodes(ids: [\"User:1\", \"Tag:1\"]) { id } ok: user(id: 1) { id } }",
            "nodes.1",
        ),
        (
            "profile",
            "{ user(id: 1) { profile { bio } } ok: user(id: 1) { id } }",
            "user.profile",
        ),
        (
            "comment",
            "{ post(id: 1) { comments { id } } ok: user(id: 1) { id } }",
            "post.comments",
        ),
        (
            "post_tag",
            "{ post(id: 1) { tags { id } } ok: user(id: 1) { id } }",
            "post.tags",
        ),
        (
            "comment",
            "{ post(id: 1) { commentsConnection { totalCount } } ok: user(id: 1) { id } }",
            "post.commentsConnection.totalCount",
        ),
        (
            "comment",
            "{ post(id: 1) { commentsConnection(first: 1) { nodes { id } } } ok: user(id: 1) { id } }",
            "post.commentsConnection.nodes",
        ),
        (
            "comment",
            "{ post(id: 1) { commentsConnection(first: 1) { edges { cursor } } } ok: user(id: 1) { id } }",
            "post.commentsConnection.edges",
        ),
        (
            "comment",
            "{ post(id: 1) { commentsAggregate { count } } ok: user(id: 1) { id } }",
            "post.commentsAggregate.count",
        ),
        (
            "comment",
            "{ post(id: 1) { commentsAggregate { groups(by: AUTHOR_ID) { count } } } ok: user(id: 1) { id } }",
            "post.commentsAggregate.groups",
        ),
        (
            "comment",
            "{ user(id: 1) { posts(where: { comments: { some: {} } }) { id } } ok: user(id: 1) { id } }",
            "user.posts",
        ),
        (
            "comment",
            "{ user(id: 1) { posts(orderBy: { comments: { count: DESC } }) { id } } ok: user(id: 1) { id } }",
            "user.posts",
        ),
    ];
    for backend in Backend::all() {
        for (table, query, path) in kinds {
            let (_database, app) = without(backend, table).await;
            let answer = app.query(query).await;
            assert_eq!(errors(&answer), internal(&[path]), "{}", answer.text);
            let data = &answer.json()["data"];
            let at_root = !path.contains('.') && path == "tags";
            match at_root {
                true => assert_eq!(data, &Value::Null),
                false => assert_eq!(data["ok"]["id"], "User:1", "{}", answer.text),
            }
        }
    }
}

/// On SQLite a statement that fails touches no other. On PostgreSQL it ends the transaction of all, and the answer is
/// the same still.
#[test]
fn both_databases_answer_alike_what_a_missing_table_leaves() {
    if !postgres() {
        return;
    }
    for table in [
        "post", "comment", "profile", "tag", "user", "post_tag", "follow",
    ] {
        let mut runner = TestRunner::new(config("broken", 40));
        let data = generate::data().new_tree(&mut runner).expect("content");
        let stages = [Backend::Sqlite, Backend::Postgres].map(Stage::new);
        for stage in &stages {
            stage.wait_for(generate::insert(
                &stage.database.connection,
                &data.current(),
            ));
            stage.wait_for(rename(&stage.database, table, "elsewhere"));
        }
        let outcome = runner.run(&generate::case(), |case| {
            let [sqlite, postgres] = stages.each_ref().map(|stage| {
                let name = case.operation_name.as_deref();
                let answer = stage.ask(&case.query, name, &case.variables);
                without_ids(&without_cursors(&answer.text))
            });
            prop_assert_eq!(sqlite, postgres);
            Ok(())
        });
        outcome.unwrap_or_else(|e| panic!("without {table}: {e}"));
    }
}

/// Two errors differ in their ids, whatever they are.
fn without_ids(answer: &str) -> String {
    let mut parts = answer.split("internal error ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_hexdigit() || c == '-');
        all + "internal error" + rest
    })
}

/// Fields that share a statement are asked again by themselves where it fails, and what is wrong with one of them is
/// nothing to the others.
#[tokio::test]
async fn fields_that_share_a_statement_do_not_fail_together() {
    let cases = [
        (
            "{ user(id: 1) { a: profile { userId } b: profile { userId bio } } }",
            &["user.b"][..],
            json!({ "user": { "a": { "userId": "User:1" }, "b": null } }),
        ),
        (
            "{ a: profilesConnection(first: 1) { nodes { userId } } user(id: 1) { username }
               b: profilesAggregate { count } c: profilesAggregate { max { bio } } }",
            &["c.max.bio"],
            json!({
                "a": { "nodes": [{ "userId": "User:1" }] }, "user": { "username": "ada" },
                "b": { "count": 7 }, "c": { "max": { "bio": null } },
            }),
        ),
        // The profile is the one that the user stands below.
        (
            "{ profile(id: 1) { user { username profile { bio } } } }",
            &["profile.user.profile"],
            json!({ "profile": { "user": { "username": "ada", "profile": null } } }),
        ),
        (
            "{ user(id: 1) { a: posts(limit: 1) { id author { x: profile { userId } } }
               b: posts(limit: 1) { id author { x: profile { bio } } } } }",
            &["user.b.0.author.x"],
            json!({ "user": {
                "a": [{ "id": "Post:32", "author": { "x": { "userId": "User:1" } } }],
                "b": [{ "id": "Post:32", "author": { "x": null } }],
            } }),
        ),
    ];
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::blog(&database);
        let sql = "ALTER TABLE profile RENAME COLUMN bio TO elsewhere";
        let renamed = database.connection.execute_unprepared(sql).await;
        renamed.expect("the column can be renamed");
        for (query, paths, data) in &cases {
            // A plan that is new, and one that is known to fail.
            for _ in 0..2 {
                let answer = app.query(query).await;
                assert_eq!(errors(&answer), internal(paths), "{}", answer.text);
                assert_eq!(&answer.json()["data"], data, "{}", answer.text);
            }
        }
        // More than may be asked is not asked.
        let limits = backref::read::plan::Limits {
            statements: 2,
            ..backref::read::plan::Limits::default()
        };
        let app = TestApp::new(&database, crate::harness::blog::graph(), limits);
        let answer = app.query(cases[0].0).await;
        assert_eq!(errors(&answer), internal(&["user.a", "user.b"]));
    }
}

#[tokio::test]
async fn a_column_that_a_role_may_not_read_is_nothing_to_fields_that_do_not() {
    if !postgres() {
        return;
    }
    let mut database = TestDatabase::sample(Backend::Postgres).await;
    let role = format!("some_of_{}", database.name());
    let grant = format!(
        "CREATE ROLE {role}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role};
         REVOKE SELECT ON tag FROM {role}; GRANT SELECT (id) ON tag TO {role}"
    );
    let granted = database.connection.execute_unprepared(&grant).await;
    granted.expect("a role");
    let shown = database.url.shown();
    let with = if shown.contains('?') { '&' } else { '?' };
    let url = format!("{shown}{with}options=-c%20role%3D{role}");
    database.url = url.parse().expect("a URL");
    let app = TestApp::blog(&database);
    let answer = app
        .query("{ post(id: 1) { a: tags { id } } b: post(id: 1) { tags { id } x: tags { name } } c: post(id: 1) { tags { id } } }")
        .await;
    assert_eq!(errors(&answer), internal(&["b.x"]), "{}", answer.text);
    let data = &answer.json()["data"];
    assert!(data["post"]["a"].is_array() && data["c"]["tags"].is_array());
    let drop = format!("DROP OWNED BY {role}; DROP ROLE {role}");
    let dropped = database.connection.execute_unprepared(&drop).await;
    dropped.expect("it goes");
}
