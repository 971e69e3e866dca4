//! The `email` channel: a mail by SMTP, never in the clear.
//!
//! ```text
//! server: dial, STARTTLS or TLS ─▶ session: login, MAIL, RCPT…, DATA ─▶ receipt or failure
//! ```
//!
//! Must not retry (that is the worker's) nor show a password. TLS and the connection are our own
//! ([`server`]): the roots and the rule of what may be dialled are those of every channel.

mod mail;
mod server;
mod session;

use std::sync::Arc;

use jiff::Timestamp;
use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;

use crate::config::model::{Channel, Email as Settings, Language};

use super::channel::Limit;
use super::failure::Failure;
use super::message::{Message, Part, Receipt};
use super::redact::Secrets;
use super::retry::Class;
use super::words::Words;
use server::Server;

/// Submission servers take far more; people do not.
pub const LIMIT: Limit = Limit {
    burst: 10,
    per_minute: 20,
};

/// What is no mail address.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a mail address")]
pub struct SetupError(String);

/// One channel, ready to send.
pub struct Email {
    server: Server,
    login: Option<Credentials>,
    from: Mailbox,
    to: Vec<Mailbox>,
    language: Language,
    secrets: Secrets,
}

impl std::fmt::Debug for Email {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Email")
            .field(&self.server.to_string())
            .finish()
    }
}

impl Email {
    /// Dials nothing.
    ///
    /// # Errors
    /// When an address is none.
    pub fn new(
        settings: &Settings,
        channel: &Channel,
        tls: &rustls::ClientConfig,
    ) -> Result<Self, SetupError> {
        let mailbox = |text: &String| text.parse().map_err(|_| SetupError(text.clone()));
        let password = settings.password.as_ref();
        let login = settings.username.as_ref().zip(password);
        let login = login
            .map(|(name, password)| Credentials::new(name.clone(), password.reveal().to_owned()));
        Ok(Self {
            server: Server {
                protection: settings.tls,
                host: settings.host.clone(),
                port: settings.port,
                tls: Arc::new(tls.clone()),
                timeout: channel.timeout,
                allow_private: channel.allow_private,
            },
            login,
            from: mailbox(&settings.from)?,
            to: settings.to.iter().map(mailbox).collect::<Result<_, _>>()?,
            language: channel.language,
            secrets: session::secrets(settings.username.as_deref(), password),
        })
    }

    /// One part: a mail of all the events.
    pub fn render(&self, message: &Message, words: &Words) -> Vec<Part> {
        vec![mail::part(message, words, self.language)]
    }

    /// One attempt, within the channel's timeout as a whole.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn send(&self, id: &str, part: &Part, now: Timestamp) -> Result<Receipt, Failure> {
        let to = mail::receivers(part, &self.to);
        if to.is_empty() {
            let remark = "nobody whom it was left for is in `to` any more".to_owned();
            return Ok(Receipt {
                remark: Some(remark),
                ..Receipt::default()
            });
        }
        let composed = mail::compose(id, part, &self.from, &to, now);
        let mail = composed
            .map_err(|error| Failure::new(Class::Permanent, format!("no mail: {error}")))?;
        let timeout = self.server.timeout;
        match tokio::time::timeout(timeout, self.deliver(&to, &mail.formatted())).await {
            Ok(sent) => sent.map(|taken| self.receipt(taken, part, &to)),
            Err(_) => {
                let (server, seconds) = (&self.server, timeout.as_secs_f64());
                let why = format!("{server} did not take the mail within {seconds} s");
                Err(Failure::new(Class::Transient, why))
            }
        }
    }
}
