//! Accounts: whether the columns that a graph declares for them will do.

use super::Work;
use crate::graph::accounts::{AccountColumns, Accounts};
use crate::graph::definition::ColumnKey;
use crate::graph::{Column, ColumnIx, Entity, Kind};

/// Types, and a field of `Query`, that a graph with accounts has.
const TYPES: [&str; 2] = ["Session", "SignUp"];
const ROOT: &str = "viewer";

impl Work<'_> {
    pub(super) fn accounts(&mut self) -> Option<AccountColumns> {
        let declared = self.graph.accounts.as_ref()?;
        let table = &declared.username.table;
        let Some(&id) = self.by_table.get(table) else {
            self.mistakes.push(format!(
                "`.accounts(…)` names the table `{}`, whose entity is not on the graph; register it with `.entity(…)`",
                table.table
            ));
            return None;
        };
        let entity = &self.catalog_entities[id];
        let mut check = Check {
            entity,
            mistakes: Vec::new(),
        };
        let columns = check.columns(id, declared);
        let mistakes = check.mistakes.into_iter();
        let mistakes =
            mistakes.map(|mistake| format!("{}: `.accounts(…)`: {mistake}", entity.module));
        let mistakes: Vec<_> = mistakes.chain(self.taken()).collect();
        self.mistakes.extend(mistakes);
        // Whoever writes these columns otherwise writes what he could have signed up with.
        let asked = columns.iter().flat_map(AccountColumns::asked);
        let checks = asked.map(|(column, kind)| (column, kind.check()));
        let writing = &mut self.catalog_entities[id].writing;
        writing.checks.extend(checks);
        columns
    }

    /// Types that are called as those of accounts are.
    fn taken(&self) -> Vec<String> {
        let entities = self.catalog_entities.iter().filter(|e| e.exposed);
        let is_taken = |e: &&Entity| {
            TYPES.contains(&e.type_name.as_str()) || e.single == ROOT || e.plural == ROOT
        };
        let taken = entities.filter(is_taken);
        taken
            .map(|e| {
                format!(
                    "{}: a graph with accounts has types `Session` and `SignUp` and a field `viewer` of its own; call `{}` otherwise with `.type_name(…)`",
                    e.module, e.type_name
                )
            })
            .collect()
    }
}

struct Check<'e> {
    entity: &'e Entity,
    mistakes: Vec<String>,
}

impl Check<'_> {
    fn columns(&mut self, id: usize, declared: &Accounts<ColumnKey>) -> Option<AccountColumns> {
        let key = match self.entity.primary_key[..] {
            [key] if can_be_id(&self.entity.columns[key].kind) => Some(key),
            _ => {
                let mistake =
                    "its primary key must be one integer or UUID, which the id of a subject is";
                self.mistakes.push(mistake.to_owned());
                None
            }
        };
        let is_text = |c: &Column| matches!(c.kind, Kind::Text) && c.refers_to.is_none();
        let unique = |c: &Column| is_text(c) && c.unique && !c.nullable;
        let username = self.column(&declared.username, "must be a unique text", unique);
        let email = self.column(&declared.email, "must be a unique text", unique);
        let hidden = |c: &Column| is_text(c) && c.hidden;
        let says = "must be a text that is hidden; hide it with `.hide(…)`";
        let password_hash = self.column(&declared.password_hash, says, hidden);
        let is_role = |c: &Column| matches!(c.kind, Kind::Text | Kind::Enum(_));
        let role = self.column(&declared.role, "must be a text or an enum", is_role);
        let mut others = Vec::new();
        for key in &declared.asked {
            others.push(self.column(key, "must be a text", is_text)?);
        }
        let mut made_at = Vec::new();
        for key in &declared.made_at {
            let is_time = |c: &Column| matches!(c.kind, Kind::DateTime { .. });
            made_at.push(self.column(key, "must be a time", is_time)?);
        }
        Some(AccountColumns {
            entity: id,
            key: key?,
            username: username?,
            password_hash: password_hash?,
            role: role?,
            email: email?,
            others,
            made_at,
        })
    }

    fn column(
        &mut self,
        key: &ColumnKey,
        says: &str,
        fits: impl Fn(&Column) -> bool,
    ) -> Option<ColumnIx> {
        let columns = &self.entity.columns;
        let found = columns.iter().position(|c| c.name == key.column && fits(c));
        if found.is_none() {
            self.mistakes
                .push(format!("column `{}` {says}", key.column));
        }
        found
    }
}

fn can_be_id(kind: &Kind) -> bool {
    matches!(kind, Kind::Int | Kind::BigInt | Kind::Uuid)
}
