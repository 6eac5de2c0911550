//! From the inputs of a request to its units of work. All that can be known without the database is checked here, and
//! told at once; nothing has run then.

mod given;
mod input;
mod keys;
mod relations;

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use apollo_compiler::response::JsonValue;
use apollo_compiler::{Name, ast};
use foldhash::fast::RandomState;

use super::order::{Order, order};
use super::unit::{
    Act, As, Found, Given, Gives, Key, Matching, Node, NodeId, Origin, Places, Set, Units, Uses,
};
use crate::error::{Code, Error, MAX_ERRORS};
use crate::graph::keys::KeyValue;
use crate::graph::rules::{self, Rules, Visibility};
use crate::graph::writing::{Mutation, Writes};
use crate::graph::{Catalog, ColumnIx, Entity, EntityId, Principal};
use crate::read::plan::bind_filter;
use crate::read::sql::Dialect;
use crate::read::sql::change::Value;
use given::Input;
pub use given::Variables;

/// A field of a mutation that writes, with its arguments as they are written.
pub enum Binding<'a> {
    Rows {
        writes: Writes,
        arguments: &'a [(Name, apollo_compiler::Node<ast::Value>)],
    },
    /// An account of whoever signs up. What it holds is told later, and no rule is asked.
    Account,
}

/// What requests may ask.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Rows in one list, or of one condition.
    pub rows: u32,
    /// How deep relations nest in an input.
    pub depth: usize,
    /// Whose columns are written: what they hold differs.
    pub dialect: Dialect,
}

/// Binds all fields of a request. The errors of the first field that has some come with its place.
pub fn bind(
    catalog: &Catalog,
    rules: &Rules,
    principal: &Principal,
    bounds: Bounds,
    fields: &[Option<Binding<'_>>],
    variables: Variables<'_>,
) -> Result<Units, (usize, Vec<Error>)> {
    let mut binder = Binder {
        catalog,
        rules,
        principal,
        bounds,
        variables,
        now: rules::now(),
        moments: RefCell::default(),
        nodes: Vec::new(),
        acts: Vec::new(),
        found: HashMap::default(),
        links: HashMap::default(),
        names: HashMap::new(),
        sets: Vec::new(),
        pending: Vec::new(),
        errors: Vec::new(),
        path: String::new(),
        nested: 0,
    };
    for (at, field) in fields.iter().enumerate() {
        binder.field(field.as_ref());
        if !binder.errors.is_empty() {
            return Err((at, binder.errors));
        }
    }
    Ok(Units {
        nodes: binder.nodes,
        acts: binder.acts,
        now: binder.now,
    })
}

/// Nodes by their entity and what tells them apart.
type Nodes<K> = HashMap<(EntityId, K), NodeId, RandomState>;

struct Binder<'a> {
    catalog: &'a Catalog,
    rules: &'a Rules,
    principal: &'a Principal,
    bounds: Bounds,
    variables: Variables<'a>,
    /// When the request began, in whatever row it is written, and as values of columns.
    now: String,
    moments: RefCell<HashMap<(EntityId, ColumnIx), Option<KeyValue>, RandomState>>,
    nodes: Vec<Node>,
    acts: Vec<Act>,
    /// The rows of the field at hand that are named by their keys.
    found: Nodes<Vec<KeyValue>>,
    /// The junctions' rows of the field at hand, by the rows that they join.
    links: Nodes<Vec<(ColumnIx, NodeId)>>,
    /// The new rows that inputs have named.
    names: HashMap<(EntityId, String), NodeId>,
    sets: Vec<Set>,
    /// The new rows of the field at hand, and where below their places what is said of them stands.
    pending: Vec<(NodeId, &'static str)>,
    errors: Vec<Error>,
    /// Where in the input we are: `input.posts.create.0`
    path: String,
    /// How many relations deep.
    nested: usize,
}

impl<'a> Binder<'a> {
    fn field(&mut self, field: Option<&Binding<'a>>) {
        let start = self.nodes.len();
        self.found.clear();
        self.links.clear();
        let bound = field.map(|field| self.act(field));
        self.complete_all();
        self.unknown(start);
        let (gives, matching) = bound.flatten().unwrap_or((Gives::Many(Vec::new()), None));
        let mut act = Act {
            nodes: (start..self.nodes.len()).collect(),
            sets: std::mem::take(&mut self.sets),
            expected: self.expected(start),
            matching,
            gives,
            order: None,
            statements: 0,
            agrees: false,
            alone: None,
            ahead: None,
        };
        if self.errors.is_empty()
            && let Some(order) = self.ordered(&act.nodes)
        {
            let dialect = self.bounds.dialect;
            let (catalog, rules) = (self.catalog, self.rules);
            act.statements =
                super::run::statements(catalog, rules, dialect, &self.nodes, &act, &order);
            act.ahead = super::run::ahead(self.catalog, &self.nodes, &act, &order);
            act.order = Some(order);
            act.agrees = super::run::asks_of_agreements(self.catalog, &self.nodes, &act);
            act.alone = super::run::alone(self.catalog, &self.nodes, &act);
        }
        self.acts.push(act);
    }

    fn act(&mut self, field: &Binding<'a>) -> Option<(Gives, Option<Matching>)> {
        let (writes, arguments) = match field {
            Binding::Rows { writes, arguments } => (*writes, *arguments),
            Binding::Account => return self.account(),
        };
        let argument = |name: &str| {
            let found = arguments.iter().find(|(n, _)| n == name);
            found.map(|(_, value)| &**value)
        };
        let (entity, mutation) = match writes {
            Writes::Rows(entity, mutation) => (entity, mutation),
            Writes::Link { relation, joins } => return self.pair(relation, arguments, joins),
        };
        let variables = self.variables;
        let input = |name: &'static str| Input::of(argument(name), variables);
        Some(match mutation {
            Mutation::Create => {
                let input = input("input");
                let node = self.below("input", |b| b.create(entity, &input, None))?;
                (Gives::One(node), None)
            }
            Mutation::CreateMany => {
                let inputs = input("inputs");
                let made = self.below("inputs", |b| {
                    b.each(&inputs, |b, input| b.create(entity, input, None))
                });
                (Gives::Many(made), None)
            }
            Mutation::Update => {
                let uses = Uses {
                    update: true,
                    ..Uses::default()
                };
                let node =
                    self.below("id", |b| b.named(entity, &input("id"), uses, As::Argument))?;
                self.version(node, &input("expectedVersion"));
                let input = input("input");
                self.below("input", |b| b.update(node, &input));
                (Gives::One(node), None)
            }
            Mutation::Delete => {
                let uses = Uses {
                    delete: true,
                    ..Uses::default()
                };
                let node =
                    self.below("id", |b| b.named(entity, &input("id"), uses, As::Argument))?;
                self.version(node, &input("expectedVersion"));
                (Gives::One(node), None)
            }
            Mutation::Upsert => {
                let node = self.upsert(entity, &input("create"), &input("update"), &input("on"))?;
                (Gives::One(node), None)
            }
            Mutation::UpdateMany => {
                let given = input("input");
                let columns = self.below("input", |b| b.columns_to_update(entity, &given));
                if *self.rules.update(entity) == Visibility::Nothing {
                    // Who may change none is told that alone.
                    return None;
                }
                let filter = self.filter(entity, &input("where"));
                let (columns, filter) = (columns?, filter?);
                let matching = Matching {
                    entity,
                    filter,
                    changes: Some(columns.changes),
                    places: columns.places,
                };
                (Gives::Matching, Some(matching))
            }
            Mutation::DeleteMany => {
                let rule = self.rules.delete(entity);
                if !self.below("where", |b| b.may(rule, entity, "delete")) {
                    return None;
                }
                let filter = self.filter(entity, &input("where"))?;
                let matching = Matching {
                    entity,
                    filter,
                    changes: None,
                    places: Places::default(),
                };
                (Gives::Matching, Some(matching))
            }
        })
    }

    fn account(&mut self) -> Option<(Gives, Option<Matching>)> {
        let accounts = self.catalog.accounts.as_ref()?;
        let node = self.below("input", |b| b.node(accounts.entity, Origin::New));
        self.nodes[node].trusted = true;
        self.make(node);
        Some((Gives::One(node), None))
    }

    fn filter(
        &mut self,
        entity: EntityId,
        input: &Input<'_>,
    ) -> Option<crate::graph::condition::Filter> {
        match bind_filter(self.catalog, self.rules, entity, input.json()) {
            Ok(filter) => Some(filter),
            Err(error) => {
                self.errors.push(error);
                None
            }
        }
    }

    /// What is bound of each item of a list, of which one alone may stand for it.
    fn each<T>(
        &mut self,
        input: &Input<'a>,
        mut bind: impl FnMut(&mut Self, &Input<'a>) -> Option<T>,
    ) -> Vec<T> {
        let items = input.items();
        if items.len() > self.bounds.rows as usize {
            let message = format!(
                "`{}` has {} items; at most {} are allowed",
                self.place(),
                items.len(),
                self.bounds.rows
            );
            self.fail(Error::new(Code::LimitExceeded, message));
            return Vec::new();
        }
        let bound = items.iter().enumerate().filter_map(|(i, item)| {
            let outside = self.enter(itoa::Buffer::new().format(i));
            let bound = bind(self, item);
            self.path.truncate(outside);
            bound
        });
        bound.collect()
    }

    fn below<T>(&mut self, step: impl AsRef<str>, bind: impl FnOnce(&mut Self) -> T) -> T {
        let outside = self.enter(step.as_ref());
        let bound = bind(self);
        self.path.truncate(outside);
        bound
    }

    /// Goes a step down the input, and gives how long the path was before.
    fn enter(&mut self, step: &str) -> usize {
        let outside = self.path.len();
        if outside > 0 {
            self.path.push('.');
        }
        self.path.push_str(step);
        outside
    }

    fn place(&self) -> Box<str> {
        self.path.as_str().into()
    }

    /// An error of what is at hand.
    fn fail(&mut self, error: Error) {
        if self.errors.len() < MAX_ERRORS {
            let place = self.place();
            self.errors.push(match error.field {
                Some(_) => error,
                None => error.of_field(place),
            });
        }
    }

    /// Whether something is wrong with a field of what is at hand.
    fn has_failed(&self, step: &str) -> bool {
        let place = format!("{}.{step}", self.place());
        let fields = self.errors.iter().filter_map(|e| e.field.as_deref());
        let mut rests = fields.filter_map(|field| field.strip_prefix(&*place));
        rests.any(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// Whether something may be done to any row at all.
    fn may(&mut self, rule: &Visibility, entity: EntityId, what: &str) -> bool {
        let may = *rule != Visibility::Nothing;
        if !may {
            let many = self.entity(entity).many();
            self.refuse(format!("you may not {what} {many}"));
        }
        may
    }

    /// That a rule keeps whoever asks from what is at hand.
    fn refuse(&mut self, message: String) {
        let is_somebody = self.principal.known().is_some();
        self.fail(Error::refused(is_somebody, message));
    }

    fn entity(&self, entity: EntityId) -> &'a Entity {
        &self.catalog.entities[entity]
    }

    fn node(&mut self, entity: EntityId, origin: Origin) -> NodeId {
        self.nodes.push(Node {
            act: self.acts.len(),
            entity,
            origin,
            changes: Vec::new(),
            path: self.place(),
            places: Places::default(),
            trusted: false,
        });
        self.nodes.len() - 1
    }

    /// The row of the field at hand with this key, which is named here.
    fn found(&mut self, entity: EntityId, key: Vec<KeyValue>, uses: Uses, named: As) -> NodeId {
        let key = (entity, key);
        let node = match self.found.get(&key).copied() {
            Some(known) => {
                self.note_named(known, named);
                known
            }
            None => {
                let found = Found {
                    named,
                    ..Found::new(Key::Is(key.1.clone()), Uses::default())
                };
                let node = self.node(entity, Origin::Found(found));
                self.found.insert(key, node);
                node
            }
        };
        self.use_(node, uses);
        node
    }

    /// Takes down where else a row is named, as far as an answer could list it.
    fn note_named(&mut self, node: NodeId, named: As) {
        let node = &mut self.nodes[node];
        if let Origin::Found(found) = &mut node.origin
            && found.again.len() < MAX_ERRORS
            && *node.path != *self.path
        {
            found.again.push((named, self.path.as_str().into()));
        }
    }

    fn use_(&mut self, node: NodeId, more: Uses) {
        let entity = self.nodes[node].entity;
        if self.nodes[node].found().is_none() {
            // The rules for what is made are asked there.
            return;
        }
        if more.update {
            self.may(self.rules.update(entity), entity, "change");
        }
        if more.delete {
            self.may(self.rules.delete(entity), entity, "delete");
        }
        if more.connect {
            self.may(self.rules.connect(entity), entity, "refer to");
        }
        let mut clash = false;
        if let Origin::Found(found) = &mut self.nodes[node].origin {
            found.uses.update |= more.update;
            found.uses.delete |= more.delete;
            found.uses.connect |= more.connect;
            clash = found.uses.delete && (found.uses.update || found.uses.connect);
        }
        if clash {
            self.fail(Error::input("this row is to be deleted, and something else is to become of it in the same input; ask for one of the two"));
        }
    }

    /// The version of a row that its writer has read: one, wherever he says so.
    fn version(&mut self, node: NodeId, version: &Input<'_>) {
        let text = version.json().as_str().and_then(|v| v.parse().ok());
        let Some(version) = text.or(version.json().as_i64()) else {
            return;
        };
        let place = self.enter("expectedVersion");
        let of = self.entity(self.nodes[node].entity);
        let path = self.place();
        if let Origin::Found(found) = &mut self.nodes[node].origin {
            let known = found.version.get_or_insert((version, path));
            if known.0 != version {
                let message = format!(
                    "`expectedVersion` of this {} is given twice, and not alike; give it once",
                    of.one()
                );
                self.fail(Error::input(message));
            }
        }
        self.path.truncate(place);
    }

    /// Puts a value into a column of a row, unless it has another there. Of one that is perhaps not made, but found, it is
    /// said in either case.
    fn put(&mut self, node: NodeId, column: ColumnIx, given: Given) {
        self.note_place(node, column);
        let perhaps = matches!(self.nodes[node].origin, Origin::NewUnless { .. });
        let again = (perhaps && given != Given::Is(Value::Null)).then(|| given.clone());
        self.give(node, column, given);
        if let (Some(given), Origin::NewUnless { changes, .. }) =
            (again, &mut self.nodes[node].origin)
            && !changes.iter().any(|(c, _)| *c == column)
        {
            changes.push((column, given));
        }
    }

    /// Takes down where a column is given, unless it is below what else is written of its row.
    fn note_place(&mut self, node: NodeId, column: ColumnIx) {
        let node = &mut self.nodes[node];
        let of = &self.catalog.entities[node.entity];
        // Inputs have no columns of junctions but those of edges.
        if !of.exposed {
            return;
        }
        let rest = self.path.strip_prefix(node.input());
        let own = rest.and_then(|rest| rest.strip_prefix('.'));
        let others = &mut node.places.others;
        if own != Some(&of.columns[column].field) && others.iter().all(|(c, _)| *c != column) {
            others.push((column, self.path.as_str().into()));
        }
    }

    /// The same of what is said where a row is made.
    fn give(&mut self, node: NodeId, column: ColumnIx, given: Given) {
        let changes = &mut self.nodes[node].changes;
        match changes.iter().find(|(c, _)| *c == column) {
            None => changes.push((column, given)),
            Some((_, known)) if *known == given => {}
            Some(_) => {
                let of = self.entity(self.nodes[node].entity);
                let message = format!(
                    "`{}` of this {} is given twice, and not alike; give it once",
                    of.columns[column].field,
                    of.one()
                );
                self.fail(Error::input(message));
            }
        }
    }

    /// The rows of a field whose version is expected.
    fn expected(&self, start: NodeId) -> Vec<NodeId> {
        let is_expected = |node: &NodeId| {
            let found = self.nodes[*node].found();
            found.is_some_and(|found| found.version.is_some() && !found.uses.delete)
        };
        (start..self.nodes.len()).filter(is_expected).collect()
    }

    /// What was named and never made.
    fn unknown(&mut self, start: NodeId) {
        let is_unknown = |node: &NodeId| matches!(self.nodes[*node].origin, Origin::Unknown);
        let unknown: Vec<_> = (start..self.nodes.len()).filter(is_unknown).collect();
        if unknown.is_empty() {
            return;
        }
        let names = self.names.iter();
        let names: HashMap<_, _> = names.map(|((_, name), id)| (*id, name.clone())).collect();
        for node in unknown {
            let name = names.get(&node).map_or("", String::as_str);
            let path = self.nodes[node].path.to_string();
            let message = format!(
                "`new:{name}` names nothing that this field or one before it makes; say `as: \"{name}\"` where it is made"
            );
            self.fail(Error::input(message).of_field(path));
        }
    }

    fn ordered(&mut self, ids: &[NodeId]) -> Option<Order> {
        let (catalog, nodes) = (self.catalog, &self.nodes);
        let nullable =
            |entity: EntityId, column: ColumnIx| catalog.entities[entity].columns[column].nullable;
        match order(ids, |id| &nodes[id], nullable) {
            Ok(order) => Some(order),
            Err(circle) => {
                let keys = circle.0.iter().map(|(id, column, _)| {
                    let of = &catalog.entities[nodes[*id].entity];
                    format!("`{}.{}`", of.type_name, of.columns[*column].field)
                });
                // The circle may be long, and of few tables.
                let mut named = HashSet::new();
                let keys: Vec<_> = keys.filter(|key| named.insert(key.clone())).collect();
                let path = circle.0.first().map(|(id, ..)| nodes[*id].path.to_string());
                let message = format!(
                    "these rows refer to each other by {}, none of which can be null, so none of them can be the first to be made",
                    keys.join(" and ")
                );
                self.fail(Error::input(message).of_field(path.unwrap_or_default()));
                None
            }
        }
    }
}

/// A value that was left out.
const ABSENT: JsonValue = JsonValue::Null;
