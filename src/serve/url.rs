//! Databases by URL: what one may say, and that it says nothing that would not be heeded.
//!
//! URLs are sqlx's to read. It passes over what it does not know, so that a mistyped `sslmode` would connect
//! without TLS; here every parameter is known, or refused by its name.

use std::borrow::Cow;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::database::SetupError;
use crate::read::load::postgres::without_pgbouncer;
use crate::read::sql::Dialect;

/// A database by its URL, not yet connected.
#[derive(Debug, Clone)]
pub struct Url {
    pub(super) text: String,
    /// The file, for SQLite.
    pub(super) file: Option<File>,
}

/// An SQLite file, and how its URL says that it is to be used.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub path: PathBuf,
    /// `mode=ro`: nothing may be written, by migrations neither.
    pub read_only: bool,
    /// `mode=rwc`: it is made where it is not there.
    pub create: bool,
    /// `immutable=1`: nobody writes it, so it is read without locks.
    pub immutable: bool,
}

impl FromStr for Url {
    type Err = SetupError;

    fn from_str(text: &str) -> Result<Self, SetupError> {
        let text = text.trim();
        let file = match text.split_once(':').map(|(scheme, _)| scheme) {
            Some("postgres" | "postgresql") => {
                check_postgres(text)?;
                None
            }
            Some("sqlite") => Some(sqlite(text)?),
            _ => return Err(SetupError::UnknownUrl(shown(text))),
        };
        Ok(Url {
            text: text.to_owned(),
            file,
        })
    }
}

impl Url {
    /// A SQLite file.
    pub fn file(path: &Path) -> Self {
        Url {
            text: format!("sqlite://{}", encoded(path)),
            file: Some(File {
                path: path.to_path_buf(),
                read_only: false,
                create: false,
                immutable: false,
            }),
        }
    }

    pub fn is_file(&self) -> bool {
        self.file.is_some()
    }

    /// Whether it is a pooler's, which gives each transaction a session of its choice.
    pub fn is_pooled(&self) -> bool {
        self.file.is_none() && without_pgbouncer(&self.text).1
    }

    /// Whether the URL has a file made that is not there.
    pub fn creates(&self) -> bool {
        self.file.as_ref().is_some_and(|file| file.create)
    }

    /// Whose SQL the database takes.
    pub fn dialect(&self) -> Dialect {
        match self.file {
            Some(_) => Dialect::Sqlite,
            None => Dialect::Postgres,
        }
    }

    /// The URL without its password, for messages.
    pub fn shown(&self) -> String {
        shown(&self.text)
    }

    /// The URL as it is understood from any folder, with its password.
    pub fn settled(&self) -> String {
        let Some(file) = &self.file else {
            return self.text.clone();
        };
        let path = std::path::absolute(&file.path).unwrap_or_else(|_| file.path.clone());
        let query = self.text.split_once('?');
        let query = query.map_or_else(String::new, |(_, query)| format!("?{query}"));
        format!("sqlite://{}{query}", encoded(&path))
    }

    /// What a URL of it looks like to others: without its password, and without the folder of its file.
    pub fn example(&self) -> String {
        match &self.file {
            None => self.shown(),
            Some(file) => {
                let name = file.path.file_name().map(Path::new).unwrap_or(&file.path);
                format!("sqlite:///path/to/{}", encoded(name))
            }
        }
    }

    /// The option that names this database to another command.
    pub fn option(&self) -> String {
        let url = self.shown();
        // `?` and `&` mean something to a shell.
        match url.contains(['?', '&', ' ', '*', '[', '(', '$']) {
            true => format!("--database-url '{url}'"),
            false => format!("--database-url {url}"),
        }
    }
}

/// The path as it stands in a URL.
fn encoded(path: &Path) -> String {
    let text = path.to_string_lossy();
    text.replace('%', "%25")
        .replace('?', "%3F")
        .replace('#', "%23")
}

fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (rest, query) = match rest.split_once('?') {
        Some((rest, query)) => (rest, format!("?{}", without_password(query))),
        None => (rest, String::new()),
    };
    match rest.rsplit_once('@') {
        Some((user, host)) => {
            let name = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{name}@{host}{query}")
        }
        None => format!("{scheme}://{rest}{query}"),
    }
}

fn without_password(query: &str) -> String {
    let parts = query.split('&').map(|part| match part.split_once('=') {
        Some((name @ "password", _)) => format!("{name}=***"),
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("&")
}

/// What a URL of PostgreSQL may say, by the names that mean the same.
const POSTGRES: &[&[&str]] = &[
    &["sslmode", "ssl-mode"],
    &["sslrootcert", "ssl-root-cert", "ssl-ca"],
    &["sslcert", "ssl-cert"],
    &["sslkey", "ssl-key"],
    &["host", "hostaddr"],
    &["port"],
    &["dbname"],
    &["user"],
    &["password"],
    &["application_name"],
    &["options"],
    &["statement-cache-capacity"],
    &["pgbouncer"],
];

const SSL_MODES: &[&str] = &[
    "disable",
    "allow",
    "prefer",
    "require",
    "verify-ca",
    "verify-full",
];

fn check_postgres(text: &str) -> Result<(), SetupError> {
    let parameters = parameters(text)?;
    let mut seen = Vec::new();
    for (name, value) in &parameters {
        if name.starts_with("options[") && name.ends_with(']') {
            continue;
        }
        let same = POSTGRES.iter().find(|names| names.contains(&&**name));
        let Some(same) = same else {
            return Err(unknown(name, POSTGRES.concat()));
        };
        if seen.contains(&same[0]) && same[0] != "options" {
            return Err(SetupError::Parameter(format!(
                "`{name}` is said twice; keep one"
            )));
        }
        seen.push(same[0]);
        check_value(name, value, same[0])?;
    }
    // What the environment says is passed over by sqlx where it means nothing.
    let environment = [("PGSSLMODE", "sslmode"), ("PGPORT", "port")];
    for (variable, name) in environment
        .into_iter()
        .filter(|(_, name)| !seen.contains(name))
    {
        if let Ok(value) = std::env::var(variable) {
            check_value(variable, &value, name)?;
        }
    }
    let options = PgConnectOptions::from_str(&without_pgbouncer(text).0);
    options.map(drop).map_err(|cause| SetupError::BadUrl {
        url: shown(text),
        cause: cause.to_string(),
    })
}

/// Refuses a value that means nothing to the parameter that `kind` is the first name of.
fn check_value(name: &str, value: &str, kind: &str) -> Result<(), SetupError> {
    let wanted = match kind {
        "sslmode" if PgSslMode::from_str(value).is_err() => one_of(value, SSL_MODES),
        "pgbouncer" if !["true", "false"].contains(&value) => "true or false".to_owned(),
        "port" if value.parse::<u16>().is_err() => "a number up to 65535".to_owned(),
        "statement-cache-capacity" if value.parse::<usize>().is_err() => "a number".to_owned(),
        "host" if name == "hostaddr" && value.parse::<IpAddr>().is_err() => {
            "an IP address; a name is a `host`".to_owned()
        }
        _ => return Ok(()),
    };
    Err(SetupError::Parameter(format!(
        "`{name}` cannot be `{value}`; it is {wanted}"
    )))
}

const SQLITE: &[&str] = &["mode", "immutable", "cache", "vfs"];

fn sqlite(text: &str) -> Result<File, SetupError> {
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

/// A name and its value.
type Parameter<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The parameters of a URL. What follows a `#` would be passed over.
fn parameters(text: &str) -> Result<Vec<Parameter<'_>>, SetupError> {
    if text.contains('#') {
        return Err(SetupError::BadUrl {
            url: shown(text.split('#').next().unwrap_or_default()),
            cause: "what follows a `#` is no part of the database; write %23 for the character"
                .to_owned(),
        });
    }
    let query = text.split_once('?').map_or("", |(_, query)| query);
    Ok(url::form_urlencoded::parse(query.as_bytes()).collect())
}

fn unknown(name: &str, known: Vec<&str>) -> SetupError {
    let meant = nearest(name, &known).map(|known| format!("; did you mean `{known}`?"));
    let meant = meant.unwrap_or_else(|| format!("; it may say {}", known.join(", ")));
    SetupError::Parameter(format!(
        "`{name}` is no parameter that Backref knows{meant}"
    ))
}

fn one_of(value: &str, known: &[&str]) -> String {
    let all = format!("one of {}", known.join(", "));
    match nearest(value, known) {
        Some(known) => format!("{all}; did you mean `{known}`?"),
        None => all,
    }
}

/// What somebody meant who mistyped it.
fn nearest<'k>(typed: &str, known: &[&'k str]) -> Option<&'k str> {
    let typed = typed.to_ascii_lowercase().replace('_', "-");
    let distance = |known: &str| strsim::damerau_levenshtein(&typed, &known.replace('_', "-"));
    let near = known.iter().copied().min_by_key(|k| distance(k))?;
    (distance(near) <= 1 + near.len() / 4).then_some(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(url: &str) -> String {
        match url.parse::<Url>() {
            Ok(url) => panic!("{} is taken", url.shown()),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_would_be_passed_over_is_refused_by_name() {
        for (url, says) in [
            (
                "postgres://u@h/d?sslmod=require",
                &["`sslmod`", "`sslmode`"][..],
            ),
            (
                "postgres://u@h/d?SSLMODE=require",
                &["`SSLMODE`", "`sslmode`"],
            ),
            (
                "postgres://u@h/d?ssl_mode=require",
                &["`ssl_mode`", "`ssl-mode`"],
            ),
            ("postgresql://u@h/d?ssl=true", &["`ssl`"]),
            (
                "postgres://u@h/d?sslmode=requires",
                &["`sslmode`", "`requires`", "`require`"],
            ),
            ("postgres://u@h/d?sslmode=", &["`sslmode`", "verify-full"]),
            (
                "postgres://u@h/d?sslmode=require&sslmode=disable",
                &["`sslmode`", "twice"],
            ),
            (
                "postgres://u@h/d?sslmode=require&ssl-mode=disable",
                &["`ssl-mode`", "twice"],
            ),
            (
                "postgres://u@h/d?aplication_name=x",
                &["`aplication_name`", "`application_name`"],
            ),
            ("postgres://u@h/d?port=many", &["`port`", "`many`"]),
            (
                "postgres://u@h/d?hostaddr=db.example",
                &["`hostaddr`", "`host`"],
            ),
            (
                "postgres://u@h/d?options[work_mem=8MB",
                &["`options[work_mem`"],
            ),
            ("postgres://u@h/d#sslmode=require", &["%23"]),
            ("sqlite://a.db?mod=ro", &["`mod`", "`mode`"]),
            ("sqlite:a.db?mode=r0", &["`mode`", "`r0`", "`ro`"]),
            ("sqlite://a.db?immutable=yes", &["`immutable`", "`yes`"]),
            ("sqlite://a.db?imutable=1", &["`imutable`", "`immutable`"]),
            ("sqlite://a.db?cache=shared", &["`cache`", "`shared`"]),
            ("sqlite://a.db?mode=ro&mode=rw", &["`mode`", "twice"]),
            ("sqlite://a.db#b", &["%23"]),
            ("mysql://u@h/d", &["mysql://u@h/d", "postgres://"]),
        ] {
            let text = refusal(url);
            for part in says {
                assert!(text.contains(part), "{url}: {text}");
            }
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        for url in [
            "postgres://ann:secret@h/d?sslmod=require",
            "postgres://ann@h/d?password=secret&sslmode=requires",
            "postgres://ann:secret@h/d?sslmode=require#x",
            "mysql://ann:secret@h/d",
        ] {
            assert!(!refusal(url).contains("secret"), "{}", refusal(url));
        }
        let url: Url = "postgres://ann:secret@h/d?password=secret&sslmode=require"
            .parse()
            .expect("a URL");
        assert_eq!(
            url.shown(),
            "postgres://ann@h/d?password=***&sslmode=require"
        );
    }

    #[test]
    fn a_file_is_what_its_url_says() {
        let of = |text: &str| text.parse::<Url>().expect("a URL").file.expect("a file");
        let file = of("sqlite:///srv/a%20%3Fb.db?mode=ro&immutable=1");
        assert_eq!(file.path, Path::new("/srv/a ?b.db"));
        assert!(file.read_only && file.immutable && !file.create);
        assert_eq!(of("sqlite:a.db").path, Path::new("a.db"));
        let odd = Path::new("/srv/50%?#.db");
        assert_eq!(of(&Url::file(odd).text).path, odd);
        for memory in [
            "sqlite:",
            "sqlite://",
            "sqlite::memory:",
            "sqlite://:memory:",
            "sqlite://x?mode=memory",
        ] {
            assert!(
                matches!(memory.parse::<Url>(), Err(SetupError::InMemory)),
                "{memory}"
            );
        }
    }
}
