//! Tables and enums of other schemas than the one that is searched, where several may be called alike.

use backref::Graph;
use backref::read::plan::Limits;
use sea_orm::ConnectionTrait;
use serde_json::json;

use crate::harness::{Backend, TestApp, TestDatabase};

mod shelf {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "shelf")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub label: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod library {
    pub mod shelf {
        use sea_orm::entity::prelude::*;

        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(schema_name = "library", table_name = "shelf")]
        pub struct Model {
            #[sea_orm(primary_key, auto_increment = false)]
            pub state: State,
            pub label: String,
            pub above: Option<State>,
            pub mood: State,
        }

        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
        #[sea_orm(rs_type = "String", db_type = "Enum", enum_name = "state")]
        pub enum State {
            #[sea_orm(string_value = "open")]
            Open,
            #[sea_orm(string_value = "shut")]
            Shut,
        }

        #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
        pub enum Relation {
            #[sea_orm(belongs_to = "Entity", from = "Column::Above", to = "Column::State")]
            Above,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }
}

mod archive {
    pub mod shelf {
        use sea_orm::entity::prelude::*;

        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(schema_name = "archive", table_name = "shelf")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            pub label: String,
            pub state: Option<State>,
            pub stands_on: Option<super::super::library::shelf::State>,
        }

        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
        #[sea_orm(rs_type = "String", db_type = "Enum", enum_name = "state")]
        pub enum State {
            #[sea_orm(string_value = "lost")]
            Lost,
            #[sea_orm(string_value = "found")]
            Found,
        }

        #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
        pub enum Relation {
            #[sea_orm(
                belongs_to = "super::super::library::shelf::Entity",
                from = "Column::StandsOn",
                to = "super::super::library::shelf::Column::State"
            )]
            Under,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }
}

const TABLES: &str = "
    CREATE SCHEMA library;
    CREATE SCHEMA archive;
    CREATE TYPE library.state AS ENUM ('open', 'shut');
    CREATE TYPE archive.state AS ENUM ('lost', 'found');
    CREATE TABLE shelf (id bigint PRIMARY KEY, label text NOT NULL);
    CREATE TABLE library.shelf (state library.state PRIMARY KEY, label text NOT NULL, above library.state,
        mood library.state NOT NULL);
    CREATE TABLE archive.shelf (
        id bigint PRIMARY KEY, label text NOT NULL, state archive.state, stands_on library.state);
    INSERT INTO shelf VALUES (1, 'mine');
    INSERT INTO library.shelf VALUES ('open', 'o', NULL, 'shut'), ('shut', 's', 'open', 'open');
    INSERT INTO archive.shelf VALUES (1, 'a', 'lost', 'open'), (2, 'b', 'found', 'shut'), (3, 'c', NULL, 'open')";

fn graph() -> Graph {
    Graph::new()
        .entity(archive::shelf::Entity)
        .entity(shelf::Entity)
        .entity(library::shelf::Entity)
        .hide(shelf::Column::Label)
}

#[test]
fn what_is_called_alike_is_told_apart_by_schema_and_column() {
    let catalog = graph().build().unwrap_or_else(|e| panic!("{e}"));
    let schema = backref::schema::Schema::new(&catalog, 50).unwrap_or_else(|e| panic!("{e}"));
    let types: Vec<_> = catalog
        .entities
        .iter()
        .map(|e| e.type_name.as_str())
        .collect();
    assert_eq!(types, ["ArchiveShelf", "Shelf", "LibraryShelf"]);
    for part in [
        "enum ArchiveShelfState {\n",
        "enum LibraryShelfState {\n",
        "  archiveShelves(",
        "  libraryShelves(",
    ] {
        assert!(schema.sdl.contains(part), "no `{part}` in\n{}", schema.sdl);
    }
    // What is hidden of one is not hidden of the others.
    let labels: Vec<_> = catalog
        .entities
        .iter()
        .map(|e| e.field("label").is_some())
        .collect();
    assert_eq!(labels, [true, false, true]);
    let named = graph().name_enum(archive::shelf::Column::State, "Whereabouts");
    let catalog = named.build().unwrap_or_else(|e| panic!("{e}"));
    let schema = backref::schema::Schema::new(&catalog, 50).unwrap_or_else(|e| panic!("{e}"));
    assert!(
        schema.sdl.contains("enum Whereabouts {\n"),
        "{}",
        schema.sdl
    );
}

#[tokio::test]
async fn enums_of_other_schemas_are_compared_and_are_keys() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let database = TestDatabase::empty(Backend::Postgres).await;
    let made = database.connection.execute_unprepared(TABLES).await;
    made.unwrap_or_else(|e| panic!("{e}"));
    let app = TestApp::new(&database, graph(), Limits::default());
    let query = r#"query ($lost: ArchiveShelfState, $some: [ArchiveShelfState!]) {
        eq: archiveShelves(where: { state: { eq: LOST } }) { label state }
        ne: archiveShelves(where: { state: { ne: LOST } }) { label }
        in: archiveShelves(where: { state: { in: $some } }) { label }
        notIn: archiveShelves(where: { state: { notIn: [FOUND] } }) { label }
        variable: archiveShelves(where: { state: { eq: $lost } }) { label }
        under: archiveShelves(orderBy: [{ state: DESC }, { id: ASC }]) { label under { label above { label } } }
        shelves: libraryShelves(where: { mood: { in: [SHUT, OPEN] } }) { id mood above { id } archiveShelves(limit: 1) { label } archiveShelvesAggregate { count groups(by: [STATE]) { key { state } count } } }
        one: libraryShelf(id: "LibraryShelf:shut") { label }
        node(id: "LibraryShelf:open") { ... on LibraryShelf { label } }
        nodes(ids: ["LibraryShelf:open", "LibraryShelf:shut"]) { id }
        paged: archiveShelvesConnection(first: 1, orderBy: { state: ASC }) { nodes { label } pageInfo { endCursor } }
        keys: libraryShelvesConnection(first: 1) { nodes { label } pageInfo { endCursor } }
    }"#;
    let variables = json!({ "lost": "LOST", "some": ["LOST", "FOUND"] });
    let data = app.request(query, None, &variables).await.data();
    let labels = |name: &str| -> String {
        let rows = data[name].as_array().expect("a list").iter();
        rows.map(|row| row["label"].as_str().expect("a label"))
            .collect()
    };
    assert_eq!(data["eq"], json!([{ "label": "a", "state": "LOST" }]));
    assert_eq!(
        ["ne", "in", "notIn", "variable"].map(labels),
        ["b", "ab", "a", "a"]
    );
    assert_eq!(
        data["under"],
        json!([
            { "label": "c", "under": { "label": "o", "above": null } },
            { "label": "a", "under": { "label": "o", "above": null } },
            { "label": "b", "under": { "label": "s", "above": { "label": "o" } } },
        ])
    );
    assert_eq!(
        data["shelves"][0],
        json!({
            "id": "LibraryShelf:open",
            "mood": "SHUT",
            "above": null,
            "archiveShelves": [{ "label": "a" }],
            "archiveShelvesAggregate": {
                "count": 2,
                "groups": [{ "key": { "state": "LOST" }, "count": 1 }, { "key": { "state": null }, "count": 1 }],
            },
        })
    );
    assert_eq!(data["one"], json!({ "label": "s" }));
    assert_eq!(data["node"], json!({ "label": "o" }));
    assert_eq!(data["nodes"][1], json!({ "id": "LibraryShelf:shut" }));
    for (name, order, rest) in [
        ("archiveShelves", "orderBy: { state: ASC }", "ac"),
        ("libraryShelves", "first: 9", "s"),
    ] {
        let paged = if name == "libraryShelves" {
            "keys"
        } else {
            "paged"
        };
        let after = &data[paged]["pageInfo"]["endCursor"];
        let query =
            format!("{{ {name}Connection(after: {after}, {order}) {{ nodes {{ label }} }} }}");
        let next = app.query(&query).await.data();
        let nodes = next[format!("{name}Connection")]["nodes"]
            .as_array()
            .expect("nodes")
            .clone();
        let labels: String = nodes.iter().filter_map(|n| n["label"].as_str()).collect();
        assert_eq!(labels, rest, "{query}");
    }
}
