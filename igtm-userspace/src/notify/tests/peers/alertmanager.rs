//! Alerts in a real Alertmanager (Debian's prometheus-alertmanager), seen by its own API.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};
use url::Url;

use crate::config::model::{ChannelKind, Secret};
use crate::notify::dial;
use crate::notify::event::Kind;
use crate::notify::fixture::{channel, config, event, subscription};
use crate::notify::http::Http;
use crate::notify::tests::rig::Rig;

/// Ends with the test: the child is killed when it is dropped.
struct Peer {
    _child: Child,
    _data: tempfile::TempDir,
    origin: String,
}

/// Where Debian's package puts it. `None` has been said.
fn program() -> Option<PathBuf> {
    let found = Path::new("/usr/bin/prometheus-alertmanager");
    if found.exists() {
        return Some(found.to_owned());
    }
    println!(
        "SKIP: alertmanager: prometheus-alertmanager is not installed (cargo xtask test installs it)"
    );
    None
}

impl Peer {
    async fn start(program: &Path) -> Self {
        let data = tempfile::tempdir().expect("a directory");
        let config = data.path().join("config.yml");
        let text = "route:\n  receiver: nobody\nreceivers:\n  - name: nobody\n";
        std::fs::write(&config, text).expect("written");
        let log = std::fs::File::create(data.path().join("log")).expect("a log");
        // It takes no port of the kernel's choice, so one is chosen here; somebody may be faster.
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("bound");
        drop(free);
        let child = Command::new(program)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", data.path().display()))
            .arg(format!("--web.listen-address={address}"))
            .args(["--web.route-prefix=/am", "--cluster.listen-address="])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log"))
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect("it runs");
        let peer = Self {
            _child: child,
            origin: format!("http://{address}/am"),
            _data: data,
        };
        let begin = Instant::now();
        while peer.alerts().await.is_none() {
            let log = std::fs::read_to_string(peer._data.path().join("log"));
            assert!(begin.elapsed() < Duration::from_secs(60), "{log:?}");
            sleep(Duration::from_millis(100)).await;
        }
        peer
    }

    /// What it shows as active; `None` while it does not answer.
    async fn alerts(&self) -> Option<Vec<Value>> {
        let http = Http::new(dial::tls(), Duration::from_secs(5), true);
        let url = Url::parse(&format!("{}/api/v2/alerts", self.origin)).expect("a URL");
        let answer = http.get(&url, Timestamp::now()).await.ok()?;
        let alerts: Value = serde_json::from_slice(&answer.body).ok()?;
        alerts.as_array().cloned()
    }

    /// Waits until these are there, one of them critical.
    async fn severe(&self, wanted: &[&str]) {
        let begin = Instant::now();
        loop {
            let alerts = self.names(wanted).await;
            let mut severities = alerts.iter().map(|alert| &alert["labels"]["severity"]);
            if severities.any(|severity| *severity == "critical") {
                return;
            }
            assert!(begin.elapsed() < Duration::from_secs(20), "{alerts:?}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// The same by name, once there are so many.
    async fn names(&self, wanted: &[&str]) -> Vec<Value> {
        let begin = Instant::now();
        loop {
            let alerts = self.alerts().await.expect("it runs");
            let mut names: Vec<&str> = alerts
                .iter()
                .filter_map(|alert| alert["labels"]["alertname"].as_str())
                .collect();
            names.sort_unstable();
            if names == wanted {
                return alerts;
            }
            assert!(
                begin.elapsed() < Duration::from_secs(20),
                "{names:?}, not {wanted:?}"
            );
            sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test]
async fn alerts_appear_change_last_and_end() {
    let Some(program) = program() else { return };
    let peer = Peer::start(&program).await;
    let mut settings = channel("am", &peer.origin);
    settings.kind = ChannelKind::Alertmanager {
        url: Secret::new(peer.origin.clone() + "/"),
    };
    let configured = config(vec![settings], vec![subscription("night", &[0])]);
    let rig = Rig::start_reminding(configured, Duration::from_millis(300));

    let begin = Timestamp::now();
    let at = |kind, since: Option<Timestamp>| {
        let mut event = event(kind, "192.0.2.1");
        event.time = Timestamp::now();
        event.since = since;
        event
    };
    rig.raise(at(Kind::AddressDown, None));
    let shown = peer.names(&["IgtmAddressDown"]).await;
    let labels = &shown[0]["labels"];
    assert_eq!(labels["severity"], "warning");
    assert_eq!(
        (&labels["pool"], &labels["address"]),
        (&"web".into(), &"192.0.2.1".into())
    );
    assert_eq!(labels["node"], "edge-1");
    let annotations = &shown[0]["annotations"];
    assert_eq!(annotations["summary"], "address_down 192.0.2.1");
    assert_eq!(annotations["reason"], "edge-1: connection refused");
    let end = |shown: &Value| -> Timestamp {
        let text = shown["endsAt"].as_str().expect("a time");
        text.parse().expect("a time")
    };
    let lives = end(&shown[0]).duration_since(begin);
    assert!((290..330).contains(&lives.as_secs()), "{lives:?}");

    // Told again it lives longer, and is the same.
    let longer = Instant::now();
    let again = loop {
        let again = peer.names(&["IgtmAddressDown"]).await;
        if end(&again[0]) > end(&shown[0]) {
            break again;
        }
        assert!(longer.elapsed() < Duration::from_secs(20), "{again:?}");
        sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(again[0]["startsAt"], shown[0]["startsAt"]);
    assert_eq!(again[0]["annotations"], shown[0]["annotations"]);

    // Worse than before: one alert, of the new severity.
    let answers = |kind, tier_to: &str| {
        let mut event = at(kind, None);
        event.instance = Some("shop".to_owned());
        event.strategy = Some("cn".to_owned());
        event.tier_to = Some(tier_to.to_owned());
        event
    };
    let both = ["IgtmAddressDown", "IgtmNotFirstTier"];
    rig.raise(answers(Kind::TierSwitched, "tier 2"));
    peer.names(&both).await;
    rig.raise(answers(Kind::FallbackEntered, "fallback"));
    peer.severe(&both).await;

    // A test neither ends what is real nor is taken for it.
    let mut test = at(Kind::AddressUp, None);
    test.test = true;
    rig.raise(test);
    peer.names(&both).await;

    rig.raise(at(Kind::AddressUp, Some(begin)));
    rig.raise(answers(Kind::FallbackLeft, "tier 1"));
    peer.names(&[]).await;
    // And nothing brings them back.
    sleep(Duration::from_millis(700)).await;
    peer.names(&[]).await;
    rig.drain(Duration::from_secs(10)).await;
}
