//! Who probes what: an address that no node can send to would stay unknown for ever.
//!
//! Must not look at instances.

use std::collections::HashSet;

use super::super::model::{Config, MonitorId, PoolType};
use super::super::problem::Report;
use super::Marks;

pub(super) fn check(config: &Config, marks: &Marks, report: &Report<'_>) {
    let mut told: HashSet<(MonitorId, PoolType)> = HashSet::new();
    for (pool, mark) in config.pools.iter().zip(&marks.pools) {
        let (Some(id), true) = (pool.monitor, mark.type_known) else {
            continue;
        };
        let ipv6 = match pool.r#type {
            PoolType::Ipv4 => false,
            PoolType::Ipv6 => true,
            PoolType::Domain => continue,
        };
        let monitor = config.monitor(id);
        let reached = |id: &_| config.node(*id).reaches_family(ipv6);
        // Without nodes its list was bad, which is told already.
        if monitor.nodes.is_empty() || monitor.nodes.iter().any(reached) {
            continue;
        }
        if let Some(mark) = marks.monitors.get(id.0)
            && told.insert((id, pool.r#type))
        {
            let family = if ipv6 { "IPv6" } else { "IPv4" };
            let (name, pool) = (&monitor.name, &pool.name);
            report.problem(mark.at, format!("no node of the monitor `{name}` has an {family} source, and it probes the pool `{pool}`"));
        }
    }
}
