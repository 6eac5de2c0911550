//! What a principal may see of some content, one row at a time.

use std::cell::RefCell;
use std::collections::HashMap;

use backref::graph::Principal;

use super::draw::Rules;
use super::tables::{Row, Table, blank, key, related, retain};
use crate::reference::{Data, Seen};

/// Who reads what, by which rules.
pub struct Reader<'a> {
    pub data: &'a Data,
    pub principal: &'a Principal,
    rules: &'a Rules,
    known: RefCell<HashMap<Row, bool>>,
}

impl<'a> Reader<'a> {
    pub fn new(data: &'a Data, rules: &'a Rules, principal: &'a Principal) -> Self {
        Reader {
            data,
            principal,
            rules,
            known: RefCell::default(),
        }
    }

    pub fn sees(&self, row: Row) -> bool {
        if let Some(known) = self.known.borrow().get(&row) {
            return *known;
        }
        let own = self.rules.rows.get(&row.0);
        let sees = own.is_none_or(|rule| rule.holds(self, row)) && self.sees_through(row);
        self.known.borrow_mut().insert(row, sees);
        sees
    }

    fn sees_through(&self, (table, at): Row) -> bool {
        let Some(field) = table
            .through()
            .filter(|_| self.rules.through.contains(&table))
        else {
            return true;
        };
        let rows = related(self.data, (table, at), table.relation(field));
        rows.into_iter().any(|(_, row)| self.sees(row))
    }

    /// A copy of the content without the rows and the values that the principal may not see.
    pub fn seen(&self) -> Data {
        let mut copy = self.data.clone();
        let mut seen = Seen::default();
        for ((table, name), rule) in &self.rules.columns {
            let mut columns = table.columns().iter();
            let column = columns.find(|c| c.name == *name).expect("a column");
            if rule.is_never(self.principal) {
                seen.forbidden.insert((table.type_name(), column.field));
            }
            let rows = (0..table.count(self.data)).map(|at| (*table, at));
            for row in rows.filter(|row| self.sees(*row) && !rule.holds(self, *row)) {
                let key = key(self.data, row);
                seen.nulls.insert((table.type_name(), key, column.field));
                blank(&mut copy, row, name);
            }
        }
        retain(&mut copy, |row| self.sees(row));
        copy.seen = Some(seen);
        copy
    }

    /// How many rows are hidden.
    pub fn hidden(&self) -> usize {
        let rows = Table::ALL.iter().flat_map(|&table| {
            let rows = 0..table.count(self.data);
            rows.map(move |at| (table, at))
        });
        rows.filter(|row| !self.sees(*row)).count()
    }
}
