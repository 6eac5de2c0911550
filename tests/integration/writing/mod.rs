//! Mutations: what they write, what they refuse, and what they cost.

mod agreeing;
mod ahead;
mod alike;
mod allowed;
mod alone;
mod bounds;
mod cascades;
mod chains;
mod content;
mod contention;
mod deleting;
mod explained;
mod faults;
mod hooks;
mod inputs;
mod killed;
mod late;
mod leave;
mod links;
mod made;
mod masked;
mod odd;
mod order;
mod places;
mod processes;
mod proof;
mod shapes;
mod shown;
mod told;
mod unwritten;
mod upserts;
mod values;

use backref::graph::{Principal, Subject};

use crate::generate;
use crate::harness::{Backend, TestApp, TestDatabase};

/// Somebody of this role.
pub fn somebody(role: &str, id: i64) -> Principal {
    Principal::subject(Subject::new(id.to_string()).with_role(role))
}

/// The blog, with users, posts of every status and comments.
async fn blog(backend: Backend) -> (TestDatabase, TestApp) {
    let database = TestDatabase::migrated(backend).await;
    generate::insert(&database.connection, &content::data()).await;
    content::number_from(&database, 1000).await;
    let app = TestApp::new(&database, backref::blog::graph(), Default::default());
    (database, app)
}
