//! Conformance: what an independent client hears from igtm, against what the RFCs say and against
//! what Knot DNS and NSD say of the same zone. `cargo xtask test conformance` brings all three.
//!
//! The cases are data, in tests/conformance/: `queries/*.toml` has each query with its whole reply,
//! `differences.toml` what the peers answer differently, and why. Nothing of igtm, nor a library of
//! it, makes the queries or reads the replies: `client.py` does, with dnspython.

mod client;
mod differences;
mod peers;
mod rows;
mod scene;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use anyhow::{Result, ensure};
use igtm_tests::world::{EDGE_V4, EDGE_V6, Place, World};

use client::{Asking, Reply, Way};
use differences::Differences;
use rows::Row;
use scene::{Scene, ZONES};

/// Failures shown; the rest is counted.
const SHOWN: usize = 20;

/// Whether everything that is installed for this is here; says what is not.
fn can_run() -> bool {
    let missing = scene::missing();
    if !missing.is_empty() {
        println!(
            "SKIP: conformance: not installed: {} (`cargo xtask test conformance` installs it where apt-get can)",
            missing.join(", ")
        );
    }
    missing.is_empty()
}

fn report(what: &str, failures: &[String]) -> Result<()> {
    let shown = failures.iter().take(SHOWN).cloned().collect::<Vec<_>>();
    ensure!(
        failures.is_empty(),
        "{} of {what}:\n\n{}",
        failures.len(),
        shown.join("\n")
    );
    Ok(())
}

/// Every row by every way, asked of `server`, and what is wrong.
fn rows_from(
    scene: &Scene,
    netns: &igtm_tests::netns::Netns,
    server: IpAddr,
) -> Result<Vec<String>> {
    let rows = rows::all()?;
    let mut asking = Asking::new(server, scene::IGTM_PORT);
    let mut expected = Vec::new();
    for row in &rows {
        for way in row.ways() {
            asking.ask(&row.ask, way, row.is_silent());
            expected.push((row, way));
        }
    }
    let heard = asking.hear(netns, scene.directory())?;
    let judge = |((row, way), reply): (&(&Row, Way), &Option<Reply>)| {
        let wrong = row.judge(*way, reply.as_ref())?;
        Some(format!(
            "{}: {}\n{} over {}:\n{wrong}",
            row.rfc,
            row.about,
            row.ask,
            way.name()
        ))
    };
    Ok(expected
        .iter()
        .zip(&heard.replies)
        .filter_map(judge)
        .collect())
}

#[test]
fn every_row_is_answered_as_the_rfcs_say() -> Result<()> {
    if !can_run() {
        return Ok(());
    }
    let world = World::new("rows")?;
    let scene = Scene::start(&world)?;
    // On the host itself the daemon answers everything; from outside XDP has its part.
    let outside = world.client(Place::Other);
    let mut failures = Vec::new();
    for (what, netns, server) in [
        ("of the daemon", world.edge(), IpAddr::from(EDGE_V4)),
        ("from outside", outside, EDGE_V4.into()),
        ("from outside by IPv6", outside, EDGE_V6.into()),
    ] {
        let wrong = rows_from(&scene, netns, server)?.into_iter();
        failures.extend(wrong.map(|one| format!("{what}: {one}")));
    }
    report("the replies", &failures)?;
    let counters = scene.daemon().counters(&world)?;
    ensure!(
        counters["reply_answer"] > 0,
        "XDP had no part: {counters:?}"
    );
    ensure!(counters["reply_nxdomain"] > 0, "{counters:?}");
    scene.stop()
}

/// Names that are not asked for, their like being asked for already.
fn is_one_of_many(name: &str) -> bool {
    let many = |suffix: &str| name.ends_with(suffix) && !name.contains('1');
    many(".large.conf.example.") || many(".crowd.conf.example.")
}

/// What is asked of all three servers: each name of the zones and what is below it, with types that
/// it has and has not.
fn sweep(records: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    const TYPES: [&str; 11] = [
        "A",
        "AAAA",
        "NS",
        "CNAME",
        "DNAME",
        "SOA",
        "MX",
        "TXT",
        "DS",
        "ANY",
        "TYPE65280",
    ];
    const NAME_OCTETS: usize = 253;
    let mut types_of: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for record in records.values().flatten() {
        let mut words = record.split(' ');
        let (Some(name), _, Some(rtype)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        for (name, _) in ancestors(name) {
            types_of.entry(name).or_default();
        }
        types_of.entry(name).or_default().insert(rtype);
    }
    let mut queries = Vec::new();
    for (name, own) in types_of.iter().filter(|(name, _)| !is_one_of_many(name)) {
        for below in ["", "x.", "x.y."] {
            if below.len() + name.len() > NAME_OCTETS {
                continue;
            }
            let own = own
                .iter()
                .filter(|one| below.is_empty() && !TYPES.contains(one));
            let types = TYPES.iter().chain(own);
            queries.extend(types.map(|rtype| format!("{below}{name} {rtype}")));
        }
    }
    queries
}

/// A name and those above it that are in conf.example.
fn ancestors(name: &str) -> impl Iterator<Item = (&str, usize)> {
    let ends = name.match_indices('.').map(|(at, _)| at + 1);
    std::iter::once(0)
        .chain(ends)
        .filter(|start| *start == 0 || name.as_bytes().get(start.wrapping_sub(2)) != Some(&b'\\'))
        .map(|start| (&name[start..], start))
        .filter(|(name, _)| name.ends_with("conf.example."))
}

#[test]
fn peers_answer_the_same_zone_alike_but_for_what_is_listed() -> Result<()> {
    if !can_run() {
        return Ok(());
    }
    let world = World::new("alike")?;
    let scene = Scene::start(&world)?;
    let transfers = |port: u16| -> Result<_> {
        let mut asking = Asking::new(EDGE_V4, port);
        asking.transfers(&ZONES);
        Ok(asking.hear(world.edge(), scene.directory())?.zones)
    };
    let ours = transfers(scene::IGTM_PORT)?;
    ensure!(ours.len() == ZONES.len(), "{} zones", ours.len());
    for (peer, port) in scene::PEERS {
        let theirs = transfers(port)?;
        for (zone, records) in &theirs {
            let all = BTreeSet::new();
            let mine = ours.get(zone).unwrap_or(&all);
            let apart: Vec<_> = mine.symmetric_difference(records).collect();
            ensure!(apart.is_empty(), "{zone} of igtm and of {peer}: {apart:#?}");
        }
    }

    let mut queries = Vec::new();
    for ask in sweep(&ours) {
        queries.push((ask.clone(), Way::Do));
        queries.push((ask, Way::Tcp));
    }
    for row in rows::all()?.iter().filter(|row| row.is_for_peers()) {
        queries.extend(row.ways().map(|way| (row.ask.clone(), way)));
    }
    let ask = |port: u16| -> Result<Vec<Option<Reply>>> {
        let mut asking = Asking::new(EDGE_V4, port);
        for (ask, way) in &queries {
            asking.ask(ask, *way, false);
        }
        Ok(asking.hear(world.edge(), scene.directory())?.replies)
    };
    let ours = ask(scene::IGTM_PORT)?;
    let mut differences = Differences::read()?;
    let mut failures = Vec::new();
    for (peer, port) in scene::PEERS {
        let theirs = ask(port)?;
        for (((ask, way), mine), other) in queries.iter().zip(&ours).zip(&theirs) {
            failures.extend(differences.judge(peer, ask, *way, mine.as_ref(), other.as_ref()));
        }
    }
    println!("{} queries, each to three servers", queries.len());
    report("the replies, unlisted", &failures)?;
    report("the differences, listed but gone", &differences.unused())?;
    scene.stop()
}
