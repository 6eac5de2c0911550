//! Rows that are named: by their ids, by the names of new ones, or by a unique key.

use apollo_compiler::{Name, Node, ast};

use super::given::Input;
use super::{As, Binder, Found, Given, Gives, Key, Matching, NodeId, Origin, Places, Uses};
use crate::error::{Code, Error};
use crate::graph::{EntityId, RelationId};
use crate::read::plan::{key_of_id, require_visible, text_of};
use crate::read::sql::change::Value;

impl<'a> Binder<'a> {
    /// The row of an id, and as what that names it.
    pub(super) fn named(
        &mut self,
        entity: EntityId,
        id: &Input<'a>,
        uses: Uses,
        named: As,
    ) -> Option<NodeId> {
        let text = text_of(id.json()).into_owned();
        if id.is_null() {
            self.fail(Error::input("an id is never null; leave it out"));
            return None;
        }
        if let Some(name) = text.strip_prefix("new:") {
            return self.made(entity, name, uses, named);
        }
        match key_of_id(self.catalog, entity, id.json()) {
            Ok(key) => Some(self.found(entity, key, uses, named)),
            Err(error) => {
                self.fail(error);
                None
            }
        }
    }

    /// The new row of a name, which may be made later.
    fn made(&mut self, entity: EntityId, name: &str, uses: Uses, named: As) -> Option<NodeId> {
        let known = self.names.get(&(entity, name.to_owned())).copied();
        let node = known.unwrap_or_else(|| {
            let node = self.node(entity, Origin::Unknown);
            self.names.insert((entity, name.to_owned()), node);
            node
        });
        if self.nodes[node].act == self.acts.len() {
            if uses.delete {
                self.fail(Error::input(
                    "a row is not made and deleted by the same field; leave it out",
                ));
                return None;
            }
            return Some(node);
        }
        // What an earlier field has made is there now, and looked at as all others are.
        let found = Found {
            named,
            ..Found::new(Key::Of(node, name.into()), Uses::default())
        };
        let node = self.node(entity, Origin::Found(found));
        self.use_(node, uses);
        Some(node)
    }

    /// A row that is made unless there is one with the same unique key.
    pub(super) fn connect_or_create(
        &mut self,
        entity: EntityId,
        input: &Input<'a>,
    ) -> Option<NodeId> {
        let fields = input.fields();
        let field = |name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, v)| v);
        let create = field("create")?.clone();
        let on = field("on")?;
        let unique = self.below("on", |b| b.unique(entity, on))?;
        self.may(self.rules.connect(entity), entity, "refer to");
        let origin = Origin::NewUnless {
            unique,
            changes: Vec::new(),
        };
        let node = self.new_node(entity, &create.fields(), origin)?;
        self.below("create", |b| {
            let why = "the row may be there already";
            let columns = b.only_columns(entity, &create, true, why)?;
            // Others may have said something of it before.
            for (column, given) in columns.changes {
                b.give(node, column, given);
            }
            let places = &mut b.nodes[node].places;
            places.input = columns.places.input;
            places.others.extend(columns.places.others);
            Some(())
        })?;
        self.pending.push((node, "create"));
        Some(node)
    }

    pub(super) fn upsert(
        &mut self,
        entity: EntityId,
        create: &Input<'a>,
        update: &Input<'a>,
        on: &Input<'a>,
    ) -> Option<NodeId> {
        let why = "the row may be made or changed";
        let rule = self.rules.update(entity);
        if !self.below("update", |b| b.may(rule, entity, "change")) {
            return None;
        }
        let unique = self.below("on", |b| b.unique(entity, on))?;
        let update = self.below("update", |b| b.only_columns(entity, update, false, why));
        let made = self.below("create", |b| {
            let origin = Origin::Upsert {
                unique,
                changes: Vec::new(),
                places: Places::default(),
            };
            let node = b.new_node(entity, &create.fields(), origin)?;
            let made = b.only_columns(entity, create, true, why)?;
            Some((node, made))
        });
        let (update, (node, made)) = (update?, made?);
        self.nodes[node].changes = made.changes;
        self.nodes[node].places = made.places;
        if let Origin::Upsert {
            changes, places, ..
        } = &mut self.nodes[node].origin
        {
            *changes = update.changes;
            *places = update.places;
        }
        self.below("create", |b| b.complete(node));
        Some(node)
    }

    /// A unique key, by its name. Who may not see one of its columns finds no row by it.
    fn unique(&mut self, entity: EntityId, on: &Input<'a>) -> Option<usize> {
        let name = text_of(on.json()).into_owned();
        let keys = &self.entity(entity).writing.unique;
        let unique = keys.iter().position(|key| key.name == name)?;
        for &column in &keys[unique].columns {
            if let Err(error) = require_visible(self.catalog, self.rules, entity, column) {
                self.fail(error);
                return None;
            }
        }
        Some(unique)
    }

    /// A row is told from others by a key that it has.
    pub(super) fn require_key(&mut self, node: NodeId, unique: usize) {
        let of = self.entity(self.nodes[node].entity);
        let key = &of.writing.unique[unique];
        let has = |column: &usize| {
            let mut changes = self.nodes[node].changes.iter();
            changes.any(|(c, given)| c == column && *given != Given::Is(Value::Null))
        };
        let Some(missing) = key.columns.iter().find(|column| !has(column)) else {
            return;
        };
        let field = of.columns[*missing].field.clone();
        let message = format!(
            "`{field}` is (a part of) the key {}, by which the row is looked for; give it",
            key.name
        );
        self.below(field, |b| b.fail(Error::input(message)));
    }

    /// Joins whoever asks to a row, or parts them.
    pub(super) fn pair(
        &mut self,
        relation: RelationId,
        arguments: &'a [(Name, Node<ast::Value>)],
        joins: bool,
    ) -> Option<(Gives, Option<Matching>)> {
        let (name, id) = arguments.first()?;
        let from = self.catalog.relations[relation].from;
        let id = Input::of(Some(id), self.variables);
        let Some(subject) = self.principal.known() else {
            let message = "nobody is signed in; sign in first";
            self.below(name, |b| b.fail(Error::new(Code::Unauthenticated, message)));
            return None;
        };
        let of = self.entity(from);
        let kind = &of.columns[of.primary_key[0]].kind;
        let Ok(me) = crate::graph::keys::key_value(kind, &subject.id) else {
            let message = format!("whoever asks is no {}", of.one());
            self.below(name, |b| b.fail(Error::new(Code::Forbidden, message)));
            return None;
        };
        let me = self.below(name, |b| {
            b.found(from, vec![me], Uses::default(), As::Viewer)
        });
        let uses = Uses {
            connect: joins,
            ..Uses::default()
        };
        let to = self.catalog.relations[relation].to;
        let target = self.below(name, |b| b.named(to, &id, uses, As::Argument))?;
        self.below(name, |b| b.link(me, relation, target, joins));
        Some((Gives::One(target), None))
    }
}
