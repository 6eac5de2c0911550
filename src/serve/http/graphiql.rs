//! The page that asks questions by hand.

use async_graphql::http::GraphiQLSource;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, HeaderName};
use axum::response::Html;

use super::ASK_AGAIN;

/// What GraphiQL opens with.
const FIRST_QUERY: &str =
    "# Relations are fields, in both directions. Each level of this query is one SQL statement,
# however many users there are.
{
  users(limit: 5) {
    name
    posts(limit: 3) {
      title
      author { name }
      tags { name }
      comments(limit: 2) {
        body
        author { name }
        replies { body author { name } }
      }
    }
  }
}
";

pub async fn page() -> ([(HeaderName, HeaderValue); 1], Html<String>) {
    let page = GraphiQLSource::build()
        .endpoint("/graphql")
        .title("Backref")
        .finish();
    let query = serde_json::to_string(FIRST_QUERY).unwrap_or_default();
    // GraphiQLSource has no setting for the first query, which is a property of the component it renders.
    let page = page.replacen(
        "defaultEditorToolsVisibility",
        &format!("defaultQuery: {query},\n        defaultEditorToolsVisibility"),
        1,
    );
    ([(CACHE_CONTROL, ASK_AGAIN)], Html(page))
}
