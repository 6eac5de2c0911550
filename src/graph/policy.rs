//! Who may see what: one policy per entity, through which every statement on that entity passes.
//!
//! A policy turns a [`Principal`] into a [`Visibility`]. Conditions name columns through a [`Row`], so the
//! same policy serves a root list, a nested page and an `EXISTS`, whatever the table is called there.
//!
//! **Invariant:** no SQL is written for an entity without asking its policy; see `sql`.

use std::fmt;
use std::sync::Arc;

use sea_orm::sea_query::{Condition, DynIden, Expr, ExprTrait, IntoCondition};
use sea_orm::{ColumnTrait, IdenStatic};

use crate::graph::{Principal, RelationId};

/// The rows, or the values of a column, that a principal sees.
#[derive(Debug, Clone)]
pub enum Visibility {
    All,
    Nothing,
    Where(Condition),
}

impl Visibility {
    /// The rows for which `condition` is true.
    pub fn only(condition: impl IntoCondition) -> Self {
        Visibility::Where(condition.into_condition())
    }
}

/// The row a policy speaks about, under the name its table has in the statement at hand.
#[derive(Debug, Clone)]
pub struct Row(pub(crate) DynIden);

impl Row {
    /// The value of a column of this row.
    pub fn column<C: ColumnTrait + IdenStatic>(&self, column: C) -> Expr {
        Expr::col((self.0.clone(), column))
    }

    /// `column = value`, with the value compared as the database's own type (an enum by its text).
    pub fn is<C: ColumnTrait + IdenStatic>(
        &self,
        column: C,
        value: impl Into<sea_orm::Value>,
    ) -> Expr {
        self.column(column).eq(Expr::val(value))
    }
}

type Rule = Arc<dyn Fn(&Principal, &Row) -> Visibility + Send + Sync>;

/// The rule for one column's values; rows stay, values become null.
#[derive(Clone)]
pub struct ColumnPolicy(pub(crate) Rule);

impl ColumnPolicy {
    pub fn visibility(&self, principal: &Principal, row: &Row) -> Visibility {
        (self.0)(principal, row)
    }
}

impl fmt::Debug for ColumnPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ColumnPolicy")
    }
}

/// The rule for the rows of one entity. Both parts must hold.
#[derive(Clone, Default)]
pub struct Policy {
    pub(crate) rule: Option<Rule>,
    /// A row is visible only if the row this relation leads to is. A walk along that relation, either
    /// way, has established it already and does not check it again.
    pub(crate) through: Option<RelationId>,
}

impl Policy {
    /// Whether there is anyone from whom the policy may hide a row.
    pub fn can_hide(&self) -> bool {
        self.rule.is_some() || self.through.is_some()
    }

    /// What the entity's own rule says; `through` is for the caller to follow.
    pub fn visibility(&self, principal: &Principal, row: &Row) -> Visibility {
        self.rule
            .as_ref()
            .map_or(Visibility::All, |rule| rule(principal, row))
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
