//! What goes wrong in a field's code is an error of its row, and of nothing else.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use backref::Graph;
use backref::graph::own::{FieldError, Key, Needs, Object, ObjectOf, Row};
use entity::{post, user};
use serde_json::{Value, json};

use super::SHORT;
use crate::harness::{Answer, Backend, TestApp, TestDatabase, blog};

/// What becomes of a post by its id: 1 is refused, 2 fails, 3 panics.
fn fails(id: i64) -> Result<i32, FieldError> {
    match id {
        1 => Err(FieldError::input("not of this one")),
        2 => Err(std::io::Error::other("the secret of the service").into()),
        3 => panic!("a mistake"),
        id => Ok(id as i32),
    }
}

fn graph() -> Graph {
    let id = || Needs::columns([post::Column::Id]);
    blog::graph()
        .field(post::Entity, "plain", id(), |post, _| {
            fails(post.get(post::Column::Id)?)
        })
        .field(post::Entity, "perhaps", id(), |post, _| {
            fails(post.get(post::Column::Id)?).map(Some)
        })
        .lazy_field(post::Entity, "lazily", id(), async |post, _| {
            tokio::task::yield_now().await;
            fails(post.get(post::Column::Id)?).map(Some)
        })
        .batch_field(
            post::Entity,
            "atOnce",
            id(),
            |post| post.get(post::Column::Id),
            async |ids: Vec<i64>, _| {
                let values = ids.into_iter().map(|id| Ok((id, fails(id)?)));
                values.collect::<Result<HashMap<_, _>, FieldError>>()
            },
        )
        .field(post::Entity, "undeclared", Needs::nothing(), |post, _| {
            post.get::<String>(post::Column::Title).map(Some)
        })
        .lazy_field(
            post::Entity,
            "strays",
            Needs::nothing(),
            async |post, cx| {
                let author = cx.related_one::<user::Entity, _>(&post, post::Relation::Author);
                Ok(author.await?.map(|author| author.key()))
            },
        )
        .lazy_field(
            post::Entity,
            "mistakes",
            Needs::nothing().related(post::Relation::Author, Needs::<user::Entity>::nothing()),
            async |post, cx| {
                let author = cx.related_one::<post::Entity, _>(&post, post::Relation::Author);
                Ok(author.await?.map(|author| author.key()))
            },
        )
        .field(post::Entity, "many", Needs::nothing().at_most(2), |_, _| {
            Ok((1..=3).map(Key::<post::Entity>::new).collect::<Vec<_>>())
        })
}

/// Some of it has no value.
struct Reading(f64);

impl Object for Reading {
    fn object() -> ObjectOf<Self> {
        ObjectOf::<Self>::new("Reading")
            .field("name", "What is read.", |_| "depth")
            .field("value", "A number.", |reading| reading.0)
            .field("perhaps", "A number, if it is one.", |reading| {
                Some(reading.0)
            })
            .field("all", "Several.", |reading| {
                vec![Some(1.5), Some(reading.0)]
            })
            .field("broken", "What is never there.", |reading| -> Option<i32> {
                panic!("a mistake with {}", reading.0)
            })
            .field("below", "Another.", |reading| {
                (!reading.0.is_nan()).then_some(Reading(f64::NAN))
            })
    }
}

fn readings() -> Graph {
    blog::graph()
        .field(post::Entity, "reading", Needs::nothing(), |_, _| {
            Ok(Some(Reading(f64::INFINITY)))
        })
        .field(post::Entity, "readings", Needs::nothing(), |_, _| {
            Ok(vec![Some(Reading(1.0)), Some(Reading(f64::INFINITY))])
        })
        .mutation_field("read", Needs::root(), async |_| Ok(Reading(f64::INFINITY)))
}

/// What the specification says of a field that has no value holds of fields of plain objects as well.
#[tokio::test]
async fn a_value_in_an_object_or_a_list_fails_by_itself() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::new(&database, readings(), Default::default());
        for (selected, expected, paths) in [
            ("name", json!({ "name": "depth" }), json!([])),
            (
                "name perhaps",
                json!({ "name": "depth", "perhaps": null }),
                json!([["post", "reading", "perhaps"]]),
            ),
            (
                "name value",
                Value::Null,
                json!([["post", "reading", "value"]]),
            ),
            (
                "all",
                json!({ "all": [1.5, null] }),
                json!([["post", "reading", "all", 1]]),
            ),
            (
                "name broken",
                json!({ "name": "depth", "broken": null }),
                json!([["post", "reading", "broken"]]),
            ),
            (
                "below { name value } name",
                json!({ "below": null, "name": "depth" }),
                json!([["post", "reading", "below", "value"]]),
            ),
        ] {
            let query = format!("{{ post(id: 1) {{ reading {{ {selected} }} }} }}");
            let json = app.query(&query).await.json();
            assert_eq!(json["data"]["post"]["reading"], expected, "{selected}");
            let errors = json["errors"].as_array().cloned().unwrap_or_default();
            let told: Vec<_> = errors.iter().map(|e| e["path"].clone()).collect();
            assert_eq!(json!(told), paths, "{selected}");
            let text = json.to_string();
            assert!(!text.contains("a mistake"), "{text}");
        }
        let json = app
            .query("{ post(id: 1) { readings { value } } }")
            .await
            .json();
        assert_eq!(
            json["data"]["post"]["readings"],
            json!([{ "value": 1 }, null])
        );
        assert_eq!(
            json["errors"][0]["path"],
            json!(["post", "readings", 1, "value"])
        );
        // Nor does what is not asked for take a mutation back.
        let read = app.query("mutation { read { name } }").await.data();
        assert_eq!(read["read"]["name"], "depth");
        let failed = app.query("mutation { read { value } }").await.json();
        assert!(failed["data"].is_null(), "{failed}");
    }
}

async fn answer(backend: Backend, query: &str) -> Answer {
    let database = TestDatabase::sample(backend).await;
    let app = TestApp::new(&database, graph(), Default::default());
    let answer = app.query(query).await;
    // The server lives.
    app.query("{ posts(limit: 1) { id } }").await.data();
    answer
}

#[tokio::test]
async fn a_row_fails_by_itself() {
    for backend in Backend::all() {
        for field in ["perhaps", "lazily"] {
            let query = format!(
                "{{ nodes(ids: [\"Post:1\", \"Post:2\", \"Post:3\", \"Post:4\"]) {{ ... on Post {{ {field} }} }} }}"
            );
            let json = answer(backend, &query).await.json();
            let values: Vec<&Value> = json["data"]["nodes"]
                .as_array()
                .expect("nodes")
                .iter()
                .map(|node| &node[field])
                .collect();
            assert_eq!(
                values,
                [&Value::Null, &Value::Null, &Value::Null, &json!(4)]
            );
            let errors = json["errors"].as_array().expect("errors");
            let told: Vec<_> = errors
                .iter()
                .map(|e| (&e["path"], e["extensions"]["code"].as_str()))
                .collect();
            assert_eq!(
                told,
                [
                    (&json!(["nodes", 0, field]), Some("BAD_USER_INPUT")),
                    (&json!(["nodes", 1, field]), Some("INTERNAL_SERVER_ERROR")),
                    (&json!(["nodes", 2, field]), Some("INTERNAL_SERVER_ERROR")),
                ]
            );
            assert_eq!(errors[0]["message"], "not of this one");
            let text = json.to_string();
            assert!(
                !text.contains("secret") && !text.contains("a mistake"),
                "{text}"
            );
        }
        // Where it may not be null, the nearest that may is.
        let json = answer(
            backend,
            "{ a: post(id: 1) { plain } b: post(id: 5) { plain } }",
        )
        .await
        .json();
        assert_eq!(json["data"], json!({ "a": null, "b": { "plain": 5 } }));
        assert_eq!(json["errors"][0]["path"], json!(["a", "plain"]));
    }
}

#[tokio::test]
async fn a_batch_fails_as_a_whole() {
    for backend in Backend::all() {
        let json = answer(
            backend,
            "{ nodes(ids: [\"Post:1\", \"Post:4\"]) { id ... on Post { atOnce } } }",
        )
        .await
        .json();
        let empty = |id: &str| json!({ "id": id, "atOnce": null });
        assert_eq!(
            json["data"]["nodes"],
            json!([empty("Post:1"), empty("Post:4")])
        );
        assert_eq!(json["errors"].as_array().map(Vec::len), Some(2));
        let json = answer(backend, "{ post(id: 3) { id atOnce } }")
            .await
            .json();
        assert_eq!(json["data"]["post"], empty("Post:3"));
    }
}

#[tokio::test]
async fn what_was_not_declared_is_named() {
    for backend in Backend::all() {
        let told = answer(backend, "{ post(id: 1) { undeclared } }")
            .await
            .message();
        assert!(
            told.contains("`Post.undeclared` reads the column `title`"),
            "{told}"
        );
        let told = answer(backend, "{ post(id: 1) { strays { id } } }")
            .await
            .message();
        assert!(
            told.contains("`Post.strays` walks `post::Relation::Author`"),
            "{told}"
        );
        let told = answer(backend, "{ post(id: 1) { mistakes { id } } }")
            .await
            .message();
        assert!(
            told.contains("`Post.mistakes` takes rows of User for those of the table `post`"),
            "{told}"
        );
        let told = answer(backend, "{ post(id: 1) { many { id } } }")
            .await
            .message();
        assert!(
            told.contains("`Post.many` gives 3 rows where it may give 2"),
            "{told}"
        );
    }
}

/// A field that waits for something that does not come.
fn hanging(dropped: &Arc<AtomicUsize>) -> Graph {
    struct Told(Arc<AtomicUsize>);
    impl Drop for Told {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let dropped = dropped.clone();
    blog::graph().lazy_field(
        post::Entity,
        "hangs",
        Needs::columns([post::Column::Id]),
        move |post: Row<post::Entity>, _| {
            let told = Told(dropped.clone());
            async move {
                let id: i64 = post.get(post::Column::Id)?;
                if id == 1 {
                    std::future::pending::<()>().await;
                }
                drop(told);
                Ok(Some(id))
            }
        },
    )
}

const HANGS: &str = "{ posts(limit: 100, orderBy: [{ id: ASC }]) { title hangs } }";

/// Only what waits too long has no value.
#[tokio::test]
async fn time_ends_what_hangs() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let mut time = SHORT;
        let (json, dropped) = loop {
            let dropped = Arc::new(AtomicUsize::new(0));
            let app = TestApp::within(&database, hanging(&dropped), time);
            let began = Instant::now();
            let json = app.query(HANGS).await.json();
            assert!(began.elapsed() < time + Duration::from_secs(20));
            let is_one = json["errors"].as_array().map(Vec::len) == Some(1);
            // On a busy machine its time may be over before the posts are there, or all of them have been looked at.
            if (is_one && json["data"]["posts"].is_array()) || time > Duration::from_secs(10) {
                break (json, dropped);
            }
            time *= 2;
        };
        let errors = json["errors"].as_array().expect("one error");
        assert_eq!(errors.len(), 1, "{json}");
        assert_eq!(errors[0]["extensions"]["code"], "TIMEOUT");
        assert_eq!(errors[0]["path"], json!(["posts", 0, "hangs"]));
        assert_eq!(json["data"]["posts"][0]["hangs"], Value::Null);
        assert_eq!(json["data"]["posts"][1]["hangs"], json!("2"));
        let posts = json["data"]["posts"].as_array().map_or(0, Vec::len);
        assert_eq!(
            dropped.load(Ordering::SeqCst),
            posts,
            "nothing goes on: {backend:?}"
        );
    }
}

/// Who leaves leaves nothing running, and no connection taken: as many as hang at a time, others are answered.
#[tokio::test]
async fn what_hangs_holds_no_connection_and_ends_with_its_client() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let dropped = Arc::new(AtomicUsize::new(0));
        let app = TestApp::within(&database, hanging(&dropped), Duration::from_secs(60));
        let posts = app.query("{ posts(limit: 100) { id } }").await.data();
        let posts = posts["posts"].as_array().map_or(0, Vec::len);
        let clients = 40;
        let all = futures_util::future::join_all((0..clients).map(|_| app.query(HANGS)));
        // They hang once all of their other posts are done.
        let hang = async {
            while dropped.load(Ordering::SeqCst) < clients * (posts - 1) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        tokio::select! {
            _ = all => panic!("they hang"),
            () = hang => {}
        }
        assert_eq!(
            dropped.load(Ordering::SeqCst),
            clients * posts,
            "{backend:?}"
        );
        app.query("{ posts(limit: 1) { id } }").await.data();
    }
}

/// What is read of each row has an end, which is told and never cut.
#[tokio::test]
async fn more_rows_than_a_page_are_an_error_of_their_row() {
    let needs = Needs::<post::Entity>::nothing;
    let walking = |name: &str, needs: Needs<post::Entity>, graph: Graph| {
        let needs = Needs::nothing().related(user::Relation::Posts, needs);
        graph.lazy_field(user::Entity, name, needs, async |user, cx| {
            let posts = cx.related::<post::Entity, _>(&user, user::Relation::Posts);
            Ok(Some(posts.await?.len() as i32))
        })
    };
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let graph = walking("all", needs(), blog::graph());
        let graph = walking("two", needs().at_most(2), graph);
        let limits = backref::read::plan::Limits {
            page: 3,
            ..Default::default()
        };
        let app = TestApp::new(&database, graph, limits);
        let query = "{ user(username: \"ada\") { all two posts(limit: 3) { id } postsAggregate { count } } }";
        let json = app.query(query).await.json();
        let count = json["data"]["user"]["postsAggregate"]["count"].to_string();
        let count: u32 = count.trim_matches('"').parse().expect("a number");
        assert!(count > 3, "the sample's Ada writes much: {json}");
        assert_eq!(json["data"]["user"]["all"], Value::Null);
        assert_eq!(json["data"]["user"]["two"], json!(2));
        assert_eq!(
            json["data"]["user"]["posts"].as_array().map(Vec::len),
            Some(3)
        );
        let error = &json["errors"][0];
        assert_eq!(error["extensions"]["code"], "LIMIT_EXCEEDED", "{json}");
        assert_eq!(error["path"], json!(["user", "all"]));
        let told = error["message"].as_str().unwrap_or_default();
        assert!(
            told.contains("`User.posts`, which has more than 3 rows"),
            "{told}"
        );
    }
}
