//! What was told to last and that no new run can see end: a refused file, a degraded data plane, a
//! silent node. Pure.

use jiff::Timestamp;

use super::{event, seconds};
use crate::config::model::Config;
use crate::health::NodeStatus;
use crate::notify::event::{Event, Kind, NodeReason, Severity};

/// What a start means for something that was told to last before it.
#[derive(Clone, Debug, PartialEq)]
pub enum AfterStart {
    /// It is over, which is to be told.
    Over(Box<Event>),
    /// This run tells of it itself.
    Ours,
    /// Not known yet.
    Unknown,
}

/// Whether a new run sees the end of `told` by itself.
pub fn is_left_over(told: &Event) -> bool {
    matches!(
        told.kind,
        Kind::ConfigRejected | Kind::DataplaneDegraded | Kind::NodeSilent
    )
}

/// What became of `told`, which a former run told of. `degraded`: the kernel refuses something now.
pub fn after_start(
    config: &Config,
    told: &Event,
    nodes: &[NodeStatus],
    degraded: bool,
    started: Timestamp,
    now: Timestamp,
) -> AfterStart {
    let over = |kind, title: String, reason| {
        AfterStart::Over(Box::new(Event {
            title,
            reason,
            since: Some(told.time),
            duration_s: Some(seconds(told.time, now)),
            ..event(config, kind, Severity::Info, now)
        }))
    };
    match told.kind {
        Kind::ConfigRejected => {
            let title = "the configuration was applied: igtm was started with it".to_owned();
            over(Kind::ConfigApplied, title, Vec::new())
        }
        Kind::DataplaneDegraded if degraded => AfterStart::Ours,
        Kind::DataplaneDegraded => {
            let title = "the data plane works again: igtm was started anew".to_owned();
            over(Kind::DataplaneRestored, title, Vec::new())
        }
        Kind::NodeSilent => {
            let name = told.reason.first().map(|reason| reason.node.as_str());
            let Some(node) = nodes.iter().find(|one| Some(one.node.as_str()) == name) else {
                return AfterStart::Ours;
            };
            if node.silent {
                return AfterStart::Ours;
            }
            if node.heard <= started {
                return AfterStart::Unknown;
            }
            let title = format!("the node {} is back", node.node);
            let reason = vec![NodeReason {
                node: node.node.clone(),
                reason: title.clone(),
            }];
            over(Kind::NodeBack, title, reason)
        }
        _ => AfterStart::Ours,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::condition::{Condition, Phase};
    use crate::policy::fixture;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    fn node(heard: i64, silent: bool) -> NodeStatus {
        NodeStatus {
            node: "gz".to_owned(),
            group: None,
            tasks: 1,
            heard: at(heard),
            silent,
            suspected: false,
            trouble: None,
        }
    }

    fn told(kind: Kind) -> Event {
        let config = fixture::config();
        Event {
            reason: vec![NodeReason {
                node: "gz".to_owned(),
                reason: "nothing".to_owned(),
            }],
            ..event(&config, kind, Severity::Warning, at(10))
        }
    }

    #[test]
    fn each_ends_its_own_condition_once_that_is_known() {
        let config = fixture::config();
        let after = |kind, nodes: &[NodeStatus], degraded| {
            after_start(&config, &told(kind), nodes, degraded, at(50), at(70))
        };
        for (kind, nodes, ends) in [
            (Kind::ConfigRejected, vec![], Kind::ConfigApplied),
            (Kind::DataplaneDegraded, vec![], Kind::DataplaneRestored),
            (Kind::NodeSilent, vec![node(60, false)], Kind::NodeBack),
        ] {
            assert!(is_left_over(&told(kind)));
            let AfterStart::Over(over) = after(kind, &nodes, false) else {
                panic!("{kind:?} is over");
            };
            assert_eq!((over.kind, over.duration_s), (ends, Some(60)));
            let begun = Condition::of(&told(kind)).map(|(condition, _)| condition);
            let ended = Condition::of(&over);
            assert_eq!(ended, begun.map(|condition| (condition, Phase::Over)));
        }
        assert_eq!(after(Kind::DataplaneDegraded, &[], true), AfterStart::Ours);
        assert_eq!(
            after(Kind::NodeSilent, &[node(50, false)], false),
            AfterStart::Unknown
        );
        assert_eq!(
            after(Kind::NodeSilent, &[node(60, true)], false),
            AfterStart::Ours
        );
        assert_eq!(after(Kind::NodeSilent, &[], false), AfterStart::Ours);
        assert!(!is_left_over(&told(Kind::AddressDown)));
    }
}
