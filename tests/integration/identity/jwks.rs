//! Sets of keys that change.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use backref::identity::tokens::{Algorithm, KeySource, TokenSettings, Tokens};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::signing::{Pair, claims};
use super::{believing, shown};

/// Of `localhost`, by itself, for a hundred years.
const CERTIFICATE: &str = include_str!("provider.pem");

/// An identity provider, whose keys can be changed, or which can be out of order.
struct Provider {
    keys: Arc<Mutex<Option<Value>>>,
    asked: Arc<AtomicUsize>,
    url: String,
}

impl Provider {
    async fn with(keys: Option<Value>) -> Self {
        Self::started(keys, None).await
    }

    /// By https, as `localhost`.
    async fn with_tls(keys: Value) -> Self {
        let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("provider_key.pem"));
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.expect("a certificate")],
                key.expect("a key"),
            )
            .expect("its own");
        Self::started(Some(keys), Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn started(keys: Option<Value>, tls: Option<TlsAcceptor>) -> Self {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let keys = Arc::new(Mutex::new(keys));
        let asked = Arc::new(AtomicUsize::new(0));
        let (served, counted) = (keys.clone(), asked.clone());
        let answer = move || async move {
            counted.fetch_add(1, Ordering::SeqCst);
            let keys = served.lock().expect("no panic").clone();
            match keys {
                Some(keys) => (StatusCode::OK, keys.to_string()),
                None => (StatusCode::SERVICE_UNAVAILABLE, String::new()),
            }
        };
        let router = Router::new().route("/keys", get(answer));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                let service = hyper_util::service::TowerToHyperService::new(router.clone());
                let http = hyper::server::conn::http1::Builder::new();
                let tls = tls.clone();
                tokio::spawn(async move {
                    match tls {
                        None => http.serve_connection(TokioIo::new(stream), service).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => {
                                http.serve_connection(TokioIo::new(stream), service).await
                            }
                            Err(_) => Ok(()),
                        },
                    }
                });
            }
        });
        Provider {
            keys,
            asked,
            url: format!("{scheme}://localhost:{}/keys", address.port()),
        }
    }

    fn publish(&self, keys: Option<Value>) {
        *self.keys.lock().expect("no panic") = keys;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn settings(&self, algorithm: Algorithm) -> TokenSettings {
        let url = self.url.clone();
        TokenSettings::new(
            algorithm,
            KeySource::JwksUrl {
                url,
                authority: None,
            },
        )
    }
}

fn set(keys: &[Value]) -> Value {
    json!({ "keys": keys })
}

#[tokio::test]
async fn a_key_that_is_new_is_asked_for_and_an_old_one_ends() {
    let (first, second) = (Pair::curve(), Pair::curve());
    let provider = Provider::with(Some(set(&[first.jwk("one")]))).await;
    let (_database, app, tokens) = believing(provider.settings(Algorithm::Es256)).await;
    assert_eq!(provider.asked(), 1);
    let old = first.token(Some("one"), &claims());
    assert_eq!(shown(&app.router, &old).await.status, 200);
    assert_eq!(shown(&app.router, &old).await.status, 200);
    assert_eq!((provider.asked(), tokens.hits()), (1, 1));

    provider.publish(Some(set(&[second.jwk("two")])));
    let new = second.token(Some("two"), &claims());
    assert_eq!(shown(&app.router, &new).await.status, 200);
    assert_eq!(provider.asked(), 2);
    // What was verified by keys that are gone is not believed any more.
    let answer = shown(&app.router, &old).await;
    let unknown = "the token is signed by a key that is not known";
    assert_eq!((answer.status, answer.message()), (401, unknown));
}

#[tokio::test]
async fn keys_come_by_https_from_who_has_the_certificate() {
    let pair = Pair::curve();
    let provider = Provider::with_tls(set(&[pair.jwk("one")])).await;
    let good = pair.token(Some("one"), &claims());
    for (authority, status) in [(Some(CERTIFICATE.into()), 200), (None, 503)] {
        let url = provider.url.clone();
        let key = KeySource::JwksUrl { url, authority };
        let (_database, app, _) = believing(TokenSettings::new(Algorithm::Es256, key)).await;
        let answer = shown(&app.router, &good).await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
    assert_eq!(provider.asked(), 1);
}

#[tokio::test]
async fn made_up_keys_have_it_asked_for_once_in_a_while() {
    let pair = Pair::edwards();
    let provider = Provider::with(Some(set(&[pair.jwk("one")]))).await;
    let (_database, app, _) = believing(provider.settings(Algorithm::EdDsa)).await;
    let bad: Vec<String> = (0..20)
        .map(|n| pair.token(Some(&format!("made up {n}")), &claims()))
        .collect();
    let asked = bad.iter().map(|token| shown(&app.router, token));
    for answer in futures_util::future::join_all(asked).await {
        assert_eq!((answer.status, answer.code()), (401, "UNAUTHENTICATED"));
    }
    assert_eq!(provider.asked(), 2);
}

#[tokio::test]
async fn keys_stay_while_they_cannot_be_had() {
    let pair = Pair::rsa();
    let provider = Provider::with(Some(set(&[pair.jwk("one")]))).await;
    let (_database, app, _) = believing(provider.settings(Algorithm::Rs256)).await;
    provider.publish(None);
    let unknown = pair.token(Some("two"), &claims());
    assert_eq!(shown(&app.router, &unknown).await.status, 401);
    assert_eq!(provider.asked(), 2);
    let known = pair.token(Some("one"), &claims());
    assert_eq!(shown(&app.router, &known).await.status, 200);
}

/// Of an issuer that has gone over to another algorithm, or has taken all of its keys back.
#[tokio::test]
async fn keys_that_were_taken_out_are_believed_no_longer_though_none_is_left() {
    for left in [set(&[]), set(&[Pair::curve().jwk("two")])] {
        let pair = Pair::rsa();
        let provider = Provider::with(Some(set(&[pair.jwk("one")]))).await;
        let (_database, app, _) = believing(provider.settings(Algorithm::Rs256)).await;
        let old = pair.token(Some("one"), &claims());
        assert_eq!(shown(&app.router, &old).await.status, 200);
        provider.publish(Some(left));
        let unknown = pair.token(Some("two"), &claims());
        assert_eq!(shown(&app.router, &unknown).await.status, 401);
        assert_eq!(shown(&app.router, &old).await.status, 401);
    }
}

#[tokio::test]
async fn without_any_keys_nobody_is_told_that_its_token_is_bad() {
    let pair = Pair::curve();
    let provider = Provider::with(None).await;
    let (_database, app, _) = believing(provider.settings(Algorithm::Es256)).await;
    let good = pair.token(Some("one"), &claims());
    let answer = shown(&app.router, &good).await;
    assert_eq!((answer.status, answer.code()), (503, "UNAVAILABLE"));
    assert_eq!(answer.header("retry-after"), "5");
}

#[tokio::test]
async fn only_keys_for_signatures_of_the_algorithm_count() {
    let (pair, other) = (Pair::curve(), Pair::curve());
    let mut for_secrets = other.jwk("one");
    for_secrets["use"] = "enc".into();
    let mut of_another = other.jwk("one");
    of_another["alg"] = "ES384".into();
    let secret = json!({ "kty": "oct", "kid": "one", "k": "AAAA" });
    let keys = [
        for_secrets,
        of_another,
        secret,
        json!({ "kty": "new" }),
        pair.jwk("one"),
    ];
    let provider = Provider::with(Some(set(&keys))).await;
    let (_database, app, _) = believing(provider.settings(Algorithm::Es256)).await;
    for id in [Some("one"), None] {
        let answer = shown(&app.router, &pair.token(id, &claims())).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    let answer = shown(&app.router, &other.token(Some("one"), &claims())).await;
    assert_eq!(answer.message(), "the token's signature is not valid");
}

#[tokio::test]
async fn a_set_in_a_file_may_change_too() {
    let (first, second) = (Pair::curve(), Pair::curve());
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys.json");
    let write = |keys: &[Value]| std::fs::write(&file, set(keys).to_string()).expect("a file");
    write(&[first.jwk("one"), Pair::curve().jwk("other")]);
    let settings = TokenSettings::new(Algorithm::Es256, KeySource::JwksFile(file.clone()));
    let (_database, app, _) = believing(settings).await;
    let answer = shown(&app.router, &first.token(None, &claims())).await;
    let unnamed = "the token names no key (`kid`), and there is not just one";
    assert_eq!((answer.status, answer.message()), (401, unnamed));
    write(&[second.jwk("two")]);
    let new = second.token(Some("two"), &claims());
    assert_eq!(shown(&app.router, &new).await.status, 200);
}

#[test]
fn a_set_that_cannot_be_meant_is_refused_at_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys.json");
    std::fs::write(&file, set(&[Pair::rsa().jwk("one")]).to_string()).expect("a file");
    let url = |url: &str| KeySource::JwksUrl {
        url: url.to_owned(),
        authority: None,
    };
    for (key, says) in [
        (KeySource::JwksFile(file), "it has no key of ES256"),
        (
            KeySource::JwksFile(folder.path().join("none")),
            "No such file",
        ),
        (url("http://example.com/keys"), "keys come by https"),
        (url("ftp://localhost/keys"), "keys come by https"),
        (url("keys"), "it is no URL"),
    ] {
        let refused = Tokens::new(TokenSettings::new(Algorithm::Es256, key)).err();
        let refused = refused.expect("it is refused").to_string();
        assert!(refused.contains(says), "{refused}");
    }
}
