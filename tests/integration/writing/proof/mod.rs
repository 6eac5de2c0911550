//! Whatever is written, by whomever, the database is afterwards what the contract says, and a request that is refused
//! leaves no trace: random sequences of random mutations against a model in memory, which knows the contract and no
//! server. What a mutation shows is what the naive reference shows of the model.
//!
//! Some hundred sequences each time. To search further:
//! `WRITING_CASES=20000 WRITING_SEED=7 cargo test --release --test integration writing::proof`.

mod draw;
mod faults;
mod matching;
mod model;
mod request;
mod rows;
mod rules;
mod select;
mod tables;
mod unit;

use std::cell::RefCell;
use std::collections::BTreeMap;

use backref::graph::{Principal, Subject};
use backref::read::plan::Limits;
use chrono::{TimeDelta, Utc};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::{Value, json};

use super::content;
use crate::generate;
use crate::harness::{Backend, Stage, config};
use crate::reference::{self, Data};
use matching::Ids;
use model::{Shown, Verdict, verdict};
use request::{Request, global};
use rules::Actor;
use tables::State;

/// Requests of a sequence, and the bytes that make one.
const REQUESTS: usize = 8;
const BYTES: usize = 220;

/// Sequences, where nobody asks for more.
const CASES: u32 = 100;

fn so_many() -> Config {
    let asked = |name: &str| std::env::var(name).ok().and_then(|n| n.parse::<u32>().ok());
    let config = config("writing", asked("WRITING_CASES").unwrap_or(CASES));
    Config {
        rng_seed: match asked("WRITING_SEED") {
            Some(seed) => RngSeed::Fixed(seed.into()),
            None => config.rng_seed,
        },
        max_shrink_iters: asked("PROPTEST_MAX_SHRINK_ITERS").unwrap_or(600),
        ..config
    }
}

/// As much as is drawn may be read.
fn limits() -> Limits {
    Limits {
        rows: u64::MAX,
        ..Limits::default()
    }
}

/// What happened, so that the property is about something.
#[derive(Debug, Default)]
struct Tally {
    done: usize,
    open: BTreeMap<&'static str, usize>,
    refused: BTreeMap<String, usize>,
    shown: usize,
    unshown: usize,
    inserted: usize,
}

#[test]
fn what_is_written_is_what_the_contract_says() {
    let sequences = vec(vec(any::<u8>(), 0..=BYTES), 1..=REQUESTS);
    let tally = RefCell::new(Tally::default());
    for backend in Backend::all() {
        let stage = Stage::new(backend).of(backref::blog::graph(), limits());
        stage.wait_for(content::number_from(&stage.database, 1000));
        let outcome = TestRunner::new(so_many()).run(&sequences, |sequence| {
            let mut play = Play::new(&stage);
            let played = play.all(&sequence, &mut tally.borrow_mut());
            played.map_err(|e| TestCaseError::fail(format!("{e}\n{}", play.told())))
        });
        outcome.unwrap_or_else(|e| panic!("{backend:?}: {e}"));
        stage.wait_for(content::is_sound(&stage.database));
    }
    let tally = tally.into_inner();
    eprintln!("{tally:?}");
    let open: usize = tally.open.values().sum();
    let refused: usize = tally.refused.values().sum();
    assert!(tally.done > refused, "{tally:?}");
    assert!(open * 8 < tally.done, "{tally:?}");
    assert!(tally.refused.len() >= 4 && tally.shown > 0, "{tally:?}");
}

/// A sequence, as far as it has come.
struct Play<'a> {
    stage: &'a Stage,
    state: State,
    told: Vec<String>,
}

impl<'a> Play<'a> {
    fn new(stage: &'a Stage) -> Self {
        let data = content::data();
        stage.wait_for(generate::replace(&stage.database.connection, &data));
        Play {
            stage,
            state: State::read(&data),
            told: Vec::new(),
        }
    }

    fn told(&self) -> String {
        self.told.join("\n")
    }

    fn all(&mut self, sequence: &[Vec<u8>], tally: &mut Tally) -> Result<(), String> {
        for (at, bytes) in sequence.iter().enumerate() {
            let (actor, request) = draw::request(bytes, &self.state, at + 1);
            self.one(actor, &request, tally)?;
        }
        Ok(())
    }

    fn load(&self) -> State {
        let connection = &self.stage.database.connection;
        State::read(&self.stage.wait_for(Data::load(connection)))
    }

    fn one(&mut self, actor: Actor, request: &Request, tally: &mut Tally) -> Result<(), String> {
        let (document, variables) = request.written();
        self.told.push(format!("{actor:?}: {document} {variables}"));
        let expected = verdict(&self.state, actor, request);
        let before = self.stage.wait_for(content::dump(&self.stage.database));
        let began = Utc::now();
        let answer = self.ask(actor, &document, &variables);
        self.told.push(format!("  → {answer}"));
        let code = answer["errors"][0]["extensions"]["code"].as_str();
        if let Some(code) = code {
            let after = self.stage.wait_for(content::dump(&self.stage.database));
            if before != after {
                return Err(format!("{code}, but the database is another"));
            }
            if !answer["data"].is_null() {
                return Err(format!("{code} beside data"));
            }
        }
        // A row of which one field says two things that cannot both be, somewhere in its input.
        let message = answer["errors"][0]["message"].as_str().unwrap_or_default();
        let torn = [
            "is to be deleted, and something else",
            "is given twice, and not alike",
        ];
        if torn.iter().any(|words| message.contains(words)) {
            *tally.open.entry("two things of one row").or_default() += 1;
            return Ok(());
        }
        match (expected, code) {
            (Verdict::Refused(codes), Some(code)) if codes.contains(code) => {
                *tally.refused.entry(code.to_owned()).or_default() += 1;
                Ok(())
            }
            (Verdict::Refused(codes), _) => Err(format!("it should be one of {codes:?}")),
            (Verdict::Open(why), Some(code)) if code != "INTERNAL_SERVER_ERROR" => {
                *tally.open.entry(why).or_default() += 1;
                Ok(())
            }
            (Verdict::Open(why), None) => {
                *tally.open.entry(why).or_default() += 1;
                self.state = self.load();
                Ok(())
            }
            (Verdict::Done(shown, after), None) => {
                tally.done += 1;
                let database = self.load();
                let ids = Ids::find(&after, &self.state, &database)?;
                let renamed = ids.rename(&after, None);
                let now = matching::moment(&renamed, &database)?;
                if let Some(now) = now {
                    let late = TimeDelta::milliseconds(2);
                    if now < began - late || now > Utc::now() + late {
                        return Err(format!("it was not {now} when it ran"));
                    }
                }
                let model = ids.rename(&after, now);
                if let Some(difference) = matching::difference(&model, &database) {
                    return Err(difference);
                }
                tally.inserted += after.0.values().map(|rows| rows.len()).sum::<usize>();
                for (at, (field, shown)) in request.fields.iter().zip(&shown).enumerate() {
                    let got = &answer["data"][format!("f{at}")];
                    let state = ids.rename(&shown.state, now);
                    if !matching::is_known(&state) {
                        tally.unshown += 1;
                        continue;
                    }
                    tally.shown += 1;
                    let bulk = field.act.is_bulk();
                    show(actor, &ids, shown, &state, bulk, &field.selection, got)?;
                }
                self.state = model;
                self.ask_again(actor, request, &shown, &ids, &answer)
            }
            (Verdict::Open(_) | Verdict::Done(..), Some(code)) => {
                Err(format!("it should be done, but is {code}"))
            }
        }
    }

    fn ask(&self, actor: Actor, document: &str, variables: &Value) -> Value {
        let app = &self.stage.app;
        let principal = principal(actor);
        let asked = app.ask(&principal, document, variables);
        let mut json = self.stage.wait_for(asked).json();
        if let Some(answer) = json.as_object_mut() {
            answer.remove("extensions");
        }
        json
    }

    /// What the last field has shown is what a query shows now.
    fn ask_again(
        &self,
        actor: Actor,
        request: &Request,
        shown: &[Shown],
        ids: &Ids,
        answer: &Value,
    ) -> Result<(), String> {
        let (Some(field), Some(shown)) = (request.fields.last(), shown.last()) else {
            return Ok(());
        };
        let key = format!("f{}", request.fields.len() - 1);
        let got = &answer["data"][key];
        let nodes = match field.act.is_bulk() {
            true => got["nodes"].as_array().cloned().unwrap_or_default(),
            false => got.as_array().cloned().unwrap_or(vec![got.clone()]),
        };
        for (row, node) in shown.rows.iter().zip(nodes) {
            let key = ids.key(shown.table, *row);
            if self.state.row(shown.table, key).is_none() {
                continue;
            }
            let query = query(shown, key, &field.selection);
            let read = self.ask(actor, &query, &json!({}));
            let is_deleted = matches!(
                field.act,
                request::Act::Delete(..) | request::Act::DeleteAll(..)
            );
            let id = &node["id"];
            let read = &read["data"]["row"];
            if !is_deleted && read["id"] == *id && *read != node {
                return Err(format!("it has shown {node}, and a query shows {read}"));
            }
        }
        Ok(())
    }
}

fn query(shown: &Shown, key: tables::Key, selection: &str) -> String {
    let field = shown.table.field();
    let id = global(shown.table, key);
    format!("{{ row: {field}(id: {id:?}) {{ {selection} }} }}")
}

/// Holds what a field has shown against what the reference shows.
fn show(
    actor: Actor,
    ids: &Ids,
    shown: &Shown,
    state: &State,
    bulk: bool,
    selection: &str,
    got: &Value,
) -> Result<(), String> {
    let data = actor.seen(state);
    let rows = shown.rows.iter().map(|row| {
        let query = query(shown, ids.key(shown.table, *row), selection);
        let answer = reference::execute(&data, &query, None, &json!({}))?;
        let answer: Value = serde_json::from_str(&answer).map_err(|e| e.to_string())?;
        Ok(answer["data"]["row"].clone())
    });
    let mut rows = rows.collect::<Result<Vec<_>, String>>()?;
    let (mut got_rows, count) = match (bulk, got.as_array()) {
        (true, _) => (got["nodes"].as_array().cloned(), got["count"].as_u64()),
        (false, Some(list)) => (Some(list.clone()), None),
        (false, None) => (Some(vec![got.clone()]), None),
    };
    if bulk {
        // In which order is not said.
        rows.sort_by_key(Value::to_string);
        if let Some(got) = &mut got_rows {
            got.sort_by_key(Value::to_string);
        }
        if count != Some(rows.len() as u64) {
            return Err(format!("{} rows, but {count:?} were counted", rows.len()));
        }
    }
    match got_rows.as_ref() == Some(&rows) {
        true => Ok(()),
        false => Err(format!(
            "it should show {}, but shows {got}",
            Value::from(rows)
        )),
    }
}

fn principal(actor: Actor) -> Principal {
    let role = match actor {
        Actor::Anonymous => return Principal::Anonymous,
        Actor::Reader(_) => "reader",
        Actor::Author(_) => "author",
        Actor::Admin(_) => "admin",
    };
    let id = actor.id().unwrap_or_default().to_string();
    Principal::subject(Subject::new(id).with_role(role))
}

/// Without a server: most of what is drawn does something, all codes come about, and little is left open.
#[test]
fn what_is_drawn_is_worth_asking() {
    let state = State::read(&content::data());
    let tally = RefCell::new(Tally::default());
    // Asking nobody, it is quick: never so few that nothing can be told.
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..so_many()
    };
    let drawn = TestRunner::new(config).run(&vec(any::<u8>(), BYTES), |bytes| {
        let (actor, request) = draw::request(&bytes, &state, 1);
        let tally = &mut *tally.borrow_mut();
        match verdict(&state, actor, &request) {
            Verdict::Done(_, after) => {
                tally.done += 1;
                let rows = |state: &State| state.0.values().map(BTreeMap::len).sum::<usize>();
                tally.inserted += rows(&after).saturating_sub(rows(&state));
            }
            Verdict::Refused(codes) => {
                let codes = codes.into_iter().collect::<Vec<_>>().join(" ");
                *tally.refused.entry(codes).or_default() += 1;
            }
            Verdict::Open(why) => *tally.open.entry(why).or_default() += 1,
        }
        Ok(())
    });
    drawn.expect("nothing is asserted");
    let tally = tally.into_inner();
    eprintln!("{tally:?}");
    let open: usize = tally.open.values().sum();
    let refused: usize = tally.refused.values().sum();
    assert!(tally.done > refused && open * 8 < tally.done, "{tally:?}");
    assert!(tally.inserted > tally.done, "{tally:?}");
    assert!(tally.refused.len() >= 5, "{tally:?}");
}
