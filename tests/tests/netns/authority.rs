//! What userspace answers, over UDP and TCP, beside what the kernel does.

use std::net::IpAddr;

use anyhow::{Context, Result, ensure};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::rr::{RData, RecordType};
use igtm_tests::daemon::counted;
use igtm_tests::dns::{Client, query};
use igtm_tests::world::{EDGE_V4, Place, World};

use crate::scene::{WWW, instance, operators, pool, server, start, strategy};

fn config(world: &World, xdp: &str) -> String {
    let many: Vec<String> = (1..=20).map(|n| format!("2001:db8:99::{n:x}")).collect();
    let many: Vec<(&str, u32)> = many.iter().map(|text| (text.as_str(), 1)).collect();
    server(world, &format!("xdp = \"{xdp}\""))
        + &operators()
        + &pool("telecom", "", &[("10.9.9.1", 100)])
        + &pool("default", "", &[("10.9.9.3", 100)])
        + &pool("many", "", &many)
        + &instance(WWW)
        + &strategy("telecom", "telecom", &["telecom"], "telecom")
        + &strategy("default", "default", &["default"], "default")
        + &instance("shop.example.com")
        + "access_domain = \"shop.gtm.example.com\"\n"
        + &strategy("telecom", "telecom", &["telecom"], "telecom")
        + &strategy("default", "default", &["default"], "default")
        + &instance("many.example.com")
        + "max_answers = 20\n"
        + &strategy("default", "default", &["many"], "many")
}

/// A reply in one line: code, flags, answers, authority.
fn line(message: &Message) -> String {
    let meta = &message.metadata;
    let mut parts = vec![format!("{:?}", meta.response_code)];
    if meta.authoritative {
        parts.push("aa".to_owned());
    }
    if meta.truncation {
        parts.push("tc".to_owned());
    }
    let sections = [("", &message.answers), ("; ", &message.authorities)];
    for (mark, records) in sections {
        for record in records {
            let data = match &record.data {
                RData::SOA(soa) => format!("SOA {} minimum {}", soa.mname, soa.minimum),
                data => format!("{} {data}", record.record_type()),
            };
            parts.push(format!("{mark}{} {} {data}", record.name, record.ttl));
        }
    }
    parts.join(" ")
}

const SOA: &str = "; example.com. 30 SOA ns1.example.net. minimum 30";

#[test]
fn everything_that_is_not_hot_is_answered_alike_over_udp_and_tcp() -> Result<()> {
    use RecordType::{A, AAAA, CNAME, MX, NS, TXT};
    let world = World::new("authority")?;
    let daemon = start(&world, &config(&world, "native"))?;
    let client = Client::new(world.client(Place::Telecom), EDGE_V4)?;
    let nodata = format!("NoError aa {SOA}");
    let nxdomain = format!("NXDomain aa {SOA}");
    let business = "shop.example.com. 5 CNAME shop.gtm.example.com.";
    for (name, r#type, expected) in [
        (WWW, A, "NoError aa www.example.com. 5 A 10.9.9.1".to_owned()),
        (WWW, AAAA, nodata.clone()),
        (WWW, TXT, nodata.clone()),
        (WWW, CNAME, nodata.clone()),
        ("example.com", RecordType::SOA, "NoError aa example.com. 3600 SOA ns1.example.net. minimum 30".to_owned()),
        ("example.com", NS, "NoError aa example.com. 3600 NS ns1.example.net. example.com. 3600 NS ns2.example.net.".to_owned()),
        ("example.com", MX, nodata.clone()),
        ("example.com", A, nodata.clone()),
        // An empty non-terminal exists (RFC 8020).
        ("gtm.example.com", A, nodata.clone()),
        ("absent.example.com", A, nxdomain.clone()),
        ("a.www.example.com", A, nxdomain.clone()),
        ("example.net", A, "Refused".to_owned()),
        ("com", NS, "Refused".to_owned()),
        ("shop.example.com", A, format!("NoError aa {business} shop.gtm.example.com. 5 A 10.9.9.1")),
        ("shop.example.com", CNAME, format!("NoError aa {business}")),
        ("shop.example.com", AAAA, format!("NoError aa {business} {SOA}")),
        ("shop.gtm.example.com", A, "NoError aa shop.gtm.example.com. 5 A 10.9.9.1".to_owned()),
    ] {
        for (way, reply) in [
            ("UDP", client.ask(name, r#type)?),
            ("TCP", client.ask_tcp(name, r#type)?),
        ] {
            let found = line(&reply.message);
            ensure!(found == expected, "{name} {type} over {way}:\n{found}\n{expected}");
            let edns = reply.message.edns.as_ref().context("an OPT")?;
            ensure!(edns.max_payload() == 1232, "{name} {type} over {way}");
        }
    }
    daemon.stop()
}

#[test]
fn what_does_not_fit_is_asked_for_again_over_tcp() -> Result<()> {
    for xdp in ["native", "off"] {
        let world = World::new("tc")?;
        let daemon = start(&world, &config(&world, xdp))?;
        let client = Client::new(world.client(Place::Other), EDGE_V4)?;
        let short = query("many.example.com", RecordType::AAAA, false)?;
        let reply = client.send(&short)?;
        ensure!(
            line(&reply.message) == "NoError aa tc",
            "{xdp}: {}",
            line(&reply.message)
        );
        let whole = client.ask_tcp("many.example.com", RecordType::AAAA)?;
        ensure!(!whole.message.metadata.truncation && whole.addresses().len() == 20);
        // With an OPT of 1232 octets it fits.
        ensure!(
            client
                .ask("many.example.com", RecordType::AAAA)?
                .addresses()
                .len()
                == 20
        );
        if xdp == "native" {
            ensure!(daemon.counters(&world)?["reply_truncated"] == 1);
        }
        daemon.stop()?;
    }
    Ok(())
}

/// A query with a client subnet option of these octets (RFC 7871 §6).
fn with_subnet(octets: &[u8]) -> Result<Message> {
    let mut message = query(WWW, RecordType::A, true)?;
    let edns = message.edns.as_mut().context("it was asked for")?;
    edns.options_mut()
        .insert(EdnsOption::Unknown(8, octets.to_vec()));
    Ok(message)
}

/// The scope of the reply's client subnet; `None` without one.
fn scope(message: &Message) -> Option<u8> {
    match message.edns.as_ref()?.option(EdnsCode::Subnet)? {
        EdnsOption::Subnet(subnet) => Some(subnet.scope_prefix()),
        EdnsOption::Unknown(_, octets) => octets.get(3).copied(),
        _ => None,
    }
}

#[test]
fn the_line_is_that_of_the_client_subnet() -> Result<()> {
    let world = World::new("ecs")?;
    let daemon = start(&world, &config(&world, "native"))?;
    let before = daemon.counters(&world)?;
    let other = Client::new(world.client(Place::Other), EDGE_V4)?;
    let telecom = Client::new(world.client(Place::Telecom), EDGE_V4)?;
    for (what, client, octets, address, expected) in [
        (
            "telecom's /24",
            &other,
            &[0, 1, 24, 0, 203, 0, 113][..],
            "10.9.9.1",
            Some(24),
        ),
        (
            "a host of it",
            &other,
            &[0, 1, 32, 0, 203, 0, 113, 7],
            "10.9.9.1",
            Some(24),
        ),
        (
            "its IPv6 /64",
            &other,
            &[0, 2, 64, 0, 0x20, 1, 0xd, 0xb8, 0, 0xa, 0, 0],
            "10.9.9.1",
            Some(64),
        ),
        // The resolver is on telecom, its client is not.
        (
            "a stranger",
            &telecom,
            &[0, 1, 24, 0, 192, 0, 2],
            "10.9.9.3",
            None,
        ),
        // Source length 0: "use my own address" (RFC 7871 §7.1.2).
        ("no wish", &telecom, &[0, 1, 0, 0], "10.9.9.1", Some(0)),
    ] {
        let reply = client.send(&with_subnet(octets)?)?;
        ensure!(
            reply.addresses() == [address.parse::<IpAddr>()?],
            "{what}: {}",
            line(&reply.message)
        );
        let scope = scope(&reply.message).with_context(|| format!("{what}: no option back"))?;
        ensure!(
            expected.is_none_or(|expected| scope == expected),
            "{what}: scope {scope}"
        );
    }
    for (what, octets) in [
        ("a stray bit", &[0, 1, 20, 0, 192, 0, 0x2f][..]),
        ("too short", &[0, 1, 24]),
        ("too few octets", &[0, 1, 24, 0, 192, 0]),
        ("a scope", &[0, 1, 24, 24, 192, 0, 2]),
        ("an unknown family", &[0, 9, 8, 0, 1]),
    ] {
        // Raw: what is malformed must leave as it is.
        let reply = other.send(&with_subnet(octets)?)?;
        ensure!(
            reply.code() == ResponseCode::FormErr,
            "{what}: {}",
            line(&reply.message)
        );
    }
    let counted = counted(&before, &daemon.counters(&world)?);
    // The kernel serves the well-formed ones; what is malformed is userspace's to refuse.
    ensure!(counted.get("reply_answer") == Some(&5), "{counted:?}");
    ensure!(counted.get("pass_edns_option") == Some(&5), "{counted:?}");
    daemon.stop()
}

/// The same octets from the kernel and from userspace, where nothing is drawn.
#[test]
fn the_kernel_and_userspace_say_the_same() -> Result<()> {
    let world = World::new("same")?;
    let daemon = start(&world, &config(&world, "native"))?;
    for place in [Place::Telecom, Place::Other] {
        let client = Client::new(world.client(place), EDGE_V4)?;
        for edns in [false, true] {
            for (name, r#type, kind) in [
                (WWW, RecordType::A, "reply_answer"),
                ("WwW.eXaMpLe.CoM", RecordType::A, "reply_answer"),
                ("shop.gtm.example.com", RecordType::A, "reply_answer"),
                (WWW, RecordType::AAAA, "reply_nodata"),
                (WWW, RecordType::TXT, "reply_nodata"),
                // An empty non-terminal exists (RFC 8020).
                ("gtm.example.com", RecordType::A, "reply_nodata"),
                ("absent.example.com", RecordType::A, "reply_nxdomain"),
                ("a.b.c.www.example.com", RecordType::A, "reply_nxdomain"),
            ] {
                let mut asked = query(name, r#type, edns)?;
                asked.metadata.recursion_desired = false;
                let before = daemon.counters(&world)?;
                let kernel = client.send(&asked)?.message.to_vec()?;
                let counted = counted(&before, &daemon.counters(&world)?);
                ensure!(counted.get(kind) == Some(&1), "{name} {type}: {counted:?}");
                let userspace = client.send_tcp(&asked)?.message.to_vec()?;
                ensure!(
                    kernel == userspace,
                    "{name} {type}: {kernel:?} {userspace:?}"
                );
            }
        }
    }
    daemon.stop()
}
