//! The sampled queries, read from the pins: any number of readers, with or without a daemon.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hickory_proto::rr::RecordType;
use igtm_common::counter::Counter;
use igtm_common::layout::{NO_ANSWER, SAMPLES, Sample};
use serde::Serialize;

use super::DataplaneError;
use super::error::wrong;
use super::inspect::{Inspection, name};

/// One query that was sampled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SampleRow {
    /// CLOCK_MONOTONIC nanoseconds.
    pub monotonic_ns: u64,
    /// Who sent it.
    pub source: IpAddr,
    /// What the line was looked up by: the source, or the client subnet's network address.
    pub client: IpAddr,
    /// The name that was asked for.
    pub name: String,
    /// QTYPE as text.
    pub r#type: String,
    /// The line that answered, if any did.
    pub line: Option<String>,
    /// A counter's name.
    pub outcome: &'static str,
}

/// Up to where each CPU's samples were read.
#[derive(Clone, Debug, Default)]
pub struct Seen(Vec<u64>);

impl Inspection {
    /// The samples behind `seen`, oldest first; the oldest of all are overwritten.
    pub fn samples(&self, seen: &mut Seen) -> Result<Vec<SampleRow>, DataplaneError> {
        let mut found: Vec<Sample> = Vec::new();
        let mut newest = seen.0.clone();
        for at in 0..SAMPLES {
            let cpus = self.maps.samples.get(&at, 0).map_err(wrong("SAMPLES"))?;
            newest.resize(cpus.len(), 0);
            for (sample, (cpu, newest)) in cpus.iter().zip(newest.iter_mut().enumerate()) {
                let read = seen.0.get(cpu).copied().unwrap_or(0);
                // Written while it was read, or read before.
                if sample.sequence != sample.begun || sample.sequence <= read {
                    continue;
                }
                *newest = (*newest).max(sample.sequence);
                found.push(*sample);
            }
        }
        seen.0 = newest;
        found.sort_by_key(|sample| sample.time_ns);
        Ok(found.iter().map(|sample| self.row(sample)).collect())
    }

    fn row(&self, sample: &Sample) -> SampleRow {
        let octets = usize::from(sample.name_octets).min(sample.name.len());
        let outcome = Counter::ALL
            .iter()
            .find(|(counter, _)| *counter as u32 == sample.outcome);
        SampleRow {
            monotonic_ns: sample.time_ns,
            source: address(sample.source, sample.source_v6),
            client: address(sample.client, sample.client_v6),
            name: name(&sample.name[..octets]),
            r#type: RecordType::from(sample.qtype).to_string(),
            line: match sample.slot {
                NO_ANSWER => None,
                slot => self.line_of_slot(slot),
            },
            outcome: outcome.map_or("?", |(_, name)| name),
        }
    }
}

fn address([high, low]: [u64; 2], v6: u8) -> IpAddr {
    if v6 == 0 {
        // The upper half is the address.
        return Ipv4Addr::from_bits((high >> 32) as u32).into();
    }
    Ipv6Addr::from_bits(u128::from(high) << 64 | u128::from(low)).into()
}
