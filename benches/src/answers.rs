//! Answers are compared before anything is measured: equal bytes from the floors, equal JSON from the
//! textbook, equal content from the peers, whose schemas write the same content in other ways.

use crate::{
    Result,
    client::{Question, Target},
    contender::{Contender, Role},
    database::Database,
    queries::Query,
};
use chrono::{DateTime, NaiveDateTime};
use serde_json::Value;

/// How many users a query that takes one is asked about.
const USERS: usize = 100;

/// Compares each answer with Backref's, or the first server's if Backref takes no part. Fails if a
/// server of this repository differs; notes why a peer is not asked a query.
pub async fn compare(
    database: &Database,
    queries: &[&'static Query],
    contenders: &[Contender],
) -> Result<Vec<Vec<Option<String>>>> {
    let mut reasons = vec![vec![None; queries.len()]; contenders.len()];
    for (q, query) in queries.iter().enumerate() {
        let mut expected: Option<Vec<Answer>> = None;
        for (c, contender) in contenders.iter().enumerate() {
            let (server, question) = match (&contender.server, &contender.questions[q]) {
                (Ok(server), Ok(question)) => (server, question),
                (Err(reason), _) | (_, Err(reason)) => {
                    reasons[c][q] = Some(reason.clone());
                    continue;
                }
            };
            let found = answers(database, query, server.address, question).await;
            let outcome = found.and_then(|found| {
                let Some(expected) = &expected else {
                    expected = Some(found);
                    return Ok(());
                };
                let mut pairs = expected.iter().zip(&found);
                pairs.try_for_each(|(expected, found)| expected.check(found, contender.role))
            });
            if let Err(error) = outcome {
                if contender.role != Role::Peer {
                    let (kind, name) = (database.kind, &contender.name);
                    return Err(format!("{kind}, {}: {name}: {error}", query.name).into());
                }
                reasons[c][q] = Some(error.to_string());
            }
        }
    }
    Ok(reasons)
}

/// Answers of one server to one query: one, or one for each of some users.
async fn answers(
    database: &Database,
    query: &Query,
    address: std::net::SocketAddr,
    question: &Question,
) -> Result<Vec<Answer>> {
    let target = Target::new(address, question, &database.users);
    let asked = if query.takes_user { USERS } else { 1 };
    let users = &database.users;
    let mut answers = Vec::with_capacity(asked);
    for user in users.iter().step_by(users.len().div_ceil(asked)) {
        let bytes = target.ask(*user).await?;
        let json: Value = serde_json::from_slice(&bytes)?;
        let reduced = reduce(None, json.clone());
        let lists = reduced["data"].as_object();
        let rows = lists.and_then(|lists| lists.values().next()?.as_array());
        if json.get("errors").is_some() || rows.map_or(0, Vec::len) != query.rows {
            return Err(format!("it answers {:.300}", json.to_string()).into());
        }
        answers.push(Answer {
            bytes,
            json,
            reduced,
        });
    }
    Ok(answers)
}

/// An answer in each form in which it is compared.
struct Answer {
    bytes: Vec<u8>,
    json: Value,
    reduced: Value,
}

impl Answer {
    fn check(&self, found: &Self, role: Role) -> Result<()> {
        let same = match role {
            Role::Backref | Role::Floor => self.bytes == found.bytes,
            // async-graphql puts an object's fields in the order in which they were resolved.
            Role::Textbook => self.json == found.json,
            Role::Peer => self.reduced == found.reduced,
        };
        if same {
            return Ok(());
        }
        let (expected, found) = match role {
            Role::Peer => (self.reduced.to_string(), found.reduced.to_string()),
            _ => (
                String::from_utf8_lossy(&self.bytes).into_owned(),
                String::from_utf8_lossy(&found.bytes).into_owned(),
            ),
        };
        Err(difference(&expected, &found).into())
    }
}

/// Where two texts part.
pub fn difference(expected: &str, found: &str) -> String {
    let pairs = expected.chars().zip(found.chars());
    let at = pairs.take_while(|(a, b)| a == b).count();
    let excerpt = |text: &str| -> String {
        let from = at.saturating_sub(60);
        text.chars().skip(from).take(120).collect()
    };
    let (expected, found) = (excerpt(expected), excerpt(found));
    format!("another answer: {found} instead of {expected}")
}

/// What is left of an answer when the ways to write the same content are taken out of it: an object
/// whose only key is `nodes` is that list, an id is the text of its key, a status is in lower case, an
/// instant is its microseconds.
pub fn reduce(key: Option<&str>, value: Value) -> Value {
    match (key, value) {
        (_, Value::Object(mut fields)) => match (fields.len(), fields.remove("nodes")) {
            (1, Some(nodes)) => reduce(key, nodes),
            (_, nodes) => {
                fields.extend(nodes.map(|nodes| ("nodes".to_owned(), nodes)));
                let fields = fields.into_iter().map(|(key, value)| {
                    let value = reduce(Some(&key), value);
                    (key, value)
                });
                fields.collect()
            }
        },
        (_, Value::Array(items)) => items.into_iter().map(|item| reduce(key, item)).collect(),
        (Some("id"), Value::Number(id)) => Value::String(id.to_string()),
        (Some("id"), Value::String(id)) => Value::String(match id.split_once(':') {
            Some((_, key)) if key.bytes().all(|byte| byte.is_ascii_digit()) => key.to_owned(),
            _ => id,
        }),
        (Some("status"), Value::String(status)) => Value::String(status.to_lowercase()),
        (Some(key), Value::String(text)) if key.ends_with("At") => match microseconds(&text) {
            Some(instant) => instant.into(),
            None => Value::String(text),
        },
        (_, other) => other,
    }
}

/// An RFC 3339 instant since 1970; without a zone it means UTC.
fn microseconds(text: &str) -> Option<i64> {
    let zoned = DateTime::parse_from_rfc3339(text).map(|instant| instant.timestamp_micros());
    let bare = || text.parse::<NaiveDateTime>().ok();
    zoned
        .ok()
        .or_else(|| Some(bare()?.and_utc().timestamp_micros()))
}

#[cfg(test)]
mod tests {
    use super::reduce;
    use serde_json::json;

    #[test]
    fn ways_to_write_the_same_content_are_equal() {
        let ours = json!({ "posts": [{ "id": "Post:1", "status": "DRAFT", "createdAt": "2024-01-01T00:00:00Z" }] });
        let theirs = json!({ "posts": { "nodes": [
            { "createdAt": "2024-01-01T00:00:00.000", "status": "draft", "id": 1 },
        ] } });
        assert_eq!(reduce(None, ours), reduce(None, theirs));
    }

    #[test]
    fn other_content_stays_other() {
        let kept = json!({ "nodes": [1], "totalCount": 1, "title": "Post:1", "id": "a:b" });
        assert_eq!(reduce(None, kept.clone()), kept);
    }
}
