//! A webhook receiver: keeps what came, when, and whether its signature holds.
//!
//! The signature is checked from the text of the Standard Webhooks convention, with none of
//! igtm's own code.

use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use crate::http::{Request, Response, Server};
use crate::netns::Netns;

/// How far a `webhook-timestamp` may be from now.
const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// One request that came in.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// When its body was complete.
    pub at: Instant,
    /// `webhook-id`: the same at every attempt.
    pub id: String,
    /// The body as JSON; null when it is none.
    pub body: Value,
    /// Why the signature does not hold, if so.
    pub signature: Result<(), String>,
    /// The request itself.
    pub request: Request,
}

impl Delivery {
    /// The events of this message, the leading one among them.
    pub fn events(&self) -> &[Value] {
        self.body["data"]["events"]
            .as_array()
            .map_or(&[], Vec::as_slice)
    }

    /// Its first event of `kind`.
    pub fn event(&self, kind: &str) -> Option<&Value> {
        self.events().iter().find(|event| event["kind"] == kind)
    }
}

#[derive(Debug, Default)]
struct Inbox {
    deliveries: Mutex<Vec<Delivery>>,
    arrived: Condvar,
    /// Statuses of the next answers; then 200.
    answers: Mutex<Vec<u16>>,
}

/// Listens until dropped.
#[derive(Debug)]
pub struct Receiver {
    inbox: Arc<Inbox>,
    url: String,
    _server: Server,
}

impl Receiver {
    /// Listens on `address` inside `netns`, and checks signatures with `secret` (`whsec_…`).
    pub fn start(netns: &Netns, address: SocketAddr, secret: &str) -> Result<Self> {
        let key = key_of(secret)?;
        let inbox = Arc::new(Inbox::default());
        let theirs = Arc::clone(&inbox);
        let server = Server::start(netns, address, move |request| {
            let at = Instant::now();
            let signature = verify(&key, &request, SystemTime::now());
            let delivery = Delivery {
                at,
                id: request.header("webhook-id").unwrap_or_default().to_owned(),
                body: serde_json::from_slice(&request.body).unwrap_or_default(),
                signature: signature.map_err(|error| format!("{error:#}")),
                request,
            };
            let status = next_answer(&theirs);
            locked(&theirs.deliveries).push(delivery);
            theirs.arrived.notify_all();
            Response(status, String::new())
        })?;
        Ok(Self {
            inbox,
            url: format!("http://{address}/hook"),
            _server: server,
        })
    }

    /// Where to send.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Answers the next requests with `statuses`, then with 200 again.
    pub fn answer_next_with(&self, statuses: &[u16]) {
        *locked(&self.inbox.answers) = statuses.to_vec();
    }

    /// Everything that came so far, oldest first.
    pub fn deliveries(&self) -> Vec<Delivery> {
        locked(&self.inbox.deliveries).clone()
    }

    /// The first delivery, past or future, that `wanted` accepts.
    pub fn wait_for(
        &self,
        what: &str,
        timeout: Duration,
        wanted: impl Fn(&Delivery) -> bool,
    ) -> Result<Delivery> {
        let end = Instant::now() + timeout;
        let mut deliveries = locked(&self.inbox.deliveries);
        loop {
            if let Some(found) = deliveries.iter().find(|delivery| wanted(delivery)) {
                return Ok(found.clone());
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let came: Vec<_> = deliveries.iter().flat_map(Delivery::events).collect();
                let kinds: Vec<_> = came.iter().map(|event| &event["kind"]).collect();
                bail!("{what}: no such webhook within {timeout:?}; there came {kinds:?}");
            }
            (deliveries, _) = self
                .inbox
                .arrived
                .wait_timeout(deliveries, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn next_answer(inbox: &Inbox) -> u16 {
    let mut answers = locked(&inbox.answers);
    if answers.is_empty() {
        200
    } else {
        answers.remove(0)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn key_of(secret: &str) -> Result<Vec<u8>> {
    let encoded = secret
        .strip_prefix("whsec_")
        .context("a secret starts with whsec_")?;
    STANDARD.decode(encoded).context("a secret is base64")
}

/// Whether `request` is signed with `secret` (`whsec_…`), just now.
pub fn verify_with(secret: &str, request: &Request) -> Result<()> {
    verify(&key_of(secret)?, request, SystemTime::now())
}

/// Any of the signatures may be ours: while a key is rotated there are several.
fn verify(key: &[u8], request: &Request, now: SystemTime) -> Result<()> {
    let header = |name: &str| request.header(name).with_context(|| format!("no {name}"));
    let (id, timestamp) = (header("webhook-id")?, header("webhook-timestamp")?);
    let sent = UNIX_EPOCH + Duration::from_secs(timestamp.parse().context("webhook-timestamp")?);
    let skew = now
        .duration_since(sent)
        .unwrap_or_else(|early| early.duration());
    ensure!(skew <= CLOCK_SKEW, "webhook-timestamp is {skew:?} away");

    let mut mac = Hmac::<Sha256>::new_from_slice(key).context("the key's length")?;
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(&request.body);
    let expected = mac.finalize().into_bytes();
    let holds = header("webhook-signature")?
        .split(' ')
        .filter_map(|signature| signature.strip_prefix("v1,"))
        .filter_map(|encoded| STANDARD.decode(encoded).ok())
        .any(|signature| signature == expected[..]);
    ensure!(holds, "no signature of ours in webhook-signature");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector() -> (Vec<u8>, Request, SystemTime) {
        let key = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("the convention's own");
        let headers = [
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            (
                "webhook-signature",
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
        ];
        let request = Request {
            peer: [127, 0, 0, 1].into(),
            method: "POST".into(),
            path: "/".into(),
            headers: headers
                .map(|(name, value)| (name.into(), value.into()))
                .into(),
            body: br#"{"test": 2432232314}"#.to_vec(),
        };
        (
            key,
            request,
            UNIX_EPOCH + Duration::from_secs(1_614_265_331),
        )
    }

    #[test]
    fn the_conventions_vector_holds() {
        let (key, request, now) = vector();
        verify(&key, &request, now).expect("the published signature");
    }

    #[test]
    fn a_rotated_key_may_be_one_of_several() {
        let (key, mut request, now) = vector();
        request.headers[2].1 = format!("v1,AAAA v2,BBBB {}", request.headers[2].1);
        verify(&key, &request, now).expect("the third is ours");
    }

    #[test]
    fn anything_changed_breaks_it() {
        let (key, request, now) = vector();
        let mut body = request.clone();
        body.body[0] ^= 1;
        assert!(verify(&key, &body, now).is_err(), "body");
        let mut id = request.clone();
        id.headers[0].1.push('x');
        assert!(verify(&key, &id, now).is_err(), "id");
        assert!(verify(&key[1..], &request, now).is_err(), "key");
        let late = now + CLOCK_SKEW;
        assert!(
            verify(&key, &request, late).is_err(),
            "an old one, sent again"
        );
    }
}
