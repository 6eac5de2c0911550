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

use super::malformed;
use super::watched::{AwaitedBody, Running, Sending, Watched};

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
        let refused = malformed::refusal(&request);
        let mut request = request.map(|body| {
            Body::new(Received {
                ended: hyper::body::Body::is_end_stream(&body),
                body,
                awaited: None,
                watched: self.watched.clone(),
            })
        });
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        let handled = match refused {
            Some(refused) => Handled::Refused {
                answer: Some(refused),
            },
            // A router is always ready, and cheap to clone.
            None => Handled::Routed {
                future: tower::Service::call(&mut self.router.clone(), request),
            },
        };
        Handling {
            handled,
            running: Some(running),
            http2,
        }
    }
}

pin_project! {
    /// A request that has no answer yet. When its client leaves, hyper drops it.
    pub struct Handling {
        #[pin]
        handled: Handled,
        running: Option<Running>,
        http2: bool,
    }
}

pin_project! {
    #[project = HandledProjected]
    enum Handled {
        Routed {
            #[pin]
            future: RouteFuture<Infallible>,
        },
        Refused {
            answer: Option<Response<Body>>,
        },
    }
}

impl Future for Handled {
    type Output = Response<Body>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Response<Body>> {
        match self.project() {
            HandledProjected::Routed { future } => {
                let Ok(response) = ready!(future.poll(context));
                Poll::Ready(response)
            }
            HandledProjected::Refused { answer } => Poll::Ready(answer.take().unwrap_or_default()),
        }
    }
}

impl Future for Handling {
    type Output = Result<Response<Answer>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.handled.poll(context));
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

/// A request's body, which notes that it is waited for, and where it was left before its end.
struct Received {
    body: Incoming,
    ended: bool,
    awaited: Option<AwaitedBody>,
    watched: Arc<Watched>,
}

impl hyper::body::Body for Received {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
            if self.awaited.is_none() {
                self.awaited = Some(self.watched.await_body());
            }
            return Poll::Pending;
        };
        self.ended |= !matches!(frame, Some(Ok(_))) || self.body.is_end_stream();
        let bytes = match &frame {
            Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len),
            _ => 0,
        };
        match self.ended {
            true => self.awaited = None,
            false => self.awaited.iter().for_each(|body| body.received(bytes)),
        }
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
