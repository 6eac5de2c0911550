//! What SQLite's pragmas say of the tables. Names are compared as SQLite does: without case.
//!
//! Uses the pragmas that answer as tables, which only read.

use std::collections::HashMap;

use sea_orm::{DatabaseTransaction, DbErr, Value};

use super::rights::Rights;
use super::search::{Constraints, Event, Found, Search, State, Trigger};
use super::structure::{
    Column, ForeignKeys, Form, Index, IndexColumn, Indexes, Structure, Table, ask, column_called,
};
use crate::graph::{Catalog, ColumnIx, Entity};
use crate::read::sql::{Dialect, forms};

pub(super) async fn read(
    catalog: &Catalog,
    transaction: &DatabaseTransaction,
) -> Result<Structure, DbErr> {
    let mut tables = Vec::new();
    for entity in &catalog.entities {
        let found = ask(transaction, TABLE, place(entity)).await?;
        tables.push(match found.first() {
            None => None,
            Some(row) => {
                let kind: String = row.try_get("", "kind")?;
                Some(table(catalog, transaction, entity, &kind).await?)
            }
        });
    }
    let mut searches = Vec::new();
    for entity in &catalog.entities {
        searches.push(match entity.searched.is_empty() {
            true => None,
            false => Some(search(transaction, entity).await?),
        });
    }
    let names = ask(transaction, NAMES, []).await?;
    Ok(Structure {
        dialect: Dialect::Sqlite,
        tables,
        searches,
        rights: Rights::default(),
        elsewhere: HashMap::new(),
        names: names
            .iter()
            .map(|row| row.try_get("", "name"))
            .collect::<Result<_, _>>()?,
    })
}

/// The table and the attached database it is in.
fn place(entity: &Entity) -> [Value; 2] {
    let schema = entity.schema.as_deref().unwrap_or("main");
    [entity.table.as_str().into(), schema.into()]
}

async fn table(
    catalog: &Catalog,
    transaction: &DatabaseTransaction,
    entity: &Entity,
    kind: &str,
) -> Result<Table, DbErr> {
    let mut columns: Vec<Option<Column>> = entity.columns.iter().map(|_| None).collect();
    // The columns of the primary key, with their declared types.
    let mut key: Vec<(Option<ColumnIx>, String)> = Vec::new();
    for row in ask(transaction, COLUMNS, place(entity)).await? {
        let name: String = row.try_get("", "name")?;
        let type_name: String = row.try_get("", "type_name")?;
        let in_key: bool = row.try_get("", "in_key")?;
        let ix = column_called(entity, &name, true);
        if let Some(ix) = ix {
            columns[ix] = Some(Column {
                base: affinity(&type_name).to_owned(),
                type_name: type_name.clone(),
                // By an old mistake that SQLite keeps, a primary key forbids nulls only where it says so
                // once more. No one means that by leaving it out.
                nullable: row.try_get::<bool>("", "nullable")? && !in_key,
            });
        }
        if in_key {
            key.push((ix, type_name));
        }
    }
    let rows = ask(transaction, INDEXES, place(entity)).await?;
    let mut key_is_index = false;
    for row in &rows {
        key_is_index |= row.try_get::<bool>("", "is_primary")?;
    }
    // The row's own number, by which the table itself is sorted and which every index ends in.
    let row_number = match &key[..] {
        [(column, of)] if !key_is_index && of.eq_ignore_ascii_case("integer") => *column,
        _ => None,
    };
    let ascending = |column| IndexColumn {
        column,
        descending: false,
        nulls_first: true,
    };
    let mut indexes = Indexes::default();
    for row in &rows {
        let name: Option<String> = row.try_get("", "name")?;
        let in_index: bool = row.try_get("", "in_index")?;
        let is_row_number: bool = row.try_get("", "is_row_number")?;
        let descending: bool = row.try_get("", "descending")?;
        let column = IndexColumn {
            column: match is_row_number {
                true => row_number,
                false => name.and_then(|name| column_called(entity, &name, true)),
            },
            descending,
            nulls_first: !descending,
        };
        let unique: bool = row.try_get("", "is_unique")?;
        indexes.push(row.try_get("", "index_name")?, column, unique && in_index);
    }
    let mut indexes = indexes.finish();
    if row_number.is_some() {
        indexes.push(Index {
            columns: vec![ascending(row_number)],
            unique: 1,
        });
    }
    Ok(Table {
        form: match kind {
            "view" => Form::View,
            _ => Form::Table,
        },
        columns,
        indexes,
        told: told(catalog, transaction, entity).await?,
        has_primary_key: !key.is_empty(),
        deferrable: Vec::new(),
        foreign_keys: foreign_keys(catalog, transaction, entity).await?,
    })
}

/// The columns of which a partial index answers the server's question. SQLite itself says whether it would.
async fn told(
    catalog: &Catalog,
    transaction: &DatabaseTransaction,
    entity: &Entity,
) -> Result<Vec<ColumnIx>, DbErr> {
    let partial = ask(transaction, PARTIAL, place(entity)).await?;
    let names = partial.iter().map(|row| row.try_get("", "name"));
    let names: Vec<String> = names.collect::<Result<_, _>>()?;
    let id = catalog
        .entities
        .iter()
        .position(|e| std::ptr::eq(e, entity));
    let mut told = Vec::new();
    for column in (0..entity.columns.len()).filter(|_| !names.is_empty()) {
        let Some(question) = id.and_then(|id| forms::question(catalog, (id, column))) else {
            continue;
        };
        let plan = ask(transaction, &format!("EXPLAIN QUERY PLAN {question}"), []).await?;
        for step in plan {
            let detail: String = step.try_get("", "detail")?;
            if names
                .iter()
                .any(|name| detail.ends_with(&format!(" INDEX {name}")))
            {
                told.push(column);
            }
        }
    }
    Ok(told)
}

async fn foreign_keys(
    catalog: &Catalog,
    transaction: &DatabaseTransaction,
    entity: &Entity,
) -> Result<Vec<super::structure::ForeignKey>, DbErr> {
    let mut keys = ForeignKeys::default();
    for row in ask(transaction, FOREIGN_KEYS, place(entity)).await? {
        let target: String = row.try_get("", "target")?;
        // A foreign key stays within its database.
        let to = catalog.entities.iter().position(|other| {
            other.schema == entity.schema && other.table.eq_ignore_ascii_case(&target)
        });
        let Some(to) = to else {
            continue;
        };
        let (id, place): (i64, i64) = (row.try_get("", "id")?, row.try_get("", "place")?);
        let here: String = row.try_get("", "here")?;
        let there: Option<String> = row.try_get("", "there")?;
        let there = match there {
            Some(there) => column_called(&catalog.entities[to], &there, true),
            // Without a column it is the primary key that is meant.
            None => catalog.entities[to]
                .primary_key
                .get(usize::try_from(place).unwrap_or_default())
                .copied(),
        };
        let pair = column_called(entity, &here, true).zip(there);
        keys.push(id.to_string(), String::new(), to, pair, true);
    }
    Ok(keys.finish())
}

async fn search(transaction: &DatabaseTransaction, entity: &Entity) -> Result<Search, DbErr> {
    let index = entity.search_table();
    let schema = entity.schema.as_deref().unwrap_or("main");
    // Each attached database has a schema table of its own.
    let parts = format!(
        "SELECT type, name, COALESCE(sql, '') AS text FROM \"{}\".sqlite_schema WHERE
         (type IN ('table', 'view') AND name = $1 COLLATE NOCASE)
         OR (type = 'trigger' AND tbl_name = $2 COLLATE NOCASE)",
        schema.replace('"', "\"\"")
    );
    let values: [Value; 2] = [index.as_str().into(), entity.table.as_str().into()];
    let mut table = State::Missing;
    let mut found: HashMap<String, String> = HashMap::new();
    for row in ask(transaction, &parts, values).await? {
        let text: String = row.try_get("", "text")?;
        let kind: String = row.try_get("", "type")?;
        if kind == "trigger" {
            let name: String = row.try_get("", "name")?;
            found.insert(name.to_ascii_lowercase(), text);
            continue;
        }
        let text = text.to_ascii_lowercase();
        let words: Vec<_> = text.split_whitespace().collect();
        let is_fts5 = words.starts_with(&["create", "virtual", "table"])
            && words
                .windows(2)
                .any(|w| w[0] == "using" && w[1].starts_with("fts5"));
        table = match is_fts5 {
            true => State::There,
            false => State::Other,
        };
    }
    let columns = match table {
        State::There => {
            let place: [Value; 2] = [index.as_str().into(), schema.into()];
            let rows = ask(transaction, SEARCHED, place).await?;
            let names = rows.iter().map(|row| row.try_get("", "name"));
            Some(names.collect::<Result<_, _>>()?)
        }
        _ => None,
    };
    let events = [
        ("insert", Event::Insert),
        ("delete", Event::Delete),
        ("update", Event::Update),
    ];
    let triggers = events.map(|(what, event)| {
        let name = format!("{index}_{what}");
        let text = found.remove(&name.to_ascii_lowercase());
        Trigger {
            name,
            event,
            found: text.map(|text| Found { runs: true, text }),
        }
    });
    Ok(Search {
        table,
        columns,
        triggers: triggers.into(),
        constraints: Constraints::KEPT,
    })
}

/// By the rules of "Determination Of Column Affinity" in SQLite's documentation, as far as they matter:
/// such a column makes texts of its numbers.
fn affinity(type_name: &str) -> &'static str {
    let type_name = type_name.to_ascii_uppercase();
    let has = |part: &str| type_name.contains(part);
    if !has("INT") && (has("CHAR") || has("CLOB") || has("TEXT")) {
        "text"
    } else {
        ""
    }
}

const TABLE: &str = "
    SELECT type AS kind FROM pragma_table_list
    WHERE name = $1 COLLATE NOCASE AND schema = $2 COLLATE NOCASE AND type <> 'shadow'";

/// A hidden column of kind 1 is a virtual table's own; the others are generated.
const COLUMNS: &str = r#"
    SELECT name, type AS type_name, "notnull" = 0 AS nullable, pk > 0 AS in_key
    FROM pragma_table_xinfo($1, $2) WHERE hidden <> 1 ORDER BY pk"#;

/// With the columns that SQLite adds to the end of an index: the row's number, or the primary key.
const INDEXES: &str = r#"
    SELECT list.name AS index_name, list."unique" <> 0 AS is_unique, origin = 'pk' AS is_primary,
           info.name AS name, cid = -1 AS is_row_number, "desc" <> 0 AS descending,
           "key" <> 0 AS in_index
    FROM pragma_index_list($1, $2) AS list, pragma_index_xinfo(list.name, $2) AS info
    WHERE partial = 0 ORDER BY list.seq, info.seqno"#;

const PARTIAL: &str = "SELECT name FROM pragma_index_list($1, $2) WHERE partial = 1";

const SEARCHED: &str = "SELECT name FROM pragma_table_xinfo($1, $2) WHERE hidden = 0 ORDER BY cid";

const FOREIGN_KEYS: &str = r#"
    SELECT id, seq AS place, "table" AS target, "from" AS here, "to" AS there
    FROM pragma_foreign_key_list($1, $2) ORDER BY id, seq"#;

const NAMES: &str = "SELECT name FROM sqlite_schema";
