//! What the role may not read: each lack is found, and what is granted mends it.

use backref::doctor::{Report, Severity, Subject};
use backref::serve::database::{Connect, Url};
use sea_orm::{ConnectionTrait, DatabaseConnection};

use super::migrated;
use crate::harness::{Backend, TestDatabase, blog};

/// A database, and a role that may read all of it, connected.
struct Reader {
    database: TestDatabase,
    role: String,
    connection: DatabaseConnection,
}

impl Reader {
    async fn new() -> Self {
        let database = migrated(Backend::Postgres).await;
        let role = format!("reads_{}", database.name());
        database.execute(&format!("CREATE ROLE {role} LOGIN")).await;
        database
            .execute(&format!(
                "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"
            ))
            .await;
        let shown = database.url.shown();
        let (_, host) = shown.split_once('@').expect("a user");
        let url: Url = format!("postgres://{role}@{host}").parse().expect("a URL");
        let connection = url.connect(Connect::reading()).await.expect("it connects");
        Reader {
            database,
            role,
            connection,
        }
    }

    async fn run(&self, sql: &str) {
        self.database
            .execute(&sql.replace("reader", &self.role))
            .await;
    }

    async fn report(&self) -> Report {
        let catalog = super::catalog(blog::graph());
        let report = backref::doctor::examine(&catalog, &self.connection, "").await;
        report.expect("the database answers")
    }

    /// What is said of rights, of which each is an error.
    async fn said(&self) -> Vec<String> {
        let report = self.report().await;
        for finding in &report.findings {
            assert_eq!(
                (finding.subject, finding.severity),
                (Subject::Right, Severity::Error),
                "{report}"
            );
        }
        assert_eq!(report.migration(), None);
        let role = self.role.as_str();
        let said = report.findings.iter();
        said.map(|f| f.missing.replace(role, "reader")).collect()
    }

    async fn mend(&self) -> Vec<String> {
        let report = self.report().await;
        let mut statements = Vec::new();
        for statement in report.statements() {
            self.database.execute(statement).await;
            statements.push(statement.replace(&self.role, "reader"));
        }
        let after = self.report().await;
        assert!(after.is_clean(), "after {statements:?}:\n{after}");
        statements
    }

    async fn end(self) {
        self.run("DROP OWNED BY reader; DROP ROLE reader").await;
        self.connection.close().await.expect("it closes");
    }
}

#[tokio::test]
async fn what_a_role_may_not_read_is_found_with_what_grants_it() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let reader = Reader::new().await;
    assert_eq!(reader.said().await, Vec::<String>::new());
    let cases: [(&str, &[&str], &[&str]); 8] = [
        (
            "REVOKE SELECT ON post FROM reader",
            &["the role reader may not read post"],
            &["GRANT SELECT ON post TO reader"],
        ),
        (
            "REVOKE SELECT ON \"user\" FROM reader; GRANT SELECT (id, username, name, role, created_at) ON \"user\" TO reader",
            &["the role reader may not read (\"email\", \"password_hash\", \"updated_at\") of \"user\""],
            &["GRANT SELECT (\"email\", \"password_hash\", \"updated_at\") ON \"user\" TO reader"],
        ),
        (
            "REVOKE SELECT ON follow FROM reader; REVOKE SELECT ON post_search FROM reader",
            &["the role reader may not read post_search", "the role reader may not read follow"],
            &["GRANT SELECT ON post_search TO reader", "GRANT SELECT ON follow TO reader"],
        ),
        (
            "REVOKE USAGE ON SCHEMA public FROM PUBLIC",
            &["the role reader may not use the schema public"],
            &["GRANT USAGE ON SCHEMA public TO reader"],
        ),
        // A view is read by its owner,
        (
            "CREATE ROLE reader_owner; GRANT CREATE ON SCHEMA public TO reader_owner;
             GRANT USAGE ON SCHEMA public TO reader_owner;
             ALTER TABLE profile RENAME TO kept; CREATE VIEW profile AS SELECT user_id, bio, website, location FROM kept;
             ALTER VIEW profile OWNER TO reader_owner; GRANT SELECT, INSERT, UPDATE, DELETE ON profile TO reader",
            &["the view `profile` reads (bio, location, user_id, website) of kept as the role reader_owner, which may not read that"],
            &["GRANT SELECT (bio, location, user_id, website) ON kept TO reader_owner"],
        ),
        // or by whoever asks,
        (
            "ALTER VIEW profile SET (security_invoker = true); REVOKE SELECT ON kept FROM reader",
            &["the view `profile` reads (bio, location, user_id, website) of kept as the role reader, which may not read that"],
            &["GRANT SELECT (bio, location, user_id, website) ON kept TO reader"],
        ),
        // and so is what it reads itself.
        (
            "REVOKE SELECT ON ALL TABLES IN SCHEMA public FROM reader_owner;
             ALTER VIEW profile RENAME TO middle; ALTER VIEW middle SET (security_invoker = false);
             CREATE VIEW profile AS SELECT * FROM middle; GRANT SELECT, INSERT, UPDATE, DELETE ON profile TO reader;
             REVOKE SELECT (bio, location, user_id, website) ON kept FROM reader_owner",
            &["the view `profile` reads (bio, location, user_id, website) of kept as the role reader_owner, which may not read that"],
            &["GRANT SELECT (bio, location, user_id, website) ON kept TO reader_owner"],
        ),
        (
            "REVOKE SELECT ON profile FROM reader",
            &["the role reader may not read profile"],
            &["GRANT SELECT ON profile TO reader"],
        ),
    ];
    for (damage, said, mended) in cases {
        reader.run(damage).await;
        assert_eq!(reader.said().await, said, "{damage}");
        assert_eq!(reader.mend().await, mended, "{damage}");
    }
    reader
        .run("DROP VIEW profile, middle; DROP OWNED BY reader_owner; DROP ROLE reader_owner")
        .await;
    reader.end().await;
}

/// A server may be meant to be read only, so it is a warning.
#[tokio::test]
async fn what_mutations_may_not_write_is_found_with_what_grants_it() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let reader = Reader::new().await;
    reader
        .run("REVOKE INSERT, DELETE ON post FROM reader; REVOKE UPDATE ON tag FROM reader; GRANT UPDATE (name) ON tag TO reader; REVOKE ALL ON post_search FROM reader; GRANT SELECT ON post_search TO reader")
        .await;
    let report = reader.report().await;
    let [found] = &report.findings[..] else {
        panic!("one: {report}")
    };
    assert_eq!(
        (found.subject, found.severity),
        (Subject::Right, Severity::Warning)
    );
    let missing = format!("the role {} may not INSERT, DELETE on post", reader.role);
    assert_eq!(found.missing, missing);
    assert_eq!(
        reader.mend().await,
        ["GRANT INSERT, DELETE ON post TO reader"]
    );
    reader.end().await;
}

/// Names that want quotes, and what is asked of the database by a command.
#[tokio::test]
async fn who_may_not_read_is_named_by_the_command() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let database = TestDatabase::migrated(Backend::Postgres).await;
    let role = format!("Reads {}", database.name());
    database
        .execute(&format!("CREATE ROLE \"{role}\" LOGIN PASSWORD 'secret'"))
        .await;
    database
        .execute(&format!("GRANT SELECT ON seaql_migrations TO \"{role}\""))
        .await;
    let shown = database.url.shown();
    let (_, host) = shown.split_once('@').expect("a user");
    let url = format!("postgres://{}:secret@{host}", role.replace(' ', "%20"));
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_backref"))
        .args(["doctor", "--database-url", &url])
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let grant = format!("mend it:   GRANT SELECT ON \"user\" TO \"{role}\";\n");
    assert!(
        said.contains(&grant) && said.contains("each User (entity::user)"),
        "{said}"
    );
    assert!(!said.contains("secret"), "{said}");
    let done = database
        .connection
        .execute_unprepared(&format!("DROP OWNED BY \"{role}\"; DROP ROLE \"{role}\""))
        .await;
    done.expect("the role goes");
}

#[tokio::test]
async fn remedies_name_the_database_that_was_asked_about() {
    for backend in Backend::all() {
        let database = TestDatabase::empty(backend).await;
        let url = database.url.shown();
        let asked = url.replace("postgres@", "postgres:secret@");
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_backref"))
            .args(["doctor", "--database-url", &asked])
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let pending = format!("  mend it: backref migrate up --database-url {url}\n");
        let table =
            format!("mend it:   `backref migrate up --database-url {url}` if a migration makes it");
        assert!(said.contains(&pending) && said.contains(&table), "{said}");
        assert!(!said.contains("secret"), "{said}");
    }
}
