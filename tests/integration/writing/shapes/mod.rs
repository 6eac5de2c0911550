//! Keys that clients, databases and Backref make, of one column or two, and rows that refer to each other in a circle.

mod entities;
mod leave;

use backref::Graph;
use entities::{club, egg, hen, membership, passport, player, region, team, ticket};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::{Value, json};

use super::somebody;
use crate::harness::{Answer, Backend, TestApp, TestDatabase};

fn graph() -> Graph {
    Graph::new()
        .entity(team::Entity)
        .entity(player::Entity)
        .entity(club::Entity)
        .entity(region::Entity)
        .entity(membership::Entity)
        .entity(hen::Entity)
        .entity(egg::Entity)
        .entity(passport::Entity)
        .entity(ticket::Entity)
        .backref(team::Relation::Captain, "captainOf")
}

/// Tables in the order in which they can be made; keys that refer forward come after them on PostgreSQL.
pub(super) async fn app(backend: Backend) -> (TestDatabase, TestApp) {
    app_of(backend, graph()).await
}

async fn app_of(backend: Backend, graph: Graph) -> (TestDatabase, TestApp) {
    let database = TestDatabase::empty(backend).await;
    let connection = &database.connection;
    let (uuid, number, forward) = match connection.get_database_backend() {
        DbBackend::Postgres => ("uuid", "bigserial PRIMARY KEY", false),
        _ => ("uuid_text", "integer PRIMARY KEY AUTOINCREMENT", true),
    };
    let to = |table: &str, key: &str| match forward {
        true => format!(" REFERENCES {table} ({key})"),
        false => String::new(),
    };
    let mut statements = vec![
        format!(
            "CREATE TABLE team (id {uuid} PRIMARY KEY, name varchar UNIQUE NOT NULL, captain_id {uuid}{})",
            to("player", "id")
        ),
        format!(
            "CREATE TABLE player (id {uuid} PRIMARY KEY, nick varchar NOT NULL,
             team_id {uuid} NOT NULL REFERENCES team (id))"
        ),
        "CREATE TABLE region (country varchar, code varchar, name varchar NOT NULL,
         PRIMARY KEY (country, code))"
            .to_owned(),
        "CREATE TABLE club (code varchar PRIMARY KEY, region_country varchar, region_code varchar,
         FOREIGN KEY (region_country, region_code) REFERENCES region (country, code))"
            .to_owned(),
        format!(
            "CREATE TABLE membership (player_id {uuid} REFERENCES player (id) ON DELETE CASCADE,
             club_code varchar REFERENCES club (code) ON DELETE CASCADE, since date{} NOT NULL, note varchar,
             sponsor_name varchar REFERENCES team (name),
             PRIMARY KEY (player_id, club_code))",
            if forward { "_text" } else { "" }
        ),
        format!("CREATE TABLE hen (id {number}, egg_id bigint NOT NULL{})", to("egg", "id")),
        format!("CREATE TABLE ticket (id {number}, note varchar)"),
        format!(
            "CREATE TABLE passport (id {number}, number varchar UNIQUE NOT NULL,
             player_id {uuid} UNIQUE REFERENCES player (id))"
        ),
        format!("CREATE TABLE egg (id {number}, hen_id bigint NOT NULL REFERENCES hen (id))"),
    ];
    if !forward {
        for (table, column, target) in [("team", "captain_id", "player"), ("hen", "egg_id", "egg")]
        {
            statements.push(format!(
                "ALTER TABLE {table} ADD FOREIGN KEY ({column}) REFERENCES {target} (id)"
            ));
        }
    }
    for statement in statements {
        let done = connection.execute_unprepared(&statement).await;
        done.unwrap_or_else(|e| panic!("{statement}: {e}"));
    }
    let app = TestApp::new(&database, graph, Default::default());
    (database, app)
}

async fn ask(app: &TestApp, query: &str) -> Answer {
    app.ask(&somebody("anybody", 1), query, &json!({})).await
}

async fn data(app: &TestApp, query: &str) -> Value {
    ask(app, query).await.data()
}

#[tokio::test]
async fn two_new_rows_refer_to_each_other() {
    let create = r#"mutation { createTeam(input: { as: "t", name: "A",
        captain: { create: { nick: "C", team: { connect: "new:t" } } } }) {
        name captain { nick team { name captain { nick } } } players { nick } } }"#;
    for backend in Backend::all() {
        let (_database, app) = app(backend).await;
        let made = data(&app, create).await;
        let captain = json!({ "nick": "C", "team": { "name": "A", "captain": { "nick": "C" } } });
        let team = json!({ "name": "A", "captain": captain, "players": [{ "nick": "C" }] });
        assert_eq!(made["createTeam"], team, "{backend:?}");
    }
}

/// The same from the other end, with the captain among other players.
#[tokio::test]
async fn a_circle_can_be_entered_anywhere() {
    let create = r#"mutation { createPlayer(input: { as: "c", nick: "C", team: { create: {
        name: "A", captain: { connect: "new:c" }, players: { create: [{ nick: "D" }] } } } }) {
        nick team { captain { nick } players(orderBy: [{ nick: ASC }]) { nick } } } }"#;
    for backend in Backend::all() {
        let (_database, app) = app(backend).await;
        let made = data(&app, create).await;
        let players = json!([{ "nick": "C" }, { "nick": "D" }]);
        let team = json!({ "captain": { "nick": "C" }, "players": players });
        assert_eq!(
            made["createPlayer"],
            json!({ "nick": "C", "team": team }),
            "{backend:?}"
        );
    }
}

/// What is found to be there is no part of the circle: it stays as it is.
#[tokio::test]
async fn a_row_that_is_found_in_a_circle_keeps_its_key() {
    let team = r#"mutation { createTeam(input: { as: "t", name: "A",
        captain: { create: { nick: "C", team: { connect: "new:t" } } } }) { id } }"#;
    let player = r#"mutation { createPlayer(input: { as: "p", nick: "P", team: { connectOrCreate: { on: NAME,
        create: { name: "A", captain: { connect: "new:p" } } } } }) { nick team { name captain { nick } } } }"#;
    let upsert = r#"mutation { a: createPlayer(input: { as: "p", nick: "Q", team: { connectOrCreate: { on: NAME,
        create: { name: "A" } } } }) { id }
        b: upsertTeam(create: { as: "t", name: "A", captainId: "new:p" }, update: { name: "B" }, on: NAME) {
        name captain { nick } } }"#;
    for backend in Backend::all() {
        let (_database, app) = app(backend).await;
        // Where none is there, it is made, and its captain written last.
        let made = data(&app, &player.replace("\"A\"", "\"Z\"")).await;
        let team_of =
            |name: &str, captain: &str| json!({ "name": name, "captain": { "nick": captain } });
        assert_eq!(
            made["createPlayer"]["team"],
            team_of("Z", "P"),
            "{backend:?}"
        );
        data(&app, team).await;
        let found = data(&app, player).await;
        assert_eq!(
            found["createPlayer"]["team"],
            team_of("A", "C"),
            "{backend:?}"
        );
        let changed = data(&app, upsert).await;
        assert_eq!(changed["b"], team_of("B", "C"), "{backend:?}");
    }
}

/// What is there and has its key written last, since the row that it is to refer to refers to it, is asked what it has become.
#[tokio::test]
async fn a_row_that_is_found_in_a_circle_is_asked_as_it_will_be() {
    let team = r#"mutation { createTeam(input: { name: "A" }) { id } }"#;
    let player = r#"mutation { createPlayer(input: { as: "p", nick: "P", captainOf: { connect: ["new:t"] },
        team: { connectOrCreate: { on: NAME, create: { as: "t", name: "A" } } } }) { team { captain { nick } } } }"#;
    for backend in Backend::all() {
        let without_captain = graph().update_policy(team::Entity, |_, team| {
            team.is_null(team::Column::CaptainId)
        });
        for (graph, code) in [(graph(), ""), (without_captain, "FORBIDDEN")] {
            let (_database, app) = app_of(backend, graph).await;
            data(&app, team).await;
            let answer = ask(&app, player).await;
            assert_eq!(answer.code(), code, "{backend:?}: {}", answer.text);
            let teams = data(&app, "{ teams { captain { nick } players { nick } } }").await;
            let expected = match code {
                "" => json!([{ "captain": { "nick": "P" }, "players": [{ "nick": "P" }] }]),
                _ => json!([{ "captain": null, "players": [] }]),
            };
            assert_eq!(teams["teams"], expected, "{backend:?}");
        }
    }
}

#[tokio::test]
async fn rows_of_which_nothing_is_given_are_as_many_as_were_asked_for() {
    let create = "mutation { one: createTicket(input: {}) { id note }
        createTickets(inputs: [{}, { note: \"n\" }, {}, {}]) { id note } }";
    for backend in Backend::all() {
        let (_database, app) = app(backend).await;
        let made = data(&app, create).await;
        let notes: Vec<_> = made["createTickets"]
            .as_array()
            .map(|rows| rows.iter().map(|row| &row["note"]).collect())
            .unwrap_or_default();
        let none = &Value::Null;
        assert_eq!(
            notes,
            [none, &json!("n"), none, none],
            "{backend:?}: {made}"
        );
        let all = data(&app, "{ ticketsAggregate { count } }").await;
        assert_eq!(all["ticketsAggregate"]["count"], 5, "{backend:?}");
    }
}

#[tokio::test]
async fn a_key_is_given_by_the_client_or_made_of_the_row_that_is_related() {
    let id = "0188f7c2-1111-4222-8333-444455556666";
    let team = format!(r#"mutation {{ createTeam(input: {{ id: "{id}", name: "A" }}) {{ id }} }}"#);
    let create = r#"mutation { createClub(input: { id: "x", region: { create: {
        country: "de", code: "by", name: "Bavaria" } } }) { id region { id name } } }"#;
    let connect = r#"mutation { createClub(input: { id: "y", region: { connect: "Region:de:by" } }) {
        region { name clubs(orderBy: [{ id: ASC }]) { id } } } }"#;
    let taken = r#"mutation { createClub(input: { id: "y" }) { id } }"#;
    for backend in Backend::all() {
        let (_database, app) = app(backend).await;
        assert_eq!(
            data(&app, &team).await["createTeam"]["id"],
            format!("Team:{id}")
        );
        let club = &data(&app, create).await["createClub"];
        assert_eq!(
            club["region"],
            json!({ "id": "Region:de:by", "name": "Bavaria" })
        );
        assert_eq!(club["id"], "Club:x", "{backend:?}");
        let region = &data(&app, connect).await["createClub"]["region"];
        let clubs = json!([{ "id": "Club:x" }, { "id": "Club:y" }]);
        assert_eq!(
            *region,
            json!({ "name": "Bavaria", "clubs": clubs }),
            "{backend:?}"
        );
        let gone =
            r#"mutation { updateClub(id: "Club:y", input: { region: null }) { region { id } } }"#;
        assert!(
            data(&app, gone).await["updateClub"]["region"].is_null(),
            "{backend:?}"
        );
        assert_eq!(ask(&app, taken).await.code(), "CONFLICT", "{backend:?}");
    }
}

#[tokio::test]
async fn a_junction_has_columns_of_its_own() {
    let create = r#"mutation { createPlayer(input: { nick: "P", team: { create: { name: "A" } }, clubs: {
        createWith: [{ node: { id: "x" }, edge: { since: "2020-02-29", note: "N" } }] } }) { id } }"#;
    let read = "{ players { clubsConnection(orderBy: [{ id: ASC }]) {
        edges { since note node { id } } } } }";
    for backend in Backend::all() {
        let (_database, app) = app(backend).await;
        let made = data(&app, create).await;
        let id = made["createPlayer"]["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        data(
            &app,
            r#"mutation { createClub(input: { id: "y" }) { id } }"#,
        )
        .await;
        let connect = format!(
            r#"mutation {{ updatePlayer(id: "{id}", input: {{ clubs: {{
            connectWith: [{{ id: "Club:y", edge: {{ since: "2021-01-01" }} }}] }} }}) {{ id }} }}"#
        );
        data(&app, &connect).await;
        let edges = json!([
            { "since": "2020-02-29", "note": "N", "node": { "id": "Club:x" } },
            { "since": "2021-01-01", "note": null, "node": { "id": "Club:y" } },
        ]);
        let read = data(&app, read).await;
        assert_eq!(
            read["players"][0]["clubsConnection"]["edges"], edges,
            "{backend:?}"
        );
        let leave = format!(
            r#"mutation {{ updatePlayer(id: "{id}", input: {{ clubs: {{ disconnect: ["Club:x"] }} }}) {{
            clubs {{ id }} }} }}"#
        );
        let left = data(&app, &leave).await;
        assert_eq!(
            left["updatePlayer"]["clubs"],
            json!([{ "id": "Club:y" }]),
            "{backend:?}"
        );
    }
}

/// A key of several columns, which its database compares as it compares texts.
#[tokio::test]
async fn a_row_is_upserted_by_a_key_of_two_columns() {
    let upsert = |code: &str, name: &str| {
        format!(
            r#"mutation {{ upsertRegion(create: {{ country: "de", code: "{code}", name: "new" }}, update: {{ name: "{name}" }}, on: ID) {{
            id name }} }}"#
        )
    };
    for backend in Backend::all() {
        let (database, _) = app(backend).await;
        let (prepare, column) = match backend {
            Backend::Sqlite => ("", "varchar COLLATE NOCASE"),
            Backend::Postgres => (
                "CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);",
                "varchar COLLATE folded",
            ),
        };
        let make = format!(
            "{prepare} DROP TABLE club CASCADE; DROP TABLE region CASCADE;
             CREATE TABLE region (country varchar, code {column}, name varchar NOT NULL, PRIMARY KEY (country, code))"
        );
        let make = match backend {
            Backend::Sqlite => make.replace(" CASCADE", ""),
            Backend::Postgres => make,
        };
        let made = database.connection.execute_unprepared(&make).await;
        made.unwrap_or_else(|e| panic!("{make}: {e}"));
        let graph = Graph::new().entity(region::Entity);
        let app = TestApp::new(&database, graph, Default::default());
        for (code, name) in [("by", "new"), ("by", "Bavaria"), ("BY", "Bayern")] {
            let row = data(&app, &upsert(code, name)).await;
            let expected = json!({ "id": "Region:de:by", "name": name });
            assert_eq!(row["upsertRegion"], expected, "{backend:?}");
        }
        let all = data(&app, "{ regionsAggregate { count } }").await;
        assert_eq!(all["regionsAggregate"]["count"], 1, "{backend:?}");
    }
}

/// With no key that can be null, one of two rows is there before the other.
#[tokio::test]
async fn a_circle_without_a_nullable_key_is_refused_or_done_whole() {
    let create = r#"mutation { createHen(input: { as: "h", egg: { create: { hen: { connect: "new:h" } } } }) {
        egg { hen { id } } id } }"#;
    for backend in Backend::all() {
        let (database, app) = app(backend).await;
        let answer = ask(&app, create).await;
        let count = async |table: &str| {
            let sql = format!("SELECT count(*) FROM {table}");
            let sql = Statement::from_string(database.connection.get_database_backend(), sql);
            let row = database.connection.query_one_raw(sql).await.expect("a row");
            let count = row.expect("a row").try_get_by_index::<i64>(0);
            count.expect("a number")
        };
        let rows = (count("hen").await, count("egg").await);
        match answer.code().as_str() {
            "" => {
                let hen = &answer.data()["createHen"];
                assert_eq!(hen["egg"]["hen"]["id"], hen["id"], "{backend:?}");
                assert_eq!(rows, (1, 1), "{backend:?}");
            }
            code => {
                assert_eq!(code, "BAD_USER_INPUT", "{backend:?}: {}", answer.text);
                assert_eq!(rows, (0, 0), "{backend:?}");
            }
        }
    }
}

/// Two rows of one type can be joined in both directions by one input.
#[tokio::test]
async fn two_users_follow_each_other() {
    let create = r#"mutation { createUser(input: { username: "mutual", name: "M", email: "m@example.org",
        following: { connect: ["User:6"] }, followers: { connect: ["User:6"] } }) {
        following { id } followers { id } } }"#;
    for backend in Backend::all() {
        let (_database, app) = super::blog(backend).await;
        let made = app.ask(&somebody("admin", 1), create, &json!({})).await;
        let other = json!([{ "id": "User:6" }]);
        let both = json!({ "following": other, "followers": other });
        assert_eq!(made.data()["createUser"], both, "{backend:?}");
    }
}
