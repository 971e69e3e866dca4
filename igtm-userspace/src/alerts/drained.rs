//! What whoever is alerted believes, where drains alone have moved answers on. Pure.
//!
//! Must not decide what is answered.

use imbl::HashMap as SharedMap;

use crate::policy::Active;

/// By the names of instance and strategy: from what they are answered by all that was told, where
/// it is something else by now. Always from something more preferred.
#[derive(Clone, Debug, Default)]
pub(super) struct Believed(SharedMap<(String, String), Active>);

impl Believed {
    pub(super) fn of(&self, name: &(String, String)) -> Option<Active> {
        self.0.get(name).copied()
    }

    pub(super) fn restore(&mut self, name: (String, String), believed: Active) {
        self.0.insert(name, believed);
    }

    pub(super) fn forget(&mut self, name: &(String, String)) {
        self.0.remove(name);
    }

    /// Whether a move is told: what a failure made worse, and whatever is better than was told.
    pub(super) fn tells(
        &mut self,
        name: &(String, String),
        (from, to): (Active, Active),
        drained: bool,
    ) -> bool {
        let believed = self.of(name).unwrap_or(from);
        let told = if to.rank() > from.rank() {
            !drained
        } else {
            to.rank() < believed.rank()
        };
        if told || to.rank() == believed.rank() {
            self.forget(name);
        } else {
            self.restore(name.clone(), believed);
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};
    use proptest::strategy::Strategy as _;

    use super::*;

    fn name() -> (String, String) {
        ("www".to_owned(), "default".to_owned())
    }

    /// From tier 1: where it goes, whether by a drain alone; which of it is told.
    fn told(moves: &[(Active, bool)]) -> Vec<bool> {
        let (mut believed, mut at) = (Believed::default(), Active::Tier(0));
        let each = moves.iter().map(|(to, drained)| {
            let from = std::mem::replace(&mut at, *to);
            believed.tells(&name(), (from, *to), *drained)
        });
        each.collect()
    }

    #[test]
    fn drains_are_quiet_failures_are_not_and_every_end_is_told_to_whom_the_beginning_was() {
        use Active::{Fallback, Tier};
        const DRAIN: bool = true;
        const FAILS: bool = false;
        // There and back by a drain.
        assert_eq!(told(&[(Tier(1), DRAIN), (Tier(0), DRAIN)]), [false, false]);
        // It ends when somebody else forces the address up, or by a reload: nobody knew.
        assert_eq!(told(&[(Tier(1), DRAIN), (Tier(0), FAILS)]), [false, false]);
        // A failure was told; that it ended while the address was drained is known at its end.
        assert_eq!(told(&[(Tier(1), FAILS), (Tier(0), DRAIN)]), [true, true]);
        // A failure beside a drain: all that follows is told.
        assert_eq!(
            told(&[
                (Tier(1), DRAIN),
                (Fallback, FAILS),
                (Tier(1), FAILS),
                (Tier(0), DRAIN)
            ]),
            [false, true, true, true]
        );
        // Drained to the fallback, and in part back: as bad as never told.
        assert_eq!(
            told(&[(Fallback, DRAIN), (Tier(1), FAILS), (Tier(0), DRAIN)]),
            [false, false, false]
        );
    }

    fn active() -> impl proptest::strategy::Strategy<Value = Active> {
        prop_oneof![(0..4usize).prop_map(Active::Tier), Just(Active::Fallback)]
    }

    proptest! {
        /// Who follows the told moves never believes what is worse than it is, and knows how it is
        /// whenever a failure has just made it worse.
        #[test]
        fn what_is_believed_is_never_worse(moves in prop::collection::vec((active(), any::<bool>()), 1..20)) {
            let mut known = Active::Tier(0);
            let mut at = known;
            let mut believed = Believed::default();
            for (to, drained) in moves {
                let worse = to.rank() > at.rank();
                let told = believed.tells(&name(), (at, to), drained);
                at = to;
                if told {
                    known = to;
                }
                prop_assert!(known.rank() <= at.rank());
                prop_assert!(!worse || told != drained);
                prop_assert_eq!(believed.of(&name()).unwrap_or(at).rank(), known.rank());
            }
        }
    }
}
