//! Rules that cannot be asked are refused at start, each with its remedy.

use backref::Graph;
use backref::graph::policy::Rule;
use entity::{comment, post, user};

use crate::harness::blog;

#[track_caller]
fn check(graph: Graph, expected: &[&str]) {
    let found = match graph.build() {
        Ok(_) => Vec::new(),
        Err(error) => error.mistakes,
    };
    let [message] = &found[..] else {
        panic!("one mistake, not {found:#?}")
    };
    for part in expected {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

#[test]
fn a_rule_names_a_column_of_its_own_rows() {
    let graph = blog::graph().policy(post::Entity, |me, _| me.is(user::Column::Id));
    check(
        graph,
        &["entity::post", "`user.id`", "not of `post`", "relation"],
    );
    let graph = blog::graph().policy_of_all(|me, row| match me.has("admin") {
        true => me.claim("tenant").is_called("id"),
        false => row.some("comments", |_| Rule::ALWAYS).and(Rule::NEVER),
    });
    let mistakes = graph.build().expect_err("mistakes").mistakes;
    assert!(
        mistakes
            .iter()
            .any(|m| m.contains("entity::profile") && m.contains("no column `id`")),
        "{mistakes:#?}"
    );
    assert!(
        mistakes.iter().any(|m| m.contains("entity::tag")
            && m.contains("no relation `comments`")
            && m.contains("`posts`")),
        "{mistakes:#?}"
    );
}

#[test]
fn a_rule_compares_with_a_value_of_the_column() {
    let graph = blog::graph().policy(post::Entity, |_, post| post.is(post::Column::AuthorId, "x"));
    check(graph, &["entity::post", "no value of column `author_id`"]);
    let graph = blog::graph().policy(post::Entity, |_, post| {
        post.is(post::Column::Status, "gone")
    });
    check(graph, &["entity::post", "no value of column `status`"]);
    let graph = blog::graph().policy(post::Entity, |_, post| {
        post.is(
            post::Column::PublishedAt,
            Option::<chrono::DateTime<chrono::Utc>>::None,
        )
    });
    check(graph, &["`published_at`", "is_null"]);
}

/// Also where only one role is led astray.
#[test]
fn mistakes_are_found_for_every_role() {
    let graph = blog::graph().policy(post::Entity, |me, post| {
        if me.has("editor") && !me.has("author") {
            return post.some("editors", |_| Rule::ALWAYS);
        }
        Rule::ALWAYS
    });
    check(graph, &["`Post` has no relation `editors`"]);
}

#[test]
fn rules_do_not_wait_for_each_other() {
    let graph =
        || blog::graph().policy(user::Entity, |_, user| user.some("posts", |_| Rule::ALWAYS));
    let looking = graph().policy(post::Entity, |_, post| {
        post.some("author", |author| author.is(user::Column::Name, "x"))
    });
    let mistakes = looking.build().expect_err("a circle").mistakes;
    assert!(
        mistakes
            .iter()
            .any(|m| m.contains("entity::post") && m.contains("with_hidden")),
        "{mistakes:#?}"
    );
    let through_all = graph().policy(post::Entity, |_, post| {
        post.with_hidden()
            .some("author", |author| author.is(user::Column::Name, "x"))
    });
    assert!(through_all.build().is_ok());
    let own = blog::graph().policy(comment::Entity, |_, comment| {
        comment.some("replies", |_| Rule::ALWAYS)
    });
    assert!(own.build().is_err());
}

#[test]
fn ids_are_seen_with_their_rows() {
    let graph = blog::graph().column_policy(post::Column::Id, |_, _| Rule::NEVER);
    check(
        graph,
        &["`.column_policy(post.id", "primary key", "`.policy(…)`"],
    );
}
