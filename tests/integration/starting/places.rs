//! Files where little or nothing may be written: served as their URL says, or refused with what to do.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{Serving, backref, done, refusal, serve, up};

/// What a query about the samples answers.
fn assert_serves(serving: &Serving) {
    let answer = serving
        .ask("{ posts(limit: 1) { title } }")
        .expect("an answer");
    assert!(
        answer.contains("\"title\":") && !answer.contains("errors"),
        "{answer}\n{}",
        serving.log()
    );
}

/// A file in the mode that it is to be in, and nothing beside it.
fn file(mode: &str) -> (TempDir, PathBuf) {
    let made = tempfile::tempdir().expect("a folder");
    drop(serve(made.path(), &[]).expect("it serves"));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("data.db");
    let made = rusqlite::Connection::open(made.path().join("backref.db")).expect("the file");
    made.execute("VACUUM INTO ?1", [file.to_str()])
        .expect("a copy");
    let copy = rusqlite::Connection::open(&file).expect("the copy");
    copy.pragma_update(None, "journal_mode", mode)
        .expect("a mode");
    drop(copy);
    let names = names(folder.path());
    assert_eq!(names, ["data.db"]);
    (folder, file)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let names = entries.map(|e| e.expect("an entry").file_name());
    let mut names: Vec<_> = names.map(|n| n.into_string().expect("UTF-8")).collect();
    names.sort();
    names
}

fn url(file: &Path, query: &str) -> String {
    format!("sqlite://{}{query}", file.display())
}

#[test]
fn what_is_only_to_be_read_is_served_and_stays_as_it_is() {
    for mode in ["wal", "delete"] {
        for query in ["?mode=ro", "?immutable=1", "?mode=ro&immutable=1"] {
            let (folder, file) = file(mode);
            let before = fs::read(&file).expect("the file");
            let url = url(&file, query);
            let serving = serve(folder.path(), &["--database-url", &url]).expect("it serves");
            assert_serves(&serving);
            drop(serving);
            done(folder.path(), &["doctor", "--database-url", &url]);
            assert!(
                before == fs::read(&file).expect("the file"),
                "{mode} {query}"
            );
            if query.contains("immutable") {
                assert_eq!(names(folder.path()), ["data.db"], "{mode} {query}");
            }
            for command in [&["migrate", "up"][..], &["--migrate"]] {
                let said = refusal(
                    folder.path(),
                    &[command, &["--database-url", &url]].concat(),
                );
                assert!(said.contains("leave `mode=ro`"), "{said}");
            }
        }
    }
}

#[test]
fn what_is_in_a_log_is_served_where_nothing_is_to_be_written() {
    let (folder, file) = file("wal");
    let writer = rusqlite::Connection::open(&file).expect("the file");
    let change = "PRAGMA wal_autocheckpoint = 0; UPDATE post SET title = 'In the log'";
    writer.execute_batch(change).expect("a change");
    let (before, log) = (fs::read(&file), fs::read(folder.path().join("data.db-wal")));
    let read_only = url(&file, "?mode=ro");
    let serving = serve(folder.path(), &["--database-url", &read_only]).expect("it serves");
    let answer = serving.ask("{ posts(limit: 1) { title } }");
    assert!(answer.expect("an answer").contains("In the log"));
    drop(serving);
    // Who reads a file as immutable would not see it.
    let immutable = url(&file, "?immutable=1");
    let said = refusal(folder.path(), &["--database-url", &immutable]);
    assert!(
        said.contains("data.db-wal") && said.contains("leave `immutable=1` out"),
        "{said}"
    );
    // The log is beside the file, wherever a link to that is.
    let elsewhere = tempfile::tempdir().expect("a folder");
    let link = elsewhere.path().join("link.db");
    std::os::unix::fs::symlink(&file, &link).expect("a link");
    let said = refusal(
        folder.path(),
        &["--database-url", &url(&link, "?immutable=1")],
    );
    let beside = fs::canonicalize(folder.path().join("data.db-wal")).expect("the log");
    assert!(
        said.contains(&format!("{} holds changes", beside.display())),
        "{said}"
    );
    let after = (fs::read(&file), fs::read(folder.path().join("data.db-wal")));
    assert_eq!(before.expect("the file"), after.0.expect("the file"));
    assert_eq!(log.expect("the log"), after.1.expect("the log"));
}

#[test]
fn a_file_with_an_odd_name_is_served_as_immutable() {
    let (folder, file) = file("wal");
    let odd = folder.path().join("50% of?a#b.db");
    fs::rename(file, &odd).expect("a name");
    let path = odd.to_str().expect("UTF-8");
    let path = path
        .replace('%', "%25")
        .replace('?', "%3F")
        .replace('#', "%23");
    let url = format!("sqlite://{path}?immutable=1");
    let serving = serve(folder.path(), &["--database-url", &url]).expect("it serves");
    assert_serves(&serving);
}

/// A folder in which the program may write nothing: root becomes another user for it, who may run a copy.
struct Locked {
    folder: TempDir,
    file: PathBuf,
    program: Option<TempDir>,
}

const NOBODY: u32 = 65534;

impl Locked {
    fn new(mode: &str, file_mode: u32, folder_mode: u32) -> Self {
        let (folder, file) = file(mode);
        let is_root = fs::metadata("/proc/self").is_ok_and(|m| m.uid() == 0);
        let program = is_root.then(|| {
            let place = tempfile::tempdir().expect("a folder");
            set_mode(place.path(), 0o755);
            // By another process: a program that is open here to be written cannot be started from any thread.
            let copy = place.path().join("backref");
            let copied = Command::new("cp")
                .arg(env!("CARGO_BIN_EXE_backref"))
                .arg(copy)
                .status();
            assert!(copied.expect("cp runs").success());
            place
        });
        set_mode(&file, file_mode);
        set_mode(folder.path(), folder_mode);
        Locked {
            folder,
            file,
            program,
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let command = backref(Path::new("/"), arguments);
        let Some(program) = &self.program else {
            return command;
        };
        let mut other = Command::new(program.path().join("backref"));
        other
            .args(command.get_args())
            .current_dir("/")
            .uid(NOBODY)
            .gid(NOBODY);
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => other.env(name, value),
                None => other.env_remove(name),
            };
        }
        other
    }

    fn serve(&self, query: &str) -> Result<Serving, String> {
        let url = url(&self.file, query);
        up(self.command(&["--database-url", &url]))
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        set_mode(self.folder.path(), 0o755);
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
}

#[test]
fn a_log_needs_a_folder_that_can_be_written() {
    for file_mode in [0o444, 0o666] {
        let locked = Locked::new("wal", file_mode, 0o555);
        for query in ["", "?mode=ro"] {
            let Err(said) = locked.serve(query) else {
                panic!("`{query}` is served");
            };
            for word in ["data.db", "immutable=1", "folder writable", "journal_mode"] {
                assert!(said.contains(word), "`{query}` lacks {word}: {said}");
            }
        }
        assert_serves(&locked.serve("?immutable=1").expect("it is served"));
        assert_eq!(names(locked.folder.path()), ["data.db"]);
    }
}

#[test]
fn a_file_without_a_log_is_served_from_where_nothing_can_be_written() {
    for file_mode in [0o444, 0o666] {
        let locked = Locked::new("delete", file_mode, 0o555);
        for query in ["", "?mode=ro", "?immutable=1"] {
            let served = locked.serve(query);
            assert_serves(&served.unwrap_or_else(|said| panic!("`{query}`: {said}")));
        }
    }
}

#[test]
fn a_file_that_cannot_be_written_is_served_from_a_folder_that_can() {
    for mode in ["wal", "delete"] {
        let locked = Locked::new(mode, 0o444, 0o777);
        for query in ["", "?mode=ro", "?immutable=1"] {
            match locked.serve(query) {
                Ok(serving) => assert_serves(&serving),
                Err(said) => panic!("{mode} `{query}`: {said}"),
            }
        }
        let url = url(&locked.file, "");
        let output = locked.command(&["migrate", "up", "--database-url", &url]);
        let said = { output }.output().expect("it runs");
        let said = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(said.contains("cannot be written"), "{mode}: {said}");
    }
}
