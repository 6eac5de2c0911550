//! A migration's file, in the words of `migration/` and as rustfmt leaves it.
//!
//! Knows the steps of remedies and nothing of what they mend.

use super::remedy::{Code, Step};

/// A migration's file, from the statements that mend.
pub fn file(steps: &[&Step]) -> String {
    let portable = steps.iter().filter_map(|s| match &s.code {
        Code::Portable { up, down } => Some((up.as_str(), down.as_str())),
        _ => None,
    });
    let portable: Vec<_> = portable.collect();
    let postgres = steps.iter().filter_map(|s| match &s.code {
        Code::PostgresOnly { down } => Some((&s.sql, down.as_str())),
        _ => None,
    });
    let postgres: Vec<_> = postgres.collect();
    let sqlite = steps.iter().filter_map(|s| match &s.code {
        Code::SqliteOnly { down } => Some((&s.sql, down)),
        _ => None,
    });
    let sqlite: Vec<_> = sqlite.collect();
    let mut up: String = portable.iter().map(|(up, _)| *up).collect();
    let statements = postgres.iter().flat_map(|(sql, _)| sql.iter());
    up.push_str(&only("Postgres", statements.map(String::as_str)));
    let statements = sqlite.iter().flat_map(|(sql, _)| sql.iter());
    up.push_str(&only("Sqlite", statements.map(String::as_str)));
    let mut down = String::new();
    let mut uses = "";
    for step in steps {
        if let Code::Search {
            up: last,
            down: first,
        } = &step.code
        {
            up.push_str(last);
            down.insert_str(0, first);
            uses = "use backref_migration::{create_search, drop_search};\n";
        }
    }
    let statements = sqlite.iter().rev().flat_map(|(_, down)| down.iter());
    down.push_str(&only("Sqlite", statements.map(String::as_str)));
    down.push_str(&only(
        "Postgres",
        postgres.iter().rev().map(|(_, down)| *down),
    ));
    down.extend(portable.iter().rev().map(|(_, down)| *down));
    let mut imports = vec!["prelude::*"];
    if up.contains(".add_column(") {
        imports.push("schema::*");
    }
    if !postgres.is_empty() || !sqlite.is_empty() {
        imports.push("sea_orm::DbBackend");
    }
    let imports = match &imports[..] {
        [one] => (*one).to_owned(),
        several => format!("{{{}}}", several.join(", ")),
    };
    let manager = if down.is_empty() {
        "_manager"
    } else {
        "manager"
    };
    format!(
        "//! What `backref doctor` found missing.

{uses}use sea_orm_migration::{imports};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {{
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {{
{up}        Ok(())
    }}

    async fn down(&self, {manager}: &SchemaManager) -> Result<(), DbErr> {{
{down}        Ok(())
    }}
}}
"
    )
}

/// Statements for one database.
fn only<'s>(backend: &str, statements: impl Iterator<Item = &'s str>) -> String {
    let mut out = String::new();
    for statement in statements.filter(|s| !s.is_empty()) {
        let run = format!(
            "            connection\n                .execute_unprepared({})\n                .await?;\n",
            string_code(statement)
        );
        out.push_str(&run);
    }
    if out.is_empty() {
        return out;
    }
    format!(
        "        if manager.get_database_backend() == DbBackend::{backend} {{
            let connection = manager.get_connection();
{out}        }}
"
    )
}

/// A chain of calls on one line if rustfmt would leave it there, and a statement after it.
pub fn lines(before: &str, chain: &[String], after: &str) -> String {
    const CHAIN_WIDTH: usize = 60;
    let one = chain.concat();
    let chain = match one.len() <= CHAIN_WIDTH {
        true => one,
        false => chain.join("\n            "),
    };
    format!("        {before}{chain};\n        {after}\n")
}

/// A call on one line if rustfmt would leave it there.
pub fn call(function: &str, arguments: &[&str]) -> String {
    const CALL_WIDTH: usize = 60;
    let one = arguments.join(", ");
    if one.len() <= CALL_WIDTH {
        return format!("        {function}({one}).await?;\n");
    }
    let several = arguments.join(",\n            ");
    format!("        {function}(\n            {several},\n        )\n        .await?;\n")
}

fn string_code(text: &str) -> String {
    if text.contains("\"#") || !text.contains(['"', '\\']) {
        format!("{text:?}")
    } else {
        format!("r#\"{text}\"#")
    }
}
