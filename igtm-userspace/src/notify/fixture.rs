//! What the tests of this module share: small configurations and events.

use std::time::Duration;

use crate::config::model::{
    Channel, ChannelId, ChannelKind, Config, Language, Matching, Secret, Server, Subscription,
    XdpMode,
};

use super::event::{Event, Kind, NodeReason, Severity};
use super::message::Message;

/// The key of notify.md's vector.
pub(super) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A configuration that notifies and does nothing else; a few of the addresses that [`event`] may be
/// about are in its pool.
pub(super) fn config(channels: Vec<Channel>, subscriptions: Vec<Subscription>) -> Config {
    Config {
        server: Server {
            node: "edge-1".to_owned(),
            listen: vec![],
            port: 53,
            interfaces: vec![],
            xdp: XdpMode::Off,
            state_dir: "/nonexistent".into(),
            bpffs: "/nonexistent".into(),
            udp_size: 1232,
            ecs: true,
            says: crate::config::model::Says::default(),
            start_wait: Duration::ZERO,
            stale_after: Duration::ZERO,
        },
        admin: crate::config::model::Admin::default(),
        limits: crate::config::model::Limits::default(),
        plan: crate::config::model::Plan::of(crate::config::model::Profile::Unlimited),
        zones: Vec::new().into(),
        lines: vec![],
        nodes: vec![],
        monitors: vec![],
        // Where the addresses of `event` stand: what is in no file is over.
        pools: vec![crate::health::testing::pool(
            "web",
            None,
            &(0..=255)
                .map(|n| format!("192.0.2.{n}"))
                .collect::<Vec<_>>()
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>(),
        )],
        instances: vec![],
        templates: vec![],
        channels,
        subscriptions,
    }
}

/// A channel that may dial loopback, signs with [`SECRET`] and waits two seconds.
pub(super) fn channel(name: &str, url: &str) -> Channel {
    Channel {
        name: name.to_owned(),
        description: None,
        enabled: true,
        template: None,
        language: Language::En,
        timeout: Duration::from_secs(2),
        allow_private: true,
        kind: ChannelKind::Webhook {
            url: Secret::new(url),
            secrets: vec![Secret::new(SECRET)],
            headers: vec![],
        },
    }
}

/// Everything, at once, to the channels at these positions.
pub(super) fn subscription(name: &str, channels: &[usize]) -> Subscription {
    Subscription {
        name: name.to_owned(),
        description: None,
        enabled: true,
        events: vec![],
        matching: Matching::default(),
        on_failure: vec![],
        repeat_interval: Duration::ZERO,
        quiet: None,
        channels: channels.iter().map(|index| ChannelId(*index)).collect(),
        group_wait: Duration::ZERO,
    }
}

/// An event about `address`, as severe as its kind usually is.
pub(crate) fn event(kind: Kind, address: &str) -> Event {
    Event {
        kind,
        severity: match kind {
            Kind::FallbackEntered | Kind::DataplaneDegraded => Severity::Critical,
            Kind::AddressDown
            | Kind::TierSwitched
            | Kind::NodeSilent
            | Kind::PoolDown
            | Kind::ConfigRejected
            | Kind::ChannelFailed => Severity::Warning,
            Kind::AddressUp
            | Kind::AddressWarn
            | Kind::PoolUp
            | Kind::TierRestored
            | Kind::FallbackLeft
            | Kind::NodeBack
            | Kind::ConfigApplied
            | Kind::DataplaneRestored
            | Kind::Test => Severity::Info,
        },
        title: format!("{} {address}", kind.name()),
        time: "2026-01-02T03:04:05.678Z".parse().expect("a time"),
        node: "edge-1".to_owned(),
        instance: None,
        domain: None,
        lines: vec![],
        strategy: None,
        tier_from: None,
        tier_to: None,
        pool: Some("web".to_owned()),
        address: Some(address.to_owned()),
        host: None,
        state_from: None,
        state_to: None,
        reason: vec![NodeReason {
            node: "edge-1".to_owned(),
            reason: "connection refused".to_owned(),
        }],
        since: None,
        duration_s: None,
        answers_before: vec![],
        answers_now: vec![],
        gone: false,
        test: false,
    }
}

/// The words that tests' messages are in: English, a text.
pub(super) fn words() -> super::words::Words {
    super::words::Words::new(&channel("ops", "http://unused/"), &[])
}

/// A message of these, under an id of the right shape.
pub(super) fn message(events: Vec<Event>) -> Message {
    Message {
        id: "msg_R9mZ2mWb8nYyqU4vQ0s1LxTt".to_owned(),
        subscription: "night".to_owned(),
        made: "2026-01-02T03:04:06Z".parse().expect("a time"),
        events: events.into_iter().map(std::sync::Arc::new).collect(),
        more: 0,
        repeated: false,
    }
}
