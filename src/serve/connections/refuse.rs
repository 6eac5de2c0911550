//! The answer to connections that there is no room for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// So many are told at a time; others are closed without a word, which costs nothing.
const AT_A_TIME: usize = 32;
/// How long a client may take to hear it.
const WITHIN: Duration = Duration::from_millis(500);

#[derive(Clone, Default)]
pub struct Refusals(Arc<AtomicUsize>);

impl Refusals {
    /// Answers 503 to whatever is asked, and closes.
    pub fn refuse(&self, mut stream: TcpStream) {
        let place = Place(self.0.clone());
        if self.0.fetch_add(1, Relaxed) >= AT_A_TIME {
            return;
        }
        tokio::spawn(async move {
            let _place = place;
            let tell = async {
                stream.write_all(text().as_bytes()).await?;
                stream.shutdown().await?;
                // To close before the request is read would reset the connection, and the answer with it.
                let mut scratch = [0; 1024];
                while stream.read(&mut scratch).await? > 0 {}
                Ok::<_, std::io::Error>(())
            };
            let _ = tokio::time::timeout(WITHIN, tell).await;
        });
    }
}

struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

fn text() -> String {
    let body = r#"{"errors":[{"message":"the server has as many connections as it takes; try again later","extensions":{"code":"UNAVAILABLE"}}]}"#;
    let length = body.len();
    format!(
        "HTTP/1.1 503 Service Unavailable\r\n\
        content-type: application/json; charset=utf-8\r\n\
        content-length: {length}\r\n\
        retry-after: 1\r\n\
        cache-control: no-store\r\n\
        x-content-type-options: nosniff\r\n\
        connection: close\r\n\r\n{body}"
    )
}
