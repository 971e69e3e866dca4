//! What the ratio makes of the nodes' words.
//!
//! Must not know former rounds: that is damping's.

/// What a round says by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// No node failed.
    Good,
    /// Some node failed, but fewer than `failure_percent` of those that reported.
    Doubtful,
    /// failing / reporting ≥ `failure_percent`.
    Bad,
}

/// The verdict of `failing` of `reporting` nodes; `None` when nobody reported.
pub(super) fn verdict(failing: usize, reporting: usize, failure_percent: u8) -> Option<Verdict> {
    if reporting == 0 {
        return None;
    }
    Some(if failing == 0 {
        Verdict::Good
    } else if failing * 100 >= usize::from(failure_percent) * reporting {
        Verdict::Bad
    } else {
        Verdict::Doubtful
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_ratio() {
        use Verdict::{Bad, Doubtful, Good};
        // failing, reporting, failure_percent, verdict
        let table = [
            (0, 0, 50, None),
            (0, 1, 1, Some(Good)),
            (1, 1, 100, Some(Bad)),
            (1, 2, 50, Some(Bad)),
            (1, 2, 51, Some(Doubtful)),
            (1, 3, 33, Some(Bad)),
            (1, 3, 34, Some(Doubtful)),
            (2, 3, 66, Some(Bad)),
            (2, 3, 67, Some(Doubtful)),
            (99, 100, 100, Some(Doubtful)),
            (100, 100, 100, Some(Bad)),
            (1, 100, 1, Some(Bad)),
        ];
        for (failing, reporting, percent, expected) in table {
            assert_eq!(
                verdict(failing, reporting, percent),
                expected,
                "{failing} of {reporting} at {percent} %"
            );
        }
    }

    proptest! {
        #[test]
        fn one_more_failing_node_never_betters_it(
            reporting in 1_usize..50, failing in 0_usize..50, percent in 1_u8..=100,
        ) {
            let rank = |verdict| match verdict {
                Some(Verdict::Good) => 0,
                Some(Verdict::Doubtful) => 1,
                Some(Verdict::Bad) => 2,
                None => 3,
            };
            let failing = failing % reporting;
            let fewer = verdict(failing, reporting, percent);
            let more = verdict(failing + 1, reporting, percent);
            prop_assert!(rank(fewer) <= rank(more) && rank(more) < 3);
        }
    }
}
