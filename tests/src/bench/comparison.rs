//! What the rounds of [`super::peers`] say: rows, ratios within a round, and their goals.

use anyhow::{Context, Result};
use igtm_common::generator::TEMPLATES;

use super::peers::{Effort, Figures, MODERATE, Rounds, SHARE};
use super::query::PREFIXES;
use super::report::{Goal, Row, figure};
use super::server::Server;
use super::stats::Sample;

/// A ratio within a round, with a goal.
struct Ratio {
    name: String,
    of: Server,
    to: Server,
    what: fn(&Figures) -> Option<f64>,
    /// `×` or `%`.
    unit: &'static str,
    goal: Goal,
    over: String,
    /// Whether a faster generator could make it greater.
    by_rate: bool,
}

/// The rows of `rounds` and the ratios between `servers`, and what could not be computed because one
/// of them is missing.
pub fn rows(
    rounds: &Rounds,
    servers: &[Server],
    effort: Effort,
) -> (Vec<Row>, Vec<(String, String)>) {
    let over = format!("{} rounds of {:?} a step", effort.rounds, effort.step);
    let mut rows = Vec::new();
    let mut errors = Vec::new();
    for (server, figures) in rounds {
        rows.extend(of_server(*server, figures, &over));
    }
    let ratios = ratios(&over).into_iter();
    for ratio in ratios.filter(|ratio| servers.contains(&ratio.of) && servers.contains(&ratio.to)) {
        match ratio.row(rounds) {
            Ok(row) => rows.push(row),
            Err(error) => errors.push((ratio.name.clone(), format!("{error:#}"))),
        }
    }
    (rows, errors)
}

fn of_server(server: Server, figures: &[Figures], over: &str) -> Vec<Row> {
    let name = server.name();
    let row = |what: &str, over: String, value: fn(&Figures) -> Option<f64>, unit| {
        let values: Option<Vec<f64>> = figures.iter().map(value).collect();
        let sample = Sample::new(values?)?;
        Some(Row::of(format!("{name}: {what}"), over, &sample, unit))
    };
    let rows = [
        row(
            "highest rate",
            format!("≥ {} % answered, {TEMPLATES} names, {over}", SHARE * 100.0),
            |figures| Some(figures.highest / 1e3),
            "k/s",
        ),
        row(
            "processor time a query, highest rate",
            format!("process and NAPI thread, {over}"),
            |figures| Some(figures.highest_cpu_ns),
            "ns",
        ),
        row(
            "processor time a query, moderate rate",
            format!("process and NAPI thread, {} k/s, {over}", MODERATE / 1000),
            |figures| Some(figures.cpu_ns),
            "ns",
        ),
        row(
            "replies when flooded",
            format!("offered all that the generator can send, {over}"),
            |figures| Some(figures.flood?.answered / 1e3),
            "k/s",
        ),
        row(
            "queries when flooded",
            format!("all that the generator can send, {over}"),
            |figures| Some(figures.flood?.sent / 1e3),
            "k/s",
        ),
    ];
    rows.into_iter().flatten().collect()
}

fn ratios(over: &str) -> Vec<Ratio> {
    let mut ratios = Vec::new();
    for (peer, goal) in [(Server::Gdnsd, 3.0), (Server::KnotXdp, 2.0)] {
        let ratio = |name: &str, what, goal, over| Ratio {
            name: format!("{name} ÷ {}", peer.name()),
            of: Server::Igtm,
            to: peer,
            what,
            unit: "×",
            goal,
            over,
            by_rate: matches!(goal, Goal::AtLeast(_)),
        };
        ratios.push(ratio(
            "igtm",
            |figures| Some(figures.highest),
            Goal::AtLeast(goal),
            format!("highest rates, igtm with a line of {PREFIXES} prefixes; {over}"),
        ));
        ratios.push(ratio(
            "processor time at the highest rates: igtm",
            |figures| Some(figures.highest_cpu_ns),
            Goal::AtMost(0.2),
            format!("a query, each server at its own highest rate; {over}"),
        ));
        ratios.push(ratio(
            "processor time at a moderate rate: igtm",
            |figures| Some(figures.cpu_ns),
            Goal::AtMost(0.2),
            format!(
                "a query at {} k/s, most of it the receiving thread's waking; {over}",
                MODERATE / 1000
            ),
        ));
    }
    for (what, of, to) in [
        ("", Server::IgtmUserspace, Server::Gdnsd),
        (", static records", Server::IgtmStatic, Server::Nsd),
    ] {
        ratios.push(Ratio {
            name: format!("userspace path{what}: igtm ÷ {}", to.name()),
            of,
            to,
            what: |figures| Some(figures.highest),
            unit: "×",
            goal: Goal::AtLeast(1.0),
            over: format!("highest rates, xdp = \"off\", one core; {over}"),
            by_rate: true,
        });
    }
    let live = |name: &str, what, over: &str| Ratio {
        name: format!("live frames: igtm's share of the bare reflector{name}"),
        of: Server::Igtm,
        to: Server::Reflector,
        what,
        unit: "%",
        goal: Goal::AtLeast(45.0),
        over: over.to_owned(),
        by_rate: false,
    };
    ratios.push(live(
        "",
        |figures| Some(figures.highest),
        &format!("highest rates, igtm with a line of {PREFIXES} prefixes; {over}"),
    ));
    ratios.push(live(
        ", flooded",
        |figures| figures.flood.map(|flood| flood.answered),
        &format!(
            "replies when offered all that the generator can send, several times what igtm answers, \
             so that both processors fight for the veth's ring; {over}"
        ),
    ));
    ratios
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
        let values = values.map(|(of, to)| Some(percent * (self.what)(of)? / (self.what)(to)?));
        let sample = values.collect::<Option<_>>().and_then(Sample::new);
        let sample = sample.context("a round without it")?;
        let row = Row::of(self.name.as_str(), self.over.as_str(), &sample, self.unit)
            .with_goal(self.goal);
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
