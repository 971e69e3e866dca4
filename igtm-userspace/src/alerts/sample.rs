//! A test event of each kind, about an instance as it is configured. Pure.

use jiff::Timestamp;

use super::event;
use crate::config::model::{Config, Instance};
use crate::config::near_miss::instead;
use crate::notify::event::{Event, Kind, NodeReason, Severity};

/// There is no such instance.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no instance is named {name}{near}")]
pub struct NoInstance {
    name: String,
    /// `; did you mean …?`, or `; there are …`.
    near: String,
}

/// What would be told if `kind` happened to `instance`, marked as a test.
///
/// # Errors
/// There is no such instance.
pub fn of_test(
    config: &Config,
    kind: Kind,
    instance: &str,
    at: Timestamp,
) -> Result<Event, NoInstance> {
    let mut all = config.instances.iter();
    let Some(found) = all.find(|one| one.name == instance) else {
        let names = config.instances.iter().map(|one| one.name.as_str());
        return Err(NoInstance {
            name: instance.to_owned(),
            near: instead(instance, names),
        });
    };
    let (severity, what) = said(kind);
    let title = format!("TEST, nothing happened: {} {what}", found.name);
    let plain = Event {
        title,
        instance: Some(found.name.clone()),
        domain: Some(found.domain_text()),
        reason: vec![NodeReason {
            node: config.server.node.clone(),
            reason: "igtm events send".to_owned(),
        }],
        test: true,
        ..event(config, kind, severity, at)
    };
    Ok(placed(config, found, plain))
}

fn said(kind: Kind) -> (Severity, &'static str) {
    match kind {
        Kind::AddressDown => (Severity::Warning, "has an address that is down"),
        Kind::AddressUp => (Severity::Info, "has an address that is up again"),
        Kind::AddressWarn => (Severity::Info, "has an address that fails in part"),
        Kind::PoolDown => (Severity::Warning, "has a pool that is down"),
        Kind::PoolUp => (Severity::Info, "has a pool that is up again"),
        Kind::TierSwitched => (Severity::Warning, "is answered from another tier"),
        Kind::TierRestored => (Severity::Info, "is answered from its first tier again"),
        Kind::FallbackEntered => (Severity::Critical, "is answered from its fallback pool"),
        Kind::FallbackLeft => (Severity::Info, "is no longer answered from its fallback"),
        Kind::NodeSilent => (Severity::Warning, "is probed by a node that is silent"),
        Kind::NodeBack => (Severity::Info, "is probed by a node that is back"),
        Kind::ConfigApplied => (Severity::Info, "stands in a file that was applied"),
        Kind::ConfigRejected => (Severity::Warning, "stands in a file that was refused"),
        Kind::DataplaneDegraded => (Severity::Critical, "is answered by userspace alone"),
        Kind::DataplaneRestored => (Severity::Info, "is answered by the kernel again"),
        Kind::ChannelFailed => (Severity::Warning, "has a channel that fails"),
        Kind::Test => (Severity::Info, "is only tested"),
    }
}

/// With its first strategy's places, as far as its kind has any.
fn placed(config: &Config, instance: &Instance, event: Event) -> Event {
    let Some(strategy) = instance.strategies.first() else {
        return event;
    };
    let first = strategy.tiers.first().and_then(|tier| tier.pools.first());
    let pool = first.map(|member| config.pool(member.pool));
    let lines = strategy.lines.iter();
    let lines = lines.map(|line| config.line(*line).name.clone()).collect();
    let addresses = |pool: Option<&crate::config::model::Pool>| -> Vec<String> {
        let all = pool.into_iter().flat_map(|pool| &pool.addresses);
        all.map(|one| one.value.to_string()).take(8).collect()
    };
    let fallback = config.pool(strategy.fallback);
    let (tier, last) = ("tier 1".to_owned(), "fallback".to_owned());
    match event.kind {
        Kind::AddressDown | Kind::AddressUp | Kind::AddressWarn => Event {
            pool: pool.map(|pool| pool.name.clone()),
            address: addresses(pool).into_iter().next(),
            lines,
            ..event
        },
        Kind::PoolDown | Kind::PoolUp => Event {
            pool: pool.map(|pool| pool.name.clone()),
            lines,
            ..event
        },
        Kind::TierSwitched | Kind::FallbackEntered => Event {
            strategy: Some(strategy.name.clone()),
            tier_from: Some(tier),
            tier_to: Some(match event.kind {
                Kind::TierSwitched => "tier 2".to_owned(),
                _ => last,
            }),
            answers_before: addresses(pool),
            answers_now: addresses(Some(fallback)),
            lines,
            ..event
        },
        Kind::TierRestored | Kind::FallbackLeft => Event {
            strategy: Some(strategy.name.clone()),
            tier_from: Some(match event.kind {
                Kind::TierRestored => "tier 2".to_owned(),
                _ => last,
            }),
            tier_to: Some(tier),
            answers_before: addresses(Some(fallback)),
            answers_now: addresses(pool),
            lines,
            ..event
        },
        _ => event,
    }
}
