//! What the rounds of [`super::peers`] say: rows, ratios within a round, and their goals.

use anyhow::{Context, Result};
use igtm_common::generator::TEMPLATES;

use super::peers::{Effort, Figures, MODERATE, Rounds, SHARE};
use super::query::PREFIXES;
use super::report::{Goal, Row, figure};
use super::server::Server;
use super::stats::Sample;

/// A ratio with a goal.
struct Ratio {
    name: &'static str,
    of: Server,
    to: Server,
    what: fn(&Figures) -> f64,
    unit: &'static str,
    goal: Goal,
    over: String,
    /// Whether sending more than the generator can would help.
    by_rate: bool,
}

/// The rows of `rounds`, and what could not be computed because a server is missing.
pub fn rows(rounds: &Rounds, effort: Effort) -> (Vec<Row>, Vec<(String, String)>) {
    let over = format!("{} rounds of {:?} a step", effort.rounds, effort.step);
    let mut rows = Vec::new();
    let mut errors = Vec::new();
    for (server, figures) in rounds {
        rows.extend(of_server(*server, figures, &over));
    }
    for ratio in ratios(&over) {
        match ratio.row(rounds) {
            Ok(row) => rows.push(row),
            Err(error) => errors.push((ratio.name.to_owned(), format!("{error:#}"))),
        }
    }
    (rows, errors)
}

fn of_server(server: Server, figures: &[Figures], over: &str) -> Vec<Row> {
    let name = server.name();
    let row = |what: &str, over: String, value: fn(&Figures) -> f64, unit| {
        let sample = Sample::new(figures.iter().map(value).collect())?;
        Some(Row::of(format!("{name}: {what}"), over, &sample, unit))
    };
    let percent = SHARE * 100.0;
    let mut rows = vec![
        row(
            "highest rate",
            format!("≥ {percent} % answered, {TEMPLATES} names, {over}"),
            |figures| figures.highest / 1e3,
            "k/s",
        ),
        row(
            "processor time a query",
            format!(
                "process and NAPI thread, {} k/s in bursts of 16, {over}",
                MODERATE / 1000
            ),
            |figures| figures.cpu_ns,
            "ns",
        ),
        row(
            "replies when flooded",
            format!("offered all that the generator can send, {over}"),
            |figures| figures.flooded / 1e3,
            "k/s",
        ),
    ];
    if server == Server::Reflector {
        let sent = |figures: &Figures| figures.flood / 1e3;
        let over = format!("queries that the generator sends without a pause, {over}");
        rows.push(row("most that can be sent to it", over, sent, "k/s"));
    }
    rows.into_iter().flatten().collect()
}

fn ratios(over: &str) -> [Ratio; 6] {
    let highest: fn(&Figures) -> f64 = |figures| figures.highest;
    let cpu: fn(&Figures) -> f64 = |figures| figures.cpu_ns;
    let rates =
        format!("highest rates, same round; igtm with a line of {PREFIXES} prefixes; {over}");
    let times = format!(
        "processor time a query at {} k/s, same round; {over}",
        MODERATE / 1000
    );
    let ratio = |name, of, to, what, goal, over: &str| Ratio {
        name,
        of,
        to,
        what,
        unit: "×",
        goal,
        over: over.to_owned(),
        by_rate: over == rates,
    };
    [
        ratio(
            "igtm ÷ gdnsd",
            Server::Igtm,
            Server::Gdnsd,
            highest,
            Goal::AtLeast(3.0),
            &rates,
        ),
        ratio(
            "igtm ÷ knot AF_XDP",
            Server::Igtm,
            Server::KnotXdp,
            highest,
            Goal::AtLeast(2.0),
            &rates,
        ),
        ratio(
            "processor time: igtm ÷ gdnsd",
            Server::Igtm,
            Server::Gdnsd,
            cpu,
            Goal::AtMost(0.2),
            &times,
        ),
        ratio(
            "processor time: igtm ÷ knot AF_XDP",
            Server::Igtm,
            Server::KnotXdp,
            cpu,
            Goal::AtMost(0.2),
            &times,
        ),
        ratio(
            "userspace path: igtm ÷ gdnsd",
            Server::IgtmUserspace,
            Server::Gdnsd,
            highest,
            Goal::AtLeast(1.0),
            &format!("highest rates, xdp = \"off\", one core each, same round; {over}"),
        ),
        Ratio {
            unit: "%",
            ..ratio(
                "live frames: igtm's share of the bare reflector's rate",
                Server::Igtm,
                Server::Reflector,
                |figures| figures.flooded,
                Goal::AtLeast(45.0),
                &format!("replies when flooded, line of {PREFIXES} prefixes, same round; {over}"),
            )
        },
    ]
}

impl Ratio {
    fn row(&self, rounds: &Rounds) -> Result<Row> {
        let figures = |server: Server| {
            let figures = rounds.get(&server);
            figures.with_context(|| format!("{} was not measured", server.name()))
        };
        let (of, to) = (figures(self.of)?, figures(self.to)?);
        let percent = if self.unit == "%" { 100.0 } else { 1.0 };
        let values = of.iter().zip(to);
        let values = values.map(|(of, to)| percent * (self.what)(of) / (self.what)(to));
        let sample = Sample::new(values.collect()).context("no rounds")?;
        let row = Row::of(self.name, self.over.as_str(), &sample, self.unit).with_goal(self.goal);
        let is_ceiling = self.by_rate && of.iter().all(|figures| figures.is_ceiling);
        let excuse = is_ceiling.then(|| {
            let most = of.iter().map(|figures| figures.highest).fold(0.0, f64::max);
            format!(
                "it answered all that the generator could send, {} k/s",
                figure(most / 1e3)
            )
        });
        Ok(row.with_excuse(excuse))
    }
}
