//! Many who write at once: nobody is told of a deadlock, and no update is lost.
//!
//! `CONTENTION=1 cargo test --release contention` takes the sizes at which it was measured; without it they are small.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use super::{blog, somebody};
use crate::harness::{Answer, Backend, Program, SECRET, TestApp, TestDatabase, token};

fn so_many(few: usize, many: usize) -> usize {
    match std::env::var("CONTENTION").is_ok() {
        true => many,
        false => few,
    }
}

async fn shared(backend: Backend) -> (TestDatabase, Arc<TestApp>) {
    let (database, app) = blog(backend).await;
    (database, Arc::new(app))
}

/// What all clients come to, each with its number, at the same time.
async fn at_once<T, F>(clients: usize, client: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let clients: Vec<_> = (0..clients).map(|n| tokio::spawn(client(n))).collect();
    let all = futures_util::future::join_all(clients);
    let patience = Duration::from_secs(so_many(600, 3600) as u64);
    let all = tokio::time::timeout(patience, all).await;
    let ended = all.expect("they come to an end").into_iter();
    ended.map(|one| one.expect("no panic")).collect()
}

async fn ask(app: &TestApp, query: &str, variables: Value) -> Answer {
    app.ask(&somebody("admin", 1), query, &variables).await
}

async fn read(app: &TestApp, query: &str) -> Value {
    ask(app, query, json!({})).await.data()
}

const CREATE: &str = "mutation($slug: String!) {
    createPost(input: { title: \"T\", slug: $slug, body: \"B\" }) { id slug } }";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_ten_who_take_the_same_slug_one_has_it() {
    for backend in Backend::all() {
        let (_database, app) = shared(backend).await;
        for round in 0..so_many(3, 30) {
            let slug = format!("wanted-{round}");
            let codes = at_once(10, |_| {
                let (app, slug) = (app.clone(), slug.clone());
                async move {
                    let answer = ask(&app, CREATE, json!({ "slug": slug })).await;
                    let error = answer.json()["errors"][0]["extensions"].clone();
                    match error["code"].as_str() {
                        None => "done".to_owned(),
                        Some(code) => format!("{code} {}", error["field"]),
                    }
                }
            });
            let mut codes = codes.await;
            codes.sort();
            let mut expected = vec!["CONFLICT \"input.slug\"".to_owned(); 9];
            expected.push("done".to_owned());
            assert_eq!(codes, expected, "{backend:?}");
        }
    }
}

const UPSERT: &str = "mutation($create: PostCreate!, $title: String!) {
    upsertPost(create: $create, update: { title: $title }, on: SLUG) { slug title } }";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn upserts_of_the_same_keys_never_fail() {
    let (clients, each) = (32, so_many(10, 1000));
    for backend in Backend::all() {
        let (_database, app) = shared(backend).await;
        at_once(clients, |client| {
            let app = app.clone();
            async move {
                for n in 0..each {
                    // From different ends.
                    let key = (n * if client % 2 == 0 { 1 } else { 9 } + client) % 10;
                    let title = format!("{client} {n}");
                    let create =
                        json!({ "title": title, "slug": format!("key-{key}"), "body": "B" });
                    let asked = json!({ "create": create, "title": title });
                    let answer = ask(&app, UPSERT, asked).await;
                    assert_eq!(answer.data()["upsertPost"]["title"], title);
                }
            }
        })
        .await;
        let query = r#"{ posts(where: { slug: { startsWith: "key-" } }) { version } }"#;
        let posts = read(&app, query).await;
        let posts = posts["posts"].as_array().expect("posts");
        assert_eq!(posts.len(), 10, "{backend:?}");
        let versions = posts.iter().filter_map(|post| post["version"].as_u64());
        assert_eq!(
            versions.sum::<u64>(),
            (clients * each) as u64,
            "{backend:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_connects_to_what_all_create_finds_it() {
    let query = "mutation($author: UserLink!) {
        createComment(input: { body: \"B\", postId: \"Post:1\", author: $author }) { author { id } } }";
    for backend in Backend::all() {
        let (_database, app) = shared(backend).await;
        for round in 0..so_many(3, 30) {
            let name = format!("new-{round}");
            let mut authors = at_once(10, |_| {
                let (app, name) = (app.clone(), name.clone());
                async move {
                    let email = format!("{name}@example.org");
                    let create = json!({ "username": name, "name": "N", "email": email });
                    let author =
                        json!({ "connectOrCreate": { "on": "USERNAME", "create": create } });
                    let answer = ask(&app, query, json!({ "author": author })).await;
                    answer.data()["createComment"]["author"]["id"].to_string()
                }
            })
            .await;
            authors.dedup();
            assert_eq!(authors.len(), 1, "{backend:?}");
        }
    }
}

/// Each who answers has looked at what he answers, and at nothing that the others write; nobody is refused for that.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_who_answer_the_same_comment_have_answered() {
    let (clients, each) = (16, so_many(4, 100));
    let query = r#"mutation { createComment(input: { body: "B", postId: "Post:1", parentId: "Comment:1" }) { post { id } } }"#;
    for backend in Backend::all() {
        let (_database, app) = shared(backend).await;
        at_once(clients, |_| {
            let app = app.clone();
            async move {
                for _ in 0..each {
                    ask(&app, query, json!({})).await.data();
                }
            }
        })
        .await;
        let count = r#"{ comment(id: "Comment:1") { repliesAggregate { count } } }"#;
        let count = read(&app, count).await["comment"]["repliesAggregate"]["count"].clone();
        assert_eq!(count, clients * each + 1, "{backend:?}");
    }
}

/// Updates of the same rows in opposite orders: of fields, of lists, and of what hangs on rows.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn crossing_updates_are_all_done() {
    for backend in Backend::all() {
        let (database, app) = shared(backend).await;
        cross(&database, &[app], 32, so_many(4, 100)).await;
    }
}

/// Servers know nothing of each other's turns at rows.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn crossing_updates_of_two_servers_are_all_done() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let (database, app) = shared(Backend::Postgres).await;
    let other = TestApp::new(&database, backref::blog::graph(), Default::default());
    let apps = [app, Arc::new(other)];
    cross(&database, &apps, 16, so_many(4, 100)).await;
}

/// Each client asks one of the servers.
async fn cross(database: &TestDatabase, apps: &[Arc<TestApp>], clients: usize, each: usize) {
    let query = "{ posts(orderBy: [{ id: ASC }]) { id version } }";
    let before = versions(&read(&apps[0], query).await);
    at_once(clients, |client| {
        let app = apps[client % apps.len()].clone();
        async move {
            for n in 0..each {
                let mut posts = ["Post:1", "Post:3", "Post:6"];
                posts.rotate_left((client + n) % 3);
                if client / 2 % 2 == 0 {
                    posts.reverse();
                }
                let fields = posts.iter().enumerate().map(|(at, id)| {
                    format!(
                        "f{at}: updatePost(id: {id:?}, input: {{ body: \"{client}\" }}) {{ id }}"
                    )
                });
                let fields = fields.collect::<Vec<_>>().join(" ");
                let answer = ask(&app, &format!("mutation {{ {fields} }}"), json!({})).await;
                answer.data();
            }
        }
    })
    .await;
    let after = versions(&read(&apps[0], query).await);
    let updates = (clients * each) as u64;
    for (id, version) in before {
        let more = match [1, 3, 6].map(|id| format!("Post:{id}")).contains(&id) {
            true => updates,
            false => 0,
        };
        assert!(
            after.contains(&(id.clone(), version + more)),
            "{} {id}: {after:?}",
            database.name()
        );
    }
}

/// What is committed when the time is over is not said to be undone.
#[tokio::test]
async fn a_slow_commit_is_waited_for() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let (database, patient) = blog(Backend::Postgres).await;
    let slow = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_sleep(2); RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON tag DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION slow()";
    database
        .connection
        .execute_unprepared(slow)
        .await
        .expect("a trigger");
    let app = TestApp::with_timeout(&database, Duration::from_secs(1));
    let create = "mutation($name: String!) { createTag(input: { name: $name }) { name } }";
    let began = Instant::now();
    for number in 0.. {
        let name = format!("slow-{number}");
        let created = ask(&app, create, json!({ "name": name })).await;
        if created.code() != "TIMEOUT" {
            assert_eq!(created.data()["createTag"]["name"], name);
            // Nor was any stored since whose time was over: they began before this one, which took two seconds.
            let tags = "{ tags(where: { name: { startsWith: \"slow-\" } }) { name } }";
            assert_eq!(
                read(&patient, tags).await["tags"],
                json!([{ "name": name }])
            );
            return;
        }
        // On a busy machine its time is over before it is committed, and then it is not: nothing is learnt of that.
        let tags = format!("{{ tags(where: {{ name: {{ eq: {name:?} }} }}) {{ name }} }}");
        assert_eq!(read(&patient, &tags).await["tags"], json!([]));
        let is_soon = began.elapsed() < Duration::from_secs(60);
        assert!(is_soon, "{}", created.text);
    }
}

/// As many connections as PostgreSQL allows are those that read: writers get one all the same.
#[tokio::test]
async fn who_reads_gives_connections_up_for_who_writes() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let (database, _) = blog(Backend::Postgres).await;
    let role = format!("few_of_{}", database.name());
    let execute = async |sql: &str| {
        let done = database.connection.execute_unprepared(sql).await;
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    };
    execute(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'secret' CONNECTION LIMIT 3;
        GRANT ALL ON ALL TABLES IN SCHEMA public TO {role};
        GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role}"
    ))
    .await;
    let url = database.url.shown();
    let (_, host) = url.split_once('@').expect("a user");
    let url = format!("postgres://{role}:secret@{host}");
    let server = Program::serve_at(&url, &["--jwt-secret", SECRET]);
    let header = format!("Authorization: Bearer {}", token(&database));
    std::thread::scope(|scope| {
        for client in 0..8 {
            let (server, header) = (&server, &header);
            scope.spawn(move || {
                for n in 0..6 {
                    let read = server.ask("{ posts { id comments { id } } }");
                    assert!(read["errors"].is_null(), "{read}");
                    let name = format!("few-{client}-{n}");
                    let create =
                        format!("mutation {{ createTag(input: {{ name: {name:?} }}) {{ name }} }}");
                    let created = patiently(|| server.ask_with(&create, header));
                    assert_eq!(created["data"]["createTag"]["name"], name, "{created}");
                }
            });
        }
    });
    server.stop();
    execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}

/// A connection is waited for five seconds at most, which those before may need on a busy machine: then once more.
fn patiently(ask: impl Fn() -> Value) -> Value {
    let began = Instant::now();
    loop {
        let asked = Instant::now();
        let answer = ask();
        let is_refused = answer["errors"][0]["extensions"]["code"] == "UNAVAILABLE";
        let has_waited = asked.elapsed() >= Duration::from_secs(5);
        if !(is_refused && has_waited) || began.elapsed() > Duration::from_secs(60) {
            return answer;
        }
    }
}

fn versions(data: &Value) -> Vec<(String, u64)> {
    let posts = data["posts"].as_array().expect("posts").iter();
    let versions = posts.filter_map(|post| {
        let id = post["id"].as_str()?.to_owned();
        Some((id, post["version"].as_u64()?))
    });
    versions.collect()
}

/// Who reads a number, adds one and writes it with the version that he has read, has counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_counter_counts_every_time() {
    let (clients, each) = (8, so_many(12, 1250));
    let update = "mutation($title: String!, $version: Int!) {
        updatePost(id: \"Post:1\", input: { title: $title }, expectedVersion: $version) { version } }";
    for backend in Backend::all() {
        let (_database, app) = shared(backend).await;
        let start = r#"mutation { updatePost(id: "Post:1", input: { title: "0" }) { id } }"#;
        read(&app, start).await;
        at_once(clients, |_| {
            let app = app.clone();
            async move {
                let mut counted = 0;
                while counted < each {
                    let post = read(&app, r#"{ post(id: "Post:1") { title version } }"#).await;
                    let post = &post["post"];
                    let title = post["title"].as_str().unwrap_or_default();
                    let next: usize = title.parse().expect("a number");
                    let asked =
                        json!({ "title": (next + 1).to_string(), "version": post["version"] });
                    let answer = ask(&app, update, asked).await;
                    match answer.code().as_str() {
                        "" => counted += 1,
                        code => assert_eq!(code, "CONFLICT", "{}", answer.text),
                    }
                }
            }
        })
        .await;
        let post = read(&app, r#"{ post(id: "Post:1") { title } }"#).await;
        assert_eq!(
            post["post"]["title"],
            (clients * each).to_string(),
            "{backend:?}"
        );
    }
}
