//! Any folder of entities: every shape of relation and column becomes a field that answers, on both
//! databases, for one key and for many.

mod mistakes;
mod paging;
pub mod shop;

use backref::Graph;
use backref::graph::Catalog;
use backref::read::plan::Limits;
use sea_orm::prelude::{Date, DateTime, DateTimeUtc, Decimal, Time, Uuid};
use sea_orm::{ActiveModelTrait, DatabaseConnection, EntityTrait, IntoActiveModel};
use serde_json::{Value, json};

use crate::harness::{Backend, TestApp, TestDatabase};
use shop::*;

pub fn graph() -> Graph {
    Graph::new()
        .entity(album::Entity)
        .entity(artist::Entity)
        .entity(badge::Entity)
        .entity(city::Entity)
        .entity(country::Entity)
        .entity(credit::Entity)
        .entity(employee::Entity)
        .entity(film::Entity)
        .entity(follow::Entity)
        .entity(language::Entity)
        .entity(order_detail::Entity)
        .entity(passport::Entity)
        .entity(recording::Entity)
        .entity(region::Entity)
        .entity(specimen::Entity)
        .entity(station::Entity)
}

fn catalog() -> Catalog {
    graph().build().unwrap_or_else(|e| panic!("{e}"))
}

/// `Type.field: Type!`, as the SDL has it without arguments and descriptions.
fn fields_of(type_name: &str) -> Vec<String> {
    let schema = backref::schema::Schema::new(&catalog(), Limits::default().default_page())
        .expect("a schema");
    let object = schema.types.get_object(type_name).expect("the type");
    let brought = |name: &str| {
        let list = name
            .strip_suffix("Connection")
            .or_else(|| name.strip_suffix("Aggregate"));
        list.is_some_and(|list| object.fields.contains_key(list))
    };
    let fields = object.fields.values().filter(|f| !brought(&f.name));
    fields.map(|f| format!("{}: {}", f.name, f.ty)).collect()
}

#[test]
fn relations_are_named_by_their_variants_or_by_their_keys() {
    let expected = [
        (
            "Album",
            "id: ID!, artistId: ID!, title: String!, live: Boolean!, artist: Artist!, artists: [Artist!]!, employees: [Employee!]!",
        ),
        (
            "Artist",
            "id: ID!, name: String!, favouriteId: ID, albums: [Album!]!, liveAlbums: [Album!]!, selfTitledAlbums: [Album!]!, liveFavourite: Album, followers: [Artist!]!, followees: [Artist!]!",
        ),
        (
            "Badge",
            "id: ID!, holderId: ID!, color: String!, employee: Employee!",
        ),
        (
            "City",
            "id: ID!, countryId: ID!, iso3: String, countryByIso3: Country, country: Country!",
        ),
        (
            "Country",
            "id: ID!, iso3: String, regions: [Region!]!, citiesByCountryByIso3: [City!]!, cities: [City!]!",
        ),
        (
            "Employee",
            "id: ID!, fullName: String!, reportsToId: ID, reportsTo: Employee, badge: Badge, employees: [Employee!]!, orderDetails: [OrderDetail!]!, passport: Passport, albums: [Album!]!",
        ),
        (
            "Film",
            "id: ID!, title: String!, languageId: ID!, originalLanguageId: ID, originalLanguage: Language, language: Language!",
        ),
        (
            "Language",
            "id: ID!, name: String!, filmsByOriginalLanguage: [Film!]!, films: [Film!]!",
        ),
        (
            "OrderDetail",
            "id: ID!, order: String!, orderDetailId: BigInt!, group: String, twoWords: String!, select: ID!, clerk: Employee!",
        ),
        (
            "Passport",
            "id: ID!, employeeId: ID!, number: String!, employee: Employee!",
        ),
        (
            "Region",
            "id: ID!, countryCode: ID!, number: Int!, name: String!, country: Country!, stations: [Station!]!",
        ),
        (
            "Station",
            "id: ID!, regionCountry: String, regionNumber: Int, region: Region",
        ),
    ];
    for (type_name, fields) in expected {
        assert_eq!(fields_of(type_name).join(", "), fields, "{type_name}");
    }
}

/// Every list brings a connection and an aggregate along; a junction's own columns are on its edges.
#[test]
fn lists_bring_connections_and_aggregates() {
    let schema = backref::schema::Schema::new(&catalog(), Limits::default().default_page())
        .expect("a schema");
    let fields_of = |type_name: &str| -> Vec<String> {
        let object = schema.types.get_object(type_name).expect("the type");
        let fields = object.fields.values();
        fields.map(|f| format!("{}: {}", f.name, f.ty)).collect()
    };
    let album = fields_of("Album");
    for field in [
        "artistsConnection: ArtistConnection!",
        "artistsAggregate: ArtistAggregate!",
        "employeesConnection: AlbumEmployeesConnection!",
    ] {
        assert!(album.iter().any(|f| f == field), "{field}: {album:?}");
    }
    assert!(!album.iter().any(|f| f.starts_with("artistConnection")));
    let edge = fields_of("AlbumEmployeesEdge");
    assert_eq!(edge[..2], ["cursor: String!", "node: Employee!"]);
    assert!(edge.len() > 2, "{edge:?}");
}

/// What is not code is words: `order details`, with an article that fits whatever they are.
#[test]
fn descriptions_are_sentences_whatever_the_tables_are_called() {
    let schema = backref::schema::Schema::new(&catalog(), Limits::default().default_page())
        .expect("a schema");
    let descriptions = schema.sdl.split("\"\"\"").skip(1).step_by(2);
    for description in descriptions {
        let words = description.split('`').step_by(2);
        let words: Vec<_> = words.flat_map(|text| text.split_whitespace()).collect();
        let name = |word: &&&str| {
            word.starts_with(char::is_lowercase) && word.contains(char::is_uppercase)
        };
        assert_eq!(words.iter().find(name), None, "{description}");
        let article = |pair: &&[&str]| {
            pair[0].eq_ignore_ascii_case("a") && pair[1].starts_with(['a', 'e', 'i', 'o'])
        };
        assert_eq!(words.windows(2).find(article), None, "{description}");
    }
    assert!(
        schema
            .sdl
            .contains("One of the order details in a connection.")
    );
}

/// What people wrote stands before what the catalog knows; a line in the graph before a `comment = "…"`.
#[test]
fn what_people_wrote_is_in_the_descriptions() {
    let described = graph()
        .describe(album::Entity, "A record, as it was released.")
        .describe_column(album::Column::Live, "Whether an audience is to be heard.")
        .describe_relation(album::Relation::Artist, "Who is named on the sleeve.")
        .build()
        .unwrap_or_else(|e| panic!("{e}"));
    let schema = backref::schema::Schema::new(&described, Limits::default().default_page())
        .expect("a schema");
    let description = |type_name: &str, field: &str| {
        let object = schema.types.get_object(type_name).expect("the type");
        let text = match field {
            "" => object.description.as_ref(),
            field => object.fields[field].description.as_ref(),
        };
        text.map(|t| t.to_string()).unwrap_or_default()
    };
    for (type_name, field, expected) in [
        (
            "Album",
            "",
            "A record, as it was released.\n\nA row of the table `album`.",
        ),
        (
            "Album",
            "live",
            "Whether an audience is to be heard.\n\nThe column `live` of `album`.",
        ),
        (
            "Album",
            "artist",
            "Who is named on the sleeve.\n\nThe artist related by `artist_id` of `album`.",
        ),
        ("Album", "title", "The column `title` of `album`."),
        (
            "Station",
            "",
            "Where trains stop.\n\nA row of the table `station`.",
        ),
        (
            "Station",
            "regionNumber",
            "Within its country.\n\nThe column `region_number` of `station`.",
        ),
    ] {
        assert_eq!(
            description(type_name, field),
            expected,
            "{type_name}.{field}"
        );
    }
}

#[test]
fn an_inverse_can_be_named_from_whichever_side_declares_it() {
    let named = graph()
        .backref(employee::Relation::Badge, "holder")
        .backref(film::Relation::Language2, "originals")
        .build()
        .unwrap_or_else(|e| panic!("{e}"));
    for (type_name, field) in [("Badge", "holder"), ("Language", "originals")] {
        let entity = named.entity_of_type(type_name).expect("the type");
        assert!(named.entities[entity].field(field).is_some(), "{type_name}");
    }
}

#[test]
fn columns_of_every_type_have_a_scalar() {
    assert_eq!(
        fields_of("Specimen").join(", "),
        "id: ID!, bytes: Bytes!, price: Decimal!, date: Date!, time: Time!, stamp: DateTime!, local: DateTime!, json: JSON!, \
         flag: Boolean!, ratio: Float!, small: Int!, int: Int!, big: BigInt!, state: State!, uuid: UUID!, noBytes: Bytes, \
         noPrice: Decimal, noDate: Date, noStamp: DateTime, noJson: JSON, noFlag: Boolean, noBig: BigInt, noState: State, noUuid: UUID"
    );
}

#[tokio::test]
async fn every_shape_answers_at_many_keys_and_at_one() {
    for backend in Backend::all() {
        let database = shop(backend).await;
        let app = TestApp::new(&database, graph(), Limits::default());
        for shape in shapes() {
            let many = format!(
                "{{ all: {}(limit: 50) {{ id {} }} }}",
                shape.list, shape.field
            );
            let (answer, statements) = app.counted(&many, &json!({})).await;
            assert_eq!(statements.len(), 2, "{backend:?}: {many}");
            let data = answer.data();
            let rows: Vec<_> = data["all"].as_array().into_iter().flatten().collect();
            assert_eq!(rows.len(), shape.expected.len(), "{backend:?}: {many}");
            for (row, (id, expected)) in rows.into_iter().zip(&shape.expected) {
                let got = row
                    .as_object()
                    .and_then(|o| o.values().find(|v| **v != row["id"] || v.is_null()));
                assert_eq!(
                    (&row["id"], shown(got)),
                    (&json!(id), expected.clone()),
                    "{backend:?}: {many}"
                );
                let one = format!(
                    "query($id: ID!) {{ node(id: $id) {{ id ... on {} {{ {} }} }} }}",
                    shape.type_name, shape.field
                );
                let data = app.request(&one, None, &json!({ "id": id })).await.data();
                assert_eq!(data["node"], *row, "{backend:?}: {one} of {id}");
            }
        }
    }
}

#[tokio::test]
async fn pages_given_by_variables_agree_between_one_key_and_many() {
    for backend in Backend::all() {
        let database = shop(backend).await;
        let app = TestApp::new(&database, graph(), Limits::default());
        let lists = [
            ("artists", "Artist", "followers"),
            ("artists", "Artist", "albums"),
            ("artists", "Artist", "selfTitledAlbums"),
            ("regions", "Region", "stations"),
            ("countries", "Country", "cities"),
            ("employees", "Employee", "employees"),
            ("employees", "Employee", "albums"),
        ];
        for (list, type_name, field) in lists {
            let all = format!("{{ all: {list} {{ id {field} {{ id }} }} }}");
            let all = app.query(&all).await.data();
            for (limit, offset) in [(0, 0), (1, 0), (2, 1), (5, 2)] {
                let variables = json!({ "limit": limit, "offset": offset });
                let page = format!(
                    "query($limit: Int, $offset: Int) {{ all: {list} {{ id {field}(limit: $limit, offset: $offset) {{ id }} }} }}"
                );
                let paged = app.request(&page, None, &variables).await.data();
                for (row, paged) in all["all"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .zip(paged["all"].as_array().into_iter().flatten())
                {
                    let whole = row[field].as_array().cloned().unwrap_or_default();
                    let wanted: Vec<_> = whole.into_iter().skip(offset).take(limit).collect();
                    assert_eq!(
                        paged[field],
                        Value::from(wanted),
                        "{backend:?}: {page} {variables}"
                    );
                    let one = format!(
                        "query($limit: Int, $offset: Int) {{ node(id: {}) {{ ... on {type_name} {{ {field}(limit: $limit, offset: $offset) {{ id }} }} }} }}",
                        row["id"]
                    );
                    let data = app.request(&one, None, &variables).await.data();
                    assert_eq!(
                        data["node"][field], paged[field],
                        "{backend:?}: {one} {variables}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn rows_are_found_by_odd_keys() {
    for backend in Backend::all() {
        let database = shop(backend).await;
        let app = TestApp::new(&database, graph(), Limits::default());
        let query = "{ a: country(id: \"Country:c:%3A\") { iso3 } b: country(id: \"d\") { iso3 } c: country(iso3: \"CCC\") { id }
            d: artist(id: \"00000000-0000-0000-0000-000000000002\") { name } e: region(id: \"Region:c%3A%253A:1\") { name }
            f: orderDetail(id: \"a%3Ab:2\") { twoWords } g: employee(id: 2) { fullName } h: employee(id: 4000000000) { id }
            i: badge(holderId: \"Employee:2\") { color } }";
        let answer = app.query(query).await.data();
        let expected = json!({
            "a": { "iso3": "CCC" }, "b": { "iso3": null }, "c": { "id": "Country:c:%3A" }, "d": { "name": "Second" },
            "e": { "name": "first of c" }, "f": { "twoWords": "two" }, "g": { "fullName": "Bo" }, "h": null,
            "i": { "color": "red" },
        });
        assert_eq!(answer, expected, "{backend:?}");
    }
}

#[tokio::test]
async fn unique_columns_find_their_row_whatever_their_type() {
    for backend in Backend::all() {
        let database = shop(backend).await;
        let app = TestApp::new(&database, graph(), Limits::default());
        let query = "{ a: recording(id: \"0A\") { id } b: recording(released: \"2024-03-01\") { id }
            c: recording(mastered: \"1970-01-02T02:00:00+02:00\") { id } d: recording(cover: \"+wE=\") { id } }";
        let data = app.query(query).await.data();
        for key in ["a", "b", "c", "d"] {
            assert_eq!(
                data[key],
                json!({ "id": "Recording:0a" }),
                "{backend:?}: {key}"
            );
        }
        for nonsense in [
            "id: \"0\"",
            "released: \"soon\"",
            "mastered: \"2024-02-30T00:00:00Z\"",
            "cover: \"?\"",
        ] {
            let answer = app
                .query(&format!("{{ recording({nonsense}) {{ id }} }}"))
                .await;
            assert_eq!(
                answer.code(),
                "BAD_USER_INPUT",
                "{backend:?}: {nonsense}: {}",
                answer.text
            );
        }
    }
}

#[tokio::test]
async fn a_junction_that_others_refer_to_is_a_type_of_its_own() {
    for backend in Backend::all() {
        let database = shop(backend).await;
        let db = &database.connection;
        db.get_schema_builder()
            .register(royalty::Entity)
            .apply(db)
            .await
            .expect("the table");
        let royalty = royalty::Model {
            id: 1,
            album_id: 3,
            employee_id: 2,
        };
        insert::<royalty::Entity, _>(db, vec![royalty]).await;
        let app = TestApp::new(
            &database,
            graph().entity(royalty::Entity),
            Limits::default(),
        );
        let query = "{ royalties { credit { id role employee { fullName } album { credits { id royalties { id } } employees { id } } } } }";
        let expected = json!({ "royalties": [{ "credit": {
            "id": "Credit:3:2", "role": "producer", "employee": { "fullName": "Bo" },
            "album": {
                "credits": [{ "id": "Credit:3:1", "royalties": [] }, { "id": "Credit:3:2", "royalties": [{ "id": "Royalty:1" }] }],
                "employees": [{ "id": "Employee:1" }, { "id": "Employee:2" }],
            },
        } }] });
        assert_eq!(app.query(query).await.data(), expected, "{backend:?}");
    }
}

#[tokio::test]
async fn values_of_every_type_are_written_alike() {
    for backend in Backend::all() {
        let database = shop(backend).await;
        let app = TestApp::new(&database, graph(), Limits::default());
        let fields = "bytes price date time stamp local json flag ratio small int big state uuid \
            noBytes noPrice noDate noStamp noJson noFlag noBig noState noUuid";
        let answer = app
            .query(&format!("{{ specimens {{ {fields} }} }}"))
            .await
            .data();
        let expected = json!([{
            "bytes": "AP9C", "price": "12.50", "date": "2024-02-29", "time": "23:59:58", "stamp": "2024-02-29T12:00:00.250Z",
            "local": "1969-12-31T23:59:59Z", "json": { "a": [1, null, "\u{e9}"] }, "flag": true, "ratio": -0.1, "small": -32768,
            "int": 2147483647, "big": "9223372036854775807", "state": "AS_NEW", "uuid": "00000000-0000-0000-0000-00000000000a",
            "noBytes": null, "noPrice": null, "noDate": null, "noStamp": null, "noJson": null, "noFlag": null, "noBig": null,
            "noState": null, "noUuid": null,
        }]);
        assert_eq!(answer["specimens"], expected, "{backend:?}");
    }
}

/// A relation, and what it leads to from every row.
struct Shape {
    list: &'static str,
    type_name: &'static str,
    field: &'static str,
    /// Global ids, and the ids they lead to, separated by spaces; `-` for null.
    expected: Vec<(&'static str, String)>,
}

fn shapes() -> Vec<Shape> {
    let shape = |list, type_name, field, expected: &[(&'static str, &str)]| Shape {
        list,
        type_name,
        field,
        expected: expected
            .iter()
            .map(|(id, to)| (*id, (*to).to_owned()))
            .collect(),
    };
    const A1: &str = "Artist:00000000-0000-0000-0000-000000000001";
    const A2: &str = "Artist:00000000-0000-0000-0000-000000000002";
    const A3: &str = "Artist:00000000-0000-0000-0000-000000000003";
    const C: &str = "Country:c:%3A";
    vec![
        shape(
            "films",
            "Film",
            "language { id }",
            &[
                ("Film:1", "Language:1"),
                ("Film:2", "Language:1"),
                ("Film:3", "Language:2"),
            ],
        ),
        shape(
            "films",
            "Film",
            "originalLanguage { id }",
            &[
                ("Film:1", "-"),
                ("Film:2", "Language:2"),
                ("Film:3", "Language:1"),
            ],
        ),
        shape(
            "languages",
            "Language",
            "films { id }",
            &[("Language:1", "Film:1 Film:2"), ("Language:2", "Film:3")],
        ),
        shape(
            "languages",
            "Language",
            "filmsByOriginalLanguage { id }",
            &[("Language:1", "Film:3"), ("Language:2", "Film:2")],
        ),
        shape(
            "employees",
            "Employee",
            "reportsTo { id }",
            &[
                ("Employee:1", "-"),
                ("Employee:2", "Employee:1"),
                ("Employee:3", "Employee:1"),
                ("Employee:4", "Employee:2"),
            ],
        ),
        shape(
            "employees",
            "Employee",
            "employees { id }",
            &[
                ("Employee:1", "Employee:2 Employee:3"),
                ("Employee:2", "Employee:4"),
                ("Employee:3", ""),
                ("Employee:4", ""),
            ],
        ),
        shape(
            "employees",
            "Employee",
            "badge { id }",
            &[
                ("Employee:1", "-"),
                ("Employee:2", "Badge:1"),
                ("Employee:3", "-"),
                ("Employee:4", "Badge:2"),
            ],
        ),
        shape(
            "employees",
            "Employee",
            "passport { id }",
            &[
                ("Employee:1", "Passport:2"),
                ("Employee:2", "-"),
                ("Employee:3", "Passport:1"),
                ("Employee:4", "-"),
            ],
        ),
        shape(
            "employees",
            "Employee",
            "orderDetails { id }",
            &[
                ("Employee:1", "OrderDetail:a%3Ab:2 OrderDetail:z:1"),
                ("Employee:2", "OrderDetail:a%3Ab:10"),
                ("Employee:3", ""),
                ("Employee:4", ""),
            ],
        ),
        shape(
            "employees",
            "Employee",
            "albums { id }",
            &[
                ("Employee:1", "Album:1 Album:3"),
                ("Employee:2", "Album:3"),
                ("Employee:3", ""),
                ("Employee:4", ""),
            ],
        ),
        shape(
            "badges",
            "Badge",
            "employee { id }",
            &[("Badge:1", "Employee:2"), ("Badge:2", "Employee:4")],
        ),
        shape(
            "passports",
            "Passport",
            "employee { id }",
            &[("Passport:1", "Employee:3"), ("Passport:2", "Employee:1")],
        ),
        shape(
            "orderDetails",
            "OrderDetail",
            "clerk { id }",
            &[
                ("OrderDetail:a%3Ab:2", "Employee:1"),
                ("OrderDetail:a%3Ab:10", "Employee:2"),
                ("OrderDetail:z:1", "Employee:1"),
            ],
        ),
        shape(
            "cities",
            "City",
            "country { id }",
            &[("City:1", C), ("City:2", C), ("City:3", "Country:d")],
        ),
        shape(
            "cities",
            "City",
            "countryByIso3 { id }",
            &[("City:1", C), ("City:2", "-"), ("City:3", C)],
        ),
        shape(
            "countries",
            "Country",
            "cities { id }",
            &[(C, "City:1 City:2"), ("Country:d", "City:3")],
        ),
        shape(
            "countries",
            "Country",
            "citiesByCountryByIso3 { id }",
            &[(C, "City:1 City:3"), ("Country:d", "")],
        ),
        shape(
            "countries",
            "Country",
            "regions { id }",
            &[
                (C, "Region:c%3A%253A:1 Region:c%3A%253A:2"),
                ("Country:d", "Region:d:1"),
            ],
        ),
        shape(
            "regions",
            "Region",
            "country { id }",
            &[
                ("Region:c%3A%253A:1", C),
                ("Region:c%3A%253A:2", C),
                ("Region:d:1", "Country:d"),
            ],
        ),
        shape(
            "regions",
            "Region",
            "stations { id }",
            &[
                ("Region:c%3A%253A:1", "Station:1 Station:2"),
                ("Region:c%3A%253A:2", ""),
                ("Region:d:1", "Station:4"),
            ],
        ),
        shape(
            "stations",
            "Station",
            "region { id }",
            &[
                ("Station:1", "Region:c%3A%253A:1"),
                ("Station:2", "Region:c%3A%253A:1"),
                ("Station:3", "-"),
                ("Station:4", "Region:d:1"),
                ("Station:5", "-"),
            ],
        ),
        shape(
            "artists",
            "Artist",
            "albums { id }",
            &[(A1, "Album:1 Album:2 Album:3"), (A2, "Album:4"), (A3, "")],
        ),
        shape(
            "recordings",
            "Recording",
            "remixOf { id }",
            &[
                ("Recording:00ff", "-"),
                ("Recording:0a", "Recording:00ff"),
                ("Recording:22", "Recording:0a"),
            ],
        ),
        shape(
            "recordings",
            "Recording",
            "recordings { id }",
            &[
                ("Recording:00ff", "Recording:0a"),
                ("Recording:0a", "Recording:22"),
                ("Recording:22", ""),
            ],
        ),
        shape(
            "artists",
            "Artist",
            "liveAlbums { id }",
            &[(A1, "Album:2"), (A2, "Album:4"), (A3, "")],
        ),
        shape(
            "artists",
            "Artist",
            "selfTitledAlbums { id }",
            &[(A1, "Album:2 Album:3"), (A2, ""), (A3, "")],
        ),
        shape(
            "artists",
            "Artist",
            "liveFavourite { id }",
            &[(A1, "-"), (A2, "Album:2"), (A3, "-")],
        ),
        shape(
            "artists",
            "Artist",
            "followers { id }",
            &[(A1, &format!("{A2} {A3}")), (A2, A3), (A3, "")],
        ),
        shape(
            "artists",
            "Artist",
            "followees { id }",
            &[(A1, ""), (A2, A1), (A3, &format!("{A1} {A2}"))],
        ),
        shape(
            "albums",
            "Album",
            "artist { id }",
            &[
                ("Album:1", A1),
                ("Album:2", A1),
                ("Album:3", A1),
                ("Album:4", A2),
            ],
        ),
        shape(
            "albums",
            "Album",
            "artists { id }",
            &[
                ("Album:1", ""),
                ("Album:2", A2),
                ("Album:3", ""),
                ("Album:4", ""),
            ],
        ),
        shape(
            "albums",
            "Album",
            "employees { id }",
            &[
                ("Album:1", "Employee:1"),
                ("Album:2", ""),
                ("Album:3", "Employee:1 Employee:2"),
                ("Album:4", ""),
            ],
        ),
    ]
}

/// The ids of what a relation field answered.
fn shown(value: Option<&Value>) -> String {
    let id = |v: &Value| v["id"].as_str().unwrap_or("?").to_owned();
    match value {
        Some(Value::Array(rows)) => rows.iter().map(id).collect::<Vec<_>>().join(" "),
        Some(Value::Null) | None => "-".to_owned(),
        Some(row) => id(row),
    }
}

/// The shop's tables, made by SeaORM from its entities, with a few rows.
pub async fn shop(backend: Backend) -> TestDatabase {
    let database = TestDatabase::empty(backend).await;
    let db = &database.connection;
    db.get_schema_builder()
        .register(language::Entity)
        .register(film::Entity)
        .register(employee::Entity)
        .register(badge::Entity)
        .register(passport::Entity)
        .register(order_detail::Entity)
        .register(country::Entity)
        .register(city::Entity)
        .register(region::Entity)
        .register(station::Entity)
        .register(artist::Entity)
        .register(album::Entity)
        .register(follow::Entity)
        .register(credit::Entity)
        .register(specimen::Entity)
        .register(recording::Entity)
        .apply(db)
        .await
        .expect("the tables of the entities");
    fill(db).await;
    database
}

async fn fill(db: &DatabaseConnection) {
    let uuid = |n: u128| Uuid::from_u128(n);
    let some = |text: &str| Some(text.to_owned());
    let language = |language_id, name: &str| language::Model {
        language_id,
        name: name.to_owned(),
    };
    insert::<language::Entity, _>(db, vec![language(1, "English"), language(2, "Japanese")]).await;
    let film = |film_id, language_id, original_language_id| film::Model {
        film_id,
        title: format!("Film {film_id}"),
        language_id,
        original_language_id,
    };
    insert::<film::Entity, _>(
        db,
        vec![film(1, 1, None), film(2, 1, Some(2)), film(3, 2, Some(1))],
    )
    .await;
    let employee = |employee_id, name: &str, reports_to| employee::Model {
        employee_id,
        full_name: name.to_owned(),
        reports_to,
    };
    let employees = vec![
        employee(1, "Al", None),
        employee(2, "Bo", Some(1)),
        employee(3, "Cy", Some(1)),
        employee(4, "Di", Some(2)),
    ];
    insert::<employee::Entity, _>(db, employees).await;
    let badge = |id, holder_id, color: &str| badge::Model {
        id,
        holder_id,
        color: color.to_owned(),
    };
    insert::<badge::Entity, _>(db, vec![badge(1, 2, "red"), badge(2, 4, "blue")]).await;
    let passport = |id, employee_id| passport::Model {
        id,
        employee_id,
        number: format!("P{id}"),
    };
    insert::<passport::Entity, _>(db, vec![passport(1, 3), passport(2, 1)]).await;
    let detail = |order: &str, id, two: &str, select| order_detail::Model {
        order: order.to_owned(),
        id,
        group: None,
        two_words: two.to_owned(),
        select,
    };
    insert::<order_detail::Entity, _>(
        db,
        vec![
            detail("z", 1, "one", 1),
            detail("a:b", 10, "ten", 2),
            detail("a:b", 2, "two", 1),
        ],
    )
    .await;
    let country = |code: &str, iso3| country::Model {
        code: code.to_owned(),
        iso3,
    };
    insert::<country::Entity, _>(db, vec![country("c:%3A", some("CCC")), country("d", None)]).await;
    let city = |id, country: &str, iso3| city::Model {
        id,
        country: country.to_owned(),
        iso3,
    };
    insert::<city::Entity, _>(
        db,
        vec![
            city(1, "c:%3A", some("CCC")),
            city(2, "c:%3A", None),
            city(3, "d", some("CCC")),
        ],
    )
    .await;
    let region = |country: &str, number, name: &str| region::Model {
        country_code: country.to_owned(),
        number,
        name: name.to_owned(),
    };
    let regions = vec![
        region("c:%3A", 1, "first of c"),
        region("c:%3A", 2, "second of c"),
        region("d", 1, "first of d"),
    ];
    insert::<region::Entity, _>(db, regions).await;
    let station = |id, region_country, region_number| station::Model {
        id,
        region_country,
        region_number,
    };
    let stations = vec![
        station(1, some("c:%3A"), Some(1)),
        station(2, some("c:%3A"), Some(1)),
        station(3, None, Some(1)),
        station(4, some("d"), Some(1)),
        station(5, None, None),
    ];
    insert::<station::Entity, _>(db, stations).await;
    let artist = |n, name: &str, favourite_id| artist::Model {
        id: uuid(n),
        name: name.to_owned(),
        favourite_id,
    };
    insert::<artist::Entity, _>(
        db,
        vec![
            artist(1, "First", Some(3)),
            artist(2, "Second", Some(2)),
            artist(3, "Third", None),
        ],
    )
    .await;
    let album = |id, artist, title: &str, live| album::Model {
        id,
        artist_id: uuid(artist),
        title: title.to_owned(),
        live,
    };
    let albums = vec![
        album(1, 1, "Debut", false),
        album(2, 1, "First", true),
        album(3, 1, "First", false),
        album(4, 2, "First", true),
    ];
    insert::<album::Entity, _>(db, albums).await;
    let since = Date::from_ymd_opt(2024, 2, 29).expect("a leap day");
    let follow = |follower, followee| follow::Model {
        follower_id: uuid(follower),
        followee_id: uuid(followee),
        since,
    };
    insert::<follow::Entity, _>(db, vec![follow(3, 1), follow(2, 1), follow(3, 2)]).await;
    let credit = |album_id, employee_id| credit::Model {
        album_id,
        employee_id,
        role: "producer".to_owned(),
    };
    insert::<credit::Entity, _>(db, vec![credit(3, 2), credit(1, 1), credit(3, 1)]).await;
    let recording = |hash: &[u8], remix_of: Option<&[u8]>, day| recording::Model {
        hash: hash.to_vec(),
        remix_of: remix_of.map(<[u8]>::to_vec),
        released: since + chrono::Days::new(day),
        mastered: DateTimeUtc::UNIX_EPOCH + chrono::Days::new(day),
        cover: vec![0xfb, day as u8],
    };
    let recordings = vec![
        recording(&[0, 255], None, 0),
        recording(&[10], Some(&[0, 255]), 1),
        recording(&[0x22], Some(&[10]), 2),
    ];
    insert::<recording::Entity, _>(db, recordings).await;
    let specimen = specimen::Model {
        id: 1,
        bytes: vec![0, 255, 66],
        price: Decimal::new(1250, 2),
        date: since,
        time: Time::from_hms_opt(23, 59, 58).expect("a time"),
        stamp: DateTimeUtc::from_timestamp_millis(1_709_208_000_250).expect("a time"),
        local: DateTime::default() - std::time::Duration::from_secs(1),
        json: json!({ "a": [1, null, "\u{e9}"] }),
        flag: true,
        ratio: -0.1,
        small: i16::MIN,
        int: i32::MAX,
        big: i64::MAX,
        state: specimen::State::AsNew,
        uuid: uuid(10),
        no_bytes: None,
        no_price: None,
        no_date: None,
        no_stamp: None,
        no_json: None,
        no_flag: None,
        no_big: None,
        no_state: None,
        no_uuid: None,
    };
    insert::<specimen::Entity, _>(db, vec![specimen]).await;
}

async fn insert<E, A>(db: &DatabaseConnection, rows: Vec<E::Model>)
where
    E: EntityTrait,
    E::Model: IntoActiveModel<A>,
    A: ActiveModelTrait<Entity = E>,
{
    let rows = rows
        .into_iter()
        .map(|row| row.into_active_model().reset_all());
    E::insert_many(rows)
        .exec_without_returning(db)
        .await
        .expect("rows");
}
