//! `search`: from what a person types to a query of the database's full-text index.
//!
//! All words must be found. Words in quotes stand side by side, and a word that ends in `*` is the beginning
//! of one. Nothing else has a meaning, so no text is a wrong query. Words are runs of letters and digits; which
//! characters are that beyond ASCII, each database's index says, and what is no word to it is not looked for.

use std::collections::HashSet;

use crate::error::{Code, Error};

/// The bytes of one search, its words, and those that are beginnings.
const MAX_BYTES: usize = 8192;
const MAX_WORDS: usize = 32;
const MAX_PREFIXES: usize = 4;

/// What is searched for: every term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    terms: Vec<Term>,
}

/// Words side by side.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Term {
    pub words: Vec<String>,
    /// The last word is the beginning of one.
    pub prefix: bool,
}

impl Search {
    /// What somebody asks for, unless it takes too long to look for.
    pub fn read(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_BYTES {
            return Err(too_much(text.len(), "bytes", MAX_BYTES));
        }
        let search = Search::parse(text);
        search.check()?;
        Ok(search)
    }

    pub fn parse(text: &str) -> Self {
        let mut terms = Vec::new();
        for (i, part) in text.split('"').enumerate() {
            match i % 2 {
                // Between quotes.
                1 => terms.extend(Term::parse(part)),
                _ => terms.extend(part.split_whitespace().filter_map(Term::parse)),
            }
        }
        // The database would look for each again.
        let mut seen = HashSet::new();
        terms.retain(|term| seen.insert(term.clone()));
        Search { terms }
    }

    /// Refuses what takes an index too long: words, and beginnings, each of which stands for many.
    fn check(&self) -> Result<(), Error> {
        let words = self.terms.iter().map(|t| t.words.len()).sum::<usize>();
        let prefixes = self.terms.iter().filter(|t| t.prefix).count();
        for (found, most, what) in [
            (words, MAX_WORDS, "words"),
            (prefixes, MAX_PREFIXES, "words that end in `*`"),
        ] {
            if found > most {
                return Err(too_much(found, what, most));
            }
        }
        Ok(())
    }

    /// As SQLite's FTS5 reads it: `"brass gear" "tide" *`. With `AND` between them all would have to be found, also those in which
    /// it sees no word.
    pub fn fts5(&self) -> String {
        let terms = self.terms.iter().map(|term| {
            let prefix = if term.prefix { " *" } else { "" };
            format!("\"{}\"{prefix}", term.words.join(" "))
        });
        terms.collect::<Vec<_>>().join(" ")
    }

    /// What [`Search::fts5`] has written.
    pub fn of_fts5(text: &str) -> Self {
        let mut terms: Vec<Term> = Vec::new();
        for (i, part) in text.split('"').enumerate() {
            match (i % 2, terms.last_mut()) {
                (1, _) => terms.push(Term {
                    words: part.split(' ').map(str::to_owned).collect(),
                    prefix: false,
                }),
                (_, Some(term)) => term.prefix = part.starts_with(" *"),
                _ => {}
            }
        }
        Search { terms }
    }

    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// As PostgreSQL's `to_tsquery` reads it: `brass <-> gear & tide:*`.
    pub fn tsquery(&self) -> String {
        let terms = self.terms.iter().filter_map(|term| {
            let prefix = if term.prefix { ":*" } else { "" };
            // What is no word to it would keep those beside it apart.
            let words = term.words.iter().filter(|word| has_letter(word));
            let words: Vec<_> = words.map(String::as_str).collect();
            (!words.is_empty()).then(|| format!("{}{prefix}", words.join(" <-> ")))
        });
        terms.collect::<Vec<_>>().join(" & ")
    }
}

fn too_much(found: usize, what: &str, most: usize) -> Error {
    let message = format!("`search` has {found} {what}, and {most} are allowed; search for fewer");
    Error::new(Code::LimitExceeded, message).of_field("search")
}

impl Term {
    fn parse(text: &str) -> Option<Self> {
        // What else is not ASCII is left to the databases.
        let separates = |c: char| c.is_whitespace() || (c.is_ascii() && !c.is_ascii_alphanumeric());
        let words = text.split(separates).filter(|word| !word.is_empty());
        let words: Vec<_> = words.map(str::to_owned).collect();
        let prefix = text.trim_end().ends_with('*');
        (!words.is_empty()).then_some(Term { words, prefix })
    }
}

/// Whether it is a word to PostgreSQL.
fn has_letter(word: &str) -> bool {
    word.chars()
        .any(|c| c.is_alphabetic() || c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::Search;

    #[test]
    fn a_search_has_so_many_words() {
        let words = |n: usize| (0..n).map(|i| format!("w{i} ")).collect::<String>();
        assert!(Search::parse(&words(32)).check().is_ok());
        assert!(Search::parse(&words(33)).check().is_err());
        assert!(Search::parse(&"again ".repeat(1000)).check().is_ok());
        assert!(Search::parse("a* b* c* d*").check().is_ok());
        assert!(Search::parse("a* b* c* d* e*").check().is_err());
        // However few words it comes to.
        assert!(Search::read(&"again ".repeat(2000)).is_err());
    }

    #[test]
    fn what_is_typed_becomes_a_query_of_each_database() {
        for (typed, fts5, tsquery) in [
            ("tide brass", r#""tide" "brass""#, "tide & brass"),
            (
                r#""brass gear" ti*"#,
                r#""brass gear" "ti" *"#,
                "brass <-> gear & ti:*",
            ),
            (
                "don't (stop) OR 'x' | -y",
                r#""don t" "stop" "OR" "x" "y""#,
                "don <-> t & stop & OR & x & y",
            ),
            (
                r#"an "open quote"#,
                r#""an" "open quote""#,
                "an & open <-> quote",
            ),
            ("naïve Ω", r#""naïve" "Ω""#, "naïve & Ω"),
            (
                "the — tide* tide* 😀 ½",
                r#""the" "—" "tide" * "😀" "½""#,
                "the & tide:*",
            ),
            ("\"a ½ b\" \"½ ¾\"", r#""a ½ b" "½ ¾""#, "a <-> b"),
            ("\"a\u{3000}b\"", r#""a b""#, "a <-> b"),
        ] {
            let search = Search::parse(typed);
            assert_eq!(search.fts5(), fts5);
            assert_eq!(search.tsquery(), tsquery);
            assert_eq!(Search::of_fts5(fts5), search);
        }
        for nothing in ["", " ", "!?", "\"\"", "*", "\0", "—"] {
            let search = Search::parse(nothing);
            assert_eq!(search.tsquery(), "", "{nothing:?}");
            assert!(nothing == "—" || search.fts5().is_empty(), "{nothing:?}");
        }
    }
}
