//! The router as hyper calls it: each request is noted on its connection from its head to its answer's last byte.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::http::{Request, Response, Version};
use axum::routing::future::RouteFuture;
use bytes::Buf;
use hyper::body::{Frame, Incoming, SizeHint};
use pin_project_lite::pin_project;

use super::watched::{Running, Sending, Watched};

pub struct Requests {
    pub router: Router,
    pub watched: Arc<Watched>,
    /// Who is at the other end.
    pub peer: Option<SocketAddr>,
}

impl hyper::service::Service<Request<Incoming>> for Requests {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Handling;

    fn call(&self, request: Request<Incoming>) -> Handling {
        let http2 = request.version() == Version::HTTP_2;
        let running = self.watched.begin(http2);
        let mut request = request.map(|body| {
            Body::new(Received {
                ended: hyper::body::Body::is_end_stream(&body),
                body,
                watched: self.watched.clone(),
            })
        });
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        Handling {
            // A router is always ready, and cheap to clone.
            future: tower::Service::call(&mut self.router.clone(), request),
            running: Some(running),
            http2,
        }
    }
}

pin_project! {
    /// A request that has no answer yet. When its client leaves, hyper drops it.
    pub struct Handling {
        #[pin]
        future: RouteFuture<Infallible>,
        running: Option<Running>,
        http2: bool,
    }
}

impl Future for Handling {
    type Output = Result<Response<Answer>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Ok(response) = ready!(this.future.poll(context));
        let mut running = this.running.take();
        if let Some(running) = &mut running {
            running.answer();
        }
        let until = match (running, *this.http2) {
            (Some(running), true) => Until::Sent(running.send()),
            (running, _) => Until::Taken(running),
        };
        Poll::Ready(Ok(response.map(|body| Answer { body, until })))
    }
}

/// An answer's body, which hyper drops when it has taken all of it.
pub struct Answer {
    body: Body,
    until: Until,
}

/// For how long a request runs that has an answer.
enum Until {
    /// Until hyper has taken all of it. Of HTTP/1 what it cannot write then is known of the connection.
    Taken(#[expect(dead_code, reason = "dropped with the answer")] Option<Running>),
    /// Until its last part is sent. Of HTTP/2 hyper takes any part that there is, whatever its client has room for.
    Sent(Arc<Sending>),
}

/// A part of an answer's body.
pub struct Part {
    bytes: Bytes,
    of: Option<Arc<Sending>>,
}

impl Buf for Part {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        if let Some(sending) = &self.of {
            sending.took(count);
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Some(sending) = &self.of {
            sending.end();
        }
    }
}

impl hyper::body::Body for Answer {
    type Data = Part;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Part>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let part = |bytes| {
            let of = match &self.until {
                Until::Sent(sending) => Some(sending.clone()),
                Until::Taken(_) => None,
            };
            of.iter().for_each(|sending| sending.begin());
            Part { bytes, of }
        };
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A request's body, which notes where it was left before its end.
struct Received {
    body: Incoming,
    ended: bool,
    watched: Arc<Watched>,
}

impl hyper::body::Body for Received {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        self.ended |= frame.is_none() || self.body.is_end_stream();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        if !self.ended {
            self.watched.leave_unread();
        }
    }
}
