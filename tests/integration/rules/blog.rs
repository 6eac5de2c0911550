//! The rules of the blog, on every way to a row and to a value.

use backref::graph::Principal;
use serde_json::{Value, json};

use super::{admin, data, len, user};
use crate::harness::{Backend, TestApp, TestDatabase};

/// Somebody with a draft, the draft's id and slug, and somebody else.
async fn drafted(app: &TestApp) -> (i64, String, String, i64) {
    let found = data(
        app,
        &admin(),
        "{ posts(where: { status: { eq: DRAFT } }, limit: 1) { id slug author { id } } users(limit: 100) { id } }",
    )
    .await;
    let number = |id: &Value| {
        let id = id.as_str().expect("an id").trim_start_matches("User:");
        id.parse::<i64>().expect("a number")
    };
    let draft = &found["posts"][0];
    let author = number(&draft["author"]["id"]);
    let users = found["users"].as_array().expect("users");
    let other = users.iter().map(|u| number(&u["id"]));
    let other = other.into_iter().find(|&u| u != author && u != 1);
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    (
        author,
        text(&draft["id"]),
        text(&draft["slug"]),
        other.expect("somebody else"),
    )
}

#[tokio::test]
async fn a_draft_is_there_for_its_author_and_admins_alone() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::blog(&database);
        let (author, id, slug, other) = drafted(&app).await;
        let own = format!(r#"where: {{ id: {{ eq: "{id}" }} }}"#);
        let ways = [
            format!(r#"{{ a: post(id: "{id}") {{ id }} }}"#),
            format!(r#"{{ a: post(slug: "{slug}") {{ id }} }}"#),
            format!(r#"{{ a: node(id: "{id}") {{ id }} }}"#),
        ];
        let lists = [
            format!("{{ a: posts({own}) {{ id }} }}"),
            format!(r#"{{ a: nodes(ids: ["{id}"]) {{ id }} }}"#),
            format!("{{ b: user(id: {author}) {{ a: posts({own}) {{ id }} }} }}"),
            format!("{{ b: postsConnection({own}) {{ a: nodes {{ id }} }} }}"),
            format!(
                r#"{{ a: users(where: {{ posts: {{ some: {{ slug: {{ eq: "{slug}" }} }} }} }}) {{ id }} }}"#
            ),
        ];
        let counts = [
            format!("{{ b: postsAggregate({own}) {{ a: count }} }}"),
            format!("{{ b: postsConnection({own}) {{ a: totalCount }} }}"),
            format!("{{ c: user(id: {author}) {{ b: postsAggregate({own}) {{ a: count }} }} }}"),
        ];
        let anonymous = Principal::Anonymous;
        for (who, sees) in [
            (&anonymous, false),
            (&user(other), false),
            (&user(author), true),
            (&admin(), true),
        ] {
            let asked = async |query: &str| {
                let data = data(&app, who, query).await;
                let inner = [&data["a"], &data["b"]["a"], &data["c"]["b"]["a"]];
                inner.into_iter().find(|v| !v.is_null()).cloned()
            };
            for way in ways.clone() {
                let found = asked(&way).await;
                assert_eq!(found.is_some(), sees, "{backend:?}: {who:?}: {way}");
            }
            for way in lists.clone() {
                let found = asked(&way).await.expect("a list");
                let found = found
                    .as_array()
                    .is_some_and(|l| l.iter().any(|v| !v.is_null()));
                assert_eq!(found, sees, "{backend:?}: {who:?}: {way}");
            }
            for way in counts.clone() {
                let found = asked(&way).await;
                assert_eq!(
                    found,
                    Some(json!(i64::from(sees))),
                    "{backend:?}: {who:?}: {way}"
                );
            }
        }
    }
}

/// In a mask of nulls every other way of finding out a value: conditions, orders, groups, extremes, cursors, keys.
#[tokio::test]
async fn an_email_is_null_to_others_wherever_it_is_used() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::blog(&database);
        let all = data(&app, &admin(), "{ users(limit: 100) { id email } }").await;
        let all = all["users"].as_array().expect("users").clone();
        let (own, other) = (&all[0], &all[1]);
        let id: i64 = own["id"].as_str().expect("an id")[5..]
            .parse()
            .expect("a number");
        let (email, others) = (own["email"].as_str(), other["email"].as_str());
        let (email, others) = (email.expect("an email"), others.expect("an email"));
        let me = user(id);
        let ask = async |query: &str| data(&app, &me, query).await;

        let shown = ask("{ users(limit: 100) { id email } }").await;
        for row in shown["users"].as_array().expect("users") {
            let expected = if row["id"] == own["id"] {
                json!(email)
            } else {
                Value::Null
            };
            assert_eq!(row["email"], expected, "{backend:?}");
        }
        for (query, found) in [
            (
                format!(r#"{{ a: users(where: {{ email: {{ eq: "{email}" }} }}) {{ id }} }}"#),
                1,
            ),
            (
                format!(r#"{{ a: users(where: {{ email: {{ eq: "{others}" }} }}) {{ id }} }}"#),
                0,
            ),
            (
                format!(r#"{{ a: users(where: {{ email: {{ in: ["{others}"] }} }}) {{ id }} }}"#),
                0,
            ),
            (
                format!(
                    r#"{{ a: users(where: {{ not: {{ email: {{ ne: "{others}" }} }} }}, limit: 100) {{ id }} }}"#
                ),
                all.len() - 1,
            ),
            (
                r#"{ a: users(where: { email: { contains: "@" } }) { id } }"#.to_owned(),
                1,
            ),
            (
                r#"{ a: users(where: { email: { iContains: "@" } }) { id } }"#.to_owned(),
                1,
            ),
            (
                r#"{ a: users(where: { email: { gte: "" } }) { id } }"#.to_owned(),
                1,
            ),
            (
                "{ a: users(where: { email: { isNull: true } }, limit: 100) { id } }".to_owned(),
                all.len() - 1,
            ),
        ] {
            assert_eq!(len(&ask(&query).await["a"]), found, "{backend:?}: {query}");
        }
        let looked_up = ask(&format!(
            r#"{{ a: user(email: "{email}") {{ id }} b: user(email: "{others}") {{ id }} }}"#
        ))
        .await;
        assert_eq!(
            looked_up,
            json!({ "a": { "id": own["id"] }, "b": null }),
            "{backend:?}"
        );

        let sorted =
            ask("{ users(orderBy: [{ email: ASC_NULLS_FIRST }], limit: 100) { id } }").await;
        let last = sorted["users"].as_array().and_then(|l| l.last()).cloned();
        assert_eq!(last, Some(json!({ "id": own["id"] })), "{backend:?}");
        let come_to = ask("{ usersAggregate { min { email } max { email } groups(by: [EMAIL]) { key { email } count } } }").await;
        let groups = json!([{ "key": { "email": email }, "count": 1 }, { "key": { "email": null }, "count": all.len() - 1 }]);
        assert_eq!(
            come_to["usersAggregate"],
            json!({ "min": { "email": email }, "max": { "email": email }, "groups": groups }),
            "{backend:?}"
        );

        // Paged by it, one after the other, each row comes once, and no cursor holds what is another's.
        let mut seen = Vec::new();
        let mut after = Value::Null;
        loop {
            let query = "query($after: String) { usersConnection(first: 7, after: $after, orderBy: [{ email: DESC }]) { edges { cursor node { id } } pageInfo { hasNextPage endCursor } } }";
            let page = app.ask(&me, query, &json!({ "after": after })).await.data();
            let page = &page["usersConnection"];
            for edge in page["edges"].as_array().expect("edges") {
                seen.push(edge["node"]["id"].clone());
            }
            after = page["pageInfo"]["endCursor"].clone();
            if page["pageInfo"]["hasNextPage"] == json!(false) {
                break;
            }
        }
        let distinct: std::collections::HashSet<_> = seen.iter().map(Value::to_string).collect();
        assert_eq!(
            (seen.len(), distinct.len()),
            (all.len(), all.len()),
            "{backend:?}"
        );
    }
}

/// What nobody unknown sees of any row is refused by name.
#[tokio::test]
async fn a_column_without_a_visible_value_is_forbidden() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::blog(&database);
        for query in [
            r#"{ users(where: { email: { eq: "x" } }) { id } }"#,
            "{ users(orderBy: [{ email: ASC }]) { id } }",
            "{ posts(orderBy: [{ author: { email: ASC } }]) { id } }",
            "{ usersAggregate { min { email } } }",
            "{ usersAggregate { groups(by: [EMAIL]) { count } } }",
            r#"{ user(email: "x") { id } }"#,
        ] {
            let answer = app.query(query).await;
            assert_eq!(
                answer.code(),
                "FORBIDDEN",
                "{backend:?}: {query}: {}",
                answer.text
            );
            assert!(
                answer.message().contains("email"),
                "{backend:?}: {}",
                answer.text
            );
        }
        let shown = app.query("{ users { email } }").await.data();
        assert!(
            shown["users"]
                .as_array()
                .expect("users")
                .iter()
                .all(|u| u["email"].is_null())
        );
    }
}
