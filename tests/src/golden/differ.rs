//! The differential fuzzer: generated and mutated frames through the kernel and through userspace.
//!
//! Whatever the kernel answers, userspace must answer with the same octets; whatever it passes must
//! come out as it went in; what is plain must be answered by it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use igtm_common::counter::Counter;

use super::case::{Case, NOW, State};
use super::check::userspace;
use super::dice::Dice;
use super::fixture::Stage;
use super::frame::{checked_reply, received};
use super::generate::{self, is_userspaces};
use super::kernel::{XDP_PASS, XDP_TX};
use super::mutate;

/// Cookies that are kept to be sent back.
const COOKIES: usize = 256;
/// What the maps hold, and how many of ten frames come to that.
const STATES: [(State, usize); 4] = [
    (State::Healthy, 6),
    (State::Deep, 2),
    (State::NoSubnet, 1),
    (State::Narrow, 1),
];

/// What came of the frames.
#[derive(Debug, Default)]
pub struct Tally {
    frames: usize,
    /// Frames that had to be answered by the kernel.
    plain: usize,
    /// How often each counter was raised.
    counters: BTreeMap<Counter, u64>,
    /// Why messages were passed that userspace then answered with authority.
    userspaces: BTreeMap<Counter, u64>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.frames += other.frames;
        self.plain += other.plain;
        for (counter, times) in other.counters {
            *self.counters.entry(counter).or_default() += times;
        }
        for (counter, times) in other.userspaces {
            *self.userspaces.entry(counter).or_default() += times;
        }
    }

    fn of(&self, counter: Counter) -> u64 {
        self.counters.get(&counter).copied().unwrap_or(0)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |counters: &BTreeMap<Counter, u64>| {
            let parts = counters
                .iter()
                .map(|(counter, times)| format!("{counter:?} {times}"));
            parts.collect::<Vec<_>>().join(", ")
        };
        let Self { frames, plain, .. } = self;
        writeln!(f, "{frames} frames, {plain} of them plain")?;
        writeln!(f, "counted: {}", list(&self.counters))?;
        let userspaces = list(&self.userspaces);
        write!(f, "passed, and answered by userspace: {userspaces}")
    }
}

/// Sends `frames` frames through both, on every CPU; fails with the first of each on which they
/// differ. `seeds` are frames to change.
pub fn differ(seed: u64, frames: usize, seeds: &[Case]) -> Result<Tally> {
    let threads = thread::available_parallelism()?.get();
    let began = Instant::now();
    let tallies: Vec<Result<Tally>> = thread::scope(|scope| {
        let run = |at: usize| {
            move || {
                let mut tally = Tally::default();
                for (state, tenths) in STATES {
                    let seed = seed.wrapping_add((at as u64) << 32 | state as u64);
                    let share = frames * tenths / 10 / threads;
                    tally.add(Fuzzer::new(state, seed, seeds)?.run(share)?);
                }
                anyhow::Ok(tally)
            }
        };
        let running: Vec<_> = (0..threads).map(|at| scope.spawn(run(at))).collect();
        let ended = running.into_iter().map(|thread| thread.join());
        ended
            .map(|end| end.unwrap_or_else(|_| bail!("a thread of the fuzzer panicked")))
            .collect()
    });
    let mut tally = Tally::default();
    for one in tallies {
        tally.add(one?);
    }
    let rate = tally.frames as f64 / began.elapsed().as_secs_f64();
    println!("seed {seed:#x}: {tally}\n{rate:.0} frames a second on {threads} CPUs");
    // A generator that only makes rubbish would prove nothing.
    for counter in [
        Counter::ReplyAnswer,
        Counter::ReplyNodata,
        Counter::ReplyNxdomain,
        Counter::ReplyTruncated,
    ] {
        let enough = tally.frames as u64 / 100;
        let seen = tally.of(counter);
        ensure!(seen > enough, "{counter:?} only {seen} times");
    }
    Ok(tally)
}

struct Fuzzer<'a> {
    stage: Stage,
    state: State,
    seed: u64,
    dice: Dice,
    seeds: &'a [Case],
    /// Clients and the cookies that they have been given.
    cookies: Vec<(IpAddr, Vec<u8>)>,
    userspaces: BTreeMap<Counter, u64>,
    plain: usize,
    /// Runs of the program for a second look.
    again: u64,
}

/// A frame and its circumstances.
struct Shot {
    frame: Vec<u8>,
    random: u32,
    now: u32,
    plain: bool,
}

impl<'a> Fuzzer<'a> {
    fn new(state: State, seed: u64, seeds: &'a [Case]) -> Result<Self> {
        Ok(Self {
            stage: Stage::new(state)?,
            state,
            seed,
            dice: Dice::new(seed),
            seeds,
            cookies: Vec::new(),
            userspaces: BTreeMap::new(),
            plain: 0,
            again: 0,
        })
    }

    fn run(mut self, frames: usize) -> Result<Tally> {
        for at in 0..frames {
            let shot = self.shot();
            self.fire(&shot).with_context(|| {
                let Self { state, seed, .. } = &self;
                let Shot { random, now, .. } = &shot;
                format!(
                    "frame {at} of seed {seed:#x} in {state:?}, random {random:#x}, now {now}: {}",
                    hex(&shot.frame)
                )
            })?;
        }
        let counters: BTreeMap<Counter, u64> = self.stage.kernel.counters()?.into_iter().collect();
        let counted: u64 = counters.values().sum();
        let ran = frames as u64 + self.again;
        ensure!(counted == ran, "{counted} counted of {ran}");
        Ok(Tally {
            frames,
            plain: self.plain,
            counters,
            userspaces: self.userspaces,
        })
    }

    /// A generated query or a frame of the table, mostly spoiled at some level.
    fn shot(&mut self) -> Shot {
        let dice = &mut self.dice;
        let random = dice.word();
        let now = NOW.wrapping_add(dice.below(4000) as u32);
        let mut plain = false;
        let mut frame;
        if dice.one_in(6) {
            frame = dice.pick(self.seeds).frame.clone();
            mutate::spoil(dice, &mut frame);
            mutate::at_least_ethernet(&mut frame);
            if !dice.one_in(3) {
                mutate::refit(&mut frame);
            }
        } else {
            let mut made = generate::made(dice, &self.cookies, now);
            plain = made.plain;
            if dice.one_in(6) {
                plain = false;
                mutate::spoil(dice, &mut made.message);
            } else if dice.one_in(50) {
                plain = false;
                generate::miscounted(dice, &mut made.message);
            }
            frame = made.frame();
            plain &= mutate::tag(dice, &mut frame);
        }
        if dice.one_in(20) {
            plain = false;
            mutate::flip_in_headers(dice, &mut frame);
        }
        if dice.one_in(4) {
            mutate::pad(dice, &mut frame);
        }
        mutate::at_least_ethernet(&mut frame);
        Shot {
            frame,
            random,
            now,
            plain,
        }
    }

    fn fire(&mut self, shot: &Shot) -> Result<()> {
        let Shot {
            frame,
            random,
            now,
            plain,
        } = shot;
        let run = self.stage.kernel.run(frame, *random, *now)?;
        let reply = userspace(&self.stage.snapshot, frame, *random, *now);
        self.plain += usize::from(*plain);
        match run.verdict {
            XDP_TX => {
                let message = checked_reply(frame, &run.frame)?;
                ensure!(
                    reply.as_deref() == Some(message),
                    "the kernel replied\n  {}\nuserspace\n  {}",
                    hex(message),
                    reply.as_deref().map_or("nothing".to_owned(), hex)
                );
                self.keep_cookie(frame, message);
            }
            XDP_PASS => {
                ensure!(run.frame == *frame, "it was passed, but changed");
                let authority = reply.filter(|reply| reply[2] & 0x04 != 0);
                if *plain || authority.is_some() {
                    self.look_again(shot)?;
                }
            }
            verdict => bail!("verdict {verdict}"),
        }
        Ok(())
    }

    /// Of a passed frame that userspace answers: whether there is a reason.
    fn look_again(&mut self, shot: &Shot) -> Result<()> {
        use Counter::{
            PassBadName, PassClass, PassNoRoom, PassNoZone, PassNotReady, PassStale, PassUserspace,
        };
        let (_, counted) = self
            .stage
            .kernel
            .counted(|kernel| kernel.run(&shot.frame, shot.random, shot.now))?;
        self.again += 1;
        let [(counter, 1)] = counted[..] else {
            bail!("counted {counted:?}");
        };
        ensure!(!shot.plain, "a plain query was passed: {counter:?}");
        let (_, message) = received(&shot.frame).context("a message")?;
        let (name, qtype) = question(message).context("a question")?;
        let reason = match counter {
            PassNoZone | PassNoRoom | PassNotReady | PassStale => false,
            PassUserspace => is_userspaces(name, qtype),
            // A label may hold any octet, but the kernel takes the first zero for the name's end.
            PassBadName | PassClass => name[..name.len() - 1].contains(&0),
            _ => true,
        };
        ensure!(reason, "{counter:?}, but userspace answers");
        *self.userspaces.entry(counter).or_default() += 1;
        Ok(())
    }

    /// So that it is sent back some time.
    fn keep_cookie(&mut self, frame: &[u8], reply: &[u8]) {
        let header = [0, 10, 0, 24];
        let at = reply.windows(4).rposition(|octets| octets == header);
        let given = at.and_then(|at| reply.get(at + 4..at + 28));
        let (Some(given), Some((client, _))) = (given, received(frame)) else {
            return;
        };
        let given = (client, given.to_vec());
        if self.cookies.len() < COOKIES {
            self.cookies.push(given);
        } else {
            let at = self.dice.below(COOKIES);
            self.cookies[at] = given;
        }
    }
}

/// Name and type of a question.
fn question(message: &[u8]) -> Option<(&[u8], u16)> {
    let mut end = 12;
    loop {
        let octets = usize::from(*message.get(end)?);
        end += 1 + octets;
        if octets == 0 {
            break;
        }
    }
    let qtype = message.get(end..end + 2)?;
    Some((
        message.get(12..end)?,
        u16::from_be_bytes([qtype[0], qtype[1]]),
    ))
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
