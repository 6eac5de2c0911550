//! What is explained of a mutation, held against what it ran: of whatever any test asks.
//!
//! Each statement that ran is among those that are explained, in their order, and each that is explained without `perhaps` ran. They
//! are alike but for what rows make of them: whether one is bound or many, and what is asked of them beside.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use backref::Request;
use backref::engine::Planner;
use backref::graph::Principal;
use backref::read::sql::Dialect;
use regex::Regex;
use serde_json::Value;

/// A statement that is explained.
#[derive(Debug, Clone)]
pub struct Explained {
    /// Where in the input, or in the answer.
    pub path: String,
    pub sql: String,
    pub kind: Kind,
    /// It finds who signs in.
    pub is_account: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It reads what is answered.
    Read,
    Write {
        perhaps: bool,
        times: usize,
        most: Option<u64>,
    },
    /// It is of an entity with hooks, which may change what is written.
    Hooked,
    /// What somebody's own code runs.
    Own,
}

/// The statements that are explained, and the bound on their number.
pub fn explained(
    planner: &Planner,
    dialect: Dialect,
    principal: &Principal,
    request: &Request,
) -> (Vec<Explained>, u64) {
    let plan = planner.explain(request, principal.clone(), dialect, |plan| {
        serde_json::to_value(plan).expect("JSON")
    });
    let plan = plan.unwrap_or_else(|errors| panic!("{}: {errors:?}", request.query));
    let mut all = Vec::new();
    for field in plan["fields"].as_array().into_iter().flatten() {
        add(planner, field, &mut all);
    }
    let mut own = plan["ownFields"].as_array().into_iter().flatten();
    if own.any(|own| own["called"] == "once, in the transaction") {
        all.push(Explained {
            path: String::new(),
            sql: String::new(),
            kind: Kind::Own,
            is_account: false,
        });
    }
    let bound = plan["bound"]["statements"].as_u64();
    (all, bound.expect("a bound"))
}

fn add(planner: &Planner, field: &Value, all: &mut Vec<Explained>) {
    let text = |name: &str| field[name].as_str().unwrap_or_default().to_owned();
    if field["sql"].is_string() {
        let mut entities = planner.catalog().entities.iter();
        let of = entities.find(|of| of.type_name.as_str() == text("type"));
        let is_hooked = of.is_some_and(|of| of.writing.hooks.is_some());
        all.push(Explained {
            path: text("path"),
            sql: text("sql"),
            is_account: text("path") == "username",
            kind: match field["perhaps"].as_bool() {
                None => Kind::Read,
                Some(_) if is_hooked => Kind::Hooked,
                Some(perhaps) => Kind::Write {
                    perhaps,
                    times: field["times"].as_u64().map_or(1, |times| times as usize),
                    most: field["most"].as_u64(),
                },
            },
        });
    }
    for below in field["below"].as_array().into_iter().flatten() {
        add(planner, below, all);
    }
}

/// A statement that ran.
#[derive(Debug, Clone)]
pub struct Ran {
    pub path: String,
    pub sql: String,
    pub keys: u64,
}

/// What an answer says that it ran, but for what hooks asked, what its key took, and what was asked of rows that the database has
/// left alone.
pub fn ran(answer: &Value) -> Vec<Ran> {
    let statements = &answer["extensions"]["backref"]["statements"];
    let statements = statements.as_array().into_iter().flatten();
    let all = statements.map(|of| Ran {
        path: of["path"].as_str().unwrap_or_default().to_owned(),
        sql: of["sql"].as_str().unwrap_or_default().to_owned(),
        keys: of["keys"].as_u64().unwrap_or_default(),
    });
    let beside = ["(hook)", "(left alone)"];
    let is_beside = |path: &str| beside.iter().any(|end| path.ends_with(end));
    all.filter(|ran| !is_beside(&ran.path) && ran.path != "Idempotency-Key")
        .collect()
}

/// Holds what is explained of a request against what came of it, if it was done.
pub fn hold(
    planner: &Planner,
    dialect: Dialect,
    principal: &Principal,
    request: &Request,
    answer: &Value,
) {
    let cost = &answer["extensions"]["backref"];
    if !answer["errors"].is_null() || cost.is_null() || !planner.mutates(request) {
        return;
    }
    let (explained, bound) = explained(planner, dialect, principal, request);
    let ran = ran(answer);
    let told = || {
        let explained = explained.iter();
        let explained: Vec<_> = explained
            .map(|of| format!("{:?} {}: {}", of.kind, of.path, of.sql))
            .collect();
        let ran = ran.iter();
        let ran: Vec<_> = ran
            .map(|of| format!("{} ({}): {}", of.path, of.keys, of.sql))
            .collect();
        format!(
            "{principal:?} {} {:?}\n\nexplained:\n{}\n\nran:\n{}",
            request.query,
            request.variables,
            explained.join("\n"),
            ran.join("\n")
        )
    };
    let times = explained.iter().map(|of| match of.kind {
        Kind::Write { times, .. } => times as u64,
        Kind::Read | Kind::Hooked | Kind::Own => 1,
    });
    let times: u64 = times.sum();
    let is_hooked = explained.iter().any(|of| of.kind == Kind::Hooked);
    // What somebody's own code runs is bounded by what is declared.
    if explained.iter().any(|of| of.kind == Kind::Own) {
        return;
    }
    assert!(
        times == bound || is_hooked && times <= bound,
        "{times} are explained, and the bound is {bound}\n{}",
        told()
    );
    let is_bounded = is_hooked || ran.len() as u64 <= bound;
    assert!(is_bounded, "more than {bound}\n{}", told());
    assert!(is_explained(&explained, &ran), "{}", told());
}

/// Whether these are explained so.
fn is_explained(explained: &[Explained], ran: &[Ran]) -> bool {
    let reads: BTreeSet<&str> = explained
        .iter()
        .filter(|of| of.kind == Kind::Read)
        .map(|of| of.path.as_str())
        .collect();
    let shapes = explained.iter().map(|of| Shape::of(&of.sql));
    let shapes: Vec<_> = shapes.collect();
    let ran: Vec<_> = ran.iter().map(|ran| (ran, Shape::of(&ran.sql))).collect();
    // How many of those that ran can be what is explained up to each place.
    let mut ends = BTreeSet::from([0]);
    for (of, shape) in explained.iter().zip(&shapes) {
        let is_it = |at: usize| {
            let Some((ran, ran_shape)) = ran.get(at) else {
                return false;
            };
            match of.kind {
                // Levels are read in another order than fields stand.
                Kind::Read => reads.contains(ran.path.as_str()),
                Kind::Hooked => shape.is_of_same(ran_shape),
                Kind::Write { most, .. } => {
                    let fits = most.is_none_or(|most| ran.keys <= most);
                    fits && (of.sql == ran.sql || shape.covers(ran_shape))
                }
                Kind::Own => true,
            }
        };
        let (least, most) = match of.kind {
            Kind::Read | Kind::Hooked | Kind::Own => (0, usize::MAX),
            // Who signs in is looked for before the transaction begins.
            Kind::Write { times, .. } if of.is_account => (0, times),
            Kind::Write { perhaps, times, .. } => (usize::from(!perhaps), times),
        };
        let mut next = BTreeSet::new();
        for start in ends {
            let mut end = start;
            loop {
                if end - start >= least {
                    next.insert(end);
                }
                if end - start >= most || !is_it(end) {
                    break;
                }
                end += 1;
            }
        }
        ends = next;
    }
    ends.contains(&ran.len())
}

/// What is left of a statement's text when nothing is made of its rows.
#[derive(Debug, PartialEq, Eq)]
pub struct Shape {
    verb: String,
    table: String,
    /// What it reads or writes of each row.
    items: Vec<String>,
    /// What is done with rows that are there, and what is returned; how many are read.
    rest: String,
}

static BIND: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"[$?][0-9]+").expect("a pattern"));
static SET: LazyLock<Regex> = LazyLock::new(|| Regex::new("\"([^\"]+)\" = ").expect("a pattern"));
static LIMIT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r" ORDER BY [^()]* (LIMIT [0-9]+)( FOR UPDATE OF t0)?$").expect("a pattern")
});

impl Shape {
    pub fn of(sql: &str) -> Self {
        let sql = BIND.replace_all(sql, "?");
        let verb = sql.split(' ').next().unwrap_or_default();
        let behind = |words: &str| sql.split_once(words).map_or("", |(_, rest)| rest);
        let word = |text: &str| text.split([' ', '(']).next().unwrap_or_default().to_owned();
        let (table, items, rest) = match verb {
            "SELECT" => {
                let (list, rest) = listed(behind("SELECT "));
                let before = rest.split(" t0").next().unwrap_or_default();
                let table = before.rsplit(' ').next().unwrap_or_default().to_owned();
                let places = ["?::bigint", "1::bigint", "0", "k.ord", "k.key"];
                let items = list.into_iter();
                let items = items.filter(|item| !places.contains(&item.as_str()));
                let limit = LIMIT
                    .captures(&sql)
                    .map_or(String::new(), |c| c[1].to_owned());
                (table, items.collect(), limit)
            }
            "INSERT" => {
                let rest = behind("INSERT INTO ");
                let values = [" VALUES", " SELECT", " DEFAULT VALUES"];
                let columns = values
                    .iter()
                    .filter_map(|word| rest.split_once(word))
                    .map(|(c, _)| c);
                let columns = columns.min_by_key(|columns| columns.len()).unwrap_or(rest);
                let columns = columns.split_once('(').map_or("", |(_, columns)| columns);
                let columns = columns.trim_end_matches(')').split(", ");
                let ends = [" ON CONFLICT", " RETURNING"];
                let end = ends.iter().filter_map(|word| rest.find(word)).min();
                let end = end.map_or("", |end| &rest[end..]);
                (
                    word(rest),
                    columns.map(str::to_owned).collect(),
                    end.to_owned(),
                )
            }
            "UPDATE" => {
                let sets = behind(" SET ");
                let ends = [" FROM ", " WHERE "];
                let end = ends.iter().filter_map(|word| sets.find(word)).min();
                let sets = &sets[..end.unwrap_or(sets.len())];
                let items = SET.captures_iter(sets).map(|c| c[1].to_owned());
                (word(behind("UPDATE ")), items.collect(), String::new())
            }
            _ => (word(behind("DELETE FROM ")), Vec::new(), String::new()),
        };
        Shape {
            verb: verb.to_owned(),
            table,
            items,
            rest,
        }
    }

    fn is_of_same(&self, other: &Shape) -> bool {
        self.verb == other.verb && self.table == other.table
    }

    /// Whether another is the same, though less may be asked of its rows.
    pub fn covers(&self, other: &Shape) -> bool {
        let mut items = self.items.iter();
        let is_within = match self.verb.as_str() {
            "SELECT" => other.items.iter().all(|item| items.any(|own| own == item)),
            _ => self.items == other.items,
        };
        self.is_of_same(other) && is_within && self.rest == other.rest
    }
}

/// What stands in a list up to what follows it.
fn listed(text: &str) -> (Vec<String>, &str) {
    let (mut items, mut start, mut depth) = (Vec::new(), 0, 0);
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                items.push(text[start..at].trim().to_owned());
                start = at + 1;
            }
            _ if depth == 0 && text[at..].starts_with(" FROM ") => {
                items.push(text[start..at].trim().to_owned());
                return (items, &text[at..]);
            }
            _ => {}
        }
    }
    (items, "")
}
