//! Whatever was told ends when its subject is well: in any order of failures, words of operators,
//! their ends, restarts and other files.

use proptest::prelude::*;

use super::run::{Run, SHARED};
use super::*;
use crate::config::model::{Address, Pool, PoolAddress};
use crate::health::{ForcedState, HealthView as _, is_by_instance};
use crate::notify::condition::{Condition, Phase};
use crate::notify::matching::Rules;
use crate::notify::routing::{Moment, Router};

impl Run {
    /// What holds, as this test reads product.md §2; `None` while nobody is to be alerted.
    fn holds(&self, pool: &Pool, entry: &PoolAddress, host: Option<&str>) -> Option<AddressState> {
        match self.health.forced(&pool.name, &entry.value) {
            Some(ForcedState::Drain) => return None,
            Some(ForcedState::Up) => return Some(AddressState::Ok),
            Some(ForcedState::Down) => return Some(AddressState::Down),
            None => {}
        }
        let Some(monitor) = pool.monitor else {
            return Some(AddressState::Ok);
        };
        let state = self.health.state(&Target {
            monitor,
            address: entry.value.clone(),
            host: host.map(str::to_owned),
        });
        (state != AddressState::Unknown).then_some(state)
    }

    /// Everything down was told of and lasts; nothing that is well does.
    fn check(&self) -> Result<(), TestCaseError> {
        let config = &self.ground.config;
        for pool in &config.pools {
            let hosts: &[Option<&str>] = match is_by_instance(config, pool) {
                true => &[Some("www.example.com"), Some("api.example.com")],
                false => &[None],
            };
            for host in hosts {
                let of = host.map_or_else(String::new, |host| format!(" for {host}"));
                let mut states = Vec::new();
                for entry in &pool.addresses {
                    let holds = self.holds(pool, entry, *host);
                    let name = format!("address {} {}{of}", pool.name, entry.value);
                    let open = self.open.get(&name);
                    match holds {
                        Some(AddressState::Ok) => prop_assert!(open.is_none(), "{open:#?}"),
                        Some(AddressState::Down) => {
                            let kind = open.map(|event| event.kind);
                            prop_assert_eq!(kind, Some(Kind::AddressDown), "{}", name);
                        }
                        _ => {}
                    }
                    if self.health.forced(&pool.name, &entry.value) != Some(ForcedState::Drain) {
                        states.push(holds);
                    }
                }
                let open = self.open.get(&format!("pool {}{of}", pool.name));
                let down = Some(AddressState::Down);
                if states.iter().any(|state| state.is_some() && *state != down) {
                    prop_assert!(open.is_none(), "{open:#?}");
                } else if !states.is_empty() && states.iter().all(|state| *state == down) {
                    prop_assert!(open.is_some(), "pool {}{of}", pool.name);
                }
            }
        }
        Ok(())
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// Which fail: the first address, the second, of www, of api.
    Round([bool; 4]),
    /// Which address, in one pool or all, as what, for a while.
    Force(bool, Option<&'static str>, ForcedState, bool),
    Unforce(bool, Option<&'static str>),
    Expire,
    Restart(bool),
    Reload,
}

fn step() -> impl Strategy<Value = Step> {
    let pool = || prop_oneof![Just(None), Just(Some("web")), Just(Some("also"))];
    let state = prop_oneof![
        Just(ForcedState::Up),
        Just(ForcedState::Down),
        Just(ForcedState::Drain)
    ];
    prop_oneof![
        4 => any::<[bool; 4]>().prop_map(Step::Round),
        3 => (any::<bool>(), pool(), state, any::<bool>())
            .prop_map(|(second, pool, state, brief)| Step::Force(second, pool, state, brief)),
        2 => (any::<bool>(), pool()).prop_map(|(second, pool)| Step::Unforce(second, pool)),
        1 => Just(Step::Expire),
        2 => any::<bool>().prop_map(Step::Restart),
        1 => Just(Step::Reload),
    ]
}

fn address(second: bool) -> &'static str {
    if second { "192.0.2.2" } else { "192.0.2.1" }
}

proptest! {
    #[test]
    fn whatever_was_told_ends_when_it_is_over(steps in prop::collection::vec(step(), 1..24)) {
        let ground = ground(SHARED);
        let mut run = Run::new(ground);
        run.round(|_| false);
        for step in steps {
            match step {
                Step::Round([one, two, www, api]) => run.round(|target| {
                    let first = target.address.to_string() == "192.0.2.1";
                    let host = target.host.as_deref().unwrap_or("www.example.com");
                    (if first { one } else { two }) && (if host.starts_with("www") { www } else { api })
                }),
                Step::Force(second, pool, state, brief) => {
                    run.force(address(second), pool, state, brief);
                }
                Step::Unforce(second, pool) => {
                    let one: Address = address(second).parse().expect("an address");
                    run.say(address(second), |health| drop(health.unforce(&one, pool)));
                }
                Step::Expire => {
                    run.now += 60;
                    run.expire();
                }
                Step::Restart(late) => run.restart(if late { 600 } else { 1 }),
                Step::Reload => run.sweep(),
            }
            run.check()?;
        }
    }
}

/// The failure of one domain is not ended by the recovery of another.
#[test]
fn each_domain_has_its_own_beginning_and_end() {
    let mut run = Run::new(ground(SHARED));
    run.round(|_| false);
    let web = |target: &Target| target.host.is_some();
    run.round(web);
    run.round(web);
    let down = |run: &Run| -> Vec<String> { run.open.keys().cloned().collect() };
    assert_eq!(
        down(&run),
        [
            "address web 192.0.2.1 for api.example.com",
            "address web 192.0.2.1 for www.example.com",
            "address web 192.0.2.2 for api.example.com",
            "address web 192.0.2.2 for www.example.com",
            "pool web for api.example.com",
            "pool web for www.example.com",
        ]
    );
    let event = &run.open["address web 192.0.2.1 for api.example.com"];
    assert_eq!(event.instance.as_deref(), Some("api"));
    assert_eq!(event.host.as_deref(), Some("api.example.com"));
    assert_eq!(
        event.title,
        "192.0.2.1 of pool web, asked for api.example.com, is down"
    );
    let pool = &run.open["pool web for api.example.com"];
    assert_eq!(pool.instance.as_deref(), Some("api"));
    run.round(|target| target.host.as_deref() == Some("api.example.com"));
    assert_eq!(
        down(&run),
        [
            "address web 192.0.2.1 for api.example.com",
            "address web 192.0.2.2 for api.example.com",
            "pool web for api.example.com",
        ]
    );
}

/// What a file no longer probes is over for whoever was told, without being called well.
#[test]
fn what_is_not_probed_any_more_is_over() {
    let mut run = Run::new(ground(SHARED));
    run.round(|_| false);
    run.round(|target| target.host.is_none());
    assert_eq!(run.open.len(), 2, "{:?}", run.open.keys());
    let other = SHARED.replace(
        "name = \"also\"\ntype = \"ipv4\"\nmonitor = \"tcp\"",
        "name = \"also\"\ntype = \"ipv4\"",
    );
    run.ground = ground(&other);
    run.health.reconcile(&run.ground.config, at(200));
    let (ground, health) = (&run.ground, &run.health);
    let [over] = &run.addresses.of_file(ground, health, at(200))[..] else {
        panic!("one address");
    };
    assert!(over.gone);
    assert_eq!(over.title, "192.0.2.1 of pool also is not probed any more");
    let (condition, phase) = Condition::of(over).expect("it ends something");
    assert!(run.open.contains_key(&condition.0) && phase == Phase::Over);
    let [over] = &run.pools.of_file(ground, health, at(200))[..] else {
        panic!("one pool");
    };
    assert_eq!(over.kind, Kind::PoolUp);
}

/// Through a subscription: what it is told of `api`, and whether anything is left open.
#[test]
fn a_warning_and_a_failure_end_at_whoever_was_told() {
    let file = format!(
        "{SHARED}\n[[channel]]\nname = \"ops\"\ntype = \"slack\"\nwebhook = \"https://x.example/\"\n\
         [[subscription]]\nname = \"all\"\nchannels = [\"ops\"]\n\
         match = {{ addresses = [\"192.0.2.2\"] }}\ngroup_wait = \"0s\"\n"
    );
    let mut run = Run::new(ground(&file));
    let rules = Rules::new(Arc::clone(&run.ground.config));
    let zone = jiff::tz::TimeZone::UTC;
    let mut router = Router::default();
    let api = |target: &Target| target.host.as_deref() == Some("api.example.com");
    let mut told = Vec::new();
    // Warned of and well; warned of, down and well.
    for fails in [false, true, false, true, true, false] {
        run.round(|target| fails && api(target));
        let now = at(run.now);
        for event in run.heard.drain(..) {
            let moment = Moment {
                rules: &rules,
                now,
                zone: &zone,
            };
            router.take(&Arc::new(event), None, moment);
        }
        for (_, group) in router.due(now, false) {
            let batches = group.batches().into_iter();
            let events = batches.flat_map(|batch| batch.events);
            told.extend(events.map(|event| event.kind));
        }
        let open = router.open_at("ops").count();
        assert_eq!(open, usize::from(fails), "{told:?}");
    }
    use Kind::{AddressDown, AddressUp, AddressWarn};
    assert_eq!(
        told,
        [AddressWarn, AddressUp, AddressWarn, AddressDown, AddressUp]
    );
    // Nothing is said again after it is over.
    let later = at(run.now + 100_000);
    router.look(Moment {
        rules: &rules,
        now: later,
        zone: &zone,
    });
    assert!(router.due(later, true).is_empty());
}
