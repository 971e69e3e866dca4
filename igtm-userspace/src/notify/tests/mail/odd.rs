//! A mail server that is slow, dies, lies or listens in: a script of replies on a raw socket.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::{PASSWORD, certificate, settings};
use crate::config::model::{ChannelKind, SmtpTls};
use crate::notify::channel::Sender;
use crate::notify::event::Kind;
use crate::notify::failure::Failure;
use crate::notify::fixture::{event, message, words};
use crate::notify::message::Receipt;
use crate::notify::retry::Class;

/// What is answered to a line that begins so; "" is the connection itself.
type Script = &'static [(&'static str, Answer)];

#[derive(Clone, Copy, Debug)]
enum Answer {
    Say(&'static str),
    /// Says so much, then resets.
    Reset(&'static str),
    /// Says nothing for longer than anyone waits.
    Silence,
    /// Says this again and again, without end.
    Endless(&'static str),
}
use Answer::{Endless, Reset, Say, Silence};

/// What a server says that takes everything.
const TAKES: Script = &[
    ("", Say("220 localhost\r\n")),
    (
        "EHLO",
        Say("250-localhost\r\n250-STARTTLS\r\n250 AUTH LOGIN PLAIN\r\n"),
    ),
    ("AUTH", Say("235 ok\r\n")),
    ("MAIL", Say("250 ok\r\n")),
    ("RCPT", Say("250 ok\r\n")),
    ("DATA", Say("354 go on\r\n")),
    (".", Say("250 taken\r\n")),
    ("QUIT", Say("221 bye\r\n")),
];

/// A server that answers by `script`, else as [`TAKES`]; what it heard.
struct Server {
    port: u16,
    heard: Arc<Mutex<String>>,
    tls: rustls::ClientConfig,
}

impl Server {
    async fn start(protection: SmtpTls, script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let heard = Arc::new(Mutex::new(String::new()));
        let (made, tls) = certificate();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("a matching key");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let kept = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, heard) = (acceptor.clone(), Arc::clone(&kept));
                match protection {
                    SmtpTls::StartTls => tokio::spawn(async move {
                        let mut stream = stream;
                        talk(&mut stream, script, &heard, reset_plain).await;
                    }),
                    SmtpTls::Implicit => tokio::spawn(async move {
                        if let Ok(mut stream) = acceptor.accept(stream).await {
                            talk(&mut stream, script, &heard, |it| {
                                reset_plain(it.get_ref().0)
                            })
                            .await;
                        }
                    }),
                };
            }
        });
        Self { port, heard, tls }
    }

    async fn send(&self, protection: SmtpTls) -> Result<Receipt, Failure> {
        let (mut channel, email) = settings(protection, self.port);
        channel.timeout = Duration::from_secs(2);
        channel.kind = ChannelKind::Email(email);
        let sender = Sender::new(&channel, &self.tls).expect("a usable channel");
        let parts = sender.render(
            &message(vec![event(Kind::AddressDown, "192.0.2.1")]),
            &words(),
        );
        sender.send("msg_1", &parts[0], Timestamp::now()).await
    }

    fn heard(&self) -> String {
        self.heard.lock().expect("nobody panicked").clone()
    }
}

fn reset_plain(stream: &TcpStream) {
    let socket = socket2::SockRef::from(stream);
    socket.set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    script: Script,
    heard: &Mutex<String>,
    reset: impl Fn(&S),
) {
    let mut stream = BufStream::new(stream);
    let (mut line, mut in_mail) = (String::new(), false);
    loop {
        let answer = script
            .iter()
            .chain(TAKES)
            .filter(|_| !in_mail || line.trim_end() == ".")
            .find(|(begin, _)| line.starts_with(begin) && begin.is_empty() == line.is_empty());
        in_mail = (in_mail && answer.is_none()) || line.starts_with("DATA");
        match answer {
            Some((_, Say(text))) => {
                // The client may have left.
                let _ = stream.write_all(text.as_bytes()).await;
                let _ = stream.flush().await;
            }
            Some((_, Reset(text))) => {
                let _ = stream.write_all(text.as_bytes()).await;
                let _ = stream.flush().await;
                // Let the half arrive: a reset may discard what was not read yet.
                tokio::time::sleep(Duration::from_millis(50)).await;
                reset(stream.get_ref());
                return;
            }
            Some((_, Silence)) => tokio::time::sleep(Duration::from_secs(60)).await,
            Some((_, Endless(text))) => {
                let many = text.repeat(1000);
                while stream.get_mut().write_all(many.as_bytes()).await.is_ok() {}
                return;
            }
            None => {}
        }
        line.clear();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        heard.lock().expect("nobody panicked").push_str(&line);
    }
}

#[tokio::test]
async fn whatever_breaks_a_conversation_is_tried_again() {
    let implicit: [(Script, Class); 18] = [
        (&[("", Say("421 too busy\r\n"))], Class::Transient),
        (
            &[("", Say("554 your address is on a list\r\n"))],
            Class::Permanent,
        ),
        (&[("", Say("HTTP/1.1 400 what?\r\n"))], Class::Transient),
        (&[("", Silence)], Class::Transient),
        (&[("", Reset("220-loc"))], Class::Transient),
        (
            &[("EHLO", Reset("250-localhost\r\n250-AU"))],
            Class::Transient,
        ),
        (&[("AUTH", Say("454 4.7.0 not now\r\n"))], Class::Transient),
        (
            &[("AUTH", Say("534 5.7.9 use an application password\r\n"))],
            Class::Config,
        ),
        (&[("EHLO", Say("250 localhost\r\n"))], Class::Config),
        (
            &[("RCPT", Say("421 4.3.2 going down\r\n"))],
            Class::Transient,
        ),
        (
            &[("RCPT", Say("450 4.2.0 greylisted, come back\r\n"))],
            Class::Transient,
        ),
        (&[("RCPT", Silence)], Class::Transient),
        (&[("DATA", Say("451 later\r\n"))], Class::Transient),
        (&[(".", Say("552 5.3.4 too large\r\n"))], Class::Permanent),
        (&[(".", Reset("250 ta"))], Class::Transient),
        (&[(".", Silence)], Class::Transient),
        (&[("", Endless("220-wait\r\n"))], Class::Transient),
        (&[("RCPT", Endless("250-wait\r\n"))], Class::Transient),
    ];
    for (script, class) in implicit {
        let server = Server::start(SmtpTls::Implicit, script).await;
        let sent = server.send(SmtpTls::Implicit).await;
        let failure = sent.expect_err("refused");
        assert_eq!(failure.class, class, "{script:?}: {failure:?}");
    }
    // Once it is taken, a server without manners changes nothing.
    for script in [&[("QUIT", Silence)][..], &[("QUIT", Reset(""))], &[]] {
        let server = Server::start(SmtpTls::Implicit, script).await;
        let receipt = server.send(SmtpTls::Implicit).await.expect("taken");
        assert_eq!(receipt.reply, "250 taken");
    }
}

#[tokio::test]
async fn nothing_is_said_in_the_clear() {
    let plain: [(Script, Class); 6] = [
        (
            &[("EHLO", Say("250-localhost\r\n250 AUTH PLAIN\r\n"))],
            Class::Config,
        ),
        (
            &[("STARTTLS", Say("454 4.7.0 no TLS now\r\n"))],
            Class::Transient,
        ),
        (&[("STARTTLS", Say("502 what?\r\n"))], Class::Permanent),
        // Injected before TLS, to be taken for what was said inside it.
        (
            &[("STARTTLS", Say("220 go on\r\n250 AUTH PLAIN\r\n"))],
            Class::Transient,
        ),
        (&[("STARTTLS", Reset("220 go on\r\n"))], Class::Transient),
        (&[("EHLO", Silence)], Class::Transient),
    ];
    for (script, class) in plain {
        let server = Server::start(SmtpTls::StartTls, script).await;
        let failure = server.send(SmtpTls::StartTls).await.expect_err("refused");
        assert_eq!(failure.class, class, "{script:?}: {failure:?}");
        let heard = server.heard();
        assert!(
            !heard.contains("AUTH") && !heard.contains("MAIL"),
            "{heard}"
        );
    }
}

#[tokio::test]
async fn a_server_that_repeats_the_password_does_not_get_it_shown() {
    use base64::Engine as _;
    let plain = "AGlndG0AVDBLRU4tcGE1NXcwcmQ=";
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("\0igtm\0{PASSWORD}"));
    assert_eq!(encoded, plain);
    let script: Script = &[(
        "AUTH",
        Say("535 5.7.8 AUTH PLAIN AGlndG0AVDBLRU4tcGE1NXcwcmQ= (T0KEN-pa55w0rd) is wrong\r\n"),
    )];
    let server = Server::start(SmtpTls::Implicit, script).await;
    let failure = server.send(SmtpTls::Implicit).await.expect_err("refused");
    assert!(server.heard().contains(plain), "it was sent, inside TLS");
    let shown = format!("{failure} {failure:?}");
    assert!(
        !shown.contains("T0KEN") && !shown.contains(plain),
        "{shown}"
    );
    assert!(shown.contains("535 5.7.8 AUTH PLAIN [secret]"), "{shown}");
}

#[tokio::test]
async fn a_server_inside_is_refused_before_anything_is_dialled() {
    let server = Server::start(SmtpTls::Implicit, TAKES).await;
    for host in [
        "localhost",
        "127.0.0.1",
        "127.1",
        "::1",
        "::ffff:127.0.0.1",
        "0.0.0.0",
    ] {
        let (mut channel, mut email) = settings(SmtpTls::Implicit, server.port);
        email.host = host.to_owned();
        channel.allow_private = false;
        channel.kind = ChannelKind::Email(email);
        let sender = Sender::new(&channel, &server.tls).expect("a usable channel");
        let parts = sender.render(
            &message(vec![event(Kind::AddressDown, "192.0.2.1")]),
            &words(),
        );
        let sent = sender.send("msg_1", &parts[0], Timestamp::now()).await;
        let failure = sent.expect_err("refused");
        assert_eq!(failure.class, Class::Config, "{host}: {failure}");
    }
    assert_eq!(server.heard(), "");
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = closed.local_addr().expect("bound").port();
    drop(closed);
    let nobody = Server { port, ..server };
    let failure = nobody.send(SmtpTls::StartTls).await.expect_err("nobody");
    assert_eq!(failure.class, Class::Transient);
    let told = failure.why.contains("nothing listens there");
    assert!(told, "{failure}");
}
