//! Which of the foreign keys that are declared the database does not hold to: somebody has dropped one, never made it,
//! or made it without a look at the rows that were there (`NOT VALID`).

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Statement};

use crate::graph::{Catalog, ColumnIx, Entity, EntityId, ForeignKey, Link};

/// A key of `entity.foreign_keys`, by its place there.
pub type KeyOf = (EntityId, usize);

/// The keys by which junctions lead on: pages are cut from a junction alone where the database holds to them.
pub fn relied_on(catalog: &Catalog) -> Vec<KeyOf> {
    let through = catalog.relations.iter().filter_map(|r| match &r.link {
        Link::Through {
            junction,
            far,
            columns,
            ..
        } => Some((*junction, r.to, far, columns)),
        Link::Direct { .. } => None,
    });
    let keys = through.filter_map(|(junction, to, far, columns)| {
        let keys = &catalog.entities[junction].foreign_keys;
        let key = keys.iter().position(|key| key.joins(far, to, columns))?;
        Some((junction, key))
    });
    let mut keys: Vec<_> = keys.collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Those of `keys` that PostgreSQL does not hold to.
pub async fn not_held(
    catalog: &Catalog,
    keys: Vec<KeyOf>,
    session: &DatabaseTransaction,
) -> Result<Vec<KeyOf>, DbErr> {
    let mut missing = Vec::new();
    for (id, key) in keys {
        let entity = &catalog.entities[id];
        if !is_held(catalog, entity, &entity.foreign_keys[key], session).await? {
            missing.push((id, key));
        }
    }
    Ok(missing)
}

async fn is_held(
    catalog: &Catalog,
    entity: &Entity,
    key: &ForeignKey,
    session: &DatabaseTransaction,
) -> Result<bool, DbErr> {
    let target = &catalog.entities[key.to];
    let tables = [entity, target]
        .into_iter()
        .flat_map(|of| [of.schema.clone().into(), of.table.clone().into()]);
    let asked = Statement::from_sql_and_values(session.get_database_backend(), HELD_KEYS, tables);
    let mut held: BTreeMap<i64, Vec<(String, String)>> = BTreeMap::new();
    for row in session.query_all_raw(asked).await? {
        let columns = held.entry(row.try_get("", "id")?).or_default();
        columns.push((row.try_get("", "here")?, row.try_get("", "there")?));
    }
    let name = |of: &Entity, column: ColumnIx| of.columns[column].name.clone();
    let columns = key.columns.iter().zip(&key.to_columns);
    let mut wanted: Vec<_> = columns
        .map(|(&here, &there)| (name(entity, here), name(target, there)))
        .collect();
    wanted.sort();
    Ok(held.into_values().any(|mut columns| {
        columns.sort();
        columns == wanted
    }))
}

/// The columns of each foreign key from one table to another that all rows are known to hold to.
const HELD_KEYS: &str = "
    SELECT pg_constraint.oid::bigint AS id, here.attname::text AS here, there.attname::text AS there
    FROM pg_constraint
    CROSS JOIN LATERAL unnest(conkey, confkey) AS key(near, far)
    JOIN pg_attribute AS here ON here.attrelid = conrelid AND here.attnum = near
    JOIN pg_attribute AS there ON there.attrelid = confrelid AND there.attnum = far
    WHERE contype = 'f' AND convalidated
      AND conrelid = to_regclass(concat_ws('.', quote_ident($1::text), quote_ident($2::text)))
      AND confrelid = to_regclass(concat_ws('.', quote_ident($3::text), quote_ident($4::text)))";
