//! From a graph and a database to an engine that answers.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::{ConnectionTrait, TransactionTrait};

use super::database::{Connect, SetupError, Url};
use super::keys;
use crate::engine::{Engine, Planner};
use crate::identity::accounts::{Accounts, AttemptLimits};
use crate::identity::tokens::Tokens;
use crate::read::sql::Dialect;

/// What an engine is made of.
pub struct Opening {
    pub url: Url,
    pub planner: Planner,
    /// To the database, for reading, at most.
    pub max_connections: u32,
    /// What a request may take.
    pub timeout: Duration,
    /// For how long the answers of requests with an idempotency key are kept.
    pub keep: Duration,
    /// By which people who sign in are known, if they can.
    pub tokens: Option<Arc<Tokens>>,
    /// Whether accounts are asked for roles at each request.
    pub asks_for_roles: bool,
}

pub struct Opened {
    pub engine: Arc<Engine>,
    /// Where somebody can sign in, or is asked for.
    pub accounts: Option<Arc<Accounts>>,
}

impl Opening {
    /// Opens the connections. The database is asked whether it answers.
    pub async fn open(self) -> Result<Opened, SetupError> {
        let accounts = self.accounts().await?;
        let missing = self.missing_keys().await?;
        let Opening {
            url,
            planner,
            max_connections,
            timeout,
            keep,
            ..
        } = self;
        let (readers, writers) = url.open(max_connections, Some(timeout))?;
        readers.ping().await?;
        let engine = Engine::new(planner.without_keys(&missing), readers, timeout)
            .with_writers(writers)
            .keeping_answers(keep);
        let engine = match &accounts {
            Some(accounts) => engine.with_accounts(accounts.clone()),
            None => engine,
        };
        Ok(Opened {
            engine: Arc::new(engine),
            accounts,
        })
    }

    /// The foreign keys that pages rely on, and the database does not hold to. SQLite's are never relied on.
    async fn missing_keys(&self) -> Result<Vec<keys::KeyOf>, SetupError> {
        let catalog = self.planner.catalog();
        let relied_on = keys::relied_on(catalog);
        if self.url.dialect() == Dialect::Sqlite || relied_on.is_empty() {
            return Ok(Vec::new());
        }
        let connection = self.url.connect(Connect::reading()).await?;
        let session = connection.begin().await?;
        if self.url.is_pooled() {
            // A session of the pooler's may know statements of others by the names that are used here.
            session.execute_unprepared("DEALLOCATE ALL").await?;
        }
        let missing = keys::not_held(catalog, relied_on, &session).await?;
        session.rollback().await?;
        connection.close().await?;
        Ok(missing)
    }

    /// The accounts of the database, where somebody can sign in or roles are asked for.
    async fn accounts(&self) -> Result<Option<Arc<Accounts>>, SetupError> {
        let signs = self.tokens.as_ref().is_some_and(|t| t.can_sign());
        if !signs && !self.asks_for_roles {
            return Ok(None);
        }
        let connection = self.url.connect(Connect::writing(WRITERS)).await?;
        let catalog = self.planner.catalog();
        let limits = AttemptLimits::default();
        let accounts = Accounts::of(catalog, connection, self.tokens.clone(), limits);
        Ok(accounts.map(Arc::new))
    }
}

/// Connections for what is asked of accounts.
const WRITERS: u32 = 4;

/// How many connections for reading where nobody has said: four a processor, and at least eight.
pub fn usual_connections() -> u32 {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    u32::try_from(4 * processors).map_or(u32::MAX, |most| most.max(8))
}
