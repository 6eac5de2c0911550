//! The server against a naive reference: random operations over random data answer alike, to the byte;
//! and random documents are accepted and refused as graphql-js does.

use std::collections::BTreeSet;

use backref::read::plan::{Document, DocumentLimits, Limits};
use backref::schema::Schema;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::generate::{self, Case, without_cursors};
use crate::harness::{blog, config, on_every_database};
use crate::reference::{self, Data};
use crate::validity_peer::GraphqlJs;

/// Operations tried on each content.
const OPERATIONS: usize = 25;

/// What is found to be wrong before anything runs: numbers below zero, `first` and `last` at once,
/// cursors that are none, groups by nothing, and aggregates of what is not for everyone.
const REFUSED: [(&str, &str); 12] = [
    ("BAD_USER_INPUT", "limit"),
    ("BAD_USER_INPUT", "offset"),
    ("BAD_USER_INPUT", "first"),
    ("BAD_USER_INPUT", "last"),
    ("BAD_USER_INPUT", "after"),
    ("BAD_USER_INPUT", "before"),
    ("BAD_USER_INPUT", "by"),
    ("FORBIDDEN", "by"),
    ("FORBIDDEN", "min.email"),
    ("FORBIDDEN", "max.email"),
    ("FORBIDDEN", "email"),
    ("FORBIDDEN", ""),
];

#[test]
fn random_operations_answer_as_the_reference_does() {
    on_random_content("answers", 150, generate::case(), |case, data, answer| {
        let expected = reference::execute(
            data,
            &case.query,
            case.operation_name.as_deref(),
            &case.variables,
        );
        let expected = expected.map_err(TestCaseError::fail)?;
        prop_assert_eq!(without_cursors(answer), without_cursors(&expected));
        Ok(())
    });
}

#[test]
fn fields_that_fail_leave_the_rest_as_the_reference_does() {
    on_random_content(
        "failures",
        60,
        generate::failing_case(),
        |case, data, answer| {
            let expected = reference::respond(
                data,
                &case.query,
                case.operation_name.as_deref(),
                &case.variables,
            );
            let expected = expected.map_err(TestCaseError::fail)?;
            let json: serde_json::Value = serde_json::from_str(answer).expect("JSON");
            let answer = without_cursors(answer);
            let expected_data = without_cursors(&expected.data);
            let Some(errors) = json.get("errors") else {
                prop_assert_eq!(answer, format!(r#"{{"data":{expected_data}}}"#));
                return Ok(());
            };
            if json.get("data").is_none() {
                // The server refuses the whole request before it runs, reached or not.
                let code = errors[0]["extensions"]["code"].as_str().unwrap_or_default();
                let field = errors[0]["extensions"]["field"]
                    .as_str()
                    .unwrap_or_default();
                prop_assert!(REFUSED.contains(&(code, field)), "{answer}");
                return Ok(());
            }
            prop_assert!(
                answer.ends_with(&format!(r#","data":{expected_data}}}"#)),
                "{answer} but {expected_data}"
            );
            let paths: BTreeSet<String> = errors
                .as_array()
                .into_iter()
                .flatten()
                .map(|e| dotted(&e["path"]))
                .collect();
            let expected: BTreeSet<String> =
                expected.errors.iter().map(|e| e.path.join(".")).collect();
            prop_assert_eq!(paths, expected);
            Ok(())
        },
    );
}

fn dotted(path: &serde_json::Value) -> String {
    let segments = path.as_array().into_iter().flatten();
    let text = segments.map(|s| s.as_str().map_or_else(|| s.to_string(), str::to_owned));
    text.collect::<Vec<_>>().join(".")
}

/// Runs operations over contents on every database. What comes first shrinks first.
fn on_random_content(
    property: &str,
    contents: u32,
    case: impl Strategy<Value = Case>,
    check: impl Fn(&Case, &Data, &str) -> Result<(), TestCaseError>,
) {
    let strategy = (
        proptest::collection::vec(case, 1..=OPERATIONS),
        generate::data(),
    );
    on_every_database(
        &config(property, contents),
        &strategy,
        |stage, (cases, data)| {
            stage.wait_for(generate::replace(&stage.database.connection, &data));
            for case in &cases {
                let name = case.operation_name.as_deref();
                let answer = stage.ask(&case.query, name, &case.variables);
                check(case, &data, &answer.text)?;
            }
            Ok(())
        },
    );
}

#[test]
fn documents_are_accepted_and_refused_as_graphql_js_does() {
    let schema = schema();
    let Some(mut peer) = GraphqlJs::of(&schema.sdl) else {
        return;
    };
    let peer = std::cell::RefCell::new(&mut peer);
    let mut runner = TestRunner::new(config("validity", 3000));
    let outcome = runner.run(&generate::mutated(), |document| {
        let verdict = peer.borrow_mut().verdict(&document);
        let own = Document::parse(&schema, &document, &DocumentLimits::default());
        let differing = |e: &String| e.contains("they have differing arguments");
        if own.is_ok() && !verdict.errors.is_empty() && verdict.errors.iter().all(differing) {
            // A list for which another is the beginning of it: found when the fields are merged, which
            // they never are where nothing reaches them.
            return Ok(());
        }
        prop_assert_eq!(
            own.is_ok(),
            verdict.valid,
            "graphql-js: {:?}\nserver: {:?}\n{}",
            verdict.errors,
            own.err(),
            document
        );
        Ok(())
    });
    outcome.unwrap_or_else(|e| panic!("{e}"));
}

fn schema() -> Schema {
    let catalog = blog::graph().build().unwrap_or_else(|e| panic!("{e}"));
    Schema::new(&catalog, Limits::default().default_page()).unwrap_or_else(|e| panic!("{e}"))
}
