//! Databases by URL: what one may say, and that it says nothing that would not be heeded.
//!
//! URLs are sqlx's to read. It passes over what it does not know, so that a mistyped `sslmode` would connect
//! without TLS; here every parameter is known, or refused by its name.

use std::borrow::Cow;
use std::path::Path;
use std::str::FromStr;

use super::database::SetupError;
use crate::read::load::of_either;
use crate::read::sql::Dialect;

/// A database by its URL, not yet connected.
#[derive(Debug, Clone)]
pub struct Url {
    pub(super) text: String,
    pub(super) place: Place,
}

/// Where a database is. There is one for each driver that is compiled in, and what they can be asked for is called the same.
#[derive(Debug, Clone)]
pub(super) enum Place {
    #[cfg(feature = "postgres")]
    Postgres(super::postgres::Server),
    #[cfg(feature = "sqlite")]
    Sqlite(super::sqlite::File),
}

impl FromStr for Url {
    type Err = SetupError;

    fn from_str(given: &str) -> Result<Self, SetupError> {
        let text = given.trim();
        let (scheme, rest) = text.split_once(':').unwrap_or_default();
        let scheme = scheme.to_ascii_lowercase();
        let text = format!("{scheme}:{rest}");
        let place = match &*scheme {
            // Without slashes sqlx would connect by what the environment says, and to nothing of the rest.
            "postgres" | "postgresql" if !rest.starts_with("//") => {
                return Err(SetupError::UnknownUrl(shown(given)));
            }
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => Place::Postgres(text.parse()?),
            #[cfg(feature = "sqlite")]
            "sqlite" => Place::Sqlite(text.parse()?),
            scheme => return Err(not_served(given, scheme)),
        };
        Ok(Url { text, place })
    }
}

/// Why a database of this scheme is none that can be served.
fn not_served(text: &str, scheme: &str) -> SetupError {
    let (kind, feature) = match scheme {
        "postgres" | "postgresql" => ("PostgreSQL", "postgres"),
        "sqlite" => ("SQLite", "sqlite"),
        _ => return SetupError::UnknownUrl(shown(text)),
    };
    SetupError::NotCompiledIn {
        url: shown(text),
        kind,
        feature,
    }
}

impl Url {
    /// A SQLite file.
    ///
    /// # Errors
    /// Where the driver of SQLite is not compiled in.
    pub fn file(path: &Path) -> Result<Self, SetupError> {
        format!("sqlite://{}", encoded(path)).parse()
    }

    /// Whether it is a pooler's, which gives each transaction a session of its choice.
    pub fn is_pooled(&self) -> bool {
        of_either!(Place, &self.place, place => place.is_pooled())
    }

    /// Whether the URL has a file made that is not there.
    pub fn creates(&self) -> bool {
        of_either!(Place, &self.place, place => place.creates())
    }

    /// Whose SQL the database takes.
    pub fn dialect(&self) -> Dialect {
        of_either!(Place, &self.place, place => place.dialect())
    }

    pub fn is_file(&self) -> bool {
        self.dialect() == Dialect::Sqlite
    }

    /// The URL without its password, for messages.
    pub fn shown(&self) -> String {
        shown(&self.text)
    }

    /// The URL as it is understood from any folder, with its password.
    pub fn settled(&self) -> String {
        of_either!(Place, &self.place, place => place.settled(&self.text))
    }

    /// What a URL of it looks like to others: without its password, and without the folder of its file.
    pub fn example(&self) -> String {
        of_either!(Place, &self.place, place => place.example(&self.text))
    }

    /// Whether what changes the database may use this URL of it.
    pub fn is_changeable(&self) -> bool {
        self.option() == option(&self.shown())
    }

    /// The option that names this database to a command that changes it: without what keeps its file from being written,
    /// and not by its pooler.
    pub fn option(&self) -> String {
        if self.is_pooled() {
            return "--database-url URL-OF-THE-DATABASE-BEHIND-THE-POOLER".to_owned();
        }
        let url = self.shown();
        let url = match url.split_once('?') {
            Some((file, query)) if self.is_file() => {
                let forbids =
                    |part: &&str| matches!(*part, "mode=ro" | "immutable=1" | "immutable=true");
                let rest: Vec<&str> = query.split('&').filter(|part| !forbids(part)).collect();
                match rest.is_empty() {
                    true => file.to_owned(),
                    false => format!("{file}?{}", rest.join("&")),
                }
            }
            _ => url,
        };
        option(&url)
    }
}

fn option(url: &str) -> String {
    format!("--database-url {}", for_shell(url))
}

/// A word as a shell takes it.
fn for_shell(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-./:@%+=,".contains(c);
    match word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// The path as it stands in a URL.
pub(super) fn encoded(path: &Path) -> String {
    let text = path.to_string_lossy();
    text.replace('%', "%25")
        .replace('?', "%3F")
        .replace('#', "%23")
}

/// A URL without its password, for messages. It may be mistyped, so what could be a part of a password is not shown.
pub(super) fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once(':') else {
        return without_password(url);
    };
    let (colon, rest) = match rest.strip_prefix("//") {
        Some(rest) => ("://", rest),
        None => (":", rest),
    };
    let is_file = scheme.eq_ignore_ascii_case("sqlite");
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let place = match is_file {
        true => place.to_owned(),
        // A `?` or a `#` of a password ends what is read of a URL, and the rest of it is somewhere behind.
        false if rest.contains('#') || names(query).any(|name| name.contains('@')) => {
            return match rest.rsplit_once('@') {
                Some((before, after)) => {
                    let user = before.split([':', '/', '?', '#', '@']).next();
                    let after = after.split('#').next().unwrap_or_default();
                    shown(&format!(
                        "{scheme}{colon}{}@{after}",
                        user.unwrap_or_default()
                    ))
                }
                None => shown(&url[..url.find('#').unwrap_or_default()]),
            };
        }
        false => match place.rsplit_once('@') {
            // Without slashes what looks like a scheme may be the user.
            Some((password, host)) if colon == ":" && !password.contains(':') => {
                format!("***@{host}")
            }
            Some((user, host)) => {
                let name = user.split(':').next().unwrap_or_default();
                format!("{name}@{host}")
            }
            None => without_password(&without_words(place)),
        },
    };
    let query = match query {
        "" => String::new(),
        query => format!("?{}", without_secrets(query)),
    };
    format!("{scheme}{colon}{place}{query}")
}

/// A host and its port; what is no port is taken for a password.
fn without_words(place: &str) -> String {
    let (host, rest) = place.rsplit_once(':').unwrap_or((place, ""));
    let port = rest.split('/').next().unwrap_or_default();
    match port.bytes().all(|byte| byte.is_ascii_digit()) || host.starts_with('[') {
        true => place.to_owned(),
        false => format!("{}:***", host.split(':').next().unwrap_or_default()),
    }
}

/// What is no URL, up to a password as libpq's other form has it: `host=h password=…`.
fn without_password(text: &str) -> String {
    match text.to_ascii_lowercase().find("password") {
        Some(at) => format!("{}password=***", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The names of a query's parameters, as they are written.
fn names(query: &str) -> impl Iterator<Item = &str> {
    let parts = query.split('&');
    parts.map(|part| part.split('=').next().unwrap_or_default())
}

/// A query with the values alone of what is known to be no secret.
fn without_secrets(query: &str) -> String {
    let parts = query.split('&').map(|part| {
        let name = part.split('=').next().unwrap_or_default();
        let decoded = url::form_urlencoded::parse(name.as_bytes()).next();
        let decoded = decoded.map_or_else(String::new, |(name, _)| name.into_owned());
        let is_option = decoded.starts_with("options[");
        match part.contains('=') {
            true if is_option || HARMLESS.contains(&&*decoded) => part.to_owned(),
            true => format!("{decoded}=***"),
            false => "***".to_owned(),
        }
    });
    parts.collect::<Vec<_>>().join("&")
}

/// Parameters whose values are no secrets.
const HARMLESS: &[&str] = &[
    "application_name",
    "cache",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "immutable",
    "mode",
    "options",
    "pgbouncer",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
    "vfs",
];

/// A name and its value.
pub(super) type Parameter<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The parameters of a URL. What follows a `#` would be passed over.
pub(super) fn parameters(text: &str) -> Result<Vec<Parameter<'_>>, SetupError> {
    if text.contains('#') {
        return Err(SetupError::BadUrl {
            url: shown(text),
            cause: "what follows a `#` is no part of the database; write %23 for the character"
                .to_owned(),
        });
    }
    let query = text.split_once('?').map_or("", |(_, query)| query);
    let no_parameter = |part: &&str| {
        !part.is_empty()
            && part
                .split_once('=')
                .is_none_or(|(name, _)| name.contains('@'))
    };
    if query.split('&').any(|part| no_parameter(&part)) {
        return Err(SetupError::BadUrl {
            url: shown(text),
            cause: "what follows the `?` are parameters, NAME=VALUE; write %3F for the character in a password"
                .to_owned(),
        });
    }
    Ok(url::form_urlencoded::parse(query.as_bytes()).collect())
}

pub(super) fn unknown(name: &str, known: Vec<&str>) -> SetupError {
    let meant = nearest(name, &known).map(|known| format!("; did you mean `{known}`?"));
    let meant = meant.unwrap_or_else(|| format!("; it may say {}", known.join(", ")));
    SetupError::Parameter(format!(
        "`{name}` is no parameter that Backref knows{meant}"
    ))
}

pub(super) fn one_of(value: &str, known: &[&str]) -> String {
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
            ("postgres:u@h/d", &["postgres:***@h/d", "postgres://"]),
            ("postgres://u@h/d?sslmode", &["NAME=VALUE"]),
            (
                "postgres://u@h/d?connect_timeout=soon",
                &["`connect_timeout`", "seconds"],
            ),
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
            "postgres:/ann:secret@h/d",
            "postgres:ann:secret@h/d",
            "ann:secret@h/d",
            "postgres://ann:secret",
            "postgres://ann:s?secret@h/d",
            "postgres://ann:s#secret@h/d",
            "postgres://ann:s?secret",
            "postgres://ann:s#secret",
            "postgres://ann:s@s?secret@h/d",
            "postgres://ann@h/d?%70assword=secret&sslmode=requires#x",
            "postgres://ann@h/d?pasword=secret#x",
            "host=h user=ann password=secret",
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
        let url: Url = "Postgres://ann@h:5432/d?%70assword=secret&application_name=a@b"
            .parse()
            .expect("a URL");
        assert_eq!(
            url.shown(),
            "postgres://ann@h:5432/d?password=***&application_name=a@b"
        );
    }

    #[test]
    fn the_option_is_of_what_can_be_changed() {
        for (url, option) in [
            ("sqlite://a.db?mode=ro", "--database-url sqlite://a.db"),
            (
                "SQLite://a.db?immutable=1&mode=rwc",
                "--database-url 'sqlite://a.db?mode=rwc'",
            ),
            (
                "sqlite://it's.db?mode=rw",
                r"--database-url 'sqlite://it'\''s.db?mode=rw'",
            ),
            (
                "postgres://u@h/d?pgbouncer=true",
                "--database-url URL-OF-THE-DATABASE-BEHIND-THE-POOLER",
            ),
        ] {
            let parsed: Url = url.parse().expect("a URL");
            assert_eq!(parsed.option(), option, "{url}");
        }
    }

    #[test]
    fn a_database_whose_driver_is_not_there_is_refused_by_the_feature_that_brings_it() {
        for (url, scheme, kind, feature) in [
            (
                "postgres://ann:secret@h/d",
                "postgres",
                "PostgreSQL",
                "postgres",
            ),
            (
                "postgresql://ann:secret@h/d",
                "postgresql",
                "PostgreSQL",
                "postgres",
            ),
            ("sqlite://a.db", "sqlite", "SQLite", "sqlite"),
        ] {
            let text = not_served(url, scheme).to_string();
            let remedy = format!("backref = {{ …, features = [\"{feature}\"] }}");
            assert!(text.contains(kind) && text.ends_with(&remedy), "{text}");
            assert!(!text.contains("secret"), "{text}");
        }
    }
}
