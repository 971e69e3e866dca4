//! A connection that brings so much and no more.
//!
//! Who reads an answer skips what it need not know: HTTP its interim answers (`100 Continue`), SMTP
//! the first lines of a reply. A peer that sends nothing else keeps the reader busy, which never
//! gives its thread back; so what it may send is bounded below it. Must not know any protocol.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Octets that one read takes.
const A_READ: usize = 8 * 1024;

/// The peer sent more than an answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {0} octets came, and no end of an answer")]
pub(crate) struct TooMuch(pub usize);

/// A stream of which so much is read.
#[derive(Debug)]
pub(crate) struct Metered<S> {
    stream: S,
    most: usize,
    left: usize,
}

impl<S> Metered<S> {
    /// At most `most` octets of `stream`; whoever reads on is told [`TooMuch`].
    pub(crate) fn new(stream: S, most: usize) -> Self {
        Self {
            stream,
            most,
            left: most,
        }
    }

    /// Once more as much: another answer begins.
    pub(crate) fn renew(&mut self) {
        self.left = self.most;
    }

    /// What it is of.
    pub(crate) fn inner(&self) -> &S {
        &self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == 0 {
            return Poll::Ready(Err(io::Error::other(TooMuch(self.most))));
        }
        let mut octets = [0; A_READ];
        let most = buffer.remaining().min(self.left).min(A_READ);
        let mut some = ReadBuf::new(&mut octets[..most]);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut some))?;
        self.left -= some.filled().len();
        buffer.put_slice(some.filled());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn what_is_allowed_comes_whole_and_not_an_octet_more() {
        let sent: Vec<u8> = (0..40_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        let (mut far, near) = tokio::io::duplex(5_000);
        let whole = sent.clone();
        let sending = tokio::spawn(async move { far.write_all(&whole).await });
        let mut metered = Metered::new(near, 30_000);
        let mut read = Vec::new();
        let error = metered.read_to_end(&mut read).await.expect_err("too much");
        assert_eq!(read, sent[..30_000]);
        let inner = error.get_ref().and_then(|it| it.downcast_ref::<TooMuch>());
        assert_eq!(inner, Some(&TooMuch(30_000)));
        drop(metered);
        assert!(sending.await.expect("it ends").is_err());
    }
}
