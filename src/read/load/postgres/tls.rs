//! TLS to PostgreSQL, with the meanings that libpq gives to `sslmode`.

use std::io;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Whose certificate is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// The connection is encrypted, to whoever answers: `prefer`, `require`.
    Anyone,
    /// Whoever a known authority vouches for: `verify-ca`.
    Authority,
    /// The host that was asked for: `verify-full`.
    AuthorityAndName,
}

/// `root` is a certificate to believe besides those of the web's authorities, `own` our certificate and its
/// key: each a file's name, or its content in PEM.
pub fn connector(
    trust: Trust,
    root: Option<&str>,
    own: Option<(&str, &str)>,
) -> io::Result<MakeRustlsConnect> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut authorities = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    for certificate in root.map(certificates).transpose()?.into_iter().flatten() {
        authorities.add(certificate).map_err(io::Error::other)?;
    }
    let verifier = Verifier {
        trust,
        signatures: provider.clone(),
        authority: WebPkiServerVerifier::builder_with_provider(
            Arc::new(authorities),
            provider.clone(),
        )
        .build()
        .map_err(io::Error::other)?,
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let config = match own {
        Some((certificate, key)) => {
            let text = pem(key)?;
            let private = PrivateKeyDer::from_pem_slice(&text)
                .map_err(|error| io::Error::other(format!("the private key {key}: {error}")))?;
            config
                .with_client_auth_cert(certificates(certificate)?, private)
                .map_err(io::Error::other)?
        }
        None => config.with_no_client_auth(),
    };
    Ok(MakeRustlsConnect::new(config))
}

fn certificates(of: &str) -> io::Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_slice_iter(&pem(of)?)
        .collect::<Result<_, _>>()
        .map_err(|error| io::Error::other(format!("the certificate {of}: {error}")))
}

fn pem(of: &str) -> io::Result<Vec<u8>> {
    if of.contains("-----BEGIN") {
        return Ok(of.as_bytes().to_vec());
    }
    std::fs::read(of).map_err(|error| io::Error::new(error.kind(), format!("{of}: {error}")))
}

#[derive(Debug)]
struct Verifier {
    trust: Trust,
    signatures: Arc<CryptoProvider>,
    authority: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.trust == Trust::Anyone {
            return Ok(ServerCertVerified::assertion());
        }
        let verified =
            self.authority
                .verify_server_cert(certificate, intermediates, name, ocsp, now);
        match verified {
            // The name is the last that is looked at.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.trust == Trust::Authority => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.signatures.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.signatures.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let known = &self.signatures.signature_verification_algorithms;
        known.supported_schemes()
    }
}
