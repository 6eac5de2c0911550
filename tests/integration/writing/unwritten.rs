//! Rows that a database keeps as they are without a word: by policies of PostgreSQL's own, which refuse what is asked, and by
//! triggers, which do what they like.

use serde_json::{Value, json};

use super::{blog, content, somebody};
use crate::harness::{Answer, Backend, TestApp, TestDatabase};

async fn ask(app: &TestApp, fields: &str) -> Answer {
    let document = format!("mutation {{ {fields} }}");
    let admin = somebody("admin", 1);
    app.ask(&admin, &document, &Value::Null).await
}

/// The blog as a role of PostgreSQL's for which policies hold, made by these statements.
async fn policed(policies: &[&str]) -> Option<(TestDatabase, TestApp)> {
    if !Backend::all().contains(&Backend::Postgres) {
        return None;
    }
    let (database, _) = blog(Backend::Postgres).await;
    let (name, role) = (database.name(), format!("clerk_of_{}", database.name()));
    let made = [
        format!("CREATE ROLE {role}"),
        format!("GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}"),
        format!("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role}"),
    ];
    for sql in made
        .iter()
        .map(String::as_str)
        .chain(policies.iter().copied())
    {
        database.execute(sql).await;
    }
    database
        .execute(&format!(r#"ALTER DATABASE "{name}" SET role = '{role}'"#))
        .await;
    let app = TestApp::new(&database, backref::blog::graph(), Default::default());
    Some((database, app))
}

async fn leave(database: &TestDatabase) {
    let role = format!("clerk_of_{}", database.name());
    database.execute(&format!("DROP OWNED BY {role}")).await;
    database.execute(&format!("DROP ROLE {role}")).await;
}

/// A policy may show a row, and not let it be changed or deleted: PostgreSQL then changes none, and says nothing.
#[tokio::test]
async fn what_a_policy_keeps_as_it_is_is_forbidden() {
    let policies = [
        "ALTER TABLE tag ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY shown ON tag FOR SELECT USING (true)",
        "CREATE POLICY made ON tag FOR INSERT WITH CHECK (true)",
        "CREATE POLICY changed ON tag FOR UPDATE USING (name NOT IN ('tag1', 'new')) WITH CHECK (true)",
        "CREATE POLICY gone ON tag FOR DELETE USING (name <> 'tag3')",
        "ALTER TABLE post_tag ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY shown ON post_tag FOR SELECT USING (true)",
        "CREATE POLICY made ON post_tag FOR INSERT WITH CHECK (true)",
        "CREATE POLICY changed ON post_tag FOR UPDATE USING (true)",
        "CREATE POLICY gone ON post_tag FOR DELETE USING (tag_id <> 2)",
    ];
    let Some((database, app)) = policed(&policies).await else {
        return;
    };
    let no = |does: &str| format!("the rules of the database do not let this tag be {does}");
    let (changed, deleted) = (no("changed"), no("deleted"));
    let parted = "the rules of the database do not let this post tag be deleted".to_owned();
    let refused = [
        (
            r#"updateTag(id: 1, input: { name: "x" }) { id }"#,
            "id",
            &changed,
        ),
        (
            r#"updateTag(id: 1, input: { name: "x", posts: { connect: [5] } }) { id }"#,
            "id",
            &changed,
        ),
        (
            r#"updatePost(id: 1, input: { title: "T", tags: { update: [{ id: 1, input: { name: "x" } }] } }) { id }"#,
            "input.tags.update.0.id",
            &changed,
        ),
        (
            r#"updatePost(id: 1, input: { tags: { update: [{ id: 2, input: { name: "x" } }, { id: 1, input: { name: "y" } }] } }) { id }"#,
            "input.tags.update.1.id",
            &changed,
        ),
        (r#"deleteTag(id: 3) { id }"#, "id", &deleted),
        (
            r#"updatePost(id: 4, input: { tags: { delete: [3] } }) { id }"#,
            "input.tags.delete.0",
            &deleted,
        ),
        (
            r#"deleteTags(where: { name: { eq: "tag3" } }) { count }"#,
            "where",
            &deleted,
        ),
        (
            r#"updatePost(id: 1, input: { tags: { disconnect: [2] } }) { id }"#,
            "input.tags.disconnect.0",
            &parted,
        ),
        (
            r#"updatePost(id: 1, input: { tags: { set: [1] } }) { id }"#,
            "input.tags.set",
            &parted,
        ),
        (
            r#"createTag(input: { name: "new" }) { id } updateTag(id: 1, input: { name: "x" }) { id }"#,
            "id",
            &changed,
        ),
    ];
    let before = content::dump(&database).await;
    for (fields, place, message) in refused {
        let answer = ask(&app, fields).await.json();
        assert!(answer["data"].is_null(), "{fields}: {answer}");
        let errors = answer["errors"].as_array().expect("errors");
        let [error] = &errors[..] else {
            panic!("one error: {fields}: {answer}")
        };
        assert_eq!(error["message"], **message, "{fields}: {answer}");
        let extensions = json!({ "code": "FORBIDDEN", "field": place });
        assert_eq!(error["extensions"], extensions, "{fields}: {answer}");
        assert_eq!(content::dump(&database).await, before, "{fields}");
    }
    // An upsert says the same.
    let fields = r#"upsertTag(create: { name: "tag1" }, update: { name: "y" }, on: NAME) { id }"#;
    let answer = ask(&app, fields).await;
    assert_eq!(answer.code(), "FORBIDDEN", "{fields}: {}", answer.text);
    assert_eq!(content::dump(&database).await, before, "{fields}");
    // What is hidden or not there is still that.
    let answer = ask(&app, r#"updateTag(id: 77, input: { name: "x" }) { id }"#).await;
    assert_eq!(answer.code(), "NOT_FOUND", "{}", answer.text);
    for fields in [
        r#"updateTag(id: 2, input: { name: "x" }) { id }"#,
        r#"updatePost(id: 1, input: { tags: { update: [{ id: 2, input: { name: "y" } }], connect: [3] } }) { id }"#,
        r#"updatePost(id: 1, input: { tags: { disconnect: [1], connect: [4] } }) { id }"#,
        r#"deleteTag(id: 4) { id }"#,
    ] {
        ask(&app, fields).await.data();
    }
    leave(&database).await;
}

/// A trigger may leave a row as it is where nothing changes, or do something else instead.
#[tokio::test]
async fn what_a_trigger_keeps_as_it_is_is_done() {
    for backend in Backend::all() {
        let (database, app) = blog(backend).await;
        let triggers: &[&str] = match backend {
            Backend::Sqlite => &[
                "CREATE TRIGGER same BEFORE UPDATE ON tag WHEN OLD.name = NEW.name BEGIN SELECT RAISE(IGNORE); END",
                "CREATE TRIGGER stays BEFORE DELETE ON tag WHEN OLD.name = 'tag3' BEGIN SELECT RAISE(IGNORE); END",
            ],
            Backend::Postgres => &[
                "CREATE TRIGGER same BEFORE UPDATE ON tag FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
                "CREATE FUNCTION stays() RETURNS trigger LANGUAGE plpgsql AS
                    'BEGIN IF OLD.name = ''tag3'' THEN RETURN NULL; END IF; RETURN OLD; END'",
                "CREATE TRIGGER stays BEFORE DELETE ON tag FOR EACH ROW EXECUTE FUNCTION stays()",
            ],
        };
        for trigger in triggers {
            database.execute(trigger).await;
        }
        let before = content::dump(&database).await;
        for fields in [
            r#"it: updateTag(id: 2, input: { name: "tag2" }) { name }"#,
            r#"it: upsertTag(create: { name: "tag2" }, update: { name: "tag2" }, on: NAME) { name }"#,
            r#"it: updatePost(id: 1, input: { tags: { update: [{ id: 1, input: { name: "tag1" } }, { id: 2, input: { name: "tag2" } }] } }) { title }"#,
            r#"it: updateTags(where: { name: { eq: "tag2" } }, input: { name: "tag2" }) { count }"#,
            r#"it: deleteTag(id: 3) { name }"#,
        ] {
            let answer = ask(&app, fields).await;
            answer.data();
            let is_of_post = fields.contains("updatePost");
            let after = content::dump(&database).await;
            let others = |rows: &[String]| -> Vec<String> {
                let rows = rows.iter();
                let kept = |row: &&String| !is_of_post || !row.starts_with("post (1,");
                rows.filter(kept).cloned().collect()
            };
            match (is_of_post, fields.contains("deleteTag")) {
                // What refers to it is gone.
                (_, true) => assert!(
                    after
                        .iter()
                        .any(|row| row.starts_with("tag ") && row.contains("tag3"))
                ),
                _ => assert_eq!(others(&after), others(&before), "{backend:?} {fields}"),
            }
        }
    }
}
