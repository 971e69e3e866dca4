//! `igtm tail`: the sampled queries as they come, or what is asked most. From the pins; works with
//! the daemon stopped.

use std::collections::HashMap;
use std::hash::Hash;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::map::table;
use crate::dataplane::DataplaneError;
use crate::dataplane::inspect::Inspection;
use crate::dataplane::samples::{SampleRow, Seen};

/// How often new samples are looked for.
const PAUSE: Duration = Duration::from_millis(250);
/// How many of each are the most asked.
const TOP: usize = 10;

/// Prints samples until `count` of them were printed, or for ever; from those that are there on.
///
/// # Errors
/// The pins cannot be read. A reader that went away is none.
pub fn follow(
    bpffs: &Path,
    count: Option<u64>,
    json: bool,
    out: &mut impl Write,
) -> Result<(), DataplaneError> {
    let mut seen = Seen::default();
    let mut left = count.unwrap_or(u64::MAX);
    loop {
        // Opened anew: a reload may have put other maps in their place.
        let inspection = Inspection::open(bpffs)?;
        for row in inspection.samples(&mut seen)? {
            if left == 0 {
                return Ok(());
            }
            left -= 1;
            let text = if json {
                serde_json::to_string(&row).unwrap_or_default()
            } else {
                line(&row)
            };
            if writeln!(out, "{text}").is_err() {
                return Ok(());
            }
        }
        if left == 0 || out.flush().is_err() {
            return Ok(());
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "a command of its own, without a runtime"
        )]
        std::thread::sleep(PAUSE);
    }
}

fn line(row: &SampleRow) -> String {
    let SampleRow {
        source,
        client,
        name,
        r#type,
        outcome,
        ..
    } = row;
    let by = if client == source {
        String::new()
    } else {
        format!(" for {client}")
    };
    let line = row.line.as_deref().unwrap_or("-");
    format!("{source}{by} {name} {type} {line} {outcome}")
}

/// The names, sources and lines that stand most in the samples.
pub fn top(bpffs: &Path, json: bool) -> Result<String, DataplaneError> {
    let samples = Inspection::open(bpffs)?.samples(&mut Seen::default())?;
    let names = most(samples.iter().map(|row| row.name.to_lowercase()));
    let sources = most(samples.iter().map(|row| row.source.to_string()));
    let lines = most(samples.iter().filter_map(|row| row.line.clone()));
    if json {
        let counted = |most: Vec<(String, usize)>| {
            let rows = most.into_iter();
            rows.map(|(what, samples)| json!({ "what": what, "samples": samples }))
                .collect::<Vec<_>>()
        };
        return Ok(json!({
            "samples": samples.len(),
            "names": counted(names),
            "sources": counted(sources),
            "lines": counted(lines),
        })
        .to_string());
    }
    let shown = |head: &'static str, most: Vec<(String, usize)>| {
        let rows = most.into_iter();
        table(
            [head, "SAMPLES"],
            rows.map(|(what, samples)| [what, samples.to_string()]),
        )
    };
    Ok(format!(
        "{} samples\n\n{}\n\n{}\n\n{}",
        samples.len(),
        shown("NAME", names),
        shown("SOURCE", sources),
        shown("LINE", lines),
    ))
}

/// What comes most often, most often first.
fn most<T: Hash + Ord>(all: impl Iterator<Item = T>) -> Vec<(T, usize)> {
    let mut counts: HashMap<T, usize> = HashMap::new();
    for one in all {
        *counts.entry(one).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|(one, times), (other, others)| others.cmp(times).then(one.cmp(other)));
    counts.truncate(TOP);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_most_comes_first() {
        let found = most(["b", "a", "b", "c", "a", "b"].into_iter());
        assert_eq!(found, [("b", 3), ("a", 2), ("c", 1)]);
        assert_eq!(most(0..100).len(), TOP);
    }
}
