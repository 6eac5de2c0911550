//! Values travel exactly: what a client writes is what is compared, in all its digits, however he writes it; or it is
//! refused by name, with what the bounds are.

use axum::body::Body;
use axum::http::Request;
use backref::read::plan::Limits;
use sea_orm::sea_query::ColumnType;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

use super::declared::{graph, spots};
use crate::harness::{Answer, Backend, TestApp, TestDatabase};

/// Spots that hold these values, numbered from 0, in a column that is unique and one that is not.
async fn app(
    backend: Backend,
    of: &str,
    declared: ColumnType,
    values: &[&str],
) -> (TestDatabase, TestApp) {
    let database = TestDatabase::empty(backend).await;
    let mut sql = format!(
        "CREATE TABLE mark (value {of} PRIMARY KEY);
         CREATE TABLE spot (id bigint PRIMARY KEY, marked {of} REFERENCES mark, plain {of}, single {of} UNIQUE);"
    );
    for (i, value) in values.iter().enumerate() {
        sql += &format!(
            "INSERT INTO mark VALUES ({value}); INSERT INTO spot VALUES ({i}, {value}, {value}, {value});"
        );
    }
    let done = database.connection.execute_unprepared(&sql).await;
    done.unwrap_or_else(|e| panic!("{sql}: {e}"));
    let app = TestApp::new(&database, graph(declared), Limits::default());
    (database, app)
}

async fn posted(app: &TestApp, body: String) -> Answer {
    let request = Request::post("/graphql")
        .header("content-type", "application/json")
        .body(Body::from(body))
        .expect("a request");
    app.send(request).await
}

fn ids(spots: &Value) -> Vec<&str> {
    let spots = spots.as_array().into_iter().flatten();
    spots.filter_map(|spot| spot["id"].as_str()).collect()
}

const FINE: &str = "0.12345678901234567890123456789012345";
const FINER: &str = "0.12345678901234567890123456789012346";
const LONG: &str = "1234567890123456789012345678901234567891";
const LONGER: &str = "1234567890123456789012345678901234567892";

#[tokio::test]
async fn decimals_keep_every_digit_however_they_are_written() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    for (of, values) in [
        ("numeric(45, 35)", [FINE, FINER]),
        ("numeric(40, 0)", [LONG, LONGER]),
    ] {
        let declared = ColumnType::Decimal(None);
        let (_database, app) = app(Backend::Postgres, of, declared, &values).await;
        let of_fields = |value: &str| {
            format!(
                "eq: spots(where: {{ plain: {{ eq: {value} }} }}) {{ id }}
             in: spots(where: {{ plain: {{ in: [{value}] }} }}) {{ id }}
             gt: spots(where: {{ plain: {{ gt: {value} }} }}) {{ id }}
             single: spot(single: {value}) {{ id }}"
            )
        };
        let [low, high] = values;
        let expected = json!({
            "eq": [{ "id": "Spot:0" }], "in": [{ "id": "Spot:0" }],
            "gt": [{ "id": "Spot:1" }], "single": { "id": "Spot:0" },
        });
        for written in [low.to_owned(), format!("\"{low}\"")] {
            // In the document, as a default, as a variable, and as a variable of an address.
            for (head, value, variables) in [
                ("", written.as_str(), "null".to_owned()),
                (
                    &format!("query($v: Decimal! = {written})"),
                    "$v",
                    "{}".to_owned(),
                ),
                (
                    "query($v: Decimal!)",
                    "$v",
                    format!("{{ \"v\" : {written} }}"),
                ),
            ] {
                let query = format!("{head} {{ {} }}", of_fields(value));
                let body = format!(
                    "{{\"query\": {}, \"variables\": {variables}}}",
                    json!(query)
                );
                assert_eq!(
                    posted(&app, body).await.data(),
                    expected,
                    "{query} {variables}"
                );
                let mut address = url::form_urlencoded::Serializer::new(String::from("/graphql?"));
                address
                    .append_pair("query", &query)
                    .append_pair("variables", &variables);
                let request = Request::get(address.finish()).header("accept", "application/json");
                let answer = app
                    .send(request.body(Body::empty()).expect("a request"))
                    .await;
                assert_eq!(answer.data(), expected, "{query} {variables}");
            }
            // In the middle of others, and as one for a list of them.
            let query = "query($w: SpotWhere!, $o: [Decimal!] = [0.5, 7]) {
                found: spots(where: $w, orderBy: [{ id: ASC }]) { id } none: spots(where: { plain: { in: $o } }) { id } }";
            for (operators, found) in [
                (
                    format!("{{ \"eq\": {written}, \"lt\": {high} }}"),
                    json!([{ "id": "Spot:0" }]),
                ),
                (
                    format!("{{ \"in\": [1.5, {written}, 2e3] }}"),
                    json!([{ "id": "Spot:0" }]),
                ),
                (
                    format!("{{ \"in\": {high}, \"ne\": {written} }}"),
                    json!([{ "id": "Spot:1" }]),
                ),
                (
                    format!("{{ \"notIn\": [{written}] }}"),
                    json!([{ "id": "Spot:1" }]),
                ),
            ] {
                let variables = format!(
                    "{{ \"w\": {{ \"and\": [{{ \"id\": {{ \"ne\": 7 }} }}, {{ \"plain\": {operators} }}] }} }}"
                );
                let body = format!(
                    "{{\"variables\": {variables}, \"query\": {}}}",
                    json!(query)
                );
                assert_eq!(
                    posted(&app, body).await.data(),
                    json!({ "found": found, "none": [] }),
                    "{variables}"
                );
            }
        }
        let query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } marks(where: { id: { in: $ids } }) { id } }";
        let marks = json!([{ "id": format!("Mark:{low}") }, { "id": format!("Mark:{high}") }]);
        let asked = json!({ "ids": [format!("Mark:{low}"), format!("Mark:{high}")] });
        let answer = app.request(query, None, &asked).await.data();
        assert_eq!(answer, json!({ "nodes": marks, "marks": marks }));
    }
}

/// A number is an id, and a whole number a float, however long it is.
#[tokio::test]
async fn numbers_of_more_than_64_bits_are_ids_and_of_more_than_53_are_floats() {
    if Backend::all().contains(&Backend::Postgres) {
        let declared = ColumnType::Decimal(None);
        let values = [LONG, LONGER];
        let (_database, app) = app(Backend::Postgres, "numeric(40, 0)", declared, &values).await;
        let body = format!(
            "{{\"query\": {}, \"variables\": {{ \"id\": {LONG}, \"ids\": [{LONGER}], \"w\": {{ \"id\": {{ \"eq\": {LONGER} }} }} }}}}",
            json!(
                "query($id: ID!, $ids: [ID!], $w: MarkWhere) {
                    mark(id: $id) { id } in: marks(where: { id: { in: $ids } }) { id } eq: marks(where: $w) { id } }"
            )
        );
        let (long, longer) = (format!("Mark:{LONG}"), format!("Mark:{LONGER}"));
        let longer = json!([{ "id": longer }]);
        assert_eq!(
            posted(&app, body).await.data(),
            json!({ "mark": { "id": long }, "in": longer, "eq": longer })
        );
    }
    for backend in Backend::all() {
        let values = ["9007199254740992", "100000000000000000"];
        let (_database, app) = app(backend, "double precision", ColumnType::Double, &values).await;
        let query = "query($a: Float!, $b: [Float!]) {
            a: spots(where: { plain: { eq: $a } }) { id } b: spots(where: { plain: { in: $b } }) { id } }";
        let body = format!(
            "{{\"query\": {}, \"variables\": {{ \"a\": 9007199254740993, \"b\": [1, 1e17] }}}}",
            json!(query)
        );
        assert_eq!(
            posted(&app, body).await.data(),
            json!({ "a": [{ "id": "Spot:0" }], "b": [{ "id": "Spot:1" }] })
        );
    }
}

#[tokio::test]
async fn whole_numbers_of_64_bits_are_numbers_or_strings() {
    for backend in Backend::all() {
        let values = [
            "9007199254740992",
            "9007199254740993",
            "-9223372036854775808",
        ];
        let (_database, app) = app(backend, "bigint", ColumnType::BigInteger, &values).await;
        for (written, found) in [
            ("9007199254740993", json!([{ "id": "Spot:1" }])),
            ("9007199254740993.0", json!([{ "id": "Spot:1" }])),
            ("\"9007199254740993\"", json!([{ "id": "Spot:1" }])),
            ("-9223372036854775808", json!([{ "id": "Spot:2" }])),
        ] {
            let query = "query($v: BigInt!) { spots(where: { plain: { eq: $v } }) { id } }";
            let body = format!(
                "{{\"query\": {}, \"variables\": {{\"v\": {written}}}}}",
                json!(query)
            );
            assert_eq!(
                posted(&app, body).await.data()["spots"],
                found,
                "{backend:?}: {written}"
            );
        }
        for beyond in [
            "9223372036854775808",
            "-9223372036854775809",
            "100000000000000000000",
        ] {
            for query in [
                format!("{{ spots(where: {{ plain: {{ lt: {beyond} }} }}) {{ id }} }}"),
                format!("{{ spots(where: {{ plain: {{ in: [\"{beyond}\"] }} }}) {{ id }} }}"),
                format!("{{ spot(single: {beyond}) {{ id }} }}"),
            ] {
                let answer = app.query(&query).await;
                assert_eq!(answer.code(), "BAD_USER_INPUT", "{query}: {}", answer.text);
                let (field, message) = (
                    &answer.json()["errors"][0]["extensions"]["field"],
                    answer.message(),
                );
                let named = field.as_str().unwrap_or_default();
                assert!(
                    message.contains(named) && message.contains("9223372036854775807"),
                    "{message}"
                );
                assert!(
                    named == "single" || named.starts_with("where.plain."),
                    "{named}"
                );
            }
        }
    }
}

/// What RFC 3339 can say is compared rightly, also where the database's own texts end.
#[tokio::test]
async fn times_at_the_ends_of_the_calendar_compare_rightly() {
    for backend in Backend::all() {
        let (types, values): (&[_], _) = match backend {
            Backend::Postgres => (
                &[
                    ("timestamptz", ColumnType::TimestampWithTimeZone),
                    ("timestamp", ColumnType::Timestamp),
                ],
                ["'0001-01-01 00:00:00+00'", "'9999-12-31 23:59:59+00'"],
            ),
            Backend::Sqlite => (
                &[(
                    "timestamp_with_timezone_text",
                    ColumnType::TimestampWithTimeZone,
                )],
                ["'0001-01-01T00:00:00+00:00'", "'9999-12-31T23:59:59+00:00'"],
            ),
        };
        for (of, declared) in types {
            let (database, app) = app(backend, of, declared.clone(), &values).await;
            // It is in none of them: what is compared with null does not hold.
            let none = "INSERT INTO spot (id) VALUES (9)";
            let done = database.connection.execute_unprepared(none).await;
            done.expect("a row");
            for (time, before, after) in [
                ("-infinity", 0, 2),
                ("-004713-11-24T00:00:00Z", 0, 2),
                ("0000-01-01T00:00:00+23:59", 0, 2),
                ("0000-01-01T00:00:00Z", 0, 2),
                ("0001-01-01T00:00:00+00:01", 0, 2),
                ("0001-01-01T00:00:00.0000001Z", 1, 1),
                ("2025-03-01T00:00:00Z", 1, 1),
                ("9999-12-31T23:59:58.9999999Z", 1, 1),
                ("9999-12-31T23:59:59.0000001Z", 2, 0),
                ("9999-12-31T23:59:59-23:59", 2, 0),
                ("+010000-01-01T00:00:00Z", 2, 0),
                ("+294276-12-31T23:59:59.999999Z", 2, 0),
                ("infinity", 2, 0),
            ] {
                let query = "query($t: DateTime!) {
                    lt: spotsAggregate(where: { plain: { lt: $t } }) { count } lte: spotsAggregate(where: { plain: { lte: $t } }) { count }
                    gt: spotsAggregate(where: { plain: { gt: $t } }) { count } gte: spotsAggregate(where: { plain: { gte: $t } }) { count }
                    eq: spotsAggregate(where: { plain: { eq: $t } }) { count } ne: spotsAggregate(where: { plain: { ne: $t } }) { count }
                    in: spotsAggregate(where: { plain: { in: [$t] } }) { count } out: spotsAggregate(where: { plain: { notIn: [$t] } }) { count } }";
                let data = app.request(query, None, &json!({ "t": time })).await.data();
                let count = |n: i32| json!({ "count": n });
                let expected = json!({
                    "lt": count(before), "lte": count(before), "gt": count(after), "gte": count(after),
                    "eq": count(0), "ne": count(2), "in": count(0), "out": count(2),
                });
                assert_eq!(data, expected, "{backend:?}: {of}: {time}");
            }
        }
    }
}

#[tokio::test]
async fn what_no_database_holds_is_refused_with_the_bounds() {
    for backend in Backend::all() {
        for (of, declared, value, beyond, bounds) in [
            (
                "timestamp",
                ColumnType::TimestampWithTimeZone,
                "'2025-03-01 00:00:00'",
                "\"+294277-01-01T00:00:00Z\"",
                "+294276-12-31T23:59:59.999999Z",
            ),
            (
                "timestamp",
                ColumnType::Timestamp,
                "'2025-03-01 00:00:00'",
                "\"-004713-11-23T23:59:59Z\"",
                "-004713-11-24T00:00:00Z",
            ),
            (
                "date",
                ColumnType::Date,
                "'2025-03-01'",
                "\"+5874898-01-01\"",
                "+5874897-12-31",
            ),
            (
                "time",
                ColumnType::Time,
                "'12:00:00'",
                "\"12:00:00+16:00\"",
                "+15:59:59",
            ),
            (
                "numeric",
                ColumnType::Decimal(None),
                "1",
                "1e131072",
                "131072",
            ),
            (
                "numeric",
                ColumnType::Decimal(None),
                "1",
                "\"1e-16384\"",
                "16383",
            ),
            (
                "numeric",
                ColumnType::Decimal(None),
                "1",
                "1e99999999999999999999",
                "131072",
            ),
        ] {
            let (_database, app) = app(backend, of, declared, &[value]).await;
            let scalar = if beyond.starts_with('1') {
                "Decimal"
            } else {
                ""
            };
            for (query, field) in [
                (
                    format!("{{ spots(where: {{ plain: {{ lt: {beyond} }} }}) {{ id }} }}"),
                    "where.plain.lt",
                ),
                (
                    format!(
                        "{{ spots(where: {{ and: [{{ plain: {{ in: [{beyond}] }} }}] }}) {{ id }} }}"
                    ),
                    "where.and.0.plain.in.0",
                ),
                (format!("{{ spot(single: {beyond}) {{ id }} }}"), "single"),
            ] {
                let answer = app.query(&query).await;
                assert_eq!(
                    answer.code(),
                    "BAD_USER_INPUT",
                    "{backend:?}: {query}: {}",
                    answer.text
                );
                assert_eq!(
                    answer.json()["errors"][0]["extensions"]["field"],
                    field,
                    "{query}"
                );
                assert!(
                    answer.message().contains(bounds),
                    "{query}: {}",
                    answer.message()
                );
            }
            if scalar.is_empty() {
                continue;
            }
            let query = "query($v: Decimal!) { spots(where: { plain: { lt: $v } }) { id } }";
            let body = format!(
                "{{\"query\": {}, \"variables\": {{\"v\": {beyond}}}}}",
                json!(query)
            );
            let answer = posted(&app, body).await;
            assert_eq!(answer.code(), "BAD_USER_INPUT", "{beyond}: {}", answer.text);
            assert!(answer.message().contains(bounds), "{}", answer.message());
        }
    }
}

#[tokio::test]
async fn a_single_float_and_money_compare_as_what_they_are() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let asked = async |app: &TestApp, of: &str, value: &str| {
        let mut counts = Vec::new();
        for operator in ["lt", "eq", "gt", "ne"] {
            let query = format!(
                "query($v: {of}!) {{ spots(where: {{ plain: {{ {operator}: $v }} }}) {{ id }} }}"
            );
            let body = format!(
                "{{\"query\": {}, \"variables\": {{\"v\": {value}}}}}",
                json!(query)
            );
            counts.push(ids(&posted(app, body).await.data()["spots"]).len());
        }
        counts
    };
    let (_database, reals) = app(
        Backend::Postgres,
        "real",
        ColumnType::Float,
        &["0.1", "16777216", "'infinity'"],
    )
    .await;
    for (value, expected) in [
        ("0.1", [0, 1, 2, 2]),
        ("1e300", [2, 0, 1, 3]),
        ("-1e300", [0, 0, 3, 3]),
        ("1e-300", [0, 0, 3, 3]),
        ("16777217", [1, 1, 1, 2]),
    ] {
        assert_eq!(asked(&reals, "Float", value).await, expected, "{value}");
    }
    let query = "{ in: spots(where: { plain: { in: [1e300, 0.1, 1e-300] } }) { id } spot(single: 0.1) { id } }";
    assert_eq!(
        reals.query(query).await.data(),
        json!({ "in": [{ "id": "Spot:0" }], "spot": { "id": "Spot:0" } })
    );
    // No float of JSON is one of these.
    let shown = reals
        .query("{ spots(where: { id: { eq: 2 } }) { plain } }")
        .await;
    assert_eq!(
        shown.json()["data"],
        json!({ "spots": [{ "plain": null }] })
    );

    let (_database, money) = app(
        Backend::Postgres,
        "money",
        ColumnType::Money(None),
        &["1.50", "1.51"],
    )
    .await;
    for (value, expected) in [
        ("1.5", [0, 1, 1, 1]),
        ("1.505", [1, 0, 1, 2]),
        ("1.51", [1, 1, 0, 1]),
        ("1e30", [2, 0, 0, 2]),
        ("-1e30", [0, 0, 2, 2]),
    ] {
        assert_eq!(asked(&money, "Decimal", value).await, expected, "{value}");
    }
}

/// Of some types only the database knows what is a value.
#[tokio::test]
async fn a_key_that_its_type_cannot_have_is_the_clients_error() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let (_database, hosts) =
        app(Backend::Postgres, "inet", ColumnType::Inet, &["'10.0.0.1'"]).await;
    for query in [
        "{ node(id: \"Mark:no host\") { id } }",
        "{ mark(id: \"no host\") { id } }",
        "{ spot(single: \"no host\") { id } }",
    ] {
        let answer = hosts.query(query).await;
        assert_eq!(answer.code(), "BAD_USER_INPUT", "{query}: {}", answer.text);
    }
    // Declared as what the table's type cannot hold.
    let (_database, reals) = app(Backend::Postgres, "real", ColumnType::Double, &["0.1"]).await;
    let answer = reals
        .query("{ spots(where: { plain: { lt: 1e300 } }) { id } }")
        .await;
    assert_eq!(answer.code(), "BAD_USER_INPUT", "{}", answer.text);
}

/// SQLite's own reading of a float's digits is not always the nearest float.
#[tokio::test]
async fn floats_of_any_magnitude_are_found_by_what_is_shown() {
    for backend in Backend::all() {
        let of = match backend {
            Backend::Postgres => "double precision",
            Backend::Sqlite => "double",
        };
        let values = [
            1.810510957429324e+124,
            5.465123581408418e-92,
            -7.3e-300,
            1.7976931348623157e308,
            0.1,
        ];
        let (database, app) = app(backend, of, ColumnType::Double, &[]).await;
        for (id, value) in (0..).zip(values) {
            let sql = match backend {
                Backend::Postgres => "INSERT INTO spot (id, plain) VALUES ($1, $2)",
                Backend::Sqlite => "INSERT INTO spot (id, plain) VALUES (?, ?)",
            };
            let kind = database.connection.get_database_backend();
            let row = Statement::from_sql_and_values(kind, sql, [i64::into(id), f64::into(value)]);
            database.connection.execute_raw(row).await.expect("a row");
        }
        let shown = app
            .query("{ spots(orderBy: [{ id: ASC }]) { id plain } }")
            .await;
        for spot in shown.data()["spots"].as_array().expect("spots") {
            let query = "query($v: Float!) { eq: spots(where: { plain: { eq: $v } }) { id } in: spots(where: { plain: { in: [$v] } }) { id } }";
            let answer = app
                .request(query, None, &json!({ "v": spot["plain"] }))
                .await;
            let it = json!([{ "id": spot["id"] }]);
            assert_eq!(
                answer.data(),
                json!({ "eq": it, "in": it }),
                "{backend:?}: {spot}"
            );
        }
    }
}

/// SQLite's columns hold what they are given. What is none of its column's values is not shown as one.
#[tokio::test]
async fn what_is_no_value_of_its_type_is_an_error_of_its_field() {
    for (of, declared, held, shown) in [
        ("integer", ColumnType::Integer, "4.5", json!(null)),
        ("any", ColumnType::Integer, "5.0", json!(5)),
        ("bigint", ColumnType::BigInteger, "4.5", json!(null)),
        ("date_text", ColumnType::Date, "20240101", json!(null)),
        ("uuid_text", ColumnType::Uuid, "7", json!(null)),
        ("text", ColumnType::Text, "7", json!("7")),
    ] {
        let (database, app) = app(Backend::Sqlite, of, declared.clone(), &[]).await;
        let row = format!("INSERT INTO spot (id, plain) VALUES (0, {held})");
        let done = database.connection.execute_unprepared(&row).await;
        done.expect("a row");
        let answer = app
            .query("{ spots { plain } spotsAggregate { count } }")
            .await;
        let json = answer.json();
        let spot = &json["data"]["spots"][0];
        assert_eq!(spot["plain"], shown, "{of}: {}", answer.text);
        assert_eq!(
            json["errors"].is_null(),
            !shown.is_null(),
            "{of}: {}",
            answer.text
        );
    }
    let (database, app) = app(Backend::Sqlite, "integer", ColumnType::Integer, &["1"]).await;
    let more = "INSERT INTO spot (id, plain) VALUES (9, 4.5)";
    let done = database.connection.execute_unprepared(more).await;
    done.expect("a row");
    let query = "{ spotsAggregate { max { plain } min { plain } } }";
    let answer = app.query(query).await;
    let data = &answer.json()["data"]["spotsAggregate"];
    assert_eq!(data["min"]["plain"], 1, "{}", answer.text);
    assert_eq!(data["max"]["plain"], json!(null), "{}", answer.text);
}

/// A number in JSON is what is stored, not what a float makes of it.
#[tokio::test]
async fn json_is_shown_with_all_its_digits() {
    for backend in Backend::all() {
        let database = TestDatabase::empty(backend).await;
        let of = if backend == Backend::Postgres {
            "jsonb"
        } else {
            "json_text"
        };
        let sql = format!(
            "CREATE TABLE spot (id bigint PRIMARY KEY, plain {of}); INSERT INTO spot VALUES (1, '{{\"n\": {FINE}}}')"
        );
        let done = database.connection.execute_unprepared(&sql).await;
        done.unwrap_or_else(|e| panic!("{sql}: {e}"));
        let app = TestApp::new(&database, spots(ColumnType::JsonBinary), Limits::default());
        let answer = app.query("{ spots { plain } }").await;
        assert!(answer.text.contains(FINE), "{backend:?}: {}", answer.text);
        // As a variable too, whatever stands beside it.
        for number in ["2.0", "1e2", "-0", "12345678901234567890123"] {
            let body = format!(
                r#"{{"query":"mutation($v: JSON) {{ updateSpot(id: \"Spot:1\", input: {{ plain: $v }}) {{ plain }} }}","variables":{{"v":{{"n":{number}}}}}}}"#
            );
            let answer = posted(&app, body).await;
            let kept = match (backend, number) {
                // Its `jsonb` has numbers, and no ways of writing them.
                (Backend::Postgres, "1e2") => "100",
                (Backend::Postgres, "-0") => "0",
                (_, number) => number,
            };
            assert!(
                answer
                    .text
                    .replace(' ', "")
                    .contains(&format!(r#"{{"n":{kept}}}"#)),
                "{backend:?}: {number}: {}",
                answer.text
            );
        }
    }
}

/// What is no time by RFC 3339 is an error where it would be shown, and a value everywhere else.
#[tokio::test]
async fn infinite_times_are_asked_for_ordered_by_and_keys() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    for (of, declared, time) in [
        ("date", ColumnType::Date, "'2025-03-01'"),
        ("timestamp", ColumnType::Timestamp, "'2025-03-01 12:00:00'"),
        (
            "timestamptz",
            ColumnType::TimestampWithTimeZone,
            "'2025-03-01 12:00:00+00'",
        ),
    ] {
        let values = ["'-infinity'", time, "'infinity'"];
        let (_database, app) = app(Backend::Postgres, of, declared, &values).await;
        let query = "{ spots(orderBy: [{ plain: DESC }]) { id marked mark { id spots { id } } }
            first: spots(where: { plain: { eq: \"-infinity\" } }) { id } most: spots(where: { plain: { gt: \"-infinity\" } }) { id }
            node(id: \"Mark:infinity\") { id } marks(where: { id: { in: [\"-infinity\"] } }) { id } }";
        let data = app.query(query).await.data();
        assert_eq!(ids(&data["spots"]), ["Spot:2", "Spot:1", "Spot:0"], "{of}");
        for spot in data["spots"].as_array().into_iter().flatten() {
            assert_eq!(spot["mark"]["id"], spot["marked"], "{of}");
            assert_eq!(spot["mark"]["spots"], json!([{ "id": spot["id"] }]), "{of}");
        }
        assert_eq!(data["spots"][0]["marked"], "Mark:infinity", "{of}");
        assert_eq!(data["first"], json!([{ "id": "Spot:0" }]), "{of}");
        assert_eq!(ids(&data["most"]), ["Spot:1", "Spot:2"], "{of}");
        assert_eq!(data["node"], json!({ "id": "Mark:infinity" }), "{of}");
        assert_eq!(data["marks"], json!([{ "id": "Mark:-infinity" }]), "{of}");
        let shown = app
            .query("{ spots(orderBy: [{ id: DESC }], limit: 1) { id plain } }")
            .await
            .json();
        assert_eq!(
            shown["data"],
            json!({ "spots": [{ "id": "Spot:2", "plain": null }] }),
            "{of}"
        );
        assert_eq!(
            shown["errors"][0]["path"],
            json!(["spots", 0, "plain"]),
            "{of}"
        );
    }
}
