//! Types: what entities and database enums are called, so that no two are called alike.
//!
//! What somebody named keeps its name, and must fit; what nobody named gives way.

use std::collections::HashMap;
use std::sync::Arc;

use super::Work;
use super::junctions::is_junction;
use crate::graph::definition::ColumnKey;
use crate::graph::names::{self, Named};
use crate::graph::reflect::{RawEntity, Shape};
use crate::graph::{Entity, EntityId, EnumType, Kind};

/// What a type's name is followed by in the names of the types that are made for it.
pub(super) const GENERATED_TYPES: [&str; 21] = [
    "Where",
    "ListWhere",
    "Order",
    "Filter",
    "ListFilter",
    "Connection",
    "Edge",
    "Column",
    "Aggregate",
    "AggregateGroup",
    "AggregateKey",
    "AggregateMin",
    "AggregateMax",
    "AggregateSum",
    "AggregateAvg",
    "Create",
    "Update",
    "UpdateOne",
    "Key",
    "Link",
    "ConnectOrCreate",
];

/// What a list's name is followed by in the names of the root fields that are made for it.
const GENERATED_ROOTS: [&str; 2] = ["Connection", "Aggregate"];

const RESERVED_TYPES: [&str; 20] = [
    "Query",
    "Mutation",
    "Subscription",
    "Node",
    "PageInfo",
    "OrderDirection",
    "CountOrder",
    "String",
    "Int",
    "Float",
    "Boolean",
    "ID",
    "DateTime",
    "Date",
    "Time",
    "Decimal",
    "BigInt",
    "JSON",
    "UUID",
    "Bytes",
];

const RESERVED_ROOTS: [&str; 2] = ["node", "nodes"];

/// Whether Backref or GraphQL has a type of that name, whatever the entities are.
pub(super) fn is_always_a_type(name: &str) -> bool {
    RESERVED_TYPES.contains(&name)
}

/// What an entity is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Called {
    /// `Post`
    pub type_name: String,
    /// `post`
    pub single: String,
    /// `posts`
    pub plural: String,
}

impl Called {
    fn of(type_name: String) -> Self {
        let (single, plural) = names::counted(&type_name);
        Called {
            type_name,
            single,
            plural,
        }
    }

    fn marked(self, mark: &str) -> Self {
        Called {
            type_name: format!("{}_{mark}", self.type_name),
            single: format!("{}_{mark}", self.single),
            plural: format!("{}_{mark}", self.plural),
        }
    }

    /// Whether two of these could not be told apart in a request.
    fn clashes(&self, other: &Called) -> bool {
        let mine = [&self.single, &self.plural];
        self.type_name == other.type_name
            || mine.contains(&&other.single)
            || mine.contains(&&other.plural)
    }

    /// Whether another type makes what this is called as.
    fn is_made_for(&self, other: &Called) -> bool {
        is_made(&self.type_name, &other.type_name)
            || self.type_name == changed_type(&other.plural)
            || GENERATED_ROOTS.iter().any(|suffix| {
                let made = |name: &str| name.strip_suffix(suffix) == Some(other.plural.as_str());
                made(&self.single) || made(&self.plural)
            })
    }

    fn is_reserved(&self) -> bool {
        is_reserved(&self.type_name)
            || takes_reserved(&self.type_name)
            || RESERVED_ROOTS.contains(&self.single.as_str())
            || RESERVED_ROOTS.contains(&self.plural.as_str())
    }
}

/// Whether a name is that of a type which is made for another.
fn is_made(name: &str, stem: &str) -> bool {
    let suffix = name.strip_prefix(stem);
    suffix.is_some_and(|suffix| GENERATED_TYPES.contains(&suffix))
}

/// An entity's type, and those that are made for it by its name.
pub(super) fn made_of(entity: &Entity) -> impl Iterator<Item = String> {
    let own = &entity.type_name;
    let made = GENERATED_TYPES.map(|suffix| format!("{own}{suffix}"));
    made.into_iter().chain([own.clone()])
}

/// `PostsChanged`
pub(super) fn changed_type(plural: &str) -> String {
    format!("{}Changed", names::capital(plural))
}

/// Whether it is a type of GraphQL's or of Backref's, or that of the conditions on a scalar.
fn is_reserved(name: &str) -> bool {
    RESERVED_TYPES.contains(&filtered(name).unwrap_or(name))
}

/// The type whose conditions a type would be, alone or in lists.
fn filtered(name: &str) -> Option<&str> {
    let stem = name.strip_suffix("Filter")?;
    Some(stem.strip_suffix("List").unwrap_or(stem))
}

/// Whether an entity cannot be called so, for it or what is made for it is called as one of Backref's own (`Count`:
/// `CountOrder`).
fn takes_reserved(name: &str) -> bool {
    RESERVED_TYPES.contains(&name) || RESERVED_TYPES.iter().any(|of| is_made(of, name))
}

/// A database enum by its name and values.
type EnumKey = (String, Vec<String>);

/// The enums of a graph, as they are called.
pub(super) type Enums = HashMap<EnumKey, Arc<EnumType>>;

/// An enum that columns are shown with: the one that names it, by its entity, and all.
struct Shown {
    key: EnumKey,
    first: (EntityId, String),
    columns: Vec<ColumnKey>,
}

impl Work<'_> {
    /// What each entity is called, in the order of registration.
    pub(super) fn called(&self) -> Vec<Called> {
        let entities = &self.graph.entities;
        let given = |raw: &RawEntity| self.graph.type_names.get(&raw.table).cloned();
        let natural = |raw: &RawEntity| names::object(&raw.table.table);
        let own = entities
            .iter()
            .map(|raw| Called::of(given(raw).unwrap_or_else(|| natural(raw))));
        let own: Vec<Called> = own.collect();
        let ids = 0..entities.len();
        let exposed: Vec<EntityId> = ids.filter(|&i| self.is_exposed(&entities[i])).collect();
        let unnamed = exposed.iter().filter(|&&i| given(&entities[i]).is_none());
        let unnamed: Vec<EntityId> = unnamed.copied().collect();
        let clash = |called: &[Called], i: EntityId| {
            let mut others = exposed.iter().filter(|&&j| j != i);
            others.any(|&j| called[i].clashes(&called[j]))
        };
        // Of several tables that are called alike, those of a schema of their own are called by it, too.
        let mut qualified = own.clone();
        for &i in &unnamed {
            let table = &entities[i].table;
            if let (Some(schema), true) = (&table.schema, clash(&own, i)) {
                qualified[i] = Called::of(names::object(&format!("{schema}_{}", table.table)));
            }
        }
        let mut marked = qualified.clone();
        for &i in &unnamed {
            let mark = names::mark(&entities[i].table.table);
            if let (Some(mark), true) = (mark, clash(&qualified, i)) {
                marked[i] = qualified[i].clone().marked(&mark);
            }
        }
        let mut called = marked.clone();
        for &i in &unnamed {
            let made = exposed.iter().any(|&j| marked[i].is_made_for(&marked[j]));
            if made || marked[i].is_reserved() {
                called[i] = marked[i].clone().marked("");
            }
        }
        called
    }

    /// What the enums are called that columns are shown with, and their values.
    pub(super) fn enums(&mut self, called: &[Called]) -> Enums {
        let shown = self.shown_enums();
        let given = |shown: &Shown| {
            let mut columns = shown.columns.iter();
            columns.find_map(|column| self.graph.enum_names.get(column).cloned())
        };
        let natural = |shown: &Shown| names::enumeration(&shown.key.0);
        // To a name that somebody gave nothing gives way: it is a mistake where it is another's.
        let entities = self.graph.entities.iter().zip(called);
        let unnamed = entities.filter(|(raw, _)| {
            self.is_exposed(raw) && !self.graph.type_names.contains_key(&raw.table)
        });
        let types: Vec<&str> = unnamed.map(|(_, c)| c.type_name.as_str()).collect();
        let is_made_or_taken = |name: &str| {
            is_reserved(name)
                || types
                    .iter()
                    .any(|of| *of == name || filtered(of) == Some(name) || is_made(name, of))
                || shown
                    .iter()
                    .any(|s| filtered(name) == Some(natural(s).as_str()))
        };
        let type_names: Vec<String> = shown
            .iter()
            .map(|this| {
                if let Some(given) = given(this) {
                    return given;
                }
                let name = natural(this);
                let mut others = shown.iter().filter(|other| other.key != this.key);
                // Enums of several schemas may be called alike; the columns that they are of are not.
                let name = match others.any(|other| natural(other) == name) {
                    true => {
                        let (entity, column) = &this.first;
                        format!(
                            "{}{}",
                            called[*entity].type_name,
                            names::enumeration(column)
                        )
                    }
                    false => name,
                };
                match is_made_or_taken(&name) {
                    true => format!("{name}_"),
                    false => name,
                }
            })
            .collect();
        let mut enums = Enums::new();
        for (shown, type_name) in shown.into_iter().zip(type_names) {
            let names = self.value_names(&shown);
            let (name, values) = shown.key.clone();
            let of = EnumType {
                type_name,
                name,
                values,
                names,
            };
            enums.insert(shown.key, Arc::new(of));
        }
        enums
    }

    fn shown_enums(&self) -> Vec<Shown> {
        let mut all: Vec<Shown> = Vec::new();
        for (id, raw) in self.graph.entities.iter().enumerate() {
            for column in &raw.columns {
                let Kind::Enum(of) = column.kind.single() else {
                    continue;
                };
                let key = ColumnKey {
                    table: raw.table.clone(),
                    column: column.name.clone(),
                };
                if self.graph.hidden.contains(&key) {
                    continue;
                }
                let enum_key = enum_key(of);
                match all.iter_mut().find(|shown| shown.key == enum_key) {
                    Some(shown) => {
                        // The column that is called as the enum is the one that it was made for.
                        let own = names::enumeration(&of.name);
                        if names::enumeration(&shown.first.1) != own
                            && names::enumeration(&column.name) == own
                        {
                            shown.first = (id, column.name.clone());
                        }
                        shown.columns.push(key);
                    }
                    None => all.push(Shown {
                        key: enum_key,
                        first: (id, column.name.clone()),
                        columns: vec![key],
                    }),
                }
            }
        }
        all
    }

    fn value_names(&mut self, shown: &Shown) -> Vec<String> {
        let (of, values) = &shown.key;
        let mut names = names::enum_values(values);
        let given = self.graph.value_names.iter();
        for (column, value, name) in given.filter(|(c, ..)| shown.columns.contains(c)) {
            match values.iter().position(|v| v == value) {
                Some(at) => names[at].clone_from(name),
                None => self.mistakes.push(format!(
                    "`.name_value({column}, …)`: the enum `{of}` has no value `{value}`; its values are {}",
                    values.iter().map(|v| format!("`{v}`")).collect::<Vec<_>>().join(", ")
                )),
            }
        }
        let mut known: HashMap<&str, &str> = HashMap::new();
        for (name, value) in names.iter().zip(values) {
            if let Some(other) = known.insert(name, value) {
                self.mistakes.push(format!(
                    "the values `{other}` and `{value}` of the enum `{of}` would both be `{name}`; name one with `.name_value({}, \"{value}\", \"…\")`",
                    shown.columns[0]
                ));
            }
        }
        names
    }

    /// Whether the names of types and of root fields are one of a kind.
    pub(super) fn check_types(&mut self) {
        let mut mistakes = Vec::new();
        let exposed: Vec<&Entity> = self.catalog_entities.iter().filter(|e| e.exposed).collect();
        let mut types: HashMap<&str, &str> = HashMap::new();
        for entity in &exposed {
            let (name, module) = (entity.type_name.as_str(), entity.module.as_str());
            let remedy = format!("name it with `.type_name({module}::Entity, \"…\")`");
            if takes_reserved(name) {
                mistakes.push(format!(
                    "{module}: the type name `{name}` is reserved; {remedy}"
                ));
            } else if let Some(other) = types.insert(name, module) {
                mistakes.push(format!(
                    "{module} and {other} would both be type `{name}`; {remedy}"
                ));
            }
        }
        let mut enums: HashMap<&str, (&EnumType, String)> = HashMap::new();
        for entity in &self.catalog_entities {
            for column in entity.columns.iter().filter(|c| !c.hidden) {
                let Kind::Enum(of) = column.kind.single() else {
                    continue;
                };
                let (name, shown) = (&*of.type_name, format!("{}.{}", entity.table, column.name));
                let remedy = format!(
                    "name it with `.name_enum({}::Column::…, \"…\")`",
                    entity.module
                );
                match enums.get(name) {
                    Some((other, _)) if *other == &**of => continue,
                    Some((_, other)) => mistakes.push(format!(
                        "the enums of the columns `{other}` and `{shown}` would both be type `{name}`; {remedy}"
                    )),
                    None if RESERVED_TYPES.contains(&name) => mistakes.push(format!(
                        "the enum of the column `{shown}` would be type `{name}`, which is GraphQL's or Backref's; {remedy}"
                    )),
                    None => {}
                }
                if let Some(module) = types.get(name) {
                    mistakes.push(format!(
                        "{module} and the enum of the column `{shown}` would both be type `{name}`; {remedy}, or the other with `.type_name({module}::Entity, \"…\")`"
                    ));
                }
                enums.insert(name, (&**of, shown));
            }
        }
        for name in enums.keys().chain(types.keys()) {
            let stem = filtered(name);
            let filter = stem.filter(|s| RESERVED_TYPES.contains(s) || enums.contains_key(s));
            let mut others = exposed.iter();
            let made = others
                .find(|of| is_made(name, &of.type_name) || **name == changed_type(&of.plural));
            let made = made.map(|of| of.type_name.as_str());
            if let Some(stem) = filter.or(made) {
                mistakes.push(format!(
                    "`{name}` is the name of a type that Backref makes for `{stem}`; name one of the two with `.type_name(…::Entity, \"…\")`, an enum with `.name_enum(…::Column::…, \"…\")`"
                ));
            }
        }
        let mut roots: HashMap<String, &Entity> = HashMap::new();
        for entity in exposed {
            let remedy = format!(
                "name one with `.type_name({}::Entity, \"…\")`",
                entity.module
            );
            for root in roots_of(&entity.single, &entity.plural) {
                if RESERVED_ROOTS.contains(&root.as_str()) && !takes_reserved(&entity.type_name) {
                    mistakes.push(format!(
                        "{} would be read by `{root}`, which reads every type by global ids; {remedy}",
                        entity.module
                    ));
                }
                let other = roots.insert(root.clone(), entity);
                if let Some(other) = other.filter(|o| o.type_name != entity.type_name) {
                    mistakes.push(format!(
                        "{} and {} would both be read by `{root}`; {remedy}",
                        entity.module, other.module
                    ));
                }
            }
        }
        self.mistakes.extend(mistakes);
    }

    /// Whether what somebody named can be called so.
    pub(super) fn check_given_names(&mut self) {
        let graph = self.graph;
        let mut mistakes = Vec::new();
        let mut check = |how: String, name: &str, of: Named| {
            if let Some(fault) = names::fault(name, of) {
                mistakes.push(format!("`{how}`: `{name}` {fault}"));
            }
        };
        for (table, name) in &graph.type_names {
            check(format!(".type_name({}, …)", table.table), name, Named::Type);
        }
        for (column, name) in &graph.enum_names {
            check(format!(".name_enum({column}, …)"), name, Named::Type);
        }
        for (column, value, name) in &graph.value_names {
            let how = format!(".name_value({column}, \"{value}\", …)");
            check(how, name, Named::Value);
        }
        for (column, name) in &graph.column_names {
            check(format!(".rename_column({column}, …)"), name, Named::Field);
        }
        for (how, names) in [
            ("backref", &graph.backrefs),
            ("through", &graph.through),
            ("rename", &graph.relation_names),
        ] {
            for (relation, name) in names {
                check(format!(".{how}({}, …)", relation.path), name, Named::Field);
            }
        }
        mistakes.sort();
        self.mistakes.extend(mistakes);
    }

    /// Whether its rows are a type of their own, and not links alone.
    pub(super) fn is_exposed(&self, raw: &RawEntity) -> bool {
        self.graph.exposed.contains(&raw.table) || !is_junction(raw) || self.is_referred_to(raw)
    }

    /// Whether a foreign key leads to it: then it is more than a link, even if its own key is two of them.
    fn is_referred_to(&self, raw: &RawEntity) -> bool {
        let mut relations = self.graph.entities.iter().flat_map(|e| &e.relations);
        relations.any(|r| r.shape == Shape::BelongsTo && r.to == raw.table)
    }
}

pub(super) fn enum_key(of: &EnumType) -> EnumKey {
    (of.name.clone(), of.values.clone())
}

fn roots_of(single: &str, plural: &str) -> Vec<String> {
    let made = GENERATED_ROOTS.map(|suffix| format!("{plural}{suffix}"));
    let own = [single.to_owned(), plural.to_owned()];
    own.into_iter().chain(made).collect()
}
