//! Going on from a snapshot gives what making it anew would.

use std::collections::HashMap;

use proptest::prelude::*;

use super::super::fixture::{COOKIES, ground};
use super::{FILE, Snapshot, entries};
use crate::health::{AddressState, HealthView, Target, targets};

struct States(HashMap<Target, AddressState>);

impl HealthView for States {
    fn state(&self, target: &Target) -> AddressState {
        self.0[target]
    }
}

/// Instances that share some of their pools, probed by their own domains among others.
fn file() -> String {
    let more = r#"
[[monitor]]
name = "web"
protocol = "http"
[[pool]]
name = "web"
type = "ipv4"
monitor = "web"
address = [{ value = "192.0.2.1" }, { value = "192.0.2.20" }, { value = "192.0.2.21", enabled = false }]
[[pool]]
name = "many"
type = "ipv6"
monitor = "tcp"
address = [{ value = "2001:db8::1" }, { value = "2001:db8::2" }, { value = "2001:db8::3" },
  { value = "2001:db8::4" }, { value = "2001:db8::5" }, { value = "2001:db8::6" }]
"#;
    let instance = |n: usize, first: &str, second: &str, policy: &str| {
        format!(
            r#"
[[instance]]
name = "i{n}"
domain = "i{n}.example.com"
max_answers = {n}
strategy = [
  {{ name = "a", lines = ["default"], fallback = "rest", tier = [{{ pools = ["{first}"], policy = "{policy}", min_healthy = 2 }}, {{ pools = ["{second}"] }}] }},
  {{ name = "b", lines = ["default", "office"], fallback = "many", tier = [{{ pools = ["many"], min_healthy = 3 }}] }},
]
"#
        )
    };
    let file = FILE.replace("monitor = [{ name = \"tcp\", protocol = \"tcp\" }]", "");
    let monitor = "[[monitor]]\nname = \"tcp\"\nprotocol = \"tcp\"\n";
    format!(
        "{file}{monitor}{more}{}{}{}{}",
        instance(1, "four", "web", "weight"),
        instance(2, "web", "four", "all"),
        instance(3, "web", "four", "all"),
        instance(4, "four", "web", "weight"),
    )
}

fn same(one: &Snapshot, other: &Snapshot) -> Result<(), TestCaseError> {
    prop_assert_eq!(&one.decisions, &other.decisions);
    prop_assert_eq!(&one.image.small, &other.image.small);
    prop_assert_eq!(&one.image.large, &other.image.large);
    prop_assert_eq!(&one.image.zones, &other.image.zones);
    Ok(())
}

proptest! {
    #[test]
    fn a_way_of_changes_ends_where_a_fresh_start_would(
        steps in prop::collection::vec(
            prop::collection::vec((any::<prop::sample::Index>(), 0_usize..4), 1..5), 1..12),
    ) {
        let ground = ground(&file());
        let all: Vec<Target> = targets(&ground.config).into_iter().collect();
        let unknown = all.iter().map(|target| (target.clone(), AddressState::Unknown));
        let mut health = States(unknown.collect());
        let mut now = Snapshot::new(ground.clone(), &health, 0, COOKIES);
        for (serial, step) in (1..).zip(steps) {
            let mut changed = Vec::new();
            for (at, state) in step {
                let target = &all[at.index(all.len())];
                let states = [AddressState::Ok, AddressState::Warn, AddressState::Down, AddressState::Down];
                health.0.insert(target.clone(), states[state]);
                changed.push(target.clone());
            }
            let next = now.after(&changed, &health, serial);
            let fresh = Snapshot::new(ground.clone(), &health, serial, COOKIES);
            same(&next, &fresh)?;
            // What is listed is what differs.
            let numbers = next.image.changed.clone().expect("the ground is the same");
            let differing = (0..).zip(now.image.small.iter().zip(&next.image.small));
            let differing = differing.filter(|(_, (old, new))| old != new).count();
            let large = now.image.large.iter().zip(&next.image.large);
            let large = large.filter(|(old, new)| old != new).count();
            prop_assert_eq!(numbers.len(), differing + large);
            let redecided = next.redecided.as_ref().map_or(0, Vec::len);
            let decisions = now.decisions.iter().zip(&next.decisions);
            prop_assert_eq!(redecided, decisions.filter(|(old, new)| old != new).count());
            now = next;
        }
        prop_assert_eq!(entries(&now).len(), 5 + 4 * 3);
    }
}

#[test]
fn other_secrets_change_nothing_else() {
    let ground = ground(FILE);
    let snapshot = super::snapshot(&ground, &[], 1);
    let mut secrets = COOKIES;
    secrets.previous = secrets.current;
    let other = snapshot.with_cookies(secrets);
    assert_eq!(other.cookies, secrets);
    assert_eq!(other.image.small, snapshot.image.small);
    assert_eq!(other.serial, snapshot.serial);
}
