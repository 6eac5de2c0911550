//! What a plan has of fields of one's own: which are called, what they are called with, and where what they give is
//! written.

use apollo_compiler::ast::Value;
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::{Name, Node};

use super::{LevelId, Selection};
use crate::graph::own::OwnId;

/// The fields of one's own in a plan. One that has none has no such thing.
#[derive(Debug, Default)]
pub struct OwnPlan {
    /// In the document's order; those that others' rows depend on first.
    pub calls: Vec<OwnCall>,
    /// The levels of rows that fields give, and what is below them: by how many calls they wait for, and then stage by
    /// stage.
    pub later: Vec<Vec<Vec<LevelId>>>,
}

/// A field that is called.
#[derive(Debug)]
pub struct OwnCall {
    pub field: OwnId,
    /// The level whose rows it is about; `None` at the root.
    pub about: Option<LevelId>,
    /// Where it stands in the answer, without indexes: `users.karma`.
    pub path: String,
    pub arguments: Vec<(Name, Node<Value>)>,
    pub rows: RowsRead,
    /// How many loads there are before it: its level's, where that is of rows which other calls give.
    pub phase: usize,
    /// The rows that it gives and that something is asked of.
    pub gives: Vec<GivenRows>,
    pub location: Option<SourceSpan>,
}

/// Rows that a call gives.
#[derive(Debug)]
pub struct GivenRows {
    pub level: LevelId,
    /// Which fields of plain objects lead to them, by their places; lists are gone through.
    pub path: Vec<usize>,
}

/// Where what a field needs of rows is read.
#[derive(Debug, Default)]
pub struct RowsRead {
    /// For each column that it needs, and those of the key, its index in the level's reads; `None` where whoever asks
    /// sees none of its values.
    pub reads: Vec<Option<usize>>,
    pub walks: Vec<WalkRead>,
}

/// A relation that is walked.
#[derive(Debug)]
pub struct WalkRead {
    pub level: LevelId,
    /// Of a level of totals the read that is their number.
    pub count: Option<usize>,
    pub rows: RowsRead,
}

/// What a level is to a field of one's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnLevel {
    /// It is walked for one.
    Walked,
    /// Its rows are those that a call gives, at most so many for each.
    Given { call: usize, most: u32 },
}

/// What is written of a value.
#[derive(Debug)]
pub enum OwnSelection {
    /// A scalar, or a list of them.
    Leaf,
    Object(Vec<OwnSelected>),
    /// What is asked of rows.
    Rows(LevelId, Selection),
}

/// A field of a plain object.
#[derive(Debug)]
pub struct OwnSelected {
    pub key: Name,
    /// `"key":`, with a comma before it unless it is the first.
    pub prefix: Box<[u8]>,
    /// The place of the field in the object's shape; `None` for `__typename`.
    pub at: Option<usize>,
    pub selection: OwnSelection,
    pub location: Option<SourceSpan>,
}
