//! Runs cases and says everything that is wrong with what came of them.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::{RData, Record};
use igtm::dns::answer::{Circumstances, Replied, Transport, answer};
use igtm::snapshot::Snapshot;
use igtm_common::counter::Counter;

use super::case::{Case, Expected, State, Userspace};
use super::fixture::Stage;
use super::frame::{checked_reply, received};
use super::kernel::{Run, XDP_DROP, XDP_PASS, XDP_TX};
use super::reply::{Data, NXDOMAIN, Reply, TTL, Zone};

/// Runs every case in its state; fails with all that went wrong.
pub fn check_all(cases: &[Case]) -> Result<()> {
    let mut by_state: BTreeMap<State, Vec<&Case>> = BTreeMap::new();
    for case in cases {
        by_state.entry(case.state).or_default().push(case);
    }
    let mut wrong = Vec::new();
    for (state, cases) in by_state {
        let mut stage = Stage::new(state)?;
        for case in cases {
            if let Err(error) = check(&mut stage, case) {
                wrong.push(format!("{state:?}: {}: {error:#}", case.what));
            }
        }
    }
    println!("{} golden cases, {} wrong", cases.len(), wrong.len());
    ensure!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    Ok(())
}

fn check(stage: &mut Stage, case: &Case) -> Result<()> {
    let (run, counted) = stage
        .kernel
        .counted(|kernel| kernel.run(&case.frame, case.random, case.now))?;
    let one_of = |counters: &[Counter]| {
        let one = matches!(counted[..], [(counter, 1)] if counters.contains(&counter));
        ensure!(one, "counted {counted:?}, not one of {counters:?}");
        anyhow::Ok(())
    };
    match &case.expected {
        Expected::Reply(reply) => {
            let message = check_reply(case, reply, &run)?;
            let userspace = userspace(&stage.snapshot, &case.frame, case.random, case.now);
            ensure!(
                userspace.as_deref() == Some(message),
                "userspace replied\n  {userspace:02x?}\nnot\n  {message:02x?}"
            );
            one_of(&[counter(reply)])
        }
        Expected::Slip(reply) => {
            check_reply(case, reply, &run)?;
            one_of(&[Counter::LimitedSlip])
        }
        Expected::Drop => {
            ensure!(run.verdict == XDP_DROP, "verdict {}, not DROP", run.verdict);
            one_of(&[Counter::LimitedDrop])
        }
        Expected::Pass(counters, userspace) => {
            ensure!(run.verdict == XDP_PASS, "verdict {}, not PASS", run.verdict);
            ensure!(run.frame == case.frame, "the frame was changed");
            one_of(counters)?;
            check_userspace(&stage.snapshot, case, *userspace)
        }
    }
}

/// What counts this reply.
fn counter(reply: &Reply) -> Counter {
    match reply {
        reply if reply.truncated => Counter::ReplyTruncated,
        reply if reply.code == NXDOMAIN => Counter::ReplyNxdomain,
        reply if reply.authority.is_some() => Counter::ReplyNodata,
        _ => Counter::ReplyAnswer,
    }
}

/// The reply's message, when it is the expected one.
fn check_reply<'a>(case: &Case, expected: &Reply, run: &'a Run) -> Result<&'a [u8]> {
    ensure!(run.verdict == XDP_TX, "verdict {}, not TX", run.verdict);
    let message = checked_reply(&case.frame, &run.frame)?;
    let (_, query) = received(&case.frame).context("a query has a message")?;
    let octets = expected.octets(query, case.state);
    ensure!(
        message == octets,
        "the kernel replied\n  {message:02x?}\nnot\n  {octets:02x?}"
    );
    // hickory refuses the client subnet of no family, which older resolvers send.
    if let Ok(query) = Message::from_vec(query) {
        check_meaning(&query, message, expected, case.state)?;
    }
    Ok(message)
}

/// What a resolver makes of the reply.
fn check_meaning(query: &Message, message: &[u8], expected: &Reply, state: State) -> Result<()> {
    let reply = Message::from_vec(message).context("the reply")?;
    ensure!(reply.metadata.id == query.metadata.id, "id");
    ensure!(reply.metadata.message_type == MessageType::Response, "QR");
    ensure!(reply.metadata.authoritative, "AA");
    ensure!(!reply.metadata.recursion_available, "RA");
    ensure!(!reply.metadata.authentic_data, "AD");
    ensure!(!reply.metadata.checking_disabled, "CD");
    ensure!(reply.metadata.truncation == expected.truncated, "TC");
    let code = u16::from(reply.metadata.response_code);
    ensure!(code == u16::from(expected.code), "RCODE {code}");
    ensure!(reply.queries == query.queries, "question");
    for record in &reply.answers {
        let own = record.name == *query.queries[0].name();
        ensure!(own, "owner {}", record.name);
        ensure!(record.ttl == TTL, "TTL {}", record.ttl);
    }
    let records = reply.answers.iter().map(|record| data(&record.data));
    let records: Vec<Data> = records.collect::<Result<_>>()?;
    ensure!(records == expected.records, "records {records:?}");
    match (&expected.authority, &reply.authorities[..]) {
        (None, []) => {}
        (Some(zone), [record]) => check_soa(zone, record, state)?,
        (_, other) => bail!("authority {other:?}"),
    }
    let opt = reply.edns.as_ref();
    ensure!(
        opt.map(|opt| opt.flags().dnssec_ok) == expected.opt,
        "OPT or DO"
    );
    ensure!(
        opt.is_none_or(|opt| opt.max_payload() == state.udp_size()),
        "OPT's size"
    );
    Ok(())
}

fn data(data: &RData) -> Result<Data> {
    Ok(match data {
        RData::A(a) => Data::A(a.0),
        RData::AAAA(aaaa) => Data::Aaaa(aaaa.0),
        RData::CNAME(name) => Data::Cname(name.0.to_string().trim_end_matches('.').to_owned()),
        other => bail!("{other:?}"),
    })
}

fn check_soa(zone: &Zone, record: &Record, state: State) -> Result<()> {
    let RData::SOA(soa) = &record.data else {
        bail!("authority {record:?}");
    };
    let named = |name: &hickory_proto::rr::Name, text: &str| {
        name.to_string().to_ascii_lowercase() == format!("{text}.")
    };
    ensure!(
        named(&record.name, zone.origin),
        "SOA owner {}",
        record.name
    );
    ensure!(record.ttl == zone.minimum, "SOA TTL {}", record.ttl);
    ensure!(named(&soa.mname, &zone.ns), "MNAME {}", soa.mname);
    ensure!(named(&soa.rname, &zone.contact), "RNAME {}", soa.rname);
    ensure!(soa.serial == state.serial(), "serial {:#x}", soa.serial);
    ensure!(soa.minimum == zone.minimum, "MINIMUM {}", soa.minimum);
    Ok(())
}

fn check_userspace(snapshot: &Snapshot, case: &Case, expected: Userspace) -> Result<()> {
    // Called for whatever there is, since it must not panic either.
    let reply = userspace(snapshot, &case.frame, case.random, case.now);
    let code = match &reply {
        Some(octets) => Some(Message::from_vec(octets)?.metadata.response_code),
        None => None,
    };
    let right = match expected {
        Userspace::Anything => true,
        // By number: BADVERS and BADSIG are both 16.
        Userspace::Code(expected) => code.map(u16::from) == Some(expected.into()),
        Userspace::Refusal => matches!(code, None | Some(ResponseCode::FormErr)),
        Userspace::Silence => code.is_none(),
    };
    ensure!(right, "userspace said {code:?}, not {expected:?}");
    Ok(())
}

/// What userspace replies to the message in `frame`.
pub fn userspace(snapshot: &Snapshot, frame: &[u8], random: u32, now: u32) -> Option<Vec<u8>> {
    let (client, message) = received(frame)?;
    let circumstances = Circumstances {
        client,
        transport: Transport::Udp,
        random,
        now,
    };
    let mut reply = Vec::new();
    answer(snapshot, message, circumstances, &mut reply).map(|Replied| reply)
}
