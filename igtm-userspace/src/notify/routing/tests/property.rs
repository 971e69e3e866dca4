//! Whatever happens in whatever order: a recovery is told to whoever was told of the failure and to
//! nobody else, restarts change nothing, and in the end everybody knows how things are.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Copy, Debug)]
enum What {
    Down(u8),
    Up(u8),
    Pass(u32),
    Mute(u16),
    Unmute,
    Restart,
}

fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        4 => (1_u8..3).prop_map(What::Down),
        4 => (1_u8..3).prop_map(What::Up),
        6 => (0_u32..30_000).prop_map(What::Pass),
        1 => (1_u16..20_000).prop_map(What::Mute),
        1 => Just(What::Unmute),
        2 => Just(What::Restart),
    ]
}

fn subscriptions(repeat_h: u64) -> Vec<Subscription> {
    let mut one = night();
    one.quiet = quiet(Severity::Critical);
    one.repeat_interval = Duration::from_hours(repeat_h);
    let mut other = subscription("severe", &[1]);
    other.matching.severity = Severity::Warning;
    vec![one, other]
}

/// What was told of each address to each channel, in order.
fn run(steps: &[What], repeat_h: u64, restarts: bool) -> (Vec<String>, HashMap<u8, bool>) {
    let mut bench = Bench::new(subscriptions(repeat_h));
    let mut told = Vec::new();
    let mut down: HashMap<u8, bool> = HashMap::new();
    for step in steps {
        match step {
            What::Down(n) | What::Up(n) => {
                let is_down = matches!(step, What::Down(_));
                // Health raises changes only.
                if down.insert(*n, is_down).unwrap_or(false) == is_down {
                    continue;
                }
                let kind = if is_down {
                    Kind::AddressDown
                } else {
                    Kind::AddressUp
                };
                bench.take(address(kind, &format!("192.0.2.{n}")));
            }
            What::Pass(seconds) => told.extend(bench.pass(i64::from(*seconds))),
            What::Mute(seconds) => bench.mute("www", i64::from(*seconds)),
            What::Unmute => drop(bench.router.unmute("www")),
            What::Restart if restarts => bench.restart(),
            What::Restart => {}
        }
    }
    // Mutes are over, and it is not quiet at noon.
    told.extend(bench.pass(2 * 86_400));
    (told, down)
}

/// The kinds that a channel was told of one address; repeats left out.
fn heard<'a>(told: &'a [String], channel: &str, address: &str) -> Vec<&'a str> {
    let own = told
        .iter()
        .filter_map(|line| line.strip_prefix(&format!("{channel}: ")));
    let events = own.flat_map(|line| line.split(", "));
    events
        .filter_map(|event| event.strip_suffix(&format!(" {address}")))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn everybody_knows_how_things_are(
        steps in prop::collection::vec(what(), 1..40),
        repeat_h in prop_oneof![Just(0_u64), Just(5)],
    ) {
        let (told, down) = run(&steps, repeat_h, true);
        for n in 1..3_u8 {
            for channel in ["ops", "mail"] {
                let heard = heard(&told, channel, &format!("192.0.2.{n}"));
                // No end without a beginning, and none twice.
                let mut open = false;
                for kind in &heard {
                    match *kind {
                        "address_down" => open = true,
                        "address_up" => {
                            prop_assert!(open, "{channel} {n}: {heard:?}");
                            open = false;
                        }
                        other => prop_assert!(false, "{other}"),
                    }
                }
                let is_down = down.get(&n).copied().unwrap_or(false);
                prop_assert_eq!(open, is_down, "{} {}: {:?}", channel, n, heard);
            }
        }
    }

    #[test]
    fn a_restart_changes_nothing(
        steps in prop::collection::vec(what(), 1..40),
    ) {
        prop_assert_eq!(run(&steps, 5, true), run(&steps, 5, false));
    }
}
