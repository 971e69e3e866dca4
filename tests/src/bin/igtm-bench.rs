//! Real packets and the real daemon, measured: what `cargo xtask bench` runs as root.
//!
//! What cannot be measured is said at the end, and the exit code is 1.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use igtm_tests::bench::readme;
use igtm_tests::bench::report::Report;
use igtm_tests::bench::run::{self, Plan};
use igtm_tests::bench::server::Server;

/// Measures igtm and its peers on this host.
#[derive(Parser)]
#[command(name = "igtm-bench")]
struct Arguments {
    /// Where the report goes, as JSON.
    #[arg(long)]
    report: PathBuf,
    /// One short round of everything.
    #[arg(long)]
    quick: bool,
    /// Compare only these, by the names that rows have, and measure nothing else.
    #[arg(long, value_name = "SERVER", value_parser = server, value_delimiter = ',')]
    only: Vec<Server>,
    /// Rewrite the performance section of this file.
    #[arg(long, value_name = "FILE", conflicts_with = "only")]
    write_readme: Option<PathBuf>,
    /// Instances of the large configuration.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    instances: u32,
}

fn server(name: &str) -> Result<Server, String> {
    let mut all = Server::ALL.into_iter();
    all.find(|server| server.name() == name).ok_or_else(|| {
        let names = Server::ALL.map(Server::name).join(", ");
        format!("there are: {names}")
    })
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match measure(&arguments) {
        Ok(report) if report.errors.is_empty() => ExitCode::SUCCESS,
        Ok(report) => {
            println!(
                "error: {} measurements could not be made",
                report.errors.len()
            );
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<Report> {
    let plan = if arguments.quick {
        Plan::quick()
    } else {
        Plan::full()
    };
    let report = run::run(&Plan {
        instances: arguments.instances as usize,
        only: arguments.only.clone(),
        ..plan
    })?;
    let path = &arguments.report;
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::write(path, format!("{:#}\n", report.json()))
        .with_context(|| format!("{}", path.display()))?;
    print!("{report}");
    println!("report: {}", path.display());
    if let Some(readme) = &arguments.write_readme {
        readme::rewrite(readme, &report)?;
        println!("rewritten: {}", readme.display());
    }
    Ok(report)
}
