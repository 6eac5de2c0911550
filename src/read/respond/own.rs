//! Values of one's own.

use apollo_compiler::parser::SourceSpan;

use super::{MAX_ANSWER, Propagated, Step, Writer, Written};
use crate::error::MAX_ERRORS;
use crate::graph::own::{FieldError, Of, Shape, Value};
use crate::read::own::error::shown;
use crate::read::plan::own::{OwnCall, OwnSelected, OwnSelection};
use crate::read::plan::{LevelId, Selection};

impl<'a> Writer<'a> {
    /// What a call gave for a row of its level.
    pub(super) fn own(
        &mut self,
        call: usize,
        row: u32,
        selection: &'a OwnSelection,
        location: Option<SourceSpan>,
    ) -> Written {
        let answer = self.answer;
        let Some(own) = &answer.bound.plan.own else {
            return Err(Propagated);
        };
        let field = &answer.catalog.owns.fields[own.calls[call].field];
        let values = answer.given.get(call).map(|given| &given.values[..]);
        let value = values.and_then(|values| values.get(row as usize)?.as_ref());
        match value {
            Some(Ok(value)) => {
                let call = &own.calls[call];
                self.own_value(call, value, &field.gives, selection, location)
            }
            Some(Err(error)) => {
                self.fail(error.clone(), location);
                self.empty(&field.gives)
            }
            // What it is made of is hidden.
            None => self.empty(&field.gives),
        }
    }

    /// There is no value, for a reason that is told.
    fn empty(&mut self, shape: &Shape) -> Written {
        if !shape.nullable {
            return Err(Propagated);
        }
        self.null();
        Ok(())
    }

    fn own_value(
        &mut self,
        call: &'a OwnCall,
        value: &'a Value,
        shape: &'a Shape,
        selection: &'a OwnSelection,
        location: Option<SourceSpan>,
    ) -> Written {
        let start = self.out.len();
        if self.overflowed || start > MAX_ANSWER {
            return self.too_large();
        }
        let written = match (value, &shape.of, selection) {
            (Value::Json(json), ..) => {
                self.out.extend_from_slice(json.as_bytes());
                Ok(())
            }
            (Value::Enum(value), Of::Enum(of), _) if of.name_of(value).is_some() => {
                let name = of.name_of(value).unwrap_or_default();
                self.out.extend_from_slice(format!("\"{name}\"").as_bytes());
                Ok(())
            }
            (Value::List(items), Of::List(item), _) => {
                self.own_list(call, items, item, selection, location)
            }
            (Value::Object(values), Of::Object(of), OwnSelection::Object(fields)) => {
                self.own_object(call, values, of.name(), fields)
            }
            (Value::At(key), _, OwnSelection::Rows(level, asked)) => {
                match self.is_there(*level, *key) {
                    true => self.own_row(*level, *key, asked, location),
                    // It is hidden, or gone.
                    false => self.empty(shape),
                }
            }
            (Value::Failed(error), ..) => {
                self.fail_own(call, error, location);
                Err(Propagated)
            }
            _ if shape.nullable => {
                self.null();
                Ok(())
            }
            _ => {
                let message = "a field of one's own has given null where its type has none";
                self.fail_value(message, location);
                Err(Propagated)
            }
        };
        if written.is_err() && shape.nullable && !self.overflowed {
            self.out.truncate(start);
            self.null();
            return Ok(());
        }
        written
    }

    /// A list; of rows those that may be seen.
    fn own_list(
        &mut self,
        call: &'a OwnCall,
        items: &'a [Value],
        item: &'a Shape,
        selection: &'a OwnSelection,
        location: Option<SourceSpan>,
    ) -> Written {
        let seen = items.iter().filter(|value| match (value, selection) {
            (Value::At(key), OwnSelection::Rows(level, _)) => self.is_there(*level, *key),
            (Value::Null, OwnSelection::Rows(..)) => false,
            _ => true,
        });
        let seen: Vec<&'a Value> = seen.collect();
        self.out.push(b'[');
        for (i, value) in seen.into_iter().enumerate() {
            if i > 0 {
                self.out.push(b',');
            }
            self.at(Step::Index(i as u32), |w| match (value, selection) {
                (Value::At(key), OwnSelection::Rows(level, asked)) => {
                    w.own_row(*level, *key, asked, location)
                }
                // A list of rows has no null in it.
                (Value::Failed(error), OwnSelection::Rows(..)) => {
                    w.fail_own(call, error, location);
                    Err(Propagated)
                }
                _ => w.own_value(call, value, item, selection, location),
            })?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn own_object(
        &mut self,
        call: &'a OwnCall,
        values: &'a [Value],
        name: &'a str,
        fields: &'a [OwnSelected],
    ) -> Written {
        let answer = self.answer;
        let Some(shape) = answer.catalog.owns.objects.get(name) else {
            return Err(Propagated);
        };
        self.out.push(b'{');
        for field in fields {
            self.out.extend_from_slice(&field.prefix);
            let Some(at) = field.at else {
                self.out.extend_from_slice(format!("\"{name}\"").as_bytes());
                continue;
            };
            let of = &shape.fields[at].shape;
            self.at(Step::Key(&field.key), |w| {
                w.own_value(call, &values[at], of, &field.selection, field.location)
            })?;
        }
        self.out.push(b'}');
        Ok(())
    }

    /// The value here was to be given by a call, within a list or an object.
    fn fail_own(&mut self, call: &OwnCall, error: &FieldError, location: Option<SourceSpan>) {
        if self.errors.len() >= MAX_ERRORS {
            self.more_errors += 1;
            return;
        }
        self.fail(shown(error, call), location);
    }

    /// Whether there is something to write of a row: the row, or why it is not known.
    fn is_there(&self, level: LevelId, key: u32) -> bool {
        let loaded = &self.answer.loaded[level];
        loaded.one(key).is_some() || loaded.failure(key).is_some()
    }

    fn own_row(
        &mut self,
        level: LevelId,
        key: u32,
        asked: &'a Selection,
        location: Option<SourceSpan>,
    ) -> Written {
        let loaded = &self.answer.loaded[level];
        if let Some(row) = loaded.one(key) {
            return self.object(level, row, asked);
        }
        if let Some(failed) = loaded.failure(key) {
            self.fail_level(failed, location);
        }
        Err(Propagated)
    }
}
