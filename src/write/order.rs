//! In which order rows are written: what others refer to before them, as few statements as that allows.
//!
//! What a client sends decides how long a chain of rows is and how they refer to each other. So nothing here recurses, and
//! each row and each of its keys is looked at a fixed number of times.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use foldhash::fast::RandomState;

use super::unit::{Given, Node, NodeId, Origin};
use crate::graph::{ColumnIx, EntityId};

/// Statements of one level: each writes rows of one table, by one operation, in the same columns.
pub type Group = Vec<NodeId>;

/// What tells the statements of a level from each other.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupKey {
    /// What depends on nothing that is made is 0.
    pub level: usize,
    /// Updates come before inserts, so that what is given up can be taken.
    pub operation: Operation,
    pub entity: EntityId,
    pub columns: Vec<ColumnIx>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    Update,
    Insert,
    InsertUnless(usize),
    Upsert(usize),
    Link,
}

/// The statements that write rows, in their order, and what must be written behind them because rows refer to each other.
#[derive(Debug, Default)]
pub struct Order {
    pub groups: BTreeMap<GroupKey, Group>,
    /// Columns that are null at first.
    pub patches: Vec<Edge>,
}

/// Rows that refer to each other by keys which cannot be null, so that none can be the first.
#[derive(Debug)]
pub struct Circle(pub Vec<Edge>);

/// A column of a row, and the column of another whose value it is to have.
type Edge = (NodeId, ColumnIx, (NodeId, ColumnIx));

/// Sorts what is written by what it depends on. `node` gives the nodes, `nullable` whether a column may be null at first.
pub fn order<'n>(
    ids: &[NodeId],
    node: impl Fn(NodeId) -> &'n Node,
    nullable: impl Fn(EntityId, ColumnIx) -> bool,
) -> Result<Order, Circle> {
    let written: Vec<_> = ids
        .iter()
        .copied()
        .filter(|&id| node(id).is_written())
        .collect();
    let references = References::of(&written, &node, nullable);
    let mut sorting = Sorting::new(&references);
    let edges = |all: Vec<usize>| all.into_iter().map(|at| references.edge(at, &written));
    if let Err(circle) = sorting.sort() {
        return Err(Circle(edges(circle).collect()));
    }
    let Sorting {
        levels,
        left,
        patches,
        ..
    } = sorting;
    let mut groups: HashMap<GroupKey, Group, RandomState> = HashMap::default();
    let mut columns = Vec::new();
    for (row, &id) in written.iter().enumerate() {
        let of = node(id);
        let own = of.changes.iter().map(|(column, _)| *column);
        columns.clear();
        columns.extend(own.filter(|&column| left.is_empty() || !left.contains(&(row, column))));
        columns.sort_unstable();
        let key = GroupKey {
            level: levels[row],
            operation: Operation::of(&of.origin),
            entity: of.entity,
            columns,
        };
        // Most rows are of a group that there is, so the key is seldom kept.
        columns = match groups.get_mut(&key) {
            Some(group) => {
                group.push(id);
                key.columns
            }
            None => {
                groups.insert(key, vec![id]);
                Vec::new()
            }
        };
    }
    Ok(Order {
        groups: groups.into_iter().collect(),
        patches: edges(patches).collect(),
    })
}

/// What each row refers to of those that are made beside it. Rows are numbered as they are written.
struct References {
    all: Vec<Reference>,
    /// Where those of each row begin, and behind the last where they end.
    starts: Vec<usize>,
}

struct Reference {
    from: usize,
    column: ColumnIx,
    to: usize,
    of_column: ColumnIx,
    /// It may be null at first.
    nullable: bool,
}

impl References {
    fn of<'n>(
        written: &[NodeId],
        node: impl Fn(NodeId) -> &'n Node,
        nullable: impl Fn(EntityId, ColumnIx) -> bool,
    ) -> Self {
        let first = written.iter().min().copied().unwrap_or_default();
        let last = written.iter().max().copied().unwrap_or_default();
        let mut rows = vec![None; last - first + 1];
        for (row, &id) in written.iter().enumerate() {
            rows[id - first] = Some(row);
        }
        let mut all = Vec::new();
        let mut starts = Vec::with_capacity(written.len() + 1);
        for (from, &id) in written.iter().enumerate() {
            starts.push(all.len());
            let of = node(id);
            for (column, given) in &of.changes {
                let Given::Of(to, of_column) = given else {
                    continue;
                };
                let referred = node(*to);
                // What an earlier field has made is there.
                if !referred.is_made() || referred.act != of.act {
                    continue;
                }
                let place = to.checked_sub(first).and_then(|at| rows.get(at).copied());
                if let Some(to) = place.flatten() {
                    all.push(Reference {
                        from,
                        column: *column,
                        to,
                        of_column: *of_column,
                        nullable: nullable(of.entity, *column),
                    });
                }
            }
        }
        starts.push(all.len());
        References { all, starts }
    }

    fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    fn of_row(&self, row: usize) -> std::ops::Range<usize> {
        self.starts[row]..self.starts[row + 1]
    }

    fn edge(&self, at: usize, written: &[NodeId]) -> Edge {
        let Reference {
            from,
            column,
            to,
            of_column,
            ..
        } = self.all[at];
        (written[from], column, (written[to], of_column))
    }
}

struct Sorting<'r> {
    references: &'r References,
    /// One more than those of the rows that a row refers to.
    levels: Vec<usize>,
    /// Columns of rows that are null at first, and the references that they are.
    left: HashSet<(usize, ColumnIx), RandomState>,
    patches: Vec<usize>,
}

impl<'r> Sorting<'r> {
    fn new(references: &'r References) -> Self {
        Sorting {
            references,
            levels: vec![0; references.rows()],
            left: HashSet::default(),
            patches: Vec::new(),
        }
    }

    /// Finds the rows that refer to each other in circles, by Tarjan's algorithm, which comes to what they refer to before.
    /// Gives the references of one in which all are needed, if there is such.
    fn sort(&mut self) -> Result<(), Vec<usize>> {
        const NOT_SEEN: usize = usize::MAX;
        let references = self.references;
        if references.all.is_empty() {
            return Ok(());
        }
        let rows = references.rows();
        let mut seen = vec![NOT_SEEN; rows];
        let mut lowest = vec![0; rows];
        let mut is_open = vec![false; rows];
        let (mut open, mut way) = (Vec::new(), Vec::new());
        let mut next = 0;
        for root in 0..rows {
            if seen[root] != NOT_SEEN {
                continue;
            }
            way.push((root, references.of_row(root)));
            while let Some((row, rest)) = way.last_mut() {
                let row = *row;
                if seen[row] == NOT_SEEN {
                    (seen[row], lowest[row]) = (next, next);
                    next += 1;
                    is_open[row] = true;
                    open.push(row);
                }
                if let Some(at) = rest.next() {
                    let to = references.all[at].to;
                    match seen[to] {
                        NOT_SEEN => way.push((to, references.of_row(to))),
                        place if is_open[to] => lowest[row] = lowest[row].min(place),
                        _ => {}
                    }
                    continue;
                }
                way.pop();
                if let Some((above, _)) = way.last() {
                    lowest[*above] = lowest[*above].min(lowest[row]);
                }
                if lowest[row] == seen[row] {
                    let start = open.iter().rposition(|&other| other == row);
                    let together = open.split_off(start.unwrap_or_default());
                    together.iter().for_each(|&row| is_open[row] = false);
                    self.settle(together)?;
                }
            }
        }
        Ok(())
    }

    /// Rows that refer to each other, or one. Whatever else they refer to has its level.
    fn settle(&mut self, mut together: Vec<usize>) -> Result<(), Vec<usize>> {
        if let [row] = together[..] {
            let mut own = self.references.of_row(row);
            if !own.any(|at| self.references.all[at].to == row) {
                self.place(row);
                return Ok(());
            }
        }
        together.sort_unstable();
        self.part(&together)
    }

    /// Has a column be null at first.
    fn leave(&mut self, at: usize) {
        let Reference { from, column, .. } = self.references.all[at];
        if self.left.insert((from, column)) {
            self.patches.push(at);
        }
    }

    fn place(&mut self, row: usize) {
        let own = self.references.of_row(row);
        let own = own.map(|at| &self.references.all[at]);
        let needed = own.filter(|of| !self.left.contains(&(row, of.column)));
        let below = needed.map(|of| self.levels[of.to] + 1).max();
        self.levels[row] = below.unwrap_or_default();
    }

    /// Sorts rows that refer to each other in circles: those first that need no other. Where there is none, one goes first
    /// whose keys to the others can be null, and leaves these for later.
    fn part(&mut self, together: &[usize]) -> Result<(), Vec<usize>> {
        let references = self.references;
        let places: HashMap<usize, usize, RandomState> = together
            .iter()
            .enumerate()
            .map(|(at, row)| (*row, at))
            .collect();
        let mut waiting = vec![Waiting::default(); together.len()];
        for &row in together {
            for at in references.of_row(row) {
                let of = &references.all[at];
                let Some(&to) = places.get(&of.to) else {
                    continue;
                };
                if of.to == row && of.nullable {
                    self.leave(at);
                    continue;
                }
                waiting[to].referring.push(at);
                let own = &mut waiting[places[&row]];
                match of.nullable {
                    true => own.wants += 1,
                    false => own.needs += 1,
                }
            }
        }
        let mut free = VecDeque::new();
        let mut can_be_first: VecDeque<usize> = (0..together.len())
            .filter(|&at| waiting[at].needs == 0)
            .collect();
        let mut placed = 0;
        while placed < together.len() {
            let next = free.pop_front().or_else(|| can_be_first.pop_front());
            let Some(next) = next else {
                return Err(self.circle(together, &places, &waiting));
            };
            if waiting[next].is_placed {
                continue;
            }
            let row = together[next];
            for at in references.of_row(row) {
                let of = &references.all[at];
                let later = places.get(&of.to).is_some_and(|&to| !waiting[to].is_placed);
                if later {
                    self.leave(at);
                }
            }
            self.place(row);
            waiting[next].is_placed = true;
            placed += 1;
            for at in std::mem::take(&mut waiting[next].referring) {
                let of = &references.all[at];
                let at = places[&of.from];
                let other = &mut waiting[at];
                match of.nullable {
                    true => other.wants -= 1,
                    false => other.needs -= 1,
                }
                match (other.needs, other.wants) {
                    (0, 0) => free.push_back(at),
                    (0, _) if !of.nullable => can_be_first.push_back(at),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// A circle of what is not placed, of which each needs the next.
    fn circle(
        &self,
        together: &[usize],
        places: &HashMap<usize, usize, RandomState>,
        waiting: &[Waiting],
    ) -> Vec<usize> {
        let references = self.references;
        let needed = |row: usize| {
            references.of_row(row).find(|&at| {
                let of = &references.all[at];
                let to = places.get(&of.to);
                !of.nullable && to.is_some_and(|&to| !waiting[to].is_placed)
            })
        };
        let mut way = Vec::new();
        let mut met = HashMap::new();
        let mut rows = together.iter().zip(waiting);
        let first = rows.find(|(_, waiting)| !waiting.is_placed);
        let mut next = first.map(|(row, _)| *row);
        while let Some(row) = next {
            if let Some(start) = met.insert(row, way.len()) {
                return way.split_off(start);
            }
            let at = needed(row);
            way.extend(at);
            next = at.map(|at| references.all[at].to);
        }
        way
    }
}

/// How many of those with which a row is in circles it refers to, that are not placed yet; and what refers to it.
#[derive(Clone, Default)]
struct Waiting {
    /// By keys that cannot be null.
    needs: usize,
    /// By others.
    wants: usize,
    referring: Vec<usize>,
    is_placed: bool,
}

impl Operation {
    fn of(origin: &Origin) -> Self {
        match origin {
            Origin::New => Operation::Insert,
            Origin::NewUnless { unique, .. } => Operation::InsertUnless(*unique),
            Origin::Upsert { unique, .. } => Operation::Upsert(*unique),
            Origin::Link => Operation::Link,
            _ => Operation::Update,
        }
    }
}
