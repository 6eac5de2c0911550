//! What is said of related rows, from either end.

use super::given::Input;
use super::{As, Binder, Given, NodeId, Origin, Set, Uses};
use crate::error::Error;
use crate::graph::rules::Visibility;
use crate::graph::{Cardinality, ColumnIx, EntityId, FieldSource, Link, RelationId};
use crate::read::sql::change::Value;
use crate::write::unit::Within;

impl<'a> Binder<'a> {
    /// What an input says of the rows that a relation leads to from `node`.
    pub(super) fn relation(&mut self, node: NodeId, id: RelationId, input: &Input<'a>, new: bool) {
        if self.nested >= self.bounds.depth {
            let message = format!(
                "relations nest more than {} deep here; send what is below in another mutation",
                self.bounds.depth
            );
            self.fail(Error::new(crate::error::Code::LimitExceeded, message));
            return;
        }
        self.nested += 1;
        let relation = &self.catalog.relations[id];
        match relation.cardinality {
            Cardinality::One { .. } if relation.holds_key => self.refer_to_one(node, id, input),
            Cardinality::One { .. } => self.have_one(node, id, input, new),
            Cardinality::Many => self.relate_many(node, id, input),
        }
        self.nested -= 1;
    }

    /// The row that `node` refers to.
    fn refer_to_one(&mut self, node: NodeId, id: RelationId, input: &Input<'a>) {
        let relation = &self.catalog.relations[id];
        let entity = self.nodes[node].entity;
        if !self.may_write_all(entity, &relation.from_columns) {
            return;
        }
        if input.is_null() {
            self.refer_to_nothing(node, &relation.from_columns);
            return;
        }
        for (name, value) in input.fields() {
            let target = self.below(&name, |b| b.target(id, &name, &value, None));
            if let (Some(target), Link::Direct { columns }) = (target, &relation.link) {
                self.refer(node, &relation.from_columns, target, columns);
            }
        }
    }

    /// The one row that refers to `node`.
    fn have_one(&mut self, node: NodeId, id: RelationId, input: &Input<'a>, new: bool) {
        let within = Within {
            relation: id,
            parent: node,
        };
        let relation = &self.catalog.relations[id];
        if input.is_null() {
            if new {
                // It has none.
            } else if relation.linking.on_update.disconnect {
                self.set(within, Vec::new());
            } else {
                let message = format!(
                    "`{}` is not taken away by null; delete the {} instead",
                    relation.name,
                    self.entity(relation.to).one()
                );
                self.fail(Error::input(message));
            }
            return;
        }
        for (name, value) in input.fields() {
            let outside = self.enter(&name);
            let child = self.target(id, &name, &value, Some(within));
            if let (Some(child), false) = (child, name == "create") {
                self.change_key(child, within);
            }
            self.path.truncate(outside);
        }
    }

    /// The row to which a relation is to lead: that which is connected to, or made.
    fn target(
        &mut self,
        relation: RelationId,
        how: &str,
        value: &Input<'a>,
        within: Option<Within>,
    ) -> Option<NodeId> {
        let connect = Uses {
            connect: true,
            ..Uses::default()
        };
        let entity = self.catalog.relations[relation].to;
        match how {
            "connect" => self.named(entity, value, connect, As::Along(relation)),
            "create" => self.create(entity, value, within),
            _ => self.connect_or_create(entity, value),
        }
    }

    fn relate_many(&mut self, node: NodeId, id: RelationId, input: &Input<'a>) {
        let within = Within {
            relation: id,
            parent: node,
        };
        let relation = &self.catalog.relations[id];
        let through = matches!(relation.link, Link::Through { .. });
        let to = relation.to;
        let connect = Uses {
            connect: true,
            ..Uses::default()
        };
        for (name, value) in input.fields() {
            if value.is_null() {
                continue;
            }
            let outside = self.enter(&name);
            match &*name {
                "create" => {
                    self.each(&value, |b, item| {
                        let within_key = (!through).then_some(within);
                        let child = b.create(to, item, within_key)?;
                        if through {
                            b.link(node, id, child, true);
                        }
                        Some(())
                    });
                }
                "connect" => {
                    self.each(&value, |b, item| {
                        let child = b.named(to, item, connect, As::Along(id))?;
                        b.attach(within, child);
                        Some(())
                    });
                }
                "connectOrCreate" => {
                    self.each(&value, |b, item| {
                        let child = b.connect_or_create(to, item)?;
                        b.attach(within, child);
                        Some(())
                    });
                }
                "disconnect" => {
                    self.each(&value, |b, item| {
                        let child = b.named(to, item, Uses::default(), As::Along(id))?;
                        b.detach(within, child);
                        Some(())
                    });
                }
                "set" => {
                    let members = self.each(&value, |b, item| {
                        let child = b.named(to, item, connect, As::Along(id))?;
                        b.attach(within, child);
                        Some(child)
                    });
                    self.set(within, members);
                }
                "update" => {
                    self.each(&value, |b, item| b.update_within(within, item));
                }
                "delete" => {
                    let delete = Uses {
                        delete: true,
                        ..Uses::default()
                    };
                    self.each(&value, |b, item| {
                        let child = b.named(to, item, delete, As::Member(within))?;
                        b.require_within(child, within);
                        Some(())
                    });
                }
                "connectWith" | "createWith" => {
                    self.each(&value, |b, item| b.with_edge(within, item));
                }
                _ => {}
            }
            self.path.truncate(outside);
        }
    }

    /// `{ id, input, expectedVersion }` of a row that a relation leads to.
    fn update_within(&mut self, within: Within, item: &Input<'a>) -> Option<()> {
        let fields = item.fields();
        let field = |name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, v)| v);
        let to = self.catalog.relations[within.relation].to;
        let update = Uses {
            update: true,
            ..Uses::default()
        };
        let id = field("id")?;
        let child = self.below("id", |b| b.named(to, id, update, As::Member(within)))?;
        self.require_within(child, within);
        if let Some(version) = field("expectedVersion") {
            self.version(child, version);
        }
        if let Some(input) = field("input") {
            self.below("input", |b| b.update(child, input));
        }
        Some(())
    }

    /// `{ id, edge }` or `{ node, edge }`: a row with what the junction says of it.
    fn with_edge(&mut self, within: Within, item: &Input<'a>) -> Option<()> {
        let fields = item.fields();
        let field = |name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, v)| v);
        let to = self.catalog.relations[within.relation].to;
        let connect = Uses {
            connect: true,
            ..Uses::default()
        };
        let child = match (field("id"), field("node")) {
            (Some(id), _) => {
                let named = As::Along(within.relation);
                self.below("id", |b| b.named(to, id, connect, named))?
            }
            (None, Some(node)) => self.below("node", |b| b.create(to, node, None))?,
            (None, None) => return None,
        };
        let link = self.link(within.parent, within.relation, child, true)?;
        let edge = field("edge")?;
        let of = self.entity(self.nodes[link].entity);
        let place = self.below("edge", |b| b.place());
        self.nodes[link].places.input.get_or_insert(place);
        if let Some(pending) = self.pending.iter_mut().rev().find(|(n, _)| *n == link) {
            pending.1 = "edge";
        }
        let outside = self.enter("edge");
        for (name, value) in edge.fields() {
            let column = of.columns.iter().position(|c| c.field == name && !c.hidden);
            if let Some(column) = column {
                let outside = self.enter(&name);
                self.column(link, column, &value, false);
                self.path.truncate(outside);
            }
        }
        self.path.truncate(outside);
        Some(())
    }

    /// Makes a relation lead to a row.
    fn attach(&mut self, within: Within, child: NodeId) {
        match self.catalog.relations[within.relation].link {
            Link::Through { .. } => {
                self.link(within.parent, within.relation, child, true);
            }
            Link::Direct { .. } => self.change_key(child, within),
        }
    }

    /// Takes a row out of a relation, if it is in it.
    fn detach(&mut self, within: Within, child: NodeId) {
        let relation = &self.catalog.relations[within.relation];
        match &relation.link {
            Link::Through { .. } => {
                self.link(within.parent, within.relation, child, false);
            }
            Link::Direct { columns } => {
                self.use_(
                    child,
                    Uses {
                        update: true,
                        ..Uses::default()
                    },
                );
                self.require_within(child, within);
                if let Origin::Found(found) = &mut self.nodes[child].origin {
                    found.detached = true;
                }
                self.refer_to_nothing(child, columns);
                self.preset_update(child);
            }
        }
    }

    /// A row that a relation must lead to already.
    fn require_within(&mut self, child: NodeId, within: Within) {
        if let Origin::Found(found) = &mut self.nodes[child].origin
            && !found.within.contains(&within)
        {
            found.within.push(within);
        }
    }

    fn set(&mut self, within: Within, members: Vec<NodeId>) {
        let path = self.place();
        let relation = &self.catalog.relations[within.relation];
        let presets = match relation.link {
            Link::Direct { .. } => self.update_presets(relation.to),
            Link::Through { .. } => Vec::new(),
        };
        self.sets.push(Set {
            relation: within.relation,
            parent: within.parent,
            members,
            presets,
            path,
        });
    }

    /// Has a row refer to the parent of a relation, which it may be referring to already.
    fn change_key(&mut self, child: NodeId, within: Within) {
        self.use_(
            child,
            Uses {
                update: true,
                ..Uses::default()
            },
        );
        self.tie(child, within);
        if let Origin::Found(found) = &mut self.nodes[child].origin {
            found.attached.push(within);
            self.preset_update(child);
        }
    }

    /// The key of a row that stands within a relation. Who may not say to what rows refer does not say it from the other
    /// end either.
    pub(super) fn tie(&mut self, child: NodeId, within: Within) {
        let relation = &self.catalog.relations[within.relation];
        let Link::Direct { columns } = &relation.link else {
            return;
        };
        match self.nodes[child].found() {
            // It is asked of the row, and only if it does not refer to it already.
            Some(_) => {
                let is_asked = *self.rules.connect(relation.from) != Visibility::All;
                if let Origin::Found(parent) = &mut self.nodes[within.parent].origin {
                    parent.joined |= is_asked;
                }
            }
            None => {
                self.may_write_all(relation.to, columns);
                self.refer_to_parent(within.parent);
            }
        }
        self.refer(child, columns, within.parent, &relation.from_columns);
    }

    /// Has something refer to a row because it stands below it. One that is there is asked as if it were named.
    fn refer_to_parent(&mut self, parent: NodeId) {
        let entity = self.nodes[parent].entity;
        if *self.rules.connect(entity) != Visibility::All {
            let uses = Uses {
                connect: true,
                ..Uses::default()
            };
            self.use_(parent, uses);
        }
    }

    fn may_write_all(&mut self, entity: EntityId, columns: &[ColumnIx]) -> bool {
        columns.iter().all(|&c| self.may_write(entity, c))
    }

    fn refer(&mut self, node: NodeId, columns: &[ColumnIx], to: NodeId, to_columns: &[ColumnIx]) {
        for (&column, &of) in columns.iter().zip(to_columns) {
            self.put(node, column, Given::Of(to, of));
        }
    }

    /// Makes those columns of a key null that can be.
    fn refer_to_nothing(&mut self, node: NodeId, columns: &[ColumnIx]) {
        let of = self.entity(self.nodes[node].entity);
        let nullable: Vec<_> = columns
            .iter()
            .copied()
            .filter(|&c| of.columns[c].nullable)
            .collect();
        if nullable.is_empty() {
            let name = of.fields.iter().find_map(|f| match f.source {
                FieldSource::Relation(r) => {
                    let relation = &self.catalog.relations[r];
                    (relation.holds_key && relation.from_columns == columns).then_some(&f.name)
                }
                _ => None,
            });
            let name = name.map_or("this", |n| n.as_str());
            let message = format!("`{name}` is never null; name another instead");
            self.fail(Error::input(message));
        }
        for column in nullable {
            self.put(node, column, Given::Is(Value::Null));
        }
    }

    /// The junction's row between two, to be made or taken away.
    pub(super) fn link(
        &mut self,
        parent: NodeId,
        id: RelationId,
        child: NodeId,
        makes: bool,
    ) -> Option<NodeId> {
        let relation = &self.catalog.relations[id];
        let Link::Through {
            junction,
            near,
            far,
            columns,
        } = &relation.link
        else {
            return None;
        };
        let junction = *junction;
        let (rule, what) = match makes {
            true => (self.rules.create(junction), "create"),
            false => (self.rules.delete(junction), "delete"),
        };
        if !self.may(rule, junction, what) {
            return None;
        }
        // By its columns: a row may be joined to another in both directions, and the same link be named from either end.
        let near_key = near.iter().map(|&column| (column, parent));
        let far_key = far.iter().map(|&column| (column, child));
        let mut key: Vec<_> = near_key.chain(far_key).collect();
        key.sort_unstable();
        let key = (junction, key);
        if let Some(&known) = self.links.get(&key) {
            if matches!(self.nodes[known].origin, Origin::Unlink) == makes {
                self.fail(Error::input(
                    "this row is to be connected and disconnected in the same input; ask for one of the two",
                ));
            }
            return Some(known);
        }
        let is_made = |node: NodeId| {
            let node = &self.nodes[node];
            matches!(node.origin, Origin::New) && node.act == self.acts.len()
        };
        let origin = match makes {
            // What is new is linked to nothing yet.
            true if is_made(parent) || is_made(child) => Origin::New,
            true => Origin::Link,
            false => Origin::Unlink,
        };
        let link = self.node(junction, origin);
        self.links.insert(key, link);
        self.refer(link, near, parent, &relation.from_columns);
        self.refer(link, far, child, columns);
        if makes {
            self.may_write_all(junction, near);
            self.may_write_all(junction, far);
            self.refer_to_parent(parent);
            self.pending.push((link, ""));
        }
        Some(link)
    }
}
