//! What lasts between a failure and its recovery: one name for both ends, by which a recovery finds
//! who was told, PagerDuty its incident and Alertmanager its alert.
//!
//! Pure.

use jiff::Timestamp;

use super::event::{Event, Kind, NodeReason, Severity};

/// The name of something that may last, the same from the failure to the recovery.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Condition(pub String);

/// What an event means for its condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It lasts from now on, or lasts otherwise than before.
    Lasts,
    /// It is over.
    Over,
}

impl Condition {
    /// The condition that `event` begins, changes or ends; `None` for what just happens.
    pub fn of(event: &Event) -> Option<(Self, Phase)> {
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        let pool = || asked_for(event, format!("pool {}", text(&event.pool)));
        let (name, phase) = match event.kind {
            Kind::AddressDown | Kind::AddressWarn => (address(event), Phase::Lasts),
            Kind::AddressUp => (address(event), Phase::Over),
            Kind::PoolDown => (pool(), Phase::Lasts),
            Kind::PoolUp => (pool(), Phase::Over),
            Kind::TierSwitched
            | Kind::TierRestored
            | Kind::FallbackEntered
            | Kind::FallbackLeft => {
                let (instance, strategy) = (text(&event.instance), text(&event.strategy));
                // Whatever it is called: answered from the first tier, all is as it is meant to be.
                let preferred = event.tier_to.as_deref() == Some("tier 1");
                let phase = if preferred { Phase::Over } else { Phase::Lasts };
                (format!("answers {instance} {strategy}"), phase)
            }
            Kind::NodeSilent => (node(event), Phase::Lasts),
            Kind::NodeBack => (node(event), Phase::Over),
            Kind::ConfigRejected => (format!("configuration {}", event.node), Phase::Lasts),
            Kind::ConfigApplied => (format!("configuration {}", event.node), Phase::Over),
            Kind::DataplaneDegraded => (format!("dataplane {}", event.node), Phase::Lasts),
            Kind::DataplaneRestored => (format!("dataplane {}", event.node), Phase::Over),
            Kind::ChannelFailed | Kind::Test => return None,
        };
        let phase = if event.gone { Phase::Over } else { phase };
        Some((Self(name), phase))
    }
}

/// The end of what `told` says to last, and that is gone from the file: removed, or disabled.
pub fn gone(told: &Event, now: Timestamp) -> Event {
    let of = |part: &Option<String>| part.clone().unwrap_or_default();
    let (kind, what) = match told.kind {
        Kind::AddressDown | Kind::AddressWarn | Kind::AddressUp => {
            let what = format!("{} of pool {}", of(&told.address), of(&told.pool));
            (Kind::AddressUp, what)
        }
        Kind::PoolDown | Kind::PoolUp => (Kind::PoolUp, format!("pool {}", of(&told.pool))),
        Kind::NodeSilent | Kind::NodeBack => {
            let node = told.reason.first().map_or("", |reason| &reason.node);
            (Kind::NodeBack, format!("the node {node}"))
        }
        Kind::TierSwitched | Kind::TierRestored | Kind::FallbackEntered | Kind::FallbackLeft => {
            let (instance, domain) = (of(&told.instance), of(&told.domain));
            let what = format!("{instance} ({domain}), strategy {},", of(&told.strategy));
            (Kind::TierRestored, what)
        }
        // These are of the host itself, and never gone.
        kind => (kind, told.title.clone()),
    };
    let what = match &told.host {
        Some(host) => format!("{what}, asked for {host},"),
        None => what,
    };
    let lasted = now.duration_since(told.time).as_secs();
    // Of a node, the reason says which.
    let reason = told.reason.iter().filter(|_| kind == Kind::NodeBack);
    let reason = reason.take(1).map(|one| NodeReason {
        node: one.node.clone(),
        reason: GONE.to_owned(),
    });
    Event {
        kind,
        severity: Severity::Info,
        title: format!("{what} {GONE}"),
        time: now,
        state_from: told.state_to,
        state_to: None,
        tier_from: told.tier_to.clone(),
        tier_to: None,
        reason: reason.collect(),
        since: Some(told.time),
        duration_s: u64::try_from(lasted).ok(),
        answers_before: told.answers_now.clone(),
        answers_now: Vec::new(),
        gone: true,
        ..told.clone()
    }
}

/// What is said of it.
const GONE: &str = "is no longer in the configuration, or is disabled";

fn address(event: &Event) -> String {
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    let name = format!("address {} {}", text(&event.pool), text(&event.address));
    asked_for(event, name)
}

/// Each domain that is asked for may fail and recover by itself.
fn asked_for(event: &Event, name: String) -> String {
    match &event.host {
        Some(host) => format!("{name} for {host}"),
        None => name,
    }
}

/// Which node, says the reason: `event.node` is the host that tells of it.
fn node(event: &Event) -> String {
    let silent = event.reason.first();
    format!("node {}", silent.map_or("", |reason| &reason.node))
}
