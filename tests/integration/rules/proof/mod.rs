//! What somebody may not see is not there for him: whatever he asks, the answer is that of a copy of the content from
//! which it was removed before; and whatever becomes of it, no byte of an answer and no statement is another.
//!
//! Some thousand requests each time. To search further, with other rules:
//! `RULES_CASES=100000 RULES_SEED=7 cargo test --release --test integration rules`.

mod draw;
mod lists;
mod rule;
mod seen;
mod tables;

use std::cell::RefCell;

use backref::graph::Principal;
use backref::read::plan::{DocumentLimits, Limits};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use serde_json::{Value, json};

use crate::generate::{self, Case, Change, Walk, without_cursors};
use crate::harness::{Backend, Stage, TestApp, config, on_every_database};
use crate::reference::{self, Data, FORBIDDEN};
use draw::{Rules, principal, rules};
use lists::Sides;
use seen::Reader;

/// Requests of each set of rules and content, and who makes them.
const OPERATIONS: usize = 60;
const WALKS: usize = 4;
const PRINCIPALS: usize = 3;

/// Requests, where nobody asks for more.
const CASES: u32 = 3_000;

fn so_many(property: &str) -> Config {
    let asked = |name: &str| std::env::var(name).ok().and_then(|n| n.parse::<u32>().ok());
    // Half of each, on an average.
    let each = (OPERATIONS * PRINCIPALS * Backend::all().len()) as u32 / 3;
    let cases = asked("RULES_CASES").unwrap_or(CASES);
    let config = config(property, cases.div_ceil(each));
    Config {
        rng_seed: match asked("RULES_SEED") {
            Some(seed) => RngSeed::Fixed(seed.into()),
            None => config.rng_seed,
        },
        max_shrink_iters: asked("PROPTEST_MAX_SHRINK_ITERS").unwrap_or(500),
        ..config
    }
}

/// What happened, so that the property is about something.
#[derive(Debug, Default)]
struct Tally {
    asked: usize,
    invalid: usize,
    forbidden: usize,
    hidden: usize,
    nulls: usize,
    found: usize,
    walked: usize,
    searched: usize,
    changed: usize,
}

/// An answer without what it cost, and the statements that it cost.
struct Answered {
    text: String,
    cost: Value,
}

async fn ask(app: &TestApp, principal: &Principal, case: &Case) -> Answered {
    let answer = app
        .ask_for(
            principal,
            &case.query,
            case.operation_name.as_deref(),
            &case.variables,
        )
        .await;
    let Some(at) = answer.text.rfind(",\"extensions\":{\"backref\"") else {
        return Answered {
            text: answer.text,
            cost: Value::Null,
        };
    };
    let cost = &answer.json()["extensions"]["backref"];
    let statements = cost["statements"].as_array().cloned().unwrap_or_default();
    let mut statements: Vec<_> = statements
        .iter()
        .map(|s| json!([s["path"], s["sql"], s["keys"], s["rows"]]))
        .collect();
    // Siblings are asked side by side.
    statements.sort_by_key(Value::to_string);
    Answered {
        text: format!("{}}}", &answer.text[..at]),
        cost: json!([cost["bound"], statements]),
    }
}

/// Holds an answer against that of the reference over what was left.
fn compare(tally: &mut Tally, case: &Case, seen: &Data, answer: &str) -> Result<(), TestCaseError> {
    tally.asked += 1;
    let name = case.operation_name.as_deref();
    let expected = reference::execute(seen, &case.query, name, &case.variables);
    let json: Value = serde_json::from_str(answer).expect("JSON");
    let error = &json["errors"][0];
    match error["extensions"]["code"].as_str() {
        // Where something can be hidden a type is nullable that is not in the surface.
        Some("GRAPHQL_VALIDATION_FAILED") => {
            tally.invalid += 1;
            let message = error["message"].as_str().unwrap_or_default();
            prop_assert!(message.contains("different types"), "{answer}");
            return Ok(());
        }
        // The server refuses before it runs, whether it would have come to that or not.
        Some("FORBIDDEN") => {
            tally.forbidden += 1;
            let message = error["message"].as_str().unwrap_or_default();
            let mut forbidden = seen.seen.iter().flat_map(|seen| &seen.forbidden);
            let named = forbidden.any(|(ty, field)| {
                message.contains(&format!(" {ty} ")) && message.contains(&format!("`{field}`"))
            });
            prop_assert!(named, "{answer}");
            return Ok(());
        }
        _ => {}
    }
    let expected = expected.map_err(|e| match e.contains(FORBIDDEN) {
        true => TestCaseError::fail(format!("{e}, but {answer}")),
        false => TestCaseError::fail(e),
    })?;
    tally.found += answer.matches("[{").count();
    prop_assert_eq!(without_cursors(answer), without_cursors(&expected));
    Ok(())
}

/// The content after those of the changes of which the principal can see nothing.
fn changed(data: &Data, changes: &[Change], rules: &Rules, me: &Principal, seen: &Data) -> Data {
    let mut changed = data.clone();
    for change in changes {
        let mut next = changed.clone();
        change.apply(&mut next);
        if Reader::new(&next, rules, me).seen() == *seen {
            changed = next;
        }
    }
    changed
}

#[test]
fn answers_are_of_what_may_be_seen_and_of_nothing_else() {
    let tally = RefCell::new(Tally::default());
    let strategy = (
        vec(generate::case(), 1..=OPERATIONS),
        vec(principal(), 1..=PRINCIPALS),
        rules(),
        vec(generate::walk(), 0..=WALKS),
        vec(generate::change(), 40),
        generate::data(),
    );
    let property = so_many("rules");
    on_every_database(
        &property,
        &strategy,
        |stage, (cases, principals, rules, walks, changes, data)| {
            let world = World {
                cases,
                principals,
                rules,
                walks,
                changes,
                data,
            };
            check(stage, &mut tally.borrow_mut(), &world)
        },
    );
    let tally = tally.into_inner();
    eprintln!("{tally:?}");
    assert!(tally.invalid * 10 < tally.asked, "{tally:?}");
    assert!(tally.forbidden * 3 < tally.asked, "{tally:?}");
    assert!(tally.found > tally.asked && tally.nulls > 0, "{tally:?}");
    assert!(tally.walked > 0 && tally.searched > 0, "{tally:?}");
    assert!(tally.changed > 0 && tally.hidden > 0, "{tally:?}");
}

/// Whatever documents say is asked.
fn limits() -> Limits {
    Limits {
        document: DocumentLimits {
            fields: u64::MAX,
            aliases: u64::MAX,
            directives: u64::MAX,
            ..DocumentLimits::default()
        },
        ..Limits::default()
    }
}

/// Rules, content, and what is asked by whom.
struct World {
    cases: Vec<Case>,
    principals: Vec<Principal>,
    rules: Rules,
    walks: Vec<Walk>,
    changes: Vec<Change>,
    data: Data,
}

/// What posts are searched for, of words that their texts have.
const SEARCHES: [&str; 5] = ["plain", "pl*", "null", "hi say", "\"plain é\""];

fn check(stage: &Stage, tally: &mut Tally, world: &World) -> Result<(), TestCaseError> {
    let (data, rules) = (&world.data, &world.rules);
    let database = &stage.database;
    let app = |rules: &Rules| stage.enter(|| TestApp::new(database, rules.graph(), limits()));
    let open = app(&Rules {
        search: true,
        ..Rules::default()
    });
    let app = app(rules);
    for me in &world.principals {
        stage.wait_for(generate::replace(&database.connection, data));
        let reader = Reader::new(data, rules, me);
        let seen = &reader.seen();
        tally.hidden += reader.hidden();
        tally.nulls += seen.seen.as_ref().map_or(0, |seen| seen.nulls.len());
        let named = |e: TestCaseError| TestCaseError::fail(format!("{me:?}: {e}"));
        let mut asked = Vec::new();
        for case in &world.cases {
            let answer = stage.wait_for(ask(&app, me, case));
            compare(tally, case, seen, &answer.text).map_err(named)?;
            asked.push((case.clone(), answer));
        }
        let sides = Sides {
            stage,
            app: &app,
            me,
            seen,
            open: &open,
        };
        for walk in &world.walks {
            let from_hidden = sides.walk(walk).map_err(named)?;
            tally.walked += from_hidden.len();
            asked.extend(from_hidden);
        }
        for words in SEARCHES.iter().filter(|_| rules.search) {
            let found = sides.search(words).map_err(named)?;
            let finds = |(_, answer): &&(Case, Answered)| answer.text.contains("Post:");
            tally.searched += found.iter().filter(finds).count();
            asked.extend(found);
        }
        let changed = changed(data, &world.changes, rules, me, seen);
        if changed == *data {
            continue;
        }
        tally.changed += 1;
        stage.wait_for(generate::replace(&database.connection, &changed));
        for (case, before) in asked {
            let after = stage.wait_for(ask(&app, me, &case));
            prop_assert_eq!(&after.text, &before.text, "{:?}: {:?}", me, case);
            prop_assert_eq!(&after.cost, &before.cost, "{:?}: {:?}", me, case);
        }
    }
    Ok(())
}
