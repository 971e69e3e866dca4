//! What many probe tasks cost: the figures of `cargo xtask figures probes`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use igtm_tests::probe_figures::{self, Plan};
use std::process::Command;

/// Measures the prober on this host, in a network namespace.
#[derive(Parser)]
#[command(name = "igtm-probe-figures")]
struct Arguments {
    /// Print JSON, one object a row, instead of text.
    #[arg(long)]
    json: bool,
    /// Probe tasks.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=8_000_000))]
    tasks: u32,
    /// Seconds from one round of a task to the next.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u64).range(5..))]
    interval: u64,
    /// For how many intervals to measure.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    intervals: u32,
    /// Become the server that is probed.
    #[arg(long, hide = true)]
    serve: bool,
    /// tcp, http; both without any.
    only: Vec<String>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    if arguments.serve {
        return probe_figures::serve();
    }
    let plan = Plan {
        tasks: arguments.tasks,
        interval: Duration::from_secs(arguments.interval),
        intervals: arguments.intervals,
    };
    let mut protocols = ["tcp", "http"].into_iter();
    match arguments.only.as_slice() {
        [one] => {
            let known = protocols.find(|known| known == one);
            let protocol = known.with_context(|| format!("{one} is neither tcp nor http"))?;
            let figures = probe_figures::measure(protocol, plan, &["--serve"])?;
            if arguments.json {
                println!("{}", figures.json());
            } else {
                println!("{figures}");
            }
            Ok(())
        }
        [] => protocols.try_for_each(|protocol| alone(arguments, protocol)),
        all => all
            .iter()
            .try_for_each(|protocol| alone(arguments, protocol)),
    }
}

/// One protocol in a process of its own: memory and namespace are its own then.
fn alone(arguments: &Arguments, protocol: &str) -> Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(protocol);
    for (option, value) in [
        ("--tasks", u64::from(arguments.tasks)),
        ("--interval", arguments.interval),
        ("--intervals", u64::from(arguments.intervals)),
    ] {
        command.arg(option).arg(value.to_string());
    }
    if arguments.json {
        command.arg("--json");
    }
    let status = command.status().with_context(|| protocol.to_owned())?;
    ensure!(status.success(), "{protocol}: {status}");
    Ok(())
}
