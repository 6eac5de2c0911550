//! Which folder may name which: the table of layers in ARCHITECTURE.md, held against the code.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A place in `src/`, and what it may name of the crate. What stands for a place is the longest that it begins
/// with; tests within files are free.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("error.rs", &[]),
    ("log.rs", &[]),
    ("graph", &[]),
    ("schema", &["graph"]),
    ("read/temporal.rs", &["graph"]),
    ("read/decimal.rs", &[]),
    (
        "read/encode.rs",
        &["graph", "read/temporal.rs", "read/decimal.rs"],
    ),
    ("read/encode", &["graph", "read/encode.rs"]),
    ("read/cursor.rs", &["read/encode.rs"]),
    (
        "read/plan",
        &[
            "graph",
            "schema",
            "error.rs",
            "read/encode.rs",
            "read/cursor.rs",
        ],
    ),
    (
        "read/sql",
        &["graph", "read/cursor.rs", "read/decimal.rs", "read/plan"],
    ),
    (
        "read/load",
        &[
            "graph",
            "log.rs",
            "read/temporal.rs",
            "read/decimal.rs",
            "read/encode.rs",
            "read/cursor.rs",
            "read/plan",
            "read/sql",
        ],
    ),
    (
        "read/failure.rs",
        &["error.rs", "log.rs", "read/plan", "read/load"],
    ),
    (
        "read/explain.rs",
        &[
            "graph",
            "error.rs",
            "read/plan",
            "read/sql",
            "read/load",
            "read/failure.rs",
        ],
    ),
    (
        "read/respond.rs",
        &[
            "graph",
            "error.rs",
            "read/plan",
            "read/load",
            "read/failure.rs",
            "read/explain.rs",
            "read/own",
        ],
    ),
    (
        "read/own",
        &[
            "graph",
            "error.rs",
            "log.rs",
            "read/plan",
            "read/load",
            "read/failure.rs",
        ],
    ),
    ("read/mod.rs", &[]),
    (
        "read/respond",
        &[
            "graph",
            "error.rs",
            "read/plan",
            "read/load",
            "read/own",
            "read/respond.rs",
        ],
    ),
    ("write", &["graph", "error.rs", "read"]),
    (
        "engine.rs",
        &["graph", "error.rs", "read", "write", "identity", "engine"],
    ),
    (
        "engine",
        &[
            "graph",
            "schema",
            "error.rs",
            "log.rs",
            "read",
            "write",
            "identity",
            "engine.rs",
        ],
    ),
    ("doctor", &["graph", "schema", "read/sql"]),
    ("identity", &["graph"]),
    (
        "serve",
        &[
            "graph",
            "schema",
            "error.rs",
            "log.rs",
            "read",
            "engine.rs",
            "identity",
        ],
    ),
    (
        "program",
        &[
            "graph",
            "schema",
            "log.rs",
            "read",
            "engine.rs",
            "identity",
            "doctor",
            "create",
            "serve",
        ],
    ),
    (
        "embed",
        &["graph", "schema", "read", "engine.rs", "identity", "serve"],
    ),
    (
        "create",
        &["graph", "schema", "read/plan", "read/sql", "serve"],
    ),
    ("blog", &["graph"]),
    ("blog/program.rs", &["blog", "program", "serve"]),
    ("lib.rs", &["engine.rs", "graph"]),
    ("main.rs", &[]),
];

#[test]
fn every_folder_names_only_those_below_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = BTreeSet::new();
    for file in files(&source) {
        let at = file.strip_prefix(&source).expect("a file of src");
        let at = at.to_str().expect("UTF-8").to_owned();
        let (own, allowed) = MAY_NAME
            .iter()
            .filter(|(place, _)| is_within(&at, place))
            .max_by_key(|(place, _)| place.len())
            .unwrap_or_else(|| panic!("src/{at} has no line in MAY_NAME"));
        let text = fs::read_to_string(&file).expect("a source file");
        for named in named(&at, &text, &source) {
            let fine = is_within(&named, own) || allowed.iter().any(|a| is_within(&named, a));
            if !fine {
                wrong.insert(format!("src/{at} names src/{named}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|e| e.expect("an entry").path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => files(&path),
            false => vec![path],
        })
        .filter(|p| p.extension().is_some_and(|e| e == "rs"))
        .collect()
}

fn is_within(at: &str, place: &str) -> bool {
    at.strip_prefix(place)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The files and folders that the file at a place names by `crate::…` and `super::…`, as paths in `src/`.
fn named(at: &str, text: &str, source: &Path) -> Vec<String> {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = text.lines().filter(|l| !l.trim_start().starts_with("//"));
    let code = lines.collect::<Vec<_>>().join("\n");
    let module = at.trim_end_matches(".rs").trim_end_matches("/mod");
    let words = code.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    words
        .filter_map(|word| {
            let mut names: Vec<&str> = word.split("::").filter(|n| !n.is_empty()).collect();
            let up = names.iter().take_while(|n| **n == "super").count();
            match *names.first()? {
                "crate" => drop(names.remove(0)),
                "super" => {
                    let above: Vec<&str> = module.split('/').collect();
                    let above = &above[..above.len().checked_sub(up)?];
                    names.splice(..up, above.iter().copied());
                }
                _ => return None,
            }
            place(&names, source)
        })
        .collect()
}

/// The file or folder of a path of modules.
fn place(names: &[&str], source: &Path) -> Option<String> {
    let mut at = String::new();
    for name in names {
        let next = match at.as_str() {
            "" => (*name).to_owned(),
            at => format!("{at}/{name}"),
        };
        if source.join(format!("{next}.rs")).is_file() {
            return Some(format!("{next}.rs"));
        }
        if !source.join(&next).is_dir() {
            break;
        }
        at = next;
    }
    (!at.is_empty()).then_some(at)
}

/// What the feature `internals` opens is for tests and benches: nobody is shown it.
#[test]
fn what_is_shown_is_public() {
    const WITHIN: [&str; 12] = [
        "backref::create",
        "backref::doctor",
        "backref::engine",
        "backref::error",
        "backref::read",
        "backref::schema",
        "backref::serve::",
        "backref::identity::accounts",
        "backref::graph::condition",
        "backref::graph::keys",
        "backref::graph::rules",
        "backref::graph::writing",
    ];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut shown = vec![root.join("README.md")];
    for folder in ["docs", "examples", "src/create/templates"] {
        let entries = fs::read_dir(root.join(folder)).expect("a folder");
        shown.extend(entries.map(|entry| entry.expect("an entry").path()));
    }
    for file in shown.iter().filter(|file| file.is_file()) {
        let text = fs::read_to_string(file).expect("a text");
        let named = WITHIN.iter().find(|name| text.contains(*name));
        assert_eq!(named, None, "{}", file.display());
    }
    for file in files(&root.join("src")) {
        let text = fs::read_to_string(&file).expect("a source file");
        assert!(!text.contains("doc(hidden)"), "{}", file.display());
    }
}

#[test]
fn a_build_without_a_database_says_which_features_there_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("build.rs");
    let program = folder.path().join("build");
    let rustc = std::env::var_os("RUSTC").unwrap_or("rustc".into());
    let compiled = Command::new(rustc)
        .args(["--edition", "2024", "-o"])
        .args([&program, &script])
        .status();
    assert!(compiled.expect("rustc runs").success());
    let says = |feature: Option<&str>| {
        let mut command = Command::new(&program);
        command.env_clear();
        if let Some(feature) = feature {
            command.env(format!("CARGO_FEATURE_{feature}"), "1");
        }
        let ran = command.output().expect("it runs");
        String::from_utf8(ran.stdout).expect("UTF-8")
    };
    let error = says(None);
    assert!(
        error.contains("cargo::error=")
            && error.contains("`sqlite`")
            && error.contains("`postgres`"),
        "{error}"
    );
    for feature in ["SQLITE", "POSTGRES"] {
        assert!(!says(Some(feature)).contains("cargo::error="), "{feature}");
    }
}
