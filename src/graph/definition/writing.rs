//! What a graph declares of writing: which mutations there are, what they put in by themselves, and who may do what.

use std::sync::Arc;

use sea_orm::{
    ColumnTrait, EntityTrait, IdenStatic, IntoActiveModel, RelationTrait, TryIntoModel, Value,
};

use super::{ColumnKey, Graph, RelationKey, column_key, relation_key};
use crate::graph::Principal;
use crate::graph::hooks::{self, Hooks};
use crate::graph::policy::{Declared, Me, Row, Rule};
use crate::graph::reflect::TableKey;
use crate::graph::validate::{Changed, Check, Invalid, RowCheck};

/// All that is declared of writing, in the order in which it was.
#[derive(Default)]
pub(in crate::graph) struct Declarations {
    pub no_mutations: bool,
    pub without: Vec<(TableKey, Operation)>,
    pub read_only_columns: Vec<ColumnKey>,
    pub presets: Vec<(ColumnKey, When, Preset)>,
    pub versions: Vec<ColumnKey>,
    pub owned: Vec<RelationKey>,
    /// Over which relation, and which key.
    pub agreements: Vec<(RelationKey, RelationKey)>,
    pub unique_keys: Vec<(TableKey, String, Vec<String>)>,
    pub without_keys: Vec<(TableKey, String)>,
    pub rules: Vec<(TableKey, Operation, Declared)>,
    pub rules_of_all: Vec<Declared>,
    pub column_rules: Vec<(ColumnKey, Declared)>,
    pub checks: Vec<(ColumnKey, Check)>,
    pub row_checks: Vec<(TableKey, RowCheck)>,
    pub pairs: Vec<(RelationKey, String, String)>,
    pub hooks: Vec<(TableKey, Arc<dyn Hooks>)>,
    pub made_by_hooks: Vec<ColumnKey>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::graph) enum Operation {
    Create,
    Update,
    Delete,
    Connect,
}

impl Operation {
    /// What writes rows of the entity itself.
    pub const WRITING: [Operation; 3] = [Operation::Create, Operation::Update, Operation::Delete];
}

/// When a preset is put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::graph) enum When {
    Create,
    /// Where the client gives nothing else.
    CreateWithout,
    Update,
}

/// What is put into a column by the graph.
#[derive(Debug, Clone)]
pub struct Preset(pub(in crate::graph) Put);

#[derive(Debug, Clone)]
pub(in crate::graph) enum Put {
    Now,
    Me,
    Claim(Box<str>),
    Value(Value),
}

impl Preset {
    /// The time at which the request began.
    pub fn now() -> Self {
        Preset(Put::Now)
    }

    /// The id of whoever asks.
    pub fn me() -> Self {
        Preset(Put::Me)
    }

    /// A claim of whoever asks.
    pub fn claim(name: &str) -> Self {
        Preset(Put::Claim(name.into()))
    }

    /// The same value for every row: `Preset::value(0)`.
    pub fn value(value: impl Into<Value>) -> Self {
        Preset(Put::Value(value.into()))
    }
}

/// Which mutations there are.
impl Graph {
    /// Nothing is written but accounts, by `signUp`.
    pub fn without_mutations(mut self) -> Self {
        self.writing.no_mutations = true;
        self
    }

    /// No row of the entity is made, changed or deleted.
    pub fn read_only<E: EntityTrait>(self, entity: E) -> Self {
        Operation::WRITING
            .into_iter()
            .fold(self, |graph, operation| graph.without(entity, operation))
    }

    /// No row of the entity is made.
    pub fn without_create<E: EntityTrait>(self, entity: E) -> Self {
        self.without(entity, Operation::Create)
    }

    /// No row of the entity is changed.
    pub fn without_update<E: EntityTrait>(self, entity: E) -> Self {
        self.without(entity, Operation::Update)
    }

    /// No row of the entity is deleted.
    pub fn without_delete<E: EntityTrait>(self, entity: E) -> Self {
        self.without(entity, Operation::Delete)
    }

    fn without<E: EntityTrait>(mut self, entity: E, operation: Operation) -> Self {
        let key = TableKey::of(&entity.table_ref());
        self.writing.without.push((key, operation));
        self
    }

    /// No client gives the column a value.
    pub fn read_only_column<C: ColumnTrait>(mut self, column: C) -> Self {
        self.writing.read_only_columns.push(column_key(&column));
        self
    }

    /// Two mutations by which whoever asks relates himself with a row, through a junction:
    /// `.pair(follow::Relation::Followee, "follow", "unfollow")`.
    pub fn pair<R: RelationTrait>(mut self, far: R, connect: &str, disconnect: &str) -> Self {
        let (connect, disconnect) = (connect.to_owned(), disconnect.to_owned());
        let pair = (relation_key(&far), connect, disconnect);
        self.writing.pairs.push(pair);
        self
    }
}

/// What is known of columns and rows.
impl Graph {
    /// What is put into a column when a row is made; clients give none.
    pub fn on_create<C: ColumnTrait>(self, column: C, preset: Preset) -> Self {
        self.preset(column, When::Create, preset)
    }

    /// What is put into a column whenever a row is changed; clients give none.
    pub fn on_update<C: ColumnTrait>(self, column: C, preset: Preset) -> Self {
        self.preset(column, When::Update, preset)
    }

    /// What is put into a column when a row is made and whenever it is changed; clients give none.
    pub fn on_write<C: ColumnTrait>(self, column: C, preset: Preset) -> Self {
        let graph = self.preset(column, When::Create, preset.clone());
        graph.preset(column, When::Update, preset)
    }

    /// What is put into a column when a row is made and the client gives no other value.
    pub fn by_default<C: ColumnTrait>(self, column: C, preset: Preset) -> Self {
        self.preset(column, When::CreateWithout, preset)
    }

    fn preset<C: ColumnTrait>(mut self, column: C, when: When, preset: Preset) -> Self {
        let preset = (column_key(&column), when, preset);
        self.writing.presets.push(preset);
        self
    }

    /// A whole number that begins at 1 and grows by one whenever the row is changed: who changes or deletes a row can say which
    /// version he has read (`expectedVersion`), and is refused where it is another by now.
    pub fn version<C: ColumnTrait>(mut self, column: C) -> Self {
        self.writing.versions.push(column_key(&column));
        self
    }

    /// The rows that declare this relation are a part of the row that it leads to, as comments are of a post:
    /// `.owns(comment::Relation::Post)`. They are deleted with it, whatever is said of deleting them alone.
    pub fn owns<R: RelationTrait>(mut self, relation: R) -> Self {
        self.writing.owned.push(relation_key(&relation));
        self
    }

    /// The row that one relation leads to has the other as its row has it. What a comment answers is of the same post:
    /// `.agrees(comment::Relation::Parent, comment::Relation::Post)`. Whoever writes a row of either end such that it would not
    /// hold is refused, by whichever way he writes. Where the first leads to another entity, the second is compared with that
    /// entity's relation to the same rows: the one that is called alike, or the only one.
    pub fn agrees<R: RelationTrait>(mut self, over: R, key: R) -> Self {
        let agreement = (relation_key(&over), relation_key(&key));
        self.writing.agreements.push(agreement);
        self
    }

    /// Columns that are unique together, in addition to those that the entity declares: `on: NAME` of `upsert…`.
    pub fn unique_key<E: EntityTrait>(
        mut self,
        entity: E,
        name: &str,
        columns: impl IntoIterator<Item = E::Column>,
    ) -> Self {
        let columns = columns.into_iter().map(|c| c.as_str().to_owned());
        let key = TableKey::of(&entity.table_ref());
        let unique = (key, name.to_owned(), columns.collect());
        self.writing.unique_keys.push(unique);
        self
    }

    /// Rows are not found by a unique key, by its name in `on:`. A key whose constraint is `DEFERRABLE` is one by which
    /// PostgreSQL cannot insert or else change.
    pub fn without_key<E: EntityTrait>(mut self, entity: E, name: &str) -> Self {
        let key = TableKey::of(&entity.table_ref());
        self.writing.without_keys.push((key, name.to_owned()));
        self
    }

    /// What the values of a column must be. All that is wrong with an input is told at once.
    pub fn validate<C: ColumnTrait>(mut self, column: C, check: Check) -> Self {
        self.writing.checks.push((column_key(&column), check));
        self
    }

    /// What rows must be as a whole, when they are made or changed.
    pub fn validate_row<E: EntityTrait>(
        mut self,
        entity: E,
        check: impl Fn(&Changed<'_>, &Principal) -> Result<(), Vec<Invalid>> + Send + Sync + 'static,
    ) -> Self {
        let key = TableKey::of(&entity.table_ref());
        self.writing
            .row_checks
            .push((key, RowCheck(Arc::new(check))));
        self
    }

    /// The entity's own hooks run for each row that is written: `before_save`, `after_save`, `before_delete` and
    /// `after_delete` of its `ActiveModelBehavior`. Without this none of them does.
    pub fn hooks<E>(mut self, entity: E) -> Self
    where
        E: EntityTrait,
        E::ActiveModel: TryIntoModel<E::Model> + Send + 'static,
        E::Model: IntoActiveModel<E::ActiveModel> + Send + 'static,
    {
        let key = TableKey::of(&entity.table_ref());
        let hooks = Arc::new(hooks::Of::new(entity));
        self.writing.hooks.push((key, hooks));
        self
    }

    /// The entity's hooks give the column a value where a new row has none, so none need be given.
    pub fn made_by_hooks<C: ColumnTrait>(mut self, column: C) -> Self {
        self.writing.made_by_hooks.push(column_key(&column));
        self
    }
}

/// Who may do what. Where several rules are declared for the same thing, all of them must hold; where none is, whoever sees a
/// row may write it.
impl Graph {
    /// Which rows, as they will be, a principal may make.
    pub fn create_policy<E: EntityTrait>(
        self,
        entity: E,
        rule: impl Fn(Me<'_>, Row) -> Rule + Send + Sync + 'static,
    ) -> Self {
        self.rule(entity, &[Operation::Create], rule)
    }

    /// Which rows a principal may change: it must hold for a row as it was and as it will be.
    pub fn update_policy<E: EntityTrait>(
        self,
        entity: E,
        rule: impl Fn(Me<'_>, Row) -> Rule + Send + Sync + 'static,
    ) -> Self {
        self.rule(entity, &[Operation::Update], rule)
    }

    /// Which rows a principal may delete.
    pub fn delete_policy<E: EntityTrait>(
        self,
        entity: E,
        rule: impl Fn(Me<'_>, Row) -> Rule + Send + Sync + 'static,
    ) -> Self {
        self.rule(entity, &[Operation::Delete], rule)
    }

    /// To which rows, of those that he sees, a principal may make others refer.
    pub fn connect_policy<E: EntityTrait>(
        self,
        entity: E,
        rule: impl Fn(Me<'_>, Row) -> Rule + Send + Sync + 'static,
    ) -> Self {
        self.rule(entity, &[Operation::Connect], rule)
    }

    /// Which rows a principal may make, change and delete.
    pub fn write_policy<E: EntityTrait>(
        self,
        entity: E,
        rule: impl Fn(Me<'_>, Row) -> Rule + Send + Sync + 'static,
    ) -> Self {
        self.rule(entity, &Operation::WRITING, rule)
    }

    fn rule<E: EntityTrait>(
        mut self,
        entity: E,
        operations: &[Operation],
        rule: impl Fn(Me<'_>, Row) -> Rule + Send + Sync + 'static,
    ) -> Self {
        let rule: Declared = Arc::new(rule);
        for &operation in operations {
            let key = TableKey::of(&entity.table_ref());
            self.writing.rules.push((key, operation, rule.clone()));
        }
        self
    }

    /// Which rows of every entity, junctions too, a principal may make, change and delete, beside what is declared for each:
    /// `.write_policy_of_all(|me, _| Rule::when(!me.is_anonymous()))`.
    pub fn write_policy_of_all(
        mut self,
        rule: impl Fn(Me<'_>, Row) -> Rule + Send + Sync + 'static,
    ) -> Self {
        self.writing.rules_of_all.push(Arc::new(rule));
        self
    }

    /// In which rows, as they were and as they will be, a principal may give a column a value.
    pub fn column_write_policy<C: ColumnTrait>(
        mut self,
        column: C,
        rule: impl Fn(Me<'_>, Row) -> Rule + Send + Sync + 'static,
    ) -> Self {
        let rule = (column_key(&column), Arc::new(rule) as Declared);
        self.writing.column_rules.push(rule);
        self
    }
}
