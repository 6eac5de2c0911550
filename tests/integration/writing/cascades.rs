//! What goes with what is deleted, or lets go of it: along several ways, in circles, and where something else is to become
//! of it.

use backref::graph::Preset;
use serde_json::json;

use super::bounds::cost;
use super::content;
use crate::generate;
use crate::harness::{Backend, TestApp, TestDatabase};

/// Where nothing goes with a row no statement is run for that, whatever the graph puts into its columns.
#[tokio::test]
async fn what_takes_nothing_along_is_deleted_alone() {
    for backend in Backend::all() {
        let database = TestDatabase::migrated(backend).await;
        generate::insert(&database.connection, &content::data()).await;
        let graph =
            backref::blog::graph().on_create(entity::follow::Column::FollowerId, Preset::me());
        let app = TestApp::new(&database, graph, Default::default());
        let query = r#"mutation { deleteUser(id: "User:6") { id } }"#;
        let (_, heard) = cost(&app, query, &json!({})).await;
        let deletes = heard.iter().filter(|sql| sql.starts_with("DELETE"));
        assert_eq!(deletes.count(), 1, "{backend:?}: {heard:#?}");
        content::is_sound(&database).await;
    }
}
