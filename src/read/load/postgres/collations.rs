//! Columns of a collation that takes different texts for equal (`deterministic = false`). PostgreSQL refuses to look for a
//! part of such a text; from version 18 on it finds what is not in it.

use tokio_postgres::{Client, Error, SimpleQueryMessage};

use crate::graph::own::Part;
use crate::graph::{Catalog, Entity};
use crate::read::sql::forms::ColumnRef;

/// There are hardly ever any such collations, and then nothing else is read.
const ASKED: &str = "SELECT n.nspname, c.relname, a.attname, pg_catalog.pg_table_is_visible(c.oid) \
    FROM pg_catalog.pg_collation l JOIN pg_catalog.pg_attribute a ON a.attcollation = l.oid \
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE NOT l.collisdeterministic AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'v', 'm', 'f', 'p')";

/// Those that there are, as one session sees them.
#[derive(Default)]
pub struct Collations(Vec<Collated>);

struct Collated {
    schema: String,
    table: String,
    column: String,
    /// Whether its table is the one that is meant where no schema is named.
    visible: bool,
}

impl Collations {
    pub async fn asked_of(client: &Client) -> Result<Self, Error> {
        let said = client.simple_query(ASKED).await?;
        let collated = |message: &SimpleQueryMessage| {
            let SimpleQueryMessage::Row(row) = message else {
                return None;
            };
            Some(Collated {
                schema: row.get(0)?.to_owned(),
                table: row.get(1)?.to_owned(),
                column: row.get(2)?.to_owned(),
                visible: row.get(3) == Some("t"),
            })
        };
        Ok(Collations(said.iter().filter_map(collated).collect()))
    }

    /// Those of the columns that have such a collation, or are expressions of one that has.
    pub fn among(&self, catalog: &Catalog, columns: &[ColumnRef]) -> Vec<ColumnRef> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let is_collated = |&(entity, ix): &ColumnRef| {
            let of = &catalog.entities[entity];
            match of.expression(ix) {
                Some(expression) => {
                    let mut read = expression.postgres.iter().filter_map(Part::column);
                    read.any(|column| self.has(of, &of.column(column).name))
                }
                None => self.has(of, &of.column(ix).name),
            }
        };
        columns.iter().copied().filter(is_collated).collect()
    }

    fn has(&self, of: &Entity, column: &str) -> bool {
        self.0.iter().any(|collated| {
            let is_there = match &of.schema {
                Some(schema) => *schema == collated.schema,
                None => collated.visible,
            };
            is_there && collated.table == of.table && collated.column == column
        })
    }
}
