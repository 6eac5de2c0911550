//! What SQLite's pragmas say of the tables.

use std::collections::BTreeMap;

use sea_orm::sea_query::{ColumnType, StringLen};
use sea_orm::{DatabaseTransaction, DbErr, RuntimeErr};
use sea_schema::sqlite::def::parse_type;

use super::tables::{
    Broken, Cast, Column, ForeignKey, Form, MAIN, Table, Tables, Type, Unique, action, ask,
};

pub async fn read(transaction: &DatabaseTransaction) -> Result<Tables, DbErr> {
    let mut tables = Vec::new();
    let mut broken = Vec::new();
    for row in ask(transaction, TABLES, []).await? {
        let name: String = row.try_get("", "name")?;
        let kind: String = row.try_get("", "kind")?;
        let form = match kind.as_str() {
            "view" => Form::View,
            "virtual" => Form::Virtual,
            "shadow" => Form::Kept,
            _ => Form::Table,
        };
        match table(transaction, name.clone(), form).await {
            Ok(table) => tables.push(table),
            Err(error) => {
                let why = unreadable(&error).ok_or(error)?;
                broken.push(Broken { name, form, why });
            }
        }
    }
    name_keys(&mut tables);
    follow_references(&mut tables);
    Ok(Tables {
        tables,
        broken,
        ..Tables::default()
    })
}

/// What SQLite says of something that names what is not there: a table that is gone, a function or a module that it does
/// not have. Whatever else goes wrong is about the file, and not about one of its tables.
fn unreadable(error: &DbErr) -> Option<String> {
    const GENERIC: &str = "1";
    let DbErr::Query(RuntimeErr::SqlxError(cause)) = error else {
        return None;
    };
    let cause = cause.as_database_error()?;
    (cause.code()? == GENERIC).then(|| cause.message().to_owned())
}

async fn table(
    transaction: &DatabaseTransaction,
    name: String,
    form: Form,
) -> Result<Table, DbErr> {
    let mut columns = Vec::new();
    let mut key: BTreeMap<i64, String> = BTreeMap::new();
    let mut key_type = String::new();
    for row in ask(transaction, COLUMNS, [name.as_str().into()]).await? {
        let column: String = row.try_get("", "name")?;
        let place: i64 = row.try_get("", "place")?;
        let shown: String = row.try_get("", "type_name")?;
        let default: Option<String> = row.try_get("", "default_value")?;
        let generated: bool = row.try_get("", "generated")?;
        if place > 0 {
            key.insert(place, column.clone());
            key_type = shown.clone();
        }
        columns.push(Column {
            of: type_of(&shown),
            // By an old mistake that SQLite keeps, a primary key forbids nulls only where it says so once more.
            nullable: row.try_get::<bool>("", "nullable")? && place == 0,
            default: default.filter(|text| !generated && !text.eq_ignore_ascii_case("null")),
            extra: generated.then(|| "GENERATED ALWAYS".to_owned()),
            name: column,
            comment: None,
        });
    }
    for column in &mut columns {
        if matches!(column.of.declared, ColumnType::Uuid) {
            column.of = uuid(transaction, &name, column).await?;
        }
    }
    let rows = ask(transaction, INDEXES, [name.as_str().into()]).await?;
    let mut unique: BTreeMap<String, Option<Vec<String>>> = BTreeMap::new();
    let mut key_is_index = false;
    for row in &rows {
        let of: String = row.try_get("", "index_name")?;
        let column: Option<String> = row.try_get("", "name")?;
        if row.try_get::<bool>("", "is_primary")? {
            key_is_index = true;
            continue;
        }
        let columns = unique.entry(of).or_insert_with(|| Some(Vec::new()));
        match (column, columns.as_mut()) {
            (Some(column), Some(columns)) => columns.push(column),
            // What is unique is an expression, which no column is.
            _ => *columns = None,
        }
    }
    let primary_key: Vec<String> = key.into_values().collect();
    // The number of the row itself, which SQLite gives to a row that comes without.
    let is_row_number = key_type.eq_ignore_ascii_case("integer") && !key_is_index;
    Ok(Table {
        schema: None,
        home: MAIN.to_owned(),
        form,
        comment: None,
        columns,
        makes_key: primary_key.len() == 1 && is_row_number,
        primary_key,
        unique: unique_keys(unique),
        foreign_keys: foreign_keys(transaction, &name).await?,
        name,
    })
}

/// An index that SQLite named by itself (`sqlite_autoindex_user_1`) is called by its columns, or by what is free: `a, b_c`
/// and `a_b, c` come to the same, and SeaORM makes one key of all columns that have one name.
fn unique_keys(found: BTreeMap<String, Option<Vec<String>>>) -> Vec<Unique> {
    let found = found.into_iter();
    let found = found.filter_map(|(name, columns)| Some((name, columns?)));
    let (own, given): (Vec<_>, Vec<_>) =
        found.partition(|(name, _)| name.starts_with("sqlite_autoindex_"));
    let mut keys: Vec<Unique> = Vec::new();
    let own = own
        .into_iter()
        .map(|(_, columns)| (columns.join("_"), columns));
    for (name, columns) in given.into_iter().chain(own) {
        let numbered = (2..).map(|n: u32| format!("{name}_{n}"));
        let mut names = std::iter::once(name.clone()).chain(numbered);
        let free = names.find(|name| keys.iter().all(|key| key.name != *name));
        keys.push(Unique {
            name: free.unwrap_or(name),
            columns,
            is_immediate: true,
        });
    }
    keys
}

/// A column of UUIDs: SeaORM writes each as 16 bytes, and most others as text, by which alone it is found then. What the
/// column holds says which; until it holds something, the word that SeaORM declares them by.
async fn uuid(
    transaction: &DatabaseTransaction,
    table: &str,
    column: &Column,
) -> Result<Type, DbErr> {
    const OF_SEAORM: &str = "uuid_text";
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let name = quoted(&column.name);
    let sql = format!(
        "SELECT typeof({name}) = 'blob' AS is_bytes FROM {} WHERE {name} IS NOT NULL LIMIT 1",
        quoted(table)
    );
    let held: Option<bool> = match ask(transaction, &sql, []).await {
        Ok(rows) => rows
            .first()
            .map(|row| row.try_get("", "is_bytes"))
            .transpose()?,
        // A view whose columns are known may still have no rows that can be read.
        Err(error) if unreadable(&error).is_some() => None,
        Err(error) => return Err(error),
    };
    let shown = &column.of.shown;
    let declared = match held.unwrap_or_else(|| shown.eq_ignore_ascii_case(OF_SEAORM)) {
        true => ColumnType::Uuid,
        false => ColumnType::Text,
    };
    Ok(Type {
        is_assumed: held.is_none(),
        ..Type::plain(declared, shown)
    })
}

/// What refers to a column holds what that one does.
fn follow_references(tables: &mut [Table]) {
    loop {
        let mut known = Vec::new();
        for (place, table) in tables.iter().enumerate() {
            for key in &table.foreign_keys {
                let target = tables.iter().find(|other| other.name == key.table);
                for (here, there) in key.columns.iter().zip(&key.to_columns) {
                    let of = target.and_then(|target| target.column(there));
                    let of = of.map(|column| &column.of).filter(|of| !of.is_assumed);
                    let is_either =
                        |of: &&Type| matches!(of.declared, ColumnType::Uuid | ColumnType::Text);
                    let of = of.filter(is_either);
                    let column = table.columns.iter().position(|c| c.name == *here);
                    let column = column.filter(|&ix| table.columns[ix].of.is_assumed);
                    known.extend(
                        column
                            .zip(of)
                            .map(|(ix, of)| (place, ix, of.declared.clone())),
                    );
                }
            }
        }
        if known.is_empty() {
            return;
        }
        for (place, ix, declared) in known {
            let of = &mut tables[place].columns[ix].of;
            *of = Type::plain(declared, &of.shown);
        }
    }
}

async fn foreign_keys(
    transaction: &DatabaseTransaction,
    table: &str,
) -> Result<Vec<ForeignKey>, DbErr> {
    let mut keys: BTreeMap<i64, ForeignKey> = BTreeMap::new();
    for row in ask(transaction, FOREIGN_KEYS, [table.into()]).await? {
        let (on_delete, on_update): (String, String) =
            (row.try_get("", "on_delete")?, row.try_get("", "on_update")?);
        let key = keys
            .entry(row.try_get("", "id")?)
            .or_insert_with(|| ForeignKey {
                columns: Vec::new(),
                schema: None,
                table: String::new(),
                to_columns: Vec::new(),
                on_delete: action(&on_delete),
                on_update: action(&on_update),
            });
        key.table = row.try_get("", "target")?;
        key.columns.push(row.try_get("", "here")?);
        key.to_columns
            .extend(row.try_get::<Option<String>>("", "there")?);
    }
    // SQLite lists the last that was declared first.
    Ok(keys.into_values().rev().collect())
}

/// SQLite tells no case of names apart, and a reference that names no column is to the primary key.
fn name_keys(tables: &mut [Table]) {
    let known: Vec<Table> = tables.to_vec();
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    for table in tables {
        for index in 0..table.foreign_keys.len() {
            let key = &mut table.foreign_keys[index];
            for name in &mut key.columns {
                let own = table.columns.iter().find(|c| same(&c.name, name));
                if let Some(own) = own {
                    name.clone_from(&own.name);
                }
            }
            let Some(target) = known.iter().find(|t| same(&t.name, &key.table)) else {
                continue;
            };
            key.table.clone_from(&target.name);
            if key.to_columns.is_empty() {
                key.to_columns.clone_from(&target.primary_key);
            }
            for name in &mut key.to_columns {
                let own = target.columns.iter().find(|c| same(&c.name, name));
                if let Some(own) = own {
                    name.clone_from(&own.name);
                }
            }
        }
    }
}

/// What SeaORM has for a type as it was declared, which SQLite itself hardly heeds.
fn type_of(shown: &str) -> Type {
    let (word, rest) = shown.split_once('(').unwrap_or((shown, ""));
    let sizes = || -> Vec<u32> {
        let rest = rest.trim_end().trim_end_matches(')');
        rest.split(',')
            .map_while(|n| n.trim().parse().ok())
            .collect()
    };
    let word = word.trim().to_lowercase();
    let declared = match word.as_str() {
        "datetime" => ColumnType::DateTime,
        "timestamptz" | "timestamp with time zone" => ColumnType::TimestampWithTimeZone,
        "date" => ColumnType::Date,
        "time" => ColumnType::Time,
        "bool" | "bit" => ColumnType::Boolean,
        "json" => ColumnType::Json,
        "jsonb" => ColumnType::JsonBinary,
        "uuid" | "guid" => ColumnType::Uuid,
        "numeric" | "decimal" | "number" | "dec" => match sizes()[..] {
            [precision, scale] => ColumnType::Decimal(Some((precision, scale))),
            [precision] => ColumnType::Decimal(Some((precision, 0))),
            _ => ColumnType::Decimal(None),
        },
        "binary" | "varbinary" | "blob" | "image" | "bytea" => ColumnType::Blob,
        // SQLite's own are of 64 bits, whatever they are called.
        "float" => ColumnType::Double,
        _ => match parse_type(shown.to_owned()) {
            // Nothing holds a text to its length.
            Ok(ColumnType::Char(_) | ColumnType::String(StringLen::N(_))) => ColumnType::Text,
            Ok(declared) => declared,
            Err(_) => ColumnType::custom("any"),
        },
    };
    let cast = matches!(declared, ColumnType::Custom(_)).then(|| Cast {
        select: "text".to_owned(),
        // A cast would make a number of it.
        save: None,
    });
    let declared = match (&cast, shown) {
        (Some(_), "") => ColumnType::custom("any"),
        _ => declared,
    };
    Type {
        cast,
        ..Type::plain(declared, shown)
    }
}

const TABLES: &str = "
    SELECT name, CASE WHEN name IN ('seaql_migrations', 'backref_answer') THEN 'shadow' ELSE type END AS kind
    FROM pragma_table_list
    WHERE schema = 'main' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
    ORDER BY name";

/// `hidden` is 1 for a module's own columns, 2 and 3 for generated ones.
const COLUMNS: &str = "
    SELECT name, type AS type_name, \"notnull\" = 0 AS nullable, pk AS place, dflt_value AS default_value,
           hidden > 1 AS generated
    FROM pragma_table_xinfo(?) WHERE hidden <> 1 ORDER BY cid";

const INDEXES: &str = "
    SELECT list.name AS index_name, info.name AS name, list.origin = 'pk' AS is_primary
    FROM pragma_index_list(?1) AS list JOIN pragma_index_info(list.name) AS info
    WHERE list.\"unique\" AND NOT list.partial ORDER BY list.name, info.seqno";

const FOREIGN_KEYS: &str = "
    SELECT id, \"table\" AS target, \"from\" AS here, \"to\" AS there, on_delete, on_update
    FROM pragma_foreign_key_list(?) ORDER BY id, seq";
