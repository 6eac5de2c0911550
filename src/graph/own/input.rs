//! What fields of one's own take: the types of their arguments.

use sea_orm::prelude::{ChronoDate, ChronoDateTimeUtc, Decimal, Json, Uuid};

use super::output::{Of, Shape};

/// A type that an argument can have: `Int`, `BigInt`, `Float`, `Boolean`, `String`, `DateTime`, `Date`, `Decimal`,
/// `UUID`, `JSON`, an enum of the graph ([`Enum`](super::Enum)), and lists of them. An `Option` may be left out.
pub trait Input: Send + Sized + 'static {
    /// What it is in GraphQL.
    fn shape() -> Shape;

    /// The value, of JSON that GraphQL has let through.
    ///
    /// # Errors
    /// What is wrong with it, as a client is told it behind the argument's name: `` `x` is no Date ``.
    fn read(value: &Json) -> Result<Self, String>;
}

/// An argument of a field.
#[derive(Debug, Clone)]
pub struct Argument {
    pub name: String,
    pub description: String,
    pub shape: Shape,
    /// What is wrong with a value.
    pub check: fn(&Json) -> Result<(), String>,
}

impl Argument {
    pub(super) fn of<T: Input>(name: &str, description: &str) -> Self {
        Argument {
            name: name.to_owned(),
            description: description.to_owned(),
            shape: T::shape(),
            check: |value| T::read(value).map(drop),
        }
    }
}

impl<T: Input> Input for Option<T> {
    fn shape() -> Shape {
        Shape {
            nullable: true,
            ..T::shape()
        }
    }

    fn read(value: &Json) -> Result<Self, String> {
        match value {
            Json::Null => Ok(None),
            value => T::read(value).map(Some),
        }
    }
}

impl<T: Input> Input for Vec<T> {
    fn shape() -> Shape {
        Shape {
            of: Of::List(Box::new(T::shape())),
            nullable: false,
        }
    }

    fn read(value: &Json) -> Result<Self, String> {
        match value {
            Json::Array(items) => items.iter().map(T::read).collect(),
            // GraphQL takes one value for a list of it.
            one => Ok(vec![T::read(one)?]),
        }
    }
}

/// Scalars that come as a text, or as a number that is written as one.
macro_rules! texts {
    ($($of:ty => $name:literal;)*) => {$(
        impl Input for $of {
            fn shape() -> Shape {
                Shape {
                    of: Of::Scalar($name),
                    nullable: false,
                }
            }

            fn read(value: &Json) -> Result<Self, String> {
                let text = match value {
                    Json::String(text) => text.clone(),
                    other => other.to_string(),
                };
                text.parse().map_err(|_| format!("`{text}` is no {}", $name))
            }
        }
    )*};
}

texts! {
    i32 => "Int";
    i64 => "BigInt";
    f64 => "Float";
    bool => "Boolean";
    ChronoDateTimeUtc => "DateTime";
    ChronoDate => "Date";
    Decimal => "Decimal";
    Uuid => "UUID";
    String => "String";
}

impl Input for Json {
    fn shape() -> Shape {
        Shape {
            of: Of::Scalar("JSON"),
            nullable: false,
        }
    }

    fn read(value: &Json) -> Result<Self, String> {
        Ok(value.clone())
    }
}
