//! Plans: what a document's operation has to load, and how its answer is laid out.
//!
//! A plan is made once per document text, operation, principal and the Booleans its `@skip` and
//! `@include` read (`build`); then it is bound to a request's variables (`bind`), which also computes how many statements
//! and rows the request can cost before the first runs.
//!
//! A plan has two trees. **Levels** say what to load: one level is all rows of one relation with one set
//! of arguments below one parent level, and costs one statement whatever the data. **Selections** say
//! what to write, in the order of the document. Several selections can read the same level (`a: author
//! { id } b: author { name }`), so merging branches costs nothing later.
//!
//! **Invariant:** a plan holds no row, no connection and no SQL of a dialect; it knows GraphQL only as
//! names to print.

mod bind;
mod build;
mod conditions;
mod document;
mod filter;
mod order;

use std::sync::OnceLock;

use apollo_compiler::ast::Value;
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::{Name, Node};

pub use bind::{Bound, BoundPage, BoundPlan, BoundRoot, Limits, bind};
pub use build::build;
pub use document::{Document, DocumentLimits};
pub use filter::{Compare, Filter, Quantifier, TextPart};
pub use order::{DIRECTIONS, Nulls, OrderTerm, OrderValue};

use crate::catalog::{ColumnIx, EntityId, RelationId};
use crate::policy::Principal;
use crate::sql::PreparedSql;

pub type LevelId = usize;

/// How one operation is answered.
#[derive(Debug)]
pub struct Plan {
    pub principal: Principal,
    /// Parents before children.
    pub levels: Vec<Level>,
    pub root: Vec<RootField>,
    /// Whether `__schema` or `__type` is asked.
    pub introspects: bool,
}

impl Plan {
    /// Where a level's rows first appear in the answer, without indexes: `users.posts.author`.
    pub fn path(&self, level: LevelId) -> String {
        path(&self.levels, level)
    }

    /// About what keeping the plan costs, in bytes.
    pub fn weight(&self) -> u64 {
        fn of(selection: &Selection) -> u64 {
            let fields = selection.fields.iter().map(|f| match &f.value {
                Output::One { selection, .. } | Output::Many { selection, .. } => {
                    160 + of(selection)
                }
                _ => 160,
            });
            fields.sum()
        }
        let roots = self.root.iter().map(|f| match &f.value {
            RootOutput::Page { selection, .. } => of(selection),
            RootOutput::Lookup { lookups, .. } => {
                lookups.iter().map(|l| of(&l.choice.selection)).sum()
            }
            RootOutput::Node { choices, .. } | RootOutput::Nodes { choices, .. } => {
                choices.iter().map(|c| of(&c.selection)).sum()
            }
            _ => 0,
        });
        1024 + 2048 * self.levels.len() as u64 + roots.map(|fields| 160 + fields).sum::<u64>()
    }
}

fn path(levels: &[Level], mut level: LevelId) -> String {
    let mut path = levels[level].name.clone();
    while let Source::Relation { parent, .. } = levels[level].source {
        level = parent;
        path = format!("{}.{path}", levels[level].name);
    }
    path
}

/// All rows of one relation, or root field, below one parent level.
#[derive(Debug)]
pub struct Level {
    /// The response key; for a `node` with the type that it may be.
    pub name: String,
    pub depth: usize,
    pub entity: EntityId,
    pub source: Source,
    /// The columns of the SELECT list, each once.
    pub reads: Vec<Read>,
    /// What is kept of each row, already as JSON.
    pub cells: Vec<Cell>,
    pub page: Option<Page>,
    pub location: Option<SourceSpan>,
    /// The statement's text for one key and for many, once it is known.
    pub sql: [OnceLock<PreparedSql>; 2],
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A root list.
    List,
    /// Rows found by keys that the request gives: `node`, `nodes`, `user(id:)`.
    Keys { columns: Vec<ColumnIx> },
    /// The rows a relation leads to from the rows of `parent`.
    Relation {
        relation: RelationId,
        parent: LevelId,
        /// For each column of the key, its index in the parent's `reads`.
        parent_reads: Vec<usize>,
    },
}

/// A column to read. Masked, its column policy applies; a key is read unmasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read {
    pub column: ColumnIx,
    pub masked: bool,
    /// Whether the value is needed as (a part of) a key.
    pub key: bool,
}

/// A value of a row that is written into answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// Index in the level's `reads`.
    pub read: usize,
    pub form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The column's own scalar.
    Value,
    /// A whole global id of this entity.
    Id(EntityId),
    /// A part of a composite global id, without quotes.
    IdPart,
}

/// A page's bounds, as written in the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub limit: Count,
    pub offset: Count,
    /// `where`
    pub filter: Option<Node<Value>>,
    /// `orderBy`
    pub order: Option<Node<Value>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Count {
    Literal(i64),
    /// A variable, and what stands in when it is absent or null.
    Variable(Name, i64),
}

impl Page {
    /// Whether every request of this plan asks for the same page.
    pub fn is_literal(&self) -> bool {
        let counts = (&self.limit, &self.offset);
        let arguments = [&self.filter, &self.order];
        matches!(counts, (Count::Literal(_), Count::Literal(_)))
            && !arguments.into_iter().flatten().any(|v| has_variables(v))
    }

    /// The first row alone, in the default order.
    fn first() -> Self {
        Page {
            limit: Count::Literal(1),
            offset: Count::Literal(0),
            filter: None,
            order: None,
        }
    }
}

fn has_variables(value: &Value) -> bool {
    match value {
        Value::Variable(_) => true,
        Value::List(items) => items.iter().any(|v| has_variables(v)),
        Value::Object(fields) => fields.iter().any(|(_, v)| has_variables(v)),
        _ => false,
    }
}

/// What to write for each row of a level.
#[derive(Debug)]
pub struct Selection {
    pub fields: Vec<SelectedField>,
}

#[derive(Debug)]
pub struct SelectedField {
    pub key: Name,
    /// `"key":`, with a comma before it unless it is the first.
    pub prefix: Box<[u8]>,
    pub value: Output,
    pub location: Option<SourceSpan>,
}

#[derive(Debug)]
pub enum Output {
    /// `__typename`, as JSON.
    Typename(Box<[u8]>),
    Cell {
        cell: usize,
        nullable: bool,
    },
    /// A column that the principal may not see.
    Null,
    CompositeId {
        prefix: Box<[u8]>,
        cells: Vec<usize>,
    },
    One {
        level: LevelId,
        selection: Selection,
        nullable: bool,
    },
    Many {
        level: LevelId,
        selection: Selection,
    },
}

#[derive(Debug)]
pub struct RootField {
    pub key: Name,
    pub prefix: Box<[u8]>,
    pub value: RootOutput,
    pub location: Option<SourceSpan>,
}

#[derive(Debug)]
pub enum RootOutput {
    Typename(Box<[u8]>),
    /// `__schema` and `__type`, answered by apollo-compiler.
    Introspection,
    Page {
        level: LevelId,
        selection: Selection,
    },
    /// One row found by exactly one of the arguments written.
    Lookup {
        type_name: String,
        lookups: Vec<Lookup>,
    },
    Node {
        choices: Vec<Choice>,
        id: Node<Value>,
    },
    Nodes {
        choices: Vec<Choice>,
        ids: Node<Value>,
    },
}

/// What to load and write if a node is of this type.
#[derive(Debug)]
pub struct Choice {
    pub entity: EntityId,
    pub level: LevelId,
    pub selection: Selection,
}

/// An argument of a root field that finds one row, and what to load and write if it is the one given.
#[derive(Debug)]
pub struct Lookup {
    pub argument: Name,
    /// The column it is compared with; `None` for `id`, the primary key.
    pub column: Option<ColumnIx>,
    pub value: Node<Value>,
    /// The principal may not see the column, so it may not search by it either.
    pub forbidden: bool,
    pub choice: Choice,
}
