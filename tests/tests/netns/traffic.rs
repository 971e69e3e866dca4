//! What is seen of the traffic: sampled queries, what is asked most, and replies by name and line;
//! with the daemon and without it.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use hickory_proto::rr::RecordType;
use igtm_tests::dns::{Client, query};
use igtm_tests::wait;
use igtm_tests::world::{EDGE_V4, EDGE_V6, Place, World};
use serde_json::Value;

use crate::inspection::{read, text};
use crate::reload::reload;
use crate::scene::{
    PATIENCE, WWW, igtm, instance, operators, plain, pool, server, set, start, strategy,
    until_answered,
};

fn ask(world: &World, place: Place, name: &str, r#type: RecordType, times: usize) -> Result<()> {
    let client = Client::new(world.client(place), EDGE_V4)?;
    (0..times).try_for_each(|_| client.ask(name, r#type).map(drop))
}

/// `igtm tail --count COUNT --json`, which must end by itself.
fn tail(world: &World, count: usize) -> Result<Vec<Value>> {
    let mut tail = Command::new("timeout");
    tail.arg(PATIENCE.as_secs().to_string()).arg(igtm()?);
    tail.args(["tail", "--json", "--count", &count.to_string()]);
    tail.arg("--bpffs").arg(world.bpffs());
    let said = world.edge().output(&mut tail)?;
    let rows: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).context(line.to_owned()))
        .collect::<Result<_>>()?;
    ensure!(rows.len() == count, "{count}: {said}");
    Ok(rows)
}

fn config(world: &World) -> String {
    server(world, "xdp = \"native\"")
        + &operators()
        + &pool("telecom", "", &[("10.9.9.1", 1)])
        + &pool("default", "", &[("10.9.9.3", 1)])
        + &instance(WWW)
        + &strategy("telecom", "telecom", &["telecom"], "default")
        + &strategy("default", "default", &["default"], "default")
        + &instance("shop.example.com")
        + &strategy("default", "default", &["default"], "default")
}

#[test]
fn sampled_queries_say_who_asked_what_and_what_became_of_it() -> Result<()> {
    let world = World::new("tail")?;
    let daemon = start(&world, &config(&world))?;
    // The first of each outcome is sampled, on whichever CPU, and then every 64th.
    ask(&world, Place::Telecom, "wWw.Example.Com", RecordType::A, 1)?;
    ask(
        &world,
        Place::Other,
        "absent.example.com",
        RecordType::AAAA,
        1,
    )?;
    Client::new(world.client(Place::Unicom), EDGE_V6)?.ask(WWW, RecordType::TXT)?;
    let rows = tail(&world, 3)?;
    let expected = [
        (
            "wWw.Example.Com",
            "A",
            Some("telecom"),
            "reply_answer",
            "203.0.113.10",
        ),
        (
            "absent.example.com",
            "AAAA",
            None,
            "reply_nxdomain",
            "192.0.2.10",
        ),
        (WWW, "TXT", None, "reply_nodata", "2001:db8:b::10"),
    ];
    for (name, r#type, line, outcome, source) in expected {
        let row = rows.iter().find(|row| row["outcome"] == outcome);
        let row = row.with_context(|| format!("no {outcome} in {rows:?}"))?;
        ensure!(row["name"] == name && row["type"] == r#type, "{row}");
        ensure!(row["line"].as_str() == line, "{row}");
        ensure!(row["source"] == source && row["client"] == source, "{row}");
    }

    // What is asked most is sampled most, whichever CPU saw it.
    ask(&world, Place::Telecom, WWW, RecordType::A, 64 * 8)?;
    ask(
        &world,
        Place::Other,
        "shop.example.com",
        RecordType::A,
        64 * 3,
    )?;
    let top = |json: bool| -> Result<String> {
        text(
            &world,
            if json {
                &["tail", "--top", "--json"]
            } else {
                &["tail", "--top"]
            },
        )
    };
    let most = |top: &str| -> Result<()> {
        let top: Value = serde_json::from_str(top).with_context(|| top.to_owned())?;
        for (of, what) in [
            ("names", WWW),
            ("sources", "203.0.113.10"),
            ("lines", "telecom"),
        ] {
            ensure!(top[of][0]["what"] == what, "{of}: {top}");
            ensure!(top[of][0]["samples"].as_u64() >= Some(6), "{of}: {top}");
        }
        Ok(())
    };
    most(&top(true)?)?;
    daemon.stop()?;
    most(&top(true)?)?;
    ensure!(top(false)?.contains(WWW), "{}", top(false)?);
    tail(&world, 8)?;
    Ok(())
}

/// By name, type and line.
type Replies = BTreeMap<(String, String, String), u64>;

fn replies(world: &World) -> Result<Replies> {
    let json = read(world, &["map", "counters"])?;
    let rows = json["answers"]
        .as_array()
        .with_context(|| json.to_string())?;
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let counted = rows.iter().map(|row| {
        let count = row["replies"].as_u64().with_context(|| row.to_string())?;
        Ok((
            (text(row, "name"), text(row, "type"), text(row, "line")),
            count,
        ))
    });
    counted.collect()
}

#[test]
fn replies_are_counted_by_name_and_line_across_reloads_and_restarts() -> Result<()> {
    let world = World::new("counts")?;
    let daemon = start(&world, &config(&world))?;
    ask(&world, Place::Telecom, WWW, RecordType::A, 5)?;
    ask(&world, Place::Unicom, WWW, RecordType::A, 3)?;
    ask(&world, Place::Other, "shop.example.com", RecordType::A, 2)?;
    // Neither is an answer of theirs.
    ask(&world, Place::Other, WWW, RecordType::AAAA, 1)?;
    ask(&world, Place::Other, "absent.example.com", RecordType::A, 1)?;
    let key = |name: &str, line: &str| (name.to_owned(), "A".to_owned(), line.to_owned());
    let mut expected: Replies = [
        (key(WWW, "telecom"), 5),
        (key(WWW, "default"), 3),
        (key("shop.example.com", "default"), 2),
    ]
    .into();
    let found = replies(&world)?;
    ensure!(found == expected, "{found:?} instead of {expected:?}");
    let said = text(&world, &["map", "counters"])?;
    ensure!(
        said.contains("REPLIES") && said.contains("shop.example.com"),
        "{said}"
    );

    // Names before and behind come, one goes, and the others keep their counts.
    let more = instance("aaa.example.com")
        + &strategy("telecom", "telecom", &["telecom"], "default")
        + &strategy("default", "default", &["default"], "default");
    let other = config(&world).replace("shop.example.com", "zzz.example.com");
    let at = other.find("[[instance]]").context("there are some")?;
    reload(&daemon, &format!("{}{more}{}", &other[..at], &other[at..]))?;
    wait::until("the reload", PATIENCE, || {
        Ok(daemon.log().contains("reloaded file=").then_some(()))
    })?;
    ask(&world, Place::Telecom, WWW, RecordType::A, 1)?;
    ask(&world, Place::Telecom, "aaa.example.com", RecordType::A, 4)?;
    expected = [
        (key(WWW, "telecom"), 6),
        (key(WWW, "default"), 3),
        (key("aaa.example.com", "telecom"), 4),
        (key("aaa.example.com", "default"), 0),
        // Nobody inherits what another was counted for.
        (key("zzz.example.com", "default"), 0),
    ]
    .into();
    let kept = |expected: &Replies, when: &str| -> Result<()> {
        let found = replies(&world)?;
        ensure!(
            found == *expected,
            "{when}: {found:?} instead of {expected:?}"
        );
        Ok(())
    };
    kept(&expected, "after a reload")?;
    daemon.stop()?;
    ask(&world, Place::Unicom, WWW, RecordType::A, 2)?;
    expected.insert(key(WWW, "default"), 5);
    kept(&expected, "without a daemon")?;
    let file = std::fs::read_to_string(world.directory().join("igtm.toml"))?;
    let daemon = start(&world, &file)?;
    kept(&expected, "after a restart, which places all anew")?;
    daemon.stop()
}

/// Without samples: nothing was asked yet.
#[test]
fn the_top_of_nothing_is_empty() -> Result<()> {
    let world = World::new("quiet")?;
    let daemon = start(&world, &plain(&world, "xdp = \"native\""))?;
    let top = read(&world, &["tail", "--top"])?;
    ensure!(
        top["samples"] == 0 && top["names"] == serde_json::json!([]),
        "{top}"
    );
    until_answered(&world, &set(&["192.0.2.1", "192.0.2.2"]))?;
    // An option that only userspace serves (NSID, RFC 5001) is a sample too.
    let mut asked = query(WWW, RecordType::A, true)?;
    let nsid = hickory_proto::rr::rdata::opt::EdnsOption::Unknown(3, Vec::new());
    asked
        .edns
        .as_mut()
        .context("it was asked for")?
        .options_mut()
        .insert(nsid);
    Client::new(world.client(Place::Other), EDGE_V4)?.send(&asked)?;
    let rows = tail(&world, 1)?;
    ensure!(rows[0]["outcome"] == "reply_answer", "{rows:?}");
    ensure!(daemon.counters(&world)?["pass_edns_option"] == 1);
    daemon.stop()
}
