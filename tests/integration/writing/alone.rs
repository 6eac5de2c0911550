//! A row that is all of a field, and is only changed, is not looked for first: its update finds it, asks the rules and compares the
//! version. It tells the same as where it is looked for, which it is where fields of one's own are read of it.

use backref::Graph;
use backref::graph::Principal;
use backref::graph::own::Needs;
use backref::graph::policy::Rule;
use entity::{comment, post, tag, user};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use super::{content, somebody};
use crate::generate;
use crate::harness::{Answer, Backend, TestApp, TestDatabase};

/// The blog, where rows have fields of one's own, and tags that are called `tag1` or `tag3` are everybody's.
fn graph() -> Graph {
    backref::blog::graph()
        .field(
            post::Entity,
            "loud",
            Needs::columns([post::Column::Title]),
            |post, _| Ok(post.get::<String>(post::Column::Title)?.to_uppercase()),
        )
        .field(
            user::Entity,
            "loud",
            Needs::columns([user::Column::Name]),
            |user, _| Ok(user.get::<String>(user::Column::Name)?.to_uppercase()),
        )
        .field(
            tag::Entity,
            "loud",
            Needs::columns([tag::Column::Name]),
            |tag, _| Ok(tag.get::<String>(tag::Column::Name)?.to_uppercase()),
        )
        .field(
            comment::Entity,
            "loud",
            Needs::columns([comment::Column::Body]),
            |comment, _| Ok(comment.get::<String>(comment::Column::Body)?.to_uppercase()),
        )
        .update_policy(tag::Entity, |me, tag| {
            let [one, other] = ["tag1", "tag3"].map(|name| tag.is(tag::Column::Name, name));
            one.or(other).or(Rule::when(me.has(user::Role::Admin)))
        })
}

async fn filled(backend: Backend) -> (TestDatabase, TestApp) {
    let database = TestDatabase::migrated(backend).await;
    generate::insert(&database.connection, &content::data()).await;
    content::number_from(&database, 1000).await;
    let app = TestApp::new(&database, graph(), Default::default());
    (database, app)
}

/// What is changed, what is read of it, and the field of one's own with which it is looked for first.
const CHANGES: &[(&str, &str, &str, &str)] = &[
    (
        "updatePost",
        r#"id: "Post:1", input: { title: "A" }"#,
        "id title version author { name }",
        "loud",
    ),
    (
        "updatePost",
        r#"id: "Post:1", input: { title: "B" }, expectedVersion: 2"#,
        "title version",
        "loud",
    ),
    // It is of another version by then, or was never of this one.
    (
        "updatePost",
        r#"id: "Post:1", input: { title: "C" }, expectedVersion: 2"#,
        "title version",
        "loud",
    ),
    (
        "updatePost",
        r#"id: "Post:2", input: { title: "C" }, expectedVersion: 7"#,
        "title",
        "loud",
    ),
    (
        "updatePost",
        r#"id: "Post:4", input: { title: "C" }, expectedVersion: 7"#,
        "title",
        "loud",
    ),
    (
        "updatePost",
        r#"id: "Post:2", input: { status: PUBLISHED, publishedAt: null }"#,
        "status publishedAt",
        "loud",
    ),
    (
        "updatePost",
        r#"id: "Post:2", input: { slug: "post-1" }"#,
        "slug",
        "loud",
    ),
    (
        "updatePost",
        r#"id: "Post:4", input: { slug: "post-1" }"#,
        "slug",
        "loud",
    ),
    (
        "updatePost",
        r#"id: "Post:999", input: { slug: "post-1" }, expectedVersion: 1"#,
        "slug",
        "loud",
    ),
    (
        "updatePost",
        r#"id: "Post:3", input: { title: "D", author: { connect: "User:2" } }"#,
        "author { id }",
        "loud",
    ),
    (
        "updatePost",
        r#"id: "Post:1", input: { title: "E", author: { connect: "User:3" } }"#,
        "author { id }",
        "loud",
    ),
    (
        "updatePost",
        r#"id: "Post:6", input: { title: "F", tags: { connect: ["Tag:2"] } }"#,
        "title tags { id }",
        "loud",
    ),
    (
        "updatePost",
        r#"id: "Post:1", input: {}"#,
        "title version",
        "loud",
    ),
    (
        "updateUser",
        r#"id: "User:2", input: { name: "N" }"#,
        "name email",
        "loud",
    ),
    (
        "updateUser",
        r#"id: "User:3", input: { name: "N" }"#,
        "name email",
        "loud",
    ),
    (
        "updateUser",
        r#"id: "User:2", input: { name: "M", role: ADMIN }"#,
        "name role",
        "loud",
    ),
    (
        "updateUser",
        r#"id: "User:2", input: { username: "user3" }"#,
        "username",
        "loud",
    ),
    (
        "updateUser",
        r#"id: "User:77", input: { username: "user3" }"#,
        "username",
        "loud",
    ),
    // It may be changed as it is, and perhaps not as it is to be.
    (
        "updateTag",
        r#"id: "Tag:1", input: { name: "mine" }"#,
        "name",
        "loud",
    ),
    (
        "updateTag",
        r#"id: "Tag:2", input: { name: "tag9" }"#,
        "name",
        "loud",
    ),
    (
        "updateTag",
        r#"id: "Tag:3", input: { name: "tag3" }"#,
        "name",
        "loud",
    ),
    (
        "updateTag",
        r#"id: "Tag:3", input: { name: "tag4" }"#,
        "name",
        "loud",
    ),
    (
        "updateComment",
        r#"id: "Comment:2", input: { body: "B" }"#,
        "body post { title }",
        "loud",
    ),
    (
        "updateComment",
        r#"id: "Comment:3", input: { body: "B" }"#,
        "body",
        "loud",
    ),
    // Its post is hidden from some.
    (
        "updateComment",
        r#"id: "Comment:6", input: { body: "B" }"#,
        "body",
        "loud",
    ),
    (
        "updateComment",
        r#"id: "Comment:2", input: { parentId: "Comment:5" }"#,
        "body",
        "loud",
    ),
    (
        "updateProfile",
        r#"id: "Profile:2", input: { bio: "B" }"#,
        "bio user { name }",
        "user { loud }",
    ),
    (
        "updateProfile",
        r#"id: "Profile:1", input: { bio: "B" }"#,
        "bio user { name }",
        "user { loud }",
    ),
];

/// All of it that an admin reads.
const ALL: &str = "{ posts(limit: 50) { id title slug status publishedAt version author { id } tags { id } } \
    users(limit: 50) { id username name email role profile { bio } } tags(limit: 50) { id name } \
    comments(limit: 50) { id body parent { id } } }";

async fn asked(app: &TestApp, by: &Principal, query: &str) -> Answer {
    app.ask(by, query, &json!({})).await
}

/// What is answered but for what it cost, and the statements.
fn told(answer: &Answer) -> (Value, Vec<String>) {
    let mut json = answer.json();
    let extensions = json["extensions"].take();
    let statements = extensions["backref"]["statements"].as_array().cloned();
    let sql = |of: &Value| of["sql"].as_str().unwrap_or_default().to_owned();
    let statements = statements.unwrap_or_default();
    (json, statements.iter().map(sql).collect())
}

/// The same without what fields of one's own give.
fn without_own(data: &mut Value) {
    match data {
        Value::Object(fields) => {
            fields.retain(|name, _| name != "loud");
            fields.values_mut().for_each(without_own);
        }
        Value::Array(items) => items.iter_mut().for_each(without_own),
        _ => {}
    }
}

fn people() -> [(&'static str, Principal); 5] {
    [
        ("nobody", Principal::Anonymous),
        ("admin", somebody("admin", 1)),
        ("author", somebody("author", 2)),
        ("another author", somebody("author", 3)),
        ("reader", somebody("reader", 2)),
    ]
}

#[tokio::test]
async fn it_tells_the_same_as_a_row_that_is_looked_for_first() {
    for backend in Backend::all() {
        for (name, who) in people() {
            let (_first, alone) = filled(backend).await;
            let (_second, looked_for) = filled(backend).await;
            for (field, arguments, read, own) in CHANGES {
                let of = format!("{backend:?} {name} {field}({arguments})");
                let query =
                    |read: &str| format!("mutation {{ it: {field}({arguments}) {{ {read} }} }}");
                let (told_alone, _) = told(&asked(&alone, &who, &query(read)).await);
                let other = asked(&looked_for, &who, &query(&format!("{read} {own}"))).await;
                let (mut told_looked, ran) = told(&other);
                without_own(&mut told_looked);
                assert_eq!(told_alone, told_looked, "{of}");
                if !ran.is_empty() {
                    assert!(ran[0].starts_with("SELECT"), "{of}: {ran:?}");
                }
                let admin = somebody("admin", 1);
                let left = asked(&alone, &admin, ALL).await.data();
                assert_eq!(left, asked(&looked_for, &admin, ALL).await.data(), "{of}");
            }
        }
    }
}

#[tokio::test]
async fn it_is_one_statement_with_what_is_read_behind_it() {
    let rename = r#"mutation { it: updatePost(id: "Post:1", input: { title: "A" }, expectedVersion: 1) { title } }"#;
    for backend in Backend::all() {
        for (who, verbs) in [
            (somebody("admin", 1), &["UPDATE", "SELECT"][..]),
            // Whether it may be as it is now is asked between the two.
            (somebody("author", 2), &["UPDATE", "SELECT", "SELECT"]),
        ] {
            let (_database, app) = filled(backend).await;
            let answer = asked(&app, &who, rename).await;
            let bound = answer.json()["extensions"]["backref"]["bound"]["statements"].clone();
            let (answer, ran) = told(&answer);
            assert_eq!(answer["data"]["it"]["title"], "A");
            let begun = ran.iter().filter_map(|sql| sql.split(' ').next());
            assert_eq!(begun.collect::<Vec<_>>(), verbs, "{ran:?}");
            // It may have to be looked for yet.
            assert_eq!(bound, verbs.len() + 1, "{ran:?}");
            let mut conditions = vec![r#"t0."id" = "#, r#"t0."version" = "#];
            if verbs.len() > 2 {
                conditions.push(r#"t0."author_id" = "#);
            }
            for condition in conditions {
                assert!(ran[0].contains(condition), "{condition}: {ran:?}");
            }
        }
    }
}

/// What triggers make of an update is theirs, and is read as it is there.
#[tokio::test]
async fn what_triggers_do_is_read_and_not_undone() {
    let change = r#"mutation { it: updateTag(id: "Tag:1", input: { name: "NAME" }) { id name } }"#;
    for backend in Backend::all() {
        let (database, app) = filled(backend).await;
        let run = async |sql: &str| {
            let done = database.connection.execute_unprepared(sql).await;
            done.unwrap_or_else(|e| panic!("{e}: {sql}"));
        };
        match backend {
            Backend::Sqlite => {
                run("CREATE TRIGGER kept BEFORE UPDATE ON tag WHEN new.name = 'kept' BEGIN SELECT RAISE(IGNORE); END").await;
                run("CREATE TRIGGER longer AFTER UPDATE ON tag WHEN new.name = 'long' BEGIN UPDATE tag SET name = 'longer' WHERE id = new.id; END").await;
            }
            _ => {
                run(
                    r"CREATE FUNCTION kept() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN
                    IF NEW.name = ''kept'' THEN RETURN NULL; END IF; RETURN NEW; END'",
                )
                .await;
                run(
                    "CREATE TRIGGER kept BEFORE UPDATE ON tag FOR EACH ROW EXECUTE FUNCTION kept()",
                )
                .await;
                run(r"CREATE FUNCTION longer() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN
                    IF NEW.name = ''long'' THEN UPDATE tag SET name = ''longer'' WHERE id = NEW.id; END IF; RETURN NULL; END'").await;
                run("CREATE TRIGGER longer AFTER UPDATE ON tag FOR EACH ROW EXECUTE FUNCTION longer()").await;
            }
        }
        let admin = somebody("admin", 1);
        for (name, there, statements) in [
            ("kept", "tag1", 3),
            ("long", "longer", 2),
            ("plain", "plain", 2),
        ] {
            let answer = asked(&app, &admin, &change.replace("NAME", name)).await;
            let (answer, ran) = told(&answer);
            assert_eq!(answer["data"]["it"]["name"], there, "{backend:?}: {answer}");
            assert_eq!(ran.len(), statements, "{backend:?}: {ran:?}");
        }
    }
}
