//! Where in the input the reason of a refusal stands, by the field of the error.

use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use super::{blog, somebody};
use crate::harness::{Answer, Backend, TestApp, TestDatabase};

/// The code and the field of each error.
fn told(answer: &Answer) -> Vec<(String, String)> {
    let json = answer.json();
    let errors = json["errors"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let errors = errors.iter().map(|error| &error["extensions"]);
    errors
        .map(|of| (text(&of["code"]), text(&of["field"])))
        .collect()
}

async fn ask(app: &TestApp, document: &str) -> Answer {
    app.ask(&somebody("admin", 1), document, &Value::Null).await
}

async fn is_refused(app: &TestApp, document: &str, code: &str, fields: &[&str]) {
    let answer = ask(app, document).await;
    let wanted: Vec<_> = fields
        .iter()
        .map(|field| (code.to_owned(), (*field).to_owned()))
        .collect();
    assert_eq!(told(&answer), wanted, "{document}: {}", answer.json());
    assert!(answer.json()["data"].is_null(), "{document}");
}

#[tokio::test]
async fn a_taken_value_is_named_where_it_is_given() {
    let post = r#"title: "T", body: "B""#;
    let user = r#"name: "N", email: "new@example.org""#;
    let cases = [
        (
            r#"mutation { updatePost(id: "Post:1", input: { slug: "post-2" }) { id } }"#.to_owned(),
            &["input.slug"][..],
        ),
        (
            r#"mutation { updatePost(id: "Post:1", input: { tags: { update: [{ id: "Tag:1", input: { name: "tag2" } }] } }) { id } }"#.to_owned(),
            &["input.tags.update.0.input.name"],
        ),
        (
            r#"mutation { updatePosts(where: { id: { in: ["Post:3", "Post:4"] } }, input: { slug: "post-1" }) { count } }"#.to_owned(),
            &["input.slug"],
        ),
        (
            r#"mutation { updateTags(where: { name: { eq: "tag1" } }, input: { name: "tag2" }) { count } }"#.to_owned(),
            &["input.name"],
        ),
        (
            format!(
                r#"mutation {{ upsertPost(create: {{ {post}, slug: "post-1", author: {{ connect: "User:2" }} }}, update: {{ slug: "post-2" }}, on: SLUG) {{ id }} }}"#
            ),
            &["update.slug"],
        ),
        (
            format!(
                r#"mutation {{ upsertUser(create: {{ {user}, username: "user2" }}, update: {{ email: "user3@example.org" }}, on: USERNAME) {{ id }} }}"#
            ),
            &["update.email"],
        ),
        (
            r#"mutation { upsertUser(create: { name: "N", username: "fresh", email: "user3@example.org" }, update: { name: "M" }, on: USERNAME) { id } }"#.to_owned(),
            &["create.email"],
        ),
        (
            format!(
                r#"mutation {{ createPost(input: {{ {post}, slug: "s", author: {{ connectOrCreate: {{ create: {{ name: "N", username: "fresh", email: "user3@example.org" }}, on: USERNAME }} }} }}) {{ id }} }}"#
            ),
            &["input.author.connectOrCreate.create.email"],
        ),
        // Each of those that are taken is told, whichever the database has found.
        (
            r#"mutation { createUser(input: { name: "N", username: "user2", email: "user3@example.org" }) { id } }"#.to_owned(),
            &["input.username", "input.email"],
        ),
        (
            r#"mutation { updateUser(id: "User:4", input: { username: "user2", email: "user4@example.org" }) { id } }"#.to_owned(),
            &["input.username"],
        ),
        (
            r#"mutation { createTags(inputs: [{ name: "a" }, { name: "tag2" }, { name: "b" }, { name: "a" }]) { id } }"#.to_owned(),
            &["inputs.1.name", "inputs.3.name"],
        ),
    ];
    for backend in Backend::all() {
        let (_database, app) = blog(backend).await;
        for (document, fields) in &cases {
            is_refused(&app, document, "CONFLICT", fields).await;
        }
    }
}

/// Checks of the database's own: a tag is never `evil`, a post's body never `bad`.
async fn checked(backend: Backend) -> (TestDatabase, TestApp) {
    let (database, app) = blog(backend).await;
    let statements = match backend {
        Backend::Postgres => {
            "ALTER TABLE post ADD CONSTRAINT post_body_check CHECK (body <> 'bad');
            ALTER TABLE tag ADD CONSTRAINT tag_name_check CHECK (name <> 'evil')"
                .to_owned()
        }
        // SQLite adds no check to a table that is there, but its text can be written anew.
        Backend::Sqlite => {
            let check = |table: &str, check: &str| {
                format!(
                    "UPDATE sqlite_schema SET sql = rtrim(rtrim(sql), ')') || ', CONSTRAINT {check})' WHERE type = 'table' AND name = '{table}'"
                )
            };
            format!(
                "PRAGMA writable_schema = ON; {}; {}; PRAGMA writable_schema = RESET",
                check("post", "post_body_check CHECK (body <> ''bad'')"),
                check("tag", "tag_name_check CHECK (name <> ''evil'')"),
            )
        }
    };
    let done = database.connection.execute_unprepared(&statements).await;
    done.expect("checks");
    (database, app)
}

#[tokio::test]
async fn what_a_check_refuses_is_named_or_the_list_that_it_is_in() {
    let post =
        |body: &str| format!(r#"{{ title: "T", body: "{body}", author: {{ connect: "User:2" }} "#);
    let cases = [
        (
            format!(
                r#"mutation {{ createPosts(inputs: [{} slug: "a" }}, {} slug: "b" }}]) {{ id }} }}"#,
                post("ok"),
                post("bad")
            ),
            "inputs",
        ),
        (
            format!(
                r#"mutation {{ createPosts(inputs: [{} slug: "a" }}]) {{ id }} }}"#,
                post("bad")
            ),
            "inputs.0.body",
        ),
        (
            r#"mutation { updatePost(id: "Post:1", input: { body: "bad" }) { id } }"#.to_owned(),
            "input.body",
        ),
        (
            r#"mutation { updatePosts(where: { id: { in: ["Post:1", "Post:2"] } }, input: { body: "bad" }) { count } }"#.to_owned(),
            "input.body",
        ),
        (
            r#"mutation { updatePost(id: "Post:1", input: { tags: { create: [{ name: "x1" }, { name: "evil" }] } }) { id } }"#.to_owned(),
            "input.tags.create",
        ),
        // One that is there is not changed by what was to be made.
        (
            format!(
                r#"mutation {{ createComment(input: {{ body: "B", post: {{ connectOrCreate: {{ on: SLUG, create: {} slug: "post-1" }} }} }} }}) {{ id }} }}"#,
                post("bad")
            ),
            "input.post.connectOrCreate.create.body",
        ),
    ];
    for backend in Backend::all() {
        let (_database, app) = checked(backend).await;
        for (document, field) in &cases {
            is_refused(&app, document, "BAD_USER_INPUT", &[*field]).await;
        }
    }
}

#[tokio::test]
async fn a_version_is_told_where_it_is_expected_and_is_one() {
    let posts = |first: &str, second: &str| {
        format!(
            r#"mutation {{ updateUser(id: "User:2", input: {{ posts: {{ update: [{{ id: "Post:1", input: {{ title: "X" }}{first} }}{second}] }} }}) {{ id }} }}"#
        )
    };
    let again = |version: u32| {
        format!(r#", {{ id: "Post:1", input: {{ title: "X" }}, expectedVersion: {version} }}"#)
    };
    for backend in Backend::all() {
        let (_database, app) = blog(backend).await;
        let outdated = posts(", expectedVersion: 99", "");
        let place = "input.posts.update.0.expectedVersion";
        is_refused(&app, &outdated, "CONFLICT", &[place]).await;
        let top = r#"mutation { updatePost(id: "Post:1", input: { title: "X" }, expectedVersion: 99) { id } }"#;
        is_refused(&app, top, "CONFLICT", &["expectedVersion"]).await;
        let unlike = posts(", expectedVersion: 1", &again(77));
        let place = "input.posts.update.1.expectedVersion";
        is_refused(&app, &unlike, "BAD_USER_INPUT", &[place]).await;
        let alike = ask(&app, &posts(", expectedVersion: 1", &again(1))).await;
        assert!(alike.json()["errors"].is_null(), "{}", alike.json());
    }
}

/// Whose token still holds, and whose row has gone, is told that by whatever would refer to it.
#[tokio::test]
async fn who_is_not_there_any_more_is_told_that() {
    let gone = somebody("author", 77);
    let cases = [
        (
            r#"mutation { createPost(input: { title: "T", slug: "t", body: "B" }) { id } }"#,
            "input",
        ),
        (
            r#"mutation { createPosts(inputs: [{ title: "T", slug: "t", body: "B" }]) { id } }"#,
            "inputs.0",
        ),
        (
            r#"mutation { createComment(input: { body: "B", postId: "Post:1" }) { id } }"#,
            "input",
        ),
        (r#"mutation { follow(user: "User:2") { id } }"#, "user"),
        (r#"mutation { unfollow(user: "User:2") { id } }"#, "user"),
        (r#"mutation { follow(user: "User:77") { id } }"#, "user"),
    ];
    for backend in Backend::all() {
        let (_database, app) = blog(backend).await;
        for (document, field) in cases {
            let answer = app.ask(&gone, document, &Value::Null).await.json();
            let errors = answer["errors"].as_array().map(Vec::len);
            assert_eq!(errors, Some(1), "{backend:?} {document}: {answer}");
            let error = &answer["errors"][0];
            let message = "you are no user that is there any more; sign in again";
            assert_eq!(error["message"], message, "{backend:?} {document}");
            let extensions = json!({ "code": "UNAUTHENTICATED", "field": field });
            assert_eq!(error["extensions"], extensions, "{backend:?} {document}");
        }
    }
}

/// What is named and not there is told wherever it is named, with the relation and the id; all of it at once. A hidden post
/// is not there.
#[tokio::test]
async fn what_is_not_there_is_named_at_each_place() {
    let of = |name: &str, id: &str, one: &str| {
        format!("`{name}` names `{id}`, and there is no such {one} that you may see")
    };
    let within = |name: &str, id: &str, one: &str| {
        format!("`{name}` names `{id}`, and there is no such {one} in it that you may see")
    };
    let post = r#"title: "T", body: "B""#;
    let cases: Vec<(String, Vec<(&str, String)>)> = vec![
        (
            r#"updatePost(id: 99, input: { title: "T" })"#.to_owned(),
            vec![("id", of("id", "Post:99", "post"))],
        ),
        (
            r#"deletePost(id: "Post:4")"#.to_owned(),
            vec![("id", of("id", "Post:4", "post"))],
        ),
        (
            r#"follow(user: 99)"#.to_owned(),
            vec![("user", of("user", "User:99", "user"))],
        ),
        (
            r#"unfollow(user: "User:99")"#.to_owned(),
            vec![("user", of("user", "User:99", "user"))],
        ),
        (
            r#"createComment(input: { body: "B", post: { connect: "Post:4" } })"#.to_owned(),
            vec![("input.post.connect", of("post", "Post:4", "post"))],
        ),
        (
            r#"createComment(input: { body: "B", post: { connect: "Post:99" }, parent: { connect: "Comment:98" } })"#
                .to_owned(),
            vec![
                ("input.post.connect", of("post", "Post:99", "post")),
                ("input.parent.connect", of("parent", "Comment:98", "comment")),
            ],
        ),
        (
            r#"createComment(input: { body: "B", postId: 99 })"#.to_owned(),
            vec![("input.postId", of("postId", "Post:99", "post"))],
        ),
        (
            format!(
                r#"createPosts(inputs: [
                    {{ {post}, slug: "a", tags: {{ connect: ["Tag:99", "Tag:1"] }} }}
                    {{ {post}, slug: "b", tags: {{ connect: ["Tag:1", "Tag:98", "Tag:99"] }} }}
                ])"#
            ),
            vec![
                ("inputs.0.tags.connect.0", of("tags", "Tag:99", "tag")),
                ("inputs.1.tags.connect.1", of("tags", "Tag:98", "tag")),
                ("inputs.1.tags.connect.2", of("tags", "Tag:99", "tag")),
            ],
        ),
        (
            r#"updatePost(id: "Post:1", input: { tags: { set: ["Tag:1", "Tag:99"] } })"#.to_owned(),
            vec![("input.tags.set.1", of("tags", "Tag:99", "tag"))],
        ),
        (
            r#"updatePost(id: "Post:1", input: { tags: { disconnect: "Tag:99" } })"#.to_owned(),
            vec![("input.tags.disconnect.0", of("tags", "Tag:99", "tag"))],
        ),
        (
            r#"updatePost(id: "Post:1", input: { tags: { update: [{ id: "Tag:99", input: { name: "n" } }] } })"#
                .to_owned(),
            vec![("input.tags.update.0.id", within("tags", "Tag:99", "tag"))],
        ),
        // They are there, and not in the relation.
        (
            r#"updatePost(id: "Post:1", input: { comments: { delete: ["Comment:5"] } })"#.to_owned(),
            vec![(
                "input.comments.delete.0",
                within("comments", "Comment:5", "comment"),
            )],
        ),
        (
            r#"updatePost(id: "Post:2", input: { tags: { delete: ["Tag:4"] } })"#.to_owned(),
            vec![("input.tags.delete.0", within("tags", "Tag:4", "tag"))],
        ),
        (
            r#"updateUser(id: "User:2", input: { posts: { update: [
                { id: "Post:1", input: { tags: { connect: ["Tag:97"] } } }
                { id: "Post:99", input: { title: "T" } }
            ] } })"#
                .to_owned(),
            vec![
                (
                    "input.posts.update.0.input.tags.connect.0",
                    of("tags", "Tag:97", "tag"),
                ),
                ("input.posts.update.1.id", within("posts", "Post:99", "post")),
            ],
        ),
        (
            format!(
                r#"upsertPost(create: {{ {post}, slug: "s", author: {{ connect: "User:99" }} }}, update: {{ author: {{ connect: "User:98" }} }}, on: SLUG)"#
            ),
            vec![
                ("create.author.connect", of("author", "User:99", "user")),
                ("update.author.connect", of("author", "User:98", "user")),
            ],
        ),
        (
            r#"updatePosts(where: {}, input: { author: { connect: "User:99" } })"#.to_owned(),
            vec![("input.author.connect", of("author", "User:99", "user"))],
        ),
    ];
    for backend in Backend::all() {
        let (_database, app) = blog(backend).await;
        for (field, expected) in &cases {
            let document = format!("mutation {{ it: {field} {{ __typename }} }}");
            // An author, who sees no draft of another's; an administrator sees what he must not be hindered by.
            let hidden = field.contains("Post:4");
            let by = match hidden {
                true => somebody("author", 2),
                false => somebody("admin", 1),
            };
            let answer = app.ask(&by, &document, &Value::Null).await.json();
            let errors = answer["errors"].as_array().cloned().unwrap_or_default();
            let told = errors.iter().map(|error| {
                assert_eq!(error["path"], json!(["it"]), "{error}");
                let extensions = &error["extensions"];
                assert_eq!(extensions["code"], "NOT_FOUND", "{error}");
                let field = extensions["field"].as_str().unwrap_or_default();
                (field, error["message"].as_str().unwrap_or_default())
            });
            let told: Vec<_> = told.collect();
            let expected: Vec<_> = expected.iter().map(|(f, m)| (*f, m.as_str())).collect();
            assert_eq!(told, expected, "{backend:?} {field}: {answer}");
        }
    }
}

/// Dates that PostgreSQL holds, and SQLite does not.
#[tokio::test]
async fn a_date_is_refused_where_its_database_does_not_hold_it() {
    let document = r#"mutation ($d: DateTime!) {
        createPost(input: { title: "T", slug: "t", body: "B", author: { connect: "User:2" }, publishedAt: $d }) { publishedAt }
    }"#;
    let beyond = [
        ("-0001-01-01T00:00:00Z", "-000001-01-01T00:00:00Z"),
        ("+10000-01-01T00:00:00Z", "+010000-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59-10:00", "+010000-01-01T09:59:59Z"),
    ];
    let within = [
        ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
    ];
    for backend in Backend::all() {
        for (given, shown) in beyond.into_iter().chain(within) {
            let (_database, app) = blog(backend).await;
            let variables = json!({ "d": given });
            let answer = app.ask(&somebody("admin", 1), document, &variables).await;
            match backend == Backend::Sqlite && beyond.contains(&(given, shown)) {
                true => {
                    let error = &answer.json()["errors"][0];
                    let extensions =
                        json!({ "code": "BAD_USER_INPUT", "field": "input.publishedAt" });
                    assert_eq!(error["extensions"], extensions, "{given}");
                    let message = error["message"].as_str().unwrap_or_default();
                    assert!(message.contains("9999-12-31T23:59:59.999999Z"), "{message}");
                }
                false => {
                    let data = answer.data();
                    assert_eq!(data["createPost"]["publishedAt"], shown, "{given}");
                }
            }
        }
    }
}

/// What is refused before anything runs has its place as well.
#[tokio::test]
async fn an_argument_is_named_of_what_nobody_like_him_may_do() {
    let cases = [
        (
            r#"mutation { deletePosts(where: { id: { eq: "Post:1" } }) { count } }"#,
            "where",
        ),
        (r#"mutation { follow(user: "User:2") { id } }"#, "user"),
    ];
    for backend in Backend::all() {
        let (_database, app) = blog(backend).await;
        for (document, field) in cases {
            let answer = app.query(document).await;
            let told = told(&answer);
            assert_eq!(told[0].1, field, "{document}: {}", answer.json());
        }
    }
}
