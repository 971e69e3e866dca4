//! `client.py`, asked from a namespace. Judges nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::net::IpAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail, ensure};
use igtm_tests::netns::Netns;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::scene::{PYTHON, data};

/// How a query is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(crate) enum Way {
    /// UDP without an OPT.
    #[serde(rename = "udp")]
    Udp,
    /// UDP, an OPT of 512 octets.
    #[serde(rename = "edns512")]
    Edns512,
    /// UDP, an OPT of 1232 octets.
    #[serde(rename = "edns1232")]
    Edns1232,
    /// UDP, an OPT of 4096 octets, DO.
    #[serde(rename = "do4096")]
    Do,
    /// TCP without an OPT.
    #[serde(rename = "tcp")]
    Tcp,
    /// TCP with an OPT.
    #[serde(rename = "tcp-edns")]
    TcpEdns,
    /// TCP with an OPT, DO.
    #[serde(rename = "tcp-do")]
    TcpDo,
}

impl Way {
    /// As client.py and the rows call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Edns512 => "edns512",
            Self::Edns1232 => "edns1232",
            Self::Do => "do4096",
            Self::Tcp => "tcp",
            Self::TcpEdns => "tcp-edns",
            Self::TcpDo => "tcp-do",
        }
    }

    /// Whether it has an OPT.
    pub(crate) fn has_opt(self) -> bool {
        !matches!(self, Self::Udp | Self::Tcp)
    }

    /// Whether it has DO.
    pub(crate) fn has_do(self) -> bool {
        matches!(self, Self::Do | Self::TcpDo)
    }
}

/// What client.py made of a reply.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Reply {
    /// What is wrong with the message itself.
    pub(crate) wrong: Option<String>,
    /// Header and sections, written down.
    #[serde(default)]
    pub(crate) text: String,
    /// The OPT, written down.
    pub(crate) edns: Option<String>,
    /// Whether a record stands in it twice (RFC 2181 §5), as in some of the peers'.
    #[serde(default)]
    pub(crate) twice: bool,
    /// How long it is.
    #[serde(default)]
    pub(crate) octets: usize,
    /// How long the same is by dnspython's encoder.
    #[serde(default)]
    pub(crate) encoded: usize,
}

/// What was heard.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// By the number of the query; `None`: no reply.
    pub(crate) replies: Vec<Option<Reply>>,
    /// The records of each zone.
    pub(crate) zones: BTreeMap<String, BTreeSet<String>>,
}

/// Queries for one server.
pub(crate) struct Asking {
    server: (IpAddr, u16),
    queries: Vec<Value>,
    transfers: Vec<String>,
}

impl Asking {
    /// None yet.
    pub(crate) fn new(address: impl Into<IpAddr>, port: u16) -> Self {
        Self {
            server: (address.into(), port),
            queries: Vec::new(),
            transfers: Vec::new(),
        }
    }

    /// One more; `silent`: no reply is right.
    pub(crate) fn ask(&mut self, ask: &str, way: Way, silent: bool) {
        let id = self.queries.len();
        self.queries
            .push(json!({"id": id, "ask": ask, "way": way.name(), "silent": silent}));
    }

    /// These zones too, whole.
    pub(crate) fn transfers(&mut self, zones: &[&str]) {
        let zones = zones.iter().map(|zone| format!("{zone}."));
        self.transfers.extend(zones);
    }

    /// Asks all of them from `netns`.
    pub(crate) fn hear(&self, netns: &Netns, directory: &Path) -> Result<Heard> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let wanted = directory.join(format!("queries-{number}.json"));
        let said = directory.join(format!("replies-{number}.json"));
        let (address, port) = self.server;
        let text = json!({
            "server": [address.to_string(), port],
            "queries": self.queries,
            "transfers": self.transfers,
        });
        fs::write(&wanted, text.to_string())?;
        let mut command = Command::new(PYTHON);
        command
            .arg(data("client.py"))
            .stdin(File::open(&wanted)?)
            .stdout(File::create(&said)?)
            .stderr(Stdio::piped());
        let output = netns.enter(|| {
            let child = command.spawn().with_context(|| format!("{command:?}"))?;
            Ok(child.wait_with_output()?)
        })?;
        ensure!(
            output.status.success(),
            "client.py: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let mut heard = Heard::default();
        heard.replies.resize(self.queries.len(), None);
        for line in fs::read_to_string(&said)?.lines() {
            heard.take(line)?;
        }
        Ok(heard)
    }
}

impl Heard {
    fn take(&mut self, line: &str) -> Result<()> {
        let mut one: Value = serde_json::from_str(line)?;
        if let Some(zone) = one["zone"].as_str() {
            let records = one["transfer"]["records"].as_array();
            let records = records.with_context(|| format!("no transfer: {line}"))?;
            let texts = records.iter().filter_map(Value::as_str).map(str::to_owned);
            let texts: BTreeSet<String> = texts.collect();
            let (all, distinct) = (records.len(), texts.len());
            ensure!(
                all == distinct,
                "{zone}: {all} records, {distinct} of them distinct"
            );
            self.zones.insert(zone.to_owned(), texts);
            return Ok(());
        }
        let Some(place) = one["id"].as_u64().and_then(|id| usize::try_from(id).ok()) else {
            bail!("client.py said {line}");
        };
        let reply: Option<Reply> = serde_json::from_value(one["reply"].take())?;
        let of = self.replies.get_mut(place);
        *of.with_context(|| format!("client.py said {line}"))? = reply;
        Ok(())
    }
}
