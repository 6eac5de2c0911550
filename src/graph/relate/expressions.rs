//! The SQL of fields of one's own: what it reads is looked for, and held against what the field says it needs.

use sea_orm::sea_query::Expr;

use super::Work;
use crate::graph::own::{Expression, Fault, Of, OwnField, Shape, parts};
use crate::graph::writing::Written;
use crate::graph::{Column, ColumnIx, EntityId, Kind};

impl Work<'_> {
    /// Adds what rows are searched and sorted by as by a field.
    pub(super) fn expression(
        &mut self,
        entity: EntityId,
        field: &OwnField,
        sql: &Expr,
    ) -> Option<ColumnIx> {
        match self.read_expression(entity, field, sql) {
            Ok(expression) => {
                let of = &mut self.catalog_entities[entity];
                of.expressions.push(expression);
                Some(of.columns.len() + of.expressions.len() - 1)
            }
            Err(mistake) => {
                self.mistakes.push(mistake);
                None
            }
        }
    }

    fn read_expression(
        &self,
        entity: EntityId,
        field: &OwnField,
        sql: &Expr,
    ) -> Result<Expression, String> {
        let (of, told) = (&self.catalog_entities[entity], field.told());
        let kind = kind_of(&field.gives).ok_or_else(|| {
            format!(
                "`{told}` has SQL, by which rows are searched and sorted, and gives no single value; give a scalar, or leave out `.sql(…)`"
            )
        })?;
        if let Some(argument) = field.arguments.iter().find(|a| !a.shape.nullable) {
            return Err(format!(
                "`{told}` has SQL, which is the value without arguments, but needs the argument `{}`; make it an `Option`, or leave out `.sql(…)`",
                argument.name
            ));
        }
        let needed = field.rows.iter().flat_map(|rows| &rows.columns);
        let needed: Vec<_> = needed.filter(|column| column.declared).collect();
        let place = |name: &str| of.columns.iter().position(|c| c.name == name);
        let [postgres, sqlite] = parts(sql, &of.table, place).map_err(|fault| match fault {
            Fault::NoColumn(name) => format!(
                "the SQL of `{told}` reads `{name}`, which is no column of {}; it may read the columns of its own row alone",
                of.module
            ),
            Fault::Unknown(text) => format!(
                "the SQL of `{told}` has `{text}` in it, and nobody knows which columns that reads; name each by `Expr::col({}::Column::…)`, and write the rest with functions, operators, `CASE` and casts",
                of.module
            ),
        })?;
        let read = postgres
            .iter()
            .chain(&sqlite)
            .filter_map(|part| part.column());
        for column in read {
            if needed.iter().all(|needed| needed.ix != column) {
                return Err(format!(
                    "the SQL of `{told}` reads the column `{}` of {}, which the field does not declare; add it to the columns that it needs",
                    of.columns[column].name, of.module
                ));
            }
        }
        let ruled = needed.iter().filter(|column| column.has_rule);
        let ruled: Vec<ColumnIx> = ruled.map(|column| column.ix).collect();
        Ok(Expression {
            column: Column {
                // No column is called so: a cursor of the one is none of the other.
                name: format!("{}()", field.name),
                field: field.name.clone(),
                kind,
                // Whatever the code gives, what SQL gives may be null.
                nullable: true,
                unique: false,
                hidden: false,
                refers_to: None,
                has_rule: !ruled.is_empty(),
                written: Written::default(),
                description: None,
            },
            ruled,
            postgres,
            sqlite,
        })
    }
}

/// The kind of column that holds what a field gives.
fn kind_of(shape: &Shape) -> Option<Kind> {
    let name = match &shape.of {
        Of::Scalar(name) => *name,
        Of::Enum(of) => return of.of.clone().map(Kind::Enum),
        _ => return None,
    };
    Some(match name {
        "Int" => Kind::Int,
        "BigInt" => Kind::BigInt,
        "Float" => Kind::Float { single: false },
        "Boolean" => Kind::Boolean,
        "String" => Kind::Text,
        "DateTime" => Kind::DateTime { zoned: true },
        "Date" => Kind::Date,
        "Time" => Kind::Time,
        "Decimal" => Kind::Decimal {
            scale: None,
            money: false,
        },
        "UUID" => Kind::Uuid,
        "JSON" => Kind::Json,
        _ => return None,
    })
}
