//! Example documents made of the catalog: what somebody new can ask of this very graph, with a line on each.
//!
//! No value of a database is in them, so that they are valid and have an answer whatever it holds.

use std::collections::BTreeSet;

use crate::graph::{
    Cardinality, Catalog, Column, Entity, EntityId, FieldSource, Kind, Relation, RelationId,
};

/// A document to begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// Its operation's name.
    pub name: &'static str,
    pub query: String,
    pub variable: Option<Variable>,
}

/// What an example leaves to its reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Variable {
    /// A cursor; null for the first page.
    After,
    /// Words to search for. The document gives a text that has some.
    Words { found_by: String },
}

impl Variable {
    pub fn name(&self) -> &'static str {
        match self {
            Variable::After => "after",
            Variable::Words { .. } => "words",
        }
    }
}

/// A walk along relations, conditions and orders, pages by cursors, numbers, and a search where there is one.
pub fn examples(catalog: &Catalog) -> Vec<Example> {
    let from = From(catalog);
    [
        from.relations(),
        from.conditions(),
        from.pages(),
        from.numbers(),
        from.search(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

struct From<'c>(&'c Catalog);

impl<'c> From<'c> {
    /// The rows of the best connected type, what belongs to them, and the way back.
    fn relations(&self) -> Option<Example> {
        let Some((start, list)) = self.walk() else {
            let (_, entity) = self.0.exposed().next()?;
            let page = field(format!("{}(limit: 5)", entity.plural), labels(entity, 4));
            let about = format!(
                "A page of {}. A list takes where, orderBy, limit and offset.",
                entity.many()
            );
            return Some(example("Page", &[about], "", vec![page]));
        };
        let (entity, relation) = (&self.0.entities[start], &self.0.relations[list]);
        let target = &self.0.entities[relation.to];
        let mut below = labels(target, 2);
        for one in self.of(relation.to, true).take(2) {
            below.push(self.one(one));
        }
        for many in self.further(start, relation.to).take(2) {
            let further = &self.0.relations[many];
            let mut rows = labels(&self.0.entities[further.to], 1);
            let onward = self.of(further.to, true);
            let other = |r: &RelationId| self.0.relations[*r].to != relation.to;
            rows.extend(onward.filter(other).take(1).map(|r| self.one(r)));
            below.push(field(format!("{}(limit: 2)", further.name), rows));
        }
        let mut rows = labels(entity, 2);
        rows.push(field(format!("{}(limit: 3)", relation.name), below));
        let about = [
            "Relations are fields, in both directions. Each level of this query is one SQL statement,".to_owned(),
            format!("however many {} there are.", entity.many()),
        ];
        let root = format!(
            "{}(where: {{ {}: {{ some: {{}} }} }}, limit: 3)",
            entity.plural, relation.name
        );
        Some(example("Relations", &about, "", vec![field(root, rows)]))
    }

    /// A page chosen and ordered by what is related.
    fn conditions(&self) -> Option<Example> {
        let (start, list) = self.walk()?;
        let relation = &self.0.relations[list];
        let (entity, target) = (&self.0.entities[start], &self.0.entities[relation.to]);
        let by = sortable(entity)?;
        let list_name = &relation.name;
        let root = format!(
            "{}(\nwhere: {{ {list_name}: {{ some: {{}} }} }}\norderBy: [{{ {list_name}: {{ count: DESC }} }}, {{ {by}: ASC }}]\nlimit: 5\n)",
            entity.plural,
        );
        let mut rows = labels(entity, 2);
        let counted = self.aggregate(start, list);
        rows.extend(counted.map(|name| field(name, vec![leaf("count")])));
        let about = [
            "Conditions and orders reach through relations:".to_owned(),
            format!(
                "{} that have {}, those with most of them first.",
                entity.many(),
                target.many()
            ),
        ];
        Some(example("Conditions", &about, "", vec![field(root, rows)]))
    }

    /// A connection, from page to page.
    fn pages(&self) -> Option<Example> {
        let (_, entity) = self.central()?;
        let info = field("pageInfo", vec![leaf("hasNextPage"), leaf("endCursor")]);
        let node = field("node", labels(entity, 2));
        let edges = field("edges", vec![leaf("cursor"), node]);
        let root = format!("{}Connection(first: 3, after: $after)", entity.plural);
        let about = [
            "A page by cursors. For the next one put its endCursor into the variable `after` below;".to_owned(),
            "rows that come or go meanwhile shift nothing.".to_owned(),
        ];
        let page = vec![leaf("totalCount"), info, edges];
        let example = example("Pages", &about, "($after: String)", vec![field(root, page)]);
        Some(Example {
            variable: Some(Variable::After),
            ..example
        })
    }

    /// What all rows come to, and by groups.
    fn numbers(&self) -> Option<Example> {
        let (_, (_, entity)) = self
            .0
            .exposed()
            .enumerate()
            .min_by_key(|(at, (_, e))| (grouping(e).map_or(9, |(rank, ..)| rank), *at))?;
        let mut all = vec![leaf("count")];
        let extremes = entity
            .field_columns()
            .map(|(_, c)| c)
            .filter(|c| is_plain(c) && c.has_extremes());
        if let Some(column) = extremes.min_by_key(|c| matches!(c.kind, Kind::Text)) {
            all.push(field("min", vec![leaf(&column.field)]));
            all.push(field("max", vec![leaf(&column.field)]));
        }
        if let Some((_, value, column)) = grouping(entity) {
            let key = field("key", vec![leaf(&column.field)]);
            all.push(field(
                format!("groups(by: [{value}], limit: 10)"),
                vec![key, leaf("count")],
            ));
        }
        let about = [
            "What all rows come to, as a whole and by groups. Every list of a row has the same."
                .to_owned(),
        ];
        let root = format!("{}Aggregate", entity.plural);
        let mut asked = vec![field(root, all)];
        if let Some((start, list)) = self.walk() {
            let entity = &self.0.entities[start];
            if let Some(name) = self.aggregate(start, list) {
                let mut rows = labels(entity, 1);
                rows.push(field(name, vec![leaf("count")]));
                asked.push(field(format!("{}(limit: 3)", entity.plural), rows));
            }
        }
        Some(example("Numbers", &about, "", asked))
    }

    fn search(&self) -> Option<Example> {
        let (_, entity) = self.0.exposed().find(|(_, e)| searched(e).is_some())?;
        let column = searched(entity)?;
        let about = [
            "Only rows that have these words, the best first. `\"…\"` is for words side by side, `*` ends the".to_owned(),
            "beginning of one. The words are a variable, below.".to_owned(),
        ];
        let root = field(
            format!("{}(search: $words, limit: 5)", entity.plural),
            labels(entity, 3),
        );
        let example = example("Search", &about, "($words: String!)", vec![root]);
        let found_by = format!("{{ {}(limit: 1) {{ {} }} }}", entity.plural, column.field);
        Some(Example {
            variable: Some(Variable::Words { found_by }),
            ..example
        })
    }

    /// The type from which most can be reached, and its list of what leads furthest.
    fn walk(&self) -> Option<(EntityId, RelationId)> {
        let starts = self
            .0
            .exposed()
            .flat_map(|(id, _)| self.of(id, false).map(move |list| (id, list)));
        let all: Vec<_> = starts.collect();
        let rank = |&(start, list): &(EntityId, RelationId)| {
            let relation = &self.0.relations[list];
            let is_direct = relation.edge_junction().is_none();
            (
                relation.to != start,
                self.degree(start),
                self.degree(relation.to),
                is_direct,
            )
        };
        // The first of the best: what is registered first comes first.
        all.into_iter().rev().max_by_key(rank)
    }

    /// The lists of a type that do not lead back to where somebody came from.
    fn further(&self, start: EntityId, at: EntityId) -> impl Iterator<Item = RelationId> + use<'c> {
        let catalog = self.0;
        let leads_on = move |r: &RelationId| {
            let to = catalog.relations[*r].to;
            to != start && to != at
        };
        self.of(at, false).filter(leads_on)
    }

    /// The type that most others are related with.
    fn central(&self) -> Option<(EntityId, &'c Entity)> {
        let exposed: Vec<_> = self.0.exposed().collect();
        exposed
            .into_iter()
            .rev()
            .max_by_key(|&(id, _)| self.degree(id))
    }

    /// How many other types a type is related with.
    fn degree(&self, entity: EntityId) -> usize {
        let relations = self
            .0
            .relations
            .iter()
            .filter(|r| r.from == entity && r.to != entity);
        relations.map(|r| r.to).collect::<BTreeSet<_>>().len()
    }

    /// The relations that are fields of a type: those to one row, or to many.
    fn of(&self, entity: EntityId, to_one: bool) -> impl Iterator<Item = RelationId> + use<'c> {
        let catalog = self.0;
        let relations = catalog.entities[entity]
            .fields
            .iter()
            .filter_map(|f| match f.source {
                FieldSource::Relation(r) => Some(r),
                _ => None,
            });
        let is_one = move |r: &Relation| matches!(r.cardinality, Cardinality::One { .. });
        relations.filter(move |&r| is_one(&catalog.relations[r]) == to_one)
    }

    fn one(&self, relation: RelationId) -> Node {
        let relation = &self.0.relations[relation];
        field(
            relation.name.clone(),
            labels(&self.0.entities[relation.to], 1),
        )
    }

    fn aggregate(&self, entity: EntityId, list: RelationId) -> Option<&'c str> {
        let fields = self.0.entities[entity].fields.iter();
        let of = fields.filter(|f| f.source == FieldSource::Aggregate(list));
        of.map(|f| f.name.as_str()).next()
    }
}

/// The columns that say most of a row to a person, in the order of the type.
fn labels(entity: &Entity, count: usize) -> Vec<Node> {
    let columns = entity.field_columns().map(|(_, column)| column);
    let mut ranked: Vec<_> = columns.filter(|c| is_plain(c)).enumerate().collect();
    ranked.sort_by_key(|(at, column)| (tells(column), *at));
    ranked.truncate(count);
    ranked.sort_by_key(|(at, _)| *at);
    match ranked.is_empty() {
        true => vec![leaf("id")],
        false => ranked.into_iter().map(|(_, c)| leaf(&c.field)).collect(),
    }
}

/// How little a column says of its row: a name says most, a long text less than a short one.
fn tells(column: &Column) -> u8 {
    let name = column.field.to_lowercase();
    let ends = |words: &[&str]| words.iter().any(|w| name.ends_with(w));
    match column.kind {
        Kind::Text if name == "name" || name == "title" => 0,
        Kind::Text if ends(&["name", "title", "label"]) => 1,
        Kind::Text
            if ends(&[
                "body",
                "text",
                "content",
                "description",
                "bio",
                "notes",
                "summary",
            ]) =>
        {
            4
        }
        Kind::Enum(_) => 2,
        Kind::Text => 3,
        Kind::Int | Kind::BigInt | Kind::Decimal { .. } | Kind::Float { .. } => 5,
        Kind::DateTime { .. } | Kind::Date | Kind::Time => 6,
        Kind::Boolean => 7,
        Kind::Json | Kind::Uuid | Kind::Bytes | Kind::Array(_) | Kind::Other => 8,
    }
}

/// Whether everybody sees a column, and sees more than a key in it.
fn is_plain(column: &Column) -> bool {
    !column.has_rule && column.refers_to.is_none()
}

/// A column to order and to compare by.
fn sortable(entity: &Entity) -> Option<&str> {
    let columns = entity.field_columns().map(|(_, column)| column);
    let plain = columns
        .filter(|c| is_plain(c) && c.can_order() && !matches!(c.kind, Kind::Bytes | Kind::Other));
    plain.min_by_key(|c| tells(c)).map(|c| c.field.as_str())
}

/// What rows are best grouped by: few values before many. The value of the enum, and its column.
fn grouping(entity: &Entity) -> Option<(u8, &str, &Column)> {
    let groupings = entity.groupings.iter().filter_map(|(value, c)| {
        let column = &entity.columns[*c];
        let rank = match column.kind {
            _ if column.has_rule || column.unique => return None,
            Kind::Enum(_) => 0,
            Kind::Boolean => 1,
            _ if column.refers_to.is_some() => 2,
            Kind::Text => 3,
            _ => 4,
        };
        Some((rank, value.as_str(), column))
    });
    groupings.min_by_key(|(rank, ..)| *rank)
}

/// A column of its full-text index that everybody sees.
fn searched(entity: &Entity) -> Option<&Column> {
    let mut columns = entity.searched.iter().map(|&c| &entity.columns[c]);
    columns.find(|c| !c.hidden && is_plain(c))
}

/// A field with what is asked of it.
struct Node {
    text: String,
    below: Vec<Node>,
}

fn leaf(name: &str) -> Node {
    field(name, Vec::new())
}

fn field(text: impl Into<String>, below: Vec<Node>) -> Node {
    let text = text.into();
    Node { text, below }
}

fn example(name: &'static str, about: &[String], variables: &str, fields: Vec<Node>) -> Example {
    let mut query = String::new();
    for line in about {
        query += &format!("# {line}\n");
    }
    let operation = field(format!("query {name}{variables}"), fields);
    print(&operation, 0, &mut query);
    Example {
        name,
        query,
        variable: None,
    }
}

fn print(node: &Node, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    let lines: Vec<&str> = node.text.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        // Arguments on lines of their own stand further in.
        let is_argument = at > 0 && at + 1 < lines.len();
        let further = if is_argument { "  " } else { "" };
        let end = if at > 0 { "\n" } else { "" };
        *out += &format!("{end}{indent}{further}{line}");
    }
    if !node.below.is_empty() {
        *out += " {\n";
        for below in &node.below {
            print(below, depth + 1, out);
        }
        *out += &format!("{indent}}}");
    }
    out.push('\n');
}
