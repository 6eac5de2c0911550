//! Where case does not count, a row is found by the very text it holds and by every part of it, whatever the
//! database takes for upper and lower case.

use backref::Graph;
use backref::read::plan::Limits;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use sea_orm::entity::prelude::*;
use sea_orm::{ConnectionTrait, Schema, Set};
use serde_json::json;

use crate::harness::{Backend, TestApp, TestDatabase, config};

mod note {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "note")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub text: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// SQLite, and PostgreSQL in locales that disagree on what upper case is.
fn databases() -> Vec<(Backend, &'static str)> {
    let mut all = vec![(Backend::Sqlite, "")];
    if Backend::all().contains(&Backend::Postgres) {
        all.extend(
            [
                "",
                "TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'",
                "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'tr'",
                "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'lt'",
                "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'el'",
                "TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'",
            ]
            .map(|options| (Backend::Postgres, options)),
        );
    }
    all
}

async fn notes(backend: Backend, options: &str) -> (TestDatabase, TestApp) {
    let database = TestDatabase::with(backend, options).await;
    let schema = Schema::new(database.connection.get_database_backend());
    let table = schema.create_table_from_entity(note::Entity);
    database.connection.execute(&table).await.expect("a table");
    let graph = Graph::new().entity(note::Entity);
    let app = TestApp::new(&database, graph, Limits::default());
    (database, app)
}

async fn write(database: &TestDatabase, id: i64, text: &str) {
    let note = note::ActiveModel {
        id: Set(id),
        text: Set(text.to_owned()),
    };
    note::Entity::insert(note)
        .exec(&database.connection)
        .await
        .expect("a row");
}

/// Which notes an operator finds.
async fn found(app: &TestApp, operator: &str, text: &str) -> Vec<String> {
    let query = format!(
        "query($text: String) {{ notes(where: {{ text: {{ {operator}: $text }} }}) {{ id }} }}"
    );
    let answer = app.request(&query, None, &json!({ "text": text })).await;
    let data = answer.data();
    let notes = data["notes"].as_array().into_iter().flatten();
    notes
        .map(|n| n["id"].as_str().unwrap_or_default().to_owned())
        .collect()
}

fn texts() -> impl Strategy<Value = String> {
    let odd = "[ΟΔΣςσİIıiJjĮįßẞŸǅK\u{307}\u{300}%_\\\\ .]{1,8}";
    let text = prop_oneof![3 => odd, 1 => "[^\\x00]{1,8}", 1 => "[a-zA-Z ]{1,12}"];
    text.prop_filter("PostgreSQL's text has no zero", |t| !t.contains('\0'))
}

#[test]
fn a_row_is_found_by_its_own_text_and_every_part_of_it() {
    for (backend, options) in databases() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let (database, app) = runtime.block_on(notes(backend, options));
        let next = std::cell::Cell::new(0);
        let outcome = TestRunner::new(config("folding", 48)).run(&texts(), |text| {
            let id = next.replace(next.get() + 1);
            runtime.block_on(async {
                note::Entity::delete_many()
                    .exec(&database.connection)
                    .await
                    .expect("no rows");
                write(&database, id, &text).await;
                let expected = vec![format!("Note:{id}")];
                let starts: Vec<_> = text
                    .char_indices()
                    .map(|(i, _)| i)
                    .chain([text.len()])
                    .collect();
                prop_assert_eq!(&found(&app, "iEq", &text).await, &expected, "iEq");
                for (i, &start) in starts.iter().enumerate() {
                    let (before, after) = text.split_at(start);
                    prop_assert_eq!(
                        &found(&app, "iStartsWith", before).await,
                        &expected,
                        "iStartsWith {}",
                        before
                    );
                    prop_assert_eq!(
                        &found(&app, "iEndsWith", after).await,
                        &expected,
                        "iEndsWith {}",
                        after
                    );
                    for &end in &starts[i..] {
                        let part = &text[start..end];
                        prop_assert_eq!(
                            &found(&app, "iContains", part).await,
                            &expected,
                            "iContains {}",
                            part
                        );
                    }
                }
                Ok(())
            })
        });
        outcome.unwrap_or_else(|e| panic!("{backend:?} {options}: {e}"));
    }
}

#[tokio::test]
async fn case_does_not_count() {
    for (backend, options) in databases() {
        let (database, app) = notes(backend, options).await;
        let all = ["ΟΔΟΣ", "İstanbul", "Straße", "ÉTÉ", "Title"];
        for (id, text) in (1..).zip(all) {
            write(&database, id, text).await;
        }
        // Without a locale PostgreSQL knows the letters of ASCII alone.
        let locale = !options.contains("LC_CTYPE 'C'");
        let cases = [
            ("iEq", "title", 5, true),
            ("iEndsWith", "TLE", 5, true),
            ("iEq", "οδος", 1, locale),
            ("iContains", "δοσ", 1, locale),
            ("iStartsWith", "οΔ", 1, locale),
            ("iEq", "istanbul", 2, true),
            ("iEq", "İSTANBUL", 2, true),
            ("iEq", "STRAßE", 3, true),
            ("iEq", "été", 4, locale),
        ];
        for (operator, text, id, finds) in cases {
            let expected = match finds {
                true => vec![format!("Note:{id}")],
                false => Vec::new(),
            };
            let found = found(&app, operator, text).await;
            assert_eq!(found, expected, "{backend:?} {options}: {operator} {text}");
        }
    }
}
