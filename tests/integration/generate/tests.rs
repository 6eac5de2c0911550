//! The generator keeps what it promises.

use super::document::{Document, Field, Selection};
use super::{case, change, config, data, failing_case, insert, mutated, write};
use super::{operation::anonymous, repair::bound};
use crate::{
    reference::{self, Data},
    validity_peer::GraphqlJs,
};
use migration::{Migrator, MigratorTrait};
use proptest::{
    collection::vec,
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};

const SURFACE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/integration/reference/surface.graphql"
));

#[test]
fn generated_cases_are_answered_without_errors() {
    proptest!(config(256), |(case in case(), data in data())| {
        let answer = reference::execute(
            &data,
            &case.query,
            case.operation_name.as_deref(),
            &case.variables,
        );
        let answer = answer.map_err(TestCaseError::fail)?;
        prop_assert!(serde_json::from_str::<serde_json::Value>(&answer).is_ok(), "{answer}");
    });
}

#[test]
fn the_deepest_document_is_made_to_fit() {
    let mut deep = Field::leaf("id");
    for name in ["author", "posts"].iter().cycle().take(16) {
        deep = Field {
            selections: vec![Selection::Field(deep)],
            ..Field::leaf(name)
        };
    }
    let mut document = Document {
        operations: vec![anonymous(vec![Selection::Field(deep)])],
        ..Document::default()
    };
    bound(&mut document);
    let text = document.to_string();
    assert!(
        text.matches('{').count() < 16 && text.contains("__typename"),
        "{text}"
    );
}

#[test]
fn conditions_and_orders_matter_often() {
    let mut runner = TestRunner::deterministic();
    let (mut refined, mut empty, mut full) = (0, 0, 0);
    for _ in 0..200 {
        let case = case().new_tree(&mut runner).unwrap().current();
        let data = data().new_tree(&mut runner).unwrap().current();
        refined += usize::from(case.query.contains("where: {"));
        let answer = reference::execute(
            &data,
            &case.query,
            case.operation_name.as_deref(),
            &case.variables,
        );
        let answer = answer.unwrap();
        empty += answer.matches("[]").count();
        full += answer.matches("[{").count();
    }
    assert!(refined > 60, "{refined} of 200 have conditions");
    assert!(full > empty, "{empty} lists are empty, {full} are not");
}

#[test]
fn connections_and_aggregates_find_something_often() {
    let mut runner = TestRunner::deterministic();
    let mut answers = String::new();
    for _ in 0..200 {
        let case = case().new_tree(&mut runner).unwrap().current();
        let data = data().new_tree(&mut runner).unwrap().current();
        let answer = reference::execute(
            &data,
            &case.query,
            case.operation_name.as_deref(),
            &case.variables,
        );
        answers += &answer.unwrap();
    }
    let found = |text: &str| answers.matches(text).count();
    for (text, times) in [
        (r#""cursor":""#, 200),
        (r#""edges":[{"#, 50),
        (r#""hasNextPage":true"#, 20),
        (r#""hasPreviousPage":true"#, 20),
        (r#""totalCount":"#, 100),
        (r#""groups":[{"#, 50),
        (r#""sum":{"version":""#, 10),
    ] {
        assert!(found(text) > times, "{text} {} times", found(text));
    }
}

#[test]
fn generated_cases_are_valid() {
    let Some(mut judge) = GraphqlJs::of(SURFACE) else {
        return;
    };
    let mut runner = TestRunner::new(Config::default());
    for _ in 0..300 {
        let case = case().new_tree(&mut runner).unwrap().current();
        let verdict = judge.verdict(&case.query);
        assert!(verdict.valid, "{:?}\n{case:?}", verdict.errors);
        let case = failing_case().new_tree(&mut runner).unwrap().current();
        let verdict = judge.verdict(&case.query);
        assert!(verdict.valid, "{:?}\n{case:?}", verdict.errors);
    }
}

#[test]
fn changed_documents_are_valid_and_invalid_in_fair_shares() {
    let Some(mut judge) = GraphqlJs::of(SURFACE) else {
        return;
    };
    let mut runner = TestRunner::deterministic();
    let documents = std::iter::repeat_with(|| mutated().new_tree(&mut runner).unwrap().current());
    let valid = documents
        .take(500)
        .filter(|document| judge.verdict(document).valid)
        .count();
    assert!((50..400).contains(&valid), "{valid} of 500 are valid");
}

#[tokio::test]
async fn content_comes_back_from_the_database_as_it_was_inserted() {
    let mut runner = TestRunner::deterministic();
    for _ in 0..8 {
        let data = data().new_tree(&mut runner).unwrap().current();
        let db = sea_orm::Database::connect("sqlite::memory:").await.unwrap();
        Migrator::up(&db, None).await.unwrap();
        insert(&db, &data).await;
        assert_eq!(Data::load(&db).await, data);
    }
}

#[tokio::test]
async fn changes_reach_the_database_and_leave_it_consistent() {
    let mut runner = TestRunner::deterministic();
    let mut altered = 0;
    for _ in 0..8 {
        let mut data = data().new_tree(&mut runner).unwrap().current();
        let db = sea_orm::Database::connect("sqlite::memory:").await.unwrap();
        Migrator::up(&db, None).await.unwrap();
        insert(&db, &data).await;
        let changes = vec(change(), 40).new_tree(&mut runner).unwrap().current();
        for change in changes {
            let old = data.clone();
            change.apply(&mut data);
            write(&db, &old, &data).await;
            assert_eq!(Data::load(&db).await, data);
            altered += usize::from(data != old);
        }
    }
    assert!(altered > 160, "{altered} of 320 changed something");
}
