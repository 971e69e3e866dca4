//! What was measured: rows and what could not be measured, as JSON and as a table.
//!
//! Must not measure; whoever does hands in [`Row`]s.

use std::fmt;

use serde_json::{Value, json};

use super::machine::Machine;
use super::stats::Sample;

/// What a value should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
}

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What it is, short and stable: other programs find it by this.
    pub name: String,
    /// What was measured and over what: sizes, rates, rounds.
    pub over: String,
    /// The figure.
    pub value: f64,
    /// The least and the greatest of several rounds.
    pub range: Option<(f64, f64)>,
    /// Of value and range.
    pub unit: &'static str,
    /// What it should be, when that is settled.
    pub goal: Option<Goal>,
    /// Why the goal counts as met although the value says otherwise, e.g. because the generator
    /// could not send more.
    pub excuse: Option<String>,
}

impl Row {
    /// The median of `sample` with its range.
    pub fn of(
        name: impl Into<String>,
        over: impl Into<String>,
        sample: &Sample,
        unit: &'static str,
    ) -> Self {
        Self {
            name: name.into(),
            over: over.into(),
            value: sample.median(),
            range: (sample.count() > 1).then(|| (sample.low(), sample.high())),
            unit,
            goal: None,
            excuse: None,
        }
    }

    /// The same with a goal.
    pub fn with_goal(self, goal: Goal) -> Self {
        Self {
            goal: Some(goal),
            ..self
        }
    }

    /// The same with an excuse, if there is one.
    pub fn with_excuse(self, excuse: Option<String>) -> Self {
        Self { excuse, ..self }
    }

    /// Whether the goal is met, when there is one.
    pub fn is_met(&self) -> Option<bool> {
        let met = match self.goal? {
            Goal::AtLeast(goal) => self.value >= goal,
            Goal::AtMost(goal) => self.value <= goal,
        };
        Some(met || self.excuse.is_some())
    }

    fn json(&self) -> Value {
        let goal = self.goal.map(|goal| match goal {
            Goal::AtLeast(goal) => json!({ "at_least": goal }),
            Goal::AtMost(goal) => json!({ "at_most": goal }),
        });
        json!({
            "name": self.name,
            "over": self.over,
            "value": self.value,
            "range": self.range.map(|(low, high)| json!([low, high])),
            "unit": self.unit,
            "goal": goal,
            "met": self.is_met(),
            "excuse": self.excuse,
        })
    }
}

/// All of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// Where.
    pub machine: Machine,
    /// Whether it was a quick run, whose figures are worth less.
    pub is_quick: bool,
    /// What was measured, in order.
    pub rows: Vec<Row>,
    /// What could not be: what it was, and why.
    pub errors: Vec<(String, String)>,
    /// What this host limits.
    pub limits: Vec<String>,
}

impl Report {
    /// Adds what a measurement gave, or why it gave nothing.
    pub fn add(&mut self, what: &str, outcome: anyhow::Result<Vec<Row>>) {
        match outcome {
            Ok(rows) => self.rows.extend(rows),
            Err(error) => self.errors.push((what.to_owned(), format!("{error:#}"))),
        }
    }

    /// For other programs.
    pub fn json(&self) -> Value {
        let rows: Vec<Value> = self.rows.iter().map(Row::json).collect();
        let errors = self.errors.iter();
        let errors: Vec<Value> = errors
            .map(|(what, why)| json!({ "what": what, "why": why }))
            .collect();
        json!({
            "machine": self.machine.json(),
            "quick": self.is_quick,
            "rows": rows,
            "errors": errors,
            "limits": self.limits,
        })
    }
}

/// Three digits that matter.
pub fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(goal) => write!(f, "≥ {goal}"),
            Self::AtMost(goal) => write!(f, "≤ {goal}"),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}\n", self.machine)?;
        writeln!(
            f,
            "{:52} {:>8} {:>17}  {:5} {:>7} {:4}  over",
            "figure", "value", "range", "unit", "goal", "met"
        )?;
        for row in &self.rows {
            let range = row.range.map_or(String::new(), |(low, high)| {
                format!("{} – {}", figure(low), figure(high))
            });
            let goal = row.goal.map_or(String::new(), |goal| goal.to_string());
            let met = match row.is_met() {
                None => "",
                Some(true) => "yes",
                Some(false) => "NO",
            };
            let excuse = row
                .excuse
                .as_ref()
                .map_or(String::new(), |why| format!("; {why}"));
            writeln!(
                f,
                "{:52} {:>8} {range:>17}  {:5} {goal:>7} {met:4}  {}{excuse}",
                row.name,
                figure(row.value),
                row.unit,
                row.over,
            )?;
        }
        writeln!(f)?;
        for limit in &self.limits {
            writeln!(f, "limit: {limit}")?;
        }
        for (what, why) in &self.errors {
            writeln!(f, "NOT MEASURED: {what}: {why}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(goal: Goal, excuse: Option<&str>) -> Row {
        let sample = Sample::new(vec![1.0, 2.0, 4.0]).expect("numbers");
        let row = Row::of("ratio", "3 rounds", &sample, "×").with_goal(goal);
        row.with_excuse(excuse.map(str::to_owned))
    }

    #[test]
    fn a_goal_is_met_by_the_median_or_excused() {
        assert_eq!(row(Goal::AtLeast(2.0), None).is_met(), Some(true));
        assert_eq!(row(Goal::AtLeast(2.1), None).is_met(), Some(false));
        assert_eq!(row(Goal::AtLeast(2.1), Some("why")).is_met(), Some(true));
        assert_eq!(row(Goal::AtMost(1.9), None).is_met(), Some(false));
        assert_eq!(row(Goal::AtMost(2.0), None).range, Some((1.0, 4.0)));
    }

    #[test]
    fn figures_have_three_digits() {
        assert_eq!([1234.5, 12.34, 0.456].map(figure), ["1234", "12.3", "0.46"]);
    }
}
