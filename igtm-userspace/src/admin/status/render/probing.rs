//! Monitors, nodes and forced states as the tree shows them.

use super::super::tree::Node;
use super::super::{ForceStatus, MonitorStatus};
use super::{Drawing, Look, age, many};
use crate::health::NodeStatus;
use crate::state::Rounds;

impl Drawing<'_> {
    pub(super) fn monitor(&self, monitor: &MonitorStatus) -> Node {
        let every = match monitor.interval_ms {
            ms if ms.is_multiple_of(1_000) => format!("{} s", ms / 1_000),
            ms => format!("{ms} ms"),
        };
        let rounds = match &monitor.rounds_7d {
            None => self.paint(Look::Doubtful, "rounds of 7 days not known"),
            Some(rounds) => self.rounds(rounds),
        };
        let targets = match monitor.enabled {
            true => self.address_counts(&monitor.targets),
            false => self.paint(Look::Dim, "disabled"),
        };
        let name = self.paint(Look::Bold, &monitor.name);
        let title = format!(
            "{name}  {} every {every}  {targets}  {rounds}",
            monitor.protocol
        );
        Node::new(title, Vec::new())
    }

    fn rounds(&self, rounds: &Rounds) -> String {
        let all = rounds.good + rounds.bad;
        let bad = match rounds.bad {
            0 => self.paint(Look::Good, "none bad"),
            some => {
                let percent = 100.0 * some as f64 / all as f64;
                self.paint(Look::Doubtful, &format!("{some} bad ({percent:.1} %)"))
            }
        };
        match all {
            0 => "no rounds yet".to_owned(),
            all => format!("{all} rounds in 7 days, {bad}"),
        }
    }

    /// `forced down by root for 5 min, until 2026-01-02T03:04:05Z: disk swap`.
    pub(super) fn forced(&self, forced: &ForceStatus) -> String {
        let look = match forced.to.usable() {
            true => Look::Doubtful,
            false => Look::Bad,
        };
        let word = self.paint(look, &format!("forced {}", forced.to.word()));
        let since = age(forced.since, self.status.daemon.at);
        let until = forced
            .until
            .map_or(String::new(), |until| format!(", until {until:.0}"));
        let (who, reason) = (&forced.who, &forced.reason);
        format!("{word} by {who} for {since}{until}: {reason}")
    }

    pub(super) fn forces(&self) -> Vec<Node> {
        let forces = self.status.forces.iter();
        let nodes = forces.map(|one| {
            let place = match &one.pool {
                Some(pool) => format!("in pool {pool}"),
                None => "in all pools".to_owned(),
            };
            let title = format!("{} {place}  {}", one.address, self.forced(one));
            Node::new(title, Vec::new())
        });
        nodes.collect()
    }

    pub(super) fn nodes(&self) -> Vec<Node> {
        let nodes = self.status.nodes.iter();
        nodes
            .map(|node| Node::new(self.node(node), Vec::new()))
            .collect()
    }

    fn node(&self, node: &NodeStatus) -> String {
        let name = self.paint(Look::Bold, &node.node);
        let group = node
            .group
            .as_ref()
            .map_or(String::new(), |group| format!(" ({group})"));
        let tasks = many(node.tasks, "task");
        let heard = age(node.heard, self.status.daemon.at);
        let mut text = format!("{name}{group}  {tasks}");
        if node.tasks > 0 {
            text += &format!(", heard {heard} ago");
        }
        if node.silent {
            text += &format!("  {}", self.paint(Look::Bad, "silent"));
        }
        if node.suspected {
            let words = "suspected: all that it sees fails, and others see some of it pass";
            text += &format!("  {}", self.paint(Look::Bad, words));
        }
        if let Some(trouble) = &node.trouble {
            text += &format!("  {}", self.paint(Look::Doubtful, trouble));
        }
        text
    }
}
