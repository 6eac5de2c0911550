//! The files of entities, which sea-orm-codegen writes from plain names; what it does not know of a column or of a
//! relation is put in afterwards.
//!
//! It ends the program at names that are none in Rust, calls several relations to one table by numbers, and leaves out
//! defaults, comments and whatever SeaORM has no type for; so it is given names and types that it can do with.

use std::collections::HashMap;

use heck::ToUpperCamelCase;
use sea_orm::sea_query::{
    Alias, ColumnDef, ColumnType, Index, IntoIden, RcOrArc, Table, TableCreateStatement,
};
use sea_orm_codegen::{
    BannerVersion, BigIntegerType, DateTimeCrate, EntityFormat, EntityTransformer,
    EntityWriterContext, WithPrelude, WithSerde,
};
use syn::{Attribute, Ident, Item, UseTree, parse_quote};

use super::attributes;
use super::draft::{Draft, Entity, EnumDraft};
use super::idents::code as as_code;
use super::tables::Type;

/// A file of the entities' folder, and its content.
pub struct File {
    pub name: String,
    pub content: String,
    /// What it is about, for its first line.
    pub about: String,
}

/// What cannot be written as Rust; a mistake of this generator.
#[derive(Debug, thiserror::Error)]
#[error(
    "the entities could not be written as Rust ({0}); please report the definition of the table that it names"
)]
pub struct CodeError(String);

pub fn files(draft: &Draft) -> Result<Vec<File>, CodeError> {
    let statements = draft.entities.iter().map(|entity| statement(draft, entity));
    let written = EntityTransformer::transform(statements.collect())
        .map_err(|error| CodeError(error.to_string()))?
        .generate(&context());
    let written = written
        .files
        .into_iter()
        .map(|file| (file.name, file.content));
    let written: HashMap<String, String> = written.collect();
    let read = |name: &str| {
        let text = written.get(name).map_or("", String::as_str);
        let mut file = syn::parse_file(text).map_err(|e| CodeError(format!("{name}: {e}")))?;
        file.attrs.clear();
        file.items.iter_mut().for_each(mark);
        Ok::<_, CodeError>(file)
    };
    let mut files = Vec::new();
    for (place, entity) in draft.entities.iter().enumerate() {
        let name = format!("{}.rs", entity.module);
        let mut file = read(&name)?;
        complete(&mut file, draft, place).map_err(|e| CodeError(format!("{name}: {e}")))?;
        files.push(File {
            name,
            content: printed(&file),
            about: format!("The table `{}`", entity.table.shown()),
        });
    }
    let name = "sea_orm_active_enums.rs";
    if written.contains_key(name) {
        let mut file = read(name)?;
        enums(&mut file, &draft.enums);
        files.push(File {
            name: name.to_owned(),
            content: printed(&file),
            about: "The enums of the database".to_owned(),
        });
    }
    for (name, about) in [
        ("prelude.rs", "All entities, by their tables"),
        ("lib.rs", "The entities"),
    ] {
        files.push(File {
            name: name.to_owned(),
            content: printed(&read(name)?),
            about: about.to_owned(),
        });
    }
    Ok(files)
}

/// Marks what is a keyword of Rust's that sea-orm-codegen does not know.
fn mark(item: &mut Item) {
    match item {
        Item::Mod(of) => mark_ident(&mut of.ident),
        Item::Use(of) => mark_path(&mut of.tree),
        Item::Struct(of) => {
            let fields = of.fields.iter_mut();
            fields
                .filter_map(|field| field.ident.as_mut())
                .for_each(mark_ident);
        }
        _ => {}
    }
}

fn mark_path(tree: &mut UseTree) {
    if let UseTree::Path(path) = tree {
        mark_ident(&mut path.ident);
        mark_path(&mut path.tree);
    }
}

fn mark_ident(ident: &mut Ident) {
    // What cannot be marked, as `super` in a path, stays as it is.
    if let Ok(marked) = syn::parse_str(&as_code(&ident.to_string())) {
        *ident = marked;
    }
}

/// The items, set apart by blank lines where they are more than a line.
fn printed(file: &syn::File) -> String {
    let mut text = String::new();
    for (ix, item) in file.items.iter().enumerate() {
        let is_line = |item: &Item| matches!(item, Item::Use(_) | Item::Mod(_));
        let alone = syn::File {
            shebang: None,
            attrs: Vec::new(),
            items: vec![item.clone()],
        };
        if ix > 0 && !(is_line(item) && is_line(&file.items[ix - 1])) {
            text.push('\n');
        }
        text += &prettyplease::unparse(&alone);
    }
    text
}

fn context() -> EntityWriterContext {
    let none = Vec::new;
    EntityWriterContext::new(
        EntityFormat::Compact,
        WithPrelude::All,
        WithSerde::None,
        true,
        DateTimeCrate::Chrono,
        BigIntegerType::I64,
        None,
        true,
        false,
        false,
        none(),
        none(),
        none(),
        none(),
        none(),
        false,
        true,
        BannerVersion::Off,
    )
}

/// The table as sea-orm-codegen is told of it: by the names that it has in Rust, without references.
fn statement(draft: &Draft, entity: &Entity) -> TableCreateStatement {
    let mut table = Table::create();
    table.table(Alias::new(&entity.module));
    for (column, field) in entity.table.columns.iter().zip(&entity.fields) {
        let of = stand_in(draft, &column.of);
        let mut definition = ColumnDef::new_with_type(Alias::new(field), of);
        if !column.nullable {
            definition.not_null();
        }
        table.col(&mut definition);
    }
    let mut key = Index::create();
    for (column, field) in entity.table.columns.iter().zip(&entity.fields) {
        if entity.is_key(&column.name) {
            key.col(Alias::new(field));
        }
    }
    table.primary_key(&mut key);
    table.take()
}

/// A type that comes to the Rust type that is wanted.
fn stand_in(draft: &Draft, of: &Type) -> ColumnType {
    let single = match (&of.cast, of.enumeration) {
        (Some(cast), _) if cast.select == "numeric" => ColumnType::Decimal(None),
        (Some(_), _) => ColumnType::Text,
        (None, Some(place)) => {
            let of = &draft.enums[place];
            ColumnType::Enum {
                name: Alias::new(&of.ident).into_iden(),
                variants: of
                    .variants
                    .iter()
                    .map(|v| Alias::new(v).into_iden())
                    .collect(),
            }
        }
        (None, None) => return of.declared.clone(),
    };
    match of.declared {
        ColumnType::Array(_) => ColumnType::Array(RcOrArc::new(single)),
        _ => single,
    }
}

/// Puts in what the table is really called, its columns' attributes and the relations.
fn complete(file: &mut syn::File, draft: &Draft, place: usize) -> syn::Result<()> {
    let entity = &draft.entities[place];
    let relations: Item = syn::parse_str(&relation_enum(draft, entity))?;
    let mut items = Vec::new();
    for item in file.items.drain(..) {
        match item {
            Item::Struct(mut model) => {
                set(&mut model.attrs, attributes::of_table(entity)?);
                for (ix, field) in model.fields.iter_mut().enumerate() {
                    set(&mut field.attrs, attributes::of_column(entity, ix)?);
                }
                items.push(Item::Struct(model));
            }
            Item::Enum(_) => {
                items.push(relations.clone());
                for text in related(draft, place) {
                    items.push(syn::parse_str(&text)?);
                }
            }
            other => items.push(other),
        }
    }
    // As rustfmt sorts them.
    let uses = items
        .iter()
        .take_while(|item| matches!(item, Item::Use(_)))
        .count();
    items[..uses].reverse();
    file.items = items;
    Ok(())
}

/// Puts an attribute in place of the one that was written.
fn set(attributes: &mut Vec<Attribute>, own: Option<Attribute>) {
    attributes.retain(|attribute| !attribute.path().is_ident("sea_orm"));
    attributes.extend(own);
}

fn relation_enum(draft: &Draft, entity: &Entity) -> String {
    let variants = entity.relations.iter().map(|relation| {
        let attribute = attributes::of_relation(draft, entity, relation);
        format!("#[sea_orm({attribute})]\n{}", relation.variant)
    });
    format!(
        "#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]\npub enum Relation {{ {} }}",
        variants.collect::<Vec<_>>().join(",\n")
    )
}

/// What SeaORM's `find_also_related` and its like go by: one way to each other entity.
fn related(draft: &Draft, place: usize) -> Vec<String> {
    let entity = &draft.entities[place];
    let mut written = Vec::new();
    let mut known = vec![place];
    for relation in &entity.relations {
        if known.contains(&relation.to) {
            continue;
        }
        known.push(relation.to);
        let variant = entity.related(relation.to).unwrap_or(&relation.variant);
        written.push(format!(
            "impl Related<{}::Entity> for Entity {{ fn to() -> RelationDef {{ Relation::{variant}.def() }} }}",
            attributes::path(&draft.entities[relation.to])
        ));
    }
    for junction in &draft.entities {
        let Some([a, b]) = junction.junction() else {
            continue;
        };
        for (near, far) in [(a, b), (b, a)] {
            if near.to != place || known.contains(&far.to) {
                continue;
            }
            known.push(far.to);
            let link = attributes::path(junction);
            written.push(format!(
                "impl Related<{}::Entity> for Entity {{
                    fn to() -> RelationDef {{ {link}::Relation::{}.def() }}
                    fn via() -> Option<RelationDef> {{ Some({link}::Relation::{}.def().rev()) }}
                }}",
                attributes::path(&draft.entities[far.to]),
                far.variant,
                near.variant
            ));
        }
    }
    written
}

/// Puts in what enums and their values are really called.
fn enums(file: &mut syn::File, drafts: &[EnumDraft]) {
    for item in &mut file.items {
        let Item::Enum(written) = item else {
            continue;
        };
        let of = |draft: &&EnumDraft| written.ident == draft.ident.to_upper_camel_case();
        let Some(draft) = drafts.iter().find(of) else {
            continue;
        };
        let name = &draft.of.name;
        let own = parse_quote!(#[sea_orm(rs_type = "Enum", db_type = "Enum", enum_name = #name)]);
        set(&mut written.attrs, Some(own));
        let values = draft.of.values.iter().zip(&draft.variants);
        for (variant, (value, ident)) in written.variants.iter_mut().zip(values) {
            set(
                &mut variant.attrs,
                Some(parse_quote!(#[sea_orm(string_value = #value)])),
            );
            if let Ok(ident) = syn::parse_str(ident) {
                variant.ident = ident;
            }
        }
    }
}
