//! Connections: the fields around a page's rows.

use apollo_compiler::executable::SelectionSet;

use super::{Builder, Place, argument, subselections};
use crate::read::plan::{Cell, Expression, LevelId, Output, Page, Selection, Source, Window};

impl<'a> Builder<'a> {
    /// The fields of a connection, all about the page and the number of the rows that stand at `place`.
    pub(super) fn connection(&mut self, place: &Place<'_>, sets: &[&'a SelectionSet]) -> Selection {
        let field = place.field;
        let page = Page {
            window: Window::Cursors {
                first: argument(field, "first"),
                after: argument(field, "after"),
                last: argument(field, "last"),
                before: argument(field, "before"),
            },
            filter: argument(field, "where"),
            order: argument(field, "orderBy"),
            search: argument(field, "search"),
        };
        let totals = Page {
            window: Window::Totals,
            filter: page.filter.clone(),
            order: None,
            search: page.search.clone(),
        };
        let (level, path) = self.idle_level(place, Some(page));
        self.object(
            field.ty().inner_named_type(),
            sets,
            |builder, key, fields| {
                let subsets = subselections(fields);
                if fields[0].name == "totalCount" {
                    let (level, _) = builder.level(&place.within(key), Some(totals.clone()));
                    return builder.total(level, Expression::Count, false);
                }
                builder.levels[level].runs = true;
                match fields[0].name.as_str() {
                    "edges" => Output::Page {
                        level,
                        selection: builder.edge(
                            level,
                            path,
                            fields[0].ty().inner_named_type(),
                            &subsets,
                        ),
                    },
                    "nodes" => Output::Page {
                        level,
                        selection: builder.selection(level, path, &subsets),
                    },
                    _ => Output::Object(builder.page_info(level, &subsets)),
                }
            },
        )
    }

    fn edge(
        &mut self,
        level: LevelId,
        path: usize,
        type_name: &str,
        sets: &[&'a SelectionSet],
    ) -> Selection {
        self.object(type_name, sets, |builder, _, fields| {
            match fields[0].name.as_str() {
                "cursor" => Output::Cell {
                    cell: builder.add_cell(level, Cell::Cursor),
                    nullable: false,
                    piece: 0,
                },
                "node" => {
                    let subsets = subselections(fields);
                    Output::Object(builder.selection(level, path, &subsets))
                }
                name => builder.edge_column(level, name),
            }
        })
    }

    /// A column of the junction that the level's relation goes through.
    fn edge_column(&mut self, level: LevelId, name: &str) -> Output {
        let Source::Relation { relation, .. } = self.levels[level].source else {
            return Output::Null;
        };
        let catalog = self.catalog;
        let relation = &catalog.relations[relation];
        let Some(junction) = relation.edge_junction() else {
            return Output::Null;
        };
        let mut columns = catalog.edge_columns(relation);
        let found = columns.find_map(|(ix, c)| (c.field == name).then_some(ix));
        match found {
            Some(ix) => self.column_of(level, junction, ix, Expression::Edge(ix)),
            None => Output::Null,
        }
    }

    fn page_info(&mut self, level: LevelId, sets: &[&'a SelectionSet]) -> Selection {
        self.object("PageInfo", sets, |builder, _, fields| {
            match fields[0].name.as_str() {
                "hasNextPage" => {
                    builder.levels[level].looks_ahead[0] = true;
                    Output::HasNextPage(level)
                }
                "hasPreviousPage" => {
                    builder.levels[level].looks_ahead[1] = true;
                    Output::HasPreviousPage(level)
                }
                "startCursor" => {
                    let cell = builder.add_cell(level, Cell::Cursor);
                    Output::StartCursor { level, cell }
                }
                _ => {
                    let cell = builder.add_cell(level, Cell::Cursor);
                    Output::EndCursor { level, cell }
                }
            }
        })
    }
}
