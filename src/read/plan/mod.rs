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
mod coerced;
mod conditions;
mod digits;
mod document;
mod filter;
mod order;
pub mod own;
mod place;
mod problems;
mod search;
mod suggest;

use std::sync::{Arc, OnceLock};

use apollo_compiler::ast::Value;
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::{Name, Node};

pub use bind::{
    Bound, BoundPage, BoundPlan, BoundRoot, Limits, bind, column_key, default_order, key_of_id,
    key_of_text, no_value, shortened, text_of,
};
pub use build::{Acting, Action, build, mutation};
pub use digits::{AllDigits, Digits, Variables, json_text};
pub use document::{Document, DocumentLimits};
pub use filter::bind as bind_filter;
pub use filter::{evaluate, require_visible};
pub use order::{OrderTerm, OrderValue, default as default_terms};
use own::{OwnLevel, OwnPlan, OwnSelection};
pub use problems::of_variables as problems_of_variables;
pub use search::Search;
#[cfg(feature = "sqlite")]
pub use search::Term;

use crate::graph::rules::Shape;
use crate::graph::{Catalog, ColumnIx, EntityId, Kind, Link, RelationId};

pub type LevelId = usize;

/// What of an operation a plan is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// All of a query.
    Query,
    /// The same, where no field shares a statement with another: what fails of one is nothing to the others.
    Apart,
    /// What the field at this place of a mutation gives, which is read when it has acted.
    Payload(usize),
}

/// How one operation is answered.
#[derive(Debug)]
pub struct Plan {
    /// Whose rules it was made by.
    pub shape: Shape,
    /// Parents before children.
    pub levels: Vec<Level>,
    /// The levels that run: none depends on another of its own stage, each only on those before.
    pub stages: Vec<Vec<LevelId>>,
    /// Every field that gives rows, parents before children.
    pub paths: Vec<FieldPath>,
    pub root: Vec<RootField>,
    /// Its fields of one's own, if it has any.
    pub own: Option<Box<OwnPlan>>,
    /// Whether `__schema` or `__type` is asked.
    pub introspects: bool,
    /// About what keeping the plan costs, in bytes.
    pub weight: u64,
}

impl Plan {
    /// Where a level's rows first appear in the answer, without indexes: `users.posts.author`.
    pub fn path(&self, level: LevelId) -> String {
        path(&self.paths, self.levels[level].path)
    }

    /// About what keeping the plan costs, in bytes.
    fn weigh(&self, document: &Document) -> u64 {
        fn of(selection: &Selection) -> u64 {
            let fields = selection.fields.iter().map(|f| match &f.value {
                Output::One { selection, .. }
                | Output::Many { selection, .. }
                | Output::Page { selection, .. }
                | Output::Enclosing { selection, .. }
                | Output::Object(selection) => 160 + of(selection),
                Output::Own { selection, .. } => 160 + of_own(selection),
                _ => 160,
            });
            fields.sum()
        }
        fn of_own(selection: &OwnSelection) -> u64 {
            match selection {
                OwnSelection::Leaf => 0,
                OwnSelection::Object(fields) => {
                    fields.iter().map(|f| 160 + of_own(&f.selection)).sum()
                }
                OwnSelection::Rows(_, selection) => of(selection),
            }
        }
        let inner = self.root.iter().flat_map(|f| match &f.value {
            RootOutput::Session(fields) | RootOutput::Changed(fields) => &fields[..],
            _ => &[],
        });
        let roots = self.root.iter().chain(inner).map(|f| match &f.value {
            RootOutput::Page { selection, .. } | RootOutput::Object(selection) => of(selection),
            RootOutput::Lookup { lookups, .. } => {
                lookups.iter().map(|l| of(&l.choice.selection)).sum()
            }
            RootOutput::Own { selection, .. } => of_own(selection),
            RootOutput::Viewer(choice)
            | RootOutput::Written(choice)
            | RootOutput::WrittenMany(choice) => of(&choice.selection),
            RootOutput::Node { choices, .. } | RootOutput::Nodes { choices, .. } => {
                choices.iter().map(|c| of(&c.selection)).sum()
            }
            _ => 0,
        });
        let tree = 2048 * self.levels.len() as u64 + roots.map(|fields| 160 + fields).sum::<u64>();
        // What is bound once and its SQL: values of the text, each kept in some places.
        let constants = 16 * document.len as u64;
        1024 + tree + constants
    }
}

/// A field that gives rows, where it stands in the answer. Several can be of one level.
#[derive(Debug)]
pub struct FieldPath {
    pub parent: Option<usize>,
    /// The response key; for a `node` with the type that it may be.
    pub name: String,
    pub level: LevelId,
    /// The row is one that the field stands below, so there is one and nothing is loaded for it.
    pub enclosing: bool,
}

fn path(paths: &[FieldPath], at: usize) -> String {
    let names = std::iter::successors(Some(at), |&i| paths[i].parent);
    let mut names: Vec<_> = names.map(|i| paths[i].name.as_str()).collect();
    names.reverse();
    names.join(".")
}

/// All rows of one relation, or root field, below one parent level.
#[derive(Debug)]
pub struct Level {
    /// Where its rows first appear: an index in the plan's `paths`.
    pub path: usize,
    pub entity: EntityId,
    pub source: Source,
    /// The SELECT list, each expression once.
    pub reads: Vec<Read>,
    /// What is kept of each row, already as JSON.
    pub cells: Vec<Cell>,
    /// For each cell what is kept before it; `None` where several fields write it, each by its own name.
    pub leads: Vec<Option<Lead>>,
    pub page: Option<Page>,
    /// Whether fields of several paths are answered by it.
    pub shared: bool,
    /// Whether any of it is asked for. Of a connection perhaps only the number of its rows is.
    pub runs: bool,
    /// For pages forwards and backwards whether one row more is read, to learn if there is one.
    pub looks_ahead: [bool; 2],
    pub location: Option<SourceSpan>,
    /// What it is to a field of one's own, if it is there for one.
    pub own: Option<OwnLevel>,
    /// Its page where no variable changes it, once it is bound.
    pub constant: OnceLock<Arc<BoundPage>>,
}

impl Level {
    /// The kind of values that an expression of the level's SELECT list gives.
    pub fn kind<'c>(&self, catalog: &'c Catalog, value: Expression) -> &'c Kind {
        let of = |column: ColumnIx| &catalog.entities[self.entity].columns[column].kind;
        match value {
            Expression::Column(column) | Expression::Group(column) => of(column),
            Expression::Edge(column) => match self.junction(catalog) {
                Some(junction) => &catalog.entities[junction].columns[column].kind,
                None => of(column),
            },
            Expression::Count => &Kind::Int,
            Expression::Of(Function::Count, _) => &Kind::BigInt,
            Expression::Of(Function::Min | Function::Max, column) => of(column),
            Expression::Of(Function::Sum, column) => match of(column) {
                Kind::Float { .. } => &Kind::Float { single: false },
                Kind::Decimal { .. } => &Kind::Decimal {
                    scale: None,
                    money: false,
                },
                _ => &Kind::Text,
            },
        }
    }

    /// The junction that the level's relation goes through.
    pub fn junction(&self, catalog: &Catalog) -> Option<EntityId> {
        let Source::Relation { relation, .. } = self.source else {
            return None;
        };
        match catalog.relations[relation].link {
            Link::Through { junction, .. } => Some(junction),
            Link::Direct { .. } => None,
        }
    }

    /// Whether it reads columns of that junction.
    pub fn reads_edges(&self) -> bool {
        let edge = |r: &Read| matches!(r.value, Expression::Edge(_));
        self.reads.iter().any(edge)
    }

    /// Whether its rows carry cursors.
    pub fn has_cursors(&self) -> bool {
        self.cells.contains(&Cell::Cursor)
    }
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

/// Something to read of each row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read {
    pub value: Expression,
    /// Whether the value is needed as (a part of) a key.
    pub key: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expression {
    /// A column.
    Column(ColumnIx),
    /// A column of the junction that leads to the row.
    Edge(ColumnIx),
    /// A column that rows are grouped by; null where they are not.
    Group(ColumnIx),
    /// How many rows there are.
    Count,
    Of(Function, ColumnIx),
}

/// A function of all values of a column that are not null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    Min,
    Max,
    /// Exact, as text, but for floats.
    Sum,
    /// How many values there are.
    Count,
}

/// A value of a row that is written into answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    Read {
        /// Index in the level's `reads`.
        read: usize,
        form: Form,
    },
    /// A sum divided by the number of its values, both indexes in `reads`.
    Mean { sum: usize, count: usize },
    /// The row's place in the page's order.
    Cursor,
}

/// The name of the one field that a cell is written by, kept with it: fields that follow each other as their
/// cells do are one piece of JSON.
#[derive(Debug)]
pub struct Lead {
    /// `"key":`, with a comma before it unless it is the first.
    pub json: Box<[u8]>,
    pub nullable: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The column's own scalar.
    Value,
    /// A whole global id of this entity.
    Id(EntityId),
    /// A part of a composite global id, without quotes.
    IdPart,
    /// A sum of whole numbers, of as many digits as it has.
    WholeSum,
}

/// What is asked of a list, as written in the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub window: Window,
    /// `where`
    pub filter: Option<Node<Value>>,
    /// `orderBy`
    pub order: Option<Node<Value>>,
    /// `search`
    pub search: Option<Node<Value>>,
}

/// Which part of a list's rows, or what of all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Window {
    Offset {
        limit: Count,
        offset: Count,
    },
    Cursors {
        first: Option<Node<Value>>,
        after: Option<Node<Value>>,
        last: Option<Node<Value>>,
        before: Option<Node<Value>>,
    },
    /// What all rows come to: one row.
    Totals,
    /// What they come to by groups: a row a group.
    Groups {
        by: Option<Node<Value>>,
        limit: Option<Node<Value>>,
        offset: Count,
    },
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
        let literal =
            |value: &Option<Node<Value>>| value.as_ref().is_none_or(|v| !has_variables(v));
        let window = match &self.window {
            Window::Offset { limit, offset } => limit.is_literal() && offset.is_literal(),
            Window::Cursors {
                first,
                after,
                last,
                before,
            } => [first, after, last, before].into_iter().all(literal),
            Window::Totals => true,
            Window::Groups { by, limit, offset } => {
                literal(by) && literal(limit) && offset.is_literal()
            }
        };
        window && literal(&self.filter) && literal(&self.order) && literal(&self.search)
    }

    /// Whether it gives what rows come to instead of the rows.
    pub fn aggregates(&self) -> bool {
        matches!(self.window, Window::Totals | Window::Groups { .. })
    }

    /// The first row alone, in the default order.
    fn first() -> Self {
        Page {
            window: Window::Offset {
                limit: Count::Literal(1),
                offset: Count::Literal(0),
            },
            filter: None,
            order: None,
            search: None,
        }
    }
}

impl Count {
    fn is_literal(&self) -> bool {
        matches!(self, Count::Literal(_))
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
        /// The fields from this one on whose cells, kept with their names, are one piece; 0 if its own is not.
        piece: usize,
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
    /// A page of a connection, whose rows may be one too many and the wrong way round.
    Page {
        level: LevelId,
        selection: Selection,
    },
    /// The row of a level that this one stands below: `user { posts { author } }`.
    Enclosing {
        level: LevelId,
        selection: Selection,
        nullable: bool,
    },
    /// An object about the same row: the node of an edge, a connection, what an aggregate is made of.
    Object(Selection),
    /// A value of the one row that a level of totals has for this row.
    Total {
        level: LevelId,
        cell: usize,
        nullable: bool,
    },
    /// A value of one's own.
    Own {
        call: usize,
        selection: OwnSelection,
    },
    HasNextPage(LevelId),
    HasPreviousPage(LevelId),
    StartCursor {
        level: LevelId,
        cell: usize,
    },
    EndCursor {
        level: LevelId,
        cell: usize,
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
    /// A connection or an aggregate.
    Object(Selection),
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
    /// The row of whoever asks.
    Viewer(Choice),
    /// A value of one's own.
    Own {
        call: usize,
        selection: OwnSelection,
    },
    /// What somebody gets who has signed in: a token, and who that is.
    Session(Vec<RootField>),
    Token,
    /// The row that a mutation has written.
    Written(Choice),
    /// The rows that it has written, in the order of their keys.
    WrittenMany(Choice),
    /// How many rows it has changed, and which.
    Changed(Vec<RootField>),
    Count,
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
