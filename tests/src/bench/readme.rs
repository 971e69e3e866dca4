//! The README's performance section, made from a report. Without dates: it is true until it is made
//! anew, and the report says what of.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::report::{Report, Row, figure};

const BEGIN: &str = "<!-- bench:begin -->";
const END: &str = "<!-- bench:end -->";

/// Puts the section of `report` between the markers of `path`.
pub fn rewrite(path: &Path, report: &Report) -> Result<()> {
    let text = fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
    let text = replaced(&text, &section(report)).with_context(|| format!("{}", path.display()))?;
    fs::write(path, text).with_context(|| format!("{}", path.display()))
}

fn replaced(text: &str, section: &str) -> Result<String> {
    let (before, rest) = text
        .split_once(BEGIN)
        .with_context(|| format!("no {BEGIN}"))?;
    let (old, after) = rest
        .split_once(END)
        .with_context(|| format!("no {END} behind it"))?;
    ensure!(!old.contains(BEGIN), "{BEGIN} twice");
    Ok(format!("{before}{BEGIN}\n{section}{END}{after}"))
}

fn section(report: &Report) -> String {
    let quick = if report.is_quick { ", a quick run" } else { "" };
    let mut text = format!(
        "Measured by `cargo xtask bench` on {}{quick}. Medians, ranges in brackets.\n\n\
         | figure | value | goal | over |\n|---|---|---|---|\n",
        report.machine
    );
    for row in &report.rows {
        text += &line(row);
    }
    if !report.errors.is_empty() {
        text += "\nNot measured:\n\n";
        for (what, why) in &report.errors {
            // The first line says what; the rest may be a server's whole log.
            let why = why.lines().next().unwrap_or_default();
            text += &format!("- {what}: {why}\n");
        }
    }
    text += "\nWhat this host limits:\n\n";
    for limit in &report.limits {
        text += &format!("- {limit}\n");
    }
    text
}

fn line(row: &Row) -> String {
    let range = row.range.map_or(String::new(), |(low, high)| {
        format!(" [{} – {}]", figure(low), figure(high))
    });
    let goal = match (row.goal, row.is_met()) {
        (Some(goal), Some(true)) => format!("{goal}, met"),
        (Some(goal), _) => format!("{goal}, **not met**"),
        (None, _) => String::new(),
    };
    let excuse = row
        .excuse
        .as_ref()
        .map_or(String::new(), |why| format!("; {why}"));
    format!(
        "| {} | {} {}{range} | {goal} | {}{excuse} |\n",
        row.name,
        figure(row.value),
        row.unit,
        row.over
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let text = format!("# x\n{BEGIN}\nold\n{END}\ny\n");
        let new = replaced(&text, "new\n").expect("both are there");
        assert_eq!(new, format!("# x\n{BEGIN}\nnew\n{END}\ny\n"));
        assert_eq!(replaced(&new, "new\n").expect("still there"), new);
        assert!(replaced("# x\n", "new\n").is_err());
        assert!(replaced(&format!("{END}{BEGIN}"), "new\n").is_err());
    }
}
