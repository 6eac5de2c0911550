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
use hyper::body::{Frame, Incoming, SizeHint};
use pin_project_lite::pin_project;

use super::watched::{Running, Watched};

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
        let running = self.watched.begin(request.version() == Version::HTTP_2);
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
        }
    }
}

pin_project! {
    /// A request that has no answer yet. When its client leaves, hyper drops it.
    pub struct Handling {
        #[pin]
        future: RouteFuture<Infallible>,
        running: Option<Running>,
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
        Poll::Ready(Ok(response.map(|body| Answer {
            body,
            _running: running,
        })))
    }
}

/// An answer's body, which hyper drops when it has taken all of it.
pub struct Answer {
    body: Body,
    _running: Option<Running>,
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
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
