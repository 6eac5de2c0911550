//! Every type that a column can have: shown, found by what is shown, ordered and paged through, grouped by, used as a
//! key, and as a relation.

use std::panic::AssertUnwindSafe;

use backref::read::plan::Limits;
use futures_util::FutureExt;
use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{Alias, ColumnType, IntoIden, StringLen};
use serde_json::{Value, json};

use super::declared::{graph, spots};
use crate::harness::{Backend, TestApp, TestDatabase};

/// A type of a database.
struct Case {
    /// As a table is made with it.
    sql: &'static str,
    declared: ColumnType,
    /// SQL of values in ascending order.
    values: &'static [&'static str],
    /// What they are shown as.
    shown: Value,
    /// Whether a key can be of it.
    key: bool,
}

fn case(
    sql: &'static str,
    declared: ColumnType,
    values: &'static [&'static str],
    shown: Value,
) -> Case {
    Case {
        sql,
        declared,
        values,
        shown,
        key: true,
    }
}

/// A type without an index.
fn loose(
    sql: &'static str,
    declared: ColumnType,
    values: &'static [&'static str],
    shown: Value,
) -> Case {
    Case {
        key: false,
        ..case(sql, declared, values, shown)
    }
}

fn custom(name: &'static str) -> ColumnType {
    ColumnType::Custom(Alias::new(name).into_iden())
}

fn shade() -> ColumnType {
    ColumnType::Enum {
        name: Alias::new("shade").into_iden(),
        variants: ["dark", "pale"].map(|v| Alias::new(v).into_iden()).into(),
    }
}

const BEFORE: &str =
    "CREATE TYPE shade AS ENUM ('dark', 'pale'); CREATE DOMAIN price AS numeric(12,3); CREATE DOMAIN fine AS price;
    CREATE EXTENSION ltree; CREATE EXTENSION citext; CREATE EXTENSION hstore;
    CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false)";

fn of_postgres() -> Vec<Case> {
    use ColumnType::*;
    vec![
        case(
            "smallint",
            SmallInteger,
            &["-32768", "0", "32767"],
            json!([-32768, 0, 32767]),
        ),
        case(
            "integer",
            Integer,
            &["-2147483648", "7", "2147483647"],
            json!([-2147483648, 7, 2147483647]),
        ),
        case(
            "bigint",
            BigInteger,
            &[
                "-9223372036854775808",
                "9007199254740993",
                "9223372036854775807",
            ],
            json!([
                "-9223372036854775808",
                "9007199254740993",
                "9223372036854775807"
            ]),
        ),
        case(
            "real",
            Float,
            &[
                "-3.4028235e38",
                "0.015625",
                "0.1",
                "16777217",
                "3.4028235e38",
            ],
            json!([-3.4028235e38, 0.015625, 0.1, 16777216, 3.4028235e38]),
        ),
        // The declared type need not be that of the table.
        case(
            "real",
            Double,
            &["-1.5", "0.1", "1e20"],
            json!([-1.5, 0.1, 1e20]),
        ),
        case(
            "double precision",
            Double,
            &[
                "-1.7976931348623157e308",
                "5e-324",
                "0.1",
                "0.30000000000000004",
            ],
            json!([-1.7976931348623157e308, 5e-324, 0.1, 0.30000000000000004]),
        ),
        case(
            "numeric",
            Decimal(None),
            &[
                "'-Infinity'",
                "-0.12345678901234567890123456789012345",
                "1e40",
                "'Infinity'",
                "'NaN'",
            ],
            json!([
                "-Infinity",
                "-0.12345678901234567890123456789012345",
                "10000000000000000000000000000000000000000",
                "Infinity",
                "NaN"
            ]),
        ),
        case(
            "numeric(40,0)",
            Decimal(Some((40, 0))),
            &[
                "-1234567890123456789012345678901234567890",
                "9007199254740993",
                "1234567890123456789012345678901234567890",
            ],
            json!([
                "-1234567890123456789012345678901234567890",
                "9007199254740993",
                "1234567890123456789012345678901234567890"
            ]),
        ),
        case(
            "numeric(45,35)",
            Decimal(Some((45, 35))),
            &[
                "0.12345678901234567890123456789012344",
                "0.12345678901234567890123456789012345",
                "1.5",
            ],
            json!([
                "0.12345678901234567890123456789012344",
                "0.12345678901234567890123456789012345",
                "1.50000000000000000000000000000000000"
            ]),
        ),
        case(
            "price",
            Decimal(Some((12, 3))),
            &["-1", "0.001", "2.5"],
            json!(["-1.000", "0.001", "2.500"]),
        ),
        case(
            "money",
            Money(None),
            &[
                "-92233720368547758.08",
                "0.01",
                "1234.5",
                "92233720368547758.07",
            ],
            json!([
                "-92233720368547758.08",
                "0.01",
                "1234.50",
                "92233720368547758.07"
            ]),
        ),
        case("boolean", Boolean, &["false", "true"], json!([false, true])),
        case(
            "char(3)",
            Char(Some(3)),
            &["'ab'", "'abc'"],
            json!(["ab ", "abc"]),
        ),
        case(
            "varchar(20)",
            String(StringLen::N(20)),
            &["''", "'B'", "'a''\"{}'", "'é'"],
            json!(["", "B", "a'\"{}", "é"]),
        ),
        case(
            "text",
            Text,
            &["' '", "'NULL'", "'a:b%'", "'a\\b'"],
            json!([" ", "NULL", "a:b%", "a\\b"]),
        ),
        case("citext", Text, &["'AB'", "'cd'"], json!(["AB", "cd"])),
        case(
            "text COLLATE folded",
            Text,
            &["'AB'", "'cd'"],
            json!(["AB", "cd"]),
        ),
        case(
            "citext",
            custom("citext"),
            &["'AB'", "'cd'"],
            json!(["AB", "cd"]),
        ),
        case("name", Text, &["'a'", "'b'"], json!(["a", "b"])),
        case(
            "\"char\"",
            custom("char"),
            &["'a'", "'b'"],
            json!(["a", "b"]),
        ),
        case(
            "date",
            Date,
            &[
                "'4714-11-24 BC'",
                "'0044-03-15 BC'",
                "'0001-12-31 BC'",
                "'0001-01-01'",
                "'2025-03-01'",
                "'9999-12-31'",
                "'10000-01-01'",
                "'5874897-12-31'",
            ],
            json!([
                "-004713-11-24",
                "-000043-03-15",
                "0000-12-31",
                "0001-01-01",
                "2025-03-01",
                "9999-12-31",
                "+010000-01-01",
                "+5874897-12-31",
            ]),
        ),
        case(
            "time",
            Time,
            &[
                "'00:00:00'",
                "'12:30:00.000001'",
                "'23:59:59.999'",
                "'24:00:00'",
            ],
            json!(["00:00:00", "12:30:00.000001", "23:59:59.999", "24:00:00"]),
        ),
        case(
            "time with time zone",
            Time,
            &[
                "'00:00:00+15:59'",
                "'12:00:00+02'",
                "'12:00:00.5+00'",
                "'12:00:00-02:30'",
                "'24:00:00-15:59:59'",
            ],
            json!([
                "00:00:00+15:59",
                "12:00:00+02:00",
                "12:00:00.500+00:00",
                "12:00:00-02:30",
                "24:00:00-15:59:59"
            ]),
        ),
        case(
            "timestamp",
            Timestamp,
            &[
                "'4714-11-24 00:00:00 BC'",
                "'0001-12-31 23:59:59.5 BC'",
                "'2025-03-01 12:00:00.000001'",
                "'10000-01-01 00:00:00'",
                "'294276-12-31 23:59:59.999999'",
            ],
            json!([
                "-004713-11-24T00:00:00Z",
                "0000-12-31T23:59:59.500Z",
                "2025-03-01T12:00:00.000001Z",
                "+010000-01-01T00:00:00Z",
                "+294276-12-31T23:59:59.999999Z",
            ]),
        ),
        case(
            "timestamp",
            DateTime,
            &["'2025-03-01 12:00:00'", "'2025-03-01 12:00:01'"],
            json!(["2025-03-01T12:00:00Z", "2025-03-01T12:00:01Z"]),
        ),
        case(
            "timestamptz",
            TimestampWithTimeZone,
            &[
                "'4714-11-24 00:00:00+00 BC'",
                "'0044-03-15 12:00:00+02 BC'",
                "'2025-03-01 12:00:00+05:30'",
                "'294276-12-31 23:59:59.999999+00'",
            ],
            json!([
                "-004713-11-24T00:00:00Z",
                "-000043-03-15T10:00:00Z",
                "2025-03-01T06:30:00Z",
                "+294276-12-31T23:59:59.999999Z",
            ]),
        ),
        case(
            "date",
            TimestampWithTimeZone,
            &["'2025-03-01'", "'2025-03-02'"],
            json!(["2025-03-01T00:00:00Z", "2025-03-02T00:00:00Z"]),
        ),
        loose(
            "json",
            Json,
            &["'{\"a\": 0.5}'", "'[1]'"],
            json!([{ "a": 0.5 }, [1]]),
        ),
        loose(
            "jsonb",
            JsonBinary,
            &["'null'", "'\"a\"'"],
            json!([null, "a"]),
        ),
        case(
            "uuid",
            Uuid,
            &[
                "'00000000-0000-0000-0000-000000000001'",
                "'67e55044-10b1-426f-9247-bb680e5fe0c8'",
            ],
            json!([
                "00000000-0000-0000-0000-000000000001",
                "67e55044-10b1-426f-9247-bb680e5fe0c8"
            ]),
        ),
        case(
            "bytea",
            Blob,
            &["''", "'\\x00ff'", "'\\x01'"],
            json!(["", "AP8=", "AQ=="]),
        ),
        case(
            "bytea",
            VarBinary(StringLen::None),
            &["'\\x7b5c22'", "'\\xffff'"],
            json!(["e1wi", "//8="]),
        ),
        case(
            "bit(3)",
            Bit(Some(3)),
            &["'001'", "'110'"],
            json!(["001", "110"]),
        ),
        case(
            "bit varying(9)",
            VarBit(9),
            &["'01'", "'1'"],
            json!(["01", "1"]),
        ),
        case(
            "interval",
            Interval(None, None),
            &["'00:00:01'", "'1 year 2 mons'", "'3 days'"],
            json!(["00:00:01", "1 year 2 mons", "3 days"]),
        ),
        case(
            "cidr",
            Cidr,
            &["'10.0.0.0/8'", "'2001:db8::/32'"],
            json!(["10.0.0.0/8", "2001:db8::/32"]),
        ),
        case(
            "inet",
            Inet,
            &["'10.0.0.1/24'", "'10.0.0.1'", "'::1'"],
            json!(["10.0.0.1/24", "10.0.0.1/32", "::1/128"]),
        ),
        case(
            "macaddr",
            MacAddr,
            &["'08:00:2b:01:02:03'", "'08:00:2b:01:02:04'"],
            json!(["08:00:2b:01:02:03", "08:00:2b:01:02:04"]),
        ),
        case(
            "macaddr8",
            custom("macaddr8"),
            &["'08:00:2b:01:02:03:04:05'"],
            json!(["08:00:2b:01:02:03:04:05"]),
        ),
        case(
            "ltree",
            LTree,
            &["'top'", "'top.a'"],
            json!(["top", "top.a"]),
        ),
        case(
            "shade",
            shade(),
            &["'dark'", "'pale'"],
            json!(["DARK", "PALE"]),
        ),
        case(
            "oid",
            custom("oid"),
            &["1", "4294967295"],
            json!(["1", "4294967295"]),
        ),
        case(
            "pg_lsn",
            custom("pg_lsn"),
            &["'0/1'", "'16/B374D848'"],
            json!(["0/1", "16/B374D848"]),
        ),
        case(
            "int4range",
            custom("int4range"),
            &["'[1,5)'", "'empty'"],
            json!(["[1,5)", "empty"]),
        ),
        case(
            "tsvector",
            custom("tsvector"),
            &["'''a'':1'", "'''b'':1'"],
            json!(["'a':1", "'b':1"]),
        ),
        case(
            "hstore",
            custom("hstore"),
            &["'a=>1'", "'b=>NULL'"],
            json!(["\"a\"=>\"1\"", "\"b\"=>NULL"]),
        ),
        loose(
            "xml",
            custom("xml"),
            &["'<a/>'", "'<b/>'"],
            json!(["<a/>", "<b/>"]),
        ),
        loose(
            "point",
            custom("point"),
            &["'(1,2)'", "'(2,1)'"],
            json!(["(1,2)", "(2,1)"]),
        ),
        loose(
            "jsonpath",
            custom("jsonpath"),
            &["'$.a'", "'$.b'"],
            json!(["$.\"a\"", "$.\"b\""]),
        ),
        loose(
            "box",
            custom("box"),
            &["'((1,2),(0,1))'"],
            json!(["(1,2),(0,1)"]),
        ),
        case(
            "numeric(5,-2)",
            Decimal(None),
            &["-1200", "0", "9999900"],
            json!(["-1200", "0", "9999900"]),
        ),
        case(
            "numeric(2,4)",
            Decimal(Some((2, 4))),
            &["-0.0099", "0.0001"],
            json!(["-0.0099", "0.0001"]),
        ),
        case("character", Char(None), &["'a'", "'b'"], json!(["a", "b"])),
        case(
            "bpchar",
            custom("bpchar"),
            &["'a'", "'b c'"],
            json!(["a", "b c"]),
        ),
        case("bit", Bit(None), &["'0'", "'1'"], json!(["0", "1"])),
        case(
            "timestamptz(0)",
            TimestampWithTimeZone,
            &["'2025-03-01 12:00:00+00'", "'2025-03-01 12:00:01+00'"],
            json!(["2025-03-01T12:00:00Z", "2025-03-01T12:00:01Z"]),
        ),
        case(
            "xid8",
            custom("xid8"),
            &["'0'", "'18446744073709551615'"],
            json!(["0", "18446744073709551615"]),
        ),
        case(
            "daterange",
            custom("daterange"),
            &["'(,infinity)'", "'[2025-03-01,)'", "'empty'"],
            json!(["(,infinity)", "[2025-03-01,)", "empty"]),
        ),
        case(
            "int4multirange",
            custom("int4multirange"),
            &["'{[1,3),[5,8)}'", "'{}'"],
            json!(["{[1,3),[5,8)}", "{}"]),
        ),
        case(
            "tsquery",
            custom("tsquery"),
            &["'''a'''", "'''a'' & ''b'''"],
            json!(["'a'", "'a' & 'b'"]),
        ),
        case(
            "fine",
            Decimal(None),
            &["-1", "0.001", "2.5"],
            json!(["-1.000", "0.001", "2.500"]),
        ),
        case(
            "regclass",
            custom("regclass"),
            &["'pg_class'", "'pg_type'"],
            json!(["pg_class", "pg_type"]),
        ),
        loose(
            "circle",
            custom("circle"),
            &["'<(0,0),1>'", "'<(5,5),1>'"],
            json!(["<(0,0),1>", "<(5,5),1>"]),
        ),
        loose(
            "polygon",
            custom("polygon"),
            &["'((0,0),(1,1))'", "'((0,0),(1,2))'"],
            json!(["((0,0),(1,1))", "((0,0),(1,2))"]),
        ),
        loose(
            "xid",
            custom("xid"),
            &["'3'", "'4294967295'"],
            json!(["3", "4294967295"]),
        ),
    ]
}

fn of_sqlite() -> Vec<Case> {
    use ColumnType::*;
    vec![
        case(
            "integer",
            Integer,
            &["-2147483648", "7"],
            json!([-2147483648, 7]),
        ),
        case("integer", TinyInteger, &["-1", "7"], json!([-1, 7])),
        case(
            "bigint",
            BigInteger,
            &[
                "-9223372036854775808",
                "9007199254740993",
                "9223372036854775807",
            ],
            json!([
                "-9223372036854775808",
                "9007199254740993",
                "9223372036854775807"
            ]),
        ),
        case("float", Float, &["-1.5", "0.1"], json!([-1.5, 0.1])),
        case(
            "double",
            Double,
            &["-1.7976931348623157e308", "5e-324", "0.30000000000000004"],
            json!([-1.7976931348623157e308, 5e-324, 0.30000000000000004]),
        ),
        case(
            "decimal(10, 2)",
            Decimal(Some((10, 2))),
            &["-1.5", "0.1", "2"],
            json!(["-1.50", "0.10", "2.00"]),
        ),
        case("boolean", Boolean, &["false", "true"], json!([false, true])),
        case(
            "varchar",
            String(StringLen::None),
            &["''", "'B'", "'a''\"{}'", "'é'"],
            json!(["", "B", "a'\"{}", "é"]),
        ),
        case(
            "text",
            Text,
            &["' '", "'NULL'", "'a:b%'"],
            json!([" ", "NULL", "a:b%"]),
        ),
        case(
            "date_text",
            Date,
            &["'0000-01-01'", "'2025-03-01'", "'9999-12-31'"],
            json!(["0000-01-01", "2025-03-01", "9999-12-31"]),
        ),
        case(
            "time_text",
            Time,
            &["'00:00:00'", "'12:30:00.500'"],
            json!(["00:00:00", "12:30:00.500"]),
        ),
        case(
            "timestamp_with_timezone_text",
            TimestampWithTimeZone,
            &[
                "'0000-01-01T00:00:00+00:00'",
                "'2025-03-01T12:00:00+00:00'",
                "'2025-03-01T12:00:00.123456789+00:00'",
            ],
            json!([
                "0000-01-01T00:00:00Z",
                "2025-03-01T12:00:00Z",
                "2025-03-01T12:00:00.123456789Z"
            ]),
        ),
        case(
            "datetime_text",
            DateTime,
            &["'2025-03-01 12:00:00'", "'2025-03-01 12:00:00.500'"],
            json!(["2025-03-01T12:00:00Z", "2025-03-01T12:00:00.500Z"]),
        ),
        loose(
            "json_text",
            Json,
            &["'{\"a\":1}'", "'[1]'"],
            json!([{ "a": 1 }, [1]]),
        ),
        case(
            "uuid_text",
            Uuid,
            &[
                "x'00000000000000000000000000000001'",
                "x'67e5504410b1426f9247bb680e5fe0c8'",
            ],
            json!([
                "00000000-0000-0000-0000-000000000001",
                "67e55044-10b1-426f-9247-bb680e5fe0c8"
            ]),
        ),
        case(
            "blob",
            Blob,
            &["x''", "x'00ff'", "x'01'"],
            json!(["", "AP8=", "AQ=="]),
        ),
        case(
            "text",
            shade(),
            &["'dark'", "'pale'"],
            json!(["DARK", "PALE"]),
        ),
    ]
}

struct Asked {
    app: TestApp,
    _database: TestDatabase,
    of: String,
    shown: Vec<Value>,
}

impl Asked {
    async fn data(&self, query: &str, variables: Value) -> Value {
        let answer = self.app.request(query, None, &variables).await;
        let json = answer.json();
        let errors = json.get("errors");
        assert!(
            errors.is_none(),
            "{}: {query} {variables}: {}",
            self.of,
            answer.text
        );
        json["data"].clone()
    }

    /// The numbers of the spots that a condition finds.
    async fn found(&self, condition: Value) -> Vec<i64> {
        let query = "query($w: SpotWhere) { spots(where: $w, orderBy: [{ id: ASC }]) { id } }";
        let data = self.data(query, json!({ "w": condition })).await;
        numbers(&data["spots"])
    }

    /// Those of the spots that hold the values at these places.
    fn with(&self, holds: impl Fn(usize) -> bool) -> Vec<i64> {
        let places = 0..self.shown.len();
        let mut all: Vec<i64> = places.filter(|&i| holds(i)).map(|i| i as i64).collect();
        if holds(0) {
            all.push(AGAIN);
        }
        all
    }
}

/// The spot that holds the first value once more, and the one that holds none.
const AGAIN: i64 = 100;
const NONE: i64 = 101;

fn numbers(spots: &Value) -> Vec<i64> {
    let spots = spots.as_array().into_iter().flatten();
    spots.map(number).collect()
}

fn number(spot: &Value) -> i64 {
    let id = spot["id"].as_str().unwrap_or_default();
    id.trim_start_matches("Spot:").parse().expect("a number")
}

async fn ask(backend: Backend, case: &Case) -> Asked {
    let database = TestDatabase::empty(backend).await;
    let of = case.sql;
    let mut statements = Vec::new();
    if backend == Backend::Postgres {
        statements.push(BEFORE.to_owned());
    }
    let values = case.values.iter().enumerate();
    if case.key {
        statements.push(format!(
            "CREATE TABLE mark (value {of} PRIMARY KEY);
             CREATE TABLE spot (id bigint PRIMARY KEY, marked {of} REFERENCES mark, plain {of}, single {of} UNIQUE)"
        ));
        for (i, value) in values {
            let spot = format!("INSERT INTO spot VALUES ({i}, {value}, {value}, {value})");
            statements.push(format!("INSERT INTO mark VALUES ({value}); {spot}"));
        }
        let first = case.values[0];
        statements.push(format!(
            "INSERT INTO spot VALUES ({AGAIN}, {first}, {first}, NULL), ({NONE}, NULL, NULL, NULL)"
        ));
    } else {
        statements.push(format!(
            "CREATE TABLE spot (id bigint PRIMARY KEY, plain {of})"
        ));
        for (i, value) in values {
            statements.push(format!("INSERT INTO spot VALUES ({i}, {value})"));
        }
        let first = case.values[0];
        statements.push(format!(
            "INSERT INTO spot VALUES ({AGAIN}, {first}), ({NONE}, NULL)"
        ));
    }
    for sql in statements {
        let done = database.connection.execute_unprepared(&sql).await;
        done.unwrap_or_else(|e| panic!("{of}: {sql}: {e}"));
    }
    let graph = match case.key {
        true => graph(case.declared.clone()),
        false => spots(case.declared.clone()).type_name(super::declared::dot::Entity, "Spot"),
    };
    Asked {
        app: TestApp::new(&database, graph, Limits::default()),
        _database: database,
        of: format!("{backend:?}: {of} as {:?}", case.declared),
        shown: case.shown.as_array().cloned().unwrap_or_default(),
    }
}

#[tokio::test]
async fn every_type_is_shown_found_ordered_and_grouped() {
    let mut failed = Vec::new();
    for (backend, cases) in [
        (Backend::Sqlite, of_sqlite()),
        (Backend::Postgres, of_postgres()),
    ] {
        if !Backend::all().contains(&backend) {
            continue;
        }
        for case in &cases {
            // All types that fail are told, not only the first.
            let held = AssertUnwindSafe(holds(backend, case)).catch_unwind().await;
            if held.is_err() {
                failed.push(format!("{backend:?}: {} as {:?}", case.sql, case.declared));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// By which collation a column's texts are equal says nothing of their parts.
#[tokio::test]
async fn parts_of_texts_are_found_by_their_bytes() {
    let (values, shown) = (
        &["'AB'", "'ab'", "'xABx'", "'xa%bx'", "'é'"],
        json!(["AB", "ab", "xABx", "xa%bx", "é"]),
    );
    for (backend, column) in [
        (Backend::Sqlite, "text"),
        (Backend::Sqlite, "text COLLATE NOCASE"),
        (Backend::Postgres, "text"),
        (Backend::Postgres, "text COLLATE folded"),
        (Backend::Postgres, "text COLLATE \"C\""),
    ] {
        if !Backend::all().contains(&backend) {
            continue;
        }
        let asked = ask(
            backend,
            &loose(column, ColumnType::Text, values, shown.clone()),
        )
        .await;
        let of = |i: usize| asked.shown[i].as_str().unwrap_or_default();
        for part in ["", "a", "A", "AB", "ab", "xA", "Bx", "%", "é", "É"] {
            type Is = fn(&str, &str) -> bool;
            let operators: [(&str, &str, Is); 3] = [
                ("contains", "iContains", |text, part| text.contains(part)),
                ("startsWith", "iStartsWith", |text, part| {
                    text.starts_with(part)
                }),
                ("endsWith", "iEndsWith", |text, part| text.ends_with(part)),
            ];
            for (operator, folding, is) in operators {
                let found = asked.found(json!({ "plain": { operator: part } })).await;
                let expected = asked.with(|i| is(of(i), part));
                assert_eq!(found, expected, "{column}: {operator} {part:?}");
                if part.is_ascii() {
                    let part = part.to_lowercase();
                    let found = asked.found(json!({ "plain": { folding: part } })).await;
                    let expected = asked.with(|i| is(&of(i).to_lowercase(), &part));
                    assert_eq!(found, expected, "{column}: {folding} {part:?}");
                }
            }
        }
    }
}

async fn holds(backend: Backend, case: &Case) {
    let asked = ask(backend, case).await;
    is_shown(&asked).await;
    if matches!(case.declared, ColumnType::Json | ColumnType::JsonBinary) {
        return;
    }
    is_found(&asked, &case.declared).await;
    is_paged_through(&asked).await;
    is_grouped_by(&asked).await;
    if case.key {
        is_a_key(&asked, &case.declared).await;
        is_a_relation(&asked).await;
    }
}

async fn is_shown(asked: &Asked) {
    let data = asked
        .data("{ spots(orderBy: [{ id: ASC }]) { plain } }", json!({}))
        .await;
    let spots = data["spots"].as_array().into_iter().flatten();
    let shown: Vec<_> = spots.map(|spot| spot["plain"].clone()).collect();
    let (values, rest) = shown.split_at(asked.shown.len());
    assert_eq!(values, asked.shown, "{}", asked.of);
    assert_eq!(rest, [asked.shown[0].clone(), Value::Null], "{}", asked.of);
}

async fn is_found(asked: &Asked, declared: &ColumnType) {
    let of = &asked.of;
    let ordered = !matches!(
        declared,
        ColumnType::Boolean | ColumnType::Uuid | ColumnType::Enum { .. }
    );
    for (i, shown) in asked.shown.iter().enumerate() {
        let plain = |operator: &str, value: Value| json!({ "plain": { operator: value } });
        for (operator, value, expected) in [
            ("eq", shown.clone(), asked.with(|k| k == i)),
            ("ne", shown.clone(), asked.with(|k| k != i)),
            (
                "in",
                json!([shown, asked.shown[0]]),
                asked.with(|k| k == i || k == 0),
            ),
            ("notIn", json!([shown]), asked.with(|k| k != i)),
        ] {
            let found = asked.found(plain(operator, value)).await;
            assert_eq!(found, expected, "{of}: {operator} {shown}");
        }
        if let (
            Value::String(text),
            ColumnType::Char(_) | ColumnType::String(_) | ColumnType::Text,
        ) = (shown, declared)
        {
            let end = text.char_indices().last().map_or("", |(at, _)| &text[at..]);
            for (operator, part) in [
                ("contains", &**text),
                ("endsWith", end),
                ("iEq", text),
                ("iContains", text),
                ("iStartsWith", text),
                ("iEndsWith", end),
            ] {
                let found = asked.found(plain(operator, json!(part))).await;
                assert!(
                    found.contains(&(i as i64)),
                    "{of}: {operator} {part:?}: {found:?}"
                );
                assert!(!found.contains(&NONE), "{of}: {operator} {part:?} of null");
            }
        }
        if !ordered {
            continue;
        }
        for (operator, expected) in [
            ("lt", asked.with(|k| k < i)),
            ("lte", asked.with(|k| k <= i)),
            ("gt", asked.with(|k| k > i)),
            ("gte", asked.with(|k| k >= i)),
        ] {
            let found = asked.found(plain(operator, shown.clone())).await;
            assert_eq!(found, expected, "{of}: {operator} {shown}");
        }
    }
    let literals: Vec<_> = asked.shown.iter().map(|v| literal(v, declared)).collect();
    let query = format!(
        "{{ spots(where: {{ plain: {{ in: [{}] }} }}, orderBy: [{{ id: ASC }}]) {{ id }} }}",
        literals.join(", ")
    );
    let data = asked.data(&query, json!({})).await;
    assert_eq!(
        numbers(&data["spots"]),
        asked.with(|_| true),
        "{of}: {query}"
    );
}

fn literal(shown: &Value, declared: &ColumnType) -> String {
    match declared {
        ColumnType::Enum { .. } => shown.as_str().unwrap_or_default().to_owned(),
        _ => shown.to_string(),
    }
}

async fn is_paged_through(asked: &Asked) {
    let of = &asked.of;
    let last = asked.shown.len() as i64 - 1;
    let ascending: Vec<i64> = [0, AGAIN].into_iter().chain(1..=last).collect();
    for (direction, ids, expected) in [
        ("ASC", "ASC", [&ascending[..], &[NONE]].concat()),
        (
            "DESC",
            "DESC",
            [
                &[NONE],
                &ascending.iter().rev().copied().collect::<Vec<_>>()[..],
            ]
            .concat(),
        ),
        ("ASC_NULLS_FIRST", "ASC", [&[NONE], &ascending[..]].concat()),
    ] {
        let order = json!([{ "plain": direction }, { "id": ids }]);
        let query = "query($o: [SpotOrder!]) { spots(orderBy: $o) { id } }";
        let data = asked.data(query, json!({ "o": order })).await;
        assert_eq!(numbers(&data["spots"]), expected, "{of}: {direction}");
        for (page, place) in [("first", "after"), ("last", "before")] {
            let query = format!(
                "query($o: [SpotOrder!], $place: String) {{
                    spotsConnection(orderBy: $o, {page}: 1, {place}: $place) {{
                        edges {{ cursor node {{ id }} }} pageInfo {{ hasNextPage hasPreviousPage }} }} }}"
            );
            let (mut place, mut paged) = (Value::Null, Vec::new());
            while paged.len() < expected.len() {
                let data = asked
                    .data(&query, json!({ "o": order, "place": place }))
                    .await;
                let connection = &data["spotsConnection"];
                let edge = &connection["edges"][0];
                assert!(
                    edge.is_object(),
                    "{of}: {direction} {page}, behind {paged:?}"
                );
                paged.push(number(&edge["node"]));
                place = edge["cursor"].clone();
                let more = match page {
                    "first" => &connection["pageInfo"]["hasNextPage"],
                    _ => &connection["pageInfo"]["hasPreviousPage"],
                };
                assert_eq!(
                    *more,
                    paged.len() < expected.len(),
                    "{of}: {direction} {page}"
                );
            }
            if page == "last" {
                paged.reverse();
            }
            assert_eq!(paged, expected, "{of}: {direction} {page}");
        }
    }
}

async fn is_grouped_by(asked: &Asked) {
    let query = "{ spotsAggregate { groups(by: [PLAIN]) { key { plain } count } } }";
    let data = asked.data(query, json!({})).await;
    let group = |(i, shown): (usize, &Value)| json!({ "key": { "plain": shown }, "count": if i == 0 { 2 } else { 1 } });
    let expected: Vec<_> = asked.shown.iter().enumerate().map(group).collect();
    let none = json!({ "key": { "plain": null }, "count": 1 });
    let expected = json!([&expected[..], &[none]].concat());
    assert_eq!(data["spotsAggregate"]["groups"], expected, "{}", asked.of);
}

async fn is_a_key(asked: &Asked, declared: &ColumnType) {
    let of = &asked.of;
    for (i, shown) in asked.shown.iter().enumerate() {
        let query = format!("{{ spot(single: {}) {{ id }} }}", literal(shown, declared));
        let data = asked.data(&query, json!({})).await;
        assert_eq!(number(&data["spot"]), i as i64, "{of}: {query}");
    }
    let data = asked.data("{ marks { id } }", json!({})).await;
    let marks = data["marks"].as_array().cloned().unwrap_or_default();
    let ids: Vec<_> = marks.iter().map(|mark| mark["id"].clone()).collect();
    assert_eq!(ids.len(), asked.shown.len(), "{of}: {ids:?}");
    for id in &ids {
        let query = "query($id: ID!) { node(id: $id) { id } mark(id: $id) { id } marks(where: { id: { eq: $id } }) { id } }";
        let data = asked.data(query, json!({ "id": id })).await;
        let expected =
            json!({ "node": { "id": id }, "mark": { "id": id }, "marks": [{ "id": id }] });
        assert_eq!(data, expected, "{of}");
    }
    let query =
        "query($ids: [ID!]!) { nodes(ids: $ids) { id } marks(where: { id: { in: $ids } }) { id } }";
    let data = asked.data(query, json!({ "ids": ids })).await;
    assert_eq!(data, json!({ "nodes": marks, "marks": marks }), "{of}");
}

async fn is_a_relation(asked: &Asked) {
    let of = &asked.of;
    let query = "{ spots(orderBy: [{ id: ASC }]) { id marked mark { id spots { id } } }
        marks { id spots(orderBy: [{ id: ASC }]) { id } spotsAggregate { count }
            spotsConnection(first: 1, orderBy: [{ plain: ASC }, { id: DESC }]) { totalCount nodes { id } } } }";
    let data = asked.data(query, json!({})).await;
    let spots = data["spots"].as_array().cloned().unwrap_or_default();
    for spot in &spots {
        assert_eq!(spot["mark"]["id"], spot["marked"], "{of}");
        assert_eq!(spot["marked"].is_null(), number(spot) == NONE, "{of}");
    }
    for mark in data["marks"].as_array().into_iter().flatten() {
        let id = &mark["id"];
        let own = spots.iter().filter(|spot| spot["marked"] == *id);
        let own: Vec<i64> = own.map(number).collect();
        assert!(!own.is_empty(), "{of}: {id}");
        assert_eq!(numbers(&mark["spots"]), own, "{of}: {id}");
        assert_eq!(mark["spotsAggregate"]["count"], own.len(), "{of}: {id}");
        assert_eq!(
            mark["spotsConnection"]["totalCount"],
            own.len(),
            "{of}: {id}"
        );
        assert_eq!(
            numbers(&mark["spotsConnection"]["nodes"]).first(),
            own.last(),
            "{of}: {id}"
        );
        let query = "query($id: ID!) { mark(id: $id) { spots(orderBy: [{ id: ASC }]) { id } }
            eq: spots(where: { marked: { eq: $id } }, orderBy: [{ id: ASC }]) { id }
            in: spots(where: { marked: { in: [$id] } }, orderBy: [{ id: ASC }]) { id }
            of: spots(where: { mark: { id: { eq: $id } } }, orderBy: [{ id: ASC }]) { id }
            some: marks(where: { spots: { some: { marked: { eq: $id } } } }) { id } }";
        let data = asked.data(query, json!({ "id": id })).await;
        for found in [
            &data["mark"]["spots"],
            &data["eq"],
            &data["in"],
            &data["of"],
        ] {
            assert_eq!(numbers(found), own, "{of}: {id}");
        }
        assert_eq!(data["some"], json!([{ "id": id }]), "{of}");
    }
}
