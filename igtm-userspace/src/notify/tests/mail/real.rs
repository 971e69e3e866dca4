//! Mail to a real server: PyPI's aiosmtpd, with TLS, logins and refusals.

use std::process::Stdio;

use jiff::Timestamp;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::{certificate, settings};
use crate::config::model::{Channel, Email, Secret, SmtpTls};
use crate::notify::channel::Sender;
use crate::notify::dial;
use crate::notify::event::Kind;
use crate::notify::failure::Failure;
use crate::notify::fixture::{event, message, words};
use crate::notify::message::Receipt;
use crate::notify::retry::Class;
use crate::notify::tests::peers;

/// Ends with the test: the child is killed when it is dropped.
struct Server {
    _child: Child,
    _files: tempfile::TempDir,
    lines: Lines<BufReader<ChildStdout>>,
    ports: Value,
    tls: rustls::ClientConfig,
}

impl Server {
    /// `None` without the peer, which has been said.
    async fn start() -> Option<Self> {
        let python = peers::python()?;
        let files = tempfile::tempdir().expect("a directory");
        let (made, tls) = certificate();
        let (pem, key) = (files.path().join("pem"), files.path().join("key"));
        std::fs::write(&pem, made.cert.pem()).expect("written");
        std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
        let script = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/src/notify/tests/peers/smtpd.py"
        );
        let mut child = Command::new(python)
            .arg(script)
            .args([pem, key])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the peer's Python runs");
        let stdout = child.stdout.take().expect("it is piped");
        let mut server = Self {
            _child: child,
            _files: files,
            lines: BufReader::new(stdout).lines(),
            ports: Value::Null,
            tls,
        };
        server.ports = server.line().await;
        Some(server)
    }

    /// What it says next: a mail that it took.
    async fn line(&mut self) -> Value {
        let line = tokio::time::timeout(std::time::Duration::from_secs(60), self.lines.next_line());
        let line = line.await.expect("in time").expect("it can be read");
        serde_json::from_str(&line.expect("it runs")).expect("JSON")
    }

    fn channel(&self, kind: &str) -> (Channel, Email) {
        let protection = match kind {
            "implicit" => SmtpTls::Implicit,
            _ => SmtpTls::StartTls,
        };
        let port = self.ports[kind].as_u64().expect("a port");
        settings(protection, u16::try_from(port).expect("a port"))
    }

    async fn send(&self, settings: (Channel, Email)) -> Result<Receipt, Failure> {
        self.titled(settings, "池 web 的 192.0.2.1 is <down>", &self.tls)
            .await
    }

    async fn titled(
        &self,
        (mut channel, email): (Channel, Email),
        title: &str,
        tls: &rustls::ClientConfig,
    ) -> Result<Receipt, Failure> {
        channel.kind = crate::config::model::ChannelKind::Email(email);
        let sender = Sender::new(&channel, tls).expect("a usable channel");
        let mut event = event(Kind::AddressDown, "192.0.2.1");
        event.title = title.to_owned();
        let parts = sender.render(&message(vec![event]), &words());
        let sent = sender.send("msg_1-0", &parts[0], Timestamp::now()).await;
        let shown = format!("{sent:?} {sender:?} {parts:?}");
        assert!(!shown.contains("T0KEN"), "{shown}");
        sent
    }
}

#[tokio::test]
async fn a_mail_arrives_by_starttls_and_by_tls_with_and_without_a_login() {
    let Some(mut server) = Server::start().await else {
        return;
    };
    for (kind, login) in [
        ("starttls", true),
        ("starttls", false),
        ("login", true),
        ("implicit", true),
        ("implicit", false),
    ] {
        let (channel, mut email) = server.channel(kind);
        if !login {
            (email.username, email.password) = (None, None);
        }
        email.to = ["ops@mail.example", "Bo <bo@mail.example>"]
            .map(str::to_owned)
            .into();
        let receipt = server.send((channel, email)).await.expect("taken");
        assert_eq!(receipt.reply, "250 2.0.0 queued as 4711");
        assert_eq!(receipt.remark, None);
        let mail = server.line().await;
        assert_eq!(mail["tls"], true, "{kind}");
        assert_eq!(mail["login"].as_str(), login.then_some("igtm"), "{kind}");
        assert_eq!(mail["from"], "igtm@mail.example");
        assert_eq!(
            mail["to"],
            serde_json::json!(["ops@mail.example", "bo@mail.example"])
        );
        let content = mail["content"].as_str().expect("text");
        for part in [
            "Message-ID: <msg_1-0@mail.example>\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Content-Type: text/plain; charset=utf-8\r\n",
            "Content-Type: text/html; charset=utf-8\r\n",
        ] {
            assert!(content.contains(part), "{part} in {content}");
        }
    }
}

#[tokio::test]
async fn refusals_are_told_by_whom_and_what_to_change() {
    let Some(mut server) = Server::start().await else {
        return;
    };
    // Some of the receivers: the others get it.
    let (channel, mut email) = server.channel("starttls");
    let all = [
        "nobody@mail.example",
        "ops@mail.example",
        "full@mail.example",
    ];
    email.to = all.map(str::to_owned).into();
    let receipt = server.send((channel, email)).await.expect("taken");
    let remark = receipt.remark.expect("two were refused");
    for part in [
        "1 of 3 receivers were refused, and are not tried again (correct `to`): \
         nobody@mail.example: 550 5.1.1 no such user here",
        "1 of 3 receivers were refused for now: full@mail.example: 452 4.2.2 mailbox full",
    ] {
        assert!(remark.contains(part), "{part} in {remark}");
    }
    assert_eq!(
        server.line().await["to"],
        serde_json::json!(["ops@mail.example"])
    );

    let change = |kind: &str, change: &dyn Fn(&mut Email)| {
        let (channel, mut email) = server.channel(kind);
        change(&mut email);
        (channel, email)
    };
    let to = |all: &'static [&str]| {
        move |email: &mut Email| {
            email.to = all.iter().map(|it| (*it).to_owned()).collect();
        }
    };
    let no_login = |email: &mut Email| (email.username, email.password) = (None, None);
    let wrong_login = |email: &mut Email| email.password = Some(Secret::new("T0KEN-wr0ng"));
    let stranger = |email: &mut Email| email.from = "stranger@mail.example".to_owned();
    for (settings, class, words) in [
        (
            change("starttls", &to(&["nobody@mail.example"])),
            Class::Permanent,
            "correct `to`",
        ),
        (
            change(
                "starttls",
                &to(&["nobody@mail.example", "full@mail.example"]),
            ),
            Class::Transient,
            "all 2 receivers were refused",
        ),
        (
            change("starttls", &stranger),
            Class::Config,
            "may not send there",
        ),
        (
            change("starttls", &wrong_login),
            Class::Config,
            "correct `username` and `password`",
        ),
        (change("implicit", &wrong_login), Class::Config, "授权码"),
        (
            change("login", &no_login),
            Class::Config,
            "wants a login first",
        ),
        (
            change("without", &no_login),
            Class::Config,
            "offers no STARTTLS",
        ),
    ] {
        let failure = server.send(settings).await.expect_err(words);
        assert_eq!(failure.class, class, "{failure:?}");
        assert!(failure.why.contains(words), "{words} in {failure}");
        assert!(failure.reply.is_some(), "{failure:?}");
    }
    let spam = server
        .titled(server.channel("starttls"), "SPAM", &server.tls)
        .await;
    let spam = spam.expect_err("refused");
    assert_eq!(spam.class, Class::Permanent);
    assert_eq!(
        spam.reply.as_deref(),
        Some("554 5.7.1 DT:SPM looks like spam")
    );
}

#[tokio::test]
async fn who_is_refused_for_now_is_sent_it_alone_later() {
    let Some(mut server) = Server::start().await else {
        return;
    };
    let (mut channel, mut email) = server.channel("implicit");
    let all = [
        "ops@mail.example",
        "Grey <grey@mail.example>",
        "full@mail.example",
        "nobody@mail.example",
    ];
    email.to = all.map(str::to_owned).into();
    channel.kind = crate::config::model::ChannelKind::Email(email);
    let sender = Sender::new(&channel, &server.tls).expect("a usable channel");
    let told = message(vec![event(Kind::AddressDown, "192.0.2.1")]);
    let mut part = sender.render(&told, &words()).remove(0);
    let mut to = Vec::new();
    for refused_for_now in [2, 1] {
        let sent = sender.send("msg_1", &part, Timestamp::now()).await;
        let receipt = sent.expect("taken");
        let remark = receipt.remark.expect("some were refused");
        let wanted = format!("{refused_for_now} of ");
        assert!(remark.contains(&wanted), "{remark}");
        part = receipt.left.expect("some are left");
        let mail = server.line().await;
        to.push(mail["to"].clone());
        let content = mail["content"].as_str().expect("text");
        assert!(!content.contains("Only-For"), "{content}");
    }
    let wanted = [["ops@mail.example"], ["grey@mail.example"]].map(|to| serde_json::json!(to));
    assert_eq!(to, wanted);
    // Of the one that is left none takes it.
    let sent = sender.send("msg_1", &part, Timestamp::now()).await;
    let failure = sent.expect_err("full");
    assert_eq!(failure.class, Class::Transient);
    assert!(!failure.why.contains("all"), "{failure}");
}

#[tokio::test]
async fn a_certificate_must_be_trusted_and_name_the_server() {
    let Some(server) = Server::start().await else {
        return;
    };
    for kind in ["starttls", "implicit"] {
        let untrusted = server.titled(server.channel(kind), "x", &dial::tls()).await;
        let (channel, mut email) = server.channel(kind);
        email.host = "127.0.0.1".to_owned();
        let other_name = server.send((channel, email)).await;
        for sent in [untrusted, other_name] {
            let failure = sent.expect_err("refused");
            assert_eq!(failure.class, Class::Config, "{failure}");
            assert!(failure.why.contains("certificate"), "{failure}");
        }
    }
    // TLS where STARTTLS is spoken.
    let (channel, mut email) = server.channel("starttls");
    email.tls = SmtpTls::Implicit;
    let failure = server.send((channel, email)).await.expect_err("no TLS");
    assert_eq!(failure.class, Class::Config, "{failure}");
    assert!(failure.why.contains("speaks no TLS there"), "{failure}");
}
