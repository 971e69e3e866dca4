//! `igtm map`: the data plane in words, from the pins. Works with the daemon stopped.

use std::net::IpAddr;
use std::path::Path;

use serde_json::json;

use crate::dataplane::DataplaneError;
use crate::dataplane::inspect::Inspection;

/// What is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The answers that are given now.
    Answers,
    /// Sets of lines that names claim together.
    Lines,
    /// Every counter, and the replies of each answer.
    Counters,
    /// The line of one address.
    Line(IpAddr),
}

/// The text or JSON of a view.
pub fn map(bpffs: &Path, view: View, json: bool) -> Result<String, DataplaneError> {
    let inspection = Inspection::open(bpffs)?;
    match view {
        View::Answers => answers(&inspection, json),
        View::Lines => lines(&inspection, json),
        View::Counters => counters(&inspection, json),
        View::Line(address) => line(&inspection, address, json),
    }
}

fn answers(inspection: &Inspection, json: bool) -> Result<String, DataplaneError> {
    let rows = inspection.answers()?;
    if json {
        return Ok(json!({ "ready": inspection.ready(), "answers": rows }).to_string());
    }
    if !inspection.ready() {
        return Ok("no first answer yet: the kernel passes every query up".to_owned());
    }
    let rows = rows.into_iter().map(|row| {
        [
            row.name,
            row.r#type,
            row.line,
            row.draw.to_owned(),
            row.addresses,
        ]
    });
    Ok(table(["NAME", "TYPE", "LINE", "DRAW", "ANSWER"], rows))
}

fn lines(inspection: &Inspection, json: bool) -> Result<String, DataplaneError> {
    let rows = inspection.lines()?;
    if json {
        return Ok(json!({ "lines": rows }).to_string());
    }
    let rows = rows
        .into_iter()
        .map(|row| [row.names.to_string(), row.lines.join(", "), row.example]);
    Ok(table(["NAMES", "LINES", "FOR EXAMPLE"], rows))
}

fn counters(inspection: &Inspection, json: bool) -> Result<String, DataplaneError> {
    let counters = inspection.counters()?;
    let answers = inspection.answers()?;
    if json {
        let counters: serde_json::Map<_, _> = counters
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        let answers: Vec<_> = answers
            .iter()
            .map(|row| {
                json!({
                    "name": row.name,
                    "type": row.r#type,
                    "line": row.line,
                    "replies": row.replies,
                })
            })
            .collect();
        return Ok(json!({ "counters": counters, "answers": answers }).to_string());
    }
    let frames = counters
        .into_iter()
        .map(|(name, value)| [name.to_owned(), value.to_string()]);
    let replies = answers.into_iter().filter(|row| row.replies > 0);
    let replies = replies.map(|row| [row.name, row.r#type, row.line, row.replies.to_string()]);
    Ok(format!(
        "{}\n\n{}",
        table(["COUNTER", "FRAMES"], frames),
        table(["NAME", "TYPE", "LINE", "REPLIES"], replies)
    ))
}

fn line(inspection: &Inspection, address: IpAddr, json: bool) -> Result<String, DataplaneError> {
    let rows = inspection.lines_of(address)?;
    if json {
        return Ok(json!({ "address": address, "lines": rows }).to_string());
    }
    let rows = rows.into_iter().map(|row| {
        [
            row.line.unwrap_or_else(|| "-".to_owned()),
            format!("/{}", row.scope),
            row.view.lines.join(", "),
            row.view.names.to_string(),
        ]
    });
    Ok(table(["LINE", "SCOPE", "AMONG", "NAMES"], rows))
}

/// Columns as wide as they need, the last one ragged.
pub(super) fn table<const N: usize>(
    head: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> String {
    let rows: Vec<[String; N]> = std::iter::once(head.map(str::to_owned))
        .chain(rows)
        .collect();
    let widths: [usize; N] = std::array::from_fn(|at| {
        rows.iter()
            .map(|row| row[at].chars().count())
            .max()
            .unwrap_or(0)
    });
    let lines = rows.iter().map(|row| {
        let cells = row.iter().zip(widths);
        let line: String = cells
            .map(|(cell, width)| format!("{cell:width$}  "))
            .collect();
        line.trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_characters() {
        let rows = [
            ["电信".to_owned(), "1".to_owned()],
            ["a".to_owned(), "22".to_owned()],
        ];
        assert_eq!(
            table(["LINE", "N"], rows.into_iter()),
            "LINE  N\n电信    1\na     22"
        );
    }
}
