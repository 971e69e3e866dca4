//! Who probes, how late, and what operators hold addresses to be.
//!
//! Must not measure: it reads what the prober and health have counted.

use std::fmt;

use super::{Seen, Sheet};

/// Of 1000 rounds, so many begin no later; with the label that says so.
const QUANTILES: [(u64, &str); 3] = [(500, "0.5"), (990, "0.99"), (1000, "1")];

impl Seen {
    pub(super) fn probes(&self, sheet: &mut Sheet<'_, '_>) -> fmt::Result {
        let lateness = &self.lateness;
        sheet.gauges(
            "igtm_probe_lateness_seconds",
            "How long after their time rounds of probes began, since the start, to a quarter of a doubling",
            QUANTILES.into_iter().map(|(permille, quantile)| {
                let late = lateness.quantile(permille).as_secs_f64();
                (vec![("quantile", quantile)], late)
            }),
        )?;
        let left_out = (Vec::new(), lateness.left_out());
        sheet.counters(
            "igtm_probe_rounds_left_out",
            "Rounds that did not begin because the one before was still under way",
            [left_out],
        )?;
        let nodes = self.published.health.nodes();
        let flag = |set: bool| f64::from(u8::from(set));
        sheet.gauges(
            "igtm_node_tasks",
            "Probe tasks of a node",
            nodes
                .iter()
                .map(|node| (vec![("node", &*node.node)], node.tasks as f64)),
        )?;
        sheet.gauges(
            "igtm_node_silent",
            "1 when nothing was heard of a node for three intervals",
            nodes
                .iter()
                .map(|node| (vec![("node", &*node.node)], flag(node.silent))),
        )?;
        sheet.gauges(
            "igtm_node_suspected",
            "1 when a node's own network seems to be down",
            nodes
                .iter()
                .map(|node| (vec![("node", &*node.node)], flag(node.suspected))),
        )?;
        let targets = self.published.health.targets();
        let stale = targets.filter(|(_, health)| health.is_stale(self.now));
        sheet.gauge(
            "igtm_targets_stale",
            "Targets of whose nodes fewer than half report: their last state stands",
            Some(stale.count() as f64),
        )
    }

    pub(super) fn forces(&self, sheet: &mut Sheet<'_, '_>) -> fmt::Result {
        let forces = self.published.health.forces();
        let mut forces: Vec<(String, &str, &str)> = forces
            .map(|one| {
                let pool = one.pool.as_deref().unwrap_or_default();
                (one.address.to_string(), pool, one.state.word())
            })
            .collect();
        forces.sort();
        sheet.gauges(
            "igtm_forced",
            "1 for what an operator holds an address to be, in a pool or (no pool) in all",
            forces.iter().map(|(address, pool, mode)| {
                let mut labels = vec![("address", &**address), ("mode", *mode)];
                if !pool.is_empty() {
                    labels.push(("pool", pool));
                }
                (labels, 1.0)
            }),
        )
    }
}
