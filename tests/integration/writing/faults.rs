//! Whatever fails of a mutation, and wherever: the database is afterwards the one before, the answer is one error, and the
//! next request is served as if nothing had been.

use std::time::{Duration, Instant};

use backref::Request;
use backref::read::plan::Limits;
use sea_orm::{ConnectionTrait, DbBackend};
use serde_json::{Value, json};

use super::{content, somebody};
use crate::generate;
use crate::harness::{Answer, Backend, Fault, FaultyWay, TestApp, TestDatabase};

/// All that a mutation can do: rows that are made in both directions, changed, linked, parted, found and deleted with others.
const NESTED: &str = r#"mutation {
    a: createUser(input: {
        username: "ines", name: "Ines", email: "ines@example.org", profile: { create: { bio: "B" } }
        followers: { connect: ["User:2"] }
        posts: { create: [
            { title: "T", slug: "low", body: "B", tags: { connect: ["Tag:1"], create: [{ name: "tides" }] }
              comments: { create: [{ as: "c", body: "C" }] } }
            { title: "T", slug: "high", body: "B" }
        ] }
    }) { id profile { bio } posts { title author { name } tags { name } comments { body } } }
    b: updatePost(id: "Post:1", input: {
        title: "Anew", tags: { set: ["Tag:3"] }, comments: { create: [{ body: "C" }], delete: ["Comment:3"] }
    }) { title version tags { name } comments { body author { name createdAt } } }
    c: upsertTag(create: { name: "tag4" }, update: { name: "other" }, on: NAME) { name posts { title } }
    d: createComment(input: {
        body: "D", post: { connect: "Post:3" }, parent: { connect: "Comment:5" }
        author: { connectOrCreate: { on: USERNAME, create: { username: "ivo", name: "Ivo", email: "ivo@example.org" } } }
    }) { author { name } parent { body createdAt } }
    e: deletePost(id: "Post:2") { title createdAt comments { body createdAt } tags { name } }
}"#;

/// More faults than there are places for one.
const ENOUGH: usize = 200;

async fn filled(backend: Backend) -> TestDatabase {
    let database = TestDatabase::migrated(backend).await;
    generate::insert(&database.connection, &content::data()).await;
    content::number_from(&database, 1000).await;
    database
}

fn app(database: &TestDatabase) -> TestApp {
    TestApp::new(database, backref::blog::graph(), Default::default())
}

/// The mutation, with a key.
async fn ask(app: &TestApp, key: &str) -> Answer {
    send(app, key, json!({ "query": NESTED })).await
}

async fn send(app: &TestApp, key: &str, request: Value) -> Answer {
    let request = serde_json::from_value(request);
    let request = Request {
        explain: true,
        idempotency_key: Some(key.to_owned()),
        ..request.expect("a request")
    };
    let response = app.engine.execute(&request, somebody("admin", 1)).await;
    Answer {
        status: axum::http::StatusCode::OK,
        text: String::from_utf8(response.body).expect("UTF-8"),
    }
}

/// That it has failed as it should: by one error of this code, without data, and without a trace.
async fn has_left_nothing(
    (database, app): (&TestDatabase, &TestApp),
    before: &[String],
    answer: &Answer,
    codes: &[&str],
    at: impl std::fmt::Display,
) {
    let json = answer.json();
    let errors = &json["errors"];
    assert!(json["data"].is_null(), "{at}: it is done");
    assert_eq!(errors.as_array().map(Vec::len), Some(1), "{at}: {errors}");
    assert!(codes.contains(&&*answer.code()), "{at}: {errors}");
    assert_eq!(content::dump(database).await, before, "{at}: {errors}");
    let next = app.query("{ tags { name } }").await;
    assert_eq!(next.data()["tags"].as_array().map(Vec::len), Some(4));
}

/// That it is done, and done once.
async fn is_done(database: &TestDatabase, app: &TestApp, key: &str, answer: &Answer) {
    assert_eq!(answer.data()["a"]["posts"][0]["author"]["name"], "Ines");
    content::is_sound(database).await;
    let after = content::dump(database).await;
    let again = ask(app, key).await;
    assert_eq!(again.data(), answer.data());
    assert_eq!(content::dump(database).await, after);
}

async fn run(database: &TestDatabase, sql: &str) {
    let done = database.connection.execute_unprepared(sql).await;
    done.unwrap_or_else(|e| panic!("{e}: {sql}"));
}

/// Has the row fail that is the `at`th to be written of a transaction.
async fn let_rows_fail(database: &TestDatabase) {
    let postgres = database.connection.get_database_backend() == DbBackend::Postgres;
    run(database, "CREATE TABLE fault (at INTEGER)").await;
    run(database, "INSERT INTO fault VALUES (0)").await;
    let passed = match postgres {
        true => "CREATE TABLE fault_passed (n BIGSERIAL PRIMARY KEY)",
        false => "CREATE TABLE fault_passed (n INTEGER PRIMARY KEY)",
    };
    run(database, passed).await;
    if postgres {
        run(
            database,
            "CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN
                INSERT INTO fault_passed DEFAULT VALUES;
                IF (SELECT at FROM fault) = (SELECT count(*) FROM fault_passed) THEN
                    RAISE EXCEPTION ''a fault'';
                END IF;
                RETURN CASE TG_OP WHEN ''DELETE'' THEN OLD ELSE NEW END;
            END'",
        )
        .await;
    }
    for table in content::TABLES {
        for act in ["INSERT", "UPDATE", "DELETE"] {
            let does = match postgres {
                true => "FOR EACH ROW EXECUTE FUNCTION fault()",
                false => {
                    "BEGIN INSERT INTO fault_passed VALUES (NULL); SELECT RAISE(ABORT, 'a fault') FROM fault
                     WHERE at = (SELECT count(*) FROM fault_passed); END"
                }
            };
            let trigger =
                format!(r#"CREATE TRIGGER "fault_{table}_{act}" BEFORE {act} ON "{table}" {does}"#);
            run(database, &trigger).await;
        }
    }
}

/// In the middle of statements, too: each row is once the one that fails.
#[tokio::test]
async fn whichever_row_cannot_be_written_none_is() {
    for backend in Backend::all() {
        let database = filled(backend).await;
        let_rows_fail(&database).await;
        let app = app(&database);
        let before = content::dump(&database).await;
        let mut rows = 0;
        // The first and the last rows are those of the key, which are nobody's input.
        let codes = &["CONFLICT", "INTERNAL_SERVER_ERROR"];
        for at in 1..ENOUGH {
            run(&database, &format!("UPDATE fault SET at = {at}")).await;
            let answer = ask(&app, "rows").await;
            if !answer.json()["data"].is_null() {
                rows = at - 1;
                run(&database, "UPDATE fault SET at = 0").await;
                is_done(&database, &app, "rows", &answer).await;
                break;
            }
            has_left_nothing((&database, &app), &before, &answer, codes, at).await;
        }
        eprintln!("{backend:?}: {rows} rows");
        assert!(rows > 20, "{rows}");
    }
}

/// Taking a key and keeping an answer are statements as well.
#[tokio::test]
async fn what_a_key_takes_is_bounded_and_told() {
    for backend in Backend::all() {
        let database = filled(backend).await;
        let app = app(&database);
        let first = ask(&app, "counted").await;
        let again = ask(&app, "counted").await;
        assert_eq!(again.json()["data"], first.json()["data"]);
        for (answer, is_first) in [(first, true), (again, false)] {
            let cost = answer.json()["extensions"]["backref"].clone();
            let ran = cost["statements"].as_array().expect("statements").clone();
            let of_key = ran.iter().filter(|ran| ran["path"] == "Idempotency-Key");
            assert_eq!(of_key.count(), 2, "{cost}");
            assert_eq!(ran.len() > 2, is_first, "{cost}");
            assert!(
                cost["bound"]["statements"].as_u64() >= Some(ran.len() as u64),
                "{cost}"
            );
        }
    }
}

/// A request that is allowed without a key may take too many statements with it.
#[tokio::test]
async fn what_a_key_takes_counts_towards_the_limit() {
    let query = r#"mutation { createTag(input: { name: "new" }) { id } }"#;
    for backend in Backend::all() {
        let database = filled(backend).await;
        let app_of = |statements: u64| {
            let limits = Limits {
                statements,
                ..Limits::default()
            };
            TestApp::new(&database, backref::blog::graph(), limits)
        };
        let app = app(&database);
        let other = query.replace("new", "other");
        let bound = app.ask(&somebody("admin", 1), &other, &Value::Null).await;
        let bound = bound.json()["extensions"]["backref"]["bound"]["statements"].as_u64();
        let bound = bound.expect("a bound");
        for more in [0, 1] {
            let answer = send(&app_of(bound + more), "key", json!({ "query": query })).await;
            assert_eq!(
                answer.code(),
                "LIMIT_EXCEEDED",
                "{backend:?}: {}",
                answer.text
            );
            let says = format!("could take {} statements", bound + 2);
            assert!(answer.message().contains(&says), "{}", answer.text);
        }
        let answer = send(&app_of(bound + 2), "key", json!({ "query": query })).await;
        let cost = &answer.json()["extensions"]["backref"]["bound"];
        assert_eq!(cost["statements"], bound + 2, "{}", answer.text);
        let answer = app_of(bound);
        let last = query.replace("new", "last");
        let answer = answer.ask(&somebody("admin", 1), &last, &Value::Null).await;
        answer.data();
    }
}

/// It may hold what only the role could see that it was given to.
#[tokio::test]
async fn a_kept_answer_is_given_to_no_other_role() {
    for backend in Backend::all() {
        let database = filled(backend).await;
        let app = app(&database);
        let request = json!({ "query": "mutation { updateUser(id: \"User:1\", input: { name: \"A\" }) { email } }" });
        let request: Request = serde_json::from_value(request).expect("a request");
        let request = Request {
            idempotency_key: Some("kept".to_owned()),
            ..request
        };
        let as_role = async |role: &str| app.engine.execute(&request, somebody(role, 1)).await;
        let answer = as_role("admin").await;
        assert_eq!(as_role("admin").await.body, answer.body);
        let other = as_role("reader").await;
        assert!(
            other.key_is_taken,
            "{}",
            String::from_utf8_lossy(&other.body)
        );
    }
}

/// A constraint that is looked at when all is done.
#[tokio::test]
async fn what_cannot_be_committed_leaves_nothing() {
    for backend in Backend::all() {
        let database = filled(backend).await;
        run(
            &database,
            r#"CREATE TABLE late (of BIGINT REFERENCES "user" (id) DEFERRABLE INITIALLY DEFERRED)"#,
        )
        .await;
        let triggers: &[&str] = match backend {
            Backend::Sqlite => &[
                "CREATE TRIGGER late AFTER INSERT ON backref_answer BEGIN INSERT INTO late VALUES (-1); END",
            ],
            Backend::Postgres => &[
                "CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS
                    'BEGIN INSERT INTO late VALUES (-1); RETURN NEW; END'",
                "CREATE TRIGGER late AFTER INSERT ON backref_answer FOR EACH ROW EXECUTE FUNCTION late()",
            ],
        };
        for trigger in triggers {
            run(&database, trigger).await;
        }
        let app = app(&database);
        let before = content::dump(&database).await;
        for time in 0..3 {
            let answer = ask(&app, "late").await;
            // It is no row of the input's that broke it, so that is all there is to say.
            has_left_nothing((&database, &app), &before, &answer, &["CONFLICT"], time).await;
            assert!(answer.json()["errors"][0]["extensions"]["field"].is_null());
        }
        let gone = match backend {
            Backend::Sqlite => "DROP TRIGGER late",
            Backend::Postgres => "DROP TRIGGER late ON backref_answer",
        };
        run(&database, gone).await;
        let answer = ask(&app, "late").await;
        is_done(&database, &app, "late", &answer).await;
    }
}

/// A unique key that is looked at when all is done. SQLite has no such keys.
#[tokio::test]
async fn what_is_found_at_the_end_is_told_of_the_input() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let database = filled(Backend::Postgres).await;
    run(
        &database,
        "ALTER TABLE post DROP CONSTRAINT post_slug_key,
            ADD CONSTRAINT post_slug_key UNIQUE (slug) DEFERRABLE INITIALLY DEFERRED",
    )
    .await;
    let app = app(&database);
    let before = content::dump(&database).await;
    let there = app.query(r#"{ posts(limit: 1) { slug } }"#).await;
    let slug_of_first = there.data()["posts"][0]["slug"]
        .as_str()
        .expect("a slug")
        .to_owned();
    let post = r#"title: "T", body: "B", slug: "twice""#;
    let first = post.replace("twice", &slug_of_first);
    let cases = [
        (
            format!(
                r#"mutation {{ createTag(input: {{ name: "new" }}) {{ id }} createPost(input: {{ {first}, author: {{ connect: "User:1" }} }}) {{ id }} }}"#
            ),
            json!({ "code": "CONFLICT", "field": "input.slug" }),
            "createPost",
        ),
        (
            format!(
                r#"mutation {{ updateUser(id: "User:1", input: {{ posts: {{ create: [{{ {post} }}, {{ {post} }}] }} }}) {{ id }} }}"#
            ),
            json!({ "code": "CONFLICT", "field": "input.posts.create.1.slug" }),
            "updateUser",
        ),
    ];
    for (document, extensions, field) in cases {
        let answer = send(&app, field, json!({ "query": document })).await;
        has_left_nothing((&database, &app), &before, &answer, &["CONFLICT"], field).await;
        let error = &answer.json()["errors"][0];
        assert_eq!(error["path"], json!([field]), "{error}");
        assert_eq!(error["extensions"], extensions);
        assert_eq!(error["message"], "this `slug` is taken; choose another");
    }
}

/// Rows that SQLite has in its table, and nobody can read: what is found, and each level of what is answered.
#[tokio::test]
async fn what_cannot_be_read_leaves_nothing() {
    let database = filled(Backend::Sqlite).await;
    let app = app(&database);
    let before = content::dump(&database).await;
    for (table, id) in [("user", 4), ("post", 2), ("comment", 4), ("comment", 5)] {
        let set = |time: &str| {
            format!(r#"UPDATE "{table}" SET created_at = {time} WHERE id = {id} RETURNING 1"#)
        };
        let keep =
            format!(r#"CREATE TABLE kept AS SELECT created_at FROM "{table}" WHERE id = {id}"#);
        run(&database, &keep).await;
        run(&database, &set("'never'")).await;
        let damaged = content::dump(&database).await;
        let answer = ask(&app, "read").await;
        let (code, at) = ("INTERNAL_SERVER_ERROR", format!("{table} {id}"));
        has_left_nothing((&database, &app), &damaged, &answer, &[code], at).await;
        run(&database, &set("(SELECT created_at FROM kept)")).await;
        run(&database, "DROP TABLE kept").await;
    }
    assert_eq!(content::dump(&database).await, before);
    let answer = ask(&app, "read").await;
    is_done(&database, &app, "read", &answer).await;
}

async fn over_a_faulty_way() -> Option<(TestDatabase, TestApp, FaultyWay)> {
    if !Backend::all().contains(&Backend::Postgres) {
        return None;
    }
    let mut database = filled(Backend::Postgres).await;
    let way = FaultyWay::before(&mut database).await;
    let app = swept(&database).await;
    Some((database, app, way))
}

/// With the first key old answers go, beside the request, and again with one that comes a minute later: by this app they are
/// gone when anything is to fail.
async fn swept(database: &TestDatabase) -> TestApp {
    let app = app(database);
    let old = "INSERT INTO backref_answer (owner, key, digest, made_at) VALUES ('', '', '', 0)";
    run(database, old).await;
    let unknown = json!({ "query": "mutation { deletePost(id: \"Post:99\") { id } }" });
    assert_eq!(send(&app, "none", unknown).await.code(), "NOT_FOUND");
    while content::dump(database).await[0].starts_with("backref_answer") {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    app
}

#[tokio::test]
async fn whichever_statement_fails_nothing_is_left() {
    let Some((database, mut app, way)) = over_a_faulty_way().await else {
        return;
    };
    let mut since = Instant::now();
    let before = content::dump(&database).await;
    let failed = "INTERNAL_SERVER_ERROR";
    let mut last = None;
    for k in 1..ENOUGH {
        // A slow machine is not done with all of them in a minute.
        if since.elapsed() > Duration::from_secs(30) {
            app = swept(&database).await;
            since = Instant::now();
        }
        way.will(Fault::Statement(k));
        let answer = ask(&app, "statements").await;
        if !way.has() {
            last = Some((k - 1, answer));
            break;
        }
        has_left_nothing((&database, &app), &before, &answer, &[failed], k).await;
    }
    let (count, answer) = last.expect("an end");
    way.is_good();
    let json = answer.json();
    let told = json["extensions"]["backref"]["statements"].as_array();
    assert!(Some(count) >= told.map(|told| told.len()), "{count}");
    eprintln!("{count} statements");
    is_done(&database, &app, "statements", &answer).await;
}

#[tokio::test]
async fn whenever_the_database_does_not_commit_nothing_is_left() {
    let Some((database, app, way)) = over_a_faulty_way().await else {
        return;
    };
    let before = content::dump(&database).await;
    let faults = [
        (Fault::Commit, "INTERNAL_SERVER_ERROR"),
        (Fault::LostCommit, "UNAVAILABLE"),
    ];
    for (fault, code) in faults {
        way.will(fault);
        let answer = ask(&app, "commit").await;
        assert!(way.has(), "{fault:?}: {}", answer.text);
        has_left_nothing((&database, &app), &before, &answer, &[code], code).await;
    }
    // Whoever has a key learns what became of it, if nobody has heard that it was done.
    way.will(Fault::LostAnswer);
    let unknown = ask(&app, "commit").await;
    assert_eq!(unknown.code(), "UNAVAILABLE", "{}", unknown.text);
    let after = content::dump(&database).await;
    assert_ne!(after, before);
    let answer = ask(&app, "commit").await;
    assert_eq!(content::dump(&database).await, after);
    is_done(&database, &app, "commit", &answer).await;
}

/// What was not committed is done again on another connection, and is done once.
#[tokio::test]
async fn whenever_the_connection_is_lost_before_the_commit_it_is_done_once() {
    let Some((database, app, way)) = over_a_faulty_way().await else {
        return;
    };
    let create = "mutation($slug: String!) { createPost(input: {
        title: \"T\", slug: $slug, body: \"B\", tags: { connect: [\"Tag:1\"], create: [{ name: $slug }] }
    }) { slug tags { name } } }";
    let mut lost = 0;
    for k in 1..ENOUGH {
        let before = content::dump(&database).await;
        way.will(Fault::Lost(k));
        let slug = format!("lost-{k}");
        let (admin, variables) = (somebody("admin", 1), json!({ "slug": slug }));
        let answer = app.ask(&admin, create, &variables).await;
        assert_eq!(answer.data()["createPost"]["slug"], slug);
        // A post, a tag, and two links.
        let after = content::dump(&database).await;
        assert_eq!(after.len(), before.len() + 4, "{k}: {after:?}");
        if !way.has() {
            lost = k - 1;
            break;
        }
    }
    assert!(lost >= 5, "{lost}");
}
