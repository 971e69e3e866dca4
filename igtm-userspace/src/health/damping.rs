//! When a verdict is believed: `bad_rounds` before DOWN, `good_rounds` before OK again.
//!
//! Must not know nodes, targets or time: a round counts, however long it took.
//!
//! ```text
//!   Unknown ─┬─ good ──────────────▶ Ok ◀──────┐
//!            ├─ doubtful ──────────▶ Warn      │ good_rounds rounds
//!            └─ bad ─▶ Warn ─ bad_rounds ─▶ Down   that are not bad
//! ```
//! A round that is not bad ends a run of bad ones, and a bad one a run of others.

use super::AddressState;
use super::round::Verdict;

/// How far a target is from its next state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damping {
    state: AddressState,
    /// Rounds in a row, up to the last, that were bad.
    bad_run: u32,
    /// Rounds in a row, up to the last, that were not.
    good_run: u32,
}

impl Damping {
    /// Before the first round.
    pub(super) fn new() -> Self {
        Self {
            state: AddressState::Unknown,
            bad_run: 0,
            good_run: 0,
        }
    }

    /// As it was kept over a restart.
    pub(super) fn restored(state: AddressState, bad_run: u32, good_run: u32) -> Self {
        Self {
            state,
            bad_run,
            good_run,
        }
    }

    /// Rounds in a row, up to the last, that were bad; and that were not.
    pub(super) fn runs(self) -> (u32, u32) {
        (self.bad_run, self.good_run)
    }

    /// What is believed.
    pub(super) fn state(self) -> AddressState {
        self.state
    }

    /// After one more round.
    pub(super) fn after(self, verdict: Verdict, bad_rounds: u32, good_rounds: u32) -> Self {
        let (bad_run, good_run) = match verdict {
            Verdict::Bad => (self.bad_run.saturating_add(1), 0),
            Verdict::Good | Verdict::Doubtful => (0, self.good_run.saturating_add(1)),
        };
        let down = self.state == AddressState::Down;
        let state = match verdict {
            Verdict::Bad if down || bad_run >= bad_rounds => AddressState::Down,
            Verdict::Bad => AddressState::Warn,
            Verdict::Good | Verdict::Doubtful if down && good_run < good_rounds => {
                AddressState::Down
            }
            Verdict::Good => AddressState::Ok,
            Verdict::Doubtful => AddressState::Warn,
        };
        Self {
            state,
            bad_run,
            good_run,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `+` good, `~` doubtful, `-` bad.
    fn verdict(letter: char) -> Verdict {
        match letter {
            '+' => Verdict::Good,
            '~' => Verdict::Doubtful,
            '-' => Verdict::Bad,
            other => panic!("{other} is no verdict"),
        }
    }

    /// `o` ok, `w` warn, `D` down.
    fn letter(state: AddressState) -> char {
        match state {
            AddressState::Ok => 'o',
            AddressState::Warn => 'w',
            AddressState::Down => 'D',
            AddressState::Unknown | AddressState::Unmonitored => '?',
        }
    }

    fn states(rounds: &str, bad_rounds: u32, good_rounds: u32) -> String {
        let mut damping = Damping::new();
        rounds
            .chars()
            .map(|each| {
                damping = damping.after(verdict(each), bad_rounds, good_rounds);
                letter(damping.state())
            })
            .collect()
    }

    #[test]
    fn sequences_of_rounds() {
        // bad_rounds, good_rounds, rounds, the state after each
        let table = [
            (1, 1, "+-+-", "oDoD"),
            (1, 1, "---+", "DDDo"),
            (1, 1, "~+~-~", "wowDw"),
            (3, 1, "+--+--", "owwoww"),
            (3, 1, "+---+", "owwDo"),
            (3, 1, "--~---", "wwwwwD"),
            (2, 1, "-+", "wo"),
            (1, 3, "-+++", "DDDo"),
            (1, 3, "-++-+++", "DDDDDDo"),
            (1, 3, "-++~", "DDDw"),
            (1, 3, "-~~~", "DDDw"),
            (1, 3, "+", "o"),
            (2, 2, "-+--++", "wowDDo"),
            (2, 2, "--+-++", "wDDDDo"),
            (10, 10, "---------+", "wwwwwwwwwo"),
        ];
        for (bad, good, rounds, expected) in table {
            assert_eq!(
                states(rounds, bad, good),
                expected,
                "{rounds} with bad_rounds {bad}, good_rounds {good}"
            );
        }
    }

    fn rounds() -> impl Strategy<Value = Vec<Verdict>> {
        let any = prop_oneof![
            Just(Verdict::Good),
            Just(Verdict::Doubtful),
            Just(Verdict::Bad)
        ];
        proptest::collection::vec(any, 1..60)
    }

    proptest! {
        #[test]
        fn no_flap_is_faster_than_the_damping(
            rounds in rounds(), bad_rounds in 1_u32..=10, good_rounds in 1_u32..=10,
        ) {
            let mut damping = Damping::new();
            let mut since_change = u32::MAX;
            for verdict in rounds {
                let before = damping.state();
                damping = damping.after(verdict, bad_rounds, good_rounds);
                let down = damping.state() == AddressState::Down;
                since_change = since_change.saturating_add(1);
                if down != (before == AddressState::Down) {
                    // Entering down took bad_rounds rounds, leaving it good_rounds.
                    let least = if down { bad_rounds } else { good_rounds };
                    prop_assert!(since_change >= least);
                    since_change = 0;
                }
            }
        }

        #[test]
        fn after_a_round_the_state_is_known_and_fits_it(
            rounds in rounds(), bad_rounds in 1_u32..=10, good_rounds in 1_u32..=10,
        ) {
            let mut damping = Damping::new();
            for verdict in rounds {
                damping = damping.after(verdict, bad_rounds, good_rounds);
                let state = damping.state();
                prop_assert_eq!(state.usable(), state != AddressState::Down);
                match state {
                    AddressState::Ok => prop_assert_eq!(verdict, Verdict::Good),
                    AddressState::Warn => prop_assert_ne!(verdict, Verdict::Good),
                    AddressState::Down => {}
                    AddressState::Unknown | AddressState::Unmonitored => {
                        prop_assert!(false, "{state:?} after a round");
                    }
                }
            }
        }

        #[test]
        fn one_worse_round_never_betters_the_end(
            rounds in rounds(), at in 0_usize..60, bad_rounds in 1_u32..=10, good_rounds in 1_u32..=10,
        ) {
            let mut worse = rounds.clone();
            let at = at % worse.len();
            worse[at] = Verdict::Bad;
            let end = |rounds: &[Verdict]| {
                rounds.iter().fold(Damping::new(), |damping, verdict| {
                    damping.after(*verdict, bad_rounds, good_rounds)
                }).state()
            };
            if !end(&rounds).usable() {
                prop_assert!(!end(&worse).usable());
            }
        }
    }
}
