//! What the kernel shall answer from: the content of the maps, without an epoch.
//!
//! Made from the same snapshot that userspace answers from. Pure data.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use igtm_common::layout::{
    ANSWERS, Answer, AnswerKey, CHAIN_LINES, CHAINS, Chain, LINES, NO_LINE, PREFIXES,
};
use ipnet::IpNet;

use super::DataplaneError;

/// One whole content of the maps.
#[derive(Clone, Debug, Default)]
pub struct Image {
    /// Answers; the key's epoch is 0.
    pub answers: HashMap<AnswerKey, Arc<Answer>>,
    /// Prefix → position in `chains`.
    pub prefixes: BTreeMap<IpNet, u32>,
    /// Lines that contain a client, most preferred first; position 0 is `default` alone.
    pub chains: Vec<Chain>,
    /// Names of lines by number.
    pub line_names: Vec<String>,
}

impl Image {
    /// Refuses what does not fit the maps, with the numbers.
    pub fn check_capacity(&self) -> Result<(), DataplaneError> {
        let prefixes = |v4: bool| {
            self.prefixes
                .keys()
                .filter(|prefix| matches!(prefix.addr(), IpAddr::V4(_)) == v4)
                .count()
        };
        // Maps that hold both epochs have half their room for each.
        for (what, needed, most) in [
            (
                "answers (names × types × lines)",
                self.answers.len(),
                ANSWERS / 2,
            ),
            ("IPv4 prefixes", prefixes(true), PREFIXES / 2),
            ("IPv6 prefixes", prefixes(false), PREFIXES / 2),
            ("chains of lines", self.chains.len(), CHAINS),
            ("lines", self.line_names.len(), LINES),
        ] {
            if needed > most {
                return Err(DataplaneError::Capacity { what, needed, most });
            }
        }
        Ok(())
    }
}

/// A chain as the kernel holds it. Lines behind [`CHAIN_LINES`] are left out: the line
/// table never makes a longer one.
pub(crate) fn chain(lines: impl Iterator<Item = u16>) -> Chain {
    let mut chain = Chain {
        lines: [NO_LINE; CHAIN_LINES],
    };
    for (to, from) in chain.lines.iter_mut().zip(lines) {
        *to = from;
    }
    chain
}
