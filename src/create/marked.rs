//! Generated files that somebody may edit: their first line tells whether somebody has.

use ring::digest::{SHA256, digest};

const MARK: &str = "written by `backref sync`, ";

/// The content with a first line that says what it is about, and a digest of it.
pub fn marked(about: &str, content: &str) -> String {
    format!(
        "//! {about}, {MARK}{}: what you change in this file is kept.\n\n{content}",
        digest_of(content)
    )
}

/// What a generated file on disk is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The digest of what was generated.
    pub generated: String,
    pub is_edited: bool,
}

/// `None` for a file that was never generated.
pub fn kept(text: &str) -> Option<Kept> {
    let (first, rest) = text.split_once('\n')?;
    let (_, mark) = first.split_once(MARK)?;
    let generated = mark.split(':').next()?.to_owned();
    Some(Kept {
        is_edited: digest_of(rest) != generated,
        generated,
    })
}

/// A digest that a formatter does not change: it moves blanks and commas, and sorts `use` and `mod`.
pub fn digest_of(content: &str) -> String {
    let letters = content.chars().filter(|c| !c.is_whitespace() && *c != ',');
    let plain: String = letters.collect();
    let mut statements: Vec<&str> = plain.split(';').collect();
    statements.sort_unstable();
    let digest = digest(&SHA256, statements.join(";").as_bytes());
    let bytes = digest.as_ref().iter().take(8);
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_is_told_from_what_a_formatter_does() {
        let content = "use a::b;\nuse super::c;\n\npub struct Model { pub id: i64 }\n";
        let text = marked("The table `post`", content);
        let kept_of = |text: &str| kept(text).expect("it is marked");
        assert!(!kept_of(&text).is_edited);
        let formatted = "use super::c;\nuse a::b;\n\npub struct Model {\n    pub id: i64,\n}\n";
        assert!(!kept_of(&text.replace(content, formatted)).is_edited);
        assert!(kept_of(&text.replace("i64", "i32")).is_edited);
        assert!(kept_of(&format!("{text}// mine\n")).is_edited);
        assert_eq!(kept("//! Mine.\n\nuse a::b;\n"), None);
    }
}
