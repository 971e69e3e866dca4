//! Another configuration: what of the health of targets and nodes is kept.
//!
//! Must not judge: no state changes here.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::nodes::NodeWatch;
use super::panel::{Panel, Seat};
use super::{Health, Target, TargetHealth, targets};
use crate::config::model::{Config, Monitor, MonitorId, Node};

impl Health {
    /// Takes over a configuration: targets that are gone are forgotten, new ones are unknown, and
    /// the others keep their health. The same target is one of the same monitor (by name), address
    /// and host, wherever its monitor now stands in the file. Also where the monitor's definition
    /// has changed: a dead address must not be answered again because someone edits an interval.
    /// Forced states stay, whatever the file says.
    pub fn reconcile(&mut self, config: &Config, now: Timestamp) {
        let moved = self.take_over_nodes(&config.nodes, now);
        let mut former: HashMap<(Arc<str>, Target), TargetHealth> = HashMap::new();
        let mut defined: HashMap<Arc<str>, Arc<Monitor>> = HashMap::new();
        for (target, health) in std::mem::take(&mut self.table) {
            let name = match defined.get_key_value(health.monitor.name.as_str()) {
                Some((name, _)) => Arc::clone(name),
                None => {
                    let name: Arc<str> = health.monitor.name.as_str().into();
                    defined.insert(Arc::clone(&name), Arc::clone(&health.monitor));
                    name
                }
            };
            former.insert((name, unplaced(&target)), health);
        }
        self.open.clear();
        self.held.clear();
        let monitors: Vec<(Arc<str>, Arc<Monitor>)> = config
            .monitors
            .iter()
            .map(|monitor| definition(monitor, &defined))
            .collect();
        for target in targets(config) {
            let (name, monitor) = &monitors[target.monitor.0];
            let kept = former.remove(&(Arc::clone(name), unplaced(&target)));
            let own = config.monitor(target.monitor);
            let nodes = own.nodes_of(&config.nodes, &target.address);
            let seats = nodes.map(|node| {
                let kept = kept.as_ref().filter(|kept| kept.monitor == *monitor);
                let seats = kept.map_or(&[] as &[Seat], |kept| &kept.panel.seats);
                let kept = seats.iter().find(|seat| moved[seat.node] == Some(node.0));
                kept.map_or_else(|| Seat::new(node.0, now), |seat| seat.clone().moved(node.0))
            });
            let panel = Panel::of(seats.collect());
            for seat in &panel.seats {
                let node = &mut self.nodes[seat.node];
                node.gains(monitor, seat.sight());
            }
            let health = match kept {
                Some(health) => health.redefined(Arc::clone(monitor), panel),
                None => TargetHealth::new(Arc::clone(monitor), panel, now),
            };
            self.table.insert(target, health);
        }
    }

    /// Takes over the nodes; where each former one stands now, unless it is gone or another.
    fn take_over_nodes(&mut self, nodes: &[Node], now: Timestamp) -> Vec<Option<usize>> {
        let former = std::mem::take(&mut self.nodes);
        let mut moved = vec![None; former.len()];
        let mut kept: HashMap<String, (usize, NodeWatch)> = former
            .into_iter()
            .enumerate()
            .map(|(at, watch)| (watch.node.name.clone(), (at, watch)))
            .collect();
        for (at, node) in nodes.iter().enumerate() {
            let watch = match kept.remove(&node.name) {
                Some((from, watch)) if *watch.node == *node => {
                    moved[from] = Some(at);
                    let node = Arc::clone(&watch.node);
                    watch.cleared(node, now)
                }
                _ => NodeWatch::new(Arc::new(node.clone()), now),
            };
            self.nodes.push(watch);
        }
        moved
    }
}

/// The monitor without its nodes, and its name: the former ones where nothing has changed.
fn definition(
    monitor: &Monitor,
    former: &HashMap<Arc<str>, Arc<Monitor>>,
) -> (Arc<str>, Arc<Monitor>) {
    let own = Monitor {
        nodes: Vec::new(),
        ..monitor.clone()
    };
    match former.get_key_value(monitor.name.as_str()) {
        Some((name, same)) if **same == own => (Arc::clone(name), Arc::clone(same)),
        Some((name, _)) => (Arc::clone(name), Arc::new(own)),
        None => (monitor.name.as_str().into(), Arc::new(own)),
    }
}

/// The target without its monitor's place in the file.
fn unplaced(target: &Target) -> Target {
    Target {
        monitor: MonitorId(usize::MAX),
        ..target.clone()
    }
}
