//! What the role that asks may not do of what the graph does: read, and write where it has mutations.
//!
//! PostgreSQL's catalogs tell every role what it may do, so nothing is tried. SQLite knows no roles.

use std::collections::BTreeMap;

use sea_orm::{DatabaseTransaction, DbErr};

use super::structure::{ask, column_called};
use crate::graph::{Catalog, ColumnIx, Entity, EntityId};

/// The rights of one role on the tables of a catalog. Names are quoted where SQL wants it.
#[derive(Debug, Default)]
pub struct Rights {
    pub role: String,
    /// What it lacks, by entity.
    pub lacks: Vec<(EntityId, Lack)>,
    /// Schemas that it may not use, with the entities whose tables are in them.
    pub closed: BTreeMap<String, Vec<EntityId>>,
}

#[derive(Debug)]
pub enum Lack {
    /// It may read no column of this relation: the entity's own, or its full-text index.
    Table(String),
    /// It may read others of the entity's table, but not these.
    Columns(String, Vec<ColumnIx>),
    /// It may not write this relation so, as mutations would: `INSERT`.
    Writes(String, Vec<&'static str>),
    /// It may read a view, which reads this relation as this role, which may not.
    Below {
        role: String,
        relation: String,
        /// Quoted; none for the whole.
        columns: Vec<String>,
    },
}

impl Rights {
    /// Whether an entity's table may be there and is not seen.
    pub fn is_closed_to(&self, id: EntityId) -> bool {
        self.closed.values().any(|ids| ids.contains(&id))
    }
}

/// Reads what the role may do with the tables that were found, by their object ids, and whether one that was not
/// found is where the role may not look.
pub(super) async fn read(
    catalog: &Catalog,
    transaction: &DatabaseTransaction,
    found: &[Option<i64>],
    searches: &[Option<i64>],
) -> Result<Rights, DbErr> {
    let mut rights = Rights::default();
    for row in ask(transaction, ROLE, []).await? {
        rights.role = row.try_get("", "role")?;
    }
    for (id, entity) in catalog.entities.iter().enumerate() {
        let Some(table) = found[id] else {
            for row in ask(transaction, CLOSED, [entity.table.as_str().into()]).await? {
                let schema = row.try_get("", "schema")?;
                if entity.schema.is_none() {
                    rights.closed.entry(schema).or_default().push(id);
                }
            }
            continue;
        };
        if let Some(schema) = unusable(transaction, table).await? {
            rights.closed.entry(schema).or_default().push(id);
        }
        let lacks = rights_on(transaction, entity, table).await?;
        rights
            .lacks
            .extend(lacks.into_iter().map(|lack| (id, lack)));
        rights.lacks.extend(
            writes(transaction, entity, table)
                .await?
                .map(|lack| (id, lack)),
        );
        if let Some(search) = searches[id] {
            let (name, columns) = denied(transaction, search).await?;
            if !columns.is_empty() {
                rights.lacks.push((id, Lack::Table(name)));
            }
        }
    }
    Ok(rights)
}

/// The schema of a table, where it may not be used.
async fn unusable(transaction: &DatabaseTransaction, table: i64) -> Result<Option<String>, DbErr> {
    let rows = ask(transaction, UNUSABLE, [table.into()]).await?;
    rows.first()
        .map(|row| row.try_get("", "schema"))
        .transpose()
}

async fn rights_on(
    transaction: &DatabaseTransaction,
    entity: &Entity,
    table: i64,
) -> Result<Vec<Lack>, DbErr> {
    let (name, columns) = denied(transaction, table).await?;
    let mut lacks = Vec::new();
    let own = |(column, _): &(String, bool)| column_called(entity, column, false);
    let read: Vec<ColumnIx> = columns.iter().filter_map(own).collect();
    let all = columns.iter().all(|(_, all)| *all);
    match (read.is_empty(), all) {
        (true, _) => {}
        (false, true) => lacks.push(Lack::Table(name)),
        (false, false) => lacks.push(Lack::Columns(name, read)),
    }
    let mut below: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for row in ask(transaction, BELOW, [table.into()]).await? {
        let key = (row.try_get("", "role")?, row.try_get("", "relation")?);
        let column: Option<String> = row.try_get("", "column_name")?;
        below.entry(key).or_default().extend(column);
    }
    lacks.extend(
        below
            .into_iter()
            .map(|((role, relation), columns)| Lack::Below {
                role,
                relation,
                columns,
            }),
    );
    Ok(lacks)
}

/// What mutations of an entity do to its table, and may not.
async fn writes(
    transaction: &DatabaseTransaction,
    entity: &Entity,
    table: i64,
) -> Result<Option<Lack>, DbErr> {
    let operations = entity.writing.operations;
    let wanted = [
        (entity.exposed && operations.create, "INSERT"),
        (entity.exposed && operations.update, "UPDATE"),
        (entity.exposed && operations.delete, "DELETE"),
    ];
    let rows = ask(transaction, WRITES, [table.into()]).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let mut lacks = Vec::new();
    for (is_wanted, right) in wanted {
        let has: bool = row.try_get("", right)?;
        if is_wanted && !has {
            lacks.push(right);
        }
    }
    let name = row.try_get("", "relation")?;
    Ok((!lacks.is_empty()).then_some(Lack::Writes(name, lacks)))
}

/// A relation's name in SQL, and its columns that may not be read, each with whether no column may be.
async fn denied(
    transaction: &DatabaseTransaction,
    table: i64,
) -> Result<(String, Vec<(String, bool)>), DbErr> {
    let rows = ask(transaction, DENIED, [table.into()]).await?;
    let mut name = String::new();
    let mut columns = Vec::new();
    for row in &rows {
        name = row.try_get("", "relation")?;
        columns.push((row.try_get("", "name")?, row.try_get("", "all_of_it")?));
    }
    Ok((name, columns))
}

const ROLE: &str = "SELECT quote_ident(current_user) AS role";

/// A schema that the role may not use is no part of its search path, and what is in it is not found.
const CLOSED: &str = r#"
    SELECT quote_ident(nspname) AS schema FROM pg_class
    JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relname = $1::text::name AND relkind IN ('r', 'p', 'v', 'm', 'f')
      AND NOT has_schema_privilege(pg_namespace.oid, 'USAGE')
      AND nspname::text = ANY (
          SELECT replace(trim(both ' "' from part), '$user', current_user::text)
          FROM unnest(string_to_array(current_setting('search_path'), ',')) AS part
      )
    LIMIT 1"#;

const UNUSABLE: &str = "
    SELECT quote_ident(nspname) AS schema FROM pg_class
    JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE pg_class.oid = $1::bigint::oid AND NOT has_schema_privilege(pg_namespace.oid, 'USAGE')";

/// With the schema where the search path does not find it.
const DENIED: &str = "
    SELECT pg_class.oid::regclass::text AS relation, attname::text AS name,
           NOT has_any_column_privilege(pg_class.oid, 'SELECT') AS all_of_it
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
    WHERE pg_class.oid = $1::bigint::oid AND NOT has_column_privilege(pg_class.oid, attnum, 'SELECT')
    ORDER BY attnum";

/// Of some columns is enough: which a mutation writes, its input says.
const WRITES: &str = r#"
    SELECT pg_class.oid::regclass::text AS relation,
           has_any_column_privilege(pg_class.oid, 'INSERT') AS "INSERT",
           has_any_column_privilege(pg_class.oid, 'UPDATE') AS "UPDATE",
           has_table_privilege(pg_class.oid, 'DELETE') AS "DELETE"
    FROM pg_class WHERE pg_class.oid = $1::bigint::oid"#;

/// What a view reads, and those that it reads: as its owner, or as whoever asks where it is a `security_invoker`.
const BELOW: &str = "
    WITH RECURSIVE readers AS (
        SELECT oid AS view, relkind AS kind,
               CASE WHEN COALESCE((SELECT option_value::boolean FROM pg_options_to_table(reloptions)
                                   WHERE option_name = 'security_invoker'), FALSE)
                    THEN (SELECT oid FROM pg_roles WHERE rolname = current_user) ELSE relowner END AS reader
        FROM pg_class
    ), reads AS (
        SELECT ev_class AS view, refobjid AS relation, refobjsubid AS place
        FROM pg_rewrite
        JOIN pg_depend ON classid = 'pg_rewrite'::regclass AND objid = pg_rewrite.oid
                      AND refclassid = 'pg_class'::regclass AND refobjid <> ev_class
    ), below(view) AS (
        SELECT $1::bigint::oid
        UNION SELECT relation FROM below JOIN reads USING (view)
    )
    SELECT DISTINCT quote_ident(rolname) AS role, relation::regclass::text AS relation,
           quote_ident(attname) AS column_name
    FROM below JOIN readers USING (view) JOIN reads USING (view)
    JOIN pg_roles ON pg_roles.oid = reader
    LEFT JOIN pg_attribute ON attrelid = relation AND attnum = place AND place > 0
    WHERE kind = 'v'
      AND EXISTS (SELECT FROM pg_class WHERE oid = relation AND relkind IN ('r', 'p', 'v', 'm', 'f'))
      AND NOT CASE WHEN place > 0 THEN has_column_privilege(reader, relation, place::int2, 'SELECT')
                   ELSE has_any_column_privilege(reader, relation, 'SELECT') END
    ORDER BY role, relation, column_name";
