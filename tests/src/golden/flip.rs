//! One step: answers are replaced hundreds of times while queries run, and each reply is wholly of
//! one state of the world, the right one.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, Result, ensure};
use igtm::config::model::{Address, Config};
use igtm::dataplane::Writer;
use igtm::health::{AddressState, HealthView, Target, targets};
use igtm::snapshot::Snapshot;
use igtm_common::cookie::{Secret, Secrets};

use super::answers::{ANYBODY, ANYBODY_V6, TELECOM};
use super::case::NOW;
use super::check::userspace;
use super::dice::Dice;
use super::fixture::{Stage, ground, parse};
use super::frame::{checked_reply, datagram};
use super::kernel::{Runner, XDP_TX};
use super::message::{A, AAAA, TXT, query};

/// How often everything is replaced.
const FLIPS: usize = 300;
/// Names that both sides have.
const NAMES: usize = 60;

/// Which of two worlds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    A,
    B,
}

impl Side {
    fn of(step: usize) -> Self {
        if step.is_multiple_of(2) {
            Self::A
        } else {
            Self::B
        }
    }
}

/// On side B the tiers' addresses are down, so that everything is answered from the fallback.
impl HealthView for Side {
    fn state(&self, target: &Target) -> AddressState {
        match (self, &target.address) {
            (Self::B, Address::Ip(IpAddr::V4(v4))) if v4.octets()[0] == 192 => AddressState::Down,
            (Self::B, Address::Ip(IpAddr::V6(v6))) if v6.segments()[7] < 0x100 => {
                AddressState::Down
            }
            _ => AddressState::Ok,
        }
    }
}

/// Health alone: the answers change, what they stand at does not.
pub fn by_health() -> Result<()> {
    let ground = ground(Arc::new(config(Side::A)?))?;
    let changed = targets(&ground.config);
    let first = Snapshot::new(ground, &Side::A, 1, secrets());
    let mut snapshots = vec![first];
    for step in 1..=FLIPS {
        let last = &snapshots[step - 1];
        snapshots.push(last.after(&changed, &Side::of(step), 1 + step as u32));
    }
    flip(&snapshots)
}

/// Configurations: names, lines, SOA and answers all change.
pub fn by_configuration() -> Result<()> {
    let sides = [Side::A, Side::B].map(|side| ground(Arc::new(config(side)?)));
    let [a, b] = sides;
    let (a, b) = (a?, b?);
    let snapshots: Vec<Snapshot> = (0..=FLIPS)
        .map(|step| {
            let ground = match Side::of(step) {
                Side::A => &a,
                Side::B => &b,
            };
            Snapshot::new(Arc::clone(ground), &Side::A, 1 + step as u32, secrets())
        })
        .collect();
    flip(&snapshots)
}

fn secrets() -> Secrets {
    let secret = Secret::new([7; 16]);
    Secrets {
        current: secret,
        previous: secret,
    }
}

fn config(side: Side) -> Result<Config> {
    let (last, only, prefix, contact) = match side {
        Side::A => (1, "only-a", "198.51.100.0/24", "a.example.net"),
        Side::B => (2, "only-b", "198.51.100.0/25", "contact.of.b.example.net"),
    };
    let mut text = format!(
        r#"version = 1
[server]
node = "flip"
listen = ["198.18.0.53", "2001:db8:5e::53"]
[[zone]]
origin = "flip.test"
ns = ["ns{last}.example.net"]
contact = "{contact}"
negative_ttl = {last}
[[line]]
name = "telecom"
prefixes = ["{prefix}"]
[[monitor]]
name = "port"
protocol = "tcp"
[[pool]]
name = "fallback"
type = "ipv4"
address = [{}]
[[pool]]
name = "fallback-six"
type = "ipv6"
address = [{}]
"#,
        list(2, |at| format!("203.0.113.{}", 10 * last + at)),
        list(3, |at| format!("2001:db8::f{last}{at}")),
    );
    let names = (0..NAMES).map(|at| format!("n{at}"));
    for (number, name) in names.chain([only.to_owned()]).enumerate() {
        text += &instance(number, &name, last);
    }
    parse(&text)
}

/// Each has pools of its own, so that all their answers are written.
fn instance(number: usize, name: &str, last: usize) -> String {
    format!(
        r#"[[pool]]
name = "{name}-few"
type = "ipv4"
monitor = "port"
address = [{}]
[[pool]]
name = "{name}-many"
type = "ipv4"
monitor = "port"
address = [{}]
[[pool]]
name = "{name}-six"
type = "ipv6"
monitor = "port"
address = [{}]
[[instance]]
name = "{name}"
domain = "{name}.flip.test"
strategy = [
    {{ name = "default", lines = ["default"], fallback = "fallback", tier = [{{ pools = ["{name}-few"] }}] }},
    {{ name = "six", lines = ["default"], fallback = "fallback-six", tier = [{{ pools = ["{name}-six"] }}] }},
    {{ name = "telecom", lines = ["telecom"], fallback = "fallback", tier = [{{ pools = ["{name}-many"] }}] }},
]
"#,
        list(3, |at| format!("192.{last}.{number}.{at}")),
        list(40, |at| format!("192.{}.{number}.{at}", 100 + last)),
        list(2, |at| format!("2001:db8:{number}::{last}{at}")),
    )
}

fn list(count: usize, value: impl Fn(usize) -> String) -> String {
    let values: Vec<String> = (0..count)
        .map(|at| format!("{{ value = \"{}\" }}", value(at)))
        .collect();
    values.join(", ")
}

/// Where the changes are: the snapshots before `begun` are gone, those behind `done` not yet there.
struct Progress {
    begun: AtomicUsize,
    done: AtomicUsize,
    ended: AtomicBool,
}

fn flip(snapshots: &[Snapshot]) -> Result<()> {
    let mut stage = Stage::of(snapshots[0].clone(), true)?;
    let (runner, writer) = stage.kernel.split();
    let progress = Progress {
        begun: AtomicUsize::new(0),
        done: AtomicUsize::new(0),
        ended: AtomicBool::new(false),
    };
    let (flipped, asked) = thread::scope(|scope| {
        let asking = scope.spawn(|| ask(runner, snapshots, &progress));
        let flipped = apply_all(writer, snapshots, &progress);
        progress.ended.store(true, Ordering::SeqCst);
        (flipped, asking.join())
    });
    flipped?;
    let Asked { replies, between } = asked.map_err(|_| anyhow::anyhow!("asking panicked"))??;
    println!("{replies} replies over {FLIPS} changes, {between} of them while one was made");
    ensure!(replies > 10 * FLIPS, "only {replies} replies");
    Ok(())
}

fn apply_all(writer: &mut Writer, snapshots: &[Snapshot], progress: &Progress) -> Result<()> {
    for (step, snapshot) in snapshots.iter().enumerate().skip(1) {
        progress.begun.store(step, Ordering::SeqCst);
        writer.apply(&snapshot.image)?;
        progress.done.store(step, Ordering::SeqCst);
        // Sometimes at once, sometimes by the next change.
        if step.is_multiple_of(3) {
            writer.settle()?;
        }
    }
    Ok(())
}

struct Asked {
    replies: usize,
    between: usize,
}

/// Asks until the changes have ended. Each reply must be of one of the snapshots that were there while
/// its query ran: of the one that had been applied, or of one that was being applied. And whoever
/// has seen a part of a change sees all of it from then on.
fn ask(runner: Runner<'_>, snapshots: &[Snapshot], progress: &Progress) -> Result<Asked> {
    let mut dice = Dice::new(FLIPS as u64);
    let mut seen = 0;
    let mut asked = Asked {
        replies: 0,
        between: 0,
    };
    while !progress.ended.load(Ordering::SeqCst) {
        let frame = frame(&mut dice);
        let random = dice.word();
        let first = seen.max(progress.done.load(Ordering::SeqCst));
        let run = runner.run(&frame, random, NOW)?;
        let last = progress.begun.load(Ordering::SeqCst);
        ensure!(run.verdict == XDP_TX, "verdict {}", run.verdict);
        let reply = checked_reply(&frame, &run.frame)?;
        let of = |step: usize| userspace(&snapshots[step], &frame, random, NOW);
        let step = (first..=last).find(|step| of(*step).as_deref() == Some(reply));
        seen = step.with_context(|| {
            format!("of none of {first} to {last}: {frame:02x?} → {reply:02x?}")
        })?;
        asked.replies += 1;
        asked.between += usize::from(first != last);
    }
    Ok(asked)
}

fn frame(dice: &mut Dice) -> Vec<u8> {
    let name = match dice.below(6) {
        0 => "only-a.flip.test".to_owned(),
        1 => "only-b.flip.test".to_owned(),
        2 => format!("nothing{}.flip.test", dice.below(100)),
        _ => format!("n{}.flip.test", dice.below(NAMES)),
    };
    let qtype = *dice.pick(&[A, A, AAAA, TXT]);
    let beyond_25 = IpAddr::from([198, 51, 100, 200]);
    let client = *dice.pick(&[ANYBODY, ANYBODY_V6, TELECOM, beyond_25]);
    datagram(client, &query(&name, qtype).opt(1232).octets())
}
