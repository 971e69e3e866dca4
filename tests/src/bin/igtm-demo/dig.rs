//! Real `dig` queries from a client's namespace.

use std::process::Command;

use anyhow::{Result, ensure};
use igtm_tests::netns::Netns;
use igtm_tests::world::EDGE_V4;

/// The name everybody asks for.
pub(crate) const NAME: &str = "www.example.com";

/// The command line, as a person would type it.
pub(crate) fn command_line() -> String {
    format!("dig @{EDGE_V4} {NAME}")
}

/// What `dig` says the addresses of [`NAME`] are, sorted: their order rotates from reply to reply.
pub(crate) fn addresses(client: &Netns) -> Result<Vec<String>> {
    // One try, so that a lost reply is a failure and a query is counted once.
    let text = client.output(
        Command::new("dig")
            .args([&format!("@{EDGE_V4}"), NAME, "A"])
            .args(["+tries=1", "+time=2"]),
    )?;
    ensure!(text.contains("status: NOERROR"), "dig says\n{text}");
    let mut addresses: Vec<String> = text
        .lines()
        .filter(|line| line.starts_with(NAME))
        .filter_map(|line| line.split_whitespace().last())
        .map(str::to_owned)
        .collect();
    addresses.sort();
    Ok(addresses)
}
