//! Static records from zone files, beside instances: answered over UDP and TCP, reread as one step.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use hickory_proto::op::Message;
use hickory_proto::rr::RecordType::{self, A, AAAA, MX, NS, TXT};
use igtm_tests::dns::Client;
use igtm_tests::wait;
use igtm_tests::world::{EDGE_V4, Place, World};

use crate::scene::{PATIENCE, WWW, instance, pool, server, start, strategy};

/// The zone's file; `alias` leads to `target`, which alone has this address.
fn zone(target: &str, address: &str) -> String {
    format!(
        "$TTL 1h\n@ SOA ns1.example.net. hostmaster 1 1d 2h 4w 30\n NS ns1.example.net.\n NS ns1\nns1 A 192.0.2.53\n\
         alias CNAME {target}\n{target} A {address}\nto-www CNAME www\n*.wild CNAME www\n\
         www TXT \"beside\"\n$INCLUDE sub.zone\n"
    )
}

const SUB: &str = "sub NS ns.sub\nns.sub AAAA 2001:db8::53\n";

/// Writes a file aside and moves it into place.
fn replace(path: &Path, text: &str) -> Result<()> {
    let aside = path.with_extension("new");
    fs::write(&aside, text)?;
    Ok(fs::rename(&aside, path)?)
}

/// Code, AA, sections.
fn line(message: &Message) -> String {
    let meta = &message.metadata;
    let mut line = format!("{:?}", meta.response_code);
    line += if meta.authoritative { " aa" } else { "" };
    for section in [&message.answers, &message.authorities, &message.additionals] {
        let records = section.iter().map(|record| {
            let data = match record.record_type() {
                RecordType::SOA => String::new(),
                _ => format!(" {}", record.data),
            };
            format!(
                "{} {} {}{data}",
                record.name,
                record.ttl,
                record.record_type()
            )
        });
        line += &format!(" | {}", records.collect::<Vec<_>>().join(", "));
    }
    line.trim_end_matches([' ', '|']).to_owned()
}

fn config(world: &World) -> String {
    let own = "ns           = [\"ns1.example.net\", \"ns2.example.net\"]\ncontact      = \"hostmaster.example.com\"\nnegative_ttl = \"30s\"\n";
    server(world, "xdp = \"native\"").replace(own, "file = \"zones/example.com.zone\"\n")
        + &pool("here", "", &[("10.9.9.1", 1)])
        + &instance(WWW)
        + &strategy("default", "default", &["here"], "here")
}

fn files(world: &World) -> Result<PathBuf> {
    let directory = world.directory().join("zones");
    fs::create_dir(&directory)?;
    let file = directory.join("example.com.zone");
    fs::write(&file, zone("one", "192.0.2.1"))?;
    fs::write(directory.join("sub.zone"), SUB)?;
    Ok(file)
}

#[test]
fn static_records_instances_and_delegations_are_answered_together() -> Result<()> {
    let world = World::new("zones")?;
    files(&world)?;
    let daemon = start(&world, &config(&world))?;
    let client = Client::new(world.client(Place::Other), EDGE_V4)?;
    let www = "www.example.com. 5 A 10.9.9.1";
    let referral = "NoError |  | sub.example.com. 3600 NS ns.sub.example.com. | ns.sub.example.com. 3600 AAAA 2001:db8::53";
    let soa = "example.com. 30 SOA";
    for (name, qtype, expected) in [
        ("ns1.example.com", A, "NoError aa | ns1.example.com. 3600 A 192.0.2.53".to_owned()),
        ("example.com", NS, "NoError aa | example.com. 3600 NS ns1.example.net., example.com. 3600 NS ns1.example.com. |  | ns1.example.com. 3600 A 192.0.2.53".to_owned()),
        (WWW, A, format!("NoError aa | {www}")),
        (WWW, TXT, "NoError aa | www.example.com. 3600 TXT beside".to_owned()),
        (WWW, AAAA, format!("NoError aa |  | {soa}")),
        (WWW, MX, format!("NoError aa |  | {soa}")),
        ("to-www.example.com", A, format!("NoError aa | to-www.example.com. 3600 CNAME www.example.com., {www}")),
        ("any.wild.example.com", A, format!("NoError aa | any.wild.example.com. 3600 CNAME www.example.com., {www}")),
        ("sub.example.com", A, referral.to_owned()),
        ("far.below.sub.example.com", TXT, referral.to_owned()),
        ("ns.sub.example.com", AAAA, referral.to_owned()),
        ("wild.example.com", A, format!("NoError aa |  | {soa}")),
        ("nothing.example.com", A, format!("NXDomain aa |  | {soa}")),
        ("below.www.example.com", A, format!("NXDomain aa |  | {soa}")),
    ] {
        for (way, reply) in [
            ("UDP", client.ask(name, qtype)?),
            ("TCP", client.ask_tcp(name, qtype)?),
        ] {
            let found = line(&reply.message);
            ensure!(found == expected, "{name} {qtype} over {way}:\n{found}\n{expected}");
        }
    }
    // What it could, the kernel has answered itself.
    let counters = daemon.counters(&world)?;
    ensure!(counters["reply_answer"] == 1, "{counters:?}");
    ensure!(counters["reply_nxdomain"] == 2, "{counters:?}");
    daemon.stop()
}

#[test]
fn a_zone_file_is_reread_as_one_step() -> Result<()> {
    let world = World::new("rezone")?;
    let file = files(&world)?;
    let daemon = start(&world, &config(&world))?;
    let client = Client::new(world.client(Place::Other), EDGE_V4)?;
    let whole = |target: &str, address: &str| {
        let name = format!("{target}.example.com.");
        format!("NoError aa | alias.example.com. 3600 CNAME {name}, {name} 3600 A {address}")
    };
    let (before, after) = (whole("one", "192.0.2.1"), whole("two", "192.0.2.2"));
    let asked = || anyhow::Ok(line(&client.ask("alias.example.com", A)?.message));
    ensure!(asked()? == before, "{}", asked()?);
    replace(&file, &zone("two", "192.0.2.2"))?;
    wait::until("the new records", PATIENCE, || {
        let found = asked()?;
        ensure!(found == before || found == after, "half a change: {found}");
        Ok((found == after).then_some(()))
    })
    .with_context(|| daemon.log())?;
    let gone = client.ask("one.example.com", A)?;
    ensure!(line(&gone.message) == "NXDomain aa |  | example.com. 30 SOA");

    // Bad: refused whole, with its place; what ran before goes on.
    replace(&file, &zone("three", "192.0.2.256"))?;
    wait::until("the refusal", PATIENCE, || {
        let told = daemon
            .log()
            .contains("example.com.zone:7:9: `A IPV4-ADDRESS`");
        Ok(told.then_some(()))
    })
    .with_context(|| daemon.log())?;
    ensure!(asked()? == after);

    // An included file counts like the file itself.
    replace(&file, &zone("two", "192.0.2.2"))?;
    let sub = file.with_file_name("sub.zone");
    replace(&sub, &SUB.replace("::53", "::54"))?;
    wait::until("the new glue", PATIENCE, || {
        let found = line(&client.ask("x.sub.example.com", A)?.message);
        Ok(found.ends_with("2001:db8::54").then_some(()))
    })
    .with_context(|| daemon.log())?;
    daemon.stop()
}
