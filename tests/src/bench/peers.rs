//! Every server on the same wire, rounds interleaved: the highest rate that it answers, and the
//! processor time that a query costs.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::generator::{Generator, Outcome};
use super::ground::Ground;
use super::search::Search;
use super::server::{Running, Server};
use super::wire::Wire;

/// A rate counts when at least this share of its queries was answered.
pub const SHARE: f64 = 0.995;
/// Where processor time is compared, queries a second: below every server's highest rate.
pub const MODERATE: u64 = 100_000;
/// Where the first search begins.
const START: f64 = 150_000.0;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Of all that are measured, in turn.
    pub rounds: usize,
    /// Of one offered rate.
    pub step: Duration,
}

/// What one server did in one round.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Highest rate with at least [`SHARE`] answered, replies a second.
    pub highest: f64,
    /// Whether that was all the generator could send.
    pub is_ceiling: bool,
    /// Processor time a query then, nanoseconds.
    pub highest_cpu_ns: f64,
    /// Processor time a query at [`MODERATE`], nanoseconds.
    pub cpu_ns: f64,
    /// When offered all that the generator can send; of those that have no process to starve.
    pub flood: Option<Flood>,
}

/// More than a server can take.
#[derive(Clone, Copy, Debug)]
pub struct Flood {
    /// Queries a second.
    pub sent: f64,
    /// Replies a second.
    pub answered: f64,
}

/// Of each server that could be measured, the rounds.
pub type Rounds = BTreeMap<Server, Vec<Figures>>;

/// Measures `servers` in turn. One that fails is left out of later rounds, and its error returned.
pub fn measure(
    ground: &Ground,
    servers: &[Server],
    effort: Effort,
) -> (Rounds, BTreeMap<Server, anyhow::Error>) {
    let mut rounds = Rounds::new();
    let mut errors = BTreeMap::new();
    for round in 1..=effort.rounds {
        for &server in servers {
            if errors.contains_key(&server) {
                continue;
            }
            let former = rounds.get(&server).and_then(|figures| figures.last());
            let start = former.map_or(START, |figures: &Figures| figures.highest);
            match one(server, ground, effort.step, start) {
                Ok(figures) => {
                    println!(
                        "round {round}: {:15} {:7.0} k/s{}, {:5.0} ns of CPU a query",
                        server.name(),
                        figures.highest / 1e3,
                        if figures.is_ceiling {
                            " (all that was sent)"
                        } else {
                            ""
                        },
                        figures.cpu_ns,
                    );
                    rounds.entry(server).or_default().push(figures);
                }
                Err(error) => {
                    println!("round {round}: {:15} failed: {error:#}", server.name());
                    errors.insert(server, error);
                }
            }
        }
    }
    (rounds, errors)
}

fn one(server: Server, ground: &Ground, step: Duration, start: f64) -> Result<Figures> {
    let wire = Wire::new()?;
    let generator = Generator::new(&wire)?;
    let running = server.start(&wire, ground)?;
    let mut course = Course {
        generator,
        running,
        step,
    };
    let (best, highest_cpu_ns, is_ceiling) = course.highest(start)?;
    let cpu_ns = course.moderate()?;
    let flood = match server {
        Server::Reflector | Server::Igtm => {
            let (flood, _) = course.run(None)?;
            Some(Flood {
                sent: flood.offered(),
                answered: flood.rate(),
            })
        }
        _ => None,
    };
    Ok(Figures {
        highest: best.rate(),
        is_ceiling,
        highest_cpu_ns,
        cpu_ns,
        flood,
    })
}

/// One server and what is sent to it.
struct Course<'a> {
    generator: Generator<'a>,
    running: Running,
    step: Duration,
}

impl Course<'_> {
    /// One step; with the processor time of a query, nanoseconds.
    fn run(&mut self, rate: Option<u64>) -> Result<(Outcome, f64)> {
        let before = self.running.used()?;
        let outcome = self.generator.run(rate, self.step)?;
        let used = self.running.used()?.saturating_sub(before);
        Ok((
            outcome,
            used.as_nanos() as f64 / outcome.answered.max(1) as f64,
        ))
    }

    /// The best step of a search, and whether it was all that the generator could send: two steps
    /// up that it did not follow, since one may have met a busy moment of the host.
    fn highest(&mut self, start: f64) -> Result<(Outcome, f64, bool)> {
        let mut search = Search::new(start);
        let mut best: Option<(Outcome, f64)> = None;
        let mut short = 0;
        while let Some(rate) = search.next() {
            let mut found = self.run(Some(rate as u64))?;
            if found.0.share() < SHARE {
                // Twice, since one busy moment of the host is enough to lose a few.
                found = self.run(Some(rate as u64))?;
            }
            let (outcome, _) = found;
            let is_good = outcome.share() >= SHARE;
            if is_good && best.is_none_or(|(best, _)| outcome.rate() > best.rate()) {
                best = Some(found);
            }
            short += u32::from(is_good && outcome.is_short());
            if short == 2 {
                break;
            }
            search.record(rate, is_good);
        }
        let (best, ns) =
            best.with_context(|| format!("no rate with {} % answered", SHARE * 100.0))?;
        Ok((best, ns, short == 2))
    }

    /// Nanoseconds a query at [`MODERATE`]; of a few attempts the one that lost least.
    fn moderate(&mut self) -> Result<f64> {
        const ATTEMPTS: usize = 3;
        let mut best = (0.0, 0.0);
        for _ in 0..ATTEMPTS {
            let (outcome, ns) = self.run(Some(MODERATE))?;
            if outcome.share() > best.0 {
                best = (outcome.share(), ns);
            }
            if outcome.share() >= SHARE {
                break;
            }
        }
        let (share, ns) = best;
        ensure!(
            share >= 0.8,
            "only {:.1} % of {MODERATE} queries a second were answered",
            share * 100.0
        );
        Ok(ns)
    }
}
