//! The graph of a draft, before there is code for it: it is checked as every graph is, and what clashes is called
//! otherwise.

use heck::ToUpperCamelCase;

use super::CreateError;
use super::draft::{Draft, Entity, Note};
use super::relations::Kind;
use crate::graph::described::{Described, DescribedColumn, DescribedRelation, End};
use crate::graph::{Catalog, Graph, names};
use crate::read::plan::Limits;
use crate::schema::Schema;

/// The catalog that the written entities will make, or what is wrong with them.
pub fn catalog(draft: &Draft) -> Result<Catalog, Vec<String>> {
    build(draft, &all(draft), true)
}

fn all(draft: &Draft) -> Vec<usize> {
    (0..draft.entities.len()).collect()
}

/// The catalog and the schema of it; `None` where the graph needs a line of somebody's before it can be built, which is
/// told.
pub fn schema(draft: &Draft) -> Result<Option<(Catalog, String)>, CreateError> {
    let Ok(catalog) = catalog(draft) else {
        return Ok(None);
    };
    let schema = Schema::new(&catalog, Limits::default().default_page());
    let schema = schema.map_err(|error| CreateError::Schema(error.to_string()))?;
    Ok(Some((catalog, schema.sdl)))
}

fn build(draft: &Draft, places: &[usize], relations: bool) -> Result<Catalog, Vec<String>> {
    let entities = places.iter().map(|&place| &draft.entities[place]);
    let graph = entities.fold(Graph::new(), |graph, entity| {
        graph.described(described(draft, entity, relations))
    });
    graph.build().map_err(|error| error.mistakes)
}

fn described(draft: &Draft, entity: &Entity, relations: bool) -> Described {
    let table = &entity.table;
    let columns = table.columns.iter().enumerate();
    let relations = entity.relations.iter().filter(|_| relations);
    Described {
        module: format!("entity::{}", entity.module),
        schema: table.schema.clone(),
        table: table.name.clone(),
        comment: table.comment.clone(),
        columns: columns
            .map(|(ix, column)| DescribedColumn {
                name: column.name.clone(),
                comment: column.comment.clone(),
                column_type: column.of.declared.clone(),
                nullable: column.nullable,
                unique: entity.is_unique(&column.name),
                has_default: column.has_default() && !entity.makes(&column.name),
                generated: column.is_generated(),
                hidden: entity.hidden[ix],
                field: entity.renamed[ix].clone(),
            })
            .collect(),
        // SeaORM has the columns of a key in their own order.
        primary_key: entity.key_columns(),
        makes_key: table.makes_key,
        relations: relations.map(|of| relation(draft, entity, of)).collect(),
        unique_keys: entity.unique_together(),
        type_name: entity.type_name.clone(),
        read_only: entity.read_only,
    }
}

fn relation(draft: &Draft, entity: &Entity, of: &super::relations::Relation) -> DescribedRelation {
    let other = &draft.entities[of.to].table;
    let (holder, key, end) = match of.kind {
        Kind::BelongsTo { key } => (&entity.table, key, End::BelongsTo),
        Kind::HasOne { key } => (other, key, End::HasOne),
        Kind::HasMany { key, .. } => (other, key, End::HasMany),
    };
    let key = &holder.foreign_keys[key];
    let (from_columns, to_columns) = match end {
        End::BelongsTo => (key.columns.clone(), key.to_columns.clone()),
        _ => (key.to_columns.clone(), key.columns.clone()),
    };
    DescribedRelation {
        variant: of.variant.clone(),
        end,
        schema: other.schema.clone(),
        table: other.name.clone(),
        from_columns,
        to_columns,
        on_delete: key.on_delete.filter(|_| end == End::BelongsTo),
        on_update: key.on_update.filter(|_| end == End::BelongsTo),
    }
}

impl Entity {
    pub fn is_key(&self, column: &str) -> bool {
        self.table.primary_key.iter().any(|key| key == column)
    }

    /// Whether the database makes the values of this key.
    pub fn makes(&self, column: &str) -> bool {
        self.table.makes_key && self.is_key(column)
    }

    pub fn key_columns(&self) -> Vec<String> {
        let columns = self.table.columns.iter().map(|c| c.name.clone());
        columns.filter(|name| self.is_key(name)).collect()
    }

    pub fn is_unique(&self, column: &str) -> bool {
        let mut unique = self.table.unique.iter().filter(|key| key.is_immediate);
        unique.any(|key| key.columns == [column]) && self.key_columns() != [column]
    }

    /// Columns that are unique together, by a name; SeaORM takes a column for one such key alone.
    pub fn unique_together(&self) -> Vec<(String, Vec<String>)> {
        let mut taken: Vec<&String> = Vec::new();
        let mut keys = Vec::new();
        for key in &self.table.unique {
            let is_free = |c: &String| !taken.contains(&c) && !self.is_unique(c);
            if !key.is_immediate || key.columns.len() < 2 || !key.columns.iter().all(is_free) {
                continue;
            }
            taken.extend(&key.columns);
            let columns = self.table.columns.iter().map(|c| &c.name);
            let columns = columns.filter(|name| key.columns.contains(name));
            keys.push((key.name.clone(), columns.cloned().collect()));
        }
        keys.sort();
        keys
    }
}

/// Gives every type and every column a name of its own, and says what one row of each is called: `post`.
pub fn name_types(draft: &mut Draft) -> Vec<String> {
    for place in 0..draft.entities.len() {
        name_columns(draft, place);
    }
    if build(draft, &all(draft), false).is_err() {
        name_one_by_one(draft);
    }
    match build(draft, &all(draft), false) {
        Ok(catalog) => {
            tell_names(draft, &catalog);
            let entities = catalog.entities.into_iter();
            entities.map(|entity| entity.single).collect()
        }
        Err(_) => {
            let tables = draft.entities.iter().map(|entity| &entity.table.name);
            tables
                .map(|name| names::counted(&names::object(name)).0)
                .collect()
        }
    }
}

/// What a graph by itself calls otherwise than its table, since the name is another's or reserved.
fn tell_names(draft: &mut Draft, catalog: &Catalog) {
    for (place, of) in catalog.entities.iter().enumerate() {
        let entity = &draft.entities[place];
        let plain = names::object(&entity.table.name);
        if entity.type_name.is_none() && of.exposed && of.type_name != plain {
            let says = format!(
                "`{plain}` is another type's name, or reserved: its type is called `{}`",
                of.type_name
            );
            let of = format!("table {}", entity.table.shown());
            draft.notes.push(Note { of, says });
        }
    }
}

/// Takes in one entity after the other, so that it is known which one does not fit; first those that have their names
/// already.
fn name_one_by_one(draft: &mut Draft) {
    let mut places = all(draft);
    places.sort_by_key(|&place| !draft.entities[place].had_plain_type);
    for (count, &place) in places.iter().enumerate() {
        let before = match build(draft, &places[..count], false) {
            Ok(_) => 0,
            Err(mistakes) => mistakes.len(),
        };
        let Err(mistakes) = build(draft, &places[..=count], false) else {
            continue;
        };
        if mistakes.len() <= before {
            continue;
        }
        let plain = names::object(&draft.entities[place].table.name);
        let own = draft.entities[place].module.to_upper_camel_case();
        let numbered = (2..9).map(|n| format!("{own}Table{n}"));
        for name in std::iter::once(format!("{own}Table")).chain(numbered) {
            draft.entities[place].type_name = Some(name.clone());
            if build(draft, &places[..=count], false).map_or_else(|m| m.len(), |_| 0) <= before {
                let of = format!("table {}", draft.entities[place].table.shown());
                let why = format!(
                    "`{plain}` is another type's name, or reserved: its type is called `{name}`, by a line of src/entities.rs"
                );
                draft.notes.push(Note { of, says: why });
                break;
            }
            draft.entities[place].type_name = None;
        }
    }
}

/// Two columns may come to one field: `a_b` and `aB`. It goes to the one that has had it.
fn name_columns(draft: &mut Draft, place: usize) {
    let entity = &mut draft.entities[place];
    let mut taken = vec!["id".to_owned()];
    let mut notes = Vec::new();
    let mut columns: Vec<usize> = (0..entity.table.columns.len()).collect();
    columns.sort_by_key(|&ix| !entity.had_plain_field[ix]);
    for ix in columns {
        let column = &entity.table.columns[ix];
        let field = names::field(&column.name);
        let is_id = entity.table.primary_key == [column.name.clone()];
        if entity.hidden[ix] || (is_id && field == "id") {
            continue;
        }
        if !taken.contains(&field) {
            taken.push(field);
            continue;
        }
        let mut candidates = (1..).map(|n| match n {
            1 => format!("{field}Column"),
            n => format!("{field}Column{n}"),
        });
        let free = candidates.find(|name| !taken.contains(name));
        let name = free.unwrap_or_else(|| field.clone());
        notes.push(Note {
            of: format!("column {}.{}", entity.table.shown(), column.name),
            says: format!("the field `{field}` is there already; this one is called `{name}`"),
        });
        taken.push(name.clone());
        entity.renamed[ix] = Some(name);
    }
    draft.notes.extend(notes);
}

#[cfg(test)]
mod tests {
    use sea_orm::sea_query::{Alias, ColumnType, IntoIden};

    use super::super::draft::Choices;
    use super::super::known::Known;
    use super::super::tables::{Column, Form, Table, Tables, Type};
    use super::*;

    /// A table with a column of this type.
    fn with(of: ColumnType) -> Draft {
        let column = |name: &str, declared| Column {
            name: name.to_owned(),
            of: Type::plain(declared, ""),
            nullable: false,
            default: None,
            extra: None,
            comment: None,
        };
        let table = Table {
            schema: None,
            home: "main".to_owned(),
            name: "post".to_owned(),
            form: Form::Table,
            comment: None,
            columns: vec![column("id", ColumnType::Integer), column("state", of)],
            primary_key: vec!["id".to_owned()],
            makes_key: false,
            unique: Vec::new(),
            foreign_keys: Vec::new(),
        };
        let tables = Tables {
            tables: vec![table],
            ..Tables::default()
        };
        Draft::of(tables, &Choices::default(), &Known::default())
    }

    #[test]
    fn what_makes_no_schema_is_an_error() {
        let made = schema(&with(ColumnType::Text)).expect("it is a schema");
        assert!(made.is_some_and(|(_, sdl)| sdl.contains("state: String!")));
        let empty = ColumnType::Enum {
            name: Alias::new("state").into_iden(),
            variants: Vec::new(),
        };
        let error = schema(&with(empty)).expect_err("it has no values");
        assert!(matches!(error, CreateError::Schema(_)), "{error}");
        assert!(error.to_string().contains("--without"), "{error}");
    }
}
