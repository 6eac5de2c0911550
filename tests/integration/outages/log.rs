//! What the log says of statements that fail: what the database said, under the id that the client has; no value of a
//! row; and each cause once, with how often it came.

use super::*;
use crate::harness::{LATE, Program, SECRET as SECRET_KEY, token};

async fn run(database: &TestDatabase, statements: &[&str]) {
    for sql in statements {
        let done = database.connection.execute_unprepared(sql).await;
        done.unwrap_or_else(|e| panic!("{sql}: {e}"));
    }
}

/// The id in an error's message.
fn id_of(answer: &Value) -> String {
    let message = answer["errors"][0]["message"].as_str().unwrap_or_default();
    let last = message.trim_end_matches(')').rsplit(' ').next();
    last.unwrap_or_default().to_owned()
}

/// The lines of a log in JSON that are about this id.
fn about(log: &str, id: &str) -> Vec<Value> {
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["fields"]["id"] == id).collect()
}

const SECRET: &str = "geheim-4711";

/// What the database is made to fail by, what is asked, and what the log says then: code and words.
struct Case {
    made: &'static [&'static str],
    query: &'static str,
    code: &'static str,
    says: &'static str,
}

const ON_POSTGRES: &[Case] = &[
    Case {
        made: &["ALTER TABLE profile RENAME TO elsewhere"],
        query: "{ profile(id: 1) { bio } }",
        code: "42P01",
        says: "PostgreSQL: relation \"profile\" does not exist",
    },
    Case {
        made: &["ALTER TABLE profile RENAME COLUMN bio TO elsewhere"],
        query: "{ user(id: 1) { profile { bio } } }",
        code: "42703",
        says: ".bio does not exist",
    },
    Case {
        made: &[
            "UPDATE tag SET name = 'geheim-4711'",
            "ALTER TABLE tag RENAME TO elsewhere",
            "CREATE VIEW tag AS SELECT id, (name::integer)::text AS name FROM elsewhere",
        ],
        query: "{ tags { name } }",
        code: "22P02",
        says: "PostgreSQL: invalid input syntax for type integer: …",
    },
    // Not the value of the client's, however much it asks for one.
    Case {
        made: &[
            "UPDATE tag SET name = 'geheim-4711'",
            "ALTER TABLE tag RENAME TO elsewhere",
            "CREATE VIEW tag AS SELECT id, (name::integer)::text AS name FROM elsewhere",
        ],
        query: "{ tags(where: { name: { eq: \"7\" } }) { name } }",
        code: "22P02",
        says: "PostgreSQL: invalid input syntax for type integer: …",
    },
    Case {
        made: &[
            "CREATE FUNCTION told(n text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING \
             MESSAGE = 'no geheim-4711', ERRCODE = '42P01', DETAIL = 'geheim-4711', HINT = 'geheim-4711'; END $$",
            "ALTER TABLE tag RENAME TO elsewhere",
            "CREATE VIEW tag AS SELECT id, told(name) AS name FROM elsewhere",
        ],
        query: "{ tags { name } }",
        code: "42P01",
        says: "PostgreSQL: a function raised it",
    },
    // What PostgreSQL cannot do is no outage.
    Case {
        made: &[
            "CREATE FUNCTION never(n text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING \
             MESSAGE = 'no geheim-4711', ERRCODE = '0A000'; END $$",
            "ALTER TABLE tag RENAME TO elsewhere",
            "CREATE VIEW tag AS SELECT id, never(name) AS name FROM elsewhere",
        ],
        query: "{ tags { name } }",
        code: "0A000",
        says: "PostgreSQL: a function raised it",
    },
];

const ON_SQLITE: &[Case] = &[
    Case {
        made: &["PRAGMA legacy_alter_table = ON; ALTER TABLE profile RENAME TO elsewhere"],
        query: "{ profile(id: 1) { bio } }",
        code: "1",
        says: "SQLite: no such table: profile",
    },
    Case {
        made: &["ALTER TABLE profile RENAME COLUMN bio TO elsewhere"],
        query: "{ user(id: 1) { profile { bio } } }",
        code: "1",
        says: ".bio",
    },
    Case {
        made: &[
            "UPDATE tag SET name = 'geheim-4711' WHERE id = 1",
            "PRAGMA legacy_alter_table = ON; ALTER TABLE tag RENAME TO elsewhere",
            "CREATE VIEW tag AS SELECT id, json_extract('{}', name) AS name FROM elsewhere",
        ],
        query: "{ tags { name } }",
        code: "1",
        says: "SQLite: ",
    },
];

#[tokio::test]
async fn it_says_what_the_database_said_and_nothing_of_rows() {
    for backend in Backend::all() {
        let cases = match backend {
            Backend::Sqlite => ON_SQLITE,
            Backend::Postgres => ON_POSTGRES,
        };
        for case in cases {
            let database = TestDatabase::sample(backend).await;
            // Names are unique.
            let made = case.made.iter().map(|sql| match sql.starts_with("UPDATE") {
                true if !sql.contains("WHERE") => format!("{sql} WHERE id = 1"),
                _ => (*sql).to_owned(),
            });
            let made: Vec<String> = made.collect();
            run(
                &database,
                &made.iter().map(String::as_str).collect::<Vec<_>>(),
            )
            .await;
            let program = Program::serve(&database, &["--log-json"]);
            let answer = program.ask(case.query);
            assert_eq!(
                answer["errors"][0]["extensions"]["code"], "INTERNAL_SERVER_ERROR",
                "{answer}"
            );
            let (_, log) = program.stop();
            assert!(!log.contains(SECRET), "{log}");
            let lines = about(&log, &id_of(&answer));
            let [line] = &lines[..] else {
                panic!("one line: {lines:?} of {log}")
            };
            let fields = &line["fields"];
            assert_eq!(fields["code"], case.code, "{line}");
            let message = fields["message"].as_str().unwrap_or_default();
            assert!(message.contains(case.says), "{line}");
            let statement = fields["statement"].as_str().unwrap_or_default();
            assert!(statement.starts_with("SELECT"), "{line}");
            let named = fields["path"].as_str().is_some_and(|path| {
                case.query
                    .contains(path.split('.').next().unwrap_or_default())
            });
            assert!(named, "{line}");
            if case.code.starts_with("42") && !case.says.contains("raised") {
                // Where in the statement it is.
                let position = fields["position"].as_u64().expect("a position") as usize;
                let at: String = statement.chars().skip(position - 1).take(20).collect();
                assert!(at.contains("profile") || at.contains("bio"), "{at}: {line}");
            }
        }
    }
}

/// What mutations run is told as what queries do: each with its statement and its field.
#[tokio::test]
async fn a_mutation_that_fails_is_told_with_its_statement() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        run(
            &database,
            &[
                "UPDATE \"user\" SET role = 'admin' WHERE id = 1",
                "ALTER TABLE tag RENAME COLUMN name TO elsewhere",
            ],
        )
        .await;
        let program = Program::serve(&database, &["--log-json", "--jwt-secret", SECRET_KEY]);
        let header = format!("authorization: Bearer {}", token(&database));
        let fields = [
            (
                "createTag",
                r#"createTag(input: { name: "geheim-4711" }) { id }"#,
                "INSERT",
            ),
            (
                "other",
                r#"other: updateTag(id: "Tag:1", input: { name: "geheim-4711" }) { id }"#,
                "UPDATE",
            ),
        ];
        let answers = fields.map(|(_, field, _)| {
            let first = r#"first: updatePost(id: "Post:1", input: { title: "T" }) { id }"#;
            program.ask_with(&format!("mutation {{ {first} {field} }}"), &header)
        });
        let (_, log) = program.stop();
        assert!(!log.contains(SECRET), "{log}");
        for ((key, _, starts), answer) in fields.into_iter().zip(answers) {
            let error = &answer["errors"][0];
            assert_eq!(
                error["extensions"]["code"], "INTERNAL_SERVER_ERROR",
                "{answer}"
            );
            assert_eq!(error["path"], serde_json::json!([key]), "{answer}");
            let lines = about(&log, &id_of(&answer));
            let [line] = &lines[..] else {
                panic!("one line: {lines:?} of {log}")
            };
            let fields = &line["fields"];
            assert_eq!(fields["path"], key, "{line}");
            let statement = fields["statement"].as_str().unwrap_or_default();
            assert!(statement.contains(starts), "{line}");
            let message = fields["message"].as_str().unwrap_or_default();
            assert!(message.contains("name"), "{line}");
        }
    }
}

/// Reading and writing alike.
#[tokio::test]
async fn what_the_server_may_not_do_is_told_with_who_knows_the_remedy() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let database = TestDatabase::sample(Backend::Postgres).await;
    let role = format!("clerk_of_{}", database.name());
    let made = [
        "UPDATE \"user\" SET role = 'admin' WHERE id = 1".to_owned(),
        format!("CREATE ROLE {role} LOGIN PASSWORD 'secret'"),
        format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"),
        format!("REVOKE SELECT ON profile FROM {role}"),
    ];
    run(&database, &made.each_ref().map(String::as_str)).await;
    let shown = database.url.shown();
    let (_, host) = shown.split_once('@').expect("a user");
    let url = format!("postgres://{role}:secret@{host}");
    let arguments = ["--log-json", "--jwt-secret", SECRET_KEY];
    let program = Program::serve_at(&url, &arguments);
    let header = format!("authorization: Bearer {}", token(&database));
    let answers = [
        (
            "mutation { createTag(input: { name: \"new\" }) { id } }",
            "tag",
        ),
        ("{ profile(id: 1) { bio } }", "profile"),
    ]
    .map(|(query, table)| (program.ask_with(query, &header), table));
    let (_, log) = program.stop();
    for (answer, table) in answers {
        let error = &answer["errors"][0];
        let code = &error["extensions"]["code"];
        assert_eq!(code, "INTERNAL_SERVER_ERROR", "{answer}");
        let told = error["message"].as_str().unwrap_or_default();
        assert!(!told.contains(table), "{answer}");
        let lines = about(&log, &id_of(&answer));
        let [line] = &lines[..] else {
            panic!("one line: {lines:?} of {log}")
        };
        let message = line["fields"]["message"].as_str().unwrap_or_default();
        let says = format!("permission denied for table {table}; the command `doctor` says");
        assert!(message.contains(&says), "{line}");
    }
    let gone = [format!("DROP OWNED BY {role}"), format!("DROP ROLE {role}")];
    run(&database, &gone.each_ref().map(String::as_str)).await;
}

/// A policy of PostgreSQL's own (`ROW LEVEL SECURITY`) is a rule, and no right that is missing: whoever writes is told so, by no
/// word of the policy or of the row, and the log says to whoever runs the server where to look.
#[tokio::test]
async fn what_a_policy_of_the_database_s_refuses_is_forbidden() {
    let Some(database) = postgres().await else {
        return;
    };
    let role = format!("clerk_of_{}", database.name());
    let made = [
        "UPDATE \"user\" SET role = 'admin' WHERE id = 1".to_owned(),
        format!("CREATE ROLE {role} LOGIN PASSWORD 'secret'"),
        format!("GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}"),
        format!("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role}"),
        "ALTER TABLE tag ENABLE ROW LEVEL SECURITY".to_owned(),
        format!("CREATE POLICY \"{SECRET}\" ON tag USING (true) WITH CHECK (name <> '{SECRET}')"),
    ];
    run(&database, &made.each_ref().map(String::as_str)).await;
    let shown = database.url.shown();
    let (_, host) = shown.split_once('@').expect("a user");
    let url = format!("postgres://{role}:secret@{host}");
    let arguments = ["--log-json", "--jwt-secret", SECRET_KEY];
    let program = Program::serve_at(&url, &arguments);
    let header = format!("authorization: Bearer {}", token(&database));
    let named = |name: &str| format!(r#"{{ name: "{name}" }}"#);
    let (good, bad) = (named("one"), named(SECRET));
    let cases = [
        (format!("createTag(input: {bad}) {{ id }}"), "input"),
        (
            format!("createTags(inputs: [{good}, {bad}]) {{ id }}"),
            "inputs",
        ),
        (format!("updateTag(id: 1, input: {bad}) {{ id }}"), "input"),
        (
            format!("updateTags(where: {{ id: {{ eq: 1 }} }}, input: {bad}) {{ count }}"),
            "input",
        ),
        (
            format!("upsertTag(create: {bad}, update: {good}, on: NAME) {{ id }}"),
            "create",
        ),
        (
            format!(
                "a: createTag(input: {good}) {{ id }} b: upsertTag(create: {good}, update: {bad}, on: NAME) {{ id }}"
            ),
            "update",
        ),
        (
            format!("updatePost(id: 1, input: {{ tags: {{ create: [{bad}] }} }}) {{ id }}"),
            "input.tags.create.0",
        ),
    ];
    for (fields, place) in cases {
        let answer = program.ask_with(&format!("mutation {{ {fields} }}"), &header);
        let errors = answer["errors"].as_array().expect("errors");
        let [error] = &errors[..] else {
            panic!("one error: {fields}: {answer}")
        };
        let extensions = json!({ "code": "FORBIDDEN", "field": place });
        assert_eq!(error["extensions"], extensions, "{fields}: {answer}");
        let message = "the rules of the database do not let this tag be so";
        assert_eq!(error["message"], message, "{fields}: {answer}");
        assert!(answer["data"].is_null(), "{answer}");
    }
    let good = format!("mutation {{ createTag(input: {good}) {{ name }} }}");
    assert_eq!(
        program.ask_with(&good, &header)["data"]["createTag"]["name"],
        "one"
    );
    let (_, log) = program.stop();
    assert!(!log.contains(SECRET), "{log}");
    assert!(!log.contains("doctor"), "{log}");
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let of_policies = lines.filter(|line| {
        let message = line["fields"]["message"].as_str().unwrap_or_default();
        message.contains("row-level security policy") && message.contains("`pg_policies`")
    });
    let of_policies: Vec<_> = of_policies.collect();
    assert!(!of_policies.is_empty(), "{log}");
    for line in of_policies {
        assert_eq!(line["level"], "WARN", "{line}");
    }
    let gone = [format!("DROP OWNED BY {role}"), format!("DROP ROLE {role}")];
    run(&database, &gone.each_ref().map(String::as_str)).await;
}

/// What a trigger's own code does wrong is nobody's value; what it says itself is told as such.
#[tokio::test]
async fn what_goes_wrong_in_a_trigger_is_not_the_input_s_fault() {
    let Some(database) = postgres().await else {
        return;
    };
    let cases = [
        ("PERFORM 1 / 0", "INTERNAL_SERVER_ERROR", "22012"),
        ("PERFORM 'many'::integer", "INTERNAL_SERVER_ERROR", "22P02"),
        (
            "PERFORM 3000000000::bigint::integer",
            "INTERNAL_SERVER_ERROR",
            "22003",
        ),
        ("RAISE EXCEPTION 'no'", "CONFLICT", ""),
        (
            "RAISE EXCEPTION 'no' USING ERRCODE = '22023'",
            "CONFLICT",
            "",
        ),
        // By codes of its own, and by those of the manual that say what it means.
        (
            "RAISE EXCEPTION 'no' USING ERRCODE = 'NO001'",
            "CONFLICT",
            "",
        ),
        ("RAISE invalid_authorization_specification", "CONFLICT", ""),
        ("RAISE check_violation", "BAD_USER_INPUT", ""),
        ("RAISE insufficient_privilege", "FORBIDDEN", ""),
    ];
    run(
        &database,
        &[
            "UPDATE \"user\" SET role = 'admin' WHERE id = 1",
            "CREATE FUNCTION wrong() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
            "CREATE TRIGGER wrong BEFORE INSERT ON tag FOR EACH ROW EXECUTE FUNCTION wrong()",
        ],
    )
    .await;
    let program = Program::serve(&database, &["--log-json", "--jwt-secret", SECRET_KEY]);
    let header = format!("authorization: Bearer {}", token(&database));
    let mut logged = Vec::new();
    for (does, code, sql_state) in cases {
        let made = format!(
            "CREATE OR REPLACE FUNCTION wrong() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {does}; RETURN NEW; END $$"
        );
        run(&database, &[&made]).await;
        let answer = program.ask_with(
            r#"mutation { createTag(input: { name: "one" }) { id } }"#,
            &header,
        );
        assert_eq!(
            answer["errors"][0]["extensions"]["code"], code,
            "{does}: {answer}"
        );
        if code == "INTERNAL_SERVER_ERROR" {
            logged.push((id_of(&answer), sql_state));
        }
    }
    let (_, log) = program.stop();
    for (id, code) in logged {
        let lines = about(&log, &id);
        let fields = &lines.first().unwrap_or_else(|| panic!("no line: {log}"))["fields"];
        assert_eq!(fields["code"], code, "{fields}");
        assert_eq!(fields["path"], "createTag", "{fields}");
        assert!(
            fields["statement"]
                .as_str()
                .is_some_and(|sql| sql.contains("INSERT"))
        );
    }
}

/// It is the client's error, and in the log, too, since nobody else sees what PostgreSQL said.
#[tokio::test]
async fn a_value_that_is_refused_is_a_warning() {
    let Some(database) = postgres().await else {
        return;
    };
    run(
        &database,
        &["ALTER TABLE tag ALTER name TYPE inet USING '10.0.0.1'::inet + id"],
    )
    .await;
    let program = Program::serve(&database, &["--log-json"]);
    let query = format!("{{ tags(where: {{ name: {{ eq: \"{SECRET}\" }} }}) {{ id }} }}");
    let answer = program.ask(&query);
    let code = &answer["errors"][0]["extensions"]["code"];
    assert_eq!(code, "BAD_USER_INPUT", "{answer}");
    let (_, log) = program.stop();
    assert!(!log.contains(SECRET), "{log}");
    let line = log
        .lines()
        .find(|line| line.contains("a value was refused"));
    let line = line.unwrap_or_else(|| panic!("no line: {log}"));
    for part in ["\"WARN\"", "22P02", "invalid input syntax", "SELECT"] {
        assert!(line.contains(part), "{part}: {line}");
    }
}

#[tokio::test]
async fn a_cause_is_told_once_and_counted() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let away = match backend {
            Backend::Sqlite => {
                "PRAGMA legacy_alter_table = ON; ALTER TABLE profile RENAME TO elsewhere"
            }
            Backend::Postgres => "ALTER TABLE profile RENAME TO elsewhere",
        };
        run(&database, &[away]).await;
        let program = Program::serve(&database, &["--log-json"]);
        let ids: Vec<String> = (0..50)
            .map(|_| id_of(&program.ask("{ profile(id: 1) { bio } }")))
            .collect();
        let other = id_of(&program.ask("{ profile(id: 1) { website } }"));
        assert_ne!(ids[0], other);
        let (_, log) = program.stop();
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        let lines = about(&log, &ids[0]);
        assert!(lines[0]["fields"]["statement"].is_string(), "{log}");
        let times = |line: &Value| line["fields"]["times"].as_u64().unwrap_or(0);
        // On a machine that is slow enough there is more than one count.
        assert_eq!(lines[1..].iter().map(times).sum::<u64>(), 49, "{log}");
        assert!(
            lines[1..]
                .iter()
                .all(|line| line["fields"]["statement"].is_null())
        );
        assert_eq!(about(&log, &other).len(), 1, "{log}");
    }
}

/// A database that is away is one cause, whatever was asked of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_is_a_few_lines() {
    let Some(mut database) = postgres().await else {
        return;
    };
    let proxy = Proxy::before(&mut database).await;
    let program = Program::serve(&database, &["--log-json"]);
    proxy.is(Way::Cut);
    let began = Instant::now();
    for i in 0..300 {
        let answer = program.ask(&format!("{{ users(limit: {i}) {{ id }} tags {{ id }} }}"));
        assert_eq!(
            answer["errors"][0]["extensions"]["code"], "UNAVAILABLE",
            "{answer}"
        );
    }
    assert_eq!(program.status_of("/readyz").0, "503");
    let (_, log) = program.stop();
    let is_loud = |line: &&str| line.contains("\"ERROR\"") || line.contains("\"WARN\"");
    // There are a few causes, each of which is counted every ten seconds.
    let most = 30 + began.elapsed().as_secs() as usize / 2;
    assert!(log.lines().filter(is_loud).count() < most, "{log}");
    assert!(log.contains("cannot open a connection"), "{log}");
}

#[tokio::test]
async fn of_what_goes_well_nothing_is_said() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let program = Program::serve(&database, &["--log-json"]);
        program.assert_ready();
        for path in ["/healthz", "/"] {
            assert_eq!(program.status_of(path).0, "200", "{path}");
        }
        let answer = program.ask("{ users { posts { title } } }");
        assert!(answer["errors"].is_null(), "{answer}");
        // Counts are told when it stops, if there are any.
        let (_, log) = program.stop();
        let loud = log
            .lines()
            .filter(|line| line.contains("\"ERROR\"") || line.contains("\"WARN\""));
        // What somebody has added to the box without rules for writing is told of at the start; and that a machine stood still.
        let usual = |line: &&str| line.contains("anybody may write") || line.contains(LATE);
        let loud = loud.filter(|line| !usual(line));
        assert_eq!(loud.collect::<Vec<_>>(), Vec::<&str>::new());
    }
}

/// What the database holds and no answer can is the operator's to mend, who finds it by the id that the client was given.
#[tokio::test]
async fn a_value_that_cannot_be_written_is_told_without_it() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        match backend {
            Backend::Sqlite => {
                run(
                    &database,
                    &[
                        "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;
                       UPDATE post SET status = 'geheim-4711' WHERE id = 1;
                       UPDATE comment SET author_id = 4711 WHERE id = 1",
                    ],
                )
                .await;
            }
            Backend::Postgres => {
                run(
                    &database,
                    &["ALTER TYPE post_status ADD VALUE 'geheim-4711'"],
                )
                .await;
                run(
                    &database,
                    &[
                        "UPDATE post SET status = 'geheim-4711' WHERE id = 1",
                        "ALTER TABLE comment DISABLE TRIGGER ALL",
                        "UPDATE comment SET author_id = 4711 WHERE id = 1",
                    ],
                )
                .await;
            }
        }
        let program = Program::serve(&database, &["--log-json", "--jwt-secret", SECRET_KEY]);
        let header = format!("authorization: Bearer {}", token(&database));
        let cases = [
            (
                r#"{ posts(where: { id: { eq: "1" } }) { state: status } }"#,
                "Post.state that its type cannot represent",
                "posts.state",
            ),
            (
                r#"{ comments(where: { id: { eq: "1" } }) { author { id } } }"#,
                "Comment.author is never null, but what it refers to is missing",
                "comments.author",
            ),
        ];
        let mut told = Vec::new();
        for (query, says, path) in cases {
            for _ in 0..3 {
                let answer = program.ask_with(query, &header);
                let error = &answer["errors"][0];
                let message = error["message"].as_str().unwrap_or_default();
                assert!(message.contains(says), "{backend:?}: {answer}");
                assert!(!message.contains("4711"), "{answer}");
                assert_eq!(error["extensions"]["code"], "INTERNAL_SERVER_ERROR");
                told.push((message.to_owned(), path));
            }
        }
        let (_, log) = program.stop();
        assert!(!log.contains(SECRET), "{log}");
        for same in told.chunks(3) {
            let (message, path) = &same[0];
            assert!(same.iter().all(|(m, _)| m == message), "one id: {same:?}");
            let (_, id) = message.rsplit_once("(error ").expect("an id");
            let lines = about(&log, id.trim_end_matches(')'));
            // Once, and then how often it came again: on a machine that is slow enough by more than one count.
            let [first, again @ ..] = &lines[..] else {
                panic!("no line: {log}")
            };
            assert_eq!(first["fields"]["path"], *path, "{first}");
            let times = again.iter().map(|line| line["fields"]["times"].as_u64());
            assert_eq!(times.sum::<Option<u64>>(), Some(2), "{again:?}");
        }
    }
}

/// Nobody reads what is logged, or there is no room for it: that is no error of a request, and none of the end.
#[tokio::test]
async fn a_log_that_leads_nowhere_is_in_nobodys_way() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let away = match backend {
            Backend::Sqlite => "PRAGMA legacy_alter_table = ON; ALTER TABLE tag RENAME TO away",
            Backend::Postgres => "ALTER TABLE tag RENAME TO away",
        };
        run(&database, &[away]).await;
        let program = Program::unheard(&database);
        let answer = program.ask("{ tags(limit: 1) { id } posts(limit: 1) { id } }");
        assert_eq!(
            answer["errors"][0]["extensions"]["code"], "INTERNAL_SERVER_ERROR",
            "{answer}"
        );
        let answer = program.ask("{ posts(limit: 1) { id } }");
        assert!(answer["data"]["posts"][0]["id"].is_string(), "{answer}");
        let (status, _) = program.stop();
        assert!(status.success(), "{status}");
    }
}
