//! Domains and access domains: unique, in a zone, and where a CNAME may stand.
//!
//! Must not look at strategies beyond the type of their pools.

use std::collections::{BTreeSet, HashMap, HashSet};

use hickory_proto::rr::Name;

use super::super::domain::show;
use super::super::instance::{Form, InstanceMark};
use super::super::model::{Address, Config, Instance, Pool, PoolId, PoolType};
use super::super::problem::{At, Report};
use super::{Marks, pools_of};

/// Looks at one instance.
pub(super) fn check(
    config: &Config,
    marks: &Marks,
    instance: &Instance,
    mark: &InstanceMark,
    report: &Report<'_>,
) {
    if marks.zones_known {
        refuse_outside_zones(config, instance, mark, report);
        refuse_cname_at_apex(config, instance, mark, report);
    }
    if mark.strategies.iter().all(|mark| mark.pools_known) {
        check_domain_pools(config, marks, instance, mark, report);
    }
}

/// Domains are unique, access domains are unique, and one's domain is not another's access domain
/// (it would have to be a CNAME and an address at once).
pub(super) fn refuse_shared(config: &Config, marks: &Marks, report: &Report<'_>) {
    let count = config.instances.len();
    let mut domains: HashMap<&Name, (&Instance, At)> = HashMap::with_capacity(count);
    let mut accesses: HashMap<&Name, (&Instance, At)> = HashMap::with_capacity(count);
    let mut failovers: HashSet<&Name> = HashSet::new();
    let taken = |what: &str, name: &Name, (other, at): (&Instance, At)| {
        let (name, line) = (show(name), report.line_of(at));
        let other = &other.name;
        format!("`{name}` is the {what} of the instance `{other}` (line {line}) already")
    };
    for (instance, mark) in config.instances.iter().zip(&marks.instances) {
        let mut told = false;
        if let Some(at) = mark.domain {
            match domains.get(&instance.domain) {
                Some(other) => {
                    report.problem(at, taken("domain", &instance.domain, *other));
                    told = true;
                }
                None => drop(domains.insert(&instance.domain, (instance, at))),
            }
        }
        if let Some(at) = mark.access_domain {
            match accesses.get(&instance.access_domain) {
                // Where both default to one name, one message is enough.
                Some(_) if told && mark.domain == Some(at) => {}
                Some(other) => {
                    let message = taken("access domain", &instance.access_domain, *other);
                    report.problem(at, message);
                }
                None => drop(accesses.insert(&instance.access_domain, (instance, at))),
            }
        }
        if mark.form == Form::Failover {
            failovers.insert(&instance.access_domain);
        }
    }
    for (instance, mark) in config.instances.iter().zip(&marks.instances) {
        if let Some(at) = mark.domain
            && mark.access_domain.is_some()
            && instance.domain != instance.access_domain
            // A failover's two names are one: of it the first loop told, at its own place.
            && !failovers.contains(&instance.domain)
            && let Some(other) = accesses.get(&instance.domain)
        {
            report.problem(at, taken("access domain", &instance.domain, *other));
        }
    }
}

fn refuse_outside_zones(
    config: &Config,
    instance: &Instance,
    mark: &InstanceMark,
    report: &Report<'_>,
) {
    if let Some(at) = mark.access_domain
        && config.zone_of(&instance.access_domain).is_none()
    {
        let mut zones: Vec<String> = config.zones.iter().map(|zone| show(&zone.origin)).collect();
        zones.sort_unstable();
        let zones = if zones.is_empty() {
            "there is no `[[zone]]`".to_owned()
        } else {
            format!("the zones are {}", zones.join(", "))
        };
        let name = show(&instance.access_domain);
        // Without its own key the access domain is the domain, and the remedy is another; the
        // short form has no such key.
        let remedy = if mark.form == Form::Long && mark.domain == mark.access_domain {
            "; set `access_domain` to a name in one of them"
        } else {
            ""
        };
        report.problem(
            at,
            format!("the access domain `{name}` is in no zone served here: {zones}{remedy}"),
        );
    }
}

/// igtm makes the CNAME from a domain in its own zones to the access domain; at the apex, beside
/// SOA and NS, a CNAME is illegal (RFC 1034 §3.6.2).
fn refuse_cname_at_apex(
    config: &Config,
    instance: &Instance,
    mark: &InstanceMark,
    report: &Report<'_>,
) {
    if let (Some(at), Some(_)) = (mark.domain, mark.access_domain)
        && instance.domain != instance.access_domain
        && is_apex(config, &instance.domain)
    {
        let name = show(&instance.domain);
        report.problem(
            at,
            format!("`{name}` is a zone's apex, where no CNAME to the access domain may stand; leave `access_domain` out"),
        );
    }
}

fn check_domain_pools(
    config: &Config,
    marks: &Marks,
    instance: &Instance,
    mark: &InstanceMark,
    report: &Report<'_>,
) {
    let Some(at) = mark.access_domain else {
        return;
    };
    let pools = || instance.strategies.iter().flat_map(pools_of);
    let is_domain = |PoolId(id)| {
        let pool = config.pools.get(id);
        pool.is_some_and(|pool| pool.r#type == PoolType::Domain)
    };
    if !pools().any(is_domain) {
        return;
    }
    let used: BTreeSet<PoolId> = pools().collect();
    let domain_pools = used
        .into_iter()
        .filter(|id| marks.pool(*id).is_some_and(|pool| pool.type_known))
        .map(|id| config.pool(id))
        .filter(|pool| pool.r#type == PoolType::Domain);
    let apex = marks.zones_known && is_apex(config, &instance.access_domain);
    for pool in domain_pools {
        let itself = |name: &Name| *name == instance.access_domain || *name == instance.domain;
        for target in targets(pool) {
            let (shown, pool) = (show(target), &pool.name);
            if itself(target) {
                report.problem(
                    at,
                    format!(
                        "the pool `{pool}` sends `{shown}` back to this instance: a CNAME loop"
                    ),
                );
            } else if apex && let Some(zone) = config.zone_of(target) {
                let (name, zone) = (show(&instance.access_domain), show(&zone.origin));
                report.problem(
                    at,
                    format!(
                        "`{name}` is a zone's apex, where the pool `{pool}` sends `{shown}`, which lies in the zone `{zone}` served here: only names elsewhere can be flattened; name the pools of its instance here"
                    ),
                );
            }
        }
    }
}

/// The domains of a pool.
pub(super) fn targets(pool: &Pool) -> impl Iterator<Item = &Name> {
    let addresses = pool.addresses.iter();
    addresses.filter_map(|address| match &address.value {
        Address::Domain(name) => Some(name),
        Address::Ip(_) => None,
    })
}

pub(super) fn is_apex(config: &Config, name: &Name) -> bool {
    config.zones.at(name).is_some()
}
