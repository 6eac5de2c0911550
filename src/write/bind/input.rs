//! The columns of a row that is made or changed.

use std::borrow::Cow;

use super::given::{Field, Input};
use super::{As, Binder, Given, Node, NodeId, Origin, Places, Uses};
use crate::error::{Code, Error};
use crate::graph::condition::Mine;
use crate::graph::keys::{KeyValue, NoValue, key_value};
use crate::graph::rules::Visibility;
use crate::graph::writing::{KeyMaker, Preset};
use crate::graph::{Column, ColumnIx, EntityId, FieldSource, Kind, decimal, moment};
use crate::read::plan::{column_key, no_value};
use crate::read::sql::Dialect;
use crate::read::sql::change::Value;
use crate::write::preset;
use crate::write::unit::Within;

/// What a field of an input is.
enum Part {
    Column(ColumnIx),
    Relation(usize),
    Name,
}

/// What is written of a row, and where in the input it stands.
pub(super) struct Columns {
    pub changes: Vec<(ColumnIx, Given)>,
    pub places: Places,
}

impl<'a> Binder<'a> {
    /// A row to make. One that is made within a relation has its key from there.
    pub(super) fn create(
        &mut self,
        entity: EntityId,
        input: &Input<'a>,
        within: Option<Within>,
    ) -> Option<NodeId> {
        let fields = input.fields();
        let node = self.new_node(entity, &fields, Origin::New)?;
        if let Some(within) = within {
            self.tie(node, within);
        }
        self.fill(node, &fields, true);
        self.pending.push((node, ""));
        Some(node)
    }

    /// A place for a row to make, which an input before it may have named.
    pub(super) fn new_node(
        &mut self,
        entity: EntityId,
        fields: &[Field<'a>],
        origin: Origin,
    ) -> Option<NodeId> {
        if !self.may(self.rules.create(entity), entity, "create") {
            return None;
        }
        let name = fields.iter().find(|(name, _)| self.is_name(entity, name));
        let name = name.and_then(|(_, value)| value.json().as_str().map(str::to_owned));
        let Some(name) = name else {
            return Some(self.node(entity, origin));
        };
        let node = match self.names.get(&(entity, name.clone())).copied() {
            None => self.node(entity, origin),
            Some(known) if matches!(self.nodes[known].origin, Origin::Unknown) => {
                let said = std::mem::take(&mut self.nodes[known].changes);
                let places = std::mem::take(&mut self.nodes[known].places);
                let origin = match origin {
                    Origin::NewUnless { unique, .. } => Origin::NewUnless {
                        unique,
                        changes: self.said_before(entity, &said),
                    },
                    other => other,
                };
                self.nodes[known] = Node {
                    act: self.acts.len(),
                    entity,
                    origin,
                    changes: said,
                    path: self.place(),
                    places,
                    trusted: false,
                };
                known
            }
            Some(_) => {
                let message =
                    format!("two new rows are called `{name}`; call them differently in `as`");
                self.below("as", |b| b.fail(Error::input(message)));
                return None;
            }
        };
        self.names.insert((entity, name), node);
        Some(node)
    }

    /// What an input before it has said of a row that is perhaps found.
    fn said_before(&self, entity: EntityId, said: &[(ColumnIx, Given)]) -> Vec<(ColumnIx, Given)> {
        let writing = &self.entity(entity).writing;
        let said = said.iter().filter(|(column, given)| {
            writing.preset(*column, false).is_none() && *given != Given::Is(Value::Null)
        });
        said.cloned().collect()
    }

    /// Changes of a row that is there.
    pub(super) fn update(&mut self, node: NodeId, input: &Input<'a>) {
        if self.nodes[node].found().is_some() {
            let place = self.place();
            self.nodes[node].places.input.get_or_insert(place);
        }
        let before = self.nodes[node].changes.len();
        self.fill(node, &input.fields(), false);
        if self.nodes[node].changes.len() > before {
            self.preset_update(node);
        }
        self.check(node, false);
    }

    /// What a condition's rows are changed to: columns, and rows that they are to refer to.
    pub(super) fn columns_to_update(
        &mut self,
        entity: EntityId,
        input: &Input<'a>,
    ) -> Option<Columns> {
        if !self.may(self.rules.update(entity), entity, "change") {
            return None;
        }
        self.only_columns(entity, input, false, "many rows are changed alike")
    }

    /// The changes of an input in which no other rows are made or linked.
    pub(super) fn only_columns(
        &mut self,
        entity: EntityId,
        input: &Input<'a>,
        new: bool,
        why: &str,
    ) -> Option<Columns> {
        let fields = input.fields();
        for (name, value) in &fields {
            if let Some(Part::Relation(relation)) = self.part(entity, name) {
                let relation = &self.catalog.relations[relation];
                let fields = value.fields();
                let connects = relation.holds_key
                    && (value.is_null() || fields.iter().all(|(name, _)| name == "connect"));
                if !connects {
                    let message = format!(
                        "{why}, so only columns and `connect` of what they refer to can stand here; ask for `{name}` in a mutation of its own"
                    );
                    self.below(name, |b| b.fail(Error::input(message)));
                    return None;
                }
            }
        }
        let node = self.node(entity, Origin::Link);
        self.fill(node, &fields, new);
        // A new row is looked at when all is said of it.
        if !new {
            if !self.nodes[node].changes.is_empty() {
                self.preset_update(node);
            }
            self.check(node, false);
        }
        // It stood for what is made of it.
        let node = &mut self.nodes[node];
        node.origin = Origin::Nothing;
        let mut places = std::mem::take(&mut node.places);
        places.input = Some(node.path.clone());
        Some(Columns {
            changes: std::mem::take(&mut node.changes),
            places,
        })
    }

    fn is_name(&self, entity: EntityId, name: &str) -> bool {
        name == "as" && self.entity(entity).field(name).is_none()
    }

    fn part(&self, entity: EntityId, name: &str) -> Option<Part> {
        if self.is_name(entity, name) {
            return Some(Part::Name);
        }
        match self.entity(entity).field(name)?.source {
            FieldSource::Column(column) => Some(Part::Column(column)),
            FieldSource::Relation(relation) => Some(Part::Relation(relation)),
            FieldSource::Id => Some(Part::Column(*self.entity(entity).primary_key.first()?)),
            FieldSource::Connection(_) | FieldSource::Aggregate(_) | FieldSource::Own(_) => None,
        }
    }

    fn fill(&mut self, node: NodeId, fields: &[Field<'a>], new: bool) {
        let entity = self.nodes[node].entity;
        for (name, value) in fields {
            let Some(part) = self.part(entity, name) else {
                continue;
            };
            let outside = self.enter(name);
            match part {
                Part::Name => {}
                Part::Column(column) => self.column(node, column, value, name == "id"),
                Part::Relation(relation) => self.relation(node, relation, value, new),
            }
            self.path.truncate(outside);
        }
    }

    pub(super) fn column(&mut self, node: NodeId, ix: ColumnIx, value: &Input<'a>, is_id: bool) {
        let entity = self.nodes[node].entity;
        let of = self.entity(entity);
        let column = &of.columns[ix];
        if !self.may_write(entity, ix) {
            return;
        }
        if value.is_null() {
            if !column.nullable {
                let message = format!(
                    "`{}` is never null; leave it out, or give it a value",
                    column.field
                );
                self.fail(Error::input(message));
                return;
            }
            self.put(node, ix, Given::Is(Value::Null));
            return;
        }
        if is_id && of.field("id").is_some_and(|f| f.source == FieldSource::Id) {
            let text = crate::read::plan::text_of(value.json()).into_owned();
            match crate::read::plan::key_of_text(self.catalog, entity, &text) {
                Ok(key) => {
                    for (&column, value) in of.primary_key.iter().zip(key) {
                        let of = &of.columns[column];
                        match self.out_of_range(of, &value) {
                            Some(error) => self.fail(error),
                            None => {
                                let value = value.in_microseconds(&of.kind);
                                self.put(node, column, Given::Is(Value::Is(value)));
                            }
                        }
                    }
                }
                Err(why) => self.fail(no_value(value.json(), why, "for", "id")),
            }
            return;
        }
        if let Some(to) = column.refers_to {
            let uses = Uses {
                connect: true,
                ..Uses::default()
            };
            let named = As::Column(entity, ix);
            if let Some(target) = self.named(to, value, uses, named) {
                let key = self.entity(to).primary_key[0];
                self.put(node, ix, Given::Of(target, key));
            }
            return;
        }
        match self.value(column, value) {
            Ok(value) => self.put(node, ix, Given::Is(value)),
            Err(error) => self.fail(error),
        }
    }

    /// A value of a column.
    fn value(&self, column: &Column, value: &Input<'a>) -> Result<Value, Error> {
        let refused =
            |value: &Input<'_>, why: NoValue| no_value(value.json(), why, "for", &column.field);
        if let Kind::Array(of) = &column.kind {
            let item = |item: Input<'a>| {
                if item.is_null() {
                    return Ok(None);
                }
                let value = self.single(of, &item).map_err(|why| refused(&item, why))?;
                match self.out_of_range(column, &value) {
                    Some(error) => Err(error),
                    None => Ok(Some(value)),
                }
            };
            let items = value.items().into_iter().map(item);
            return Ok(Value::List(items.collect::<Result<_, Error>>()?));
        }
        let single = self
            .single(&column.kind, value)
            .map_err(|why| refused(value, why))?;
        if let (KeyValue::Text(text), Some(most)) = (&single, column.written.max_length)
            && text.chars().count() > most as usize
        {
            return Err(Error::input(format!(
                "`{}` holds {most} characters at most; this has {}",
                column.field,
                text.chars().count()
            )));
        }
        match self.out_of_range(column, &single) {
            Some(error) => Err(error),
            None => Ok(Value::Is(single)),
        }
    }

    fn single(&self, kind: &Kind, value: &Input<'_>) -> Result<KeyValue, NoValue> {
        if let Kind::Json = kind {
            return key_value(kind, &value.text());
        }
        let found = column_key(kind, value.json())?.into_iter().next();
        let found = found.map(|value| value.in_microseconds(kind));
        found.ok_or(NoValue::Malformed)
    }

    /// That a value is more than its column holds: a number that is none of the declared type, which SQLite would keep all
    /// the same, and of which PostgreSQL does not say where it stands; or on SQLite a date that nobody could read again.
    fn out_of_range(&self, column: &Column, value: &KeyValue) -> Option<Error> {
        let field = &column.field;
        match (value, column.written.range) {
            (KeyValue::Int(number), Some((least, most))) => {
                let is_within = (least..=most).contains(number);
                (!is_within).then(|| {
                    Error::input(format!(
                        "`{field}` holds whole numbers from {least} to {most}; this is {number}"
                    ))
                })
            }
            (KeyValue::Text(text), _) => {
                let kind = match &column.kind {
                    Kind::Array(of) => of,
                    kind => kind,
                };
                let is_on_sqlite = self.bounds.dialect == Dialect::Sqlite;
                let held: Option<Cow<'static, str>> = match (kind, column.written.whole_digits) {
                    (Kind::Decimal { .. }, _) if is_on_sqlite && decimal::is_no_number(text) => {
                        Some(Cow::Borrowed("numbers that have digits"))
                    }
                    (
                        Kind::Decimal {
                            scale: Some(scale), ..
                        },
                        Some(whole),
                    ) => (!decimal::fits(text, whole, *scale)).then(|| {
                        format!("{whole} digits before the point and {scale} after it").into()
                    }),
                    (Kind::Float { single: true }, _) => {
                        (!is_single(text)).then_some(Cow::Borrowed(SINGLES))
                    }
                    _ if is_on_sqlite => moment::beyond_texts(kind, text).map(Cow::Borrowed),
                    _ => None,
                };
                let held = held?;
                Some(Error::input(format!(
                    "`{field}` holds {held}; this is beyond them"
                )))
            }
            _ => None,
        }
    }

    /// Whether a column may be written in any row.
    pub(super) fn may_write(&mut self, entity: EntityId, column: ColumnIx) -> bool {
        let may = *self.rules.write_column(entity, column) != Visibility::Nothing;
        if !may {
            let of = self.entity(entity);
            self.refuse(format!(
                "you may not write `{}` of {}",
                of.columns[column].field,
                of.many()
            ));
        }
        may
    }

    /// Adds what the graph makes of a new row.
    pub(super) fn make(&mut self, node: NodeId) {
        let of = self.entity(self.nodes[node].entity);
        for (column, preset) in &of.writing.on_create {
            let given = self.nodes[node].changes.iter().any(|(c, _)| c == column);
            if !(given && preset.replaceable) {
                self.preset(node, *column, preset);
                if preset.replaceable {
                    // It may stand in the input, and does not.
                    let node = &mut self.nodes[node];
                    let place = node.input().into();
                    node.places.others.push((*column, place));
                }
            }
        }
        let has =
            |b: &Self, column: ColumnIx| b.nodes[node].changes.iter().any(|(c, _)| *c == column);
        if let (KeyMaker::Uuid, [key]) = (of.writing.key, &of.primary_key[..])
            && !has(self, *key)
        {
            match random_uuid() {
                Some(uuid) => self.give(node, *key, Given::Is(Value::Is(uuid))),
                None => self.fail(Error::new(
                    Code::InternalServerError,
                    "no random number can be drawn",
                )),
            }
        }
    }

    fn has(&self, node: NodeId, column: ColumnIx) -> bool {
        let mut changes = self.nodes[node].changes.iter();
        changes.any(|(c, _)| *c == column)
    }

    /// Completes the new rows of a field, now that all is said of them, wherever it was.
    pub(super) fn complete_all(&mut self) {
        for (node, step) in std::mem::take(&mut self.pending) {
            self.path.clear();
            self.path.push_str(&self.nodes[node].path);
            match step {
                "" => self.complete(node),
                step => self.below(step, |b| b.complete(node)),
            }
        }
        self.path.clear();
    }

    /// Adds what the graph makes of a new row, and looks at what it comes to.
    pub(super) fn complete(&mut self, node: NodeId) {
        self.make(node);
        self.agree(node);
        let entity = self.nodes[node].entity;
        // What a link has beyond its ends its type requires.
        if self.entity(entity).exposed {
            self.require(node);
        }
        self.check(node, true);
        if let Origin::NewUnless { unique, .. } | Origin::Upsert { unique, .. } =
            self.nodes[node].origin
        {
            self.require_key(node, unique);
        }
        // The one that is found is changed by what others say of it, if they do.
        if self.nodes[node].instead().is_empty() {
            return;
        }
        let presets = self.update_presets(entity);
        if let Origin::NewUnless { changes, .. } = &mut self.nodes[node].origin {
            changes.retain(|(column, _)| !presets.iter().any(|(c, _)| c == column));
            changes.extend(presets);
        }
    }

    /// A key that is never null and agrees with that of another row, to which a new one refers, is taken from there where its
    /// input does not say it: nothing else could be said. It is so for those who see it there, and so could say it.
    fn agree(&mut self, node: NodeId) {
        let entity = self.nodes[node].entity;
        let catalog = self.catalog;
        for agreement in &catalog.agreements {
            let over = &catalog.relations[agreement.over];
            if over.from != entity {
                continue;
            }
            let Some(to) = self.referred(node, &over.from_columns) else {
                continue;
            };
            let is_linked = catalog.relations[agreement.here].linking.on_create.any();
            for (&own, &theirs) in agreement.own.iter().zip(&agreement.theirs) {
                let is_given = is_linked || self.entity(entity).columns[own].written.on_create;
                let is_left = is_given && self.is_missing(node, own);
                let may = *self.rules.write_column(entity, own) != Visibility::Nothing
                    && *self.rules.column(over.to, theirs) == Visibility::All;
                if is_left && may && !self.leads_to((to, theirs), (node, own)) {
                    self.give(node, own, Given::Of(to, theirs));
                    self.nodes[node].places.taken.push(own);
                }
            }
        }
    }

    /// Whether what is taken from a column is in the end taken from this one.
    fn leads_to(&self, mut from: (NodeId, ColumnIx), to: (NodeId, ColumnIx)) -> bool {
        while from != to {
            let (node, column) = from;
            let node = &self.nodes[node];
            let mut changes = node.changes.iter();
            let given = changes.find(|(c, _)| *c == column).map(|(_, given)| given);
            match given {
                Some(Given::Of(next, of)) if node.places.taken.contains(&column) => {
                    from = (*next, *of);
                }
                _ => return false,
            }
        }
        true
    }

    /// The row to which all of a key refers, if that is named or made here.
    fn referred(&self, node: NodeId, key: &[ColumnIx]) -> Option<NodeId> {
        let changes = &self.nodes[node].changes;
        let mut referred = key.iter().map(|column| {
            let (_, given) = changes.iter().find(|(c, _)| c == column)?;
            match given {
                Given::Of(to, _) => Some(*to),
                Given::Is(_) => None,
            }
        });
        let to = referred.next()??;
        referred.all(|other| other == Some(to)).then_some(to)
    }

    /// Whether nobody says what a column of a new row is to be, which is never null.
    fn is_missing(&self, node: NodeId, column: ColumnIx) -> bool {
        let of = self.entity(self.nodes[node].entity);
        let is_made = (of.writing.key == KeyMaker::Database && of.primary_key == [column])
            || of.writing.made_by_hooks.contains(&column);
        let of = &of.columns[column];
        !(of.nullable || of.written.has_default || is_made || self.has(node, column))
    }

    /// Asks for what is missing of a new row.
    fn require(&mut self, node: NodeId) {
        let of = self.entity(self.nodes[node].entity);
        for (ix, column) in of.columns.iter().enumerate() {
            if !self.is_missing(node, ix) {
                continue;
            }
            let relation = of.fields.iter().find_map(|f| match f.source {
                FieldSource::Relation(r) => {
                    let relation = &self.catalog.relations[r];
                    let holds = relation.holds_key && relation.from_columns.contains(&ix);
                    holds.then_some(&f.name)
                }
                _ => None,
            });
            // What is given and is wrong has been said.
            let mut steps = relation.into_iter().chain([&column.field]);
            if steps.any(|step| self.has_failed(step)) {
                continue;
            }
            let shown = of.field(&column.field).is_some();
            let (step, wanted) = match (relation, shown) {
                (Some(relation), true) => (
                    relation.clone(),
                    format!("`{relation}` or `{}`", column.field),
                ),
                (Some(relation), false) => (relation.clone(), format!("`{relation}`")),
                (None, _) => (column.field.clone(), format!("`{}`", column.field)),
            };
            let message = format!("a new {} needs {wanted}", of.one());
            self.below(step, |b| b.fail(Error::input(message)));
        }
    }

    fn preset(&mut self, node: NodeId, column: ColumnIx, preset: &Preset) {
        let value = self.preset_value(self.nodes[node].entity, column, preset);
        let changes = &mut self.nodes[node].changes;
        changes.retain(|(c, _)| *c != column);
        changes.extend(value.map(|value| (column, Given::Is(value))));
    }

    /// What is put into a column; nothing where whoever asks brings nothing for it, so that it is missing.
    fn preset_value(&self, entity: EntityId, column: ColumnIx, preset: &Preset) -> Option<Value> {
        let of = &self.entity(entity).columns[column];
        preset::value(of, preset, self.principal, |kind| {
            let mut moments = self.moments.borrow_mut();
            let moment = moments.entry((entity, column));
            moment
                .or_insert_with(|| Mine::moment(kind, &self.now))
                .clone()
        })
    }

    /// What is put into a row that is changed.
    pub(super) fn update_presets(&self, entity: EntityId) -> Vec<(ColumnIx, Given)> {
        let presets = self.entity(entity).writing.on_update.iter();
        let presets = presets.filter_map(|(column, preset)| {
            let value = self.preset_value(entity, *column, preset)?;
            Some((*column, Given::Is(value)))
        });
        presets.collect()
    }

    /// Puts it into a row.
    pub(super) fn preset_update(&mut self, node: NodeId) {
        let presets = self.update_presets(self.nodes[node].entity);
        let changes = &mut self.nodes[node].changes;
        changes.retain(|(column, _)| !presets.iter().any(|(c, _)| c == column));
        changes.extend(presets);
    }

    /// What the graph wants of the values of a row.
    fn check(&mut self, node: NodeId, new: bool) {
        let of = self.entity(self.nodes[node].entity);
        if !of.writing.has_checks() {
            return;
        }
        let changes = self.nodes[node].changes.iter();
        let values = changes.filter_map(|(column, given)| match given {
            Given::Is(Value::Is(value)) => Some((*column, Some(value))),
            Given::Is(Value::Null) => Some((*column, None)),
            _ => None,
        });
        let values: Vec<_> = values.collect();
        let problems = of.writing.problems(of, &values, new, self.principal);
        for problem in problems {
            let error = Error::input(problem.message);
            match problem.column {
                None => self.fail(error),
                Some(column) => {
                    let field = of.columns[column].field.as_str();
                    self.below(field, |b| b.fail(error));
                }
            }
        }
    }
}

const SINGLES: &str = "floats of single precision, up to 3.4028235e38 and down to 1e-45";

/// Whether a float is one of single precision as well, when it is rounded.
fn is_single(text: &str) -> bool {
    let double = text.parse::<f64>().unwrap_or_default();
    let single = text.parse::<f32>().unwrap_or(f32::INFINITY);
    single.is_finite() && (single != 0.0) == (double != 0.0)
}

fn random_uuid() -> Option<KeyValue> {
    let mut bytes = [0; 16];
    let random = ring::rand::SystemRandom::new();
    ring::rand::SecureRandom::fill(&random, &mut bytes).ok()?;
    // Version 4 of RFC 9562.
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let uuid = sea_orm::prelude::Uuid::from_bytes(bytes);
    Some(KeyValue::Text(uuid.to_string().into()))
}
