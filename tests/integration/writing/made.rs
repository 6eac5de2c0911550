//! Rows whose keys the database makes in a way of its own, or that it does not make.

use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use super::{blog, somebody};
use crate::harness::{Backend, TestApp, TestDatabase};

async fn run(database: &TestDatabase, statements: &[&str]) {
    for sql in statements {
        let done = database.connection.execute_unprepared(sql).await;
        done.unwrap_or_else(|e| panic!("{sql}: {e}"));
    }
}

async fn ask(app: &TestApp, document: &str) -> Value {
    let admin = somebody("admin", 1);
    app.ask(&admin, document, &Value::Null).await.json()
}

/// Each is told from the others by its place, wherever its key lies among theirs.
#[tokio::test]
async fn keys_need_not_grow() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let ways = [
        "ALTER TABLE tag ALTER id DROP IDENTITY; CREATE SEQUENCE down INCREMENT -1 START -1 MINVALUE -1000000; ALTER TABLE tag ALTER id SET DEFAULT nextval('down')",
        "ALTER TABLE tag ALTER id DROP IDENTITY; CREATE SEQUENCE up START 100; ALTER TABLE tag ALTER id SET DEFAULT nextval('up') * 7919 % 10007",
        "ALTER TABLE tag ALTER id DROP IDENTITY; ALTER TABLE tag ALTER id SET DEFAULT (random() * 1000000000)::bigint + 1000",
    ];
    for way in ways {
        let (database, app) = blog(Backend::Postgres).await;
        run(&database, &[way]).await;
        let new = (0..20).map(|at| {
            let post = format!(r#"title: "P{at}", slug: "p{at}", body: "B", authorId: 2"#);
            format!(r#"{{ name: "t{at}", posts: {{ create: [{{ {post} }}] }} }}"#)
        });
        let new = new.collect::<Vec<_>>().join(", ");
        let document =
            format!("mutation {{ createTags(inputs: [{new}]) {{ name posts {{ title }} }} }}");
        let answer = ask(&app, &document).await;
        let expected = (0..20).map(
            |at| json!({ "name": format!("t{at}"), "posts": [{ "title": format!("P{at}") }] }),
        );
        let expected: Vec<_> = expected.collect();
        assert_eq!(
            answer["data"]["createTags"],
            json!(expected),
            "{way}: {answer}"
        );
    }
}

/// A trigger may leave rows out without a word. Those that are made are not taken for them, and nothing is done.
#[tokio::test]
async fn rows_that_a_trigger_leaves_out_are_refused() {
    let tag = |name: &str, post: &str| {
        let post = format!(r#"title: "{post}", slug: "{post}", body: "B", authorId: 2"#);
        format!(r#"{{ name: "{name}", posts: {{ create: [{{ {post} }}] }} }}"#)
    };
    let cases = [
        (
            format!(
                "createTags(inputs: [{}, {}, {}])",
                tag("a", "x"),
                tag("spam", "y"),
                tag("b", "z")
            ),
            "inputs",
        ),
        (format!("createTag(input: {})", tag("spam", "x")), "input"),
        (r#"createTag(input: { name: "spam" })"#.to_owned(), "input"),
        (
            r#"updatePost(id: 1, input: { tags: { create: [{ name: "spam" }] } })"#.to_owned(),
            "input.tags.create.0",
        ),
    ];
    for backend in Backend::all() {
        let (database, app) = blog(backend).await;
        let leaves_out: &[&str] = match backend {
            Backend::Sqlite => &[
                "CREATE TRIGGER spam BEFORE INSERT ON tag WHEN NEW.name = 'spam' BEGIN SELECT RAISE(IGNORE); END",
            ],
            Backend::Postgres => &[
                "CREATE FUNCTION spam() RETURNS trigger LANGUAGE plpgsql AS
                    $$ BEGIN IF NEW.name = 'spam' THEN RETURN NULL; END IF; RETURN NEW; END $$",
                "CREATE TRIGGER spam BEFORE INSERT ON tag FOR EACH ROW EXECUTE FUNCTION spam()",
            ],
        };
        run(&database, leaves_out).await;
        let there = "{ tagsAggregate { count } postsAggregate { count } }";
        let before = ask(&app, there).await;
        for (field, place) in &cases {
            let answer = ask(&app, &format!("mutation {{ it: {field} {{ id }} }}")).await;
            let errors = json!([{
                "message": "the database refuses this tag",
                "locations": [{ "line": 1, "column": 12 }],
                "path": ["it"],
                "extensions": { "code": "CONFLICT", "field": place },
            }]);
            assert_eq!(answer["errors"], errors, "{backend:?} {field}: {answer}");
            assert_eq!(
                ask(&app, there).await["data"],
                before["data"],
                "{backend:?} {field}"
            );
        }
    }
}
