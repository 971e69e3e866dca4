//! One whole run: every measurement, whatever became of the one before.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::ground::Ground;
use super::machine::Machine;
use super::peers::Effort;
use super::report::Report;
use super::server::Server;
use super::{comparison, cpu, failover, packets, peers, startup};
use crate::wait;

/// How much of everything.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Runs of each program in one measurement of packets.
    pub repeat: u32,
    /// Measurements of each.
    pub packet_rounds: u32,
    /// Of the servers.
    pub peers: Effort,
    /// Only these of them, and nothing else; all and everything when there are none.
    pub only: Vec<Server>,
    /// Of the large configuration.
    pub instances: usize,
    /// Starts and reloads of it.
    pub starts: usize,
    /// Failovers.
    pub changes: usize,
    /// Whether to say that it was quick.
    pub is_quick: bool,
}

impl Plan {
    /// A run whose figures may be quoted.
    pub fn full() -> Self {
        Self {
            repeat: 1_000_000,
            packet_rounds: 7,
            peers: Effort {
                rounds: 3,
                step: Duration::from_secs(1),
            },
            only: Vec::new(),
            instances: 100_000,
            starts: 3,
            changes: 30,
            is_quick: false,
        }
    }

    /// A run that shows whether everything can be measured.
    pub fn quick() -> Self {
        Self {
            repeat: 100_000,
            packet_rounds: 3,
            peers: Effort {
                rounds: 1,
                step: Duration::from_millis(400),
            },
            only: Vec::new(),
            instances: 100_000,
            starts: 1,
            changes: 10,
            is_quick: true,
        }
    }
}

/// Measures; fails only when nothing can be measured at all.
pub fn run(plan: &Plan) -> Result<Report> {
    let cpus = thread::available_parallelism()?.get();
    ensure!(
        cpus > cpu::SERVER,
        "{cpus} CPU: the server needs one and the generator another"
    );
    let mut report = Report {
        machine: Machine::this()?,
        is_quick: plan.is_quick,
        rows: Vec::new(),
        errors: Vec::new(),
        limits: limits(cpus)?,
    };
    let servers = if plan.only.is_empty() {
        report.add("packets", packets::measure(plan.repeat, plan.packet_rounds));
        report.add(
            "start and reload",
            startup::measure(plan.instances, plan.starts),
        );
        report.add("failover", failover::measure(plan.changes));
        &Server::ALL[..]
    } else {
        &plan.only
    };

    match Ground::new() {
        Ok(ground) => {
            let (rounds, errors) = peers::measure(&ground, servers, plan.peers);
            let errors = errors.into_iter();
            report.errors.extend(
                errors.map(|(server, error)| (server.name().to_owned(), format!("{error:#}"))),
            );
            let (rows, missing) = comparison::rows(&rounds, servers, plan.peers);
            report.rows.extend(rows);
            report.errors.extend(missing);
        }
        Err(error) => report.add("servers on one wire", Err(error)),
    }
    Ok(report)
}

/// What a reader of the figures must know about this host.
fn limits(cpus: usize) -> Result<Vec<String>> {
    let mut limits = vec![
        "a server has one CPU and the generator another; nothing here says how they scale".to_owned(),
        "a veth is no network card: no DMA, no interrupts; an XDP reply is received at the client's \
         end on the server's CPU, for every server alike"
            .to_owned(),
        "queries of a paced run come in bursts of 16, as interrupt moderation would deliver them"
            .to_owned(),
        "every server receives by threaded NAPI on its own CPU, and its sockets have 4 MiB unless it \
         asks for less"
            .to_owned(),
    ];
    if cpus == 2 {
        limits.push(
            "two CPUs only: whatever else runs takes time from server or generator".to_owned(),
        );
    }
    let busy = busy_percent()?;
    if busy > 5.0 {
        limits.push(format!(
            "the host was {busy:.0} % busy with other work when the run began"
        ));
    }
    Ok(limits)
}

/// Of all CPUs' time within a second, the share that was not idle.
fn busy_percent() -> Result<f64> {
    let (total, idle) = times()?;
    wait::pause(Duration::from_secs(1));
    let (total_now, idle_now) = times()?;
    let passed = total_now.saturating_sub(total).max(1);
    Ok(100.0 - 100.0 * idle_now.saturating_sub(idle) as f64 / passed as f64)
}

/// All time, and what of it was idle or waiting for a disk, in ticks (proc_stat(5)).
fn times() -> Result<(u64, u64)> {
    let text = fs::read_to_string("/proc/stat")?;
    let line = text.lines().next().context("/proc/stat is empty")?;
    let fields = line.split_whitespace().skip(1);
    let ticks: Vec<u64> = fields.map(str::parse).collect::<Result<_, _>>()?;
    ensure!(ticks.len() >= 8, "/proc/stat: {line}");
    Ok((ticks[..8].iter().sum(), ticks[3] + ticks[4]))
}
