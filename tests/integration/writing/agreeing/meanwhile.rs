//! Two at a time, of whom one writes what refers to a row, and the other that row: one of them is told that it does not agree.
//! So it is where each transaction is given a session of PgBouncer's, too.

use std::sync::Arc;

use backref::Graph;
use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, DbBackend, Statement, TransactionTrait};
use serde_json::json;

use super::super::{blog, somebody};
use super::shops::{graph, shops};
use crate::harness::{Answer, Backend, PgBouncer, TestApp, TestDatabase};

/// PostgreSQL as it is, and behind a pooler; none where it is not there.
fn ways() -> Vec<Option<usize>> {
    match Backend::all().contains(&Backend::Postgres) {
        true => vec![None, Some(4)],
        false => Vec::new(),
    }
}

/// An app over a database that is reached through so many sessions of a pooler, if that is there.
fn behind(
    database: &mut TestDatabase,
    graph: Graph,
    sessions: usize,
) -> Option<(PgBouncer, TestApp)> {
    let pooler = PgBouncer::before(database, sessions)?;
    database.url = pooler.url(database);
    let app = TestApp::new(database, graph, Default::default());
    Some((pooler, app))
}

/// Has whoever writes rows of a table so wait until it is let go on.
async fn halt(database: &TestDatabase, table: &str, event: &str) {
    let halt = format!(
        "CREATE FUNCTION halt() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN NEW; END $$;
        CREATE TRIGGER halt BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION halt()"
    );
    let done = database.connection.execute_unprepared(&halt).await;
    done.expect("a trigger");
}

async fn waiting(database: &TestDatabase) -> i64 {
    let ask = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    number(database, ask).await
}

/// Has the first stop where it writes, and the second come as far as it can; then both go on. Gives their codes.
async fn meet(database: &TestDatabase, app: &Arc<TestApp>, both: [&str; 2]) -> [String; 2] {
    let gate = database.connection.begin().await.expect("a transaction");
    let close = "SELECT pg_advisory_xact_lock(7)";
    gate.execute_unprepared(close).await.expect("the lock");
    let ask = |field: &str| {
        let (app, query) = (app.clone(), format!("mutation {{ {field} {{ id }} }}"));
        tokio::spawn(async move {
            let answer: Answer = app.ask(&somebody("admin", 1), &query, &json!({})).await;
            answer.code()
        })
    };
    let first = ask(both[0]);
    while waiting(database).await < 1 {
        assert!(!first.is_finished(), "it stops");
        tokio::task::yield_now().await;
    }
    let second = ask(both[1]);
    // It waits for the first, or is done.
    while waiting(database).await < 2 && !second.is_finished() {
        tokio::task::yield_now().await;
    }
    gate.rollback().await.expect("the lock's end");
    let codes = tokio::join!(first, second);
    [codes.0.expect("no panic"), codes.1.expect("no panic")]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_answers_a_comment_and_who_moves_it_are_not_both_done() {
    let answer = r#"createComment(input: { body: "B", postId: "Post:3", parentId: "Comment:5" })"#;
    let moves = r#"updateComment(id: "Comment:5", input: { postId: "Post:1" })"#;
    for sessions in ways() {
        for (event, both) in [("INSERT", [answer, moves]), ("UPDATE", [moves, answer])] {
            let (mut database, mut app) = blog(Backend::Postgres).await;
            halt(&database, "comment", event).await;
            let mut pooler = None;
            if let Some(sessions) = sessions {
                let graph = backref::blog::graph();
                let Some(behind) = behind(&mut database, graph, sessions) else {
                    continue;
                };
                app = behind.1;
                pooler = Some(behind.0);
            }
            let codes = meet(&database, &Arc::new(app), both).await;
            assert_eq!(codes, ["", "BAD_USER_INPUT"], "{sessions:?} {event}");
            drop(pooler);
        }
    }
}

/// Where nothing is hidden, what is referred to is not locked: neither waits for the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_refers_to_a_row_and_who_changes_it_are_not_both_done() {
    let line = r#"createLine(input: { code: "n", purchaseId: "Purchase:3" })"#;
    let moves = r#"updatePurchase(id: "Purchase:3", input: { shopId: "Shop:1" })"#;
    let met = [
        ("line", "INSERT", [line, moves]),
        ("purchase", "UPDATE", [moves, line]),
    ];
    for sessions in ways() {
        for (table, event, both) in met {
            let (mut database, mut app) = shops(Backend::Postgres, graph()).await;
            halt(&database, table, event).await;
            let mut pooler = None;
            if let Some(sessions) = sessions {
                let Some(behind) = behind(&mut database, graph(), sessions) else {
                    continue;
                };
                app = behind.1;
                pooler = Some(behind.0);
            }
            let mut codes = meet(&database, &Arc::new(app), both).await;
            codes.sort();
            assert_eq!(codes, ["", "BAD_USER_INPUT"], "{sessions:?} {event}");
            drop(pooler);
        }
    }
}

async fn number(database: &TestDatabase, ask: &str) -> i64 {
    let ask = Statement::from_string(DbBackend::Postgres, ask);
    let row = database.connection.query_one_raw(ask).await;
    let row = row.expect("an answer").expect("a row");
    row.try_get_by_index(0).expect("a number")
}

/// A pooler's session goes from one transaction to the next: each has the level that it needs, and leaves none to others.
#[tokio::test]
async fn a_session_keeps_no_level_of_isolation() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let (mut database, _direct) = blog(Backend::Postgres).await;
    let notes = "CREATE TABLE noted (id bigserial, of text, level text);
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO noted (of, level) VALUES (TG_TABLE_NAME, current_setting('transaction_isolation')); RETURN NEW; END $$;
        CREATE TRIGGER note BEFORE INSERT ON comment FOR EACH ROW EXECUTE FUNCTION note();
        CREATE TRIGGER note BEFORE INSERT ON tag FOR EACH ROW EXECUTE FUNCTION note()";
    let done = database.connection.execute_unprepared(notes).await;
    done.expect("triggers");
    let Some((_pooler, app)) = behind(&mut database, backref::blog::graph(), 1) else {
        return;
    };
    let admin = somebody("admin", 1);
    for round in 0..3 {
        let fields = [
            format!(r#"createTag(input: {{ name: "round-{round}" }}) {{ id }}"#),
            r#"createComment(input: { body: "B", postId: "Post:1", parentId: "Comment:1" }) { id }"#
                .to_owned(),
        ];
        for field in fields {
            let query = format!("mutation {{ {field} }}");
            app.ask(&admin, &query, &json!({})).await.data();
        }
        app.query("{ tags { id posts { id } } }").await.data();
    }
    let of = async |table: &str, level: &str| {
        let ask = format!("SELECT count(*) FROM noted WHERE of = '{table}' AND level = '{level}'");
        number(&database, &ask).await
    };
    assert_eq!(of("comment", "serializable").await, 3);
    assert_eq!(of("tag", "repeatable read").await, 3);
    assert_eq!(number(&database, "SELECT count(*) FROM noted").await, 6);
}

/// Many answer a comment, and some move it with all its answers, through fewer sessions than they are: each is done or told
/// that it does not agree, and what is there agrees.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_a_time_agree_in_the_end() {
    for sessions in ways() {
        let (mut database, mut app) = blog(Backend::Postgres).await;
        let mut pooler = None;
        if let Some(sessions) = sessions {
            let graph = backref::blog::graph();
            let Some(behind) = behind(&mut database, graph, sessions) else {
                continue;
            };
            app = behind.1;
            pooler = Some(behind.0);
        }
        let app = Arc::new(app);
        let ask = |query: String| {
            let app = app.clone();
            tokio::spawn(async move {
                let answer = app.ask(&somebody("admin", 1), &query, &json!({})).await;
                (answer.code(), answer.text)
            })
        };
        let all = (0..48).map(|at| {
            let post = 1 + at % 2 * 2;
            ask(match at % 8 {
                0 => format!(
                    r#"mutation {{ updateComment(id: "Comment:5", input: {{ postId: "Post:{post}" }}) {{ id }} }}"#
                ),
                1 => format!(
                    r#"mutation {{ updateComments(where: {{ or: [{{ id: {{ eq: "Comment:5" }} }}, {{ parent: {{ id: {{ eq: "Comment:5" }} }} }}] }}, input: {{ postId: "Post:{post}" }}) {{ count }} }}"#
                ),
                _ => format!(
                    r#"mutation {{ createComment(input: {{ body: "B", postId: "Post:{post}", parentId: "Comment:5" }}) {{ id }} }}"#
                ),
            })
        });
        for done in join_all(all).await {
            let (code, text) = done.expect("no panic");
            assert!(
                ["", "BAD_USER_INPUT"].contains(&&*code),
                "{sessions:?} {text}"
            );
        }
        let apart = "SELECT count(*) FROM comment c JOIN comment p ON c.parent_id = p.id WHERE c.post_id <> p.post_id";
        assert_eq!(number(&database, apart).await, 0, "{sessions:?}");
        drop(pooler);
    }
}
