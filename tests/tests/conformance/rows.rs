//! The rows of tests/conformance/queries/*.toml, and whether a reply is the one that a row says.

use std::fs;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::client::{Reply, Way};
use crate::scene::data;

/// What a row without `ways` is asked by.
const WAYS: [Way; 6] = [
    Way::Udp,
    Way::Edns512,
    Way::Edns1232,
    Way::Do,
    Way::Tcp,
    Way::TcpDo,
];
/// The same of one that says what its OPT has.
const WAYS_OF_OPTIONS: [Way; 2] = [Way::Edns1232, Way::TcpEdns];
/// The same of octets: what they have is theirs.
const WAYS_OF_OCTETS: [Way; 2] = [Way::Udp, Way::Tcp];
/// What makes an OPT, in `ask`.
const OPTIONS: [&str; 7] = [
    "+nsid", "+cookie", "+ecs", "+opt", "+edns", "+eflags", "+size",
];
/// `server.udp_size`, which our OPT says.
const UDP_SIZE: &str = "1232";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    case: Vec<Row>,
}

/// One query and its whole reply.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    /// The RFC and its section; `instances` where there is none.
    pub(crate) rfc: String,
    /// What is to be seen.
    pub(crate) about: String,
    /// As client.py reads it.
    pub(crate) ask: String,
    ways: Option<Vec<Way>>,
    /// What the OPT of a reply has besides size and DO; of a row of octets, all that it has.
    #[serde(default)]
    edns: String,
    /// The ways by which the reply does not fit.
    #[serde(default)]
    truncated: Vec<Way>,
    /// `none`, or what client.py writes down.
    reply: String,
}

impl Row {
    /// By what it is asked.
    pub(crate) fn ways(&self) -> impl Iterator<Item = Way> + '_ {
        let usual: &[Way] = if self.is_raw() {
            &WAYS_OF_OCTETS
        } else if self.has_options() {
            &WAYS_OF_OPTIONS
        } else {
            &WAYS
        };
        self.ways.as_deref().unwrap_or(usual).iter().copied()
    }

    /// Whether no reply is right.
    pub(crate) fn is_silent(&self) -> bool {
        self.reply == "none"
    }

    /// Whether it is about the zone that the peers serve too, and nothing else. Whole zones are
    /// compared apart from this.
    pub(crate) fn is_for_peers(&self) -> bool {
        let name = self.ask.split(' ').next().unwrap_or_default();
        let plain = !self.ask.contains('+') && self.ask.split(' ').count() == 2;
        plain && !self.ask.ends_with("XFR") && name.to_lowercase().ends_with("conf.example.")
    }

    /// What is wrong with a reply.
    pub(crate) fn judge(&self, way: Way, reply: Option<&Reply>) -> Option<String> {
        let Some(reply) = reply else {
            return (!self.is_silent()).then(|| "no reply".to_owned());
        };
        if self.is_silent() {
            return Some(format!("a reply: {}", reply.text));
        }
        if let Some(wrong) = &reply.wrong {
            return Some(wrong.clone());
        }
        if reply.twice {
            return Some(format!("a record stands twice:\n{}", reply.text));
        }
        let expected = match self.truncated.contains(&way) {
            true => truncated(&self.reply),
            false => self.reply.clone(),
        };
        if reply.text != expected {
            return Some(format!("{}-- expected:\n{expected}", reply.text));
        }
        if reply.octets > reply.encoded && !may_be_longer(&reply.text) {
            let Reply {
                octets, encoded, ..
            } = reply;
            return Some(format!(
                "{octets} octets, {encoded} by RFC 1035 4.1.4\n{expected}"
            ));
        }
        let edns = self.edns_of(way);
        (reply.edns != edns).then(|| format!("EDNS {:?}, expected {edns:?}", reply.edns))
    }

    fn edns_of(&self, way: Way) -> Option<String> {
        if self.is_raw() {
            return (!self.edns.is_empty()).then(|| self.edns.clone());
        }
        if !way.has_opt() && !self.has_options() {
            return None;
        }
        let mut words = vec![UDP_SIZE];
        if way.has_do() {
            words.push("do");
        }
        words.extend(self.edns.split(' ').filter(|word| !word.is_empty()));
        Some(words.join(" "))
    }

    /// Octets as they are.
    fn is_raw(&self) -> bool {
        self.ask.starts_with("raw ")
    }

    /// Whether it says what its OPT has.
    fn has_options(&self) -> bool {
        OPTIONS.iter().any(|word| self.ask.contains(word))
    }
}

/// Whether names in it are rightly written out that dnspython compresses: those of types younger than
/// RFC 1035 (RFC 3597 §4), and of the SOA, which the kernel has as octets that are ready.
fn may_be_longer(text: &str) -> bool {
    let mut types = text.lines().filter_map(|line| line.split(' ').nth(2));
    types.any(|one| ["SOA", "SRV", "NAPTR", "RP", "AFSDB", "KX"].contains(&one))
}

/// Only the header, with TC: nobody may take a part for the whole (RFC 2181 §9).
fn truncated(whole: &str) -> String {
    let head = whole.lines().next().unwrap_or_default();
    format!("{head} tc\n")
}

/// All rows of all files.
pub(crate) fn all() -> Result<Vec<Row>> {
    let mut files: Vec<_> = fs::read_dir(data("queries"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    files.sort();
    let mut rows = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file)?;
        let table: Table = toml::from_str(&text).with_context(|| file.display().to_string())?;
        rows.extend(table.case);
    }
    ensure!(!rows.is_empty(), "no rows in {}", data("queries").display());
    Ok(rows)
}
