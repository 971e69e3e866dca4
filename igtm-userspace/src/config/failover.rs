//! `[[failover]]`, 容灾切换: the short form of an instance, compiled to instances and pools.
//!
//! One failover is one strategy: a tier of one address for the primary and each backup, and the
//! primary's pool as fallback. Those of one domain are one instance. What is made here is named
//! with a `:`, which no name in a file may hold:
//!
//! | made | named |
//! |---|---|
//! | the instance of a domain | `failover:DOMAIN` |
//! | a failover's strategy | as the failover |
//! | its pools | `failover:NAME:primary`, `failover:NAME:backup-1` … `-3` |
//!
//! Nothing behind the configuration may know that this form exists.

use std::collections::HashMap;
use std::time::Duration;

use hickory_proto::rr::Name;

use super::domain::{domain, show};
use super::duration;
use super::instance::{DEFAULT_TTL, Form, InstanceMark};
use super::model::{
    Address, Instance, LineId, MonitorId, Policy, Pool, PoolAddress, PoolId, Strategy, Switch,
    Tier, TierPool,
};
use super::names::{Named, Names, Places};
use super::pool::{self, DEFAULT_WEIGHT, PoolMark, Pools};
use super::problem::{At, Report};
use super::reader::Section;
use super::strategy::{StrategyMark, TierMark};
use super::value::Value;
use super::zone::TTL;

/// Most backups: with the primary they are the four tiers of a strategy.
const MOST_BACKUPS: usize = 3;

/// One failover, as it was read.
struct Failover {
    named: Named,
    domain: Option<(Name, At)>,
    ttl: Option<(Duration, At)>,
    strategy: Strategy,
    mark: StrategyMark,
}

/// Instances that are made, with what the rules need.
#[derive(Default)]
struct Made {
    instances: Vec<Instance>,
    marks: Vec<InstanceMark>,
    /// By domain.
    positions: HashMap<Name, usize>,
    /// For each instance the failover that said its TTL, and where.
    ttls: Vec<Option<(String, At)>>,
}

/// Reads every `[[failover]]`; its pools join `pools`, its instances are given back.
pub(super) fn read_all(
    root: &mut Section<'_>,
    lines: &Names,
    monitors: &Names,
    pools: &mut Pools,
) -> (Vec<Instance>, Vec<InstanceMark>) {
    let report = root.report();
    let mut sections = root.tables("failover");
    let mut places = Places::for_many(sections.len());
    let named = Names::declare_only("failover", &mut sections, &mut places);
    let mut made = Made::default();
    for (section, named) in sections.into_iter().zip(named) {
        made.add(read(section, named, lines, monitors, pools), report);
    }
    (made.instances, made.marks)
}

fn read(
    mut section: Section<'_>,
    named: Named,
    lines: &Names,
    monitors: &Names,
    pools: &mut Pools,
) -> Failover {
    let domain_value = section.need("domain");
    let name = domain_value.as_ref().and_then(domain);
    let line_value = section.take("line");
    let line = match line_value {
        Some(value) => lines.resolve(&value),
        None => Some(usize::from(LineId::DEFAULT.0)),
    };
    let primary = section.need("primary");
    let backups = section.need("backups").map(|list| backups(&list));
    let monitor = section.need("monitor").and_then(|v| monitors.resolve(&v));
    let ttl = section.take("ttl");
    let enabled = section.take("enabled").and_then(|v| v.bool());
    section.finish();
    let (made, complete) = pools_of(
        &named.text,
        primary,
        &backups.unwrap_or_default(),
        monitor.map(MonitorId),
        pools,
    );
    let line = line.and_then(|position| u16::try_from(position).ok());
    let fallback = made.first().copied();
    let mark = StrategyMark {
        at: named.at,
        lines: vec![line_value.map_or(named.at, |value| value.at)],
        lines_known: line.is_some(),
        pools_known: complete,
        fallback: fallback.map_or(named.at, |(_, at)| at),
        tiers: made.iter().map(|(_, at)| tier_mark(*at)).collect(),
    };
    let strategy = Strategy {
        name: named.text.clone(),
        lines: line.map(LineId).into_iter().collect(),
        enabled: enabled.unwrap_or(true),
        keep: false,
        switch: Switch::Auto,
        tiers: made.iter().map(|(pool, _)| tier(*pool)).collect(),
        fallback: fallback.map_or(PoolId(0), |(pool, _)| pool),
    };
    Failover {
        domain: name.zip(domain_value.map(|value| value.at)),
        ttl: ttl.and_then(|value| Some((value.seconds(TTL)?, value.at))),
        named,
        strategy,
        mark,
    }
}

fn backups<'a>(list: &Value<'a>) -> Vec<Value<'a>> {
    let Some(items) = list.list("a list of addresses") else {
        return Vec::new();
    };
    let found = items.len();
    let too_many = items.get(MOST_BACKUPS).map(|extra| extra.at);
    if let Some(at) = too_many.or_else(|| items.is_empty().then_some(list.at)) {
        let message = format!("`backups` has {found} addresses; it may have 1 to {MOST_BACKUPS}");
        list.report().problem(at, message);
    }
    items
}

/// A pool of one address for the primary and each backup, in order, each with where its address
/// stands; and whether that is all of them.
fn pools_of(
    name: &str,
    primary: Option<Value<'_>>,
    backups: &[Value<'_>],
    monitor: Option<MonitorId>,
    pools: &mut Pools,
) -> (Vec<(PoolId, At)>, bool) {
    let mut places: HashMap<Address, At> = HashMap::new();
    let mut made = Vec::new();
    let backup_names = (1..).map(|number| format!("backup-{number}"));
    let named = std::iter::once("primary".to_owned()).chain(backup_names);
    let given = std::iter::once(primary).chain(backups.iter().copied().map(Some));
    let wanted = 1 + backups.len();
    for (value, role) in given.zip(named) {
        let Some((value, (r#type, address))) =
            value.and_then(|value| Some((value, pool::any_address(&value)?)))
        else {
            continue;
        };
        if let Some(first) = places.insert(address.clone(), value.at) {
            let line = value.report().line_of(first);
            value.problem(format!(
                "`{address}` is in this failover already, on line {line}"
            ));
            continue;
        }
        made.push((PoolId(pools.pools.len()), value.at));
        pools.marks.push(PoolMark {
            type_known: true,
            addresses_known: true,
            r#type: value.at,
            policy: value.at,
            addresses: vec![value.at],
        });
        pools.pools.push(Pool {
            name: format!("failover:{name}:{role}"),
            r#type,
            policy: Policy::All,
            monitor,
            addresses: vec![PoolAddress {
                value: address,
                weight: DEFAULT_WEIGHT,
                region: None,
                enabled: true,
            }],
        });
    }
    let complete = made.len() == wanted && wanted > 1;
    (made, complete)
}

fn tier(pool: PoolId) -> Tier {
    Tier {
        pools: vec![TierPool {
            pool,
            weight: DEFAULT_WEIGHT,
        }],
        policy: Policy::All,
        min_healthy: 1,
    }
}

fn tier_mark(at: At) -> TierMark {
    TierMark {
        pools: vec![at],
        known: true,
        policy: at,
        min_healthy: at,
    }
}

impl Made {
    /// Adds a failover to its domain's instance, which the first of a domain makes.
    fn add(&mut self, failover: Failover, report: &Report<'_>) {
        let known = failover.domain.as_ref();
        let known = known.and_then(|(name, _)| self.positions.get(name).copied());
        let position = known.unwrap_or_else(|| self.instance(&failover));
        if let Some((ttl, at)) = failover.ttl {
            self.agree(position, &failover.named.text, ttl, at, report);
        }
        self.instances[position].strategies.push(failover.strategy);
        self.marks[position].strategies.push(failover.mark);
    }

    fn instance(&mut self, failover: &Failover) -> usize {
        let position = self.instances.len();
        let at = failover.domain.as_ref().map(|(_, at)| *at);
        let name = failover.domain.clone().map(|(name, _)| name);
        if let Some(name) = &name {
            self.positions.insert(name.clone(), position);
        }
        let name = name.unwrap_or_default();
        self.instances.push(Instance {
            name: format!("failover:{}", show(&name)),
            domain: name.clone(),
            access_domain: name,
            ttl: DEFAULT_TTL,
            enabled: true,
            max_answers: None,
            plan: None,
            strategies: Vec::new(),
        });
        self.marks.push(InstanceMark {
            at: failover.named.at,
            form: Form::Failover,
            domain: at,
            access_domain: at,
            strategies: Vec::new(),
        });
        self.ttls.push(None);
        position
    }

    /// A name has one TTL: failovers of a domain that say one say the same.
    fn agree(&mut self, position: usize, name: &str, ttl: Duration, at: At, report: &Report<'_>) {
        let instance = &mut self.instances[position];
        match &self.ttls[position] {
            None => {
                instance.ttl = ttl;
                self.ttls[position] = Some((name.to_owned(), at));
            }
            Some((other, place)) if instance.ttl != ttl => {
                let (said, agreed) = (duration::format(ttl), duration::format(instance.ttl));
                let (domain, line) = (show(&instance.domain), report.line_of(*place));
                report.problem(
                    at,
                    format!(
                        "`ttl` is {said}; the failover `{other}` of `{domain}` says {agreed} (line {line}), and a name has one TTL: say it once or the same"
                    ),
                );
            }
            Some(_) => {}
        }
    }
}
