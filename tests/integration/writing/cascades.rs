//! What goes with what is deleted, or lets go of it: along several ways, in circles, and where something else is to become
//! of it.

use backref::Graph;
use backref::graph::Preset;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use super::bounds::{Cost, cost};
use super::{blog, content, somebody};
use crate::generate;
use crate::harness::{Backend, TestApp, TestDatabase};

/// A tree's branches hold nests and leaves, and each leaf grows on a nest; a sign is put up at a tree.
mod tree {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "tree")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod branch {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "branch")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub tree_id: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::tree::Entity",
            from = "Column::TreeId",
            to = "super::tree::Column::Id",
            on_delete = "Cascade"
        )]
        Tree,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// On a branch, or on the tree itself.
mod nest {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "nest")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub tree_id: Option<i64>,
        pub branch_id: Option<i64>,
        pub version: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::tree::Entity",
            from = "Column::TreeId",
            to = "super::tree::Column::Id",
            on_delete = "Cascade"
        )]
        Tree,
        #[sea_orm(
            belongs_to = "super::branch::Entity",
            from = "Column::BranchId",
            to = "super::branch::Column::Id",
            on_delete = "Cascade"
        )]
        Branch,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// A leaf and a bug are each on the other, in turns.
mod leaf {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "leaf")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub nest_id: Option<i64>,
        pub bug_id: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::nest::Entity",
            from = "Column::NestId",
            to = "super::nest::Column::Id",
            on_delete = "Cascade"
        )]
        Nest,
        #[sea_orm(
            belongs_to = "super::bug::Entity",
            from = "Column::BugId",
            to = "super::bug::Column::Id",
            on_delete = "Cascade"
        )]
        Bug,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod bug {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "bug")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub leaf_id: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::leaf::Entity",
            from = "Column::LeafId",
            to = "super::leaf::Column::Id",
            on_delete = "Cascade"
        )]
        Leaf,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod sign {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "sign")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub tree_id: Option<i64>,
        pub text: String,
        pub written_by: Option<String>,
        pub version: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::tree::Entity",
            from = "Column::TreeId",
            to = "super::tree::Column::Id",
            on_delete = "SetNull"
        )]
        Tree,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

fn graph() -> Graph {
    Graph::new()
        .entity(tree::Entity)
        .entity(branch::Entity)
        .entity(nest::Entity)
        .entity(leaf::Entity)
        .entity(bug::Entity)
        .entity(sign::Entity)
        .version(sign::Column::Version)
        .version(nest::Column::Version)
        .on_write(sign::Column::WrittenBy, Preset::me())
}

async fn trees(backend: Backend) -> (TestDatabase, TestApp) {
    let database = TestDatabase::empty(backend).await;
    let key = match backend {
        Backend::Sqlite => "integer PRIMARY KEY AUTOINCREMENT",
        Backend::Postgres => "bigserial PRIMARY KEY",
    };
    let statements = [
        format!("CREATE TABLE tree (id {key})"),
        format!("CREATE TABLE branch (id {key}, tree_id bigint NOT NULL REFERENCES tree (id))"),
        format!(
            "CREATE TABLE nest (id {key}, tree_id bigint REFERENCES tree (id), branch_id bigint REFERENCES branch (id),
             version integer NOT NULL DEFAULT 1)"
        ),
        format!("CREATE TABLE leaf (id {key}, nest_id bigint REFERENCES nest (id), bug_id bigint)"),
        format!("CREATE TABLE bug (id {key}, leaf_id bigint)"),
        format!(
            "CREATE TABLE sign (id {key}, tree_id bigint REFERENCES tree (id), text varchar NOT NULL,
             written_by varchar, version integer NOT NULL DEFAULT 1)"
        ),
    ];
    for statement in statements {
        let done = database.connection.execute_unprepared(&statement).await;
        done.unwrap_or_else(|e| panic!("{statement}: {e}"));
    }
    let app = TestApp::new(&database, graph(), Default::default());
    (database, app)
}

async fn run(database: &TestDatabase, statement: &str) {
    let done = database.connection.execute_unprepared(statement).await;
    done.unwrap_or_else(|e| panic!("{statement}: {e}"));
}

/// Rows that are come to by ways of different lengths, or in a circle, are asked for in several rounds.
#[tokio::test]
async fn what_is_followed_in_rounds_is_within_the_bound() {
    for backend in Backend::all() {
        let (database, app) = trees(backend).await;
        for statement in [
            "INSERT INTO tree (id) VALUES (1)",
            "INSERT INTO branch (id, tree_id) VALUES (1, 1)",
            "INSERT INTO nest (id, tree_id, branch_id) VALUES (1, 1, NULL), (2, NULL, 1)",
            "INSERT INTO leaf (id, nest_id, bug_id) VALUES (1, 1, NULL), (2, 2, NULL)",
            // A row of leaves and bugs, each on the one before.
            "INSERT INTO bug (id, leaf_id) VALUES (1, 2), (2, 3), (3, 4), (4, 5)",
            "INSERT INTO leaf (id, bug_id) VALUES (3, 1), (4, 2), (5, 3)",
        ] {
            run(&database, statement).await;
        }
        let query = r#"mutation { deleteTree(id: "Tree:1") { id } }"#;
        let (Cost { heard, bound }, statements) = cost(&app, query, &json!({})).await;
        assert!(
            heard as u64 <= bound,
            "{backend:?}: {heard} of {bound}\n{statements:#?}"
        );
        let left = "{ trees { id } branches { id } nests { id } leaves { id } bugs { id } }";
        let left = app.ask(&somebody("admin", 1), left, &json!({})).await;
        let left = left.data();
        for (name, rows) in left.as_object().expect("an object") {
            assert_eq!(*rows, json!([]), "{backend:?}: {name}");
        }
    }
}

/// Rows that are to leave two relations, of which each is in others: the rows of either are one statement, and within the bound.
#[tokio::test]
async fn what_leaves_some_of_its_relations_is_written_for_those() {
    let query = r#"mutation { updateTree(id: "Tree:1", input: {
        nests: { disconnect: ["Nest:1", "Nest:2", "Nest:3", "Nest:4"] }
        branches: { update: [{ id: "Branch:1", input: {
            nests: { disconnect: ["Nest:1", "Nest:2", "Nest:3", "Nest:4"] } } }] } }) { id } }"#;
    for backend in Backend::all() {
        let (database, app) = trees(backend).await;
        for statement in [
            "INSERT INTO tree (id) VALUES (1), (2)",
            "INSERT INTO branch (id, tree_id) VALUES (1, 1), (2, 2)",
            "INSERT INTO nest (id, tree_id, branch_id) VALUES (1, 1, 1), (2, 1, 2), (3, 2, 1), (4, 2, 2)",
        ] {
            run(&database, statement).await;
        }
        let (Cost { heard, bound }, statements) = cost(&app, query, &json!({})).await;
        let updates = statements.iter().filter(|sql| sql.starts_with("UPDATE"));
        assert_eq!(updates.count(), 3, "{backend:?}: {statements:#?}");
        assert_eq!(heard as u64, bound, "{backend:?}: {statements:#?}");
        let nests = "{ nests(orderBy: [{ id: ASC }]) { tree { id } branch { id } } }";
        let nests = app.ask(&somebody("admin", 1), nests, &json!({})).await;
        let nest = |tree: Option<&str>, branch: Option<&str>| {
            let id = |id: Option<&str>| id.map(|id| json!({ "id": id }));
            json!({ "tree": id(tree), "branch": id(branch) })
        };
        let left = [
            nest(None, None),
            nest(None, Some("Branch:2")),
            nest(Some("Tree:2"), None),
            nest(Some("Tree:2"), Some("Branch:2")),
        ];
        assert_eq!(nests.data()["nests"], json!(left), "{backend:?}");
    }
}

/// A row of which a part is written, and relations change, is of the next version, and not of the one after it.
#[tokio::test]
async fn what_is_written_in_part_is_written_once() {
    let query = r#"mutation { updateTree(id: "Tree:1", input: {
        nests: { disconnect: ["Nest:1"] }
        branches: { update: [{ id: "Branch:1", input: { nests: {
            disconnect: ["Nest:1"]
            update: [{ id: "Nest:1", expectedVersion: 1, input: { leaves: { create: [{}] } } }] } } }] } }) { id } }"#;
    for backend in Backend::all() {
        let (database, app) = trees(backend).await;
        for statement in [
            "INSERT INTO tree (id) VALUES (1)",
            "INSERT INTO branch (id, tree_id) VALUES (1, 1)",
            "INSERT INTO nest (id, tree_id) VALUES (1, 1)",
        ] {
            run(&database, statement).await;
        }
        let ask = async |query: &str| app.ask(&somebody("admin", 1), query, &json!({})).await;
        ask(query).await.data();
        let nests = ask("{ nests { version tree { id } leaves(limit: 9) { nest { id } } } }").await;
        let leaf = json!({ "nest": { "id": "Nest:1" } });
        let nest = json!({ "version": 2, "tree": null, "leaves": [leaf] });
        assert_eq!(nests.data()["nests"], json!([nest]), "{backend:?}");
    }
}

/// What lets go is changed as by an update: whoever has read it before is told.
#[tokio::test]
async fn what_lets_go_is_of_another_version_then() {
    for backend in Backend::all() {
        let (database, app) = trees(backend).await;
        run(&database, "INSERT INTO tree (id) VALUES (1), (2)").await;
        run(
            &database,
            "INSERT INTO sign (id, tree_id, text) VALUES (1, 1, 'Oak'), (2, 1, 'Old'), (3, 2, 'Elm')",
        )
        .await;
        let ask = async |query: &str| app.ask(&somebody("admin", 7), query, &json!({})).await;
        ask(r#"mutation { deleteTree(id: "Tree:1") { id } }"#)
            .await
            .data();
        let signs =
            ask("{ signs(orderBy: [{ id: ASC }]) { tree { id } writtenBy version } }").await;
        let gone = json!({ "tree": null, "writtenBy": "7", "version": 2 });
        let stays = json!({ "tree": { "id": "Tree:2" }, "writtenBy": null, "version": 1 });
        assert_eq!(
            signs.data()["signs"],
            json!([gone, gone, stays]),
            "{backend:?}"
        );
        let stale = r#"mutation { updateSign(id: "Sign:1", input: { text: "T" }, expectedVersion: 1) { id } }"#;
        assert_eq!(ask(stale).await.code(), "CONFLICT", "{backend:?}");
    }
}

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

/// What goes with something cannot be changed by the same field: it goes first, and the change would be lost.
#[tokio::test]
async fn what_goes_along_and_is_to_be_changed_is_refused() {
    let fields = [
        // It is to be moved away, to be changed, to be answered.
        (
            r#"updateUser(id: "User:2", input: { posts: { delete: ["Post:1"] }, comments: { update: [
                { id: "Comment:2", input: { postId: "Post:3", body: "moved" } }] } })"#,
            "input.comments.update.0.id",
        ),
        (
            r#"updateUser(id: "User:2", input: { posts: { delete: ["Post:1"] }, comments: { update: [
                { id: "Comment:4", input: { body: "kept" } }, { id: "Comment:2", input: { body: "lost" } }] } })"#,
            "input.comments.update.1.id",
        ),
        (
            r#"updateUser(id: "User:2", input: { posts: { delete: ["Post:1"] }, comments: { create: [
                { body: "B", postId: "Post:3", parent: { connect: "Comment:3" } }] } })"#,
            "input.comments.create.0.parent.connect",
        ),
    ];
    for backend in Backend::all() {
        let (database, app) = blog(backend).await;
        let before = content::dump(&database).await;
        let admin = somebody("admin", 1);
        for (field, place) in fields {
            let query = format!("mutation {{ {field} {{ id }} }}");
            let answer = app.ask(&admin, &query, &json!({})).await;
            assert_eq!(
                answer.code(),
                "BAD_USER_INPUT",
                "{backend:?}: {}",
                answer.text
            );
            let error: &Value = &answer.json()["errors"][0];
            assert_eq!(error["extensions"]["field"], place, "{backend:?}");
            assert_eq!(
                before,
                content::dump(&database).await,
                "{backend:?}: {field}"
            );
        }
        // In two fields both are done.
        let query = r#"mutation {
            a: updateComment(id: "Comment:2", input: { postId: "Post:3", parent: null, replies: { update: [
                { id: "Comment:3", input: { postId: "Post:3" } }] } }) { id }
            b: updateUser(id: "User:2", input: { posts: { delete: ["Post:1"] }, comments: { update: [
                { id: "Comment:2", input: { body: "moved" } }] } }) { id } }"#;
        app.ask(&admin, query, &json!({})).await.data();
        let read = r#"{ comment(id: "Comment:2") { body post { id } } post(id: "Post:1") { id } }"#;
        let read = app.ask(&admin, read, &json!({})).await.data();
        let comment = json!({ "body": "moved", "post": { "id": "Post:3" } });
        assert_eq!(
            read,
            json!({ "comment": comment, "post": null }),
            "{backend:?}"
        );
    }
}

/// A row that refers to itself does not keep itself, by whichever mutation it is deleted.
#[tokio::test]
async fn a_row_that_refers_to_itself_can_be_deleted() {
    let create = r#"mutation { createComment(input: { as: "c", body: "B", postId: "Post:1", parentId: "new:c" }) {
        id parent { id } } }"#;
    for backend in Backend::all() {
        let (_database, app) = blog(backend).await;
        let admin = somebody("admin", 1);
        for delete in [
            "mutation($id: ID!) { deleteComment(id: $id) { id } }",
            "mutation($id: ID!) { deleteComments(where: { id: { eq: $id } }) { count } }",
        ] {
            let made = app.ask(&admin, create, &json!({})).await.data();
            let made = &made["createComment"];
            assert_eq!(made["parent"]["id"], made["id"], "{backend:?}");
            let id = json!({ "id": made["id"] });
            let answer = app.ask(&admin, delete, &id).await;
            answer.data();
            let read = "query($id: ID!) { comment(id: $id) { id } }";
            let read = app.ask(&admin, read, &id).await.data();
            assert!(read["comment"].is_null(), "{backend:?}: {delete}");
        }
        // Another that refers to it does.
        let answered = r#"mutation { deleteComment(id: "Comment:1") { id } }"#;
        let answered = app.ask(&admin, answered, &json!({})).await;
        assert_eq!(
            answered.code(),
            "CONFLICT",
            "{backend:?}: {}",
            answered.text
        );
    }
}
