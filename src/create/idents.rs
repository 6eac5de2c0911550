//! Names in Rust for what a database has, whatever it is called there.
//!
//! They are in ASCII, and no two of a place differ in underscores or case alone, since SeaORM makes `CamelCase` of
//! them.

use std::collections::HashSet;

use heck::{ToSnakeCase, ToUpperCamelCase};

use crate::graph::names;

/// The names that are taken in one place.
#[derive(Debug, Default)]
pub struct Idents {
    taken: HashSet<String>,
}

/// Words that are no name even as `r#word`, and files that the folder of entities has already.
const RESERVED: [&str; 10] = [
    "self", "super", "crate", "prelude", "lib", "mod", "main", "std", "core", "sea_orm",
];

/// Types that the files of entities have already: their own, SeaORM's and Rust's preludes. An enum that is called so would
/// stand in their place.
const TYPES: &str = "
    ActiveModel ActiveModelEx Column ColumnIter Entity Model ModelEx PrimaryKey PrimaryKeyIter RelatedEntity Relation
    RelationIter

    ActiveBelongsTo ActiveEnum ActiveHasMany ActiveHasOne ActiveModelBehavior ActiveModelTrait BelongsTo BigDecimal
    ChronoDate ChronoDateTime ChronoDateTimeLocal ChronoDateTimeUtc ChronoDateTimeWithTimeZone ChronoTime
    ChronoUnixTimestamp ChronoUnixTimestampMillis ChronoUtc ColumnDef ColumnFromStrErr ColumnTrait ColumnType
    ColumnTypeTrait ConnAcquireErr ConnectionTrait CursorTrait DatabaseConnection Date DateTime DateTimeLocal
    DateTimeUtc DateTimeWithTimeZone DbConn DbErr Decimal DynIden EntityName EntityTrait EnumIter Expr
    ForeignKeyAction HasMany HasOne Iden IdenStatic IpNetwork Json Linked LoaderTrait ModelTrait PaginatorTrait
    PgVector PrimaryKeyArity PrimaryKeyToColumn PrimaryKeyTrait QueryFilter QueryResult RcOrArc Related
    RelatedSelfVia RelationDef RelationTrait RuntimeErr SeaRc Select SelectExt SqlErr StringLen TextUuid Time
    TimeDate TimeDateTime TimeDateTimeWithTimeZone TimeTime TimeUnixTimestamp TimeUnixTimestampMillis Uuid Value

    AsMut AsRef Box Clone Copy Debug Default DoubleEndedIterator Drop Eq Err ExactSizeIterator Extend Fn FnMut FnOnce
    From FromIterator Hash Into IntoIterator Iterator None Ok Option Ord PartialEq PartialOrd Result Send Sized Some
    String Sync ToOwned ToString TryFrom TryInto Unpin Vec";

/// What SeaORM's derive makes beside an enum, by what it puts behind the enum's name.
const BESIDE_ENUM: [&str; 5] = ["", "Enum", "Variant", "Iter", "VariantIter"];

impl Idents {
    /// A name like `order_detail` for a table or column; `of` is what it is, where the name alone will not do.
    pub fn snake(&mut self, name: &str, of: &str) -> String {
        self.free(plain(name, of), numbered(of), &[""])
    }

    /// Takes this name, if it is free.
    pub fn keep(&mut self, name: &str) -> bool {
        self.taken.insert(name.to_upper_camel_case())
    }

    /// Takes this name of an enum's type, if it is free with all that is made beside it.
    pub fn keep_enumeration(&mut self, name: &str) -> bool {
        let all: Vec<String> = BESIDE_ENUM.iter().map(|of| format!("{name}{of}")).collect();
        let is_free = all.iter().all(|name| !self.taken.contains(name));
        if is_free {
            self.taken.extend(all);
        }
        is_free
    }

    /// A name like `order_state` for an enum, whose type has `OrderState` for itself and with whatever is made beside it.
    pub fn enumeration(&mut self, name: &str) -> String {
        let types = TYPES.split_whitespace().map(str::to_owned);
        self.taken.extend(types);
        self.free(plain(name, "enum"), numbered("enum"), &BESIDE_ENUM)
    }

    /// A name like `OriginalLanguage` for a variant.
    pub fn camel(&mut self, name: &str, of: &str) -> String {
        let plain = name.to_upper_camel_case();
        let plain = match plain.chars().next() {
            None => of.to_owned(),
            Some(first) if first.is_ascii_digit() => format!("{of}{plain}"),
            _ if plain == "Self" => format!("{plain}{of}"),
            _ => plain,
        };
        self.free(plain, |name, number| format!("{name}{of}{number}"), &[""])
    }

    /// The name, or the first that is free with all that stands beside it.
    fn free(
        &mut self,
        name: String,
        otherwise: impl Fn(&str, String) -> String,
        beside: &[&str],
    ) -> String {
        let numbers = (1..).map(|n: u32| match n {
            1 => otherwise(&name, String::new()),
            n => otherwise(&name, n.to_string()),
        });
        let mut candidates = std::iter::once(name.clone()).chain(numbers);
        let all = |name: &str| {
            let name = name.to_upper_camel_case();
            beside.iter().map(move |beside| format!("{name}{beside}"))
        };
        let free = candidates.find(|c| all(c).all(|name| !self.taken.contains(&name)));
        let free = free.unwrap_or(name);
        self.taken.extend(all(&free));
        free
    }
}

/// The name in ASCII and with underscores, as one that Rust can have.
fn plain(name: &str, of: &str) -> String {
    let plain = match name.is_ascii() {
        true => name.to_snake_case(),
        false => String::new(),
    };
    let plain = match plain.is_empty() {
        true => names::field(name).to_snake_case(),
        false => plain,
    };
    match plain.chars().next() {
        None => of.to_owned(),
        Some(first) if first.is_ascii_digit() => format!("{of}_{plain}"),
        _ if RESERVED.contains(&plain.as_str()) => format!("{plain}_{of}"),
        _ => plain,
    }
}

fn numbered(of: &str) -> impl Fn(&str, String) -> String {
    move |name, number| format!("{name}_{of}{number}")
}

/// A name as it stands in code, where a keyword of Rust needs a mark.
pub fn code(name: &str) -> String {
    // A keyword since Rust 2024, which `syn` does not know.
    let is_new = name == "gen";
    match syn::parse_str::<syn::Ident>(name) {
        Ok(_) if !is_new => name.to_owned(),
        _ => format!("r#{name}"),
    }
}

/// Whether a column is called as what nobody but the server should read. PostgreSQL folds `accessToken` to one word, so
/// words are known by how they end.
pub fn is_secret(column: &str) -> bool {
    const PARTS: [&str; 6] = [
        "password",
        "passwd",
        "passphrase",
        "passcode",
        "secret",
        "credential",
    ];
    const WORDS: [&str; 5] = ["salt", "pin", "jwt", "cvv2", "cvc2"];
    const ENDS: [&str; 7] = ["token", "tokens", "pwd", "otp", "cvv", "cvc", "passkey"];
    // What a key is for that is no key of the database.
    const KEYS: [&str; 7] = [
        "api",
        "private",
        "signing",
        "auth",
        "access",
        "encryption",
        "session",
    ];
    let name = names::field(column).to_snake_case();
    let words: Vec<&str> = name.split('_').collect();
    let is_key = |of: &str| KEYS.iter().any(|key| of.ends_with(key));
    let is_key_word = |word: &&str| {
        let of = word.strip_suffix("keys").or(word.strip_suffix("key"));
        of.is_some_and(is_key)
    };
    PARTS.iter().any(|part| name.contains(part))
        || words.iter().any(|word| WORDS.contains(word))
        || words
            .iter()
            .any(|word| ENDS.iter().any(|end| word.ends_with(end)))
        || words.last().is_some_and(|word| word.ends_with("hash"))
        || words.iter().any(is_key_word)
        || words
            .windows(2)
            .any(|pair| is_key(pair[0]) && ["key", "keys"].contains(&pair[1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_it_is_called_it_has_a_name_of_its_own() {
        let mut idents = Idents::default();
        let mut name = |text: &str| idents.snake(text, "column");
        assert_eq!(name("OrderDetail"), "order_detail");
        assert_eq!(name("order detail"), "order_detail_column");
        assert_eq!(name("order_detail"), "order_detail_column2");
        assert_eq!(name("2nd"), "column_2nd");
        assert_eq!(name("self"), "self_column");
        assert_eq!(name("имя"), "imia");
        assert_eq!(name("a1"), "a1");
        assert_eq!(name("a_1"), "a_1_column");
        assert_eq!(code(&name("type")), "r#type");
        assert_eq!(code(&name("gen")), "r#gen");
    }

    #[test]
    fn an_enum_has_its_type_and_what_is_made_beside_it_for_itself() {
        let mut idents = Idents::default();
        let mut name = |text: &str| idents.enumeration(text);
        assert_eq!(name("mood"), "mood");
        assert_eq!(name("option"), "option_enum");
        assert_eq!(name("Relation"), "relation_enum");
        assert_eq!(name("date_time"), "date_time_enum");
        assert_eq!(name("status"), "status");
        assert_eq!(name("status_enum"), "status_enum_enum");
        assert_eq!(name("product_variant"), "product_variant");
        assert_eq!(name("product"), "product_enum");
        assert_eq!(name("mood_iter"), "mood_iter_enum");
    }

    #[test]
    fn secrets_are_told_by_their_names() {
        for name in [
            "password",
            "PasswordHash",
            "api_token",
            "clientSecret",
            "reset_token",
            "pwd",
            "file_hash",
            "accesstoken",
            "refreshtokens",
            "apikey",
            "apiKey",
            "api_key_id",
            "privatekey",
            "signing_key",
            "oauth_key",
            "sessionkeys",
            "passcode",
            "cvv",
            "totp",
            "userpwd",
            "passwordhash",
            "pwhash",
            "credential",
            "awscredentials",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in [
            "name",
            "hashtag",
            "tokenizer",
            "passport",
            "shipping",
            "spin",
            "basalt",
            "key",
            "public_key",
            "primary_key",
            "monkey",
            "author_keyboard",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
