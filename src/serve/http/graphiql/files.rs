//! The files that `ide/build.mjs` has built, compressed as it did.

use std::io::Read;

use axum::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use flate2::read::GzDecoder;

use crate::serve::http::InMemory;
use crate::serve::http::negotiate::{self, Encoding};

pub struct File {
    pub name: &'static str,
    media: &'static str,
    /// Of what the file contains, whatever compresses it.
    digest: &'static str,
    brotli: &'static [u8],
    gzip: &'static [u8],
}

/// By name. Each name but the page's has its content's digest in it.
const FILES: &[File] = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/ide/dist/files.rs"));

pub const PAGE: &str = "index.html";

/// A file by its name.
pub fn find(name: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.name == name)
}

impl File {
    /// The file as the client takes it, or that it has not changed.
    pub fn answer(&self, headers: &HeaderMap, cache: HeaderValue) -> Response {
        let encoding = negotiate::encoding(headers);
        let (suffix, encoded_by) = match encoding {
            Encoding::Brotli => ("-br", Some("br")),
            Encoding::Gzip => ("-gzip", Some("gzip")),
            Encoding::Identity => ("", None),
        };
        // What a client compares byte by byte differs by its encoding.
        let tag = format!("\"{}{suffix}\"", self.digest);
        let mut answer = match is_known(headers, &tag) {
            true => StatusCode::NOT_MODIFIED.into_response(),
            false => {
                let media = [(CONTENT_TYPE, HeaderValue::from_static(self.media))];
                match encoding {
                    Encoding::Brotli => (media, self.brotli).into_response(),
                    Encoding::Gzip => (media, self.gzip).into_response(),
                    Encoding::Identity => (media, self.inflated()).into_response(),
                }
            }
        };
        if encoded_by.is_some() {
            // It is in the program, and in memory whoever reads it.
            answer.extensions_mut().insert(InMemory(0));
        }
        let has_body = answer.status() == StatusCode::OK;
        let headers = answer.headers_mut();
        if let Some(encoding) = encoded_by.filter(|_| has_body) {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            headers.insert(ETAG, tag);
        }
        headers.insert(CACHE_CONTROL, cache);
        headers.append(VARY, HeaderValue::from_static("accept-encoding"));
        answer
    }

    /// For the rare client that takes nothing compressed.
    fn inflated(&self) -> Vec<u8> {
        let mut content = Vec::new();
        // What is compressed is part of the program, and a test reads all of it.
        if let Err(error) = GzDecoder::new(self.gzip).read_to_end(&mut content) {
            tracing::error!(%error, file = self.name, "a file of the program is damaged");
        }
        content
    }
}

/// Whether the client has what the tag stands for.
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let lines = headers.get_all(IF_NONE_MATCH).iter();
    let mut tags = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim);
    tags.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_inflates_and_the_page_names_only_those_there_are() {
        for file in FILES {
            assert!(!file.inflated().is_empty(), "{}", file.name);
        }
        let page = find(PAGE).expect("the page").inflated();
        let page = String::from_utf8(page).expect("UTF-8");
        let named: Vec<&str> = page
            .split("\"graphiql/")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            // What the server says of its graph is no file.
            .filter(|name| *name != "start.json")
            .collect();
        assert!(named.len() > 6, "{named:?}");
        for name in named {
            assert!(find(name).is_some(), "{name}");
        }
    }

    #[test]
    fn what_is_embedded_is_small() {
        let size = |of: fn(&File) -> &[u8]| FILES.iter().map(|f| of(f).len()).sum::<usize>();
        let (brotli, gzip) = (size(|f| f.brotli), size(|f| f.gzip));
        // All of it is more than a page loads at once.
        assert!(gzip <= 2 << 20, "{gzip} bytes on the wire");
        assert!(
            brotli + gzip <= 3 << 20,
            "{} bytes in the program",
            brotli + gzip
        );
    }
}
