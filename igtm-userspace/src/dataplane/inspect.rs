//! The data plane in words, read from the pins; works with the daemon stopped. Changes nothing.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use hickory_proto::rr::RecordType;
use igtm_common::counter::{Counter, Counters};
use igtm_common::layout::{CHAINS, EPOCH_NONE, LINES, NO_LINE, Text};
use serde::Serialize;

use super::error::wrong;
use super::maps::Maps;
use super::{DataplaneError, pins, write};

/// The pinned maps, opened for reading.
pub struct Inspection {
    maps: Maps,
    epoch: u32,
}

/// One entry of ANSWERS.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct AnswerRow {
    /// The owner name.
    pub name: String,
    /// QTYPE as text.
    pub r#type: String,
    /// The line's name.
    pub line: String,
    /// Addresses, with weights where they are drawn.
    pub addresses: String,
    /// How many leave in one reply at most.
    pub window: u16,
    /// `rotate` or `weight`.
    pub draw: &'static str,
}

/// One chain of lines with the prefixes whose clients it is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChainRow {
    /// Names, most preferred first.
    pub lines: Vec<String>,
    /// How many prefixes lead to it.
    pub prefixes: usize,
    /// The first of them, as an example.
    pub example: Option<String>,
}

impl Inspection {
    /// Opens what is pinned under `bpffs`.
    pub fn open(bpffs: &Path) -> Result<Self, DataplaneError> {
        let maps = Maps::pinned(&pins::directory(bpffs))?;
        let settings = maps.settings.get(&0, 0).map_err(wrong("SETTINGS"))?;
        Ok(Self {
            maps,
            epoch: settings.epoch,
        })
    }

    /// Whether a first answer was written.
    pub fn ready(&self) -> bool {
        self.epoch != EPOCH_NONE
    }

    /// The answers that are given now, sorted.
    pub fn answers(&self) -> Result<Vec<AnswerRow>, DataplaneError> {
        let mut rows = Vec::new();
        for entry in self.maps.answers.iter() {
            let (key, answer) = entry.map_err(wrong("ANSWERS"))?;
            if key.epoch != self.epoch {
                continue;
            }
            rows.push(AnswerRow {
                name: read_text(&answer.name),
                r#type: RecordType::from(key.qtype).to_string(),
                line: read_text(&answer.line),
                addresses: read_text(&answer.addresses),
                window: answer.window,
                draw: if answer.total_weight == 0 {
                    "rotate"
                } else {
                    "weight"
                },
            });
        }
        rows.sort();
        Ok(rows)
    }

    /// Every chain that prefixes lead to, and the default one.
    pub fn lines(&self) -> Result<Vec<ChainRow>, DataplaneError> {
        let mut prefixes: BTreeMap<u32, (usize, Option<String>)> = BTreeMap::from([(0, (0, None))]);
        let mut add = |chain: u32, prefix: String| {
            let (count, example) = prefixes.entry(chain).or_default();
            *count += 1;
            example.get_or_insert(prefix);
        };
        for entry in self.maps.lines_v4.iter() {
            let (key, value) = entry.map_err(wrong("LINES_V4"))?;
            let data = key.data();
            if data.epoch == self.epoch {
                let address = std::net::Ipv4Addr::from(data.address);
                add(value.chain, format!("{address}/{}", key.prefix_len() - 32));
            }
        }
        for entry in self.maps.lines_v6.iter() {
            let (key, value) = entry.map_err(wrong("LINES_V6"))?;
            let data = key.data();
            if data.epoch == self.epoch {
                let address = std::net::Ipv6Addr::from(data.address);
                add(value.chain, format!("{address}/{}", key.prefix_len() - 32));
            }
        }
        prefixes
            .into_iter()
            .map(|(chain, (prefixes, example))| {
                Ok(ChainRow {
                    lines: self.chain(chain)?,
                    prefixes,
                    example,
                })
            })
            .collect()
    }

    /// The lines of one address, most preferred first.
    pub fn lines_of(&self, address: IpAddr) -> Result<Vec<String>, DataplaneError> {
        let found = match write::lookup(self.epoch, address) {
            Ok(v4) => self.maps.lines_v4.get(&v4, 0),
            Err(v6) => self.maps.lines_v6.get(&v6, 0),
        };
        match found {
            Ok(found) => self.chain(found.chain),
            Err(aya::maps::MapError::KeyNotFound) => self.chain(0),
            Err(error) => Err(wrong("LINES")(error)),
        }
    }

    /// Every counter, summed over the CPUs.
    pub fn counters(&self) -> Result<Vec<(&'static str, u64)>, DataplaneError> {
        let values = self.maps.counters.get(&0, 0).map_err(wrong("COUNTERS"))?;
        let sum = |counter: Counter| values.iter().map(|cpu: &Counters| cpu.value(counter)).sum();
        Ok(Counter::ALL
            .iter()
            .map(|(counter, name)| (*name, sum(*counter)))
            .collect())
    }

    fn chain(&self, chain: u32) -> Result<Vec<String>, DataplaneError> {
        if !self.ready() {
            return Ok(Vec::new());
        }
        let index = self.epoch * CHAINS as u32 + chain;
        let chain = self.maps.chains.get(&index, 0).map_err(wrong("CHAINS"))?;
        chain
            .lines
            .iter()
            .take_while(|line| **line != NO_LINE)
            .map(|line| {
                let index = self.epoch * LINES as u32 + u32::from(*line);
                let name = self.maps.line_names.get(&index, 0);
                Ok(read_text(&name.map_err(wrong("LINE_NAMES"))?.name))
            })
            .collect()
    }
}

fn read_text<const N: usize>(field: &Text<N>) -> String {
    let octets: Vec<u8> = field
        .iter()
        .take_while(|octet| **octet != 0)
        .map(|octet| octet.cast_unsigned())
        .collect();
    String::from_utf8_lossy(&octets).into_owned()
}
