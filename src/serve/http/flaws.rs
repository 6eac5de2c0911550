//! What readers of JSON pass over: a name that comes twice in one object, of which they drop one or the other, and with it
//! what it was to ask; and what is nested so deep that nobody looks into it.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// What is wrong with a JSON text that can be read.
#[derive(Debug, PartialEq, Eq)]
pub enum Flaw {
    /// This name comes twice in one object.
    Twice(String),
    /// It is nested deeper than [`DEEPEST`].
    TooDeep,
}

/// One less deep than `serde_json` goes, which gives up without telling a [`Walk`].
pub const DEEPEST: usize = 126;

/// The first thing wrong with a JSON text. `None`, too, for what is no JSON, which others say.
pub fn flaw(json: &str) -> Option<Flaw> {
    let mut found = None;
    let mut deserializer = serde_json::Deserializer::from_str(json);
    // It fails at a flaw, as it does where there is no JSON.
    let walk = Walk {
        found: &mut found,
        depth: 0,
    };
    let _ = walk.deserialize(&mut deserializer);
    found
}

/// Walks a value, to the first flaw.
struct Walk<'f> {
    found: &'f mut Option<Flaw>,
    /// In how many lists and objects it stands.
    depth: usize,
}

impl Walk<'_> {
    /// Into a list or an object.
    fn enter<E: Error>(self) -> Result<Self, E> {
        if self.depth == DEEPEST {
            return Err(found(self.found, Flaw::TooDeep));
        }
        Ok(Walk {
            depth: self.depth + 1,
            ..self
        })
    }

    fn inner(&mut self) -> Walk<'_> {
        Walk {
            found: self.found,
            depth: self.depth,
        }
    }
}

fn found<E: Error>(place: &mut Option<Flaw>, flaw: Flaw) -> E {
    *place = Some(flaw);
    E::custom("a flaw is found")
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let mut walk = self.enter()?;
        while items.next_element_seed(walk.inner())?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let mut walk = self.enter()?;
        let mut names = Names::default();
        while let Some(Key(name)) = fields.next_key()? {
            if let Some(repeated) = names.add(name) {
                return Err(found(walk.found, Flaw::Twice(repeated.into_owned())));
            }
            fields.next_value_seed(walk.inner())?;
        }
        Ok(())
    }
}

/// The names of one object so far.
#[derive(Default)]
struct Names<'de> {
    few: Vec<Cow<'de, str>>,
    many: HashSet<Cow<'de, str>>,
}

impl<'de> Names<'de> {
    /// More than so many are not compared one by one.
    const FEW: usize = 8;

    /// The name, if it was there.
    fn add(&mut self, name: Cow<'de, str>) -> Option<Cow<'de, str>> {
        if self.few.contains(&name) || self.many.contains(&name) {
            return Some(name);
        }
        match self.few.len() < Self::FEW {
            true => self.few.push(name),
            false => {
                self.many.insert(name);
            }
        }
        None
    }
}

/// A name, copied only where it is written with escapes.
struct Key<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::{Flaw, flaw};

    fn twice(name: &str) -> Flaw {
        Flaw::Twice(name.to_owned())
    }

    #[test]
    fn nothing_is_so_deep_that_it_is_passed_over() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let body = |depth: usize| format!(r#"{{"x":{},"a":1,"a":2}}"#, nested(depth));
        for (depth, expected) in [
            (3, twice("a")),
            (125, twice("a")),
            (126, Flaw::TooDeep),
            (1000, Flaw::TooDeep),
        ] {
            assert_eq!(flaw(&body(depth)), Some(expected), "{depth}");
        }
    }

    #[test]
    fn a_name_is_found_twice_in_its_own_object_alone() {
        for (json, expected) in [
            (r#"{"a":1,"a":2}"#, Some("a")),
            (r#"{"a":{"b":[1,{"c":null,"d":"","c":true}]}}"#, Some("c")),
            (r#"{"é":1,"\u00e9":2}"#, Some("é")),
            (r#"{"":1,"":2}"#, Some("")),
            (r#"{"a":{"a":1},"b":[{"a":1},{"a":1.5e9}]}"#, None),
            (r#"{"a":1,"A":2,"a ":3}"#, None),
            (r#"{"a":1,"a"#, None),
            ("7", None),
            ("", None),
        ] {
            assert_eq!(flaw(json), expected.map(twice), "{json}");
        }
        let many: Vec<_> = (0..1000).map(|i| format!("\"n{i}\":{i}")).collect();
        assert_eq!(flaw(&format!("{{{}}}", many.join(","))), None);
        let again = format!("{{{},\"n500\":0}}", many.join(","));
        assert_eq!(flaw(&again), Some(twice("n500")));
    }
}
