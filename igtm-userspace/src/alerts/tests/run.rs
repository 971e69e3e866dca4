//! A daemon as far as alerts see it: health, operators' words, restarts, and what is told of them.

use std::collections::BTreeMap;

use super::*;
use crate::alerts::{AddressesTold, Before, Cause, NodeReport, PoolsDown, Said};
use crate::config::model::Address;
use crate::health::testing::refused;
use crate::health::{Forced, ForcedState, Outcome, Report};
use crate::notify::condition::{Condition, Phase};
use crate::snapshot::Change;
use crate::snapshot::fixture::COOKIES;

/// `web` is asked for by the domains of both instances, and is warned of before it is down.
pub(super) const SHARED: &str = r#"
[server]
node = "edge-1"
[[zone]]
origin = "example.com"
ns = ["ns.example.net"]
contact = "ops.example.net"
[[monitor]]
name = "http"
protocol = "http"
bad_rounds = 2
[[monitor]]
name = "tcp"
protocol = "tcp"
[[pool]]
name = "web"
type = "ipv4"
monitor = "http"
address = [{ value = "192.0.2.1" }, { value = "192.0.2.2" }]
[[pool]]
name = "also"
type = "ipv4"
monitor = "tcp"
address = [{ value = "192.0.2.1" }]
[[pool]]
name = "free"
type = "ipv4"
address = [{ value = "192.0.2.2" }]
[[instance]]
name = "www"
domain = "www.example.com"
[[instance.strategy]]
name = "default"
lines = ["default"]
fallback = "also"
tier = [{ pools = ["web"] }]
[[instance]]
name = "api"
domain = "api.example.com"
[[instance.strategy]]
name = "default"
lines = ["default"]
fallback = "free"
tier = [{ pools = ["web"] }]
"#;

/// A daemon, as far as addresses and pools are told of.
pub(super) struct Run {
    pub(super) ground: Arc<Ground>,
    pub(super) health: Health,
    pub(super) addresses: AddressesTold,
    pub(super) pools: PoolsDown,
    /// What whoever is told believes to last.
    pub(super) open: BTreeMap<String, Arc<Event>>,
    /// All that was told, and moves among it.
    pub(super) heard: Vec<Event>,
    answered: Snapshot,
    since: Since,
    pub(super) now: i64,
}

impl Run {
    pub(super) fn new(ground: Arc<Ground>) -> Self {
        let health = Health::new(&ground.config, at(0));
        let answered = Snapshot::new(Arc::clone(&ground), &health, 1, COOKIES);
        let mut since = Since::default();
        since.of_change(None, &answered, &Because::default(), at(0));
        Self {
            health,
            ground,
            heard: Vec::new(),
            answered,
            since,
            addresses: AddressesTold::default(),
            pools: PoolsDown::default(),
            open: BTreeMap::new(),
            now: 0,
        }
    }

    fn hear(&mut self, events: Vec<Event>) {
        for event in events {
            self.heard.push(event.clone());
            let (Condition(name), phase) = Condition::of(&event).expect("it lasts or ends");
            match phase {
                Phase::Lasts => self.open.insert(name, Arc::new(event)),
                Phase::Over => self.open.remove(&name),
            };
        }
    }

    /// What the pools say of a step.
    fn step(&mut self, changed: &[(Target, Cause)], said: &[Said]) {
        let ids: Vec<_> = said.iter().map(|said| said.pool).collect();
        let (ground, health) = (&self.ground, &self.health);
        let events = self
            .pools
            .of_step(ground, health, changed, &ids, at(self.now));
        self.hear(events.into_iter().map(|(event, _)| event).collect());
        let change = Change {
            targets: changed.iter().map(|(target, _)| target).collect(),
            pools: &ids,
            learned: &[],
        };
        let former = &self.answered;
        let serial = former.serial + 1;
        let now = former.after_change(&change, &self.health, former.resolved.clone(), serial);
        let because = Because::of_step(&self.ground, &self.health, said, changed);
        let moves = self
            .since
            .of_change(Some(former), &now, &because, at(self.now));
        self.heard.extend(moves);
        self.answered = now;
    }

    /// A round of every target; those fail, by address and host.
    pub(super) fn round(&mut self, fails: impl Fn(&Target) -> bool) {
        self.now += 60;
        let mut changed = Vec::new();
        let mut tasks = self.health.tasks();
        tasks.sort_by(|a, b| a.target.cmp(&b.target));
        for task in tasks {
            let outcome = if fails(&task.target) {
                refused()
            } else {
                Outcome::Good
            };
            for transition in self.health.report(Report { task, outcome }, at(self.now)) {
                let (ground, health) = (&self.ground, &self.health);
                let events = self.addresses.of_transition(ground, health, &transition);
                let nodes = vec![NodeReport {
                    node: "local".to_owned(),
                    reason: transition.reasons.first().map(|one| one.reason.clone()),
                }];
                let cause = Cause::new(ground, &transition, 1, nodes);
                changed.push((transition.target, cause));
                self.hear(events);
            }
        }
        self.step(&changed, &[]);
    }

    /// Operators say something else of an address.
    pub(super) fn say(&mut self, address: &str, work: impl FnOnce(&mut Health)) {
        let address: [Address; 1] = [address.parse().expect("an address")];
        let before = Before::of(&self.health, &address);
        work(&mut self.health);
        let (ground, health) = (&self.ground, &self.health);
        let words = self
            .addresses
            .of_words(ground, health, &before, at(self.now));
        let (events, said) = words;
        self.hear(events);
        self.step(&[], &said);
    }

    pub(super) fn force(
        &mut self,
        address: &str,
        pool: Option<&str>,
        state: ForcedState,
        brief: bool,
    ) {
        let since = at(self.now);
        let forced = Forced {
            address: address.parse().expect("an address"),
            pool: pool.map(str::to_owned),
            state,
            reason: "disk swap".to_owned(),
            who: "ops".to_owned(),
            since,
            until: brief.then(|| at(self.now + 90)),
        };
        self.say(address, |health| drop(health.force(forced)));
    }

    pub(super) fn expire(&mut self) {
        let now = at(self.now);
        for address in ["192.0.2.1", "192.0.2.2"] {
            // All of them end with the first that is looked at: each is looked at before.
            let one: Address = address.parse().expect("an address");
            let over: Vec<Forced> = self.health.forces_of(std::slice::from_ref(&one));
            let over = over
                .into_iter()
                .filter(|one| one.until.is_some_and(|until| until <= now));
            let over: Vec<Forced> = over.collect();
            self.say(address, |health| {
                for forced in &over {
                    health.unforce(&forced.address, forced.pool.as_deref());
                }
            });
        }
    }

    /// Another run, from what this one has kept and told, perhaps much later.
    pub(super) fn restart(&mut self, later: i64) {
        self.now += later;
        let former = std::mem::replace(
            &mut self.health,
            Health::new(&self.ground.config, at(self.now)),
        );
        self.health.restore(former.export());
        for forced in former.forces() {
            self.health.force(forced.clone());
        }
        let (ground, health, now) = (&self.ground, &self.health, at(self.now));
        let open: Vec<_> = self.open.values().cloned().collect();
        self.addresses = AddressesTold::resumed(ground, health, &open, now);
        self.pools = PoolsDown::resumed(ground, health, &open, now);
        self.expire();
        self.sweep();
    }

    pub(super) fn sweep(&mut self) {
        let (ground, health, now) = (&self.ground, &self.health, at(self.now));
        let addresses = self.addresses.of_file(ground, health, now);
        let pools = self.pools.of_file(ground, health, now);
        self.hear(addresses.into_iter().chain(pools).collect());
    }
}
