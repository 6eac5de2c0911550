//! SQL of writers: rows that are to be changed, and the statements that change them.
//!
//! `k` are the rows that are bound, where they are many (`rows`); one row is a bind for each value.
//!
//! | | one | many |
//! |---|---|---|
//! | find | `SELECT 1, … FROM t WHERE t.key = $1` | `SELECT k.ord, … FROM k JOIN t ON t.key = k.c0 ORDER BY k.ord` |
//! | insert | `INSERT INTO t (…) VALUES ($1, …)` | `INSERT INTO t (…) SELECT k.c0, … FROM k ORDER BY k.ord` |
//! | insert, or change what is there | `INSERT INTO t AS t0 (…) VALUES ($1, …) ON CONFLICT (key) DO UPDATE SET … WHERE …` | |
//! | update | `UPDATE t SET … WHERE t.key = $1`, and where nothing has looked at the row, with what must hold of it | `UPDATE t SET … FROM k WHERE t.key = k.c0` |
//! | delete | `DELETE FROM t WHERE t.key = $1` | `DELETE FROM t USING k WHERE t.key = k.c0` |
//!
//! SQLite has no `USING`, so there it is `DELETE FROM t WHERE key IN (SELECT … FROM k)`. What is found may be locked, and
//! inserts give what they have made (`RETURNING`).
//!
//! **Invariant:** what changes rows names them by their keys, which `find` has given out with what the rules say of
//! each. An insert that may change a row instead, and an update of a row that nothing has looked at, have the rules in
//! their own conditions.

mod rows;

use std::fmt::Write as _;
use std::sync::Arc;

pub use rows::{BoundRows, Packing};

use super::forms::ColumnRef;
use super::visible::Rows;
use super::{BindValue, Dialect, Established, Table, Writer, join_conditions, quoted};
use crate::graph::condition::Filter;
use crate::graph::keys::KeyValue;
use crate::graph::rules::{Rules, Visibility};
use crate::graph::writing::{AgreementId, End};
use crate::graph::{Catalog, ColumnIx, Entity, EntityId, Kind, Link, Principal};

/// A value that is written into a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Is(KeyValue),
    List(Vec<Option<KeyValue>>),
}

/// A statement of a writer's.
#[derive(Debug, Clone)]
pub struct ChangeSql {
    pub text: Arc<str>,
    /// Bound behind the rows.
    pub values: Arc<[BindValue]>,
    /// What its rows give.
    pub gives: Arc<[Kind]>,
    /// The columns that are compared as they are written, where SQLite may hold other forms.
    pub compared: Arc<[ColumnRef]>,
}

impl ChangeSql {
    /// All that is bound, on behalf of a principal.
    pub fn bound(
        &self,
        dialect: Dialect,
        rows: Vec<BindValue>,
        principal: &Principal,
    ) -> Vec<BindValue> {
        let mut all = rows;
        all.extend_from_slice(&super::mine::values_for(&self.values, dialect, principal));
        all
    }
}

/// What a statement of a writer's is to do. It is written by what this says and by nothing else, so it can be kept by
/// that.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Task {
    /// Finds rows by those that are bound.
    Find(Find),
    /// Inserts rows of these columns, and gives `reads` of each that is new.
    Insert {
        entity: EntityId,
        columns: Vec<ColumnIx>,
        unless: Unless,
        reads: Vec<ColumnIx>,
    },
    /// Updates rows by their keys, which are bound before `columns`; `grows` grows by one.
    Update {
        entity: EntityId,
        columns: Vec<ColumnIx>,
        grows: Option<ColumnIx>,
        only: Option<Only>,
    },
    /// Writes a column of rows as it is, by their keys.
    Touch { entity: EntityId, column: ColumnIx },
    /// Deletes rows by their keys.
    Delete { entity: EntityId },
}

/// Rows that are looked at by a writer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Find {
    pub entity: EntityId,
    /// These columns are equal to those of a row that is bound; the first value of what is found is its place.
    pub by: Vec<ColumnIx>,
    pub look: Look,
}

/// What is looked at of rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Look {
    /// The columns that are read, as they are.
    pub reads: Vec<ColumnIx>,
    /// What is to be known of each row: 1 where it holds.
    pub asks: Vec<Ask>,
    /// Only those that whoever asks sees.
    pub seen: bool,
    pub lock: Lock,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Ask {
    /// Whether this may be done to it, as it is.
    May(Deed),
    /// Whether whoever asks sees the value of this column.
    Sees(ColumnIx),
    /// Rows refer to it by these columns, and to these of its own; whether whoever asks sees one, or there is one.
    Referred {
        from: EntityId,
        columns: Vec<ColumnIx>,
        to_columns: Vec<ColumnIx>,
        seen: bool,
        /// Another than itself.
        other: bool,
    },
    /// Whether an agreement of the graph holds of it, whatever whoever asks sees.
    Agrees(AgreementId, End),
}

/// What a rule may forbid of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Deed {
    Create,
    Update,
    Delete,
    Connect,
    Write(ColumnIx),
}

impl Deed {
    /// The rule that says of which rows of an entity it may be done.
    pub fn rule(self, rules: &Rules, entity: EntityId) -> &Visibility {
        match self {
            Deed::Create => rules.create(entity),
            Deed::Update => rules.update(entity),
            Deed::Delete => rules.delete(entity),
            Deed::Connect => rules.connect(entity),
            Deed::Write(column) => rules.write_column(entity, column),
        }
    }
}

/// What must hold of a row, as it is, for it to be updated: of one that nothing has looked at. Whoever asks sees it, by its key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Only {
    /// What must be allowed of it.
    pub deeds: Vec<Deed>,
    /// The column that must have the value which is bound last.
    pub version: Option<ColumnIx>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lock {
    None,
    /// Nobody changes it before this transaction ends.
    Share,
    /// It is to be changed.
    Update,
}

/// What becomes of a row to insert that there is already.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Unless {
    /// It is an error.
    Never,
    /// It is left out, where these columns are those of another.
    Taken(Vec<ColumnIx>),
    /// That one is changed, where whoever asks sees it and may; of one row alone.
    Changed(Instead),
}

/// How a row is changed that is there instead of one to insert.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Instead {
    /// The columns that both have alike.
    pub key: Vec<ColumnIx>,
    /// What is written of it, bound behind the values of the one to insert.
    pub columns: Vec<ColumnIx>,
    /// Grows by one.
    pub grows: Option<ColumnIx>,
    /// What must be allowed of it, as it is.
    pub deeds: Vec<Deed>,
}

impl Task {
    pub fn entity(&self) -> EntityId {
        match self {
            Task::Find(find) => find.entity,
            Task::Insert { entity, .. }
            | Task::Update { entity, .. }
            | Task::Touch { entity, .. }
            | Task::Delete { entity } => *entity,
        }
    }
}

/// Writes changes of one catalog for one database.
#[derive(Clone, Copy)]
pub struct Changes<'a> {
    pub catalog: &'a Catalog,
    pub dialect: Dialect,
    pub rules: &'a Rules,
}

impl Changes<'_> {
    /// The statement that does this with rows bound like this, where the columns `others` hold values in other forms than
    /// the written one.
    pub fn write(&self, task: &Task, packing: Packing, others: &[ColumnRef]) -> ChangeSql {
        match task {
            Task::Find(find) => self.find(find, packing, others),
            Task::Insert {
                entity,
                columns,
                unless,
                reads,
            } => self.insert(*entity, columns, packing, unless, reads, others),
            Task::Update {
                entity,
                columns,
                grows,
                only,
            } => {
                let grows = grows.map(|column| (column, " + 1"));
                self.update(*entity, columns, packing, grows, only.as_ref(), others)
            }
            Task::Touch { entity, column } => {
                let own = Some((*column, ""));
                self.update(*entity, &[], packing, own, None, others)
            }
            Task::Delete { entity } => self.delete(*entity, packing),
        }
    }

    fn find(&self, find: &Find, packing: Packing, others: &[ColumnRef]) -> ChangeSql {
        let Find { entity, by, look } = find;
        let writer = Writer::to_change(self, self.binds(packing, *entity, by), others);
        let t = writer.table(*entity);
        let rows = writer.looked_at(t, look);
        let equal = by.iter().enumerate().map(|(i, &c)| {
            let value = self.given(packing, *entity, by, i);
            // Nobody finds a row by a value that is hidden from him.
            let (column, seen) = match look.seen {
                true => writer.found_by(t, c),
                false => (writer.as_rule(|w| w.column(t, c)), String::new()),
            };
            join_conditions(&[format!("{column} = {value}"), seen])
        });
        let equal: Vec<_> = equal.collect();
        let rows = match packing {
            Packing::Values => rows.tied(equal),
            Packing::Arrays | Packing::Json | Packing::Packed | Packing::Shared => {
                let join = match self.dialect {
                    Dialect::Postgres => "JOIN",
                    Dialect::Sqlite => "CROSS JOIN",
                };
                let table = self.table(packing, *entity, by);
                let on = format!(" ON {}", equal.join(" AND "));
                rows.between(&format!("{table} {join} "), &on)
            }
        };
        let (reads, mut gives) = writer.read_of_each(t, look);
        let mut text = format!("SELECT {}", self.ordinal(packing));
        gives.insert(0, Kind::BigInt);
        for read in &reads {
            let _ = write!(text, ", {read}");
        }
        text.push_str(&rows.written());
        // Locks are taken in the order of the rows.
        if self.dialect == Dialect::Postgres && packing != Packing::Values {
            text.push_str(" ORDER BY k.ord");
        }
        text.push_str(self.locking(look.lock));
        writer.changed(text, gives)
    }

    /// Finds rows that match a condition of the client's, so many at most.
    pub fn matching(
        &self,
        entity: EntityId,
        filter: &Filter,
        most: u64,
        look: &Look,
        others: &[ColumnRef],
    ) -> ChangeSql {
        let writer = Writer::to_change(self, 0, others);
        let t = writer.table(entity);
        let of = writer.entity(t);
        let rows = writer.looked_at(t, look);
        let rows = rows.only(writer.condition(t, filter));
        let (reads, gives) = writer.read_of_each(t, look);
        let key = of.primary_key.iter();
        let key = key.map(|&c| writer.as_rule(|w| w.column(t, c)));
        let text = format!(
            "SELECT {}{} ORDER BY {} LIMIT {most}{}",
            reads.join(", "),
            rows.written(),
            key.collect::<Vec<_>>().join(", "),
            self.locking(look.lock)
        );
        writer.changed(text, gives)
    }

    /// Whether the table of an entity has policies (`ROW LEVEL SECURITY`) that hold for whoever the server connects as: 1 if so.
    /// PostgreSQL alone has such.
    pub fn has_policies(&self, entity: EntityId) -> ChangeSql {
        let writer = Writer::to_change(self, 0, &[]);
        let table = writer.qualified(entity).replace('\'', "''");
        let text = format!("SELECT CASE WHEN row_security_active('{table}') THEN 1 ELSE 0 END");
        writer.changed(text, vec![Kind::Int])
    }

    fn locking(&self, lock: Lock) -> &'static str {
        match (self.dialect, lock) {
            (Dialect::Sqlite, _) | (_, Lock::None) => "",
            (_, Lock::Share) => " FOR SHARE OF t0",
            (_, Lock::Update) => " FOR UPDATE OF t0",
        }
    }

    fn insert(
        &self,
        entity: EntityId,
        columns: &[ColumnIx],
        packing: Packing,
        unless: &Unless,
        reads: &[ColumnIx],
        others: &[ColumnRef],
    ) -> ChangeSql {
        let instead = match unless {
            Unless::Changed(instead) => &instead.columns[..],
            Unless::Never | Unless::Taken(_) => &[],
        };
        let all = [columns, instead].concat();
        let writer = Writer::to_change(self, self.binds(packing, entity, &all), others);
        let of = &self.catalog.entities[entity];
        let given = (0..columns.len()).map(|i| self.given(packing, entity, columns, i));
        let given = given.collect::<Vec<_>>().join(", ");
        let target = writer.qualified(entity);
        // SQLite has no word for a default among values, and makes the key of a row that gives null for it.
        let made = matches!((columns, packing), ([], Packing::Packed));
        let into = match columns {
            [] if made => format!(" ({})", names(of, &of.primary_key)),
            [] => String::new(),
            columns => format!(" ({})", names(of, columns)),
        };
        let given = if made { rows::part(0) } else { given };
        let values = match (columns, packing, self.dialect) {
            ([], Packing::Values, _) => "DEFAULT VALUES".to_owned(),
            (_, Packing::Values, _) => format!("VALUES ({given})"),
            (_, _, Dialect::Postgres) => {
                let table = self.table(packing, entity, columns);
                // Keys that the database makes are to grow with the rows.
                let order = match of.primary_key.iter().all(|c| columns.contains(c)) {
                    true => "",
                    false => " ORDER BY k.ord",
                };
                format!("SELECT {given} FROM {table}{order}")
            }
            // `json_each` gives a list from its first item on. There is a condition, so that SQLite does not take
            // `ON CONFLICT` for that of a join.
            (_, _, Dialect::Sqlite) => {
                let table = self.table(packing, entity, columns);
                format!("SELECT {given} FROM {table} WHERE TRUE")
            }
        };
        let (called, conflict) = match unless {
            Unless::Never => ("", String::new()),
            Unless::Taken(columns) => {
                let conflict = format!(" ON CONFLICT ({}) DO NOTHING", names(of, columns));
                ("", conflict)
            }
            Unless::Changed(instead) => {
                let given = (columns.len()..all.len())
                    .map(|i| self.given(packing, entity, &all, i))
                    .collect();
                (" AS t0", writer.changed_instead(entity, instead, given))
            }
        };
        let (returning, gives) = writer.returning(entity, reads);
        let text = format!("INSERT INTO {target}{called}{into} {values}{conflict}{returning}");
        writer.changed(text, gives)
    }

    /// `own` is a column that is made of itself, and how.
    fn update(
        &self,
        entity: EntityId,
        columns: &[ColumnIx],
        packing: Packing,
        own: Option<(ColumnIx, &str)>,
        only: Option<&Only>,
        others: &[ColumnRef],
    ) -> ChangeSql {
        let of = &self.catalog.entities[entity];
        let key = &of.primary_key;
        let version = only.and_then(|only| only.version);
        let all = key.iter().chain(columns).chain(&version);
        let all: Vec<_> = all.copied().collect();
        let writer = Writer::to_change(self, self.binds(packing, entity, &all), others);
        let target = writer.qualified(entity);
        let given = |i: usize| match (packing, self.dialect) {
            (Packing::Packed | Packing::Shared, _) => format!("k.c{i}"),
            _ => self.given(packing, entity, &all, i),
        };
        let mut sets: Vec<_> = columns
            .iter()
            .enumerate()
            .map(|(i, &c)| {
                let column = quoted(&of.columns[c].name);
                format!("{column} = {}", given(key.len() + i))
            })
            .collect();
        if let Some((own, how)) = own {
            let column = quoted(&of.columns[own].name);
            sets.push(format!("{column} = t0.{column}{how}"));
        }
        let from = match (packing, self.dialect) {
            (Packing::Values, _) => String::new(),
            (_, Dialect::Postgres) => format!(" FROM {}", self.table(packing, entity, &all)),
            (_, Dialect::Sqlite) => {
                let value = |i| format!("{} AS c{i}", self.given(packing, entity, &all, i));
                let values = (0..all.len()).map(value);
                let values: Vec<_> = values.collect();
                format!(
                    " FROM (SELECT {} FROM json_each(?1) k) k",
                    values.join(", ")
                )
            }
        };
        let version = version.map(|c| (all.len() - 1, c));
        let named = key.iter().copied().enumerate().chain(version);
        let equal =
            named.map(|(i, c)| format!("t0.{} = {}", quoted(&of.columns[c].name), given(i)));
        let mut conditions: Vec<_> = equal.collect();
        conditions.extend(only.map(|only| writer.is_found_to_be(entity, only)));
        let text = format!(
            "UPDATE {target} AS t0 SET {}{from} WHERE {}",
            sets.join(", "),
            join_conditions(&conditions)
        );
        writer.changed(text, Vec::new())
    }

    fn delete(&self, entity: EntityId, packing: Packing) -> ChangeSql {
        let of = &self.catalog.entities[entity];
        let key = &of.primary_key;
        let writer = Writer::to_change(self, self.binds(packing, entity, key), &[]);
        let target = writer.qualified(entity);
        let given = (0..key.len()).map(|i| self.given(packing, entity, key, i));
        let given: Vec<_> = given.collect();
        let text = match (packing, self.dialect) {
            (Packing::Packed | Packing::Shared, _) => {
                let columns = names(of, key);
                let columns = match key.len() {
                    1 => columns,
                    _ => format!("({columns})"),
                };
                format!(
                    "DELETE FROM {target} WHERE {columns} IN (SELECT {} FROM json_each(?1) k)",
                    given.join(", ")
                )
            }
            _ => {
                let using = match packing {
                    Packing::Values => String::new(),
                    _ => format!(" USING {}", self.table(packing, entity, key)),
                };
                let equal = key.iter().zip(&given);
                let equal = equal
                    .map(|(&c, given)| format!("t0.{} = {given}", quoted(&of.columns[c].name)));
                let equal = equal.collect::<Vec<_>>().join(" AND ");
                format!("DELETE FROM {target} AS t0{using} WHERE {equal}")
            }
        };
        writer.changed(text, Vec::new())
    }
}

impl<'a> Writer<'a> {
    /// A statement with so many binds before its values.
    fn to_change(changes: &Changes<'a>, bound: usize, others: &'a [ColumnRef]) -> Self {
        Writer::new(
            changes.catalog,
            changes.dialect,
            changes.rules,
            bound + 1,
            others,
        )
    }

    /// The rows of a table that are looked at.
    fn looked_at(&self, t: Table, look: &Look) -> Rows {
        let established = match look.seen {
            true => Established::Nothing,
            false => Established::Row,
        };
        self.rows_of(t, established)
    }

    /// What is read of each, and of what kinds it is.
    fn read_of_each(&self, t: Table, look: &Look) -> (Vec<String>, Vec<Kind>) {
        let columns = look.reads.iter();
        let columns = columns.map(|&c| {
            let read = self.as_rule(|w| w.readable(t, c));
            (read, self.entity(t).columns[c].kind.clone())
        });
        let asks = look.asks.iter().map(|ask| {
            let holds = self.asked_of(t, ask);
            (format!("CASE WHEN {holds} THEN 1 ELSE 0 END"), Kind::Int)
        });
        columns.chain(asks).unzip()
    }

    fn asked_of(&self, t: Table, ask: &Ask) -> String {
        match ask {
            Ask::May(deed) => or_true(self.may(t, *deed)),
            Ask::Sees(column) => or_true(self.found_by(t, *column).1),
            Ask::Referred {
                from,
                columns,
                to_columns,
                seen,
                other,
            } => {
                let referring = self.table(*from);
                let established = match seen {
                    true => Established::Nothing,
                    false => Established::Row,
                };
                let tied = |w: &Self| w.all_equal((referring, columns), (t, to_columns));
                let mut ties = vec![match seen {
                    // A key that is hidden from him leads nowhere.
                    true => tied(self),
                    false => self.as_rule(tied),
                }];
                if *other && *from == t.entity {
                    let key = &self.entity(t).primary_key[..];
                    let same = self.as_rule(|w| w.all_equal((referring, key), (t, key)));
                    ties.push(format!("NOT ({same})"));
                }
                let rows = self.rows_of(referring, established).tied(ties);
                rows.exist(self.dialect)
            }
            Ask::Agrees(id, end) => self.as_rule(|w| w.agrees(t, *id, *end)),
        }
    }

    /// That there is no row at the other end of an agreement whose key is another.
    fn agrees(&self, t: Table, id: AgreementId, end: End) -> String {
        let agreement = &self.catalog.agreements[id];
        let over = &self.catalog.relations[agreement.over];
        let Link::Direct { columns } = &over.link else {
            return "TRUE".to_owned();
        };
        let from = &over.from_columns[..];
        let (own, theirs) = (&agreement.own, &agreement.theirs);
        let (other, tie, pairs) = match end {
            End::Referring => (over.to, (&columns[..], from), (own, theirs)),
            End::Referred => (over.from, (from, &columns[..]), (theirs, own)),
        };
        let other = self.table(other);
        let tied = self.all_equal((other, tie.0), (t, tie.1));
        let differ = pairs.0.iter().zip(pairs.1).map(|(&here, &there)| {
            let (here, there) = (self.compared(t, here), self.compared(other, there));
            format!("{here} IS DISTINCT FROM {there}")
        });
        let differ = differ.collect::<Vec<_>>().join(" OR ");
        let rows = self.rows_of(other, Established::Row).tied([tied]);
        format!(
            "NOT {}",
            rows.only(format!("({differ})")).exist(self.dialect)
        )
    }

    /// The condition under which whoever asks may do this to a row; empty if always.
    fn may(&self, t: Table, deed: Deed) -> String {
        match deed.rule(self.rules, t.entity) {
            Visibility::All => String::new(),
            Visibility::Nothing => "FALSE".to_owned(),
            Visibility::Where(filter) => self.rule(t, filter),
        }
    }

    /// The condition of a row that is updated before anything has looked at it; empty if there is none.
    fn is_found_to_be(&self, entity: EntityId, only: &Only) -> String {
        let t = self.table(entity);
        let mut conditions = vec![self.visible(t, Established::Nothing)];
        let key = self.entity(t).primary_key.iter();
        conditions.extend(key.map(|&c| self.found_by(t, c).1));
        conditions.extend(only.deeds.iter().map(|&deed| self.may(t, deed)));
        join_conditions(&conditions)
    }

    /// ` ON CONFLICT (key) DO UPDATE SET … WHERE …`, where the row is found that whoever asks sees, and may change.
    fn changed_instead(&self, entity: EntityId, instead: &Instead, given: Vec<String>) -> String {
        let of = &self.catalog.entities[entity];
        let t = self.table(entity);
        let column = |c: ColumnIx| quoted(&of.columns[c].name);
        let given = instead.columns.iter().zip(given);
        let mut sets: Vec<_> = given
            .map(|(&c, given)| format!("{} = {given}", column(c)))
            .collect();
        sets.extend(instead.grows.map(|c| {
            let own = column(c);
            format!("{own} = {}.{own} + 1", t.called())
        }));
        let mut conditions = vec![self.visible(t, Established::Nothing)];
        conditions.extend(instead.key.iter().map(|&c| self.found_by(t, c).1));
        conditions.extend(instead.deeds.iter().map(|&deed| self.may(t, deed)));
        let condition = match join_conditions(&conditions) {
            always if always.is_empty() => always,
            condition => format!(" WHERE {condition}"),
        };
        format!(
            " ON CONFLICT ({}) DO UPDATE SET {}{condition}",
            names(of, &instead.key),
            sets.join(", ")
        )
    }

    fn returning(&self, entity: EntityId, reads: &[ColumnIx]) -> (String, Vec<Kind>) {
        if reads.is_empty() {
            return (String::new(), Vec::new());
        }
        let of = &self.catalog.entities[entity];
        let columns = reads.iter().map(|&c| {
            let name = quoted(&of.columns[c].name);
            match super::read_cast(&of.columns[c].kind) {
                Some(cast) if self.dialect == Dialect::Postgres => format!("{name}::{cast}"),
                _ => name,
            }
        });
        let columns: Vec<_> = columns.collect();
        let kinds = reads.iter().map(|&c| of.columns[c].kind.clone());
        (
            format!(" RETURNING {}", columns.join(", ")),
            kinds.collect(),
        )
    }

    fn changed(self, text: String, gives: Vec<Kind>) -> ChangeSql {
        ChangeSql {
            text: text.into(),
            values: self.values.into_inner().into(),
            gives: gives.into(),
            compared: self.compared.into_inner().into(),
        }
    }
}

/// A condition where one must stand, though it may hold always.
fn or_true(condition: String) -> String {
    match condition.is_empty() {
        true => "TRUE".to_owned(),
        false => condition,
    }
}

fn names(of: &Entity, columns: &[ColumnIx]) -> String {
    let names = columns.iter().map(|&c| quoted(&of.columns[c].name));
    names.collect::<Vec<_>>().join(", ")
}
