//! What sessions keep prepared is bounded, by number and by text, and what is asked often stays.

use backref::Graph;
use serde_json::json;

use crate::harness::{Backend, TestApp, TestDatabase, blog};

/// What the session at hand has prepared, as a table.
mod statement {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(schema_name = "pg_catalog", table_name = "pg_prepared_statements")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub statement: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A query whose statement's text is about so many bytes long, and differs from that of any other number.
fn long(number: usize, bytes: usize) -> String {
    let conditions = "{ name: { iContains: \"a\" } } ".repeat(bytes / 900);
    format!(
        "{{ tags(limit: {}, where: {{ or: [{conditions}] }}) {{ id }} }}",
        number + 1
    )
}

#[tokio::test]
async fn long_statements_leave_room_for_those_that_are_asked_often() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let database = TestDatabase::sample(Backend::Postgres).await;
    let graph: Graph = blog::graph().entity(statement::Entity);
    let app = TestApp::new(&database, graph, Default::default());
    let hot: Vec<String> = (1..=20)
        .map(|limit| format!("{{ users(limit: {limit}) {{ name }} }}"))
        .collect();
    let kept = async || {
        let all = "{ pgPreparedStatements(limit: 1000) { statement } }";
        let all = app.query(all).await.data();
        let all = all["pgPreparedStatements"].as_array().cloned();
        let all = all.unwrap_or_default().into_iter();
        all.map(|row| row["statement"].as_str().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    for number in 0..300 {
        app.query(&long(number, 3_000 + number * 40)).await.data();
        app.query(&hot[number % hot.len()]).await.data();
    }
    let kept = kept().await;
    let bytes: usize = kept.iter().map(String::len).sum();
    let longest = kept.iter().map(String::len).max();
    assert!(bytes <= 520 << 10, "{bytes} bytes of {}", kept.len());
    assert!(longest <= Some(8 << 10), "{longest:?}");
    let of_users = kept.iter().filter(|text| text.contains("\"user\"")).count();
    assert_eq!(json!(of_users), json!(hot.len()), "{}", kept.len());
}
