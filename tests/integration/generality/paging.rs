//! Every list by every order it takes, page by page: the pages are the list, whatever the types of the
//! columns are. And every column in aggregates, the same on both databases.

use backref::read::plan::Limits;
use sea_orm::EntityTrait;
use sea_orm::prelude::{Date, DateTime, DateTimeUtc, Decimal, Time, Uuid};
use serde_json::{Value, json};

use super::shop::specimen::{self, State};
use super::{graph, insert, shop};
use crate::harness::{Backend, TestApp, TestDatabase};

const DIRECTIONS: [&str; 6] = [
    "ASC",
    "DESC",
    "ASC_NULLS_FIRST",
    "ASC_NULLS_LAST",
    "DESC_NULLS_FIRST",
    "DESC_NULLS_LAST",
];

#[tokio::test]
async fn pages_by_every_order_are_the_list() {
    for backend in Backend::all() {
        let database = filled(backend).await;
        let app = TestApp::new(&database, graph(), Limits::default());
        let types = Types::of(&app).await;
        for (list, ty) in types.lists("Query") {
            for order in types.orders(&ty) {
                let read = async |ending: &str, rest: &str, selections: &str| {
                    let query = format!(
                        "{{ list: {list}{ending}(orderBy: {order}, {rest}) {{ {selections} }} }}"
                    );
                    (app.query(&query).await.data()["list"].take(), query)
                };
                pages_are_the_list(read).await;
            }
        }
    }
}

#[tokio::test]
async fn pages_of_every_relation_are_its_list() {
    for backend in Backend::all() {
        let database = filled(backend).await;
        let app = TestApp::new(&database, graph(), Limits::default());
        let types = Types::of(&app).await;
        for (list, ty) in types.lists("Query") {
            let owners = app.query(&format!("{{ all: {list} {{ id }} }}")).await;
            let owners = owners.data()["all"].as_array().cloned().unwrap_or_default();
            for (field, target) in types.lists(&ty) {
                let orders = types.orders(&target).into_iter().step_by(5);
                for order in orders.chain(["[]".to_owned()]) {
                    for owner in &owners {
                        let read = async |ending: &str, rest: &str, selections: &str| {
                            let query = format!(
                                "{{ node(id: {}) {{ ... on {ty} {{ list: {field}{ending}(orderBy: {order}, {rest}) {{ {selections} }} }} }} }}",
                                owner["id"]
                            );
                            (app.query(&query).await.data()["node"]["list"].take(), query)
                        };
                        pages_are_the_list(read).await;
                    }
                }
            }
        }
    }
}

/// Reads a list whole, and by threes from either end. The function is given what comes behind the list's
/// name, further arguments, and what to select.
async fn pages_are_the_list(read: impl AsyncFn(&str, &str, &str) -> (Value, String)) {
    let (whole, all_of_it) = read("", "limit: 1000", "id").await;
    let whole = whole.as_array().cloned().unwrap_or_default();
    for (size, place, edge, more) in [
        ("first", "after", "endCursor", "hasNextPage"),
        ("last", "before", "startCursor", "hasPreviousPage"),
    ] {
        let mut pages = Vec::new();
        let mut cursor = Value::Null;
        loop {
            let rest = format!("{size}: 3, {place}: {cursor}");
            let selections = "totalCount nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }";
            let (mut page, query) = read("Connection", &rest, selections).await;
            assert_eq!(page["totalCount"], whole.len(), "{query}");
            let nodes = page["nodes"].as_array().cloned().unwrap_or_default();
            let at = if size == "last" { 0 } else { pages.len() };
            pages.splice(at..at, nodes);
            let left = page["pageInfo"][more] == true;
            assert_eq!(left, pages.len() < whole.len(), "{query}");
            if !left {
                break;
            }
            cursor = page["pageInfo"][edge].take();
        }
        assert_eq!(pages, whole, "{all_of_it}");
    }
}

#[tokio::test]
async fn aggregates_of_every_column_are_the_same_on_both_databases() {
    let mut of_backends = Vec::new();
    for backend in Backend::all() {
        let database = filled(backend).await;
        let app = TestApp::new(&database, graph(), Limits::default());
        let types = Types::of(&app).await;
        let mut answers = Vec::new();
        for (list, ty) in types.lists("Query") {
            let functions = ["Min", "Max", "Sum", "Avg"].into_iter();
            let functions = functions.filter_map(|function| {
                let mut columns = types.fields(&format!("{ty}Aggregate{function}"));
                // A decimal without a scale is a float to SQLite, and written as one.
                columns.retain(|column| column != "noPrice");
                let columns = columns.join(" ");
                let function = function.to_lowercase();
                (!columns.is_empty()).then(|| format!("{function} {{ {columns} }}"))
            });
            let functions = functions.collect::<Vec<_>>().join(" ");
            let key = types.fields(&format!("{ty}AggregateKey")).join(" ");
            let mut queries = vec![format!(
                "{{ all: {list}Aggregate {{ count {functions} }} }}"
            )];
            for column in types.values(&format!("{ty}Column")) {
                queries.push(format!(
                    "{{ all: {list}Aggregate {{ count groups(by: {column}) {{ key {{ {key} }} count {functions} }} }} }}"
                ));
            }
            for query in queries {
                let answer = app.query(&query).await;
                let all = &answer.data()["all"];
                if let Some(groups) = all["groups"].as_array() {
                    let counts = groups.iter().filter_map(|group| group["count"].as_u64());
                    assert_eq!(all["count"], counts.sum::<u64>(), "{query}");
                }
                answers.push((query, answer.text));
            }
        }
        of_backends.push(answers);
    }
    for pair in of_backends.windows(2) {
        for (one, other) in pair[0].iter().zip(&pair[1]) {
            assert_eq!(one, other);
        }
    }
}

/// What the schema says of its types.
struct Types(Value);

impl Types {
    async fn of(app: &TestApp) -> Self {
        let ty = "name kind ofType { name kind ofType { name kind ofType { name } } }";
        let query = format!(
            "{{ __schema {{ types {{ name enumValues {{ name }} inputFields {{ name type {{ {ty} }} }} fields {{ name type {{ {ty} }} }} }} }} }}"
        );
        Types(app.query(&query).await.data()["__schema"]["types"].take())
    }

    fn members(&self, name: &str, kind: &str) -> Vec<&Value> {
        let mut types = self.0.as_array().into_iter().flatten();
        let found = types.find(|ty| ty["name"] == name);
        let members = found.and_then(|ty| ty[kind].as_array());
        members.into_iter().flatten().collect()
    }

    fn names(&self, name: &str, kind: &str) -> Vec<String> {
        let names = self.members(name, kind).into_iter();
        let names = names.filter_map(|member| member["name"].as_str());
        names.map(str::to_owned).collect()
    }

    fn fields(&self, name: &str) -> Vec<String> {
        self.names(name, "fields")
    }

    fn values(&self, name: &str) -> Vec<String> {
        self.names(name, "enumValues")
    }

    /// The lists of a type that have connections, with the types of their rows.
    fn lists(&self, name: &str) -> Vec<(String, String)> {
        let names = self.fields(name);
        let is_paged = |list: &str| names.contains(&format!("{list}Connection"));
        let lists = self.members(name, "fields").into_iter();
        let lists = lists.filter_map(|field| {
            let of = field["type"].pointer("/ofType/ofType/ofType/name")?;
            Some((field["name"].as_str()?.to_owned(), of.as_str()?.to_owned()))
        });
        lists.filter(|(list, _)| is_paged(list)).collect()
    }

    /// Every order by one thing, columns of rows next to these included.
    fn orders(&self, ty: &str) -> Vec<String> {
        let mut orders = Vec::new();
        let columns = self.members(ty, "fields").into_iter();
        let never_null = columns.filter(|field| field["type"]["kind"] == "NON_NULL");
        let never_null: Vec<_> = never_null.map(|field| &field["name"]).collect();
        for (field, of) in self.order_fields(ty) {
            let count = if never_null.contains(&&json!(field)) {
                2
            } else {
                6
            };
            let directions = DIRECTIONS.iter().take(count);
            match of.as_str() {
                "OrderDirection" => {
                    orders.extend(directions.map(|to| format!("{{ {field}: {to} }}")));
                }
                "CountOrder" => {
                    orders.extend(directions.map(|to| format!("{{ {field}: {{ count: {to} }} }}")));
                }
                next => {
                    let columns = self.order_fields(next.trim_end_matches("Order"));
                    let columns = columns.iter().filter(|(_, of)| of == "OrderDirection");
                    orders.extend(
                        columns
                            .zip(DIRECTIONS.iter().cycle())
                            .map(|((column, _), to)| {
                                format!("{{ {field}: {{ {column}: {to} }} }}")
                            }),
                    );
                }
            }
        }
        orders
    }

    fn order_fields(&self, ty: &str) -> Vec<(String, String)> {
        let fields = self.members(&format!("{ty}Order"), "inputFields");
        let fields = fields.into_iter().filter_map(|field| {
            let of = field["type"]["name"].as_str()?;
            Some((field["name"].as_str()?.to_owned(), of.to_owned()))
        });
        fields.collect()
    }
}

/// The shop, with more specimens: ties, nulls, and what is first and last of its type.
async fn filled(backend: Backend) -> TestDatabase {
    let database = shop(backend).await;
    let date = |day: &str| day.parse::<Date>().expect("a date");
    let dates = [
        "1969-12-31",
        "2024-02-29",
        "2024-03-01",
        "0999-01-01",
        "9999-12-31",
    ]
    .map(date);
    let time = |time: &str| time.parse::<Time>().expect("a time");
    let times = ["00:00:00", "23:59:59.999999", "12:00:00", "12:00:00.5"].map(time);
    let stamp = |stamp: &str| stamp.parse::<DateTimeUtc>().expect("a moment");
    let stamps = [
        "2024-02-29T12:00:00Z",
        "2024-02-29T12:00:00.25Z",
        "1969-12-31T23:59:59.999999Z",
        "1999-01-01T00:00:00Z",
    ]
    .map(stamp);
    let prices =
        [0, -1, 1250, 9_999_999_999, 10, -9_999_999_999].map(|cents| Decimal::new(cents, 2));
    // Sums of these are exact in any order. Of others the databases have each their own, in the last digits.
    let first = specimen::Entity::delete_by_id(1).exec(&database.connection);
    first.await.expect("there is one");
    let ratios = [0.0, -0.5, 0.25, 1e6, -1e6, 3.0];
    let bytes = [vec![], vec![0], vec![255, 254], vec![65, 66]];
    let bigs = [i64::MIN, -1, 0, i64::MAX, 9_007_199_254_740_993];
    let uuids = [0, 1, u128::MAX, 1 << 127].map(Uuid::from_u128);
    let specimens = (2..18_usize).map(|n| {
        let some = n % 3 > 0;
        specimen::Model {
            id: if n % 5 == 0 { -(n as i64) } else { n as i64 },
            bytes: bytes[n % bytes.len()].clone(),
            price: prices[n % prices.len()],
            date: dates[n % dates.len()],
            time: times[n % times.len()],
            stamp: stamps[n % stamps.len()],
            local: DateTime::new(dates[n % 3], times[n % times.len()]),
            json: json!({ "n": n }),
            flag: n % 2 == 0,
            ratio: ratios[n % ratios.len()],
            small: [i16::MIN, 0, i16::MAX][n % 3],
            int: [i32::MIN, i32::MAX, 7][n / 2 % 3],
            big: bigs[n % bigs.len()],
            state: if n % 4 < 3 { State::Used } else { State::AsNew },
            uuid: uuids[n % uuids.len()],
            no_bytes: some.then(|| bytes[n / 2 % bytes.len()].clone()),
            no_price: some.then(|| Decimal::from([-1, 0, 7][n / 2 % 3])),
            no_date: some.then(|| dates[n / 2 % dates.len()]),
            no_stamp: some.then(|| stamps[n / 2 % stamps.len()]),
            no_json: some.then(|| json!([n])),
            no_flag: some.then_some(n / 2 % 2 == 0),
            no_big: some.then(|| bigs[n / 2 % bigs.len()]),
            no_state: some.then_some(State::AsNew),
            no_uuid: some.then(|| uuids[n / 2 % uuids.len()]),
        }
    });
    insert::<specimen::Entity, _>(&database.connection, specimens.collect()).await;
    database
}
