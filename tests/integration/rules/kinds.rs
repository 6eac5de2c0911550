//! Rules on keys, columns and relations of every kind that the shop has.

use backref::Graph;
use backref::graph::policy::Rule;
use backref::graph::{Catalog, Entity, FieldSource, Principal};
use backref::read::plan::Limits;
use sea_orm::{EntityTrait, IdenStatic, Iterable, PrimaryKeyToColumn};
use serde_json::{Value, json};

use super::len;
use crate::generality::{self, shop::*};
use crate::harness::{Backend, TestApp};

/// The graph with a rule for the rows of an entity, and for the values of each column that is in no primary key: they are
/// there where the key is null, or where it is not.
fn ruled<E: EntityTrait>(graph: Graph, entity: E, hides: bool) -> Graph {
    let Some(key) = E::PrimaryKey::iter().next().map(|key| key.into_column()) else {
        return graph;
    };
    let rule = move |is_null: Rule| match hides {
        true => is_null,
        false => is_null.not(),
    };
    let keys: Vec<_> = E::PrimaryKey::iter()
        .map(|k| k.into_column().as_str().to_owned())
        .collect();
    let others = E::Column::iter().filter(|c| !keys.contains(&c.as_str().to_owned()));
    let graph = graph.policy(entity, move |_, row| rule(row.is_null(key)));
    others.fold(graph, |graph, column| {
        graph.column_policy(column, move |_, row| rule(row.is_null(key)))
    })
}

fn all_ruled(hides: bool) -> Graph {
    let graph = generality::graph();
    let graph = ruled(graph, album::Entity, hides);
    let graph = ruled(graph, artist::Entity, hides);
    let graph = ruled(graph, badge::Entity, hides);
    let graph = ruled(graph, city::Entity, hides);
    let graph = ruled(graph, country::Entity, hides);
    let graph = ruled(graph, credit::Entity, hides);
    let graph = ruled(graph, employee::Entity, hides);
    let graph = ruled(graph, film::Entity, hides);
    let graph = ruled(graph, follow::Entity, hides);
    let graph = ruled(graph, language::Entity, hides);
    let graph = ruled(graph, order_detail::Entity, hides);
    let graph = ruled(graph, passport::Entity, hides);
    let graph = ruled(graph, recording::Entity, hides);
    let graph = ruled(graph, region::Entity, hides);
    let graph = ruled(graph, specimen::Entity, hides);
    ruled(graph, station::Entity, hides)
}

/// Everything of an entity's rows, and what each relation leads to.
fn everything(catalog: &Catalog, entity: &Entity) -> String {
    let fields = entity.fields.iter().map(|field| match field.source {
        FieldSource::Id | FieldSource::Column(_) => field.name.clone(),
        FieldSource::Relation(_) => format!("{} {{ id }}", field.name),
        FieldSource::Connection(relation) => {
            let edges = catalog.edge_columns(&catalog.relations[relation]);
            let edges: Vec<_> = edges.map(|(_, c)| c.field.as_str()).collect();
            let edges = edges.join(" ");
            format!(
                "{} {{ totalCount edges {{ {edges} node {{ id }} }} }}",
                field.name
            )
        }
        FieldSource::Aggregate(_) => format!("{} {{ count }}", field.name),
        FieldSource::Own(_) => unreachable!("the graphs here have no fields of their own"),
    });
    let fields: Vec<_> = fields.collect();
    let groups: Vec<_> = entity.groupings.iter().map(|(name, _)| name).collect();
    let groups = groups
        .into_iter()
        .map(|name| format!("{name}: groups(by: [{name}]) {{ count }}"));
    let groups: Vec<_> = groups.collect();
    format!(
        "{{ {plural}(limit: 100) {{ {} }} {plural}Aggregate {{ count {} }} }}",
        fields.join(" "),
        groups.join(" "),
        plural = entity.plural,
    )
}

/// A rule that holds for every row, which nobody knows before the database does, changes nothing: not what is shown, found,
/// sorted, paged, grouped, nor what a key leads to.
#[tokio::test]
async fn a_rule_that_hides_nothing_changes_nothing() {
    for backend in Backend::all() {
        let database = generality::shop(backend).await;
        let open = TestApp::new(&database, generality::graph(), Limits::default());
        let ruled = TestApp::new(&database, all_ruled(false), Limits::default());
        let catalog = open.engine.planner().catalog();
        let alike = async |query: &str, variables: &Value| {
            let answer = open
                .ask(&Principal::Anonymous, query, variables)
                .await
                .data();
            let same = ruled
                .ask(&Principal::Anonymous, query, variables)
                .await
                .data();
            assert_eq!(same, answer, "{backend:?}: {query} {variables}");
            answer
        };
        for (_, entity) in catalog.exposed() {
            let all = alike(&everything(catalog, entity), &json!({})).await;
            let (plural, of) = (&entity.plural, &entity.type_name);
            for (_, column) in entity.field_columns() {
                let name = &column.field;
                for row in all[plural].as_array().expect("rows") {
                    let asked = match &row[name] {
                        Value::Null => json!({ "isNull": true }),
                        value => json!({ "eq": value }),
                    };
                    if column.can_order() {
                        let query =
                            format!("query($w: {of}Where) {{ {plural}(where: $w) {{ id }} }}");
                        alike(&query, &json!({ "w": { name: asked } })).await;
                    }
                }
                if column.can_order() {
                    let query = format!(
                        "query($o: [{of}Order!], $after: String) {{ {plural}Connection(first: 2, orderBy: $o, after: $after) {{ nodes {{ id }} pageInfo {{ endCursor }} }} }}"
                    );
                    let order = json!({ name: "DESC" });
                    let mut after = Value::Null;
                    for _ in 0..3 {
                        let page = alike(&query, &json!({ "o": order, "after": after })).await;
                        after =
                            page[format!("{plural}Connection")]["pageInfo"]["endCursor"].clone();
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_rule_that_hides_everything_leaves_nothing() {
    for backend in Backend::all() {
        let database = generality::shop(backend).await;
        let open = TestApp::new(&database, generality::graph(), Limits::default());
        let ruled = TestApp::new(&database, all_ruled(true), Limits::default());
        let catalog = open.engine.planner().catalog();
        for (_, entity) in catalog.exposed() {
            let plural = &entity.plural;
            let query = format!("{{ {plural}(limit: 1) {{ id }} }}");
            let there = open.query(&query).await.data();
            let id = &there[plural][0]["id"];
            assert!(id.is_string(), "{plural}");
            let query = format!(
                "{{ {plural} {{ id }} {plural}Connection {{ totalCount nodes {{ id }} pageInfo {{ hasNextPage }} }} {plural}Aggregate {{ count }} node(id: {id}) {{ id }} {}(id: {id}) {{ id }} }}",
                entity.single
            );
            let data = ruled.query(&query).await.data();
            assert_eq!(len(&data[plural]), 0);
            let connection =
                json!({ "totalCount": 0, "nodes": [], "pageInfo": { "hasNextPage": false } });
            assert_eq!(
                data[format!("{plural}Connection")],
                connection,
                "{backend:?}"
            );
            assert_eq!(data[format!("{plural}Aggregate")], json!({ "count": 0 }));
            assert!(
                data["node"].is_null() && data[&entity.single].is_null(),
                "{backend:?}: {data}"
            );
        }
    }
}
