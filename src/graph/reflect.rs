//! Reads an entity's SeaORM traits into plain data. The generic shell is thin; everything after it is
//! compiled once.

use std::any::type_name;
use std::sync::Arc;

use sea_orm::sea_query::{
    ColumnSpec, ColumnType, ConditionType, ForeignKeyAction, StringLen, TableName, TableRef,
};
use sea_orm::{
    ColumnDef, ColumnTrait, DbBackend, EntityTrait, IdenStatic, Iterable, PrimaryKeyToColumn,
    PrimaryKeyTrait, RelationDef, RelationTrait, RelationType, Schema,
};

use super::definition::short;
use super::hooks::{self, Fits};
use super::{EnumType, JoinCondition, Kind, names};

/// An entity as declared, before relations are resolved.
pub(super) struct RawEntity {
    pub module: String,
    pub table: TableKey,
    pub columns: Vec<RawColumn>,
    pub primary_key: Vec<String>,
    pub relations: Vec<RawRelation>,
    /// The database makes the values of the primary key, if that is one integer.
    pub makes_key: bool,
    /// Columns that are unique together, by the name of their `unique_key = "…"`.
    pub unique_keys: Vec<(String, Vec<String>)>,
    /// What somebody wrote of it: `comment = "…"`.
    pub comment: Option<String>,
    pub fits: Fits,
}

pub(super) struct RawColumn {
    pub name: String,
    pub comment: Option<String>,
    pub kind: Kind,
    pub nullable: bool,
    pub unique: bool,
    pub made: Made,
    /// The most characters that it holds.
    pub max_length: Option<u32>,
    /// The least and the greatest whole number.
    pub range: Option<(i64, i64)>,
    /// The most digits before a decimal's point.
    pub whole_digits: Option<u32>,
}

/// What the database makes of a column by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    Nothing,
    /// A value where none is given.
    Default,
    /// Every value: none can be given.
    Always,
}

pub(super) struct RawRelation {
    pub variant: String,
    pub declared: String,
    pub shape: Shape,
    pub to: TableKey,
    pub from_columns: Vec<String>,
    pub to_columns: Vec<String>,
    pub condition: Option<JoinCondition>,
    /// `condition_type = "any"`: the condition widens the join instead of narrowing it.
    pub widens: bool,
    /// Declared without a constraint.
    pub skip_fk: bool,
    pub on_delete: Option<ForeignKeyAction>,
    pub on_update: Option<ForeignKeyAction>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    BelongsTo,
    HasOne,
    HasMany,
}

/// A table by its schema, if one is declared, and its name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct TableKey {
    pub schema: Option<String>,
    pub table: String,
}

impl TableKey {
    pub fn of(table: &TableRef) -> Self {
        match table {
            TableRef::Table(TableName(schema, table), _) => TableKey {
                schema: schema.as_ref().map(|s| s.1.to_string()),
                table: table.to_string(),
            },
            other => TableKey {
                schema: None,
                table: other.sea_orm_table().to_string(),
            },
        }
    }
}

pub(super) fn read<E: EntityTrait>(entity: E) -> RawEntity {
    let module = type_name::<E>().trim_end_matches("::Entity").to_owned();
    let mut raw = RawEntity {
        table: TableKey::of(&entity.table_ref()),
        columns: E::Column::iter()
            .map(|c| column(c.as_str(), &c.def(), &definition::<E>(c)))
            .collect(),
        primary_key: E::PrimaryKey::iter()
            .map(|k| k.into_column().as_str().to_owned())
            .collect(),
        relations: E::Relation::iter()
            .map(|r| relation(&module, r.name(), r.def()))
            .collect(),
        comment: entity.comment().and_then(written),
        makes_key: E::PrimaryKey::auto_increment(),
        fits: hooks::fits::<E>,
        unique_keys: unique_keys(entity),
        module,
    };
    raw.keys_are_no_lists();
    raw
}

impl RawEntity {
    /// An array that is a key is the database's text of it, as an id must be.
    pub(super) fn keys_are_no_lists(&mut self) {
        let relations = self.relations.iter().flat_map(|r| &r.from_columns);
        let keys = self.primary_key.iter().chain(relations);
        for key in keys {
            let columns = self.columns.iter_mut();
            for column in columns.filter(|c| c.name == *key && c.kind.element().is_some()) {
                column.kind = Kind::Other;
            }
        }
    }
}

/// A column in the statement that would create it, where alone SeaORM shows some of what is declared.
fn definition<E: EntityTrait>(column: E::Column) -> ColumnSpec {
    let definition = Schema::new(DbBackend::Sqlite).get_column_def::<E>(column);
    definition.get_column_spec().clone()
}

/// The `comment = "…"` of a column, which may have `renamed_from` behind it.
pub(super) fn of_column(comment: &str) -> Option<String> {
    let comment = comment.split("renamed_from \"").next()?;
    written(comment.trim_end().trim_end_matches(';'))
}

/// The indexes that `unique_key = "…"` would create.
fn unique_keys<E: EntityTrait>(entity: E) -> Vec<(String, Vec<String>)> {
    let before = format!("idx-{}-", entity.to_string());
    let indexes = Schema::new(DbBackend::Sqlite).create_index_from_entity(entity);
    let unique = indexes.iter().filter(|index| index.is_unique_key());
    let named = unique.filter_map(|index| {
        let index = index.get_index_spec();
        let name = index.get_name()?.strip_prefix(&before)?;
        Some((name.to_owned(), index.get_column_names()))
    });
    named.collect()
}

pub(super) fn written(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn column(name: &str, def: &ColumnDef, definition: &ColumnSpec) -> RawColumn {
    RawColumn {
        name: name.to_owned(),
        comment: definition.comment.as_deref().and_then(of_column),
        kind: kind(def.get_column_type()),
        nullable: def.is_null(),
        unique: def.is_unique(),
        made: made(def, definition),
        max_length: max_length(def.get_column_type()),
        range: range(def.get_column_type()),
        whole_digits: whole_digits(def.get_column_type()),
    }
}

pub(super) fn max_length(column_type: &ColumnType) -> Option<u32> {
    match column_type {
        ColumnType::String(StringLen::N(most)) | ColumnType::Char(Some(most)) => Some(*most),
        _ => None,
    }
}

/// The least and the greatest whole number of a type that has fewer than `Int`, or than `BigInt`.
pub(super) fn range(column_type: &ColumnType) -> Option<(i64, i64)> {
    match column_type {
        ColumnType::TinyInteger => Some((i8::MIN.into(), i8::MAX.into())),
        ColumnType::SmallInteger => Some((i16::MIN.into(), i16::MAX.into())),
        ColumnType::TinyUnsigned => Some((0, u8::MAX.into())),
        ColumnType::SmallUnsigned => Some((0, u16::MAX.into())),
        ColumnType::Unsigned => Some((0, u32::MAX.into())),
        ColumnType::BigUnsigned => Some((0, i64::MAX)),
        ColumnType::Array(of) => range(of),
        _ => None,
    }
}

/// The most digits before the point of a decimal that says how many it has.
pub(super) fn whole_digits(column_type: &ColumnType) -> Option<u32> {
    match column_type {
        ColumnType::Decimal(Some((precision, scale))) => precision.checked_sub(*scale),
        ColumnType::Array(of) => whole_digits(of),
        _ => None,
    }
}

fn made(def: &ColumnDef, definition: &ColumnSpec) -> Made {
    let extra = definition.extra.as_deref().unwrap_or_default();
    let extra = extra.to_ascii_uppercase();
    if definition.generated.is_some() || extra.contains("GENERATED ALWAYS") {
        return Made::Always;
    }
    let has_default = def.get_column_default().is_some() || extra.contains("DEFAULT");
    match has_default {
        true => Made::Default,
        false => Made::Nothing,
    }
}

pub(super) fn kind(column_type: &ColumnType) -> Kind {
    use ColumnType::*;
    match column_type {
        TinyInteger | SmallInteger | Integer | TinyUnsigned | SmallUnsigned | Year => Kind::Int,
        BigInteger | Unsigned | BigUnsigned => Kind::BigInt,
        Float => Kind::Float { single: true },
        Double => Kind::Float { single: false },
        Decimal(precision) | Money(precision) => Kind::Decimal {
            scale: precision.map(|(_, scale)| scale),
            money: matches!(column_type, Money(_)),
        },
        Boolean => Kind::Boolean,
        Char(_) | String(_) | Text => Kind::Text,
        TimestampWithTimeZone => Kind::DateTime { zoned: true },
        DateTime | Timestamp => Kind::DateTime { zoned: false },
        Date => Kind::Date,
        Time => Kind::Time,
        Json | JsonBinary => Kind::Json,
        Uuid => Kind::Uuid,
        Blob | Binary(_) | VarBinary(_) => Kind::Bytes,
        Enum { name, variants } => {
            let values: Vec<_> = variants.iter().map(|v| v.to_string()).collect();
            Kind::Enum(Arc::new(EnumType {
                type_name: names::enumeration(&name.to_string()),
                name: name.to_string(),
                names: names::enum_values(&values),
                values,
            }))
        }
        // PostgreSQL does not say how many dimensions an array has.
        Array(of) => match kind(of) {
            Kind::Array(_) => Kind::Other,
            of => Kind::Array(Arc::new(of)),
        },
        _ => Kind::Other,
    }
}

fn relation(module: &str, variant: String, def: RelationDef) -> RawRelation {
    // SeaORM's `is_owner` is true on the side that does not hold the foreign key.
    let shape = match (def.rel_type, def.is_owner) {
        (RelationType::HasOne, false) => Shape::BelongsTo,
        (RelationType::HasOne, true) => Shape::HasOne,
        (RelationType::HasMany, _) => Shape::HasMany,
    };
    RawRelation {
        declared: format!("{}::Relation::{variant}", short(module)),
        variant,
        shape,
        to: TableKey::of(&def.to_tbl),
        from_columns: def.from_col.iter().map(|c| c.to_string()).collect(),
        to_columns: def.to_col.iter().map(|c| c.to_string()).collect(),
        widens: def.on_condition.is_some() && matches!(def.condition_type, ConditionType::Any),
        skip_fk: def.skip_fk,
        on_delete: def.on_delete,
        on_update: def.on_update,
        condition: def.on_condition.map(|condition| JoinCondition {
            condition,
            reversed: false,
        }),
    }
}
