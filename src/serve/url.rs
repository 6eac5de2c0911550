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

    fn from_str(text: &str) -> Result<Self, SetupError> {
        let text = text.trim();
        let place = match text.split_once(':').map(|(scheme, _)| scheme) {
            #[cfg(feature = "postgres")]
            Some("postgres" | "postgresql") => Place::Postgres(text.parse()?),
            #[cfg(feature = "sqlite")]
            Some("sqlite") => Place::Sqlite(text.parse()?),
            scheme => return Err(not_served(text, scheme)),
        };
        Ok(Url {
            text: text.to_owned(),
            place,
        })
    }
}

/// Why a database of this scheme is none that can be served.
fn not_served(text: &str, scheme: Option<&str>) -> SetupError {
    let (kind, feature) = match scheme {
        Some("postgres" | "postgresql") => ("PostgreSQL", "postgres"),
        Some("sqlite") => ("SQLite", "sqlite"),
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
pub(super) fn encoded(path: &Path) -> String {
    let text = path.to_string_lossy();
    text.replace('%', "%25")
        .replace('?', "%3F")
        .replace('#', "%23")
}

pub(super) fn shown(url: &str) -> String {
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

/// A name and its value.
pub(super) type Parameter<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The parameters of a URL. What follows a `#` would be passed over.
pub(super) fn parameters(text: &str) -> Result<Vec<Parameter<'_>>, SetupError> {
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
            let text = not_served(url, Some(scheme)).to_string();
            let remedy = format!("backref = {{ …, features = [\"{feature}\"] }}");
            assert!(text.contains(kind) && text.ends_with(&remedy), "{text}");
            assert!(!text.contains("secret"), "{text}");
        }
    }
}
