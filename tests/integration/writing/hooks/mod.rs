//! SeaORM's own hooks: they run for each row that is written, on the transaction that writes it.

mod entities;

use backref::Graph;
use entities::{article, audit, label, labelled, mark, note};
use sea_orm::{ConnectionTrait, DbBackend};
use serde_json::{Value, json};

use super::somebody;
use crate::harness::{Answer, Backend, TestApp, TestDatabase};

fn plain() -> Graph {
    Graph::new()
        .entity(article::Entity)
        .entity(note::Entity)
        .entity(mark::Entity)
        .entity(label::Entity)
        .entity(labelled::Entity)
        .entity(audit::Entity)
}

fn graph() -> Graph {
    plain()
        .hooks(article::Entity)
        .made_by_hooks(article::Column::Slug)
        .hooks(note::Entity)
        .hooks(mark::Entity)
        .hooks(labelled::Entity)
}

async fn database(backend: Backend) -> TestDatabase {
    let database = TestDatabase::empty(backend).await;
    let connection = &database.connection;
    let (key, types) = match connection.get_database_backend() {
        DbBackend::Postgres => (
            "serial PRIMARY KEY",
            [
                "numeric(10, 2)",
                "timestamptz",
                "date",
                "jsonb",
                "uuid",
                "bytea",
                "double precision",
            ],
        ),
        _ => (
            "integer PRIMARY KEY AUTOINCREMENT",
            [
                "real_decimal(10, 2)",
                "timestamp_with_timezone_text",
                "date_text",
                "json_text",
                "uuid_text",
                "blob",
                "double",
            ],
        ),
    };
    let [decimal, moment, date, json, uuid, bytes, double] = types;
    let stage = match backend {
        Backend::Postgres => "stage",
        Backend::Sqlite => "text",
    };
    let statements = [
        format!(
            "CREATE TABLE article (id {key}, title varchar NOT NULL, slug varchar NOT NULL UNIQUE, stage {stage},
             price {decimal}, made_at {moment}, changed_at {moment}, day {date}, seen boolean, data {json}, uid {uuid},
             bytes {bytes}, big bigint, small smallint, ratio {double})"
        ),
        format!(
            "CREATE TABLE note (id {key}, body varchar NOT NULL,
             article_id integer NOT NULL REFERENCES article (id) ON DELETE CASCADE)"
        ),
        "CREATE TABLE mark (name varchar PRIMARY KEY, article_id integer REFERENCES article (id) ON DELETE SET NULL)"
            .to_owned(),
        "CREATE TABLE label (name varchar PRIMARY KEY)".to_owned(),
        "CREATE TABLE labelled (article_id integer NOT NULL REFERENCES article (id) ON DELETE CASCADE,
         label_name varchar NOT NULL REFERENCES label (name) ON DELETE CASCADE, PRIMARY KEY (article_id, label_name))"
            .to_owned(),
        format!("CREATE TABLE audit (id {key}, what varchar NOT NULL)"),
    ];
    if backend == Backend::Postgres {
        let stage = "CREATE TYPE stage AS ENUM ('draft', 'out')";
        let done = connection.execute_unprepared(stage).await;
        done.expect("a type");
    }
    for statement in statements {
        let done = connection.execute_unprepared(&statement).await;
        done.unwrap_or_else(|e| panic!("{statement}: {e}"));
    }
    database
}

async fn app(backend: Backend) -> (TestDatabase, TestApp) {
    let database = database(backend).await;
    let app = TestApp::new(&database, graph(), Default::default());
    (database, app)
}

async fn ask(app: &TestApp, query: &str) -> Answer {
    app.ask(&somebody("anybody", 1), query, &json!({})).await
}

async fn data(app: &TestApp, query: &str) -> Value {
    ask(app, query).await.data()
}

/// What hooks have written down, in its order.
async fn audits(app: &TestApp) -> Vec<String> {
    let found = data(app, "{ audits(limit: 100) { what } }").await;
    let rows = found["audits"].as_array().expect("a list").iter();
    rows.map(|row| row["what"].as_str().expect("a text").to_owned())
        .collect()
}

/// Everything there is.
async fn content(app: &TestApp) -> Value {
    let all = "{ articles(limit: 100) { id title slug } notes(limit: 100) { id body } marks(limit: 100) { id article { title } }
        labels(limit: 100) { id articles { title } } audits(limit: 100) { what } }";
    data(app, all).await
}

#[tokio::test]
async fn a_hook_makes_a_slug_and_another_writes_down_what_was_done() {
    for backend in Backend::all() {
        let (_database, app) = app(backend).await;
        let made = data(
            &app,
            r#"mutation { createArticle(input: { title: "Big News", notes: { create: [{ body: "n" }] } }) { slug notes { body } } }"#,
        )
        .await;
        assert_eq!(
            made["createArticle"],
            json!({ "slug": "big-news", "notes": [{ "body": "n" }] }),
            "{backend:?}"
        );
        let changed = data(
            &app,
            r#"mutation { updateArticle(id: "Article:1", input: { title: "Old News" }) { title slug } }"#,
        )
        .await;
        assert_eq!(
            changed["updateArticle"],
            json!({ "title": "Old News", "slug": "old-news" }),
            "{backend:?}"
        );
        assert_eq!(
            audits(&app).await,
            ["made big-news", "changed old-news"],
            "{backend:?}"
        );
    }
}

/// Of every type: the hook that runs last compares what it was given with what it finds.
#[tokio::test]
async fn hooks_have_values_of_every_type() {
    let all = r#"stage: DRAFT, price: "12.34", madeAt: "2024-02-29T12:00:00.123Z", changedAt: "2024-02-29T12:00:00Z",
        day: "2024-02-29", seen: true, data: { a: [1, null] }, uid: "0188f7c2-1111-4222-8333-444455556666",
        bytes: "00ff", big: "9007199254740993", small: 7, ratio: 0.5"#;
    let fields = "stage price madeAt changedAt day seen data uid bytes big small ratio";
    for backend in Backend::all() {
        let (_database, app) = app(backend).await;
        let create = format!(
            "mutation {{ createArticle(input: {{ title: \"All\", {all} }}) {{ {fields} }} }}"
        );
        let made = data(&app, &create).await["createArticle"].clone();
        assert_eq!(
            made["uid"], "0188f7c2-1111-4222-8333-444455556666",
            "{backend:?}"
        );
        let same = data(
            &app,
            &format!("mutation {{ updateArticle(id: \"Article:1\", input: {{ title: \"Same\" }}) {{ {fields} }} }}"),
        )
        .await;
        assert_eq!(same["updateArticle"], made, "{backend:?}");
        let none = data(
            &app,
            &format!("mutation {{ updateArticle(id: \"Article:1\", input: {{ price: null, madeAt: null, uid: null, stage: null, small: null, data: null }}) {{ {fields} }} }}"),
        )
        .await;
        assert_eq!(none["updateArticle"]["price"], Value::Null, "{backend:?}");
        assert_eq!(
            audits(&app).await,
            ["made all", "changed same", "changed same"],
            "{backend:?}"
        );
    }
}

#[tokio::test]
async fn a_hook_sees_what_an_earlier_field_wrote() {
    let create = r#"mutation {
        a: createArticle(input: { title: "One" }) { slug }
        b: createArticle(input: { title: "One" }) { slug }
        c: createArticles(inputs: [{ title: "Two" }, { title: "Three" }]) { slug } }"#;
    for backend in Backend::all() {
        let (_database, app) = app(backend).await;
        let made = data(&app, create).await;
        assert_eq!(
            made,
            json!({ "a": { "slug": "one" }, "b": { "slug": "one-2" }, "c": [{ "slug": "two" }, { "slug": "three" }] }),
            "{backend:?}"
        );
    }
}

#[tokio::test]
async fn a_hook_that_refuses_leaves_no_trace() {
    let refused = [
        (
            r#"createArticle(input: { title: "before" }) { id }"#,
            "no title is `before`",
            "input",
        ),
        (
            r#"createArticle(input: { title: "after" }) { id }"#,
            "no title is `after`",
            "input",
        ),
        (
            r#"createArticles(inputs: [{ title: "fine" }, { title: "before" }]) { id }"#,
            "no title is `before`",
            "inputs.1",
        ),
        (
            r#"updateArticle(id: "Article:1", input: { title: "after" }) { id }"#,
            "no title is `after`",
            "id",
        ),
        (
            r#"deleteNote(id: "Note:1") { id }"#,
            "this note is kept",
            "id",
        ),
        (
            r#"deleteNote(id: "Note:2") { id }"#,
            "this note was kept",
            "id",
        ),
        (
            r#"deleteArticle(id: "Article:1") { id }"#,
            "this note is kept",
            "id",
        ),
    ];
    for backend in Backend::all() {
        let (_database, app) = app(backend).await;
        data(
            &app,
            r#"mutation { createArticle(input: { title: "Old", notes: { create: [{ body: "keep" }, { body: "late" }] } }) { id } }"#,
        )
        .await;
        let before = content(&app).await;
        for (field, why, at) in refused {
            let query =
                format!("mutation {{ createLabel(input: {{ id: \"x\" }}) {{ id }} {field} }}");
            let answer = ask(&app, &query).await;
            let error = &answer.json()["errors"][0];
            assert_eq!(answer.json()["data"], Value::Null, "{backend:?} {field}");
            assert_eq!(error["message"], why, "{backend:?} {field}");
            assert_eq!(
                error["extensions"]["code"], "BAD_USER_INPUT",
                "{backend:?} {field}"
            );
            assert_eq!(error["extensions"]["field"], at, "{backend:?} {field}");
            assert_eq!(content(&app).await, before, "{backend:?} {field}");
        }
    }
}

/// Neither of what hooks say nor of what a database says more than an id is told.
#[tokio::test]
async fn what_goes_wrong_in_a_hook_is_told_to_nobody() {
    for backend in Backend::all() {
        let (_database, app) = app(backend).await;
        data(
            &app,
            r#"mutation { createArticle(input: { title: "First" }) { id } }"#,
        )
        .await;
        let before = content(&app).await;
        for title in ["broken", "twice"] {
            let answer = ask(
                &app,
                &format!("mutation {{ createArticle(input: {{ title: \"{title}\" }}) {{ id }} }}"),
            )
            .await;
            assert_eq!(
                answer.code(),
                "INTERNAL_SERVER_ERROR",
                "{backend:?}: {}",
                answer.text
            );
            assert!(!answer.text.contains("secret"), "{}", answer.text);
            assert_eq!(content(&app).await, before, "{backend:?} {title}");
        }
    }
}

#[tokio::test]
async fn what_goes_with_a_row_has_its_hooks_run_while_all_is_there() {
    for backend in Backend::all() {
        let (_database, app) = app(backend).await;
        data(
            &app,
            r#"mutation { createArticle(input: { title: "Old", notes: { create: [{ body: "a" }, { body: "b" }] },
                marks: { create: [{ id: "m" }] }, labels: { create: [{ id: "l" }] } }) { id } }"#,
        )
        .await;
        assert_eq!(
            audits(&app).await,
            ["made old", "made m true", "labelled l"],
            "{backend:?}"
        );
        data(
            &app,
            r#"mutation { deleteArticle(id: "Article:1") { id } }"#,
        )
        .await;
        let mut then = audits(&app).await.split_off(3);
        let last = then.pop();
        assert_eq!(last.as_deref(), Some("changed m false"), "{backend:?}");
        let before = then.iter().position(|what| what == "a has gone");
        let leaves = then.iter().position(|what| what == "b leaves Old");
        assert!(leaves < before, "{backend:?}: {then:?}");
        then.sort();
        let all = [
            "a has gone",
            "a leaves Old",
            "b has gone",
            "b leaves Old",
            "no longer l",
        ];
        assert_eq!(then, all, "{backend:?}");
    }
}

#[tokio::test]
async fn links_have_hooks_when_they_are_made_and_taken_away() {
    for backend in Backend::all() {
        let (_database, app) = app(backend).await;
        data(
            &app,
            r#"mutation { createArticle(input: { title: "A", labels: { create: [{ id: "x" }, { id: "y" }] } }) { id } }"#,
        )
        .await;
        data(
            &app,
            r#"mutation { updateArticle(id: "Article:1", input: { labels: { connect: ["Label:x"], disconnect: ["Label:y"] } }) { id } }"#,
        )
        .await;
        assert_eq!(
            audits(&app).await,
            ["made a", "labelled x", "labelled y", "no longer y"],
            "{backend:?}"
        );
    }
}

/// The row that is there is changed, so its hooks run for that, too.
#[tokio::test]
async fn an_upsert_has_the_hooks_of_what_it_comes_to() {
    let upsert =
        r#"mutation { upsertMark(create: { id: "m" }, update: { article: null }, on: ID) { id } }"#;
    for backend in Backend::all() {
        let (_database, app) = app(backend).await;
        data(&app, upsert).await;
        data(&app, r#"mutation { createArticle(input: { title: "A", marks: { connect: ["Mark:m"] } }) { id } }"#).await;
        data(&app, upsert).await;
        assert_eq!(
            audits(&app).await,
            [
                "made m false",
                "made a",
                "changed m true",
                "changed m false"
            ],
            "{backend:?}"
        );
    }
}

#[tokio::test]
async fn a_hook_may_have_nothing_be_changed() {
    for backend in Backend::all() {
        let (_database, app) = app(backend).await;
        data(
            &app,
            r#"mutation { createArticles(inputs: [{ title: "A" }, { title: "B" }]) { id } }"#,
        )
        .await;
        let changed = data(
            &app,
            r#"mutation { updateArticle(id: "Article:1", input: { title: "Quiet" }) { title }
                updateArticles(where: { title: { eq: "B" } }, input: { title: "C" }) { count nodes { slug } } }"#,
        )
        .await;
        assert_eq!(changed["updateArticle"]["title"], "A", "{backend:?}");
        assert_eq!(
            changed["updateArticles"],
            json!({ "count": 1, "nodes": [{ "slug": "c" }] })
        );
        assert_eq!(
            audits(&app).await,
            ["made a", "made b", "changed c"],
            "{backend:?}"
        );
    }
}

/// What hooks ask themselves apart, statements follow from the input and not from rows.
#[tokio::test]
async fn hooks_cost_statements_that_are_known() {
    let create = "mutation($inputs: [ArticleCreate!]!) { createArticles(inputs: $inputs) { id } }";
    let update = r#"mutation { updateArticles(where: { title: { contains: "x" } }, input: { seen: true }) { count } }"#;
    let delete = r#"mutation { deleteArticles(where: { title: { contains: "x" } }) { count } }"#;
    for backend in Backend::all() {
        let (_database, app) = app(backend).await;
        let mut costs = Vec::new();
        for count in [2, 12] {
            let inputs: Vec<_> = (0..count)
                .map(|n| {
                    let notes = json!({ "create": [{ "body": "n" }] });
                    json!({ "title": format!("x{count} {n}x"), "notes": notes })
                })
                .collect();
            let mut cost = Vec::new();
            for query in [create, update, delete] {
                let answer = app
                    .ask(&somebody("anybody", 1), query, &json!({ "inputs": inputs }))
                    .await;
                answer.data();
                let told = answer.json()["extensions"]["backref"].clone();
                let ran = told["statements"].as_array().expect("statements").iter();
                let own = ran
                    .filter(|ran| !ran.to_string().contains("(hook)"))
                    .count();
                let bound = told["bound"]["statements"].as_u64().expect("a bound");
                assert!(own as u64 <= bound, "{backend:?} {query}: {own} > {bound}");
                cost.push(own);
            }
            costs.push(cost);
        }
        assert_eq!(costs[0], costs[1], "{backend:?}");
    }
}

/// Whether the graph says so or not: an entity whose hooks do nothing is written as it was, and read once more.
#[tokio::test]
async fn hooks_that_do_nothing_change_nothing() {
    let create = r#"mutation { createLabels(inputs: [{ id: "a" }, { id: "b" }]) { id } }"#;
    for backend in Backend::all() {
        let mut ran = Vec::new();
        for graph in [plain(), plain().hooks(label::Entity)] {
            let database = database(backend).await;
            let app = TestApp::new(&database, graph, Default::default());
            let answer = ask(&app, create).await;
            assert_eq!(
                answer.data()["createLabels"],
                json!([{ "id": "Label:a" }, { "id": "Label:b" }])
            );
            let told = &answer.json()["extensions"]["backref"]["statements"];
            ran.push(told.as_array().expect("statements").len());
        }
        assert_eq!(ran[0] + 1, ran[1], "{backend:?}");
    }
}

#[test]
fn what_hooks_cannot_be_of_is_told_at_the_start() {
    let without = plain().made_by_hooks(article::Column::Slug).build();
    let why = without.expect_err("no hooks").to_string();
    assert!(why.contains("needs `.hooks("), "{why}");
    let absent = Graph::new()
        .entity(label::Entity)
        .entity(labelled::Entity)
        .entity(article::Entity);
    let why = absent
        .hooks(note::Entity)
        .build()
        .expect_err("no note")
        .to_string();
    assert!(why.contains("`note`"), "{why}");
}

/// SQLite would keep a number that is none of the column's type.
#[tokio::test]
async fn numbers_are_within_what_their_column_declares() {
    let create =
        "mutation($small: Int) { createArticle(input: { title: \"T\", small: $small }) { small } }";
    let update =
        "mutation($small: Int) { updateArticle(id: 1, input: { small: $small }) { small } }";
    let upsert = "mutation($small: Int) { upsertArticle(create: { title: \"T\", slug: \"t\", small: $small },
        update: { small: $small }, on: SLUG) { small } }";
    for backend in Backend::all() {
        let (_database, app) = app(backend).await;
        for query in [create, update, upsert] {
            for within in [-32768, 32767] {
                let small = json!({ "small": within });
                let made = app.ask(&somebody("anybody", 1), query, &small).await.data();
                let made = made.as_object().and_then(|data| data.values().next());
                assert_eq!(made, Some(&small), "{backend:?}: {query}");
            }
            for beyond in [-32769, 32768, 40000] {
                let small = json!({ "small": beyond });
                let answer = app.ask(&somebody("anybody", 1), query, &small).await;
                assert_eq!(
                    answer.code(),
                    "BAD_USER_INPUT",
                    "{backend:?}: {}",
                    answer.text
                );
                let message = "`small` holds whole numbers from -32768 to 32767; this is";
                assert!(
                    answer.message().starts_with(message),
                    "{backend:?}: {}",
                    answer.text
                );
            }
        }
    }
}
