//! Backref alone on a temporary database: the subject of the attacks.

use crate::{
    Result, contender,
    database::{Database, Kind},
    process::Server,
};
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct SubjectOptions {
    /// Only this database
    #[arg(long, value_enum)]
    database: Option<Kind>,
    /// The release build of `backref`; by default the one beside this program
    #[arg(long)]
    backref: Option<PathBuf>,
    /// Connections that it may open to the database
    #[arg(long, default_value_t = 16)]
    pool: u32,
}

/// Dropped, both end.
pub struct Subject {
    pub server: Server,
    pub database: Database,
}

impl SubjectOptions {
    /// The databases that are asked for.
    pub fn kinds(&self) -> Vec<Kind> {
        self.database
            .map_or(vec![Kind::Sqlite, Kind::Postgres], |kind| vec![kind])
    }

    /// Starts Backref on a new database of the kind, with settings of its environment.
    pub async fn start(&self, kind: Kind, settings: &[(&str, &str)]) -> Result<Subject> {
        let backref = contender::backref(self.backref.as_deref())?;
        eprintln!("{kind}: the rows are made");
        let database = Database::temporary(kind, &backref).await?;
        let server = contender::start_backref(&backref, &database, self.pool, settings).await?;
        Ok(Subject { server, database })
    }
}
