//! One conversation with a mail server, and what each of its replies means.
//!
//! Must not quote a reply before it is cleaned: servers repeat what they were sent.

use std::fmt::Display;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lettre::message::Mailbox;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};

use super::{Email, mail};
use crate::config::model::Secret;
use crate::notify::failure::Failure;
use crate::notify::message::{Part, Receipt};
use crate::notify::redact::Secrets;
use crate::notify::retry::Class;

/// The mail is taken: how long a server may take to say goodbye.
const GOODBYE: Duration = Duration::from_millis(500);

/// Where in the conversation something was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Greeting,
    Login,
    Sender,
    Receivers,
    Content,
}

/// What replies are cleaned of: the password, also as AUTH sends it (RFC 4616, RFC 4954).
pub(super) fn secrets(username: Option<&str>, password: Option<&Secret>) -> Secrets {
    let Some(password) = password.map(Secret::reveal) else {
        return Secrets::none();
    };
    let plain = format!("\0{}\0{password}", username.unwrap_or_default());
    Secrets::none()
        .and_password(password)
        .and(&STANDARD.encode(password))
        .and(&STANDARD.encode(plain))
}

/// A receiver that the server would not have.
struct Refused {
    address: String,
    error: Error,
}

/// A mail that the server took.
pub(super) struct Taken {
    reply: String,
    /// Never all of its receivers.
    refused: Vec<Refused>,
}

impl Email {
    /// Hands over `mail`, the whole of it as octets, to these of the receivers.
    pub(super) async fn deliver(&self, to: &[Mailbox], mail: &[u8]) -> Result<Taken, Failure> {
        let hello = ClientId::default();
        let stream = self.server.open(&hello).await;
        let stream = stream.map_err(|failure| self.cleaned(failure))?;
        let smtp = AsyncSmtpConnection::connect_with_transport(stream, &hello).await;
        let mut smtp = smtp.map_err(|error| self.failure(Stage::Greeting, &error))?;
        if let Some(login) = &self.login {
            self.login(&mut smtp, login).await?;
        }
        self.sender(&mut smtp).await?;
        let refused = self.receivers(to, &mut smtp).await?;
        let failed = |error| self.failure(Stage::Content, &error);
        smtp.command(Data).await.map_err(failed)?;
        let taken = smtp.message(mail).await.map_err(failed)?;
        // It is the server's now, whatever becomes of the rest.
        let _ = tokio::time::timeout(GOODBYE, smtp.quit()).await;
        let lines: Vec<&str> = taken.message().collect();
        let reply = format!("{} {}", taken.code(), lines.join("\n"));
        Ok(Taken { reply, refused })
    }

    /// What came of `part`, which was for `to`.
    pub(super) fn receipt(&self, taken: Taken, part: &Part, to: &[Mailbox]) -> Receipt {
        let Taken { reply, refused } = taken;
        // A mailbox that is full, or a server that wants to see a mail twice (greylisting).
        let passing = refused.iter().filter(|it| it.error.is_transient());
        let again: Vec<String> = passing.map(|it| it.address.clone()).collect();
        Receipt {
            reply: self.secrets.clean(&reply),
            remark: (!refused.is_empty()).then(|| self.remark(&refused, to.len())),
            left: (!again.is_empty()).then(|| mail::only_for(part, &again)),
        }
    }

    async fn login(
        &self,
        smtp: &mut AsyncSmtpConnection,
        login: &Credentials,
    ) -> Result<(), Failure> {
        let offered = smtp.server_info().get_auth_mechanism(DEFAULT_MECHANISMS);
        if offered.is_none() {
            let why = format!(
                "{} offers no login that igtm knows (PLAIN, LOGIN): remove `username` and \
                 `password`, or use the server's submission port",
                self.server
            );
            return Err(Failure::new(Class::Config, why));
        }
        let done = smtp.auth(DEFAULT_MECHANISMS, login).await;
        done.map_err(|error| self.failure(Stage::Login, &error))?;
        Ok(())
    }

    async fn sender(&self, smtp: &mut AsyncSmtpConnection) -> Result<(), Failure> {
        let addresses = self.to.iter().chain([&self.from]);
        let is_ascii = addresses
            .map(|mailbox| &mailbox.email)
            .all(|email| AsRef::<str>::as_ref(email).is_ascii());
        let mut parameters = vec![];
        if !is_ascii {
            if !smtp.server_info().supports_feature(Extension::SmtpUtfEight) {
                let why = format!(
                    "{} takes no addresses with letters beyond ASCII (no SMTPUTF8): write domains \
                     as xn--…",
                    self.server
                );
                return Err(Failure::new(Class::Config, why));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        let mail = Mail::new(Some(self.from.email.clone()), parameters);
        let done = smtp.command(mail).await;
        done.map_err(|error| self.failure(Stage::Sender, &error))?;
        Ok(())
    }

    /// Those who were refused; never all of them.
    async fn receivers(
        &self,
        to: &[Mailbox],
        smtp: &mut AsyncSmtpConnection,
    ) -> Result<Vec<Refused>, Failure> {
        let mut refused = vec![];
        for receiver in to {
            let rcpt = Rcpt::new(receiver.email.clone(), vec![]);
            match smtp.command(rcpt).await {
                Ok(_) => {}
                // 421 ends the conversation (RFC 5321 §3.8), whomever it is said of.
                Err(error) if code(&error).is_some_and(|code| code != 421) => {
                    let address = receiver.email.to_string();
                    refused.push(Refused { address, error });
                }
                Err(error) => return Err(self.failure(Stage::Receivers, &error)),
            }
        }
        if refused.len() < to.len() {
            return Ok(refused);
        }
        // A mailbox that is full for now is worth another attempt.
        let passing = refused.iter().find(|it| it.error.is_transient());
        let Some(worst) = passing.or(refused.first()) else {
            return Ok(refused);
        };
        let failure = self.failure(Stage::Receivers, &worst.error);
        let why = match to.len() {
            1 => failure.why,
            count => format!("{}; all {count} receivers were refused", failure.why),
        };
        Err(Failure { why, ..failure })
    }

    fn remark(&self, refused: &[Refused], all: usize) -> String {
        let each = |passing: bool| {
            let some = refused.iter();
            let some = some.filter(|it| it.error.is_transient() == passing);
            some.map(|it| format!("{}: {}", it.address, said(&it.error)))
                .collect::<Vec<_>>()
        };
        let (later, never) = (each(true), each(false));
        let mut remarks = Vec::new();
        if !never.is_empty() {
            remarks.push(format!(
                "{} of {all} receivers were refused, and are not tried again (correct `to`): {}",
                never.len(),
                never.join("; ")
            ));
        }
        if !later.is_empty() {
            remarks.push(format!(
                "{} of {all} receivers were refused for now: {}",
                later.len(),
                later.join("; ")
            ));
        }
        self.secrets.clean(&remarks.join("; "))
    }

    fn failure(&self, stage: Stage, error: &Error) -> Failure {
        let (class, advice) = judge(stage, error, &self.from.email);
        let server = &self.server;
        let told = said(error);
        let why = format!("{server}: {told}{advice}");
        let mut failure = Failure::new(class, why);
        if code(error).is_some() {
            failure = failure.with_reply(told);
        }
        self.cleaned(failure)
    }

    fn cleaned(&self, failure: Failure) -> Failure {
        Failure {
            class: failure.class,
            why: self.secrets.clean(&failure.why),
            reply: failure.reply.map(|reply| self.secrets.clean(&reply)),
        }
    }
}

fn code(error: &Error) -> Option<u16> {
    error.status().map(u16::from)
}

/// The server's reply, or what is wrong with it.
fn said(error: &Error) -> String {
    let source = std::error::Error::source(error);
    let text = source.map_or_else(|| error.to_string(), ToString::to_string);
    match code(error) {
        Some(code) => format!("{code} {text}"),
        None => text,
    }
}

/// What an error means there: its class, and what to change where.
fn judge(stage: Stage, error: &Error, from: &impl Display) -> (Class, String) {
    let advice = |text: &str| format!(" ({text})");
    match (stage, code(error)) {
        // RFC 4954 §6.
        (_, Some(530 | 534 | 535 | 538)) | (Stage::Login, Some(500..=599)) => {
            let text = if stage == Stage::Login {
                "the login is refused: correct `username` and `password`; many services want an \
                 application password made in their web mail (QQ, 163: 授权码) instead of one's own"
            } else {
                "the server wants a login first: give `username` and `password`"
            };
            (Class::Config, advice(text))
        }
        (Stage::Sender, Some(501 | 550 | 553)) => {
            let text = format!(
                "{from} may not send there: most servers want `from` to be the account of `username`"
            );
            (Class::Config, advice(&text))
        }
        (Stage::Receivers, Some(500..=599)) => {
            let text = "the server will not have this receiver: correct `to`";
            (Class::Permanent, advice(text))
        }
        (_, Some(500..=599)) => (Class::Permanent, String::new()),
        // 4xx, and whatever breaks a conversation.
        _ => (Class::Transient, String::new()),
    }
}
