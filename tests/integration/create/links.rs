//! Whether the files of a project fit together, without compiling them: whatever one names of another is there.

use std::collections::{HashMap, HashSet};

use heck::ToUpperCamelCase;
use syn::{Fields, Item};

use super::Created;

/// What an entity file has.
struct File {
    columns: HashSet<String>,
    relations: HashSet<String>,
}

/// Every file is Rust, every name is there, and no two of a kind are alike.
pub fn check(created: &Created) {
    let library = created.read("entity/src/lib.rs");
    let modules = modules(&library);
    let list = created.read("src/entities.rs");
    syn::parse_file(&list).unwrap_or_else(|e| panic!("{e}: {list}"));
    syn::parse_file(&created.read("src/main.rs")).expect("src/main.rs is Rust");
    syn::parse_file(&created.read("tests/api.rs")).expect("tests/api.rs is Rust");
    let mut files = HashMap::new();
    for module in modules
        .iter()
        .filter(|m| !["prelude", "sea_orm_active_enums"].contains(&m.as_str()))
    {
        let text = created.read(&format!("entity/src/{module}.rs"));
        files.insert(module.clone(), file(module, &text));
    }
    for module in files.keys() {
        let text = created.read(&format!("entity/src/{module}.rs"));
        for (other, of, name) in named(module, &text) {
            let there = files
                .get(&other)
                .unwrap_or_else(|| panic!("{module} names {other}: {text}"));
            let known = match of.as_str() {
                "Column" => there.columns.contains(&name),
                "Relation" => there.relations.contains(&name),
                _ => true,
            };
            assert!(
                known,
                "{module} names {other}::{of}::{name}, which is not there"
            );
        }
        let plain = list.contains(&format!("entity::{module}::Entity)"));
        assert!(
            plain || list.contains(&format!("entity::r#{module}::Entity)")),
            "{module} is not on the graph"
        );
    }
}

fn modules(library: &str) -> Vec<String> {
    let file = syn::parse_file(library).unwrap_or_else(|e| panic!("{e}: {library}"));
    let modules = file.items.into_iter().filter_map(|item| match item {
        Item::Mod(of) => Some(of.ident.to_string().trim_start_matches("r#").to_owned()),
        _ => None,
    });
    modules.collect()
}

fn file(module: &str, text: &str) -> File {
    let parsed = syn::parse_file(text).unwrap_or_else(|e| panic!("{module}: {e}: {text}"));
    let mut file = File {
        columns: HashSet::new(),
        relations: HashSet::new(),
    };
    for item in parsed.items {
        match item {
            Item::Struct(model) => {
                let Fields::Named(fields) = model.fields else {
                    continue;
                };
                for field in fields.named {
                    let ident = field.ident.expect("a name").to_string();
                    let variant = ident.trim_start_matches("r#").to_upper_camel_case();
                    assert!(file.columns.insert(variant), "{module} has {ident} twice");
                }
            }
            Item::Enum(relation) => {
                for variant in relation.variants {
                    let name = variant.ident.to_string();
                    assert!(
                        file.relations.insert(name),
                        "{module} has {} twice",
                        variant.ident
                    );
                }
            }
            _ => {}
        }
    }
    file
}

/// What a file names of itself and of others: a module, `Column` or `Relation`, and a variant.
fn named(module: &str, text: &str) -> Vec<(String, String, String)> {
    let plain = text.replace("r#", "");
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let words = plain.split(|c| !is_part(c));
    let mut found = Vec::new();
    let mut many: Option<String> = None;
    for word in words {
        let parts: Vec<&str> = word.split("::").collect();
        match parts[..] {
            ["super", other, "Entity"] => {
                many = Some(other.to_owned());
                found.push((other.to_owned(), "Entity".to_owned(), String::new()));
            }
            ["super", other, of, name] => {
                found.push((other.to_owned(), of.to_owned(), name.to_owned()))
            }
            ["Entity"] => many = Some(module.to_owned()),
            ["Column", name] => {
                found.push((module.to_owned(), "Column".to_owned(), name.to_owned()))
            }
            // `via_rel = "Relation::…"` is of the entity before it.
            ["Relation", name] => {
                let of = many.take().unwrap_or_else(|| module.to_owned());
                found.push((of, "Relation".to_owned(), name.to_owned()));
            }
            _ => {}
        }
    }
    found
}
