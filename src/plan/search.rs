//! `search`: from what a person types to a query of the database's full-text index.
//!
//! All words must be found. Words in quotes stand side by side, and a word that ends in `*` is the beginning
//! of one. Nothing else has a meaning, so no text is a wrong query. Words are runs of letters and digits, as
//! they are to both databases' indexes.

/// What is searched for: every term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    terms: Vec<Term>,
}

/// Words side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    words: Vec<String>,
    /// The last word is the beginning of one.
    prefix: bool,
}

impl Search {
    pub fn parse(text: &str) -> Self {
        let mut terms = Vec::new();
        for (i, part) in text.split('"').enumerate() {
            match i % 2 {
                // Between quotes.
                1 => terms.extend(Term::parse(part)),
                _ => terms.extend(part.split_whitespace().filter_map(Term::parse)),
            }
        }
        Search { terms }
    }

    /// Whether there is no word in it, which nothing has.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// As SQLite's FTS5 reads it: `"brass gear" AND "tide" *`.
    pub fn fts5(&self) -> String {
        let terms = self.terms.iter().map(|term| {
            let prefix = if term.prefix { " *" } else { "" };
            format!("\"{}\"{prefix}", term.words.join(" "))
        });
        terms.collect::<Vec<_>>().join(" AND ")
    }

    /// As PostgreSQL's `to_tsquery` reads it: `brass <-> gear & tide:*`.
    pub fn tsquery(&self) -> String {
        let terms = self.terms.iter().map(|term| {
            let prefix = if term.prefix { ":*" } else { "" };
            format!("{}{prefix}", term.words.join(" <-> "))
        });
        terms.collect::<Vec<_>>().join(" & ")
    }
}

impl Term {
    fn parse(text: &str) -> Option<Self> {
        // What is not ASCII is left to the databases.
        let separates = |c: char| c.is_ascii() && !c.is_ascii_alphanumeric();
        let words = text.split(separates).filter(|w| !w.is_empty());
        let words: Vec<_> = words.map(str::to_owned).collect();
        let prefix = text.trim_end().ends_with('*');
        (!words.is_empty()).then_some(Term { words, prefix })
    }
}

#[cfg(test)]
mod tests {
    use super::Search;

    #[test]
    fn what_is_typed_becomes_a_query_of_each_database() {
        for (typed, fts5, tsquery) in [
            ("tide brass", r#""tide" AND "brass""#, "tide & brass"),
            (
                r#""brass gear" ti*"#,
                r#""brass gear" AND "ti" *"#,
                "brass <-> gear & ti:*",
            ),
            (
                "don't (stop) OR 'x' | -y",
                r#""don t" AND "stop" AND "OR" AND "x" AND "y""#,
                "don <-> t & stop & OR & x & y",
            ),
            (
                r#"an "open quote"#,
                r#""an" AND "open quote""#,
                "an & open <-> quote",
            ),
            ("naïve Ω", r#""naïve" AND "Ω""#, "naïve & Ω"),
        ] {
            let search = Search::parse(typed);
            assert_eq!(search.fts5(), fts5);
            assert_eq!(search.tsquery(), tsquery);
        }
        for nothing in ["", " ", "!?", "\"\"", "*", "\0"] {
            assert!(Search::parse(nothing).is_empty(), "{nothing:?}");
        }
    }
}
