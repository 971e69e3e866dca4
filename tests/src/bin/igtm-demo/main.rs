//! The live demonstration: igtm between clients, backends and a webhook receiver, in network
//! namespaces of its own.
//!
//! Everything shown is real: XDP on a veth, queries by `dig`, probes, signed webhooks. With
//! `--once` it is CI's end-to-end check: exit code 0 only if every step held.

mod dig;
mod failover;
mod scene;
mod screen;
mod steps;

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use igtm_tests::{undo, world};

use crate::scene::Scene;
use crate::screen::Screen;

/// Shows igtm answering, failing over and recovering, on this host, in network namespaces.
#[derive(Parser)]
#[command(name = "igtm-demo")]
struct Cli {
    /// The program to show.
    #[arg(long)]
    igtm: PathBuf,
    /// End after the last step instead of waiting for Ctrl-C.
    #[arg(long)]
    once: bool,
}

fn main() -> ExitCode {
    let screen = Screen::new();
    match show(&Cli::parse(), &screen) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            screen.failed(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn show(cli: &Cli, screen: &Screen) -> Result<()> {
    ensure!(
        nix::unistd::geteuid().is_root(),
        "network namespaces and XDP need root: try `sudo {}`",
        std::env::args().collect::<Vec<_>>().join(" ")
    );
    screen.title("igtm, live: DNS answered in the kernel, by client, by health");
    let igtm = cli
        .igtm
        .canonicalize()
        .with_context(|| format!("{}", cli.igtm.display()))?;
    let world = steps::network(screen)?;
    let mut scene = Scene::open(&world, &igtm)?;
    steps::daemon(&scene, screen)?;
    steps::answers(&scene, screen)?;
    failover::outage(&mut scene, screen)?;
    failover::recovery(&mut scene, screen)?;
    steps::daemon_killed(&mut scene, screen)?;
    steps::by_hand(&scene, screen);
    if !cli.once {
        screen.note("Everything stays up until Ctrl-C, which leaves nothing behind.");
        undo::exit_with(0);
        loop {
            thread::park();
        }
    }
    let prefix = world.prefix().to_owned();
    drop(scene);
    drop(world);
    let left = world::traces(&prefix);
    ensure!(left.is_empty(), "left behind: {}", left.join(", "));
    screen.passed("every step held; nothing is left behind");
    Ok(())
}
