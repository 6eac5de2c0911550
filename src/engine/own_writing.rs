//! Mutations of one's own: their code runs in the request's transaction. What it writes goes the way of every mutation,
//! and is asked through a channel, as SeaORM's hooks ask.

use std::sync::Arc;

use sea_orm::prelude::Json;
use tokio::sync::mpsc;

use super::mutation::Unplanned;
use super::writing::{Doing, Stop, Undone};
use super::{Prepared, Request};
use crate::error::{Code, Error};
use crate::graph::keys::{KeyValue, global_id};
use crate::graph::own::{
    Call, Context, Does, FieldError, KeyOf, OwnField, OwnId, RowSet, Values, Why, Write,
};
use crate::graph::writing::{Mutation, UniqueKey};
use crate::graph::{Entity, orm};
use crate::read::load::Ran;
use crate::read::load::change::{Abort, Transaction};
use crate::read::load::refusal::Refusal;
use crate::read::own::Answering;
use crate::read::plan::BoundPlan;
use crate::read::respond::Answered;
use crate::read::sql::Dialect;
use crate::write::{self, Refused, Writer};

/// What a mutation of one's own has done so far.
struct Written {
    /// Statements that it may still write by.
    left: u64,
    /// What was refused first: everything is taken back, whatever the code makes of that.
    refused: Option<Abort<Refused>>,
    ran: Vec<(String, Ran)>,
}

impl Doing {
    /// Runs the code of a field, and reads what it gives.
    pub(super) async fn own<T: Transaction>(
        &self,
        at: usize,
        own: OwnId,
        prepared: &Prepared,
        cost: &mut Vec<(String, Ran)>,
        on: &T,
    ) -> Result<Answered, Stop> {
        let catalog = &self.planner.shared.catalog;
        let field = &catalog.owns.fields[own];
        let bound = &prepared.bound;
        let mut written = Written {
            left: field.statements.into(),
            refused: None,
            ran: Vec::new(),
        };
        let values = self.call(field, bound, &mut written, on).await;
        if let Some(abort) = written.refused {
            return Err(match abort {
                Abort::Database(error) => Abort::Database(error),
                Abort::Refused(why) => Abort::Refused(Undone::Field { at, why }),
            });
        }
        cost.extend(written.ran);
        let mut answering = Answering::new(bound);
        answering.accept(catalog, bound, 0, &[0], values);
        let later = bound.plan.own.as_ref().map_or(0, |own| own.later.len());
        for phase in 1..=later {
            self.load_phase(prepared, bound, phase, &mut answering, on)
                .await;
        }
        self.note_cost(bound, &answering.loaded, cost);
        Ok(self.planner.shared.write_own(prepared, bound, &answering))
    }

    async fn call<T: Transaction>(
        &self,
        field: &OwnField,
        bound: &BoundPlan,
        written: &mut Written,
        on: &T,
    ) -> Values {
        let (asks, mut asked) = mpsc::unbounded_channel();
        let arguments = bound
            .arguments
            .first()
            .map(|arguments| (**arguments).clone());
        let arguments = arguments.unwrap_or_default();
        let principal = bound.principal.clone();
        let mut running = (field.run)(Call {
            rows: Arc::new(RowSet::nothing(&field.name)),
            live: vec![0],
            context: Context::new(field.told(), principal, arguments, Some(asks)),
            deadline: self.deadline,
        });
        loop {
            tokio::select! {
                biased;
                values = &mut running => return values,
                Some(ask) = asked.recv() => {
                    let answer = match &written.refused {
                        None => self.write(field, &ask.write, written, on).await,
                        Some(_) => Err(FieldError::mistake("nothing is written after what was refused")),
                    };
                    ask.answer(answer);
                }
            }
        }
    }

    /// Does one write. What is refused is kept, and told to the code as well.
    async fn write<T: Transaction>(
        &self,
        field: &OwnField,
        write: &Write,
        written: &mut Written,
        on: &T,
    ) -> Result<KeyOf, FieldError> {
        match self.write_on(field, write, written, on).await {
            Ok(key) => Ok(KeyOf::Known(key)),
            Err(abort) => {
                let told = match &abort {
                    Abort::Refused(Refused::Errors(errors) | Refused::Policy(errors)) => {
                        errors.first().cloned()
                    }
                    // Which row it is among several is found out when everything is taken back.
                    Abort::Refused(Refused::Statement(failed)) => {
                        let refusal = Refusal::of(&failed.error);
                        let catalog = &self.planner.shared.catalog;
                        let found = write::Findings::default();
                        let told = refusal.map(|r| write::explain(catalog, failed, &r, &found));
                        told.and_then(|errors| errors.into_iter().next())
                    }
                    Abort::Database(_) => None,
                };
                written.refused = Some(abort);
                Err(match told {
                    Some(error) => FieldError {
                        passed_on: Some(Arc::new(error.clone())),
                        ..FieldError::new(why(error.code), error.message)
                    },
                    None => FieldError::new(Why::Internal, "the database refused what is written"),
                })
            }
        }
    }

    async fn write_on<T: Transaction>(
        &self,
        field: &OwnField,
        write: &Write,
        written: &mut Written,
        on: &T,
    ) -> Result<Vec<KeyValue>, Abort<Refused>> {
        let refuse = |errors: Vec<Error>| Abort::Refused(Refused::Errors(errors));
        let shared = &self.planner.shared;
        let catalog = &shared.catalog;
        let request = self.request(field, write).map_err(|e| refuse(vec![e]))?;
        let asked = self.planner.read(&request).map_err(refuse)?;
        let planned = self
            .planner
            .mutation(&asked, &self.principal, T::DIALECT, false);
        let planned = planned.map_err(|why| match why {
            Unplanned::Request(error) => refuse(vec![error]),
            Unplanned::Field(_, errors) => refuse(errors),
        })?;
        let statements: u64 = planned.units.acts.iter().map(|act| act.statements).sum();
        written.left = written.left.checked_sub(statements).ok_or_else(|| {
            let message = format!(
                "`{}` writes by more than the {} statements that it may; declare how many with `.statements(…)`",
                field.told(),
                field.statements
            );
            refuse(vec![Error::new(Code::LimitExceeded, message)])
        })?;
        let (units, most) = (&planned.units, self.most);
        if T::DIALECT == Dialect::Postgres {
            self.turn.come_to(catalog, units);
        }
        let writer = Writer::new(catalog, &self.principal, units, most, on);
        let mut writer = writer.keeping(&shared.changes);
        let done = match writer.find(0).await {
            Ok(()) => {
                let key = writer.keys(0).into_iter().next().unwrap_or_default();
                let applied = writer.apply(0).await;
                // One that is made has its key only then.
                let made = || writer.keys(0).into_iter().next().unwrap_or_default();
                applied.map(|()| match write.does {
                    Does::Delete { .. } => key,
                    _ => made(),
                })
            }
            Err(abort) => Err(abort),
        };
        let done = done.map_err(|abort| match abort {
            Abort::Refused(Refused::Errors(mut errors)) => {
                let arguments = planned.fields.first().map(|field| &field.arguments[..]);
                let arguments = arguments.unwrap_or_default();
                write::in_order_of_input(&mut errors, arguments, &asked.variables);
                refuse(errors)
            }
            abort => abort,
        });
        let name = &field.name;
        let ran = writer.ran.into_iter();
        written
            .ran
            .extend(ran.map(|ran| (format!("{name}({})", ran.path), ran.ran)));
        done
    }

    /// A write as the request that it would be.
    fn request(&self, field: &OwnField, write: &Write) -> Result<Request, Error> {
        let catalog = &self.planner.shared.catalog;
        let no_such = || {
            let message = format!(
                "`{}` writes rows of which the graph lets none be written so",
                field.told()
            );
            Error::new(Code::InternalServerError, message)
        };
        let entity = catalog.entity_of_row(&write.of).ok_or_else(no_such)?;
        let of = &catalog.entities[entity];
        let id = |key: &KeyOf| id_of(of, key).map(Json::String).ok_or_else(no_such);
        let mut given: Vec<(&str, String, Json)> = Vec::new();
        let mut give = |name, of_type: &str, value| {
            given.push((name, format!("{}{of_type}!", of.type_name), value));
        };
        let (kind, key, expected) = match &write.does {
            Does::Create { input } => {
                give("input", "Create", input.clone());
                (Mutation::Create, None, None)
            }
            Does::Update {
                key,
                input,
                expected,
            } => {
                give("input", "Update", input.clone());
                (Mutation::Update, Some(key), *expected)
            }
            Does::Upsert { on, create, update } => {
                give("create", "Create", create.clone());
                give("update", "Update", update.clone());
                give("on", "Key", Json::String(self.unique(field, of, on)?));
                (Mutation::Upsert, None, None)
            }
            Does::Delete { key, expected } => (Mutation::Delete, Some(key), *expected),
        };
        if let Some(key) = key {
            given.push(("id", "ID!".to_owned(), id(key)?));
        }
        if let Some(expected) = expected {
            if of.writing.version.is_none() {
                let message = format!(
                    "`{}` expects a version of {}, which has none; name its column with `.version(…)`",
                    field.told(),
                    of.type_name
                );
                return Err(Error::new(Code::InternalServerError, message));
            }
            given.push(("expectedVersion", "Int".to_owned(), expected.into()));
        }
        let mut mutations = of.mutations().into_iter();
        let (name, _) = mutations.find(|(_, m)| *m == kind).ok_or_else(no_such)?;
        let declared = given
            .iter()
            .map(|(name, of_type, _)| format!("${name}: {of_type}"));
        let declared = declared.collect::<Vec<_>>().join(", ");
        let arguments = given.iter().map(|(name, ..)| format!("{name}: ${name}"));
        let arguments = arguments.collect::<Vec<_>>().join(", ");
        let variables = given
            .into_iter()
            .map(|(name, _, value)| (name.to_owned(), value));
        let variables = Json::Object(variables.collect());
        Ok(Request {
            query: format!("mutation({declared}) {{ {name}({arguments}) {{ __typename }} }}"),
            variables: serde_json::from_value(variables).map_err(|_| no_such())?,
            ..Request::default()
        })
    }

    /// The key of these columns, as the mutation calls it.
    fn unique(&self, field: &OwnField, of: &Entity, on: &[String]) -> Result<String, Error> {
        let is_meant = |key: &&UniqueKey| {
            let mut names = key.columns.iter().map(|&c| &of.columns[c].name);
            key.columns.len() == on.len() && names.all(|name| on.contains(name))
        };
        let found = of.writing.unique.iter().find(is_meant);
        found.map(|key| key.name.clone()).ok_or_else(|| {
            let message = format!(
                "`{}` upserts {} by `{}`, which are the columns of no unique key of it; its keys are {}",
                field.told(),
                of.type_name,
                on.join("`, `"),
                of.writing
                    .unique
                    .iter()
                    .map(|key| key.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            );
            Error::new(Code::InternalServerError, message)
        })
    }
}

/// Why a write is refused, as the code is told.
fn why(code: Code) -> Why {
    match code {
        Code::BadUserInput | Code::GraphqlParseFailed | Code::GraphqlValidationFailed => Why::Input,
        Code::NotFound => Why::NotFound,
        Code::Unauthenticated => Why::Unauthenticated,
        Code::Forbidden => Why::Forbidden,
        Code::Conflict => Why::Conflict,
        Code::LimitExceeded => Why::LimitExceeded,
        Code::Timeout => Why::Timeout,
        Code::Unavailable => Why::Unavailable,
        Code::PersistedQueryNotSupported | Code::InternalServerError => Why::Internal,
    }
}

/// The global id of a row.
fn id_of(of: &Entity, key: &KeyOf) -> Option<String> {
    let texts: Vec<String> = match key {
        KeyOf::Given(values) => values.iter().map(orm::text).collect::<Option<_>>()?,
        KeyOf::Known(values) => values.iter().map(KeyValue::text).collect(),
    };
    Some(global_id(of, texts))
}
