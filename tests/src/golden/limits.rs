//! Response rate limiting: whose replies count together, what becomes of those above the rate.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::answers::a;
use super::case::{Case, NOW, State};
use super::cookie::{CLIENT, cookie, forged, fresh};
use super::fixture::{PREVIOUS, Stage};
use super::frame::datagram;
use super::kernel::XDP_TX;
use super::message::{A, COOKIE, Opt, SUBNET, TXT, option, query};
use super::reply::gtm;

/// Replies that a prefix is sent at once, of [`State::Limited`].
const BURST: usize = 5;

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// In their order: the prefixes' accounts are kept from one to the next.
pub fn cases() -> Vec<Case> {
    let mut cases = one_prefix(
        "203.0.113.9",
        "203.0.113.250",
        "203.0.114.1",
        "203.0.112.255",
    );
    cases.extend(one_prefix(
        "2001:db8:aa:1122::9",
        "2001:db8:aa:11ff:ffff::",
        "2001:db8:aa:1200::1",
        "2001:db8:aa:10ff::1",
    ));
    cases.extend(replies_of_every_kind());
    cases.extend(cookies());
    let limited = |case: Case| case.in_state(State::Limited);
    cases.into_iter().map(limited).collect()
}

/// A query that is answered where no rate is over.
fn good(what: impl Into<String>, client: IpAddr) -> Case {
    Case::answered(
        what,
        client,
        &query("window.gtm.test", A).opt(1232),
        &[a(1), a(2)],
    )
}

/// A burst, then the pattern of what is limited, for everybody in the prefix and nobody else.
fn one_prefix(client: &str, same: &str, above: &str, below: &str) -> Vec<Case> {
    let (client, same) = (address(client), address(same));
    let mut cases = Vec::new();
    for at in 0..BURST {
        let from = if at % 2 == 0 { client } else { same };
        cases.push(good(format!("{at} of the burst, from {from}"), from));
    }
    for at in 1..=9 {
        let from = if at % 2 == 0 { client } else { same };
        let case = good(format!("limited reply {at} to {from}"), from);
        cases.push(if at % 3 == 0 {
            case.slipped()
        } else {
            case.dropped()
        });
    }
    for other in [above, below].map(address) {
        cases.push(good(format!("{other} is in another prefix"), other));
    }
    cases
}

/// Every reply counts, and a slip has the OPT and options of what it stands for.
fn replies_of_every_kind() -> Vec<Case> {
    let client = address("192.0.2.77");
    let subnet = |scope| [0, 1, 24, scope, 198, 51, 100];
    let opt = Opt::sized(1232)
        .option(SUBNET, &subnet(0))
        .edit(|opt| opt.dnssec_ok = true);
    let www = || {
        let scoped = option(SUBNET, &subnet(25));
        let www = query("www.gtm.test", A).with(&opt);
        Case::answered("an answer with a subnet", client, &www, &[a(51)])
            .with_options(&[scoped])
            .edit_reply(|reply| reply.opt = Some(true))
    };
    let nodata = || {
        let asked = query("www.gtm.test", TXT);
        Case::nodata("NODATA is limited", client, &asked, gtm())
    };
    let nxdomain = || {
        let asked = query("nothing.gtm.test", A);
        Case::nxdomain("NXDOMAIN is limited", client, &asked, gtm())
    };
    let truncated = || {
        let asked = query("many.gtm.test", 28).opt(512);
        Case::truncated("TC is limited", client, &asked)
    };
    vec![
        www(),
        nodata(),
        nxdomain(),
        truncated(),
        nxdomain(),
        // The account is empty: drop, drop, slip.
        www().dropped(),
        nodata().dropped(),
        www().slipped(),
        nxdomain().dropped(),
        truncated().dropped(),
        nxdomain().slipped(),
        truncated().dropped(),
        nodata().dropped(),
        nodata().slipped(),
        truncated().dropped(),
        www().dropped(),
        truncated().slipped(),
    ]
}

/// Whoever has shown a cookie of ours is not limited; whoever has shown another one is.
fn cookies() -> Vec<Case> {
    let client = address("192.0.3.77");
    let with = |what: &str, sent: &[u8], replied: Vec<u8>| {
        let opt = Opt::sized(1232).option(COOKIE, sent);
        let asked = query("window.gtm.test", A).with(&opt);
        Case::answered(what, client, &asked, &[a(1), a(2)]).with_options(&[replied])
    };
    let new = || fresh(CLIENT, client, NOW);
    let young = cookie(CLIENT, client, NOW - 10);
    let old = cookie(CLIENT, client, NOW - 3000);
    let expired = cookie(CLIENT, client, NOW - 3601);
    let previous = forged(PREVIOUS, CLIENT, 0x0100_0000, client, NOW);
    let others = cookie(CLIENT, address("192.0.3.78"), NOW);
    let mut wrong = cookie(CLIENT, client, NOW);
    wrong[20] ^= 1;
    let mut cases = Vec::new();
    let exempt = || {
        [
            with("a young cookie", &young, option(COOKIE, &young)),
            with("an old cookie", &old, new()),
            with("a cookie by the previous secret", &previous, new()),
        ]
    };
    for _ in 0..4 {
        cases.extend(exempt());
    }
    // None of these counted: the burst is still there.
    for _ in 0..BURST {
        cases.push(with(
            "a client's cookie alone",
            &CLIENT.to_be_bytes(),
            new(),
        ));
    }
    cases.extend(exempt());
    cases.extend([
        with("an expired cookie", &expired, new()).dropped(),
        with("another client's cookie", &others, new()).dropped(),
        with("a wrong cookie", &wrong, new()).slipped(),
        with("a client's cookie", &CLIENT.to_be_bytes(), new()).dropped(),
        with("a cookie of 23 octets", &young[..23], new()).dropped(),
        with(
            "a cookie of 40 octets",
            &[7; 40],
            fresh(0x0707_0707_0707_0707, client, NOW),
        )
        .slipped(),
    ]);
    cases.extend(exempt());
    // What is passed up is not counted here, nor dropped.
    let outside = query("nothing.example", A).octets();
    let refused = super::case::Userspace::Code(hickory_proto::op::ResponseCode::Refused);
    let counters = &[igtm_common::counter::Counter::PassNoZone];
    cases.push(Case::passed(
        "what is passed up is not limited",
        client,
        &outside,
        counters,
        refused,
    ));
    cases
}

/// In real time: a burst, then as many replies as seconds allow.
pub fn replies_come_at_the_rate() -> Result<()> {
    const RATE: f64 = 1000.0;
    let stage = Stage::new(State::RealRate)?;
    let frame = datagram(
        address("203.0.113.9"),
        &query("window.gtm.test", A).octets(),
    );
    let began = Instant::now();
    let (mut replies, mut refused) = (0_u32, Duration::ZERO);
    while began.elapsed() < Duration::from_millis(1500) {
        let asked = began.elapsed();
        if stage.kernel.run(&frame, 0, NOW)?.verdict == XDP_TX {
            replies += 1;
        } else {
            refused = asked;
        }
    }
    // The coarse clock goes by ticks of up to 10 ms.
    let due = |time: Duration| RATE * (1.0 + time.as_secs_f64());
    let (least, most) = (
        due(refused) - 0.02 * RATE,
        due(began.elapsed()) + 0.02 * RATE,
    );
    ensure!(
        (least..=most).contains(&f64::from(replies)),
        "{replies} replies, not {least} to {most}"
    );
    println!("{replies} replies, {least:.0} to {most:.0} were due");
    Ok(())
}
