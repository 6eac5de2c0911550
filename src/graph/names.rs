//! Names: from tables, columns and `Relation` variants to GraphQL.

use heck::{ToLowerCamelCase, ToShoutySnakeCase, ToSnakeCase, ToUpperCamelCase};

/// `created_at`, `CreatedAt` → `createdAt`.
pub fn field(name: &str) -> String {
    legal(name.to_lower_camel_case())
}

/// `post`, `posts` → `Post`; `InvoiceLine` stays.
pub fn object(table: &str) -> String {
    legal(singular(&table.to_upper_camel_case()))
}

/// `post_status` → `PostStatus`.
pub fn enumeration(name: &str) -> String {
    legal(name.to_upper_camel_case())
}

/// `published` → `PUBLISHED`, `in-progress` → `IN_PROGRESS`; what comes out alike is numbered.
pub fn enum_values(values: &[String]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(values.len());
    for value in values {
        let name = legal(value.to_shouty_snake_case());
        let numbered = (2..).map(|n| format!("{name}_{n}"));
        let free = std::iter::once(name.clone())
            .chain(numbered)
            .find(|n| !names.contains(n));
        names.extend(free);
    }
    names
}

/// `post` → `posts`; what is plural already stays.
pub fn plural(name: &str) -> String {
    inflect(name, 2)
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
    format!("{head}{inflected}")
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
            let snake = c.to_snake_case();
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

/// GraphQL names are `[_A-Za-z][_0-9A-Za-z]*` (and `__` is reserved): what does not fit is replaced.
fn legal(name: String) -> String {
    let mut legal: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '_' {
                c
            } else {
                '_'
            }
        })
        .collect();
    if legal.starts_with(|c: char| c.is_ascii_digit()) || legal.is_empty() {
        legal.insert(0, '_');
    }
    legal
}

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
