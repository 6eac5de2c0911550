//! Conditions on the rows of an entity: what a `where` comes to, and what a rule does.
//!
//! The logic has two values. A comparison with null is false, and `not` is the complement, so a row is
//! always either in `where: w` or in `where: { not: w }`.

use super::keys::KeyValue;
use super::{ColumnIx, RelationId};

/// A condition on the rows of one entity.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// Every one holds; of none, true.
    All(Vec<Filter>),
    /// Some one holds; of none, false.
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Compare {
        column: ColumnIx,
        compare: Compare,
        value: KeyValue,
    },
    /// The value is one of these, or none of them.
    In {
        column: ColumnIx,
        negated: bool,
        values: Vec<KeyValue>,
    },
    /// With what whoever asks brings along: rules alone have it.
    Mine {
        column: ColumnIx,
        compare: Compare,
        value: Mine,
    },
    /// The value is one of those that whoever asks brings along.
    AmongMine {
        column: ColumnIx,
        value: Mine,
    },
    IsNull {
        column: ColumnIx,
        is: bool,
    },
    /// On a list of values.
    List {
        column: ColumnIx,
        compare: ListCompare,
        /// `None` is null.
        items: Vec<Option<KeyValue>>,
    },
    IsEmpty {
        column: ColumnIx,
        is: bool,
    },
    Text {
        column: ColumnIx,
        part: TextPart,
        /// Upper and lower case are alike.
        fold: bool,
        text: String,
    },
    /// On the rows that a relation leads to.
    Related {
        relation: RelationId,
        quantifier: Quantifier,
        filter: Box<Filter>,
        reach: Reach,
    },
}

impl Filter {
    /// What holds for every row.
    pub const ALWAYS: Filter = Filter::All(Vec::new());
    /// What holds for no row.
    pub const NEVER: Filter = Filter::Any(Vec::new());
}

/// A value that comes with a request and not with its text: bound when it runs, so that all who ask share a plan.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Mine {
    /// The id of whoever asks.
    Id,
    /// A claim of whoever asks, by its name.
    Claim(Box<str>),
    /// The time at which the request began.
    Now,
}

/// How a column is compared with a value, as the database orders its type. With null none of them holds, `Ne` neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// `=`
    Eq,
    /// `<>`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Lte,
    /// `>`
    Gt,
    /// `>=`
    Gte,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListCompare {
    Eq,
    Ne,
    /// Every item is in it.
    Contains,
}

/// Where in a text another stands. Nothing in it is a wildcard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextPart {
    Whole,
    Anywhere,
    Start,
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantifier {
    Some,
    None,
    Every,
}

/// Which of the rows that a relation leads to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Those that whoever asks may see.
    Visible,
    /// All that there are: a rule may look at what it does not show.
    All,
}
