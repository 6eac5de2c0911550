//! Names: from tables, columns, values and `Relation` variants to GraphQL.
//!
//! GraphQL's names are `[_A-Za-z][_0-9A-Za-z]*`. What a text has beyond that is written in those letters
//! (`spelled`); where two come out alike, those that had to be written otherwise than they are get their code points,
//! so that a name does not depend on the order of its like.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use deunicode::deunicode_char;
use heck::{ToLowerCamelCase, ToShoutySnakeCase, ToSnakeCase, ToUpperCamelCase};

/// Fields that every `where` has besides those of its entity.
const LOGIC: [&str; 3] = ["and", "or", "not"];
/// Fields of every edge.
const EDGE: [&str; 2] = ["cursor", "node"];

/// `created_at`, `CreatedAt` → `createdAt`; `имя` → `imia`; `and` → `and_`.
pub fn field(name: &str) -> String {
    free(camel(name), &LOGIC)
}

/// The same, where the field may be one of an edge.
pub fn edge_field(name: &str) -> String {
    free(field(name), &EDGE)
}

/// `post`, `posts` → `Post`; `InvoiceLine` stays.
pub fn object(table: &str) -> String {
    legal(singular(&spelled(table).to_upper_camel_case()))
}

/// `post_status` → `PostStatus`.
pub fn enumeration(name: &str) -> String {
    legal(spelled(name).to_upper_camel_case())
}

/// What one row of a type is called, and several.
pub fn counted(type_name: &str) -> (String, String) {
    let one = camel(type_name);
    let mut many = plural(&one);
    if many == one {
        many.push_str("List");
    }
    (free(one, &LOGIC), free(many, &LOGIC))
}

/// `published` → `PUBLISHED`, `in-progress` → `IN_PROGRESS`, `男` → `NAN`, `+` → `PLUS`; what comes out alike is told
/// apart, at the last by numbers.
pub fn enum_values(values: &[String]) -> Vec<String> {
    let shouted = |value: &String| legal(spelled(value).to_shouty_snake_case());
    let pairs: Vec<_> = values.iter().map(|v| (v.as_str(), shouted(v))).collect();
    let marked = distinct(&pairs, &HashSet::new());
    let mut names: Vec<String> = Vec::with_capacity(marked.len());
    for name in marked {
        let free = numbered(&name).find(|n| !names.contains(n));
        names.extend(free);
    }
    names
}

/// A name for each text, given what it comes out as. Those that are written as they are keep that. Of the others, one
/// that comes out as another does, or as what is taken, is marked by its code points.
pub fn distinct(texts: &[(&str, String)], taken: &HashSet<String>) -> Vec<String> {
    let mut count: HashMap<&str, usize> = HashMap::new();
    for (_, name) in texts {
        *count.entry(name).or_default() += 1;
    }
    let mut names: Vec<String> = Vec::with_capacity(texts.len());
    for (text, name) in texts {
        let alone = count[name.as_str()] == 1 && !taken.contains(name);
        let name = match mark(text) {
            Some(mark) if !alone => {
                let name = format!("{name}_{mark}");
                let is_free = |n: &String| {
                    !taken.contains(n) && !names.contains(n) && !count.contains_key(n.as_str())
                };
                numbered(&name).find(is_free).unwrap_or(name.clone())
            }
            _ => name.clone(),
        };
        names.push(name);
    }
    names
}

/// The name, and then with a number behind it.
fn numbered(name: &str) -> impl Iterator<Item = String> {
    let numbers = (2..).map(move |n| format!("{name}_{n}"));
    std::iter::once(name.to_owned()).chain(numbers)
}

/// A name that is one of these gets an underscore, at which no other ends.
fn free(name: String, reserved: &[&str]) -> String {
    match reserved.contains(&name.as_str()) {
        true => format!("{name}_"),
        false => name,
    }
}

/// Why a name that somebody gave cannot be one, if it cannot.
pub fn fault(name: &str, of: Named) -> Option<&'static str> {
    let mut letters = name.chars();
    let begins = letters
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if !begins || !letters.all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Some(
            "is no name in GraphQL, which are made of the letters A to Z, digits and `_`, and do not begin with a digit",
        );
    }
    if name.starts_with("__") {
        return Some("is reserved: names that begin with `__` are GraphQL's own");
    }
    match of {
        Named::Field if LOGIC.contains(&name) => Some("is a word of every `where`"),
        Named::Value if ["true", "false", "null"].contains(&name) => {
            Some("is no name of a value in GraphQL")
        }
        _ => None,
    }
}

/// What a name is for.
#[derive(Debug, Clone, Copy)]
pub enum Named {
    Type,
    Field,
    Value,
}

fn camel(name: &str) -> String {
    legal(spelled(name).to_lower_camel_case())
}

/// A text in ASCII, with at least one letter or digit: `имя` → `imia`, `+` → `plus`.
fn spelled(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    let letters: String = text
        .chars()
        .map(|c| match c.is_ascii() {
            true => Cow::Owned(c.to_string()),
            // Chinese is read word by word, with spaces between.
            false => deunicode_char(c).map_or(Cow::Borrowed(" "), Cow::Borrowed),
        })
        .collect();
    if letters.contains(|c: char| c.is_ascii_alphanumeric()) {
        return Cow::Owned(letters);
    }
    let words = text.chars().map(|c| {
        let known = SYMBOLS.iter().find(|(symbol, _)| *symbol == c);
        known.map_or_else(|| code_point(c), |(_, word)| (*word).to_owned())
    });
    let words: Vec<_> = words.collect();
    match words.is_empty() {
        true => Cow::Borrowed("empty"),
        false => Cow::Owned(words.join(" ")),
    }
}

/// `posts` → `Posts`
pub fn capital(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// Whether a text is ASCII, with a letter or digit in it, so that it is written as it is.
fn is_plain(text: &str) -> bool {
    text.is_ascii() && text.contains(|c: char| c.is_ascii_alphanumeric())
}

/// What tells a text that is not plain from others that come out alike.
pub fn mark(text: &str) -> Option<String> {
    if is_plain(text) {
        return None;
    }
    let points = text.chars().filter(|c| !c.is_ascii_alphanumeric());
    Some(points.map(code_point).collect::<Vec<_>>().join("_"))
}

fn code_point(c: char) -> String {
    format!("U{:04X}", u32::from(c))
}

/// `post` → `posts`; what is plural already stays.
pub fn plural(name: &str) -> String {
    free(inflect(name.trim_end_matches('_'), 2), &LOGIC)
}

/// What a list is called by its variant: `Post` → `posts`; `PostsByEditor` is several already.
pub fn list(variant: &str) -> String {
    let name = field(variant);
    let is_several = |(head, by): (&str, &str)| {
        by.starts_with(|c: char| c.is_ascii_uppercase()) && plural(head) == head
    };
    match name.split_once("By").is_some_and(is_several) {
        true => name,
        false => plural(&name),
    }
}

/// `orderDetails` → `order details`, for sentences.
pub fn words(name: &str) -> String {
    name.to_snake_case().replace('_', " ")
}

fn singular(name: &str) -> String {
    inflect(name, 1)
}

/// Inflects the last word of a camel-case name, so that `mediaType` is looked up as `type`.
fn inflect(name: &str, count: isize) -> String {
    let start = name
        .char_indices()
        .rev()
        .find(|(_, c)| c.is_uppercase())
        .map_or(0, |(i, _)| i);
    let (head, word) = name.split_at(start);
    let lower = word.to_lowercase();
    let irregular = IRREGULAR
        .iter()
        .find(|(one, many)| [*one, *many].contains(&lower.as_str()));
    let inflected = match irregular {
        Some((one, many)) => {
            let form = if count == 1 { one } else { many };
            format!("{}{}", &word[..1], &form[1..])
        }
        // `basis`, `axis` and their like are no plurals.
        None if count == 1 && lower.ends_with("is") => word.to_owned(),
        None => pluralizer::pluralize(word, count, false),
    };
    match inflected.is_empty() {
        // `s` is no plural of nothing.
        true => name.to_owned(),
        false => format!("{head}{inflected}"),
    }
}

/// What the inflector takes for plurals (`gps` of `gp`, `specimen` of `speciman`).
const IRREGULAR: [(&str, &str); 11] = [
    ("abdomen", "abdomens"),
    ("bias", "biases"),
    ("dns", "dns"),
    ("gps", "gps"),
    ("ios", "ios"),
    ("lens", "lenses"),
    ("omen", "omens"),
    ("regimen", "regimens"),
    ("sms", "sms"),
    ("species", "species"),
    ("specimen", "specimens"),
];

/// The name of a foreign key without its `_id`: `reports_to` → `reportsTo`, `original_language_id` →
/// `originalLanguage`.
pub fn foreign_key(columns: &[&str]) -> String {
    let words: Vec<String> = columns
        .iter()
        .map(|c| {
            let snake = spelled(c).to_snake_case();
            let stem = snake.strip_suffix("_id").unwrap_or(&snake);
            stem.to_owned()
        })
        .collect();
    field(&words.join("_and_"))
}

/// What a relation is called by its foreign key: `language` for `language_id`. Where the key is called as
/// what it refers to (`iso3`), that says nothing of the relation: `countryByIso3`.
pub fn of_key(columns: &[String], refers_to: &[String], target: &str) -> String {
    let columns: Vec<_> = columns.iter().map(String::as_str).collect();
    let name = foreign_key(&columns);
    let plain = columns.iter().all(|c| field(c) == foreign_key(&[c]));
    match plain && columns == refers_to {
        true => format!("{target}By{}", name.to_upper_camel_case()),
        false => name,
    }
}

/// Whether sea-orm-cli made this variant's name up because the target's name alone would not do:
/// `SelfRef`, `SelfRef2`, `SelfRefReverse`, `Language1`.
pub fn made_up(variant: &str, target_table: &str) -> bool {
    let stem = variant.trim_end_matches(|c: char| c.is_ascii_digit());
    stem == "SelfRef"
        || stem == "SelfRefReverse"
        || (stem != variant && stem == target_table.to_upper_camel_case())
}

/// A digit does not begin a name.
fn legal(mut name: String) -> String {
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert(0, '_');
    }
    name
}

/// What stands for a value where there is nothing else, as in `+` and `-`.
const SYMBOLS: [(char, &str); 33] = [
    (' ', "space"),
    ('!', "exclamation"),
    ('"', "quote"),
    ('#', "hash"),
    ('$', "dollar"),
    ('%', "percent"),
    ('&', "ampersand"),
    ('\'', "apostrophe"),
    ('(', "open parenthesis"),
    (')', "close parenthesis"),
    ('*', "asterisk"),
    ('+', "plus"),
    (',', "comma"),
    ('-', "minus"),
    ('.', "dot"),
    ('/', "slash"),
    (':', "colon"),
    (';', "semicolon"),
    ('<', "less"),
    ('=', "equal"),
    ('>', "greater"),
    ('?', "question"),
    ('@', "at"),
    ('[', "open bracket"),
    ('\\', "backslash"),
    (']', "close bracket"),
    ('^', "caret"),
    ('_', "underscore"),
    ('`', "backtick"),
    ('{', "open brace"),
    ('|', "bar"),
    ('}', "close brace"),
    ('~', "tilde"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_and_columns_become_graphql_names() {
        assert_eq!(object("post"), "Post");
        assert_eq!(object("order details"), "OrderDetail");
        assert_eq!(object("InvoiceLine"), "InvoiceLine");
        assert_eq!(object("people"), "Person");
        assert_eq!(object("address"), "Address");
        assert_eq!(object("status"), "Status");
        assert_eq!(object("s"), "S");
        assert_eq!(object("tax_basis"), "TaxBasis");
        assert_eq!(object("camera_lenses"), "CameraLens");
        assert_eq!(field("AlbumId"), "albumId");
        assert_eq!(field("2nd_name"), "_2ndName");
        assert_eq!(words("orderDetails"), "order details");
        let values = ["in-progress", "3d", "in progress", "C", "C++"].map(str::to_owned);
        assert_eq!(
            enum_values(&values),
            ["IN_PROGRESS", "_3D", "IN_PROGRESS_2", "C", "C_2"]
        );
    }

    #[test]
    fn plurals_inflect_the_last_word_and_leave_plurals_alone() {
        for (one, many) in [
            ("post", "posts"),
            ("posts", "posts"),
            ("mediaType", "mediaTypes"),
            ("category", "categories"),
            ("reply", "replies"),
            ("person", "people"),
            ("address", "addresses"),
            ("specimen", "specimens"),
            ("specimens", "specimens"),
            ("analysis", "analyses"),
        ] {
            assert_eq!(plural(one), many);
        }
        assert_eq!(list("Post"), "posts");
        assert_eq!(list("PostsByEditor"), "postsByEditor");
        assert_eq!(list("Standby"), "standbies");
    }

    #[test]
    fn made_up_variants_are_told_from_chosen_ones() {
        assert!(made_up("SelfRef", "employee"));
        assert!(made_up("SelfRef2", "bills"));
        assert!(made_up("Language1", "language"));
        assert!(!made_up("Language", "language"));
        assert!(!made_up("Address1", "user"));
        assert_eq!(foreign_key(&["original_language_id"]), "originalLanguage");
        assert_eq!(foreign_key(&["ReportsTo"]), "reportsTo");
        assert_eq!(foreign_key(&["AlbumId"]), "album");
        let of_key = |column: &str, refers_to: &str| {
            of_key(&[column.to_owned()], &[refers_to.to_owned()], "country")
        };
        assert_eq!(of_key("country_id", "country_id"), "country");
        assert_eq!(of_key("home", "code"), "home");
        assert_eq!(of_key("iso3", "iso3"), "countryByIso3");
    }
}
