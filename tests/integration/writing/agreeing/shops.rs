//! The same of keys that lead to another entity, may be null, and are given by every way that there is.

use backref::Graph;
use sea_orm::{ConnectionTrait, DbBackend};
use serde_json::{Value, json};

use super::entities::{line, purchase, shop, tag, tagged};
use super::{is_refused, somebody};
use crate::harness::{Answer, Backend, TestApp, TestDatabase};

pub fn graph() -> Graph {
    Graph::new()
        .entity(shop::Entity)
        .entity(purchase::Entity)
        .entity(line::Entity)
        .entity(tag::Entity)
        .entity(tagged::Entity)
        .agrees(line::Relation::Purchase, line::Relation::Seller)
        .agrees(tagged::Relation::Purchase, tagged::Relation::Shop)
}

/// Two shops, with a purchase and its line each, and one of each that is nobody's.
pub async fn shops(backend: Backend, graph: Graph) -> (TestDatabase, TestApp) {
    let database = TestDatabase::empty(backend).await;
    let connection = &database.connection;
    let number = match connection.get_database_backend() {
        DbBackend::Postgres => "bigserial PRIMARY KEY",
        _ => "integer PRIMARY KEY AUTOINCREMENT",
    };
    let statements = [
        format!("CREATE TABLE shop (id {number}, name varchar NOT NULL)"),
        format!(
            "CREATE TABLE purchase (id {number}, code varchar UNIQUE NOT NULL, shop_id bigint REFERENCES shop (id))"
        ),
        format!(
            "CREATE TABLE line (id {number}, code varchar UNIQUE NOT NULL,
             purchase_id bigint REFERENCES purchase (id), seller_id bigint REFERENCES shop (id))"
        ),
        format!("CREATE TABLE tag (id {number}, name varchar NOT NULL)"),
        "CREATE TABLE tagged (purchase_id bigint REFERENCES purchase (id), tag_id bigint REFERENCES tag (id),
         shop_id bigint REFERENCES shop (id), PRIMARY KEY (purchase_id, tag_id))"
            .to_owned(),
        "INSERT INTO shop (name) VALUES ('one'), ('two')".to_owned(),
        "INSERT INTO purchase (code, shop_id) VALUES ('p1', 1), ('p2', 2), ('p3', NULL)".to_owned(),
        "INSERT INTO line (code, purchase_id, seller_id) VALUES ('l1', 1, 1), ('l2', 2, 2), ('l3', NULL, NULL)"
            .to_owned(),
        "INSERT INTO tag (name) VALUES ('t1'), ('t2')".to_owned(),
        "INSERT INTO tagged (purchase_id, tag_id, shop_id) VALUES (1, 1, 1)".to_owned(),
    ];
    for statement in statements {
        let done = connection.execute_unprepared(&statement).await;
        done.unwrap_or_else(|e| panic!("{statement}: {e}"));
    }
    let app = TestApp::new(&database, graph, Default::default());
    (database, app)
}

pub async fn ask(app: &TestApp, field: &str) -> Answer {
    let query = format!("mutation {{ {field} }}");
    app.ask(&somebody("anybody", 1), &query, &json!({})).await
}

/// What is in the tables that agree.
async fn rows(app: &TestApp) -> Value {
    let query = "{ purchases(orderBy: [{ id: ASC }]) { id code shop { id }
        tagsConnection { edges { shopId node { id } } } }
        lines(orderBy: [{ id: ASC }]) { id code seller { id } purchase { id shop { id } } } }";
    app.ask(&somebody("anybody", 1), query, &json!({}))
        .await
        .data()
}

const LINE: &str = "`seller` of this line must be that of its `purchase`";
const LINES: &str = "`shop` of this purchase must be that of the lines whose `purchase` it is";
const TAGGED: &str = "`shop` of this purchase must be that of the taggeds whose `purchase` it is";

#[tokio::test]
async fn a_key_agrees_with_that_of_another_entity() {
    let refused = [
        (
            r#"createLine(input: { code: "n", purchase: { connect: "Purchase:1" }, seller: { connect: "Shop:2" } }) { id }"#,
            "input.purchase",
            LINE,
        ),
        // Null is not what is not null.
        (
            r#"createLine(input: { code: "n", purchase: { connect: "Purchase:1" } }) { id }"#,
            "input.purchase",
            LINE,
        ),
        (
            r#"createLine(input: { code: "n", purchaseId: "Purchase:3", sellerId: "Shop:1" }) { id }"#,
            "input.purchaseId",
            LINE,
        ),
        (
            r#"createPurchase(input: { code: "n", shopId: "Shop:1", lines: { create: [{ code: "n", seller: { connect: "Shop:2" } }] } }) { id }"#,
            "input.lines.create.0.seller",
            LINE,
        ),
        (
            r#"createPurchase(input: { code: "n", shopId: "Shop:1", lines: { create: [{ code: "n" }] } }) { id }"#,
            "input.lines.create.0",
            LINE,
        ),
        (
            r#"createPurchase(input: { code: "n", shopId: "Shop:1", lines: { connect: ["Line:2"] } }) { id }"#,
            "input.lines.connect.0",
            LINE,
        ),
        (
            r#"createLine(input: { code: "n", sellerId: "Shop:2", purchase: { connectOrCreate: { on: CODE, create: { code: "p1", shopId: "Shop:2" } } } }) { id }"#,
            "input.purchase",
            LINE,
        ),
        (
            r#"updateLine(id: 1, input: { seller: null }) { id }"#,
            "input.seller",
            LINE,
        ),
        (
            r#"updateLine(id: 1, input: { purchase: { connect: "Purchase:2" } }) { id }"#,
            "input.purchase",
            LINE,
        ),
        (
            r#"updateLines(where: { code: { eq: "l1" } }, input: { sellerId: "Shop:2" }) { count }"#,
            "input.sellerId",
            LINE,
        ),
        (
            r#"updateShop(id: 2, input: { lines: { connect: ["Line:1"] } }) { id }"#,
            "input.lines.connect.0",
            LINE,
        ),
        (
            r#"updateShop(id: 1, input: { lines: { disconnect: ["Line:1"] } }) { id }"#,
            "input.lines.disconnect.0",
            LINE,
        ),
        (
            r#"updateShop(id: 1, input: { lines: { set: [] } }) { id }"#,
            "input.lines.set",
            LINE,
        ),
        (
            r#"updatePurchase(id: 2, input: { shop: { connect: "Shop:1" } }) { id }"#,
            "input.shop",
            LINES,
        ),
        (
            r#"updatePurchase(id: 2, input: { shop: null }) { id }"#,
            "input.shop",
            LINES,
        ),
        (
            r#"updatePurchases(where: { code: { ne: "p1" } }, input: { shopId: "Shop:1" }) { count }"#,
            "input.shopId",
            LINES,
        ),
        (
            r#"updateLine(id: 2, input: { purchase: { create: { code: "n", shopId: "Shop:1" } } }) { id }"#,
            "input.purchase",
            LINE,
        ),
        // Whichever of the two an upsert comes to.
        (
            r#"upsertLine(create: { code: "n", purchaseId: "Purchase:1", sellerId: "Shop:2" }, update: { code: "m" }, on: CODE) { id }"#,
            "create.purchaseId",
            LINE,
        ),
        (
            r#"upsertLine(create: { code: "l1", purchaseId: "Purchase:1", sellerId: "Shop:2" }, update: { purchaseId: "Purchase:2" }, on: CODE) { id }"#,
            "update.purchaseId",
            LINE,
        ),
        (
            r#"upsertLine(create: { code: "l1" }, update: { sellerId: "Shop:2" }, on: CODE) { id }"#,
            "update.sellerId",
            LINE,
        ),
        (
            r#"upsertPurchase(create: { code: "p2" }, update: { shopId: "Shop:1" }, on: CODE) { id }"#,
            "update.shopId",
            LINES,
        ),
    ];
    for backend in Backend::all() {
        let (_database, app) = shops(backend, graph()).await;
        let before = rows(&app).await;
        for (field, place, message) in refused {
            is_refused(&ask(&app, field).await, &[(place, message)]);
            assert_eq!(before, rows(&app).await, "{backend:?}: {field}");
        }
    }
}

#[tokio::test]
async fn the_rows_of_a_junction_agree_as_well() {
    let link = |how: &str| {
        format!(
            r#"updatePurchase(id: 1, input: {{ tags: {{ connectWith: [{{ id: "Tag:2", edge: {{ {how} }} }}] }} }}) {{ id }}"#
        )
    };
    let message = "`shop` of this tagged must be that of its `purchase`";
    for backend in Backend::all() {
        let (_database, app) = shops(backend, graph()).await;
        let before = rows(&app).await;
        for how in [r#"shopId: "Shop:2""#, "shopId: null"] {
            let answer = ask(&app, &link(how)).await;
            let place = "input.tags.connectWith.0.edge";
            assert_eq!(answer.message(), message, "{backend:?}: {}", answer.text);
            let error = &answer.json()["errors"][0]["extensions"];
            let field = error["field"].as_str().unwrap_or_default();
            assert!(place.starts_with(field), "{backend:?}: {field}");
        }
        let alone =
            r#"updatePurchase(id: 1, input: { shopId: "Shop:2", lines: { set: [] } }) { id }"#;
        is_refused(&ask(&app, alone).await, &[("input.shopId", TAGGED)]);
        assert_eq!(before, rows(&app).await, "{backend:?}");
        ask(&app, &link(r#"shopId: "Shop:1""#)).await.data();
    }
}

#[tokio::test]
async fn what_agrees_is_written_by_every_way() {
    let allowed = [
        r#"createLine(input: { code: "n", purchaseId: "Purchase:3" }) { id }"#,
        r#"createPurchase(input: { code: "n", shopId: "Shop:1", lines: { create: [{ code: "n", sellerId: "Shop:1" }] } }) { id }"#,
        r#"createLine(input: { code: "n", sellerId: "Shop:2", purchase: { connectOrCreate: { on: CODE, create: { code: "n", shopId: "Shop:2" } } } }) { id }"#,
        r#"createLine(input: { code: "n", sellerId: "Shop:1", purchase: { connectOrCreate: { on: CODE, create: { code: "p1", shopId: "Shop:2" } } } }) { id }"#,
        r#"updatePurchase(id: 2, input: { shopId: "Shop:1", lines: { update: [{ id: "Line:2", input: { sellerId: "Shop:1" } }] } }) { id }"#,
        r#"updateShop(id: 1, input: { purchases: { connect: ["Purchase:2"] }, lines: { connect: ["Line:2"] } }) { id }"#,
        r#"updatePurchase(id: 2, input: { shop: null, lines: { set: [] } }) { id }"#,
        r#"updatePurchases(where: { code: { eq: "p3" } }, input: { shopId: "Shop:1" }) { count }"#,
        r#"upsertLine(create: { code: "l1" }, update: { sellerId: "Shop:1" }, on: CODE) { id }"#,
        r#"upsertLine(create: { code: "n", sellerId: "Shop:2" }, update: { sellerId: "Shop:1" }, on: CODE) { id }"#,
        r#"upsertPurchase(create: { code: "p3" }, update: { shopId: "Shop:1" }, on: CODE) { id }"#,
    ];
    for backend in Backend::all() {
        for field in allowed {
            let (_database, app) = shops(backend, graph()).await;
            ask(&app, field).await.data();
            let rows = rows(&app).await;
            for line in rows["lines"].as_array().expect("lines") {
                let purchase = &line["purchase"];
                let agrees = purchase.is_null() || purchase["shop"] == line["seller"];
                assert!(agrees, "{backend:?}: {field}: {line}");
            }
        }
    }
}

/// What a hook makes of a row is held to it, too, and told at the row.
#[tokio::test]
async fn a_hook_makes_no_key_another() {
    let refused = [
        (
            r#"createLine(input: { code: "astray", purchaseId: "Purchase:1", sellerId: "Shop:1" }) { id }"#,
            "input.purchaseId",
        ),
        (
            r#"updateLine(id: 1, input: { code: "astray" }) { id }"#,
            "id",
        ),
        (
            r#"updateLines(where: { code: { eq: "l1" } }, input: { code: "astray" }) { count }"#,
            "where",
        ),
        (
            r#"upsertLine(create: { code: "l1" }, update: { code: "astray" }, on: CODE) { id }"#,
            "create",
        ),
    ];
    for backend in Backend::all() {
        let hooked = graph().hooks(line::Entity);
        let (_database, app) = shops(backend, hooked).await;
        let before = rows(&app).await;
        for (field, place) in refused {
            is_refused(&ask(&app, field).await, &[(place, LINE)]);
            assert_eq!(before, rows(&app).await, "{backend:?}: {field}");
        }
        ask(
            &app,
            r#"updateLine(id: 2, input: { code: "astray" }) { id }"#,
        )
        .await
        .data();
        ask(&app, r#"createLine(input: { code: "n", purchaseId: "Purchase:1", sellerId: "Shop:1" }) { id }"#)
            .await
            .data();
    }
}
