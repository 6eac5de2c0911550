//! Rows that refer to each other in long chains and in many circles, as clients like.

use serde_json::{Value, json};

use super::{blog, somebody};
use crate::harness::Backend;

const CREATE: &str = "mutation($inputs: [PostCreate!]!) { createPosts(inputs: $inputs) {
    comments(limit: 1000) { id body parent { id body } } } }";

/// Posts with so many comments each, which are numbered through. Comment `n` answers `answers(n)`.
fn posts(posts: usize, comments: usize, answers: impl Fn(usize) -> usize) -> Value {
    let comment = |n: usize| {
        let parent = format!("new:a{}", answers(n));
        json!({ "as": format!("a{n}"), "body": n.to_string(), "parentId": parent })
    };
    let post = |p: usize| {
        let comments: Vec<_> = (p * comments..(p + 1) * comments).map(comment).collect();
        json!({ "title": "T", "slug": format!("chain-{p}"), "body": "B", "comments": { "create": comments } })
    };
    json!({ "inputs": (0..posts).map(post).collect::<Vec<_>>() })
}

#[tokio::test]
async fn a_chain_of_thousands_is_refused_and_not_followed_to_the_end_of_the_stack() {
    let (many, comments) = (8, 1000);
    let last = many * comments - 1;
    let chain = posts(many, comments, |n| if n == last { 0 } else { n + 1 });
    let mut open = chain.clone();
    let end = &mut open["inputs"][many - 1]["comments"]["create"][comments - 1];
    end.as_object_mut().expect("a comment").remove("parentId");
    for backend in Backend::all() {
        let (_database, app) = blog(backend).await;
        let admin = somebody("admin", 1);
        // Both as it is and closed to one circle, of which one key is written last.
        for inputs in [&open, &chain] {
            let answer = app.ask(&admin, CREATE, inputs).await;
            assert_eq!(answer.code(), "LIMIT_EXCEEDED", "{backend:?}");
        }
        let posts = "{ posts(where: { slug: { startsWith: \"chain\" } }) { id } }";
        let posts = app.ask(&admin, posts, &json!({})).await.data();
        assert_eq!(posts["posts"], json!([]), "{backend:?}");
    }
}

/// Each names itself, or each two name each other: as many circles as there are rows, or half of that.
#[tokio::test]
async fn thousands_of_circles_are_written() {
    for backend in Backend::all() {
        for answers in [(|n| n) as fn(usize) -> usize, |n| n ^ 1] {
            let (_database, app) = blog(backend).await;
            let inputs = posts(2, 1000, answers);
            let answer = app.ask(&somebody("admin", 1), CREATE, &inputs).await;
            let made = answer.data();
            let posts = made["createPosts"].as_array().expect("posts").iter();
            let comments = posts.flat_map(|post| post["comments"].as_array().expect("comments"));
            let mut count = 0;
            for comment in comments {
                let body = comment["body"].as_str().expect("a body");
                let parent = answers(body.parse().expect("a number")).to_string();
                assert_eq!(comment["parent"]["body"], parent, "{backend:?}");
                let itself = comment["parent"]["id"] == comment["id"];
                assert_eq!(itself, parent == body, "{backend:?}");
                count += 1;
            }
            assert_eq!(count, 2000, "{backend:?}");
        }
    }
}

#[tokio::test]
async fn thousands_of_names_of_nothing_are_told_without_looking_for_each_among_all() {
    let (_database, app) = blog(Backend::Sqlite).await;
    let inputs = posts(8, 1000, |n| n + 100_000);
    let answer = app.ask(&somebody("admin", 1), CREATE, &inputs).await;
    assert_eq!(answer.code(), "BAD_USER_INPUT");
    assert!(
        answer.message().contains("`new:a100000`"),
        "{}",
        answer.message()
    );
}
