//! What readers ask, and what an answer must be: of one moment, which no request is older than.

use std::fmt::Display;
use std::ops::RangeInclusive;

use serde_json::Value;

use super::writers::{COUNTED, DRAFT, HOST, LEFT, MOVED, REMARKS, RIGHT, left_after};
use super::{Clock, Clocks};

/// What an answer is, with what is wrong with it.
pub enum Judgement {
    Right,
    /// It shows a state that never was, or one that was not yet.
    Torn(String),
    /// It shows what was true before the request was sent, and not any more.
    Stale(String),
    /// It is an error that the request did not deserve, or none that it did.
    Failed(String),
}

/// A request, and how its answer is judged.
pub struct Question {
    pub name: &'static str,
    pub document: String,
    /// Whose steps the answer shows.
    pub clock: Option<fn(&Clocks) -> &Clock>,
    judge: fn(&Value) -> Seen,
}

/// What an answer's data show of the writer's steps; an error is why they were never like that.
type Seen = Result<State, String>;

enum State {
    After(u64),
    /// After one of the even steps, or of the odd ones.
    AfterEven,
    AfterOdd,
    Any,
}

impl Question {
    /// Judges the body of an answer that was asked for after the first of the steps was committed, and came
    /// before the one after the last began.
    pub fn judge(&self, answer: &[u8], steps: RangeInclusive<u64>) -> Judgement {
        let text = String::from_utf8_lossy(answer);
        let Ok(answer) = serde_json::from_slice::<Value>(answer) else {
            return Judgement::Failed(text.into_owned());
        };
        let forged = self.name.starts_with("forged");
        if let Some(error) = answer["errors"].get(0) {
            let code = &error["extensions"]["code"];
            // SQLite compares anything with anything.
            return match forged && code == "BAD_USER_INPUT" {
                true => Judgement::Right,
                false => Judgement::Failed(text.into_owned()),
            };
        }
        let shown = |why: &dyn Display| format!("{why}, with steps {steps:?}: {text}");
        let is_after = match (self.judge)(&answer["data"]) {
            Err(why) => return Judgement::Torn(shown(&why)),
            Ok(State::After(step)) if step > *steps.end() => {
                return Judgement::Torn(shown(&format!("step {step}")));
            }
            Ok(State::After(step)) => steps.contains(&step),
            Ok(State::AfterEven) => steps.clone().any(|step| step % 2 == 0),
            Ok(State::AfterOdd) => steps.clone().any(|step| step % 2 == 1),
            Ok(State::Any) => true,
        };
        match is_after {
            true => Judgement::Right,
            false => Judgement::Stale(shown(&"an earlier step")),
        }
    }
}

/// Every question; the more important ones more than once.
pub fn all(forged: &str) -> Vec<Question> {
    let draft: Option<fn(&Clocks) -> &Clock> = Some(|clocks| &clocks.draft);
    let guest: Option<fn(&Clocks) -> &Clock> = Some(|clocks| &clocks.guest);
    let moved: Option<fn(&Clocks) -> &Clock> = Some(|clocks| &clocks.moved);
    let counted: Option<fn(&Clocks) -> &Clock> = Some(|clocks| &clocks.counted);
    let remark = REMARKS.start();
    let moves = MOVED.map(|id| format!("\"Post:{id}\"")).collect::<Vec<_>>();
    let moves = moves.join(", ");
    let of_draft = format!("where: {{ postId: {{ eq: \"Post:{DRAFT}\" }} }}");
    let the_draft = format!("where: {{ id: {{ eq: \"Post:{DRAFT}\" }} }}");
    let of_host = format!("where: {{ postId: {{ eq: \"Post:{HOST}\" }} }}");
    let authors = format!(
        "where: {{ id: {{ in: [\"User:{LEFT}\", \"User:{RIGHT}\"] }} }}, orderBy: {{ id: ASC }}"
    );
    let question = |name, clock, judge, document| Question {
        name,
        document,
        clock,
        judge,
    };
    let draft_by_comment = || {
        let document =
            format!("{{ comments(limit: 1, {of_draft}) {{ post {{ title status }} }} }}");
        question(
            "draft: by comment",
            draft,
            draft_by_comment as fn(&Value) -> Seen,
            document,
        )
    };
    let guest_with_author = || {
        let document = format!("{{ comments(limit: 5, {of_host}) {{ body author {{ name }} }} }}");
        question("guest: author", guest, guest_with_author, document)
    };
    let moved_lists = || {
        let document = format!(
            "{{ users({authors}) {{ posts(limit: 50) {{ id version }} postsAggregate {{ count }} }} }}"
        );
        question("moved: lists and counts", moved, moved_lists, document)
    };
    let counted_alone = || {
        let document = format!("{{ post(id: \"Post:{COUNTED}\") {{ version }} }}");
        question("counted: alone", counted, counted_alone, document)
    };
    vec![
        draft_by_comment(),
        draft_by_comment(),
        draft_by_comment(),
        question("draft: by node", draft, draft_by_node, format!(
            "{{ node(id: \"Comment:{remark}\") {{ ... on Comment {{ post {{ title status author {{ name }} }} }} }} }}"
        )),
        question("draft: siblings", draft, draft_siblings, format!(
            "{{ posts({the_draft}) {{ title status comments {{ id }} }} postsAggregate({the_draft}) {{ count }} \
             comments({of_draft}) {{ post {{ title status }} }} }}"
        )),
        guest_with_author(),
        guest_with_author(),
        guest_with_author(),
        question("guest: comments", guest, guest_with_comments, 
            "{ users(where: { username: { startsWith: \"torn guest\" } }) { name comments { body post { title } } \
             commentsAggregate { count } } }".to_owned()
        ),
        moved_lists(),
        moved_lists(),
        moved_lists(),
        question("moved: there and back", moved, moved_there_and_back, format!(
            "{{ posts(limit: 50, where: {{ id: {{ in: [{moves}] }} }}) \
             {{ id version author {{ id posts(limit: 50) {{ id version }} }} }} }}"
        )),
        question("moved: connections", moved, moved_connections, format!(
            "{{ users({authors}) {{ postsConnection(first: 50) {{ totalCount nodes {{ id version author {{ id }} }} }} \
             }} }}"
        )),
        counted_alone(),
        counted_alone(),
        question("counted: three levels", counted, counted_deep, format!(
            "{{ post(id: \"Post:{COUNTED}\") {{ version author {{ posts(where: {{ id: {{ eq: \"Post:{COUNTED}\" }} }}) \
             {{ version }} }} }} }}"
        )),
        question("forged: cursor", None, any, format!(
            "{{ postsConnection(first: 2, after: \"{forged}\") {{ nodes {{ id author {{ name }} }} }} }}"
        )),
        question("forged: cursor below", None, any, format!(
            "{{ users({authors}) {{ name postsConnection(first: 2, after: \"{forged}\") {{ nodes {{ id }} }} }} }}"
        )),
        question("slow: locked", None, any,
            "{ profiles(limit: 5) { bio user { name posts(limit: 3) { title } } } }".to_owned()
        ),
        question("slow: much text", None, any,
            "{ usersAggregate(where: { name: { iContains: \"no such name\" } }) { count } tags(limit: 3) { name } }"
                .to_owned()
        ),
        question("large: many rows", None, any,
            "{ posts(limit: 300) { id title author { id name } } }".to_owned()
        ),
    ]
}

fn any(_: &Value) -> Seen {
    Ok(State::Any)
}

fn draft_by_comment(data: &Value) -> Seen {
    match &list(data, "comments")?[..] {
        [] => Ok(State::AfterOdd),
        [comment] => public(&comment["post"]),
        _ => Err("more comments than one".to_owned()),
    }
}

fn draft_by_node(data: &Value) -> Seen {
    match &data["node"] {
        Value::Null => Ok(State::AfterOdd),
        node if node["post"]["author"]["name"] == "author" => public(&node["post"]),
        _ => Err("a post without its author".to_owned()),
    }
}

fn draft_siblings(data: &Value) -> Seen {
    let comments = list(data, "comments")?;
    let count = data["postsAggregate"]["count"].as_u64();
    match &list(data, "posts")?[..] {
        [] if comments.is_empty() && count == Some(0) => Ok(State::AfterOdd),
        [post]
            if count == Some(1)
                && list(post, "comments")?.len() == REMARKS.count()
                && comments.len() == REMARKS.count() =>
        {
            let same = |c: &Value| c["post"]["title"] == post["title"];
            match comments.iter().all(same) {
                true => public(post),
                false => Err("two titles of one post".to_owned()),
            }
        }
        _ => Err("a post here and none there".to_owned()),
    }
}

/// The state of the post that is a draft at times, by what is shown of it.
fn public(post: &Value) -> Seen {
    let title = post["title"].as_str().unwrap_or_default();
    let step = title.strip_prefix("public ").and_then(|n| n.parse().ok());
    match step {
        Some(step) if post["status"] == "PUBLISHED" => Ok(State::After(step)),
        _ => Err("a draft is shown".to_owned()),
    }
}

fn guest_with_author(data: &Value) -> Seen {
    match &list(data, "comments")?[..] {
        [] => Ok(State::AfterEven),
        [comment] if comment["body"] == comment["author"]["name"] => guest(&comment["body"]),
        [_] => Err("a comment with another's author".to_owned()),
        _ => Err("more guests than one".to_owned()),
    }
}

fn guest_with_comments(data: &Value) -> Seen {
    match &list(data, "users")?[..] {
        [] => Ok(State::AfterEven),
        [user] => match &list(user, "comments")?[..] {
            [comment]
                if comment["body"] == user["name"]
                    && comment["post"]["title"] == "host"
                    && user["commentsAggregate"]["count"] == 1 =>
            {
                guest(&user["name"])
            }
            _ => Err("a guest without his comment".to_owned()),
        },
        _ => Err("more guests than one".to_owned()),
    }
}

fn guest(name: &Value) -> Seen {
    let name = name.as_str().and_then(|name| name.strip_prefix("guest "));
    let step = name.and_then(|n| n.parse().ok());
    step.map(State::After).ok_or_else(|| "no guest".to_owned())
}

fn moved_lists(data: &Value) -> Seen {
    let mut authors = Vec::new();
    for user in list(data, "users")? {
        let posts = list(user, "posts")?;
        if user["postsAggregate"]["count"] != posts.len() {
            return Err("another count than there are posts".to_owned());
        }
        authors.push(posts);
    }
    moved(&authors)
}

fn moved_connections(data: &Value) -> Seen {
    let mut authors = Vec::new();
    for (user, id) in list(data, "users")?.iter().zip([LEFT, RIGHT]) {
        let connection = &user["postsConnection"];
        let posts = list(connection, "nodes")?;
        if connection["totalCount"] != posts.len() {
            return Err("another total than there are posts".to_owned());
        }
        let author = format!("User:{id}");
        if posts.iter().any(|post| post["author"]["id"] != *author) {
            return Err("a post with another's author".to_owned());
        }
        authors.push(posts);
    }
    moved(&authors)
}

fn moved_there_and_back(data: &Value) -> Seen {
    let posts = list(data, "posts")?;
    if posts.len() != MOVED.count() {
        return Err("posts are missing".to_owned());
    }
    let mut authors: [Option<&Vec<Value>>; 2] = [None; 2];
    for post in posts {
        let siblings = list(&post["author"], "posts")?;
        let itself =
            |other: &&Value| other["id"] == post["id"] && other["version"] == post["version"];
        if !siblings.iter().any(|other| itself(&other)) {
            return Err("an author without the post that is his".to_owned());
        }
        let right = post["author"]["id"] == *format!("User:{RIGHT}");
        authors[usize::from(right)] = Some(siblings);
    }
    let none = Vec::new();
    moved(&authors.map(|posts| posts.unwrap_or(&none)))
}

/// The state of the moved posts: those of the left author, and those of the right one.
fn moved(authors: &[&Vec<Value>]) -> Seen {
    let [left, right] = authors else {
        return Err("an author is missing".to_owned());
    };
    let mut all = left.iter().chain(right.iter());
    let step = all.next().and_then(|post| post["version"].as_u64());
    let step = step.ok_or("no posts at all")?;
    if !all.all(|post| post["version"] == step) {
        return Err("posts of two steps".to_owned());
    }
    let keys = |posts: &[Value]| -> Vec<String> {
        let ids = posts.iter().map(|p| p["id"].as_str().unwrap_or_default());
        let mut keys: Vec<String> = ids.map(str::to_owned).collect();
        keys.sort_unstable();
        keys
    };
    let ids = MOVED.map(|id| format!("Post:{id}")).collect::<Vec<_>>();
    let (first, rest) = ids.split_at(left_after(step));
    match keys(left) == first && keys(right) == rest {
        true => Ok(State::After(step)),
        false => Err("posts where they never were together".to_owned()),
    }
}

fn counted_alone(data: &Value) -> Seen {
    let version = data["post"]["version"].as_u64();
    version
        .map(State::After)
        .ok_or_else(|| "no version".to_owned())
}

fn counted_deep(data: &Value) -> Seen {
    let post = &data["post"];
    match &list(&post["author"], "posts")?[..] {
        [below] if below["version"] == post["version"] => counted_alone(data),
        _ => Err("two versions of one post".to_owned()),
    }
}

fn list<'a>(value: &'a Value, field: &str) -> Result<&'a Vec<Value>, String> {
    value[field]
        .as_array()
        .ok_or_else(|| format!("no list `{field}`"))
}
