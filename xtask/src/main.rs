//! `cargo xtask`: setup, build, run, test, fuzz, figures, bench, lint and ci, one file each.
//!
//! Knows none of our crates: what it must say about them it says by their names on a command line.

mod bench;
mod btf;
mod build;
mod ci;
mod figures;
mod fuzz;
mod host;
mod lint;
mod peers;
mod run;
mod setup;
mod shell;
mod test;
mod toolchain;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Builds, runs and checks igtm from its source tree.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what building and testing need, and nothing that is already here.
    Setup,
    /// Build the XDP program and the daemon with it inside: target/{debug,release}/igtm.
    Build {
        /// With optimisations.
        #[arg(long)]
        release: bool,
    },
    /// The live demonstration in network namespaces; after `--`, `igtm run` on this host instead.
    Run {
        /// Show every step once and exit 0 only if all held.
        #[arg(long, conflicts_with = "args")]
        once: bool,
        /// Arguments of `igtm run`, e.g. `-- -c /etc/igtm/igtm.toml`.
        #[arg(last = true)]
        args: Vec<OsString>,
    },
    /// Run the tests: all, or one level of them.
    Test {
        /// unit needs neither root nor the BPF toolchain; the others need both.
        level: Option<test::Level>,
    },
    /// Throw octets that nobody meant at what reads messages and files; finds go to target/fuzz/.
    Fuzz {
        /// wire, options, zone_file, prefix_file, configuration or mmdb; all of them without any.
        target: Option<String>,
        /// For each target.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=10_000))]
        minutes: u64,
        /// Repeat the sequence of inputs that this number begins.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Measure what a packet costs in the kernel, by BPF_PROG_TEST_RUN; or, with `probes`, what
    /// 100 000 probe tasks cost.
    Figures {
        /// Print JSON instead of a table.
        #[arg(long)]
        json: bool,
        /// Only these, e.g. `hit nxdomain`, or `probes tcp`; all of the kernel's without any.
        only: Vec<String>,
    },
    /// Measure igtm and its peers with real packets: a table, and target/bench/report.json.
    Bench {
        /// Install what igtm is compared with (Debian's knot, gdnsd, nsd and others), starting none.
        #[arg(long)]
        install_peers: bool,
        /// One short round of everything.
        #[arg(long)]
        quick: bool,
        /// Put the figures into README.md.
        #[arg(long)]
        write_readme: bool,
        /// Compare only these servers, e.g. `--only 'igtm userspace,gdnsd'`, and measure nothing else.
        #[arg(long, value_name = "SERVERS")]
        only: Option<String>,
    },
    /// Formatting, clippy (host and BPF), documentation, the systemd unit: warnings are errors.
    Lint,
    /// What CI runs: lint, every test, and the demonstration once.
    Ci,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Setup => setup::setup(),
        Command::Build { release } => build::build(release.into()),
        Command::Run { once, args } => run::run(once, &args),
        Command::Test { level } => test::test(level),
        Command::Fuzz {
            target,
            minutes,
            seed,
        } => fuzz::fuzz(target.as_deref(), minutes, seed),
        Command::Figures { json, only } => figures::figures(json, &only),
        Command::Bench {
            install_peers,
            quick,
            write_readme,
            only,
        } => bench::bench(&bench::Options {
            install_peers,
            quick,
            write_readme,
            only,
        }),
        Command::Lint => lint::lint(),
        Command::Ci => ci::ci(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
