//! One rule for every entity, a claim of whoever asks in it.

use backref::Graph;
use backref::graph::{Claim, Principal, Subject};
use backref::read::plan::Limits;
use sea_orm::ConnectionTrait;
use serde_json::json;

use super::data;
use crate::harness::{Backend, TestApp, TestDatabase};

mod project {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "project")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub tenant_id: Uuid,
        pub name: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(has_many = "super::task::Entity")]
        Tasks,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod task {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "task")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub tenant_id: Uuid,
        pub project_id: i64,
        pub team: String,
        pub due: DateTimeUtc,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::project::Entity",
            from = "Column::ProjectId",
            to = "super::project::Column::Id"
        )]
        Project,
    }

    impl ActiveModelBehavior for ActiveModel {}

    impl Related<super::project::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Project.def()
        }
    }
}

const A: &str = "0b8f7a52-4c5d-4d35-8f77-0e8f3a1f5a01";
const B: &str = "0b8f7a52-4c5d-4d35-8f77-0e8f3a1f5a02";

async fn content(database: &TestDatabase) {
    let (uuid, time) = match database.connection.get_database_backend() {
        sea_orm::DbBackend::Postgres => ("uuid", "timestamptz"),
        _ => ("uuid_text", "text"),
    };
    let id = |tenant: &str| match uuid {
        "uuid" => format!("'{tenant}'"),
        // As SeaORM keeps them on SQLite.
        _ => format!("x'{}'", tenant.replace('-', "")),
    };
    let (a, b) = (id(A), id(B));
    for sql in [
        format!(
            "CREATE TABLE project (id bigint PRIMARY KEY, tenant_id {uuid} NOT NULL, name text NOT NULL)"
        ),
        format!(
            "CREATE TABLE task (id bigint PRIMARY KEY, tenant_id {uuid} NOT NULL, project_id bigint NOT NULL, team text NOT NULL, due {time} NOT NULL)"
        ),
        format!("INSERT INTO project VALUES (1, {a}, 'of a'), (2, {b}, 'of b')"),
        // The last is of a, in a project of b: neither sees the other end.
        format!(
            "INSERT INTO task VALUES (1, {a}, 1, 'red', '2001-01-01T00:00:00+00:00'), (2, {a}, 1, 'blue', '2901-01-01T00:00:00+00:00'), (3, {b}, 2, 'red', '2001-01-01T00:00:00+00:00'), (4, {a}, 2, 'red', '2001-01-01T00:00:00+00:00')"
        ),
    ] {
        let ran = database.connection.execute_unprepared(&sql).await;
        ran.unwrap_or_else(|e| panic!("{sql}: {e}"));
    }
}

fn graph() -> Graph {
    Graph::new()
        .entity(project::Entity)
        .entity(task::Entity)
        .policy_of_all(|me, _| me.claim("tenant").is_called("tenant_id"))
}

fn of(tenant: &str) -> Subject {
    Subject::new("somebody").with_claim("tenant", tenant)
}

#[tokio::test]
async fn a_tenant_sees_its_own_rows_of_every_entity() {
    for backend in Backend::all() {
        let database = TestDatabase::empty(backend).await;
        content(&database).await;
        let app = TestApp::new(&database, graph(), Limits::default());
        let query = "{ projects { name tasks { id project { name } } tasksAggregate { count } } tasks { id } tasksAggregate { count } task(id: 3) { id } }";
        let seen = data(&app, &Principal::subject(of(A)), query).await;
        let project = json!({ "name": "of a" });
        assert_eq!(
            seen,
            json!({
                "projects": [{
                    "name": "of a",
                    "tasks": [{ "id": "Task:1", "project": project }, { "id": "Task:2", "project": project }],
                    "tasksAggregate": { "count": 2 },
                }],
                "tasks": [{ "id": "Task:1" }, { "id": "Task:2" }, { "id": "Task:4" }],
                "tasksAggregate": { "count": 3 },
                "task": null,
            }),
            "{backend:?}"
        );
        let nothing =
            json!({ "projects": [], "tasks": [], "tasksAggregate": { "count": 0 }, "task": null });
        let nobody = [
            Principal::Anonymous,
            Principal::subject(Subject::new("somebody")),
            // What is no value of the column equals nothing, and is no error.
            Principal::subject(of("x' OR ''='")),
            Principal::subject(Subject::new("somebody").with_claim("tenant", 7)),
            Principal::subject(
                Subject::new("somebody").with_claim("tenant", Claim::from_iter([A])),
            ),
        ];
        for who in nobody {
            assert_eq!(
                data(&app, &who, query).await,
                nothing,
                "{backend:?}: {who:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_claim_may_be_a_list_and_a_time_may_have_come() {
    for backend in Backend::all() {
        let database = TestDatabase::empty(backend).await;
        content(&database).await;
        let graph = Graph::new()
            .entity(project::Entity)
            .entity(task::Entity)
            .policy(task::Entity, |me, task| {
                me.claim("teams")
                    .contains(task::Column::Team)
                    .and(task.is_past(task::Column::Due))
            })
            .policy(project::Entity, |_, project| {
                project.some("tasks", |task| task.is(task::Column::Team, "red"))
            });
        let app = TestApp::new(&database, graph, Limits::default());
        let query = "{ tasks { id } projects { id } }";
        for (teams, tasks, projects) in [
            (
                Claim::from_iter(["red", "green"]),
                vec![1, 3, 4],
                vec![1, 2],
            ),
            (Claim::from_iter(["blue"]), vec![], vec![]),
            (Claim::from("red"), vec![1, 3, 4], vec![1, 2]),
            (Claim::from_iter(Vec::<&str>::new()), vec![], vec![]),
        ] {
            let who = Principal::subject(Subject::new("x").with_claim("teams", teams.clone()));
            let ids = |of: &str, ids: Vec<i64>| -> Vec<_> {
                ids.iter()
                    .map(|id| json!({ "id": format!("{of}:{id}") }))
                    .collect()
            };
            assert_eq!(
                data(&app, &who, query).await,
                json!({ "tasks": ids("Task", tasks), "projects": ids("Project", projects) }),
                "{backend:?}: {teams:?}"
            );
        }
    }
}
