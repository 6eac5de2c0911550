//! GraphiQL at `/`, and what its page loads below `/graphiql/`. All of it is in the program, built by `ide/build.mjs`; no
//! request of the page leaves the server.

mod about;
mod files;

use axum::Router;
use axum::extract::Path;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY,
};
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use super::{ASK_AGAIN, Served, answer, negotiate, origin};

/// What the page and its workers may do: run scripts of this server and ask this server, nothing else.
///
/// Styles are the exception. monaco places each line, cursor and marker by `style` attributes in the HTML it writes, and
/// makes `<style>` elements for its themes while it runs; it can give them neither a nonce nor a hash. Its icons' font
/// is a file, and the squiggles below errors are `data:` images.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; \
     style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");
const SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");
/// A file's name changes with its content.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// `explains` says whether anybody may learn what a document would run.
pub fn routes(explains: bool) -> Router<Served> {
    let routes = Router::new()
        .route("/", get(page))
        .route("/graphiql/start.json", get(about::start))
        .route("/graphiql/{name}", get(file));
    match explains {
        true => routes.route("/graphiql/plan", post(about::plan)),
        false => routes,
    }
}

/// GraphiQL for a client that names HTML, as browsers do; a few words for all others.
async fn page(uri: Uri, headers: HeaderMap) -> Response {
    match files::find(files::PAGE) {
        Some(page) if negotiate::names_html(&headers) => guarded(page.answer(&headers, ASK_AGAIN)),
        _ => {
            let text = HeaderValue::from_static("text/plain; charset=utf-8");
            let words = in_words(origin::host(&headers, &uri));
            ([(CONTENT_TYPE, text), (CACHE_CONTROL, ASK_AGAIN)], words).into_response()
        }
    }
}

async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    match files::find(&name) {
        // A worker's policy is that of its own script.
        Some(file) if name != files::PAGE => guarded(file.answer(&headers, FOR_EVER)),
        _ => answer::nothing_here().await,
    }
}

fn guarded(mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(REFERRER_POLICY, NO_REFERRER);
    headers.insert(CROSS_ORIGIN_OPENER_POLICY, SAME_ORIGIN);
    answer
}

fn in_words(host: Option<&str>) -> String {
    // It is pasted into a shell.
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".:-[]".contains(c);
    let host = host.filter(|h| !h.is_empty() && h.chars().all(is_plain));
    let host = host.unwrap_or("127.0.0.1:8000");
    format!(
        "GraphQL is at http://{host}/graphql, by POST and GET; in a browser this page is GraphiQL.\n\n\
         curl 'http://{host}/graphql' -H 'content-type: application/json' \\\n  \
         -d '{{\"query\":\"{{ __schema {{ queryType {{ fields {{ name }} }} }} }}\"}}'\n"
    )
}
