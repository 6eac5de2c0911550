//! The relations of a draft: both ends of every foreign key, each with a name of its own.

use std::collections::{HashMap, HashSet};

use heck::ToUpperCamelCase;

use super::draft::{Draft, Entity, MOST_OF_A_KEY, Note};
use super::known::{Known, Way};
use super::tables::{Table, shown};
use super::{attributes, describe};
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

/// Finds and names the relations of all entities; those that have a name already keep it.
pub fn find(draft: &mut Draft, known: &Known) {
    let called = describe::name_types(draft);
    let mut taken: Vec<Taken> = draft.entities.iter().map(Taken::of).collect();
    let kept = Kept::of(draft, known, &mut taken);
    for (place, taken) in taken.iter_mut().enumerate() {
        forward(draft, place, &called, &kept, taken);
    }
    for place in 0..draft.entities.len() {
        backward(draft, place, &called, &kept, &mut taken);
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

/// The names that relations have already, by the place of the entity that has the foreign key, and that of the key.
#[derive(Default)]
struct Kept {
    forward: HashMap<(usize, usize), String>,
    backward: HashMap<(usize, usize), String>,
}

impl Kept {
    fn of(draft: &mut Draft, known: &Known, taken: &mut [Taken]) -> Self {
        let mut kept = Kept::default();
        let keys = draft.entities.iter().enumerate();
        let keys = keys
            .flat_map(|(place, of)| (0..of.table.foreign_keys.len()).map(move |key| (place, key)));
        for (place, key) in keys.collect::<Vec<_>>() {
            kept.take(draft, known, taken, (place, key));
        }
        kept
    }

    /// Takes the names of both ends of a key, if they have some.
    fn take(
        &mut self,
        draft: &mut Draft,
        known: &Known,
        taken: &mut [Taken],
        (place, ix): (usize, usize),
    ) -> Option<()> {
        let entity = &draft.entities[place];
        let key = &entity.table.foreign_keys[ix];
        let to = draft.place_of(key.schema.as_deref(), &key.table)?;
        let target = &draft.entities[to];
        let variants = |of: &Entity, columns: &[String]| {
            columns.iter().map(|c| attributes::variant(of, c)).collect()
        };
        let along = Way::Along {
            to: target.module.clone(),
            columns: variants(entity, &key.columns),
            to_columns: variants(target, &key.to_columns),
        };
        let of = |table: &Table, way| {
            let variant = known.relation(table.schema.as_deref(), &table.name, way);
            variant.cloned()
        };
        let variant = of(&entity.table, &along)?;
        let is_one = entity.table.is_unique(&key.columns);
        let back = Way::Back {
            from: entity.module.clone(),
            via: (!is_one).then(|| variant.clone()),
        };
        let way_back = of(&target.table, &back);
        let target = target.table.clone();
        let field = names::field(&variant);
        let entity = &mut draft.entities[place];
        give_way(entity, ix, &target, &field, &mut taken[place]);
        draft
            .notes
            .extend(make_room(entity, &field, &mut taken[place]));
        let variant = taken[place].first(std::iter::once(variant), false)?;
        self.forward.insert((place, ix), variant);
        let way_back = way_back?;
        let names = match is_one {
            true => vec![names::field(&way_back)],
            false => brought(&names::list(&way_back)),
        };
        for name in names {
            let note = make_room(&mut draft.entities[to], &name, &mut taken[to]);
            draft.notes.extend(note);
        }
        let back = taken[to].first(std::iter::once(way_back), !is_one)?;
        self.backward.insert((place, ix), back);
        Some(())
    }
}

/// A column that has come to be called as a relation that was there is called otherwise.
fn make_room(entity: &mut Entity, relation: &str, taken: &mut Taken) -> Option<Note> {
    let columns = entity.table.columns.iter().enumerate();
    let mut new = columns.filter(|(ix, column)| {
        let is_plain = entity.renamed[*ix].is_none() && !entity.hidden[*ix];
        is_plain && !entity.had_plain_field[*ix] && names::field(&column.name) == relation
    });
    let (ix, column) = new.next()?;
    let note = |name: &str| Note {
        of: format!("column {}.{}", entity.table.shown(), column.name),
        says: format!("the field `{relation}` is a relation already; this one is called `{name}`"),
    };
    taken.fields.remove(relation);
    let name = taken.column(relation);
    let note = note(&name);
    entity.renamed[ix] = Some(name);
    Some(note)
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

    /// A name for a column that a relation is called as.
    fn column(&mut self, relation: &str) -> String {
        let mut others = (1..).map(|n| match n {
            1 => format!("{relation}Column"),
            n => format!("{relation}Column{n}"),
        });
        let free = others.find(|name| self.fields.insert(name.clone()));
        free.unwrap_or_else(|| relation.to_owned())
    }

    /// The first of these names that nothing else has; what a list brings along has to be free, too.
    fn first(&mut self, candidates: impl Iterator<Item = String>, is_list: bool) -> Option<String> {
        for variant in candidates {
            // A digit does not begin a name.
            let variant = match variant.starts_with(|c: char| c.is_ascii_digit()) {
                true => format!("_{variant}"),
                false => variant,
            };
            let fields = match is_list {
                true => brought(&names::list(&variant)),
                false => vec![names::field(&variant)],
            };
            let is_free = fields.iter().all(|name| !self.fields.contains(name));
            if is_free && variant != "Self" && self.variants.insert(variant.clone()) {
                self.fields.extend(fields);
                return Some(variant);
            }
        }
        None
    }
}

/// The fields that a list of related rows brings along.
fn brought(list: &str) -> Vec<String> {
    ["", "Connection", "Aggregate"]
        .map(|end| format!("{list}{end}"))
        .to_vec()
}

/// The relations along an entity's own foreign keys.
fn forward(draft: &mut Draft, place: usize, called: &[String], kept: &Kept, taken: &mut Taken) {
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
        let kind = Kind::BelongsTo { key: ix };
        if let Some(variant) = kept.forward.get(&(place, ix)).cloned() {
            let relation = Relation { variant, kind, to };
            draft.entities[place].relations.push(relation);
            continue;
        }
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
        let relation = Relation { variant, kind, to };
        draft.entities[place].relations.push(relation);
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
        entity.renamed[ix] = Some(taken.column(relation));
    }
}

/// The other ends of an entity's foreign keys, in the entities that they lead to.
fn backward(draft: &mut Draft, place: usize, called: &[String], kept: &Kept, taken: &mut [Taken]) {
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
        let before = kept.backward.get(&(place, ix)).cloned();
        let free = || taken[relation.to].first(candidates.into_iter(), !is_one);
        let Some(variant) = before.or_else(free) else {
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
