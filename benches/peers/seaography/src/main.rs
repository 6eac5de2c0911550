//! The publishing database behind Seaography: entities as sea-orm-cli writes them (`src/entities`), the schema
//! that Seaography makes of them, and a hook that says what an anonymous reader sees.

mod entities;

use async_graphql_axum::{GraphQLRequest, GraphQLResponse};
use axum::{Router, extract::State, routing::post};
use entities::{comment, post as posts, sea_orm_active_enums::PostStatus};
use sea_orm::{
    ColumnTrait, Condition, ConnectOptions, Database, EntityTrait, QueryFilter, QuerySelect,
    QueryTrait,
};
use seaography::{
    Builder, BuilderContext, GuardAction, LifecycleHooks, LifecycleHooksInterface, OperationType,
    TypesMapConfig,
    async_graphql::dynamic::{ResolverContext, Schema},
};
use std::{env, error::Error, sync::LazyLock};
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

static CONTEXT: LazyLock<BuilderContext> = LazyLock::new(|| BuilderContext {
    hooks: LifecycleHooks::new(AnonymousReader),
    types: TypesMapConfig {
        timestamp_rfc3339: true,
        ..Default::default()
    },
    ..Default::default()
});

/// Sees published posts, and the comments on them.
struct AnonymousReader;

impl LifecycleHooksInterface for AnonymousReader {
    fn entity_filter(
        &self,
        context: &ResolverContext,
        entity: &str,
        operation: OperationType,
    ) -> Option<Condition> {
        // Who writes may change everything.
        if !matches!(operation, OperationType::Read) {
            return None;
        }
        let published = || Condition::all().add(posts::Column::Status.eq(PostStatus::Published));
        // A list at the root gives its own name, in the plural, a relation the name of its entity.
        match entity {
            "Post" | "Posts" => Some(published()),
            "Comment" | "Comments" => {
                // The comments below a post belong to one that is visible already.
                if context
                    .parent_value
                    .downcast_ref::<posts::Model>()
                    .is_some()
                {
                    return None;
                }
                let visible = posts::Entity::find()
                    .select_only()
                    .column(posts::Column::Id)
                    .filter(published());
                let column = comment::Column::PostId;
                Some(Condition::all().add(column.in_subquery(visible.into_query())))
            }
            _ => None,
        }
    }

    /// Refuses `post(id: …)` and `comment(id: …)`, for which Seaography does not ask for a filter.
    fn entity_guard(
        &self,
        context: &ResolverContext,
        entity: &str,
        operation: OperationType,
    ) -> GuardAction {
        let of_a_post =
            matches!(operation, OperationType::Read) && matches!(entity, "Post" | "Comment");
        if of_a_post && context.path_node.is_some_and(|node| node.parent.is_none()) {
            return GuardAction::Block(None);
        }
        GuardAction::Allow
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut options = ConnectOptions::new(env::var("DATABASE_URL")?);
    if let Ok(pool) = env::var("POOL") {
        options.max_connections(pool.parse()?);
    }
    options.sqlx_logging(false);
    let database = Database::connect(options).await?;

    let builder = Builder::new(&CONTEXT, database.clone());
    let builder = entities::register_entity_modules(builder);
    let builder = entities::register_active_enums(builder);
    let schema = builder.schema_builder().data(database).finish()?;

    let app = Router::new()
        .route("/graphql", post(graphql))
        .with_state(schema);
    let port = env::var("PORT")?.parse::<u16>()?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, app).await?;
    Ok(())
}

async fn graphql(State(schema): State<Schema>, request: GraphQLRequest) -> GraphQLResponse {
    schema.execute(request.into_inner()).await.into()
}
