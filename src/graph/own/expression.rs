//! SQL by which rows are searched and sorted as by a field of one's own: what it reads is found out at start, so that
//! no column is read in it unseen.
//!
//! SeaORM does not show what is inside of a `CASE`, so columns are found in the text that it makes of an expression:
//! the very text that is run. Whatever in it is neither a column, a call nor a word of expressions stops the start.

use sea_orm::sea_query::{Expr, PostgresQueryBuilder, Query, SqliteQueryBuilder};

use crate::graph::{Column, ColumnIx};

/// What rows can be searched and sorted by beside their columns.
#[derive(Debug)]
pub struct Expression {
    /// As if it were a column.
    pub column: Column,
    /// The columns that may be hidden from somebody, to whom the value is null then, as the field's is.
    pub ruled: Vec<ColumnIx>,
    pub postgres: Vec<Part>,
    pub sqlite: Vec<Part>,
}

/// A part of an expression's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Text(String),
    Column(ColumnIx),
}

impl Part {
    pub fn column(&self) -> Option<ColumnIx> {
        match self {
            Part::Column(column) => Some(*column),
            Part::Text(_) => None,
        }
    }
}

/// What is wrong with an expression.
pub(in crate::graph) enum Fault {
    /// It reads a column that the entity has not, or another table.
    NoColumn(String),
    /// It has text of which nobody knows what it reads.
    Unknown(String),
}

/// What `CASE`, comparisons and casts are written with.
const WORDS: &[&str] = &[
    "AND", "AS", "BETWEEN", "CASE", "COLLATE", "DISTINCT", "ELSE", "END", "ESCAPE", "FALSE",
    "FROM", "ILIKE", "IN", "IS", "LIKE", "NOT", "NULL", "OR", "THEN", "TRUE", "WHEN",
];

/// An expression as PostgreSQL and SQLite are asked it; `column` knows the columns of `table` by their names.
pub(in crate::graph) fn parts(
    expression: &Expr,
    table: &str,
    column: impl Fn(&str) -> Option<ColumnIx>,
) -> Result<[Vec<Part>; 2], Fault> {
    let mut select = Query::select();
    select.expr(expression.clone());
    let texts = [
        select.to_string(PostgresQueryBuilder),
        select.to_string(SqliteQueryBuilder),
    ];
    let parse = |text: &String| {
        let text = text.strip_prefix("SELECT ").unwrap_or(text);
        parts_of(&tokens(text), table, &column)
    };
    Ok([parse(&texts[0])?, parse(&texts[1])?])
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'t> {
    /// `"title"`
    Name(&'t str),
    Word(&'t str),
    /// Literals and blanks.
    Other(&'t str),
    /// Operators and brackets, one character each.
    Mark(&'t str),
}

fn parts_of(
    tokens: &[Token<'_>],
    table: &str,
    column: &impl Fn(&str) -> Option<ColumnIx>,
) -> Result<Vec<Part>, Fault> {
    let mut parts = Vec::new();
    let mut text = String::new();
    // Within the type of a cast, how many brackets are open.
    let mut of_type = None;
    let mut at = 0;
    while let Some(&token) = tokens.get(at) {
        at += 1;
        let (Token::Name(as_is) | Token::Word(as_is) | Token::Other(as_is) | Token::Mark(as_is)) =
            token;
        if let Some(open) = &mut of_type {
            match as_is {
                "(" => *open += 1,
                ")" if *open == 0 => of_type = None,
                ")" => *open -= 1,
                _ => {}
            }
            text.push_str(as_is);
            continue;
        }
        match token {
            Token::Name(name) => {
                let mut name = unquoted(name);
                if let (Some(Token::Mark(".")), Some(Token::Name(of))) =
                    (tokens.get(at), tokens.get(at + 1))
                {
                    let of = unquoted(of);
                    if name != table {
                        return Err(Fault::NoColumn(format!("{name}.{of}")));
                    }
                    name = of;
                    at += 2;
                }
                let ix = column(&name).ok_or(Fault::NoColumn(name))?;
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                }
                parts.push(Part::Column(ix));
                continue;
            }
            Token::Word(word) => {
                let called = tokens.get(at) == Some(&Token::Mark("("));
                let word_in_capitals = word.to_ascii_uppercase();
                if !called && !WORDS.contains(&word_in_capitals.as_str()) {
                    return Err(Fault::Unknown(word.to_owned()));
                }
                if word_in_capitals == "AS" {
                    of_type = Some(0);
                }
            }
            // What begins a comment, a name or a text in some other way than sea-query writes them.
            Token::Mark("-") if tokens.get(at) == Some(&Token::Mark("-")) => {
                return Err(Fault::Unknown("--".to_owned()));
            }
            Token::Mark(mark @ (";" | "#" | "$" | "?" | "`" | "[")) => {
                return Err(Fault::Unknown(mark.to_owned()));
            }
            Token::Other(_) | Token::Mark(_) => {}
        }
        text.push_str(as_is);
    }
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    Ok(parts)
}

fn unquoted(name: &str) -> String {
    name[1..name.len() - 1].replace("\"\"", "\"")
}

fn tokens<'t>(text: &'t str) -> Vec<Token<'t>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let while_is = |is: fn(char) -> bool| rest.find(|c| !is(c)).unwrap_or(rest.len());
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let (length, make): (usize, fn(&'t str) -> Token<'t>) = match first {
            '"' => (closed(rest, false), Token::Name),
            '\'' => (closed(rest, false), Token::Other),
            // PostgreSQL's strings with backslashes, and bytes.
            'E' | 'x' | 'X' if rest[1..].starts_with('\'') => {
                (1 + closed(&rest[1..], first == 'E'), Token::Other)
            }
            c if c.is_ascii_digit() => {
                (while_is(|c| c.is_alphanumeric() || c == '.'), Token::Other)
            }
            c if is_word(c) => (while_is(|c| c.is_alphanumeric() || c == '_'), Token::Word),
            c if c.is_whitespace() => (while_is(char::is_whitespace), Token::Other),
            c => (c.len_utf8(), Token::Mark),
        };
        let (token, behind) = rest.split_at(length);
        tokens.push(make(token));
        rest = behind;
    }
    tokens
}

/// How long what is quoted at the head of a text is, with its quotes.
fn closed(text: &str, backslashes: bool) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if backslashes => at += 2,
            c if c == bytes[0] && bytes.get(at + 1) == Some(&c) => at += 2,
            c if c == bytes[0] => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use sea_orm::sea_query::{Alias, CaseStatement, Expr, ExprTrait, Func};

    use super::{Fault, Part, parts};

    /// The text for PostgreSQL, with its columns in braces.
    fn shown(expression: impl Into<Expr>) -> String {
        let column = |name: &str| {
            ["title", "body", "odd \" name"]
                .iter()
                .position(|c| *c == name)
        };
        match parts(&expression.into(), "post", column) {
            Ok([postgres, _]) => {
                let part = |part: &Part| match part {
                    Part::Text(text) => text.clone(),
                    Part::Column(ix) => format!("{{{ix}}}"),
                };
                postgres.iter().map(part).collect()
            }
            Err(Fault::NoColumn(name)) => format!("no column {name}"),
            Err(Fault::Unknown(text)) => format!("unknown: {text}"),
        }
    }

    #[test]
    fn columns_are_found_wherever_they_stand() {
        let title = || Expr::col("title");
        let of_post = || Expr::col(("post", "body"));
        for (expression, expected) in [
            (Func::char_length(title()).into(), "CHAR_LENGTH({0})"),
            (of_post().add(1), "{1} + 1"),
            (
                CaseStatement::new()
                    .case(title().eq("\"body\" it's \\ 'x'"), of_post())
                    .finally("body")
                    .into(),
                "(CASE WHEN ({0} = E'\"body\" it\\'s \\\\ \\'x\\'') THEN {1} ELSE 'body' END)",
            ),
            (
                title().cast_as(Alias::new("numeric(10, 2)")).mul(2),
                "CAST({0} AS numeric(10, 2)) * 2",
            ),
            (Expr::col("odd \" name").is_null(), "{2} IS NULL"),
            (Expr::cust("lower(\"title\")"), "lower({0})"),
            (Expr::cust("lower(title)"), "unknown: title"),
            (
                Expr::cust("(SELECT max(\"title\") FROM \"post\")"),
                "unknown: SELECT",
            ),
            (Expr::current_timestamp(), "unknown: CURRENT_TIMESTAMP"),
            (Expr::cust("1; drop"), "unknown: ;"),
            (Expr::col("slug"), "no column slug"),
            (Expr::col(("user", "title")), "no column user.title"),
        ] {
            assert_eq!(shown(expression), expected);
        }
    }
}
