//! PostgreSQL's arrays are lists: of every type of elements, with nulls in them, empty, null, and of several dimensions.

use backref::read::plan::Limits;
use backref::schema::Schema;
use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{Alias, ColumnType, IntoIden, RcOrArc, StringLen};
use serde_json::{Value, json};

use super::declared::{graph, spots};
use crate::harness::{Backend, TestApp, TestDatabase};

fn list(of: ColumnType) -> ColumnType {
    ColumnType::Array(RcOrArc::new(of))
}

fn shade() -> ColumnType {
    ColumnType::Enum {
        name: Alias::new("shade").into_iden(),
        variants: ["dark", "pale"].map(|v| Alias::new(v).into_iden()).into(),
    }
}

/// A type of elements, two values of it as SQL, and as they are shown.
fn elements() -> Vec<(&'static str, ColumnType, [&'static str; 2], [Value; 2])> {
    use ColumnType::*;
    vec![
        (
            "text",
            Text,
            ["'a,\"{}\\'", "'NULL'"],
            [json!("a,\"{}\\"), json!("NULL")],
        ),
        (
            "varchar",
            String(StringLen::None),
            ["''", "'é'"],
            [json!(""), json!("é")],
        ),
        (
            "smallint",
            SmallInteger,
            ["-1", "32767"],
            [json!(-1), json!(32767)],
        ),
        (
            "integer",
            Integer,
            ["0", "-2147483648"],
            [json!(0), json!(-2147483648)],
        ),
        (
            "bigint",
            BigInteger,
            ["9007199254740993", "-1"],
            [json!("9007199254740993"), json!("-1")],
        ),
        ("real", Float, ["0.1", "1.5"], [json!(0.1), json!(1.5)]),
        (
            "double precision",
            Double,
            ["0.1", "-2"],
            [json!(0.1), json!(-2)],
        ),
        (
            "numeric",
            Decimal(None),
            ["0.12345678901234567890123456789012345", "2.50"],
            [
                json!("0.12345678901234567890123456789012345"),
                json!("2.50"),
            ],
        ),
        (
            "money",
            Money(None),
            ["1.5", "-2"],
            [json!("1.50"), json!("-2.00")],
        ),
        (
            "boolean",
            Boolean,
            ["true", "false"],
            [json!(true), json!(false)],
        ),
        (
            "date",
            Date,
            ["'2025-03-01'", "'0044-03-15 BC'"],
            [json!("2025-03-01"), json!("-000043-03-15")],
        ),
        (
            "time with time zone",
            Time,
            ["'12:00:00+02'", "'00:00:00+00'"],
            [json!("12:00:00+02:00"), json!("00:00:00+00:00")],
        ),
        (
            "timestamptz",
            TimestampWithTimeZone,
            [
                "'2025-03-01 12:00:00.5+02'",
                "'294276-12-31 23:59:59.999999+00'",
            ],
            [
                json!("2025-03-01T10:00:00.500Z"),
                json!("+294276-12-31T23:59:59.999999Z"),
            ],
        ),
        (
            "timestamp",
            Timestamp,
            ["'2025-03-01 12:00:00'", "'0001-01-01 00:00:00 BC'"],
            [json!("2025-03-01T12:00:00Z"), json!("0000-01-01T00:00:00Z")],
        ),
        (
            "uuid",
            Uuid,
            [
                "'67e55044-10b1-426f-9247-bb680e5fe0c8'",
                "'00000000-0000-0000-0000-000000000001'",
            ],
            [
                json!("67e55044-10b1-426f-9247-bb680e5fe0c8"),
                json!("00000000-0000-0000-0000-000000000001"),
            ],
        ),
        (
            "bytea",
            Blob,
            ["'\\x00ff'", "''"],
            [json!("AP8="), json!("")],
        ),
        (
            "shade",
            shade(),
            ["'pale'", "'dark'"],
            [json!("PALE"), json!("DARK")],
        ),
        (
            "inet",
            Inet,
            ["'10.0.0.1'", "'::1'"],
            [json!("10.0.0.1/32"), json!("::1/128")],
        ),
        (
            "jsonb",
            JsonBinary,
            ["'{\"a\": [1]}'", "'2'"],
            [json!({ "a": [1] }), json!(2)],
        ),
    ]
}

#[tokio::test]
async fn arrays_are_lists_of_their_elements() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    for (of, element, [a, b], [shown_a, shown_b]) in elements() {
        let database = TestDatabase::empty(Backend::Postgres).await;
        let json_elements = matches!(element, ColumnType::JsonBinary);
        let sql = format!(
            "CREATE TYPE shade AS ENUM ('dark', 'pale');
             CREATE TABLE spot (id bigint PRIMARY KEY, plain {of}[]);
             INSERT INTO spot VALUES (0, ARRAY[{a}, {b}]::{of}[]), (1, ARRAY[{b}, NULL]::{of}[]), (2, '{{}}'), (3, NULL)"
        );
        let done = database.connection.execute_unprepared(&sql).await;
        done.unwrap_or_else(|e| panic!("{sql}: {e}"));
        let graph = spots(list(element)).type_name(super::declared::dot::Entity, "Spot");
        let app = TestApp::new(&database, graph, Limits::default());
        let lists = [
            json!([shown_a, shown_b]),
            json!([shown_b, null]),
            json!([]),
            json!(null),
        ];
        let data = app
            .query("{ spots(orderBy: [{ id: ASC }]) { plain } }")
            .await
            .data();
        let shown = lists.each_ref().map(|list| json!({ "plain": list }));
        assert_eq!(data["spots"], json!(shown), "{of}");

        let found = async |condition: Value| {
            let query = "query($w: SpotWhere) { spots(where: $w, orderBy: [{ id: ASC }]) { id } }";
            let asked = json!({ "w": { "plain": condition } });
            let data = app.request(query, None, &asked).await.data();
            let ids = data["spots"].as_array().into_iter().flatten();
            let ids =
                ids.filter_map(|spot| spot["id"].as_str()?.strip_prefix("Spot:")?.parse().ok());
            ids.collect::<Vec<usize>>()
        };
        assert_eq!(found(json!({ "isNull": true })).await, [3], "{of}");
        assert_eq!(found(json!({ "isEmpty": true })).await, [2], "{of}");
        assert_eq!(found(json!({ "isEmpty": false })).await, [0, 1], "{of}");
        if json_elements {
            continue;
        }
        for (i, list) in lists[..3].iter().enumerate() {
            let others: Vec<usize> = (0..3).filter(|&k| k != i).collect();
            assert_eq!(found(json!({ "eq": list })).await, [i], "{of}: {list}");
            assert_eq!(found(json!({ "ne": list })).await, others, "{of}: {list}");
        }
        for (items, expected) in [
            (json!([]), vec![0, 1, 2]),
            (json!([shown_b]), vec![0, 1]),
            (json!([shown_b, shown_a]), vec![0]),
            (json!([shown_a, shown_a]), vec![0]),
            // By GraphQL's list coercion one value stands for a list of it.
            (shown_b.clone(), vec![0, 1]),
        ] {
            let asked = json!({ "contains": items });
            assert_eq!(found(asked).await, expected, "{of}: contains {items}");
        }
    }
}

#[tokio::test]
async fn an_array_of_several_dimensions_is_an_error_of_its_field() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let database = TestDatabase::empty(Backend::Postgres).await;
    let sql = "CREATE TABLE spot (id bigint PRIMARY KEY, plain int[]);
        INSERT INTO spot VALUES (1, '{{1,2},{3,4}}'), (2, '[5:6]={1,2}')";
    let done = database.connection.execute_unprepared(sql).await;
    done.unwrap_or_else(|e| panic!("{sql}: {e}"));
    let graph = spots(list(ColumnType::Integer));
    let app = TestApp::new(&database, graph, Limits::default());
    let query = "{ spots(orderBy: [{ id: ASC }]) { id plain } three: spots(where: { plain: { contains: [3] } }) { id } }";
    let answer = app.query(query).await.json();
    let data = &answer["data"];
    assert_eq!(data["spots"][0]["plain"], Value::Null);
    assert_eq!(data["spots"][1]["plain"], json!([1, 2]));
    assert_eq!(data["three"].as_array().map(Vec::len), Some(1));
    assert_eq!(answer["errors"][0]["path"], json!(["spots", 0, "plain"]));
    assert_eq!(answer["errors"].as_array().map(Vec::len), Some(1));

    let query = "{ spots(where: { plain: { contains: [3000000000] } }) { id } }";
    assert_eq!(app.query(query).await.code(), "GRAPHQL_VALIDATION_FAILED");
}

/// SQLite has JSON in the place of arrays.
#[tokio::test]
async fn lists_in_json_are_lists_on_sqlite() {
    let database = TestDatabase::empty(Backend::Sqlite).await;
    let sql = "CREATE TABLE spot (id bigint PRIMARY KEY, plain json_text);
        INSERT INTO spot VALUES (0, '[\"a\", \"b\"]'), (1, '[\"b\",null]'), (2, '[]'), (3, NULL), (4, 'no list')";
    let done = database.connection.execute_unprepared(sql).await;
    done.unwrap_or_else(|e| panic!("{sql}: {e}"));
    let graph = spots(list(ColumnType::Text));
    let app = TestApp::new(&database, graph, Limits::default());
    let query = "{ shown: spots(where: { id: { lt: 4 } }) { plain }
        eq: spots(where: { plain: { eq: [\"a\", \"b\"] } }) { id } ne: spots(where: { plain: { ne: [\"a\", \"b\"] } }) { id }
        contains: spots(where: { plain: { contains: [\"b\"] } }) { id } empty: spots(where: { plain: { isEmpty: true } }) { id } }";
    let query = query.replace(
        "where: { id: { lt: 4 } }",
        "where: { id: { in: [0, 1, 2, 3] } }",
    );
    let data = app.query(&query).await.data();
    let shown = json!([{ "plain": ["a", "b"] }, { "plain": ["b", null] }, { "plain": [] }, { "plain": null }]);
    assert_eq!(data["shown"], shown);
    let found = |key: &str| data[key].as_array().map(Vec::len);
    assert_eq!(
        ["eq", "ne", "contains", "empty"].map(found),
        [Some(1), Some(2), Some(2), Some(1)]
    );
}

/// JSON writes a value in many ways.
#[tokio::test]
async fn lists_in_json_are_equal_by_their_values() {
    for (of, held, asked, other) in [
        (
            ColumnType::Double,
            "[1.0, 2.50]",
            json!([1, 2.5]),
            json!([1, 2.5, 3]),
        ),
        (
            ColumnType::Text,
            r#"["caf\u00e9", null]"#,
            json!(["café", null]),
            json!(["café", ""]),
        ),
        (ColumnType::Text, "[ ]", json!([]), json!([""])),
    ] {
        let database = TestDatabase::empty(Backend::Sqlite).await;
        let sql = format!(
            "CREATE TABLE spot (id bigint PRIMARY KEY, plain json_text); INSERT INTO spot VALUES (0, '{held}'), (1, NULL)"
        );
        let done = database.connection.execute_unprepared(&sql).await;
        done.unwrap_or_else(|e| panic!("{sql}: {e}"));
        let app = TestApp::new(&database, spots(list(of)), Limits::default());
        for (value, eq, ne) in [(&asked, 1, 0), (&other, 0, 1)] {
            let kind = if held.contains('1') {
                "Float"
            } else {
                "String"
            };
            let query = format!(
                "query($v: [{kind}]) {{ eq: spots(where: {{ plain: {{ eq: $v }} }}) {{ id }} ne: spots(where: {{ plain: {{ ne: $v }} }}) {{ id }} }}"
            );
            let data = app
                .request(&query, None, &json!({ "v": value }))
                .await
                .data();
            let count = |key: &str| data[key].as_array().map(Vec::len);
            assert_eq!(
                (count("eq"), count("ne")),
                (Some(eq), Some(ne)),
                "{held} {value}"
            );
        }
    }
}

#[test]
fn the_schema_says_that_they_are_lists() {
    let schema = |of| {
        let catalog = graph(of).build().unwrap_or_else(|e| panic!("{e}"));
        Schema::new(&catalog, 20).expect("a schema").sdl
    };
    let sdl = schema(list(ColumnType::Text));
    for expected in [
        "  plain: [String]\n",
        "input StringListFilter {",
        "  contains: [String!]\n",
        "  isEmpty: Boolean\n",
    ] {
        assert!(sdl.contains(expected), "{expected}: {sdl}");
    }
    assert!(!sdl.contains("PLAIN"), "{sdl}");
    // A key is an id, whatever it is of.
    assert!(sdl.contains("  marked: ID\n"), "{sdl}");
}
