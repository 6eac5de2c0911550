//! Wrong inputs, and how each is named.

use backref::graph::Principal;
use serde_json::{Value, json};

use crate::writing::somebody;

pub struct Wrong {
    pub name: &'static str,
    pub by: Principal,
    /// With `$input`, `$id` and the like, which are in `variables`.
    pub query: &'static str,
    pub variables: Value,
    pub code: &'static str,
    /// The paths that name it; none where there is nothing to name.
    pub fields: &'static [&'static str],
}

const CREATE: &str = "mutation($input: PostCreate!) { createPost(input: $input) { id } }";
const CREATE_ALL: &str =
    "mutation($inputs: [PostCreate!]!) { createPosts(inputs: $inputs) { id } }";
const UPDATE: &str = "mutation($id: ID!, $input: PostUpdate!, $expectedVersion: Int) {
    updatePost(id: $id, input: $input, expectedVersion: $expectedVersion) { id } }";
const COMMENT: &str = "mutation($input: CommentCreate!) { createComment(input: $input) { id } }";
const USER: &str = "mutation($input: UserCreate!) { createUser(input: $input) { id } }";
const UPDATE_USER: &str =
    "mutation($id: ID!, $input: UserUpdate!) { updateUser(id: $id, input: $input) { id } }";

/// A new post, with this beside what it must have.
fn post(with: Value) -> Value {
    let mut post = json!({ "title": "T", "slug": "fresh", "body": "B", "authorId": "User:2" });
    add(&mut post, with);
    json!({ "input": post })
}

fn user(with: Value) -> Value {
    let mut user = json!({ "username": "fresh", "name": "N", "email": "fresh@example.org" });
    add(&mut user, with);
    json!({ "input": user })
}

fn add(to: &mut Value, with: Value) {
    let (Some(to), Value::Object(with)) = (to.as_object_mut(), with) else {
        return;
    };
    for (name, value) in with {
        match value {
            // What is null is not given.
            Value::Null => drop(to.remove(&name)),
            value => drop(to.insert(name, value)),
        }
    }
}

fn change(id: &str, input: Value) -> Value {
    json!({ "id": id, "input": input })
}

/// Comments that answer each other, so many.
fn deep(levels: usize) -> Value {
    let comment = json!({ "body": "B", "postId": "Post:1" });
    (0..levels).fold(comment.clone(), |below, _| {
        let mut above = comment.clone();
        add(&mut above, json!({ "replies": { "create": [below] } }));
        above
    })
}

fn many(count: usize) -> Value {
    let posts = (0..count).map(|n| json!({ "title": "T", "slug": format!("m{n}"), "body": "B" }));
    json!({ "inputs": posts.collect::<Vec<_>>() })
}

pub fn wrong() -> Vec<Wrong> {
    [
        of_types(),
        of_references(),
        of_values(),
        of_rules(),
        of_size(),
        of_contradictions(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// By an administrator, who may do everything.
fn by_admin(
    name: &'static str,
    query: &'static str,
    variables: Value,
    code: &'static str,
    fields: &'static [&'static str],
) -> Wrong {
    Wrong {
        name,
        by: somebody("admin", 1),
        query,
        variables,
        code,
        fields,
    }
}

const BAD: &str = "BAD_USER_INPUT";
const INVALID: &str = "GRAPHQL_VALIDATION_FAILED";

fn of_types() -> Vec<Wrong> {
    vec![
        by_admin(
            "a required field is missing",
            CREATE,
            post(json!({ "title": null })),
            BAD,
            &["input.title"],
        ),
        by_admin(
            "a required field is missing in the document",
            r#"mutation { createPost(input: { slug: "s", body: "b" }) { id } }"#,
            json!({}),
            INVALID,
            &["input.title"],
        ),
        by_admin(
            "an unknown value of an enum",
            CREATE,
            post(json!({ "status": "PUBLIC" })),
            BAD,
            &["input.status"],
        ),
        by_admin(
            "an unknown field",
            CREATE,
            post(json!({ "subtitle": "S" })),
            BAD,
            &["input.subtitle"],
        ),
        by_admin(
            "a column that is not given",
            CREATE,
            post(json!({ "version": 5 })),
            BAD,
            &["input.version"],
        ),
        by_admin(
            "two of one",
            CREATE,
            post(json!({ "authorId": null, "author": {
                "connect": "User:2",
                "create": { "username": "un", "name": "N", "email": "u@example.org" },
            } })),
            BAD,
            &["input.author"],
        ),
        by_admin(
            "none of one",
            CREATE,
            post(json!({ "authorId": null, "author": {} })),
            BAD,
            &["input.author"],
        ),
        by_admin(
            "a number for a text",
            CREATE,
            post(json!({ "title": 5 })),
            BAD,
            &["input.title"],
        ),
        by_admin(
            "a version where there is none",
            r#"mutation { deleteTag(id: "Tag:1", expectedVersion: 1) { id } }"#,
            json!({}),
            INVALID,
            &["expectedVersion"],
        ),
    ]
}

fn of_references() -> Vec<Wrong> {
    vec![
        by_admin(
            "connected to nothing",
            CREATE,
            post(json!({ "tags": { "connect": ["Tag:1", "Tag:99"] } })),
            "NOT_FOUND",
            &["input.tags.connect.1"],
        ),
        by_admin(
            "a foreign key to nothing",
            CREATE,
            post(json!({ "authorId": "User:99" })),
            "NOT_FOUND",
            &["input.authorId"],
        ),
        by_admin(
            "an id of another type",
            CREATE,
            post(json!({ "authorId": "Tag:1" })),
            BAD,
            &["input.authorId"],
        ),
        by_admin(
            "an id that is none",
            CREATE,
            post(json!({ "tags": { "connect": ["Tag:x"] } })),
            BAD,
            &["input.tags.connect.0"],
        ),
        by_admin(
            "a foreign key beside its relation",
            CREATE,
            post(json!({ "author": { "connect": "User:3" } })),
            BAD,
            &["input.author", "input.authorId"],
        ),
        by_admin(
            "neither a foreign key nor its relation",
            COMMENT,
            json!({ "input": { "body": "B" } }),
            BAD,
            &["input.post", "input.postId"],
        ),
        by_admin(
            "a name that no input has",
            CREATE,
            post(json!({ "authorId": "new:nobody" })),
            BAD,
            &["input.authorId"],
        ),
        by_admin(
            "a name that two inputs have",
            CREATE_ALL,
            json!({ "inputs": [
                { "as": "p", "title": "T", "slug": "a", "body": "B" },
                { "as": "p", "title": "T", "slug": "b", "body": "B" },
            ] }),
            BAD,
            &["inputs.1.as"],
        ),
        by_admin(
            "a name of a row of another type",
            CREATE,
            post(json!({ "as": "p", "authorId": "new:p" })),
            BAD,
            &["input.authorId"],
        ),
        by_admin(
            "a change of nothing",
            UPDATE,
            change("Post:99", json!({ "title": "T" })),
            "NOT_FOUND",
            &["id"],
        ),
        by_admin(
            "a change of a comment of another post",
            UPDATE,
            change(
                "Post:1",
                json!({ "comments": { "update": [
                    { "id": "Comment:1", "input": { "body": "B" } },
                    { "id": "Comment:5", "input": { "body": "B" } },
                ] } }),
            ),
            "NOT_FOUND",
            &["input.comments.update.1.id"],
        ),
        by_admin(
            "an end of a comment of another post",
            UPDATE,
            change("Post:1", json!({ "comments": { "delete": ["Comment:5"] } })),
            "NOT_FOUND",
            &["input.comments.delete.0"],
        ),
        by_admin(
            "an end of what others hold",
            r#"mutation { deleteUser(id: "User:3") { id } }"#,
            json!({}),
            "CONFLICT",
            &["id"],
        ),
        by_admin(
            "an end of a comment that was answered",
            r#"mutation { deleteComment(id: "Comment:1") { id } }"#,
            json!({}),
            "CONFLICT",
            &["id"],
        ),
    ]
}

fn of_values() -> Vec<Wrong> {
    let long = "x".repeat(300);
    vec![
        by_admin(
            "null where a value must be",
            UPDATE,
            change("Post:1", json!({ "title": null })),
            BAD,
            &["input.title"],
        ),
        by_admin(
            "no author",
            UPDATE,
            change("Post:1", json!({ "author": null })),
            BAD,
            &["input.author"],
        ),
        by_admin(
            "a slug that is taken",
            CREATE,
            post(json!({ "slug": "post-4" })),
            "CONFLICT",
            &["input.slug"],
        ),
        by_admin(
            "a slug that is taken, deep in the input",
            UPDATE_USER,
            change(
                "User:2",
                json!({ "posts": { "create": [
                    { "title": "T", "slug": "fresh", "body": "B" },
                    { "title": "T", "slug": "post-4", "body": "B" },
                ] } }),
            ),
            "CONFLICT",
            &["input.posts.create.1.slug"],
        ),
        by_admin(
            "a slug that two new posts have",
            CREATE_ALL,
            json!({ "inputs": [
                { "title": "T", "slug": "same", "body": "B" },
                { "title": "T", "slug": "same", "body": "B" },
            ] }),
            "CONFLICT",
            &["inputs.0.slug", "inputs.1.slug"],
        ),
        by_admin(
            "a profile that is there",
            "mutation($input: ProfileCreate!) { createProfile(input: $input) { id } }",
            json!({ "input": { "userId": "User:1" } }),
            "CONFLICT",
            &["input.userId"],
        ),
        by_admin(
            "an old version",
            UPDATE,
            json!({ "id": "Post:3", "input": { "title": "T" }, "expectedVersion": 2 }),
            "CONFLICT",
            &["expectedVersion"],
        ),
        by_admin(
            "a date that is none",
            CREATE,
            post(json!({ "publishedAt": "yesterday" })),
            BAD,
            &["input.publishedAt"],
        ),
        by_admin(
            "a character that a text cannot have",
            CREATE,
            post(json!({ "title": "a\u{0}b" })),
            BAD,
            &["input.title"],
        ),
        by_admin(
            "a text that is too long",
            CREATE,
            post(json!({ "title": long })),
            BAD,
            &["input.title"],
        ),
        by_admin(
            "an address that is none",
            USER,
            user(json!({ "email": "nowhere" })),
            BAD,
            &["input.email"],
        ),
    ]
}

fn of_rules() -> Vec<Wrong> {
    let author = || somebody("author", 2);
    let by = |by, name, query, variables, code, fields| Wrong {
        name,
        by,
        query,
        variables,
        code,
        fields,
    };
    vec![
        by(
            Principal::Anonymous,
            "nobody writes",
            CREATE,
            post(json!({})),
            "UNAUTHENTICATED",
            &["input"],
        ),
        by(
            somebody("reader", 4),
            "a reader writes a post",
            CREATE,
            post(json!({ "authorId": "User:4" })),
            "FORBIDDEN",
            &[],
        ),
        by(
            author(),
            "a post in another's name",
            CREATE,
            post(json!({ "authorId": "User:3" })),
            "FORBIDDEN",
            &[],
        ),
        by(
            author(),
            "a post given away",
            UPDATE,
            change("Post:1", json!({ "authorId": "User:3" })),
            "FORBIDDEN",
            &[],
        ),
        by(
            author(),
            "another's post",
            UPDATE,
            change("Post:3", json!({ "title": "T" })),
            "FORBIDDEN",
            &["id"],
        ),
        by(
            author(),
            "another's hidden post",
            UPDATE,
            change("Post:4", json!({ "title": "T" })),
            "NOT_FOUND",
            &["id"],
        ),
        by(
            author(),
            "a comment on a hidden post",
            COMMENT,
            json!({ "input": { "body": "B", "postId": "Post:4" } }),
            "NOT_FOUND",
            &["input.postId"],
        ),
        by(
            author(),
            "a role of one's own",
            UPDATE_USER,
            change("User:2", json!({ "role": "ADMIN" })),
            "FORBIDDEN",
            &["input.role"],
        ),
        by(
            author(),
            "a follower of somebody's",
            UPDATE_USER,
            change("User:2", json!({ "followers": { "connect": ["User:1"] } })),
            "FORBIDDEN",
            &["input.followers.connect.0", "input.followers"],
        ),
        by(
            author(),
            "a slug that is taken, for a post in another's name: the rule is asked first",
            CREATE,
            post(json!({ "slug": "post-4", "authorId": "User:3" })),
            "FORBIDDEN",
            &[],
        ),
    ]
}

fn of_size() -> Vec<Wrong> {
    let tags = vec!["Tag:1"; 1001];
    vec![
        by_admin(
            "answers too deep",
            COMMENT,
            json!({ "input": deep(40) }),
            "LIMIT_EXCEEDED",
            &[],
        ),
        by_admin(
            "ten thousand posts",
            CREATE_ALL,
            many(10_000),
            "LIMIT_EXCEEDED",
            &["inputs"],
        ),
        by_admin(
            "more rows than a list may have",
            CREATE,
            post(json!({ "tags": { "connect": tags } })),
            "LIMIT_EXCEEDED",
            &["input.tags.connect"],
        ),
        by_admin(
            "an upsert with something new within",
            "mutation($create: PostCreate!) {
                upsertPost(create: $create, update: {}, on: SLUG) { id } }",
            json!({ "create": {
                "title": "T", "slug": "s", "body": "B", "tags": { "create": [{ "name": "n" }] },
            } }),
            BAD,
            &["create.tags", "create.tags.create", "create.tags.create.0"],
        ),
    ]
}

/// What is asked of the same rows, and cannot be done to them at once.
fn of_contradictions() -> Vec<Wrong> {
    let upsert = "mutation($create: PostCreate!, $on: PostKey!) {
        upsertPost(create: $create, update: {}, on: $on) { id } }";
    vec![
        by_admin(
            "connected and disconnected",
            UPDATE,
            change(
                "Post:1",
                json!({ "tags": { "connect": ["Tag:3"], "disconnect": ["Tag:3"] } }),
            ),
            BAD,
            &["input.tags.disconnect.0"],
        ),
        by_admin(
            "an upsert by a key that does not exist",
            upsert,
            json!({ "create": { "title": "T", "slug": "s", "body": "B" }, "on": "TITLE" }),
            BAD,
            &["on"],
        ),
        by_admin(
            "an upsert by a key that is not given",
            upsert,
            json!({ "create": { "title": "T", "body": "B" }, "on": "SLUG" }),
            BAD,
            &["create.slug"],
        ),
        by_admin(
            "a version beyond all versions",
            UPDATE,
            json!({ "id": "Post:3", "input": { "title": "T" }, "expectedVersion": 3_000_000_000_u64 }),
            BAD,
            &["expectedVersion"],
        ),
        by_admin(
            "a disconnect of what must have one",
            UPDATE_USER,
            change("User:2", json!({ "posts": { "disconnect": ["Post:1"] } })),
            BAD,
            &["input.posts.disconnect"],
        ),
        by_admin(
            "an end of several of which others hold one",
            r#"mutation { deleteUsers(where: { role: { eq: READER } }) { count } }"#,
            json!({}),
            "CONFLICT",
            &["where"],
        ),
        by_admin(
            "many changed to the same unique value",
            r#"mutation { updatePosts(where: { status: { eq: PUBLISHED } }, input: { slug: "same" }) { count } }"#,
            json!({}),
            "CONFLICT",
            &["where", "where.slug", "input.slug"],
        ),
        by_admin(
            "a change within many",
            "mutation($input: PostUpdate!) { updatePosts(where: {}, input: $input) { count } }",
            json!({ "input": { "tags": { "create": [{ "name": "n" }] } } }),
            BAD,
            &["input.tags"],
        ),
    ]
}
