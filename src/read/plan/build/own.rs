//! Fields of one's own: what they need joins the level that they are about, and their relations are levels below it.

use apollo_compiler::executable::{Field, SelectionSet};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::{Name, Node};

use super::{Builder, subselections};
use crate::graph::own::{Of, OwnField, OwnId, RowsOf, Shape, WalkOf};
use crate::graph::rules::Visibility;
use crate::graph::{Cardinality, EntityId, Link};
use crate::read::plan::own::{
    GivenRows, OwnCall, OwnLevel, OwnPlan, OwnSelected, OwnSelection, RowsRead, WalkRead,
};
use crate::read::plan::{Count, Expression, LevelId, Output, Page, RootOutput, Source, Window};

impl<'a> Builder<'a> {
    /// A field about the rows of a level.
    pub(super) fn own(
        &mut self,
        level: LevelId,
        path: usize,
        id: OwnId,
        key: &Name,
        fields: &[&'a Node<Field>],
    ) -> Output {
        let catalog = self.catalog;
        let own = &catalog.owns.fields[id];
        let Some(rows) = &own.rows else {
            return Output::Null;
        };
        // What is made of what nobody of them may see they do not see either.
        let rules = catalog.rules(self.shape);
        let hidden = |ix| *rules.column(rows.entity, ix) == Visibility::Nothing;
        if rows.columns.iter().any(|c| c.declared && hidden(c.ix)) {
            return Output::Null;
        }
        let read = self.rows_read(level, path, key, rows, fields[0].location());
        let (call, selection) = self.call(Some((level, path)), id, own, read, key, fields);
        Output::Own { call, selection }
    }

    /// A field of the root.
    pub(super) fn own_root(
        &mut self,
        id: OwnId,
        key: &Name,
        fields: &[&'a Node<Field>],
    ) -> RootOutput {
        let own = &self.catalog.owns.fields[id];
        let (call, selection) = self.call(None, id, own, RowsRead::default(), key, fields);
        RootOutput::Own { call, selection }
    }

    fn call(
        &mut self,
        about: Option<(LevelId, usize)>,
        id: OwnId,
        own: &'a OwnField,
        rows: RowsRead,
        key: &Name,
        fields: &[&'a Node<Field>],
    ) -> (usize, OwnSelection) {
        let field = fields[0];
        let call = self.own.calls.len();
        let arguments = field.arguments.iter();
        let above = about.map(|(_, path)| crate::read::plan::path(&self.paths, path));
        self.own.calls.push(OwnCall {
            field: id,
            about: about.map(|(level, _)| level),
            path: above.map_or_else(|| key.to_string(), |above| format!("{above}.{key}")),
            arguments: arguments
                .map(|a| (a.name.clone(), a.value.clone()))
                .collect(),
            rows,
            phase: about.map_or(0, |(level, _)| self.phase(level)),
            gives: Vec::new(),
            location: field.location(),
        });
        let place = Place {
            call,
            above: about.map(|(_, path)| path),
            name: key.to_string(),
            path: Vec::new(),
            most: 1,
            most_of_list: own.at_most.unwrap_or_else(|| self.limits.default_page()),
            location: field.location(),
        };
        let selection = self.given(&own.gives, &subselections(fields), &place);
        (call, selection)
    }

    /// What is asked of what a field gives.
    fn given(&mut self, shape: &Shape, sets: &[&'a SelectionSet], place: &Place) -> OwnSelection {
        match &shape.of {
            Of::Scalar(_) | Of::Enum(_) => OwnSelection::Leaf,
            Of::Row(row) => match self.catalog.entity_of_row(row) {
                Some(entity) => self.given_rows(entity, sets, place),
                None => OwnSelection::Leaf,
            },
            Of::List(item) => {
                let place = Place {
                    most: place.most_of_list,
                    ..place.clone()
                };
                self.given(item, sets, &place)
            }
            Of::Object(of) => {
                let name = of.name();
                let Some(object) = self.catalog.owns.objects.get(name) else {
                    return OwnSelection::Leaf;
                };
                let grouped = self.collect(name, sets);
                let mut selected: Vec<OwnSelected> = Vec::with_capacity(grouped.len());
                for (key, fields) in grouped {
                    let asked = fields[0].name.as_str();
                    let at = object.fields.iter().position(|f| f.name == asked);
                    let selection = match at {
                        Some(at) => {
                            let place = place.below(at, key, fields[0].location());
                            let sets = subselections(&fields);
                            self.given(&object.fields[at].shape, &sets, &place)
                        }
                        None => OwnSelection::Leaf,
                    };
                    selected.push(OwnSelected {
                        prefix: super::prefix(key, selected.is_empty()),
                        key: key.clone(),
                        at,
                        selection,
                        location: fields[0].location(),
                    });
                }
                OwnSelection::Object(selected)
            }
        }
    }

    /// The level of rows that a call gives, which are read when it has given them.
    fn given_rows(
        &mut self,
        entity: EntityId,
        sets: &[&'a SelectionSet],
        place: &Place,
    ) -> OwnSelection {
        let columns = self.catalog.entities[entity].primary_key.clone();
        let source = Source::Keys {
            columns: columns.clone(),
        };
        let (name, location) = (place.name.clone(), place.location);
        let (level, path) = self.new_level(name, place.above, entity, source, None, location);
        let (call, most) = (place.call, place.most);
        self.levels[level].own = Some(OwnLevel::Given { call, most });
        self.own.calls[call].gives.push(GivenRows {
            level,
            path: place.path.clone(),
        });
        for column in columns {
            self.key_read(level, column);
        }
        OwnSelection::Rows(level, self.selection(level, path, sets))
    }

    /// Has what a field needs of a level's rows be read.
    fn rows_read(
        &mut self,
        level: LevelId,
        path: usize,
        key: &str,
        rows: &RowsOf,
        location: Option<SourceSpan>,
    ) -> RowsRead {
        let rules = self.catalog.rules(self.shape);
        let reads = rows.columns.iter().map(|column| {
            let seen = *rules.column(rows.entity, column.ix) != Visibility::Nothing;
            seen.then(|| self.key_read(level, column.ix))
        });
        let reads = reads.collect();
        let walks = rows.walks.iter();
        let walks = walks.map(|walk| self.walk(level, path, key, walk, location));
        RowsRead {
            reads,
            walks: walks.collect(),
        }
    }

    fn walk(
        &mut self,
        parent: LevelId,
        path: usize,
        key: &str,
        walk: &WalkOf,
        location: Option<SourceSpan>,
    ) -> WalkRead {
        let catalog = self.catalog;
        let relation = &catalog.relations[walk.relation];
        let target = &catalog.entities[relation.to];
        let own = relation.from_columns.iter();
        let parent_reads = own.map(|&c| self.key_read(parent, c)).collect();
        let source = Source::Relation {
            relation: walk.relation,
            parent,
            parent_reads,
        };
        let page = match (relation.cardinality, &relation.link) {
            _ if walk.counts => Some(window(Window::Totals)),
            (Cardinality::Many, _) => Some(window(Window::Offset {
                limit: Count::Literal(walk.at_most.unwrap_or(self.limits.page).into()),
                offset: Count::Literal(0),
            })),
            (_, Link::Direct { columns }) if target.is_unique(columns) => None,
            _ => Some(Page::first()),
        };
        let looks_ahead = walk.at_most.is_none() && relation.cardinality == Cardinality::Many;
        let shared = self.levels.iter().position(|l| {
            l.own == Some(OwnLevel::Walked)
                && l.source == source
                && l.page == page
                && l.looks_ahead[0] == (looks_ahead && !walk.counts)
        });
        let name = format!("{key}({})", relation.name);
        let (level, path) = match shared {
            // Read once, however many fields walk it.
            Some(level) => (level, self.levels[level].path),
            None => self.new_level(name, Some(path), relation.to, source, page, location),
        };
        self.levels[level].own = Some(OwnLevel::Walked);
        if walk.counts {
            let count = self.read(level, Expression::Count);
            self.levels[level].reads[count].key = true;
            return WalkRead {
                level,
                count: Some(count),
                rows: RowsRead::default(),
            };
        }
        // More than may be are an error, and never a silent cut.
        self.levels[level].looks_ahead[0] = looks_ahead;
        if let (None, Link::Direct { columns }) = (&self.levels[level].page, &relation.link) {
            for &c in columns {
                self.key_read(level, c);
            }
        }
        WalkRead {
            level,
            count: None,
            rows: self.rows_read(level, path, &walk.called, &walk.rows, location),
        }
    }

    /// How many calls the rows of a level wait for, one after the other.
    fn phase(&self, level: LevelId) -> usize {
        match (&self.levels[level].own, &self.levels[level].source) {
            (Some(OwnLevel::Given { call, .. }), _) => self.own.calls[*call].phase + 1,
            (_, Source::Relation { parent, .. }) => self.phase(*parent),
            _ => 0,
        }
    }

    /// What the plan has of fields of one's own, with the levels that wait for some.
    pub(super) fn own_plan(&mut self) -> Option<Box<OwnPlan>> {
        if self.own.calls.is_empty() {
            return None;
        }
        let mut plan = std::mem::take(&mut self.own);
        let mut stage_of: Vec<usize> = Vec::with_capacity(self.levels.len());
        let mut phase_of: Vec<usize> = Vec::with_capacity(self.levels.len());
        for (i, level) in self.levels.iter().enumerate() {
            let (phase, stage) = match (level.own, &level.source) {
                (Some(OwnLevel::Given { call, .. }), _) => (plan.calls[call].phase + 1, 0),
                (_, Source::Relation { parent, .. }) => (phase_of[*parent], stage_of[*parent] + 1),
                _ => (0, 0),
            };
            phase_of.push(phase);
            stage_of.push(stage);
            if phase > 0 && level.runs {
                plan.later
                    .resize_with(plan.later.len().max(phase), Vec::new);
                let stages = &mut plan.later[phase - 1];
                stages.resize_with(stages.len().max(stage + 1), Vec::new);
                stages[stage].push(i);
            }
        }
        Some(Box::new(plan))
    }
}

/// A place in what a call gives.
#[derive(Clone)]
struct Place {
    call: usize,
    /// The path of the rows that the field is about.
    above: Option<usize>,
    /// `cover.author`
    name: String,
    path: Vec<usize>,
    /// How many rows there may be, for each that the call is about.
    most: u32,
    /// The same within a list.
    most_of_list: u32,
    location: Option<SourceSpan>,
}

impl Place {
    /// The place of a field of a plain object.
    fn below(&self, field: usize, key: &Name, location: Option<SourceSpan>) -> Self {
        let mut path = self.path.clone();
        path.push(field);
        Place {
            name: format!("{}.{key}", self.name),
            path,
            location,
            ..self.clone()
        }
    }
}

fn window(window: Window) -> Page {
    Page {
        window,
        filter: None,
        order: None,
        search: None,
    }
}
