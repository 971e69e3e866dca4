//! What the lines cost to build, to keep and to look up, by size.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use igtm_tests::line_figures;

/// Measures the lines' trees in userspace.
#[derive(Parser)]
#[command(name = "igtm-line-figures")]
struct Arguments {
    /// Print JSON, one object a row, instead of text.
    #[arg(long)]
    json: bool,
    /// A directory with one .txt file of prefixes for each operator.
    operators: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let measured = line_figures::measure(&arguments.operators, |figures| {
        if arguments.json {
            println!("{}", figures.json());
        } else {
            println!("{figures}");
        }
    });
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
