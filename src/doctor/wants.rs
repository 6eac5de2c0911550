//! The indexes that the graph's keys, relations and orders need, whatever the database has.
//!
//! Follows the statements that `sql` writes: what those look up, and by what they sort, is wanted here.

use super::structure::{Index, IndexColumn};
use crate::graph::{Cardinality, Catalog, ColumnIx, Direction, Entity, EntityId, Link, Relation};
use crate::read::sql::Dialect;

/// An index that must exist, in whatever form serves.
#[derive(Debug)]
pub struct Want {
    pub entity: EntityId,
    /// The columns that are compared by `=`: first in the index, in any order.
    pub key: Vec<ColumnIx>,
    /// What rows of one key are sorted by.
    pub order: Vec<IndexColumn>,
    /// At most one row may have a key.
    pub unique: bool,
    /// It is the primary key itself.
    pub primary: bool,
    pub uses: Vec<Use>,
}

/// What a wanted index is for.
#[derive(Debug)]
pub struct Use {
    /// `User.posts (the inverse of post::Relation::Author)`
    pub what: String,
    purpose: Purpose,
    /// `User.posts`; for a primary key the root field that looks up by it, `user`.
    field: String,
    /// What the rows are called: `posts`.
    rows: String,
    /// What they belong to: `user`.
    owner: String,
}

#[derive(Debug, Clone, Copy)]
enum Purpose {
    PrimaryKey,
    /// The primary key of a junction, whose rows have no id.
    Junction,
    UniqueColumn,
    /// The one row that a relation leads to.
    One,
    /// A page of the rows that a relation leads to.
    Page,
    RootPage,
}

impl Use {
    /// What is paid where the indexes that are there help so far.
    pub fn cost(&self, service: Service) -> String {
        let Use {
            field, rows, owner, ..
        } = self;
        match (self.purpose, service) {
            (Purpose::PrimaryKey, Service::Not) => format!(
                "two rows can have one id, and each `{field}` by its id searches the whole table"
            ),
            (Purpose::PrimaryKey, _) => "two rows can have one id".to_owned(),
            (Purpose::Junction, _) => {
                "two rows can be linked twice, and are listed twice then".to_owned()
            }
            (Purpose::UniqueColumn, Service::Not) => format!(
                "two rows can have one `{field}`, and each lookup by it searches the whole table"
            ),
            (Purpose::UniqueColumn, _) => format!("two rows can have one `{field}`"),
            (Purpose::One, Service::Not) => {
                format!("each `{field}` searches the whole table, and can find several {rows}")
            }
            (Purpose::One, _) => format!("`{field}` can find several {rows}"),
            (_, Service::Partly) => {
                format!("each page of `{field}` sorts what its index leaves unsorted")
            }
            (Purpose::Page, Service::Not) => {
                format!("each page of `{field}` searches the whole table")
            }
            (Purpose::Page, _) => {
                format!("each page of `{field}` reads all {rows} of the {owner} and sorts them")
            }
            (Purpose::RootPage, _) => {
                format!("each page of `{field}` reads and sorts the whole table")
            }
        }
    }
}

/// How far an index serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    Not,
    /// The rows of a key are found, but in no order, or they need not be unique.
    Rows,
    /// Found, and sorted by some of the columns.
    Partly,
    Whole,
}

impl Want {
    /// How far these indexes serve.
    pub fn service<'i>(&self, indexes: impl IntoIterator<Item = &'i Index>) -> Service {
        let services = indexes.into_iter().map(|index| self.served_by(index));
        services.max().unwrap_or(Service::Not)
    }

    fn served_by(&self, index: &Index) -> Service {
        let is_key = |c: &IndexColumn| c.column.is_some_and(|c| self.key.contains(&c));
        let columns = &index.columns;
        if index.unique > 0 && columns[..index.unique].iter().all(is_key) {
            return Service::Whole;
        }
        let lead = columns.iter().take_while(|c| is_key(c)).count();
        let finds = |key: &ColumnIx| columns[..lead].iter().any(|c| c.column == Some(*key));
        if !self.key.iter().all(finds) {
            return Service::Not;
        }
        if self.unique {
            return Service::Rows;
        }
        let sorted = self.sorted_by(&columns[lead..]);
        match sorted {
            n if n == self.order.len() => Service::Whole,
            0 if self.key.is_empty() => Service::Not,
            0 => Service::Rows,
            _ => Service::Partly,
        }
    }

    /// How many columns of the order these columns follow, all of them forwards or all backwards.
    fn sorted_by(&self, columns: &[IndexColumn]) -> usize {
        let follow = |wanted: fn(IndexColumn) -> IndexColumn| {
            let pairs = self.order.iter().zip(columns);
            pairs
                .take_while(|(want, has)| wanted(**want) == **has)
                .count()
        };
        follow(|c| c).max(follow(backwards))
    }

    /// The columns of an index that serves, ascending from the first column of the order on.
    pub fn columns(&self, dialect: Dialect) -> Vec<IndexColumn> {
        let flip = self.order.first().is_some_and(|c| c.descending);
        let key = self.key.iter().map(|&c| ascending(c, dialect));
        let order = self.order.iter().map(|&c| match flip {
            true => backwards(c),
            false => c,
        });
        key.chain(order).collect()
    }
}

/// As it is without another word in `CREATE INDEX`.
pub fn ascending(column: ColumnIx, dialect: Dialect) -> IndexColumn {
    IndexColumn {
        column: Some(column),
        descending: false,
        nulls_first: dialect == Dialect::Sqlite,
    }
}

/// The order in which a scan from the end meets the rows.
fn backwards(c: IndexColumn) -> IndexColumn {
    IndexColumn {
        column: c.column,
        descending: !c.descending,
        nulls_first: !c.nulls_first,
    }
}

/// All indexes that the graph needs. Those that several uses share are one, and an entity's keys come
/// before what is sorted.
pub fn wants(catalog: &Catalog, dialect: Dialect) -> Vec<Want> {
    let mut all = Wants {
        catalog,
        dialect,
        found: Vec::new(),
    };
    for (id, entity) in catalog.entities.iter().enumerate() {
        all.primary_key(id, entity);
        all.unique_columns(id, entity);
    }
    for relation in catalog.walked() {
        all.relation(relation);
    }
    for (id, entity) in catalog.exposed() {
        all.root_list(id, entity);
    }
    all.found
}

struct Wants<'c> {
    catalog: &'c Catalog,
    dialect: Dialect,
    found: Vec<Want>,
}

impl Wants<'_> {
    fn primary_key(&mut self, id: EntityId, entity: &Entity) {
        let want = Want {
            primary: true,
            ..self.unique(id, &entity.primary_key)
        };
        let what = format!("the primary key of {}", entity.module);
        let purpose = match entity.exposed {
            true => Purpose::PrimaryKey,
            false => Purpose::Junction,
        };
        self.push(want, what, purpose, &entity.single, [entity, entity]);
    }

    fn unique_columns(&mut self, id: EntityId, entity: &Entity) {
        for (ix, column) in entity.columns.iter().enumerate() {
            if column.unique {
                let field = format!("{}.{}", entity.type_name, column.field);
                let what = format!("{field}, declared unique by {}", entity.module);
                let want = self.unique(id, &[ix]);
                self.push(want, what, Purpose::UniqueColumn, &field, [entity, entity]);
            }
        }
    }

    fn root_list(&mut self, id: EntityId, entity: &Entity) {
        let want = Want {
            order: self.order(entity, &entity.default_order, &[]),
            unique: false,
            ..self.unique(id, &[])
        };
        let field = format!("Query.{}", entity.plural);
        let what = format!("{field} in its default order");
        self.push(want, what, Purpose::RootPage, &field, [entity, entity]);
    }

    fn relation(&mut self, relation: &Relation) {
        let target = &self.catalog.entities[relation.to];
        let from = &self.catalog.entities[relation.from];
        let columns = match &relation.link {
            Link::Direct { columns } | Link::Through { columns, .. } => columns,
        };
        let (want, purpose) = match (&relation.link, relation.cardinality) {
            // A condition may pick the one row from several.
            (_, Cardinality::One { .. }) => {
                let want = Want {
                    unique: relation.condition.is_none(),
                    ..self.unique(relation.to, columns)
                };
                (want, Purpose::One)
            }
            // A page is cut from the junction itself.
            (
                Link::Through {
                    junction,
                    near,
                    far,
                    ..
                },
                Cardinality::Many,
            ) if relation.condition.is_none() => {
                let order = self.catalog.order_of(relation).into_iter();
                let order: Vec<_> = far.iter().zip(order).map(|(&c, (_, d))| (c, d)).collect();
                let want = Want {
                    order: self.order(&self.catalog.entities[*junction], &order, near),
                    unique: false,
                    ..self.unique(*junction, near)
                };
                (want, Purpose::Page)
            }
            // Where the source stands in for a junction, its condition reads it, and the target's own
            // columns are searched all the same.
            (_, Cardinality::Many) => {
                let want = Want {
                    order: self.order(target, &target.default_order, columns),
                    unique: false,
                    ..self.unique(relation.to, columns)
                };
                (want, Purpose::Page)
            }
        };
        let field = format!("{}.{}", from.type_name, relation.name);
        let what = format!("{field} ({})", relation.declared);
        self.push(want, what, purpose, &field, [from, target]);
    }

    fn unique(&self, entity: EntityId, key: &[ColumnIx]) -> Want {
        Want {
            entity,
            key: key.to_vec(),
            order: Vec::new(),
            unique: true,
            primary: false,
            uses: Vec::new(),
        }
    }

    /// An order as an index has it. What is compared by `=` sorts nothing.
    fn order(
        &self,
        entity: &Entity,
        order: &[(ColumnIx, Direction)],
        key: &[ColumnIx],
    ) -> Vec<IndexColumn> {
        let rest = order.iter().filter(|(column, _)| !key.contains(column));
        rest.map(|&(column, direction)| {
            let descending = direction == Direction::Desc;
            IndexColumn {
                column: Some(column),
                descending,
                // Statements put nulls last; where there are none, the order is the database's plain one.
                nulls_first: match (entity.columns[column].nullable, self.dialect) {
                    (true, Dialect::Postgres) => false,
                    (false, Dialect::Postgres) => descending,
                    (_, Dialect::Sqlite) => !descending,
                },
            }
        })
        .collect()
    }

    fn push(
        &mut self,
        want: Want,
        what: String,
        purpose: Purpose,
        field: &str,
        [owner, rows]: [&Entity; 2],
    ) {
        let usage = Use {
            what,
            purpose,
            field: field.to_owned(),
            rows: rows.many(),
            owner: owner.one(),
        };
        let known = self.found.iter_mut().find(|w| {
            let key = w.key.len() == want.key.len() && w.key.iter().all(|c| want.key.contains(c));
            w.entity == want.entity && w.unique == want.unique && w.order == want.order && key
        });
        match known {
            Some(known) => known.uses.push(usage),
            None => self.found.push(Want {
                uses: vec![usage],
                ..want
            }),
        }
    }
}
