//! The way to a mail server: a TCP connection, and TLS in it before anything that matters is said.
//!
//! Must not log in nor send. The few lines before STARTTLS are spoken here, so that nothing of them
//! outlives the handshake: whoever injects text before it is heard by nobody after it.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use lettre::transport::smtp::client::AsyncTokioStream;
use lettre::transport::smtp::extension::ClientId;
use rustls::pki_types::ServerName;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
    ReadBuf,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::config::model::SmtpTls;
use crate::metered::Metered;
use crate::notify::dial::{self, ConnectError};
use crate::notify::failure::Failure;
use crate::notify::retry::Class;

/// The longest line before TLS, octets: RFC 5321 §4.5.3.1.5 asks for 512.
const LINE: u64 = 1000;
/// The most lines of one reply before TLS.
const LINES: usize = 100;
/// Octets of a reply within TLS, whose lines lettre reads again with every one that comes.
const REPLY: usize = 16 * 1024;

/// Where mail goes, and how.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) protection: SmtpTls,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: Arc<rustls::ClientConfig>,
    pub(super) timeout: Duration,
    pub(super) allow_private: bool,
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = match self.protection {
            SmtpTls::Implicit => "smtps",
            SmtpTls::StartTls => "smtp",
        };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

impl Server {
    /// A connection inside TLS on which the server's greeting is to be read next.
    ///
    /// # Errors
    /// See [`Failure`].
    pub(super) async fn open(
        &self,
        hello: &ClientId,
    ) -> Result<Box<dyn AsyncTokioStream>, Failure> {
        let name = ServerName::try_from(self.host.clone()).map_err(|_| {
            let why = format!("{self}: `smtp` holds no name that a certificate could have");
            Failure::new(Class::Config, why)
        })?;
        let connected = dial::connect(&self.host, self.port, self.timeout, self.allow_private);
        let mut stream = connected.await.map_err(|error| self.unreachable(&error))?;
        let greeting = match self.protection {
            SmtpTls::Implicit => &b""[..],
            SmtpTls::StartTls => {
                self.start_tls(&mut stream, hello).await?;
                &b"220 \r\n"[..]
            }
        };
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        let encrypted = connector.connect(name, stream).await;
        let stream = encrypted.map_err(|error| self.no_tls(&error))?;
        let stream = Metered::new(stream, REPLY);
        Ok(Box::new(Encrypted { greeting, stream }))
    }

    fn unreachable(&self, error: &ConnectError) -> Failure {
        let class = match error {
            ConnectError::NotPublic(_) => Class::Config,
            _ => Class::Transient,
        };
        Failure::new(class, format!("{self}: {}", error.in_words()))
    }

    /// A certificate that is not trusted stays so until somebody does something about it.
    fn no_tls(&self, error: &io::Error) -> Failure {
        let inner = error.get_ref().and_then(|it| it.downcast_ref());
        match inner {
            Some(rustls::Error::InvalidCertificate(_)) => {
                let why = format!(
                    "{self}: {error}: the certificate must be valid for the name in `smtp` and \
                     signed by an authority that this host trusts (for one of your own: \
                     /usr/local/share/ca-certificates and update-ca-certificates)"
                );
                Failure::new(Class::Config, why)
            }
            Some(rustls::Error::InvalidMessage(_)) => {
                let why = format!(
                    "{self} speaks no TLS there: smtps:// is for ports with TLS from the start \
                     (465), smtp:// for STARTTLS (587)"
                );
                Failure::new(Class::Config, why)
            }
            _ => Failure::new(
                Class::Transient,
                format!("{self}: {}", dial::in_words(error)),
            ),
        }
    }

    /// Up to the reply to STARTTLS (RFC 3207), and not an octet further.
    async fn start_tls(&self, stream: &mut TcpStream, hello: &ClientId) -> Result<(), Failure> {
        let mut stream = BufReader::new(stream);
        self.expect(&mut stream, "220").await?;
        self.say(&mut stream, &format!("EHLO {hello}\r\n")).await?;
        let offered = self.expect(&mut stream, "250").await?;
        let offers = |line: &String| {
            let word = line.get(4..).unwrap_or_default().trim();
            word.eq_ignore_ascii_case("STARTTLS")
        };
        if !offered.iter().any(offers) {
            let why = format!(
                "{self} offers no STARTTLS, and igtm sends nothing in the clear: use a port that \
                 does (587), or smtps:// (465)"
            );
            return Err(Failure::new(Class::Config, why).with_reply(offered.join("\n")));
        }
        self.say(&mut stream, "STARTTLS\r\n").await?;
        self.expect(&mut stream, "220").await?;
        if !stream.buffer().is_empty() {
            let why =
                format!("{self} spoke on after STARTTLS, before TLS: is somebody in between?");
            return Err(Failure::new(Class::Transient, why));
        }
        Ok(())
    }

    async fn say(&self, stream: &mut BufReader<&mut TcpStream>, line: &str) -> Result<(), Failure> {
        let written = stream.get_mut().write_all(line.as_bytes()).await;
        written.map_err(|error| {
            let why = format!("{self}: {}", dial::in_words(&error));
            Failure::new(Class::Transient, why)
        })
    }

    /// The lines of a reply, which must have this code.
    async fn expect(
        &self,
        stream: &mut BufReader<&mut TcpStream>,
        code: &str,
    ) -> Result<Vec<String>, Failure> {
        let passing = |why: String| Failure::new(Class::Transient, format!("{self}: {why}"));
        let mut lines = Vec::new();
        loop {
            let mut line = Vec::new();
            let read = (&mut *stream).take(LINE).read_until(b'\n', &mut line).await;
            read.map_err(|error| passing(dial::in_words(&error)))?;
            if !line.ends_with(b"\n") || lines.len() >= LINES {
                return Err(passing("ended in the middle of a reply".to_owned()));
            }
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            let is_last = line.get(3..4) != Some("-");
            lines.push(line);
            if is_last {
                break;
            }
        }
        let last = lines.last().map_or("", String::as_str);
        if last.starts_with(code) {
            return Ok(lines);
        }
        let class = if last.starts_with('5') {
            Class::Permanent
        } else {
            Class::Transient
        };
        let why = format!("{self} answered before TLS: {last}");
        Err(Failure::new(class, why).with_reply(lines.join("\n")))
    }
}

/// TLS as lettre reads from it. After STARTTLS no greeting comes, and lettre waits for one.
#[derive(Debug)]
struct Encrypted {
    greeting: &'static [u8],
    stream: Metered<TlsStream<TcpStream>>,
}

impl AsyncTokioStream for Encrypted {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.inner().get_ref().0.peer_addr()
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.greeting.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let (now, later) = self
            .greeting
            .split_at(self.greeting.len().min(buffer.remaining()));
        buffer.put_slice(now);
        self.greeting = later;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        // Another command, whose reply is another.
        self.stream.renew();
        Pin::new(&mut self.stream).poll_write(context, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
