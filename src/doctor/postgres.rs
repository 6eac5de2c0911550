//! What PostgreSQL's catalog says of the tables.
//!
//! Reads `pg_catalog` alone, which every role may, and never the tables themselves.

use std::collections::{BTreeMap, HashMap};

use sea_orm::{DatabaseTransaction, DbErr};

use super::rights;
use super::search::{Constraints, Event, Found, Search, State, Trigger};
use super::structure::{
    Column, ForeignKeys, Form, IndexColumn, Indexes, Structure, Table, ask, column_called,
};
use crate::graph::{Catalog, ColumnIx, Entity, EntityId};
use crate::read::sql::Dialect;

pub(super) async fn read(
    catalog: &Catalog,
    transaction: &DatabaseTransaction,
) -> Result<Structure, DbErr> {
    let mut found = HashMap::new();
    for (id, entity) in catalog.entities.iter().enumerate() {
        let values = [entity.table.as_str().into(), entity.schema.clone().into()];
        for row in ask(transaction, TABLE, values).await? {
            let kind: String = row.try_get("", "kind")?;
            found.insert(id, (row.try_get::<i64>("", "id")?, kind));
        }
    }
    let by_oid: HashMap<i64, EntityId> = found.iter().map(|(&id, (oid, _))| (*oid, id)).collect();
    let mut tables = Vec::new();
    for (id, entity) in catalog.entities.iter().enumerate() {
        tables.push(match found.get(&id) {
            None => None,
            Some((oid, kind)) => {
                Some(table(catalog, transaction, entity, *oid, kind, &by_oid).await?)
            }
        });
    }
    let mut searches = Vec::new();
    for (id, entity) in catalog.entities.iter().enumerate() {
        searches.push(match (entity.searched.is_empty(), found.get(&id)) {
            (false, Some((oid, _))) => search(transaction, entity, *oid).await?,
            _ => None,
        });
    }
    let mut indexes = Vec::new();
    for entity in &catalog.entities {
        indexes.push(match entity.searched.is_empty() {
            true => None,
            false => {
                let values = [entity.search_table().into(), entity.schema.clone().into()];
                let rows = ask(transaction, TABLE, values).await?;
                rows.first().map(|row| row.try_get("", "id")).transpose()?
            }
        });
    }
    let ids = 0..catalog.entities.len();
    let oids: Vec<Option<i64>> = ids.map(|id| found.get(&id).map(|(oid, _)| *oid)).collect();
    let rights = rights::read(catalog, transaction, &oids, &indexes).await?;
    let mut elsewhere = HashMap::new();
    for (id, entity) in catalog.entities.iter().enumerate() {
        if oids[id].is_none() {
            for row in ask(transaction, ELSEWHERE, [entity.table.as_str().into()]).await? {
                elsewhere.insert(id, row.try_get("", "schema")?);
            }
        }
    }
    let names = ask(transaction, NAMES, []).await?;
    Ok(Structure {
        dialect: Dialect::Postgres,
        tables,
        searches,
        rights,
        elsewhere,
        names: names
            .iter()
            .map(|row| row.try_get("", "name"))
            .collect::<Result<_, _>>()?,
    })
}

async fn table(
    catalog: &Catalog,
    transaction: &DatabaseTransaction,
    entity: &Entity,
    oid: i64,
    kind: &str,
    by_oid: &HashMap<i64, EntityId>,
) -> Result<Table, DbErr> {
    let mut columns: Vec<Option<Column>> = entity.columns.iter().map(|_| None).collect();
    for row in ask(transaction, COLUMNS, [oid.into()]).await? {
        let name: String = row.try_get("", "name")?;
        if let Some(ix) = column_called(entity, &name, false) {
            columns[ix] = Some(Column {
                type_name: row.try_get("", "type_name")?,
                base: row.try_get("", "base")?,
                nullable: row.try_get("", "nullable")?,
            });
        }
    }
    let mut indexes = Indexes::default();
    for row in ask(transaction, INDEXES, [oid.into()]).await? {
        let name: Option<String> = row.try_get("", "name")?;
        let column = IndexColumn {
            column: name.and_then(|name| column_called(entity, &name, false)),
            descending: row.try_get("", "descending")?,
            nulls_first: row.try_get("", "nulls_first")?,
        };
        let id: i64 = row.try_get("", "id")?;
        indexes.push(id.to_string(), column, row.try_get("", "is_unique")?);
    }
    let mut foreign_keys = ForeignKeys::default();
    for row in ask(transaction, FOREIGN_KEYS, [oid.into()]).await? {
        let target: i64 = row.try_get("", "target")?;
        let Some(&to) = by_oid.get(&target) else {
            continue;
        };
        let (here, there): (String, String) = (row.try_get("", "here")?, row.try_get("", "there")?);
        let here = column_called(entity, &here, false);
        let there = column_called(&catalog.entities[to], &there, false);
        let id: i64 = row.try_get("", "id")?;
        foreign_keys.push(
            id.to_string(),
            row.try_get("", "name")?,
            to,
            here.zip(there),
            row.try_get("", "validated")?,
        );
    }
    let mut deferrable: BTreeMap<i64, Vec<Option<ColumnIx>>> = BTreeMap::new();
    for row in ask(transaction, DEFERRABLE, [oid.into()]).await? {
        let name: String = row.try_get("", "name")?;
        let columns = deferrable.entry(row.try_get("", "id")?).or_default();
        columns.push(column_called(entity, &name, false));
    }
    let primary = ask(transaction, PRIMARY_KEY, [oid.into()]).await?;
    Ok(Table {
        form: match kind {
            "r" | "p" => Form::Table,
            "m" => Form::Materialized,
            _ => Form::View,
        },
        columns,
        indexes: indexes.finish(),
        told: Vec::new(),
        has_primary_key: !primary.is_empty(),
        foreign_keys: foreign_keys.finish(),
        deferrable: deferrable
            .into_values()
            .filter_map(|columns| columns.into_iter().collect())
            .collect(),
    })
}

async fn search(
    transaction: &DatabaseTransaction,
    entity: &Entity,
    oid: i64,
) -> Result<Option<Search>, DbErr> {
    let index = entity.search_table();
    let mut search = Search {
        table: State::Missing,
        columns: None,
        triggers: Vec::new(),
        constraints: Constraints::KEPT,
    };
    let values = [index.as_str().into(), entity.schema.clone().into()];
    if let Some(row) = ask(transaction, TABLE, values).await?.first() {
        let table: i64 = row.try_get("", "id")?;
        let key = &entity.columns[entity.primary_key[0]].name;
        let values = [table.into(), oid.into(), key.as_str().into()];
        for row in ask(transaction, SEARCH, values).await? {
            let is_table: bool = row.try_get("", "is_table")?;
            search.table = match row.try_get("", "is_index")? {
                // Whether a view is kept, and by what, is not known here.
                true if !is_table => return Ok(None),
                true => State::There,
                false => State::Other,
            };
            search.constraints = Constraints {
                unique: row.try_get("", "is_unique")?,
                follows: row.try_get("", "follows")?,
                indexed: row.try_get("", "is_indexed")?,
            };
        }
    }
    let name = format!("{index}_keep");
    let mut found = None;
    let mut of: Vec<String> = Vec::new();
    for row in ask(transaction, TRIGGER, [oid.into(), name.as_str().into()]).await? {
        of.extend(row.try_get::<Option<String>>("", "column_name")?);
        found = Some(Found {
            runs: row.try_get("", "runs")?,
            text: row.try_get("", "text")?,
        });
    }
    if let Some(found) = &mut found {
        // Without columns it is for all of them.
        let covers = |column: &str| of.is_empty() || of.iter().any(|c| c == column);
        found.runs &= entity.searched_names().all(covers);
    }
    search.triggers.push(Trigger {
        name,
        event: Event::Write,
        found,
    });
    Ok(Some(search))
}

/// What a statement that names the table would read: in its schema, or else by the search path.
const TABLE: &str = "
    SELECT pg_class.oid::bigint AS id, relkind::text AS kind
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relname = $1::text::name AND relkind IN ('r', 'p', 'v', 'm', 'f')
      AND CASE WHEN $2::text IS NULL THEN pg_table_is_visible(pg_class.oid) ELSE nspname = $2 END";

const ELSEWHERE: &str = "
    SELECT quote_ident(nspname) AS schema
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relname = $1::text::name AND relkind IN ('r', 'p', 'v', 'm', 'f')
      AND nspname <> 'information_schema' AND NOT starts_with(nspname::text, 'pg_')
    ORDER BY nspname LIMIT 1";

/// A domain is read as what it is made from, and can forbid nulls as well as the column.
const COLUMNS: &str = "
    SELECT attname::text AS name, format_type(atttypid, atttypmod) AS type_name,
           NOT (attnotnull OR own.typnotnull) AS nullable,
           CASE WHEN base.typcategory = 'A' THEN 'array' WHEN base.typtype = 'e' THEN 'enum'
                WHEN base.typnamespace = 'pg_catalog'::regnamespace THEN base.typname::text
                ELSE '' END AS base
    FROM pg_attribute
    JOIN pg_type AS own ON own.oid = atttypid
    JOIN pg_type AS base
      ON base.oid = CASE WHEN own.typtype = 'd' THEN own.typbasetype ELSE own.oid END
    WHERE attrelid = $1::bigint::oid AND attnum > 0 AND NOT attisdropped";

/// Only a B-tree has an order. A column of it counts where its order is that of the column's type and
/// collation, since `ORDER BY` asks for that one.
const INDEXES: &str = "
    SELECT indexrelid::bigint AS id, indisunique AS is_unique, attname::text AS name,
           (indoption[place] & 1) <> 0 AS descending, (indoption[place] & 2) <> 0 AS nulls_first
    FROM pg_index
    JOIN pg_class ON pg_class.oid = indexrelid
    JOIN pg_am ON pg_am.oid = relam AND amname = 'btree'
    CROSS JOIN LATERAL generate_series(0, indnkeyatts - 1) AS place
    LEFT JOIN pg_attribute
      ON attrelid = indrelid AND attnum = indkey[place] AND indcollation[place] = attcollation
         AND EXISTS (SELECT FROM pg_opclass AS mine
                     JOIN pg_opclass AS usual ON usual.opcfamily = mine.opcfamily
                     WHERE mine.oid = indclass[place] AND usual.opcdefault)
    WHERE indrelid = $1::bigint::oid AND indisvalid AND indisready AND indislive
      AND indpred IS NULL
    ORDER BY indexrelid, place";

const PRIMARY_KEY: &str =
    "SELECT 1 FROM pg_constraint WHERE conrelid = $1::bigint::oid AND contype = 'p'";

const DEFERRABLE: &str = "
    SELECT pg_constraint.oid::bigint AS id, attname::text AS name
    FROM pg_constraint
    CROSS JOIN LATERAL unnest(conkey) AS place
    JOIN pg_attribute ON attrelid = conrelid AND attnum = place
    WHERE conrelid = $1::bigint::oid AND contype IN ('p', 'u') AND condeferrable
    ORDER BY pg_constraint.oid, place";

const FOREIGN_KEYS: &str = "
    SELECT pg_constraint.oid::bigint AS id, conname::text AS name, confrelid::bigint AS target,
           convalidated AS validated, here.attname::text AS here, there.attname::text AS there
    FROM pg_constraint
    CROSS JOIN LATERAL unnest(conkey, confkey) WITH ORDINALITY AS key(near, far, place)
    JOIN pg_attribute AS here ON here.attrelid = conrelid AND here.attnum = near
    JOIN pg_attribute AS there ON there.attrelid = confrelid AND there.attnum = far
    WHERE conrelid = $1::bigint::oid AND contype = 'f'
    ORDER BY pg_constraint.oid, place";

/// The table of a full-text index `$1`, and that of its rows `$2`, whose key is `$3`.
const SEARCH: &str = "
    SELECT relkind IN ('r', 'p') AS is_table,
           2 = (
               SELECT count(*) FROM pg_attribute
               WHERE attrelid = pg_class.oid AND NOT attisdropped
                 AND (attname = 'id' OR attname = 'document' AND atttypid = 'tsvector'::regtype)
           ) AS is_index,
           EXISTS (
               SELECT FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
               WHERE indrelid = pg_class.oid AND indisunique AND indisvalid AND indimmediate
                 AND indpred IS NULL AND indnkeyatts = 1 AND attname = 'id'
           ) AS is_unique,
           EXISTS (
               SELECT FROM pg_constraint
               JOIN pg_attribute AS here ON here.attrelid = conrelid AND here.attnum = conkey[1]
               JOIN pg_attribute AS there ON there.attrelid = confrelid AND there.attnum = confkey[1]
               WHERE conrelid = pg_class.oid AND confrelid = $2::bigint::oid AND contype = 'f'
                 AND cardinality(conkey) = 1 AND here.attname = 'id'
                 AND there.attname = $3::text::name AND confdeltype = 'c' AND confupdtype = 'c'
           ) AS follows,
           EXISTS (
               SELECT FROM pg_index
               JOIN pg_class AS index ON index.oid = indexrelid
               JOIN pg_am ON pg_am.oid = index.relam AND amname = 'gin'
               JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY(indkey)
               WHERE indrelid = pg_class.oid AND indisvalid AND indisready AND indislive
                 AND indpred IS NULL AND attname = 'document'
           ) AS is_indexed
    FROM pg_class WHERE pg_class.oid = $1::bigint::oid";

/// A row for each column that it is for. The type's bits are those of `pg_trigger.h`: for each row 1, insert 4,
/// update 16.
const TRIGGER: &str = "
    SELECT prosrc AS text, attname::text AS column_name,
           tgenabled IN ('O', 'A') AND (tgtype & 21) = 21 AND tgqual IS NULL AS runs
    FROM pg_trigger
    JOIN pg_proc ON pg_proc.oid = tgfoid
    LEFT JOIN pg_attribute ON attrelid = tgrelid AND attnum = ANY(tgattr)
    WHERE tgrelid = $1::bigint::oid AND tgname = $2::text::name AND NOT tgisinternal";

const NAMES: &str = "
    SELECT relname::text AS name FROM pg_class
    UNION SELECT conname::text FROM pg_constraint";
