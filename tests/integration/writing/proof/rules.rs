//! Who may do what (A4), said once more.

use super::tables::{Cell, Key, State, Table};
use crate::reference::{Data, Seen};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    Anonymous,
    Reader(i64),
    Author(i64),
    Admin(i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Create,
    Update,
    Delete,
}

impl Actor {
    pub fn id(self) -> Option<i64> {
        match self {
            Actor::Anonymous => None,
            Actor::Reader(id) | Actor::Author(id) | Actor::Admin(id) => Some(id),
        }
    }

    pub fn is_admin(self) -> bool {
        matches!(self, Actor::Admin(_))
    }

    fn writes_posts(self) -> bool {
        matches!(self, Actor::Author(_) | Actor::Admin(_))
    }

    /// Whether a row is there for him.
    pub fn sees(self, state: &State, table: Table, key: Key) -> bool {
        if state.row(table, key).is_none() {
            return false;
        }
        match table {
            Table::Post => {
                let published = Cell::Text("published".to_owned());
                self.is_admin()
                    || state.cell(table, key, "status") == published
                    || self.is(&state.cell(table, key, "authorId"))
            }
            Table::Comment => match state.cell(table, key, "postId") {
                Cell::Int(post) => self.sees(state, Table::Post, (post, 0)),
                _ => false,
            },
            Table::PostTag => self.sees(state, Table::Post, (key.0, 0)),
            _ => true,
        }
    }

    fn is(self, id: &Cell) -> bool {
        self.id().is_some_and(|me| *id == Cell::Int(me))
    }

    /// Whether he may do it to a row, as it is in this state.
    pub fn may(self, act: Act, state: &State, table: Table, key: Key) -> bool {
        if self.is_admin() {
            return true;
        }
        if !self.may_ever(act, table) {
            return false;
        }
        let own = |table, key| self.is(&state.cell(table, key, "authorId"));
        match table {
            Table::Post | Table::Comment => own(table, key),
            Table::PostTag => own(Table::Post, (key.0, 0)),
            Table::User | Table::Profile | Table::Follow => self.id() == Some(key.0),
            Table::Tag => true,
        }
    }

    /// Whether there is a row to which he may do it.
    pub fn may_ever(self, act: Act, table: Table) -> bool {
        match table {
            _ if self.is_admin() => true,
            _ if self == Actor::Anonymous => false,
            Table::Post | Table::PostTag => self.writes_posts(),
            Table::Tag => act == Act::Create && self.writes_posts(),
            Table::User => act == Act::Update,
            Table::Comment | Table::Profile | Table::Follow => true,
        }
    }

    /// Whether he may write the column at all.
    pub fn may_write(self, table: Table, column: &str) -> bool {
        self.is_admin() || (table, column) != (Table::User, "role")
    }

    /// What he sees of it all, for the reference.
    pub fn seen(self, state: &State) -> Data {
        let mut data = state.data();
        data.posts
            .retain(|post| self.sees(state, Table::Post, (post.id, 0)));
        data.post_tags
            .retain(|row| self.sees(state, Table::Post, (row.post_id, 0)));
        data.comments
            .retain(|comment| self.sees(state, Table::Comment, (comment.id, 0)));
        let mut seen = Seen::default();
        for user in &data.users {
            if !self.is_admin() && self.id() != Some(user.id) {
                seen.nulls.insert(("User", (user.id, 0), "email"));
            }
        }
        data.seen = Some(seen);
        data
    }
}
