//! The embedded file is replaced, cut short or deleted under a running server: it lives on, serves one file or the
//! other and never both, or refuses and says what to do; and a file that is put back is served.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Serving, serve};

struct Replaced {
    folder: TempDir,
    serving: Serving,
}

const QUERY: &str = "{ posts(limit: 50) { title author { name } comments(limit: 2) { body } } }";

impl Replaced {
    /// A server over its embedded file, and beside that a backup in which all titles are others.
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let serving = serve(folder.path(), &[]).expect("it serves");
        let replaced = Replaced { folder, serving };
        let backup = replaced.backup();
        let file = rusqlite::Connection::open(replaced.file()).expect("the file");
        file.execute("VACUUM INTO ?1", [backup.to_str()])
            .expect("a backup");
        let file = rusqlite::Connection::open(backup).expect("the backup");
        file.execute("UPDATE post SET title = 'Restored ' || id", [])
            .expect("other titles");
        replaced.wait_for("the first answer", is_before);
        replaced
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("backref.db")
    }

    fn backup(&self) -> PathBuf {
        self.folder.path().join("backup.db")
    }

    fn beside(&self, end: &str) -> PathBuf {
        self.folder.path().join(format!("backref.db{end}"))
    }

    fn ask(&self) -> String {
        self.serving.ask(QUERY).expect("an answer")
    }

    fn sign_up(&self, name: &str) -> String {
        let input = format!(
            "{{ username: \"{name}\", email: \"{name}@example.org\", name: \"N\", password: \"correct horse\" }}"
        );
        let sign_up = format!("mutation {{ signUp(input: {input}) {{ viewer {{ username }} }} }}");
        self.serving.ask(&sign_up).expect("an answer")
    }

    fn assert_signs_up(&self, name: &str) {
        let answer = self.sign_up(name);
        let log = self.serving.log();
        assert!(answer.contains("{\"username\""), "{answer}\n{log}");
    }

    fn assert_refuses(&self, name: &str) {
        let answer = self.sign_up(name);
        assert!(is_refused(&answer), "{answer}\n{}", self.serving.log());
    }

    /// Ends the server where it is, and starts another.
    fn start_again(&mut self) {
        self.kill();
        self.serving = serve(self.folder.path(), &[]).expect("it serves again");
    }

    fn kill(&mut self) {
        self.serving.child.kill().expect("it is ours");
        self.serving.child.wait().expect("it ends");
    }

    /// What is said instead of serving.
    fn refused_start(&self) -> String {
        match serve(self.folder.path(), &[]) {
            Ok(_) => panic!("it serves"),
            Err(said) => said,
        }
    }

    /// The file as it is, without its log.
    fn without_log(&self) -> rusqlite::Connection {
        let path = format!("file:{}?immutable=1", self.file().display());
        rusqlite::Connection::open(path).expect("the file")
    }

    fn wait_for(&self, what: &str, is_it: impl Fn(&str) -> bool) {
        let started = Instant::now();
        loop {
            let answer = self.ask();
            if is_it(&answer) {
                return;
            }
            let log = self.serving.log();
            let waited = started.elapsed();
            assert!(waited < Duration::from_secs(60), "{what}: {answer}\n{log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Does something to the file while requests are made, and holds all that they are answered.
    fn under_load(&mut self, change: impl FnOnce(&Self)) {
        let stop = AtomicBool::new(false);
        let this = &*self;
        std::thread::scope(|scope| {
            let ask = || {
                let mut answers = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    answers.push(this.ask());
                }
                answers
            };
            let clients: Vec<_> = (0..3).map(|_| scope.spawn(ask)).collect();
            let settle = || std::thread::sleep(Duration::from_millis(100));
            settle();
            change(this);
            settle();
            stop.store(true, Ordering::Relaxed);
            let answers = clients.into_iter().map(|c| c.join().expect("a client"));
            for answer in answers.flatten() {
                let whole = is_before(&answer) != is_restored(&answer);
                assert!(
                    whole || is_refused(&answer),
                    "{answer}\n{}",
                    this.serving.log()
                );
            }
        });
        assert!(self.serving.is_alive(), "{}", self.serving.log());
    }

    fn assert_log(&self, words: &[&str]) {
        let started = Instant::now();
        // It is read on a thread of its own.
        while !words.iter().all(|word| self.serving.log().contains(word)) {
            let log = self.serving.log();
            let waited = started.elapsed();
            assert!(
                waited < Duration::from_secs(60),
                "{words:?}, and not:\n{log}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// The names of who signed up, beside those whom the file began with.
fn who_signed_up(file: &rusqlite::Connection) -> String {
    let names = "SELECT coalesce(group_concat(username), '') FROM (SELECT username FROM user WHERE name = 'N' ORDER BY id)";
    let names = file.query_row(names, [], |row| row.get(0));
    names.expect("users")
}

fn assert_sound(file: &rusqlite::Connection) {
    let sound = file.query_row("PRAGMA integrity_check", [], |row| row.get(0));
    assert_eq!(sound, Ok("ok".to_owned()));
}

fn is_restored(answer: &str) -> bool {
    answer.contains("Restored 1\"") && !is_refused(answer)
}

fn is_before(answer: &str) -> bool {
    answer.contains("\"title\"") && !answer.contains("Restored ") && !is_refused(answer)
}

fn is_refused(answer: &str) -> bool {
    answer.contains("UNAVAILABLE")
}

#[test]
fn a_file_that_is_cut_short_is_refused_until_a_backup_is_there() {
    for length in [0, 4096, 50_000] {
        let mut replaced = Replaced::new();
        replaced.under_load(|r| {
            let file = fs::OpenOptions::new().write(true).open(r.file());
            file.and_then(|f| f.set_len(length)).expect("it is cut");
        });
        replaced.wait_for("a refusal", is_refused);
        replaced.assert_log(&["backref.db", "backup"]);
        replaced.under_load(|r| {
            fs::copy(r.backup(), r.file()).expect("a copy over it");
        });
        replaced.wait_for("the backup", is_restored);
    }
}

#[test]
fn a_backup_that_is_copied_over_the_file_is_served() {
    let mut replaced = Replaced::new();
    replaced.under_load(|r| {
        fs::copy(r.backup(), r.file()).expect("a copy over it");
    });
    replaced.wait_for("the backup", is_restored);
}

#[test]
fn a_backup_that_is_moved_over_the_file_is_served() {
    let mut replaced = Replaced::new();
    replaced.under_load(|r| fs::rename(r.backup(), r.file()).expect("a move over it"));
    replaced.wait_for("the backup", is_restored);
}

#[test]
fn a_file_that_is_deleted_is_refused_until_a_backup_is_there() {
    let mut replaced = Replaced::new();
    replaced.under_load(|r| fs::remove_file(r.file()).expect("it is there"));
    replaced.wait_for("a refusal", is_refused);
    replaced.assert_log(&["backref.db", "put the file back"]);
    replaced.under_load(|r| {
        fs::copy(r.backup(), r.file()).expect("a copy in its place");
    });
    replaced.wait_for("the backup", is_restored);
}

#[test]
fn something_else_in_the_files_place_is_refused_until_a_backup_is_there() {
    let mut replaced = Replaced::new();
    replaced.under_load(|r| fs::write(r.file(), [b'x'; 100_000]).expect("it is written"));
    replaced.wait_for("a refusal", is_refused);
    replaced.assert_log(&["backref.db", "integrity_check"]);
    replaced.under_load(|r| fs::rename(r.backup(), r.file()).expect("a move over it"));
    replaced.wait_for("the backup", is_restored);
}

/// Not emptied before, as `cp` does: from beside an empty file SQLite takes the log away itself.
fn write_backup_over(replaced: &Replaced) {
    let backup = fs::read(replaced.backup()).expect("the backup");
    let file = fs::OpenOptions::new().write(true).open(replaced.file());
    let mut file = file.expect("the file");
    file.write_all(&backup).expect("it is written");
    file.set_len(backup.len() as u64).expect("it is cut");
}

/// What is in the log belongs to the file before. SQLite would take it for the backup's.
#[test]
fn a_backup_beside_the_log_of_another_file_is_refused() {
    let mut replaced = Replaced::new();
    let writer = rusqlite::Connection::open(replaced.file()).expect("the file");
    writer
        .execute_batch("PRAGMA wal_autocheckpoint = 0; UPDATE post SET body = body || '.'")
        .expect("it is written to");
    replaced.wait_for("an answer", is_before);
    replaced.under_load(write_backup_over);
    replaced.wait_for("a refusal", is_refused);
    replaced.assert_log(&["backref.db", "-wal", "-shm"]);
    // As the remedy says.
    let keep = rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    writer.set_db_config(keep, true).expect("a setting");
    drop(writer);
    for end in ["-wal", "-shm"] {
        fs::remove_file(replaced.beside(end)).expect("it is there");
    }
    replaced.under_load(|r| {
        fs::copy(r.backup(), r.file()).expect("a copy over it");
    });
    replaced.wait_for("the backup", is_restored);
}

/// What a server that was killed has left in the log is nowhere else.
#[test]
fn nor_is_a_backup_beside_the_log_of_a_server_that_was_killed() {
    let mut replaced = Replaced::new();
    leave_in_log(&replaced);
    replaced.serving.child.kill().expect("it is ours");
    replaced.serving.child.wait().expect("it ends");
    // Where it migrates nothing at the start, it leaves the log as it is.
    let url = format!("sqlite://{}", replaced.file().display());
    let again = serve(replaced.folder.path(), &["--database-url", &url]);
    replaced.serving = again.expect("it serves again");
    let left = fs::metadata(replaced.beside("-wal")).expect("the log");
    assert!(left.len() > 0, "it is in the file");
    replaced.wait_for("an answer", is_before);
    replaced.under_load(write_backup_over);
    replaced.wait_for("a refusal", is_refused);
    replaced.assert_log(&["backref.db", "-wal", "-shm"]);
}

/// Whoever writes brings the log into the file now and then, and begins it again.
#[test]
fn a_file_that_is_written_to_is_not_taken_for_another() {
    let mut replaced = Replaced::new();
    let write = |times: u32, checkpoint: &str| {
        let writer = rusqlite::Connection::open(replaced.file()).expect("the file");
        for _ in 0..times {
            let change = "UPDATE post SET body = body || '.'";
            writer.execute(change, []).expect("it is written to");
        }
        let checkpoint = format!("PRAGMA wal_checkpoint({checkpoint})");
        let done = writer.query_row(&checkpoint, [], |_| Ok(()));
        done.expect("a checkpoint");
        writer
            .execute("UPDATE post SET body = body || '.'", [])
            .expect("it is written to");
        // Who comes first to a file whose log was begun again meanwhile.
        for _ in 0..8 {
            assert!(is_before(&replaced.ask()), "{}", replaced.serving.log());
        }
    };
    for checkpoint in ["PASSIVE", "FULL", "RESTART", "TRUNCATE"] {
        write(1, checkpoint);
        write(3, checkpoint);
    }
    assert!(replaced.serving.is_alive());
    assert_eq!(replaced.serving.log(), "");
}

/// Somebody has written to the file, and what that was is in the log alone.
fn leave_in_log(replaced: &Replaced) {
    let writer = rusqlite::Connection::open(replaced.file()).expect("the file");
    let keep = rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    writer.set_db_config(keep, true).expect("a setting");
    writer
        .execute_batch("PRAGMA wal_autocheckpoint = 0; UPDATE post SET body = body || '.'")
        .expect("it is written to");
    replaced.wait_for("an answer", is_before);
}

/// Begins to bring the log into the file, as SQLite does, and never says that it is done.
fn break_off_checkpoint(replaced: &Replaced) {
    let part = |bytes: &[u8], at: usize| -> [u8; 4] { bytes[at..at + 4].try_into().expect("four") };
    let index = fs::read(replaced.beside("-shm")).expect("the index of the log");
    let pages = part(&index, 16);
    let open = |path| fs::OpenOptions::new().write(true).open(path);
    let shared = open(replaced.beside("-shm")).expect("the index of the log");
    shared.write_all_at(&pages, 128).expect("it is begun");
    let log = fs::read(replaced.beside("-wal")).expect("the log");
    let size = u32::from_be_bytes(part(&log, 8)) as usize;
    let file = open(replaced.file()).expect("the file");
    let frames = log[32..].chunks_exact(24 + size);
    for frame in frames.take(u32::from_ne_bytes(pages) as usize) {
        let page = u64::from(u32::from_be_bytes(part(frame, 0)));
        let place = (page - 1) * size as u64;
        file.write_all_at(&frame[24..], place)
            .expect("it is written");
    }
}

/// Another process that writes may be at it for long, or be killed meanwhile.
#[test]
fn a_checkpoint_that_is_not_done_makes_no_other_file() {
    let mut replaced = Replaced::new();
    leave_in_log(&replaced);
    for _ in 0..3 {
        break_off_checkpoint(&replaced);
        for _ in 0..8 {
            assert!(is_before(&replaced.ask()), "{}", replaced.serving.log());
        }
    }
    // Whoever is next does it again, and is done.
    let writer = rusqlite::Connection::open(replaced.file()).expect("the file");
    let done = writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
    assert_eq!(done, Ok(0), "it is kept from that");
    assert!(is_before(&replaced.ask()), "{}", replaced.serving.log());
    assert!(replaced.serving.is_alive());
    assert_eq!(replaced.serving.log(), "");
}

#[test]
fn a_file_with_other_rights_is_no_other_file() {
    let replaced = Replaced::new();
    leave_in_log(&replaced);
    for mode in [0o600, 0o640] {
        let rights = fs::Permissions::from_mode(mode);
        fs::set_permissions(replaced.file(), rights).expect("it is ours");
        for _ in 0..8 {
            assert!(is_before(&replaced.ask()), "{}", replaced.serving.log());
        }
    }
    assert_eq!(replaced.serving.log(), "");
}

/// Only Linux tells that nothing else was done.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_is_touched_is_no_other_file() {
    let mut replaced = Replaced::new();
    let touch = |replaced: &Replaced| {
        let file = fs::OpenOptions::new().write(true).open(replaced.file());
        let now = std::time::SystemTime::now();
        let times = fs::FileTimes::new().set_accessed(now).set_modified(now);
        let set = file.and_then(|file| file.set_times(times));
        set.expect("it is touched");
    };
    leave_in_log(&replaced);
    for name in ["a1", "a2", "a3"] {
        touch(&replaced);
        for _ in 0..8 {
            assert!(is_before(&replaced.ask()), "{}", replaced.serving.log());
        }
        replaced.assert_signs_up(name);
        touch(&replaced);
        replaced.assert_signs_up(&format!("{name}b"));
    }
    assert_eq!(replaced.serving.log(), "");
    // What is touched as well is another all the same.
    replaced.under_load(|r| {
        touch(r);
        write_backup_over(r);
        touch(r);
    });
    replaced.wait_for("a refusal", is_refused);
    replaced.assert_log(&["backref.db", "-wal", "-shm"]);
}

/// Whoever signs up does so in the file that is there, and not in what a connection remembers of another.
#[test]
fn who_signs_up_is_written_into_the_file_that_is_there() {
    let put: [fn(&Replaced); 2] = [
        |r| fs::rename(r.backup(), r.file()).expect("a move over it"),
        |r| {
            fs::copy(r.backup(), r.file()).expect("a copy over it");
        },
    ];
    for put in put {
        let mut replaced = Replaced::new();
        let first = replaced.sign_up("first");
        assert!(first.contains("{\"username\":\"first\"}"), "{first}");
        let file = rusqlite::Connection::open(replaced.file()).expect("the file");
        let emptied = file.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        emptied.expect("a checkpoint");
        drop(file);
        replaced.under_load(put);
        replaced.wait_for("the backup", is_restored);
        let started = Instant::now();
        loop {
            let second = replaced.sign_up("second");
            if second.contains("{\"username\":\"second\"}") {
                break;
            }
            assert!(is_refused(&second), "{second}\n{}", replaced.serving.log());
            let log = replaced.serving.log();
            let waited = started.elapsed();
            assert!(waited < Duration::from_secs(60), "{second}\n{log}");
            std::thread::sleep(Duration::from_millis(200));
        }
        let file = rusqlite::Connection::open(replaced.file()).expect("the file");
        assert_eq!(who_signed_up(&file), "second");
        assert_sound(&file);
    }
}

/// Who opens the backup beside the log that was left would have it brought into the backup.
#[test]
fn a_backup_that_is_moved_over_a_file_with_a_log_is_refused() {
    let replaced = Replaced::new();
    replaced.assert_signs_up("first");
    fs::rename(replaced.backup(), replaced.file()).expect("a move over it");
    replaced.assert_refuses("second");
    replaced.assert_refuses("third");
    replaced.wait_for("a refusal", is_refused);
    replaced.assert_log(&["backref.db", "-wal", "-shm"]);
    let left = fs::metadata(replaced.beside("-wal")).expect("the log");
    assert!(left.len() > 0, "it is lost");
    let backup = replaced.without_log();
    assert_sound(&backup);
    assert_eq!(who_signed_up(&backup), "");
    drop(backup);
    // As the remedy says, but that it runs on: the file is another one.
    for end in ["-wal", "-shm"] {
        let aside = replaced.folder.path().join(format!("before{end}"));
        fs::rename(replaced.beside(end), aside).expect("it is there");
    }
    replaced.wait_for("the backup", is_restored);
    replaced.assert_signs_up("fourth");
    let file = rusqlite::Connection::open(replaced.file()).expect("the file");
    assert_eq!(who_signed_up(&file), "fourth");
    assert_sound(&file);
}

#[test]
fn a_file_that_is_put_back_beside_its_log_is_served() {
    let replaced = Replaced::new();
    let aside = replaced.folder.path().join("aside.db");
    // The first to write finds it away, too.
    leave_in_log(&replaced);
    fs::rename(replaced.file(), &aside).expect("a move away");
    replaced.assert_refuses("first");
    fs::rename(&aside, replaced.file()).expect("a move back");
    replaced.assert_signs_up("second");
    fs::rename(replaced.file(), &aside).expect("a move away");
    fs::rename(replaced.backup(), replaced.file()).expect("a move in its place");
    replaced.assert_refuses("third");
    replaced.wait_for("a refusal", is_refused);
    fs::rename(&aside, replaced.file()).expect("a move back");
    replaced.assert_signs_up("fourth");
    replaced.wait_for("what was before", is_before);
    let file = rusqlite::Connection::open(replaced.file()).expect("the file");
    assert_eq!(who_signed_up(&file), "second,fourth");
    assert_sound(&file);
}

/// Whoever is started next has not seen it, and nothing in the log says of which file it is.
#[cfg(target_os = "linux")]
#[test]
fn nor_is_a_backup_beside_the_log_of_another_file_served_by_the_next() {
    let put: [fn(&Replaced); 2] = [
        |r| {
            fs::copy(r.backup(), r.folder.path().join("copy")).expect("a copy");
            fs::rename(r.folder.path().join("copy"), r.file()).expect("a move over it");
        },
        write_backup_over,
    ];
    for put in put {
        let mut replaced = Replaced::new();
        // One that keeps a log looks like the file whose log is there.
        let backup = rusqlite::Connection::open(replaced.backup()).expect("the backup");
        backup
            .pragma_update(None, "journal_mode", "wal")
            .expect("a log");
        drop(backup);
        replaced.assert_signs_up("first");
        put(&replaced);
        replaced.assert_refuses("second");
        replaced.kill();
        for _ in 0..2 {
            let said = replaced.refused_start();
            assert!(said.contains("-wal") && said.contains("-stale"), "{said}");
        }
        let backup = replaced.without_log();
        assert_sound(&backup);
        assert_eq!(who_signed_up(&backup), "");
        drop(backup);
        // As it is said.
        for end in ["-wal", "-shm"] {
            let aside = replaced.folder.path().join(format!("before{end}"));
            fs::rename(replaced.beside(end), aside).expect("it is there");
        }
        put(&replaced);
        replaced.serving = serve(replaced.folder.path(), &[]).expect("it serves");
        replaced.wait_for("the backup", is_restored);
        assert!(!replaced.beside("-stale").exists());
        replaced.assert_signs_up("third");
        let file = rusqlite::Connection::open(replaced.file()).expect("the file");
        assert_eq!(who_signed_up(&file), "third");
        assert_sound(&file);
    }
}

/// SQLite has a log beside the file that the link leads to.
#[test]
fn a_file_behind_a_link_is_watched_where_it_is() {
    let mut replaced = Replaced::new();
    replaced.kill();
    let kept = replaced.folder.path().join("kept");
    fs::create_dir(&kept).expect("a folder");
    for end in ["", "-wal", "-shm"] {
        let moved = fs::rename(replaced.beside(end), kept.join(format!("backref.db{end}")));
        assert!(moved.is_ok() || !end.is_empty(), "{moved:?}");
    }
    let (at, file) = (replaced.folder.path().join("link"), replaced.file());
    let link = |to: &str| {
        std::os::unix::fs::symlink(kept.join(to), &at).expect("a link");
        fs::rename(&at, &file).expect("a move over it");
    };
    link("backref.db");
    replaced.serving = serve(replaced.folder.path(), &[]).expect("it serves again");
    replaced.assert_signs_up("first");
    assert!(kept.join("backref.db-wal").exists());
    // A link that leads elsewhere is another file, whose log is its own.
    fs::copy(replaced.backup(), kept.join("other.db")).expect("a copy");
    link("other.db");
    replaced.wait_for("the other", is_restored);
    replaced.assert_signs_up("second");
    // What is written over the file behind it stands beside its log.
    replaced.under_load(write_backup_over);
    replaced.assert_refuses("third");
    replaced.kill();
    assert!(replaced.refused_start().contains("-wal"));
    assert!(kept.join("other.db-wal").exists());
}

/// Nobody saw it, but a backup of this kind keeps no log, so none can be its own.
#[test]
fn nor_is_a_backup_that_nobody_saw_come_served_beside_a_log() {
    let mut replaced = Replaced::new();
    replaced.assert_signs_up("first");
    replaced.kill();
    let log = fs::read(replaced.beside("-wal")).expect("the log");
    assert!(log.len() > 32, "there is nothing in it");
    fs::copy(replaced.backup(), replaced.file()).expect("a copy over it");
    let url = format!("sqlite://{}", replaced.file().display());
    for arguments in [&[][..], &["--database-url", &url]] {
        let said = match serve(replaced.folder.path(), arguments) {
            Ok(_) => panic!("it serves"),
            Err(said) => said,
        };
        assert!(
            said.contains("-wal") && said.contains("VACUUM INTO"),
            "{said}"
        );
    }
    assert_eq!(fs::read(replaced.beside("-wal")).expect("the log"), log);
    let backup = fs::read(replaced.backup()).expect("the backup");
    assert!(fs::read(replaced.file()).expect("the file") == backup);
    // As it is said; the backup need not be put there again.
    for end in ["-wal", "-shm"] {
        let aside = replaced.folder.path().join(format!("before{end}"));
        fs::rename(replaced.beside(end), aside).expect("it is there");
    }
    replaced.serving = serve(replaced.folder.path(), &[]).expect("it serves");
    replaced.wait_for("the backup", is_restored);
    replaced.assert_signs_up("second");
    // And what it keeps is its own from then on.
    replaced.start_again();
    replaced.wait_for("the backup", is_restored);
    replaced.assert_signs_up("third");
}

/// Neither what was there before all the same, nor a backup of the file with its log, has to be said to be that.
#[test]
fn what_belongs_together_is_served_by_the_next() {
    let put: [fn(&Replaced); 3] = [
        // The file is put back.
        |r| {
            fs::rename(r.folder.path().join("before.db"), r.file()).expect("a move back");
        },
        // The whole is put back from copies.
        |r| {
            for end in ["", "-wal"] {
                let copy = r.folder.path().join(format!("copy{end}"));
                fs::rename(copy, r.beside(end)).expect("a move over it");
            }
            fs::remove_file(r.beside("-shm")).expect("it is there");
        },
        // Somebody says so.
        |r| {
            fs::copy(r.folder.path().join("before.db"), r.file()).expect("a copy back");
            fs::remove_file(r.beside("-stale")).expect("it is there");
        },
    ];
    for put in put {
        let mut replaced = Replaced::new();
        replaced.assert_signs_up("first");
        for end in ["", "-wal"] {
            let copy = replaced.folder.path().join(format!("copy{end}"));
            fs::copy(replaced.beside(end), copy).expect("a copy");
        }
        let before = replaced.folder.path().join("before.db");
        fs::rename(replaced.file(), before).expect("a move away");
        fs::rename(replaced.backup(), replaced.file()).expect("a move in its place");
        replaced.assert_refuses("second");
        replaced.kill();
        put(&replaced);
        replaced.serving = serve(replaced.folder.path(), &[]).expect("it serves");
        replaced.wait_for("what was before", is_before);
        assert!(!replaced.beside("-stale").exists());
        replaced.assert_signs_up("third");
        let file = rusqlite::Connection::open(replaced.file()).expect("the file");
        assert_eq!(who_signed_up(&file), "first,third");
        assert_sound(&file);
    }
}

/// Who may only read cannot ask SQLite about the log.
#[test]
fn nor_is_a_backup_beside_the_log_of_another_file_read_where_nothing_is_written() {
    let mut replaced = Replaced::new();
    leave_in_log(&replaced);
    let url = format!("sqlite://{}?mode=ro", replaced.file().display());
    let reading = serve(replaced.folder.path(), &["--database-url", &url]);
    replaced.serving = reading.expect("it serves");
    replaced.wait_for("an answer", is_before);
    leave_in_log(&replaced);
    fs::rename(replaced.backup(), replaced.file()).expect("a move over it");
    replaced.wait_for("a refusal", is_refused);
    replaced.assert_log(&["backref.db", "-wal", "-shm"]);
}

/// The connection that writes is made with the first write, and others know what file there was before.
#[test]
fn who_writes_first_does_not_write_to_a_backup_beside_a_log() {
    let put: [fn(&Replaced); 2] = [
        |r| fs::rename(r.backup(), r.file()).expect("a move over it"),
        write_backup_over,
    ];
    for put in put {
        let replaced = Replaced::new();
        leave_in_log(&replaced);
        put(&replaced);
        replaced.assert_refuses("first");
        replaced.assert_log(&["backref.db", "-wal", "-shm"]);
        let backup = replaced.without_log();
        assert_sound(&backup);
        assert_eq!(who_signed_up(&backup), "");
    }
}

/// What is written to a log that has no name is gone with who wrote it.
#[test]
fn nothing_is_written_to_a_log_that_was_removed_and_what_was_is_saved() {
    for ends in [&["-wal"][..], &["-wal", "-shm"]] {
        let mut replaced = Replaced::new();
        replaced.assert_signs_up("first");
        for end in ends {
            fs::remove_file(replaced.beside(end)).expect("it is there");
        }
        replaced.assert_refuses("second");
        replaced.assert_refuses("third");
        replaced.assert_log(&["backref.db", "-wal", "start again"]);
        replaced.wait_for("what was before", is_before);
        replaced.start_again();
        replaced.assert_signs_up("fourth");
        let file = rusqlite::Connection::open(replaced.file()).expect("the file");
        assert_eq!(who_signed_up(&file), "first,fourth", "{ends:?}");
        assert_sound(&file);
    }
}

/// What is done to a log, and what is said of it.
type Harm = (fn(&Replaced), &'static str);

#[test]
fn nothing_is_written_to_a_log_that_was_cut_short_or_replaced() {
    let harm: [Harm; 3] = [
        (|r| cut_log(r, 0), "cut short"),
        (|r| cut_log(r, 5000), "cut short"),
        (
            |r| {
                let other = r.folder.path().join("other");
                fs::write(&other, [0; 40_000]).expect("it is written");
                fs::rename(other, r.beside("-wal")).expect("a move over it");
            },
            "another file in the place of its write-ahead log",
        ),
    ];
    for (harm, said) in harm {
        let mut replaced = Replaced::new();
        replaced.assert_signs_up("first");
        harm(&replaced);
        replaced.assert_refuses("second");
        replaced.assert_refuses("third");
        replaced.assert_log(&["backref.db", "-wal", said, "put a backup in its place"]);
        replaced.start_again();
        replaced.assert_signs_up("fourth");
        let file = rusqlite::Connection::open(replaced.file()).expect("the file");
        assert_eq!(who_signed_up(&file), "fourth", "{said}");
        assert_sound(&file);
    }
}

fn cut_log(replaced: &Replaced, length: u64) {
    let log = fs::OpenOptions::new()
        .write(true)
        .open(replaced.beside("-wal"));
    log.and_then(|log| log.set_len(length)).expect("it is cut");
}

/// Whoever has brought all of a log into the file may cut it, and SQLite does.
#[test]
fn a_log_that_another_process_empties_is_written_to() {
    let replaced = Replaced::new();
    let names = ["a1", "a2", "a3", "a4"];
    for name in names {
        replaced.assert_signs_up(name);
        let file = rusqlite::Connection::open(replaced.file()).expect("the file");
        let empty = file.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
        assert_eq!(empty, Ok(0), "it is kept from that");
        if name == "a2" {
            // So that it is not empty, and shorter.
            file.execute("UPDATE post SET body = body || '.' WHERE id = 1", [])
                .expect("it is written to");
        }
    }
    assert_eq!(replaced.serving.log(), "");
    let file = rusqlite::Connection::open(replaced.file()).expect("the file");
    assert_eq!(who_signed_up(&file), names.join(","));
    assert_sound(&file);
}
