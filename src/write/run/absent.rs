//! That a row is not there for whoever asks, told at each place of the input that names it. Whether there is none or it is
//! hidden from him is told alike, and nothing is told but what the input says.

use super::Writer;
use crate::error::{Code, Error};
use crate::graph::keys::{KeyValue, global_id};
use crate::graph::{Catalog, Entity, FieldSource, ForeignKey};
use crate::read::load::change::Transaction;
use crate::read::plan::shortened;
use crate::write::unit::{As, Found, Key, NodeId, Within};

impl<T: Transaction> Writer<'_, T> {
    /// That a row that is named is not there.
    pub(super) fn absent(&self, id: NodeId) -> Vec<Error> {
        self.absent_where(id, |_| true)
    }

    /// That a row is not in a relation, where it is named as one that is.
    pub(super) fn not_within(&self, id: NodeId, within: Within) -> Vec<Error> {
        self.absent_where(id, |named| named == As::Member(within))
    }

    fn absent_where(&self, id: NodeId, is_wrong: impl Fn(As) -> bool) -> Vec<Error> {
        let node = self.node(id);
        let of = self.entity(node.entity);
        let Some(found) = node.found() else {
            return Vec::new();
        };
        let again = found.again.iter().map(|(named, path)| (*named, &**path));
        let places = std::iter::once((found.named, &*node.path)).chain(again);
        let wrong = places.filter(|(named, _)| is_wrong(*named));
        let wrong = wrong.map(|(named, path)| self.absent_as(of, found, named, path));
        wrong.collect()
    }

    fn absent_as(&self, of: &Entity, found: &Found, named: As, path: &str) -> Error {
        let id = match &found.key {
            Key::Is(key) => global_id(of, key.iter().map(KeyValue::text)),
            Key::Of(_, name) => format!("new:{name}"),
        };
        let name = match named {
            As::Argument => path,
            As::Column(entity, column) => &self.entity(entity).columns[column].field,
            As::Along(relation) => &self.catalog.relations[relation].name,
            As::Member(within) => {
                let name = &self.catalog.relations[within.relation].name;
                let message = format!(
                    "`{name}` names `{}`, and there is no such {} in it that you may see",
                    shortened(&id),
                    of.one()
                );
                return Error::new(Code::NotFound, message).of_field(path);
            }
            As::Viewer => return nobody(of, path),
        };
        absent(of, name, &id, path)
    }
}

/// That there is no row of an id that whoever asks sees.
pub(super) fn absent(of: &Entity, name: &str, id: &str, path: &str) -> Error {
    let message = format!(
        "`{name}` names `{}`, and there is no such {} that you may see",
        shortened(id),
        of.one()
    );
    Error::new(Code::NotFound, message).of_field(path)
}

/// That whoever asks is not there himself, though he was believed.
pub(super) fn nobody(of: &Entity, path: &str) -> Error {
    let message = format!(
        "you are no {} that is there any more; sign in again",
        of.one()
    );
    Error::new(Code::Unauthenticated, message).of_field(path)
}

/// What a foreign key is called in inputs: by its relation, or its column.
pub(super) fn name_of<'c>(
    catalog: &'c Catalog,
    of: &'c Entity,
    key: &ForeignKey,
) -> Option<&'c str> {
    let relation = of.fields.iter().find(|field| match field.source {
        FieldSource::Relation(id) => {
            let relation = &catalog.relations[id];
            relation.holds_key && relation.from_columns == key.columns
        }
        _ => false,
    });
    let column = || match key.columns[..] {
        [column] => of
            .fields
            .iter()
            .find(|f| f.source == FieldSource::Column(column)),
        _ => None,
    };
    relation.or_else(column).map(|field| field.name.as_str())
}

/// What a foreign key's values are to a client: the id of the row that has them, or what that has instead.
pub(super) fn id_of(to: &Entity, key: &ForeignKey, values: &[KeyValue]) -> String {
    let part = |column: &usize| {
        let at = key.to_columns.iter().position(|c| c == column)?;
        values.get(at).map(KeyValue::text)
    };
    let own: Option<Vec<_>> = to.primary_key.iter().map(part).collect();
    match own.filter(|own| own.len() == values.len()) {
        Some(own) => global_id(to, own),
        None => {
            let texts = values.iter().map(KeyValue::text);
            texts.collect::<Vec<_>>().join(":")
        }
    }
}
