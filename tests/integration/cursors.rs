//! What is no cursor of a list, and what is no size of a page, is refused before anything runs.

use base64::prelude::*;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::harness::{Backend, TestApp, TestDatabase, config, on_every_database};

/// Orders of posts.
const ORDERS: [&str; 6] = [
    "",
    "orderBy: { title: ASC }, ",
    "orderBy: [{ publishedAt: DESC_NULLS_LAST }, { version: ASC }], ",
    "orderBy: { comments: { count: DESC } }, ",
    "orderBy: { author: { profile: { website: ASC } } }, ",
    "orderBy: { id: ASC }, ",
];

#[tokio::test]
async fn what_is_no_cursor_of_the_list_is_refused() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::blog(&database);
        for order in ORDERS {
            let cursor = post_cursor(&app, order).await;
            let mut forged = vec![
                format!("{cursor}A"),
                format!("A{cursor}"),
                format!("{cursor}="),
            ];
            for (place, character) in cursor.char_indices() {
                forged.push(cursor[..place].to_owned());
                let other = if character == 'A' { "B" } else { "A" };
                let rest = &cursor[place + character.len_utf8()..];
                forged.push(format!("{}{other}{rest}", &cursor[..place]));
            }
            for cursor in forged {
                refuse_cursor(&app, &format!("postsConnection({order}"), &cursor).await;
            }
            for other in ORDERS.iter().filter(|other| **other != order) {
                refuse_cursor(&app, &format!("postsConnection({other}"), &cursor).await;
            }
            for field in ["users", "profiles", "tags", "comments"] {
                refuse_cursor(&app, &format!("{field}Connection("), &cursor).await;
                let by_id = format!("{field}Connection(orderBy: {{ id: ASC }}, ");
                refuse_cursor(&app, &by_id, &cursor).await;
            }
        }
        for cursor in [
            "",
            " ",
            "A",
            "AA==",
            "bm90IGEgY3Vyc29y",
            "eyJpZCI6MX0=",
            "W10",
            "W251bGxd",
            "====",
            "-_-_",
            "+/+/",
            "null",
            "Post:1",
            "\u{0}",
            "é",
            "😀😀",
            "%00",
        ] {
            for order in ORDERS {
                refuse_cursor(&app, &format!("postsConnection({order}"), cursor).await;
            }
        }
        refuse_cursor(&app, "postsConnection(", &"QUJD".repeat(5_000)).await;
    }
}

/// Random bytes as base64, of the lengths that cursors have.
#[test]
fn random_texts_are_no_cursors() {
    let texts = vec(vec(any::<u8>(), 0..=80), 20);
    on_every_database(&config("texts", 10), &texts, |stage, texts| {
        for bytes in texts {
            for text in [
                BASE64_URL_SAFE_NO_PAD.encode(&bytes),
                BASE64_STANDARD.encode(&bytes),
            ] {
                stage.wait_for(refuse_cursor(&stage.app, "postsConnection(", &text));
            }
        }
        Ok(())
    });
}

/// Whoever knows how cursors are made can make one whose digests are right and whose values are not those
/// of the order. It means some place then, or it is refused, and whether it is says nothing of the rows there are.
#[tokio::test]
async fn cursors_with_values_of_other_types_are_no_internal_errors() {
    let text = |text: &str| {
        [
            &[3],
            &(text.len() as u32).to_le_bytes()[..],
            text.as_bytes(),
        ]
        .concat()
    };
    let values = [
        vec![0],
        [&[1], &i64::MAX.to_le_bytes()[..]].concat(),
        [&[2], &f64::NAN.to_le_bytes()[..]].concat(),
        [&[4], &2_u32.to_le_bytes()[..], &[255, 0]].concat(),
        text(""),
        text("hello"),
        text("9999999999999999999999"),
        text("infinity"),
        text("2025-13-45"),
        text("a\0b"),
    ];
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::blog(&database);
        let empty = TestDatabase::migrated(backend).await;
        let empty = TestApp::blog(&empty);
        for order in ORDERS {
            let cursor = post_cursor(&app, order).await;
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(&cursor).expect("base64");
            let counts = values
                .iter()
                .flat_map(|value| [1, 2, 3].map(|count| (value, count)));
            for (value, count) in counts {
                let mut bytes = [&bytes[..4], &value.repeat(count)].concat();
                // FNV-1a.
                let digest = bytes.iter().fold(0x811c_9dc5_u32, |hash, byte| {
                    (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
                });
                bytes.extend(digest.to_le_bytes());
                let cursor = BASE64_URL_SAFE_NO_PAD.encode(bytes);
                for page in ["first: 2, after", "last: 2, before"] {
                    let query = format!(
                        "query($cursor: String) {{ postsConnection({order}{page}: $cursor) {{ nodes {{ id }} }} }}"
                    );
                    let variables = json!({ "cursor": cursor });
                    let answer = app.request(&query, None, &variables).await;
                    let of_none = empty.request(&query, None, &variables).await;
                    assert_eq!(
                        of_none.json()["errors"],
                        answer.json()["errors"],
                        "{backend:?} {query} {value:?}"
                    );
                    let is_page = answer.json()["data"]["postsConnection"].is_object();
                    assert!(
                        is_page || answer.code() == "BAD_USER_INPUT",
                        "{backend:?} {query} {value:?}: {}",
                        answer.text
                    );
                }
            }
        }
    }
}

async fn post_cursor(app: &TestApp, order: &str) -> String {
    let query = format!("{{ postsConnection({order}first: 3) {{ pageInfo {{ endCursor }} }} }}");
    let data = app.query(&query).await.data();
    let cursor = &data["postsConnection"]["pageInfo"]["endCursor"];
    cursor.as_str().expect("a cursor").to_owned()
}

/// Checks that the text is refused on either side, whether the page is asked for or not.
async fn refuse_cursor(app: &TestApp, field: &str, cursor: &str) {
    let first = ("after", "first", "nodes { id }");
    for (argument, size, selection) in [first, ("before", "last", "totalCount")] {
        let field = format!("{field}{size}: 2, {argument}: $cursor) {{ {selection} }}");
        let query = format!("query($cursor: String) {{ {field} }}");
        refuse(
            app,
            &query,
            &json!({ "cursor": cursor }),
            "BAD_USER_INPUT",
            argument,
        )
        .await;
    }
}

#[tokio::test]
async fn pages_of_impossible_sizes_are_refused() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::blog(&database);
        let no_variables = json!({});
        for (arguments, code, field) in [
            ("first: -1", "BAD_USER_INPUT", "first"),
            ("last: -1", "BAD_USER_INPUT", "last"),
            ("first: 1001", "LIMIT_EXCEEDED", "first"),
            ("last: 1001", "LIMIT_EXCEEDED", "last"),
            ("first: null, last: 2147483647", "LIMIT_EXCEEDED", "last"),
        ] {
            for query in [
                format!("{{ postsConnection({arguments}) {{ nodes {{ id }} }} }}"),
                format!("{{ tags {{ postsConnection({arguments}) {{ totalCount }} }} }}"),
            ] {
                refuse(&app, &query, &no_variables, code, field).await;
            }
        }
        for arguments in ["first: 1, last: 1", "first: 0, last: 0"] {
            let query = format!("{{ postsConnection({arguments}) {{ nodes {{ id }} }} }}");
            let answer = app.query(&query).await;
            assert_eq!(answer.code(), "BAD_USER_INPUT", "{query}: {}", answer.text);
        }
        let query = "query($first: Int, $last: Int) { user(id: 1) { followersConnection(first: $first, last: $last) { edges { createdAt } } } }";
        for (variables, code) in [
            (json!({ "first": 1, "last": 2 }), "BAD_USER_INPUT"),
            (json!({ "first": -5, "last": null }), "BAD_USER_INPUT"),
            (json!({ "last": 1001 }), "LIMIT_EXCEEDED"),
            (json!({ "first": 1000, "last": null }), ""),
            (json!({ "last": 1000 }), ""),
            (json!({}), ""),
        ] {
            let answer = app.request(query, None, &variables).await;
            assert_eq!(answer.code(), code, "{variables}: {}", answer.text);
        }
    }
}

/// Checks that a request is refused with this code and field, before anything runs.
async fn refuse(app: &TestApp, query: &str, variables: &Value, code: &str, field: &str) {
    let (answer, statements) = app.counted(query, variables).await;
    let shown = format!("{query} {variables}: {}", answer.text);
    assert_eq!(answer.code(), code, "{shown}");
    let named = &answer.json()["errors"][0]["extensions"]["field"];
    assert_eq!(named, field, "{shown}");
    assert!(answer.json().get("data").is_none(), "{shown}");
    assert!(statements.is_empty(), "{shown} ran {statements:?}");
}
