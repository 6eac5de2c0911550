//! SeaORM's attributes of tables, columns and relations.

use heck::{ToSnakeCase, ToUpperCamelCase};
use sea_orm::sea_query::{ColumnType, ForeignKeyAction, StringLen};
use syn::Attribute;

use super::draft::{Draft, Entity};
use super::idents::code;
use super::relations::{Kind, Relation};

pub fn of_table(entity: &Entity) -> syn::Result<Option<Attribute>> {
    let table = &entity.table;
    let mut parts = Vec::new();
    parts.extend(
        table
            .schema
            .as_ref()
            .map(|schema| named("schema_name", schema)),
    );
    parts.push(named("table_name", &table.name));
    parts.extend(table.comment.as_ref().map(|text| named("comment", text)));
    attribute(&parts)
}

pub fn of_column(entity: &Entity, ix: usize) -> syn::Result<Option<Attribute>> {
    let (column, field) = (&entity.table.columns[ix], &entity.fields[ix]);
    let is_key = entity.is_key(&column.name);
    let mut parts = Vec::new();
    // SeaORM takes the field's name, which may lose its underscores on the way there and back.
    if column.name != *field || field.to_upper_camel_case().to_snake_case() != *field {
        parts.push(named("column_name", &column.name));
    }
    if is_key {
        parts.push("primary_key".to_owned());
        if !entity.makes(&column.name) {
            parts.push("auto_increment = false".to_owned());
        }
    }
    let cast = column.of.cast.as_ref();
    let of = column_type(&column.of.declared, cast.is_some());
    parts.extend(of.map(|of| named("column_type", &of)));
    if let Some(cast) = cast {
        parts.push(named("select_as", &cast.select));
        parts.extend(cast.save.as_ref().map(|save| named("save_as", save)));
    }
    if entity.is_unique(&column.name) {
        parts.push("unique".to_owned());
    }
    let together = entity.unique_together();
    let key = together
        .iter()
        .find(|(_, columns)| columns.contains(&column.name));
    parts.extend(key.map(|(name, _)| named("unique_key", name)));
    if !entity.makes(&column.name) {
        let default = column.default.as_ref();
        let default = default.map(|sql| format!("Expr::cust({})", text(sql)));
        parts.extend(default.map(|expression| named("default_expr", &expression)));
    }
    parts.extend(column.extra.as_ref().map(|extra| named("extra", extra)));
    parts.extend(column.comment.as_ref().map(|text| named("comment", text)));
    attribute(&parts)
}

/// The words of a relation's attribute.
pub fn of_relation(draft: &Draft, entity: &Entity, relation: &Relation) -> String {
    let other = &draft.entities[relation.to];
    let is_self = std::ptr::eq(other, entity);
    let to = match is_self {
        true => "Entity".to_owned(),
        false => format!("{}::Entity", path(other)),
    };
    match &relation.kind {
        Kind::HasOne { .. } => named("has_one", &to),
        Kind::HasMany { via, .. } => {
            let via = format!("Relation::{via}");
            [named("has_many", &to), named("via_rel", &via)].join(", ")
        }
        Kind::BelongsTo { key } => {
            let key = &entity.table.foreign_keys[*key];
            let there = match is_self {
                true => "Column".to_owned(),
                false => format!("{}::Column", path(other)),
            };
            let mut parts = vec![
                named("belongs_to", &to),
                named("from", &variants(entity, &key.columns, "Column")),
                named("to", &variants(other, &key.to_columns, &there)),
            ];
            parts.extend(key.on_update.map(|of| named("on_update", action(of))));
            parts.extend(key.on_delete.map(|of| named("on_delete", action(of))));
            parts.join(", ")
        }
    }
}

/// Where an entity is, as seen from its like.
pub fn path(entity: &Entity) -> String {
    format!("super::{}", code(&entity.module))
}

/// The variant of a column: `OriginalLanguageId`.
pub fn variant(entity: &Entity, column: &str) -> String {
    let mut columns = entity.table.columns.iter().zip(&entity.fields);
    let field = columns.find(|(c, _)| c.name == column);
    field.map_or_else(String::new, |(_, field)| field.to_upper_camel_case())
}

fn variants(entity: &Entity, columns: &[String], of: &str) -> String {
    let variants = columns
        .iter()
        .map(|c| format!("{of}::{}", variant(entity, c)));
    match &variants.collect::<Vec<_>>()[..] {
        [one] => one.clone(),
        several => format!("({})", several.join(", ")),
    }
}

fn action(of: ForeignKeyAction) -> &'static str {
    match of {
        ForeignKeyAction::Restrict => "Restrict",
        ForeignKeyAction::Cascade => "Cascade",
        ForeignKeyAction::SetNull => "SetNull",
        ForeignKeyAction::SetDefault => "SetDefault",
        _ => "NoAction",
    }
}

/// What has to be said of a type, where its Rust type does not say it.
fn column_type(of: &ColumnType, as_text: bool) -> Option<String> {
    let of = match of {
        ColumnType::Timestamp => "Timestamp".to_owned(),
        ColumnType::Text => "Text".to_owned(),
        ColumnType::String(StringLen::N(most)) => format!("String(StringLen::N({most}))"),
        ColumnType::Char(most) => format!("Char({most:?})"),
        ColumnType::Decimal(Some((precision, scale))) => {
            format!("Decimal(Some(({precision}, {scale})))")
        }
        ColumnType::Money(_) => "Money(None)".to_owned(),
        ColumnType::JsonBinary => "JsonBinary".to_owned(),
        ColumnType::Time if as_text => "Time".to_owned(),
        ColumnType::Interval(..) => "Interval(None, None)".to_owned(),
        ColumnType::Inet => "Inet".to_owned(),
        ColumnType::Cidr => "Cidr".to_owned(),
        ColumnType::MacAddr => "MacAddr".to_owned(),
        ColumnType::Custom(name) => format!("custom({})", text(&name.to_string())),
        ColumnType::Enum { name, variants } if as_text => {
            let iden = |of: &str| format!("sea_orm::sea_query::IntoIden::into_iden({})", text(of));
            let variants = variants.iter().map(|of| iden(&of.to_string()));
            format!(
                "Enum {{ name: {}, variants: vec![{}] }}",
                iden(&name.to_string()),
                variants.collect::<Vec<_>>().join(", ")
            )
        }
        ColumnType::Array(element) => {
            let element = column_type(element, as_text)?;
            format!("Array(RcOrArc::new(ColumnType::{element}))")
        }
        _ => return None,
    };
    Some(of)
}

fn attribute(parts: &[String]) -> syn::Result<Option<Attribute>> {
    if parts.is_empty() {
        return Ok(None);
    }
    let field: syn::ItemStruct =
        syn::parse_str(&format!("#[sea_orm({})] struct Any;", parts.join(", ")))?;
    Ok(field.attrs.into_iter().next())
}

fn named(name: &str, value: &str) -> String {
    format!("{name} = {}", text(value))
}

/// A literal of Rust.
fn text(value: &str) -> String {
    format!("{value:?}")
}
