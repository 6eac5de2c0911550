//! The router as hyper calls it: each request is noted on its connection from its head to its answer's last byte.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::http::{Request, Response, Version};
use axum::routing::future::RouteFuture;
use bytes::Buf;
use hyper::body::{Frame, Incoming, SizeHint};
use pin_project_lite::pin_project;
use tokio::sync::oneshot;

use super::super::http::InMemory;
use super::room::{Place, Unsent};
use super::watched::{AwaitedBody, Running, Sending, Watched};
use super::{Shared, malformed};

pub struct Requests {
    pub shared: Arc<Shared>,
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
                part: None,
                awaited: None,
                watched: self.watched.clone(),
            })
        });
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        let mut place = None;
        let handled = match refused {
            Some(refused) => Handled::Refused {
                answer: Some(refused),
            },
            None if http2 => match self.watched.room.enter() {
                Ok(entered) => {
                    place = Some(entered);
                    self.shared.route(request)
                }
                Err(comes) => Handled::Waits {
                    comes,
                    request: Some(request),
                },
            },
            None => self.shared.route(request),
        };
        Handling {
            handled,
            running: Some(running),
            place,
            shared: self.shared.clone(),
        }
    }
}

impl Shared {
    fn route(&self, request: Request<Body>) -> Handled {
        Handled::Routed {
            // A router is always ready, and cheap to clone.
            future: tower::Service::call(&mut self.router.clone(), request),
        }
    }

    /// An answer of HTTP/1, where it is worth counting.
    fn keep(&self, running: Option<&Running>, response: &Response<Body>) -> Option<Arc<Unsent>> {
        let unsent = running?.room().keep(bytes_of(response))?;
        self.close_unread(unsent.everywhere());
        Some(Arc::new(unsent))
    }
}

pin_project! {
    /// A request that has no answer yet. When its client leaves, hyper drops it.
    pub struct Handling {
        #[pin]
        handled: Handled,
        running: Option<Running>,
        // Of HTTP/2, once it has begun.
        place: Option<Place>,
        shared: Arc<Shared>,
    }
}

pin_project! {
    #[project = HandledProjected]
    enum Handled {
        Waits {
            #[pin]
            comes: oneshot::Receiver<Place>,
            request: Option<Request<Body>>,
        },
        Routed {
            #[pin]
            future: RouteFuture<Infallible>,
        },
        Refused {
            answer: Option<Response<Body>>,
        },
    }
}

impl Future for Handling {
    type Output = Result<Response<Answer>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let response = loop {
            // Nobody takes an answer any more. It is dropped with its connection.
            if this.running.as_ref().is_some_and(Running::is_in_vain) {
                this.handled.set(Handled::Refused { answer: None });
                return Poll::Pending;
            }
            let begun = match this.handled.as_mut().project() {
                HandledProjected::Waits { comes, request } => {
                    // The connection keeps whoever gives places.
                    *this.place = ready!(comes.poll(context)).ok();
                    this.shared.route(request.take().unwrap_or_default())
                }
                HandledProjected::Routed { future } => {
                    let Ok(response) = ready!(future.poll(context));
                    break response;
                }
                HandledProjected::Refused { answer } => break answer.take().unwrap_or_default(),
            };
            this.handled.set(begun);
        };
        let mut running = this.running.take();
        if let Some(running) = &mut running {
            running.answer();
        }
        let until = match (running, this.place.take()) {
            (Some(running), Some(place)) => {
                let unsent = place.answer(bytes_of(&response));
                this.shared.close_unread(unsent.everywhere());
                Until::Sent(running.send(unsent))
            }
            (running, _) => {
                let unsent = this.shared.keep(running.as_ref(), &response);
                Until::Taken { running, unsent }
            }
        };
        Poll::Ready(Ok(response.map(|body| Answer { body, until })))
    }
}

/// How much of memory an answer takes, as far as that is known.
fn bytes_of(response: &Response<Body>) -> usize {
    let said = response.extensions().get::<InMemory>();
    let lower = hyper::body::Body::size_hint(response.body()).lower();
    said.map_or(usize::try_from(lower).unwrap_or(usize::MAX), |said| said.0)
}

/// An answer's body, which hyper drops when it has taken all of it.
pub struct Answer {
    body: Body,
    until: Until,
}

/// For how long a request runs that has an answer.
enum Until {
    /// Until hyper has taken all of it. Of HTTP/1 what it cannot write then is known of the connection.
    Taken {
        #[expect(dead_code, reason = "dropped with the answer")]
        running: Option<Running>,
        /// What is in memory until the last part of it is sent, too.
        unsent: Option<Arc<Unsent>>,
    },
    /// Until its last part is sent. Of HTTP/2 hyper takes any part that there is, whatever its client has room for.
    Sent(Arc<Sending>),
}

/// A part of an answer's body.
pub struct Part {
    bytes: Bytes,
    of: Option<Arc<Sending>>,
    #[expect(dead_code, reason = "dropped with the part")]
    unsent: Option<Arc<Unsent>>,
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
            let (of, unsent) = match &self.until {
                Until::Sent(sending) => (Some(sending.clone()), None),
                Until::Taken { unsent, .. } => (None, unsent.clone()),
            };
            of.iter().for_each(|sending| sending.begin());
            Part { bytes, of, unsent }
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
    /// What has come of it, until all has.
    part: Option<Unsent>,
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
        if self.ended {
            (self.awaited, self.part) = (None, None);
            return Poll::Ready(frame);
        }
        self.awaited.iter().for_each(|body| body.received(bytes));
        match &mut self.part {
            Some(part) => part.grow(bytes),
            None => self.part = Some(self.watched.room.keep_part(bytes)),
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
