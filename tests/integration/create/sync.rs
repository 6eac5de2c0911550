//! A database changes, and its project follows; what a person wrote stays.

use backref::create::{self, Choices, CreateError, Report, Sync};

use super::{CHINOOK, Created, links};
use crate::harness::Backend;

async fn sync(created: &Created, choices: Choices, force: bool) -> Result<Report, CreateError> {
    let options = Sync {
        folder: created.folder.clone(),
        url: None,
        choices,
        force,
    };
    create::sync(&options).await
}

async fn synced(created: &Created) -> Report {
    let report = sync(created, Choices::default(), false).await;
    report.unwrap_or_else(|error| panic!("{error}"))
}

fn edit(created: &Created, file: &str, edit: impl Fn(String) -> String) -> String {
    let text = edit(created.read(file));
    std::fs::write(created.folder.join(file), &text).expect("it is written");
    text
}

fn says(report: &Report, done: &str) -> bool {
    report.done.iter().any(|line| line.contains(done))
}

#[tokio::test]
async fn where_nothing_has_changed_nothing_is_written() {
    let created = Created::of(Backend::Sqlite, CHINOOK)
        .await
        .expect("SQLite is here");
    let report = synced(&created).await;
    assert!(
        says(&report, "nothing was written") && report.done.len() == 1,
        "{report}"
    );
}

#[tokio::test]
async fn tables_and_columns_come_and_go() {
    let created = Created::of(Backend::Sqlite, CHINOOK)
        .await
        .expect("SQLite is here");
    let main = edit(&created, "src/main.rs", |text| text + "\n// Mine.\n");
    created
        .run(
            "CREATE TABLE label (id INTEGER PRIMARY KEY, name text NOT NULL, api_token text);
             ALTER TABLE Artist ADD COLUMN label_id integer REFERENCES label (id);
             ALTER TABLE Artist DROP COLUMN Name;
             DROP TABLE PlaylistTrack;",
        )
        .await;
    let report = synced(&created).await;
    for done in [
        "entity/src/label.rs: added",
        "entity/src/artist.rs: changed (+ Relation::Label, + label_id, - name)",
        "entity/src/playlist_track.rs: removed, since its table is gone",
        "entity/src/lib.rs: changed (+ label, - playlist_track)",
        "src/entities.rs: changed",
        "cargo run -- schema > schema.graphql",
    ] {
        assert!(says(&report, done), "{done}: {report}");
    }
    assert_eq!(created.read("src/main.rs"), main);
    assert!(
        created
            .read("src/entities.rs")
            .contains(".hide(entity::label::Column::ApiToken)")
    );
    links::check(&created);
    assert_eq!(synced(&created).await.done.len(), 1);
}

#[tokio::test]
async fn what_somebody_edited_is_kept_until_he_says_otherwise() {
    let created = Created::of(Backend::Sqlite, CHINOOK)
        .await
        .expect("SQLite is here");
    let hook =
        "\nimpl Model {\n    pub fn shout(&self) -> String {\n        String::new()\n    }\n}\n";
    let edited = edit(&created, "entity/src/artist.rs", |text| text + hook);
    // As long as the table is as it was, there is nothing to say.
    let report = synced(&created).await;
    assert!(
        report.notes.is_empty() && report.done.len() == 1,
        "{report}"
    );
    created.run("ALTER TABLE Artist ADD COLUMN born date").await;
    let report = synced(&created).await;
    let note = report
        .notes
        .iter()
        .find(|note| note.of == "entity/src/artist.rs");
    let note = note.unwrap_or_else(|| panic!("{report}"));
    assert!(
        note.says.contains("(+ born)") && note.says.contains("--force"),
        "{report}"
    );
    assert_eq!(created.read("entity/src/artist.rs"), edited);
    // Nor is it removed with its table, or lost to a formatter.
    edit(&created, "entity/src/genre.rs", |text| text + "// Mine.\n");
    created
        .run("DROP TABLE PlaylistTrack; DROP TABLE InvoiceLine; DROP TABLE Track")
        .await;
    created.run("DROP TABLE Genre").await;
    let report = synced(&created).await;
    let kept = report
        .notes
        .iter()
        .any(|note| note.of == "entity/src/genre.rs");
    assert!(
        kept && created.folder.join("entity/src/genre.rs").exists(),
        "{report}"
    );
    let report = sync(&created, Choices::default(), true)
        .await
        .expect("it is written");
    assert!(
        says(&report, "entity/src/artist.rs: changed (+ born)"),
        "{report}"
    );
    assert!(!created.read("entity/src/artist.rs").contains("shout"));
    assert!(!created.folder.join("entity/src/genre.rs").exists());
    links::check(&created);
}

#[tokio::test]
async fn what_was_chosen_is_known_again() {
    let sql = "CREATE TABLE user (id INTEGER PRIMARY KEY, password text, token_count int);
               CREATE TABLE log (at text, what text); CREATE VIEW names AS SELECT id FROM user";
    let choices = Choices {
        keys: vec!["log=at".to_owned()],
        ..Choices::default()
    };
    let created = Created::with(Backend::Sqlite, sql, choices)
        .await
        .expect("SQLite is here");
    assert!(
        created
            .read("src/entities.rs")
            .contains("entity::log::Entity")
    );
    let now = Choices {
        keys: vec!["names=id".to_owned()],
        shown: vec!["user.token_count".to_owned()],
        without: vec!["log".to_owned()],
        ..Choices::default()
    };
    sync(&created, now, false).await.expect("it is written");
    let list = created.read("src/entities.rs");
    assert!(
        list.contains("--key log=at") && list.contains("--key names=id"),
        "{list}"
    );
    assert!(
        list.contains(".read_only(entity::names::Entity)") && !list.contains("TokenCount"),
        "{list}"
    );
    assert_eq!(synced(&created).await.done.len(), 1);
    assert_eq!(created.read("src/entities.rs"), list);
}

#[tokio::test]
async fn only_a_project_is_brought_up() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let options = Sync {
        folder: place.path().to_owned(),
        url: None,
        choices: Choices::default(),
        force: false,
    };
    let error = create::sync(&options)
        .await
        .expect_err("it is none")
        .to_string();
    assert!(
        error.contains("src/entities.rs") && error.contains("backref new"),
        "{error}"
    );
    let created = Created::of(Backend::Sqlite, CHINOOK)
        .await
        .expect("SQLite is here");
    std::fs::remove_file(created.folder.join(".cargo/config.toml")).expect("it is there");
    let error = sync(&created, Choices::default(), false)
        .await
        .expect_err("no database")
        .to_string();
    assert!(
        error.contains("--database-url") && error.contains(".cargo/config.toml"),
        "{error}"
    );
}

#[tokio::test]
async fn a_name_may_change_by_a_blank_alone() {
    for backend in Backend::all() {
        let sql = r#"CREATE TABLE "Order Details" ("Order Id" integer PRIMARY KEY, "a, b" text)"#;
        let created = Created::of(backend, sql)
            .await
            .expect("the database is here");
        assert_eq!(synced(&created).await.done.len(), 1);
        created
            .run(
                r#"ALTER TABLE "Order Details" RENAME TO "OrderDetails";
                   ALTER TABLE "OrderDetails" RENAME COLUMN "Order Id" TO "OrderId";
                   ALTER TABLE "OrderDetails" RENAME COLUMN "a, b" TO "a b";"#,
            )
            .await;
        let report = synced(&created).await;
        assert!(
            says(&report, "entity/src/order_details.rs: changed"),
            "{report}"
        );
        let entity = created.read("entity/src/order_details.rs");
        for part in [
            "table_name = \"OrderDetails\"",
            "column_name = \"OrderId\"",
            "column_name = \"a b\"",
        ] {
            assert!(entity.contains(part), "{entity}");
        }
    }
}

/// Rules of main.rs speak of modules and columns.
#[tokio::test]
async fn what_is_new_takes_no_name_of_what_was_there() {
    for backend in Backend::all() {
        let sql =
            r#"CREATE TABLE user_log (id integer PRIMARY KEY, user_name text, "User Age" integer)"#;
        let created = Created::of(backend, sql)
            .await
            .expect("the database is here");
        let before = created.read("entity/src/user_log.rs");
        // Names that come before the others.
        created
            .run(
                r#"CREATE TABLE "AUserLog" (id integer PRIMARY KEY);
                   CREATE TABLE "User Log" (id integer PRIMARY KEY, other text)"#,
            )
            .await;
        let report = synced(&created).await;
        assert_eq!(created.read("entity/src/user_log.rs"), before, "{report}");
        let new = created.read("entity/src/user_log_table.rs");
        assert!(new.contains("table_name = \"User Log\""), "{new}");
        let schema = created.read("src/entities.rs");
        assert!(
            schema.contains(".type_name(entity::user_log_table::Entity, "),
            "{schema}"
        );
        links::check(&created);
        assert_eq!(synced(&created).await.done.len(), 1);
        assert_eq!(created.read("src/entities.rs"), schema);
        // Columns, which come before the others where the table is made anew.
        created
            .run(
                r#"DROP TABLE user_log;
                   CREATE TABLE user_log (id integer PRIMARY KEY, "UserName" text, user_age text, user_name text, "User Age" integer)"#,
            )
            .await;
        let report = synced(&created).await;
        let now = created.read("entity/src/user_log.rs");
        for part in [
            "pub user_name: Option<String>",
            "#[sea_orm(column_name = \"User Age\")]\n    pub user_age:",
            "column_name = \"UserName\"",
            "pub user_name_column:",
            "pub user_age_column:",
        ] {
            assert!(now.contains(part), "{part}: {now}\n{report}");
        }
        links::check(&created);
        let list = created.read("src/entities.rs");
        let renamed =
            ".rename_column(entity::user_log::Column::UserNameColumn, \"userNameColumn\")";
        assert!(list.contains(renamed), "{list}");
        assert_eq!(synced(&created).await.done.len(), 1);
        assert_eq!(created.read("src/entities.rs"), list);
    }
}

/// Rules and names of main.rs speak of relations.
#[tokio::test]
async fn a_relation_keeps_its_name_from_both_ends() {
    for backend in Backend::all() {
        let sql = "CREATE TABLE person (id integer PRIMARY KEY, name text);
            CREATE TABLE letter (id integer PRIMARY KEY, sender_id integer REFERENCES person (id),
                answers_id integer REFERENCES letter (id))";
        let created = Created::of(backend, sql)
            .await
            .expect("the database is here");
        let ends = [
            "\n    Sender,",
            "\n    Answers,",
            "has_many = \"Entity\", via_rel = \"Relation::Answers\")]\n    Letters,",
        ];
        let back =
            "has_many = \"super::letter::Entity\", via_rel = \"Relation::Sender\")]\n    Letters,";
        let holds = |created: &Created| {
            let letter = created.read("entity/src/letter.rs");
            for end in ends {
                assert!(letter.contains(end), "{end}: {letter}");
            }
            let person = created.read("entity/src/person.rs");
            assert!(person.contains(back), "{person}");
        };
        holds(&created);
        // A key that would have the plain names were it there from the beginning, and columns called as the relations.
        created
            .run(
                "ALTER TABLE letter ADD COLUMN person_id integer REFERENCES person (id);
                 ALTER TABLE letter ADD COLUMN sender text;
                 ALTER TABLE person ADD COLUMN letters integer",
            )
            .await;
        let report = synced(&created).await;
        holds(&created);
        let person = created.read("entity/src/person.rs");
        assert!(person.contains("\n    LettersByPerson,"), "{person}");
        let list = created.read("src/entities.rs");
        for renamed in [
            ".rename_column(entity::letter::Column::Sender, \"senderColumn\")",
            ".rename_column(entity::person::Column::Letters, \"lettersColumn\")",
        ] {
            assert!(list.contains(renamed), "{renamed}: {list}");
        }
        let told = |of: &str, says: &str| {
            let mut notes = report.notes.iter();
            assert!(
                notes.any(|note| note.of == of && note.says.contains(says)),
                "{report}"
            );
        };
        told("column letter.sender", "`senderColumn`");
        told("column person.letters", "`lettersColumn`");
        links::check(&created);
        assert_eq!(synced(&created).await.done.len(), 1);
        assert_eq!(created.read("src/entities.rs"), list);
    }
}

#[tokio::test]
async fn an_enum_and_its_values_keep_their_names() {
    let sql = r#"CREATE TYPE "order state" AS ENUM ('a b', 'c');
        CREATE TABLE purchase (id integer PRIMARY KEY, state "order state")"#;
    let Some(created) = Created::of(Backend::Postgres, sql).await else {
        return;
    };
    let holds = |created: &Created| {
        let enums = created.read("entity/src/sea_orm_active_enums.rs");
        for part in [
            "enum_name = \"order state\")]\npub enum OrderState {",
            "string_value = \"a b\")]\n    AB,",
        ] {
            assert!(enums.contains(part), "{part}: {enums}");
        }
        enums
    };
    holds(&created);
    created
        .run(
            "CREATE TYPE \"Order_State\" AS ENUM ('x');
             CREATE TABLE order_a (id integer PRIMARY KEY, state \"Order_State\")",
        )
        .await;
    created
        .run("ALTER TYPE \"order state\" ADD VALUE 'a_b' BEFORE 'a b'")
        .await;
    let report = synced(&created).await;
    let enums = holds(&created);
    assert!(
        enums.contains("enum_name = \"Order_State\")]\npub enum OrderStateEnum2 {"),
        "{enums}\n{report}"
    );
    assert!(
        enums.contains("string_value = \"a_b\")]\n    ABValue,"),
        "{enums}"
    );
    assert_eq!(synced(&created).await.done.len(), 1);
}

#[tokio::test]
async fn the_database_is_named_in_any_way_that_cargo_knows() {
    let created = Created::of(Backend::Sqlite, CHINOOK)
        .await
        .expect("SQLite is here");
    let url = created.database.url.settled();
    for settings in [
        format!("[env]\nDATABASE_URL = '{url}' # Mine.\n"),
        format!("[env]\nDATABASE_URL = \"{url}\"\t# \"Mine\"\n"),
        format!("env.DATABASE_URL = \"\"\"\n{url}\"\"\"\n"),
        format!("[env]\nDATABASE_URL = {{ value = \"{url}\", force = true }}\n"),
        format!(
            "[other]\nDATABASE_URL = \"sqlite://other.db\"\n[env.DATABASE_URL]\nvalue = '{url}'\n"
        ),
    ] {
        edit(&created, ".cargo/config.toml", |_| settings.clone());
        let report = synced(&created).await;
        assert_eq!(report.done.len(), 1, "{settings}: {report}");
    }
    edit(&created, ".cargo/config.toml", |_| "[env\n".to_owned());
    let error = sync(&created, Choices::default(), false).await;
    let error = error.expect_err("it is no TOML").to_string();
    assert!(error.contains("config.toml"), "{error}");
}

/// Rust would escape some letters in ways that TOML does not know.
#[tokio::test]
async fn a_database_may_lie_in_a_folder_of_any_name() {
    use backref::create::{New, Source};
    use toml_edit::DocumentMut;

    let place = tempfile::tempdir().expect("a temporary folder");
    let folder = place.path().join("cafe\u{301} ที่นี่ \"a\\b\" \u{200b}\u{7f}");
    std::fs::create_dir(&folder).expect("it is made");
    let sources = folder.join("sources");
    std::fs::create_dir(&sources).expect("it is made");
    let created = Created::of(Backend::Sqlite, CHINOOK)
        .await
        .expect("SQLite is here");
    let file = folder.join("shop.db");
    created
        .run(&format!("VACUUM INTO '{}'", file.display()))
        .await;
    let options = New {
        folder: folder.join("my-api"),
        url: format!("sqlite://{}", file.display())
            .parse()
            .expect("a URL"),
        backref: Source::Folder(sources.clone()),
        choices: Choices::default(),
    };
    create::new(&options).await.expect("it is written");
    let read = |file: &str| -> DocumentMut {
        let text = std::fs::read_to_string(options.folder.join(file)).expect("it is there");
        text.parse().unwrap_or_else(|e| panic!("{e}: {text}"))
    };
    let settings = read(".cargo/config.toml");
    let url = settings["env"]["DATABASE_URL"].as_str();
    assert_eq!(url, Some(options.url.settled().as_str()));
    let manifest = read("Cargo.toml");
    let path = manifest["dependencies"]["backref"]["path"].as_str();
    assert_eq!(path, sources.to_str());
    let again = Sync {
        folder: options.folder.clone(),
        url: None,
        choices: Choices::default(),
        force: false,
    };
    let report = create::sync(&again).await.expect("it is found");
    assert!(says(&report, "nothing was written"), "{report}");
}
