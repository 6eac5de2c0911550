//! `backref new` and `backref sync`: projects written from databases that nobody prepared.

mod compiled;
mod links;
mod many;
mod refusals;
mod secrets;
mod sync;

use std::path::{Path, PathBuf};

use backref::create::{self, Choices, CreateError, New, Report, Source};
use sea_orm::ConnectionTrait;
use tempfile::TempDir;

use crate::harness::{Backend, TestDatabase};

/// A project that was written from a database.
pub struct Created {
    pub database: TestDatabase,
    pub report: Report,
    pub folder: PathBuf,
    _place: TempDir,
}

impl Created {
    /// From a database with these tables; `None` where there is no such database here.
    pub async fn of(backend: Backend, sql: &str) -> Option<Self> {
        Self::with(backend, sql, Choices::default()).await
    }

    pub async fn with(backend: Backend, sql: &str, choices: Choices) -> Option<Self> {
        if !Backend::all().contains(&backend) {
            return None;
        }
        let database = TestDatabase::empty(backend).await;
        let made = database.connection.execute_unprepared(sql).await;
        made.expect("the tables are made");
        let place = tempfile::tempdir().expect("a temporary folder");
        let folder = place.path().join("my-api");
        let report = new(&database, &folder, choices).await;
        Some(Created {
            report: report.unwrap_or_else(|error| panic!("{error}")),
            database,
            folder,
            _place: place,
        })
    }

    pub fn read(&self, file: &str) -> String {
        let text = std::fs::read_to_string(self.folder.join(file));
        text.unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// What is told of something.
    pub fn told(&self, of: &str) -> Vec<&str> {
        let notes = self.report.notes.iter().filter(|note| note.of == of);
        notes.map(|note| note.says.as_str()).collect()
    }

    /// Whether one of the things that are told of it says this.
    pub fn tells(&self, of: &str, says: &str) -> bool {
        self.told(of).iter().any(|told| told.contains(says))
    }

    pub async fn run(&self, sql: &str) {
        let run = self.database.connection.execute_unprepared(sql).await;
        run.expect("it runs");
    }
}

pub async fn new(
    database: &TestDatabase,
    folder: &Path,
    choices: Choices,
) -> Result<Report, CreateError> {
    let options = New {
        folder: folder.to_owned(),
        url: database.url.clone(),
        backref: Source::Folder(PathBuf::from(env!("CARGO_MANIFEST_DIR"))),
        choices,
    };
    create::new(&options).await
}

pub const CHINOOK: &str = include_str!("schemas/chinook_sqlite.sql");
pub const SAKILA_SQLITE: &str = include_str!("schemas/sakila_sqlite.sql");
pub const SAKILA_POSTGRES: &str = include_str!("schemas/sakila_postgres.sql");
pub const EVERY_TYPE: &str = include_str!("schemas/every_type_postgres.sql");
pub const ODD_SQLITE: &str = include_str!("schemas/odd_sqlite.sql");
pub const ODD_POSTGRES: &str = include_str!("schemas/odd_postgres.sql");

/// The schema has these lines somewhere in it, each within a type.
fn has_fields(created: &Created, type_name: &str, fields: &[&str]) {
    let schema = created.read("schema.graphql");
    let start = schema
        .find(&format!("type {type_name} "))
        .unwrap_or_else(|| {
            panic!("there is no type {type_name}");
        });
    let body = &schema[start..];
    let body = &body[..body.find("\n}").unwrap_or(body.len())];
    for field in fields {
        let begins = |line: &str| {
            let line = line.trim_start();
            line.strip_prefix(field).is_some_and(|rest| {
                rest.is_empty() || rest.starts_with('(') || rest.starts_with(':')
            })
        };
        assert!(
            body.lines().any(begins),
            "{type_name} has no {field}: {body}"
        );
    }
}

#[tokio::test]
async fn chinook_needs_nothing_by_hand() {
    let created = Created::of(Backend::Sqlite, CHINOOK)
        .await
        .expect("SQLite is here");
    assert!(created.report.notes.is_empty(), "{}", created.report);
    links::check(&created);
    has_fields(
        &created,
        "Track",
        &[
            "id: ID!",
            "album",
            "genre",
            "mediaType",
            "invoiceLines",
            "playlists",
        ],
    );
    has_fields(
        &created,
        "Employee",
        &["reportsTo", "employees", "customers", "birthDate: DateTime"],
    );
    has_fields(
        &created,
        "Playlist",
        &["tracks", "tracksConnection", "tracksAggregate"],
    );
    has_fields(&created, "Invoice", &["total: Decimal!", "invoiceLines"]);
    assert!(
        !created
            .read("schema.graphql")
            .contains("type PlaylistTrack ")
    );
}

#[tokio::test]
async fn sakila_is_the_same_on_both_databases_but_for_what_they_are() {
    for (backend, sql) in [
        (Backend::Sqlite, SAKILA_SQLITE),
        (Backend::Postgres, SAKILA_POSTGRES),
    ] {
        let Some(created) = Created::of(backend, sql).await else {
            continue;
        };
        links::check(&created);
        // Both languages of a film, and the ways back.
        has_fields(
            &created,
            "Film",
            &[
                "language",
                "originalLanguage",
                "actors",
                "categories",
                "inventories",
            ],
        );
        has_fields(&created, "Language", &["films", "filmsByOriginalLanguage"]);
        // A circle: each store has a manager, who works in a store.
        has_fields(&created, "Store", &["managerStaff", "staff", "customers"]);
        has_fields(&created, "Staff", &["store", "payments", "rentals"]);
        assert!(created.tells("column staff.password", "hidden"));
        assert!(created.tells("view customer_list", "left out"));
        let list = created.read("src/entities.rs");
        assert!(list.contains("// It looks like a secret, so it is in no schema.\n        .hide(entity::staff::Column::Password)"), "{list}");
        let schema = created.read("schema.graphql").to_lowercase();
        assert!(!schema.contains("password"));
        if backend == Backend::Postgres {
            has_fields(
                &created,
                "Film",
                &[
                    "rating: MpaaRating",
                    "specialFeatures: [String]",
                    "releaseYear: Int",
                ],
            );
            assert!(created.tells(
                "materialized view rental_by_category",
                "its unique key (category)"
            ));
            assert!(created.tells("table film", "fulltext (tsvector)"));
            // Its partitions are no tables of their own.
            assert!(!created.read("src/entities.rs").contains("payment_p2022"));
        }
    }
}

#[tokio::test]
async fn every_type_of_postgresql_is_a_field() {
    let Some(created) = Created::of(Backend::Postgres, EVERY_TYPE).await else {
        return;
    };
    links::check(&created);
    has_fields(
        &created,
        "EveryType",
        &[
            "tSmallint: Int!",
            "tBigint: BigInt",
            "tNumeric102: Decimal!",
            "tMoney: Decimal",
            "tReal: Float",
            "tVarchar20: String",
            "tBytea: Bytes",
            "tTimestamptz: DateTime!",
            "tDate: Date",
            "tTimetz: Time",
            "tInterval",
            "tBoolean: Boolean!",
            "tMood: EveryTypeTMood",
            "tPoint",
            "tInet",
            "tUuid: UUID",
            "tJsonb: JSON",
            "tPrice: Decimal",
            "tFeeling: EveryTypeTMood",
            "tPair",
            "tHstore",
            "aInteger: [Int]!",
            "aMood: [EveryTypeTMood]",
            "tPlain: PlainMood!",
            "aInet",
            "gTotal: Decimal",
            "weirdName",
            "type",
            "self",
            "_2nd",
            "imia",
            "aB",
            "aBColumn",
            "and_",
        ],
    );
    assert!(created.tells("enum mood", "one name"));
    assert!(created.tells("table every_type", "t_int4range (int4range)"));
    assert!(created.tells("column every_type.aB", "`aBColumn`"));
    let schema = created.read("schema.graphql");
    // What the database makes is asked of nobody; a comment is a description.
    let create = &schema[schema
        .find("input EveryTypeCreate ")
        .expect("rows can be made")..];
    let create = &create[..create.find("\n}").expect("it ends")];
    assert!(
        !create.contains("gTotal") && !create.contains("!"),
        "{create}"
    );
    assert!(schema.contains("A table of \"all\" types; a comment"));
}

#[tokio::test]
async fn what_is_odd_is_told_with_what_was_done() {
    if let Some(created) = Created::of(Backend::Postgres, ODD_POSTGRES).await {
        links::check(&created);
        for (of, says) in [
            ("schema archive", "--schema archive"),
            (
                "reference post(archived_id)",
                "archive.post, which is not on the graph",
            ),
            ("table no_key", "--key 'no_key=a'"),
            ("table unique_key", "its unique key (code)"),
            ("table session", "looks like a secret"),
            ("table users", "`UsersTable`"),
            ("table node", "called"),
            ("table type", "`r#type`"),
            ("table 2fa", "`self_column`"),
            ("column user.password_hash", "no row can be made by the API"),
            ("column user.reset_token", "--show user.reset_token"),
            ("view user_posts", "--key 'user_posts=id'"),
            ("reference users(user_id)", "`userByUserId`"),
            ("reference post(author_id)", "`userByAuthorId`"),
            ("table gen", "`r#gen`"),
            ("table by_array", "its primary key `tags` is an array"),
            ("table of_13", "its primary key has 13 columns"),
            (
                "reference wide_ref(c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13)",
                "has 13 columns",
            ),
            ("table choice", "n (nothing)"),
        ] {
            assert!(
                created.tells(of, says),
                "{of}: {says} is not told:\n{}",
                created.report
            );
        }
        assert!(created.told("the graph").is_empty(), "{}", created.report);
        assert!(created.told("column user.secret_changed_at").is_empty());
        has_fields(
            &created,
            "Part",
            &["a: Int!", "b: String!", "partRefs", "partRefsByYAndX"],
        );
        has_fields(&created, "User", &["followers", "followees"]);
        has_fields(
            &created,
            "Choice",
            &["o: Option", "s: String_!", "n", "ns", "rs: [Relation]"],
        );
        // Nothing of the entity's file, and nothing that another enum makes, is called as an enum is.
        let entity = created.read("entity/src/choice.rs");
        for of in [
            "o: Option<OptionEnum>",
            "os: Option<Vec<OptionEnum>>",
            "s: StringEnum",
            "rs: Option<Vec<RelationEnum>>",
            "dt: Option<DateTimeEnum>",
            "se: Option<StatusEnumEnum>",
            "n: Option<String>",
        ] {
            assert!(entity.contains(of), "{of}: {entity}");
        }
        let library = created.read("entity/src/lib.rs");
        assert!(library.contains("pub mod r#gen;"), "{library}");
        assert!(created.read("entity/src/gen.rs").contains("pub r#gen:"));
        let step = created.read("entity/src/step.rs");
        assert!(step.contains("unique)]\n    pub code:"), "{step}");
        assert!(
            step.matches("unique").count() == 1 && step.contains("has_one"),
            "{step}"
        );
        let schema = created.read("schema.graphql");
        for told in ["\nSteps of all;\n", "\n  Where it is\n"] {
            assert!(schema.contains(told), "{told}: {schema}");
        }
    }
    let created = Created::of(Backend::Sqlite, ODD_SQLITE)
        .await
        .expect("SQLite is here");
    links::check(&created);
    for (of, says) in [
        ("table log", "no primary key"),
        ("table by_code", "its unique key (region,code)"),
        ("virtual table song_search", "left out"),
        ("view loud_songs", "left out"),
        ("view stale", "the database cannot read it (no such table"),
        ("virtual table foreign_data", "(no such module: no_module)"),
        ("reference lost(gone_id)", "gone, which is not on the graph"),
        ("column account.password", "hidden"),
        ("table strict_one", "any_value (ANY)"),
        ("table mutation", "`Mutation`"),
        ("table gen", "`r#gen`"),
        ("table of_13", "its primary key has 13 columns"),
    ] {
        assert!(
            created.tells(of, says),
            "{of}: {says} is not told:\n{}",
            created.report
        );
    }
    assert!(created.told("the graph").is_empty(), "{}", created.report);
    has_fields(
        &created,
        "Artist",
        &["songs", "born: Date", "when: DateTime"],
    );
    has_fields(&created, "Song", &["artist", "loud"]);
    let together = created.read("entity/src/together.rs");
    for name in ["a_b_c", "a_b_c_2", "a_b_c_3"] {
        let said = format!("unique_key = \"{name}\"");
        assert_eq!(together.matches(&said).count(), 2, "{together}");
    }
}

#[tokio::test]
async fn uuids_of_sqlite_are_what_is_held() {
    let sql = r#"
        CREATE TABLE texts (id uuid PRIMARY KEY, other guid);
        INSERT INTO texts VALUES ('6f1c1a4e-0000-4000-8000-000000000001', NULL);
        CREATE TABLE bytes (id uuid PRIMARY KEY, "a ""b""" uuid_text);
        INSERT INTO bytes VALUES (x'6f1c1a4e000040008000000000000001', 'text');
        CREATE TABLE bare (id uuid_text PRIMARY KEY, other uuid, text_id uuid REFERENCES texts, bytes_id uuid UNIQUE REFERENCES bytes (ID));
        CREATE TABLE bare_ref (id INTEGER PRIMARY KEY, bytes_id uuid REFERENCES bare (bytes_id));"#;
    let created = Created::of(Backend::Sqlite, sql)
        .await
        .expect("SQLite is here");
    links::check(&created);
    has_fields(&created, "Byte", &["id: ID!", "aB: String", "bare"]);
    for (file, fields) in [
        ("texts", vec!["id: String", "other: Option<String>"]),
        ("bytes", vec!["id: Uuid", "a_b: Option<String>"]),
        (
            "bare",
            vec![
                "id: Uuid",
                "other: Option<String>",
                "text_id: Option<String>",
                "bytes_id: Option<Uuid>",
            ],
        ),
        ("bare_ref", vec!["bytes_id: Option<Uuid>"]),
    ] {
        let text = created.read(&format!("entity/src/{file}.rs"));
        for field in fields {
            assert!(text.contains(&format!("pub {field},")), "{field}: {text}");
        }
    }
    assert!(created.tells("table texts", "assumed of other (guid): text"));
    assert!(created.tells("table bare", "id (uuid_text): 16 bytes"));
    assert!(
        created
            .told("table bytes")
            .iter()
            .all(|told| !told.contains("assumed"))
    );
    assert!(created.told("table bare_ref").is_empty());
}

#[tokio::test]
async fn what_is_chosen_is_taken_in() {
    let choices = Choices {
        schemas: vec!["public".to_owned(), "archive".to_owned()],
        keys: vec![
            "no_key=a".to_owned(),
            "user_posts=id".to_owned(),
            "nothing=id".to_owned(),
        ],
        without: vec!["follow".to_owned()],
        shown: vec![
            "user.token_count".to_owned(),
            "session.token".to_owned(),
            "user.nothing".to_owned(),
        ],
    };
    let Some(created) = Created::with(Backend::Postgres, ODD_POSTGRES, choices).await else {
        return;
    };
    links::check(&created);
    let list = created.read("src/entities.rs");
    for line in [
        "//! backref sync --schema archive\n",
        "//! backref sync --key user_posts=id\n",
        "//! backref sync --show user.token_count\n",
        ".entity(entity::archive_post::Entity)",
        ".entity(entity::no_key::Entity)",
        ".entity(entity::session::Entity)",
        ".read_only(entity::user_posts::Entity)",
    ] {
        assert!(list.contains(line), "{line}: {list}");
    }
    assert!(!list.contains("Column::TokenCount"));
    assert!(created.tells("--key nothing=id", "there is no table or view"));
    assert!(created.tells("--show user.nothing", "no such column"));
    has_fields(&created, "User", &["tokenCount: Int"]);
    let entity = created.read("entity/src/archive_post.rs");
    assert!(
        entity.contains("schema_name = \"archive\", table_name = \"post\""),
        "{entity}"
    );
}

/// A role that may read the tables, and nothing else, sees all that is needed.
#[tokio::test]
async fn whoever_may_only_read_has_the_same_project() {
    let Some(created) = Created::of(Backend::Postgres, SAKILA_POSTGRES).await else {
        return;
    };
    let role = format!("{}_reader", created.database.name());
    created
        .run(&format!(
            "CREATE ROLE {role} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"
        ))
        .await;
    let url = created
        .database
        .url
        .settled()
        .replace("postgres@", &format!("{role}@"));
    let place = tempfile::tempdir().expect("a temporary folder");
    let folder = place.path().join("my-api");
    let options = New {
        folder: folder.clone(),
        url: url.parse().expect("a URL"),
        backref: Source::Registry,
        choices: Choices::default(),
    };
    create::new(&options).await.expect("it is written");
    let schema = std::fs::read_to_string(folder.join("schema.graphql")).expect("a schema");
    assert!(schema == created.read("schema.graphql"));
    created
        .run(&format!("DROP OWNED BY {role}; DROP ROLE {role}"))
        .await;
}
