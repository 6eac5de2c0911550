//! Writes the answer: from loaded rows to JSON bytes in the order of the document, with no tree between.
//!
//! Null propagates as the specification's "Handling Execution Errors" says: a null in a non-null field
//! empties the nearest nullable ancestor, which is a matter of cutting the output back to where that
//! ancestor began. Where a level's statement failed, each field that would be written of its rows is an error, once
//! for each row it stands below.

mod own;
mod session;
mod written;

use std::ops::Range;

use apollo_compiler::parser::SourceSpan;
use apollo_compiler::response::JsonMap;

use crate::error::{Code, Error, MAX_ERRORS, PathSegment};
use crate::graph::Catalog;
use crate::read::explain;
use crate::read::failure;
use crate::read::load::rows::CellValue;
use crate::read::load::{Learnt, LevelError, Loaded};
use crate::read::own::Given;
use crate::read::plan::{
    BoundPlan, BoundRoot, Choice, Document, LevelId, Output, RootField, RootOutput, SelectedField,
    Selection,
};

/// The largest answer, in bytes. Rows are bounded before they are read; how often a query writes a text is not.
const MAX_ANSWER: usize = 32 << 20;

/// Everything an answer is written from.
pub struct Answer<'a> {
    pub catalog: &'a Catalog,
    pub document: &'a Document,
    pub bound: &'a BoundPlan,
    pub learnt: &'a Learnt,
    pub loaded: &'a [Loaded],
    /// For each field of one's own that is called what it gave.
    pub given: &'a [Given],
    /// The answers to `__schema` and `__type` by response key.
    pub introspection: Option<&'a JsonMap>,
    /// The token of whoever has signed in.
    pub token: Option<&'a str>,
    /// Whether to say what the answer cost.
    pub explain: bool,
}

/// An answer as it was written, all of it but its errors.
pub struct Answered {
    json: Vec<u8>,
    data: Range<usize>,
    pub errors: Vec<Error>,
}

impl Answered {
    /// The whole response body.
    pub fn body(self) -> Vec<u8> {
        if self.errors.is_empty() {
            return self.json;
        }
        with_errors(&self.errors, &self.json[1..])
    }

    /// The fields of `data`, without its braces; `None` where it is null.
    pub fn fields(&self) -> Option<&[u8]> {
        let data = self.json[self.data.clone()].strip_prefix(b"{")?;
        data.strip_suffix(b"}")
    }
}

/// A response body of errors, and of what follows them: all of another one but its brace. The specification recommends
/// errors first, where a person sees them.
pub fn with_errors(errors: &[Error], rest: &[u8]) -> Vec<u8> {
    let mut body = b"{\"errors\":".to_vec();
    body.extend(serde_json::to_vec(errors).unwrap_or_else(|_| b"[]".to_vec()));
    body.push(b',');
    body.extend_from_slice(rest);
    body
}

/// A null on its way up to the nearest nullable field.
struct Propagated;

type Written = Result<(), Propagated>;

impl Answer<'_> {
    pub fn write(&self) -> Answered {
        failure::report_all(self.loaded, self.bound);
        let mut writer = Writer {
            answer: self,
            out: self.learnt.answer_size.buffer(),
            path: Vec::new(),
            errors: Vec::new(),
            more_errors: 0,
            overflowed: false,
            rows: vec![0; self.bound.plan.levels.len()],
        };
        writer.out.extend_from_slice(b"{\"data\":");
        let start = writer.out.len();
        if writer.root().is_err() || writer.overflowed {
            writer.out.truncate(start);
            writer.out.extend_from_slice(b"null");
        }
        let data = start..writer.out.len();
        if self.explain {
            writer
                .out
                .extend_from_slice(b",\"extensions\":{\"backref\":");
            let cost = explain::cost(self.bound, self.loaded);
            let json = serde_json::to_vec(&cost).unwrap_or_else(|_| b"null".to_vec());
            writer.out.extend_from_slice(&json);
            writer.out.push(b'}');
        }
        writer.out.push(b'}');
        if writer.more_errors > 0 {
            let message = format!("{} more errors are not listed", writer.more_errors);
            writer.errors.push(Error::new(Code::LimitExceeded, message));
        }
        self.learnt.answer_size.remember(&writer.out);
        Answered {
            json: writer.out,
            data,
            errors: writer.errors,
        }
    }
}

struct Writer<'a> {
    answer: &'a Answer<'a>,
    out: Vec<u8>,
    path: Vec<Step<'a>>,
    errors: Vec<Error>,
    more_errors: usize,
    /// The answer has grown too large; nothing of it is kept.
    overflowed: bool,
    /// For each level the row that is being written, for the fields below it that lead back to it.
    rows: Vec<u32>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Key(&'a str),
    Index(u32),
}

impl<'a> Writer<'a> {
    fn root(&mut self) -> Written {
        let answer = self.answer;
        self.out.push(b'{');
        for (field, root) in answer.bound.plan.root.iter().zip(&answer.bound.roots) {
            self.out.extend_from_slice(&field.prefix);
            self.at(Step::Key(&field.key), |w| w.root_field(field, root))?;
        }
        self.out.push(b'}');
        Ok(())
    }

    /// Writes what stands a step below, with the path leading there.
    fn at<T>(&mut self, step: Step<'a>, write: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step);
        let written = write(self);
        self.path.pop();
        written
    }

    fn root_field(&mut self, field: &'a RootField, root: &'a BoundRoot) -> Written {
        let answer = self.answer;
        if let BoundRoot::Failed(error) = root {
            // Only nullable root fields take arguments that can fail.
            self.fail(error.clone(), field.location);
            self.null();
            return Ok(());
        }
        match (&field.value, root) {
            (RootOutput::Typename(json), _) => self.out.extend_from_slice(json),
            (RootOutput::Introspection, _) => {
                let value = answer.introspection.and_then(|i| i.get(field.key.as_str()));
                let json = value.and_then(|v| serde_json::to_vec(v).ok());
                self.out
                    .extend_from_slice(json.as_deref().unwrap_or(b"null"));
            }
            (RootOutput::Page { level, selection }, _) => {
                return self.list(*level, 0, selection, field.location);
            }
            (RootOutput::Object(selection), _) => return self.fields(0, 0, selection),
            (RootOutput::Lookup { lookups, .. }, BoundRoot::Chosen(i)) => {
                self.nullable_row(&lookups[*i].choice, 0, field.location);
            }
            (RootOutput::Own { call, selection }, _) => {
                return self.own(*call, 0, selection, field.location);
            }
            (RootOutput::Session(fields), _) => return self.session(fields),
            (RootOutput::Written(choice), _) => return self.written(choice, 0, field.location),
            (RootOutput::WrittenMany(choice), _) => {
                return self.written_rows(choice, field.location);
            }
            (RootOutput::Changed(fields), _) => return self.changed(fields),
            (RootOutput::Viewer(choice), BoundRoot::Chosen(_)) => {
                self.nullable_row(choice, 0, field.location);
            }
            (RootOutput::Node { choices, .. }, BoundRoot::Chosen(i)) => {
                self.nullable_row(&choices[*i], 0, field.location)
            }
            (RootOutput::Nodes { choices, .. }, BoundRoot::Each(each)) => {
                self.out.push(b'[');
                for (i, item) in each.iter().enumerate() {
                    if i > 0 {
                        self.out.push(b',');
                    }
                    self.at(Step::Index(i as u32), |w| match item {
                        Ok((choice, key)) => {
                            w.nullable_row(&choices[*choice], *key, field.location)
                        }
                        Err(error) => {
                            match error {
                                Some(error) => w.fail((**error).clone(), field.location),
                                None => w.more_errors += 1,
                            }
                            w.null();
                        }
                    });
                }
                self.out.push(b']');
            }
            _ => self.null(),
        }
        Ok(())
    }

    fn nullable_row(&mut self, choice: &'a Choice, key: u32, location: Option<SourceSpan>) {
        let start = self.out.len();
        let loaded = &self.answer.loaded[choice.level];
        let written = match loaded.one(key) {
            Some(row) => self.object(choice.level, row, &choice.selection),
            None => {
                if let Some(failed) = loaded.failure(key) {
                    self.fail_level(failed, location);
                }
                Err(Propagated)
            }
        };
        if written.is_err() {
            self.out.truncate(start);
            self.null();
        }
    }

    /// A non-null list of non-null rows.
    fn list(
        &mut self,
        level: LevelId,
        parent: u32,
        selection: &'a Selection,
        location: Option<SourceSpan>,
    ) -> Written {
        let loaded = &self.answer.loaded[level];
        if let Some(failed) = loaded.failure(parent) {
            self.fail_level(failed, location);
            return Err(Propagated);
        }
        let rows = loaded.many(parent);
        if rows.len() > self.answer.bound.pages[level].limit as usize {
            return self.too_many_groups(level, location);
        }
        self.items(level, rows, selection)
    }

    /// Of all groups one more than are allowed was read. An answer without them would look whole.
    fn too_many_groups(&mut self, level: LevelId, location: Option<SourceSpan>) -> Written {
        let bound = self.answer.bound;
        let message = format!(
            "`{}` has more than {} groups; ask for fewer with `where`, or for a page of them with `limit` (where columns have so many values at most, the database holds others)",
            bound.plan.path(level),
            bound.pages[level].limit
        );
        self.fail(Error::new(Code::LimitExceeded, message), location);
        Err(Propagated)
    }

    /// The rows of a connection's page, in the client's order.
    fn page(
        &mut self,
        level: LevelId,
        parent: u32,
        selection: &'a Selection,
        location: Option<SourceSpan>,
    ) -> Written {
        if let Some(failed) = self.answer.loaded[level].failure(parent) {
            self.fail_level(failed, location);
            return Err(Propagated);
        }
        let rows = self.page_rows(level, parent);
        match self.answer.bound.pages[level].seek.backward {
            true => self.items(level, rows.rev(), selection),
            false => self.items(level, rows, selection),
        }
    }

    /// The rows of a connection's page, in the order they were read.
    fn page_rows(
        &self,
        level: LevelId,
        parent: u32,
    ) -> impl DoubleEndedIterator<Item = u32> + ExactSizeIterator + use<'a> {
        let answer = self.answer;
        let limit = answer.bound.pages[level].limit as usize;
        answer.loaded[level].many(parent).take(limit)
    }

    fn items(
        &mut self,
        level: LevelId,
        rows: impl Iterator<Item = u32>,
        selection: &'a Selection,
    ) -> Written {
        self.out.push(b'[');
        for (i, row) in rows.enumerate() {
            if i > 0 {
                self.out.push(b',');
            }
            self.at(Step::Index(i as u32), |w| w.object(level, row, selection))?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn object(&mut self, level: LevelId, row: u32, selection: &'a Selection) -> Written {
        if self.overflowed || self.out.len() > MAX_ANSWER {
            return self.too_large();
        }
        let outer = std::mem::replace(&mut self.rows[level], row);
        let written = self.fields(level, row, selection);
        self.rows[level] = outer;
        written
    }

    /// The fields of an object that is about a row.
    fn fields(&mut self, level: LevelId, row: u32, selection: &'a Selection) -> Written {
        self.out.push(b'{');
        let mut fields = selection.fields.iter();
        while let Some(field) = fields.next() {
            let piece = match field.value {
                Output::Cell { cell, piece, .. } if piece > 0 => {
                    let json = self.answer.loaded[level].rows.piece(row, cell, piece);
                    json.map(|json| (json, piece))
                }
                _ => None,
            };
            // A single object can be larger than an answer may be, too.
            let len = self.out.len() + piece.map_or(0, |(json, _)| json.len());
            if self.overflowed || len > MAX_ANSWER {
                return self.too_large();
            }
            if let Some((json, fields_in_it)) = piece {
                self.out.extend_from_slice(json);
                fields = fields.as_slice()[fields_in_it - 1..].iter();
                continue;
            }
            self.out.extend_from_slice(&field.prefix);
            let here = Step::Key(&field.key);
            match &field.value {
                Output::Typename(json) => self.out.extend_from_slice(json),
                Output::Null => self.null(),
                Output::Cell {
                    cell,
                    nullable,
                    piece,
                } => {
                    let lead = if *piece > 0 { field.prefix.len() } else { 0 };
                    let value = self.answer.loaded[level].rows.cell(row, *cell, lead);
                    self.cell(field, level, value, *nullable)?;
                }
                Output::Total {
                    level,
                    cell,
                    nullable,
                } => match self.answer.loaded[*level].one(row) {
                    Some(row) => {
                        let value = self.answer.loaded[*level].rows.cell(row, *cell, 0);
                        self.cell(field, *level, value, *nullable)?;
                    }
                    None => self.unknown(field, *level, row, *nullable)?,
                },
                Output::HasNextPage(level) => self.has_more(field, *level, row, false)?,
                Output::HasPreviousPage(level) => self.has_more(field, *level, row, true)?,
                Output::StartCursor { level, cell } => {
                    self.end_cursor(field, *level, row, *cell, true)?;
                }
                Output::EndCursor { level, cell } => {
                    self.end_cursor(field, *level, row, *cell, false)?;
                }
                Output::CompositeId { prefix, cells } => {
                    self.composite_id(field, level, row, prefix, cells)?
                }
                Output::One {
                    level: child,
                    selection,
                    nullable,
                } => self.at(here, |w| {
                    w.one(field, level, row, *child, selection, *nullable)
                })?,
                Output::Many {
                    level: child,
                    selection,
                } => self.at(here, |w| w.list(*child, row, selection, field.location))?,
                Output::Page {
                    level: child,
                    selection,
                } => self.at(here, |w| w.page(*child, row, selection, field.location))?,
                Output::Enclosing {
                    level: outer,
                    selection,
                    nullable,
                } => {
                    let start = self.out.len();
                    let row = self.rows[*outer];
                    let written = self.at(here, |w| w.object(*outer, row, selection));
                    if written.is_err() && *nullable && !self.overflowed {
                        self.out.truncate(start);
                        self.null();
                    } else {
                        written?;
                    }
                }
                Output::Own { call, selection } => {
                    self.at(here, |w| w.own(*call, row, selection, field.location))?;
                }
                Output::Object(selection) => {
                    self.at(here, |w| w.fields(level, row, selection))?;
                }
            }
        }
        self.out.push(b'}');
        Ok(())
    }

    fn cell(
        &mut self,
        field: &'a SelectedField,
        level: LevelId,
        value: CellValue<'_>,
        nullable: bool,
    ) -> Written {
        match value {
            CellValue::Json(json) => self.out.extend_from_slice(json),
            CellValue::Null if nullable => self.null(),
            other => self.bad_cell(field, level, other, nullable)?,
        }
        Ok(())
    }

    /// A value for which there is no row: null, and an error where that is because the level failed.
    fn unknown(
        &mut self,
        field: &'a SelectedField,
        level: LevelId,
        parent: u32,
        nullable: bool,
    ) -> Written {
        if let Some(failed) = self.answer.loaded[level].failure(parent) {
            self.at(Step::Key(&field.key), |w| {
                w.fail_level(failed, field.location)
            });
            if !nullable {
                return Err(Propagated);
            }
        }
        self.null();
        Ok(())
    }

    /// Whether more rows come after the page, or before it. In the direction it is read one row more tells;
    /// in the other there is what the cursor came from.
    fn has_more(
        &mut self,
        field: &'a SelectedField,
        level: LevelId,
        parent: u32,
        before: bool,
    ) -> Written {
        if self.answer.loaded[level].failed.is_some() {
            return self.unknown(field, level, parent, false);
        }
        let page = &self.answer.bound.pages[level];
        let has = match (before, page.seek.backward) {
            (true, true) | (false, false) => {
                self.answer.loaded[level].many(parent).len() > page.limit as usize
            }
            (true, false) => page.seek.after.is_some(),
            (false, true) => page.seek.before.is_some(),
        };
        self.out
            .extend_from_slice(if has { b"true" } else { b"false" });
        Ok(())
    }

    /// The cursor at the beginning or the end of a page, null where the page is empty.
    fn end_cursor(
        &mut self,
        field: &'a SelectedField,
        level: LevelId,
        parent: u32,
        cell: usize,
        start: bool,
    ) -> Written {
        let mut rows = self.page_rows(level, parent);
        let row = match start == self.answer.bound.pages[level].seek.backward {
            true => rows.next_back(),
            false => rows.next(),
        };
        match row {
            Some(row) => {
                let value = self.answer.loaded[level].rows.cell(row, cell, 0);
                self.cell(field, level, value, true)
            }
            None => self.unknown(field, level, parent, true),
        }
    }

    /// Ends the answer. What is written stays over the limit until the root empties it, so no nullable field
    /// on the way up can go on.
    fn too_large(&mut self) -> Written {
        if !self.overflowed {
            self.overflowed = true;
            let message =
                "the answer is larger than this server gives; ask for less in one request";
            self.errors.clear();
            self.errors.push(Error::new(Code::LimitExceeded, message));
        }
        Err(Propagated)
    }

    fn one(
        &mut self,
        field: &SelectedField,
        level: LevelId,
        row: u32,
        child: LevelId,
        selection: &'a Selection,
        nullable: bool,
    ) -> Written {
        let start = self.out.len();
        let loaded = &self.answer.loaded[child];
        let written = match (loaded.one(row), loaded.failure(row)) {
            (Some(row), _) => self.object(child, row, selection),
            (None, Some(failed)) => {
                self.fail_level(failed, field.location);
                Err(Propagated)
            }
            (None, None) if nullable => {
                self.null();
                return Ok(());
            }
            (None, None) => {
                let message = format!(
                    "{}.{} is never null, but what it refers to is missing",
                    self.type_name(level),
                    field.key
                );
                self.fail_value(&message, field.location);
                Err(Propagated)
            }
        };
        if written.is_err() && nullable {
            self.out.truncate(start);
            self.null();
            return Ok(());
        }
        written
    }

    fn composite_id(
        &mut self,
        field: &'a SelectedField,
        level: LevelId,
        row: u32,
        prefix: &[u8],
        cells: &[usize],
    ) -> Written {
        self.out.extend_from_slice(prefix);
        for (i, cell) in cells.iter().enumerate() {
            if i > 0 {
                self.out.push(b':');
            }
            match self.answer.loaded[level].rows.cell(row, *cell, 0) {
                CellValue::Json(part) => self.out.extend_from_slice(part),
                other => return self.bad_cell(field, level, other, false),
            }
        }
        self.out.push(b'"');
        Ok(())
    }

    fn bad_cell(
        &mut self,
        field: &'a SelectedField,
        level: LevelId,
        cell: CellValue<'_>,
        nullable: bool,
    ) -> Written {
        let name = format!("{}.{}", self.type_name(level), field.key);
        let message = match cell {
            CellValue::Null => format!("{name} is never null, but the database holds a null"),
            _ => format!("the database holds a value for {name} that its type cannot represent"),
        };
        self.at(Step::Key(&field.key), |w| {
            w.fail_value(&message, field.location);
        });
        if nullable {
            self.null();
            return Ok(());
        }
        Err(Propagated)
    }

    fn type_name(&self, level: LevelId) -> &'a str {
        &self.answer.catalog.entities[self.answer.bound.plan.levels[level].entity].type_name
    }

    fn null(&mut self) {
        self.out.extend_from_slice(b"null");
    }

    /// The field here was to be written of a level that failed.
    fn fail_level(&mut self, failed: &LevelError, location: Option<SourceSpan>) {
        if self.errors.len() >= MAX_ERRORS {
            self.more_errors += 1;
            return;
        }
        self.fail(failure::shown(failed, self.answer.bound), location);
    }

    /// What is there of the field here cannot be written.
    fn fail_value(&mut self, why: &str, location: Option<SourceSpan>) {
        if self.errors.len() >= MAX_ERRORS {
            self.more_errors += 1;
            return;
        }
        let keys = self.path.iter().filter_map(|step| match step {
            Step::Key(key) => Some(*key),
            Step::Index(_) => None,
        });
        let path = keys.collect::<Vec<_>>().join(".");
        self.fail(failure::unwritable(why, &path), location);
    }

    fn fail(&mut self, error: Error, location: Option<SourceSpan>) {
        if self.errors.len() >= MAX_ERRORS {
            self.more_errors += 1;
            return;
        }
        let mut error = error.at(self.answer.document.line_column(location));
        error.path = self
            .path
            .iter()
            .map(|step| match step {
                Step::Key(key) => PathSegment::Key((*key).into()),
                Step::Index(i) => PathSegment::Index(*i),
            })
            .collect();
        self.errors.push(error);
    }
}
