//! A graph in somebody's own program: its routes, its service, and requests in process.

mod executor;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::MethodRouter;
use futures_util::FutureExt;

use crate::engine::{Engine, KEEP, Planner, Request, Response};
use crate::graph::{Graph, GraphError, Principal};
use crate::identity::tokens::Tokens;
use crate::identity::{Authenticate, Authentication, Bearer};
use crate::read::plan::Limits;
use crate::schema::{Schema, SchemaError};
use crate::serve::cors::{NoOrigin, Origins};
use crate::serve::database::{SetupError, Url};
use crate::serve::http::{self, ServerOptions};
use crate::serve::open::{Opened, Opening, usual_connections};

/// A graph over a database. Copies are cheap, and share everything.
///
/// ```no_run
/// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
/// # let graph = backref::Graph::new();
/// use backref::{Backref, Principal, Request};
///
/// let api = Backref::builder(graph)
///     .database("sqlite://shop.db")
///     .open()
///     .await?;
///
/// // In somebody's axum application:
/// let app: axum::Router = axum::Router::new().merge(api.router());
///
/// // Or in process, for tests:
/// let request = Request::new("{ products(limit: 5) { name } }");
/// let response = api.execute(&request, Principal::Anonymous).await;
/// println!("{}", response.json());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Backref {
    engine: Arc<Engine>,
    options: ServerOptions,
}

/// Why there is no [`Backref`], with the remedy.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The graph is declared wrongly; the message lists every mistake.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The graph makes no valid GraphQL schema.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] UnusableDatabase),
    /// No database was named.
    #[error(
        "no database is named; give one by `.database(\"postgres://…\")` or `.database(\"sqlite://FILE\")`"
    )]
    NoDatabase,
    /// Two ways say who asks.
    #[error(
        "`.tokens(…)` says who asks, and so does `.principal(…)` or `.authentication(…)`; keep one: what reads a session may believe tokens too"
    )]
    TwoAuthentications,
    /// An origin that may ask is none.
    #[error(transparent)]
    Origin(#[from] NoOrigin),
}

/// Why a database cannot be used, with the remedy.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct UnusableDatabase(SetupError);

impl Backref {
    /// What it is made of; [`Builder::open`] makes it.
    pub fn builder(graph: Graph) -> Builder {
        Builder {
            graph,
            url: None,
            max_connections: usual_connections(),
            timeout: Duration::from_secs(30),
            keep: KEEP,
            limits: Limits::default(),
            authentication: None,
            tokens: None,
            origins: Vec::new(),
            options: ServerOptions {
                graphiql: false,
                ..ServerOptions::default()
            },
        }
    }

    /// `/graphql` by POST and GET, and GraphiQL at `/` where the builder said so; to be merged into an application of
    /// axum's, or nested in it. GraphiQL's page names what it loads beside itself, so it is nested below a path that ends
    /// in a slash: `.nest("/api/", backref.router())`.
    pub fn router(&self) -> Router {
        http::routes(self.engine.clone(), &self.options)
    }

    /// The same answers at any path: `Router::new().route("/api", backref.service())`.
    pub fn service<S: Clone + Send + Sync + 'static>(&self) -> MethodRouter<S> {
        http::service(self.engine.clone(), &self.options)
    }

    /// Answers a request in process. Every problem is in the response.
    pub async fn execute(&self, request: &Request, principal: Principal) -> Response {
        // What is awaited in it is no part of the types of whoever awaits it: rustc follows those only so deep.
        self.engine.execute(request, principal).boxed().await
    }

    /// The graph in GraphQL's schema language.
    pub fn schema(&self) -> &str {
        &self.engine.planner().schema().sdl
    }
}

/// How a graph is served. Every setting has the server's default.
pub struct Builder {
    graph: Graph,
    url: Option<String>,
    max_connections: u32,
    timeout: Duration,
    keep: Duration,
    limits: Limits,
    authentication: Option<Authentication>,
    tokens: Option<Tokens>,
    origins: Vec<String>,
    options: ServerOptions,
}

impl Builder {
    /// `postgres://…` or `sqlite://FILE`; there is no default.
    pub fn database(self, url: impl Into<String>) -> Self {
        Builder {
            url: Some(url.into()),
            ..self
        }
    }

    /// How many connections read at most; by default four a processor and at least eight. Half as many write.
    pub fn max_connections(self, max_connections: u32) -> Self {
        Builder {
            max_connections: max_connections.max(1),
            ..self
        }
    }

    /// Tells from a request's head who asks. It may rest on a cookie, which browsers send whosever page makes them ask,
    /// so a GET must show that no page of another site made it; where it rests on another header, say so by
    /// [`Builder::authentication`].
    pub fn principal(self, how: impl Authenticate) -> Self {
        self.authentication(Authentication::by_cookies(how))
    }

    /// Tells who asks. Without it everybody is anonymous.
    pub fn authentication(self, authentication: Authentication) -> Self {
        Builder {
            authentication: Some(authentication),
            ..self
        }
    }

    /// Believes these tokens in `Authorization`. Where they are signed by a secret and the graph has accounts, people
    /// sign in and up.
    pub fn tokens(self, tokens: Tokens) -> Self {
        Builder {
            tokens: Some(tokens),
            ..self
        }
    }

    /// What a request may ask for.
    pub fn limits(self, limits: Limits) -> Self {
        Builder { limits, ..self }
    }

    /// How long a request may take, its database's work included; by default 30 seconds.
    pub fn timeout(self, timeout: Duration) -> Self {
        Builder { timeout, ..self }
    }

    /// How long the answer of a mutation with an `Idempotency-Key` is kept; by default 24 hours.
    pub fn keep_answers(self, keep: Duration) -> Self {
        Builder { keep, ..self }
    }

    /// Whether GraphiQL is at `/`; by default it is not.
    pub fn graphiql(mut self, graphiql: bool) -> Self {
        self.options.graphiql = graphiql;
        self
    }

    /// Whether who sends the header `x-backref-explain: 1` is told what his request cost, and its SQL; by default nobody
    /// is.
    pub fn explain(mut self, explain: bool) -> Self {
        self.options.explain = explain;
        self
    }

    /// The origins of other sites whose pages may ask: `https://app.example`, or `*` for all, without credentials. By
    /// default there are none.
    pub fn cors_origins<O: Into<String>>(self, origins: impl IntoIterator<Item = O>) -> Self {
        Builder {
            origins: origins.into_iter().map(Into::into).collect(),
            ..self
        }
    }

    /// Opens the connections.
    ///
    /// # Errors
    /// Where the graph is declared wrongly, or the database does not answer.
    pub async fn open(self) -> Result<Backref, OpenError> {
        let url = self.url.ok_or(OpenError::NoDatabase)?;
        let url: Url = url.parse().map_err(UnusableDatabase)?;
        if self.tokens.is_some() && self.authentication.is_some() {
            return Err(OpenError::TwoAuthentications);
        }
        let catalog = self.graph.build()?;
        let schema = Schema::new(&catalog, self.limits.default_page())?;
        let tokens = self.tokens.map(Arc::new);
        let opening = Opening {
            url,
            planner: Planner::new(catalog, schema, self.limits),
            max_connections: self.max_connections,
            timeout: self.timeout,
            keep: self.keep,
            tokens: tokens.clone(),
            asks_for_roles: false,
        };
        let Opened { engine, .. } = opening.open().await.map_err(UnusableDatabase)?;
        let authentication = match tokens {
            Some(tokens) => Authentication::by_bearer(Bearer::of(tokens)),
            None => self.authentication.unwrap_or_default(),
        };
        Ok(Backref {
            engine,
            options: ServerOptions {
                authentication,
                origins: Origins::of(&self.origins)?,
                ..self.options
            },
        })
    }
}
