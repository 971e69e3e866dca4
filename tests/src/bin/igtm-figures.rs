//! What one packet costs in the kernel, by BPF_PROG_TEST_RUN: the figures of `cargo xtask figures`.
//!
//! A figure that cannot be measured is an error, never left out.

use std::process::ExitCode;

use clap::Parser;
use igtm_tests::figures;

/// Measures the XDP program on this host.
#[derive(Parser)]
#[command(name = "igtm-figures")]
struct Arguments {
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Runs of each program in one measurement.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1000..))]
    repeat: u32,
    /// Measurements of each program.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Only these figures; all without any.
    only: Vec<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match figures::measure(arguments.repeat, arguments.rounds, &arguments.only) {
        Ok(figures) if arguments.json => println!("{:#}", figures.json()),
        Ok(figures) => print!("{figures}"),
        Err(error) => {
            println!("error: {error:#}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
