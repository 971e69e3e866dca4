//! One HTTP/1.1 request over a connection of its own, as probes and channels make it.
//!
//! Must not dial, time or judge: who asks does.

use std::pin::pin;

use hyper::Response;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

/// As what igtm shows itself.
pub(crate) const AGENT: &str = concat!("igtm/", env!("CARGO_PKG_VERSION"));
/// The status line and headers of a response, octets.
pub(crate) const HEAD: usize = 64 * 1024;
/// All that may come, octets, for [`crate::metered`]: interim responses (`100 Continue`) without end would
/// keep everybody else waiting.
pub(crate) const ALL: usize = 128 * 1024;

/// Sends `request`; what `read` makes of the response.
pub(crate) async fn exchange<B, T>(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    request: hyper::Request<B>,
    read: impl AsyncFnOnce(Response<Incoming>) -> hyper::Result<T>,
) -> hyper::Result<T>
where
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + 'static,
{
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD)
        .handshake(TokioIo::new(stream))
        .await?;
    let mut connection = pin!(connection);
    let mut exchanged = pin!(async move {
        let response = sender.send_request(request).await?;
        read(response).await
    });
    let mut open = true;
    loop {
        // The connection does the work; what it failed with, the exchange says.
        tokio::select! {
            biased;
            exchanged = &mut exchanged => return exchanged,
            _ = &mut connection, if open => open = false,
        }
    }
}
