//! No query sees half of a change: configurations and health change under load, and every single
//! reply is held against the one configuration that it must be of.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{RData, RecordType};
use igtm_tests::backend::Backend;
use igtm_tests::daemon::counted;
use igtm_tests::dns::{Client, addresses};
use igtm_tests::load::{Asked, Judge, Load};
use igtm_tests::wait;
use igtm_tests::world::{Place, World, backend_v4, edge};

use crate::reload::reload;
use crate::scene::{PATIENCE, asked, backend_pool, instance, pool, server, start, strategy, web};
use crate::survival::lost_nothing;

const GENERATIONS: u32 = 24;
/// Every so many reloads the backends die, or come back.
const FLIP: u32 = 4;
/// Names that come and go: writing them takes a while, in which a change must not be seen.
const CROWD: u32 = 900;
/// Queries a second of each client.
const RATE: u32 = 1500;

/// What is asked for; the last but one is there in odd generations only.
const QUESTIONS: [(&str, RecordType); 6] = [
    ("n0.example.com", RecordType::A),
    ("n1.example.com", RecordType::A),
    ("n2.example.com", RecordType::A),
    ("n0.example.com", RecordType::AAAA),
    ("odd.example.com", RecordType::A),
    ("health.example.com", RecordType::A),
];
const SIX: usize = 3;
const ODD: usize = 4;
const HEALTH: usize = 5;

/// Which of the two lines `place` is on.
fn line(generation: u32, place: Place) -> usize {
    usize::from((generation % 2 == 1) == (place == Place::Telecom))
}

/// The addresses of name `n` on line `line`; how many there are changes as well.
fn of_name(generation: u32, n: usize, line: usize) -> Vec<IpAddr> {
    (1..=1 + (generation + n as u32) % 3)
        .map(|last| {
            let octets = [
                10,
                100 + generation as u8,
                (10 * line + n) as u8,
                last as u8,
            ];
            Ipv4Addr::from(octets).into()
        })
        .collect()
}

/// What `health.example.com` is answered while its backends are down.
fn fallback(generation: u32) -> Vec<IpAddr> {
    vec![Ipv4Addr::new(10, 100 + generation as u8, 99, 9).into()]
}

fn backend(generation: u32) -> u8 {
    1 + (generation % 2) as u8
}

/// The TTL of answers, seconds; that of negative ones is 100 more.
fn ttl(generation: u32) -> u32 {
    10 + generation
}

fn pool_of(name: &str, addresses: &[IpAddr]) -> String {
    let texts: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
    let weighted: Vec<(&str, u32)> = texts.iter().map(|text| (text.as_str(), 1)).collect();
    pool(name, "", &weighted)
}

fn config(world: &World, generation: u32) -> String {
    let instance = |domain: &str| instance(domain).replace("5s", &format!("{}s", ttl(generation)));
    let mut text = server(world, "xdp = \"native\"").replace(
        "negative_ttl = \"30s\"",
        &format!("negative_ttl = \"{}s\"", 100 + ttl(generation)),
    );
    for place in [Place::Telecom, Place::Unicom] {
        text += &format!(
            "[[line]]\nname = \"line-{}\"\nprefixes = [\"{}\", \"{}\"]\n",
            line(generation, place),
            place.prefix_v4(),
            place.prefix_v6()
        );
    }
    text += &pool_of("spare", &fallback(generation));
    text += &web("1s", "300ms", 0);
    text += &backend_pool("backend", &[backend(generation)]);
    let mut instances =
        instance("health.example.com") + &strategy("s", "default", &["backend"], "spare");
    let odd = (generation % 2 == 1).then_some(("odd", ODD));
    for (name, n) in [("n0", 0), ("n1", 1), ("n2", 2)].into_iter().chain(odd) {
        instances += &instance(&format!("{name}.example.com"));
        for line in [0, 1] {
            let pool = format!("{name}-{line}");
            text += &pool_of(&pool, &of_name(generation, n, line));
            instances += &strategy(&pool, &format!("line-{line}"), &[&pool], "spare");
        }
        instances += &strategy("rest", "default", &["spare"], "spare");
    }
    for n in 0..CROWD {
        instances += &instance(&format!("crowd-{n}-{}.example.com", generation % 2));
        instances += &strategy("s", "default", &["spare"], "spare");
    }
    text + &instances
}

/// The generation that a reply says it is of: every TTL in it must say the same.
fn generation(reply: &Message) -> Result<u32, String> {
    let answers = reply.answers.iter().map(|record| record.ttl);
    let negative = reply.authorities.iter().map(|record| record.ttl - 100);
    let ttls: BTreeSet<u32> = answers.chain(negative).collect();
    match ttls.first() {
        Some(ttl) if ttls.len() == 1 => Ok(ttl - self::ttl(0)),
        _ => Err(format!("TTLs of {ttls:?}")),
    }
}

/// Holds a reply to `place` against its generation. That must not be newer than the newest there is,
/// nor older than one that is known to have been in force before it was asked for: because
/// another reply was of it.
fn judge(
    place: Place,
    newest: Arc<AtomicU32>,
    known: Arc<AtomicU32>,
    served: Arc<[AtomicU32; 2]>,
) -> Judge {
    Box::new(move |Asked { question, mark }: Asked, reply: &Message| {
        let of = generation(reply)?;
        let newest = newest.load(Ordering::SeqCst);
        if !(mark..=newest).contains(&of) {
            return Err(format!("of {of}, asked for when {mark} was in force"));
        }
        known.fetch_max(of, Ordering::SeqCst);
        let found = addresses(reply);
        let code = reply.metadata.response_code;
        let negative = |expected: ResponseCode| {
            let soa = matches!(&reply.authorities[..], [one] if matches!(one.data, RData::SOA(_)));
            (code == expected && found.is_empty() && soa)
                .then_some(())
                .ok_or_else(|| format!("{of}: {code} with {reply}"))
        };
        if question == SIX {
            return negative(ResponseCode::NoError);
        }
        if question == ODD && of % 2 == 0 {
            return negative(ResponseCode::NXDomain);
        }
        let possible = match question {
            HEALTH => vec![vec![backend_v4(backend(of)).into()], fallback(of)],
            name => vec![of_name(of, name, line(of, place))],
        };
        let mut sorted = found.clone();
        sorted.sort();
        let Some(which) = possible.iter().position(|one| *one == sorted) else {
            return Err(format!("{of}: question {question}: {code} with {found:?}"));
        };
        if question == HEALTH {
            served[which].fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    })
}

#[test]
fn every_reply_under_changes_is_of_one_configuration() -> Result<()> {
    let world = World::new("step")?;
    let mut backends = [1, 2].map(|n| {
        Backend::start(world.backends(), &format!("b{n}"), backend_v4(n)).expect("it listens")
    });
    let daemon = start(&world, &config(&world, 0))?;
    let before = daemon.counters(&world)?;
    let (newest, known): (Arc<AtomicU32>, Arc<AtomicU32>) = Default::default();
    let served: Arc<[AtomicU32; 2]> = Arc::default();
    let loads = [(Place::Telecom, false), (Place::Unicom, true)].map(|(place, ipv6)| {
        let (client, mark) = (world.client(place), Arc::clone(&known));
        let judge = judge(
            place,
            Arc::clone(&newest),
            Arc::clone(&known),
            Arc::clone(&served),
        );
        Load::judged(client, edge(ipv6), &QUESTIONS, RATE, mark, judge).expect("it starts")
    });
    let client = Client::new(world.client(Place::Other), edge(false))?;
    let mut alive = true;
    for of in 1..=GENERATIONS {
        newest.store(of, Ordering::SeqCst);
        reload(&daemon, &config(&world, of))?;
        // Not what the log counts: the file may be read once more because it has changed.
        wait::until("the reload", PATIENCE, || {
            let (name, kind) = QUESTIONS[0];
            let found = generation(&client.ask(name, kind)?.message);
            Ok((found == Ok(of)).then_some(()))
        })
        .map_err(|error| error.context(daemon.log()))?;
        known.fetch_max(of, Ordering::SeqCst);
        // So that some are asked for in every generation.
        wait::pause(Duration::from_millis(30));
        if of % FLIP == 0 {
            alive = !alive;
            for backend in &mut backends {
                if alive {
                    backend.resume()?;
                } else {
                    backend.stop();
                }
            }
            let expected: BTreeSet<IpAddr> = if alive {
                [backend_v4(backend(of)).into()].into()
            } else {
                fallback(of).into_iter().collect()
            };
            wait::until("the flip of health", PATIENCE, || {
                let found = asked(&world, Place::Other, "health.example.com", RecordType::A)?;
                Ok((found == expected).then_some(()))
            })?;
        }
    }
    for load in loads {
        lost_nothing(&load.stop()?)?;
    }
    for (which, served) in served.iter().enumerate() {
        ensure!(
            served.load(Ordering::SeqCst) > 0,
            "never tier {}",
            1 + which
        );
    }
    // Userspace would have answered rightly what the kernel missed meanwhile.
    let counted = counted(&before, &daemon.counters(&world)?);
    for missed in ["pass_userspace", "pass_no_zone", "pass_not_ready"] {
        ensure!(!counted.contains_key(missed), "{counted:?}");
    }
    daemon.stop()
}
