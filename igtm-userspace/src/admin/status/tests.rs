//! A small configuration in several states of health: what is built of it, and the drawing.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use super::build::{Asked, MOST_SHOWN, build};
use super::{render::render, *};
use crate::admin::published::{Kernel, Published};
use crate::alerts::{Because, Since};
use crate::health::testing::refused;
use crate::health::{Health, Outcome, Report};
use crate::snapshot::fixture::{COOKIES, KEY, config, ground};
use crate::snapshot::freeze::Plan;
use crate::snapshot::{Ground, Snapshot};
use crate::state::Condition;

pub(crate) const FILE: &str = r#"
[server]
node = "edge-1"
interfaces = ["eth0"]
[[zone]]
origin = "gtm.example.com"
ns = ["ns.example.net"]
contact = "ops.example.net"
[[line]]
name = "电信"
prefixes = ["192.0.2.0/25"]
[[monitor]]
name = "port"
protocol = "tcp"
interval = "15s"
[[monitor]]
name = "web"
protocol = "http"
interval = "30s"
[[pool]]
name = "guangzhou"
type = "ipv4"
policy = "weight"
monitor = "port"
address = [{ value = "192.0.2.1", weight = 80, region = "CN-GD" }, { value = "192.0.2.20", weight = 20 }, { value = "192.0.2.3", enabled = false }]
[[pool]]
name = "beijing"
type = "ipv4"
monitor = "web"
address = [{ value = "198.51.100.1" }]
[[pool]]
name = "spare"
type = "ipv6"
address = [{ value = "2001:db8::1" }]
[[instance]]
name = "www"
domain = "www.example.com"
access_domain = "www.gtm.example.com"
[[instance.strategy]]
name = "telecom"
lines = ["电信"]
fallback = "beijing"
tier = [{ pools = [{ pool = "guangzhou", weight = 50 }], policy = "weight", min_healthy = 2 }, { pools = ["beijing"] }]
[[instance.strategy]]
name = "default"
lines = ["default"]
fallback = "beijing"
switch = "hold"
tier = [{ pools = ["beijing"] }]
[[instance]]
name = "api"
domain = "api.gtm.example.com"
[[instance.strategy]]
name = "default"
lines = ["default"]
enabled = false
fallback = "guangzhou"
tier = [{ pools = ["beijing"] }]
[[instance.strategy]]
name = "only"
lines = ["电信", "default"]
fallback = "guangzhou"
tier = [{ pools = ["guangzhou"] }]
"#;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).expect("in range")
}

/// A round of every target, the addresses `failing` refusing.
fn probed(health: &mut Health, failing: &[&str], now: Timestamp) {
    for task in health.tasks() {
        let fails = failing.contains(&task.target.address.to_string().as_str());
        let outcome = if fails { refused() } else { Outcome::Good };
        health.report(Report { task, outcome }, now);
    }
}

/// After a good round at 10 s and one at 100 s in which the addresses `failing` refused; seen at 400 s.
pub(crate) fn published(ground: &Arc<Ground>, failing: &[&str]) -> Published {
    let config = &ground.config;
    let mut health = Health::new(config, at(0));
    probed(&mut health, &[], at(10));
    let mut since = Since::default();
    let first = Snapshot::new(Arc::clone(ground), &health, 7, COOKIES);
    since.of_change(None, &first, &Because::default(), at(11));
    probed(&mut health, failing, at(100));
    let now = Snapshot::new(Arc::clone(ground), &health, 8, COOKIES);
    since.of_change(Some(&first), &now, &Because::default(), at(100));
    Published {
        file: PathBuf::from("/etc/igtm/igtm.toml"),
        started: at(0),
        applied: at(0),
        refused: None,
        ground: Arc::clone(ground),
        snapshot: Some(Arc::new(now)),
        health,
        since,
        kernel: Kernel {
            attached: true,
            heartbeat: Some(at(400)),
            degraded: None,
            lost: None,
        },
        state: Condition::default(),
        at: at(400),
    }
}

/// What the state database has counted.
fn rounds() -> HashMap<String, Rounds> {
    let rounds = |good, bad| Rounds { good, bad };
    let port = ("port".to_owned(), rounds(3, 1));
    HashMap::from([port, ("web".to_owned(), rounds(2, 0))])
}

fn status(failing: &[&str], names: &[&str]) -> Status {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    let asked = Asked { names, all: false };
    let mut status =
        build(&published(&ground(FILE), failing), Some(&rounds()), &asked).expect("known names");
    status.daemon.version = "0.0.0".to_owned();
    status
}

#[test]
fn the_whole_tree() {
    let drawn = render(&status(&["192.0.2.20"], &[]), false);
    assert_eq!(
        drawn,
        "\
edge-1  igtm 0.0.0, up 6 min, answering in the kernel (eth0) and in userspace
/etc/igtm/igtm.toml, applied 6 min ago, SOA serial 8
instances  2 warn
strategies 1 disabled, 1 ok, 2 warn
pools      2 ok, 1 warn
targets    2 ok, 1 down

www  www.example.com → www.gtm.example.com  warn
├─ telecom  on 电信  warn  tier 2 for 5 min
│  ├─ tier 1  1 of 2 usable, needs 2, policy weight
│  │  └─ guangzhou × 50  warn  ipv4, monitor port, 2 tasks, 2 users
│  │     ├─ 192.0.2.1   ok        weight  80  for 6 min  stale  CN-GD
│  │     ├─ 192.0.2.20  down      weight  20  for 5 min  stale  local: connection refused
│  │     └─ 192.0.2.3   disabled  weight 100
│  ├─ tier 2  active: 1 of 1 usable, needs 1, policy all
│  │  └─ beijing  ok  ipv4, monitor web, 1 task, 2 users
│  │     └─ 198.51.100.1  ok  for 6 min  stale
│  └─ fallback  beijing
└─ default  on default  ok  tier 1, held for 6 min
   ├─ tier 1  active: 1 of 1 usable, needs 1, policy all
   │  └─ beijing  ok  ipv4, monitor web, 1 task, 2 users
   │     └─ 198.51.100.1  ok  for 6 min  stale
   └─ fallback  beijing

api  api.gtm.example.com  warn
├─ default  on default  disabled
│  ├─ tier 1  needs 1, policy all
│  │  └─ beijing  ok  ipv4, monitor web, 1 task, 2 users
│  │     └─ 198.51.100.1  unmonitored
│  └─ fallback  guangzhou
└─ only  on 电信, default  warn  tier 1 for 6 min
   ├─ tier 1  active: 1 of 2 usable, needs 1, policy all
   │  └─ guangzhou  warn  ipv4, monitor port, 2 tasks, 2 users
   │     ├─ 192.0.2.1   ok        weight  80  for 6 min  stale  CN-GD
   │     ├─ 192.0.2.20  down      weight  20  for 5 min  stale  local: connection refused
   │     └─ 192.0.2.3   disabled  weight 100
   └─ fallback  guangzhou

pools that no instance uses
└─ spare  ok  ipv6, no monitor, 0 users
   └─ 2001:db8::1  unmonitored

monitors
├─ port  tcp every 15 s  1 ok, 1 down  4 rounds in 7 days, 1 bad (25.0 %)
└─ web  http every 30 s  1 ok  2 rounds in 7 days, none bad

nodes
└─ local  3 tasks, heard 5 min ago
"
    );
}

#[test]
fn names_choose_instances() {
    let tree = status(&[], &["WWW.example.com."]);
    assert_eq!(tree.instances.len(), 1);
    assert_eq!(tree.instances[0].name, "www");
    assert!(tree.monitors.is_empty());
    let names = |status: &Status| -> Vec<String> {
        status.pools.iter().map(|pool| pool.name.clone()).collect()
    };
    assert_eq!(names(&tree), ["guangzhou", "beijing"]);
    assert_eq!(status(&[], &["api", "www"]).instances.len(), 2);
    assert_eq!(status(&[], &["guangzhou"]).instances.len(), 2);
    let asked = Asked {
        names: vec!["wwww".to_owned()],
        all: false,
    };
    let unknown = build(&published(&ground(FILE), &[]), None, &asked).unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "no instance, domain or pool is named wwww"
    );
}

#[test]
fn all_down_is_told_at_every_level() {
    let down = ["192.0.2.1", "192.0.2.20", "198.51.100.1"];
    let status = status(&down, &["www"]);
    assert_eq!(status.instances[0].state, State::Down);
    let telecom = &status.instances[0].strategies[0];
    assert_eq!(
        (telecom.state, telecom.active.as_deref()),
        (State::Down, Some("fallback"))
    );
    assert_eq!(telecom.answers, ["198.51.100.1"]);
    let held = &status.instances[0].strategies[1];
    assert_eq!(
        (held.state, held.active.as_deref()),
        (State::Warn, Some("tier 1"))
    );
    assert!(status.pools.iter().all(|pool| pool.state == State::Down));
    assert!(render(&status, false).contains("└─ fallback  active:\n│     └─ beijing  down"));
}

#[test]
fn many_instances_are_counted_and_the_bad_ones_shown() {
    let mut text = FILE.to_owned();
    for n in 0..200 {
        let bad = n % 2 == 0;
        let pool = if bad { "guangzhou" } else { "spare" };
        text += &format!(
            "[[instance]]\nname = \"n{n}\"\ndomain = \"n{n}.gtm.example.com\"\n[[instance.strategy]]\nname = \"s\"\nlines = [\"default\"]\nfallback = \"{pool}\"\ntier = [{{ pools = [\"{pool}\"] }}]\n"
        );
    }
    let ground = ground(&text);
    let seen = |failing: &[&str], all: bool| {
        let asked = Asked {
            names: Vec::new(),
            all,
        };
        build(&published(&ground, failing), None, &asked).expect("no names")
    };
    let fine = seen(&[], false);
    assert_eq!((fine.instances.len(), fine.instances_left_out), (0, 202));
    let bad = seen(&["192.0.2.1"], false);
    assert_eq!(
        (bad.instances.len(), bad.instances_left_out),
        (MOST_SHOWN, 202 - MOST_SHOWN)
    );
    assert!(bad.instances.iter().all(|one| one.state == State::Warn));
    assert_eq!(bad.summary.instances[&State::Warn], 102);
    assert_eq!(seen(&[], true).instances.len(), 202);
}

#[test]
fn before_the_first_answer_everything_waits() {
    let ground = ground(FILE);
    let mut published = published(&ground, &[]);
    published.snapshot = None;
    published.health = Health::new(&ground.config, at(400));
    let status = build(&published, None, &Asked::default()).expect("no names");
    assert_eq!(
        status.daemon.not_ready.as_deref(),
        Some("not answering yet: 0 of 3 targets have finished a round")
    );
    assert_eq!(status.instances[0].state, State::Unknown);
    assert_eq!(status.instances[0].strategies[0].active, None);
    assert!(render(&status, false).contains("192.0.2.1   unknown"));
}

#[test]
fn what_is_not_kept_over_a_restart_is_said() {
    let mut seen = published(&ground(FILE), &[]);
    seen.state = Condition {
        trouble: Some("disk full".to_owned()),
        made_again: Some(at(280)),
    };
    let text = render(&build(&seen, None, &Asked::default()).expect("all"), false);
    let said = "not kept over a restart now: disk full\n\
                the state database was gone and made again 2 min ago\n";
    assert!(text.contains(said), "{text}");
}

#[test]
fn what_is_forced_is_shown_and_counts_for_the_pool() {
    use crate::health::{Forced, ForcedState};
    let mut published = published(&ground(FILE), &[]);
    for (address, pool, state, until) in [
        ("192.0.2.1", None, ForcedState::Down, Some(at(1000))),
        ("192.0.2.20", Some("guangzhou"), ForcedState::Drain, None),
        ("203.0.113.9", None, ForcedState::Up, None),
    ] {
        published.health.force(Forced {
            address: address.parse().expect("an address"),
            pool: pool.map(str::to_owned),
            state,
            reason: "disk swap".to_owned(),
            who: "root".to_owned(),
            since: at(340),
            until,
        });
    }
    let status = build(&published, None, &Asked::default()).expect("no names");
    let pool = &status.pools[0];
    assert_eq!((pool.name.as_str(), pool.state), ("guangzhou", State::Down));
    let first = &pool.addresses[0];
    assert_eq!(first.state, AddressState::Ok, "as measured");
    assert!(first.stale, "nothing was heard since 100 s");
    assert_eq!(
        first.forced.as_ref().map(|one| one.to),
        Some(ForcedState::Down)
    );
    let text = render(&status, false);
    for part in [
        "stale  forced down by root for 1 min, until 2023-11-14T22:30:00Z: disk swap  CN-GD\n",
        "203.0.113.9 in all pools  forced up by root for 1 min: disk swap\n",
        "192.0.2.20 in pool guangzhou  forced drain by root",
        "local  3 tasks, heard 5 min ago",
    ] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    let json = serde_json::to_string(&status).expect("texts and numbers");
    assert_eq!(
        serde_json::from_str::<Status>(&json).expect("the same"),
        status
    );
}

#[test]
fn colours_are_there_only_when_asked_for_and_json_is_whole() {
    let status = status(&["192.0.2.20"], &[]);
    assert!(!render(&status, false).contains('\x1b'));
    let coloured = render(&status, true);
    assert!(coloured.contains("\x1b[1;31mdown\x1b[0m"));
    let plain: String = coloured
        .split('\x1b')
        .map(|part| {
            part.split_once('m')
                .filter(|_| part.starts_with('['))
                .map_or(part, |(_, rest)| rest)
        })
        .collect();
    assert_eq!(plain, render(&status, false));
    let json = serde_json::to_string(&status).expect("texts and numbers");
    let back: Status = serde_json::from_str(&json).expect("the same");
    assert_eq!(back, status);
}

#[test]
fn what_is_frozen_is_shown_with_whose_it_was_and_since_when() {
    let kept = FILE.replace(
        "[[instance.strategy]]\n",
        "[[instance.strategy]]\nkeep = true\n",
    );
    let mut published = published(&ground(&kept), &[]);
    let config = config(&kept.replace("[[instance]]\n", "[[instance]]\nenabled = false\n"));
    let snapshot = published.snapshot.as_deref().expect("it answers");
    let Plan { frozen, .. } = Plan::of(snapshot, &config, at(340));
    let count = frozen.len();
    let ground = Ground::with_frozen(config, KEY, None, frozen).expect("it fits");
    published.ground = Arc::new(ground);
    let now = Snapshot::new(Arc::clone(&published.ground), &published.health, 9, COOKIES);
    published.snapshot = Some(Arc::new(now));
    let status = build(&published, None, &Asked::default()).expect("no names");
    assert_eq!(status.instances[0].state, State::Disabled);
    assert_eq!((status.frozen.len(), count > 1), (count, true));
    let first = &status.frozen[0];
    assert_eq!((&*first.instance, first.since), ("www", at(340)));
    let drawn = render(&status, false);
    let said = format!("frozen for 1 min, of strategy {} of www", first.strategy);
    assert!(drawn.contains(&said), "{drawn}");
    let asked = |name: &str| Asked {
        names: vec![name.to_owned()],
        all: false,
    };
    let named = build(&published, None, &asked("www")).expect("it is frozen");
    assert!(!named.frozen.is_empty());
    assert!(build(&published, None, &asked("nobody")).is_err());
}
