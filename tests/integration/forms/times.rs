//! Dates and times.

use backref::read::sql::forms;
use backref::serve::database::Connect;
use chrono::{DateTime, FixedOffset, SecondsFormat, Utc};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::{Value, json};

use super::{Subject, Subjects, execute};
use crate::harness::{Backend, TestApp, TestDatabase, blog, config};

const ON_SQLITE: &str = "
    CREATE TABLE moment (id integer PRIMARY KEY, at timestamp NOT NULL, local datetime, day date NOT NULL, clock time NOT NULL);
    CREATE INDEX moment_at ON moment (at, id);
    CREATE TABLE slot (start timestamp PRIMARY KEY, name text NOT NULL);
    CREATE TABLE booking (id integer PRIMARY KEY, slot_start timestamp NOT NULL);";

const ON_POSTGRES: &str = "
    CREATE TABLE moment (id bigint PRIMARY KEY, at timestamptz NOT NULL, local timestamp, day date NOT NULL, clock time NOT NULL);
    CREATE TABLE slot (start timestamptz PRIMARY KEY, name varchar NOT NULL);
    CREATE TABLE booking (id bigint PRIMARY KEY, slot_start timestamptz NOT NULL);";

/// An instant, and the number of a form in which it is written.
type Written = (i64, usize);

fn time(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).expect("a time")
}

fn shown(micros: i64) -> String {
    time(micros).to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// A value of SQLite's, as SQL.
fn form((micros, form): Written) -> String {
    let time = time(micros);
    let there = |minutes| {
        let zone = FixedOffset::east_opt(minutes * 60).expect("a zone");
        time.with_timezone(&zone)
    };
    let whole = micros % 1_000_000 == 0;
    let text = match form % 12 {
        0 => time.to_rfc3339_opts(SecondsFormat::AutoSi, false),
        1 => time.format("%F %T%.f").to_string(),
        2 => time.format("%F %T%.6f").to_string(),
        3 => time.format("%FT%T%.6fZ").to_string(),
        4 => there(330).format("%FT%T%.6f%:z").to_string(),
        5 => there(-675).format("%F %T%.f%:z").to_string(),
        6 => there(840).format("%F %T%.9f %:z").to_string(),
        7 => time.format("%FT%T%.f").to_string(),
        8 => there(-60).to_rfc3339(),
        // As many digits as it takes.
        9 => {
            let there = there(60).format("%FT%T%.9f").to_string();
            let there = there.trim_end_matches('0').trim_end_matches('.');
            format!("{there}+0100")
        }
        10 if micros % 60_000_000 == 0 => time.format("%F %R").to_string(),
        11 if whole => return (micros / 1_000_000).to_string(),
        _ => time.format("%F %T%.3f000Z").to_string(),
    };
    // Three digits are not enough for all of them.
    match DateTime::parse_from_rfc3339(&text.replace(' ', "T")) {
        Ok(read) if read.to_utc() != time => form_of_all(time),
        _ => format!("'{text}'"),
    }
}

fn form_of_all(time: DateTime<Utc>) -> String {
    format!("'{}'", time.format("%F %T%.9f+00"))
}

/// Few, so that some are equal and others are near.
fn instants() -> impl Strategy<Value = i64> {
    let day = 86_400_000_000i64;
    let base = 1_709_164_800_000_000;
    prop_oneof![
        prop::sample::select(vec![
            base,
            base + 1,
            base + 1000,
            base + 500_000,
            base + 999_999,
            base + 1_000_000,
            base - 1,
            base - 60_000_000,
            base + day,
            base - day + 3_600_000_000,
            base + 12 * 3_600_000_000,
        ]),
        -62_100_000_000_000_000i64..253_000_000_000_000_000,
    ]
}

fn rows(subject: &Subject, rows: &[(Written, Option<Written>)]) -> String {
    let written = |(micros, form_number): Written, zoned: bool| match (subject.backend, zoned) {
        (Backend::Sqlite, _) if !subject.plain => form((micros, form_number)),
        (_, true) => format!(
            "'{}'",
            time(micros).to_rfc3339_opts(SecondsFormat::AutoSi, false)
        ),
        (_, false) => format!("'{}'", time(micros).format("%F %T%.f")),
    };
    let mixed = subject.backend == Backend::Sqlite && !subject.plain;
    let mut sql = String::from("DELETE FROM moment; DELETE FROM booking; DELETE FROM slot;");
    for (i, (at, local)) in rows.iter().enumerate() {
        let instant = time(at.0);
        let (mut day, mut clock) = (
            instant.format("%F").to_string(),
            instant.format("%T%.f").to_string(),
        );
        if mixed {
            match at.1 % 3 {
                0 => {
                    day.push_str(" 12:00:00");
                    clock = instant.format("%T%.6f").to_string();
                }
                1 => clock = instant.format("%T%.9fZ").to_string(),
                _ => {}
            }
        }
        let local = local.map_or("NULL".to_owned(), |local| written(local, false));
        sql.push_str(&format!(
            "INSERT INTO moment VALUES ({i}, {}, {local}, '{day}', '{clock}');",
            written(*at, true)
        ));
        sql.push_str(&format!(
            "INSERT INTO booking VALUES ({i}, {});",
            written((at.0, at.1 + 5), true)
        ));
    }
    let mut starts: Vec<_> = rows.iter().map(|(at, _)| *at).collect();
    starts.sort_unstable();
    starts.dedup_by_key(|at| at.0);
    for start in starts {
        let micros = start.0;
        sql.push_str(&format!(
            "INSERT INTO slot VALUES ({}, '{micros}');",
            written(start, true)
        ));
    }
    sql
}

fn questions(instants: &[i64]) -> Vec<(String, Value)> {
    let all = "at local day clock";
    let mut questions = vec![
        (format!("{{ moments(orderBy: [{{ at: ASC }}, {{ id: ASC }}], limit: 100) {{ id {all} }} }}"), json!({})),
        (
            "{ a: moments(orderBy: [{ local: DESC_NULLS_FIRST }, { id: DESC }]) { id }
               b: moments(orderBy: [{ local: ASC }, { id: ASC }]) { id }
               c: moments(orderBy: [{ day: DESC }, { clock: ASC }, { id: ASC }]) { id } }"
                .to_owned(),
            json!({}),
        ),
        (
            format!(
                "{{ momentsAggregate {{ count min {{ {all} }} max {{ {all} }}
                    at: groups(by: [AT]) {{ key {{ at }} count max {{ local }} }}
                    local: groups(by: [LOCAL]) {{ key {{ local }} count min {{ at }} }}
                    day: groups(by: [DAY, CLOCK]) {{ key {{ day clock }} count }} }} }}"
            ),
            json!({}),
        ),
        (
            "{ bookings(orderBy: [{ slot: { id: DESC } }, { id: ASC }]) { id slotStart slot { id name } }
               slots(orderBy: [{ id: ASC }]) { id name bookings { id } bookingsAggregate { count }
                   bookingsConnection { totalCount nodes { id } } }
               some: slots(where: { bookings: { some: { id: { ne: \"Booking:0\" } } } }, orderBy: [{ name: ASC }]) { id } }"
                .to_owned(),
            json!({}),
        ),
    ];
    for micros in instants {
        let shown = shown(*micros);
        let (date, clock) = shown.trim_end_matches('Z').split_once('T').expect("a T");
        let id = format!("Slot:{shown}");
        let operators = ["eq", "ne", "lt", "lte", "gt", "gte"];
        let mut query =
            String::from("query($at: DateTime!, $day: Date!, $clock: Time!, $id: ID!) {");
        for (column, variable) in [
            ("at", "at"),
            ("local", "at"),
            ("day", "day"),
            ("clock", "clock"),
        ] {
            for operator in operators {
                query.push_str(&format!(
                    " {column}_{operator}: moments(where: {{ {column}: {{ {operator}: ${variable} }} }}, orderBy: [{{ id: ASC }}]) {{ id }}"
                ));
            }
            for operator in ["in", "notIn"] {
                query.push_str(&format!(
                    " {column}_{operator}: moments(where: {{ {column}: {{ {operator}: [${variable}] }} }}, orderBy: [{{ id: ASC }}]) {{ id }}"
                ));
            }
        }
        query.push_str(
            " slot(id: $id) { name bookings { id } } node(id: $id) { id } nodes(ids: [$id, \"Booking:1\"]) { id }
              bookings(where: { slotStart: { eq: $id } }) { id slot { name } } }",
        );
        questions.push((
            query,
            json!({ "at": shown, "day": date, "clock": clock, "id": id }),
        ));
    }
    questions
}

#[test]
fn what_is_shown_is_what_is_compared() {
    let subjects = Subjects::new(ON_SQLITE, ON_POSTGRES);
    let row = (
        (instants(), 0..12usize),
        prop::option::of((instants(), 0..12usize)),
    );
    let cases = prop::collection::vec(row, 1..7);
    let mut runner = proptest::test_runner::TestRunner::new(config("forms_of_times", 60));
    let outcome = runner.run(&cases, |moments| {
        let instants: Vec<_> = moments.iter().map(|(at, _)| at.0).take(3).collect();
        let answers = subjects
            .agree(|subject| rows(subject, &moments), &questions(&instants))
            .map_err(TestCaseError::fail)?;
        // One page after the other is the whole.
        for order in [
            "[{ at: ASC }]",
            "[{ local: DESC_NULLS_LAST }, { at: DESC }]",
            "[{ clock: ASC }, { day: DESC }]",
        ] {
            let mixed = &subjects.all[0];
            let paged = subjects.pages(mixed, "momentsConnection", order);
            let query = format!("{{ moments(orderBy: {order}) {{ id }} }}");
            let whole = subjects.runtime.block_on(mixed.app.query(&query)).data();
            prop_assert_eq!(&Value::from(paged), &whole["moments"], "{}", order);
        }
        prop_assert_eq!(answers.len(), 4 + instants.len());
        Ok(())
    });
    outcome.unwrap_or_else(|e| panic!("{e}"));
}

/// What costs a scan is not done where nothing asks for it: values in the form that is written are found by an index.
#[tokio::test]
async fn an_index_serves_the_form_that_is_written() {
    let database = TestDatabase::empty(Backend::Sqlite).await;
    execute(&database, ON_SQLITE).await;
    let plain = "INSERT INTO moment VALUES (1, '2024-02-29T12:00:00+00:00', NULL, '2024-02-29', '12:00:00'), (2, '2024-02-29T12:00:00.500+00:00', NULL, '2024-02-29', '12:00:00.500');";
    execute(&database, plain).await;
    let app = TestApp::new(&database, super::graph(), Default::default());
    let query = "{ moments(where: { at: { gte: \"2024-02-29T12:00:00Z\" } }, orderBy: [{ at: DESC }], limit: 1) { id } }";
    let asked = async || {
        let (answer, statements) = app.counted(query, &json!({})).await;
        (answer.data()["moments"][0]["id"].clone(), statements)
    };
    let (first, statements) = asked().await;
    assert_eq!(
        (first, statements.len()),
        (json!("Moment:2"), 1),
        "{statements:?}"
    );
    assert!(!statements[0].contains("backref_"), "{statements:?}");
    // Somebody else writes in another form, and takes it back.
    execute(
        &database,
        "INSERT INTO moment VALUES (3, '2024-02-29 13:30:00+01:00', NULL, '2024-02-29', '12:30')",
    )
    .await;
    let (first, statements) = asked().await;
    assert_eq!(
        (first, statements.len()),
        (json!("Moment:3"), 1),
        "{statements:?}"
    );
    assert!(statements[0].contains("backref_zoned"), "{statements:?}");
    execute(&database, "DELETE FROM moment WHERE id = 3").await;
    let (first, statements) = asked().await;
    assert_eq!(
        (first, statements.len()),
        (json!("Moment:2"), 1),
        "{statements:?}"
    );
    assert!(!statements[0].contains("backref_"), "{statements:?}");
}

/// Whether a column holds other forms is asked after each write, so in the box it must not take a scan.
#[tokio::test]
async fn an_index_says_at_once_that_all_times_are_in_the_form_that_is_written() {
    let database = TestDatabase::migrated(Backend::Sqlite).await;
    // Its own: to explain a statement, one of those that have been open for longer looks at no newer schema.
    let connection = database.url.connect(Connect::with(1)).await;
    let connection = connection.expect("the database is there");
    let catalog = blog::graph().build().expect("the blog");
    let mut asked = 0;
    for (id, entity) in catalog.entities.iter().enumerate() {
        for column in 0..entity.columns.len() {
            let Some(question) = forms::question(&catalog, (id, column)) else {
                continue;
            };
            asked += 1;
            let plan = format!("EXPLAIN QUERY PLAN {question}");
            let plan = Statement::from_string(DbBackend::Sqlite, plan);
            let rows = connection.query_all_raw(plan).await.expect("a plan");
            let steps: Vec<String> = rows
                .iter()
                .map(|row| row.try_get("", "detail").expect("text"))
                .collect();
            let index = format!("{}_{}_other_idx", entity.table, entity.columns[column].name);
            let scans = steps.iter().filter(|step| step.starts_with("SCAN"));
            assert!(
                scans.clone().count() > 0
                    && scans
                        .clone()
                        .all(|s| s.contains(&index) || s.contains("CONSTANT")),
                "{question}: {steps:?}"
            );
        }
    }
    assert_eq!(asked, 8);
}
