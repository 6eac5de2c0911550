//! What somebody is given who has signed in.

use super::{Propagated, Step, Writer, Written};
use crate::error::{Code, Error};
use crate::read::plan::{Choice, RootField, RootOutput};

impl<'a> Writer<'a> {
    /// A session, none of whose fields is ever null.
    pub(super) fn session(&mut self, fields: &'a [RootField]) -> Written {
        self.out.push(b'{');
        for field in fields {
            self.out.extend_from_slice(&field.prefix);
            self.at(Step::Key(&field.key), |w| w.of_session(field))?;
        }
        self.out.push(b'}');
        Ok(())
    }

    fn of_session(&mut self, field: &'a RootField) -> Written {
        match &field.value {
            RootOutput::Typename(json) => self.out.extend_from_slice(json),
            RootOutput::Token => {
                let token = serde_json::to_vec(self.answer.token.unwrap_or_default());
                self.out
                    .extend_from_slice(token.as_deref().unwrap_or(b"\"\""));
            }
            RootOutput::Viewer(choice) => return self.new_viewer(choice, field),
            _ => self.null(),
        }
        Ok(())
    }

    fn new_viewer(&mut self, choice: &'a Choice, field: &RootField) -> Written {
        let loaded = &self.answer.loaded[choice.level];
        if let Some(row) = loaded.one(0) {
            return self.object(choice.level, row, &choice.selection);
        }
        match loaded.failure(0) {
            Some(failed) => self.fail_level(failed, field.location),
            None => {
                let message = "you have signed in, but may not see your own account";
                self.fail(Error::new(Code::Forbidden, message), field.location);
            }
        }
        Err(Propagated)
    }
}
