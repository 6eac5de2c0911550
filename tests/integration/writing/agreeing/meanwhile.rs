//! Two at a time, of whom one writes what refers to a row, and the other that row: one of them is told that it does not agree.

use std::sync::Arc;

use sea_orm::{ConnectionTrait, DbBackend, Statement, TransactionTrait};
use serde_json::json;

use super::super::{blog, somebody};
use super::shops::{graph, shops};
use crate::harness::{Answer, Backend, TestApp, TestDatabase};

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
    let ask = Statement::from_string(DbBackend::Postgres, ask);
    let row = database.connection.query_one_raw(ask).await;
    let row = row.expect("an answer").expect("a row");
    row.try_get_by_index(0).expect("a number")
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
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let answer = r#"createComment(input: { body: "B", postId: "Post:3", parentId: "Comment:5" })"#;
    let moves = r#"updateComment(id: "Comment:5", input: { postId: "Post:1" })"#;
    for (event, both) in [("INSERT", [answer, moves]), ("UPDATE", [moves, answer])] {
        let (database, app) = blog(Backend::Postgres).await;
        halt(&database, "comment", event).await;
        let codes = meet(&database, &Arc::new(app), both).await;
        assert_eq!(codes, ["", "BAD_USER_INPUT"], "{event}");
    }
}

/// Where nothing is hidden, what is referred to is not locked: neither waits for the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_refers_to_a_row_and_who_changes_it_are_not_both_done() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let line = r#"createLine(input: { code: "n", purchaseId: "Purchase:3" })"#;
    let moves = r#"updatePurchase(id: "Purchase:3", input: { shopId: "Shop:1" })"#;
    for (table, event, both) in [
        ("line", "INSERT", [line, moves]),
        ("purchase", "UPDATE", [moves, line]),
    ] {
        let (database, app) = shops(Backend::Postgres, graph()).await;
        halt(&database, table, event).await;
        let mut codes = meet(&database, &Arc::new(app), both).await;
        codes.sort();
        assert_eq!(codes, ["", "BAD_USER_INPUT"], "{event}");
    }
}
