//! What we send, checked by the library that receivers use (PyPI's standardwebhooks).

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::python;
use crate::config::model::Secret;
use crate::notify::dial;
use crate::notify::event::Kind;
use crate::notify::fixture::{SECRET, event, message};
use crate::notify::http::Http;
use crate::notify::tests::receiver::{Receiver, Request};
use crate::notify::webhook::Webhook;

const FORMER: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const STRANGE: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// What the library says: whether it accepts the request.
fn accepts(python: &std::path::Path, secret: &str, request: &Request, body: &[u8]) -> bool {
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers: serde_json::Map<_, _> = names
        .iter()
        .map(|name| ((*name).to_owned(), request.header(name).into()))
        .collect();
    let body = std::str::from_utf8(body).expect("JSON is UTF-8");
    let given = json!({ "secret": secret, "headers": headers, "body": body });
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src/notify/tests/peers/verify.py"
    );
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the peer's Python runs");
    let mut stdin = child.stdin.take().expect("it is piped");
    write!(stdin, "{given}").expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert_eq!(output.status.success(), said.trim() == "accepted", "{said}");
    assert!(
        output.status.success() || said.starts_with("refused: "),
        "{said}"
    );
    output.status.success()
}

#[tokio::test]
async fn the_convention_s_own_library_accepts_what_is_sent() {
    let Some(python) = python() else { return };
    let mut receiver = Receiver::start(vec![]).await;
    let http = Http::new(dial::tls(), Duration::from_secs(5), true);
    let secrets = [SECRET, FORMER].map(Secret::new);
    let url = Secret::new(&receiver.origin);
    let webhook = Webhook::new(&url, &secrets, &[], http).expect("a usable channel");
    let mut down = event(Kind::AddressDown, "192.0.2.1");
    down.title = "池 web 的 192.0.2.1 \"down\" \\ <🔴>".to_owned();
    let message = message(vec![down, event(Kind::FallbackEntered, "192.0.2.2")]);
    let parts = webhook.render(&message);
    let now = Timestamp::now();
    let sent = webhook.send(&message.id, &parts[0], now).await;
    sent.expect("taken");
    let request = receiver.next().await;
    assert!(accepts(&python, SECRET, &request, &request.body));
    assert!(
        accepts(&python, FORMER, &request, &request.body),
        "while it is rotated"
    );
    assert!(!accepts(&python, STRANGE, &request, &request.body));
    let changed = [&request.body[..], b" "].concat();
    assert!(!accepts(&python, SECRET, &request, &changed));
    // An old one, sent again by whoever heard it.
    let old = now - jiff::SignedDuration::from_mins(6);
    webhook
        .send(&message.id, &parts[0], old)
        .await
        .expect("taken");
    let request = receiver.next().await;
    assert!(!accepts(&python, SECRET, &request, &request.body));
}
