//! What a token must say to be believed.

use std::time::Duration;

use backref::identity::tokens::{Algorithm, ClaimPath, KeySource, TokenSettings, Tokens};
use serde_json::{Value, json};

use super::signing::{Pair, RSA_PUBLIC, SECRET, by_secret, claims, hs256, now, token, with};
use super::{TELLING, ask, believing, shown};

#[tokio::test]
async fn a_good_token_is_believed_and_then_known() {
    let (_database, app, tokens) = believing(TokenSettings::secret(SECRET)).await;
    let good = by_secret(SECRET, &claims());
    for hits in [0, 1, 2] {
        let answer = shown(&app.router, &good).await;
        assert_eq!(
            (answer.status, tokens.hits()),
            (200, hits),
            "{}",
            answer.body
        );
        assert_eq!(answer.header("vary"), "authorization, accept");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn who_shows_nothing_is_anonymous() {
    let (_database, app, _) = believing(TokenSettings::secret(SECRET)).await;
    let answer = ask(&app.router, "{ __typename }", &[]).await;
    assert_eq!(answer.body, json!({ "data": { "__typename": "Query" } }));
}

#[tokio::test]
async fn a_bad_token_is_refused_by_name() {
    let settings = TokenSettings {
        issuer: Some("https://issuer".to_owned()),
        audience: vec!["backref".to_owned(), "blog".to_owned()],
        ..TokenSettings::secret(SECRET)
    };
    let (_database, app, _) = believing(settings).await;
    let fine = json!({ "iss": "https://issuer", "aud": ["others", "blog"] });
    let by = |more: Value| {
        let mut claims = with(fine.clone());
        for (name, value) in more.as_object().expect("an object") {
            claims[name] = value.clone();
        }
        by_secret(SECRET, &claims)
    };
    let without = |name: &str| {
        let mut claims = with(fine.clone());
        claims.as_object_mut().expect("an object").remove(name);
        by_secret(SECRET, &claims)
    };
    assert_eq!(shown(&app.router, &by(json!({}))).await.status, 200);

    let none = token(&json!({ "alg": "none" }), &with(fine.clone()), |_| {
        Vec::new()
    });
    let good = by(json!({}));
    let (signed, _) = good.rsplit_once('.').expect("a signature");
    let other_head = token(&json!({ "alg": "HS512" }), &with(fine.clone()), |m| {
        hs256(SECRET.as_bytes(), m)
    });
    let critical = token(
        &json!({ "alg": "HS256", "crit": ["b64"], "b64": false }),
        &with(fine.clone()),
        |m| hs256(SECRET.as_bytes(), m),
    );
    let missing =
        |claim: &str| format!("the token's claim `{claim}` is missing, or not of its type");
    let cases = [
        (
            by(json!({ "exp": now() - 61 })),
            "the token has expired".to_owned(),
        ),
        (
            by(json!({ "nbf": now() + 120 })),
            "the token is not valid yet".to_owned(),
        ),
        (
            by(json!({ "nbf": (now() - 9).to_string() })),
            missing("nbf"),
        ),
        (
            by(json!({ "exp": (now() + 600).to_string() })),
            missing("exp"),
        ),
        (by(json!({ "exp": null })), missing("exp")),
        (without("exp"), missing("exp")),
        (
            by(json!({ "iss": "https://other" })),
            "the token is of another issuer".to_owned(),
        ),
        (without("iss"), missing("iss")),
        (
            by(json!({ "aud": "others" })),
            "the token is for another audience".to_owned(),
        ),
        (by(json!({ "aud": 7 })), missing("aud")),
        (without("aud"), missing("aud")),
        (without("sub"), missing("sub")),
        (by(json!({ "sub": "" })), missing("sub")),
        (
            by(json!({ "sub": { "id": 1 } })),
            "the token cannot be read as a JWT".to_owned(),
        ),
        (by(json!({ "sub": 1.5 })), missing("sub")),
        (by(json!({ "role": ["author", "admin"] })), missing("role")),
        (
            none,
            "the token is not signed by HS256, the algorithm of this server".to_owned(),
        ),
        (
            other_head,
            "the token is not signed by HS256, the algorithm of this server".to_owned(),
        ),
        (critical, "the token cannot be read as a JWT".to_owned()),
        (
            format!("{signed}."),
            "the token's signature is not valid".to_owned(),
        ),
        (
            by_secret(
                "another secret that is as long as it must be",
                &with(fine.clone()),
            ),
            "the token's signature is not valid".to_owned(),
        ),
        (
            "no token".to_owned(),
            "the token cannot be read as a JWT".to_owned(),
        ),
        (
            String::new(),
            "the header `Authorization` is not `Bearer` and a token".to_owned(),
        ),
        (
            "a.b.c".to_owned(),
            "the token cannot be read as a JWT".to_owned(),
        ),
        (
            "x".repeat(20_000),
            "the token cannot be read as a JWT".to_owned(),
        ),
    ];
    for (bad, says) in cases {
        let answer = shown(&app.router, &bad).await;
        assert_eq!(answer.message(), says, "{bad}");
        assert_eq!(
            (answer.status, answer.code()),
            (401, "UNAUTHENTICATED"),
            "{bad}"
        );
        assert!(answer.body.get("data").is_none());
        assert_eq!(answer.header("vary"), "authorization, accept");
        if says.starts_with("the token") {
            let challenge = format!("Bearer error=\"invalid_token\", error_description=\"{says}\"");
            assert_eq!(answer.header("www-authenticate"), challenge);
        }
    }
}

#[tokio::test]
async fn another_scheme_or_two_headers_are_refused() {
    let (_database, app, _) = believing(TokenSettings::secret(SECRET)).await;
    let good = format!("Bearer {}", by_secret(SECRET, &claims()));
    for headers in [
        &[("authorization", "Basic YTpi")][..],
        &[("authorization", "Bearer")],
        &[("authorization", "")],
        &[("authorization", &good), ("authorization", &good)],
    ] {
        let answer = ask(&app.router, "{ __typename }", headers).await;
        assert_eq!((answer.status, answer.code()), (401, "UNAUTHENTICATED"));
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    let lower = good.replacen("Bearer", "bearer", 1);
    let answer = ask(&app.router, "{ __typename }", &[("authorization", &lower)]).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn an_audience_is_not_passed_over() {
    let (_database, app, _) = believing(TokenSettings::secret(SECRET)).await;
    let other = by_secret(SECRET, &with(json!({ "aud": "others" })));
    let answer = shown(&app.router, &other).await;
    assert_eq!(answer.message(), "the token is for another audience");
}

#[tokio::test]
async fn what_is_known_of_a_token_ends_with_it() {
    let settings = TokenSettings {
        leeway: Duration::ZERO,
        ..TokenSettings::secret(SECRET)
    };
    let (_database, app, tokens) = believing(settings).await;
    let mut life = 2;
    let (end, brief) = loop {
        let end = now() + life;
        let brief = by_secret(SECRET, &with(json!({ "exp": end })));
        let hits = tokens.hits();
        let statuses = [
            shown(&app.router, &brief).await.status,
            shown(&app.router, &brief).await.status,
        ];
        // A busy machine may need longer for that.
        if now() < end {
            assert_eq!(statuses, [200, 200]);
            assert_eq!(tokens.hits(), hits + 1);
            break (end, brief);
        }
        life *= 2;
    };
    while now() < end {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let answer = shown(&app.router, &brief).await;
    assert_eq!(
        (answer.status, answer.message()),
        (401, "the token has expired")
    );
}

#[tokio::test]
async fn keys_of_every_kind_verify() {
    for (pair, algorithm) in [
        (Pair::rsa(), Algorithm::Rs256),
        (Pair::curve(), Algorithm::Es256),
        (Pair::edwards(), Algorithm::EdDsa),
    ] {
        let key = KeySource::PublicKey(pair.pem().into_bytes());
        let (_database, app, _) = believing(TokenSettings::new(algorithm, key)).await;
        let good = pair.token(None, &claims());
        let answer = shown(&app.router, &good).await;
        assert_eq!(answer.status, 200, "{algorithm}: {}", answer.body);
        let mut bad = good.into_bytes();
        let last = bad.len() - 20;
        bad[last] = if bad[last] == b'A' { b'B' } else { b'A' };
        let bad = String::from_utf8(bad).expect("ASCII");
        let answer = shown(&app.router, &bad).await;
        assert_eq!(answer.message(), "the token's signature is not valid");
        // The classic confusion: the public key, which everybody knows, taken for a secret.
        let pem = pair.pem();
        let confused = token(&json!({ "alg": "HS256" }), &claims(), |m| {
            hs256(pem.as_bytes(), m)
        });
        let answer = shown(&app.router, &confused).await;
        let says = format!("the token is not signed by {algorithm}, the algorithm of this server");
        assert_eq!((answer.status, answer.message()), (401, &*says));
    }
}

#[test]
fn a_key_that_cannot_be_meant_is_refused_with_the_remedy() {
    let refused = |settings| {
        let refused = Tokens::new(settings).err().expect("it is refused");
        refused.to_string()
    };
    let secret = |text: &str| KeySource::Secret(text.into());
    let public = |text: &str| KeySource::PublicKey(text.into());
    for (algorithm, key, says) in [
        (Algorithm::Hs256, secret("short"), "has 5 bytes"),
        (Algorithm::Hs256, secret(RSA_PUBLIC), "JWT_PUBLIC_KEY"),
        (Algorithm::Rs256, secret(SECRET), "has no secret"),
        (
            Algorithm::Hs256,
            public(RSA_PUBLIC),
            "say RS256, ES256 or EdDSA",
        ),
        (
            Algorithm::Es256,
            public(RSA_PUBLIC),
            "no public key of ES256",
        ),
        (
            Algorithm::Rs256,
            public(&Pair::edwards().pem()),
            "no public key of RS256",
        ),
        (
            Algorithm::Rs256,
            public("nothing"),
            "no public key of RS256",
        ),
    ] {
        let error = refused(TokenSettings::new(algorithm, key));
        assert!(error.contains(says), "{error}");
    }
}

/// The subject that a token tells of, as the tags of [`super::telling`] tell it.
async fn told(settings: TokenSettings, claims: &Value) -> String {
    let (database, app, _) = believing(settings).await;
    let answer = shown(&app.router, &by_secret(SECRET, claims)).await;
    assert_eq!(answer.body, json!({ "data": { "tags": [] } }));
    sea_orm::ConnectionTrait::execute_unprepared(&database.connection, TELLING)
        .await
        .expect("tags");
    let answer = shown(&app.router, &by_secret(SECRET, claims)).await;
    let names = answer.body["data"]["tags"].as_array().expect("tags").iter();
    let names: Vec<_> = names.filter_map(|tag| tag["name"].as_str()).collect();
    names.join(" ")
}

#[tokio::test]
async fn role_and_claims_come_by_their_paths() {
    let plain = || TokenSettings::secret(SECRET);
    assert_eq!(told(plain(), &with(json!({ "sub": 7 }))).await, "7");
    let role = json!({ "sub": "7", "role": "admin" });
    assert_eq!(told(plain(), &with(role)).await, "7 admin");

    let mut settings = plain();
    settings.paths.id = ClaimPath::of("https://blog/id");
    settings.paths.role = ClaimPath::of("realm.roles");
    settings.paths.others = vec![("tenant".into(), ClaimPath::of("org.v1.tenant"))];
    let nested = json!({
        "https://blog/id": "7",
        "realm": { "roles": ["admin"] },
        "org.v1": { "tenant": "a" },
    });
    assert_eq!(told(settings.clone(), &with(nested)).await, "7 admin a");
    let list =
        json!({ "https://blog/id": 7, "realm": {}, "org": { "v1": { "tenant": ["b", "a"] } } });
    assert_eq!(told(settings, &with(list)).await, "7 a b");
}

#[tokio::test]
async fn the_server_believes_what_it_signs() {
    let mut settings = TokenSettings {
        issuer: Some("us".to_owned()),
        audience: vec!["us".to_owned()],
        ..TokenSettings::secret(SECRET)
    };
    settings.paths.role = ClaimPath::of("ext.role");
    let tokens = Tokens::new(settings).expect("tokens");
    let subject = backref::graph::Subject::new("42").with_role("admin");
    let token = tokens.sign(&subject, None).expect("a secret to sign by");
    let principal = tokens.verify(&token).await.expect("it is believed");
    assert_eq!(principal.known(), Some(&subject));
}
