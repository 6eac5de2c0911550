//! Mistakes in declarations stop the start, and name both sides.

use backref::Graph;
use backref::graph::own::{Key, Needs, Object, ObjectOf, Way};
use entity::{comment, follow, post, tag, user};
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait};

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

fn named(name: &str) -> Graph {
    blog::graph().field(post::Entity, name, Needs::nothing(), |_, _| Ok(1))
}

#[test]
fn names_are_free() {
    check(
        named("title"),
        &["`Post.title`", "the column `title` of `post`"],
    );
    check(
        named("author"),
        &["`Post.author`", "post::Relation::Author"],
    );
    check(
        named("commentsConnection"),
        &["`Post.commentsConnection`", "Comments"],
    );
    check(named("id"), &["`Post.id`", "the global id"]);
    check(
        named("reading time"),
        &["`Post.reading time`", "is no name in GraphQL"],
    );
    check(named("__x"), &["`Post.__x`", "reserved"]);
    let twice = named("mine").field(post::Entity, "mine", Needs::nothing(), |_, _| Ok(1));
    check(twice, &["`Post.mine`", "another of one's own"]);
    let root = |name: &str| blog::graph().query_field(name, Needs::root(), async |_| Ok(1));
    check(root("posts"), &["`Query.posts`", "entity::post"]);
    check(
        root("postsAggregate"),
        &["`Query.postsAggregate`", "entity::post"],
    );
    check(root("viewer"), &["`Query.viewer`", "Backref's own"]);
    let argument = Needs::nothing().argument::<i32>("per minute", "");
    let graph = blog::graph().field(post::Entity, "x", argument, |_, _| Ok(1));
    check(graph, &["`Post.x`", "`per minute`"]);
}

#[test]
fn what_is_needed_is_there() {
    let hidden = Needs::columns([user::Column::PasswordHash]);
    let graph = blog::graph().field(user::Entity, "hasPassword", hidden, |_, _| Ok(true));
    check(
        graph,
        &[
            "`User.hasPassword`",
            "`password_hash`",
            "`.hide(…)`",
            "`.column_policy(…)`",
        ],
    );
    let needs = Needs::nothing().related(comment::Relation::Post, Needs::<post::Entity>::nothing());
    let graph = blog::graph().lazy_field(user::Entity, "x", needs, async |_, _| Ok(1));
    check(graph, &["`User.x`", "`comment::Relation::Post`", "`posts`"]);
    let needs = Needs::nothing().related(Way::called("posts"), Needs::<tag::Entity>::nothing());
    let graph = blog::graph().lazy_field(user::Entity, "x", needs, async |_, _| Ok(1));
    check(graph, &["`User.x`", "leads to entity::post"]);
}

#[test]
fn it_is_known_what_sql_reads() {
    use post::Column::{AuthorId, Slug, Title};
    let length = |needs: Needs<post::Entity>, sql: Expr| {
        blog::graph().field(post::Entity, "x", needs.sql(sql), |_, _| Ok(1))
    };
    let title = || Needs::columns([Title]);
    for (sql, expected) in [
        (
            Expr::col(Slug),
            ["column `slug`", "add it to the columns that it needs"],
        ),
        (
            Expr::col("heading"),
            ["`heading`", "no column of entity::post"],
        ),
        (
            Expr::col(user::Column::Name),
            ["`name`", "no column of entity::post"],
        ),
        (
            Expr::col((user::Entity, user::Column::Name)),
            ["`user.name`", "its own row alone"],
        ),
        (
            Expr::cust("length(title)"),
            ["`title` in it", "`Expr::col(entity::post::Column::…)`"],
        ),
        (
            CaseStatement::new()
                .case(Expr::cust("(SELECT count(*) FROM \"user\") > 1"), 1)
                .into(),
            ["`SELECT` in it", "nobody knows which columns"],
        ),
    ] {
        let told = ["the SQL of `Post.x`"];
        check(length(title(), sql), &[&told[..], &expected].concat());
    }
    let argument = title().argument::<i32>("of", "");
    check(
        length(argument, Expr::col(Title)),
        &["`Post.x`", "the argument `of`"],
    );
    let needs = Needs::columns([AuthorId]).sql(Expr::col(AuthorId));
    let graph = blog::graph().field(post::Entity, "x", needs, |_, _| Ok(vec![1]));
    check(graph, &["`Post.x`", "gives no single value"]);
    let hidden = Needs::columns([user::Column::PasswordHash]);
    let hidden = hidden.sql(Expr::col(user::Column::PasswordHash).is_null());
    let graph = blog::graph().field(user::Entity, "x", hidden, |_, _| Ok(true));
    check(graph, &["`password_hash`", "`.hide(…)`"]);
}

#[test]
fn types_are_there() {
    let graph = Graph::new().entity(user::Entity).entity(tag::Entity);
    let graph = graph.field(tag::Entity, "x", Needs::nothing(), |_, _| {
        Ok(Key::<follow::Entity>::new((1, 2)))
    });
    let mistakes = graph.build().expect_err("mistakes").mistakes;
    assert!(
        mistakes
            .iter()
            .any(|m| m.contains("`Tag.x`") && m.contains("`follow`")),
        "{mistakes:#?}"
    );
    let graph = Graph::new().entity(tag::Entity);
    let graph = graph.field(user::Entity, "x", Needs::nothing(), |_, _| Ok(1));
    check(graph, &["`x`", "entity::user", ".entity("]);
}

struct Post;

impl Object for Post {
    fn object() -> ObjectOf<Self> {
        ObjectOf::new("Post").field("x", "", |_| 1)
    }
}

struct Hollow;

impl Object for Hollow {
    fn object() -> ObjectOf<Self> {
        ObjectOf::new("Hollow")
    }
}

struct WithRow;

impl Object for WithRow {
    fn object() -> ObjectOf<Self> {
        ObjectOf::new("WithRow").field("post", "", |_| Key::<post::Entity>::new(1))
    }
}

#[test]
fn objects_have_names_of_their_own() {
    let graph = blog::graph().field(tag::Entity, "x", Needs::nothing(), |_, _| Ok(Post));
    check(graph, &["the object `Post`", "second type"]);
    let graph = blog::graph().field(tag::Entity, "x", Needs::nothing(), |_, _| Ok(Hollow));
    check(graph, &["`Hollow` has no field"]);
    let graph = Graph::new().entity(tag::Entity);
    let graph = graph.field(tag::Entity, "x", Needs::nothing(), |_, _| Ok(WithRow));
    check(graph, &["`Tag.x`", "rows of the table `post`", ".entity("]);
}
