//! What the demonstration prints: numbered steps, aligned tables, ✓. Colours only on a terminal.

use std::cell::Cell;
use std::io::{IsTerminal, stdout};

/// Standard output.
pub(crate) struct Screen {
    colours: bool,
    step: Cell<u32>,
}

const BOLD: &str = "1";
const DIM: &str = "2";
const RED: &str = "31";
const GREEN: &str = "32";

impl Screen {
    pub(crate) fn new() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            colours: wanted && stdout().is_terminal(),
            step: Cell::new(0),
        }
    }

    fn paint(&self, style: &str, text: &str) -> String {
        if self.colours {
            format!("\x1b[{style}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    pub(crate) fn title(&self, text: &str) {
        println!("{}", self.paint(BOLD, text));
    }

    /// Begins the next step.
    pub(crate) fn step(&self, text: &str) {
        self.step.set(self.step.get() + 1);
        println!("\n{:2}  {}", self.step.get(), self.paint(BOLD, text));
    }

    /// Something held.
    pub(crate) fn passed(&self, text: &str) {
        println!("  {} {text}", self.paint(GREEN, "✓"));
    }

    /// Something did not: the end.
    pub(crate) fn failed(&self, text: &str) {
        println!("  {} {text}", self.paint(RED, "✗"));
    }

    /// A remark.
    pub(crate) fn note(&self, text: &str) {
        println!("    {text}");
    }

    /// A command to try.
    pub(crate) fn command(&self, what: &str, command: &str) {
        println!("    {}", self.paint(DIM, &format!("# {what}")));
        println!("    {command}\n");
    }

    /// Rows under a heading, columns as wide as their widest cell.
    pub(crate) fn table<const N: usize>(&self, heading: [&str; N], rows: &[[String; N]]) {
        let mut widths = heading.map(width);
        for row in rows {
            for (at, cell) in row.iter().enumerate() {
                widths[at] = widths[at].max(width(cell));
            }
        }
        let line = |cells: [&str; N]| {
            let padded: Vec<String> = cells
                .iter()
                .zip(widths)
                .map(|(cell, wide)| format!("{cell}{}", " ".repeat(wide - width(cell))))
                .collect();
            padded.join("   ").trim_end().to_owned()
        };
        println!("      {}", self.paint(DIM, &line(heading)));
        for row in rows {
            println!("      {}", line(row.each_ref().map(String::as_str)));
        }
    }
}

/// Columns on a terminal: a Han character takes two.
fn width(text: &str) -> usize {
    text.chars()
        .map(|c| {
            if ('\u{2e80}'..='\u{ffef}').contains(&c) {
                2
            } else {
                1
            }
        })
        .sum()
}
