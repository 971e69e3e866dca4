//! product.md §1–3 read aloud: who is answered what, slowly and obviously.
//!
//! Shares no code with policy, line or snapshot, nor their types: nothing here may be imported
//! from the code that it is held against.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

/// The kinds of line, most preferred first; `default` is last of all.
pub(super) const KINDS: [&str; 14] = [
    "custom",
    "search_engine",
    "search_engines",
    "operator_province",
    "cloud_province",
    "province",
    "operator_region",
    "region",
    "operator",
    "cloud",
    "domestic",
    "country",
    "continent",
    "overseas",
];

/// The type of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Ipv4,
    Ipv6,
    Domain,
}

#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) name: String,
    /// Of [`KINDS`].
    pub(super) kind: usize,
    pub(super) prefixes: Vec<(IpAddr, u8)>,
    /// Of the world's lines.
    pub(super) parent: Option<usize>,
}

#[derive(Clone, Debug)]
pub(super) struct Monitor {
    pub(super) enabled: bool,
    /// http without `host`: each instance's domain is probed for itself.
    pub(super) by_domain: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) value: String,
    pub(super) weight: u32,
    pub(super) enabled: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Pool {
    pub(super) name: String,
    pub(super) r#type: Type,
    pub(super) weighted: bool,
    pub(super) monitor: Option<usize>,
    pub(super) entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
pub(super) struct Tier {
    /// Pool and weight.
    pub(super) pools: Vec<(usize, u32)>,
    pub(super) weighted: bool,
    pub(super) min_healthy: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Strategy {
    pub(super) name: String,
    /// `None` is the default line.
    pub(super) lines: Vec<Option<usize>>,
    pub(super) enabled: bool,
    pub(super) hold: bool,
    pub(super) tiers: Vec<Tier>,
    pub(super) fallback: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Instance {
    pub(super) name: String,
    pub(super) domain: String,
    pub(super) access: String,
    /// Seconds; `None`: nothing is said.
    pub(super) ttl: Option<u32>,
    pub(super) enabled: bool,
    pub(super) max_answers: Option<usize>,
    /// The lowest TTL of its own plan, seconds.
    pub(super) floor: Option<u32>,
    /// Written as `[[failover]]`, one for each strategy.
    pub(super) short: bool,
    pub(super) strategies: Vec<Strategy>,
}

/// A zone, and the TTLs it says, seconds.
#[derive(Clone, Debug)]
pub(super) struct Zone {
    pub(super) origin: &'static str,
    pub(super) min_ttl: u32,
    pub(super) negative_ttl: u32,
}

/// What an operator says of an address, in one pool or all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Force {
    Up,
    Down,
    Drain,
}

/// What a probe has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Unknown,
    Ok,
    Warn,
    Down,
}

/// A whole configuration, and what is observed.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) zones: Vec<Zone>,
    /// The lowest TTL of `[plan]`, seconds.
    pub(super) floor: u32,
    pub(super) lines: Vec<Line>,
    pub(super) monitors: Vec<Monitor>,
    /// First those that stand in the file, then those of failovers.
    pub(super) pools: Vec<Pool>,
    pub(super) written_pools: usize,
    pub(super) instances: Vec<Instance>,
    /// Address, pool or all, what.
    pub(super) forces: Vec<(String, Option<String>, Force)>,
    /// Whose bits decide what each probe finds.
    pub(super) luck: u32,
    /// Every probe finds everything down.
    pub(super) all_down: bool,
}

/// What a query for an address is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    NoData,
    /// At most so many consecutive ones of these, in a circle, beginning at r mod n.
    Rotated(Vec<String>, usize),
    /// One of these by weight.
    Drawn(Vec<(String, u32)>),
    /// One CNAME of these, evenly.
    CnameRotated(Vec<String>),
    /// One CNAME of these, by weight.
    CnameDrawn(Vec<(String, u32)>),
}

impl World {
    /// What a probe of `address` by this monitor for this domain has found.
    pub(super) fn seen(&self, monitor: usize, address: &str, domain: Option<&str>) -> Seen {
        if self.all_down {
            return Seen::Down;
        }
        let mut hasher = DefaultHasher::new();
        (self.luck, monitor, address, domain).hash(&mut hasher);
        // Down more often than not, or no tier is ever left.
        match hasher.finish() % 7 {
            0 => Seen::Unknown,
            1 => Seen::Ok,
            2 => Seen::Warn,
            _ => Seen::Down,
        }
    }

    /// What an operator says: of this pool rather than of all.
    pub(super) fn forced(&self, pool: &str, address: &str) -> Option<Force> {
        let said = |of: Option<&str>| {
            let mut all = self.forces.iter();
            all.find(|(value, one, _)| value == address && one.as_deref() == of)
                .map(|(_, _, force)| *force)
        };
        said(Some(pool)).or_else(|| said(None))
    }

    /// "ok, warn, unknown and unmonitored are usable; down and disabled are not."
    fn is_usable(&self, instance: &Instance, pool: &Pool, entry: &Entry) -> bool {
        if !entry.enabled {
            return false;
        }
        if let Some(force) = self.forced(&pool.name, &entry.value) {
            return force == Force::Up;
        }
        let Some(monitor) = pool.monitor else {
            return true;
        };
        if !self.monitors[monitor].enabled {
            return true;
        }
        let by_domain = self.monitors[monitor].by_domain;
        let domain = by_domain.then_some(instance.domain.as_str());
        self.seen(monitor, &entry.value, domain) != Seen::Down
    }

    /// "A strategy claims, for each of its lines, the families of all its pools."
    pub(super) fn claims(&self, strategy: &Strategy, ipv6: bool) -> bool {
        let tiers = strategy.tiers.iter().flat_map(|tier| &tier.pools);
        let mut pools: Vec<usize> = tiers.map(|(pool, _)| *pool).collect();
        pools.push(strategy.fallback);
        pools.into_iter().any(|pool| match self.pools[pool].r#type {
            Type::Ipv4 => !ipv6,
            Type::Ipv6 => ipv6,
            Type::Domain => true,
        })
    }

    /// The longest prefix of a line, or of one that has it for a parent, that holds the client.
    fn longest(&self, line: usize, client: IpAddr) -> Option<u8> {
        let own = self.lines[line].prefixes.iter();
        let own = own.filter(|(network, len)| holds(*network, *len, client));
        let mut longest = own.map(|(_, len)| *len).max();
        for (child, of) in self.lines.iter().enumerate() {
            if of.parent == Some(line) {
                longest = longest.max(self.longest(child, client));
            }
        }
        longest
    }

    /// The client's lines, most preferred first: "The most preferred kind wins; within a kind the
    /// longest prefix; between equal prefixes, the line declared first."
    fn lines_of(&self, client: IpAddr) -> Vec<Option<usize>> {
        let mut found = Vec::new();
        for (at, line) in self.lines.iter().enumerate() {
            if let Some(longest) = self.longest(at, client) {
                found.push((line.kind, 128 - longest, at));
            }
        }
        found.sort_unstable();
        let mut lines: Vec<_> = found.into_iter().map(|(_, _, at)| Some(at)).collect();
        lines.push(None);
        lines
    }

    /// "A query is decided by the most preferred line of the client that is claimed for its family."
    pub(super) fn strategy_of<'a>(
        &self,
        instance: &'a Instance,
        client: IpAddr,
        ipv6: bool,
    ) -> Option<&'a Strategy> {
        if !instance.enabled {
            return None;
        }
        for line in self.lines_of(client) {
            for strategy in instance.strategies.iter().filter(|one| one.enabled) {
                if strategy.lines.contains(&line) && self.claims(strategy, ipv6) {
                    return Some(strategy);
                }
            }
        }
        None
    }

    /// The enabled addresses of these pools, each once, and whether it is usable in any of them.
    fn addresses(&self, instance: &Instance, pools: &[usize]) -> Vec<(String, bool)> {
        let mut found: Vec<(String, bool)> = Vec::new();
        for pool in pools.iter().map(|pool| &self.pools[*pool]) {
            for entry in pool.entries.iter().filter(|entry| entry.enabled) {
                let usable = self.is_usable(instance, pool, entry);
                match found.iter_mut().find(|(value, _)| *value == entry.value) {
                    Some((_, anywhere)) => *anywhere |= usable,
                    None => found.push((entry.value.clone(), usable)),
                }
            }
        }
        found
    }

    /// The table of §3 for a weight tier, row by row, summed over the pools it stands in.
    fn weight(&self, tier: &Tier, address: &str) -> u32 {
        let mut sum = 0;
        for (pool, pool_weight) in &tier.pools {
            let pool = &self.pools[*pool];
            for entry in pool.entries.iter().filter(|entry| entry.enabled) {
                if entry.value == address {
                    sum += match pool.weighted {
                        true => entry.weight * pool_weight,
                        false => *pool_weight,
                    };
                }
            }
        }
        sum
    }

    /// The addresses that a strategy answers with: of which type, and by weight if any is said.
    fn active(
        &self,
        instance: &Instance,
        strategy: &Strategy,
    ) -> (Type, Vec<(String, Option<u32>)>) {
        for tier in &strategy.tiers {
            let pools: Vec<usize> = tier.pools.iter().map(|(pool, _)| *pool).collect();
            let all = self.addresses(instance, &pools);
            let mut usable: Vec<_> = all.iter().filter(|one| one.1).cloned().collect();
            if !strategy.hold && usable.len() < tier.min_healthy {
                continue;
            }
            if usable.is_empty() {
                // Held, and none is left: all of them.
                usable = all;
            }
            let weigh = |(address, _): (String, bool)| {
                let weight = tier.weighted.then(|| self.weight(tier, &address));
                (address, weight)
            };
            let addresses = usable.into_iter().map(weigh).collect();
            return (self.pools[pools[0]].r#type, addresses);
        }
        let all = self.addresses(instance, &[strategy.fallback]);
        let all = all
            .into_iter()
            .map(|(address, _)| (address, None))
            .collect();
        (self.pools[strategy.fallback].r#type, all)
    }

    /// §3 from the client's address to what is answered.
    pub(super) fn answer(&self, instance: &Instance, client: IpAddr, ipv6: bool) -> Answer {
        let Some(strategy) = self.strategy_of(instance, client, ipv6) else {
            return Answer::NoData;
        };
        self.answer_of(instance, strategy, ipv6)
    }

    /// §3 for who is decided by this strategy.
    pub(super) fn answer_of(&self, instance: &Instance, strategy: &Strategy, ipv6: bool) -> Answer {
        let (r#type, addresses) = self.active(instance, strategy);
        let weighed: Option<Vec<_>> = addresses
            .iter()
            .map(|(address, weight)| Some((address.clone(), (*weight)?)))
            .collect();
        let plain = addresses.into_iter().map(|(address, _)| address).collect();
        match (r#type, weighed) {
            (Type::Ipv4, _) if ipv6 => Answer::NoData,
            (Type::Ipv6, _) if !ipv6 => Answer::NoData,
            (Type::Domain, Some(weighed)) => Answer::CnameDrawn(weighed),
            (Type::Domain, None) => Answer::CnameRotated(plain),
            (_, Some(weighed)) => Answer::Drawn(weighed),
            (_, None) => {
                let usual = if ipv6 { 8 } else { 20 };
                Answer::Rotated(plain, instance.max_answers.unwrap_or(usual))
            }
        }
    }

    /// The zone that a name lies in: the longest origin.
    pub(super) fn zone_of(&self, name: &str) -> Option<&Zone> {
        let zones = self.zones.iter();
        zones
            .filter(|zone| name == zone.origin || name.ends_with(&format!(".{}", zone.origin)))
            .max_by_key(|zone| zone.origin.len())
    }

    /// "The effective TTL is max(instance ttl, zone min_ttl, plan floor)", seconds.
    pub(super) fn ttl(&self, instance: &Instance) -> u32 {
        let zone = self.zone_of(&instance.access);
        let zone = zone.map_or(0, |zone| zone.min_ttl);
        let plan = instance.floor.unwrap_or(self.floor);
        instance.ttl.unwrap_or(60).max(zone).max(plan)
    }
}

/// Whether the first `len` bits are the same.
pub(super) fn holds(network: IpAddr, len: u8, client: IpAddr) -> bool {
    let (network, client): (Vec<u8>, Vec<u8>) = match (network, client) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.octets().into(), b.octets().into()),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.octets().into(), b.octets().into()),
        _ => return false,
    };
    let bit = |octets: &[u8], at: u8| octets[usize::from(at / 8)] >> (7 - at % 8) & 1;
    (0..len).all(|at| bit(&network, at) == bit(&client, at))
}
