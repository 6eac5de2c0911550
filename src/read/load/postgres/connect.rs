//! From a PostgreSQL URL to a connection, to read or to write.
//!
//! URLs and the environment (`PGPASSWORD`, `PGSSLMODE`, `~/.pgpass` and so on) are sqlx's to read, as they are
//! for migrations and writes, so that one URL means one thing.

use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use percent_encoding::percent_decode_str;
use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{CancelToken, Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::collations::Collations;
use super::error::with_causes;
use super::session::Owner;
use super::tls::{self, Trust};
use crate::read::load::DatabaseError;

/// What is needed to connect, again and again.
pub struct Connector {
    config: Config,
    tls: MakeRustlsConnect,
    /// Whether a pooler stands between, which gives each transaction a session of its choice.
    pooled: bool,
    /// How long to wait for a new connection.
    connect_timeout: Duration,
    /// For how long statements stay prepared.
    keeps: Duration,
    /// What begins a transaction, which reads one snapshot.
    begin: String,
    begin_serial: String,
    /// Of this process alone, among all that ask the same database.
    nonce: u64,
}

/// What connections are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Reading,
    Writing,
}

/// How long to wait for a new connection where its URL does not say, and for other answers of the network.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long a statement is asked as it was prepared. Its parameters have the types that their columns had then: where a
/// column is of another type since, PostgreSQL may compare it by the old one and say nothing (`varchar`, then `citext`).
const PREPARED: Duration = Duration::from_secs(60);

impl Connector {
    /// `statement_timeout` is how long PostgreSQL lets a statement run.
    pub fn new(
        url: &str,
        purpose: Purpose,
        statement_timeout: Option<Duration>,
    ) -> Result<Self, DatabaseError> {
        let Ours {
            url,
            pooled,
            connect_timeout,
        } = Ours::of(url);
        let options: PgConnectOptions = url.parse().map_err(refused)?;
        let secrets = Secrets::of(&options);
        let mut config = Config::new();
        match options.get_socket() {
            Some(folder) => config.host_path(folder),
            // An address of IPv6 stands in brackets in a URL.
            None => config.host(options.get_host().trim_matches(['[', ']'])),
        };
        config
            .port(options.get_port())
            .user(options.get_username())
            .dbname(options.get_database().unwrap_or(options.get_username()))
            .application_name(options.get_application_name().unwrap_or("backref"))
            .connect_timeout(connect_timeout)
            // A peer that is gone without a farewell is noticed in half a minute, while something is sent to
            // it in ten seconds.
            .tcp_user_timeout(TIMEOUT)
            .keepalives_idle(Duration::from_secs(15))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3);
        let own = settings(purpose, statement_timeout);
        let mode = match (purpose, pooled) {
            (Purpose::Reading, _) => " READ ONLY",
            // Its sessions say whether anything may be written.
            (Purpose::Writing, true) => "",
            // What would be written where this has failed is refused: a session of ours only reads.
            (Purpose::Writing, false) => " READ WRITE",
        };
        let mut local = String::new();
        if pooled {
            // A pooler refuses settings of a connection, and its sessions keep none.
            local.extend(
                own.iter()
                    .map(|(name, value)| format!("; SET LOCAL {name} = '{value}'")),
            );
        } else {
            let given = options
                .get_options()
                .map(|s| format!("{s} "))
                .unwrap_or_default();
            let own = own.iter().map(|(name, value)| format!("-c {name}={value}"));
            config.options(given + &own.collect::<Vec<_>>().join(" "));
        }
        if let Some(password) = &secrets.password {
            config.password(password);
        }
        let begin = |level: &str| format!("BEGIN ISOLATION LEVEL {level}{mode}{local}");
        let (ssl_mode, trust) = match options.get_ssl_mode() {
            PgSslMode::Disable => (SslMode::Disable, Trust::Anyone),
            PgSslMode::Allow | PgSslMode::Prefer => (SslMode::Prefer, Trust::Anyone),
            PgSslMode::Require => (SslMode::Require, Trust::Anyone),
            PgSslMode::VerifyCa => (SslMode::Require, Trust::Authority),
            PgSslMode::VerifyFull => (SslMode::Require, Trust::AuthorityAndName),
        };
        config.ssl_mode(ssl_mode);
        let tls = tls::connector(
            trust,
            secrets.root.as_deref(),
            secrets.certificate.as_deref().zip(secrets.key.as_deref()),
        )
        .map_err(refused)?;
        Ok(Connector {
            config,
            tls,
            pooled,
            connect_timeout,
            keeps: PREPARED,
            begin: begin("REPEATABLE READ"),
            begin_serial: begin("SERIALIZABLE"),
            nonce: std::hash::RandomState::new().build_hasher().finish(),
        })
    }

    /// The same where statements stay prepared for so long.
    #[cfg(feature = "internals")]
    pub fn keeping_statements(self, keeps: Duration) -> Self {
        Connector { keeps, ..self }
    }

    /// For how long statements stay prepared, if a session can ask them by name.
    pub fn keeps_statements(&self) -> Option<Duration> {
        (!self.pooled).then_some(self.keeps)
    }

    /// Whether statements prepared by name and settings last only as long as a transaction.
    pub fn is_pooled(&self) -> bool {
        self.pooled
    }

    pub fn begin(&self) -> &str {
        &self.begin
    }

    /// Begins a transaction that comes to what it would if it were alone.
    pub fn begin_serial(&self) -> &str {
        &self.begin_serial
    }

    /// Cancels what a connection runs for this owner.
    pub async fn cancel(&self, token: CancelToken, owner: Owner) -> Result<(), DatabaseError> {
        let cancel = async {
            match self.pooled {
                // A pooler knows only its own connections, and some die of being asked (PgBouncer 1.18).
                true => self.cancel_marked(owner).await,
                false => Ok(token.cancel_query(self.tls.clone()).await?),
            }
        };
        let late = |_| DatabaseError::Unreachable(format!("no answer in {TIMEOUT:?}"));
        tokio::time::timeout(TIMEOUT, cancel).await.map_err(late)?
    }

    async fn cancel_marked(&self, owner: Owner) -> Result<(), DatabaseError> {
        let mark = self.mark(owner);
        let ask = format!(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE usename = current_user AND state = 'active' AND starts_with(query, '{mark}')"
        );
        Ok(self.connect().await?.batch_execute(&ask).await?)
    }

    /// What statements begin with behind a pooler, so that they can be found in whatever session they run.
    pub fn mark(&self, owner: Owner) -> String {
        format!("/* backref {:x}-{owner} */ ", self.nonce)
    }

    /// Opens a connection. Its other half runs as a task until the client is dropped.
    pub async fn connect(&self) -> Result<Client, NotConnected> {
        let most = self.connect_timeout;
        let opened = tokio::time::timeout(most, self.config.connect(self.tls.clone())).await;
        let (client, connection) = opened
            .map_err(|_| NotConnected {
                cause: format!("no answer in {most:?}"),
                is_full: false,
            })?
            .map_err(|error| NotConnected {
                cause: with_causes(&error),
                is_full: error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS),
            })?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to PostgreSQL ended");
            }
        });
        Ok(client)
    }

    /// What a session has to know of collations. What cannot be asked (PostgreSQL 11 has none of these) is none, and a
    /// connection that has ended is found out by whoever uses it.
    pub async fn collations(&self, client: &Client) -> Collations {
        let asking = Collations::asked_of(client);
        match tokio::time::timeout(self.connect_timeout, asking).await {
            Ok(Ok(collations)) => return collations,
            Ok(Err(error)) => tracing::debug!(%error, "collations cannot be asked for"),
            Err(_) => tracing::debug!("collations were asked for in vain"),
        }
        Collations::default()
    }
}

/// Why there is no connection.
#[derive(Debug)]
pub struct NotConnected {
    pub cause: String,
    /// There are as many as PostgreSQL allows.
    pub is_full: bool,
}

impl From<NotConnected> for DatabaseError {
    fn from(error: NotConnected) -> Self {
        DatabaseError::Unreachable(error.cause)
    }
}

fn refused(error: impl std::fmt::Display) -> DatabaseError {
    DatabaseError::Unreachable(error.to_string())
}

/// A URL, and what it says that sqlx does not know.
pub struct Ours {
    /// The URL without that.
    pub url: String,
    /// By `pgbouncer=true` it speaks to a pooler that gives each transaction a session of its choice (PgBouncer's
    /// `pool_mode = transaction`).
    pub pooled: bool,
    /// How long to wait for a connection, by `connect_timeout` in seconds, as libpq knows it.
    pub connect_timeout: Duration,
}

impl Ours {
    pub fn of(url: &str) -> Self {
        let (start, parameters) = url.split_once('?').unwrap_or((url, ""));
        let mut ours = Ours {
            url: start.to_owned(),
            pooled: false,
            connect_timeout: TIMEOUT,
        };
        let mut others = Vec::new();
        for parameter in parameters.split('&').filter(|p| !p.is_empty()) {
            match parameter.split_once('=') {
                Some(("pgbouncer", value)) => ours.pooled = value == "true",
                Some(("connect_timeout", value)) => {
                    let seconds = value.parse().ok().map(Duration::from_secs);
                    ours.connect_timeout = seconds.unwrap_or(TIMEOUT);
                }
                _ => others.push(parameter),
            }
        }
        if !others.is_empty() {
            ours.url = format!("{start}?{}", others.join("&"));
        }
        ours
    }
}

/// Our settings of a connection.
fn settings(purpose: Purpose, statement_timeout: Option<Duration>) -> Vec<(&'static str, String)> {
    let mut settings = vec![
        ("TimeZone", "UTC".to_owned()),
        ("DateStyle", "ISO".to_owned()),
        ("extra_float_digits", "1".to_owned()),
    ];
    let timeout = statement_timeout.map(|t| t.as_millis().to_string());
    settings.extend(timeout.clone().map(|t| ("statement_timeout", t)));
    settings.push(match (purpose, timeout) {
        (Purpose::Reading, _) => ("default_transaction_read_only", "on".to_owned()),
        // Locks of a server that hangs are not to outlast the request.
        (Purpose::Writing, timeout) => (
            "idle_in_transaction_session_timeout",
            timeout.unwrap_or_else(|| "0".to_owned()),
        ),
    });
    settings.push(("jit", "off".to_owned()));
    settings
}

/// What sqlx found and gives away only as a part of a URL.
struct Secrets {
    password: Option<String>,
    /// Certificates and a key: each a file's name, or its content.
    root: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
}

impl Secrets {
    fn of(options: &PgConnectOptions) -> Self {
        // The rest of the URL is not read, and must not be in the way.
        let url = options
            .clone()
            .host("localhost")
            .username("backref")
            .to_url_lossy();
        let parameter = |name: &str| {
            let found = url.query_pairs().find(|(key, _)| key == name);
            found.map(|(_, value)| value.into_owned())
        };
        Secrets {
            password: url
                .password()
                .map(|p| percent_decode_str(p).decode_utf8_lossy().into_owned()),
            root: parameter("sslrootcert"),
            certificate: parameter("sslcert"),
            key: parameter("sslkey"),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::Host;

    use super::*;

    fn config(url: &str) -> Config {
        Connector::new(url, Purpose::Reading, None)
            .expect("a URL")
            .config
    }

    #[test]
    fn a_url_means_what_it_means_to_sqlx() {
        let config = config(
            "postgres://an%40n:p%2Fw%25%3A@db.example:5433/a%20blog?sslmode=require&application_name=x&options=-c%20work_mem%3D8MB",
        );
        assert_eq!(config.get_hosts(), [Host::Tcp("db.example".to_owned())]);
        assert_eq!(config.get_ports(), [5433]);
        assert_eq!(config.get_user(), Some("an@n"));
        assert_eq!(config.get_password(), Some(&b"p/w%:"[..]));
        assert_eq!(config.get_dbname(), Some("a blog"));
        assert_eq!(config.get_application_name(), Some("x"));
        assert_eq!(config.get_ssl_mode(), SslMode::Require);
        let options = config.get_options().unwrap_or_default();
        assert!(options.contains("work_mem"), "{options}");
        assert!(options.ends_with("-c jit=off"), "{options}");
    }

    #[test]
    fn sockets_and_addresses_of_ipv6_are_hosts() {
        let socket = config("postgres:///blog?host=/var/run/postgresql");
        let folder = Host::Unix("/var/run/postgresql".into());
        assert_eq!(socket.get_hosts(), [folder]);
        let ipv6 = config("postgres://u@[::1]/blog");
        assert_eq!(ipv6.get_hosts(), [Host::Tcp("::1".to_owned())]);
    }

    #[test]
    fn a_certificate_that_cannot_be_read_is_named() {
        let url = "postgres://u@h/blog?sslmode=verify-full&sslrootcert=/nowhere/ca.pem";
        let error = Connector::new(url, Purpose::Reading, None)
            .err()
            .map(|e| e.to_string());
        assert!(error.is_some_and(|e| e.contains("/nowhere/ca.pem")));
    }
}
