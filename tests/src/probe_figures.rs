//! What many probe tasks cost: CPU, memory, and how late their rounds begin.
//!
//! In a network namespace of this process alone, with a server process of its own: every address
//! of 127.0.0.0/8 is a target. What the server costs is not counted, but it takes its share of the
//! machine.

use std::fmt;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use igtm::config::{self, model::Config};
use igtm::health::{Health, Outcome};
use igtm::probe::{Means, Prober};
use jiff::Timestamp;
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};

/// Where the server listens.
const TCP_PORT: u16 = 7;
const HTTP_PORT: u16 = 80;
/// As the daemon has it.
const REPORTS: usize = 65_536;
/// Intervals before measuring begins: the first rounds are not at their usual times.
const WARM_UP: u32 = 2;

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Probe tasks, each of an address of its own.
    pub tasks: u32,
    /// Of each.
    pub interval: Duration,
    /// For so many of them.
    pub intervals: u32,
}

/// A row.
#[derive(Clone, Debug)]
pub struct ProbeFigures {
    protocol: &'static str,
    plan: Plan,
    /// Rounds that ended while measuring.
    reports: u64,
    /// Of these, not good.
    failed: u64,
    left_out: u64,
    /// Of this process, of one core.
    cpu_share: f64,
    /// Resident while measuring, MiB; and before the first probe.
    memory_mib: f64,
    memory_before_mib: f64,
    /// How late rounds begin: half of them, 99 and 99.9 of 100, all.
    late: [Duration; 4],
    /// From the first round to the last target's first.
    first_rounds: Duration,
}

impl ProbeFigures {
    /// For `--json`.
    pub fn json(&self) -> Value {
        let [half, most, nearly_all, worst] = self.late.map(|late| late.as_secs_f64() * 1e3);
        json!({
            "protocol": self.protocol,
            "tasks": self.plan.tasks,
            "interval_s": self.plan.interval.as_secs(),
            "reports": self.reports,
            "failed": self.failed,
            "left_out": self.left_out,
            "cpu_share": self.cpu_share,
            "memory_mib": self.memory_mib,
            "memory_before_mib": self.memory_before_mib,
            "late_ms": { "p50": half, "p99": most, "p99.9": nearly_all, "max": worst },
            "first_rounds_s": self.first_rounds.as_secs_f64(),
        })
    }
}

impl fmt::Display for ProbeFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.plan.interval * self.plan.intervals;
        let [half, most, nearly_all, worst] = self.late.map(|late| late.as_secs_f64() * 1e3);
        write!(
            f,
            "{:5} {} tasks every {} s: {:.0} rounds a second, {:.2} cores, {:.0} MiB ({:.0} before), \
             late {half:.1} ms p50, {most:.1} ms p99, {nearly_all:.1} ms p99.9, {worst:.1} ms at most; \
             {} failed, {} left out; all known after {:.1} s",
            self.protocol,
            self.plan.tasks,
            self.plan.interval.as_secs(),
            self.reports as f64 / seconds.as_secs_f64(),
            self.cpu_share,
            self.memory_mib,
            self.memory_before_mib,
            self.failed,
            self.left_out,
            self.first_rounds.as_secs_f64(),
        )
    }
}

/// The server, ended with this.
#[derive(Debug)]
struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Measures `protocol` (`tcp` or `http`) in a namespace that this process enters for good.
/// `serve` are the arguments with which this program becomes the server.
pub fn measure(protocol: &'static str, plan: Plan, serve: &[&str]) -> Result<ProbeFigures> {
    unshare(CloneFlags::CLONE_NEWNET).context("a network namespace needs root")?;
    crate::netns::ip(&["link", "set", "lo", "up"])?;
    let program = std::env::current_exe().context("this program's own path")?;
    let child = Command::new(program)
        .args(serve)
        .stdin(Stdio::piped())
        .spawn()
        .context("the server")?;
    let _peer = Peer(child);
    let runtime = runtime()?;
    runtime.block_on(async {
        await_server().await?;
        probe(protocol, plan).await
    })
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime.context("a runtime")
}

async fn await_server() -> Result<()> {
    for _ in 0..100 {
        if TcpStream::connect(("127.0.0.1", HTTP_PORT)).await.is_ok() {
            return Ok(());
        }
        sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("the server does not listen")
}

fn config(protocol: &str, plan: Plan) -> Result<Config> {
    let port = if protocol == "tcp" {
        TCP_PORT
    } else {
        HTTP_PORT
    };
    let mut text = format!(
        "version = 1\n[[monitor]]\nname = \"m\"\nprotocol = \"{protocol}\"\nport = {port}\n\
         interval = {}\ntimeout = \"2s\"\n{}[[pool]]\nname = \"p\"\ntype = \"ipv4\"\nmonitor = \"m\"\naddress = [\n",
        plan.interval.as_secs(),
        if protocol == "tcp" {
            ""
        } else {
            "host = \"www.example.com\"\n"
        },
    );
    for number in 0..plan.tasks {
        let [_, a, b, c] = (number + 256).to_be_bytes();
        text.push_str(&format!("{{ value = \"127.{a}.{b}.{c}\" }},\n"));
    }
    text.push_str("]\n");
    Ok(config::parse(&text, Path::new("/nowhere/figures.toml"))?)
}

async fn probe(protocol: &'static str, plan: Plan) -> Result<ProbeFigures> {
    let config = config(protocol, plan)?;
    let mut health = Health::new(&config, Timestamp::now());
    let (sender, mut reports) = mpsc::channel(REPORTS);
    let prober = Prober::start(Means::of_host(), sender);
    let memory_before_mib = resident_mib()?;
    let begun = Instant::now();
    prober.set_tasks(health.tasks());
    let mut first_rounds = None;
    let (mut ended, mut failed) = (0, 0);
    let mut work = async |until: Instant, ended: &mut u64, failed: &mut u64| {
        while let Ok(report) = timeout_at(until, reports.recv()).await {
            let report = report.context("the prober has ended")?;
            *ended += 1;
            *failed += u64::from(report.outcome != Outcome::Good);
            health.report(report, Timestamp::now());
            if first_rounds.is_none() && *ended >= u64::from(plan.tasks) && health.all_known() {
                first_rounds = Some(begun.elapsed());
            }
        }
        anyhow::Ok(())
    };
    let measuring = begun + plan.interval * WARM_UP;
    work(measuring, &mut ended, &mut failed).await?;
    prober.lateness().clear();
    let (before, cpu_before) = (ended, cpu()?);
    failed = 0;
    work(
        measuring + plan.interval * plan.intervals,
        &mut ended,
        &mut failed,
    )
    .await?;
    let cpu = cpu()? - cpu_before;
    let lateness = prober.lateness();
    let figures = ProbeFigures {
        protocol,
        plan,
        reports: ended - before,
        failed,
        left_out: lateness.left_out(),
        cpu_share: cpu.as_secs_f64() / (plan.interval * plan.intervals).as_secs_f64(),
        memory_mib: resident_mib()?,
        memory_before_mib,
        late: [500, 990, 999, 1000].map(|permille| lateness.quantile(permille)),
        first_rounds: first_rounds.context("some target has not finished its first round")?,
    };
    prober.stop().await;
    let expected = u64::from(plan.tasks) * u64::from(plan.intervals);
    ensure!(
        figures.reports.abs_diff(expected) <= expected / 50,
        "{} rounds instead of {expected}: {figures}",
        figures.reports
    );
    Ok(figures)
}

/// User and system time of this process.
fn cpu() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).context("getrusage")?;
    let us = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(us.unsigned_abs()))
}

fn resident_mib() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status").context("/proc/self/status")?;
    let mut lines = status.lines();
    let line = lines.find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kib: f64 = kib.context("no VmRSS")?.trim().parse()?;
    Ok(kib / 1024.0)
}

/// Becomes the server, until its standard input is closed.
pub fn serve() -> Result<()> {
    // Whoever started it holds the other end: with it this ends too.
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = std::io::stdout().flush();
        std::process::exit(0);
    });
    runtime()?.block_on(async {
        let tcp = TcpListener::bind(("0.0.0.0", TCP_PORT)).await?;
        let http = TcpListener::bind(("0.0.0.0", HTTP_PORT)).await?;
        tokio::spawn(async move {
            loop {
                // Accepted and closed: that is all a tcp probe asks for.
                drop(tcp.accept().await);
            }
        });
        loop {
            if let Ok((stream, _)) = http.accept().await {
                tokio::spawn(answer(stream));
            }
        }
    })
}

/// One request, one answer; a peer that breaks off is its own affair.
async fn answer(mut stream: TcpStream) {
    let mut head = [0; 1024];
    let mut filled = 0;
    while !head[..filled].ends_with(b"\r\n\r\n") {
        match stream.read(&mut head[filled..]).await {
            Ok(1..) if filled == head.len() => return,
            Ok(more @ 1..) => filled += more,
            _ => return,
        }
    }
    let reply = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
    let _ = stream.write_all(reply).await;
}
