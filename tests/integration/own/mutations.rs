//! Mutations of one's own: in the request's transaction, in the order of its fields, by the rules of whoever asks.

use backref::Graph;
use backref::graph::Principal;
use backref::graph::own::{FieldError, Key, Needs};
use entity::{comment, post, tag, user};
use serde_json::{Value, json};

use crate::harness::{Backend, Statements, TestApp, TestDatabase};
use crate::rules::{admin, user as author};

/// The box, whose rules say who may write what, with mutations of one's own.
fn graph() -> Graph {
    let id = || Needs::root().argument::<i64>("id", "Which.");
    backref::blog::graph()
        .mutation_field("publishPost", id(), async |cx| {
            let post = Key::<post::Entity>::new(cx.argument("id")?);
            cx.update(&post, json!({ "status": "PUBLISHED" })).await
        })
        .mutation_field(
            "welcome",
            Needs::root()
                .argument::<Vec<String>>("tags", "New ones.")
                .at_most(10),
            async |cx| {
                let mut made = Vec::new();
                for name in cx.argument::<Vec<String>>("tags")? {
                    made.push(cx.create(tag::Entity, json!({ "name": name })).await?);
                }
                Ok(made)
            },
        )
        .mutation_field("moderate", id(), async |cx| {
            let comment = Key::<comment::Entity>::new(cx.argument("id")?);
            cx.delete(&comment).await?;
            Ok(true)
        })
        .mutation_field("swallows", id(), async |cx| {
            let post = Key::<post::Entity>::new(cx.argument("id")?);
            cx.create(tag::Entity, json!({ "name": "swallowed" }))
                .await?;
            let refused = cx.update(&post, json!({ "title": "" })).await;
            Ok(refused.is_err())
        })
        .mutation_field(
            "fails",
            Needs::root().argument::<bool>("panics", ""),
            async |cx| {
                cx.create(tag::Entity, json!({ "name": "never" })).await?;
                match cx.argument::<bool>("panics")? {
                    true => panic!("a mistake"),
                    false => Err::<i32, _>(FieldError::input("not today")),
                }
            },
        )
        .mutation_field("writesMuch", Needs::root().statements(2), async |cx| {
            for name in ["one", "two", "three"] {
                cx.create(tag::Entity, json!({ "name": name })).await?;
            }
            Ok(3)
        })
        .query_field("writes", Needs::root(), async |cx| {
            let made = cx.create(tag::Entity, json!({ "name": "never" })).await?;
            Ok(made)
        })
        .field(
            user::Entity,
            "shout",
            Needs::columns([user::Column::Name]),
            |user, _| Ok(user.get::<String>(user::Column::Name)?.to_uppercase()),
        )
}

async fn stage(backend: Backend) -> (TestDatabase, TestApp) {
    let database = TestDatabase::sample(backend).await;
    let app = TestApp::new(&database, graph(), Default::default());
    (database, app)
}

async fn asked(app: &TestApp, who: &Principal, query: &str) -> Value {
    app.ask(who, query, &json!({})).await.json()
}

/// A draft, with its author's id.
async fn draft(app: &TestApp) -> (i64, i64) {
    let query = "{ posts(limit: 1, where: { status: { eq: DRAFT } }) { id authorId } }";
    let post = asked(app, &admin(), query).await["data"]["posts"][0].clone();
    let number = |id: &Value| id.as_str()?.split(':').nth(1)?.parse().ok();
    (
        number(&post["id"]).expect("an id"),
        number(&post["authorId"]).expect("an id"),
    )
}

#[tokio::test]
async fn they_write_by_the_rules_and_give_rows() {
    for backend in Backend::all() {
        let (_database, app) = stage(backend).await;
        let (id, by) = draft(&app).await;
        let publish = format!(
            "mutation {{ publishPost(id: \"{id}\") {{ id status version author {{ shout name }} }} }}"
        );
        for (who, codes) in [
            (Principal::Anonymous, &["UNAUTHENTICATED"][..]),
            (author(by + 1), &["NOT_FOUND", "FORBIDDEN"]),
        ] {
            let answer = asked(&app, &who, &publish).await;
            assert_eq!(answer["data"], Value::Null, "{backend:?}: {answer}");
            assert_eq!(
                answer["errors"][0]["path"],
                json!(["publishPost"]),
                "{answer}"
            );
            let code = answer["errors"][0]["extensions"]["code"].as_str();
            assert!(code.is_some_and(|code| codes.contains(&code)), "{answer}");
        }
        let statements = Statements::listen();
        let answer = asked(&app, &author(by), &publish).await;
        let run = statements.read();
        let post = &answer["data"]["publishPost"];
        assert_eq!(post["status"], "PUBLISHED", "{backend:?}: {answer}");
        let name = post["author"]["name"].as_str().expect("a name");
        assert_eq!(post["author"]["shout"], json!(name.to_uppercase()));
        let cost = &answer["extensions"]["backref"];
        let told = cost["statements"].as_array().map_or(0, Vec::len);
        assert_eq!(told, run.len(), "{backend:?}: {run:#?} {cost}");
        assert!(
            cost["bound"]["statements"].as_u64() >= Some(told as u64),
            "{cost}"
        );
    }
}

#[tokio::test]
async fn they_are_done_in_order_and_in_one_transaction() {
    for backend in Backend::all() {
        let (_database, app) = stage(backend).await;
        let mutation = r#"mutation {
            first: createTag(input: { name: "before" }) { id }
            welcome(tags: ["brass", "tin"]) { id name }
            last: updateTag(id: "Tag:1", input: { name: "after" }) { name }
        }"#;
        let data = asked(&app, &admin(), mutation).await;
        let names = |list: &Value| -> Vec<String> {
            let tags = list.as_array().expect("tags");
            tags.iter()
                .map(|tag| tag["name"].as_str().unwrap_or_default().to_owned())
                .collect()
        };
        assert_eq!(names(&data["data"]["welcome"]), ["brass", "tin"], "{data}");
        // What fails later takes it back.
        let mutation = r#"mutation {
            welcome(tags: ["copper"]) { name }
            createTag(input: { name: "tin" }) { id }
        }"#;
        let refused = asked(&app, &admin(), mutation).await;
        assert_eq!(refused["data"], Value::Null);
        assert_eq!(
            refused["errors"][0]["extensions"]["code"], "CONFLICT",
            "{refused}"
        );
        let moderated = asked(&app, &admin(), "mutation { moderate(id: \"1\") }").await;
        let gone = moderated["data"] == json!({ "moderate": true });
        let code = moderated["errors"][0]["extensions"]["code"].as_str();
        assert!(gone || code == Some("CONFLICT"), "{moderated}");
        let tags = asked(&app, &admin(), "{ tags(limit: 1000) { name } }").await;
        let tags = names(&tags["data"]["tags"]);
        assert!(
            tags.contains(&"tin".to_owned()) && !tags.contains(&"copper".to_owned()),
            "{tags:?}"
        );
    }
}

/// Whatever the code makes of it.
#[tokio::test]
async fn what_is_refused_takes_everything_back() {
    for backend in Backend::all() {
        let (_database, app) = stage(backend).await;
        let before = asked(&app, &admin(), "{ tagsAggregate { count } }").await;
        let code = |answer: &Value| {
            let code = answer["errors"][0]["extensions"]["code"].as_str();
            code.unwrap_or_default().to_owned()
        };
        let answer = asked(&app, &admin(), "mutation { swallows(id: \"1\") }").await;
        assert_eq!(code(&answer), "BAD_USER_INPUT", "{answer}");
        let answer = asked(&app, &admin(), "mutation { fails(panics: true) }").await;
        assert_eq!(code(&answer), "INTERNAL_SERVER_ERROR", "{answer}");
        let answer = asked(&app, &admin(), "mutation { fails(panics: false) }").await;
        assert_eq!(answer["errors"][0]["message"], "not today");
        let answer = asked(&app, &admin(), "mutation { writesMuch }").await;
        assert_eq!(code(&answer), "LIMIT_EXCEEDED", "{answer}");
        assert!(
            answer
                .to_string()
                .contains("`Mutation.writesMuch` writes by more than the 2 statements")
        );
        let answer = asked(&app, &admin(), "{ writes { id } }").await;
        assert!(
            answer
                .to_string()
                .contains("`Query.writes` writes, which only fields of Mutation do")
        );
        let after = asked(&app, &admin(), "{ tagsAggregate { count } }").await;
        assert_eq!(before["data"], after["data"], "{backend:?}");
    }
}

/// What it may write counts before it begins.
#[tokio::test]
async fn their_statements_are_bounded() {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let limits = backref::read::plan::Limits {
        statements: 30,
        ..Default::default()
    };
    let app = TestApp::new(&database, graph(), limits);
    let two = "mutation { a: publishPost(id: \"1\") { id } b: publishPost(id: \"2\") { id } }";
    let answer = asked(&app, &admin(), two).await;
    assert_eq!(
        answer["errors"][0]["extensions"]["code"], "LIMIT_EXCEEDED",
        "{answer}"
    );
}

#[test]
fn they_have_names_of_their_own() {
    for (name, other) in [
        ("createPost", "that which writes entity::post"),
        ("follow", "that of a `.pair(…)`"),
        ("signIn", "Backref's own"),
        ("publishPost", "another of one's own"),
    ] {
        let graph = graph().mutation_field(name, Needs::root(), async |_| Ok(1));
        let mistakes = graph.build().expect_err("mistakes").mistakes;
        let told = format!("`Mutation.{name}` would be a second field of that name beside {other}");
        assert!(mistakes.iter().any(|m| m.contains(&told)), "{mistakes:#?}");
    }
}
