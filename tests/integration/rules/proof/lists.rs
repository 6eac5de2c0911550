//! What has more to it than the reference knows: pages by the server's own cursors, cursors of somebody who sees more, and
//! searches.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Answered, ask};
use crate::generate::{Case, List, Walk, without_cursors};
use crate::harness::{Stage, TestApp};
use crate::paging;
use crate::reference::{self, Data};
use backref::graph::Principal;

/// Somebody with a graph's rules, beside the same content without any.
pub struct Sides<'a> {
    pub stage: &'a Stage,
    pub app: &'a TestApp,
    pub me: &'a Principal,
    pub seen: &'a Data,
    /// Where everybody sees all.
    pub open: &'a TestApp,
}

/// Requests of which the answers were checked, to be asked again.
pub type Asked = Vec<(Case, Answered)>;

impl Sides<'_> {
    fn answer(&self, case: &Case) -> Answered {
        self.stage.wait_for(ask(self.app, self.me, case))
    }

    fn all(&self, case: &Case) -> Value {
        let answer = self
            .stage
            .wait_for(ask(self.open, &Principal::Anonymous, case));
        serde_json::from_str(&answer.text).expect("JSON")
    }

    /// Reads a list by its pages, and goes on where somebody is who sees more of it.
    pub fn walk(&self, walk: &Walk) -> Result<Asked, TestCaseError> {
        let whole = case(
            walk.list
                .query(self.seen, &walk.list.field("", "limit: 1000", "id")),
        );
        let Some(whole) = whole else {
            return Ok(Vec::new());
        };
        let answer = self.answer(&whole).text;
        let expected = reference::execute(self.seen, &whole.query, None, &json!({}));
        if answer.contains("\"FORBIDDEN\"") {
            return Ok(Vec::new());
        }
        let expected = expected.map_err(|e| TestCaseError::fail(format!("{e}, but {answer}")))?;
        prop_assert_eq!(without_cursors(&answer), expected);
        let ask = |query: &str, variables: &Value| {
            let answer = self.answer(&with(query, variables.clone()));
            serde_json::from_str(&answer.text).expect("JSON")
        };
        paging::read(&ask, walk, self.seen)?;
        match walk.list.owner {
            "Query" => self.go_on_from_hidden(&walk.list, &ask),
            _ => Ok(Vec::new()),
        }
    }

    fn go_on_from_hidden(&self, list: &List, ask: paging::Ask) -> Result<Asked, TestCaseError> {
        let whole = paging::whole_list(ask, list, self.seen)?;
        let cursors = list.field("Connection", "first: 1000", "edges { cursor }");
        let cursors = self.all(&with(&format!("{{ {cursors} }}"), json!({})));
        let edges = cursors["data"]["list"]["edges"].as_array();
        let mut asked = Vec::new();
        for cursor in edges.into_iter().flatten().step_by(3) {
            let page = "totalCount nodes { id } pageInfo { hasNextPage }";
            let field = list.field("Connection", "first: 3, after: $cursor", page);
            let query = format!("query($cursor: String) {{ {field} }}");
            let case = with(&query, json!({ "cursor": cursor["cursor"] }));
            let answer = self.answer(&case);
            let json: Value = serde_json::from_str(&answer.text).expect("JSON");
            let page = &json["data"]["list"];
            let ids = ids(&page["nodes"]);
            let start = whole.iter().position(|id| ids.first() == Some(id));
            let start = start.unwrap_or(whole.len());
            let end = (start + 3).min(whole.len());
            prop_assert_eq!(&ids, &whole[start..end], "{:?}: {}", case, answer.text);
            prop_assert_eq!(&page["totalCount"], whole.len(), "{:?}", case);
            let more = &page["pageInfo"]["hasNextPage"];
            prop_assert_eq!(more, end < whole.len(), "{:?}", case);
            asked.push((case, answer));
        }
        Ok(asked)
    }

    /// What a search finds, and in which order, is what it finds where all is seen, without what is not.
    pub fn search(&self, words: &str) -> Result<Asked, TestCaseError> {
        let case = with(SEARCH, json!({ "words": words }));
        let answer = self.answer(&case);
        let json: Value = serde_json::from_str(&answer.text).expect("JSON");
        prop_assert!(json.get("errors").is_none(), "{}", answer.text);
        let (data, all) = (&json["data"], &self.all(&case)["data"]);
        let mut expected = ids(&all["posts"]);
        let key = |id: i64| format!("Post:{id}");
        expected.retain(|id| self.seen.posts.iter().any(|post| key(post.id) == *id));
        prop_assert_eq!(&ids(&data["posts"]), &expected, "{}", words);
        for count in ["/counted/totalCount", "/summed/count"] {
            prop_assert_eq!(
                data.pointer(count),
                Some(&json!(expected.len())),
                "{}",
                words
            );
        }
        let users = data["users"].as_array();
        for user in users.into_iter().flatten() {
            let own = |post: &&String| {
                let mut posts = self.seen.posts.iter();
                let post = posts.find(|row| key(row.id) == **post);
                post.is_some_and(|post| user["id"] == format!("User:{}", post.author_id))
            };
            let own: Vec<_> = expected.iter().filter(own).take(3).cloned().collect();
            prop_assert_eq!(ids(&user["posts"]), own, "{}: {}", words, user);
        }
        Ok(vec![(case, answer)])
    }
}

const SEARCH: &str = "query($words: String) {
    posts(search: $words, limit: 100) { id }
    counted: postsConnection(search: $words, last: 2) { totalCount nodes { id } edges { cursor } }
    summed: postsAggregate(search: $words) { count }
    users { id posts(search: $words, limit: 3) { id } postsAggregate(search: $words) { count } }
    tags { postsConnection(search: $words, first: 1) { totalCount nodes { id } } }
}";

fn with(query: &str, variables: Value) -> Case {
    Case {
        query: query.to_owned(),
        operation_name: None,
        variables,
    }
}

fn case(query: Option<String>) -> Option<Case> {
    Some(with(&query?, json!({})))
}

fn ids(nodes: &Value) -> Vec<String> {
    let nodes = nodes.as_array().into_iter().flatten();
    let ids = nodes.map(|node| node["id"].as_str().unwrap_or_default().to_owned());
    ids.collect()
}
