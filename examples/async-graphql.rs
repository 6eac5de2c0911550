//! The blog beside a schema that is written by hand with async-graphql, both served by async-graphql's own integration.
//!
//!     cargo run                           # once, to make backref.db
//!     cargo run --example async-graphql

use std::env;

use async_graphql::{EmptyMutation, EmptySubscription, Object, Schema};
use async_graphql_axum::GraphQL;
use axum::Router;
use backref::Backref;

struct Weather;

#[Object]
impl Weather {
    /// What no database knows.
    async fn temperature(&self) -> f64 {
        21.5
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let by_hand = Schema::new(Weather, EmptyMutation, EmptySubscription);
    let url = env::var("DATABASE_URL").unwrap_or("sqlite://backref.db".to_owned());
    let blog = Backref::builder(backref::blog::graph())
        .database(url)
        .open()
        .await?;
    let app = Router::new()
        .route_service("/weather", GraphQL::new(by_hand))
        .route_service("/graphql", GraphQL::new(blog));

    let listen = env::var("LISTEN").unwrap_or("127.0.0.1:8000".to_owned());
    let listener = tokio::net::TcpListener::bind(listen).await?;
    eprintln!("GraphQL at http://{}/graphql", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
