//! Enums of the graph as what fields of one's own give and take.

use std::any::type_name;
use std::sync::Arc;

use sea_orm::prelude::Json;
use sea_orm::sea_query::ValueType;
use sea_orm::{ActiveEnum, Value as OrmValue};

use super::FieldError;
use super::input::Input;
use super::output::{Of, Output, Shape, Value};
use crate::graph::reflect;
use crate::graph::{EnumType, Kind, orm};

/// A value of an enum that a column of the graph has (`DeriveActiveEnum`): a result or an argument of the enum's type in
/// GraphQL, by its names there.
///
/// ```
/// use backref::Graph;
/// use backref::graph::own::{Enum, Needs};
/// use entity::{post, user};
///
/// let graph = Graph::new().entity(post::Entity).entity(user::Entity).query_field(
///     "nextStatus",
///     Needs::root().argument::<Enum<post::Status>>("of", "Where a post stands."),
///     async |cx| {
///         let Enum(status) = cx.argument("of")?;
///         Ok(Enum(match status {
///             post::Status::Draft => post::Status::Published,
///             _ => post::Status::Archived,
///         }))
///     },
/// );
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Enum<T>(pub T);

/// Which enum it is.
#[derive(Debug, Clone)]
pub struct EnumOf {
    /// As the database has it, and once the graph is built as GraphQL does; `None` where the database has no enum of it.
    pub(crate) of: Option<Arc<EnumType>>,
    /// In Rust, for messages.
    pub(in crate::graph) named: &'static str,
}

impl EnumOf {
    fn new<T: ActiveEnum>() -> Self {
        EnumOf {
            of: match reflect::kind(T::db_type().get_column_type()) {
                Kind::Enum(of) => Some(of),
                _ => None,
            },
            named: type_name::<T>(),
        }
    }

    /// What a value of the database is called.
    pub(crate) fn name_of(&self, value: &str) -> Option<&str> {
        let of = self.of.as_ref()?;
        let at = of.values.iter().position(|v| v == value)?;
        of.names.get(at).map(String::as_str)
    }

    fn value_of(&self, name: &str) -> Option<&str> {
        let of = self.of.as_ref()?;
        let at = of.names.iter().position(|n| n == name)?;
        of.values.get(at).map(String::as_str)
    }
}

impl Shape {
    /// Whether it is JSON, or lists of it.
    pub(crate) fn is_json(&self) -> bool {
        match &self.of {
            Of::Scalar(name) => *name == "JSON",
            Of::List(item) => item.is_json(),
            _ => false,
        }
    }

    /// A value of an argument, with the names of enums as what the database has for them.
    pub(crate) fn stored(&self, value: Json) -> Json {
        match (&self.of, value) {
            (Of::Enum(of), Json::String(name)) => {
                let value = of.value_of(&name).map(str::to_owned);
                Json::String(value.unwrap_or(name))
            }
            (Of::List(item), Json::Array(items)) => {
                items.into_iter().map(|value| item.stored(value)).collect()
            }
            // GraphQL takes one value for a list of it.
            (Of::List(item), value) => item.stored(value),
            (_, value) => value,
        }
    }
}

fn shape<T: ActiveEnum>() -> Shape {
    Shape {
        of: Of::Enum(EnumOf::new::<T>()),
        nullable: false,
    }
}

impl<T: ActiveEnum + Send + 'static> Output for Enum<T> {
    fn shape() -> Shape {
        shape::<T>()
    }

    fn value(self) -> Result<Value, FieldError> {
        let value: OrmValue = self.0.into_value().into();
        let text = orm::text(&value);
        let none = || FieldError::mistake(format!("a {} has no text", type_name::<T>()));
        Ok(Value::Enum(text.ok_or_else(none)?.into()))
    }
}

impl<T: ActiveEnum + Send + 'static> Input for Enum<T> {
    fn shape() -> Shape {
        shape::<T>()
    }

    fn read(value: &Json) -> Result<Self, String> {
        let text = value.as_str().unwrap_or_default();
        let wrong = || format!("`{text}` is no {}", type_name::<T>());
        let held = OrmValue::String(Some(text.to_owned()));
        let held = <T::Value as ValueType>::try_from(held).map_err(|_| wrong())?;
        let value = T::try_from_value(&held).map_err(|_| wrong())?;
        Ok(Enum(value))
    }
}
