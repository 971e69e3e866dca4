//! Every vendor of alerts that speaks HTTP, in one server: by the path, as notify.md has it.
//!
//! Signatures and sizes are checked from the vendors' pages, with none of igtm's own code. Every
//! secret here holds [`MARK`], so that a search finds whatever is left of one.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::http::{Request, Response, Server};
use crate::netns::Netns;
use crate::receiver;

/// In every secret.
pub const MARK: &str = "LeakM4rk";
/// What igtm may name them by: one channel of each, and a mail server is elsewhere.
pub const VENDORS: [&str; 8] = [
    "wecom_robot",
    "wecom_app",
    "dingtalk",
    "feishu",
    "slack",
    "webhook",
    "pagerduty",
    "alertmanager",
];

/// One message that came in.
#[derive(Clone, Debug)]
pub struct Sent {
    /// One of [`VENDORS`].
    pub vendor: &'static str,
    /// When its body was complete.
    pub at: SystemTime,
    /// The body, with nothing escaped beyond JSON's own.
    pub body: Value,
    /// What the vendor would refuse, if anything.
    pub wrong: Option<String>,
}

/// What a vendor answers instead of its "ok".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Out of order for now.
    Transient,
    /// Too much was sent.
    Throttled,
    /// Something there or here is set up wrongly.
    Config,
    /// This message is never taken.
    Permanent,
}

#[derive(Debug, Default)]
struct Inbox {
    sent: Mutex<Vec<Sent>>,
    troubles: Mutex<BTreeMap<&'static str, Trouble>>,
}

/// Listens until dropped.
#[derive(Debug)]
pub struct Vendors {
    inbox: Arc<Inbox>,
    origin: String,
    _server: Server,
}

impl Vendors {
    /// All of them on `address` inside `netns`.
    pub fn start(netns: &Netns, address: SocketAddr) -> Result<Self> {
        let inbox = Arc::new(Inbox::default());
        let theirs = Arc::clone(&inbox);
        let server = Server::start(netns, address, move |request| answer(&theirs, &request))?;
        Ok(Self {
            inbox,
            origin: format!("http://{address}"),
            _server: server,
        })
    }

    /// What came so far, oldest first.
    pub fn sent(&self) -> Vec<Sent> {
        locked(&self.inbox.sent).clone()
    }

    /// From now on every one of them has this trouble, or none; its answers repeat all they know.
    pub fn trouble(&self, trouble: Option<Trouble>) {
        let all = VENDORS
            .iter()
            .filter_map(|vendor| Some((*vendor, trouble?)));
        *locked(&self.inbox.troubles) = all.collect();
    }

    /// A `[[channel]]` of each in `language`, their names being `VENDOR-LANGUAGE`.
    pub fn channels(&self, language: &str) -> String {
        let origin = &self.origin;
        let keys = [
            format!("webhook = \"{origin}/cgi-bin/webhook/send?key={MARK}-robot\""),
            format!(
                "corp_id = \"ww1\"\nagent_id = 7\nsecret = \"{MARK}+corp/=\"\nusers = [\"li\"]\n\
                 base_url = \"{origin}\""
            ),
            format!(
                "webhook = \"{origin}/robot/send?access_token={MARK}-ding\"\n\
                 secret = \"{MARK}/ding+sign\""
            ),
            format!(
                "webhook = \"{origin}/open-apis/bot/v2/hook/{MARK}-feishu\"\n\
                 secret = \"{MARK}/feishu+sign\""
            ),
            format!("webhook = \"{origin}/services/T0/B0/{MARK}-slack\""),
            format!(
                "url = \"{origin}/hook/{MARK}-hook\"\nsecret = \"{}\"\n\
                 headers = {{ X-Key = \"{MARK}-header\" }}",
                whsec()
            ),
            format!("routing_key = \"{MARK}-routing-key\"\nbase_url = \"{origin}\""),
            format!("url = \"{origin}/{MARK}-alertmanager\""),
        ];
        let channel = |(vendor, keys): (&str, String)| {
            format!(
                "[[channel]]\nname = \"{vendor}-{language}\"\ntype = \"{vendor}\"\n\
                 language = \"{language}\"\nallow_private = true\n{keys}\n"
            )
        };
        VENDORS.into_iter().zip(keys).map(channel).collect()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What signs the webhook's messages.
pub fn whsec() -> String {
    format!(
        "whsec_{}",
        STANDARD.encode(format!("{MARK}-signs-the-webhooks"))
    )
}

/// The token that a wecom_app is given.
fn access_token() -> String {
    format!("{MARK}+given/token=")
}

fn answer(inbox: &Inbox, request: &Request) -> Response {
    let at = SystemTime::now();
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let query: BTreeMap<String, String> = url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    let (vendor, judge): (&'static str, fn(&Post<'_>) -> Result<()>) = match path {
        "/cgi-bin/gettoken" => return token(inbox, request, &query),
        "/cgi-bin/webhook/send" => ("wecom_robot", wecom_robot),
        "/cgi-bin/message/send" => ("wecom_app", wecom_app),
        "/robot/send" => ("dingtalk", dingtalk),
        "/v2/enqueue" => ("pagerduty", pagerduty),
        _ if path.ends_with("-feishu") => ("feishu", feishu),
        _ if path.ends_with("-slack") => ("slack", slack),
        _ if path.ends_with("-hook") => ("webhook", webhook),
        _ if path.ends_with("/api/v2/alerts") => ("alertmanager", alertmanager),
        _ => return Response(404, String::new()),
    };
    if let Some(trouble) = locked(&inbox.troubles).get(vendor) {
        return refused(vendor, *trouble, request);
    }
    let body = serde_json::from_slice(&request.body).unwrap_or_default();
    let wrong = judge(&Post {
        request,
        query: &query,
        body: &body,
    });
    let wrong = wrong.err().map(|error| format!("{error:#}"));
    let response = match (vendor, &wrong) {
        (_, Some(_)) => refused(vendor, Trouble::Config, request),
        ("slack", None) => Response(200, "ok".to_owned()),
        ("pagerduty", None) => Response(202, json!({ "status": "success" }).to_string()),
        _ => Response(
            200,
            json!({ "errcode": 0, "errmsg": "ok", "code": 0, "msg": "success" }).to_string(),
        ),
    };
    locked(&inbox.sent).push(Sent {
        vendor,
        at,
        body,
        wrong,
    });
    response
}

struct Post<'a> {
    request: &'a Request,
    query: &'a BTreeMap<String, String>,
    body: &'a Value,
}

impl Post<'_> {
    fn key(&self, name: &str, expected: &str) -> Result<()> {
        let found = self.query.get(name).map(String::as_str);
        ensure!(found == Some(expected), "{name} is {found:?}");
        Ok(())
    }

    fn text(&self, pointer: &str, octets: usize) -> Result<&str> {
        let text = self.body.pointer(pointer).and_then(Value::as_str);
        let text = text.with_context(|| format!("no {pointer} in {}", self.body))?;
        ensure!(
            !text.is_empty() && text.len() <= octets,
            "{pointer} has {}",
            text.len()
        );
        Ok(text)
    }
}

fn token(inbox: &Inbox, request: &Request, query: &BTreeMap<String, String>) -> Response {
    if let Some(trouble) = locked(&inbox.troubles).get("wecom_app") {
        return refused("wecom_app", *trouble, request);
    }
    let right = query.get("corpid").is_some_and(|id| id == "ww1")
        && query
            .get("corpsecret")
            .is_some_and(|secret| *secret == format!("{MARK}+corp/="));
    let reply = if right {
        json!({ "errcode": 0, "access_token": access_token(), "expires_in": 7200 })
    } else {
        json!({ "errcode": 40001, "errmsg": "invalid credential" })
    };
    Response(200, reply.to_string())
}

fn wecom_robot(post: &Post<'_>) -> Result<()> {
    post.key("key", &format!("{MARK}-robot"))?;
    post.text("/markdown/content", 4096).map(drop)
}

fn wecom_app(post: &Post<'_>) -> Result<()> {
    post.key("access_token", &access_token())?;
    ensure!(
        post.body["touser"] == "li" && post.body["agentid"] == 7,
        "{}",
        post.body
    );
    post.text("/markdown/content", 2048).map(drop)
}

fn dingtalk(post: &Post<'_>) -> Result<()> {
    post.key("access_token", &format!("{MARK}-ding"))?;
    let stamp = post.query.get("timestamp").context("no timestamp")?;
    let secret = format!("{MARK}/ding+sign");
    let mac = hmac(secret.as_bytes(), &format!("{stamp}\n{secret}"))?;
    post.key("sign", &mac)?;
    post.text("/markdown/title", 20_000)?;
    post.text("/markdown/text", 20_000).map(drop)
}

fn feishu(post: &Post<'_>) -> Result<()> {
    let stamp = post.text("/timestamp", 20)?;
    let mac = hmac(format!("{stamp}\n{MARK}/feishu+sign").as_bytes(), "")?;
    ensure!(post.text("/sign", 100)? == mac, "sign");
    ensure!(
        post.request.body.len() <= 20_480,
        "{}",
        post.request.body.len()
    );
    post.text("/card/header/title/content", 20_000).map(drop)
}

fn slack(post: &Post<'_>) -> Result<()> {
    post.text("/text", 40_000).map(drop)
}

fn webhook(post: &Post<'_>) -> Result<()> {
    let key = format!("{MARK}-header");
    ensure!(post.request.header("x-key") == Some(key.as_str()), "x-key");
    receiver::verify_with(&whsec(), post.request)
}

fn pagerduty(post: &Post<'_>) -> Result<()> {
    ensure!(
        post.body["routing_key"] == format!("{MARK}-routing-key"),
        "routing_key"
    );
    post.text("/payload/summary", 4 * 1024)?;
    post.text("/dedup_key", 255).map(drop)
}

fn alertmanager(post: &Post<'_>) -> Result<()> {
    for alert in post.body.as_array().context("a list")? {
        ensure!(alert["labels"]["alertname"].is_string(), "{alert}");
        ensure!(alert["startsAt"].is_string(), "{alert}");
    }
    Ok(())
}

fn hmac(key: &[u8], text: &str) -> Result<String> {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        bail!("the key's length");
    };
    mac.update(text.as_bytes());
    Ok(STANDARD.encode(mac.finalize().into_bytes()))
}

/// The refusal of that class, with all in it that the vendor knows.
fn refused(vendor: &str, trouble: Trouble, request: &Request) -> Response {
    let body = String::from_utf8_lossy(&request.body);
    // What this channel was never given is not its to take out.
    let token = match vendor {
        "wecom_app" if !request.path.starts_with("/cgi-bin/gettoken") => access_token(),
        _ => String::new(),
    };
    let echo = format!("{} {:?} {body} {token}", request.path, request.headers);
    let code = match (vendor, trouble) {
        ("wecom_robot", Trouble::Transient) | ("dingtalk", Trouble::Transient) => -1,
        ("wecom_app", Trouble::Transient) => -1,
        ("wecom_robot" | "wecom_app", Trouble::Throttled) => 45009,
        ("wecom_robot", Trouble::Config) => 93000,
        ("wecom_app", Trouble::Config) => 60020,
        ("wecom_robot" | "wecom_app", Trouble::Permanent) => 40058,
        ("dingtalk", Trouble::Throttled) => 130_101,
        ("dingtalk", Trouble::Config) => 310_000,
        ("dingtalk", Trouble::Permanent) => 400_102,
        ("feishu", Trouble::Throttled) => 11232,
        ("feishu", Trouble::Config) => 19021,
        ("feishu", Trouble::Permanent) => 9499,
        (_, Trouble::Transient) => return Response(503, echo),
        (_, Trouble::Throttled) => return Response(429, echo),
        (_, Trouble::Config) => return Response(403, echo),
        (_, Trouble::Permanent) => return Response(400, echo),
    };
    let reply = json!({ "errcode": code, "errmsg": echo, "code": code, "msg": echo });
    Response(200, reply.to_string())
}
