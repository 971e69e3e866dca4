//! What the lines cost to read, to build, to keep and to look up, by size.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use igtm_tests::{line_figures, list_figures};

/// Measures reading prefix files and, given operators' lists, the lines' trees, in userspace.
#[derive(Parser)]
#[command(name = "igtm-line-figures")]
struct Arguments {
    /// Print JSON, one object a row, instead of text.
    #[arg(long)]
    json: bool,
    /// A directory with one .txt file of prefixes for each operator.
    operators: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let measured = list_figures::measure(|figure| {
        if arguments.json {
            println!("{}", figure.json());
        } else {
            println!("{figure}");
        }
    });
    let measured = measured.and_then(|()| match &arguments.operators {
        None => Ok(()),
        Some(operators) => line_figures::measure(operators, |figures| {
            if arguments.json {
                println!("{}", figures.json());
            } else {
                println!("{figures}");
            }
        }),
    });
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
