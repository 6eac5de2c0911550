//! Where work is done, and what becomes of work that nobody waits for.

use std::pin::Pin;
use std::sync::mpsc;
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Waker};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::super::change::{Abort, Transaction, Work};
use super::super::{DatabaseError, Learnt};
use super::connection::Sqlite;
use super::{Access, SqlitePool, SqliteWriter};

/// About eleven steps of SQLite's machine for each number.
fn count(to: u64) -> String {
    format!(
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {to}) SELECT count(*) FROM c"
    )
}

/// More than is done where it is asked.
const MUCH: u64 = 40_000;
/// It would not end.
const ENDLESS: u64 = u64::MAX >> 1;

struct Stage {
    _folder: TempDir,
    pool: SqlitePool,
    runtime: tokio::runtime::Runtime,
}

impl Stage {
    /// One connection for quick work, and three threads.
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("test.db");
        let made = rusqlite::Connection::open(&file).expect("a file");
        made.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (n INTEGER)")
            .expect("a table");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        Stage {
            pool: SqlitePool::open(&file, Access::Writable, 1).expect("a pool"),
            _folder: folder,
            runtime,
        }
    }

    fn run<T: Send + 'static>(
        &self,
        learnt: &Arc<Learnt>,
        work: impl Fn(&mut Sqlite) -> Result<T, DatabaseError> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        self.runtime.block_on(self.pool.run(far(), learnt, work))
    }
}

/// Work that was asked for, and has not ended.
type Waiting<T> = Pin<Box<dyn Future<Output = Result<T, DatabaseError>>>>;

/// Asks for work that is not quick.
fn ask<T: Send + 'static>(
    stage: &Stage,
    work: impl Fn(&mut Sqlite) -> Result<T, DatabaseError> + Send + 'static,
) -> Waiting<T> {
    let pool = stage.pool.clone();
    let mut waiting: Waiting<T> = Box::pin(async move { pool.run(far(), &slow(), work).await });
    let mut context = Context::from_waker(Waker::noop());
    assert!(waiting.as_mut().poll(&mut context).is_pending());
    waiting
}

fn far() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

/// A plan of which it is known that it is not quick.
fn slow() -> Arc<Learnt> {
    let learnt = Arc::<Learnt>::default();
    learnt.slow.remember();
    learnt
}

/// The threads that did some work, in their order.
#[derive(Clone, Default)]
struct Places(Arc<Mutex<Vec<(ThreadId, String)>>>);

impl Places {
    fn note(&self) {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or_default().to_owned();
        self.0.lock().expect("the places").push((thread.id(), name));
    }

    /// Whether each time was in this thread.
    fn take(&self) -> Vec<bool> {
        let here = std::thread::current().id();
        let all = std::mem::take(&mut *self.0.lock().expect("the places"));
        let is_here = |(id, name): &(ThreadId, String)| {
            assert!(*id == here || name.starts_with("sqlite-"), "{name}");
            *id == here
        };
        all.iter().map(is_here).collect()
    }
}

#[test]
fn quick_work_is_done_where_it_is_asked() {
    let (stage, places) = (Stage::new(), Places::default());
    let there = places.clone();
    let counted = stage.run(&Arc::default(), move |connection| {
        there.note();
        connection.number(&count(100))
    });
    assert_eq!(counted.expect("a number"), 100);
    assert_eq!(places.take(), [true]);
}

#[test]
fn work_that_is_not_quick_is_stopped_and_done_again_on_a_thread() {
    let (stage, places, learnt) = (Stage::new(), Places::default(), Arc::default());
    let ask = |to: u64| {
        let there = places.clone();
        let counted = stage.run(&learnt, move |connection| {
            there.note();
            connection.number(&count(to))
        });
        assert_eq!(counted.expect("a number"), to as i64);
        places.take()
    };
    assert_eq!(ask(MUCH), [true, false]);
    // That is remembered for a while, and then tried again.
    for _ in 0..200 {
        assert_eq!(ask(10), [false]);
    }
    assert_eq!(ask(10), [true]);
}

#[test]
fn work_that_cannot_be_done_here_now_is_done_on_a_thread() {
    let (stage, places) = (Stage::new(), Places::default());
    let (begins, ends) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let holds = (stage.pool.clone(), begins.clone(), ends.clone());
    let holder = std::thread::spawn(move || {
        let (pool, begins, ends) = holds;
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let learnt = Arc::default();
        let work = move |_: &mut Sqlite| {
            begins.wait();
            ends.wait();
            Ok(())
        };
        runtime
            .expect("a runtime")
            .block_on(pool.run(far(), &learnt, work))
    });
    begins.wait();
    // The one connection for quick work is in use.
    let there = places.clone();
    let counted = stage.run(&Arc::default(), move |connection| {
        there.note();
        connection.number(&count(3))
    });
    assert_eq!(counted.expect("a number"), 3);
    assert_eq!(places.take(), [false]);
    ends.wait();
    holder.join().expect("a thread").expect("it ends");
}

/// Whether it says that its time was over. A thread that had no processor for a while has not begun what it finds late then,
/// and refuses it: of that nothing is learnt.
fn has_timed_out(error: &DatabaseError, since: Instant) -> bool {
    let is_refused = matches!(error, DatabaseError::Overloaded { .. });
    let is_soon = since.elapsed() < Duration::from_secs(60);
    assert!(error.is_timeout() || (is_refused && is_soon), "{error}");
    error.is_timeout()
}

#[test]
fn work_ends_with_its_time() {
    let stage = Stage::new();
    let since = Instant::now();
    for is_known in [false, true] {
        let mut time = Duration::from_millis(50);
        loop {
            let learnt = if is_known { slow() } else { Arc::default() };
            let deadline = Instant::now() + time;
            let work = |connection: &mut Sqlite| connection.number(&count(ENDLESS));
            let ended = stage
                .runtime
                .block_on(stage.pool.run(deadline, &learnt, work));
            let error = ended.expect_err("it would not end");
            if has_timed_out(&error, since) {
                break;
            }
            time *= 2;
        }
    }
    // What comes too late is not begun.
    let places = Places::default();
    loop {
        let (learnt, there) = (slow(), places.clone());
        let late = stage
            .pool
            .run(Instant::now(), &learnt, move |_: &mut Sqlite| {
                there.note();
                Ok(())
            });
        std::thread::sleep(Duration::from_millis(1));
        let error = stage.runtime.block_on(late).expect_err("too late");
        if has_timed_out(&error, since) {
            break;
        }
    }
    assert_eq!(places.take(), [false; 0]);
}

#[test]
fn what_nobody_waits_for_is_given_up() {
    let stage = Stage::new();
    let (began, begins) = mpsc::channel();
    // It is gone when the work is.
    let (ended, ends) = mpsc::channel::<()>();
    let running = ask(&stage, move |connection| {
        let _is_kept = &ended;
        let _ = began.send(());
        connection.number(&count(ENDLESS))
    });
    begins.recv().expect("it begins");
    drop(running);
    let ended = ends.recv_timeout(Duration::from_secs(60));
    assert_eq!(ended, Err(mpsc::RecvTimeoutError::Disconnected));
}

/// Work that holds each thread until it is let go.
fn hold(stage: &Stage) -> (Vec<Waiting<()>>, Arc<Barrier>) {
    let (begins, ends) = (Arc::new(Barrier::new(4)), Arc::new(Barrier::new(4)));
    let held = (0..3).map(|_| {
        let (begins, ends) = (begins.clone(), ends.clone());
        ask(stage, move |_| {
            begins.wait();
            ends.wait();
            Ok(())
        })
    });
    let held = held.collect();
    begins.wait();
    (held, ends)
}

#[test]
fn what_was_dropped_while_it_waited_is_never_begun() {
    let (stage, places) = (Stage::new(), Places::default());
    let (held, ends) = hold(&stage);
    let there = places.clone();
    let waiting = ask(&stage, move |_| {
        there.note();
        Ok(())
    });
    drop(waiting);
    ends.wait();
    for held in held {
        stage.runtime.block_on(held).expect("it ends");
    }
    // Whatever waited before this has had its turn.
    stage.run(&slow(), |_| Ok(())).expect("it is done");
    assert_eq!(places.take(), [false; 0]);
}

#[test]
fn what_cannot_end_in_time_is_refused_at_once() {
    let stage = Stage::new();
    let (held, ends) = hold(&stage);
    let waiting: Vec<_> = (0..400).map(|_| ask(&stage, |_| Ok(()))).collect();
    // 400 of 3 ms, one after the other.
    let soon = Instant::now() + Duration::from_secs(1);
    let learnt = slow();
    let refused = stage.pool.run(soon, &learnt, |_: &mut Sqlite| Ok(()));
    let refused = stage
        .runtime
        .block_on(refused)
        .expect_err("it cannot end in time");
    assert!(
        matches!(refused, DatabaseError::Overloaded { retry_after } if retry_after > Duration::ZERO),
        "{refused:?}"
    );
    ends.wait();
    for waits in held.into_iter().chain(waiting) {
        stage.runtime.block_on(waits).expect("it had time");
    }
}

#[test]
fn a_panic_ends_its_own_work() {
    let stage = Stage::new();
    let panicking = |connection: &mut Sqlite| -> Result<(), DatabaseError> {
        connection.number(&count(3))?;
        panic!("as it is told")
    };
    for _ in 0..4 {
        let here = std::panic::AssertUnwindSafe(|| stage.run(&Arc::default(), panicking));
        assert!(std::panic::catch_unwind(here).is_err());
        let there = stage.run(&slow(), panicking);
        assert!(there.is_err());
        for learnt in [Arc::default(), slow()] {
            let counted = stage.run(&learnt, |connection| connection.number(&count(5)));
            assert_eq!(counted.expect("a number"), 5);
        }
    }
}

/// Steps are not all alike: of the same number, those that fold long texts are too much. There are few of them, so that a slow
/// processor does the others in their time, too.
#[test]
fn steps_that_take_long_count_for_more() {
    let (stage, places) = (Stage::new(), Places::default());
    let ask = |length: usize| {
        let there = places.clone();
        let text = format!("lower(hex(zeroblob({length})))");
        let sql = format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
             SELECT count(*) FROM n WHERE backref_fold({text} || i) <> ''"
        );
        let counted = stage.run(&Arc::default(), move |connection| {
            there.note();
            connection.number(&sql)
        });
        assert_eq!(counted.expect("a number"), 400);
        places.take()
    };
    // Whoever shares the processor may make something long of it now and then.
    assert!((0..20).any(|_| ask(0) == [true]));
    assert_eq!(ask(200_000), [true, false]);
}

/// Work for the thread that writes, which takes so long.
#[derive(Default)]
struct Takes {
    time: Duration,
    /// At which others hear that it was begun, and say when it is to end.
    held: Option<Arc<Barrier>>,
    is_brief: bool,
    guess: Duration,
    /// What was begun, by what it was taken to take.
    begun: Arc<Mutex<Vec<Duration>>>,
}

impl Work for Takes {
    type Done = ();
    type Refused = ();

    fn is_brief(&self) -> bool {
        self.is_brief
    }

    fn guess(&self) -> Duration {
        self.guess
    }

    async fn attempt<T: Transaction>(&self, _: &T) -> Result<(), Abort<()>> {
        let mut begun = self.begun.lock().expect("no panic");
        begun.push(self.guess);
        drop(begun);
        if let Some(held) = &self.held {
            held.wait();
            held.wait();
        }
        std::thread::sleep(self.time);
        Ok(())
    }
}

/// Whoever asks may be busy himself, and not have seen that his time is over when the thread that writes sees it.
#[test]
fn what_is_late_when_its_turn_to_write_comes_has_timed_out() {
    for is_brief in [false, true] {
        let stage = Stage::new();
        let writer = SqliteWriter::beside(&stage.pool);
        let takes = |millis| {
            let time = Duration::from_millis(millis);
            Arc::new(Takes {
                time,
                is_brief,
                ..Takes::default()
            })
        };
        let soon = Instant::now() + Duration::from_millis(50);
        let (first, late, ()) = stage.runtime.block_on(async {
            let (first, late) = (writer.run(takes(200), far()), writer.run(takes(0), soon));
            let busy = async { std::thread::sleep(Duration::from_millis(800)) };
            tokio::join!(first, late, busy)
        });
        first.expect("it had time");
        let late = late.expect_err("it is late");
        assert!(
            matches!(late, Abort::Database(DatabaseError::TimedOut)),
            "{late:?}"
        );
    }
}

const LARGE: Duration = Duration::from_millis(100);

/// What takes so long is brief; nothing else is, though it be quick.
const BRIEF: Duration = Duration::from_millis(1);
const QUICK: Duration = Duration::from_micros(50);

fn writes(guess: Duration, begun: &Arc<Mutex<Vec<Duration>>>) -> Takes {
    Takes {
        is_brief: guess == BRIEF,
        guess,
        begun: begun.clone(),
        ..Takes::default()
    }
}

/// In which order work is begun, by its guess: the first, and all others, which come while it is done.
fn order(first: Duration, others: &[Duration]) -> Vec<Duration> {
    let stage = Stage::new();
    let writer = SqliteWriter::beside(&stage.pool);
    let (begun, held) = (Arc::default(), Arc::new(Barrier::new(2)));
    let first = Takes {
        held: Some(held.clone()),
        ..writes(first, &begun)
    };
    let run = |work| writer.run(Arc::new(work), far());
    let others = others.iter().map(|guess| run(writes(*guess, &begun)));
    let others = futures_util::future::join_all(others);
    let waits = async || {
        held.wait();
    };
    // In this order.
    let all = async { tokio::join!(run(first), waits(), others, waits()) };
    let (first, (), others, ()) = stage.runtime.block_on(all);
    let done = others.into_iter().chain([first]);
    done.for_each(|done| done.expect("it had time"));
    let begun = begun.lock().expect("no panic");
    begun.clone()
}

#[test]
fn what_is_small_is_written_before_what_is_large_and_waits() {
    for small in [BRIEF, QUICK] {
        let begun = order(LARGE, &[LARGE, LARGE, small]);
        assert_eq!(begun, [LARGE, small, LARGE, LARGE]);
    }
}

/// Much that is long, though none of it is large, keeps what is brief waiting for one of them.
#[test]
fn what_is_brief_is_written_before_all_that_is_long_and_waits() {
    let long = Duration::from_millis(10);
    let begun = order(long, &[long, QUICK, BRIEF, long]);
    assert_eq!(begun, [long, BRIEF, long, QUICK, long]);
}

#[test]
fn what_cannot_be_written_in_time_is_refused_at_once() {
    let stage = Stage::new();
    let writer = SqliteWriter::beside(&stage.pool);
    // By guesses that are so large that what passes until all have come is nothing.
    let (begun, soon) = (Arc::default(), Instant::now() + LARGE * 600);
    let write = |guess| writer.run(Arc::new(writes(guess, &begun)), soon);
    stage.runtime.block_on(async {
        let third = LARGE * 200;
        let (first, second, third) = tokio::join!(write(third), write(third), write(third));
        first.expect("it need not wait");
        second.expect("it had time");
        third.expect("it had time");
        // It is not done before it is known what becomes of the others.
        let held = Arc::new(Barrier::new(2));
        let first = Takes {
            held: Some(held.clone()),
            ..writes(LARGE * 350, &begun)
        };
        let (first, second) = tokio::join!(writer.run(Arc::new(first), soon), async {
            let waits = write(LARGE * 350);
            let refused = async {
                tokio::task::yield_now().await;
                let refused = write(LARGE * 350).await;
                held.wait();
                held.wait();
                refused
            };
            tokio::join!(waits, refused)
        });
        first.expect("it need not wait");
        second.0.expect("it had time");
        let refused = second.1.expect_err("it would be late");
        assert!(
            matches!(refused, Abort::Database(DatabaseError::Overloaded { .. })),
            "{refused:?}"
        );
    });
}
