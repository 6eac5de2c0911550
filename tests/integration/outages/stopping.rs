//! The end of the program: what runs is answered, or cut off when it has had its time, or when it is asked again.

use std::io::Read;
use std::net::TcpStream;

use rustix::process::Signal;

use super::*;
use crate::harness::{Program, answer};

/// A server with a request that waits for a lock.
async fn busy(
    arguments: &[&str],
) -> Option<(TestDatabase, Program, TcpStream, DatabaseTransaction)> {
    let database = postgres().await?;
    let program = Program::serve(&database, arguments);
    let locked = lock(&database).await;
    let running = program.send(QUERY);
    while waiting(&database, "pid").await == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Some((database, program, running, locked))
}

/// Waits until nothing listens any more.
async fn is_closed(program: &Program) {
    let since = Instant::now();
    while program.is_listening() {
        assert!(since.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_request_that_runs_is_answered_before_the_end() {
    for signal in [Signal::TERM, Signal::INT] {
        let Some((_database, mut program, running, locked)) = busy(&[]).await else {
            return;
        };
        program.signal(signal);
        is_closed(&program).await;
        locked.rollback().await.expect("the lock's end");
        let data = &answer(running)["data"];
        assert!(data["post"]["comments"].is_array(), "{data}");
        let (status, log) = program.ended();
        assert_eq!(status.code(), Some(0), "{log}");
        assert!(
            log.contains("requests that run are answered first"),
            "{log}"
        );
        assert!(log.contains("stopped"), "{log}");
    }
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let Some((_database, mut program, mut running, _locked)) = busy(&[]).await else {
            return;
        };
        program.signal(Signal::TERM);
        is_closed(&program).await;
        program.signal(signal);
        let (status, log) = program.ended();
        assert_eq!(status.code(), Some(code), "{log}");
        assert!(log.contains("stopped at once"), "{log}");
        let mut rest = String::new();
        assert!(
            !running.read_to_string(&mut rest).is_ok_and(|n| n > 0),
            "{rest}"
        );
    }
}

/// Its time is that of a request, whose statement has been stopped by then.
#[tokio::test]
async fn a_request_that_takes_too_long_ends_with_it() {
    let Some((_database, mut program, running, _locked)) = busy(&["--request-timeout", "2"]).await
    else {
        return;
    };
    program.signal(Signal::TERM);
    assert_eq!(
        answer(running)["errors"][0]["extensions"]["code"],
        "TIMEOUT"
    );
    let (status, log) = program.ended();
    assert_eq!(status.code(), Some(0), "{log}");
}
