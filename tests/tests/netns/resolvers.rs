//! What resolvers send beside a question, as `dig` sends it: client subnets and cookies; and what
//! they cache of names that are not there.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{RData, RecordType};
use igtm_tests::backend::Backend;
use igtm_tests::daemon::counted;
use igtm_tests::dns::{Client, Reply};
use igtm_tests::world::{EDGE_V4, Place, World, backend_v4};

use crate::scene::{
    WWW, answered, backend_pool, instance, operators, plain, pool, server, set, start, strategy,
    until_answered, web,
};

/// `dig @EDGE www.example.com A MORE` from outside; the line of its output after `mark`.
fn dig(world: &World, more: &[&str], mark: &str) -> Result<String> {
    let mut dig = Command::new("dig");
    dig.arg(format!("@{EDGE_V4}")).args([WWW, "A"]).args(more);
    let said = world.client(Place::Other).output(&mut dig)?;
    let line = said.lines().find_map(|line| line.strip_prefix(mark));
    line.map(str::to_owned).with_context(|| said.clone())
}

#[test]
fn the_scope_is_what_the_line_table_says() -> Result<()> {
    let world = World::new("scope")?;
    let config = server(&world, "xdp = \"native\"")
        + &operators()
        + "[[line]]\nname = \"office\"\nprefixes = [\"203.0.113.192/26\", \"2001:db8:a:0:8000::/66\"]\n"
        + &pool("telecom", "", &[("10.9.9.1", 1)])
        + &pool("office", "", &[("10.9.9.2", 1)])
        + &pool("default", "", &[("10.9.9.3", 1)])
        + &instance(WWW)
        + &strategy("telecom", "telecom", &["telecom"], "default")
        + &strategy("office", "office", &["office"], "default")
        + &strategy("default", "default", &["default"], "default");
    let daemon = start(&world, &config)?;
    let before = daemon.counters(&world)?;
    let cases = [
        ("203.0.113.7/32", "10.9.9.1"),
        ("203.0.113.200/32", "10.9.9.2"),
        // The reply exceeds what was told: here it is telecom's, further in there is the office.
        ("203.0.113.0/24", "10.9.9.1"),
        ("8.8.8.0/24", "10.9.9.3"),
        ("2001:db8:a::/56", "10.9.9.1"),
        ("2001:db8:a:0:8000::1/128", "10.9.9.2"),
        ("2001:db8:ffff::/48", "10.9.9.3"),
    ];
    for (subnet, expected) in cases {
        let option = format!("+subnet={subnet}");
        let said = dig(&world, &[&option], "; CLIENT-SUBNET: ")?;
        let scope = said.trim().strip_prefix(&format!("{subnet}/"));
        let scope: u64 = scope.with_context(|| said.clone())?.parse()?;
        let (address, _) = subnet.split_once('/').context("a prefix")?;
        let table = daemon.query(&world, &["map", "line", address])?;
        ensure!(
            table["lines"][0]["scope"] == scope,
            "{subnet}: {said}: {table}"
        );
        let answer = dig(&world, &[&option], &format!("{WWW}."))?;
        ensure!(
            answer.ends_with(&format!("A\t{expected}")),
            "{subnet}: {answer}"
        );
    }
    // Where nothing ends, nothing is told apart.
    let none = dig(&world, &["+subnet=0.0.0.0/0"], "; CLIENT-SUBNET: ")?;
    ensure!(
        none.trim() == "0.0.0.0/0/0" || none.trim() == "0/0/0",
        "{none}"
    );
    let counted = counted(&before, &daemon.counters(&world)?);
    let queries = 2 * cases.len() as u64 + 1;
    ensure!(counted.get("reply_answer") == Some(&queries), "{counted:?}");
    daemon.stop()
}

#[test]
fn a_cookie_costs_no_way_to_userspace() -> Result<()> {
    let world = World::new("cookie")?;
    let daemon = start(&world, &plain(&world, "xdp = \"native\""))?;
    let before = daemon.counters(&world)?;
    // A client cookie of its own is what dig sends when it is told nothing.
    let first = dig(&world, &[], "; COOKIE: ")?;
    let cookie = first
        .strip_suffix(" (good)")
        .with_context(|| first.clone())?;
    ensure!(cookie.len() == 2 * 24, "eight octets and sixteen: {first}");
    // And what came back is good: the same one comes again as long as it is fresh.
    let again = dig(&world, &[&format!("+cookie={cookie}")], "; COOKIE: ")?;
    ensure!(again == first, "{first} then {again}");
    // One that is not ours gets another.
    let forged = format!("{}{}", &cookie[..16], "01000000".repeat(4));
    let other = dig(&world, &[&format!("+cookie={forged}")], "; COOKIE: ")?;
    ensure!(
        other.ends_with("(good)") && !other.starts_with(&forged),
        "{other}"
    );
    let counted = counted(&before, &daemon.counters(&world)?);
    ensure!(counted.get("reply_answer") == Some(&3), "{counted:?}");
    daemon.stop()
}

/// The serial of the one SOA in the authority section.
fn serial(reply: &Reply) -> Result<u32> {
    match &reply.message.authorities[..] {
        [one] if one.ttl == 30 => match &one.data {
            RData::SOA(soa) => Ok(soa.serial),
            other => anyhow::bail!("{other}"),
        },
        others => anyhow::bail!("{others:?}"),
    }
}

#[test]
fn negative_answers_of_the_kernel_have_the_serial_of_the_last_change() -> Result<()> {
    let world = World::new("negative")?;
    let mut first = Backend::start(world.backends(), "first", backend_v4(1))?;
    let _second = Backend::start(world.backends(), "second", backend_v4(2))?;
    let config = server(&world, "xdp = \"native\"")
        + &web("1s", "300ms", 0)
        + &backend_pool("first", &[1])
        + &backend_pool("second", &[2])
        + &instance(WWW)
        + &strategy("default", "default", &["first", "second"], "second");
    let daemon = start(&world, &config)?;
    answered(&world, &set(&[backend_v4(1)]))?;
    let client = Client::new(world.client(Place::Other), EDGE_V4)?;
    let serials = || -> Result<u32> {
        let before = daemon.counters(&world)?;
        let absent = client.ask("a.b.absent.example.com", RecordType::A)?;
        ensure!(absent.code() == ResponseCode::NXDomain, "{absent:?}");
        let empty = client.ask(WWW, RecordType::AAAA)?;
        ensure!(empty.code() == ResponseCode::NoError, "{empty:?}");
        let counted = counted(&before, &daemon.counters(&world)?);
        for kind in ["reply_nxdomain", "reply_nodata"] {
            ensure!(counted.get(kind) == Some(&1), "{counted:?}");
        }
        let (serial, other) = (serial(&absent)?, self::serial(&empty)?);
        ensure!(serial == other, "{serial} and {other}");
        Ok(serial)
    };
    let before = serials()?;
    first.stop();
    until_answered(&world, &set(&[backend_v4(2)]))?;
    let after = serials()?;
    ensure!(after > before, "{after} after {before}");
    daemon.stop()
}
