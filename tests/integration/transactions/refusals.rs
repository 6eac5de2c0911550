//! What a database refused, as data.

use std::sync::Arc;

use backref::read::load::DatabaseError;
use backref::read::load::refusal::Refusal;
use sea_orm::ConnectionTrait;

use super::{Scene, error, far, script, sql};
use crate::harness::Backend;

async fn refused(scene: &Scene, text: &str) -> Refusal {
    let error: DatabaseError = error(scene.run(script([sql(text)])).await);
    let refusal = Refusal::of(&error).unwrap_or_else(|| panic!("{text}: {error:?}"));
    let complete = refusal.complete(&scene.writers, far()).await;
    complete.expect("the catalog answers")
}

#[tokio::test]
async fn a_unique_key_is_named_by_its_columns() {
    for backend in Backend::all() {
        let scene = Scene::new(backend).await;
        let make = async |made: &str| {
            let made = scene.database.connection.execute_unprepared(made).await;
            made.expect("an index");
        };
        make("CREATE UNIQUE INDEX pair ON counter (n, of)").await;
        let columns = async |text: &str| match refused(&scene, text).await {
            Refusal::Unique { table, columns, .. } => (table, columns.join(" ")),
            other => panic!("{other:?}"),
        };
        let of_counter = |columns: &str| (Some("counter".to_owned()), columns.to_owned());
        let insert = "INSERT INTO counter (id, n, name, of) VALUES";
        assert_eq!(
            columns(&format!("{insert} (3, 9, 'one', NULL)")).await,
            of_counter("name")
        );
        assert_eq!(
            columns(&format!("{insert} (1, 9, 'x', NULL)")).await,
            of_counter("id")
        );
        assert_eq!(
            columns(&format!("{insert} (3, 9, 'x', 1), (4, 9, 'y', 1)")).await,
            of_counter("n of")
        );
        // Of an expression no column is named.
        make("CREATE UNIQUE INDEX folded ON counter (lower(name))").await;
        let of_expression = columns(&format!("{insert} (3, 9, 'ONE', NULL)")).await;
        assert_eq!(of_expression.1, "");
    }
}

#[tokio::test]
async fn other_constraints_are_told_apart() {
    for backend in Backend::all() {
        let scene = Scene::new(backend).await;
        let absent = "INSERT INTO counter (id, n, of) VALUES (3, 0, 99)";
        let used = "INSERT INTO counter (id, n, of) VALUES (4, 0, 1)";
        let used = scene.database.connection.execute_unprepared(used).await;
        used.expect("one that refers");
        for text in [absent, "DELETE FROM counter WHERE id = 1"] {
            let is = refused(&scene, text).await;
            let Refusal::ForeignKey { constraint, .. } = &is else {
                panic!("{is:?}");
            };
            let name = (backend == Backend::Postgres).then_some("counter_of_fkey");
            assert_eq!(constraint.as_deref(), name);
        }
        let null = refused(&scene, "UPDATE counter SET n = NULL").await;
        let named = |name: &str| Some(name.to_owned());
        assert_eq!(
            null,
            Refusal::NotNull {
                table: named("counter"),
                column: named("n")
            }
        );
        let check = refused(&scene, "UPDATE counter SET n = 2000000").await;
        assert!(matches!(check, Refusal::Check { .. }), "{check:?}");
        if backend == Backend::Postgres {
            let long = format!("UPDATE counter SET name = '{}'", "x".repeat(41));
            assert_eq!(refused(&scene, &long).await, Refusal::TooLong);
            let far = "UPDATE counter SET n = 3000000000";
            assert_eq!(refused(&scene, far).await, Refusal::OutOfRange);
            let bad = "UPDATE counter SET n = 'many'::text::int";
            assert_eq!(refused(&scene, bad).await, Refusal::Malformed);
            // What is computed beside is no value's fault.
            let computed = "UPDATE counter SET n = 1 / (id - id)";
            let error = error(scene.run(script([sql(computed)])).await);
            assert_eq!(Refusal::of(&error), None, "{error:?}");
        }
    }
}

/// What is looked at when all is done fails the COMMIT.
#[tokio::test]
async fn a_deferred_constraint_is_refused_like_any_other() {
    for backend in Backend::all() {
        let scene = Scene::new(backend).await;
        let table =
            "CREATE TABLE late (of INTEGER REFERENCES counter (id) DEFERRABLE INITIALLY DEFERRED)";
        let made = scene.database.connection.execute_unprepared(table).await;
        made.expect("a table");
        let is = refused(&scene, "INSERT INTO late VALUES (99)").await;
        assert!(matches!(is, Refusal::ForeignKey { .. }), "{is:?}");
        // And nothing is left of it.
        let good = Arc::new(script([sql("INSERT INTO late VALUES (1)")]));
        scene.writers.run(good, far()).await.expect("it is done");
    }
}

#[tokio::test]
async fn what_a_trigger_raises_is_known_as_such() {
    for backend in Backend::all() {
        let scene = Scene::new(backend).await;
        let triggers: &[&str] = match backend {
            Backend::Sqlite => &[
                "CREATE TRIGGER no BEFORE UPDATE ON counter BEGIN SELECT RAISE(ABORT, 'FOREIGN'); END",
            ],
            Backend::Postgres => &[
                "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END'",
                "CREATE TRIGGER no BEFORE UPDATE ON counter FOR EACH ROW EXECUTE FUNCTION no()",
            ],
        };
        for trigger in triggers {
            let made = scene.database.connection.execute_unprepared(trigger).await;
            made.expect("a trigger");
        }
        let raised = refused(&scene, "UPDATE counter SET n = 1").await;
        assert_eq!(raised, Refusal::Raised);
    }
}
