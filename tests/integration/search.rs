//! Full-text search: what is found, in which order, and that the database keeps its index.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use sea_orm::DbBackend;
use serde_json::{Value, json};

use crate::harness::{Backend, TestApp, TestDatabase};

const FIND: &str = "query($s: String) { posts(search: $s, limit: 100) { slug } }";

async fn found(app: &TestApp, search: &str) -> Vec<String> {
    let answer = app.request(FIND, None, &json!({ "s": search })).await;
    slugs(&answer.data()["posts"])
}

fn slugs(posts: &Value) -> Vec<String> {
    let posts = posts.as_array().expect("a list").iter();
    posts
        .filter_map(|p| p["slug"].as_str().map(str::to_owned))
        .collect()
}

/// Three posts of a word that no other post has.
async fn app(backend: Backend) -> (TestDatabase, TestApp) {
    let database = TestDatabase::sample(backend).await;
    for (id, title, body, status) in [
        (
            9001,
            "On gyrocompasses",
            "Needles drift. The gyrocompass does not; it is a gyrocompass.",
            "published",
        ),
        (
            9002,
            "The Gyrocompass and the Tide",
            "Of brass gears.",
            "published",
        ),
        (
            9003,
            "Secret gyrocompass",
            "A draft on the gyrocompass.",
            "draft",
        ),
        (
            9004,
            "A-b c.d/e",
            "mail@example.org 3.14 l'été naïve gears, brass gyrocompass",
            "published",
        ),
    ] {
        post(&database, id, title, body, status).await;
    }
    let app = TestApp::blog(&database);
    (database, app)
}

async fn post(database: &TestDatabase, id: u32, title: &str, body: &str, status: &str) {
    let status = match database.connection.get_database_backend() {
        DbBackend::Postgres => format!("'{status}'::post_status"),
        _ => format!("'{status}'"),
    };
    let title = title.replace('\'', "''");
    let body = body.replace('\'', "''");
    database.execute(&format!(
            "INSERT INTO post (id, author_id, title, slug, body, status, published_at, created_at, updated_at, version) VALUES ({id}, 1, '{title}', 's{id}', '{body}', {status}, NULL, '2026-01-01 00:00:00+00:00', '2026-01-01 00:00:00+00:00', 1)"
        ),
    )
    .await;
}

#[tokio::test]
async fn all_words_must_be_found_side_by_side_in_quotes_and_begun_before_a_star() {
    for backend in Backend::all() {
        let (_database, app) = app(backend).await;
        for (search, expected) in [
            ("gyrocompass", &["s9001", "s9002", "s9004"][..]),
            ("GyroCompass TIDE", &["s9002"]),
            ("gyrocompass nowhere", &[]),
            ("\"brass gears\"", &["s9002"]),
            ("brass gears", &["s9002", "s9004"]),
            ("\"tide of\"", &[]),
            ("gyrocompa", &[]),
            ("gyrocompa*", &["s9001", "s9002", "s9004"]),
            ("\"the gyro*\"", &["s9001", "s9002"]),
            ("example org gyrocompass", &["s9004"]),
            ("mail@example.org", &["s9004"]),
            ("c.d/e", &["s9004"]),
            ("naive gyrocompass", &[]),
            ("naïve gyrocompass", &["s9004"]),
            ("été gyrocompass", &["s9004"]),
            ("14 gyrocompass", &["s9004"]),
            ("gyrocompass OR nowhere", &[]),
            ("gyrocompass -tide", &["s9002"]),
            ("", &[]),
            ("\"\" * !", &[]),
            ("gyrocompass — tide 😀", &["s9002"]),
            ("\"brass\u{3000}gears\"", &["s9002"]),
        ] {
            let mut slugs = found(&app, search).await;
            slugs.sort();
            assert_eq!(slugs, expected, "{backend:?} {search:?}");
        }
    }
}

#[tokio::test]
async fn the_title_weighs_more_than_the_body_and_an_order_of_the_clients_more_than_both() {
    for backend in Backend::all() {
        let (_database, app) = app(backend).await;
        assert_eq!(found(&app, "gyrocompass").await[0], "s9002", "{backend:?}");
        let query = "{ posts(search: \"gyrocompass\", orderBy: { slug: DESC }) { slug } }";
        let data = app.query(query).await.data();
        assert_eq!(slugs(&data["posts"]), ["s9004", "s9002", "s9001"]);
    }
}

/// How many rows have a word and how long all rows are is nobody's to learn from an order.
#[tokio::test]
async fn hidden_rows_do_not_change_the_order_of_those_that_are_seen() {
    const SEARCHES: [&str; 4] = ["sextant almanac", "sextant", "almanac", "sextant alma*"];
    async fn orders(app: &TestApp) -> Vec<Vec<String>> {
        let mut orders = Vec::new();
        for search in SEARCHES {
            orders.push(found(app, search).await);
        }
        orders
    }
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let long = "with many other words ".repeat(8);
        for (id, title, body) in [
            (9001, "Sextant", "The almanac, the almanac and the almanac."),
            (9002, "Almanac", "A sextant."),
            (9003, "Of both", &*format!("sextant sextant almanac {long}")),
            (9004, "None", "almanac: a sextant; sextants"),
            (9005, "Almanac of the sextant", ""),
        ] {
            post(&database, id, title, body, "published").await;
        }
        let app = TestApp::blog(&database);
        let before = orders(&app).await;
        assert!(before.iter().all(|order| order.len() == 5), "{before:?}");
        assert_ne!(before[1], before[2], "each has an order of its own");
        let hidden = "id BETWEEN 9100 AND 9199";
        for id in 9100..9140 {
            let body = format!("sextant {}", "word ".repeat(100));
            post(&database, id, "Hidden sextant", &body, "draft").await;
        }
        assert_eq!(orders(&app).await, before, "{backend:?}: added");
        for change in [
            format!("UPDATE post SET title = 'Hidden almanac', body = 'almanac' WHERE {hidden}"),
            format!("DELETE FROM post WHERE {hidden} AND id % 2 = 0"),
            format!("DELETE FROM post WHERE {hidden}"),
        ] {
            database.execute(&change).await;
            assert_eq!(orders(&app).await, before, "{backend:?}: {change}");
        }
    }
}

#[tokio::test]
async fn every_list_connection_and_aggregate_of_posts_searches_and_hides_what_is_hidden() {
    let query = r#"{
      user(id: 1) {
        posts(search: "gyrocompass") { slug }
        postsConnection(search: "gyrocompass", first: 2) { totalCount nodes { slug } pageInfo { hasNextPage } }
        postsAggregate(search: "gyrocompass") { count }
      }
      users { posts(search: "gyrocompass", limit: 1) { slug } }
      postsConnection(search: "gyrocompass", last: 1) { totalCount nodes { slug } pageInfo { hasPreviousPage } }
      postsAggregate(search: "gyrocompass") { count groups(by: [STATUS]) { key { status } count } }
      posts(search: "gyrocompass", where: { title: { contains: "Tide" } }) { slug }
    }"#;
    for backend in Backend::all() {
        let (_database, app) = app(backend).await;
        let data = app.query(query).await.data();
        let user = &data["user"];
        assert_eq!(slugs(&user["posts"]).len(), 3, "{backend:?}");
        assert_eq!(user["postsConnection"]["totalCount"], 3);
        // Newest first, as every connection that is not ordered otherwise.
        assert_eq!(slugs(&user["postsConnection"]["nodes"]), ["s9004", "s9002"]);
        assert_eq!(user["postsConnection"]["pageInfo"]["hasNextPage"], true);
        assert_eq!(user["postsAggregate"]["count"], 3);
        let of_users = data["users"].as_array().expect("users").iter();
        let of_users: Vec<_> = of_users.flat_map(|u| slugs(&u["posts"])).collect();
        assert_eq!(of_users, ["s9002"]);
        assert_eq!(slugs(&data["postsConnection"]["nodes"]), ["s9001"]);
        assert_eq!(data["postsConnection"]["pageInfo"]["hasPreviousPage"], true);
        assert_eq!(
            data["postsAggregate"],
            json!({ "count": 3, "groups": [{ "key": { "status": "PUBLISHED" }, "count": 3 }] })
        );
        assert_eq!(slugs(&data["posts"]), ["s9002"]);
    }
}

#[tokio::test]
async fn the_database_keeps_its_index() {
    for backend in Backend::all() {
        let (database, app) = app(backend).await;
        database
            .execute("UPDATE post SET title = 'A barometer' WHERE id = 9002")
            .await;
        assert_eq!(found(&app, "gyrocompass").await.len(), 2, "{backend:?}");
        assert_eq!(found(&app, "barometer gears").await, ["s9002"]);
        database
            .execute("UPDATE post SET version = 2 WHERE id = 9002")
            .await;
        assert_eq!(found(&app, "barometer").await, ["s9002"]);
        database.execute("DELETE FROM post WHERE id = 9002").await;
        assert_eq!(found(&app, "barometer").await, [""; 0]);
        database
            .execute("DELETE FROM post WHERE author_id = 1")
            .await;
        assert_eq!(found(&app, "gyrocompass").await, [""; 0], "{backend:?}");
        assert!(!found(&app, "the").await.is_empty());
    }
}

#[tokio::test]
async fn a_search_of_too_many_words_is_refused() {
    for backend in Backend::all() {
        let (_database, app) = app(backend).await;
        let many: Vec<_> = (0..20_000).map(|i| format!("w{i}")).collect();
        for search in [
            many.join(" "),
            format!("\"{}\"", many.join(" ")),
            "a* b* c* d* e*".to_owned(),
            // It is measured before it is read.
            "tide ".repeat(20_000),
        ] {
            let answer = app.request(FIND, None, &json!({ "s": search })).await;
            assert_eq!(answer.code(), "LIMIT_EXCEEDED", "{}", answer.text);
            assert_eq!(answer.json()["errors"][0]["extensions"]["field"], "search");
        }
        assert_eq!(
            found(&app, &"tide ".repeat(1_000)).await,
            found(&app, "tide").await
        );
    }
}

/// Words of which each has one of the characters that are a word by themselves, whatever else is in them.
fn words(backend: Backend) -> impl Strategy<Value = Vec<String>> {
    // What is a word to PostgreSQL depends on the system's locale, but for these.
    let (words, others) = match backend {
        Backend::Sqlite => ("aZ7éßΩж中٣²½①Ⅷ\u{e000}", any::<char>().boxed()),
        Backend::Postgres => ("aZ7éßΩж中", chars("aé.").boxed()),
    };
    let others = prop_oneof![others, chars("—😀*\"'._-²")];
    let others = others.prop_filter("within a word", |c| !c.is_whitespace() && *c != '\0');
    let others = || prop::collection::vec(others.clone(), 0..3);
    let word = (others(), chars(words), others());
    let word = word.prop_map(|(before, at, after)| {
        let all = before.into_iter().chain([at]).chain(after);
        all.collect::<String>()
    });
    prop::collection::vec(word, 1..5)
}

fn chars(of: &str) -> impl Strategy<Value = char> + Clone + use<> {
    prop::sample::select(of.chars().collect::<Vec<_>>())
}

#[test]
fn a_text_is_found_by_each_of_its_words_and_by_all_of_them() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    for backend in Backend::all() {
        let (database, app) = runtime.block_on(app(backend));
        let mut runner = TestRunner::new(crate::harness::config("searched_words", 100));
        let outcome = runner.run(&words(backend), |mut words| {
            let text = words.join(" ");
            let body = text.replace('\'', "''");
            let update = format!("UPDATE post SET body = '{body}' WHERE id = 9001");
            runtime.block_on(database.execute(&update));
            words.push(text);
            for search in words {
                let slugs = runtime.block_on(found(&app, &search));
                prop_assert!(slugs.contains(&"s9001".to_owned()), "{:?}", search);
            }
            Ok(())
        });
        outcome.unwrap_or_else(|e| panic!("{backend:?}: {e}"));
    }
}

/// What is no word to a database keeps nothing from being found.
#[tokio::test]
async fn what_is_a_word_is_the_databases_to_say() {
    for backend in Backend::all() {
        let (_database, app) = app(backend).await;
        // To SQLite neither is a mark that stands alone, nor a letter in a circle.
        let none = match backend {
            Backend::Sqlite => &["😀*", "—", "\u{345}", "Ⓐ", "Ⓐ*"][..],
            Backend::Postgres => &["😀*", "—"],
        };
        for none in none {
            for search in [
                format!("gyrocompass tide {none}"),
                format!("{none} tide gyrocompass"),
                format!("\"brass {none}\" gyrocompass tide"),
            ] {
                assert_eq!(
                    found(&app, &search).await,
                    ["s9002"],
                    "{backend:?} {search:?}"
                );
            }
            assert_eq!(found(&app, none).await, [""; 0], "{backend:?} {none:?}");
        }
    }
}

/// Whatever is typed is a search, and finds the same on both databases.
#[test]
fn no_text_is_a_wrong_search() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let apps: Vec<_> = Backend::all()
        .into_iter()
        .map(|backend| runtime.block_on(app(backend)))
        .collect();
    let typed = prop_oneof![
        "\\PC{0,12}",
        "[a-e \"*():^+\\-'&|!<>.,]{0,16}",
        "(the|a|tide|brass|OR|AND|NOT|NEAR|title:|\"|\\*| ){0,8}",
    ];
    let mut runner = TestRunner::new(crate::harness::config("search", 200));
    let outcome = runner.run(&typed, |typed| {
        let mut finds = apps.iter().map(|(_, app)| {
            let mut slugs = runtime.block_on(found(app, &typed));
            slugs.sort();
            slugs
        });
        let first = finds.next();
        for other in finds {
            prop_assert_eq!(first.as_ref(), Some(&other), "{:?}", typed);
        }
        Ok(())
    });
    outcome.unwrap_or_else(|e| panic!("{e}"));
}
