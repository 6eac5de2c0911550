//! What a request costs: its plan as a tree (`backref explain`, GraphiQL's panel), and what ran, beside an answer
//! (`extensions.backref`).

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use crate::error::Code;
use crate::graph::own::OwnKind;
use crate::graph::{Catalog, EntityId};
use crate::read::failure;
use crate::read::load::{Learnt, Loaded, Ran, statement_sql};
use crate::read::plan::own::{OwnCall, OwnLevel, RowsRead};
use crate::read::plan::{Bound, BoundPlan, BoundRoot, Level, LevelId, Source, Window};
use crate::read::sql::Dialect;

/// `extensions.backref`: the bound that was known before running, and the statements that ran.
#[derive(Debug, Serialize)]
pub struct Cost<'a> {
    bound: Bound,
    statements: Vec<StatementCost<'a>>,
}

#[derive(Debug, Serialize)]
struct StatementCost<'a> {
    /// Where its rows first appear in the answer, without indexes.
    path: String,
    sql: &'a str,
    /// How many keys it was asked for; 0 for a root list.
    keys: usize,
    rows: usize,
    /// Milliseconds from sending it to its last row.
    ms: f64,
    /// Of one that failed: the code of the errors that come of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Code>,
}

/// What an answer has cost.
pub fn cost<'a>(bound: &BoundPlan, loaded: &'a [Loaded]) -> Cost<'a> {
    let ran = loaded.iter().enumerate().filter_map(|(i, level)| {
        match &level.failed {
            None => Some((i, level.ran.as_ref()?, None)),
            // Others were not asked because of one.
            Some(failed) if failed.level == Some(i) => {
                Some((i, failed.ran.as_ref()?, Some(failure::code(failed, bound))))
            }
            Some(_) => None,
        }
    });
    Cost {
        bound: bound.bound,
        statements: ran
            .map(|(i, ran, error)| StatementCost::of(bound.plan.path(i), ran, error))
            .collect(),
    }
}

/// What a mutation has cost, as JSON: its statements by the places of the input, and of the answer.
pub fn of_mutation(bound: Bound, ran: impl IntoIterator<Item = (String, Ran)>) -> Vec<u8> {
    let ran: Vec<_> = ran.into_iter().collect();
    let cost = Cost {
        bound,
        statements: ran
            .iter()
            .map(|(path, ran)| StatementCost::of(path.clone(), ran, None))
            .collect(),
    };
    serde_json::to_vec(&cost).unwrap_or_else(|_| b"null".to_vec())
}

impl<'a> StatementCost<'a> {
    fn of(path: String, ran: &'a Ran, error: Option<Code>) -> Self {
        StatementCost {
            path,
            sql: &ran.sql,
            keys: ran.keys,
            rows: ran.rows,
            ms: (ran.took.as_secs_f64() * 1e6).round() / 1e3,
            error,
        }
    }
}

/// What a request would run, as a tree of the fields that give rows, and the bound on the whole.
#[derive(Debug, Serialize)]
pub struct Explained<'a> {
    pub bound: Bound,
    pub fields: Vec<Field<'a>>,
    /// The fields of one's own that would be called.
    #[serde(rename = "ownFields", skip_serializing_if = "Vec::is_empty")]
    pub own: Vec<OwnCost<'a>>,
    /// The root fields that are errors before anything runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError<'a>>,
}

/// A field that gives rows.
#[derive(Debug, Serialize)]
pub struct Field<'a> {
    pub name: Cow<'a, str>,
    #[serde(rename = "type")]
    pub type_name: &'a str,
    /// What gives the rows, as it is declared: `User.posts`, `Query.posts`.
    pub field: String,
    #[serde(flatten)]
    pub rows: Rows,
    pub below: Vec<Field<'a>>,
}

/// Where a field's rows come from.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Rows {
    /// From a statement of its own, which `extensions.backref` knows by the same path.
    #[serde(rename_all = "camelCase")]
    Read {
        path: String,
        /// Which of them: `5 of each`.
        reads: String,
        most: u64,
        sql: String,
    },
    /// They are found, or written, by a statement of a mutation.
    #[serde(rename_all = "camelCase")]
    Written {
        path: String,
        /// Which of them: `2 by what is given`.
        reads: String,
        /// Whether the statement runs depends on what is there.
        perhaps: bool,
        /// How often, at most.
        times: usize,
        /// Unless there may be any number of them.
        #[serde(skip_serializing_if = "Option::is_none")]
        most: Option<usize>,
        sql: String,
    },
    /// They are those of another field, at this path.
    #[serde(rename_all = "camelCase")]
    Shared { loaded_with: String },
    /// It is a row that the field stands below, of the field at this path.
    #[serde(rename_all = "camelCase")]
    Enclosing { row_of: String },
}

/// A field of one's own, and what it costs.
#[derive(Debug, Serialize)]
pub struct OwnCost<'a> {
    /// Where it stands, without indexes: `users.karma`.
    pub path: &'a str,
    /// As it is declared: `User.karma`.
    pub field: String,
    pub called: &'static str,
    /// The columns that are read for it.
    pub reads: Vec<&'a str>,
    /// The statements that are run for it, by their paths: of relations that it walks, and of rows that it gives.
    pub statements: Vec<String>,
}

#[derive(Debug, Serialize)]
pub struct FieldError<'a> {
    pub name: &'a str,
    pub message: &'a str,
}

/// What a bound plan would run. Nothing is asked of a database.
pub fn explain<'a>(catalog: &'a Catalog, bound: &'a BoundPlan, dialect: Dialect) -> Explained<'a> {
    let tree = Tree {
        catalog,
        bound,
        learnt: Learnt::of(&bound.plan),
        dialect,
    };
    let roots = bound.plan.root.iter().zip(&bound.roots);
    let failed = roots.filter_map(|(field, root)| match root {
        BoundRoot::Failed(error) => Some(FieldError {
            name: &field.key,
            message: &error.message,
        }),
        _ => None,
    });
    Explained {
        bound: bound.bound,
        errors: failed.collect(),
        fields: tree.below(None),
        own: tree.own(),
    }
}

impl fmt::Display for Explained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, root) in self.fields.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            root.print(f, "", "")?;
        }
        for (i, own) in self.own.iter().enumerate() {
            if i == 0 && !self.fields.is_empty() {
                f.write_str("\n")?;
            }
            own.print(f)?;
        }
        for FieldError { name, message } in &self.errors {
            writeln!(f, "{name}: error: {message}")?;
        }
        writeln!(
            f,
            "{}at most {} statement(s) and {} row(s), whatever the data",
            if self.fields.is_empty() && self.own.is_empty() {
                ""
            } else {
                "\n"
            },
            self.bound.statements,
            self.bound.rows
        )
    }
}

impl OwnCost<'_> {
    fn print(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}, called {}", self.path, self.field, self.called)?;
        for (what, names) in [
            ("reads", self.reads.join(", ")),
            ("runs", self.statements.join(", ")),
        ] {
            if !names.is_empty() {
                write!(f, "; {what} {names}")?;
            }
        }
        f.write_str("\n")
    }
}

impl<'a> Field<'a> {
    /// A statement of a mutation's field.
    pub fn of_write(catalog: &'a Catalog, field: &str, of: Writing) -> Self {
        let mut reads = match (of.rows, of.perhaps) {
            _ if of.matching => "all that match".to_owned(),
            (_, true) => "if need be".to_owned(),
            (Some(rows), false) => format!("{rows} by what is given"),
            (None, false) => "by what is given".to_owned(),
        };
        if of.times > 1 {
            reads += &format!(", {} times at most", of.times);
        }
        Field {
            name: match of.path.is_empty() {
                true => field.to_owned().into(),
                false => format!("{field}({})", of.path).into(),
            },
            type_name: &catalog.entities[of.entity].type_name,
            field: format!("Mutation.{field}"),
            rows: Rows::Written {
                path: of.path,
                reads,
                perhaps: of.perhaps,
                times: of.times,
                most: of.rows,
                sql: of.sql,
            },
            below: Vec::new(),
        }
    }
}

/// A statement of a mutation that would run.
#[derive(Debug)]
pub struct Writing {
    /// The place of the input that it is for.
    pub path: String,
    pub entity: EntityId,
    /// How many rows it is of, at most; nothing where it may be any number.
    pub rows: Option<usize>,
    /// Whether a condition finds them.
    pub matching: bool,
    /// Whether it runs depends on what is there.
    pub perhaps: bool,
    /// How often at most, one run right behind the other.
    pub times: usize,
    pub sql: String,
}

impl Field<'_> {
    /// Writes a field and what is below it; `first` begins its own line and `rest` all others.
    fn print(&self, f: &mut fmt::Formatter<'_>, first: &str, rest: &str) -> fmt::Result {
        let (name, entity) = (&self.name, self.type_name);
        match &self.rows {
            Rows::Read {
                reads, most, sql, ..
            } => {
                let bar = if self.below.is_empty() { " " } else { "│" };
                writeln!(f, "{first}{name}: {entity}, {reads}; at most {most} row(s)")?;
                writeln!(f, "{rest}{bar}    {sql}")?;
            }
            Rows::Written {
                reads, most, sql, ..
            } => {
                let most = match most {
                    Some(most) => format!("at most {most} row(s)"),
                    None => "any number of rows".to_owned(),
                };
                writeln!(f, "{first}{name}: {entity}, {reads}; {most}")?;
                writeln!(f, "{rest}     {sql}")?;
            }
            Rows::Shared { loaded_with } => {
                writeln!(f, "{first}{name}: {entity}, loaded with `{loaded_with}`")?;
            }
            Rows::Enclosing { row_of } => writeln!(
                f,
                "{first}{name}: {entity}, the row of `{row_of}` it stands below"
            )?,
        }
        for (i, child) in self.below.iter().enumerate() {
            let (branch, below) = match i + 1 == self.below.len() {
                true => ("└─ ", "   "),
                false => ("├─ ", "│  "),
            };
            child.print(f, &format!("{rest}{branch}"), &format!("{rest}{below}"))?;
        }
        Ok(())
    }
}

struct Tree<'a> {
    catalog: &'a Catalog,
    bound: &'a BoundPlan,
    learnt: Learnt,
    dialect: Dialect,
}

impl<'a> Tree<'a> {
    /// What the fields of one's own cost.
    fn own(&self) -> Vec<OwnCost<'a>> {
        let plan = &self.bound.plan;
        let calls = plan.own.iter().flat_map(|own| &own.calls);
        let cost = |call: &'a OwnCall| {
            let field = &self.catalog.owns.fields[call.field];
            let columns = field.rows.iter().flat_map(|rows| &rows.columns);
            let read = columns.filter(|column| column.declared);
            let mut levels = walked(&call.rows);
            levels.extend(call.gives.iter().map(|rows| rows.level));
            OwnCost {
                path: &call.path,
                field: field.told(),
                called: match field.kind {
                    OwnKind::Computed => "for each row",
                    OwnKind::Lazy => "for each row, all at once",
                    OwnKind::Batch => "once for all rows",
                    OwnKind::Root => "once",
                    OwnKind::Mutation => "once, in the transaction",
                },
                reads: read.map(|column| column.name.as_str()).collect(),
                statements: levels.into_iter().map(|level| plan.path(level)).collect(),
            }
        };
        calls.map(cost).collect()
    }

    /// The fields below another that something is loaded for, in the document's order.
    fn below(&self, parent: Option<usize>) -> Vec<Field<'a>> {
        let paths = self.bound.plan.paths.iter().enumerate();
        paths
            .filter(|(_, p)| p.parent == parent && self.is_asked(p.level))
            .map(|(at, _)| self.field(at))
            .collect()
    }

    /// Whether the level runs: a `node` is of one type, and a connection may be counted only.
    fn is_asked(&self, level: LevelId) -> bool {
        let of = &self.bound.plan.levels[level];
        let found = !matches!(of.source, Source::Keys { .. })
            || of.own.is_some()
            || self.bound.keys[level].len > 0;
        of.runs && found
    }

    fn field(&self, at: usize) -> Field<'a> {
        let plan = &self.bound.plan;
        let path = &plan.paths[at];
        let level = &plan.levels[path.level];
        let of_level = plan.path(path.level);
        let entity = &self.catalog.entities[level.entity];
        Field {
            name: path.name.as_str().into(),
            type_name: &entity.type_name,
            field: match level.source {
                Source::List => format!("Query.{}", entity.plural),
                Source::Keys { .. } => self
                    .given(level)
                    .unwrap_or_else(|| format!("Query.{}", entity.single)),
                Source::Relation { relation, .. } => {
                    let relation = &self.catalog.relations[relation];
                    let from = &self.catalog.entities[relation.from];
                    format!("{}.{}", from.type_name, relation.name)
                }
            },
            rows: if path.enclosing {
                Rows::Enclosing { row_of: of_level }
            } else if level.path == at {
                Rows::Read {
                    path: of_level,
                    reads: self.what(path.level, level),
                    most: self.bound.rows[at],
                    sql: self.sql(path.level, level),
                }
            } else {
                Rows::Shared {
                    loaded_with: of_level,
                }
            },
            below: self.below(Some(at)),
        }
    }

    /// The field of one's own that gives the rows of a level, if one does.
    fn given(&self, level: &Level) -> Option<String> {
        let Some(OwnLevel::Given { call, .. }) = level.own else {
            return None;
        };
        let call = self.bound.plan.own.as_ref()?.calls.get(call)?;
        Some(self.catalog.owns.fields[call.field].told())
    }

    fn sql(&self, id: LevelId, level: &Level) -> String {
        let keys = match level.source {
            Source::List => 0,
            Source::Keys { .. } if level.own.is_some() => 2,
            Source::Keys { .. } => self.bound.keys[id].len,
            // The parents are not known before running; two keys give the shape that serves any number.
            Source::Relation { .. } => 2,
        };
        let statement = statement_sql(
            self.catalog,
            self.bound,
            &self.learnt,
            id,
            keys,
            self.dialect,
        );
        statement.text.to_string()
    }

    /// Which rows of a level are read.
    fn what(&self, id: LevelId, level: &Level) -> String {
        let page = &self.bound.pages[id];
        let each = match level.source {
            Source::Relation { .. } => " of each",
            _ => "",
        };
        match level.page.as_ref().map(|p| &p.window) {
            None if self.given(level).is_some() => "by the keys that it gives".to_owned(),
            None => match each {
                "" => "by its key".to_owned(),
                _ => "one of each".to_owned(),
            },
            Some(Window::Totals) => format!("the totals{each}"),
            Some(Window::Groups { .. }) => format!("{} group(s){each}", page.limit),
            Some(Window::Offset { .. }) if page.offset > 0 => {
                format!("{}{each} after {}", page.limit, page.offset)
            }
            Some(Window::Offset { .. }) => format!("{}{each}", page.limit),
            Some(Window::Cursors { .. }) => {
                let end = match page.seek.backward {
                    true => "last",
                    false => "first",
                };
                format!("the {end} {}{each}", page.limit)
            }
        }
    }
}

/// The levels that are walked, and those from them.
fn walked(rows: &RowsRead) -> Vec<LevelId> {
    let walks = rows.walks.iter();
    let levels = walks.flat_map(|walk| {
        let further = walked(&walk.rows);
        std::iter::once(walk.level).chain(further)
    });
    levels.collect()
}
