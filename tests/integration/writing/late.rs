//! What PostgreSQL refuses only when all is done: constraints that are deferred, and triggers that are.

use serde_json::{Value, json};

use super::{blog, content, somebody};
use crate::harness::Backend;

/// Whatever a trigger raises is told when it runs at the end as when it runs at once, and nothing is stored.
#[tokio::test]
async fn what_is_raised_at_the_end_is_told_as_at_its_statement() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let (database, app) = blog(Backend::Postgres).await;
    database.execute("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN
                IF TG_OP = 'DELETE' OR NEW.name LIKE 'bad%' THEN RAISE EXCEPTION 'no' USING ERRCODE = TG_ARGV[0]; END IF;
                RETURN NULL;
            END $$",
    )
    .await;
    let raised = [
        ("42501", Some("FORBIDDEN")),
        ("P0001", Some("CONFLICT")),
        ("P0004", Some("CONFLICT")),
        ("45000", Some("CONFLICT")),
        ("22023", Some("CONFLICT")),
        ("23514", Some("BAD_USER_INPUT")),
        ("23502", Some("BAD_USER_INPUT")),
        ("23P01", Some("BAD_USER_INPUT")),
        // Of which constraint these are is not said, and not told alike.
        ("23505", None),
        ("23503", None),
        ("XX000", Some("INTERNAL_SERVER_ERROR")),
    ];
    let asked = [
        r#"it: createTag(input: { name: "bad" }) { id }"#,
        r#"it: createTags(inputs: [{ name: "good" }, { name: "bad" }]) { id }"#,
        r#"it: updateTag(id: 1, input: { name: "bad" }) { id }"#,
        r#"it: upsertTag(create: { name: "bad" }, update: { name: "good" }, on: NAME) { id }"#,
        r#"it: deleteTag(id: 4) { id }"#,
        r#"it: updatePost(id: 1, input: { tags: { create: [{ name: "bad" }] } }) { id }"#,
    ];
    let admin = somebody("admin", 1);
    let before = content::dump(&database).await;
    for (code, expected) in raised {
        let mut told = Vec::new();
        for when in ["IMMEDIATE", "DEFERRED"] {
            database
                .execute(&format!(
                    "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT OR UPDATE OR DELETE ON tag
                        DEFERRABLE INITIALLY {when} FOR EACH ROW EXECUTE FUNCTION refuse('{code}')"
                ))
                .await;
            let mut all = Vec::new();
            for fields in asked {
                let document = format!("mutation {{ {fields} }}");
                let answer = app.ask(&admin, &document, &Value::Null).await.json();
                assert!(answer["data"].is_null(), "{when} {code} {fields}: {answer}");
                assert_eq!(
                    content::dump(&database).await,
                    before,
                    "{when} {code} {fields}"
                );
                let mut error = answer["errors"][0].clone();
                // Whose fault it is among rows of several tables only a statement tells.
                if fields.contains("updatePost") || expected == Some("INTERNAL_SERVER_ERROR") {
                    error = json!(error["extensions"]["code"]);
                }
                all.push(error);
            }
            let code_of = |error: &Value| match error.as_str() {
                Some(code) => code.to_owned(),
                None => error["extensions"]["code"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
            };
            if let Some(expected) = expected {
                for (error, fields) in all.iter().zip(asked) {
                    assert_eq!(code_of(error), expected, "{when} {code} {fields}: {error}");
                }
                told.push(all);
            }
            database.execute("DROP TRIGGER refuse ON tag").await;
        }
        for pair in told.windows(2) {
            for ((at_once, at_the_end), fields) in pair[0].iter().zip(&pair[1]).zip(asked) {
                assert_eq!(at_once, at_the_end, "{code} {fields}");
            }
        }
    }
}

/// An exclusion constraint that is deferred names itself.
#[tokio::test]
async fn a_check_that_is_made_at_the_end_is_named() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let (database, app) = blog(Backend::Postgres).await;
    database.execute("ALTER TABLE tag ADD CONSTRAINT apart EXCLUDE USING btree (lower(name) WITH =) DEFERRABLE INITIALLY DEFERRED",
    )
    .await;
    let before = content::dump(&database).await;
    let document = r#"mutation { it: createTag(input: { name: "TAG1" }) { id } }"#;
    let admin = somebody("admin", 1);
    let answer = app.ask(&admin, document, &Value::Null).await.json();
    let error = &answer["errors"][0];
    assert_eq!(
        error["extensions"],
        json!({ "code": "BAD_USER_INPUT", "field": "input" })
    );
    let message = "a value of this tag does not fit: the database checks `apart`";
    assert_eq!(error["message"], message);
    assert_eq!(content::dump(&database).await, before);
}
