//! Rows of the graph inside of plain objects: read at once for all of them, through the rules, and bounded.

use backref::Graph;
use backref::graph::Principal;
use backref::graph::own::{Key, Needs, Object, ObjectOf};
use entity::{post, user};
use serde_json::{Value, json};

use crate::harness::{Backend, Statements, TestApp, TestDatabase};
use crate::rules::{admin, user as author};

/// A post and others behind it, by its number.
struct Link(i64);

impl Object for Link {
    fn object() -> ObjectOf<Self> {
        ObjectOf::<Self>::new("Link")
            .field("says", "Why.", |link| format!("link {}", link.0))
            .field("post", "Which.", |link| Key::<post::Entity>::new(link.0))
            .field("writer", "A user.", |link| {
                Key::<user::Entity>::new(link.0 % 3 + 1)
            })
            .field("others", "Which else; the last is none.", |link| {
                [link.0 + 1, link.0 + 2, 999_999]
                    .map(Key::<post::Entity>::new)
                    .to_vec()
            })
    }
}

/// A link, and the next if there is one.
struct Chain(i64);

impl Object for Chain {
    fn object() -> ObjectOf<Self> {
        ObjectOf::<Self>::new("Chain")
            .field("link", "Its beginning.", |chain| Link(chain.0))
            .field("next", "What follows.", |chain| {
                (chain.0 < 3).then(|| Link(chain.0 + 1))
            })
            .field("rest", "All that follows, of the same type.", |chain| {
                (chain.0 < 3).then(|| Chain(chain.0 + 1))
            })
    }
}

/// Two links.
#[derive(Clone)]
struct Links(i64);

impl Object for Links {
    fn object() -> ObjectOf<Self> {
        ObjectOf::<Self>::new("Links")
            .field("count", "How many.", |_| 2)
            .field("all", "Each.", |links| {
                vec![Link(links.0), Link(links.0 + 1)]
            })
    }
}

fn graph() -> Graph {
    backref::blog::graph()
        .batch_field(
            post::Entity,
            "links",
            Needs::columns([post::Column::Id]).at_most(30),
            |post| post.get::<i64>(post::Column::Id),
            async |ids: Vec<i64>, _| Ok(ids.into_iter().map(|id| (id, Links(id))).collect()),
        )
        .field(
            post::Entity,
            "chain",
            Needs::columns([post::Column::Id]),
            |post, _| Ok(Chain(post.get(post::Column::Id)?)),
        )
        .query_field("pairs", Needs::root().at_most(6), async |_| {
            Ok(vec![
                vec![Key::<post::Entity>::new(1)],
                vec![Key::<post::Entity>::new(2); 2],
            ])
        })
        .query_field("many", Needs::root().at_most(2), async |_| Ok(Link(1)))
        .mutation_field(
            "publish",
            Needs::root().argument::<i64>("id", "Which."),
            async |cx| {
                let id: i64 = cx.argument("id")?;
                let post = Key::<post::Entity>::new(id);
                cx.update(&post, json!({ "status": "PUBLISHED" })).await?;
                Ok(Link(id))
            },
        )
}

async fn asked(app: &TestApp, who: &Principal, query: &str) -> Value {
    app.ask(who, query, &json!({})).await.data()
}

/// What stands in the graph of the posts of an answer, by their ids.
async fn titles(app: &TestApp, who: &Principal) -> Value {
    let data = asked(app, who, "{ posts(limit: 1000) { id title } }").await;
    let posts = data["posts"].as_array().expect("posts").iter();
    let titles = posts.map(|post| {
        let id = post["id"].as_str().expect("an id").to_owned();
        (id, post["title"].clone())
    });
    Value::Object(titles.collect())
}

const LINKS: &str = "posts(limit: LIMIT, orderBy: [{ id: ASC }]) { id links { count all { says post { title } again: post { id } others { id title } writer { name posts(limit: 1) { id } } } } }";

#[tokio::test]
async fn they_are_read_at_once_and_by_the_rules() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::new(&database, graph(), Default::default());
        let mut seen = Vec::new();
        for who in [Principal::Anonymous, author(2), admin()] {
            let titles = titles(&app, &who).await;
            seen.push(titles.as_object().map_or(0, serde_json::Map::len));
            let data = asked(
                &app,
                &who,
                &format!("{{ {} }}", LINKS.replace("LIMIT", "10")),
            )
            .await;
            for post in data["posts"].as_array().expect("posts") {
                let id = post["id"].as_str().expect("an id")[5..]
                    .parse::<i64>()
                    .expect("a number");
                assert_eq!(post["links"]["count"], json!(2));
                for (of, found) in (id..).zip(post["links"]["all"].as_array().expect("links")) {
                    assert_eq!(found["says"], json!(format!("link {of}")));
                    let title = titles.get(format!("Post:{of}"));
                    let expected = title.map(|title| json!({ "title": title }));
                    assert_eq!(found["post"], json!(expected), "{backend:?} {who:?}");
                    let there = title.map(|_| json!({ "id": format!("Post:{of}") }));
                    assert_eq!(found["again"], json!(there), "{backend:?} {who:?}");
                    let others = [of + 1, of + 2, 999_999].map(|id| format!("Post:{id}"));
                    let others = others.into_iter().filter_map(|id| {
                        titles
                            .get(&id)
                            .map(|title| json!({ "id": id, "title": title }))
                    });
                    assert_eq!(
                        found["others"],
                        others.collect::<Value>(),
                        "{backend:?} {who:?}"
                    );
                    assert!(found["writer"]["name"].is_string());
                }
            }
        }
        assert!(seen[0] < seen[2], "{seen:?}");
    }
}

#[tokio::test]
async fn their_statements_do_not_depend_on_how_many_there_are() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::new(&database, graph(), Default::default());
        let mut run = Vec::new();
        for limit in ["2", "12"] {
            let query = format!("{{ {} }}", LINKS.replace("LIMIT", limit));
            let statements = Statements::listen();
            let answer = app.ask(&admin(), &query, &json!({})).await;
            let statements = statements.read();
            let cost = &answer.json()["extensions"]["backref"];
            assert_eq!(
                cost["statements"].as_array().map(Vec::len),
                Some(statements.len())
            );
            assert!(cost["bound"]["statements"].as_u64() >= Some(statements.len() as u64));
            assert!(
                cost["bound"]["rows"].as_u64() >= cost["rows"].as_u64(),
                "{cost}"
            );
            run.push(statements.len());
        }
        assert_eq!(run[0], run[1], "{backend:?}");
        // Posts, three times what links give of them, writers and their posts.
        assert_eq!(run[0], 6, "{backend:?}");
    }
}

#[tokio::test]
async fn they_stand_at_any_depth_and_in_lists_of_lists() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::new(&database, graph(), Default::default());
        let query = "{ first: post(id: 1) { chain { ...of } } third: post(id: 3) { chain { ...of } } pairs { id } }
            fragment of on Chain { link { post { id } } next { post { id } others { id } } }";
        let data = asked(&app, &admin(), query).await;
        let expected = json!({
            "link": { "post": { "id": "Post:1" } },
            "next": { "post": { "id": "Post:2" }, "others": [{ "id": "Post:3" }, { "id": "Post:4" }] },
        });
        assert_eq!(data["first"]["chain"], expected, "{backend:?}");
        let expected = json!({ "link": { "post": { "id": "Post:3" } }, "next": null });
        assert_eq!(data["third"]["chain"], expected, "{backend:?}");
        let pairs = json!([[{ "id": "Post:1" }], [{ "id": "Post:2" }, { "id": "Post:2" }]]);
        assert_eq!(data["pairs"], pairs, "{backend:?}");
        // Three others where two may be.
        let answer = app
            .ask(
                &admin(),
                "{ many { post { id } others { id } } }",
                &json!({}),
            )
            .await;
        assert_eq!(answer.code(), "LIMIT_EXCEEDED", "{}", answer.text);
        assert!(
            answer
                .message()
                .contains("`Query.many` gives 3 rows where it may give 2")
        );
        let fine = asked(&app, &admin(), "{ many { says post { id } } }").await;
        assert_eq!(fine["many"]["post"]["id"], json!("Post:1"));
    }
}

#[tokio::test]
async fn mutations_give_them_as_they_are_then() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::new(&database, graph(), Default::default());
        let mutation = "mutation { publish(id: \"1\") { says post { id status } others { id } } }";
        let data = asked(&app, &admin(), mutation).await;
        let expected = json!({
            "says": "link 1",
            "post": { "id": "Post:1", "status": "PUBLISHED" },
            "others": [{ "id": "Post:2" }, { "id": "Post:3" }],
        });
        assert_eq!(data["publish"], expected, "{backend:?}");
    }
}

/// An object may have others of its own type in it.
#[tokio::test]
async fn an_object_may_stand_in_its_like() {
    let query = "{ post(id: \"Post:1\") { chain { link { says } rest { rest { link { says post { id } } rest { link { says } } } } } } }";
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::new(&database, graph(), Default::default());
        let data = asked(&app, &admin(), query).await;
        let third = json!({ "says": "link 3", "post": { "id": "Post:3" } });
        let rest = json!({ "rest": { "link": third, "rest": null } });
        let chain = json!({ "link": { "says": "link 1" }, "rest": rest });
        assert_eq!(data, json!({ "post": { "chain": chain } }), "{backend:?}");
    }
}
