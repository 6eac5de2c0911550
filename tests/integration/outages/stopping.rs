//! The end of the program: what runs is answered, or cut off when it has had its time, or when it is asked again.

use std::io::{Read, Write};
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
    let Some((_database, mut program, running, _locked)) = busy(&["--request-timeout", "5"]).await
    else {
        return;
    };
    // The program waits for as long from then on: on a busy machine, too, the request's time is over before that.
    tokio::time::sleep(Duration::from_secs(3)).await;
    program.signal(Signal::TERM);
    assert_eq!(
        answer(running)["errors"][0]["extensions"]["code"],
        "TIMEOUT"
    );
    let (status, log) = program.ended();
    assert_eq!(status.code(), Some(0), "{log}");
}

/// A process that is stopped, as one whose machine sleeps, hears nobody: who has not been heard is not silent.
#[tokio::test]
async fn whoever_sends_while_it_stands_still_is_answered_when_it_goes_on() {
    const STILL: Duration = Duration::from_millis(7500);
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let timeouts = ["--header-timeout", "--body-timeout", "--idle-timeout"];
    let arguments: Vec<_> = timeouts.into_iter().flat_map(|t| [t, "3"]).collect();
    let body = r#"{"query":"{ __typename }"}"#;
    let request = format!(
        "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = |mut stream: &TcpStream| {
        let mut buffer = [0; 4096];
        let bytes = stream.read(&mut buffer).unwrap_or_default();
        String::from_utf8_lossy(&buffer[..bytes]).into_owned()
    };
    let is_whole = |text: String| {
        assert!(
            text.ends_with(r#"{"data":{"__typename":"Query"}}"#),
            "{text:?}"
        );
    };
    // On a used connection all of the next request comes then, on others the rest of the head, or of the body.
    let sent = [0, 20, request.len() - 5].map(|at| request.split_at(at));
    let mut begun = None;
    for _ in 0..10 {
        let program = Program::serve(&database, &arguments);
        let began = Instant::now();
        let streams: Vec<_> = (0..30).map(|_| program.connect()).collect();
        let (mut done, mut answers) = (Vec::new(), Vec::new());
        for stream in streams.iter().step_by(3) {
            done.push({ stream }.write_all(request.as_bytes()));
            answers.push(answer(stream));
        }
        for (stream, (first, _)) in streams.iter().zip(sent.iter().cycle()) {
            done.push({ stream }.write_all(first.as_bytes()));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        // Where a busy machine needs most of their time for that, it is done once more.
        if began.elapsed() < Duration::from_secs(2) {
            done.into_iter().for_each(|done| done.expect("it reads"));
            answers.into_iter().for_each(is_whole);
            begun = Some((program, streams));
            break;
        }
    }
    let (program, streams) = begun.expect("a machine that is quick enough once");
    program.signal(Signal::STOP);
    tokio::time::sleep(STILL).await;
    for (stream, (_, rest)) in streams.iter().zip(sent.iter().cycle()) {
        { stream }.write_all(rest.as_bytes()).expect("it is kept");
    }
    program.signal(Signal::CONT);
    streams.iter().map(answer).for_each(is_whole);
    // And now it is counted again.
    let mut rest = Vec::new();
    let mut last = &streams[0];
    assert_eq!(last.read_to_end(&mut rest).expect("it is closed"), 0);
}
