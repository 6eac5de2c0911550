//! Rows that are made, or changed where they are there: by one statement where that tells enough.

use backref::Graph;
use backref::graph::policy::Rule;
use entity::user::Role;
use entity::{post, tag, user};
use serde_json::{Value, json};

use super::{blog, content, somebody};
use crate::harness::{Answer, Backend, TestApp, TestDatabase};

async fn blog_of(backend: Backend, graph: Graph) -> (TestDatabase, TestApp) {
    let (database, _) = blog(backend).await;
    let app = TestApp::new(&database, graph, Default::default());
    (database, app)
}

/// Asks as an author whose posts are the first two.
async fn as_author(app: &TestApp, query: &str) -> Answer {
    app.ask(&somebody("author", 2), query, &json!({})).await
}

async fn as_admin(app: &TestApp, query: &str) -> Answer {
    app.ask(&somebody("admin", 1), query, &json!({})).await
}

/// What ran: the first word of each statement, and the bound on their number.
fn ran(answer: &Answer) -> (Vec<String>, u64) {
    let cost = &answer.json()["extensions"]["backref"];
    let statements = cost["statements"].as_array().expect("statements");
    let first = |of: &Value| {
        let sql = of["sql"].as_str().unwrap_or_default();
        sql.split(' ').next().unwrap_or_default().to_owned()
    };
    let bound = cost["bound"]["statements"].as_u64().expect("a bound");
    (statements.iter().map(first).collect(), bound)
}

/// The first error: its code, its text and its place.
fn error(answer: &Answer) -> [String; 3] {
    let error = &answer.json()["errors"][0];
    let text = |of: &Value| of.as_str().unwrap_or_default().to_owned();
    let extensions = &error["extensions"];
    [
        text(&extensions["code"]),
        text(&error["message"]),
        text(&extensions["field"]),
    ]
}

fn put(slug: &str, create: &str, update: &str) -> String {
    format!(
        r#"mutation {{ upsertPost(create: {{ title: "New", slug: "{slug}", body: "B" {create} }}, update: {{ {update} }}, on: SLUG) {{
        id title version updatedAt createdAt }} }}"#
    )
}

#[tokio::test]
async fn a_row_is_made_or_changed_by_one_statement() {
    for backend in Backend::all() {
        let (_database, app) = blog(backend).await;
        let mut rows = Vec::new();
        for _ in 0..2 {
            let answer = as_admin(&app, &put("fresh", "", r#"title: "Changed""#)).await;
            let row = answer.data()["upsertPost"].clone();
            // It is written, and read: where nothing is hidden or forbidden, it is always one of the two.
            let expected = (vec!["INSERT".to_owned(), "SELECT".to_owned()], 2);
            assert_eq!(ran(&answer), expected, "{backend:?}: {}", answer.text);
            rows.push(row);
        }
        let [made, changed] = &rows[..] else {
            panic!("two rows")
        };
        assert_eq!(made["id"], changed["id"], "{backend:?}");
        assert_eq!(made["createdAt"], changed["createdAt"], "{backend:?}");
        assert_ne!(made["updatedAt"], changed["updatedAt"], "{backend:?}");
        let told = |row: &Value| [row["title"].clone(), row["version"].clone()];
        assert_eq!(told(made), [json!("New"), json!(1)], "{backend:?}");
        assert_eq!(told(changed), [json!("Changed"), json!(2)], "{backend:?}");
        // A later field refers to it, and a null is written.
        let query = r#"mutation {
            a: upsertPost(create: { as: "p", title: "T", slug: "fresh", body: "B" }, update: { publishedAt: null, author: { connect: "User:3" } }, on: SLUG) { id author { id } }
            b: createComment(input: { body: "C", post: { connect: "new:p" } }) { post { id version } } }"#;
        let both = as_admin(&app, query).await.data();
        assert_eq!(both["a"]["author"]["id"], "User:3", "{backend:?}");
        let post = json!({ "id": made["id"], "version": 3 });
        assert_eq!(both["b"]["post"], post, "{backend:?}");
    }
}

/// What is to be the same of either is asked of the row that there is then.
#[tokio::test]
async fn a_rule_for_either_is_one_statement_more() {
    for backend in Backend::all() {
        let (database, app) = blog(backend).await;
        for slug in ["fresh", "fresh", "post-2"] {
            let answer = as_author(&app, &put(slug, "", r#"title: "Changed""#)).await;
            answer.data();
            let expected = ["INSERT", "SELECT", "SELECT"].map(str::to_owned).to_vec();
            assert_eq!(ran(&answer), (expected, 4), "{backend:?}: {}", answer.text);
        }
        let before = content::dump(&database).await;
        let there = "you may not change the post that is there";
        let taken = "this `slug` is taken; choose another";
        let so = "you may not create or change such a post";
        for (slug, create, update, code, message, field) in [
            // Of another, and seen.
            ("post-3", "", r#"title: "T""#, "FORBIDDEN", there, "create"),
            // Of another, and hidden.
            (
                "post-4",
                "",
                r#"title: "T""#,
                "CONFLICT",
                taken,
                "create.slug",
            ),
            // His own, which he may not give away.
            (
                "post-1",
                "",
                r#"authorId: "User:3""#,
                "FORBIDDEN",
                so,
                "create",
            ),
            (
                "newer",
                r#"authorId: "User:3""#,
                r#"title: "T""#,
                "FORBIDDEN",
                so,
                "create",
            ),
        ] {
            let answer = as_author(&app, &put(slug, create, update)).await;
            assert_eq!(
                error(&answer),
                [code, message, field],
                "{backend:?}: {slug}"
            );
        }
        assert_eq!(before, content::dump(&database).await, "{backend:?}");
    }
}

/// Where nothing is to change, nothing is written.
#[tokio::test]
async fn a_row_of_which_nothing_is_to_change_stays_as_it_is() {
    // Nobody makes such posts any more; those that are there are found.
    let graph = || {
        backref::blog::graph().create_policy(post::Entity, |_, post| {
            post.is(post::Column::Status, post::Status::Archived)
        })
    };
    for backend in Backend::all() {
        let (database, app) = blog_of(backend, graph()).await;
        let before = content::dump(&database).await;
        let answer = as_admin(&app, &put("post-1", "", "")).await;
        let row = &answer.data()["upsertPost"];
        assert_eq!(row["title"], "Post 1", "{backend:?}");
        assert_eq!(row["version"], 1, "{backend:?}");
        let (ran, bound) = ran(&answer);
        assert_eq!(ran, ["INSERT", "SELECT", "SELECT"], "{backend:?}");
        assert_eq!(bound, 4, "{backend:?}");
        let made = as_admin(&app, &put("newer", "", "")).await;
        let told = "you may not create such a post";
        assert_eq!(error(&made), ["FORBIDDEN", told, "create"], "{backend:?}");
        assert_eq!(before, content::dump(&database).await, "{backend:?}");
    }
}

#[tokio::test]
async fn a_value_that_another_has_is_told_of_one_statement_too() {
    let upsert = |username: &str, create: &str, update: &str| {
        format!(
            r#"mutation {{ upsertUser(create: {{ username: "{username}", name: "N", email: "{create}@example.org" }},
            update: {{ email: "{update}@example.org" }}, on: USERNAME) {{ id email }} }}"#
        )
    };
    for backend in Backend::all() {
        let (database, app) = blog(backend).await;
        let before = content::dump(&database).await;
        for (query, place) in [
            (upsert("user2", "other", "user3"), "update.email"),
            (upsert("new", "user3", "other"), "create.email"),
        ] {
            let answer = as_admin(&app, &query).await;
            let told = ["CONFLICT", "this `email` is taken; choose another", place];
            assert_eq!(error(&answer), told, "{backend:?}: {query}");
        }
        assert_eq!(before, content::dump(&database).await, "{backend:?}");
        // What the new one would have, the one that is there need not be able to have.
        let found = as_admin(&app, &upsert("user2", "user3", "two"))
            .await
            .data();
        let row = json!({ "id": "User:2", "email": "two@example.org" });
        assert_eq!(found["upsertUser"], row, "{backend:?}");
    }
}

/// Of a row that is made its own columns are asked, and of one that is there those that change.
#[tokio::test]
async fn rules_of_columns_are_asked_of_what_is_written() {
    let graph = || {
        backref::blog::graph().column_write_policy(post::Column::Body, |_, post| {
            post.is(post::Column::Status, post::Status::Draft)
        })
    };
    let published = ", status: PUBLISHED";
    let either = |create: &str| {
        format!(
            r#"mutation {{ createComment(input: {{ body: "C", post: {{ connectOrCreate: {{ on: SLUG, create: {{ {create} }} }} }} }}) {{ id }} }}"#
        )
    };
    for backend in Backend::all() {
        let (database, app) = blog_of(backend, graph()).await;
        for (query, field) in [
            // Published is the first, and a draft the second.
            (put("post-1", "", r#"title: "T""#), None),
            (
                put("post-1", "", r#"title: "T", body: "C""#),
                Some("create"),
            ),
            (put("post-2", "", r#"body: "C""#), None),
            (put("post-2", published, r#"body: "C""#), None),
            (
                put("post-2", "", r#"body: "C", status: PUBLISHED"#),
                Some("create.body"),
            ),
            (put("a", "", r#"title: "T""#), None),
            (put("b", published, r#"title: "T""#), Some("create.body")),
            (put("c", "", r#"body: "C""#), None),
            (put("d", published, r#"body: "C""#), Some("create.body")),
            (either(r#"title: "T", slug: "post-1", body: "B""#), None),
            (either(r#"title: "T", slug: "e", body: "B""#), None),
            (
                either(r#"title: "T", slug: "f", body: "B", status: PUBLISHED"#),
                Some("input.post.connectOrCreate.create.body"),
            ),
        ] {
            let before = content::dump(&database).await;
            let answer = as_admin(&app, &query).await;
            match field {
                None => drop(answer.data()),
                Some(field) => {
                    let [code, _, place] = error(&answer);
                    assert_eq!(
                        [&*code, &*place],
                        ["FORBIDDEN", field],
                        "{backend:?}: {query}"
                    );
                    assert_eq!(before, content::dump(&database).await, "{query}");
                }
            }
        }
    }
}

/// By a value that is hidden from him nobody finds a row.
#[tokio::test]
async fn a_key_that_is_hidden_finds_nothing() {
    let hidden = || {
        backref::blog::graph()
            .column_policy(post::Column::Slug, |me, _| Rule::when(me.has(Role::Admin)))
            .column_policy(tag::Column::Name, |_, tag| tag.is(tag::Column::Id, 1).not())
            .column_policy(user::Column::Username, |_, user| {
                user.is(user::Column::Id, 3).not()
            })
    };
    let linked = r#"mutation { createComment(input: { body: "C", post: { connectOrCreate: { on: SLUG,
        create: { title: "T", slug: "SLUG", body: "B" } } } }) { id } }"#;
    let tagged = |name: &str| {
        format!(
            r#"mutation {{ upsertTag(create: {{ name: "{name}" }}, update: {{ name: "x{name}" }}, on: NAME) {{ id }} }}"#
        )
    };
    let by = |name: &str| {
        format!(
            r#"mutation {{ createComment(input: {{ body: "C", postId: "Post:1", author: {{ connectOrCreate: {{ on: USERNAME,
            create: {{ username: "{name}", name: "N", email: "n@example.org" }} }} }} }}) {{ author {{ id }} }} }}"#
        )
    };
    for backend in Backend::all() {
        let (database, app) = blog_of(backend, hidden()).await;
        let before = content::dump(&database).await;
        let filter = r#"{ posts(where: { slug: { eq: "post-1" } }) { id } }"#;
        let [code, message, _] = error(&as_author(&app, filter).await);
        assert_eq!(code, "FORBIDDEN", "{backend:?}");
        // Whether there is one, and whose it is, is all the same.
        for slug in ["post-1", "post-4", "none"] {
            let upsert = as_author(&app, &put(slug, "", r#"title: "T""#)).await;
            assert_eq!(
                error(&upsert),
                [&*code, &*message, "on"],
                "{backend:?}: {slug}"
            );
            let link = as_author(&app, &linked.replace("SLUG\"", &format!("{slug}\""))).await;
            let place = "input.post.connectOrCreate.on";
            assert_eq!(
                error(&link),
                [&*code, &*message, place],
                "{backend:?}: {slug}"
            );
        }
        // Where it is hidden in some rows, those are not found, and their values are taken.
        let taken = as_admin(&app, &tagged("tag1")).await;
        assert_eq!(error(&taken)[0], "CONFLICT", "{backend:?}: {}", taken.text);
        let taken = as_admin(&app, &by("user3")).await;
        assert_eq!(error(&taken)[0], "CONFLICT", "{backend:?}: {}", taken.text);
        assert_eq!(before, content::dump(&database).await, "{backend:?}");
        let found = as_admin(&app, &tagged("tag2")).await.data();
        assert_eq!(found["upsertTag"]["id"], "Tag:2", "{backend:?}");
        let found = as_admin(&app, &by("user2")).await.data();
        assert_eq!(
            found["createComment"]["author"]["id"], "User:2",
            "{backend:?}"
        );
    }
}
