//! The blog in somebody's own axum application, which has routes and sessions of its own.
//!
//!     cargo run                    # once, to make backref.db
//!     cargo run --example embed    # and then: curl http://127.0.0.1:8000/hello

use std::env;

use axum::extract::Request;
use axum::http::request::Parts;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::{Router, routing::get};
use backref::graph::Subject;
use backref::{Backref, Principal};

/// Whom this application knows. A real one looks its cookie up.
#[derive(Clone)]
struct Session {
    user: String,
}

async fn with_session(mut request: Request, next: Next) -> Response {
    let cookie = request
        .headers()
        .get("cookie")
        .and_then(|cookie| cookie.to_str().ok());
    if let Some(user) = cookie.and_then(|cookie| cookie.strip_prefix("user=")) {
        let user = user.to_owned();
        request.extensions_mut().insert(Session { user });
    }
    next.run(request).await
}

/// From what this application knows to whom the graph's rules are asked about.
fn principal(request: &Parts) -> Principal {
    match request.extensions.get::<Session>() {
        Some(session) => Principal::subject(Subject::new(session.user.as_str())),
        None => Principal::Anonymous,
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = env::var("DATABASE_URL").unwrap_or("sqlite://backref.db".to_owned());
    let api = Backref::builder(backref::blog::graph())
        .database(url)
        .principal(|request: &Parts| std::future::ready(Ok(principal(request))))
        .open()
        .await?;
    let app = Router::new()
        .route(
            "/hello",
            get(|| async { "This page is the application's own.\n" }),
        )
        .merge(api.router())
        .layer(from_fn(with_session));

    let listen = env::var("LISTEN").unwrap_or("127.0.0.1:8000".to_owned());
    let listener = tokio::net::TcpListener::bind(listen).await?;
    eprintln!("GraphQL at http://{}/graphql", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
