//! The addresses of domains that are answered at a zone's apex, where no CNAME may stand
//! (RFC 1034 §3.6.2): resolved in the background, so that no query ever waits.
//!
//! ```text
//!  configuration ─▶ wanted: names ─▶ task: asks when memory says so ─▶ Resolved ─▶ snapshot
//! ```
//! Knows no pool, line or health: which of these domains are answered is the policy's.

mod memory;
mod resolver;
mod task;
mod wanted;

use std::net::IpAddr;
use std::sync::Arc;

use hickory_proto::rr::Name;

pub use resolver::Resolvers;
pub use task::Flattener;
pub use wanted::names;

/// Most addresses of one domain and family; what is beyond is left out.
pub const MOST_ADDRESSES: usize = 32;

/// What is known of a domain in one family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// In the resolver's order made canonical: ascending, without repeats, at most
    /// [`MOST_ADDRESSES`]; empty where the domain has none of this family.
    pub addresses: Vec<IpAddr>,
    /// How long an answer may be cached that is given before this is replaced, seconds.
    pub ttl_s: u32,
    /// Its name servers have not replied since, and the records' own TTL is over before they are asked
    /// again (RFC 8767).
    pub stale: bool,
}

/// What is known of every domain that is flattened; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Resolved(imbl::HashMap<(Name, bool), Arc<Known>>);

impl Resolved {
    /// What is known of `name` for A (`ipv6 == false`) or AAAA; `None`: not resolved yet, or so long
    /// ago that it counts no more.
    pub fn of(&self, name: &Name, ipv6: bool) -> Option<&Known> {
        self.0.get(&(name.clone(), ipv6)).map(Arc::as_ref)
    }

    /// Takes in what was learned; whether that is anything new.
    pub fn learn(&mut self, name: Name, ipv6: bool, known: Option<Known>) -> bool {
        let key = (name, ipv6);
        if self.0.get(&key).map(Arc::as_ref) == known.as_ref() {
            return false;
        }
        match known {
            Some(known) => self.0.insert(key, Arc::new(known)),
            None => self.0.remove(&key),
        };
        true
    }

    /// Forgets the names that `keep` does not want.
    pub fn retain(&mut self, keep: impl Fn(&Name) -> bool) {
        self.0.retain(|(name, _), _| keep(name));
    }
}

#[cfg(test)]
mod server;
#[cfg(test)]
mod tests;
