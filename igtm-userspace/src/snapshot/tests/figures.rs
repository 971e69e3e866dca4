//! How long it takes at 100 000 instances × 13 lines: `cargo test --release -p igtm-userspace --lib
//! figures -- --nocapture`. A debug build runs the same with fewer.

use std::sync::Arc;
use std::time::Instant;

use super::super::fixture::{COOKIES, Down, KEY};
use super::{Ground, Snapshot};
use crate::config::model::{Config, LineId, LineKind, Policy};
use crate::health::targets;
use crate::policy::fixture::{config, instance, line, name, pool, strategy, tier};

const INSTANCES: usize = if cfg!(debug_assertions) {
    2_000
} else {
    100_000
};
const POOLS: usize = 130;

/// Thirteen lines, each claimed by a strategy of its own, on pools that many share.
fn large(strategies: bool) -> Config {
    let mut config = config();
    for at in 1..13 {
        let prefix = format!("198.18.{at}.0/24");
        config
            .lines
            .push(line(&format!("l{at}"), LineKind::Custom, &[&prefix]));
    }
    let pools: Vec<_> = (0..POOLS)
        .map(|at| {
            let addresses = [1, 2].map(|last| format!("10.0.{at}.{last}"));
            let addresses = addresses.each_ref().map(|address| (address.as_str(), 100));
            pool(&mut config, &format!("p{at}"), Policy::All, &addresses)
        })
        .collect();
    config.instances = (0..INSTANCES)
        .map(|at| {
            let claim = |lines: &[LineId], n: usize| {
                let (first, second) = (
                    pools[(at % 10) * 13 + n],
                    pools[(at % 10) * 13 + (n + 1) % 13],
                );
                strategy(
                    &format!("s{n}"),
                    lines,
                    vec![tier(Policy::All, 1, &[(first, 1)])],
                    second,
                )
            };
            let lines: Vec<LineId> = (0..13).map(LineId).collect();
            let mut one = instance(if strategies {
                lines
                    .iter()
                    .enumerate()
                    .map(|(n, line)| claim(&[*line], n))
                    .collect()
            } else {
                vec![claim(&lines, 0)]
            });
            one.name = format!("i{at}");
            one.domain = name(&format!("www.customer-{at}.example.com"));
            one.access_domain = name(&format!("customer-{at}.gtm.example.com"));
            one
        })
        .collect();
    config
}

#[test]
#[expect(clippy::print_stdout, reason = "figures are printed")]
fn figures() {
    for strategies in [true, false] {
        let config = Arc::new(large(strategies));
        let started = Instant::now();
        let ground = Arc::new(Ground::new(config.clone(), KEY, None).expect("it fits"));
        let compiled = started.elapsed();
        let before = Snapshot::new(ground.clone(), &Down(&[]), 1, COOKIES);
        println!(
            "{} strategies: ground {compiled:?}, then snapshot {:?}; {} recipes, {:?} answers, {} slots",
            config.instances[0].strategies.len(),
            started.elapsed() - compiled,
            ground.recipes.len(),
            ground.answers(),
            ground.fixed.slots.len(),
        );
        let started = Instant::now();
        let again = Ground::new(config.clone(), KEY, Some(&ground)).expect("it fits");
        println!("reloaded {:?}", started.elapsed());
        assert_eq!(again.fixed.slots, ground.fixed.slots);
        let down = "10.0.0.1";
        let all = targets(&config);
        let failed: Vec<_> = all
            .iter()
            .filter(|one| one.address.to_string() == down)
            .collect();
        let mut times: Vec<_> = (2..102)
            .map(|serial| {
                let started = Instant::now();
                let after = before.after(failed.iter().copied(), &Down(&[down]), serial);
                let took = started.elapsed();
                assert!(!after.image.changed.expect("the same ground").is_empty());
                took
            })
            .collect();
        times.sort_unstable();
        println!(
            "one address of {} instances: median {:?}, most {:?}",
            INSTANCES / 10,
            times[50],
            times[99]
        );
    }
}
