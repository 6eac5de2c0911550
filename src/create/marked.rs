//! Generated files that somebody may edit: their first line tells whether somebody has.

use quote::ToTokens;
use ring::digest::{SHA256, digest};
use syn::buffer::{Cursor, TokenBuffer};

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

/// A digest that a formatter does not change: it moves blanks and commas, and sorts `use` and `mod`. What stands in
/// quotes it leaves alone, and there a blank makes another name.
pub fn digest_of(content: &str) -> String {
    let letters = content.chars().filter(|c| !c.is_whitespace() && *c != ',');
    let plain: String = letters.collect();
    let mut statements: Vec<&str> = plain.split(';').collect();
    statements.sort_unstable();
    let mut text = statements.join(";");
    if let Ok(file) = syn::parse_file(content) {
        let tokens = TokenBuffer::new2(file.to_token_stream());
        add_literals(tokens.begin(), &mut text);
    }
    let digest = digest(&SHA256, text.as_bytes());
    let bytes = digest.as_ref().iter().take(8);
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

fn add_literals(mut tokens: Cursor<'_>, text: &mut String) {
    while let Some((_, after)) = tokens.token_tree() {
        if let Some((literal, _)) = tokens.literal() {
            text.push('\n');
            *text += &literal.to_string();
        } else if let Some((inside, ..)) = tokens.any_group() {
            add_literals(inside, text);
        }
        tokens = after;
    }
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

    #[test]
    fn what_stands_in_quotes_is_told_apart_to_the_blank() {
        let of = |name: &str| {
            digest_of(&format!(
                "#[sea_orm(table_name = {name:?})]\npub struct Model {{ pub id: i64 }}\n"
            ))
        };
        let names = [
            "Order Details",
            "OrderDetails",
            "Order,Details",
            "Order  Details",
        ];
        for (ix, name) in names.iter().enumerate() {
            for other in &names[ix + 1..] {
                assert_ne!(of(name), of(other), "{name} and {other}");
            }
        }
        let formatted = "#[sea_orm(\n    table_name = \"Order Details\",\n)]\npub struct Model {\n    pub id: i64,\n}\n";
        assert_eq!(digest_of(formatted), of("Order Details"));
    }
}
