//! Full-text indexes: each part that is damaged is found, and mended so that all is found again.

use backref::Graph;
use backref::doctor::{Remedy, Report, Severity, Subject};
use entity::post;
use migration::support::{drop_search_statements, search_statements};
use sea_orm::ConnectionTrait;

use super::{alone, library, mend, migrated, report, texts};
use crate::harness::{Backend, TestDatabase, blog};

type Make = fn() -> Graph;

/// A damage, its severity and how it is said.
type Damage = (&'static str, Severity, &'static str);

const ON_SQLITE: [Damage; 6] = [
    (
        "DROP TABLE post_search",
        Severity::Error,
        "the full-text index `post_search` is missing",
    ),
    (
        "DROP TRIGGER post_search_insert",
        Severity::Error,
        "the trigger `post_search_insert` of `post` is missing",
    ),
    (
        "DROP TRIGGER post_search_delete",
        Severity::Error,
        "the trigger `post_search_delete` of `post` is missing",
    ),
    (
        "DROP TRIGGER post_search_update",
        Severity::Error,
        "the trigger `post_search_update` of `post` is missing",
    ),
    (
        "DROP TRIGGER post_search_insert; DROP TRIGGER post_search_update",
        Severity::Error,
        "the trigger `post_search_insert` of `post` is missing; \
         the trigger `post_search_update` of `post` is missing",
    ),
    (
        "DROP TABLE post_search;
         CREATE VIRTUAL TABLE post_search USING fts5(title, content='post', content_rowid='id')",
        Severity::Error,
        "the full-text index `post_search` is of (title), and the graph searches (title, body)",
    ),
];

const ON_POSTGRES: [Damage; 12] = [
    (
        "DROP TABLE post_search",
        Severity::Error,
        "the full-text index `post_search` is missing",
    ),
    (
        "ALTER TABLE post_search DROP COLUMN document",
        Severity::Error,
        "`post_search` is not a full-text index",
    ),
    (
        "ALTER TABLE post_search DROP CONSTRAINT post_search_pkey",
        Severity::Error,
        "nothing keeps `id` of `post_search` unique",
    ),
    (
        "ALTER TABLE post_search DROP CONSTRAINT post_search_id_fkey",
        Severity::Warning,
        "no foreign key has the rows of `post_search` follow those of `post`",
    ),
    (
        "ALTER TABLE post_search DROP CONSTRAINT post_search_id_fkey,
         ADD FOREIGN KEY (id) REFERENCES post (id)",
        Severity::Warning,
        "no foreign key has the rows of `post_search` follow those of `post`",
    ),
    (
        "DROP INDEX post_search_document_idx",
        Severity::Warning,
        "there is no GIN index on `document` of `post_search`",
    ),
    (
        "UPDATE pg_index SET indisvalid = false
         WHERE indexrelid = 'post_search_document_idx'::regclass",
        Severity::Warning,
        "there is no GIN index on `document` of `post_search`",
    ),
    (
        "DROP TRIGGER post_search_keep ON post; DROP INDEX post_search_document_idx",
        Severity::Error,
        "the trigger `post_search_keep` of `post` is missing; \
         there is no GIN index on `document` of `post_search`",
    ),
    (
        "DROP FUNCTION post_search_keep CASCADE",
        Severity::Error,
        "the trigger `post_search_keep` of `post` is missing",
    ),
    (
        "ALTER TABLE post DISABLE TRIGGER post_search_keep",
        Severity::Error,
        "the trigger `post_search_keep` of `post` does not run at each write",
    ),
    (
        "DROP TRIGGER post_search_keep ON post;
         CREATE TRIGGER post_search_keep AFTER INSERT OR UPDATE OF title ON post
         FOR EACH ROW EXECUTE FUNCTION post_search_keep()",
        Severity::Error,
        "the trigger `post_search_keep` of `post` does not run at each write",
    ),
    (
        "CREATE OR REPLACE FUNCTION post_search_keep() RETURNS trigger LANGUAGE plpgsql AS $keep$ BEGIN
         INSERT INTO post_search VALUES (NEW.id, to_tsvector('simple', NEW.title))
         ON CONFLICT (id) DO UPDATE SET document = EXCLUDED.document; RETURN NULL; END $keep$",
        Severity::Error,
        "the trigger `post_search_keep` of `post` reads (title), and the graph searches (title, body)",
    ),
];

/// Three posts, the body of each of one word.
async fn with_posts(backend: Backend) -> TestDatabase {
    let database = migrated(backend).await;
    database
        .execute(
            "INSERT INTO \"user\" (id, username, name, email, created_at, updated_at)
         VALUES (1, 'ada', 'Ada', 'ada@example.org', '2026-01-01 00:00:00+00:00',
                 '2026-01-01 00:00:00+00:00')",
        )
        .await;
    for (id, word) in [(1, "brass"), (2, "copper"), (3, "tin")] {
        write(&database, id, word).await;
    }
    database
}

async fn write(database: &TestDatabase, id: i32, word: &str) {
    let insert = format!(
        "INSERT INTO post (id, author_id, title, slug, body, status, created_at, updated_at, version)
         VALUES ({id}, 1, 'Metals', 's{id}', '{word}', 'published', '2026-01-01 00:00:00+00:00',
                 '2026-01-01 00:00:00+00:00', 1)"
    );
    database.execute(&insert).await;
}

/// The slugs of the posts that the index has for a word.
async fn found(database: &TestDatabase, backend: Backend, word: &str) -> String {
    let query = match backend {
        Backend::Sqlite => format!(
            "SELECT slug FROM post_search JOIN post ON id = post_search.rowid
             WHERE post_search MATCH '\"{word}\"' ORDER BY slug"
        ),
        Backend::Postgres => format!(
            "SELECT slug FROM post_search JOIN post USING (id)
             WHERE document @@ to_tsquery('simple', '{word}') ORDER BY slug"
        ),
    };
    texts(&database.connection, &query).await.join(" ")
}

fn only(found: &Report) -> &backref::doctor::Finding {
    assert_eq!(found.findings.len(), 1, "{found}");
    assert_eq!(found.findings[0].subject, Subject::Search);
    &found.findings[0]
}

#[tokio::test]
async fn each_part_that_is_damaged_is_found_and_made_again() {
    for backend in Backend::all() {
        let damages = match backend {
            Backend::Sqlite => &ON_SQLITE[..],
            Backend::Postgres => &ON_POSTGRES[..],
        };
        for (damage, severity, missing) in damages {
            let database = with_posts(backend).await;
            database.execute(damage).await;
            let said = report(&database, blog::graph()).await;
            let finding = only(&said);
            assert_eq!(finding.missing, *missing, "{backend:?}: {damage}");
            assert_eq!(finding.severity, *severity, "{backend:?}: {damage}");
            if matches!(finding.remedy, Remedy::Words(_)) {
                assert!(missing.contains("is not a full-text index"), "{said}");
                continue;
            }
            // What is written meanwhile may be refused, and else is found once the index is made.
            let write_meanwhile = "UPDATE post SET body = 'bronze' WHERE id = 2";
            let written = database.connection.execute_unprepared(write_meanwhile);
            let changed = written.await.is_ok();
            mend(&database, blog::graph, &said).await;
            let second = if changed { "bronze" } else { "copper" };
            for (word, slugs) in [
                ("metals", "s1 s2 s3"),
                ("brass", "s1"),
                (second, "s2"),
                ("iron", ""),
            ] {
                let found = found(&database, backend, word).await;
                assert_eq!(found, slugs, "{backend:?}: {damage}: {word}");
            }
            write(&database, 4, "iron").await;
            database
                .execute("UPDATE post SET body = 'lead' WHERE id = 1")
                .await;
            database.execute("DELETE FROM post WHERE id = 3").await;
            for (word, slugs) in [
                ("metals", "s1 s2 s4"),
                ("brass", ""),
                ("lead", "s1"),
                ("iron", "s4"),
                ("tin", ""),
            ] {
                let found = found(&database, backend, word).await;
                assert_eq!(found, slugs, "{backend:?}: {damage}: {word}, kept");
            }
        }
    }
}

/// The statements are those of the migrations, in one copy.
#[tokio::test]
async fn the_remedy_is_what_a_migration_runs() {
    for backend in Backend::all() {
        let database = migrated(backend).await;
        let kind = database.connection.get_database_backend();
        let drop = drop_search_statements(kind, "post");
        let create = search_statements(kind, "post", "id", &["title", "body"]);
        let trigger = match backend {
            Backend::Sqlite => "DROP TRIGGER post_search_insert",
            Backend::Postgres => "DROP TRIGGER post_search_keep ON post",
        };
        database.execute(trigger).await;
        let said = report(&database, blog::graph()).await;
        assert_eq!(said.statements(), [drop.clone(), create.clone()].concat());
        let migration = said.migration().expect("a migration");
        let calls = "
        drop_search(manager, \"post\").await?;
        create_search(manager, \"post\", \"id\", &[\"title\", \"body\"]).await?;
        Ok(())
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Ok(())
";
        assert!(migration.contains(calls), "{migration}");
        for statement in &drop {
            database.execute(statement).await;
        }
        let said = report(&database, blog::graph()).await;
        assert_eq!(said.statements(), create);
        insta::assert_snapshot!(
            format!("no_search_{backend:?}").to_lowercase(),
            said.to_string()
        );
        mend(&database, blog::graph, &said).await;
    }
}

/// As after a change of the graph that no migration has followed.
#[tokio::test]
async fn other_columns_than_those_of_the_graph_are_found() {
    let graphs: [(Make, &str); 3] = [
        (
            || blog::graph().search(post::Entity, [post::Column::Title]),
            "(title)",
        ),
        (
            || blog::graph().search(post::Entity, [post::Column::Body, post::Column::Title]),
            "(body, title)",
        ),
        (
            || {
                use post::Column::{Body, Slug, Title};
                blog::graph().search(post::Entity, [Title, Body, Slug])
            },
            "(title, body, slug)",
        ),
    ];
    for backend in Backend::all() {
        let parts: &[&str] = match backend {
            Backend::Sqlite => &[
                "the full-text index `post_search` is of",
                "the trigger `post_search_insert` of `post` reads",
                "the trigger `post_search_delete` of `post` reads",
                "the trigger `post_search_update` of `post` reads",
            ],
            Backend::Postgres => &["the trigger `post_search_keep` of `post` reads"],
        };
        for (graph, columns) in graphs {
            let database = migrated(backend).await;
            let said = report(&database, graph()).await;
            let missing = parts
                .iter()
                .map(|part| format!("{part} (title, body), and the graph searches {columns}"));
            let missing = match (backend, columns) {
                // It is for updates of those two columns alone.
                (Backend::Postgres, "(title, body, slug)") => {
                    "the trigger `post_search_keep` of `post` does not run at each write".to_owned()
                }
                _ => missing.collect::<Vec<_>>().join("; "),
            };
            assert_eq!(only(&said).missing, missing, "{backend:?}");
            mend(&database, graph, &said).await;
        }
    }
}

#[tokio::test]
async fn triggers_written_by_hand_count_for_what_they_read() {
    for backend in Backend::all() {
        let database = migrated(backend).await;
        let by_hand = match backend {
            Backend::Sqlite => {
                "DROP TRIGGER post_search_insert;
                 create trigger POST_SEARCH_INSERT after insert on post begin
                   insert into post_search (rowid, title, body) values (New.id, new.Title, new.\"body\");
                 end"
            }
            Backend::Postgres => {
                "DROP TRIGGER post_search_keep ON post;
                 CREATE FUNCTION by_hand() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                   PERFORM renew.title FROM (SELECT 1 AS title) AS renew;
                   INSERT INTO post_search VALUES (new.id, to_tsvector('simple', new.Title || new.body))
                   ON CONFLICT (id) DO UPDATE SET document = EXCLUDED.document; RETURN NULL;
                 END $$;
                 CREATE TRIGGER post_search_keep AFTER INSERT OR UPDATE ON post
                 FOR EACH ROW EXECUTE FUNCTION by_hand()"
            }
        };
        database.execute(by_hand).await;
        let said = report(&database, blog::graph()).await;
        assert!(said.is_clean(), "{backend:?}:\n{said}");
    }
}

/// What is called as the index would be is not the doctor's to drop.
#[tokio::test]
async fn what_is_no_index_is_left_alone() {
    for backend in Backend::all() {
        let database = migrated(backend).await;
        database
            .execute("DROP TABLE post_search; CREATE TABLE post_search (id integer, words text)")
            .await;
        let said = report(&database, blog::graph()).await;
        assert_eq!(
            only(&said).missing,
            "`post_search` is not a full-text index"
        );
        assert_eq!(said.statements(), Vec::<&str>::new());
        assert_eq!(said.migration(), None);
    }
}

/// Its columns come first: the index is made from them.
#[tokio::test]
async fn an_index_waits_for_its_table() {
    for backend in Backend::all() {
        let database = migrated(backend).await;
        super::drop_search(&database).await;
        database.execute("ALTER TABLE post DROP COLUMN body").await;
        let said = report(&database, blog::graph()).await;
        let missing: Vec<_> = said.findings.iter().map(|f| &f.missing).collect();
        assert_eq!(missing, ["the column `body` is missing"], "{backend:?}");
    }
}

#[tokio::test]
async fn of_a_table_in_a_schema_it_is_said_in_words() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let graph = || {
        Graph::new()
            .entity(library::Entity)
            .search(library::Entity, [library::Column::Label])
    };
    let database = alone(TestDatabase::empty(Backend::Postgres).await).await;
    database.execute("CREATE SCHEMA library;
         CREATE TABLE library.shelf (id bigint PRIMARY KEY, inside_id bigint, label text NOT NULL, created_at timestamptz);
         CREATE TABLE shelf_search (id bigint, document tsvector)",
    )
    .await;
    let said = report(&database, graph()).await;
    let last = said.findings.last().expect("a finding");
    assert_eq!(
        last.missing,
        "the full-text index `shelf_search` is missing"
    );
    assert!(matches!(last.remedy, Remedy::Words(_)), "{said}");
    mend(&database, graph, &said).await;
}
