//! A client's stream, which notes what comes and goes.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use super::watched::Watched;
use crate::read::load::admission::busy;

pub struct WatchedStream {
    stream: TcpStream,
    watched: Arc<Watched>,
    /// After our side was closed, until when the other side is listened to.
    lingers: Option<Pin<Box<Sleep>>>,
}

/// How long to read on from a client that was answered before all that it sent was read. To close at once would
/// reset the connection, and the client might never see its answer.
const LINGER: Duration = Duration::from_secs(2);

/// So much the system takes off our hands before the client has room for it. By itself it would take megabytes, and ask for
/// more only when a third of those are gone, so that somebody who reads slowly would look like somebody who does not.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 256 << 10;

impl WatchedStream {
    pub fn new(stream: TcpStream, watched: Arc<Watched>) -> Self {
        // An answer's last bytes are not to wait for the client to have acknowledged its first. The options are an
        // improvement only: without them all works, too.
        let _ = stream.set_nodelay(true);
        #[cfg(target_os = "linux")]
        let _ = socket2::SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT);
        WatchedStream {
            stream,
            watched,
            lingers: None,
        }
    }

    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => break,
            }
        }
        match &mut self.lingers {
            Some(over) => over.as_mut().poll(context),
            None => Poll::Ready(()),
        }
    }

    /// Whether the client has closed its side, so that hyper would give up whatever it asked. The system is asked:
    /// of what has been read tokio waits to be told.
    fn has_left(&self) -> bool {
        let mut next = [MaybeUninit::uninit()];
        match socket2::SockRef::from(&self.stream).peek(&mut next) {
            Ok(bytes) => bytes == 0,
            Err(error) => !matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
            ),
        }
    }

    /// Whether the client has closed its side, or all of the connection, whatever it has sent before that and nobody has
    /// read yet.
    #[cfg(unix)]
    fn is_closed(&self) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        #[cfg(target_os = "linux")]
        let closed = PollFlags::RDHUP;
        // Others tell it of a side only by what is read last.
        #[cfg(not(target_os = "linux"))]
        let closed = PollFlags::HUP;
        let mut asked = [PollFd::new(&self.stream, closed)];
        let told = poll(&mut asked, Some(&Timespec::default()));
        let gone = closed | PollFlags::HUP | PollFlags::ERR;
        told.is_ok() && asked[0].revents().intersects(gone)
    }

    #[cfg(not(unix))]
    fn is_closed(&self) -> bool {
        false
    }

    fn note(&self, written: &Poll<io::Result<usize>>) {
        match written {
            Poll::Ready(Ok(bytes)) => self.watched.sent(*bytes),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.watched.block(),
        }
    }
}

impl AsyncRead for WatchedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            // What has lain unread for long may be nobody's any more.
            if busy::may_be_late() && self.has_left() {
                buffer.set_filled(before);
                return Poll::Ready(Ok(()));
            }
            self.watched.received();
        }
        read
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.note(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Whenever its task wakes, hyper flushes; but while a request is handled, it reads nothing behind what it has read
        // already, be it another request or a stray byte, and so does not see the end.
        if self.watched.is_to_look() && self.is_closed() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if flushed.is_ready() {
            self.watched.flushed();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingers.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            if !self.watched.is_unread() {
                return Poll::Ready(Ok(()));
            }
            self.lingers = Some(Box::pin(tokio::time::sleep(LINGER)));
        }
        self.poll_linger(context).map(Ok)
    }
}

impl Drop for WatchedStream {
    fn drop(&mut self) {
        if self.watched.is_stuck() {
            // What its client does not read the system would keep and offer for minutes.
            let _ = self.stream.set_zero_linger();
        }
    }
}
