//! How long it takes from a verdict about an address to the maps that no longer answer it, when
//! many instances share it: as the daemon's log says.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hickory_proto::rr::RecordType;

use super::report::{Goal, Row};
use super::scale::{LINES, Pool, Scale, Spread};
use super::stats::Sample;
use crate::backend::Backend;
use crate::daemon::{Daemon, igtm_beside_tests};
use crate::dns::Client;
use crate::wait;
use crate::world::{EDGE_V4, Place, World, backend_v4};

/// On the pool that fails.
const INSTANCES: usize = 10_000;
/// A round of probes a second, 300 ms of patience, and a busy host.
const PATIENCE: Duration = Duration::from_secs(10);
/// p99, milliseconds.
const GOAL: Goal = Goal::AtMost(5.0);
/// What the daemon logs when the maps are written, and how long it took since the verdict.
const MESSAGE: &str = "answers changed";
const FIELD: &str = "took_us=";

/// Stops and resumes a backend until there were `changes` of the answers.
pub fn measure(changes: usize) -> Result<Vec<Row>> {
    let world = World::new("bench-failover")?;
    let scale = Scale {
        instances: INSTANCES,
        pools: vec![Pool::monitored(backend_v4(1)), Pool::plain(backend_v4(2))],
        spread: Spread::AllOnTheFirst,
    };
    let text = scale.configuration(&world);
    let mut backend = Backend::start(world.backends(), "first", backend_v4(1))?;
    let daemon = Daemon::start(&world, &igtm_beside_tests()?, &text)?;
    let mut log = Log::at_end(daemon.log_path())?;
    let client = Client::new(world.client(Place::Other), EDGE_V4)?;
    let mut times = Vec::new();
    for change in 0..changes {
        let expected = match change % 2 {
            0 => {
                backend.stop();
                backend_v4(2)
            }
            _ => {
                backend.resume()?;
                backend_v4(1)
            }
        };
        let took_us = wait::until("a change of the answers", PATIENCE, || log.next_change())
            .with_context(|| format!("no line \"{MESSAGE}\" with {FIELD} in the daemon's log"))?;
        let found = client
            .ask(&Scale::name(INSTANCES - 1), RecordType::A)?
            .addresses();
        ensure!(
            found == [expected],
            "{found:?} after the change, not {expected}"
        );
        times.push(took_us / 1e3);
    }
    daemon.stop()?;
    let sample = Sample::new(times).context("no changes")?;
    println!(
        "{changes} failovers: median {:.2} ms, p99 {:.2} ms",
        sample.median(),
        sample.percentile(99)
    );
    let row = Row {
        value: sample.percentile(99),
        ..Row::of(
            "verdict to maps written, p99",
            format!(
                "{INSTANCES} instances × {} lines on the pool that fails or returns, {changes} changes",
                LINES + 1
            ),
            &sample,
            "ms",
        )
    };
    Ok(vec![row.with_goal(GOAL)])
}

/// A growing log, read once.
struct Log {
    file: File,
    rest: String,
}

impl Log {
    fn at_end(path: &Path) -> Result<Self> {
        let mut file = File::open(path).with_context(|| format!("{}", path.display()))?;
        file.seek(SeekFrom::End(0))?;
        Ok(Self {
            file,
            rest: String::new(),
        })
    }

    /// Microseconds of the next change that has been logged.
    fn next_change(&mut self) -> Result<Option<f64>> {
        self.file.read_to_string(&mut self.rest)?;
        while let Some(end) = self.rest.find('\n') {
            let line: String = self.rest.drain(..=end).collect();
            if let Some(took) = took(&line) {
                return Ok(Some(took));
            }
        }
        Ok(None)
    }
}

fn took(line: &str) -> Option<f64> {
    let (_, rest) = line.split_once(FIELD).filter(|_| line.contains(MESSAGE))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_from_other_lines() {
        let line = "2026-01-01T00:00:00Z  INFO igtm::app: answers changed took_us=812 serial=7";
        assert_eq!(took(line), Some(812.0));
        assert_eq!(took("INFO reloaded took_us=812"), None);
        assert_eq!(took("INFO answers changed serial=7"), None);
    }
}
