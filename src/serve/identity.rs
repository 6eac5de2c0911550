//! Tokens as the command line configures them, and the secret of the embedded file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::config::{IdentityArgs, NamedClaim};
use crate::identity::tokens::{
    self, Algorithm, ClaimPaths, KeySource, SettingsError, TokenSettings, Tokens,
};

/// Why no token can be verified, with the remedy.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error("{0}")]
    Settings(#[from] SettingsError),
    #[error("{option} `{file}` cannot be read: {cause}")]
    Unreadable {
        option: &'static str,
        file: PathBuf,
        cause: io::Error,
    },
    #[error(
        "the secret beside the embedded file, {file}, cannot be made or read: {cause}\nGive a secret by JWT_SECRET, or start where the file can be written."
    )]
    NoSecretFile { file: PathBuf, cause: io::Error },
    #[error(
        "{file} holds no secret of at least 32 bytes; remove it, and the next start makes another (tokens signed before end with it)"
    )]
    BadSecretFile { file: PathBuf },
}

/// The tokens that are believed; `None` without a key. `embedded` is the database's file, where it is the server's own.
pub fn tokens(
    args: &IdentityArgs,
    embedded: Option<&Path>,
) -> Result<Option<Tokens>, IdentityError> {
    let Some(key) = key(args, embedded)? else {
        return Ok(None);
    };
    let usual = match key {
        KeySource::Secret(_) => Algorithm::Hs256,
        _ => Algorithm::Rs256,
    };
    let others = args.jwt_claims.iter().cloned();
    let settings = TokenSettings {
        issuer: args.jwt_issuer.clone(),
        audience: args.jwt_audience.clone(),
        leeway: Duration::from_secs(args.jwt_leeway),
        paths: ClaimPaths {
            id: args.jwt_id_claim.clone(),
            role: args.jwt_role_claim.clone(),
            others: others
                .map(|NamedClaim { name, path }| (name, path))
                .collect(),
        },
        ttl: Duration::from_secs(args.jwt_ttl),
        ..TokenSettings::new(args.jwt_algorithm.unwrap_or(usual), key)
    };
    Ok(Some(Tokens::new(settings)?))
}

fn key(args: &IdentityArgs, embedded: Option<&Path>) -> Result<Option<KeySource>, IdentityError> {
    if let Some(secret) = &args.jwt_secret {
        return Ok(Some(KeySource::Secret(secret.0.clone().into_bytes())));
    }
    if let Some(file) = &args.jwt_public_key {
        return Ok(Some(KeySource::PublicKey(read("JWT_PUBLIC_KEY", file)?)));
    }
    if let Some(place) = &args.jwt_jwks {
        let authority = args.jwt_jwks_ca.as_deref();
        let authority = authority
            .map(|file| read("JWT_JWKS_CA", file))
            .transpose()?;
        return Ok(Some(match place.contains("://") {
            true => KeySource::JwksUrl {
                url: place.clone(),
                authority,
            },
            false => KeySource::JwksFile(place.into()),
        }));
    }
    embedded
        .map(|file| secret_beside(file).map(KeySource::Secret))
        .transpose()
}

fn read(option: &'static str, file: &Path) -> Result<Vec<u8>, IdentityError> {
    fs::read(file).map_err(|cause| IdentityError::Unreadable {
        option,
        file: file.to_owned(),
        cause,
    })
}

/// The secret beside the embedded file, made where there is none. Of two starts one makes it.
fn secret_beside(database: &Path) -> Result<Vec<u8>, IdentityError> {
    let mut file = database.as_os_str().to_owned();
    file.push(".secret");
    let file = PathBuf::from(file);
    let made = match fs::read(&file) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            make_secret(&file).and_then(|()| fs::read(&file))
        }
        read => read,
    };
    let secret = made.map_err(|cause| IdentityError::NoSecretFile {
        file: file.clone(),
        cause,
    })?;
    let secret = secret.trim_ascii();
    match secret.len() < 32 {
        true => Err(IdentityError::BadSecretFile { file }),
        false => Ok(secret.to_owned()),
    }
}

/// Written whole under another name, and then named, so that nobody reads a part of it. One that is there by then stays.
fn make_secret(file: &Path) -> io::Result<()> {
    let secret = hexadecimal(&tokens::random::<32>()?);
    let mut unnamed = file.as_os_str().to_owned();
    unnamed.push(".");
    unnamed.push(hexadecimal(&tokens::random::<8>()?));
    let unnamed = PathBuf::from(unnamed);
    let written = private(&unnamed).and_then(|mut new| {
        writeln!(new, "{secret}")?;
        new.sync_all()
    });
    let named = written.and_then(|()| match fs::hard_link(&unnamed, file) {
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        named => named,
    });
    let _ = fs::remove_file(&unnamed);
    named
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A new file that nobody else may read.
fn private(file: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)
}
