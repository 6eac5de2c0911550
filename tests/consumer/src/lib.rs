//! What somebody writes who uses Backref: his graph.

use backref::Graph;

pub fn graph() -> Graph {
    Graph::new()
        .entity(entity::author::Entity)
        .entity(entity::book::Entity)
}
