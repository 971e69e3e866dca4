//! Every client address → the lines that hold it, most preferred first (product.md §1, Line).
//!
//! What an instance sees of it is a [`Views`](super::Views)'s, made from the same ranges.
//! Must not know which lines an instance claims: that is the policy's.

use std::net::IpAddr;

use ipnet::IpNet;

use super::range::Ranges;
use super::sweep::{Chains, Entry, Kinship, sweep, upward};
use crate::config::model::{Line, LineId};

/// Most lines, the default line included: every set of them has a slot for each, and
/// [`igtm_common::line::NO_SLOT`] stays free.
pub const MAX_LINES: usize = u16::MAX as usize;

/// A position in [`LineTable::chains`]; 0 is the default line alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainId(pub u32);

impl ChainId {
    /// The chain of a client that no line's prefix contains.
    pub const DEFAULT: Self = Self(0);
}

/// Why the lines do not make a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// More lines than can be numbered.
    #[error("there are {found} lines, the limit is {MAX_LINES}")]
    TooManyLines {
        /// How many there are, the default line included.
        found: usize,
    },
}

/// The lines of a configuration, compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineTable {
    chains: Vec<Vec<LineId>>,
    v4: Ranges<u32>,
    v6: Ranges<u128>,
}

impl LineTable {
    /// Compiles `lines`, the first of which is the default line. Time: a sort of the prefixes.
    pub fn build(lines: &[Line]) -> Result<Self, TableError> {
        if lines.len() > MAX_LINES {
            let found = lines.len();
            return Err(TableError::TooManyLines { found });
        }
        let kinship = Kinship::of(lines);
        let (v4, v6) = entries(lines);
        let mut chains = Chains::new();
        Ok(Self {
            v4: sweep(v4, &kinship, &mut chains),
            v6: sweep(v6, &kinship, &mut chains),
            chains: chains.into_list(),
        })
    }

    /// Every chain by its id: lines most preferred first, always ending in the default line.
    pub fn chains(&self) -> &[Vec<LineId>] {
        &self.chains
    }

    /// The lines of one chain.
    pub fn chain(&self, id: ChainId) -> &[LineId] {
        // Ids are made by build only, together with the list.
        &self.chains[id.0 as usize]
    }

    /// The chain of a client. An IPv4-mapped IPv6 address is looked up as the IPv6 address it is.
    pub fn chain_of(&self, client: IpAddr) -> ChainId {
        match client {
            IpAddr::V4(client) => self.v4.chain_of(client.to_bits()),
            IpAddr::V6(client) => self.v6.chain_of(client.to_bits()),
        }
    }

    /// The length of the shortest prefix around `client` all of which has the same chain:
    /// the scope of an answer that was chosen by line (RFC 7871, section 7.2.1), bits.
    pub fn scope(&self, client: IpAddr) -> u8 {
        match client {
            IpAddr::V4(client) => self.v4.scope(client.to_bits()),
            IpAddr::V6(client) => self.v6.scope(client.to_bits()),
        }
    }

    pub(super) fn ranges_v4(&self) -> &Ranges<u32> {
        &self.v4
    }

    pub(super) fn ranges_v6(&self) -> &Ranges<u128> {
        &self.v6
    }
}

/// The longest prefix by which `line` (its children's prefixes counting) contains `client`.
/// Reads every prefix: for explanations, not for queries. `None` for the default line.
pub fn longest_prefix(lines: &[Line], line: LineId, client: IpAddr) -> Option<IpNet> {
    let counts_for = |at: &usize| upward(lines, *at).contains(&line);
    (0..lines.len())
        .filter(counts_for)
        .flat_map(|at| &lines[at].prefixes)
        .filter(|prefix| prefix.contains(&client))
        .max_by_key(|prefix| prefix.prefix_len())
        .map(IpNet::trunc)
}

fn entries(lines: &[Line]) -> (Vec<Entry<u32>>, Vec<Entry<u128>>) {
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for (at, line) in lines.iter().enumerate().skip(1) {
        // A position in the configuration's lines fits, for LineId is how others refer to it.
        let line_id = LineId(at as u16);
        for prefix in &line.prefixes {
            let len = prefix.prefix_len();
            match prefix {
                IpNet::V4(net) => v4.push(Entry {
                    start: net.network().to_bits(),
                    len,
                    line: line_id,
                }),
                IpNet::V6(net) => v6.push(Entry {
                    start: net.network().to_bits(),
                    len,
                    line: line_id,
                }),
            }
        }
    }
    (v4, v6)
}
