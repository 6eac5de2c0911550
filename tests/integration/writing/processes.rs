//! Several processes write to one SQLite file, and bring its log into it now and then: all of them are served, and each
//! waits for the others.

use sea_orm::ConnectionTrait;

use crate::harness::{Backend, LATE, Program, SECRET, TestDatabase, token};

const ROUNDS: usize = 25;

/// What the clients of a server do. Each changes more than a few pages, so that logs grow.
fn work(server: &Program, header: &str) {
    let body = "z".repeat(3000);
    let update = format!(
        "mutation {{ updatePosts(where: {{ id: {{ in: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] }} }}, input: {{ body: \"{body}\" }}) {{ count }} }}"
    );
    for _ in 0..ROUNDS {
        let done = server.ask_with(&update, header);
        assert_eq!(done["data"]["updatePosts"]["count"], 10, "{done}");
        let read = server.ask("{ posts(limit: 3) { title author { name } } }");
        assert!(read["errors"].is_null(), "{read}");
        server.assert_ready();
    }
}

/// Another program, which writes and says itself when the log is brought into the file.
fn write(path: &str) {
    for checkpoint in ["PASSIVE", "FULL", "RESTART", "TRUNCATE"].repeat(ROUNDS) {
        // The next time it opens the file anew.
        let writer = rusqlite::Connection::open(path).expect("the file");
        writer
            .busy_timeout(std::time::Duration::from_secs(60))
            .expect("a setting");
        writer
            .execute("UPDATE tag SET name = name", [])
            .expect("it waits for the others");
        let checkpoint = format!("PRAGMA wal_checkpoint({checkpoint})");
        // Others may be at it.
        let done = writer.query_row(&checkpoint, [], |_| Ok(()));
        done.expect("a checkpoint");
    }
}

#[tokio::test]
async fn two_servers_and_another_program_write_to_one_file() {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    database
        .connection
        .execute_unprepared("UPDATE user SET role = 'admin' WHERE id = 1")
        .await
        .expect("an administrator");
    let header = format!("authorization: Bearer {}", token(&database));
    let url = database.url.shown();
    let path = url.trim_start_matches("sqlite://");
    let servers = [0, 1].map(|_| Program::serve(&database, &["--jwt-secret", SECRET]));
    std::thread::scope(|scope| {
        let (header, servers) = (&header, &servers);
        for client in 0..6 {
            scope.spawn(move || work(&servers[client % 2], header));
        }
        scope.spawn(move || write(path));
    });
    for server in servers {
        let (_, log) = server.stop();
        // But for what is said of the graph at start, and of a machine that stood still.
        let usual = |line: &&str| line.contains("anybody may") || line.contains(LATE);
        let lines = log.lines().filter(|line| !usual(line));
        let loud = lines.filter(|line| line.contains("ERROR") || line.contains("WARN"));
        assert_eq!(loud.collect::<Vec<_>>(), Vec::<&str>::new());
    }
    let sound = rusqlite::Connection::open(path).expect("the file");
    let sound = sound.query_row("PRAGMA integrity_check", [], |row| row.get(0));
    assert_eq!(sound, Ok("ok".to_owned()));
}
