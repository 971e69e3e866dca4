//! A stream whose peer must take what is written to it: what is stuck is held for a while only.
//!
//! Knows nothing of what is written.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::places::Place;

/// How long a peer may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// To take anything.
    pub(super) stalled: Duration,
    /// To take a whole reply.
    pub(super) whole: Duration,
}

/// The stream; what its peer takes is told to the `place` of the connection.
pub(super) struct Paced<S> {
    stream: S,
    place: Arc<Place>,
    pace: Pace,
    /// When the reply that is being written must be taken; `None`: nothing waits.
    due: Option<Instant>,
    /// The end of the peer's time, while it takes nothing.
    stuck: Option<Pin<Box<Sleep>>>,
}

impl<S> Paced<S> {
    pub(super) fn new(stream: S, place: Arc<Place>, pace: Pace) -> Self {
        Self {
            stream,
            place,
            pace,
            due: None,
            stuck: None,
        }
    }

    /// What came of a write.
    fn written(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let now = Instant::now();
        let due = *self.due.get_or_insert(now + self.pace.whole);
        if written.is_ready() {
            self.stuck = None;
            self.place.active();
            // A peer that takes an octet now and then holds the reply all the same.
            return if due > now { written } else { too_slow() };
        }
        let until = due.min(now + self.pace.stalled);
        let stuck = self
            .stuck
            .get_or_insert_with(|| Box::pin(sleep_until(until)));
        ready!(stuck.as_mut().poll(context));
        too_slow()
    }
}

fn too_slow<T>() -> Poll<io::Result<T>> {
    let why = "the peer does not take its reply";
    Poll::Ready(Err(io::Error::new(ErrorKind::TimedOut, why)))
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, octets);
        self.written(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, octets);
        self.written(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Comes when all that was to be written is: the next reply has its own time.
        self.due = None;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
