//! Which ends are news by themselves.

use crate::config::model::Subscription;
use crate::notify::event::{Event, Kind};

/// Whether the end of something is told also where its beginning was not: where the subscription
/// asks for ends only, and of a file that was applied, which is no end mostly.
pub(super) fn is_news_by_itself(subscription: &Subscription, event: &Event) -> bool {
    let kinds = &subscription.events;
    let begins: &[Kind] = match event.kind {
        Kind::AddressUp => &[Kind::AddressDown, Kind::AddressWarn],
        Kind::PoolUp => &[Kind::PoolDown],
        Kind::TierRestored | Kind::TierSwitched => &[Kind::TierSwitched, Kind::FallbackEntered],
        Kind::FallbackLeft => &[Kind::FallbackEntered],
        Kind::NodeBack => &[Kind::NodeSilent],
        Kind::DataplaneRestored => &[Kind::DataplaneDegraded],
        _ => &[],
    };
    begins.is_empty() || !kinds.is_empty() && !begins.iter().any(|kind| kinds.contains(kind))
}
