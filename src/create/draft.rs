//! What becomes of the tables that were found: which are entities, what they are called, and what is told of the rest.

use std::collections::HashMap;

use heck::{ToSnakeCase, ToUpperCamelCase};
use sea_orm::sea_query::ColumnType;

use super::idents::{Idents, code, is_secret};
use super::known::Known;
use super::relations::Relation;
use super::tables::{Broken, Cast, Column, Enum, Form, Table, Tables, Unique, shown};
use crate::graph::names;

/// What somebody has said of a database beside its URL; kept in the project, so that `backref sync` knows it again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choices {
    /// Schemas of PostgreSQL; without one those that are searched.
    pub schemas: Vec<String>,
    /// Keys of tables and views that declare none: `film_list=fid`.
    pub keys: Vec<String>,
    /// Tables and views that are left out.
    pub without: Vec<String>,
    /// Columns that are shown though they look like secrets: `user.token_count`.
    pub shown: Vec<String>,
}

/// The entities that will be written, and what was odd.
#[derive(Debug, Default)]
pub struct Draft {
    pub entities: Vec<Entity>,
    pub enums: Vec<EnumDraft>,
    pub notes: Vec<Note>,
    /// What --without names and is not there.
    pub unknown: Vec<Unknown>,
}

#[derive(Debug)]
pub struct Unknown {
    pub name: String,
    /// A table that is called much like it.
    pub perhaps: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Entity {
    /// `order_detail`
    pub module: String,
    pub table: Table,
    /// What the columns are called in Rust.
    pub fields: Vec<String>,
    /// Whether the columns look like secrets.
    pub hidden: Vec<bool>,
    /// The names of fields in GraphQL that are not those of their columns.
    pub renamed: Vec<Option<String>>,
    pub type_name: Option<String>,
    /// In the project as it is, its type is called as its table is.
    pub had_plain_type: bool,
    /// And the columns' fields as the columns.
    pub had_plain_field: Vec<bool>,
    pub read_only: bool,
    pub relations: Vec<Relation>,
}

#[derive(Debug, Clone)]
pub struct EnumDraft {
    /// `mpaa_rating`
    pub ident: String,
    pub of: Enum,
    /// `Pg13`
    pub variants: Vec<String>,
    /// SeaORM could not tell its values apart.
    pub as_text: bool,
}

/// Something odd, and what was done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// `table follow`
    pub of: String,
    pub says: String,
}

impl Draft {
    /// `known` says what is called how already; only what is new gets other names.
    pub fn of(tables: Tables, choices: &Choices, known: &Known) -> Self {
        let mut draft = Draft::default();
        let mut modules = Idents::default();
        modules.snake("sea_orm_active_enums", "table");
        for schema in &tables.other_schemas {
            draft.note(format!("schema {schema}"), format!(
                "was not looked at, since it is not in the search path; --schema {schema} takes its tables in, beside --schema … for all others that are wanted"
            ));
        }
        draft.unknown_choices(choices, &tables);
        let mut idents = Idents::default();
        draft.enums = enums(tables.enums, known, &mut idents);
        draft.texts();
        for broken in &tables.broken {
            draft.broken(broken, choices);
        }
        let secrets = Secrets::of(&tables.tables);
        let mut usable = Vec::new();
        for mut table in tables.tables {
            enums_as_text(&mut table, &draft.enums);
            usable.extend(draft.usable(table, choices, &secrets));
        }
        let before = usable.iter().map(|table| {
            let name = known.module(table.schema.as_deref(), &table.name)?;
            modules.keep(name).then(|| name.clone())
        });
        let before: Vec<Option<String>> = before.collect();
        for (table, module) in usable.into_iter().zip(before) {
            let module = module.unwrap_or_else(|| modules.snake(&wanted(&table), "table"));
            draft.entity(table, choices, &secrets, (module, known));
        }
        super::relations::find(&mut draft, known);
        draft
    }

    pub fn note(&mut self, of: String, says: String) {
        self.notes.push(Note { of, says });
    }

    fn broken(&mut self, broken: &Broken, choices: &Choices) {
        let is_unwanted = choices.without.iter().any(|name| broken.is_called(name));
        let why = match is_unwanted {
            true => "left out, as --without says".to_owned(),
            false => format!("left out: the database cannot read it ({})", broken.why),
        };
        self.note(format!("{} {}", broken.form.shown(), broken.name), why);
    }

    /// The table, if there is an entity for it, with a primary key.
    fn usable(&mut self, mut table: Table, choices: &Choices, secrets: &Secrets) -> Option<Table> {
        let name = table.shown();
        if matches!(table.form, Form::Kept | Form::Partition) {
            return None;
        }
        let of = format!("{} {name}", table.form.shown());
        if choices.without.iter().any(|name| table.is_called(name)) {
            self.note(of, "left out, as --without says".to_owned());
            return None;
        }
        if let Some(columns) = choices.key_of(&table) {
            let unknown = columns.iter().find(|c| table.column(c).is_none());
            if let Some(column) = unknown {
                let columns: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
                self.note(
                    of,
                    format!(
                        "left out: --key {name}={} names no column of it, `{column}`; it has {}",
                        columns_text(choices.key_of(&table).unwrap_or_default()),
                        columns.join(", ")
                    ),
                );
                return None;
            }
            table.primary_key = columns.iter().map(|c| (*c).to_owned()).collect();
            table.makes_key = false;
        }
        if table.primary_key.is_empty() {
            let never_null = |key: &&Unique| {
                let mut columns = key.columns.iter().filter_map(|c| table.column(c));
                key.is_immediate && columns.all(|c| !c.nullable || table.form == Form::Materialized)
            };
            let Some(key) = table.unique.iter().find(never_null) else {
                let why = match table.form {
                    Form::Table => {
                        "has no primary key, and rows without one can be neither named nor paged through"
                    }
                    Form::View => "is a view, of which no key is known",
                    Form::Materialized => "has no unique index, by which its rows could be named",
                    _ => "has no key that is known",
                };
                let column = table.columns.first().map_or("id", |c| c.name.as_str());
                self.note(of, format!(
                    "left out: it {why}; --key '{name}={column}' (or several columns: --key '{name}=…,…') takes it in by what tells its rows apart"
                ));
                return None;
            };
            let says = format!(
                "has no primary key; its unique key ({}) is taken for one",
                columns_text(key.columns.iter().map(String::as_str).collect())
            );
            table.primary_key = key.columns.clone();
            self.note(of.clone(), says);
        }
        if let Some(why) = no_key_of_seaorm(&table) {
            self.note(of, format!(
                "left out: {why}; --key '{name}=…' takes it in by other columns that tell its rows apart"
            ));
            return None;
        }
        for column in &table.primary_key {
            if secrets.has(&name, column) && !choices.shows(&table, column) {
                self.note(of, format!(
                    "left out: its primary key `{column}` looks like a secret, and every row would be named by it; --show {name}.{column} takes it in all the same"
                ));
                return None;
            }
        }
        let key = table.primary_key.clone();
        for column in table.columns.iter_mut().filter(|c| key.contains(&c.name)) {
            column.nullable = false;
        }
        Some(table)
    }

    fn entity(
        &mut self,
        table: Table,
        choices: &Choices,
        secrets: &Secrets,
        (module, known): (String, &Known),
    ) {
        let name = table.shown();
        let read_only = !matches!(table.form, Form::Table | Form::Foreign);
        if read_only {
            self.note(
                format!("view {name}"),
                "is read-only: nothing writes through a view".to_owned(),
            );
        }
        let fields = fields(&table, known);
        let mut hidden = Vec::new();
        for column in &table.columns {
            let of = format!("column {name}.{}", column.name);
            let hides = secrets.has(&name, &column.name)
                && !choices.shows(&table, &column.name)
                && !table.primary_key.contains(&column.name);
            hidden.push(hides);
            if hides {
                let needed = !column.nullable && !column.has_default() && !column.is_generated();
                let costs = match needed {
                    true => {
                        "; since it must not be null, no row can be made by the API as long as it is hidden"
                    }
                    false => "",
                };
                let why = match secrets.by_reference(&name, &column.name) {
                    Some(held) => format!("holds what `{held}` does, which looks like a secret"),
                    None => "looks like a secret".to_owned(),
                };
                self.note(of.clone(), format!(
                    "{why}: it is hidden, in no schema and no filter{costs}; --show {name}.{} shows it",
                    column.name
                ));
            }
        }
        self.without_type(&table);
        self.assumed(&table);
        self.otherwise_in_rust(&table, &fields);
        let renamed = vec![None; table.columns.len()];
        let schema = table.schema.as_deref();
        let columns = table.columns.iter();
        let had_plain_field = columns
            .map(|column| known.has_plain_field(schema, &table.name, &column.name))
            .collect();
        let had_plain_type = known.has_plain_type(schema, &table.name);
        self.entities.push(Entity {
            had_plain_type,
            had_plain_field,
            module,
            table,
            fields,
            hidden,
            renamed,
            type_name: None,
            read_only,
            relations: Vec::new(),
        });
    }

    /// Columns whose names could not be those of fields.
    fn otherwise_in_rust(&mut self, table: &Table, fields: &[String]) {
        let columns = table.columns.iter().zip(fields);
        let columns = columns.filter(|(column, field)| {
            column.name.to_snake_case() != **field || code(field) != **field
        });
        let columns =
            columns.map(|(column, field)| format!("`{}` (`{}`)", column.name, code(field)));
        let columns: Vec<String> = columns.collect();
        if !columns.is_empty() {
            let of = format!("table {}", table.shown());
            self.note(of, format!(
                "not every name of a column can be one in Rust, where these are called otherwise: {}",
                columns.join(", ")
            ));
        }
    }

    fn texts(&mut self) {
        let texts = self.enums.iter().filter(|of| of.as_text);
        let names = texts.map(|of| shown(of.of.schema.as_deref(), &of.of.name));
        for name in names.collect::<Vec<_>>() {
            self.note(format!("enum {name}"), "has values that SeaORM comes to one name for: its columns are Strings in Rust, and the enum in the API".to_owned());
        }
    }

    /// Types that SeaORM has no value for.
    fn without_type(&mut self, table: &Table) {
        let columns = table.columns.iter();
        let columns = columns.filter(|c| c.of.cast.is_some() && c.of.enumeration.is_none());
        let columns = columns.map(|c| match c.of.shown.as_str() {
            "" => c.name.clone(),
            shown => format!("{} ({shown})", c.name),
        });
        let columns: Vec<String> = columns.collect();
        if !columns.is_empty() {
            let of = format!("table {}", table.shown());
            self.note(of, format!(
                "SeaORM has no type for the column(s) {}: they are read and written as the database's text for them",
                columns.join(", ")
            ));
        }
    }

    /// Columns of UUIDs that are empty.
    fn assumed(&mut self, table: &Table) {
        let columns = table.columns.iter().filter(|c| c.of.is_assumed);
        let columns = columns.map(|c| match c.of.declared {
            ColumnType::Uuid => format!(
                "{} ({}): 16 bytes, as SeaORM writes them",
                c.name, c.of.shown
            ),
            _ => format!("{} ({}): text", c.name, c.of.shown),
        });
        let columns: Vec<String> = columns.collect();
        if !columns.is_empty() {
            let of = format!("table {}", table.shown());
            self.note(of, format!(
                "no value is there yet that shows how UUIDs are held, so it is assumed of {}; once there is one, backref sync goes by it",
                columns.join(", ")
            ));
        }
    }

    /// What was asked for and is not there.
    fn unknown_choices(&mut self, choices: &Choices, tables: &Tables) {
        let of_others = |table: &&Table| !matches!(table.form, Form::Kept | Form::Partition);
        let known = tables.tables.iter().filter(of_others);
        let is_there = |name: &str| {
            known.clone().any(|table| table.is_called(name))
                || tables.broken.iter().any(|broken| broken.is_called(name))
        };
        for name in choices.without.iter().filter(|name| !is_there(name)) {
            self.unknown.push(Unknown {
                name: name.clone(),
                perhaps: alike(name, known.clone()),
            });
            self.note(
                format!("--without {name}"),
                format!("there is no table or view `{name}`; nothing was done"),
            );
        }
        for key in &choices.keys {
            let table = key.split('=').next().unwrap_or_default();
            if !is_there(table) {
                self.note(
                    format!("--key {key}"),
                    format!("there is no table or view `{table}`; nothing was done"),
                );
            }
        }
        for shown in &choices.shown {
            let one = Choices {
                shown: vec![shown.clone()],
                ..Choices::default()
            };
            let mut tables = known.clone();
            if !tables.any(|t| t.columns.iter().any(|c| one.shows(t, &c.name))) {
                self.note(
                    format!("--show {shown}"),
                    "there is no such column; nothing was done".to_owned(),
                );
            }
        }
    }

    pub fn place_of(&self, schema: Option<&str>, table: &str) -> Option<usize> {
        let wanted = shown(schema, table);
        self.entities.iter().position(|e| e.table.shown() == wanted)
    }
}

/// Why SeaORM has no Rust type for a primary key.
fn no_key_of_seaorm(table: &Table) -> Option<String> {
    let columns = table.primary_key.iter();
    let mut columns = columns.filter_map(|name| table.column(name));
    if let Some(list) = columns.find(|column| column.of.is_list()) {
        let name = &list.name;
        return Some(format!(
            "its primary key `{name}` is an array, which SeaORM has no keys of"
        ));
    }
    let count = table.primary_key.len();
    (count > MOST_OF_A_KEY).then(|| {
        format!("its primary key has {count} columns, and keys of SeaORM at most {MOST_OF_A_KEY}")
    })
}

/// How many columns SeaORM takes together, for which it has tuples.
pub const MOST_OF_A_KEY: usize = 12;

fn columns_text(columns: Vec<&str>) -> String {
    columns.join(",")
}

/// The columns that look like secrets, of all tables.
#[derive(Debug, Default)]
struct Secrets {
    /// By table and column; with what a column refers to, where it is a secret for that alone.
    columns: HashMap<(String, String), Option<String>>,
}

impl Secrets {
    /// A column of a foreign key says which row, and nothing else; but where that row is named by a secret, it is the
    /// same secret, whatever it is called.
    fn of(tables: &[Table]) -> Self {
        let mut secrets = Secrets::default();
        for table in tables {
            let columns = table.columns.iter();
            let columns = columns.filter(|c| is_secret(&c.name) && !table.refers(&c.name));
            let columns = columns.filter(|c| can_be_secret(&c.of.declared));
            let columns = columns.map(|c| ((table.shown(), c.name.clone()), None));
            secrets.columns.extend(columns);
        }
        while secrets.follow(tables) {}
        secrets
    }

    /// Whether there are more of them, by what refers to those that are known.
    fn follow(&mut self, tables: &[Table]) -> bool {
        let before = self.columns.len();
        for table in tables {
            for key in &table.foreign_keys {
                let target = shown(key.schema.as_deref(), &key.table);
                let is_known = tables.iter().any(|table| table.shown() == target);
                for (here, there) in key.columns.iter().zip(&key.to_columns) {
                    let holds = match is_known {
                        true => self.has(&target, there),
                        false => is_secret(there),
                    };
                    let here = (table.shown(), here.clone());
                    if holds && !self.columns.contains_key(&here) {
                        self.columns.insert(here, Some(format!("{target}.{there}")));
                    }
                }
            }
        }
        self.columns.len() > before
    }

    fn has(&self, table: &str, column: &str) -> bool {
        let of = (table.to_owned(), column.to_owned());
        self.columns.contains_key(&of)
    }

    fn by_reference(&self, table: &str, column: &str) -> Option<&String> {
        let of = (table.to_owned(), column.to_owned());
        self.columns.get(&of)?.as_ref()
    }
}

/// The table that somebody may have meant.
fn alike<'t>(name: &str, tables: impl Iterator<Item = &'t Table>) -> Option<String> {
    const FAR: usize = 3;
    let distance =
        |of: &String| strsim::damerau_levenshtein(&of.to_lowercase(), &name.to_lowercase());
    let names = tables.map(Table::shown);
    let near = names.map(|of| (distance(&of), of)).min()?;
    (near.0 <= FAR).then_some(near.1)
}

/// A moment or a yes or no is about a secret, and none itself.
fn can_be_secret(of: &ColumnType) -> bool {
    !matches!(
        of,
        ColumnType::Boolean
            | ColumnType::Date
            | ColumnType::Time
            | ColumnType::DateTime
            | ColumnType::Timestamp
            | ColumnType::TimestampWithTimeZone
    )
}

impl Table {
    /// Whether a column is a part of a foreign key.
    fn refers(&self, column: &str) -> bool {
        let mut keys = self.foreign_keys.iter();
        keys.any(|key| key.columns.iter().any(|c| c == column))
    }
}

impl Choices {
    fn key_of(&self, table: &Table) -> Option<Vec<&str>> {
        let mut keys = self.keys.iter().filter_map(|key| key.split_once('='));
        let (_, columns) = keys.find(|(of, _)| table.is_called(of))?;
        Some(columns.split(',').map(str::trim).collect())
    }

    fn shows(&self, table: &Table, column: &str) -> bool {
        let of_column = |shown: &String| {
            let table_of = shown.strip_suffix(column)?.strip_suffix('.')?;
            table.is_called(table_of).then_some(())
        };
        self.shown.iter().any(|shown| of_column(shown).is_some())
    }
}

/// What a table's module would be called.
fn wanted(table: &Table) -> String {
    match &table.schema {
        Some(schema) => format!("{schema}_{}", table.name),
        None => table.name.clone(),
    }
}

/// The fields of a table's columns.
fn fields(table: &Table, known: &Known) -> Vec<String> {
    let mut idents = Idents::default();
    let before = table.columns.iter().map(|column| {
        let name = known.field(table.schema.as_deref(), &table.name, &column.name)?;
        idents.keep(name).then(|| name.clone())
    });
    let before: Vec<Option<String>> = before.collect();
    let columns = table.columns.iter().zip(before);
    let named = |(column, before): (&Column, Option<String>)| {
        before.unwrap_or_else(|| idents.snake(&column.name, "column"))
    };
    columns.map(named).collect()
}

/// The enums; those that have a name already keep it.
fn enums(found: Vec<Enum>, known: &Known, idents: &mut Idents) -> Vec<EnumDraft> {
    let before = found.iter().map(|of| {
        let is_only = found.iter().filter(|other| other.name == of.name).count() == 1;
        let wanted = wanted_of_enum(of).to_upper_camel_case();
        let names = known.enumeration(&of.name, is_only, &wanted)?;
        // It is called by what sea-orm-codegen makes the type's name of.
        let ident = names.ident.to_snake_case();
        let is_kept = ident.to_upper_camel_case() == names.ident;
        (is_kept && idents.keep_enumeration(&names.ident)).then_some((ident, names))
    });
    let before: Vec<_> = before.collect();
    let drafts = found.into_iter().zip(before).map(|(of, before)| EnumDraft {
        as_text: are_alike(&of.values),
        variants: variants(
            &of.values,
            before.as_ref().map(|(_, names)| &names.variants),
        ),
        ident: match before {
            Some((ident, _)) => ident,
            None => idents.enumeration(&wanted_of_enum(&of)),
        },
        of,
    });
    drafts.collect()
}

/// What an enum would be called.
fn wanted_of_enum(of: &Enum) -> String {
    match &of.schema {
        Some(schema) => format!("{schema}_{}", of.name),
        None => of.name.clone(),
    }
}

/// What an enum's values are called, as far as they are known as they were.
fn variants(values: &[String], known: Option<&HashMap<String, String>>) -> Vec<String> {
    let mut idents = Idents::default();
    let before = values.iter().map(|value| {
        let name = known?.get(value)?;
        idents.keep(name).then(|| name.clone())
    });
    let before: Vec<Option<String>> = before.collect();
    let names = names::enum_values(values).into_iter().zip(before);
    let named = names.map(|(name, before)| before.unwrap_or_else(|| idents.camel(&name, "Value")));
    named.collect()
}

/// Whether SeaORM's derive would come to one name for two values, or to none: it makes them of the values themselves.
fn are_alike(values: &[String]) -> bool {
    let name = |value: &String| {
        let letters = value.char_indices().map(|(at, c)| {
            let is_letter = match at {
                0 => c.is_alphabetic(),
                _ => c.is_alphanumeric(),
            };
            match is_letter {
                true => c.to_string(),
                false => format!("{:#X}", u32::from(c)),
            }
        });
        letters.collect::<String>().to_upper_camel_case()
    };
    let mut names: Vec<String> = values.iter().map(name).collect();
    names.sort();
    let count = names.len();
    names.dedup();
    names.len() < count || names.iter().any(|name| name == "Self")
}

fn enums_as_text(table: &mut Table, enums: &[EnumDraft]) {
    for column in &mut table.columns {
        let is_text = column
            .of
            .enumeration
            .is_some_and(|place| enums[place].as_text);
        if is_text {
            column.of.cast = Some(Cast {
                select: if column.of.is_list() {
                    "text[]"
                } else {
                    "text"
                }
                .to_owned(),
                save: Some(column.of.shown.clone()),
            });
        }
    }
}
