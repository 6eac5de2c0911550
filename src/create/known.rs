//! What a project's entities, relations and enums are called, as its files have it: what comes along later takes no name of
//! what was there, of which somebody's rules may speak.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

use heck::ToUpperCamelCase;
use syn::{Attribute, Item, ItemEnum, LitStr};

use super::marked::kept;
use super::project::LIST;

/// The names of a project; none for one that is new.
#[derive(Debug, Default)]
pub struct Known {
    /// By schema, where one is said, and table.
    tables: HashMap<(Option<String>, String), Names>,
    /// The modules whose types are not called as their tables are.
    typed: HashSet<String>,
    /// The columns whose fields are not called as they are: `post::Column::Title`.
    renamed: HashSet<String>,
    enums: Vec<EnumNames>,
}

#[derive(Debug)]
struct Names {
    module: String,
    /// By column.
    fields: HashMap<String, String>,
    /// By variant.
    relations: Vec<(String, Way)>,
}

/// What a relation goes along, by modules and variants.
#[derive(Debug, PartialEq)]
pub enum Way {
    /// A key of its own.
    Along {
        to: String,
        columns: Vec<String>,
        to_columns: Vec<String>,
    },
    /// A key of the other's, whose own relation is said where there may be several.
    Back { from: String, via: Option<String> },
}

/// What an enum of the database and its values are called.
#[derive(Debug)]
pub struct EnumNames {
    /// In the database.
    name: String,
    /// `MpaaRating`
    pub ident: String,
    /// By value.
    pub variants: HashMap<String, String>,
}

impl Known {
    /// Reads the files of entities, and their list. What cannot be read says nothing.
    pub fn of(folder: &Path) -> Self {
        let mut known = Known::default();
        let entries = fs::read_dir(folder.join("entity/src"))
            .into_iter()
            .flatten();
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let is_rust = |path: &Path| path.extension().is_some_and(|end| end == "rs");
        let files = paths.filter(|path| is_rust(path)).filter_map(|path| {
            let module = path.file_stem()?.to_str()?.to_owned();
            Some((module, fs::read_to_string(&path).ok()?))
        });
        let mut files: Vec<(String, String)> = files.collect();
        // Somebody may have written another entity of the same table by hand.
        files.sort_by_key(|(module, text)| (kept(text).is_none(), module.clone()));
        for (module, text) in files {
            known.enums.extend(enums(&text));
            if let Some((table, names)) = names(module, &text) {
                known.tables.entry(table).or_insert(names);
            }
        }
        let list = fs::read_to_string(folder.join(LIST)).unwrap_or_default();
        // A formatter may have broken its lines.
        let list: String = list.split_whitespace().collect();
        let said_of = |word: &str, end: &str| {
            let all = list.split(word).skip(1);
            let all = all.filter_map(|rest| Some(plain(rest.split_once(end)?.0)));
            all.collect()
        };
        known.typed = said_of(".type_name(entity::", "::Entity");
        known.renamed = said_of(".rename_column(entity::", ",");
        known
    }

    pub fn module(&self, schema: Option<&str>, table: &str) -> Option<&String> {
        Some(&self.names(schema, table)?.module)
    }

    pub fn field(&self, schema: Option<&str>, table: &str, column: &str) -> Option<&String> {
        self.names(schema, table)?.fields.get(column)
    }

    /// The variant of the relation that goes this way.
    pub fn relation(&self, schema: Option<&str>, table: &str, way: &Way) -> Option<&String> {
        let mut relations = self.names(schema, table)?.relations.iter();
        let (variant, _) = relations.find(|(_, known)| known == way)?;
        Some(variant)
    }

    /// What an enum is called. Schemas are not in the files, so where several have one of this name, it is the one
    /// that is called as it would be now.
    pub fn enumeration(&self, name: &str, is_only: bool, wanted: &str) -> Option<&EnumNames> {
        let mut named = self.enums.iter().filter(|of| of.name == name);
        named.find(|of| is_only || of.ident == wanted)
    }

    /// Whether the entity's type was called as its table is.
    pub fn has_plain_type(&self, schema: Option<&str>, table: &str) -> bool {
        let module = self.module(schema, table);
        module.is_some_and(|module| !self.typed.contains(module))
    }

    /// Whether the column's field was called as it is itself.
    pub fn has_plain_field(&self, schema: Option<&str>, table: &str, column: &str) -> bool {
        let Some(names) = self.names(schema, table) else {
            return false;
        };
        names.fields.get(column).is_some_and(|field| {
            let path = format!("{}::Column::{}", names.module, field.to_upper_camel_case());
            !self.renamed.contains(&path)
        })
    }

    fn names(&self, schema: Option<&str>, table: &str) -> Option<&Names> {
        let key = (schema.map(str::to_owned), table.to_owned());
        self.tables.get(&key)
    }
}

type TableName = (Option<String>, String);

fn names(module: String, text: &str) -> Option<(TableName, Names)> {
    let file = syn::parse_file(text).ok()?;
    let mut items = file.items.iter();
    let model = items.find_map(|item| match item {
        Item::Struct(of) if of.ident == "Model" => Some(of),
        _ => None,
    })?;
    let relations = items.find_map(|item| match item {
        Item::Enum(of) if of.ident == "Relation" => Some(of),
        _ => None,
    });
    let relations = relations.map(|of| ways(of, &module)).unwrap_or_default();
    let table = said(&model.attrs, "table_name")?;
    let schema = said(&model.attrs, "schema_name");
    let fields = model.fields.iter().filter_map(|field| {
        let name = plain(&field.ident.as_ref()?.to_string());
        let column = said(&field.attrs, "column_name");
        Some((column.unwrap_or_else(|| name.clone()), name))
    });
    let fields = fields.collect();
    let names = Names {
        module,
        fields,
        relations,
    };
    Some(((schema, table), names))
}

/// The ways of an entity's relations.
fn ways(relations: &ItemEnum, own: &str) -> Vec<(String, Way)> {
    // `super::film::Entity`, or `Entity` for the entity itself.
    let module = |path: String| {
        let path = path.trim_end_matches("Entity").trim_end_matches("::");
        match path.strip_prefix("super::") {
            Some(module) => plain(module),
            None => own.to_owned(),
        }
    };
    // `(Column::A, super::film::Column::B)`
    let last = |path: &str| path.trim().rsplit("::").next().map(str::to_owned);
    let columns = |paths: String| {
        let paths = paths.trim_matches(['(', ')']);
        paths.split(',').filter_map(last).collect()
    };
    let variants = relations.variants.iter();
    let ways = variants.filter_map(|variant| {
        let said = |name| said(&variant.attrs, name);
        let way = match said("belongs_to") {
            Some(to) => Way::Along {
                to: module(to),
                columns: columns(said("from")?),
                to_columns: columns(said("to")?),
            },
            None => Way::Back {
                from: module(said("has_many").or_else(|| said("has_one"))?),
                via: said("via_rel").and_then(|via| last(&via)),
            },
        };
        Some((variant.ident.to_string(), way))
    });
    ways.collect()
}

/// The enums of the database in a file.
fn enums(text: &str) -> Vec<EnumNames> {
    let items = syn::parse_file(text).map_or_else(|_| Vec::new(), |file| file.items);
    let enums = items.into_iter().filter_map(|item| match item {
        Item::Enum(of) => Some((said(&of.attrs, "enum_name")?, of)),
        _ => None,
    });
    let names = enums.map(|(name, of)| {
        let variants = of.variants.iter().filter_map(|variant| {
            let value = said(&variant.attrs, "string_value")?;
            Some((value, variant.ident.to_string()))
        });
        EnumNames {
            name,
            ident: of.ident.to_string(),
            variants: variants.collect(),
        }
    });
    names.collect()
}

/// A text that SeaORM is told of something.
fn said(attributes: &[Attribute], name: &str) -> Option<String> {
    let mut found = None;
    let own = attributes.iter().filter(|of| of.path().is_ident("sea_orm"));
    for attribute in own {
        // What is after something odd is not read.
        let _ = attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident(name) {
                found = Some(meta.value()?.parse::<LitStr>()?.value());
            } else if meta.input.peek(syn::Token![=]) {
                meta.value()?.parse::<syn::Expr>()?;
            }
            Ok(())
        });
    }
    found
}

/// A name without the mark of a keyword.
fn plain(name: &str) -> String {
    name.trim_start_matches("r#").to_owned()
}
