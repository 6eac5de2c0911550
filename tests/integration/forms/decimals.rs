//! Decimals.

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_json::{Value, json};

use super::{Subject, Subjects};
use crate::harness::{Backend, config};

/// Columns without a type hold what they are given.
const ON_SQLITE: &str =
    "CREATE TABLE amount (id integer PRIMARY KEY, price NOT NULL, free, wide NOT NULL)";

const ON_POSTGRES: &str = "CREATE TABLE amount (id bigint PRIMARY KEY, price numeric(10, 2) NOT NULL, free numeric, wide numeric(60, 40) NOT NULL)";

/// `1250, 2` → `12.50`
fn decimal(units: i64, scale: usize) -> String {
    let sign = if units < 0 { "-" } else { "" };
    let width = scale + 1;
    let digits = format!("{:0width$}", units.unsigned_abs());
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    match scale {
        0 => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{fraction}"),
    }
}

/// A value of SQLite's, as SQL: a number or a text.
fn form(text: &str, form: usize) -> String {
    let shorter = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => text,
    };
    match form % 5 {
        0 => text.to_owned(),
        1 => shorter.to_owned(),
        2 => format!("'{text}'"),
        3 => format!("'{shorter}'"),
        _ => format!("'{shorter}e0'"),
    }
}

#[derive(Debug, Clone)]
struct Row {
    cents: i64,
    free: Option<(i64, usize)>,
    wide: String,
    form: usize,
}

fn row() -> impl Strategy<Value = Row> {
    let cents = prop_oneof![
        prop::sample::select(vec![
            0i64,
            1,
            -1,
            10,
            20,
            30,
            150,
            900,
            1000,
            -900,
            -1000,
            9_999_999_999
        ]),
        -9_999_999_999i64..9_999_999_999,
    ];
    let free = (-999_999_999_999i64..999_999_999_999, 0..9usize);
    (
        cents,
        prop::option::of(free),
        "-?(0|[1-9][0-9]{0,18})\\.[0-9]{39}[1-9]",
        0..5usize,
    )
        .prop_map(|(cents, free, wide, form)| Row {
            cents,
            // Without zeros at the end, which PostgreSQL would keep.
            free: free.map(|(n, scale)| (n - n % 10 + 1, scale)),
            wide,
            form,
        })
}

fn rows(subject: &Subject, rows: &[Row]) -> String {
    let mixed = subject.backend == Backend::Sqlite && !subject.plain;
    let mut sql = String::from("DELETE FROM amount;");
    for (i, row) in rows.iter().enumerate() {
        let mut price = decimal(row.cents, 2);
        let mut free = row
            .free
            .map_or("NULL".to_owned(), |(n, scale)| decimal(n, scale));
        if mixed {
            price = form(&price, row.form);
            if row.form > 1 && row.free.is_some() {
                free = format!("'{free}'");
            }
        }
        // A number would not hold it.
        let wide = &row.wide;
        sql.push_str(&format!(
            "INSERT INTO amount VALUES ({i}, {price}, {free}, '{wide}');"
        ));
    }
    sql
}

fn questions(rows: &[Row]) -> Vec<(String, Value)> {
    let all = "price free wide";
    let mut questions = vec![
        (format!("{{ amounts(orderBy: [{{ price: ASC }}, {{ id: ASC }}], limit: 100) {{ id {all} }} }}"), json!({})),
        (
            "{ a: amounts(orderBy: [{ free: DESC_NULLS_FIRST }, { id: DESC }]) { id }
               b: amounts(orderBy: [{ wide: ASC }, { id: ASC }]) { id }
               c: amounts(orderBy: [{ wide: DESC }, { price: ASC }]) { id } }"
                .to_owned(),
            json!({}),
        ),
        (
            format!(
                "{{ amountsAggregate {{ count min {{ {all} }} max {{ {all} }} sum {{ {all} }} avg {{ {all} }}
                    price: groups(by: [PRICE]) {{ key {{ price }} count max {{ free }} sum {{ wide }} }}
                    free: groups(by: [FREE]) {{ key {{ free }} count min {{ price }} }} }} }}"
            ),
            json!({}),
        ),
    ];
    for row in rows.iter().take(2) {
        let price = decimal(row.cents, 2);
        let free = row
            .free
            .map_or("0".to_owned(), |(n, scale)| decimal(n, scale));
        let near = format!("{price}000000000000001");
        let mut query = String::from("query($price: Decimal!, $free: Decimal!, $near: Decimal!) {");
        for (name, column) in [("price", "price"), ("free", "free"), ("near", "price")] {
            for operator in ["eq", "ne", "lt", "lte", "gt", "gte"] {
                query.push_str(&format!(
                    " {name}_{operator}: amounts(where: {{ {column}: {{ {operator}: ${name} }} }}, orderBy: [{{ id: ASC }}]) {{ id }}"
                ));
            }
            for operator in ["in", "notIn"] {
                query.push_str(&format!(
                    " {name}_{operator}: amounts(where: {{ {column}: {{ {operator}: [${name}, \"7\"] }} }}, orderBy: [{{ id: ASC }}]) {{ id }}"
                ));
            }
        }
        query.push('}');
        questions.push((query, json!({ "price": price, "free": free, "near": near })));
    }
    questions
}

#[test]
fn what_is_shown_is_what_is_compared_and_summed() {
    let subjects = Subjects::new(ON_SQLITE, ON_POSTGRES);
    let cases = prop::collection::vec(row(), 1..7);
    let mut runner = proptest::test_runner::TestRunner::new(config("forms_of_decimals", 60));
    let outcome = runner.run(&cases, |amounts| {
        subjects
            .agree(|subject| rows(subject, &amounts), &questions(&amounts))
            .map_err(TestCaseError::fail)?;
        for order in [
            "[{ price: ASC }]",
            "[{ free: DESC_NULLS_LAST }]",
            "[{ wide: ASC }]",
        ] {
            let mixed = &subjects.all[0];
            let paged = subjects.pages(mixed, "amountsConnection", order);
            let query = format!("{{ amounts(orderBy: {order}) {{ id }} }}");
            let whole = subjects.runtime.block_on(mixed.app.query(&query)).data();
            prop_assert_eq!(&Value::from(paged), &whole["amounts"], "{}", order);
        }
        Ok(())
    });
    outcome.unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn digits_beyond_the_scale_count_and_those_of_arithmetic_do_not() {
    let subjects = Subjects::new(ON_SQLITE, ON_POSTGRES);
    let mixed = &subjects.all[0];
    let ask = |rows: &str, query: &str| {
        subjects.runtime.block_on(async {
            super::execute(&mixed.database, &format!("DELETE FROM amount; {rows}")).await;
            mixed.app.query(query).await.data()
        })
    };
    let query = "{ amounts { price } eq: amounts(where: { price: { eq: \"0.3\" } }) { id }
        amountsAggregate { sum { price free } max { price } groups(by: [PRICE]) { count } } }";
    let rows = "INSERT INTO amount VALUES (1, 0.1 + 0.2, 0.1, '0'), (2, 0.3, 0.2, '0'), (3, 0.125, NULL, '0');";
    assert_eq!(
        ask(rows, query),
        json!({
            "amounts": [{ "price": "0.30" }, { "price": "0.30" }, { "price": "0.125" }],
            "eq": [{ "id": "Amount:1" }, { "id": "Amount:2" }],
            "amountsAggregate": {
                "sum": { "price": "0.725", "free": "0.3" },
                "max": { "price": "0.30" },
                "groups": [{ "count": 1 }, { "count": 2 }],
            },
        })
    );
    let query = "{ amountsAggregate { sum { wide } avg { wide } } }";
    let wide = "99999999999999999999.0000000000000000000000000000000000000001";
    let rows = format!("INSERT INTO amount VALUES (1, 0, 0, '{wide}'), (2, 0, 0, '{wide}');");
    assert_eq!(
        ask(&rows, query)["amountsAggregate"],
        json!({
            "sum": { "wide": "199999999999999999998.0000000000000000000000000000000000000002" },
            "avg": { "wide": 1e20 },
        })
    );
}
