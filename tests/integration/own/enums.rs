//! Enums of the graph as what fields give and take, by their names in GraphQL.

use backref::Graph;
use backref::graph::own::{Enum, Needs, Object, ObjectOf};
use entity::{post, tag};
use sea_orm::sea_query::Expr;
use serde_json::{Value, json};

use crate::harness::{Backend, TestApp, TestDatabase, blog};
use crate::rules::admin;

struct Step {
    from: post::Status,
    to: Option<post::Status>,
}

impl Object for Step {
    fn object() -> ObjectOf<Self> {
        ObjectOf::<Self>::new("Step")
            .field("from", "Where it stood.", |step| Enum(step.from))
            .field("to", "Where it stands then.", |step| step.to.map(Enum))
    }
}

fn next(status: post::Status) -> Option<post::Status> {
    match status {
        post::Status::Draft => Some(post::Status::Published),
        post::Status::Published => Some(post::Status::Archived),
        post::Status::Archived => None,
    }
}

fn graph() -> Graph {
    use post::Column::Status;
    blog::graph()
        .name_value(Status, "published", "OUT")
        .field(
            post::Entity,
            "stands",
            Needs::columns([Status]).sql(Expr::col(Status)),
            |post, _| Ok(Enum(post.get::<post::Status>(Status)?)),
        )
        .field(post::Entity, "step", Needs::columns([Status]), |post, _| {
            let from = post.get::<post::Status>(Status)?;
            Ok(Step {
                from,
                to: next(from),
            })
        })
        .query_field(
            "steps",
            Needs::root()
                .argument::<Vec<Enum<post::Status>>>("of", "Where posts stand.")
                .argument::<Option<Enum<post::Status>>>("last", "Added to them."),
            async |cx| {
                let of: Vec<Enum<post::Status>> = cx.argument("of")?;
                let last: Option<Enum<post::Status>> = cx.argument("last")?;
                let all = of.into_iter().chain(last);
                Ok(all.map(|Enum(of)| next(of).map(Enum)).collect::<Vec<_>>())
            },
        )
}

#[tokio::test]
async fn they_are_called_as_the_graph_calls_them() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::new(&database, graph(), Default::default());
        let asked =
            async |query: &str, variables: Value| app.ask(&admin(), query, &variables).await;
        let query = "{ posts(limit: 1000) { id status stands step { from to } } }";
        let posts = asked(query, json!({})).await.data()["posts"].clone();
        let posts = posts.as_array().expect("posts");
        let mut seen = std::collections::BTreeSet::new();
        for post in posts {
            let status = post["status"].as_str().expect("a status");
            seen.insert(status);
            let to = match status {
                "DRAFT" => json!("OUT"),
                "OUT" => json!("ARCHIVED"),
                _ => Value::Null,
            };
            assert_eq!(post["stands"], json!(status), "{backend:?}");
            assert_eq!(
                post["step"],
                json!({ "from": status, "to": to }),
                "{backend:?}"
            );
        }
        assert_eq!(
            seen.into_iter().collect::<Vec<_>>(),
            ["ARCHIVED", "DRAFT", "OUT"]
        );
        // As arguments, in the text and in variables.
        let expected = json!(["OUT", null, "ARCHIVED"]);
        let answer = asked("{ steps(of: [DRAFT, ARCHIVED], last: OUT) }", json!({})).await;
        assert_eq!(answer.data()["steps"], expected, "{backend:?}");
        let query = "query($of: [PostStatus!]!, $last: PostStatus) { steps(of: $of, last: $last) }";
        let variables = json!({ "of": ["DRAFT", "ARCHIVED"], "last": "OUT" });
        assert_eq!(asked(query, variables).await.data()["steps"], expected);
        let one = asked("{ steps(of: DRAFT) }", json!({})).await;
        assert_eq!(one.data()["steps"], json!(["OUT"]));
        let wrong = asked("{ steps(of: [PUBLISHED]) }", json!({})).await;
        assert_eq!(wrong.code(), "GRAPHQL_VALIDATION_FAILED", "{}", wrong.text);
        // In SQL they are what the column is.
        for (by_own, by_column) in [
            (
                "where: { stands: { eq: OUT } }",
                "where: { status: { eq: OUT } }",
            ),
            (
                "where: { stands: { notIn: [OUT] } }",
                "where: { status: { notIn: [OUT] } }",
            ),
            ("orderBy: [{ stands: DESC }]", "orderBy: [{ status: DESC }]"),
        ] {
            let query = format!(
                "{{ own: posts({by_own}, limit: 1000) {{ id }} column: posts({by_column}, limit: 1000) {{ id }} }}"
            );
            let data = asked(&query, json!({})).await.data();
            let count = data["own"].as_array().map_or(0, Vec::len);
            assert!(count > 0, "{query}");
            assert_eq!(data["own"], data["column"], "{backend:?}: {query}");
        }
    }
}

#[test]
fn those_of_no_column_stop_the_start() {
    let graph = Graph::new().entity(tag::Entity);
    let graph = graph.field(tag::Entity, "x", Needs::nothing(), |_, _| {
        Ok(Enum(post::Status::Draft))
    });
    let mistakes = graph.build().expect_err("mistakes").mistakes;
    let told = "`Tag.x` has to do with the enum `entity::post::Status`, which no column";
    assert!(
        mistakes.iter().any(|m| m.starts_with(told)),
        "{mistakes:#?}"
    );
}
