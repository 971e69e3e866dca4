//! Runs cases and says everything that is wrong with what came of them.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::RData;
use igtm::dns::answer::{Transport, answer};
use igtm::snapshot::Snapshot;
use igtm_common::counter::Counter;

use super::case::{Case, Expected, State, Userspace};
use super::fixture::Stage;
use super::frame::{checked_reply, received};
use super::kernel::{Run, XDP_PASS, XDP_TX};
use super::message::{Data, Reply, TTL, UDP_SIZE};

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
        .counted(|kernel| kernel.run(&case.frame, case.random))?;
    match &case.expected {
        Expected::Reply(reply) => {
            check_reply(&stage.snapshot, case, reply, &run)?;
            let counter = if reply.truncated {
                Counter::ReplyTruncated
            } else {
                Counter::ReplyAnswer
            };
            ensure!(counted == [(counter, 1)], "counted {counted:?}");
        }
        Expected::Pass(counters, userspace) => {
            ensure!(run.verdict == XDP_PASS, "verdict {}, not PASS", run.verdict);
            ensure!(run.frame == case.frame, "the frame was changed");
            let one = matches!(counted[..], [(counter, 1)] if counters.contains(&counter));
            ensure!(one, "counted {counted:?}, not one of {counters:?}");
            check_userspace(&stage.snapshot, case, *userspace)?;
        }
    }
    Ok(())
}

fn check_reply(snapshot: &Snapshot, case: &Case, expected: &Reply, run: &Run) -> Result<()> {
    ensure!(run.verdict == XDP_TX, "verdict {}, not TX", run.verdict);
    let message = checked_reply(&case.frame, &run.frame)?;
    let (_, query) = received(&case.frame).context("a query has a message")?;
    let expected_octets = expected.octets(query);
    ensure!(
        message == expected_octets,
        "the kernel replied\n  {message:02x?}\nnot\n  {expected_octets:02x?}"
    );
    let userspace = userspace(snapshot, &case.frame, case.random);
    ensure!(
        userspace.as_deref() == Some(message),
        "userspace replied\n  {userspace:02x?}\nnot\n  {message:02x?}"
    );
    check_meaning(query, message, expected)
}

/// What a resolver makes of the reply.
fn check_meaning(query: &[u8], message: &[u8], expected: &Reply) -> Result<()> {
    let query = Message::from_vec(query).context("the query")?;
    let reply = Message::from_vec(message).context("the reply")?;
    ensure!(reply.metadata.id == query.metadata.id, "id");
    ensure!(reply.metadata.message_type == MessageType::Response, "QR");
    ensure!(reply.metadata.authoritative, "AA");
    ensure!(!reply.metadata.recursion_available, "RA");
    ensure!(!reply.metadata.authentic_data, "AD");
    ensure!(!reply.metadata.checking_disabled, "CD");
    ensure!(reply.metadata.truncation == expected.truncated, "TC");
    ensure!(
        reply.metadata.response_code == ResponseCode::NoError,
        "RCODE"
    );
    ensure!(reply.queries == query.queries, "question");
    let data = |data: &RData| match data {
        RData::A(a) => Ok(Data::A(a.0)),
        RData::AAAA(aaaa) => Ok(Data::Aaaa(aaaa.0)),
        RData::CNAME(name) => match expected.records.first() {
            Some(Data::Cname(text)) if name.0.to_string() == format!("{text}.") => {
                Ok(Data::Cname(text))
            }
            _ => bail!("CNAME {name}"),
        },
        other => bail!("{other:?}"),
    };
    for record in &reply.answers {
        ensure!(
            record.name == *query.queries[0].name(),
            "owner {}",
            record.name
        );
        ensure!(record.ttl == TTL, "TTL {}", record.ttl);
    }
    let records: Vec<Data> = reply
        .answers
        .iter()
        .map(|record| data(&record.data))
        .collect::<Result<_>>()?;
    ensure!(records == expected.records, "records {records:?}");
    let opt = reply.edns.as_ref();
    ensure!(
        opt.map(|opt| opt.flags().dnssec_ok) == expected.opt,
        "OPT or DO"
    );
    ensure!(
        opt.is_none_or(|opt| opt.max_payload() == UDP_SIZE),
        "OPT's size"
    );
    Ok(())
}

fn check_userspace(snapshot: &Snapshot, case: &Case, expected: Userspace) -> Result<()> {
    // Called for whatever there is, since it must not panic either.
    let reply = userspace(snapshot, &case.frame, case.random);
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
pub fn userspace(snapshot: &Snapshot, frame: &[u8], random: u32) -> Option<Vec<u8>> {
    let (client, message) = received(frame)?;
    answer(snapshot, message, client, Transport::Udp, random)
}
