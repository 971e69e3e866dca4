//! From addresses to pools, strategies and instances: what state a whole is in (product.md §2).
//!
//! Pure. Must not decide what is answered: that is the policy's, and is only read here.

use serde::{Deserialize, Serialize};

use super::AddressState;
use crate::policy::{Active, Decision};

/// The state of a pool, a strategy or an instance; the later, the worse.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It, or all that it is made of, is switched off.
    Disabled,
    /// Nothing is wrong with it.
    #[default]
    Ok,
    /// A pool whose addresses all wait for their first round.
    Unknown,
    /// It does its work, but something in it fails.
    Warn,
    /// It does not do its work.
    Down,
}

impl State {
    /// Every state, best first.
    pub const ALL: [Self; 5] = [
        Self::Disabled,
        Self::Ok,
        Self::Unknown,
        Self::Warn,
        Self::Down,
    ];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Ok => "ok",
            Self::Unknown => "unknown",
            Self::Warn => "warn",
            Self::Down => "down",
        }
    }
}

/// A pool, by the states of its enabled addresses: down when nothing in it is usable, warn when
/// some address is warn or down, unknown when all are, else ok.
pub fn pool(addresses: impl IntoIterator<Item = AddressState>) -> State {
    let (mut all, mut usable, mut unknown, mut failing) = (0_usize, 0, 0, 0);
    for state in addresses {
        all += 1;
        usable += usize::from(state.usable());
        unknown += usize::from(state == AddressState::Unknown);
        failing += usize::from(fails(state));
    }
    match all {
        0 => State::Disabled,
        _ if usable == 0 => State::Down,
        _ if failing > 0 => State::Warn,
        all if unknown == all => State::Unknown,
        _ => State::Ok,
    }
}

/// A strategy, by what was decided for it: down when it answers from the fallback, warn when the
/// active tier is not the first or has a warn or down address; `None`: it decides nothing.
pub fn strategy(decision: Option<&Decision>) -> State {
    let Some(decision) = decision else {
        return State::Disabled;
    };
    match decision.active {
        Active::Fallback => State::Down,
        Active::Tier(0) if whole(decision, 0) => State::Ok,
        // `switch = "hold"` with nothing usable answers what is down: the tier stays, and fails.
        Active::Tier(_) | Active::HeldAll => State::Warn,
    }
}

/// Whether no address of the active tier is down (those are withheld) or warn.
fn whole(decision: &Decision, at: usize) -> bool {
    let tier = &decision.tiers[at];
    let mut candidates = decision.answer.candidates.iter();
    tier.usable == tier.enabled && !candidates.any(|one| fails(one.state))
}

fn fails(state: AddressState) -> bool {
    matches!(state, AddressState::Warn | AddressState::Down)
}

/// An instance: its worst strategy.
pub fn instance(strategies: impl IntoIterator<Item = State>) -> State {
    strategies.into_iter().max().unwrap_or(State::Disabled)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::model::{Config, LineId, Policy, Switch};
    use crate::policy::{self, fixture};

    /// `o` ok, `w` warn, `D` down, `?` unknown, `u` unmonitored.
    fn states(letters: &str) -> Vec<AddressState> {
        let state = |letter| match letter {
            'o' => AddressState::Ok,
            'w' => AddressState::Warn,
            'D' => AddressState::Down,
            '?' => AddressState::Unknown,
            'u' => AddressState::Unmonitored,
            other => panic!("{other} is no state"),
        };
        letters.chars().map(state).collect()
    }

    #[test]
    fn pools() {
        for (letters, expected) in [
            ("", State::Disabled),
            ("o", State::Ok),
            ("uu", State::Ok),
            ("?", State::Unknown),
            ("??", State::Unknown),
            ("?o", State::Ok),
            ("?u", State::Ok),
            ("?D", State::Warn),
            ("ow", State::Warn),
            ("oD", State::Warn),
            ("w", State::Warn),
            ("D", State::Down),
            ("DD", State::Down),
            ("DDu", State::Warn),
        ] {
            assert_eq!(pool(states(letters)), expected, "{letters}");
        }
    }

    /// Two tiers of two addresses each and a fallback, all with these states.
    fn decided(switch: Switch, first: &str, second: &str) -> Decision {
        let mut config: Config = fixture::config();
        let mut add = |name: &str, net: u8| {
            let (one, two) = (format!("192.0.{net}.1"), format!("192.0.{net}.2"));
            let both = [(one.as_str(), 1), (two.as_str(), 1)];
            fixture::pool(&mut config, name, Policy::All, &both)
        };
        let (one, two, last) = (add("one", 1), add("two", 2), add("last", 3));
        let tiers = vec![
            fixture::tier(Policy::All, 1, &[(one, 1)]),
            fixture::tier(Policy::All, 1, &[(two, 1)]),
        ];
        let mut strategy = fixture::strategy("s", &[LineId::DEFAULT], tiers, last);
        strategy.switch = switch;
        let (first, second) = (states(first), states(second));
        policy::decide_by(&config, &strategy, &|pool, entry| {
            let at = usize::from(entry.value.to_string().ends_with(".2"));
            match pool.name.as_str() {
                "one" => first[at],
                "two" => second[at],
                _ => AddressState::Ok,
            }
        })
    }

    #[test]
    fn strategies() {
        for (first, second, auto, hold) in [
            ("oo", "oo", State::Ok, State::Ok),
            ("uu", "DD", State::Ok, State::Ok),
            ("??", "oo", State::Ok, State::Ok),
            ("oD", "oo", State::Warn, State::Warn),
            ("ow", "oo", State::Warn, State::Warn),
            ("DD", "oo", State::Warn, State::Warn),
            ("DD", "DD", State::Down, State::Warn),
        ] {
            let state = |switch| strategy(Some(&decided(switch, first, second)));
            assert_eq!(state(Switch::Auto), auto, "{first} {second}");
            assert_eq!(state(Switch::Hold), hold, "{first} {second}, held");
        }
        assert_eq!(strategy(None), State::Disabled);
    }

    #[test]
    fn an_instance_is_its_worst_strategy() {
        assert_eq!(instance([]), State::Disabled);
        assert_eq!(instance([State::Disabled, State::Ok]), State::Ok);
        assert_eq!(instance([State::Ok, State::Down, State::Warn]), State::Down);
    }

    proptest! {
        #[test]
        fn one_more_failing_address_never_betters_a_pool(
            letters in "[owDu]{1,8}", at in 0_usize..8,
        ) {
            let before = states(&letters);
            let mut after = before.clone();
            let at = at % after.len();
            after[at] = AddressState::Down;
            prop_assert!(pool(after) >= pool(before));
        }
    }
}
