//! CNAMEs from an instance to a name in a zone served here: to something that exists, without a
//! loop, and not too many in a row.
//!
//! Every pool that an instance names counts, of disabled strategies and disabled addresses too:
//! switching one must not make the file bad. Must not look at health: any of them may be answered.

use std::collections::HashMap;

use hickory_proto::rr::Name;

use super::super::domain::show;
use super::super::model::{Config, Instance, MOST_CNAMES, Pool, PoolId, PoolType};
use super::super::problem::Report;
use super::names::{is_apex, targets};
use super::{Marks, pools_of, statics};
use crate::snapshot::names;

/// Looks at all instances together.
pub(super) fn check(config: &Config, marks: &Marks, report: &Report<'_>) {
    if !marks.zones_known {
        return;
    }
    let inward: Vec<Vec<&Name>> = config
        .pools
        .iter()
        .map(|pool| inward(config, pool))
        .collect();
    // Nearly always: then there is nothing to walk, however many instances there are.
    if inward.iter().all(Vec::is_empty) {
        return;
    }
    let mut book = Book::new(config, &inward);
    for (at, (instance, mark)) in config.instances.iter().zip(&marks.instances).enumerate() {
        let (Some(mark), false) = (mark.access_domain, is_apex(config, &instance.access_domain))
        else {
            continue;
        };
        for (pool, target) in book.lead_in(at) {
            match book.owners.get(target) {
                Some(to) => book.links[at].push(*to),
                None if is_static(config, target) => {}
                None => report.problem(mark, nothing_there(config, pool, target)),
            }
        }
    }
    book.measure();
    for (at, mark) in marks.instances.iter().enumerate() {
        if let Some(mark) = mark.access_domain
            && let Some(problem) = book.problem(at)
        {
            report.problem(mark, problem);
        }
    }
}

/// The domains of a pool that lie in a zone served here.
fn inward<'a>(config: &Config, pool: &'a Pool) -> Vec<&'a Name> {
    if pool.r#type != PoolType::Domain {
        return Vec::new();
    }
    let inside = |name: &&Name| config.zone_of(name).is_some();
    targets(pool).filter(inside).collect()
}

/// Whether static records answer a name; where they lead is followed when it is asked for.
fn is_static(config: &Config, target: &Name) -> bool {
    let zone = config.zone_of(target);
    zone.is_some_and(|zone| statics::answers(zone, &names::wire(target)))
}

fn nothing_there(config: &Config, pool: PoolId, target: &Name) -> String {
    let zone = config.zone_of(target).map(|zone| show(&zone.origin));
    format!(
        "the pool `{}` sends `{}`, which lies in the zone `{}` served here, but is neither the domain nor the access domain of an instance, nor in the zone's file",
        config.pool(pool).name,
        show(target),
        zone.unwrap_or_default()
    )
}

/// Who leads where.
struct Book<'a> {
    config: &'a Config,
    /// By pool.
    inward: &'a [Vec<&'a Name>],
    /// The instances of domains and access domains.
    owners: HashMap<&'a Name, End>,
    /// Where the access domain of each instance may lead to.
    links: Vec<Vec<End>>,
    /// The most CNAMEs from each access domain on inside our zones and out of them, and the first of
    /// these links; counts end above [`MOST_CNAMES`].
    longest: Vec<(usize, Option<usize>)>,
}

/// Where a CNAME leads to.
#[derive(Clone, Copy)]
struct End {
    instance: usize,
    /// With the CNAME itself, the CNAMEs up to the access domain of that instance.
    cnames: usize,
}

impl<'a> Book<'a> {
    fn new(config: &'a Config, inward: &'a [Vec<&'a Name>]) -> Self {
        let mut owners = HashMap::with_capacity(config.instances.len());
        for (at, instance) in config.instances.iter().enumerate() {
            let end = |cnames| End {
                instance: at,
                cnames,
            };
            // From a domain one CNAME more leads to the access domain.
            owners.insert(&instance.domain, end(2));
            owners.insert(&instance.access_domain, end(1));
        }
        let count = config.instances.len();
        Self {
            config,
            inward,
            owners,
            links: vec![Vec::new(); count],
            longest: vec![(0, None); count],
        }
    }

    /// The targets of an instance in our zones, each once; those back to itself are told already.
    fn lead_in(&self, at: usize) -> Vec<(PoolId, &'a Name)> {
        let instance = &self.config.instances[at];
        let mut found: Vec<(PoolId, &Name)> = Vec::new();
        for pool in instance.strategies.iter().flat_map(pools_of) {
            for target in self.inward.get(pool.0).into_iter().flatten() {
                let own = **target == instance.domain || **target == instance.access_domain;
                if !own && !found.iter().any(|(_, known)| known == target) {
                    found.push((pool, target));
                }
            }
        }
        found
    }

    /// Finds the longest chains: each round one link further, until all that counts is counted.
    fn measure(&mut self) {
        let leads_out = |instance: &Instance| {
            let pools = instance.strategies.iter().flat_map(pools_of);
            let mut pools = pools.filter_map(|id| self.config.pools.get(id.0));
            pools.any(|pool| pool.r#type == PoolType::Domain)
        };
        let outward: Vec<usize> = self
            .config
            .instances
            .iter()
            .map(|instance| usize::from(leads_out(instance)))
            .collect();
        for _ in 0..=MOST_CNAMES {
            let longest = self.links.iter().zip(&outward).map(|(links, own)| {
                let ways = links.iter().map(|end| {
                    let further = end.cnames + self.longest[end.instance].0;
                    (further, Some(end.instance))
                });
                ways.fold(
                    (*own, None),
                    |best, way| if way.0 > best.0 { way } else { best },
                )
            });
            self.longest = longest.collect();
        }
    }

    /// What is wrong with the chains that begin at an instance.
    fn problem(&self, at: usize) -> Option<String> {
        let instance = &self.config.instances[at];
        let first = usize::from(instance.domain != instance.access_domain);
        if first + self.longest[at].0 <= MOST_CNAMES {
            return None;
        }
        let mut way = vec![at];
        while let Some(next) = self.longest[way[way.len() - 1]].1 {
            if next == at {
                way.push(next);
                return Some(format!("a CNAME loop: {}", self.shown(&way)));
            }
            if way.contains(&next) {
                // It leads into a loop, which is told where it is.
                return None;
            }
            way.push(next);
        }
        Some(format!(
            "more than {MOST_CNAMES} CNAMEs in a row: {}",
            self.shown(&way)
        ))
    }

    fn shown(&self, way: &[usize]) -> String {
        let names = way
            .iter()
            .map(|at| show(&self.config.instances[*at].access_domain));
        names.collect::<Vec<_>>().join(" → ")
    }
}
