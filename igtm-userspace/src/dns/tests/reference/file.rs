//! A world as the file an operator would write, and its health as the daemon would know it.

use std::fmt::Write as _;

use super::words::{Force, Instance, KINDS, Pool, Seen, Strategy, Tier, Type, World};
use crate::config::model::Address;
use crate::health::{AddressState, ForcedState, HealthView, Target};

/// The file, without its version.
pub(super) fn text(world: &World) -> String {
    let mut out = format!("[plan]\nmin_ttl = {}\n", world.floor);
    for zone in &world.zones {
        out += &format!(
            "[[zone]]\norigin = \"{}\"\nns = [\"ns.example.org\"]\ncontact = \"ops.example.org\"\n\
             min_ttl = {}\nnegative_ttl = {}\n",
            zone.origin, zone.min_ttl, zone.negative_ttl
        );
    }
    for line in &world.lines {
        let prefixes = line.prefixes.iter();
        let prefixes: Vec<_> = prefixes
            .map(|(ip, len)| format!("\"{ip}/{len}\""))
            .collect();
        out += &format!(
            "[[line]]\nname = \"{}\"\nkind = \"{}\"\nprefixes = [{}]\n",
            line.name,
            KINDS[line.kind],
            prefixes.join(", ")
        );
        if let Some(parent) = line.parent {
            out += &format!("parent = \"{}\"\n", world.lines[parent].name);
        }
    }
    for (at, monitor) in world.monitors.iter().enumerate() {
        let protocol = if monitor.by_domain { "http" } else { "tcp" };
        out += &format!(
            "[[monitor]]\nname = \"m{at}\"\nprotocol = \"{protocol}\"\nenabled = {}\n",
            monitor.enabled
        );
    }
    for pool in &world.pools[..world.written_pools] {
        out += &pool_text(pool);
    }
    for instance in &world.instances {
        if instance.short {
            out += &failovers(world, instance);
        } else {
            out += &instance_text(world, instance);
        }
    }
    out
}

fn policy(weighted: bool) -> &'static str {
    if weighted { "weight" } else { "all" }
}

fn pool_text(pool: &Pool) -> String {
    let r#type = match pool.r#type {
        Type::Ipv4 => "ipv4",
        Type::Ipv6 => "ipv6",
        Type::Domain => "domain",
    };
    let mut out = format!(
        "[[pool]]\nname = \"{}\"\ntype = \"{}\"\n",
        pool.name, r#type
    );
    // What is the default is left out.
    if pool.weighted {
        out += "policy = \"weight\"\n";
    }
    if let Some(monitor) = pool.monitor {
        let _ = writeln!(out, "monitor = \"m{monitor}\"");
    }
    for entry in &pool.entries {
        let _ = writeln!(out, "[[pool.address]]\nvalue = \"{}\"", entry.value);
        if entry.weight != 100 {
            let _ = writeln!(out, "weight = {}", entry.weight);
        }
        if !entry.enabled {
            out += "enabled = false\n";
        }
    }
    out
}

fn line_name(world: &World, line: Option<usize>) -> &str {
    line.map_or("default", |line| &world.lines[line].name)
}

fn instance_text(world: &World, instance: &Instance) -> String {
    let mut out = format!(
        "[[instance]]\nname = \"{}\"\ndomain = \"{}\"\nenabled = {}\n",
        instance.name, instance.domain, instance.enabled
    );
    if instance.access != instance.domain {
        let _ = writeln!(out, "access_domain = \"{}\"", instance.access);
    }
    if let Some(ttl) = instance.ttl {
        let _ = writeln!(out, "ttl = {ttl}");
    }
    if let Some(most) = instance.max_answers {
        let _ = writeln!(out, "max_answers = {most}");
    }
    if let Some(floor) = instance.floor {
        let _ = writeln!(out, "plan = {{ min_ttl = {floor} }}");
    }
    for strategy in &instance.strategies {
        out += &strategy_text(world, strategy);
    }
    out
}

fn strategy_text(world: &World, strategy: &Strategy) -> String {
    let lines = strategy.lines.iter();
    let lines: Vec<_> = lines
        .map(|line| format!("\"{}\"", line_name(world, *line)))
        .collect();
    let mut out = format!(
        "[[instance.strategy]]\nname = \"{}\"\nlines = [{}]\nenabled = {}\nfallback = \"{}\"\n",
        strategy.name,
        lines.join(", "),
        strategy.enabled,
        world.pools[strategy.fallback].name
    );
    if strategy.hold {
        out += "switch = \"hold\"\n";
    }
    for tier in &strategy.tiers {
        out += &tier_text(world, tier);
    }
    out
}

fn tier_text(world: &World, tier: &Tier) -> String {
    let place = |(pool, weight): &(usize, u32)| match (&world.pools[*pool].name, weight) {
        (name, 100) => format!("\"{name}\""),
        (name, weight) => format!("{{ pool = \"{name}\", weight = {weight} }}"),
    };
    let pools: Vec<_> = tier.pools.iter().map(place).collect();
    format!(
        "[[instance.strategy.tier]]\npools = [{}]\npolicy = \"{}\"\nmin_healthy = {}\n",
        pools.join(", "),
        policy(tier.weighted),
        tier.min_healthy
    )
}

fn failovers(world: &World, instance: &Instance) -> String {
    let mut out = String::new();
    for (at, strategy) in instance.strategies.iter().enumerate() {
        let pools = strategy
            .tiers
            .iter()
            .map(|tier| &world.pools[tier.pools[0].0]);
        let values: Vec<_> = pools
            .map(|pool| format!("\"{}\"", pool.entries[0].value))
            .collect();
        let monitor = world.pools[strategy.fallback].monitor.unwrap_or_default();
        out += &format!(
            "[[failover]]\nname = \"{}\"\ndomain = \"{}\"\nline = \"{}\"\nprimary = {}\n\
             backups = [{}]\nmonitor = \"m{monitor}\"\nenabled = {}\n",
            strategy.name,
            instance.domain,
            line_name(world, strategy.lines[0]),
            values[0],
            values[1..].join(", "),
            strategy.enabled
        );
        // One of a domain says it for all.
        if let (0, Some(ttl)) = (at, instance.ttl) {
            let _ = writeln!(out, "ttl = {ttl}");
        }
    }
    out
}

fn shown(address: &Address) -> String {
    address.to_string().trim_end_matches('.').to_owned()
}

impl HealthView for World {
    fn state(&self, target: &Target) -> AddressState {
        let (monitor, address) = (target.monitor.0, shown(&target.address));
        match self.seen(monitor, &address, target.host.as_deref()) {
            Seen::Unknown => AddressState::Unknown,
            Seen::Ok => AddressState::Ok,
            Seen::Warn => AddressState::Warn,
            Seen::Down => AddressState::Down,
        }
    }

    fn forced(&self, pool: &str, address: &Address) -> Option<ForcedState> {
        Some(match World::forced(self, pool, &shown(address))? {
            Force::Up => ForcedState::Up,
            Force::Down => ForcedState::Down,
            Force::Drain => ForcedState::Drain,
        })
    }
}
