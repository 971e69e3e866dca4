//! How long what is over has lasted, or how long it had been well before, in a language.
//!
//! Must not guess: an event that says no time gets no words.

use jiff::Timestamp;

use super::lasting;
use crate::config::model::Language;
use crate::health::AddressState;
use crate::notify::condition::{Condition, Phase};
use crate::notify::event::{Event, Kind};

/// One line; empty where nothing is known.
pub(super) fn lasted(
    language: Language,
    event: &Event,
    clock: impl Fn(Timestamp) -> String,
) -> String {
    let (Some(since), Some(seconds)) = (event.since, event.duration_s) else {
        return String::new();
    };
    let over = matches!(Condition::of(event), Some((_, Phase::Over)));
    let (long, since) = (lasting(seconds, language), clock(since));
    let Some([en, zh]) = (if over { during(event) } else { before(event) }) else {
        return String::new();
    };
    let from = event.tier_from.as_deref().unwrap_or_default();
    match language {
        Language::En => format!("{} for {long}, since {since}", en.replace("TIER", from)),
        Language::Zh => {
            let from = super::headline::tier(language, from);
            format!("{} {long}，始于 {since}", zh.replace("TIER", &from))
        }
    }
}

/// What is over.
fn during(event: &Event) -> Option<[&'static str; 2]> {
    Some(match event.kind {
        Kind::AddressUp if event.state_from == Some(AddressState::Warn) => {
            ["It was at risk", "风险持续"]
        }
        Kind::AddressUp | Kind::PoolUp => ["It was down", "故障持续"],
        Kind::NodeBack => ["It was silent", "失联持续"],
        Kind::DataplaneRestored => ["It was degraded", "降级持续"],
        Kind::ConfigApplied => [
            "A file that was refused had been there",
            "被拒绝的配置存在了",
        ],
        Kind::TierRestored | Kind::TierSwitched | Kind::FallbackEntered | Kind::FallbackLeft => {
            ["Tier 1 did not answer", "离开一级地址池共"]
        }
        _ => return None,
    })
}

/// What was before.
fn before(event: &Event) -> Option<[&'static str; 2]> {
    Some(match event.kind {
        Kind::AddressDown | Kind::AddressWarn => match event.state_from {
            Some(AddressState::Ok) => ["It had been well", "此前正常"],
            Some(AddressState::Warn) => ["It had been at risk", "此前有风险"],
            _ => return None,
        },
        Kind::TierSwitched | Kind::TierRestored | Kind::FallbackEntered | Kind::FallbackLeft
            if event.tier_from.is_some() =>
        {
            ["Before that, TIER had answered", "此前由TIER应答"]
        }
        Kind::NodeSilent => ["Nothing was heard of it", "未收到上报已"],
        Kind::DataplaneDegraded => ["It had been well", "此前正常"],
        _ => return None,
    })
}
