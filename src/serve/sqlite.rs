//! SQLite: what its URLs may say, and connections by them.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use sea_orm::{ConnectOptions, DbErr};

use super::database::{Connect, SetupError, said, sql_state};
use super::url::{Url, encoded, one_of, parameters, unknown};
#[cfg(feature = "cli")]
use crate::read::load::sqlite::has_foreign_log;
use crate::read::load::sqlite::{Access, DatabaseFile, SqlitePool, SqliteWriter, beside};
use crate::read::load::{Database, DatabaseError, Writers};
use crate::read::sql::Dialect;

/// An SQLite file, and how its URL says that it is to be used.
#[derive(Debug, Clone)]
pub struct File {
    pub path: PathBuf,
    /// `mode=ro`: nothing may be written, by migrations neither.
    pub read_only: bool,
    /// `mode=rwc`: it is made where it is not there.
    pub create: bool,
    /// `immutable=1`: nobody writes it, so it is read without locks.
    pub immutable: bool,
}

impl FromStr for File {
    type Err = SetupError;

    fn from_str(text: &str) -> Result<Self, SetupError> {
        let (_, rest) = text.split_once(':').unwrap_or_default();
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let path = rest.split('?').next().unwrap_or_default();
        let mut file = File {
            path: PathBuf::from(&*percent_decode_str(path).decode_utf8_lossy()),
            read_only: false,
            create: false,
            immutable: false,
        };
        let mut seen: Vec<Cow<'_, str>> = Vec::new();
        for (name, value) in parameters(text)? {
            if seen.contains(&name) {
                return Err(SetupError::Parameter(format!(
                    "`{name}` is said twice; keep one"
                )));
            }
            let wanted = match (&*name, &*value) {
                ("mode", "memory") => return Err(SetupError::InMemory),
                ("mode", "ro") => {
                    file.read_only = true;
                    None
                }
                ("mode", "rwc") => {
                    file.create = true;
                    None
                }
                ("mode", "rw") | ("cache", "private") | ("immutable", "0" | "false") => None,
                ("immutable", "1" | "true") => {
                    file.immutable = true;
                    None
                }
                ("mode", _) => Some(one_of(&value, &["ro", "rw", "rwc"])),
                ("immutable", _) => Some(one_of(&value, &["0", "1"])),
                ("cache", _) => Some("`private`, as it is without it".to_owned()),
                ("vfs", _) => Some("SQLite's own for this system: leave it out".to_owned()),
                _ => return Err(unknown(&name, SQLITE.to_vec())),
            };
            if let Some(wanted) = wanted {
                return Err(SetupError::Parameter(format!(
                    "`{name}` cannot be `{value}`; it is {wanted}"
                )));
            }
            seen.push(name);
        }
        if file.path.as_os_str().is_empty() || path == ":memory:" {
            return Err(SetupError::InMemory);
        }
        Ok(file)
    }
}

impl File {
    pub fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    /// Nothing stands before a file.
    pub fn is_pooled(&self) -> bool {
        false
    }

    pub fn creates(&self) -> bool {
        self.create
    }

    pub fn settled(&self, url: &str) -> String {
        let path = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone());
        let query = url.split_once('?');
        let query = query.map_or_else(String::new, |(_, query)| format!("?{query}"));
        format!("sqlite://{}{query}", encoded(&path))
    }

    pub fn example(&self, _: &str) -> String {
        let name = self.path.file_name().map(Path::new).unwrap_or(&self.path);
        format!("sqlite:///path/to/{}", encoded(name))
    }

    #[cfg(feature = "cli")]
    pub fn check_log(&self) -> Result<(), SetupError> {
        match has_foreign_log(&self.path) {
            true => Err(SetupError::Unusable {
                file: self.path.clone(),
                cause: FOREIGN_LOG.to_owned(),
            }),
            false => Ok(()),
        }
    }

    /// How SeaORM connects to the file, if it can be used as the URL says.
    pub async fn options(
        &self,
        url: &Url,
        settings: Connect,
    ) -> Result<ConnectOptions, SetupError> {
        self.check(url, settings)?;
        let read = self.reading(settings);
        let Connect {
            create,
            migrating,
            once,
            ..
        } = settings;
        let mut options = ConnectOptions::new(&url.text);
        options
            .map_sqlx_sqlite_pool_opts(move |o| match once {
                true => o.after_release(|_, _| Box::pin(async { Ok(false) })),
                false => o,
            })
            .map_sqlx_sqlite_opts(move |o| {
                let o = o.create_if_missing(create).foreign_keys(!migrating);
                // Of a mapped file that somebody cuts short, a read is the end of the process.
                let o = o.pragma("mmap_size", "0");
                match read {
                    Reading::AndWriting => o,
                    Reading::Only => o.read_only(true),
                    Reading::WithoutChange => o.pragma("query_only", "ON"),
                }
            });
        Ok(options)
    }

    /// Refuses a file that is not there, or cannot be used as the URL says.
    fn check(&self, url: &Url, settings: Connect) -> Result<(), SetupError> {
        let is_folder =
            self.path.is_dir() || self.path.as_os_str().as_encoded_bytes().ends_with(b"/");
        let unusable = |cause: &str| SetupError::Unusable {
            file: self.path.clone(),
            cause: cause.to_owned(),
        };
        if is_folder {
            return Err(unusable("it is a folder; name a file in it"));
        }
        // Who opens a pipe waits until somebody writes to it.
        if std::fs::metadata(&self.path).is_ok_and(|found| !found.is_file()) {
            return Err(unusable("it is a pipe or a device; name a file"));
        }
        if !settings.create && !self.path.exists() {
            return Err(SetupError::NoFile(self.path.clone()));
        }
        let write = |path| std::fs::OpenOptions::new().append(true).open(path);
        if settings.migrating
            && self.path.exists()
            && let Err(cause) = write(&self.path)
        {
            return Err(SetupError::NotWritable {
                file: self.path.clone(),
                cause: cause.to_string(),
            });
        }
        if settings.migrating && (self.read_only || self.immutable) {
            return Err(SetupError::NotToBeWritten { url: url.shown() });
        }
        if self.immutable && has_log(&self.path) {
            return Err(SetupError::LogBesideImmutable {
                url: url.shown(),
                file: self.path.clone(),
                log: beside(&self.path, "-wal"),
            });
        }
        // SQLite would take it for the file's own.
        match DatabaseFile::new(&self.path, self.access()).check() {
            Err(DatabaseError::Unusable { file, cause }) => {
                Err(SetupError::Unusable { file, cause })
            }
            _ => Ok(()),
        }
    }

    fn access(&self) -> Access {
        match self {
            File {
                immutable: true, ..
            } => Access::Immutable,
            File {
                read_only: true, ..
            } => Access::ReadOnly,
            _ => Access::Writable,
        }
    }

    fn reading(&self, settings: Connect) -> Reading {
        match settings.read_only {
            _ if self.read_only || self.immutable => Reading::Only,
            // Who may write brings a log that is left into the file. Who only reads leaves a new one behind.
            true if has_log(&self.path) => Reading::Only,
            true => Reading::WithoutChange,
            false => Reading::AndWriting,
        }
    }

    pub fn unreachable(&self, _: &Url, cause: String) -> SetupError {
        SetupError::Unusable {
            file: self.path.clone(),
            cause,
        }
    }

    pub fn refused(&self, error: DbErr) -> SetupError {
        let file = self.path.clone();
        match std::fs::File::open(&self.path) {
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
                return SetupError::NotMade {
                    cause: why_not_made(&file),
                    file,
                };
            }
            Err(cause) => {
                let cause = cause.to_string();
                return SetupError::Unusable { file, cause };
            }
            Ok(_) => {}
        }
        let code = sql_state(&error).and_then(|code| code.parse::<i32>().ok());
        let cause = said(&error);
        match code.map(|code| code & 0xff) {
            Some(CANNOT_OPEN | READ_ONLY) => SetupError::ReadOnlyPlace { file, cause },
            Some(NO_DATABASE | CORRUPT) => SetupError::Unusable { file, cause },
            _ => error.into(),
        }
    }

    /// Its statements are stopped where they run, so no connection knows of their time.
    pub fn open(
        &self,
        _: &str,
        max_connections: u32,
        _: Option<Duration>,
    ) -> Result<(Database, Writers), SetupError> {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let connections = cores.min(max_connections as usize);
        let pool = SqlitePool::open(&self.path, self.access(), connections)?;
        let writer = SqliteWriter::beside(&pool);
        Ok((Database::Sqlite(pool), Writers::Sqlite(writer)))
    }
}

#[cfg(feature = "cli")]
const FOREIGN_LOG: &str = "it keeps no write-ahead log, as a backup that `VACUUM INTO` has made, and beside it is one, which is of the file that was there before; stop whatever has it open, move the files that end in -wal and -shm away (keep them: they hold what was committed to that file last), and start again";

const SQLITE: &[&str] = &["mode", "immutable", "cache", "vfs"];

/// How an SQLite file is opened.
#[derive(Debug, Clone, Copy)]
enum Reading {
    AndWriting,
    Only,
    /// With the rights of one who writes.
    WithoutChange,
}

/// Why a file is not made, which SQLite does not say.
fn why_not_made(file: &Path) -> String {
    let new = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(file);
    match new {
        Err(cause) => cause.to_string(),
        Ok(_) => {
            let _ = std::fs::remove_file(file);
            "SQLite cannot open it".to_owned()
        }
    }
}

/// Whether there are changes beside the file that are not in it.
fn has_log(file: &Path) -> bool {
    std::fs::metadata(beside(file, "-wal")).is_ok_and(|log| log.len() > 0)
}

/// Of SQLite's result codes, the lower byte.
const READ_ONLY: i32 = 8;
const CORRUPT: i32 = 11;
const CANNOT_OPEN: i32 = 14;
const NO_DATABASE: i32 = 26;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_its_url_says() {
        let of = |text: &str| text.parse::<File>().expect("a URL");
        let file = of("sqlite:///srv/a%20%3Fb.db?mode=ro&immutable=1");
        assert_eq!(file.path, Path::new("/srv/a ?b.db"));
        assert!(file.read_only && file.immutable && !file.create);
        assert_eq!(of("sqlite:a.db").path, Path::new("a.db"));
        let odd = Path::new("/srv/50%?#.db");
        let url = Url::file(odd).expect("a URL");
        assert_eq!(of(&url.text).path, odd);
        for memory in [
            "sqlite:",
            "sqlite://",
            "sqlite::memory:",
            "sqlite://:memory:",
            "sqlite://x?mode=memory",
        ] {
            assert!(
                matches!(memory.parse::<File>(), Err(SetupError::InMemory)),
                "{memory}"
            );
        }
    }
}
