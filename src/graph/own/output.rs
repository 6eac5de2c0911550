//! What fields of one's own give: types of Rust as types of GraphQL, and their values as JSON.

use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use chrono::SecondsFormat;
use sea_orm::prelude::{ChronoDate, ChronoDateTimeUtc, ChronoTime, Decimal, Json, Uuid};
use sea_orm::sea_query::IntoValueTuple;
use sea_orm::{EntityTrait, PrimaryKeyTrait, Value as OrmValue};

use super::run::panicked;
use super::{EnumOf, FieldError};
use crate::graph::keys::KeyValue;
use crate::graph::reflect::TableKey;

/// A type that a field of one's own can give.
///
/// | in Rust | in GraphQL |
/// |---|---|
/// | `i16`, `i32`, `u16` | `Int` |
/// | `i64`, `u32`, `u64` | `BigInt` |
/// | `f32`, `f64` | `Float` |
/// | `bool`, `String`, `&'static str` | `Boolean`, `String` |
/// | `DateTimeUtc`, `Date`, `Time` of SeaORM's prelude | `DateTime`, `Date`, `Time` |
/// | `Uuid`, `Decimal`, `serde_json::Value` | `UUID`, `Decimal`, `JSON` |
/// | `Option<T>`, `Vec<T>` | `T` that may be null, `[T]` |
/// | [`Enum`](super::Enum) of an enum that a column has | its type |
/// | what implements [`Object`] | an object type of its name |
/// | [`Key`] of an entity | that entity's type, null where there is no such row to be seen |
pub trait Output: Send + Sized + 'static {
    /// What it is in GraphQL.
    fn shape() -> Shape;

    /// The value, as it is written.
    ///
    /// # Errors
    /// Where there is none that fits the type, as a number that is not finite. Within a list or an object that is an error of
    /// the one value ([`Value::Failed`]).
    fn value(self) -> Result<Value, FieldError>;
}

/// A type of GraphQL.
#[derive(Debug, Clone)]
pub struct Shape {
    /// What a value is, where there is one.
    pub of: Of,
    /// Whether there may be none. An error where it may not makes the nearest value above null that may be.
    pub nullable: bool,
}

/// A type of GraphQL, but for whether it may be null.
#[derive(Debug, Clone)]
pub enum Of {
    /// By its name in the schema, which must be one that Backref has: `String`, `Decimal`.
    Scalar(&'static str),
    /// An enum that a column of the graph has.
    Enum(EnumOf),
    /// Of values that are each of this type.
    List(Box<Shape>),
    /// A plain object's type.
    Object(ObjectType),
    /// The type of an entity.
    Row(RowOf),
}

/// The type of a plain object, which is looked at when it is asked for: it may have fields of its own type.
#[derive(Debug, Clone)]
pub struct ObjectType {
    name: OnceLock<String>,
    shape: fn() -> ObjectShape,
}

impl ObjectType {
    fn of<T: Object>() -> Self {
        ObjectType {
            name: OnceLock::new(),
            shape: || T::object().shape,
        }
    }

    /// What the schema calls it.
    pub fn name(&self) -> &str {
        self.name.get_or_init(|| self.shape().name)
    }

    /// What it has.
    pub fn shape(&self) -> ObjectShape {
        (self.shape)()
    }
}

/// An entity whose rows a field gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowOf(pub(in crate::graph) TableKey);

/// An object type.
#[derive(Debug, Clone)]
pub struct ObjectShape {
    /// Of the type, in the schema. Objects of one name are one type.
    pub name: String,
    /// What the schema says of it.
    pub description: Option<String>,
    /// In the order in which [`Value::Object`] has their values.
    pub fields: Vec<ObjectField>,
}

/// A field of an object type.
#[derive(Debug, Clone)]
pub struct ObjectField {
    /// As the schema and queries call it.
    pub name: String,
    /// What the schema says of it.
    pub description: String,
    /// The type of its values.
    pub shape: Shape,
}

/// A value as it is written.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// A scalar's, as the text of JSON that is put into the answer as it is: `"\"a text\""`, `"42"`.
    Json(Box<str>),
    /// A value of an enum, as the database has it.
    Enum(Box<str>),
    /// The values of a list, in its order.
    List(Vec<Value>),
    /// A value for each field of the object, in their order.
    Object(Vec<Value>),
    /// A row, by its key.
    Key(RowKey),
    /// A row, by the place of its key among those that are read.
    At(u32),
    /// In a list or an object: there is none, for this reason. It is an error where the value is asked for.
    Failed(Box<FieldError>),
}

impl Value {
    /// What stands in a list or an object where a value was to be.
    fn or_failed(value: Result<Value, FieldError>) -> Value {
        value.unwrap_or_else(|error| Value::Failed(Box::new(error)))
    }
}

/// The key of a row, which a [`Key`] makes.
#[derive(Debug, Clone, PartialEq)]
pub struct RowKey(pub(crate) KeyOf);

/// The key of a row, in either form.
#[derive(Debug, Clone, PartialEq)]
pub enum KeyOf {
    Given(Vec<OrmValue>),
    Known(Vec<KeyValue>),
}

impl Shape {
    fn scalar(name: &'static str) -> Self {
        Shape {
            of: Of::Scalar(name),
            nullable: false,
        }
    }
}

/// A plain object: what its type is called, and its fields.
///
/// ```
/// use backref::graph::own::{Object, ObjectOf};
///
/// struct Cover { url: String, width: i32 }
///
/// impl Object for Cover {
///     fn object() -> ObjectOf<Self> {
///         ObjectOf::<Self>::new("Cover")
///             .describe("A picture above a post.")
///             .field("url", "Where it is.", |cover| cover.url.clone())
///             .field("width", "In pixels.", |cover| cover.width)
///     }
/// }
/// ```
pub trait Object: Send + Sized + 'static {
    /// Its type, and how each field is got. It is asked for at start and for each value, so it does no work.
    fn object() -> ObjectOf<Self>;
}

/// What a plain object is made of.
pub struct ObjectOf<T> {
    shape: ObjectShape,
    values: Vec<Get<T>>,
}

type Get<T> = Box<dyn Fn(&T) -> Value>;

impl<T> ObjectOf<T> {
    /// An object type of this name, which no other type of the graph may have, without a field yet.
    pub fn new(name: &str) -> Self {
        ObjectOf {
            shape: ObjectShape {
                name: name.to_owned(),
                description: None,
                fields: Vec::new(),
            },
            values: Vec::new(),
        }
    }

    /// Says what it is, for the schema.
    pub fn describe(mut self, text: &str) -> Self {
        self.shape.description = Some(text.to_owned());
        self
    }

    /// Adds a field, with what it says in the schema.
    pub fn field<V: Output>(
        mut self,
        name: &str,
        description: &str,
        get: impl Fn(&T) -> V + 'static,
    ) -> Self {
        self.shape.fields.push(ObjectField {
            name: name.to_owned(),
            description: description.to_owned(),
            shape: V::shape(),
        });
        self.values.push(Box::new(move |of| {
            let got = catch_unwind(AssertUnwindSafe(|| get(of).value()));
            Value::or_failed(got.unwrap_or_else(panicked))
        }));
        self
    }
}

impl<T: Object> Output for T {
    fn shape() -> Shape {
        Shape {
            of: Of::Object(ObjectType::of::<T>()),
            nullable: false,
        }
    }

    fn value(self) -> Result<Value, FieldError> {
        let values = T::object().values;
        Ok(Value::Object(values.iter().map(|get| get(&self)).collect()))
    }
}

/// The key of a row. A field that gives one gives the row, as far as whoever asks may see it.
#[derive(Debug)]
pub struct Key<E> {
    key: KeyOf,
    of: PhantomData<fn() -> E>,
}

impl<E> Clone for Key<E> {
    fn clone(&self) -> Self {
        Key {
            key: self.key.clone(),
            of: PhantomData,
        }
    }
}

impl<E: EntityTrait> Key<E> {
    /// By what its primary key has in Rust: `Key::<post::Entity>::new(42)`.
    pub fn new(key: <E::PrimaryKey as PrimaryKeyTrait>::ValueType) -> Self {
        Key {
            key: KeyOf::Given(key.into_value_tuple().into_iter().collect()),
            of: PhantomData,
        }
    }

    pub(super) fn inner(&self) -> KeyOf {
        self.key.clone()
    }

    pub(super) fn of_inner(key: KeyOf) -> Self {
        Key {
            key,
            of: PhantomData,
        }
    }
}

impl<E: EntityTrait> Output for Key<E> {
    fn shape() -> Shape {
        Shape {
            of: Of::Row(RowOf(TableKey::of(&E::default().table_ref()))),
            nullable: true,
        }
    }

    fn value(self) -> Result<Value, FieldError> {
        Ok(Value::Key(RowKey(self.key)))
    }
}

impl<T: Output> Output for Option<T> {
    fn shape() -> Shape {
        Shape {
            nullable: true,
            ..T::shape()
        }
    }

    fn value(self) -> Result<Value, FieldError> {
        self.map_or(Ok(Value::Null), T::value)
    }
}

impl<T: Output> Output for Vec<T> {
    fn shape() -> Shape {
        Shape {
            of: Of::List(Box::new(T::shape())),
            nullable: false,
        }
    }

    fn value(self) -> Result<Value, FieldError> {
        let values = self.into_iter().map(T::value);
        Ok(Value::List(values.map(Value::or_failed).collect()))
    }
}

/// Scalars whose text needs no quotes, or needs them and nothing else.
macro_rules! scalars {
    ($($of:ty => $name:literal, $form:literal;)*) => {$(
        impl Output for $of {
            fn shape() -> Shape {
                Shape::scalar($name)
            }

            fn value(self) -> Result<Value, FieldError> {
                Ok(Value::Json(format!($form, self).into()))
            }
        }
    )*};
}

scalars! {
    i16 => "Int", "{}";
    i32 => "Int", "{}";
    u16 => "Int", "{}";
    bool => "Boolean", "{}";
    i64 => "BigInt", "\"{}\"";
    u32 => "BigInt", "\"{}\"";
    u64 => "BigInt", "\"{}\"";
    ChronoDate => "Date", "\"{}\"";
    ChronoTime => "Time", "\"{}\"";
    Decimal => "Decimal", "\"{}\"";
    Uuid => "UUID", "\"{}\"";
}

impl Output for f64 {
    fn shape() -> Shape {
        Shape::scalar("Float")
    }

    fn value(self) -> Result<Value, FieldError> {
        match self.is_finite() {
            true => Ok(Value::Json(self.to_string().into())),
            false => Err(FieldError::mistake(format!(
                "{self} is no Float of GraphQL"
            ))),
        }
    }
}

impl Output for f32 {
    fn shape() -> Shape {
        f64::shape()
    }

    fn value(self) -> Result<Value, FieldError> {
        f64::from(self).value()
    }
}

impl Output for String {
    fn shape() -> Shape {
        Shape::scalar("String")
    }

    fn value(self) -> Result<Value, FieldError> {
        Ok(Value::Json(serde_json::to_string(&self)?.into()))
    }
}

impl Output for &'static str {
    fn shape() -> Shape {
        String::shape()
    }

    fn value(self) -> Result<Value, FieldError> {
        self.to_owned().value()
    }
}

impl Output for ChronoDateTimeUtc {
    fn shape() -> Shape {
        Shape::scalar("DateTime")
    }

    fn value(self) -> Result<Value, FieldError> {
        let text = self.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        Ok(Value::Json(format!("\"{text}\"").into()))
    }
}

impl Output for Json {
    fn shape() -> Shape {
        Shape::scalar("JSON")
    }

    fn value(self) -> Result<Value, FieldError> {
        Ok(match self {
            Json::Null => return Err(FieldError::mistake("a JSON null is no value; give None")),
            json => Value::Json(json.to_string().into()),
        })
    }
}
