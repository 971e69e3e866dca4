//! What a packet costs in the kernel, as rows: see [`crate::figures`].

use anyhow::{Context, Result};

use super::report::{Goal, Row};
use crate::figures::{self, Figures, Times};

/// Nanoseconds of a whole hit.
const HIT: Goal = Goal::AtMost(100.0);
/// With a million names and prefixes, as a multiple of the hit.
const MILLION: Goal = Goal::AtMost(2.5);
/// Over IPv6 or with a client subnet, as a multiple of the hit.
const OTHER_HIT: Goal = Goal::AtMost(1.3);
/// A random name below a zone, as a multiple of the hit.
const NXDOMAIN: Goal = Goal::AtMost(1.5);
/// Nanoseconds more with rate limiting.
const LIMITED: Goal = Goal::AtMost(80.0);
const INSTRUCTIONS: Goal = Goal::AtMost(100_000.0);
/// Milliseconds.
const LOAD: Goal = Goal::AtMost(500.0);

/// Measures `rounds` times so many runs of each.
pub fn measure(repeat: u32, rounds: u32) -> Result<Vec<Row>> {
    rows(&figures::measure(repeat, rounds, &[])?)
}

fn rows(figures: &Figures) -> Result<Vec<Row>> {
    let over = format!(
        "TEST_RUN, best of {} × {}, net of putting the query back; A with OPT, counters, checksum, \
         line by source",
        figures.rounds(),
        figures.repeat()
    );
    let times = |name: &str| {
        let found = figures.times.iter().find(|(found, _)| *found == name);
        found
            .map(|(_, times)| times)
            .with_context(|| format!("no figure {name}"))
    };
    let row = |name: &str, what: &str, figure: &str| -> Result<Row> {
        let times = times(figure)?;
        let worst = times.all().last().copied().unwrap_or_default();
        Ok(Row {
            name: name.to_owned(),
            over: format!("{over}; {what}"),
            value: times.best() as f64,
            range: Some((times.best() as f64, worst as f64)),
            unit: "ns",
            goal: None,
            excuse: None,
        })
    };
    let hit = times("hit")?.best() as f64;
    let compared = |name: &str, figure: &str, goal| -> Result<Row> {
        Ok(Row {
            name: name.to_owned(),
            over: "the two rows above it".to_owned(),
            value: of(times(figure)?) / hit,
            range: None,
            unit: "×",
            goal: Some(goal),
            excuse: None,
        })
    };
    let plain = |name: &str, over: &str, value: f64, unit, goal| Row {
        name: name.to_owned(),
        over: over.to_owned(),
        value,
        range: None,
        unit,
        goal: Some(goal),
        excuse: None,
    };
    Ok(vec![
        row(
            "bare reflector",
            "addresses swapped, nothing else",
            "reflector",
        )?,
        row("hit", "IPv4, 10 000 prefixes", "hit")?.with_goal(HIT),
        row("hit without lines", "IPv4, one line", "hit_without_lines")?,
        row("hit, IPv6", "10 000 prefixes", "hit_v6")?,
        compared("hit, IPv6 ÷ hit", "hit_v6", OTHER_HIT)?,
        row("hit, client subnet", "/24 in 10 000 prefixes", "hit_subnet")?,
        compared("hit, client subnet ÷ hit", "hit_subnet", OTHER_HIT)?,
        row(
            "hit, cookie",
            "a client cookie, answered with ours",
            "hit_cookie",
        )?,
        row("NODATA", "a type that the name does not have", "nodata")?,
        row("NXDOMAIN", "a random name below the zone", "nxdomain")?,
        compared("NXDOMAIN ÷ hit", "nxdomain", NXDOMAIN)?,
        row("hit, rate limiting on", "below the limit", "hit_limited")?,
        plain(
            "rate limiting",
            "hit with it less hit without it",
            of(times("hit_limited")?) - hit,
            "ns",
            LIMITED,
        ),
        row(
            "hit, a million",
            "IPv4, 2^20 names and prefixes, 2^20 random queries",
            "hit_million",
        )?,
        row(
            "one load that misses",
            "the same array type, 256 MiB: each of 16 loads a run says where the next one is",
            "dependent_load",
        )?,
        Row {
            over: format!(
                "a hit among a million takes as long as {:.1} loads that miss",
                of(times("hit_million")?) / of(times("dependent_load")?)
            ),
            ..compared("hit, a million ÷ hit", "hit_million", MILLION)?
        },
        row(
            "hit, a million, IPv6",
            "the same over IPv6",
            "hit_million_v6",
        )?,
        plain(
            "verified instructions",
            "the attached program",
            f64::from(figures.verified_instructions),
            "",
            INSTRUCTIONS,
        ),
        plain(
            "load",
            "maps and program, into this kernel",
            figures.load.as_secs_f64() * 1e3,
            "ms",
            LOAD,
        ),
    ])
}

fn of(times: &Times) -> f64 {
    times.best() as f64
}
