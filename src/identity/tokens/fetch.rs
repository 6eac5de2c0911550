//! One document by HTTP/1.1: small, within a few seconds, from where it was said to be and nowhere else.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::{ACCEPT, HOST, USER_AGENT};
use axum::http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

/// Where a document is.
pub struct Endpoint {
    url: Url,
    host: String,
    port: u16,
    tls: Option<TlsConnector>,
}

/// How long it may take, altogether.
const WITHIN: Duration = Duration::from_secs(5);
/// How large it may be, in bytes.
const LARGEST: usize = 1 << 20;

impl Endpoint {
    pub fn of(text: &str, authority: Option<&[u8]>) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|cause| format!("it is no URL: {cause}"))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let tls = match url.scheme() {
            "https" => Some(TlsConnector::from(Arc::new(trust(authority)?))),
            "http" if is_this_machine(&host) => None,
            _ => {
                let problem = "keys come by https, whoever changes them on their way could sign tokens; http is for 127.0.0.1, [::1] and localhost";
                return Err(problem.to_owned());
            }
        };
        Ok(Endpoint {
            port: url.port_or_known_default().unwrap_or(443),
            host,
            url,
            tls,
        })
    }

    /// The URL without what it may have of a password.
    pub fn shown(&self) -> String {
        format!(
            "{}://{}:{}{}",
            self.url.scheme(),
            self.host,
            self.port,
            self.url.path()
        )
    }

    pub async fn get(&self) -> Result<Vec<u8>, String> {
        let got = tokio::time::timeout(WITHIN, self.connect_and_get()).await;
        got.unwrap_or_else(|_| Err(format!("no answer within {} s", WITHIN.as_secs())))
    }

    async fn connect_and_get(&self) -> Result<Vec<u8>, String> {
        let bare = self.host.trim_matches(['[', ']']).to_owned();
        let stream = TcpStream::connect((bare.as_str(), self.port)).await;
        let stream = stream.map_err(|cause| cause.to_string())?;
        match &self.tls {
            None => self.ask(stream).await,
            Some(tls) => {
                let name = ServerName::try_from(bare).map_err(|cause| cause.to_string())?;
                let stream = tls.connect(name, stream).await;
                self.ask(stream.map_err(|cause| cause.to_string())?).await
            }
        }
    }

    async fn ask<S>(&self, stream: S) -> Result<Vec<u8>, String>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|cause| cause.to_string())?;
        let request = self.request().map_err(|cause| cause.to_string())?;
        let asking = async {
            let answer = sender.send_request(request).await;
            let answer = answer.map_err(|cause| cause.to_string())?;
            match answer.status() {
                StatusCode::OK => {}
                status if status.is_redirection() => {
                    return Err(format!(
                        "it is elsewhere ({status}); give the URL where it is"
                    ));
                }
                status => return Err(format!("the answer is {status}")),
            }
            let body = Limited::new(answer.into_body(), LARGEST).collect().await;
            body.map(|body| body.to_bytes().to_vec())
                .map_err(|cause| cause.to_string())
        };
        // What the connection says is told by what it was asked.
        let run = async {
            let _ = connection.await;
            std::future::pending::<()>().await
        };
        tokio::select! {
            answer = asking => answer,
            () = run => Err("the connection ended".to_owned()),
        }
    }

    fn request(&self) -> Result<Request<Empty<Bytes>>, axum::http::Error> {
        let mut path = self.url.path().to_owned();
        if let Some(query) = self.url.query() {
            path.push('?');
            path.push_str(query);
        }
        let host = match self.url.port() {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        };
        Request::get(path)
            .header(HOST, host)
            .header(ACCEPT, "application/jwk-set+json, application/json")
            .header(USER_AGENT, concat!("backref/", env!("CARGO_PKG_VERSION")))
            .body(Empty::new())
    }
}

fn is_this_machine(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

fn trust(authority: Option<&[u8]>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    for certificate in CertificateDer::pem_slice_iter(authority.unwrap_or_default()) {
        let certificate = certificate.map_err(|cause| format!("JWT_JWKS_CA: {cause}"))?;
        let added = roots.add(certificate);
        added.map_err(|cause| format!("JWT_JWKS_CA: {cause}"))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|cause| cause.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
