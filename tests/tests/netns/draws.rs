//! Weights within statistical bounds, rotation, and the window of `max_answers`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use anyhow::{Context, Result, ensure};
use hickory_proto::rr::RecordType;
use igtm_tests::daemon::counted;
use igtm_tests::dns::Client;
use igtm_tests::world::{EDGE_V4, Place, World};

use crate::scene::{instance, pool, server, start, strategy};

const QUERIES: u32 = 2000;
/// A right draw falls outside once in two million times.
const SIGMAS: f64 = 5.0;

/// Holds how often each came against its share.
fn within_bounds(seen: &BTreeMap<IpAddr, u32>, shares: &[(&str, f64)]) -> Result<()> {
    let total: f64 = seen.values().copied().map(f64::from).sum();
    ensure!(seen.len() == shares.len(), "{seen:?}");
    for (address, share) in shares {
        let count = f64::from(*seen.get(&address.parse()?).context("never drawn")?);
        let sigma = (total * share * (1.0 - share)).sqrt();
        ensure!(
            (count - total * share).abs() <= SIGMAS * sigma,
            "{address}: {count} of {total}, not {} ± {:.0}: {seen:?}",
            total * share,
            SIGMAS * sigma
        );
    }
    Ok(())
}

fn config(world: &World) -> String {
    let weighted = "policy = \"weight\"";
    let tier = |pools: &str| {
        format!(
            "[[instance.strategy]]\nname = \"s\"\nlines = [\"default\"]\nfallback = \"four\"\n\
             tier = [{{ pools = [{pools}], policy = \"weight\" }}]\n"
        )
    };
    server(world, "xdp = \"native\"")
        + &pool("heavy", weighted, &[("10.9.9.1", 80), ("10.9.9.2", 20)])
        + &pool("pair", "", &[("10.9.9.3", 100), ("10.9.9.4", 100)])
        + &pool("four", "", &[("10.9.9.5", 1), ("10.9.9.6", 1), ("10.9.9.7", 1), ("10.9.9.8", 1)])
        + &instance("weight.example.com")
        + &tier("\"heavy\"")
        // 80 and 20 by their own weights, the pair by its pool's: shares of 300.
        + &instance("both.example.com")
        + &tier("{ pool = \"heavy\", weight = 1 }, { pool = \"pair\", weight = 100 }")
        + &instance("all.example.com")
        + &strategy("s", "default", &["four"], "four")
        + &instance("window.example.com")
        + "max_answers = 3\n"
        + &strategy("s", "default", &["four"], "four")
}

#[test]
fn weights_and_rotation_hold_their_shares() -> Result<()> {
    let world = World::new("draws")?;
    let daemon = start(&world, &config(&world))?;
    let client = Client::new(world.client(Place::Other), EDGE_V4)?;
    let before = daemon.counters(&world)?;
    let sample = |name: &str| -> Result<Vec<Vec<IpAddr>>> {
        (0..QUERIES)
            .map(|_| Ok(client.ask(name, RecordType::A)?.addresses()))
            .collect()
    };
    let first = |replies: &[Vec<IpAddr>]| {
        let mut seen = BTreeMap::new();
        for reply in replies {
            *seen.entry(reply[0]).or_default() += 1;
        }
        seen
    };

    let one = sample("weight.example.com")?;
    ensure!(one.iter().all(|reply| reply.len() == 1));
    within_bounds(&first(&one), &[("10.9.9.1", 0.8), ("10.9.9.2", 0.2)])?;

    let both = sample("both.example.com")?;
    ensure!(both.iter().all(|reply| reply.len() == 1));
    let shares = [
        ("10.9.9.1", 80.0 / 300.0),
        ("10.9.9.2", 20.0 / 300.0),
        ("10.9.9.3", 100.0 / 300.0),
        ("10.9.9.4", 100.0 / 300.0),
    ];
    within_bounds(&first(&both), &shares)?;

    let four: Vec<IpAddr> = (5..9).map(|n| IpAddr::from([10, 9, 9, n])).collect();
    let evenly = ["10.9.9.5", "10.9.9.6", "10.9.9.7", "10.9.9.8"].map(|address| (address, 0.25));
    for (name, count) in [("all.example.com", 4), ("window.example.com", 3)] {
        let replies = sample(name)?;
        for reply in &replies {
            let start = four.iter().position(|address| *address == reply[0]);
            let cyclic = four.iter().cycle().skip(start.context("a stranger")?);
            ensure!(cyclic.take(count).eq(reply), "{name}: {reply:?}");
        }
        within_bounds(&first(&replies), &evenly).context(name)?;
    }
    let counted = counted(&before, &daemon.counters(&world)?);
    ensure!(
        counted.get("reply_answer") == Some(&u64::from(4 * QUERIES)),
        "{counted:?}"
    );
    daemon.stop()
}
