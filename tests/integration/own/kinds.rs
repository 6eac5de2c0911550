//! Columns of every kind, by their types in Rust, and keys of several columns.

use std::fmt::Debug;

use backref::Graph;
use backref::graph::Principal;
use backref::graph::own::{FieldError, Key, Needs, Row};
use sea_orm::prelude::*;
use sea_orm::sea_query::ValueType;
use sea_orm::{ConnectionTrait, IntoActiveModel, Iterable, Schema, Set};
use serde_json::json;

use crate::harness::{Backend, TestApp, TestDatabase};

mod measure {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "measure")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub small: i16,
        pub middle: i32,
        pub large: i64,
        pub float: f64,
        #[sea_orm(column_type = "Decimal(Some((12, 3)))")]
        pub exact: Decimal,
        pub is_true: bool,
        pub text: String,
        pub letter: Option<String>,
        pub moment: DateTimeUtc,
        pub zoned: DateTimeWithTimeZone,
        pub plain: DateTime,
        pub day: Date,
        pub clock: Time,
        pub json: Json,
        pub uuid: Uuid,
        pub bytes: Vec<u8>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod seat {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "seat")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub room: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub number: i32,
        pub label: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

fn measured() -> measure::Model {
    measure::Model {
        id: 1,
        small: -7,
        middle: 2_000_000_000,
        large: i64::MAX,
        float: 0.1,
        exact: "12345.678".parse().expect("a decimal"),
        is_true: true,
        text: "a \"text\" of ſeveral letters".to_owned(),
        letter: None,
        moment: "2024-02-29T12:34:56.789012Z".parse().expect("a moment"),
        zoned: "2024-02-29T12:34:56+02:00".parse().expect("a moment"),
        plain: "1999-12-31T23:59:59".parse().expect("a moment"),
        day: "0999-01-02".parse().expect("a day"),
        clock: "01:02:03.5".parse().expect("a time"),
        json: json!({ "a": [1, null, "x"], "b": 0.5 }),
        uuid: "67e55044-10b1-426f-9247-bb680e5fe0c8"
            .parse()
            .expect("a UUID"),
        bytes: vec![0, 255, 16],
    }
}

/// The columns whose values are not those that were written.
fn differing(row: &Row<measure::Entity>) -> Result<Vec<String>, FieldError> {
    fn hold<V: ValueType + PartialEq + Debug>(
        row: &Row<measure::Entity>,
        column: measure::Column,
        expected: V,
    ) -> Option<String> {
        match row.get::<V>(column) {
            Ok(value) if value == expected => None,
            other => Some(format!("{column:?}: {other:?}")),
        }
    }
    use measure::Column::*;
    let of = measured();
    let all = [
        hold(row, Id, of.id),
        hold(row, Small, of.small),
        hold(row, Middle, of.middle),
        hold(row, Large, of.large),
        hold(row, Float, of.float),
        hold(row, Exact, of.exact),
        hold(row, IsTrue, of.is_true),
        hold(row, Text, of.text),
        hold(row, Letter, of.letter),
        hold(row, Moment, of.moment),
        hold(row, Zoned, of.zoned),
        hold(row, Plain, of.plain),
        hold(row, Day, of.day),
        hold(row, Clock, of.clock),
        hold(row, Json, of.json),
        hold(row, Uuid, of.uuid),
        hold(row, Bytes, of.bytes),
    ];
    Ok(all.into_iter().flatten().collect())
}

fn graph() -> Graph {
    Graph::new()
        .entity(measure::Entity)
        .entity(seat::Entity)
        .field(
            measure::Entity,
            "differing",
            Needs::columns(measure::Column::iter()),
            |row, _| differing(row),
        )
        .field(
            seat::Entity,
            "next",
            Needs::columns([seat::Column::Room, seat::Column::Number]),
            |seat, _| {
                let number: i32 = seat.get(seat::Column::Number)?;
                Ok(Key::<seat::Entity>::new((
                    seat.get(seat::Column::Room)?,
                    number + 1,
                )))
            },
        )
        .field(seat::Entity, "itself", Needs::nothing(), |seat, _| {
            Ok(seat.key())
        })
        .field(
            seat::Entity,
            "written",
            Needs::nothing().argument::<Json>("value", "Whatever."),
            |_, cx| Ok(cx.argument::<Json>("value")?.to_string()),
        )
        .mutation_field(
            "relabel",
            Needs::root()
                .argument::<String>("room", "")
                .argument::<i32>("number", ""),
            async |cx| {
                let key = (cx.argument("room")?, cx.argument("number")?);
                let key = cx
                    .update(&Key::<seat::Entity>::new(key), json!({ "label": "once" }))
                    .await?;
                cx.update(&key, json!({ "label": "twice" })).await
            },
        )
}

#[tokio::test]
async fn columns_of_every_kind_are_given_as_they_are() {
    for backend in Backend::all() {
        let database = TestDatabase::empty(backend).await;
        let connection = &database.connection;
        let schema = Schema::new(connection.get_database_backend());
        for table in [
            schema.create_table_from_entity(measure::Entity),
            schema.create_table_from_entity(seat::Entity),
        ] {
            connection.execute(&table).await.expect("a table");
        }
        let row = measured().into_active_model().reset_all();
        row.insert(connection).await.expect("a row");
        for (room, number) in [("a:b%", 1), ("a:b%", 2), ("c", 1)] {
            let seat = seat::ActiveModel {
                room: Set(room.to_owned()),
                number: Set(number),
                label: Set(String::new()),
            };
            seat.insert(connection).await.expect("a row");
        }
        let app = TestApp::new(&database, graph(), Default::default());
        let data = app.query("{ measures { differing } }").await.data();
        assert_eq!(data["measures"][0]["differing"], json!([]), "{backend:?}");
        let data = app
            .query("{ seats { room number itself { id } next { room number } } }")
            .await
            .data();
        let told: Vec<_> = data["seats"]
            .as_array()
            .expect("seats")
            .iter()
            .map(|s| (&s["itself"]["id"], &s["next"]))
            .collect();
        assert_eq!(
            told,
            [
                (
                    &json!("Seat:a%3Ab%25:1"),
                    &json!({ "room": "a:b%", "number": 2 })
                ),
                (&json!("Seat:a%3Ab%25:2"), &json!(null)),
                (&json!("Seat:c:1"), &json!(null)),
            ],
            "{backend:?}"
        );
        // A list is one value of JSON, and its items are whatever they like.
        let value = r#"[1, null, { a: [null], b: -2.5 }, [[null, "two"]]]"#;
        let written = format!("{{ seats(limit: 1) {{ written(value: {value}) }} }}");
        let data = app.query(&written).await.data();
        assert_eq!(
            data["seats"][0]["written"],
            r#"[1,null,{"a":[null],"b":-2.5},[[null,"two"]]]"#
        );
        let none = app.query("{ seats { written(value: null) } }").await;
        assert_eq!(none.code(), "GRAPHQL_VALIDATION_FAILED");
        let relabel = "mutation { relabel(room: \"a:b%\", number: 2) { id label } }";
        let answer = app
            .ask(&Principal::Anonymous, relabel, &json!({}))
            .await
            .data();
        assert_eq!(
            answer["relabel"],
            json!({ "id": "Seat:a%3Ab%25:2", "label": "twice" }),
            "{backend:?}"
        );
    }
}
