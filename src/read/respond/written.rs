//! The rows that a mutation has written.

use apollo_compiler::parser::SourceSpan;

use super::{Propagated, Step, Writer, Written};
use crate::error::Error;
use crate::read::plan::{Choice, RootField, RootOutput};

impl<'a> Writer<'a> {
    /// A row by the place of its key; it is never null.
    pub(super) fn written(
        &mut self,
        choice: &'a Choice,
        key: u32,
        location: Option<SourceSpan>,
    ) -> Written {
        let loaded = &self.answer.loaded[choice.level];
        if let Some(row) = loaded.one(key) {
            return self.object(choice.level, row, &choice.selection);
        }
        match loaded.failure(key) {
            Some(failed) => self.fail_level(failed, location),
            None => {
                let of = &self.answer.catalog.entities[choice.entity];
                let message = format!(
                    "nothing was done, since you would not see the {} that you write",
                    of.one()
                );
                let is_somebody = self.answer.bound.principal.known().is_some();
                self.fail(Error::refused(is_somebody, message), location);
            }
        }
        Err(Propagated)
    }

    pub(super) fn written_rows(
        &mut self,
        choice: &'a Choice,
        location: Option<SourceSpan>,
    ) -> Written {
        self.out.push(b'[');
        for key in 0..self.answer.bound.count as u32 {
            if key > 0 {
                self.out.push(b',');
            }
            self.at(Step::Index(key), |w| w.written(choice, key, location))?;
        }
        self.out.push(b']');
        Ok(())
    }

    pub(super) fn changed(&mut self, fields: &'a [RootField]) -> Written {
        self.out.push(b'{');
        for field in fields {
            self.out.extend_from_slice(&field.prefix);
            self.at(Step::Key(&field.key), |w| match &field.value {
                RootOutput::Typename(json) => {
                    w.out.extend_from_slice(json);
                    Ok(())
                }
                RootOutput::WrittenMany(choice) => w.written_rows(choice, field.location),
                _ => {
                    let count = w.answer.bound.count;
                    w.out
                        .extend_from_slice(itoa::Buffer::new().format(count).as_bytes());
                    Ok(())
                }
            })?;
        }
        self.out.push(b'}');
        Ok(())
    }
}
