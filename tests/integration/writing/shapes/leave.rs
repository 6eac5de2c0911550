//! Rules for writing hold from whichever end a row is made to refer to another, and whether it is named or told by its key.

use backref::graph::policy::Rule;
use backref::graph::validate::Check;
use serde_json::json;

use super::*;

const TEAM: &str = "0188f7c2-1111-4222-8333-444455556666";
const OTHER: &str = "0188f7c2-1111-4222-8333-444455557777";
const PLAYER: &str = "0188f7c2-1111-4222-8333-444455558888";

/// A team with a player, another without, a region with a club, and a region that is closed.
async fn filled(backend: Backend, graph: Graph) -> (TestDatabase, TestApp) {
    let (database, app) = app_of(backend, super::graph()).await;
    let fill = format!(
        r#"mutation {{
            createTeams(inputs: [
                {{ id: "{TEAM}", name: "open", players: {{ create: [{{ id: "{PLAYER}", nick: "P" }}] }} }}
                {{ id: "{OTHER}", name: "closed" }}
            ]) {{ id }}
            createRegions(inputs: [
                {{ country: "de", code: "by", name: "open" }}
                {{ country: "de", code: "he", name: "open" }}
                {{ country: "de", code: "ni", name: "closed" }}
            ]) {{ id }}
            createClubs(inputs: [
                {{ id: "x", regionCountry: "de", regionCode: "by" }}
                {{ id: "free" }}
            ]) {{ id }}
            createPassport(input: {{ number: "N1" }}) {{ id }}
        }}"#
    );
    data(&app, &fill).await;
    let app = TestApp::new(&database, graph, Default::default());
    (database, app)
}

/// Asks as anybody, one after the other: each is refused with its code, or done where that is empty.
async fn check(app: &TestApp, backend: Backend, cases: &[(String, &str)]) {
    for (mutation, code) in cases {
        let answer = ask(app, &format!("mutation {{ {mutation} }}")).await;
        assert_eq!(
            answer.code(),
            *code,
            "{backend:?}: {mutation}: {}",
            answer.text
        );
    }
}

async fn is_done_by_admin(app: &TestApp, mutation: &str) {
    let query = format!("mutation {{ {mutation} }}");
    let answer = app.ask(&somebody("admin", 1), &query, &json!({})).await;
    assert_eq!(answer.code(), "", "{mutation}: {}", answer.text);
}

fn team(id: &str, players: &str) -> String {
    format!(r#"updateTeam(id: "Team:{id}", input: {{ players: {{ {players} }} }}) {{ id }}"#)
}

fn region(clubs: &str) -> String {
    format!(r#"updateRegion(id: "Region:de:by", input: {{ clubs: {{ {clubs} }} }}) {{ id }}"#)
}

fn player(input: &str) -> String {
    format!(r#"updatePlayer(id: "Player:{PLAYER}", input: {{ {input} }}) {{ id }}"#)
}

/// A key that may be null is no row's to let go whose writer may change none.
#[tokio::test]
async fn who_changes_no_rows_sets_none_away() {
    let graph = || graph().update_policy(club::Entity, |me, _| Rule::when(me.has("admin")));
    for backend in Backend::all() {
        let (_database, app) = filled(backend, graph()).await;
        let cases = [(region("set: []"), "FORBIDDEN")];
        check(&app, backend, &cases).await;
        is_done_by_admin(&app, &region("set: []")).await;
        // There is none that would leave.
        check(&app, backend, &[(region("set: []"), "")]).await;
    }
}

#[tokio::test]
async fn who_may_not_write_a_key_writes_it_from_neither_end() {
    let graph = || {
        graph()
            .column_write_policy(player::Column::TeamId, |me, _| Rule::when(me.has("admin")))
            .column_write_policy(club::Column::RegionCode, |me, _| {
                Rule::when(me.has("admin"))
            })
            .column_write_policy(membership::Column::ClubCode, |me, _| {
                Rule::when(me.has("admin"))
            })
    };
    let connect = format!(r#"connect: ["Player:{PLAYER}"]"#);
    let links = |edge: &str| player(&format!("clubs: {{ {edge} }}"));
    let link = r#"connectWith: [{ id: "Club:x", edge: { since: "2020-01-01" } }]"#;
    for backend in Backend::all() {
        let (_database, app) = filled(backend, graph()).await;
        let cases = [
            (
                player(&format!(r#"team: {{ connect: "Team:{OTHER}" }}"#)),
                "FORBIDDEN",
            ),
            (team(OTHER, &connect), "FORBIDDEN"),
            (team(TEAM, r#"create: [{ nick: "N" }]"#), "FORBIDDEN"),
            (
                r#"createTeam(input: { name: "n", players: { create: [{ nick: "N" }] } }) { id }"#
                    .to_owned(),
                "FORBIDDEN",
            ),
            // He is there already.
            (team(TEAM, &connect), ""),
            (region(r#"disconnect: ["Club:x"]"#), "FORBIDDEN"),
            (region("set: []"), "FORBIDDEN"),
            (region(r#"connect: ["Club:free"]"#), "FORBIDDEN"),
            (region(r#"create: [{ id: "y" }]"#), "FORBIDDEN"),
            (links(link), "FORBIDDEN"),
        ];
        check(&app, backend, &cases).await;
        for mutation in [
            team(OTHER, &connect),
            team(TEAM, r#"create: [{ nick: "N" }]"#),
            region(r#"disconnect: ["Club:x"], connect: ["Club:free"]"#),
            links(link),
        ] {
            is_done_by_admin(&app, &mutation).await;
        }
    }
}

/// A row that nobody may be made to refer to has nothing made below it either.
#[tokio::test]
async fn what_is_put_below_a_row_is_connected_to_it() {
    let never: fn() -> Graph = || graph().connect_policy(team::Entity, |_, _| Rule::NEVER);
    let some: fn() -> Graph =
        || graph().connect_policy(team::Entity, |_, team| team.is(team::Column::Name, "open"));
    let club: fn() -> Graph = || graph().connect_policy(club::Entity, |_, _| Rule::NEVER);
    let new = r#"create: [{ nick: "N" }]"#;
    let connect = format!(r#"connect: ["Player:{PLAYER}"]"#);
    let create = |id: &str| {
        format!(
            r#"createPlayer(input: {{ nick: "N", team: {{ connect: "Team:{id}" }} }}) {{ id }}"#
        )
    };
    let with_team = |name: &str| {
        format!(r#"createTeam(input: {{ name: "{name}", players: {{ {new} }} }}) {{ id }}"#)
    };
    let of_club = |players: &str| {
        format!(r#"updateClub(id: "Club:x", input: {{ players: {{ {players} }} }}) {{ id }}"#)
    };
    let link =
        format!(r#"connectWith: [{{ id: "Player:{PLAYER}", edge: {{ since: "2020-01-01" }} }}]"#);
    let graphs = [
        (
            never,
            vec![
                (create(TEAM), "FORBIDDEN"),
                (team(TEAM, new), "FORBIDDEN"),
                (team(OTHER, &connect), "FORBIDDEN"),
                // He is there already, and what is new is its maker's.
                (team(TEAM, &connect), ""),
                (with_team("n"), ""),
            ],
        ),
        (
            some,
            vec![
                (create(OTHER), "FORBIDDEN"),
                (team(OTHER, new), "FORBIDDEN"),
                (team(OTHER, &connect), "FORBIDDEN"),
                (team(TEAM, new), ""),
                (team(TEAM, &connect), ""),
                (create(TEAM), ""),
            ],
        ),
        (
            club,
            vec![
                (
                    player(
                        r#"clubs: { connectWith: [{ id: "Club:x", edge: { since: "2020-01-01" } }] }"#,
                    ),
                    "FORBIDDEN",
                ),
                (of_club(&link), "FORBIDDEN"),
            ],
        ),
    ];
    for backend in Backend::all() {
        for (graph, cases) in &graphs {
            let (_database, app) = filled(backend, graph()).await;
            check(&app, backend, cases).await;
        }
    }
}

/// Keys of several columns, and those to what is unique and no primary key.
#[tokio::test]
async fn a_key_that_is_told_by_columns_leads_to_what_may_be_referred_to() {
    let graph = || {
        graph()
            .policy(region::Entity, |me, region| {
                let open = region.is(region::Column::Name, "open");
                open.or(Rule::when(me.has("admin")))
            })
            .connect_policy(region::Entity, |_, region| {
                region.is(region::Column::Code, "he").not()
            })
            .policy(team::Entity, |me, team| {
                let open = team.is(team::Column::Name, "open");
                open.or(Rule::when(me.has("admin")))
            })
    };
    let create = |id: &str, code: &str| {
        format!(
            r#"createClub(input: {{ id: "{id}", regionCountry: "de", regionCode: "{code}" }}) {{ id }}"#
        )
    };
    let update =
        |input: &str| format!(r#"updateClub(id: "Club:x", input: {{ {input} }}) {{ id }}"#);
    let upsert = |code: &str| {
        format!(
            r#"upsertClub(create: {{ id: "x" }}, update: {{ regionCode: "{code}" }}, on: ID) {{ id }}"#
        )
    };
    let all = |code: &str| {
        format!(
            r#"updateClubs(where: {{ regionCountry: {{ eq: "de" }} }}, input: {{ regionCode: "{code}" }}) {{ count }}"#
        )
    };
    let edge = |name: &str| {
        player(&format!(
            r#"clubs: {{ connectWith: [{{ id: "Club:x", edge: {{ since: "2020-01-01", sponsorName: "{name}" }} }}] }}"#
        ))
    };
    for backend in Backend::all() {
        let (_database, app) = filled(backend, graph()).await;
        let mut cases = vec![
            (create("y", "he"), "FORBIDDEN"),
            (update(r#"regionCode: "he""#), "FORBIDDEN"),
        ];
        // What is hidden and what is not there are told alike.
        for code in ["ni", "zz"] {
            cases.extend([
                (create("y", code), "NOT_FOUND"),
                (update(&format!(r#"regionCode: "{code}""#)), "NOT_FOUND"),
                (upsert(code), "NOT_FOUND"),
                (all(code), "NOT_FOUND"),
            ]);
        }
        cases.extend([(edge("closed"), "NOT_FOUND"), (edge("none"), "NOT_FOUND")]);
        cases.extend([
            (create("y", "by"), ""),
            (update(r#"regionCode: "by""#), ""),
            (upsert("by"), ""),
            (all("by"), ""),
            (edge("open"), ""),
            (update("regionCountry: null, regionCode: null"), ""),
            // A key that is null in part leads nowhere.
            (update(r#"regionCode: "zz""#), ""),
        ]);
        check(&app, backend, &cases).await;
        let hidden = ask(&app, &format!("mutation {{ {} }}", create("z", "ni"))).await;
        let absent = ask(&app, &format!("mutation {{ {} }}", create("z", "zz"))).await;
        // But for the id, which the input has.
        let alike = absent.text.replace("Region:de:zz", "Region:de:ni");
        assert_eq!(hidden.text, alike, "{backend:?}");
        assert!(alike.contains("`Region:de:ni`"), "{alike}");
        assert_eq!(
            absent.json()["errors"][0]["extensions"]["field"],
            "input.regionCountry",
            "{}",
            absent.text
        );
    }
}

/// What the same field makes is there for it.
#[tokio::test]
async fn a_key_leads_to_a_row_that_is_made_with_it() {
    let create = r#"createPlayer(input: { nick: "N", team: { create: { name: "made" } }, clubs: { createWith: [
        { node: { id: "z" }, edge: { since: "2020-01-01", sponsorName: "made" } }] } }) { id }"#;
    for backend in Backend::all() {
        let (_database, app) = filled(backend, graph()).await;
        check(&app, backend, &[(create.to_owned(), "")]).await;
    }
}

#[tokio::test]
async fn what_a_link_says_is_validated() {
    let graph = || graph().validate(membership::Column::Note, Check::length(1..=5));
    let edge = |how: &str, note: &str| {
        let edge = format!(r#"edge: {{ since: "2020-01-01", note: "{note}" }}"#);
        player(&format!("clubs: {{ {how}, {edge} }}] }}"))
    };
    let connect = r#"connectWith: [{ id: "Club:x""#;
    let create = r#"createWith: [{ node: { id: "y" }"#;
    for backend in Backend::all() {
        let (_database, app) = filled(backend, graph()).await;
        for (how, place) in [
            (connect, "input.clubs.connectWith.0.edge.note"),
            (create, "input.clubs.createWith.0.edge.note"),
        ] {
            let long = ask(&app, &format!("mutation {{ {} }}", edge(how, "too long"))).await;
            assert_eq!(long.code(), "BAD_USER_INPUT", "{backend:?}: {}", long.text);
            let field = &long.json()["errors"][0]["extensions"]["field"];
            assert_eq!(field, place, "{backend:?}: {}", long.text);
            check(&app, backend, &[(edge(how, "short"), "")]).await;
        }
    }
}

/// The one row that is there is attached, whether it was there or is made.
#[tokio::test]
async fn the_one_row_is_found_or_made() {
    let with = |number: &str| {
        player(&format!(
            r#"passport: {{ connectOrCreate: {{ on: NUMBER, create: {{ number: "{number}" }} }} }}"#
        ))
    };
    let without = player("passport: null");
    for backend in Backend::all() {
        let (_database, app) = filled(backend, graph()).await;
        for number in ["N1", "N1", "N2"] {
            if number == "N2" {
                check(&app, backend, &[(without.clone(), "")]).await;
            }
            check(&app, backend, &[(with(number), "")]).await;
            let read = data(&app, "{ players { passport { number } } }").await;
            let passport = json!({ "number": number });
            assert_eq!(read["players"][0]["passport"], passport, "{backend:?}");
        }
    }
}

/// A key that is hidden tells by no answer whether a row is attached by it already.
#[tokio::test]
async fn the_one_row_is_found_and_where_it_belongs_is_not_told() {
    let graph = || {
        graph()
            .column_policy(passport::Column::PlayerId, |me, _| {
                Rule::when(me.has("admin"))
            })
            .update_policy(passport::Entity, |me, passport| {
                let other = passport.is(passport::Column::Number, "N9");
                other.or(Rule::when(me.has("admin")))
            })
    };
    let with = |number: &str| {
        player(&format!(
            r#"passport: {{ connectOrCreate: {{ on: NUMBER, create: {{ number: "{number}" }} }} }}"#
        ))
    };
    for backend in Backend::all() {
        let (_database, app) = filled(backend, graph()).await;
        let cases = [(with("N1"), "FORBIDDEN")];
        check(&app, backend, &cases).await;
        is_done_by_admin(&app, &with("N1")).await;
        check(&app, backend, &cases).await;
        // Who sees it does it again.
        is_done_by_admin(&app, &with("N1")).await;
    }
}
