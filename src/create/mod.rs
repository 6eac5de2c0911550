//! From a database that is there already to a project that serves it: `backref new`, and `backref sync` when the
//! database has changed.
//!
//! `tables` finds what there is (`sqlite`, `postgres`), `draft` and `relations` decide what becomes of it and what it
//! is called, `describe` tries that as a graph before there is code for it, `code` writes the entities (by
//! sea-orm-codegen), and `project` the files around them. Whatever is odd is a [`Note`], which says what was done about it.
//!
//! **Invariant:** nothing of the database is changed, and no value of a row is read; of SQLite's columns of UUIDs it is asked
//! whether they hold text or bytes. No password is in a file that git keeps.

mod asked;
mod attributes;
mod code;
mod describe;
mod draft;
mod idents;
mod known;
mod marked;
mod postgres;
mod project;
mod relations;
mod sqlite;
mod sync;
mod tables;

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use code::CodeError;
pub use draft::{Choices, Note};
pub use project::Source;
pub use sync::{Sync, sync};

use draft::Draft;
use known::Known;
use project::{Project, Written};

use crate::serve::database::{Connect, SetupError, Url};

/// A project to be made.
#[derive(Debug)]
pub struct New {
    /// Its folder, which is not there yet; its last part is the project's name.
    pub folder: PathBuf,
    /// The database, which is there already.
    pub url: Url,
    /// What the project depends on.
    pub backref: Source,
    /// What was said of the database beside its URL.
    pub choices: Choices,
}

/// Why there is no project, or why it is as it was.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The folder is there.
    #[error(
        "{0} is there already, and nothing is written into it; choose another name, or run `backref sync` in it if it is a project of Backref"
    )]
    IsThere(PathBuf),
    /// No crate can be called so.
    #[error(
        "`{0}` cannot be the name of a project: use letters, digits, - and _, with a letter first, and no word of Rust's"
    )]
    Name(String),
    /// There is no entity to write.
    #[error("{0} has no table that could be on a graph{1}")]
    Nothing(String, String),
    /// What is to be left out is not there, and another table would be served that was meant.
    #[error("--without {0}: there is no table or view that is called so{1}; nothing is written")]
    Without(String, String),
    /// It was not written by `backref new`.
    #[error("{} is no project that `backref new` has written: there is no {}; run `backref sync` in the folder of one", .0.display(), project::LIST)]
    NoProject(PathBuf),
    /// The folder of sources has none.
    #[error("--backref-path (BACKREF_PATH) {}: there is no Cargo.toml; name the folder of Backref's sources", .0.display())]
    NoSources(PathBuf),
    /// No database file is there.
    #[error("there is no database file {}; name one that is there with --database-url (DATABASE_URL)", .0.display())]
    NoFile(PathBuf),
    /// Neither the command nor the project names a database.
    #[error(
        "no database is named; say --database-url …, or write DATABASE_URL into .cargo/config.toml"
    )]
    NoUrl,
    /// A file cannot be read or written.
    #[error("{}: {cause}", file.display())]
    File { file: PathBuf, cause: io::Error },
    /// The database cannot be used.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The graph is one, and no schema can be made of it.
    #[error(
        "the entities that would be written make no schema, so nothing is written ({0}); --without … leaves the table out that it is about, and please report its definition"
    )]
    Schema(String),
    /// A mistake of the generator.
    #[error(transparent)]
    Code(#[from] CodeError),
}

/// What was done, and what is odd.
#[derive(Debug, Default)]
pub struct Report {
    /// In sentences, in their order.
    pub done: Vec<String>,
    /// What is odd in the database, each with what was done about it.
    pub notes: Vec<Note>,
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for done in &self.done {
            writeln!(f, "{done}")?;
        }
        if !self.notes.is_empty() {
            writeln!(f, "\nTo know:")?;
        }
        for note in &self.notes {
            writeln!(f, "- {}: {}", note.of, note.says)?;
        }
        Ok(())
    }
}

/// Writes a new project.
pub async fn new(options: &New) -> Result<Report, CreateError> {
    let name = project_name(&options.folder)?;
    if options.folder.exists() {
        return Err(CreateError::IsThere(options.folder.clone()));
    }
    let (choices, known) = (&options.choices, Known::default());
    let draft = draft(&options.url, choices, choices, &known).await?;
    let project = Project {
        name: &name,
        dialect: options.url.dialect(),
        url: &options.url.settled(),
        example: &options.url.example(),
        backref: &options.backref,
        choices: &options.choices,
        draft: &draft,
    };
    for file in project.files()? {
        write(&options.folder, &file)?;
    }
    let folder = options.folder.display();
    Ok(Report {
        done: vec![
            format!(
                "{folder}: {} and {} of {} are on a graph, with nothing to write by hand.",
                counted(draft.entities.len(), "entity", "entities"),
                counted(relations_of(&draft), "relation", "relations"),
                options.url.shown()
            ),
            format!("It is served by: cd {folder} && cargo run"),
        ],
        notes: draft.notes,
    })
}

fn relations_of(draft: &Draft) -> usize {
    draft
        .entities
        .iter()
        .map(|entity| entity.relations.len())
        .sum()
}

fn counted(number: usize, one: &str, many: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        number => format!("{number} {many}"),
    }
}

/// Reads a database, and decides what becomes of its tables; `said` is what is chosen now, and not known from before.
async fn draft(
    url: &Url,
    choices: &Choices,
    said: &Choices,
    known: &Known,
) -> Result<Draft, CreateError> {
    let connection = url.connect(Connect::reading()).await;
    let connection = connection.map_err(|error| match error {
        SetupError::NoFile(file) => CreateError::NoFile(file),
        other => other.into(),
    })?;
    let found = tables::read(&connection, &choices.schemas).await;
    let found = found.map_err(SetupError::from)?;
    connection.close().await.map_err(SetupError::from)?;
    let draft = Draft::of(found, choices, known);
    let mut unknown = draft.unknown.iter();
    if let Some(of) = unknown.find(|of| said.without.contains(&of.name)) {
        let perhaps = of.perhaps.as_ref();
        let perhaps = perhaps.map_or_else(String::new, |name| format!(" (perhaps `{name}`?)"));
        return Err(CreateError::Without(of.name.clone(), perhaps));
    }
    if draft.entities.is_empty() {
        let mut told = String::new();
        for note in &draft.notes {
            let _ = write!(told, "\n- {}: {}", note.of, note.says);
        }
        return Err(CreateError::Nothing(url.shown(), told));
    }
    Ok(draft)
}

fn project_name(folder: &Path) -> Result<String, CreateError> {
    let name = folder
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic());
    let is_plain = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    // A crate called so would hide what is called so already, or is in the way of cargo's own folders.
    const TAKEN: [&str; 11] = [
        "test",
        "core",
        "std",
        "alloc",
        "backref",
        "entity",
        "migration",
        "deps",
        "build",
        "examples",
        "incremental",
    ];
    let ident = name.replace('-', "_");
    let is_word = idents::code(&ident) != ident;
    match !begins || !is_plain || is_word || TAKEN.contains(&name.as_str()) {
        true => Err(CreateError::Name(name)),
        false => Ok(name),
    }
}

fn write(folder: &Path, file: &Written) -> Result<(), CreateError> {
    let path = folder.join(&file.path);
    let failed = |cause| CreateError::File {
        file: path.clone(),
        cause,
    };
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    fs::write(&path, &file.content).map_err(failed)?;
    if file.path == SETTINGS {
        keep_private(&path).map_err(failed)?;
    }
    Ok(())
}

/// Where the database of this machine is named.
const SETTINGS: &str = ".cargo/config.toml";

/// It may hold a password.
fn keep_private(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}
