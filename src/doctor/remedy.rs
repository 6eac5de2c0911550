//! How what is missing is made: a statement for the database at hand, and the same in a migration.
//!
//! Writes texts and never runs one.

use std::collections::HashSet;
use std::fmt::Write;

use sea_orm::DbBackend;
use sea_orm::sea_query::{
    ColumnDef, ForeignKeyAction, PostgresQueryBuilder, SqliteQueryBuilder, Table,
};
use sea_orm_migration::schema;

use super::migration::{call, lines};
use super::structure::IndexColumn;
use super::wants::ascending;
use crate::graph::{Column, ColumnIx, Entity, ForeignKey, Kind};
use crate::read::sql::{Dialect, forms};

/// What mends a finding.
#[derive(Debug, Clone)]
pub enum Remedy {
    Statements(Step),
    /// For whoever owns what is read: no migration knows which roles a database has.
    Grant(String),
    /// What no statement can do, or none that can be known here.
    Words(String),
}

/// What one finding takes, and its lines in a migration.
#[derive(Debug, Clone)]
pub struct Step {
    /// Statements to be run in this order, without a semicolon at the end.
    pub sql: Vec<String>,
    pub(super) code: Code,
}

#[derive(Debug, Clone)]
pub(super) enum Code {
    /// Lines of Rust that do it on either database, and take it back.
    Portable { up: String, down: String },
    /// What SQLite cannot do to a table that exists: the statement itself, and the one that takes it back.
    PostgresOnly { down: String },
    /// What only SQLite needs, and the statements that take it back.
    SqliteOnly { down: Vec<String> },
    /// Calls of `create_search` and `drop_search`, which need what all others make.
    Search { up: String, down: String },
}

/// Writes statements for one database.
pub struct Remedies {
    pub dialect: Dialect,
    /// Names that are taken, in lower case.
    pub names: HashSet<String>,
}

impl Remedies {
    pub fn new(dialect: Dialect, names: &HashSet<String>) -> Self {
        Remedies {
            dialect,
            names: names.iter().map(|n| n.to_lowercase()).collect(),
        }
    }

    pub fn index(&mut self, entity: &Entity, columns: &[IndexColumn], unique: bool) -> Remedy {
        let columns: Vec<(ColumnIx, IndexColumn)> = columns
            .iter()
            .filter_map(|c| Some((c.column?, *c)))
            .collect();
        let plain: Vec<ColumnIx> = columns.iter().map(|(ix, _)| *ix).collect();
        let name = self.name(entity, &plain, if unique { "key" } else { "idx" });
        let written = columns.iter().map(|(ix, c)| {
            let mut text = quoted(&entity.columns[*ix].name);
            if c.descending {
                text.push_str(" DESC");
            }
            let usual = ascending(*ix, self.dialect).nulls_first != c.descending;
            if c.nulls_first != usual {
                text.push_str(if c.nulls_first {
                    " NULLS FIRST"
                } else {
                    " NULLS LAST"
                });
            }
            text
        });
        let written = written.collect::<Vec<_>>().join(", ");
        let kind = if unique { "UNIQUE INDEX" } else { "INDEX" };
        let schema = entity.schema.as_ref();
        let schema = schema.map_or_else(String::new, |s| format!("{}.", quoted(s)));
        let (before_index, before_table) = match self.dialect {
            Dialect::Postgres => ("", schema.as_str()),
            Dialect::Sqlite => (schema.as_str(), ""),
        };
        let (index, table) = (quoted(&name), quoted(&entity.table));
        let sql =
            format!("CREATE {kind} {before_index}{index} ON {before_table}{table} ({written})");
        let special = columns
            .iter()
            .any(|(ix, c)| *c != ascending(*ix, self.dialect));
        let code = if special {
            Code::PostgresOnly {
                down: format!("DROP INDEX {schema}{index}"),
            }
        } else {
            let mut create = vec!["Index::create()".to_owned(), ".if_not_exists()".to_owned()];
            if unique {
                create.push(".unique()".to_owned());
            }
            create.push(format!(".name({name:?})"));
            create.push(format!(".table({})", table_code(entity)));
            create.extend(
                plain
                    .iter()
                    .map(|&c| format!(".col({:?})", entity.columns[c].name)),
            );
            create.push(".to_owned()".to_owned());
            let drop = [
                "Index::drop()".to_owned(),
                format!(".name({name:?})"),
                format!(".table({})", table_code(entity)),
                ".to_owned()".to_owned(),
            ];
            Code::Portable {
                up: lines(
                    "let index = ",
                    &create,
                    "manager.create_index(index).await?;",
                ),
                down: lines("let index = ", &drop, "manager.drop_index(index).await?;"),
            }
        };
        Remedy::Statements(Step {
            sql: vec![sql],
            code,
        })
    }

    /// The indexes, on SQLite, of rows that hold a value in another form than the server's: as `create_other_times` makes
    /// them, for every type that has a form.
    pub fn other_forms(&mut self, entity: &Entity, columns: &[ColumnIx]) -> Remedy {
        let schema = entity.schema.as_ref();
        let schema = schema.map_or_else(String::new, |s| format!("{}.", quoted(s)));
        let table = quoted(&entity.table);
        let (mut sql, mut down) = (Vec::new(), Vec::new());
        for &c in columns {
            let column = quoted(&entity.columns[c].name);
            let Some(other) = forms::other_form(&entity.columns[c].kind, &column) else {
                continue;
            };
            let index = quoted(&self.name(entity, &[c], "other_idx"));
            sql.push(format!(
                "CREATE INDEX {schema}{index} ON {table} ({column}) WHERE {other}"
            ));
            down.push(format!("DROP INDEX {schema}{index}"));
        }
        let code = Code::SqliteOnly { down };
        Remedy::Statements(Step { sql, code })
    }

    /// Where the table has another primary key already, a unique index says the same.
    pub fn primary_key(&mut self, entity: &Entity, has_another: bool) -> Remedy {
        if has_another || self.dialect == Dialect::Sqlite {
            let key = entity.primary_key.iter();
            let columns: Vec<_> = key.map(|&c| ascending(c, self.dialect)).collect();
            return self.index(entity, &columns, true);
        }
        let (table, columns) = (table_sql(entity), names_sql(entity, &entity.primary_key));
        let name = quoted(&self.name(entity, &[], "pkey"));
        self.constraint(
            &table,
            &name,
            &format!("ADD CONSTRAINT {name} PRIMARY KEY ({columns})"),
        )
    }

    pub fn foreign_key(&mut self, entity: &Entity, key: &ForeignKey, target: &Entity) -> Remedy {
        if self.dialect == Dialect::Sqlite {
            return Remedy::Words(rebuild("add a foreign key to"));
        }
        let (table, columns) = (table_sql(entity), names_sql(entity, &key.columns));
        let (there, there_columns) = (table_sql(target), names_sql(target, &key.to_columns));
        let name = quoted(&self.name(entity, &key.columns, "fkey"));
        let mut add = format!(
            "ADD CONSTRAINT {name} FOREIGN KEY ({columns}) REFERENCES {there} ({there_columns})"
        );
        for (event, action) in [("DELETE", &key.on_delete), ("UPDATE", &key.on_update)] {
            if let Some(action) = action.as_ref().and_then(action_sql) {
                let _ = write!(add, " ON {event} {action}");
            }
        }
        self.constraint(&table, &name, &add)
    }

    /// For a constraint that was added without looking at the rows.
    pub fn validate(&self, entity: &Entity, constraint: &str) -> Remedy {
        Remedy::Statements(Step {
            sql: vec![format!(
                "ALTER TABLE {} VALIDATE CONSTRAINT {}",
                table_sql(entity),
                quoted(constraint)
            )],
            code: Code::PostgresOnly {
                down: String::new(),
            },
        })
    }

    pub fn not_null(&self, entity: &Entity, column: &Column) -> Remedy {
        if self.dialect == Dialect::Sqlite {
            return Remedy::Words(rebuild("forbid nulls in a column of"));
        }
        let alter = format!(
            "ALTER TABLE {} ALTER COLUMN {}",
            table_sql(entity),
            quoted(&column.name)
        );
        Remedy::Statements(Step {
            sql: vec![format!("{alter} SET NOT NULL")],
            code: Code::PostgresOnly {
                down: format!("{alter} DROP NOT NULL"),
            },
        })
    }

    pub fn column(&self, entity: &Entity, column: &Column) -> Remedy {
        let Some((definition, helper)) = definition(column) else {
            return Remedy::Words(format!(
                "write the migration that adds `{}`: its type and what the rows that are there hold in it are not known here",
                column.name
            ));
        };
        if !column.nullable {
            return Remedy::Words(format!(
                "write the migration that adds `{}`: what the rows that are there hold in it is not known here",
                column.name
            ));
        }
        let mut alter = Table::alter();
        alter.add_column(definition);
        match &entity.schema {
            Some(schema) => alter.table((schema.clone(), entity.table.clone())),
            None => alter.table(entity.table.clone()),
        };
        let change = |part: String, last: &str| {
            let chain = [
                "Table::alter()".to_owned(),
                format!(".table({})", table_code(entity)),
                part,
                ".to_owned()".to_owned(),
            ];
            lines("let table = ", &chain, last)
        };
        let last = "manager.alter_table(table).await?;";
        Remedy::Statements(Step {
            sql: vec![match self.dialect {
                Dialect::Postgres => alter.to_string(PostgresQueryBuilder),
                Dialect::Sqlite => alter.to_string(SqliteQueryBuilder),
            }],
            code: Code::Portable {
                up: change(format!(".add_column({helper}({:?}))", column.name), last),
                down: change(format!(".drop_column({:?})", column.name), last),
            },
        })
    }

    /// Makes a full-text index, from nothing or from parts. These go first, and what they were is not what a
    /// migration can go back to.
    pub fn search(&self, entity: &Entity, has_parts: bool) -> Remedy {
        if let Some(schema) = &entity.schema {
            return Remedy::Words(format!(
                "write the migration that makes `{}` anew in the schema `{schema}`, as `create_search` does where tables have none",
                entity.search_table()
            ));
        }
        let table = &entity.table;
        let key = &entity.columns[entity.primary_key[0]].name;
        let columns: Vec<_> = entity.searched_names().collect();
        let backend = match self.dialect {
            Dialect::Postgres => DbBackend::Postgres,
            Dialect::Sqlite => DbBackend::Sqlite,
        };
        let table_code = format!("{table:?}");
        let drop = call("drop_search", &["manager", &table_code]);
        let (key_code, columns_code) = (format!("{key:?}"), format!("&{columns:?}"));
        let create = call(
            "create_search",
            &["manager", &table_code, &key_code, &columns_code],
        );
        let made = backref_migration::search_statements(backend, table, key, &columns);
        if !has_parts {
            return Remedy::Statements(Step {
                sql: made,
                code: Code::Search {
                    up: create,
                    down: drop,
                },
            });
        }
        let dropped = backref_migration::drop_search_statements(backend, table);
        Remedy::Statements(Step {
            sql: dropped.into_iter().chain(made).collect(),
            code: Code::Search {
                up: format!("{drop}{create}"),
                down: String::new(),
            },
        })
    }

    fn constraint(&self, table: &str, name: &str, add: &str) -> Remedy {
        Remedy::Statements(Step {
            sql: vec![format!("ALTER TABLE {table} {add}")],
            code: Code::PostgresOnly {
                down: format!("ALTER TABLE {table} DROP CONSTRAINT {name}"),
            },
        })
    }

    /// `post_author_id_idx`, as PostgreSQL itself would call it; numbered where that is taken.
    fn name(&mut self, entity: &Entity, columns: &[ColumnIx], kind: &str) -> String {
        let mut stem = entity.table.clone();
        for &c in columns {
            stem.push('_');
            stem.push_str(&entity.columns[c].name);
        }
        let names = &self.names;
        let candidates = (1..).map(|n| {
            let end = match n {
                1 => format!("_{kind}"),
                n => format!("_{kind}{n}"),
            };
            let mut cut = stem.len().min(LONGEST_NAME - end.len());
            while !stem.is_char_boundary(cut) {
                cut -= 1;
            }
            format!("{}{end}", &stem[..cut])
        });
        let name = candidates
            .into_iter()
            .find(|name| !names.contains(&name.to_lowercase()))
            .unwrap_or_default();
        self.names.insert(name.to_lowercase());
        name
    }
}

/// PostgreSQL cuts what is longer.
const LONGEST_NAME: usize = 63;

fn table_code(entity: &Entity) -> String {
    match &entity.schema {
        Some(schema) => format!("({schema:?}, {:?})", entity.table),
        None => format!("{:?}", entity.table),
    }
}

fn table_sql(entity: &Entity) -> String {
    match &entity.schema {
        Some(schema) => format!("{}.{}", quoted(schema), quoted(&entity.table)),
        None => quoted(&entity.table),
    }
}

pub fn names_sql(entity: &Entity, columns: &[ColumnIx]) -> String {
    let names = columns.iter().map(|&c| quoted(&entity.columns[c].name));
    names.collect::<Vec<_>>().join(", ")
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn rebuild(what: &str) -> String {
    format!(
        "SQLite cannot {what} a table that exists: rebuild the table by a migration that creates it anew, copies its rows and renames it (https://sqlite.org/lang_altertable.html#otheralter)"
    )
}

fn action_sql(action: &ForeignKeyAction) -> Option<&'static str> {
    match action {
        ForeignKeyAction::Restrict => Some("RESTRICT"),
        ForeignKeyAction::Cascade => Some("CASCADE"),
        ForeignKeyAction::SetNull => Some("SET NULL"),
        ForeignKeyAction::SetDefault => Some("SET DEFAULT"),
        _ => None,
    }
}

/// The definition of a column that may be null, and the function of `sea_orm_migration::schema` that makes it.
fn definition(column: &Column) -> Option<(ColumnDef, &'static str)> {
    let name = column.name.clone();
    Some(match &column.kind {
        Kind::Int => (schema::integer_null(name), "integer_null"),
        Kind::BigInt => (schema::big_integer_null(name), "big_integer_null"),
        Kind::Float { .. } => (schema::double_null(name), "double_null"),
        Kind::Decimal { .. } => (schema::decimal_null(name), "decimal_null"),
        Kind::Boolean => (schema::boolean_null(name), "boolean_null"),
        Kind::Text => (schema::text_null(name), "text_null"),
        Kind::DateTime { zoned: true } => (
            schema::timestamp_with_time_zone_null(name),
            "timestamp_with_time_zone_null",
        ),
        Kind::DateTime { zoned: false } => (schema::timestamp_null(name), "timestamp_null"),
        Kind::Date => (schema::date_null(name), "date_null"),
        Kind::Time => (schema::time_null(name), "time_null"),
        Kind::Json => (schema::json_binary_null(name), "json_binary_null"),
        Kind::Uuid => (schema::uuid_null(name), "uuid_null"),
        Kind::Bytes => (schema::blob_null(name), "blob_null"),
        Kind::Enum(_) | Kind::Array(_) | Kind::Other => return None,
    })
}
