//! Reading lists page by page, by cursors: the pages together are the list, also where rows come and
//! go meanwhile.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use crate::generate::{self, Change, List, Walk, without_cursors};
use crate::harness::{Stage, config, on_every_database};
use crate::reference::{self, Data};

const PAGE: &str = "totalCount nodes { id } edges { cursor node { id } } \
                    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }";

/// Pages after which nothing changes any more, so that a walk ends.
const MOST_CHANGES: usize = 30;

/// One page of a list, as the server gave it.
struct Page {
    total: usize,
    ids: Vec<String>,
    cursors: Vec<String>,
    info: Value,
}

impl Page {
    /// The page in the answer to [`List::query`]; none where the row that has the list is gone.
    fn read(answer: &Value) -> Result<Option<Self>, TestCaseError> {
        let Some(page) = list(answer)? else {
            return Ok(None);
        };
        let texts = |items: &Value, pointer: &str| {
            let items = items.as_array().into_iter().flatten();
            let texts = items.map(|item| item.pointer(pointer)?.as_str().map(str::to_owned));
            let texts: Option<Vec<_>> = texts.collect();
            texts.ok_or_else(|| TestCaseError::fail(format!("no {pointer}: {page}")))
        };
        let ids = texts(&page["nodes"], "/id")?;
        prop_assert_eq!(&texts(&page["edges"], "/node/id")?, &ids);
        let cursors = texts(&page["edges"], "/cursor")?;
        let info = page["pageInfo"].clone();
        prop_assert_eq!(&info["startCursor"], &json!(cursors.first()));
        prop_assert_eq!(&info["endCursor"], &json!(cursors.last()));
        Ok(Some(Page {
            total: page["totalCount"].as_u64().unwrap_or_default() as usize,
            ids,
            cursors,
            info,
        }))
    }

    /// Where the next page begins, if there is one.
    fn next(&self, backward: bool) -> Option<&str> {
        let (more, cursor) = match backward {
            true => ("hasPreviousPage", self.cursors.first()),
            false => ("hasNextPage", self.cursors.last()),
        };
        self.info[more].as_bool().filter(|more| *more)?;
        cursor.map(String::as_str)
    }
}

/// What an answer has under `list`, without errors; none where the row that has the list is gone.
fn list(answer: &Value) -> Result<Option<&Value>, TestCaseError> {
    prop_assert!(answer.get("errors").is_none(), "{answer}");
    let data = &answer["data"];
    let owner = data.get("owner").unwrap_or(data);
    Ok((!owner.is_null()).then_some(&owner["list"]))
}

/// The query for a page whose size and beginning are variables.
fn page_query(walk: &Walk, data: &Data) -> Option<String> {
    let arguments = match walk.backward {
        true => "last: $size, before: $cursor",
        false => "first: $size, after: $cursor",
    };
    let field = walk.list.field("Connection", arguments, PAGE);
    let selections = walk.list.query(data, &field)?;
    Some(format!("query($size: Int, $cursor: String) {selections}"))
}

/// Answers a query with variables, as JSON.
pub type Ask<'a> = &'a dyn Fn(&str, &Value) -> Value;

fn ask_page(
    ask: Ask,
    query: &str,
    size: usize,
    cursor: Option<&str>,
) -> Result<Option<Page>, TestCaseError> {
    Page::read(&ask(query, &json!({ "size": size, "cursor": cursor })))
}

/// The ids of the whole list, as the list itself says.
pub fn whole_list(ask: Ask, list: &List, data: &Data) -> Result<Vec<String>, TestCaseError> {
    let field = list.field("", "limit: 1000", "id");
    let query = list.query(data, &field).unwrap_or_default();
    let answer = ask(&query, &json!({}));
    let rows = self::list(&answer)?.and_then(Value::as_array);
    let ids = rows.into_iter().flatten();
    let ids = ids.map(|row| row["id"].as_str().unwrap_or_default().to_owned());
    Ok(ids.collect())
}

#[test]
fn the_pages_of_a_list_are_the_list() {
    let cases = (vec(generate::walk(), 1..=8), generate::data());
    on_every_database(&config("pages", 45), &cases, |stage, (walks, data)| {
        stage.wait_for(generate::replace(&stage.database.connection, &data));
        let ask = |query: &str, variables: &Value| stage.ask(query, None, variables).json();
        walks.iter().try_for_each(|walk| read(&ask, walk, &data))
    });
}

#[test]
fn the_pages_of_a_list_are_the_list_in_the_reference_too() {
    let cases = (vec(generate::walk(), 1..=8), generate::data());
    proptest!(config("pages", 60), |((walks, data) in cases)| {
        let ask = |query: &str, variables: &Value| {
            let answer = reference::execute(&data, query, None, variables);
            let answer = answer.unwrap_or_else(|e| panic!("{query} {variables}: {e}"));
            serde_json::from_str(&answer).expect("JSON")
        };
        walks.iter().try_for_each(|walk| read(&ask, walk, &data))?;
    });
}

/// Reads a list by pages from one end, and between two of its cursors.
pub fn read(ask: Ask, walk: &Walk, data: &Data) -> Result<(), TestCaseError> {
    let Some(query) = page_query(walk, data) else {
        return Ok(());
    };
    let whole = whole_list(ask, &walk.list, data)?;
    let cursors = read_pages(ask, walk, &query, &whole)?;
    read_between(ask, walk, data, &whole, &cursors)
}

/// Reads all pages and holds each against the whole list. Returns the cursors of the whole list.
fn read_pages(
    ask: Ask,
    walk: &Walk,
    query: &str,
    whole: &[String],
) -> Result<Vec<String>, TestCaseError> {
    let mut rest = whole;
    let mut cursors = Vec::new();
    let mut cursor = None::<String>;
    for size in walk.sizes.iter().cycle() {
        let page = ask_page(ask, query, *size, cursor.as_deref())?;
        let Some(page) = page else { break };
        let size = rest.len().min(*size);
        let (left, expected) = match walk.backward {
            true => rest.split_at(rest.len() - size),
            false => {
                let (expected, left) = rest.split_at(size);
                (left, expected)
            }
        };
        rest = left;
        prop_assert_eq!(&page.ids, expected, "{} at {:?}", query, cursor);
        prop_assert_eq!(page.total, whole.len(), "{}", query);
        let (ahead, behind) = match walk.backward {
            true => ("hasPreviousPage", "hasNextPage"),
            false => ("hasNextPage", "hasPreviousPage"),
        };
        prop_assert_eq!(&page.info[ahead], !rest.is_empty(), "{}", query);
        prop_assert_eq!(&page.info[behind], cursor.is_some(), "{}", query);
        cursor = page.next(walk.backward).map(str::to_owned);
        let place = if walk.backward { 0 } else { cursors.len() };
        cursors.splice(place..place, page.cursors);
        if cursor.is_none() {
            break;
        }
    }
    prop_assert_eq!(cursors.len(), whole.len());
    let distinct: BTreeSet<_> = cursors.iter().collect();
    prop_assert_eq!(distinct.len(), whole.len(), "cursors of several rows");
    Ok(cursors)
}

/// Reads from either end of what lies between two cursors, which may be one or the wrong way around.
fn read_between(
    ask: Ask,
    walk: &Walk,
    data: &Data,
    whole: &[String],
    cursors: &[String],
) -> Result<(), TestCaseError> {
    let (Some(size), Some(skip)) = (walk.sizes.first(), walk.sizes.last()) else {
        return Ok(());
    };
    let (after, before) = (*size - 1, whole.len().saturating_sub(*skip));
    let (Some(start), Some(end)) = (cursors.get(after), cursors.get(before)) else {
        return Ok(());
    };
    let between = whole.get(after + 1..before).unwrap_or_default();
    for (argument, keeps_first) in [("first", true), ("last", false)] {
        let arguments = format!("{argument}: {size}, before: $end, after: $start");
        let field = walk.list.field("Connection", &arguments, PAGE);
        let selections = walk.list.query(data, &field).unwrap_or_default();
        let query = format!("query($start: String, $end: String) {selections}");
        let variables = json!({ "start": start, "end": end });
        let page = Page::read(&ask(&query, &variables))?;
        let Some(page) = page else { continue };
        let cut = between.len().saturating_sub(*size);
        let expected = match keeps_first {
            true => &between[..between.len() - cut],
            false => &between[cut..],
        };
        prop_assert_eq!(&page.ids, expected, "{}", query);
        prop_assert_eq!(page.total, whole.len(), "{}", query);
        let (ahead, behind) = match keeps_first {
            true => ("hasNextPage", "hasPreviousPage"),
            false => ("hasPreviousPage", "hasNextPage"),
        };
        prop_assert_eq!(&page.info[ahead], cut > 0, "{}", query);
        prop_assert_eq!(&page.info[behind], true, "{}", query);
    }
    Ok(())
}

#[test]
fn rows_that_stay_are_read_once_while_others_come_and_go() {
    let changes = vec(vec(generate::change(), 1..=3), 1..=5);
    let walks = vec((generate::walk(), changes), 1..=4);
    let cases = (walks, generate::data());
    on_every_database(&config("changes", 45), &cases, |stage, (walks, data)| {
        stage.wait_for(generate::replace(&stage.database.connection, &data));
        let mut data = data;
        for (walk, changes) in &walks {
            read_while_changing(stage, walk, changes, &mut data)?;
        }
        Ok(())
    });
}

fn read_while_changing(
    stage: &Stage,
    walk: &Walk,
    changes: &[Vec<Change>],
    data: &mut Data,
) -> Result<(), TestCaseError> {
    let Some(query) = page_query(walk, data) else {
        return Ok(());
    };
    let field = walk.list.field("Connection", "first: 1000", PAGE);
    let standing_query = walk.list.query(data, &field).unwrap_or_default();
    let ask = |query: &str, variables: &Value| stage.ask(query, None, variables).json();
    let mut changes = changes.iter().cycle();
    let mut cursor = None::<String>;
    let mut read = Vec::new();
    let mut steady = standing(data, &standing_query)?;
    for (number, size) in walk.sizes.iter().cycle().enumerate() {
        let page = ask_page(&ask, &query, *size, cursor.as_deref())?;
        let now = standing(data, &standing_query)?;
        steady.retain(|row| now.contains(row));
        let Some(page) = page else {
            prop_assert!(now.is_empty());
            break;
        };
        prop_assert_eq!(page.total, now.len(), "{}", query);
        let place = if walk.backward { 0 } else { read.len() };
        cursor = page.next(walk.backward).map(str::to_owned);
        read.splice(place..place, page.ids);
        if cursor.is_none() {
            break;
        }
        if number > MOST_CHANGES {
            continue;
        }
        for change in changes.next().into_iter().flatten() {
            let old = data.clone();
            change.apply(data);
            stage.wait_for(generate::write(&stage.database.connection, &old, data));
        }
    }
    let steady: Vec<_> = steady.into_iter().map(|(id, _)| id).collect();
    read.retain(|id| steady.contains(id));
    prop_assert_eq!(read, steady, "{}", query);
    Ok(())
}

/// The rows of the list, each with where it stands: the reference's cursors say, and a row has another
/// where it has moved.
fn standing(data: &Data, query: &str) -> Result<Vec<(String, String)>, TestCaseError> {
    let answer = reference::execute(data, query, None, &json!({}));
    let answer = answer.map_err(TestCaseError::fail)?;
    let answer = serde_json::from_str(&answer).expect("JSON");
    let page = Page::read(&answer)?;
    Ok(page.map_or(Vec::new(), |page| {
        page.ids.into_iter().zip(page.cursors).collect()
    }))
}

#[test]
fn a_cursor_serves_the_lists_of_one_row_and_of_many_as_in_the_reference() {
    let walks = vec((generate::walk(), any::<Index>()), 1..=8);
    let cases = (walks, generate::data());
    on_every_database(&config("owners", 30), &cases, |stage, (walks, data)| {
        stage.wait_for(generate::replace(&stage.database.connection, &data));
        let both = |query: &str, own: Option<&str>, other: Option<&str>| {
            let answer = stage.ask(query, None, &json!({ "cursor": own })).text;
            let expected = reference::execute(&data, query, None, &json!({ "cursor": other }));
            let expected = expected.map_err(TestCaseError::fail)?;
            prop_assert_eq!(
                without_cursors(&answer),
                without_cursors(&expected),
                "{}",
                query
            );
            Ok((all_cursors(&answer), all_cursors(&expected)))
        };
        for (
            Walk {
                list,
                backward,
                sizes,
            },
            chosen,
        ) in &walks
        {
            let selections = match list.field {
                "followers" | "following" => &PAGE.replace("edges {", "edges { createdAt"),
                _ => PAGE,
            };
            // A cursor is of an order, whatever was asked of the rows.
            let whole = list.without_condition();
            let whole = whole.field("Connection", "first: 50", selections);
            let Some(query) = list.query_of_all(&whole) else {
                continue;
            };
            let (own, others) = both(&query, None, None)?;
            if own.is_empty() {
                continue;
            }
            let chosen = chosen.index(own.len());
            let arguments = match backward {
                true => format!("last: {}, before: $cursor", sizes[0]),
                false => format!("first: {}, after: $cursor", sizes[0]),
            };
            let page = list.field("Connection", &arguments, selections);
            for selections in [list.query_of_all(&page), list.query(&data, &page)] {
                let query = format!("query($cursor: String) {}", selections.unwrap_or_default());
                both(&query, Some(&own[chosen]), Some(&others[chosen]))?;
            }
        }
        Ok(())
    });
}

/// The cursors of the edges of all lists in an answer.
fn all_cursors(answer: &str) -> Vec<String> {
    let answer: Value = serde_json::from_str(answer).expect("JSON");
    let owners = answer["data"]["owners"].as_array().into_iter().flatten();
    let edges = owners.filter_map(|owner| owner["list"]["edges"].as_array());
    let cursors = edges.flatten().filter_map(|edge| edge["cursor"].as_str());
    cursors.map(str::to_owned).collect()
}
