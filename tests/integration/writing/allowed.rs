//! Who is kept from writing is told why by one rule: nobody, that he is not signed in (`UNAUTHENTICATED`), and somebody that he
//! may not (`FORBIDDEN`).

use backref::graph::Principal;
use serde_json::{Value, json};

use super::{blog, somebody};
use crate::harness::{Backend, TestApp};

/// Everything that can be written, done by no reader to what is not his own.
const OTHERS: &[(&str, &str)] = &[
    (
        "createUser",
        r#"(input: { username: "un", name: "N", email: "u@example.org" })"#,
    ),
    (
        "createUsers",
        r#"(inputs: [{ username: "un", name: "N", email: "u@example.org" }])"#,
    ),
    ("updateUser", r#"(id: "User:1", input: { name: "N" })"#),
    ("updateUsers", r#"(where: {}, input: { name: "N" })"#),
    (
        "upsertUser",
        r#"(create: { username: "un", name: "N", email: "u@example.org" }, update: {}, on: EMAIL)"#,
    ),
    ("deleteUser", r#"(id: "User:6")"#),
    (
        "deleteUsers",
        r#"(where: { email: { eq: "user6@example.org" } })"#,
    ),
    ("createProfile", r#"(input: { userId: "User:3" })"#),
    ("createProfiles", r#"(inputs: [{ userId: "User:3" }])"#),
    ("updateProfile", r#"(id: "Profile:1", input: { bio: "B" })"#),
    ("updateProfiles", r#"(where: {}, input: { bio: "B" })"#),
    (
        "upsertProfile",
        r#"(create: { userId: "User:1" }, update: { bio: "B" }, on: ID)"#,
    ),
    ("deleteProfile", r#"(id: "Profile:1")"#),
    ("deleteProfiles", "(where: {})"),
    (
        "createPost",
        r#"(input: { title: "T", slug: "s", body: "B" })"#,
    ),
    (
        "createPosts",
        r#"(inputs: [{ title: "T", slug: "s", body: "B" }])"#,
    ),
    ("updatePost", r#"(id: "Post:1", input: { title: "T" })"#),
    (
        "updatePosts",
        r#"(where: { author: { email: { eq: "a" } } }, input: { title: "T" })"#,
    ),
    (
        "upsertPost",
        r#"(create: { title: "T", slug: "s", body: "B" }, update: {}, on: SLUG)"#,
    ),
    ("deletePost", r#"(id: "Post:1")"#),
    ("deletePosts", "(where: {})"),
    ("createTag", r#"(input: { name: "N" })"#),
    ("createTags", r#"(inputs: [{ name: "N" }])"#),
    ("updateTag", r#"(id: "Tag:1", input: { name: "N" })"#),
    ("updateTags", r#"(where: {}, input: { name: "N" })"#),
    (
        "upsertTag",
        r#"(create: { name: "N" }, update: {}, on: NAME)"#,
    ),
    ("deleteTag", r#"(id: "Tag:4")"#),
    ("deleteTags", "(where: {})"),
    (
        "createComment",
        r#"(input: { body: "B", postId: "Post:1", authorId: "User:2" })"#,
    ),
    (
        "createComments",
        r#"(inputs: [{ body: "B", postId: "Post:1", authorId: "User:2" }])"#,
    ),
    (
        "updateComment",
        r#"(id: "Comment:2", input: { body: "B" })"#,
    ),
    ("updateComments", r#"(where: {}, input: { body: "B" })"#),
    ("deleteComment", r#"(id: "Comment:8")"#),
    ("deleteComments", r#"(where: { id: { eq: "Comment:8" } })"#),
];

/// What every reader does by himself.
const OWN: &[(&str, &str)] = &[
    ("follow", r#"(user: "User:3")"#),
    ("unfollow", r#"(user: "User:2")"#),
];

async fn ask(app: &TestApp, by: &Principal, of: &(&str, &str)) -> Value {
    let (field, arguments) = of;
    let document = format!("mutation {{ it: {field}{arguments} {{ __typename }} }}");
    app.ask(by, &document, &json!({})).await.json()
}

/// That a field was refused as a whole, with this code, at its place.
fn is_refused(answer: &Value, of: &(&str, &str), code: &str) {
    let told = answer["errors"].as_array().cloned().unwrap_or_default();
    assert!(
        !told.is_empty() && answer["data"].is_null(),
        "{of:?}: {answer}"
    );
    for error in told {
        assert_eq!(error["extensions"]["code"], code, "{of:?}: {answer}");
        assert_eq!(error["path"], json!(["it"]), "{of:?}: {answer}");
        let field = error["extensions"]["field"].as_str();
        let argument = field.and_then(|field| field.split('.').next());
        let is_its = |argument: &str| of.1.contains(&format!("{argument}: "));
        assert!(argument.is_some_and(is_its), "{of:?}: {answer}");
    }
}

#[tokio::test]
async fn nobody_is_to_sign_in_and_somebody_may_not() {
    let reader = somebody("reader", 4);
    for backend in Backend::all() {
        let (_database, app) = blog(backend).await;
        for of in OTHERS.iter().chain(OWN) {
            let answer = ask(&app, &Principal::Anonymous, of).await;
            is_refused(&answer, of, "UNAUTHENTICATED");
        }
        for of in OTHERS {
            let answer = ask(&app, &reader, of).await;
            is_refused(&answer, of, "FORBIDDEN");
        }
        for of in OWN {
            let answer = ask(&app, &reader, of).await;
            assert!(answer["errors"].is_null(), "{of:?}: {answer}");
        }
    }
}

/// All but signing in and up, which is everybody's.
#[tokio::test]
async fn no_mutation_is_left_out() {
    let (_database, app) = blog(Backend::Sqlite).await;
    if app.engine.planner().catalog().entities.len() > 7 {
        // An entity that was added to the box has its own.
        return;
    }
    let query = "{ __schema { mutationType { fields { name } } } }";
    let answer = app.query(query).await.data();
    let fields = answer["__schema"]["mutationType"]["fields"].as_array();
    let names = fields.into_iter().flatten().map(|field| &field["name"]);
    let names = names.filter_map(Value::as_str);
    let mut names: Vec<_> = names.filter(|name| !name.starts_with("sign")).collect();
    let mut known: Vec<_> = OTHERS.iter().chain(OWN).map(|(name, _)| *name).collect();
    names.sort_unstable();
    known.sort_unstable();
    assert_eq!(names, known);
}
