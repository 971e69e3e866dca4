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
    /// Of all servers in turn.
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
    /// Processor time a query at [`MODERATE`], nanoseconds.
    pub cpu_ns: f64,
    /// Replies a second when offered all that the generator can send.
    pub flooded: f64,
    /// What the generator sent then, queries a second.
    pub flood: f64,
}

/// Of each server that could be measured, the rounds.
pub type Rounds = BTreeMap<Server, Vec<Figures>>;

/// Measures all of them. A server that fails is left out of later rounds, and its error returned.
pub fn measure(ground: &Ground, effort: Effort) -> (Rounds, BTreeMap<Server, anyhow::Error>) {
    let mut rounds = Rounds::new();
    let mut errors = BTreeMap::new();
    for round in 1..=effort.rounds {
        for server in Server::ALL {
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
    let mut generator = Generator::new(&wire)?;
    let running = server.start(&wire, ground)?;
    let best = highest(&mut generator, step, start)?;
    let cpu_ns = processor_time(&mut generator, &running, step)?;
    let flood = generator.run(None, step)?;
    Ok(Figures {
        highest: best.rate(),
        is_ceiling: best.is_ceiling(),
        cpu_ns,
        flooded: flood.rate(),
        flood: flood.offered(),
    })
}

/// The best run of a search.
fn highest(generator: &mut Generator<'_>, step: Duration, start: f64) -> Result<Outcome> {
    let mut search = Search::new(start);
    let mut best: Option<Outcome> = None;
    while let Some(rate) = search.next() {
        let mut outcome = generator.run(Some(rate as u64), step)?;
        if outcome.share() < SHARE {
            // Twice, since one busy moment of the host is enough to lose a few.
            outcome = generator.run(Some(rate as u64), step)?;
        }
        let is_good = outcome.share() >= SHARE;
        if is_good && best.is_none_or(|best| outcome.rate() > best.rate()) {
            best = Some(outcome);
        }
        if is_good && outcome.is_ceiling() {
            break;
        }
        search.record(rate, is_good);
    }
    best.with_context(|| format!("no rate with {} % answered", SHARE * 100.0))
}

/// Nanoseconds a query at [`MODERATE`].
fn processor_time(generator: &mut Generator<'_>, running: &Running, step: Duration) -> Result<f64> {
    let before = running.used()?;
    let outcome = generator.run(Some(MODERATE), step)?;
    let used = running.used()?.saturating_sub(before);
    ensure!(
        outcome.share() > 0.9,
        "only {:.1} % of {MODERATE} queries a second were answered",
        outcome.share() * 100.0
    );
    Ok(used.as_nanos() as f64 / outcome.answered as f64)
}
