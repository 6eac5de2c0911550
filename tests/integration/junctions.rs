//! Rows of a junction that name what is not there: the database has no foreign key that the entities declare, or one that was
//! never checked. Lists, pages, counts and conditions are of rows that are there, all of them alike.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{Backend, TestApp, TestDatabase, blog};

/// SQLite's keys hold on connections that ask for it.
const WITHOUT_KEYS: &str = "
    ALTER TABLE post_tag DROP CONSTRAINT post_tag_tag_id_fkey;
    ALTER TABLE follow DROP CONSTRAINT follow_follower_id_fkey";

/// Keys that nobody has checked the rows by.
const UNCHECKED: &str = "
    ALTER TABLE post_tag ADD CONSTRAINT post_tag_tag_id_fkey FOREIGN KEY (tag_id) REFERENCES tag (id) NOT VALID;
    ALTER TABLE follow ADD CONSTRAINT follow_follower_id_fkey FOREIGN KEY (follower_id) REFERENCES \"user\" (id) NOT VALID";

/// Before, between and behind the tags and followers that are there.
const ROWS: &str = "
    DELETE FROM tag WHERE id IN (2, 5);
    INSERT INTO post_tag (post_id, tag_id) SELECT id, 0 FROM post;
    INSERT INTO post_tag (post_id, tag_id) SELECT id, 2 FROM post WHERE id NOT IN (SELECT post_id FROM post_tag WHERE tag_id = 2);
    INSERT INTO post_tag (post_id, tag_id) SELECT id, 99 FROM post;
    INSERT INTO follow (follower_id, followee_id, created_at) SELECT 0, id, '2026-01-01 00:00:00+00:00' FROM \"user\";
    INSERT INTO follow (follower_id, followee_id, created_at) SELECT 777, id, '2026-01-01 00:00:00+00:00' FROM \"user\"";

async fn with_rows(backend: Backend, after: &str) -> TestDatabase {
    let database = TestDatabase::sample(backend).await;
    let sql = match backend {
        Backend::Sqlite => format!("PRAGMA foreign_keys = OFF; {ROWS}; PRAGMA foreign_keys = ON"),
        Backend::Postgres => format!("{WITHOUT_KEYS}; {ROWS}; {after}"),
    };
    database.execute(&sql).await;
    database
}

fn ids(rows: &Value) -> Vec<&str> {
    let rows = rows.as_array().into_iter().flatten();
    rows.filter_map(|row| row["id"].as_str()).collect()
}

/// The members of a list of each row, of which all pages, counts and conditions are held to be.
async fn hold(app: &TestApp, list: &str, members: &str) {
    let all = format!(
        "{{ rows: {list}(limit: 50, orderBy: {{ id: ASC }}) {{ id members: {members}(limit: 50) {{ id }} }} }}"
    );
    let all = app.query(&all).await.data();
    let rows = all["rows"].as_array().expect("a list");
    let expected: BTreeMap<&str, Vec<&str>> = rows
        .iter()
        .map(|row| (row["id"].as_str().expect("an id"), ids(&row["members"])))
        .collect();
    assert!(expected.values().any(|members| members.len() > 1));
    for (offset, limit) in [(0, 1), (0, 2), (1, 1), (1, 5), (2, 2)] {
        let one = rows[0]["id"].as_str().expect("an id");
        let pages = format!(
            "{{ rows: {list}(limit: 50) {{ id ...Page }} alone: {list}(where: {{ id: {{ eq: \"{one}\" }} }}) {{ id ...Page }} }}
             fragment Page on {} {{
               members: {members}(limit: {limit}, offset: {offset}) {{ id }}
               first: {members}Connection(first: {limit}) {{ totalCount nodes {{ id }} edges {{ node {{ id }} }} pageInfo {{ hasNextPage }} }}
               last: {members}Connection(last: {limit}) {{ nodes {{ id }} pageInfo {{ hasPreviousPage }} }}
               aggregate: {members}Aggregate {{ count }}
             }}",
            one.split(':').next().expect("a type"),
        );
        let pages = app.query(&pages).await.data();
        let rows = [&pages["rows"], &pages["alone"]];
        for row in rows
            .into_iter()
            .flat_map(|rows| rows.as_array().expect("a list"))
        {
            let expected = &expected[row["id"].as_str().expect("an id")];
            let count = expected.len();
            let page: Vec<_> = expected.iter().skip(offset).take(limit).copied().collect();
            assert_eq!(ids(&row["members"]), page, "{limit} from {offset}");
            let first: Vec<_> = expected.iter().take(limit).copied().collect();
            assert_eq!(ids(&row["first"]["nodes"]), first);
            assert_eq!(
                row["first"]["edges"].as_array().map(Vec::len),
                Some(first.len())
            );
            assert_eq!(row["first"]["pageInfo"]["hasNextPage"], count > limit);
            let last: Vec<_> = expected
                .iter()
                .skip(count.saturating_sub(limit))
                .copied()
                .collect();
            assert_eq!(ids(&row["last"]["nodes"]), last);
            assert_eq!(row["last"]["pageInfo"]["hasPreviousPage"], count > limit);
            assert_eq!(row["first"]["totalCount"], count);
            assert_eq!(row["aggregate"]["count"], count);
        }
    }
    let asked = format!(
        "{{ some: {list}(limit: 50, orderBy: {{ id: ASC }}, where: {{ {members}: {{ some: {{}} }} }}) {{ id }}
            none: {list}(limit: 50, orderBy: {{ id: ASC }}, where: {{ {members}: {{ none: {{}} }} }}) {{ id }}
            every: {list}(limit: 50, orderBy: {{ id: ASC }}, where: {{ {members}: {{ every: {{ name: {{ eq: \"?\" }} }} }} }}) {{ id }}
            counted: {list}(limit: 50, orderBy: [{{ {members}: {{ count: DESC }} }}, {{ id: ASC }}]) {{ id }} }}"
    );
    let asked = app.query(&asked).await.data();
    let mut order: Vec<_> = rows.iter().filter_map(|row| row["id"].as_str()).collect();
    let that = |wanted: &dyn Fn(usize) -> bool| {
        let order = order.iter().copied();
        order
            .filter(|id| wanted(expected[id].len()))
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&asked["some"]), that(&|count| count > 0));
    assert_eq!(ids(&asked["none"]), that(&|count| count == 0));
    assert_eq!(ids(&asked["every"]), that(&|count| count == 0));
    order.sort_by_key(|id| std::cmp::Reverse(expected[id].len()));
    assert_eq!(ids(&asked["counted"]), order);
}

#[tokio::test]
async fn what_a_junction_names_and_is_not_there_is_in_no_page_and_no_count() {
    for backend in Backend::all() {
        for after in ["", UNCHECKED] {
            let database = with_rows(backend, after).await;
            let app = TestApp::opened(&database, blog::graph()).await;
            hold(&app, "posts", "tags").await;
            hold(&app, "users", "followers").await;
        }
    }
}

#[tokio::test]
async fn where_the_database_holds_to_a_key_pages_are_cut_from_its_junction() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let query = "{ posts(limit: 3) { tags(limit: 2) { name } } }";
    let database = TestDatabase::sample(Backend::Postgres).await;
    let held = TestApp::opened(&database, blog::graph()).await;
    let declared = TestApp::blog(&database);
    let (answer, statements) = held.counted(query, &json!({})).await;
    assert_eq!((answer.text, statements), {
        let (answer, statements) = declared.counted(query, &json!({})).await;
        (answer.text, statements)
    });
}
