//! The relations of a draft: both ends of every foreign key, each with a name of its own.

use std::collections::HashSet;

use heck::ToUpperCamelCase;

use super::describe;
use super::draft::{Draft, Entity, MOST_OF_A_KEY, Note};
use super::tables::{Table, shown};
use crate::graph::names;

/// A variant of the `Relation` enum.
#[derive(Debug, Clone)]
pub struct Relation {
    /// `OriginalLanguage`
    pub variant: String,
    pub kind: Kind,
    /// The entity at its other end.
    pub to: usize,
}

/// What a relation is, and which foreign key of whoever holds it.
#[derive(Debug, Clone)]
pub enum Kind {
    BelongsTo {
        key: usize,
    },
    /// The other entity's own way back is the one that SeaORM knows by `Related`.
    HasOne {
        key: usize,
    },
    HasMany {
        key: usize,
        /// The variant of the other entity that leads here.
        via: String,
    },
}

/// Finds and names the relations of all entities.
pub fn find(draft: &mut Draft) {
    let called = describe::name_types(draft);
    let mut taken: Vec<Taken> = draft.entities.iter().map(Taken::of).collect();
    for (place, taken) in taken.iter_mut().enumerate() {
        forward(draft, place, &called, taken);
    }
    for place in 0..draft.entities.len() {
        backward(draft, place, &called, &mut taken);
    }
    if let Err(mistakes) = describe::catalog(draft) {
        for says in mistakes {
            let of = "the graph".to_owned();
            draft.notes.push(Note {
                of,
                says: format!("needs a line of yours in src/main.rs: {says}"),
            });
        }
    }
}

/// The names that are taken in one entity.
struct Taken {
    fields: HashSet<String>,
    variants: HashSet<String>,
}

impl Taken {
    fn of(entity: &Entity) -> Self {
        let columns = entity.table.columns.iter().enumerate();
        let fields = columns.filter(|(ix, _)| !entity.hidden[*ix]);
        let fields = fields.map(|(ix, column)| {
            let renamed = entity.renamed[ix].clone();
            renamed.unwrap_or_else(|| names::field(&column.name))
        });
        Taken {
            fields: fields.chain(["id".to_owned()]).collect(),
            variants: HashSet::new(),
        }
    }

    /// The first of these names that nothing else has; what a list brings along has to be free, too.
    fn first(&mut self, candidates: impl Iterator<Item = String>, is_list: bool) -> Option<String> {
        let brought = |field: &str| match is_list {
            true => vec![
                field.to_owned(),
                format!("{field}Connection"),
                format!("{field}Aggregate"),
            ],
            false => vec![field.to_owned()],
        };
        for variant in candidates {
            // A digit does not begin a name.
            let variant = match variant.starts_with(|c: char| c.is_ascii_digit()) {
                true => format!("_{variant}"),
                false => variant,
            };
            let field = match is_list {
                true => names::list(&variant),
                false => names::field(&variant),
            };
            let fields = brought(&field);
            let is_free = fields.iter().all(|name| !self.fields.contains(name));
            if is_free && variant != "Self" && self.variants.insert(variant.clone()) {
                self.fields.extend(fields);
                return Some(variant);
            }
        }
        None
    }
}

/// The relations along an entity's own foreign keys.
fn forward(draft: &mut Draft, place: usize, called: &[String], taken: &mut Taken) {
    let table = draft.entities[place].table.clone();
    let mut seen = Vec::new();
    for (ix, key) in table.foreign_keys.iter().enumerate() {
        let of = format!("reference {}({})", table.shown(), key.columns.join(", "));
        let Some(to) = draft.place_of(key.schema.as_deref(), &key.table) else {
            let target = shown(key.schema.as_deref(), &key.table);
            let says = format!("leads to {target}, which is not on the graph: it is left out");
            draft.note(of, says);
            continue;
        };
        let target = &draft.entities[to].table;
        let fits = key.columns.len() == key.to_columns.len()
            && key.columns.iter().all(|c| table.column(c).is_some())
            && key.to_columns.iter().all(|c| target.column(c).is_some());
        if !fits {
            let says = format!(
                "does not name columns of {} that are there: it is left out",
                target.shown()
            );
            draft.note(of, says);
            continue;
        }
        if key.columns.len() > MOST_OF_A_KEY {
            let says = format!(
                "has {} columns, and relations of SeaORM at most {MOST_OF_A_KEY}: it is left out",
                key.columns.len()
            );
            draft.note(of, says);
            continue;
        }
        if seen.contains(&(to, &key.columns, &key.to_columns)) {
            draft.note(of, "is declared twice: it is one relation".to_owned());
            continue;
        }
        seen.push((to, &key.columns, &key.to_columns));
        let single = &called[to];
        let own = names::of_key(&key.columns, &key.to_columns, single);
        let by = key.columns.join("_").to_upper_camel_case();
        let several = table
            .foreign_keys
            .iter()
            .filter(|other| (&other.schema, &other.table) == (&key.schema, &key.table));
        let plain = match (key.columns.len(), several.count()) {
            (1, _) => own.clone(),
            // Of several columns, what they lead to says more than their names.
            (_, 1) => single.clone(),
            _ if key.columns == key.to_columns => single.clone(),
            _ => own.clone(),
        };
        let target = draft.entities[to].table.clone();
        give_way(
            &mut draft.entities[place],
            ix,
            &target,
            &names::field(&plain),
            taken,
        );
        let candidates = [
            plain.to_upper_camel_case(),
            own.to_upper_camel_case(),
            format!("{}By{by}", single.to_upper_camel_case()),
        ];
        let numbered = (2..9).map(|n| format!("{}By{by}{n}", single.to_upper_camel_case()));
        let Some(variant) = taken.first(candidates.iter().cloned().chain(numbered), false) else {
            draft.note(of, "no name is free for it: it is left out".to_owned());
            continue;
        };
        if variant != candidates[0] {
            let says = format!(
                "`{}` is a field of its own, so the relation is called `{}`",
                names::field(&candidates[0]),
                names::field(&variant)
            );
            draft.note(of, says);
        }
        draft.entities[place].relations.push(Relation {
            variant,
            kind: Kind::BelongsTo { key: ix },
            to,
        });
    }
}

/// A column that is called as its relation leaves it the name, and is called by what it holds: `userId`, or what is
/// free.
fn give_way(entity: &mut Entity, key: usize, target: &Table, relation: &str, taken: &mut Taken) {
    let key = &entity.table.foreign_keys[key];
    for (name, held) in key.columns.iter().zip(&key.to_columns) {
        let Some(ix) = entity.table.columns.iter().position(|c| c.name == *name) else {
            continue;
        };
        if names::field(name) != relation || entity.hidden[ix] || entity.renamed[ix].is_some() {
            continue;
        }
        let held = match target.primary_key == key.to_columns && key.columns.len() == 1 {
            true => "id".to_owned(),
            false => names::field(held),
        };
        let own = names::field(&format!("{relation}_{held}"));
        taken.fields.remove(relation);
        if taken.fields.insert(own) {
            continue;
        }
        let mut others = (1..).map(|n| match n {
            1 => format!("{relation}Column"),
            n => format!("{relation}Column{n}"),
        });
        let free = others.find(|name| taken.fields.insert(name.clone()));
        entity.renamed[ix] = free;
    }
}

/// The other ends of an entity's foreign keys, in the entities that they lead to.
fn backward(draft: &mut Draft, place: usize, called: &[String], taken: &mut [Taken]) {
    let entity = draft.entities[place].clone();
    for relation in &entity.relations {
        let Kind::BelongsTo { key: ix } = relation.kind else {
            continue;
        };
        let key = &entity.table.foreign_keys[ix];
        let is_one = entity.table.is_unique(&key.columns);
        // SeaORM knows the way back of a `has_one` by `Related` alone, which there is one of.
        if is_one
            && (relation.to == place || entity.related(relation.to) != Some(&relation.variant))
        {
            continue;
        }
        let single = &called[place];
        let base = match is_one {
            true => single.to_upper_camel_case(),
            false => names::plural(single).to_upper_camel_case(),
        };
        let forward = names::field(&relation.variant);
        let others = entity.relations.iter().filter(|other| {
            other.to == relation.to && matches!(other.kind, Kind::BelongsTo { .. })
        });
        // `Film.language` is *the* language of a film, and `originalLanguage` another.
        let is_plain = others.count() == 1 || forward == called[relation.to];
        let built = format!("{base}By{}", relation.variant);
        let mut candidates = vec![built.clone()];
        if is_plain {
            candidates.insert(0, base);
        }
        candidates.extend((2..9).map(|n| format!("{built}{n}")));
        let Some(variant) = taken[relation.to].first(candidates.into_iter(), !is_one) else {
            continue;
        };
        let kind = match is_one {
            true => Kind::HasOne { key: ix },
            false => Kind::HasMany {
                key: ix,
                via: relation.variant.clone(),
            },
        };
        let target = &mut draft.entities[relation.to];
        target.relations.push(Relation {
            variant,
            kind,
            to: place,
        });
    }
}

impl Entity {
    /// The relation by which SeaORM's `Related` leads to another entity: the first along a key of its own, or else
    /// the first back along a key of the other's.
    pub fn related(&self, to: usize) -> Option<&String> {
        let mut all = self.relations.iter().filter(|relation| relation.to == to);
        let own = all
            .clone()
            .find(|r| matches!(r.kind, Kind::BelongsTo { .. }));
        own.or_else(|| all.next()).map(|relation| &relation.variant)
    }

    /// The two relations of a junction, whose keys are its primary key together.
    pub fn junction(&self) -> Option<[&Relation; 2]> {
        let ends = self
            .relations
            .iter()
            .filter(|relation| match relation.kind {
                Kind::BelongsTo { key } => {
                    let key = &self.table.foreign_keys[key];
                    key.columns.iter().all(|c| self.is_key(c))
                }
                _ => false,
            });
        let [a, b] = ends.collect::<Vec<_>>()[..] else {
            return None;
        };
        let columns = |relation: &Relation| match relation.kind {
            Kind::BelongsTo { key } => self.table.foreign_keys[key].columns.clone(),
            _ => Vec::new(),
        };
        let (near, far) = (columns(a), columns(b));
        let is_whole = near.len() + far.len() == self.table.primary_key.len();
        let is_apart = near.iter().all(|c| !far.contains(c));
        (is_whole && is_apart).then_some([a, b])
    }
}
