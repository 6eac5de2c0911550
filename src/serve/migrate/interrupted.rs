//! SQLite files that versions before this one left with a part of a migration: their statements were not one
//! transaction.
//!
//! What a migration makes is learnt by running it on an empty database in memory. What of that stands in the file,
//! word for word, and holds no rows, is what was left of it.

use std::collections::BTreeMap;

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseTransaction, DbBackend, DbErr, Statement,
};
use sea_orm_migration::{MigrationTrait, SchemaManager};

use super::tables::quoted;

/// Kind and name of a table, index, view or trigger, and the statement that made it.
pub type Schema = BTreeMap<(String, String), String>;

/// What a migration does to the schema.
#[derive(Debug, Default)]
pub struct Effects {
    before: Schema,
    after: Schema,
}

/// What became of what was left of a migration.
pub enum Outcome {
    /// There was nothing left of it.
    Nothing,
    /// These were dropped.
    TakenAway(Vec<String>),
    /// This cannot be taken away without losing something.
    Blocked(String),
}

impl Effects {
    /// Of the migration called so, after these others.
    pub async fn of(
        all: &[Box<dyn MigrationTrait>],
        applied: &[String],
        name: &str,
    ) -> Result<Self, DbErr> {
        let scratch = Database::connect(in_memory()).await?;
        let manager = SchemaManager::new(&scratch);
        for migration in all.iter().filter(|m| applied.iter().any(|a| a == m.name())) {
            migration.up(&manager).await?;
        }
        let before = schema(&scratch).await?;
        for migration in all.iter().filter(|m| m.name() == name) {
            migration.up(&manager).await?;
        }
        let after = schema(&scratch).await?;
        scratch.close().await?;
        Ok(Effects { before, after })
    }

    /// Of all migrations on an empty database.
    pub async fn of_all(all: &[Box<dyn MigrationTrait>]) -> Result<Self, DbErr> {
        let scratch = Database::connect(in_memory()).await?;
        for migration in all {
            migration.up(&SchemaManager::new(&scratch)).await?;
        }
        let after = schema(&scratch).await?;
        scratch.close().await?;
        Ok(Effects {
            before: Schema::new(),
            after,
        })
    }

    /// Whether there is a table called so in the end.
    pub fn makes_table(&self, name: &str) -> bool {
        ["table", "view"].iter().any(|kind| {
            self.after
                .contains_key(&((*kind).to_owned(), name.to_owned()))
        })
    }

    /// Whether the table called so is one that the migration makes, word for word.
    pub fn has_made(&self, schema: &Schema, name: &str) -> bool {
        let key = ("table".to_owned(), name.to_owned());
        schema
            .get(&key)
            .is_some_and(|text| self.created().any(|(k, t)| *k == key && t == text))
    }

    /// Whether nothing is left of what the migration made, and the rest stands as it did before it.
    pub fn are_gone(&self, schema: &Schema) -> bool {
        let gone = self.created().all(|(key, _)| !schema.contains_key(key));
        gone && self
            .changed()
            .all(|(key, text)| schema.get(key) == Some(text))
    }

    /// Drops what is left of the migration.
    pub async fn take_away(&self, turn: &DatabaseTransaction) -> Result<Outcome, DbErr> {
        let schema = schema(turn).await?;
        if let Some(((kind, name), _)) = self
            .changed()
            .find(|(key, text)| schema.get(*key) != Some(text))
        {
            return Ok(Outcome::Blocked(format!(
                "the {kind} `{name}` is changed already"
            )));
        }
        let mut left = Vec::new();
        for (key, text) in self.created() {
            let (kind, name) = key;
            match schema.get(key) {
                None => {}
                Some(found) if found != text => {
                    return Ok(Outcome::Blocked(format!(
                        "there is another {kind} `{name}`"
                    )));
                }
                Some(_) if kind == "table" && !is_virtual(text) && has_rows(turn, name).await? => {
                    return Ok(Outcome::Blocked(format!("the table `{name}` has rows")));
                }
                Some(_) => left.push((kind, name)),
            }
        }
        // Triggers and views before the tables that they are of; an index goes with its table.
        left.sort_by_key(|(kind, _)| {
            ["trigger", "view", "index", "table"]
                .iter()
                .position(|k| k == kind)
        });
        for (kind, name) in &left {
            let drop = format!("DROP {kind} IF EXISTS {}", quoted(name));
            turn.execute_unprepared(&drop).await?;
        }
        match left.is_empty() {
            true => Ok(Outcome::Nothing),
            false => Ok(Outcome::TakenAway(
                left.into_iter().map(|(_, name)| name.clone()).collect(),
            )),
        }
    }

    fn created(&self) -> impl Iterator<Item = (&(String, String), &String)> {
        self.after
            .iter()
            .filter(|(key, _)| !self.before.contains_key(*key))
    }

    /// As they were before the migration.
    fn changed(&self) -> impl Iterator<Item = (&(String, String), &String)> {
        self.before
            .iter()
            .filter(|(key, text)| self.after.get(*key) != Some(text))
    }
}

/// The schema of an SQLite database, but for what it makes by itself.
pub async fn schema(db: &impl ConnectionTrait) -> Result<Schema, DbErr> {
    let ask = Statement::from_string(
        DbBackend::Sqlite,
        "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT IN
         (SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow')",
    );
    let rows = db.query_all_raw(ask).await?;
    rows.iter()
        .map(|row| {
            let key = (row.try_get("", "type")?, row.try_get("", "name")?);
            Ok((key, row.try_get("", "sql")?))
        })
        .collect()
}

/// The rows of an SQLite database that refer to nothing, counted by table and target.
pub async fn broken_references(db: &impl ConnectionTrait) -> Result<Vec<(String, i64)>, DbErr> {
    let ask = Statement::from_string(
        DbBackend::Sqlite,
        r#"SELECT "table" || ' -> ' || parent AS reference, count(*) AS rows_of
           FROM pragma_foreign_key_check GROUP BY reference"#,
    );
    let rows = db.query_all_raw(ask).await?;
    rows.iter()
        .map(|row| Ok((row.try_get("", "reference")?, row.try_get("", "rows_of")?)))
        .collect()
}

async fn has_rows(db: &impl ConnectionTrait, table: &str) -> Result<bool, DbErr> {
    let ask = format!("SELECT EXISTS (SELECT 1 FROM {})", quoted(table));
    let row = db
        .query_one_raw(Statement::from_string(DbBackend::Sqlite, ask))
        .await?;
    row.map_or(Ok(false), |row| row.try_get_by_index(0))
}

fn is_virtual(statement: &str) -> bool {
    let mut words = statement.split_whitespace().map(str::to_ascii_lowercase);
    words.next().as_deref() == Some("create") && words.next().as_deref() == Some("virtual")
}

fn in_memory() -> ConnectOptions {
    let mut options = ConnectOptions::new("sqlite::memory:");
    options.max_connections(1).sqlx_logging(false);
    options
}
