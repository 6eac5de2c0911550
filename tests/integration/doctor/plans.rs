//! Whether lists are served by indexes, by the database's own plans of their statements.

use backref::Graph;
use backref::engine::{Planner, Request};
use backref::graph::Principal;
use backref::read::load::statement_sql;
use backref::read::plan::Limits;
use backref::read::sql::Dialect;
use backref::schema::Schema;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};

use super::catalog;
use crate::harness::TestDatabase;

/// The lists of a graph whose pages the database would sort, or search a whole table for, by its plan of each
/// list's own statement.
pub async fn unserved(database: &TestDatabase, graph: Graph) -> Vec<String> {
    let db = &database.connection;
    let dialect = match db.get_database_backend() {
        DbBackend::Postgres => Dialect::Postgres,
        _ => Dialect::Sqlite,
    };
    let catalog = catalog(graph);
    let schema =
        Schema::new(&catalog, Limits::default().default_page()).unwrap_or_else(|e| panic!("{e}"));
    let planner = Planner::new(catalog, schema, Limits::default());
    let catalog = planner.catalog();
    let mut queries = Vec::new();
    for (id, entity) in catalog.exposed() {
        let root = &entity.plural;
        queries.push((0, format!("{{ {root} {{ id }} }}")));
        let relations = catalog.relations.iter().filter(|r| r.from == id);
        let lists = relations.filter(|r| r.cardinality == backref::graph::Cardinality::Many);
        queries.extend(lists.map(|r| (1, format!("{{ {root} {{ {} {{ id }} }} }}", r.name))));
    }
    let mut unserved = Vec::new();
    for (level, query) in queries {
        let request = Request {
            query: query.clone(),
            ..Request::default()
        };
        let prepared = planner
            .prepare(&request, Principal::Anonymous)
            .unwrap_or_else(|e| panic!("{query}: {e:?}"));
        let sql = statement_sql(
            catalog,
            &prepared.bound,
            &prepared.learnt,
            level,
            1,
            dialect,
        )
        .text;
        let plan = plan(db, &sql).await.join("\n");
        let sorts = plan.contains("Sort") || plan.contains("TEMP B-TREE");
        // A list at the root is all of its table; a relation's is found by its key.
        let found = plan.matches("Index Cond").count();
        // A page cut from a junction is gone through, once it is found.
        let scanned = plan.matches("SCAN t").count() - plan.matches("CO-ROUTINE t").count()
            + plan.matches("Seq Scan").count()
            + (plan.matches("Index Scan").count() + plan.matches("Index Only Scan").count())
                .saturating_sub(found);
        if sorts || (level == 1 && scanned > 0) {
            unserved.push(format!("{query}\n{sql}\n{plan}"));
        }
    }
    unserved
}

/// How the database would run a statement whatever is bound, if it held so much that indexes pay.
async fn plan(db: &DatabaseConnection, sql: &str) -> Vec<String> {
    if db.get_database_backend() != DbBackend::Postgres {
        let statement =
            Statement::from_string(DbBackend::Sqlite, format!("EXPLAIN QUERY PLAN {sql}"));
        let rows = db.query_all_raw(statement).await.expect("a plan");
        return rows
            .iter()
            .map(|row| row.try_get("", "detail").expect("a text"))
            .collect();
    }
    let binds = (1..).take_while(|n| sql.contains(&format!("${n}"))).count();
    let nulls = vec!["NULL"; binds].join(", ");
    let arguments = if binds == 0 {
        String::new()
    } else {
        format!("({nulls})")
    };
    let transaction = sea_orm::TransactionTrait::begin(db)
        .await
        .expect("a transaction");
    transaction
        .execute_unprepared(&format!(
            "SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off;
             SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off;
             SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;
             PREPARE looked_at AS {sql}"
        ))
        .await
        .unwrap_or_else(|e| panic!("{sql}: {e}"));
    let explain = Statement::from_string(
        DbBackend::Postgres,
        format!("EXPLAIN EXECUTE looked_at{arguments}"),
    );
    let rows = transaction.query_all_raw(explain).await.expect("a plan");
    let deallocate = "DEALLOCATE looked_at";
    transaction
        .execute_unprepared(deallocate)
        .await
        .expect("it was prepared");
    rows.iter()
        .map(|row| row.try_get_by_index(0).expect("a text"))
        .collect()
}
