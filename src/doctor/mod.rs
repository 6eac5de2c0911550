//! `backref doctor`: holds a database against the graph, and says what is missing, what that costs, and
//! what mends it.
//!
//! Knows any [`Catalog`], not the blog's alone. It asks the database and never changes it: what mends is
//! text, for a person to run.

mod findings;
mod kinds;
mod migration;
mod postgres;
mod print;
mod remedy;
mod rights;
mod search;
mod sqlite;
mod structure;
mod wants;

use sea_orm::{DatabaseConnection, DbErr};

pub use remedy::{Remedy, Step};

use crate::graph::Catalog;
use crate::read::sql::Dialect;

/// Compares the tables of the graph with those of the database. `option` is what names the database to a command.
///
/// # Errors
/// What the database said when it refused to answer.
pub async fn examine(
    catalog: &Catalog,
    connection: &DatabaseConnection,
    option: &str,
) -> Result<Report, DbErr> {
    let structure = structure::read(catalog, connection).await?;
    let migrate = match option {
        "" => "backref migrate up".to_owned(),
        option => format!("backref migrate up {option}"),
    };
    Ok(Report {
        dialect: structure.dialect,
        tables: catalog.entities.len(),
        pending: Vec::new(),
        unknown: Vec::new(),
        findings: findings::find(catalog, &structure, &migrate),
        migrate,
    })
}

/// What was found. Its text is what the command prints.
#[derive(Debug)]
pub struct Report {
    /// Whose statements the remedies are.
    pub dialect: Dialect,
    /// How many tables the graph has.
    pub tables: usize,
    /// Migrations that the database lacks, by name.
    pub pending: Vec<String>,
    /// Migrations that the database has and the program does not, by name: a newer version has migrated it.
    pub unknown: Vec<String>,
    /// The command that applies them to this database.
    pub migrate: String,
    /// In the order of the graph.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The report, which says too that these migrations are pending.
    pub fn with_pending(self, pending: Vec<String>) -> Self {
        Report { pending, ..self }
    }

    /// The report, which says too that the program does not know these migrations of the database's.
    pub fn with_unknown(self, unknown: Vec<String>) -> Self {
        Report { unknown, ..self }
    }

    /// Whether there is nothing to mend.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.pending.is_empty()
    }

    /// The file of a migration that mends what statements can mend. There is none while others are pending,
    /// which may mend the same.
    pub fn migration(&self) -> Option<String> {
        let steps: Vec<&Step> = self.steps().collect();
        (self.pending.is_empty() && !steps.is_empty()).then(|| migration::file(&steps))
    }

    /// The statements that mend what statements can, in an order in which they can be run.
    #[cfg(feature = "internals")]
    pub fn statements(&self) -> Vec<&str> {
        let remedies = self.sorted().into_iter().map(|f| &f.remedy);
        remedies
            .flat_map(|remedy| match remedy {
                Remedy::Statements(step) => &step.sql[..],
                Remedy::Grant(grant) => std::slice::from_ref(grant),
                Remedy::Words(_) => &[],
            })
            .map(String::as_str)
            .collect()
    }

    fn steps(&self) -> impl Iterator<Item = &Step> {
        self.sorted().into_iter().filter_map(|f| match &f.remedy {
            Remedy::Statements(step) => Some(step),
            Remedy::Grant(_) | Remedy::Words(_) => None,
        })
    }

    fn sorted(&self) -> Vec<&Finding> {
        let mut sorted: Vec<&Finding> = self.findings.iter().collect();
        sorted.sort_by_key(|f| f.subject);
        sorted
    }
}

/// One thing that the database lacks.
#[derive(Debug)]
pub struct Finding {
    pub severity: Severity,
    pub subject: Subject,
    /// The table and the entity behind it: `post (entity::post)`.
    pub table: String,
    /// What is missing.
    pub missing: String,
    /// What needs it: fields of the API, with the declarations that they come from.
    pub needed_by: Vec<String>,
    pub costs: Vec<String>,
    pub remedy: Remedy,
}

impl Finding {
    /// The fields of what needs it, without their declarations: `User.posts`.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        let needs = self.needed_by.iter();
        needs.filter_map(|need| need.split([' ', ',']).next())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// A query fails, or does not find what is there.
    Error,
    /// Answers are slower than they need be, or rows may become inconsistent.
    Warning,
}

/// What a finding is about, in the order in which things can be mended: a foreign key needs the unique index
/// it refers to, and that its columns; a full-text index is made from a whole table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    Right,
    Table,
    Column,
    Unique,
    Index,
    ForeignKey,
    Search,
}
