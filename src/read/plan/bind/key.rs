//! Keys: which rows a request names, by their ids or by a unique column.

use apollo_compiler::ast::Value;
use apollo_compiler::collections::IndexSet;
use apollo_compiler::response::{JsonMap, JsonValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{BoundRoot, argument, origin, text_of};
use crate::error::{Code, Error, MAX_ERRORS};
use crate::graph::keys::{KeyValue, Keys, NoValue, key_value, parse_key};
use crate::graph::{Catalog, Entity, EntityId, Kind, Principal};
use crate::read::encode::{self, Raw};
use crate::read::plan::{Choice, Lookup};

pub(super) fn bind_lookup(
    catalog: &Catalog,
    type_name: &str,
    lookups: &[Lookup],
    variables: &JsonMap,
    keys: &mut [Keys],
) -> BoundRoot {
    let given: Vec<_> = lookups
        .iter()
        .enumerate()
        .map(|(i, l)| (i, l, argument(&l.value, variables)))
        .filter(|(_, _, value)| !value.is_null())
        .collect();
    let [(i, lookup, value)] = &given[..] else {
        let named = |lookups: &mut dyn Iterator<Item = &Lookup>| {
            let names = lookups.map(|l| match &*l.value {
                Value::Variable(name) => format!("`{}` (`${name}`)", l.argument),
                _ => format!("`{}`", l.argument),
            });
            names.collect::<Vec<_>>().join(" and ")
        };
        let asked = format!("give exactly one argument that says which {type_name} is meant");
        return BoundRoot::Failed(Error::input(match (given.len(), lookups.len()) {
            (0, 0) => format!("{asked}; none was given"),
            (0, _) => format!("{asked}; {} is null", named(&mut lookups.iter())),
            _ => format!("{asked}, not {}", named(&mut given.iter().map(|g| g.1))),
        }));
    };
    if lookup.forbidden {
        let message = format!(
            "you may not search {type_name} by `{}`, which you may not see",
            lookup.argument
        );
        let error = Error::new(Code::Forbidden, message).of_field(lookup.argument.as_str());
        return BoundRoot::Failed(error);
    }
    let entity = lookup.choice.entity;
    let key = match lookup.column {
        None => bind_node(
            catalog,
            std::slice::from_ref(&lookup.choice),
            value,
            Some(entity),
        )
        .map(|(_, key)| key),
        Some(column) => {
            let column = &catalog.entities[entity].columns[column];
            match column.refers_to {
                Some(to) => key_of_text(catalog, to, &text_of(value)),
                None => column_key(&column.kind, value),
            }
            .map_err(|why| no_value(value, why, "of", &lookup.argument))
        }
    };
    match key {
        Ok(key) => {
            keys[lookup.choice.level] = Keys::from_rows(&[key]);
            BoundRoot::Chosen(*i)
        }
        Err(error) => {
            let error = error.of_field(lookup.argument.as_str());
            BoundRoot::Failed(origin::named(error, &lookup.value))
        }
    }
}

/// The key of whoever asks, where there is somebody whose id is one.
pub(super) fn key_of_viewer(
    catalog: &Catalog,
    viewer: &Choice,
    principal: &Principal,
) -> Option<KeyValue> {
    let entity = &catalog.entities[viewer.entity];
    let kind = &entity.columns[entity.primary_key[0]].kind;
    key_value(kind, &principal.known()?.id).ok()
}

/// Which of the choices an id is of, and its key. With `only`, a bare key will do.
pub(super) fn bind_node(
    catalog: &Catalog,
    choices: &[Choice],
    id: &JsonValue,
    only: Option<EntityId>,
) -> Result<(usize, Vec<KeyValue>), Error> {
    if let Some(entity) = only {
        return key_of_id(catalog, entity, id).map(|key| (0, key));
    }
    let text = text_of(id);
    if let Some((entity, key)) = named(catalog, &text) {
        let of = &catalog.entities[entity];
        let Some(choice) = choices.iter().position(|c| c.entity == entity) else {
            return Err(other_type(&text, of, "node"));
        };
        return parse_key(of, key)
            .map(|key| (choice, key))
            .ok_or_else(|| no_id(&text, of));
    }
    Err(Error::input(format!(
        "`{}` is no global id; one looks like `{}`",
        shortened(&text),
        shape(&catalog.entities[choices[0].entity])
    )))
}

/// The key of a row of `entity` by its global id, or its bare key.
pub fn key_of_id(
    catalog: &Catalog,
    entity: EntityId,
    id: &JsonValue,
) -> Result<Vec<KeyValue>, Error> {
    let text = text_of(id);
    let of = &catalog.entities[entity];
    let key = match named(catalog, &text) {
        Some((found, key)) if found == entity => key,
        Some((found, _)) => {
            return Err(other_type(&text, &catalog.entities[found], &of.type_name));
        }
        None => &text,
    };
    parse_key(of, key).ok_or_else(|| no_id(&text, of))
}

/// The entity that a global id names, and what follows.
fn named<'t>(catalog: &Catalog, text: &'t str) -> Option<(EntityId, &'t str)> {
    let (name, key) = text.split_once(':')?;
    Some((catalog.entity_of_type(name)?, key))
}

fn other_type(text: &str, of: &Entity, wanted: &str) -> Error {
    let shown = shortened(text);
    Error::input(format!(
        "`{shown}` is an id of the type {}, not of {wanted}",
        of.type_name
    ))
}

fn no_id(text: &str, of: &Entity) -> Error {
    Error::input(format!(
        "`{}` is no id; one of this type looks like `{}`",
        shortened(text),
        shape(of)
    ))
}

/// `Post:<id>`
fn shape(entity: &Entity) -> String {
    let parts: Vec<_> = entity
        .primary_key
        .iter()
        .map(|&c| format!("<{}>", entity.columns[c].field))
        .collect();
    format!("{}:{}", entity.type_name, parts.join(":"))
}

/// A key of `entity` from its global id or its bare form.
pub fn key_of_text(
    catalog: &Catalog,
    entity: EntityId,
    text: &str,
) -> Result<Vec<KeyValue>, NoValue> {
    let of = &catalog.entities[entity];
    let bare = text
        .strip_prefix(&of.type_name)
        .and_then(|rest| rest.strip_prefix(':'))
        .unwrap_or(text);
    parse_key(of, bare).ok_or(NoValue::Malformed)
}

pub fn column_key(kind: &Kind, value: &JsonValue) -> Result<Vec<KeyValue>, NoValue> {
    let text = text_of(value);
    if let Kind::Enum(of) = kind {
        let at = of.names.iter().position(|n| *n == text);
        let at = at.ok_or(NoValue::Malformed)?;
        return Ok(vec![KeyValue::Text(of.values[at].as_str().into())]);
    }
    if let Kind::Bytes = kind {
        // The scalar is base64, while an id holds hexadecimal digits.
        let bytes = BASE64.decode(&*text).map_err(|_| NoValue::Malformed)?;
        return Ok(encode::key_text(kind, &Raw::Bytes(&bytes))
            .map(KeyValue::Text)
            .into_iter()
            .collect());
    }
    Ok(vec![key_value(kind, &text)?])
}

/// That a value is none `of` or `for` what is called so.
pub fn no_value(value: &JsonValue, why: NoValue, of: &str, called: &str) -> Error {
    let text = text_of(value);
    let shown = shortened(&text);
    Error::input(match why {
        NoValue::Malformed => format!("`{shown}` is no value {of} `{called}`"),
        NoValue::Beyond(bounds) => {
            format!("`{shown}` is out of range {of} `{called}`: {bounds}")
        }
    })
}

/// `listed` counts the ids of the request that are none. Of more than an answer lists no errors are made.
pub(super) fn bind_nodes(
    catalog: &Catalog,
    choices: &[Choice],
    written: &Value,
    ids: &[JsonValue],
    keys: &mut [Keys],
    listed: &mut usize,
) -> BoundRoot {
    let mut of_choice: Vec<IndexSet<Vec<KeyValue>>> = vec![IndexSet::default(); choices.len()];
    let each = ids
        .iter()
        .enumerate()
        .map(|(i, id)| {
            let (choice, key) = bind_node(catalog, choices, id, None).map_err(|e| {
                *listed += 1;
                let error = || origin::named(e.of_field(format!("ids.{i}")), written);
                (*listed <= MAX_ERRORS).then(|| Box::new(error()))
            })?;
            let (at, _) = of_choice[choice].insert_full(key);
            Ok((choice, at as u32))
        })
        .collect();
    for (choice, of) in choices.iter().zip(of_choice) {
        let of: Vec<_> = of.into_iter().collect();
        keys[choice.level] = Keys::from_rows(&of);
    }
    BoundRoot::Each(each)
}

/// Enough of an id to know it by.
pub fn shortened(id: &str) -> String {
    const LONGEST: usize = 80;
    match id.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &id[..end]),
        None => id.to_owned(),
    }
}
