//! The graph that the engine's tests stand on: the entities of the box that they were written for. What is added to
//! the box is not on it, so it changes nothing here.

use backref::Graph;
use backref::graph::accounts::Accounts;
use backref::graph::policy::Rule;
use entity::user::Role;
use entity::{comment, follow, post, post_tag, profile, tag, user};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};

pub fn graph() -> Graph {
    Graph::new()
        .entity(user::Entity)
        .entity(profile::Entity)
        .entity(post::Entity)
        .entity(tag::Entity)
        .entity(post_tag::Entity)
        .entity(comment::Entity)
        .entity(follow::Entity)
        .backref(comment::Relation::Parent, "replies")
        .through(follow::Relation::Follower, "followers")
        .through(follow::Relation::Followee, "following")
        .hide(user::Column::PasswordHash)
        .column_policy(user::Column::Email, |me, _| {
            me.is(user::Column::Id).or(Rule::when(me.has(Role::Admin)))
        })
        .policy(post::Entity, |me, post| {
            let published = post.is(post::Column::Status, post::Status::Published);
            let own = me.is(post::Column::AuthorId);
            published.or(own).or(Rule::when(me.has(Role::Admin)))
        })
        .visible_through(comment::Relation::Post)
        .search(post::Entity, [post::Column::Title, post::Column::Body])
        .accounts(Accounts {
            username: user::Column::Username,
            password_hash: user::Column::PasswordHash,
            role: user::Column::Role,
            email: user::Column::Email,
            asked: vec![user::Column::Name],
            made_at: vec![user::Column::CreatedAt, user::Column::UpdatedAt],
        })
}

/// Drops the tables of a migrated database that are not of this graph.
pub async fn alone(database: &DatabaseConnection) {
    let catalog = graph().build().unwrap_or_else(|e| panic!("{e}"));
    let searches = catalog.entities.iter().map(|e| e.search_table());
    let tables = catalog.entities.iter().map(|e| e.table.clone());
    let mut own: Vec<String> = searches.chain(tables).collect();
    own.push("seaql_migrations".to_owned());
    let backend = database.get_database_backend();
    let (all, after) = match backend {
        DbBackend::Postgres => (
            "SELECT relname::text FROM pg_class
             WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace",
            " CASCADE",
        ),
        _ => (
            "SELECT name FROM pragma_table_list
             WHERE schema = 'main' AND type <> 'shadow' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
            "",
        ),
    };
    let all = Statement::from_string(backend, all);
    for row in database.query_all_raw(all).await.expect("the tables") {
        let table: String = row.try_get_by_index(0).expect("a name");
        if !own.contains(&table) {
            let drop = format!("DROP TABLE \"{table}\"{after}");
            database.execute_unprepared(&drop).await.expect("it goes");
        }
    }
}
