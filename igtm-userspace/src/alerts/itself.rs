//! The events of the daemon itself: its file, and its part in the kernel. Pure.
//!
//! Must not show a secret: a problem of the file never holds one, and a change is told by names.

use jiff::Timestamp;

use super::{event, seconds};
use crate::admin::command::{Applied, NotApplied};
use crate::config::model::Config;
use crate::notify::event::{Event, Kind, NodeReason, Severity};

/// A file was applied; what it changed, in short.
pub fn of_applied(config: &Config, applied: &Applied, at: Timestamp) -> Event {
    let told = applied.in_short();
    Event {
        title: format!("the configuration was applied: {told}"),
        ..event(config, Kind::ConfigApplied, Severity::Info, at)
    }
}

/// A file was refused; what ran before goes on.
pub fn of_refused(config: &Config, refused: &NotApplied, at: Timestamp) -> Event {
    let (first, more) = match refused {
        NotApplied::Problems(problems) => {
            let mut all = problems.iter();
            let first = all.next().map(ToString::to_string).unwrap_or_default();
            (first, all.count())
        }
        NotApplied::Refused(why) => (why.clone(), 0),
    };
    let more = match more {
        0 => String::new(),
        1 => " (and one more problem)".to_owned(),
        more => format!(" (and {more} more problems)"),
    };
    Event {
        title: format!("the configuration was refused: {first}{more}"),
        reason: vec![NodeReason {
            node: config.server.node.clone(),
            reason: first,
        }],
        ..event(config, Kind::ConfigRejected, Severity::Warning, at)
    }
}

/// The kernel refuses something (`why`), or takes everything again, after being as it was since
/// `since`.
pub fn of_dataplane(
    config: &Config,
    why: Option<&str>,
    since: Option<Timestamp>,
    at: Timestamp,
) -> Event {
    let (kind, severity, title) = match why {
        Some(why) => {
            let title = format!("the data plane is degraded: {why}");
            (Kind::DataplaneDegraded, Severity::Critical, title)
        }
        None => {
            let title = "the data plane works again".to_owned();
            (Kind::DataplaneRestored, Severity::Info, title)
        }
    };
    let reason = why.map(|why| NodeReason {
        node: config.server.node.clone(),
        reason: why.to_owned(),
    });
    Event {
        title,
        reason: Vec::from_iter(reason),
        since,
        duration_s: since.map(|since| seconds(since, at)),
        ..event(config, kind, severity, at)
    }
}
