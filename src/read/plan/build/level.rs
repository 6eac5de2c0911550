//! Levels: one for each relation, or root field, and set of arguments below a level, and what is read of its rows.

use std::sync::OnceLock;

use apollo_compiler::parser::SourceSpan;

use super::{Builder, Place};
use crate::error::{Code, Error};
use crate::graph::{ColumnIx, EntityId};
use crate::read::plan::{
    self, Cell, Expression, FieldPath, Form, Level, LevelId, Page, Read, Source,
};

/// Levels in a plan beyond the statements allowed: those of the types that a `node` turns out not to be.
const SPARE_LEVELS: usize = 1000;

impl Builder<'_> {
    /// The level with this source and page, made if no branch has asked for it yet, and the path to it from
    /// here.
    pub(super) fn level(&mut self, place: &Place<'_>, page: Option<Page>) -> (LevelId, usize) {
        let (level, path) = self.idle_level(place, page);
        self.levels[level].runs = true;
        (level, path)
    }

    /// The same, where perhaps nothing is asked of the rows: alone it does not run, but its arguments are
    /// checked.
    pub(super) fn idle_level(&mut self, place: &Place<'_>, page: Option<Page>) -> (LevelId, usize) {
        let is_of_place = |l: &Level| {
            let path = &self.paths[l.path];
            path.parent == place.parent && field_of(&path.name) == field_of(&place.name)
        };
        let is_alike = |l: &Level| {
            l.entity == place.entity
                && l.source == place.source
                && l.page == page
                && l.own.is_none()
                && (!self.apart || is_of_place(l))
        };
        if let Some(level) = self.levels.iter().position(is_alike) {
            let is_another = !is_of_place(&self.levels[level]);
            self.levels[level].shared |= is_another;
            let location = place.field.location();
            let path = self.path(place.name.clone(), place.parent, level, false, location);
            return (level, path);
        }
        let (level, path) = self.new_level(
            place.name.clone(),
            place.parent,
            place.entity,
            place.source.clone(),
            page,
            place.field.location(),
        );
        self.levels[level].runs = false;
        (level, path)
    }

    pub(super) fn new_level(
        &mut self,
        name: String,
        parent: Option<usize>,
        entity: EntityId,
        source: Source,
        page: Option<Page>,
        location: Option<SourceSpan>,
    ) -> (LevelId, usize) {
        let level = self.levels.len();
        let path = self.path(name, parent, level, false, location);
        self.levels.push(Level {
            path,
            entity,
            source,
            reads: Vec::new(),
            cells: Vec::new(),
            leads: Vec::new(),
            page,
            shared: false,
            runs: true,
            looks_ahead: [false; 2],
            location,
            own: None,
            constant: OnceLock::new(),
        });
        let most = usize::try_from(self.limits.statements).unwrap_or(usize::MAX);
        if level >= most.saturating_add(SPARE_LEVELS) {
            let problem = format!(
                "the request would run more than the {most} statements that are allowed; ask for fewer relations"
            );
            self.refuse(problem, location);
        }
        (level, path)
    }

    pub(super) fn path(
        &mut self,
        name: String,
        parent: Option<usize>,
        level: LevelId,
        enclosing: bool,
        location: Option<SourceSpan>,
    ) -> usize {
        let path = self.paths.len();
        self.paths.push(FieldPath {
            parent,
            name,
            level,
            enclosing,
        });
        let depth = std::iter::successors(Some(path), |&i| self.paths[i].parent).count();
        if depth > self.limits.depth {
            let most = self.limits.depth;
            let path = plan::path(&self.paths, path);
            let problem = format!(
                "`{path}` nests relations deeper than {most} levels; ask in several requests"
            );
            self.refuse(problem, location);
        }
        path
    }

    pub(super) fn refuse(&mut self, problem: String, location: Option<SourceSpan>) {
        let error = Error::new(Code::LimitExceeded, problem);
        self.refused
            .get_or_insert_with(|| error.at(self.document.line_column(location)));
    }

    pub(super) fn read(&mut self, level: LevelId, value: Expression) -> usize {
        let reads = &mut self.levels[level].reads;
        let found = reads.iter().position(|r| r.value == value);
        found.unwrap_or_else(|| {
            reads.push(Read { value, key: false });
            reads.len() - 1
        })
    }

    pub(super) fn key_read(&mut self, level: LevelId, column: ColumnIx) -> usize {
        let read = self.read(level, Expression::Column(column));
        self.levels[level].reads[read].key = true;
        read
    }

    pub(super) fn cell(&mut self, level: LevelId, value: Expression, form: Form) -> usize {
        let read = self.read(level, value);
        self.add_cell(level, Cell::Read { read, form })
    }

    pub(super) fn add_cell(&mut self, level: LevelId, cell: Cell) -> usize {
        let cells = &mut self.levels[level].cells;
        cells.iter().position(|c| *c == cell).unwrap_or_else(|| {
            cells.push(cell);
            cells.len() - 1
        })
    }
}

/// The response key of the field whose object a place is in.
fn field_of(name: &str) -> &str {
    name.split('.').next().unwrap_or_default()
}
