//! Brief work that waits is committed together on SQLite. Each is whole or absent all the same, and hears what became of
//! its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use backref::read::load::change::{Abort, Given};
use backref::read::load::{DatabaseError, refusal::Refusal};
use futures_util::future::join_all;

use super::{Gate, Refused, Scene, Script, Step, add, error, far, script, sql};
use crate::harness::{Backend, TestDatabase};

type Done = Result<Vec<Vec<Given>>, Abort<Refused>>;

/// Runs all of these when they have waited for something that ends after all have come, so that they can be committed together;
/// with how often each was begun.
async fn behind_another(scene: &Scene, works: Vec<(Script, Instant)>) -> Vec<(Done, u32)> {
    let have_come = Gate::closed();
    let holds = scene.run(script([Step::Until(have_come.clone())]));
    let works = works.into_iter().map(|(work, deadline)| {
        let attempts = work.attempts.clone();
        async move {
            let done = scene.writers.run(Arc::new(work), deadline).await;
            (done, attempts.load(Ordering::SeqCst))
        }
    });
    // In this order.
    let come = async { have_come.open() };
    let (held, done, ()) = tokio::join!(holds, join_all(works), come);
    held.expect("it is done");
    done
}

fn in_time(works: impl IntoIterator<Item = Vec<Step>>) -> Vec<(Script, Instant)> {
    works
        .into_iter()
        .map(|steps| (script(steps), far()))
        .collect()
}

fn insert(id: i64, of: i64) -> Step {
    sql(&format!(
        "INSERT INTO counter (id, n, of) VALUES ({id}, 0, {of})"
    ))
}

#[tokio::test]
async fn what_one_refuses_is_taken_back_and_the_others_stand() {
    for backend in Backend::all() {
        let scene = Scene::new(backend).await;
        // Only SQLite keeps to the order: there the fourth stands on what the first has written.
        let earlier = match backend {
            Backend::Sqlite => 3,
            Backend::Postgres => 2,
        };
        let works = in_time([
            vec![add(1, 1), insert(3, 1)],
            vec![add(2, 1), Step::Refuse],
            vec![add(2, 10), insert(1, 1)],
            vec![add(1, 100), insert(4, earlier)],
            vec![insert(5, 77), add(1, 1000)],
            vec![add(2, 10000)],
        ]);
        let done = behind_another(&scene, works).await;
        let of: Vec<_> = done
            .iter()
            .map(|(done, _)| match done {
                Ok(_) => "done".to_owned(),
                Err(Abort::Refused(Refused)) => "refused".to_owned(),
                Err(Abort::Database(error)) => match Refusal::of(error) {
                    Some(_) => "the database would not".to_owned(),
                    None => error.to_string(),
                },
            })
            .collect();
        let would_not = "the database would not";
        assert_eq!(
            of,
            ["done", "refused", would_not, "done", would_not, "done"],
            "{backend:?}"
        );
        let fourth = format!("4 0 - {earlier}");
        let expected = ["1 101 one 0", "2 10000 two 0", "3 0 - 1", &fourth];
        assert_eq!(scene.rows().await, expected, "{backend:?}");
        if backend == Backend::Sqlite {
            assert!(
                done.iter().all(|(_, attempts)| *attempts == 1),
                "each is done once"
            );
        }
    }
}

/// The database itself may end a transaction, and with it what others have done in it.
#[tokio::test]
async fn who_ends_the_transaction_of_all_does_so_for_himself_alone() {
    let trigger = "CREATE TRIGGER ends AFTER UPDATE ON counter WHEN NEW.n = 666 BEGIN SELECT RAISE(ROLLBACK, 'no'); END";
    let began = Instant::now();
    loop {
        let scene = Scene::new(Backend::Sqlite).await;
        scene.run(script([sql(trigger)])).await.expect("a trigger");
        let works = in_time([
            vec![add(1, 1)],
            vec![insert(3, 1)],
            vec![sql("UPDATE counter SET n = 666 WHERE id = 3")],
            vec![add(1, 100)],
        ]);
        let done = behind_another(&scene, works).await;
        let mut ends = done.iter().map(|(done, _)| done.is_ok());
        assert_eq!(
            [(); 4].map(|()| ends.next()),
            [Some(true), Some(true), Some(false), Some(true)]
        );
        assert_eq!(scene.rows().await, ["1 101 one 0", "2 0 two 0", "3 0 - 1"]);
        // A thread that has no processor for some milliseconds takes in no more, and then they were not together.
        let attempts: Vec<_> = done.iter().map(|(_, attempts)| *attempts).collect();
        if attempts == [2, 2, 2, 1] {
            return;
        }
        let is_soon = began.elapsed() < super::PATIENCE;
        assert!(is_soon, "the first three were never together: {attempts:?}");
    }
}

#[tokio::test]
async fn whose_time_is_over_takes_no_others_with_him() {
    let scene = Scene::new(Backend::Sqlite).await;
    let endless = "UPDATE counter SET n = (WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT count(*) FROM c)";
    let soon = Instant::now() + Duration::from_millis(300);
    let mut works = in_time([vec![add(1, 1)], vec![sql(endless)], vec![add(1, 100)]]);
    works[1].1 = soon;
    let done = behind_another(&scene, works).await;
    let [first, late, last] = <[_; 3]>::try_from(done).expect("three");
    first.0.expect("it is done");
    last.0.expect("it is done");
    assert!(error(late.0).is_timeout());
    assert_eq!(scene.rows().await, ["1 101 one 0", "2 0 two 0"]);
}

/// What is found out only by the commit is the fault of one, too.
#[tokio::test]
async fn whose_commit_fails_fails_alone() {
    for backend in Backend::all() {
        let database = TestDatabase::empty(backend).await;
        let scene = Scene::of(database).await;
        let table = "CREATE TABLE later (id INTEGER PRIMARY KEY, of INTEGER REFERENCES counter (id) DEFERRABLE INITIALLY DEFERRED)";
        scene.run(script([sql(table)])).await.expect("a table");
        let later =
            |id: i64, of: i64| sql(&format!("INSERT INTO later (id, of) VALUES ({id}, {of})"));
        let works = in_time([
            vec![later(1, 1), add(1, 1)],
            vec![later(2, 77), add(1, 10)],
            vec![later(3, 2), add(1, 100)],
        ]);
        let done = behind_another(&scene, works).await;
        let [first, wrong, last] = <[_; 3]>::try_from(done).expect("three");
        first.0.expect("it is done");
        last.0.expect("it is done");
        assert!(
            !matches!(error(wrong.0), DatabaseError::Unknown(_)),
            "{backend:?}"
        );
        assert_eq!(scene.rows().await[0], "1 101 one 0", "{backend:?}");
    }
}

/// A panic is the end of nothing but its own work.
#[tokio::test]
async fn who_panics_does_so_alone() {
    let scene = Scene::new(Backend::Sqlite).await;
    let panics = Step::Do(Box::new(|_| panic!("on purpose")));
    let works = in_time([vec![add(1, 1)], vec![add(1, 10), panics], vec![add(1, 100)]]);
    let done = behind_another(&scene, works).await;
    let ends: Vec<_> = done.iter().map(|(done, _)| done.is_ok()).collect();
    assert_eq!(ends, [true, false, true]);
    assert_eq!(scene.rows().await[0], "1 101 one 0");
}

/// Nobody hears that he is done before all of it is stored.
#[tokio::test]
async fn nobody_is_answered_before_the_commit() {
    let scene = Scene::new(Backend::Sqlite).await;
    let seen = AtomicU32::new(0);
    let holds = scene.run(script([Step::Wait(Duration::from_millis(50))]));
    let works = (0..16).map(|i| {
        let (scene, seen) = (&scene, &seen);
        async move {
            scene
                .run(script([add(1, 1), add(2, 1 << i)]))
                .await
                .expect("it is done");
            // By another connection.
            let rows = scene.rows().await;
            let sum: u64 = rows[1]
                .split(' ')
                .nth(1)
                .and_then(|n| n.parse().ok())
                .expect("a number");
            assert!(sum & (1 << i) != 0, "{i}: {rows:?}");
            seen.fetch_add(1, Ordering::SeqCst);
        }
    });
    let (held, _) = tokio::join!(holds, join_all(works));
    held.expect("it is done");
    assert_eq!(seen.into_inner(), 16);
}
