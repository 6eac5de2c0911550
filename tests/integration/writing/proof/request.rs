//! A mutation request, as it is meant and as it is written: with literals, or with its arguments in variables.

use serde_json::{Map, Value as Json, json};

use super::tables::{Key, Table};

/// How a row is named.
#[derive(Clone, Debug, PartialEq)]
pub enum Id {
    Row(Table, Key),
    /// The key alone.
    Bare(Key),
    /// A row that the request makes: `new:a`.
    New(String),
    /// What is no id.
    Garbage,
}

/// A value of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Text(String),
    /// By its name in the database.
    Enum(&'static str),
    Time(&'static str),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Link {
    Null,
    Connect(Id),
    Create(Box<Input>),
    /// By a unique column.
    ConnectOrCreate(&'static str, Box<Input>),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Many {
    pub create: Vec<Input>,
    pub connect: Vec<Id>,
    pub disconnect: Vec<Id>,
    pub set: Option<Vec<Id>>,
    pub update: Vec<(Id, Input, Option<i64>)>,
    pub delete: Vec<Id>,
}

/// What a row is to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    pub table: Table,
    /// What others call it: `as`.
    pub name: Option<String>,
    pub columns: Vec<(&'static str, Value)>,
    /// Foreign keys; `None` is null.
    pub ids: Vec<(&'static str, Option<Id>)>,
    pub links: Vec<(&'static str, Link)>,
    pub lists: Vec<(&'static str, Many)>,
}

/// Which rows.
#[derive(Clone, Debug, PartialEq)]
pub enum Where {
    /// Those of these ids.
    Ids(Vec<Key>),
    /// Those of this author, or by this one.
    Author(i64),
    /// Posts of this status.
    Status(&'static str),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    Create(Input),
    CreateAll(Table, Vec<Input>),
    Update(Table, Id, Input, Option<i64>),
    Delete(Table, Id, Option<i64>),
    Upsert(&'static str, Input, Input),
    UpdateAll(Table, Where, Input),
    DeleteAll(Table, Where),
    Follow(Id),
    Unfollow(Id),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub act: Act,
    /// What is read of a row.
    pub selection: String,
}

#[derive(Clone, Debug, PartialEq, Default)]
pub struct Request {
    pub fields: Vec<Field>,
    /// Whether arguments are variables.
    pub variables: bool,
}

impl Act {
    /// The entity that the field gives.
    pub fn table(&self) -> Table {
        match self {
            Act::Create(input) | Act::Upsert(_, input, _) => input.table,
            Act::CreateAll(table, _)
            | Act::Update(table, ..)
            | Act::Delete(table, ..)
            | Act::UpdateAll(table, ..)
            | Act::DeleteAll(table, _) => *table,
            Act::Follow(_) | Act::Unfollow(_) => Table::User,
        }
    }

    /// Whether it gives a count and nodes.
    pub fn is_bulk(&self) -> bool {
        matches!(self, Act::UpdateAll(..) | Act::DeleteAll(..))
    }

    /// The field's name, and its arguments with their types.
    fn written(&self) -> (String, Vec<(&'static str, String, V)>) {
        let ty = self.table().type_name();
        let id = |id: &Id| ("id", "ID!".to_owned(), id.v());
        let input = |name, kind, input: &Input| (name, format!("{ty}{kind}!"), input.v());
        let version = |version: &Option<i64>| {
            version.map(|version| ("expectedVersion", "Int".to_owned(), V::Int(version)))
        };
        let filter = |filter: &Where, table| ("where", format!("{ty}Where!"), filter.v(table));
        let user = |id: &Id| vec![("user", "ID!".to_owned(), id.v())];
        match self {
            Act::Create(new) => (format!("create{ty}"), vec![input("input", "Create", new)]),
            Act::CreateAll(_, all) => {
                let all = V::List(all.iter().map(Input::v).collect());
                let inputs = ("inputs", format!("[{ty}Create!]!"), all);
                (format!("create{ty}s"), vec![inputs])
            }
            Act::Update(_, row, change, expected) => {
                let mut arguments = vec![id(row), input("input", "Update", change)];
                arguments.extend(version(expected));
                (format!("update{ty}"), arguments)
            }
            Act::Delete(_, row, expected) => {
                let mut arguments = vec![id(row)];
                arguments.extend(version(expected));
                (format!("delete{ty}"), arguments)
            }
            Act::Upsert(on, new, change) => {
                let on = ("on", format!("{ty}Key!"), V::Enum(on.to_uppercase()));
                let inputs = vec![
                    input("create", "Create", new),
                    input("update", "Update", change),
                ];
                (format!("upsert{ty}"), [inputs, vec![on]].concat())
            }
            Act::UpdateAll(table, which, change) => {
                let arguments = vec![filter(which, *table), input("input", "Update", change)];
                (format!("update{ty}s"), arguments)
            }
            Act::DeleteAll(table, which) => (format!("delete{ty}s"), vec![filter(which, *table)]),
            Act::Follow(row) => ("follow".to_owned(), user(row)),
            Act::Unfollow(row) => ("unfollow".to_owned(), user(row)),
        }
    }
}

impl Request {
    /// The document, and its variables.
    pub fn written(&self) -> (String, Json) {
        let (mut declared, mut variables) = (Vec::new(), Map::new());
        let mut fields = String::new();
        for (at, field) in self.fields.iter().enumerate() {
            let (name, arguments) = field.act.written();
            let mut given = Vec::new();
            for (argument, ty, value) in arguments {
                if self.variables {
                    let variable = format!("{argument}{at}");
                    declared.push(format!("${variable}: {ty}"));
                    given.push(format!("{argument}: ${variable}"));
                    variables.insert(variable, value.json());
                } else {
                    given.push(format!("{argument}: {}", value.literal()));
                }
            }
            let selection = match field.act.is_bulk() {
                true => format!("count nodes {{ {} }}", field.selection),
                false => field.selection.clone(),
            };
            let given = given.join(", ");
            fields += &format!("  f{at}: {name}({given}) {{ {selection} }}\n");
        }
        let declared = match declared.is_empty() {
            true => String::new(),
            false => format!("({})", declared.join(", ")),
        };
        (
            format!("mutation{declared} {{\n{fields}}}"),
            Json::Object(variables),
        )
    }
}

/// A value of GraphQL.
#[derive(Clone, Debug)]
enum V {
    Null,
    Int(i64),
    Text(String),
    Enum(String),
    List(Vec<V>),
    Object(Vec<(&'static str, V)>),
}

impl V {
    fn literal(&self) -> String {
        match self {
            V::Null => "null".to_owned(),
            V::Int(number) => number.to_string(),
            V::Text(text) => json!(text).to_string(),
            V::Enum(name) => name.clone(),
            V::List(items) => {
                let items: Vec<_> = items.iter().map(V::literal).collect();
                format!("[{}]", items.join(", "))
            }
            V::Object(fields) => {
                let fields = fields.iter();
                let fields: Vec<_> = fields
                    .map(|(name, value)| format!("{name}: {}", value.literal()))
                    .collect();
                format!("{{{}}}", fields.join(", "))
            }
        }
    }

    fn json(&self) -> Json {
        match self {
            V::Null => Json::Null,
            V::Int(number) => json!(number),
            V::Text(text) | V::Enum(text) => json!(text),
            V::List(items) => items.iter().map(V::json).collect(),
            V::Object(fields) => {
                let fields = fields.iter();
                let fields = fields.map(|(name, value)| ((*name).to_owned(), value.json()));
                Json::Object(fields.collect())
            }
        }
    }
}

/// The id of a row, as answers have it.
pub fn global(table: Table, key: Key) -> String {
    format!("{}:{}", table.type_name(), key.0)
}

impl Id {
    fn v(&self) -> V {
        match self {
            Id::Row(table, key) => V::Text(global(*table, *key)),
            Id::Bare(key) => V::Text(key.0.to_string()),
            Id::New(name) => V::Text(format!("new:{name}")),
            Id::Garbage => V::Text("Post:x".to_owned()),
        }
    }
}

fn ids(ids: &[Id]) -> V {
    V::List(ids.iter().map(Id::v).collect())
}

impl Where {
    fn v(&self, table: Table) -> V {
        let by = |operator, value| V::Object(vec![(operator, value)]);
        let key = |key: i64| V::Text(global(table, (key, 0)));
        match self {
            Where::Ids(keys) => {
                let keys = keys.iter().map(|k| key(k.0)).collect();
                V::Object(vec![("id", by("in", V::List(keys)))])
            }
            Where::Author(id) => {
                let id = V::Text(global(Table::User, (*id, 0)));
                V::Object(vec![("authorId", by("eq", id))])
            }
            Where::Status(status) => {
                let status = V::Enum(status.to_uppercase());
                V::Object(vec![("status", by("eq", status))])
            }
        }
    }
}

impl Input {
    pub fn of(table: Table) -> Self {
        Input {
            table,
            name: None,
            columns: Vec::new(),
            ids: Vec::new(),
            links: Vec::new(),
            lists: Vec::new(),
        }
    }

    pub fn text(&self, column: &str) -> Option<&str> {
        let value = self.columns.iter().find(|(name, _)| *name == column);
        match value {
            Some((_, Value::Text(text))) => Some(text),
            _ => None,
        }
    }

    fn v(&self) -> V {
        let mut fields = Vec::new();
        if let Some(name) = &self.name {
            fields.push(("as", V::Text(name.clone())));
        }
        for (column, value) in &self.columns {
            let value = match value {
                Value::Null => V::Null,
                Value::Text(text) => V::Text(text.clone()),
                Value::Enum(name) => V::Enum(name.to_uppercase()),
                Value::Time(time) => V::Text((*time).to_owned()),
            };
            fields.push((*column, value));
        }
        for (column, id) in &self.ids {
            fields.push((*column, id.as_ref().map_or(V::Null, Id::v)));
        }
        for (field, link) in &self.links {
            fields.push((*field, link.v()));
        }
        for (field, many) in &self.lists {
            fields.push((*field, many.v()));
        }
        V::Object(fields)
    }
}

impl Link {
    fn v(&self) -> V {
        match self {
            Link::Null => V::Null,
            Link::Connect(id) => V::Object(vec![("connect", id.v())]),
            Link::Create(new) => V::Object(vec![("create", new.v())]),
            Link::ConnectOrCreate(on, new) => {
                let on = V::Enum(on.to_uppercase());
                let given = V::Object(vec![("on", on), ("create", new.v())]);
                V::Object(vec![("connectOrCreate", given)])
            }
        }
    }
}

impl Many {
    pub fn is_empty(&self) -> bool {
        *self == Many::default()
    }

    fn v(&self) -> V {
        let mut parts = Vec::new();
        if !self.create.is_empty() {
            let all = self.create.iter().map(Input::v);
            parts.push(("create", V::List(all.collect())));
        }
        for (name, list) in [
            ("connect", &self.connect),
            ("disconnect", &self.disconnect),
            ("delete", &self.delete),
        ] {
            if !list.is_empty() {
                parts.push((name, ids(list)));
            }
        }
        if let Some(set) = &self.set {
            parts.push(("set", ids(set)));
        }
        if !self.update.is_empty() {
            let one = |(id, input, expected): &(Id, Input, Option<i64>)| {
                let mut one = vec![("id", id.v()), ("input", input.v())];
                one.extend(expected.map(|version| ("expectedVersion", V::Int(version))));
                V::Object(one)
            };
            let all = self.update.iter().map(one);
            parts.push(("update", V::List(all.collect())));
        }
        V::Object(parts)
    }
}
