//! The cryptography of tokens is ring's, which TLS brings already: the crate of tokens has none of its own by default, and each
//! that it offers would be a second one to build and to trust.

use std::sync::Once;

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind, Result, new_error};
use jsonwebtoken::signature::{self, Signer, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature as asymmetric;

/// Once a process: another that an application has chosen stays.
pub fn install() {
    static INSTALL: Once = Once::new();
    static RING: CryptoProvider = CryptoProvider {
        signer_factory: signer,
        verifier_factory: verifier,
        key_utils: KeyUtils::new_unimplemented(),
    };
    INSTALL.call_once(|| {
        let _ = RING.install_default();
    });
}

/// Bytes that nobody can guess.
pub(crate) fn random<const LENGTH: usize>() -> std::io::Result<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| std::io::Error::other("the system has no random bytes"))?;
    Ok(bytes)
}

/// Whether a key is one of an algorithm.
pub fn check(algorithm: Algorithm, key: &DecodingKey) -> Result<()> {
    verifier(&algorithm, key).map(drop)
}

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    match (algorithm, key.family()) {
        (Algorithm::HS256, AlgorithmFamily::Hmac) => Ok(Box::new(Secret(hmac::Key::new(
            hmac::HMAC_SHA256,
            key.as_bytes(),
        )))),
        _ => Err(unsupported()),
    }
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    if algorithm.family() != key.family() {
        return Err(new_error(ErrorKind::InvalidKeyFormat));
    }
    match algorithm {
        Algorithm::HS256 => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, key.try_get_as_bytes()?);
            Ok(Box::new(Secret(key)))
        }
        Algorithm::RS256 => Ok(Box::new(Rsa(key.clone()))),
        Algorithm::ES256 => match key.try_get_as_bytes()? {
            point if point.len() == 65 => Ok(Box::new(Curve {
                algorithm: *algorithm,
                verification: &asymmetric::ECDSA_P256_SHA256_FIXED,
                key: point.to_vec(),
            })),
            _ => Err(new_error(ErrorKind::InvalidEcdsaKey)),
        },
        Algorithm::EdDSA => match key.try_get_as_bytes()? {
            point if point.len() == 32 => Ok(Box::new(Curve {
                algorithm: *algorithm,
                verification: &asymmetric::ED25519,
                key: point.to_vec(),
            })),
            _ => Err(new_error(ErrorKind::InvalidEddsaKey)),
        },
        _ => Err(unsupported()),
    }
}

fn unsupported() -> Error {
    new_error(ErrorKind::UnsupportedAlgorithm)
}

type Verified = std::result::Result<(), signature::Error>;

struct Secret(hmac::Key);

impl Signer<Vec<u8>> for Secret {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, signature::Error> {
        Ok(hmac::sign(&self.0, message).as_ref().to_vec())
    }
}

impl Verifier<Vec<u8>> for Secret {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Verified {
        // In the same time, wherever they differ.
        hmac::verify(&self.0, message, signature).map_err(|_| signature::Error::new())
    }
}

impl JwtSigner for Secret {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl JwtVerifier for Secret {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

struct Rsa(DecodingKey);

impl Verifier<Vec<u8>> for Rsa {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Verified {
        let by = &asymmetric::RSA_PKCS1_2048_8192_SHA256;
        let verified = match self.0.kind() {
            DecodingKeyKind::SecretOrDer(key) => {
                asymmetric::UnparsedPublicKey::new(by, key).verify(message, signature)
            }
            DecodingKeyKind::RsaModulusExponent { n, e } => {
                asymmetric::RsaPublicKeyComponents { n, e }.verify(by, message, signature)
            }
        };
        verified.map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for Rsa {
    fn algorithm(&self) -> Algorithm {
        Algorithm::RS256
    }
}

struct Curve {
    algorithm: Algorithm,
    verification: &'static dyn asymmetric::VerificationAlgorithm,
    key: Vec<u8>,
}

impl Verifier<Vec<u8>> for Curve {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Verified {
        let key = asymmetric::UnparsedPublicKey::new(self.verification, &self.key);
        let verified = key.verify(message, signature);
        verified.map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for Curve {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
