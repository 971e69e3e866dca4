//! Instances and static records: where both stand at one name, and where the name is another
//! server's.
//!
//! Must not judge records by themselves: that is `zonefile/`'s.

use super::super::domain::show;
use super::super::instance::InstanceMark;
use super::super::model::{Config, Instance, PoolId, PoolType, RRset, Zone, rtype};
use super::super::problem::Report;
use super::super::zonefile::{Contents, mnemonic};
use super::{Marks, pools_of};
use crate::snapshot::names;

/// Looks at one instance.
pub(super) fn check(
    config: &Config,
    marks: &Marks,
    instance: &Instance,
    mark: &InstanceMark,
    report: &Report<'_>,
) {
    let Some(at) = mark.access_domain.filter(|_| marks.zones_known) else {
        return;
    };
    let Some((zone, contents)) = held(config, marks, instance) else {
        return;
    };
    let wire = names::wire(&instance.access_domain);
    let name = show(&instance.access_domain);
    if let Some(cover) = zone.covering(&wire) {
        let (above, line) = (names::text(&cover.owner), contents.told_of(cover));
        let why = if cover.rtype == rtype::DNAME {
            format!(
                "`{name}` is below the DNAME of `{above}` ({line}), which stands for all names below; no instance can be there"
            )
        } else {
            format!(
                "`{name}` is delegated to other servers by the NS of `{above}` ({line}); no instance can be there"
            )
        };
        report.problem(at, why);
        return;
    }
    let own = contents.records.at(&wire);
    let answered = [rtype::A, rtype::AAAA, rtype::CNAME];
    if let Some(set) = own.iter().find(|set| answered.contains(&set.rtype)) {
        let (type_, line) = (mnemonic(set.rtype), contents.told_of(set));
        let why = format!(
            "`{name}` has a static {type_} ({line}), where this instance answers; remove one of them"
        );
        report.problem(at, why);
        return;
    }
    if zone.origin == instance.access_domain {
        return;
    }
    if let Some(set) = own.first()
        && let Some(pool) = domain_pool(config, instance)
    {
        let (type_, line) = (mnemonic(set.rtype), contents.told_of(set));
        let why = format!(
            "`{name}` has a static {type_} ({line}), and this instance can answer a CNAME (pool `{pool}`), which stands alone; remove one of them"
        );
        report.problem(at, why);
    }
}

/// The zone of an access domain, where it has a file.
fn held<'a>(
    config: &'a Config,
    marks: &'a Marks,
    instance: &Instance,
) -> Option<(&'a Zone, &'a Contents)> {
    let at = config.zones.place_of(&instance.access_domain)?;
    Some((config.zones.get(at)?, marks.zones.get(at)?.as_ref()?))
}

fn domain_pool<'a>(config: &'a Config, instance: &Instance) -> Option<&'a str> {
    let mut pools = instance.strategies.iter().flat_map(pools_of);
    pools.find_map(|PoolId(id)| {
        let pool = config.pools.get(id)?;
        (pool.r#type == PoolType::Domain).then_some(&*pool.name)
    })
}

/// Whether a zone's file answers a name: by records at it or below it, a wildcard, a delegation or
/// a DNAME.
pub(super) fn answers(zone: &Zone, wire: &[u8]) -> bool {
    let records = &zone.records;
    let wildcard = |above: &[u8]| {
        let name = [b"\x01*", above].concat();
        records.reach(&name)
    };
    let apex = names::wire(&zone.origin);
    let above = names::upward(wire).skip(1);
    records.reach(wire)
        || zone.covering(wire).is_some()
        || above
            .take_while(|one| one.len() >= apex.len())
            .any(wildcard)
}

impl Contents {
    /// `FILE:LINE` of a set.
    fn told_of(&self, set: &RRset) -> String {
        let mut sets = self.records.sets().iter().zip(&self.places);
        let found = sets.find(|(one, _)| one.owner == set.owner && one.rtype == set.rtype);
        found.map_or_else(String::new, |(_, place)| self.told(*place))
    }
}
