//! Aggregates: what all rows of a list come to, in one row, or in a row for each group.

use apollo_compiler::executable::{Field, SelectionSet};

use super::{Builder, Place, argument, count, subselections};
use crate::graph::{ColumnIx, FieldSource};
use crate::read::plan::filter::require_visible;
use crate::read::plan::{
    Cell, Expression, Form, Function, LevelId, Output, Page, Selection, Window,
};

/// Whether a value is of the one row that the level has for a parent's row, or of the row at hand.
#[derive(Clone, Copy)]
enum Of {
    Totals,
    Group,
}

impl<'a> Builder<'a> {
    /// The fields of an aggregate over the rows that stand at `place`.
    pub(super) fn aggregate(&mut self, place: &Place<'_>, sets: &[&'a SelectionSet]) -> Selection {
        let page = |window| Page {
            window,
            filter: argument(place.field, "where"),
            order: None,
            search: argument(place.field, "search"),
        };
        let type_name = place.field.ty().inner_named_type();
        let mut totals = None;
        let mut asked = false;
        let selection = self.object(type_name, sets, |builder, key, fields| {
            asked = true;
            let field = fields[0];
            let subsets = subselections(fields);
            if field.name != "groups" {
                let level = *totals
                    .get_or_insert_with(|| builder.level(place, Some(page(Window::Totals))).0);
                return builder.function(level, Of::Totals, field, &subsets);
            }
            let window = Window::Groups {
                by: argument(field, "by"),
                limit: argument(field, "limit"),
                offset: count(field, "offset", 0),
            };
            let (level, _) = builder.level(&place.within(key), Some(page(window)));
            let type_name = field.ty().inner_named_type();
            let selection = builder.object(type_name, &subsets, |builder, _, fields| {
                let subsets = subselections(fields);
                match fields[0].name.as_str() {
                    "key" => Output::Object(builder.group_key(level, fields[0], &subsets)),
                    _ => builder.function(level, Of::Group, fields[0], &subsets),
                }
            });
            builder.read_something(level);
            Output::Many { level, selection }
        });
        if !asked {
            self.idle_level(place, Some(page(Window::Totals)));
        }
        selection
    }

    /// The number of rows that a level of totals has counted, or another value of its one row.
    pub(super) fn total(&mut self, level: LevelId, value: Expression, nullable: bool) -> Output {
        Output::Total {
            level,
            cell: self.cell(level, value, Form::Value),
            nullable,
        }
    }

    fn group_key(&mut self, level: LevelId, field: &Field, sets: &[&'a SelectionSet]) -> Selection {
        self.object(field.ty().inner_named_type(), sets, |builder, _, fields| {
            let Some(ix) = builder.column_called(level, &fields[0].name) else {
                return Output::Null;
            };
            let column = &builder.catalog.entities[builder.levels[level].entity].columns[ix];
            let form = column.refers_to.map_or(Form::Value, Form::Id);
            Output::Cell {
                cell: builder.cell(level, Expression::Group(ix), form),
                nullable: true,
                piece: 0,
            }
        })
    }

    /// `count`, or a function's object with a value for each column asked.
    fn function(
        &mut self,
        level: LevelId,
        of: Of,
        field: &Field,
        sets: &[&'a SelectionSet],
    ) -> Output {
        let output = |level, cell, nullable| match of {
            Of::Totals => Output::Total {
                level,
                cell,
                nullable,
            },
            Of::Group => Output::Cell {
                cell,
                nullable,
                piece: 0,
            },
        };
        if field.name == "count" {
            let cell = self.cell(level, Expression::Count, Form::Value);
            return output(level, cell, false);
        }
        let selection = self.object(field.ty().inner_named_type(), sets, |builder, _, fields| {
            let name = &fields[0].name;
            let Some(ix) = builder.column_called(level, name) else {
                return Output::Null;
            };
            let entity = builder.levels[level].entity;
            let visible = require_visible(
                builder.catalog,
                builder.catalog.rules(builder.shape),
                entity,
                ix,
            );
            if let Err(error) = visible {
                let error = error
                    .of_field(format!("{}.{name}", field.name))
                    .at(builder.document.line_column(fields[0].location()));
                builder.refused.get_or_insert(error);
                return Output::Null;
            }
            let cell = match field.name.as_str() {
                "avg" => builder.mean(level, ix),
                function => {
                    let function = match function {
                        "min" => Function::Min,
                        "max" => Function::Max,
                        _ => Function::Sum,
                    };
                    let of = &builder.catalog.entities[entity].columns[ix].kind;
                    let form = match function {
                        Function::Sum if of.is_integer() => Form::WholeSum,
                        _ => Form::Value,
                    };
                    builder.cell(level, Expression::Of(function, ix), form)
                }
            };
            output(level, cell, true)
        });
        self.read_something(level);
        Output::Object(selection)
    }

    /// Without an aggregate among its reads, a statement would give each row instead of what they come to.
    fn read_something(&mut self, level: LevelId) {
        if self.levels[level].reads.is_empty() {
            self.read(level, Expression::Count);
        }
    }

    fn mean(&mut self, level: LevelId, ix: ColumnIx) -> usize {
        let sum = self.read(level, Expression::Of(Function::Sum, ix));
        let count = self.read(level, Expression::Of(Function::Count, ix));
        self.add_cell(level, Cell::Mean { sum, count })
    }

    fn column_called(&self, level: LevelId, name: &str) -> Option<ColumnIx> {
        match self.catalog.entities[self.levels[level].entity]
            .field(name)?
            .source
        {
            FieldSource::Column(ix) => Some(ix),
            _ => None,
        }
    }
}
