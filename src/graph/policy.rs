//! Who may see what, as a graph declares it: a rule for the rows of an entity, and for the values of a column.
//!
//! A rule is a closure over [`Me`], who asks, and [`Row`], what is asked for. It is called once for each class of
//! principals that rules can tell apart: nobody known, and one for each role that some rule asks for. So it may
//! branch on these, which are few. What is many, ids and claims, it compares columns with; a request binds them.
//!
//! ```
//! # use backref::Graph;
//! # use backref::graph::policy::Rule;
//! # use entity::{comment, follow, post, user};
//! Graph::new()
//!     .entity(post::Entity)
//!     .policy(post::Entity, |me, post| match me.has(user::Role::Admin) {
//!         true => Rule::ALWAYS,
//!         false => post
//!             .is(post::Column::Status, post::Status::Published)
//!             .or(me.is(post::Column::AuthorId)),
//!     });
//! ```

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use sea_orm::{ColumnTrait, EntityName, IdenStatic, Value};

pub use super::condition::Compare;
use super::condition::{Mine, Quantifier, Reach};
use super::definition::ColumnKey;
use super::orm;
use super::reflect::TableKey;
use super::rules::Class;

/// For which rows something may be seen. Comparisons with null are false, and `not` is the complement.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule(pub(super) Term);

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Term {
    All(Vec<Term>),
    Any(Vec<Term>),
    Not(Box<Term>),
    Compare(Named, Compare, Value),
    In(Named, Vec<Value>),
    IsNull(Named),
    Mine(Named, Compare, Mine),
    AmongMine(Named, Mine),
    Related {
        /// The relation's field.
        field: String,
        quantifier: Quantifier,
        reach: Reach,
        rule: Box<Term>,
    },
}

/// A column of the row that a rule is about.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Named {
    Column(ColumnKey),
    /// By its name in the database, in whatever entity the rule is for.
    Called(String),
}

impl Named {
    fn of<C: ColumnTrait + IdenStatic>(column: C) -> Self {
        Named::Column(ColumnKey {
            table: TableKey::of(&C::EntityName::default().table_ref()),
            column: column.as_str().to_owned(),
        })
    }
}

impl Rule {
    /// It holds for every row.
    pub const ALWAYS: Rule = Rule(Term::All(Vec::new()));
    /// It holds for no row.
    pub const NEVER: Rule = Rule(Term::Any(Vec::new()));

    /// It holds where both do.
    pub fn and(self, other: Rule) -> Rule {
        Rule(Term::All(vec![self.0, other.0]))
    }

    /// It holds where either does, or both.
    pub fn or(self, other: Rule) -> Rule {
        Rule(Term::Any(vec![self.0, other.0]))
    }

    /// It holds where this one does not.
    #[expect(clippy::should_implement_trait, reason = "beside `and` and `or`")]
    pub fn not(self) -> Rule {
        Rule(Term::Not(Box::new(self.0)))
    }

    /// `ALWAYS` or `NEVER`.
    pub fn when(holds: bool) -> Rule {
        match holds {
            true => Rule::ALWAYS,
            false => Rule::NEVER,
        }
    }
}

/// Who asks, as far as rules may tell principals apart.
#[derive(Clone, Copy)]
pub struct Me<'a> {
    pub(super) class: &'a Class,
    /// The roles that rules have asked for.
    pub(super) asked: &'a RefCell<BTreeSet<String>>,
}

impl Me<'_> {
    /// Whether nobody known asks.
    pub fn is_anonymous(&self) -> bool {
        *self.class == Class::Anonymous
    }

    /// Whether whoever asks has this role: a text, or a value of a SeaORM enum, of which the text is compared. What has no
    /// text is nobody's role.
    pub fn has(&self, role: impl Into<Value>) -> bool {
        let Some(role) = orm::text(&role.into()) else {
            return false;
        };
        let has = matches!(self.class, Class::Role(own) if *own == role);
        self.asked.borrow_mut().insert(role);
        has
    }

    /// The rows whose column is the id of whoever asks.
    pub fn is<C: ColumnTrait + IdenStatic>(&self, column: C) -> Rule {
        self.id().is(column)
    }

    /// The id of whoever asks.
    pub fn id(&self) -> Brought {
        self.brings(Mine::Id)
    }

    /// A claim of whoever asks. One that is not there, or is no value of the column, equals nothing.
    pub fn claim(&self, name: &str) -> Brought {
        self.brings(Mine::Claim(name.into()))
    }

    fn brings(&self, value: Mine) -> Brought {
        Brought {
            value,
            nobodys: self.is_anonymous(),
        }
    }
}

/// A value that whoever asks brings along.
#[derive(Debug, Clone)]
pub struct Brought {
    value: Mine,
    /// Nobody is there to bring it.
    nobodys: bool,
}

impl Brought {
    /// The rows whose column is equal to it.
    pub fn is<C: ColumnTrait + IdenStatic>(&self, column: C) -> Rule {
        self.equals(Named::of(column))
    }

    /// The same, by the column's name in the database: for rules of several entities.
    pub fn is_called(&self, column: &str) -> Rule {
        self.equals(Named::Called(column.to_owned()))
    }

    /// The rows whose column is one of the values of the list that it is.
    pub fn contains<C: ColumnTrait + IdenStatic>(&self, column: C) -> Rule {
        self.holds(Named::of(column))
    }

    /// The same, by the column's name in the database.
    pub fn contains_called(&self, column: &str) -> Rule {
        self.holds(Named::Called(column.to_owned()))
    }

    fn equals(&self, column: Named) -> Rule {
        match self.nobodys {
            true => Rule::NEVER,
            false => Rule(Term::Mine(column, Compare::Eq, self.value.clone())),
        }
    }

    fn holds(&self, column: Named) -> Rule {
        match self.nobodys {
            true => Rule::NEVER,
            false => Rule(Term::AmongMine(column, self.value.clone())),
        }
    }
}

/// The row that a rule is about. The rule knows all of its columns, also those that nobody may see.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    reach: Reach,
}

impl Row {
    pub(super) fn new() -> Self {
        Row {
            reach: Reach::Visible,
        }
    }

    /// `column = value`, as the database compares its own type.
    pub fn is<C: ColumnTrait + IdenStatic>(&self, column: C, value: impl Into<Value>) -> Rule {
        self.compare(column, Compare::Eq, value)
    }

    /// A comparison of a column with a value.
    pub fn compare<C: ColumnTrait + IdenStatic>(
        &self,
        column: C,
        compare: Compare,
        value: impl Into<Value>,
    ) -> Rule {
        Rule(Term::Compare(Named::of(column), compare, value.into()))
    }

    /// The column is one of the values.
    pub fn is_in<C: ColumnTrait + IdenStatic, V: Into<Value>>(
        &self,
        column: C,
        values: impl IntoIterator<Item = V>,
    ) -> Rule {
        let values = values.into_iter().map(Into::into).collect();
        Rule(Term::In(Named::of(column), values))
    }

    /// The column holds null. A value that is there, but hidden from whoever asks, is not taken for it.
    pub fn is_null<C: ColumnTrait + IdenStatic>(&self, column: C) -> Rule {
        Rule(Term::IsNull(Named::of(column)))
    }

    /// The time in the column has come when the request begins.
    pub fn is_past<C: ColumnTrait + IdenStatic>(&self, column: C) -> Rule {
        Rule(Term::Mine(Named::of(column), Compare::Lte, Mine::Now))
    }

    /// The time in the column is yet to come when the request begins.
    pub fn is_future<C: ColumnTrait + IdenStatic>(&self, column: C) -> Rule {
        Rule(Term::Mine(Named::of(column), Compare::Gt, Mine::Now))
    }

    /// The rule holds for some row that a relation leads to; the relation is named by its field, as in `where`. Rows that
    /// whoever asks may not see do not count.
    pub fn some(&self, relation: &str, rule: impl FnOnce(Row) -> Rule) -> Rule {
        self.related(relation, Quantifier::Some, rule)
    }

    /// The rule holds for no row that a relation leads to.
    pub fn none(&self, relation: &str, rule: impl FnOnce(Row) -> Rule) -> Rule {
        self.related(relation, Quantifier::None, rule)
    }

    /// The rule holds for every row that a relation leads to.
    pub fn every(&self, relation: &str, rule: impl FnOnce(Row) -> Rule) -> Rule {
        self.related(relation, Quantifier::Every, rule)
    }

    /// The same row, whose relations lead to all the rows that there are: a member sees a project, and a project its
    /// members, where one of the two rules looks at what is behind the other.
    pub fn with_hidden(self) -> Row {
        Row { reach: Reach::All }
    }

    fn related(&self, field: &str, quantifier: Quantifier, rule: impl FnOnce(Row) -> Rule) -> Rule {
        Rule(Term::Related {
            field: field.to_owned(),
            quantifier,
            reach: self.reach,
            rule: Box::new(rule(*self).0),
        })
    }
}

/// What a graph declares.
pub(super) type Declared = Arc<dyn Fn(Me<'_>, Row) -> Rule + Send + Sync>;

/// What is declared of the rows of one entity. Both parts must hold.
#[derive(Clone, Default)]
pub(crate) struct Policy {
    pub(super) rule: Option<Declared>,
    /// A row is visible only if the row this relation leads to is. A walk along that relation, either
    /// way, has established it already and does not check it again.
    pub(crate) through: Option<super::RelationId>,
}

impl Policy {
    /// Whether there is anyone from whom the policy may hide a row.
    pub fn can_hide(&self) -> bool {
        self.rule.is_some() || self.through.is_some()
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("rule", &self.rule.is_some())
            .field("through", &self.through)
            .finish()
    }
}
