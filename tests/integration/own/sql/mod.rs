//! Fields that are given in SQL too: `where` and `orderBy` by them are what filtering and sorting the values that they
//! give is, wherever a column can be used, and by the rules of the columns that they are made of.

mod check;

use backref::Graph;
use backref::graph::Principal;
use backref::graph::own::Needs;
use backref::graph::policy::Rule;
use entity::{comment, post, user};
use sea_orm::prelude::{DateTimeUtc, Decimal};
use sea_orm::sea_query::{BinOper, CaseStatement, Expr, ExprTrait, Func};
use serde_json::{Value, json};

use crate::harness::{Backend, TestApp, TestDatabase, blog};
use crate::rules::{admin, user as author};
use check::{Asker, Type};

fn joined(left: impl Into<Expr>, right: impl Into<Expr>) -> Expr {
    left.into().binary(BinOper::Custom("||"), right)
}

/// Posts with a field of each kind of values.
fn graph() -> Graph {
    use post::Column::*;
    let exact = |id: i64| Decimal::new(id % 5 * 125, 2);
    let graph = blog::graph()
        .field(
            post::Entity,
            "titleLength",
            Needs::columns([Title]).sql(Func::char_length(Expr::col(Title))),
            |post, _| Ok(post.get::<String>(Title)?.chars().count() as i32),
        )
        .lazy_field(
            post::Entity,
            "signed",
            Needs::columns([Title, Slug])
                .argument::<Option<String>>("by", "What stands between.")
                .sql(joined(
                    joined(Expr::col(Title), " % "),
                    Expr::col((post::Entity, Slug)),
                )),
            async |post, cx| {
                let by = cx
                    .argument::<Option<String>>("by")?
                    .unwrap_or(" % ".to_owned());
                Ok(post.get::<String>(Title)? + &by + &post.get::<String>(Slug)?)
            },
        )
        .field(
            post::Entity,
            "shownTitle",
            Needs::columns([Title, Status]).sql(
                CaseStatement::new()
                    .case(Expr::col(Status).eq("published"), Expr::col(Title))
                    .finally(Option::<String>::None),
            ),
            |post, _| {
                let title: String = post.get(Title)?;
                let status: post::Status = post.get(Status)?;
                Ok((status == post::Status::Published).then_some(title))
            },
        )
        .field(
            post::Entity,
            "since",
            Needs::columns([PublishedAt, UpdatedAt]).sql(Func::coalesce([
                Expr::col(PublishedAt),
                Expr::col(UpdatedAt),
            ])),
            |post, _| {
                let published: Option<DateTimeUtc> = post.get(PublishedAt)?;
                Ok(published.unwrap_or(post.get(UpdatedAt)?))
            },
        )
        .field(
            post::Entity,
            "large",
            Needs::columns([Id]).sql(Expr::col(Id).modulo(7).mul(10_000_000_000i64)),
            |post, _| Ok(post.get::<i64>(Id)? % 7 * 10_000_000_000),
        )
        .field(
            post::Entity,
            "half",
            Needs::columns([Id]).sql(Expr::col(Id).modulo(9).mul(0.5)),
            |post, _| Ok((post.get::<i64>(Id)? % 9) as f64 * 0.5),
        );
    graph
        .field(
            post::Entity,
            "exact",
            Needs::columns([Id]).sql(Expr::col(Id).modulo(5).mul(Decimal::new(125, 2))),
            move |post, _| Ok(exact(post.get(Id)?)),
        )
        .batch_field(
            post::Entity,
            "isOdd",
            Needs::columns([Id]).sql(Expr::col(Id).modulo(2).eq(1)),
            |post| post.get::<i64>(Id),
            async |ids: Vec<i64>, _| Ok(ids.into_iter().map(|id| (id, id % 2 == 1)).collect()),
        )
        // A rule hides some of its values from most, and none from the admin.
        .field(
            user::Entity,
            "mailto",
            Needs::columns([user::Column::Email])
                .sql(joined("mailto:", Expr::col(user::Column::Email))),
            |user, _| {
                Ok(format!(
                    "mailto:{}",
                    user.get::<String>(user::Column::Email)?
                ))
            },
        )
        .column_policy(comment::Column::ParentId, |me, _| {
            Rule::when(me.has("admin"))
        })
        .field(
            comment::Entity,
            "answers",
            Needs::columns([comment::Column::ParentId]).sql(Func::coalesce([
                Expr::col(comment::Column::ParentId),
                0.into(),
            ])),
            |comment, _| {
                Ok(comment
                    .get::<Option<i64>>(comment::Column::ParentId)?
                    .unwrap_or(0))
            },
        )
}

/// The fields of posts, and the types of their values.
const OF_POSTS: [(&str, Type); 8] = [
    ("titleLength", Type::Number),
    ("signed", Type::Text),
    ("shownTitle", Type::Text),
    ("since", Type::Moment),
    ("large", Type::Whole),
    ("half", Type::Number),
    ("exact", Type::Exact),
    ("isOdd", Type::Is),
];

async fn stage(backend: Backend) -> (TestDatabase, TestApp) {
    let database = TestDatabase::sample(backend).await;
    let app = TestApp::new(&database, graph(), Default::default());
    (database, app)
}

#[tokio::test]
async fn lists_are_searched_and_sorted_by_the_values_they_give() {
    for backend in Backend::all() {
        let (_database, app) = stage(backend).await;
        for who in [admin(), author(2)] {
            let asker = Asker::new(&app, who, backend);
            for (field, of_type) in OF_POSTS {
                asker.check_lists("Post", "posts", field, of_type).await;
            }
        }
    }
}

#[tokio::test]
async fn so_are_pages_below_rows_and_rows_by_what_they_lead_to() {
    for backend in Backend::all() {
        let (_database, app) = stage(backend).await;
        for who in [admin(), author(2)] {
            let asker = Asker::new(&app, who, backend);
            for (field, of_type) in OF_POSTS {
                asker.check_nested(field, of_type).await;
                asker.check_to_one(field, of_type).await;
            }
        }
    }
}

/// Who sees a column of some rows finds and sorts by what is made of it in these rows alone; who sees it of none is
/// refused, as he is by the column.
#[tokio::test]
async fn a_rule_for_a_column_is_one_for_what_is_made_of_it() {
    for backend in Backend::all() {
        let (_database, app) = stage(backend).await;
        for who in [admin(), author(2)] {
            let asker = Asker::new(&app, who, backend);
            asker
                .check_lists("User", "users", "mailto", Type::Text)
                .await;
        }
        let asker = Asker::new(&app, admin(), backend);
        asker
            .check_lists("Comment", "comments", "answers", Type::Whole)
            .await;
        let refused = [
            (
                Principal::Anonymous,
                "users",
                "mailto",
                "email",
                "eq: \"x\"",
            ),
            (author(2), "comments", "answers", "parentId", "eq: \"1\""),
        ];
        for (who, list, field, column, condition) in refused {
            for (argument, of) in [
                (format!("where: {{ {field}: {{ {condition} }} }}"), field),
                (
                    format!("where: {{ not: {{ {field}: {{ isNull: true }} }} }}"),
                    field,
                ),
                (format!("orderBy: [{{ {field}: ASC }}]"), field),
                (format!("where: {{ {column}: {{ isNull: true }} }}"), column),
                (format!("orderBy: [{{ {column}: ASC }}]"), column),
            ] {
                let query = format!("{{ {list}({argument}) {{ id }} }}");
                let answer = app.ask(&who, &query, &json!({})).await;
                assert_eq!(
                    answer.code(),
                    "FORBIDDEN",
                    "{backend:?} {query}: {}",
                    answer.text
                );
                let told = format!("by `{of}`, which you may not see");
                assert!(answer.message().contains(&told), "{}", answer.text);
            }
        }
    }
}

/// What the code writes by a condition is what it reads by it.
#[tokio::test]
async fn conditions_of_writes_know_them() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let graph = backref::blog::graph().field(
            post::Entity,
            "titleLength",
            Needs::columns([post::Column::Title])
                .sql(Func::char_length(Expr::col(post::Column::Title))),
            |post, _| Ok(post.get::<String>(post::Column::Title)?.chars().count() as i32),
        );
        let app = TestApp::new(&database, graph, Default::default());
        let query = "{ posts(where: { titleLength: { gt: 30 } }, limit: 1000) { id } }";
        let long = app.ask(&admin(), query, &json!({})).await.data()["posts"].clone();
        let count = long.as_array().map_or(0, Vec::len);
        assert!(count > 0, "{backend:?}");
        let mutation = "mutation { updatePosts(where: { titleLength: { gt: 30 } }, input: { title: \"Short\" }) { count } }";
        let changed = app.ask(&admin(), mutation, &json!({})).await.data();
        assert_eq!(changed["updatePosts"]["count"], json!(count), "{backend:?}");
        let none = app.ask(&admin(), query, &json!({})).await.data();
        assert_eq!(none["posts"], json!([]), "{backend:?}");
    }
}

/// A cursor of an order by it is none of another.
#[tokio::test]
async fn cursors_belong_to_their_order() {
    for backend in Backend::all() {
        let (_database, app) = stage(backend).await;
        let query = "{ postsConnection(first: 1, orderBy: [{ titleLength: ASC }]) { pageInfo { endCursor } } }";
        let page = app.ask(&admin(), query, &json!({})).await.data();
        let cursor = &page["postsConnection"]["pageInfo"]["endCursor"];
        let other = format!(
            "{{ postsConnection(first: 1, after: {cursor}, orderBy: [{{ half: ASC }}]) {{ nodes {{ id }} }} }}"
        );
        let answer = app.ask(&admin(), &other, &json!({})).await;
        assert_eq!(answer.code(), "BAD_USER_INPUT", "{}", answer.text);
    }
}

/// Only what is given in SQL is there.
#[tokio::test]
async fn without_sql_they_are_in_neither() {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let graph = graph().field(post::Entity, "plain", Needs::nothing(), |_, _| Ok(1));
    let app = TestApp::new(&database, graph, Default::default());
    let query = "{ w: __type(name: \"PostWhere\") { inputFields { name type { name } } } o: __type(name: \"PostOrder\") { inputFields { name type { name } } } }";
    let data = app.query(query).await.data();
    let type_of = |input: &str, field: &str| {
        let fields = data[input]["inputFields"].as_array().expect("fields");
        let found = fields.iter().find(|of| of["name"] == field);
        found.map(|of| of["type"]["name"].clone())
    };
    for (field, filter) in [
        ("titleLength", "IntFilter"),
        ("signed", "StringFilter"),
        ("since", "DateTimeFilter"),
        ("large", "BigIntFilter"),
        ("half", "FloatFilter"),
        ("exact", "DecimalFilter"),
        ("isOdd", "BooleanFilter"),
    ] {
        assert_eq!(type_of("w", field), Some(json!(filter)));
        assert_eq!(type_of("o", field), Some(json!("OrderDirection")));
    }
    assert_eq!(
        (type_of("w", "plain"), type_of("o", "plain")),
        (None::<Value>, None)
    );
}
