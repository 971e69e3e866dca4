//! `igtm force`: an operator's word about an address goes before what is measured.
//!
//! Asks the daemon; decides nothing.

use std::process::ExitCode;

use clap::Args;

use super::daemon::{CommandError, Daemon, print_reply};
use super::events::span;
use crate::admin::force::{Wish, Word};

/// What is ordered.
#[derive(Args, Clone, Debug)]
pub struct ForceArgs {
    /// Where the daemon is.
    #[command(flatten)]
    pub daemon: Daemon,
    /// Why, in one line: it is shown, logged and told with every alert (not needed for auto)
    #[arg(long, value_name = "TEXT", required_if_eq_any([("to", "up"), ("to", "down"), ("to", "drain")]))]
    pub reason: Option<String>,
    /// In this pool only; else in all that have the address
    #[arg(long, value_name = "NAME")]
    pub pool: Option<String>,
    /// For how long: 90s, 30m, 1h30m, 2d; else until it is ended
    #[arg(long = "for", value_name = "DURATION", value_parser = span)]
    pub lasts: Option<String>,
    /// The address or domain, as a pool has it
    pub address: String,
    /// What it is to be
    #[arg(value_enum)]
    pub to: Word,
}

/// Tells the daemon, and prints what changed.
pub fn force(args: &ForceArgs) -> ExitCode {
    let wish = Wish {
        address: args.address.clone(),
        to: args.to,
        reason: args.reason.clone(),
        pool: args.pool.clone(),
        r#for: args.lasts.clone(),
    };
    let asked = serde_json::to_string(&wish)
        .map_err(|error| CommandError::No(error.to_string()))
        .and_then(|body| args.daemon.ask("/api/v1/force", Some(body)));
    print_reply(args.daemon.json, asked)
}
