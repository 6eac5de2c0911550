//! Types that fields of one's own give and take: rows, enums and plain objects are looked for, and held against what is
//! there.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Work;
use super::types::{enum_key, made_of};
use crate::graph::names::{self, Named};
use crate::graph::own::{EnumOf, ObjectField, ObjectShape, Of, Shape};
use crate::graph::{EnumType, Kind};

impl Work<'_> {
    /// A type with the enums in it as the graph calls them.
    pub(super) fn resolved(&self, shape: &Shape, told: &str) -> Result<Shape, String> {
        let of = match &shape.of {
            Of::Enum(of) => Of::Enum(EnumOf {
                of: Some(self.enumeration(of, told)?),
                ..of.clone()
            }),
            Of::List(item) => Of::List(Box::new(self.resolved(item, told)?)),
            other => other.clone(),
        };
        let nullable = shape.nullable;
        Ok(Shape { of, nullable })
    }

    fn enumeration(&self, of: &EnumOf, told: &str) -> Result<Arc<EnumType>, String> {
        let meant = of.of.as_ref().map(|of| enum_key(of));
        let exposed = self.catalog_entities.iter().enumerate();
        let columns = exposed.filter(|(_, of)| of.exposed).flat_map(|(id, of)| {
            let declared = &self.graph.entities[id].columns;
            of.field_columns()
                .map(|(ix, column)| (column, &declared[ix]))
        });
        let mut enums = columns.filter_map(|(column, declared)| {
            match (column.kind.single(), declared.kind.single()) {
                (Kind::Enum(of), Kind::Enum(declared)) => Some((of, enum_key(declared))),
                _ => None,
            }
        });
        let found = enums.find(|(_, key)| meant.as_ref() == Some(key));
        found.map(|(of, _)| of.clone()).ok_or_else(|| {
            format!(
                "`{told}` has to do with the enum `{}`, which no column of the graph shows as one of the database's (`db_type = \"Enum\"`); give or take a text in place of it",
                of.named
            )
        })
    }

    /// Adds the plain objects of a type, each once, and looks for the entities of its rows.
    pub(super) fn add_objects(
        &self,
        shape: &Shape,
        told: &str,
        objects: &mut BTreeMap<String, ObjectShape>,
    ) -> Result<(), String> {
        match &shape.of {
            Of::Scalar(_) | Of::Enum(_) => {}
            Of::Row(row) => {
                self.exposed(&row.0).ok_or_else(|| {
                    format!(
                        "`{told}` gives rows of the table `{}`, which is no type of the graph; register it with `.entity(…)`",
                        row.0.table
                    )
                })?;
            }
            Of::List(item) => self.add_objects(item, told, objects)?,
            Of::Object(of) => {
                if objects.contains_key(of.name()) {
                    return Ok(());
                }
                let mut object = of.shape();
                for field in &mut object.fields {
                    field.shape = self.resolved(&field.shape, told)?;
                }
                objects.insert(object.name.clone(), object.clone());
                for ObjectField { shape, .. } in &object.fields {
                    self.add_objects(shape, told, objects)?;
                }
            }
        }
        Ok(())
    }

    /// Whether plain objects can be called as they are.
    pub(super) fn check_objects(&mut self, objects: &BTreeMap<String, ObjectShape>) {
        let exposed = self.catalog_entities.iter().filter(|e| e.exposed);
        let made: Vec<String> = exposed.flat_map(made_of).collect();
        let enums: Vec<&str> = self
            .catalog_entities
            .iter()
            .flat_map(|e| &e.columns)
            .filter_map(|c| match c.kind.single() {
                Kind::Enum(of) => Some(of.type_name.as_str()),
                _ => None,
            })
            .collect();
        let mut mistakes = Vec::new();
        for (name, object) in objects {
            if let Some(fault) = names::fault(name, Named::Type) {
                mistakes.push(format!("the object `{name}`: `{name}` {fault}"));
            }
            let taken = made.contains(name) || enums.contains(&name.as_str());
            if taken || super::types::is_always_a_type(name) {
                mistakes.push(format!(
                    "the object `{name}` would be a second type of that name beside Backref's; call it otherwise in `ObjectOf::new(…)`"
                ));
            }
            if object.fields.is_empty() {
                mistakes.push(format!(
                    "the object `{name}` has no field; add one with `.field(…)`"
                ));
            }
            for (at, field) in object.fields.iter().enumerate() {
                if let Some(fault) = names::fault(&field.name, Named::Type) {
                    mistakes.push(format!("`{name}.{}`: `{}` {fault}", field.name, field.name));
                }
                if object.fields[..at].iter().any(|f| f.name == field.name) {
                    mistakes.push(format!("`{name}.{}` is there twice", field.name));
                }
            }
        }
        self.mistakes.extend(mistakes);
    }
}
