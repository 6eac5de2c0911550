//! `backref_rank(search, column, …)`: how well a row answers a search, on SQLite.
//!
//! It looks at the row alone. FTS5's own `bm25` counts how many rows have a word and how long all rows are, so that rows
//! that nobody may see would change the order of those that he sees.

use rusqlite::functions::Context;
use rusqlite::types::ValueRef;

use super::fold::folded_text;
use crate::read::plan::{Search, Term};

/// What a word weighs in the first to the fourth column, as PostgreSQL weighs its A to D.
const WEIGHTS: [f64; 4] = [1.0, 0.4, 0.2, 0.1];

/// The rank of the row whose columns the arguments are, after what is searched for as FTS5 reads it. For a word it is
/// PostgreSQL's `ts_rank`: each further one counts less, and a long text is no worse than a short one.
pub(super) fn rank(context: &Context<'_>) -> rusqlite::Result<f64> {
    let search = context.get_or_create_aux(0, |text| {
        let text = text.as_str()?;
        Ok::<_, rusqlite::types::FromSqlError>(Asked::new(&Search::of_fts5(text)))
    })?;
    let columns = (1..context.len()).map(|i| text(context.get_raw(i)));
    let columns: Vec<_> = columns.collect();
    Ok(search.rank(&columns))
}

/// A value in lower case, as FTS5 reads what is no text, too.
fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Text(text) | ValueRef::Blob(text) => folded_text(text),
        ValueRef::Integer(i) => i.to_string(),
        ValueRef::Real(f) => f.to_string(),
        ValueRef::Null => String::new(),
    }
}

/// What is searched for, in words as they are looked for.
struct Asked(Vec<Phrase>);

/// Words side by side.
struct Phrase {
    words: Vec<String>,
    /// The last word is the beginning of one.
    prefix: bool,
}

impl Asked {
    fn new(search: &Search) -> Self {
        let phrase = |term: &Term| Phrase {
            words: words(&folded_text(term.words.join(" ").as_bytes()))
                .map(str::to_owned)
                .collect(),
            prefix: term.prefix,
        };
        let phrases = search.terms().iter().map(phrase);
        Asked(phrases.filter(|p| !p.words.is_empty()).collect())
    }

    fn rank(&self, columns: &[String]) -> f64 {
        let of = |phrase: &Phrase| {
            let mut before = 0;
            let mut rank = 0.0;
            for (text, weight) in columns.iter().zip(WEIGHTS) {
                let found = phrase.count(text);
                rank += (before + 1..=before + found)
                    .map(|n| weight / (n * n) as f64)
                    .sum::<f64>();
                before += found;
            }
            // Of a word that goes on for ever.
            rank * 6.0 / std::f64::consts::PI.powi(2)
        };
        self.0.iter().map(of).sum::<f64>() / self.0.len().max(1) as f64
    }
}

impl Phrase {
    fn count(&self, text: &str) -> usize {
        let [first, rest @ ..] = &self.words[..] else {
            return 0;
        };
        let starts = text.match_indices(first.as_str());
        let starts = starts.filter(|(at, _)| !text[..*at].ends_with(char::is_alphanumeric));
        let goes_on = |(at, _)| self.goes_on(&text[at + first.len()..], rest);
        starts.filter(|start| goes_on(*start)).count()
    }

    /// Whether a text continues with these words, after one of them.
    fn goes_on(&self, mut text: &str, words: &[String]) -> bool {
        for word in words {
            let next = text.trim_start_matches(|c: char| !c.is_alphanumeric());
            match next.strip_prefix(word.as_str()) {
                Some(rest) if next.len() < text.len() => text = rest,
                _ => return false,
            }
        }
        self.prefix || !text.starts_with(char::is_alphanumeric)
    }
}

/// Runs of letters and digits.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words.filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank(search: &str, columns: &[&str]) -> f64 {
        let search = Search::of_fts5(&Search::parse(search).fts5());
        let columns: Vec<_> = columns.iter().map(|c| folded_text(c.as_bytes())).collect();
        Asked::new(&search).rank(&columns)
    }

    #[test]
    fn more_is_better_and_each_further_one_less_so() {
        let of = |times: usize| rank("tide", &["", &"tide ".repeat(times)]);
        assert_eq!(of(0), 0.0);
        assert!(of(1) > 0.0);
        assert!(of(2) - of(1) > of(3) - of(2));
        assert!(of(10_000) < 0.4);
    }

    #[test]
    fn the_first_column_weighs_most_and_no_length_weighs_anything() {
        let long = "word ".repeat(1000);
        assert!(rank("tide", &["A tide", ""]) > rank("tide", &["", "tide, tide and tide"]));
        assert_eq!(
            rank("tide", &["", &format!("{long} tide")]),
            rank("tide", &["", "Tide!"])
        );
    }

    #[test]
    fn words_are_found_as_the_index_finds_them() {
        for (search, text, times) in [
            ("TIDE", "tide's Tide, untide", 2),
            ("ti*", "tide (time) at", 2),
            ("\"brass gear\"", "brass gear; gear brass-gear", 2),
            ("\"brass ge*\"", "brass gears", 1),
            ("don't", "don't don t", 2),
            ("ΟΔΟΣ", "οδος", 1),
            ("été", "L'ÉTÉ", 1),
        ] {
            let expected = rank("x", &["", &"x ".repeat(times)]);
            assert_eq!(rank(search, &["", text]), expected, "{search} {text}");
        }
    }
}
