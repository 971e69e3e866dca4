//! A small mail server with TLS and a login (RFC 5321, 8314): keeps what came, and when.
//!
//! Only what a mail client that is told nothing unusual sends is understood.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::netns::Netns;

/// A client that says nothing for this long is given up.
const PATIENCE: Duration = Duration::from_secs(2);

/// One mail.
#[derive(Clone, Debug)]
pub struct Mail {
    /// When its last line was there.
    pub at: SystemTime,
    /// Whom it is for, as the client said before it.
    pub to: Vec<String>,
    /// Its parts' texts, decoded.
    pub text: String,
}

/// What is refused while it is set.
#[derive(Debug, Default)]
struct Refusals {
    /// 535 to every login.
    logins: AtomicBool,
    /// 450 to every receiver whose name begins with `grey`: come again later.
    grey: AtomicBool,
}

/// Listens until dropped.
#[derive(Debug)]
pub struct Mailbox {
    mails: Arc<Mutex<Vec<Mail>>>,
    refusals: Arc<Refusals>,
    stopping: Arc<AtomicBool>,
    listener: Arc<TcpListener>,
    roots: PathBuf,
    thread: Option<JoinHandle<()>>,
}

impl Mailbox {
    /// Listens on `address` inside `netns`; what trusts it is written into `directory`.
    pub fn start(netns: &Netns, address: SocketAddr, directory: &Path) -> Result<Self> {
        let made = rcgen::generate_simple_self_signed([address.ip().to_string()])?;
        let roots = directory.join("mailbox.pem");
        std::fs::write(&roots, made.cert.pem())?;
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der());
        let key = key.map_err(|error| anyhow::anyhow!("the key: {error}"))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)?;
        let tls = Arc::new(tls);
        let listener = netns.enter(|| {
            TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))
        })?;
        let listener = Arc::new(listener);
        let (mails, refusals, stopping) = (Arc::default(), Arc::default(), Arc::default());
        let (theirs, kept) = (Arc::clone(&listener), Arc::clone(&mails));
        let (no, stop): (Arc<Refusals>, Arc<AtomicBool>) =
            (Arc::clone(&refusals), Arc::clone(&stopping));
        let thread = thread::spawn(move || {
            while !stop.load(Ordering::Acquire) {
                if let Ok((stream, _)) = theirs.accept() {
                    // A client that breaks off has sent no mail: the test sees that.
                    let _ = serve(stream, &tls, &kept, &no);
                }
            }
        });
        Ok(Self {
            mails,
            refusals,
            stopping,
            listener,
            roots,
            thread: Some(thread),
        })
    }

    /// A file for `SSL_CERT_FILE`.
    pub fn roots(&self) -> &Path {
        &self.roots
    }

    /// Whether every login is refused from now on; the refusal repeats it.
    pub fn refuse(&self, refuses: bool) {
        self.refusals.logins.store(refuses, Ordering::Release);
    }

    /// Whether receivers whose name begins with `grey` are refused for now, others not.
    pub fn greylist(&self, greylists: bool) {
        self.refusals.grey.store(greylists, Ordering::Release);
    }

    /// What came so far, oldest first.
    pub fn mails(&self) -> Vec<Mail> {
        let mails = self.mails.lock();
        mails.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        // Ends the accept in progress.
        let _ =
            nix::sys::socket::shutdown(self.listener.as_raw_fd(), nix::sys::socket::Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(
    stream: TcpStream,
    tls: &Arc<ServerConfig>,
    mails: &Mutex<Vec<Mail>>,
    refusals: &Refusals,
) -> Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let session = ServerConnection::new(Arc::clone(tls))?;
    let mut stream = BufReader::new(StreamOwned::new(session, stream));
    stream.get_mut().write_all(b"220 mailbox ESMTP\r\n")?;
    let (mut line, mut to) = (String::new(), Vec::new());
    let refuses = refusals.logins.load(Ordering::Acquire);
    let greylists = refusals.grey.load(Ordering::Acquire);
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let word = line.split_whitespace().next().unwrap_or_default();
        let reply = match word.to_ascii_uppercase().as_str() {
            "EHLO" => "250-mailbox\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN\r\n".to_owned(),
            "AUTH" if refuses => format!("535 5.7.8 not taken: {}\r\n", line.trim_end()),
            "AUTH" => "235 2.7.0 welcome\r\n".to_owned(),
            "MAIL" => {
                to.clear();
                "250 OK\r\n".to_owned()
            }
            "RCPT" if greylists && line.contains("<grey") => {
                "450 4.2.0 greylisted, come again\r\n".to_owned()
            }
            "RCPT" => {
                let address = line.split(['<', '>']).nth(1);
                to.extend(address.map(str::to_owned));
                "250 OK\r\n".to_owned()
            }
            "DATA" => {
                stream.get_mut().write_all(b"354 go on\r\n")?;
                let raw = data(&mut stream)?;
                let mail = Mail {
                    at: SystemTime::now(),
                    to: std::mem::take(&mut to),
                    text: decoded(&raw),
                };
                mails
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(mail);
                "250 2.0.0 queued\r\n".to_owned()
            }
            "QUIT" => {
                stream.get_mut().write_all(b"221 bye\r\n")?;
                return Ok(());
            }
            _ => "250 OK\r\n".to_owned(),
        };
        stream.get_mut().write_all(reply.as_bytes())?;
    }
}

/// The lines up to the lone dot.
fn data(stream: &mut impl BufRead) -> Result<String> {
    let mut text = String::new();
    loop {
        let start = text.len();
        stream.read_line(&mut text).context("in a mail")?;
        if text.len() == start || &text[start..] == ".\r\n" {
            text.truncate(start);
            return Ok(text);
        }
    }
}

/// All that a mail says, whichever of the transfer encodings of RFC 2045 §6 each part has.
fn decoded(raw: &str) -> String {
    let mut text = raw.to_owned();
    for part in raw.split("\r\n--") {
        let Some((head, body)) = part.split_once("\r\n\r\n") else {
            continue;
        };
        // The first part of all has the mail's own head before it.
        let head = head.to_ascii_lowercase();
        if head.contains("base64") {
            let one: String = body.split_whitespace().collect();
            let octets = STANDARD.decode(one).unwrap_or_default();
            text += &String::from_utf8_lossy(&octets);
        } else if head.contains("quoted-printable") {
            text += &unquoted(body);
        }
    }
    text
}

fn unquoted(body: &str) -> String {
    let body = body.replace("=\r\n", "");
    let mut octets = Vec::new();
    let mut rest = body.as_bytes();
    while let [first, more @ ..] = rest {
        let pair = more
            .get(..2)
            .and_then(|pair| std::str::from_utf8(pair).ok());
        let code = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match (first, code) {
            (b'=', Some(octet)) => {
                octets.push(octet);
                rest = &more[2..];
            }
            _ => {
                octets.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&octets).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_encodings_are_read() {
        let mail = "Subject: x\r\n\r\n--a\r\ncontent-transfer-encoding: base64\r\n\r\n5YWc\r\n5bqV\r\n\
                    --a\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=E5=BA=\r\n=95!\r\n--a--";
        let text = decoded(mail);
        assert!(text.contains("兜底") && text.contains("底!"), "{text}");
    }
}
