//! What is counted while the daemon runs, for `/metrics`.
//!
//! Here are the counts that somebody must make when something happens; what can be read when
//! Prometheus asks is read then (`admin::scrape`). Must not have the name of a query as a label.

pub mod connections;
pub mod replies;

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::config::model::Protocol;
use crate::notify::event::Kind;
use crate::state::outbox::PushState;
use connections::Connections;
use replies::Replies;

/// Upper bounds of a round's duration, seconds: from loopback to the longest timeout.
const ROUND_SECONDS: [f64; 12] = [
    0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0,
];
/// Upper bounds of the time from a verdict to the maps, seconds.
const SWITCH_SECONDS: [f64; 12] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0,
];

/// Every count. A clone counts the same.
#[derive(Clone, Debug)]
pub struct Metrics {
    rounds: Family<RoundLabels, Counter>,
    round_seconds: Family<ProtocolLabel, Histogram>,
    switch_seconds: Histogram,
    switches: Family<SwitchLabel, Counter>,
    reloads: Family<ReloadLabel, Counter>,
    transitions: Family<TransitionLabel, Counter>,
    messages: Family<MessageLabels, Counter>,
    /// Replies of userspace.
    pub replies: Arc<Replies>,
    /// DNS over TCP.
    pub connections: Arc<Connections>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RoundLabels {
    protocol: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ProtocolLabel {
    protocol: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct SwitchLabel {
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReloadLabel {
    result: ReloadResult,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct TransitionLabel {
    to: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct MessageLabels {
    channel: String,
    result: &'static str,
}

/// What became of a reload.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelValue)]
#[expect(missing_docs, reason = "the words say it")]
#[expect(non_camel_case_types, reason = "they are the labels' values")]
pub enum ReloadResult {
    applied,
    refused,
}

impl Default for Metrics {
    fn default() -> Self {
        let seconds = || Histogram::new(ROUND_SECONDS);
        Self {
            rounds: Family::default(),
            round_seconds: Family::new_with_constructor(seconds as fn() -> Histogram),
            switch_seconds: Histogram::new(SWITCH_SECONDS),
            switches: Family::default(),
            reloads: Family::default(),
            transitions: Family::default(),
            messages: Family::default(),
            replies: Arc::default(),
            connections: Arc::default(),
        }
    }
}

impl Metrics {
    /// A round of a monitor ended. `good`: `None` when the node could not look.
    pub fn round(&self, protocol: &Protocol, good: Option<bool>, took: Duration) {
        let protocol = protocol.name();
        let result = match good {
            Some(true) => "good",
            Some(false) => "failed",
            None => "not_made",
        };
        let labels = RoundLabels { protocol, result };
        self.rounds.get_or_create(&labels).inc();
        if good.is_some() {
            let seconds = self
                .round_seconds
                .get_or_create(&ProtocolLabel { protocol });
            seconds.observe(took.as_secs_f64());
        }
    }

    /// A change of health is the answer everywhere, so long after its verdict.
    pub fn switched(&self, took: Duration) {
        self.switch_seconds.observe(took.as_secs_f64());
    }

    /// A target is in another state.
    pub fn transition(&self, to: &'static str) {
        let labels = TransitionLabel { to };
        self.transitions.get_or_create(&labels).inc();
    }

    /// An event was raised; those that move a strategy are counted.
    pub fn event(&self, kind: Kind) {
        let moves = [
            Kind::TierSwitched,
            Kind::TierRestored,
            Kind::FallbackEntered,
            Kind::FallbackLeft,
        ];
        if moves.contains(&kind) {
            let labels = SwitchLabel { kind: kind.name() };
            self.switches.get_or_create(&labels).inc();
        }
    }

    /// A message to a channel came to its end.
    pub fn message(&self, channel: &str, state: PushState) {
        let labels = MessageLabels {
            channel: channel.to_owned(),
            result: state.name(),
        };
        self.messages.get_or_create(&labels).inc();
    }

    /// A file was applied or refused.
    pub fn reload(&self, result: ReloadResult) {
        self.reloads.get_or_create(&ReloadLabel { result }).inc();
    }

    /// Registers all of it.
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "igtm_probe_rounds",
            "Rounds of probes that ended, by protocol and result",
            self.rounds.clone(),
        );
        registry.register_with_unit(
            "igtm_probe_round_duration",
            "How long a round took, retries included",
            Unit::Seconds,
            self.round_seconds.clone(),
        );
        registry.register_with_unit(
            "igtm_verdict_to_answer",
            "From the end of a round that changed something until the maps and userspace answer so",
            Unit::Seconds,
            self.switch_seconds.clone(),
        );
        registry.register(
            "igtm_strategy_switches",
            "Strategies that moved between their tiers and the fallback",
            self.switches.clone(),
        );
        registry.register(
            "igtm_target_transitions",
            "Targets that came into a state",
            self.transitions.clone(),
        );
        registry.register(
            "igtm_messages",
            "Messages that were delivered, given up or suppressed, by channel",
            self.messages.clone(),
        );
        registry.register(
            "igtm_reloads",
            "Files that were applied or refused while running",
            self.reloads.clone(),
        );
    }
}
