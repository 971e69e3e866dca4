//! What holds of health whatever is reported.

use proptest::prelude::*;

use super::*;

/// What each of four nodes says in a round; `None`: nothing.
type Words = Vec<Option<bool>>;

fn words() -> impl Strategy<Value = Words> {
    proptest::collection::vec(proptest::option::weighted(0.9, any::<bool>()), 4)
}

fn rounds() -> impl Strategy<Value = Vec<Words>> {
    proptest::collection::vec(words(), 1..25)
}

/// The same where no node misses two rounds in a row: one that was silent ends the round of the
/// others, or begins the next one, by when it comes back.
fn rounds_without_silence() -> impl Strategy<Value = Vec<Words>> {
    rounds().prop_map(|mut rounds| {
        for round in 1..rounds.len() {
            let (before, rest) = rounds.split_at_mut(round);
            for (before, now) in before[round - 1].iter().zip(&mut rest[0]) {
                if before.is_none() {
                    now.get_or_insert(false);
                }
            }
        }
        rounds
    })
}

/// Has the nodes say their words, one round a minute, in the order of `order`; the state after each.
fn states(
    config: &Config,
    target: &Target,
    rounds: &[Words],
    order: &[usize],
) -> Vec<AddressState> {
    let mut health = Health::new(config, at(0));
    let mut states = Vec::new();
    for (minute, words) in (0..).zip(rounds) {
        let second = 60 * minute;
        for node in order {
            if let Some(failed) = words[*node] {
                let name = format!("n{node}");
                say(&mut health, target, &name, outcome(failed), at(second));
            }
        }
        health.tick(at(second + 55));
        states.push(health.state(target));
    }
    states
}

fn four(percent: u8, bad_rounds: u32, good_rounds: u32) -> (Config, Target) {
    let (mut config, target) = by_nodes(4);
    config.monitors[0].failure_percent = percent;
    config.monitors[0].bad_rounds = bad_rounds;
    config.monitors[0].good_rounds = good_rounds;
    (config, target)
}

proptest! {
    #[test]
    fn the_order_of_reports_is_irrelevant(
        rounds in rounds_without_silence(),
        order in Just(vec![0, 1, 2, 3]).prop_shuffle(),
        percent in 1_u8..=100, bad_rounds in 1_u32..4, good_rounds in 1_u32..4,
    ) {
        let (config, target) = four(percent, bad_rounds, good_rounds);
        prop_assert_eq!(
            states(&config, &target, &rounds, &[0, 1, 2, 3]),
            states(&config, &target, &rounds, &order)
        );
    }

    #[test]
    fn one_more_failing_node_never_betters_it(
        rounds in rounds(), round in 0_usize..25, node in 0_usize..4,
        percent in 1_u8..=100, bad_rounds in 1_u32..4, good_rounds in 1_u32..4,
    ) {
        let (config, target) = four(percent, bad_rounds, good_rounds);
        let order = [0, 1, 2, 3];
        let mut worse = rounds.clone();
        let round = round % worse.len();
        prop_assume!(worse[round][node].is_some());
        worse[round][node] = Some(true);
        let before = states(&config, &target, &rounds, &order);
        let after = states(&config, &target, &worse, &order);
        for (before, after) in before.iter().zip(after) {
            prop_assert!(before.usable() || !after.usable());
        }
    }

    #[test]
    fn no_flap_is_faster_than_the_damping(
        rounds in rounds(), percent in 1_u8..=100,
        bad_rounds in 1_usize..4, good_rounds in 1_usize..4,
    ) {
        let (config, target) = four(percent, bad_rounds as u32, good_rounds as u32);
        let states = states(&config, &target, &rounds, &[0, 1, 2, 3]);
        let mut lasted = usize::MAX;
        let mut usable = true;
        for state in states {
            lasted = lasted.saturating_add(1);
            // `usable` and `Down` exclude each other, whatever was reported.
            prop_assert_eq!(state.usable(), state != AddressState::Down);
            if state.usable() != usable {
                usable = state.usable();
                let least = if usable { good_rounds } else { bad_rounds };
                prop_assert!(lasted >= least, "after {} rounds", lasted);
                lasted = 0;
            }
        }
    }

    #[test]
    fn transitions_chain_without_a_gap(
        rounds in rounds(), bad_rounds in 1_u32..4, good_rounds in 1_u32..4,
    ) {
        let (config, target) = four(50, bad_rounds, good_rounds);
        let mut health = Health::new(&config, at(0));
        let mut last = (AddressState::Unknown, at(0));
        for (minute, words) in (0..).zip(rounds) {
            let second = 60 * minute;
            let mut changes = Vec::new();
            for (node, failed) in words.into_iter().enumerate() {
                if let Some(failed) = failed {
                    let name = format!("n{node}");
                    changes.extend(say(&mut health, &target, &name, outcome(failed), at(second)));
                }
            }
            changes.extend(health.tick(at(second + 55)).transitions);
            for change in changes {
                prop_assert_ne!(change.from, change.to);
                prop_assert_eq!((change.from, change.since), last);
                last = (change.to, change.at);
            }
            prop_assert_eq!(health.state(&target), last.0);
        }
    }

    #[test]
    fn a_stale_verdict_stands(silent in 2_i64..50, failed in any::<bool>()) {
        let (config, target) = four(50, 1, 1);
        let mut health = Health::new(&config, at(0));
        for node in ["n0", "n1", "n2", "n3"] {
            say(&mut health, &target, node, outcome(!failed), at(0));
        }
        let before = health.state(&target);
        // One of four goes on, with the opposite opinion.
        for minute in 3..3 + silent {
            let second = 60 * minute + 1;
            let changes = say(&mut health, &target, "n0", outcome(failed), at(second));
            prop_assert_eq!(changes, []);
            prop_assert_eq!(health.tick(at(second + 55)).transitions, []);
        }
        prop_assert_eq!(health.state(&target), before);
        prop_assert!(health.target(&target).is_some_and(|known| known.is_stale(at(60 * 60))));
    }
}
