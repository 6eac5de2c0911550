//! Full-text search in SQL: the index is a table beside the entity's, FTS5 on SQLite, `tsvector` on PostgreSQL.

use super::page::Members;
use super::sort::SortKey;
use super::{BindValue, Dialect, Table, Writer, quoted};
use crate::graph::Entity;
use crate::read::plan::{BoundPage, Search};

/// How rows are found by their words.
#[derive(Default)]
pub(super) struct Found {
    /// ` JOIN "post_search" s1 ON …`, empty where nothing is searched for.
    pub join: String,
    pub condition: String,
    pub alias: Option<String>,
}

/// What SQLite's statements call all that is found.
const FOUND: &str = "backref_found";

impl Writer<'_> {
    /// The index beside `t`, and the condition that a row is found in it.
    pub(super) fn found(&mut self, t: Table, page: &BoundPage, nested: bool) -> Found {
        let Some(search) = &page.search else {
            return Found::default();
        };
        if self.is_for_nothing(search) {
            return Found {
                condition: "FALSE".to_owned(),
                ..Found::default()
            };
        }
        let key = self.entity(t).primary_key[0];
        let key = self.column(t, key);
        let alias = format!("s{}", self.table(t.entity).alias);
        let (join, condition) = match self.dialect {
            Dialect::Postgres => {
                let condition = format!("{alias}.document @@ {}", self.search_query(search));
                let join = format!(" JOIN {} {alias}", self.index(t));
                (join, condition)
            }
            Dialect::Sqlite => {
                self.search_query(search);
                // Below a parent each of its few rows is looked up in what is found.
                let join = if nested { "CROSS JOIN" } else { "JOIN" };
                (format!(" {join} {FOUND} {alias}"), String::new())
            }
        };
        Found {
            join: format!("{join} ON {alias}.id = {key}"),
            condition,
            alias: Some(alias),
        }
    }

    /// `"schema"."post_search"`
    fn index(&self, t: Table) -> String {
        let entity = self.entity(t);
        format!("{}{}", self.schema(entity), quoted(&entity.search_table()))
    }

    /// What SQLite's statement begins with: all that is found, once, since FTS5 goes through every row it finds
    /// each time it is asked.
    pub(super) fn found_first(&mut self, entity: &Entity) {
        let (Dialect::Sqlite, Some(n)) = (self.dialect, self.search) else {
            return;
        };
        let index = quoted(&entity.search_table());
        let found = format!(
            "WITH {FOUND} AS MATERIALIZED (SELECT rowid AS id FROM {index} WHERE {index} MATCH ?{n}) "
        );
        self.out.insert_str(0, &found);
    }

    /// The best found first, the newest among equals.
    pub(super) fn rank_keys(&mut self, members: &Members, search: &Search) -> Vec<SortKey> {
        let entity = &self.catalog.entities[members.t.entity];
        let key = entity.primary_key[0];
        let id = self.column(members.t, key);
        let mut keys = Vec::with_capacity(2);
        if !self.is_for_nothing(search) {
            let query = self.search_query(search);
            let rank = match self.dialect {
                Dialect::Postgres => {
                    let alias = members.search.as_deref().unwrap_or_default();
                    format!("ts_rank({alias}.document, {query})")
                }
                Dialect::Sqlite => {
                    let columns = entity.searched.iter();
                    let columns: Vec<_> = columns.map(|&c| self.column(members.t, c)).collect();
                    format!("backref_rank({query}, {})", columns.join(", "))
                }
            };
            keys.push(self.rank_key(rank));
        }
        keys.extend(self.plain_keys(members.t.entity, std::iter::once((id, key)), true));
        keys
    }

    /// What is searched for as the database reads it.
    fn searched(&self, search: &Search) -> String {
        match self.dialect {
            Dialect::Postgres => search.tsquery(),
            Dialect::Sqlite => search.fts5(),
        }
    }

    /// Whether there is no word in it, which nothing has.
    fn is_for_nothing(&self, search: &Search) -> bool {
        self.searched(search).is_empty()
    }

    fn search_query(&mut self, search: &Search) -> String {
        let n = match self.search {
            Some(n) => n,
            None => self.bind(BindValue::Text(self.searched(search).into())),
        };
        self.search = Some(n);
        match self.dialect {
            Dialect::Postgres => format!("to_tsquery('simple', ${n})"),
            Dialect::Sqlite => format!("?{n}"),
        }
    }
}
