//! Tokens as the command line configures them.

use std::path::Path;

use backref::graph::{Claim, Principal, Subject};
use backref::identity::tokens::Tokens;
use backref::serve::config::Cli;
use backref::serve::identity::{self, IdentityError};
use clap::Parser;
use serde_json::json;

use super::signing::{Pair, RSA_PUBLIC, SECRET, by_secret, with};
use crate::harness::{Backend, Program, TestDatabase};

fn configured(
    arguments: &[&str],
    embedded: Option<&Path>,
) -> Result<Option<Tokens>, IdentityError> {
    let cli = Cli::try_parse_from([&["backref"], arguments].concat());
    let cli = cli.unwrap_or_else(|e| panic!("{e}"));
    identity::tokens(&cli.serve.identity, embedded)
}

fn believing(arguments: &[&str]) -> Tokens {
    let tokens = configured(arguments, None).unwrap_or_else(|e| panic!("{e}"));
    tokens.expect("a key")
}

#[test]
fn the_embedded_file_has_a_secret_of_its_own_beside_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("backref.db");
    let subject = Subject::new("1");
    // Several that start at once have the same one.
    let signed = std::thread::scope(|scope| {
        let start = || {
            let tokens = configured(&[], Some(&database)).expect("a secret");
            let tokens = tokens.expect("tokens");
            tokens.sign(&subject, None).expect("it signs")
        };
        let starts: Vec<_> = (0..4).map(|_| scope.spawn(start)).collect();
        let ended = starts.into_iter().map(|s| s.join().expect("no panic"));
        ended.collect::<Vec<_>>()
    });
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let tokens = configured(&[], Some(&database)).expect("a secret");
    let tokens = tokens.expect("tokens");
    for token in signed {
        let principal = runtime.block_on(tokens.verify(&token));
        assert_eq!(principal, Ok(Principal::subject(subject.clone())));
    }
    let names = std::fs::read_dir(folder.path()).expect("a folder");
    let names: Vec<_> = names.map(|e| e.expect("an entry").file_name()).collect();
    assert_eq!(names, ["backref.db.secret"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let file = folder.path().join("backref.db.secret");
        let mode = std::fs::metadata(&file)
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(&file, "short").expect("a file");
        let refused = configured(&[], Some(&database))
            .err()
            .expect("it is refused");
        assert!(refused.to_string().contains("remove it"), "{refused}");
    }
}

#[tokio::test]
async fn flags_say_which_tokens_are_believed() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).expect("a file");
        file.display().to_string()
    };
    let key = file("key.pem", RSA_PUBLIC);
    let pair = Pair::rsa();
    let claims = with(json!({
        "iss": "us", "aud": "blog", "uid": 7, "realm": { "role": "admin" }, "org": { "id": "t1" }, "vip": true
    }));
    let tokens = believing(&[
        "--jwt-public-key",
        &key,
        "--jwt-issuer",
        "us",
        "--jwt-audience",
        "api,blog",
        "--jwt-id-claim",
        "uid",
        "--jwt-role-claim",
        "realm.role",
        "--jwt-claims",
        "tenant=org.id,vip",
    ]);
    let mut subject = Subject::new("7").with_role("admin");
    subject
        .claims
        .insert("tenant".into(), Claim::Text("t1".into()));
    subject.claims.insert("vip".into(), Claim::Boolean(true));
    let principal = tokens.verify(&pair.token(None, &claims)).await;
    assert_eq!(principal, Ok(Principal::subject(subject)));
    assert!(!tokens.can_sign());

    let set = file(
        "keys.json",
        &json!({ "keys": [pair.jwk("one")] }).to_string(),
    );
    let tokens = believing(&["--jwt-jwks", &set, "--jwt-audience", "blog"]);
    assert!(
        tokens
            .verify(&pair.token(Some("one"), &with(json!({ "aud": "blog" }))))
            .await
            .is_ok()
    );

    let curve = Pair::curve();
    let key = file("curve.pem", &curve.pem());
    let tokens = believing(&["--jwt-public-key", &key, "--jwt-algorithm", "es256"]);
    assert!(
        tokens
            .verify(&curve.token(None, &with(json!({}))))
            .await
            .is_ok()
    );

    let tokens = believing(&["--jwt-secret", SECRET]);
    assert!(
        tokens
            .verify(&by_secret(SECRET, &with(json!({}))))
            .await
            .is_ok()
    );
    assert!(configured(&[], None).expect("it starts").is_none());
    assert!(configured(&["--jwt-secret", "short"], None).is_err());
    let two = ["backref", "--jwt-secret", SECRET, "--jwt-public-key", &key];
    assert!(Cli::try_parse_from(two).is_err());
}

/// The answer's status to a query with this token.
fn status(program: &Program, token: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = program.connect();
    let head = "GET /graphql?query=%7B__typename%7D HTTP/1.1\r\nhost: x\r\nconnection: close";
    write!(stream, "{head}\r\nauthorization: Bearer {token}\r\n\r\n").expect("it reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    text.split(' ').nth(1).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn the_program_believes_tokens_of_its_secret_and_without_a_key_none() {
    let database = TestDatabase::migrated(Backend::Sqlite).await;
    let good = by_secret(SECRET, &with(json!({})));
    let program = Program::serve(&database, &["--jwt-secret", SECRET]);
    assert_eq!(
        (status(&program, &good), status(&program, "bad")),
        ("200".into(), "401".into())
    );
    drop(program);
    let program = Program::serve(&database, &[]);
    assert_eq!(status(&program, &good), "401");
}
