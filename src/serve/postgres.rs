//! PostgreSQL: what its URLs may say, and connections by them.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use sea_orm::{ConnectOptions, DbErr};
use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::database::{Connect, SetupError, said_by_driver};
use super::url::{Url, one_of, parameters, shown, unknown};
use crate::read::load::postgres::{Connector, Ours, PostgresPool, PostgresWriters, Purpose};
use crate::read::load::{Database, Writers};
use crate::read::sql::Dialect;

/// A server, by its URL as sqlx reads it.
#[derive(Debug, Clone)]
pub struct Server {
    options: Box<PgConnectOptions>,
    /// The URL without what sqlx does not know.
    text: String,
    /// It is a pooler, which gives each transaction a session of its choice.
    pooled: bool,
    connect_timeout: Duration,
}

impl FromStr for Server {
    type Err = SetupError;

    fn from_str(text: &str) -> Result<Self, SetupError> {
        check(text)?;
        let Ours {
            url,
            pooled,
            connect_timeout,
        } = Ours::of(text);
        let options = PgConnectOptions::from_str(&url).map_err(|cause| SetupError::BadUrl {
            url: shown(text),
            cause: cause.to_string(),
        })?;
        Ok(Server {
            options: Box::new(options),
            text: url,
            pooled,
            connect_timeout,
        })
    }
}

impl Server {
    pub fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    pub fn is_pooled(&self) -> bool {
        self.pooled
    }

    /// Nothing makes a database of a server's.
    pub fn creates(&self) -> bool {
        false
    }

    pub fn settled(&self, url: &str) -> String {
        url.to_owned()
    }

    pub fn example(&self, url: &str) -> String {
        shown(url)
    }

    /// No file is beside it.
    #[cfg(feature = "cli")]
    pub fn check_log(&self) -> Result<(), SetupError> {
        Ok(())
    }

    /// How SeaORM connects, after one connection that has been made: a pool only says that it timed out, and one
    /// connection says why.
    pub async fn options(&self, url: &Url, _: Connect) -> Result<ConnectOptions, SetupError> {
        let unreachable = |cause| self.unreachable(url, cause);
        let pooled = self.pooled;
        // A pooler gives each transaction a session of its choice: it keeps no statement and no setting.
        let ours = move |o: PgConnectOptions| match pooled {
            true => o.statement_cache_capacity(0).extra_float_digits(None),
            // Compiling a statement takes PostgreSQL seconds where it has many subqueries, and running it less.
            false => o.statement_cache_capacity(500).options([("jit", "off")]),
        };
        let own = ours(*self.options.clone());
        let connect = sqlx::PgConnection::connect_with(&own);
        let most = self.connect_timeout;
        let connection = tokio::time::timeout(most, connect)
            .await
            .map_err(|_| unreachable(format!("no answer in {most:?}")))?
            .map_err(|cause| match is_no_database(&cause) {
                true => SetupError::NoDatabase {
                    url: url.shown(),
                    name: (self.options.get_database())
                        .unwrap_or(self.options.get_username())
                        .to_owned(),
                },
                false => unreachable(said_by_driver(&cause)),
            })?;
        // Its farewell may fail: it has served its purpose.
        let _ = connection.close().await;
        let mut options = ConnectOptions::new(&self.text);
        options.map_sqlx_postgres_opts(ours);
        Ok(options)
    }

    pub fn unreachable(&self, url: &Url, cause: String) -> SetupError {
        SetupError::Unreachable {
            url: url.shown(),
            cause,
        }
    }

    pub fn refused(&self, error: DbErr) -> SetupError {
        error.into()
    }

    pub fn open(
        &self,
        url: &str,
        max_connections: u32,
        statement_timeout: Option<Duration>,
    ) -> Result<(Database, Writers), SetupError> {
        let connector = |purpose| Connector::new(url, purpose, statement_timeout);
        let readers = PostgresPool::new(connector(Purpose::Reading)?, max_connections as usize);
        let most = (max_connections / 2).max(2) as usize;
        let writers = PostgresWriters::beside(readers.clone(), connector(Purpose::Writing)?, most);
        Ok((Database::Postgres(readers), Writers::Postgres(writers)))
    }
}

/// Whether the server is there, and has no database that is called so.
fn is_no_database(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| code == "3D000")
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
    &["connect_timeout"],
];

const SSL_MODES: &[&str] = &[
    "disable",
    "allow",
    "prefer",
    "require",
    "verify-ca",
    "verify-full",
];

fn check(text: &str) -> Result<(), SetupError> {
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
    Ok(())
}

/// Refuses a value that means nothing to the parameter that `kind` is the first name of.
fn check_value(name: &str, value: &str, kind: &str) -> Result<(), SetupError> {
    let wanted = match kind {
        "sslmode" if PgSslMode::from_str(value).is_err() => one_of(value, SSL_MODES),
        "pgbouncer" if !["true", "false"].contains(&value) => "true or false".to_owned(),
        "connect_timeout" if !value.parse().is_ok_and(|n: u64| (1..=3600).contains(&n)) => {
            "a number of seconds, from 1 to 3600".to_owned()
        }
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
