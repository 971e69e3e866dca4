//! Domains at an apex, and what they are resolved to.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use hickory_proto::rr::Name;
use igtm_common::layout::{LARGE, LargeAnswer};
use igtm_common::reply;
use proptest::prelude::*;

use crate::flatten::{Known, Resolved};
use crate::snapshot::fixture::{COOKIES, Down, ground};
use crate::snapshot::{Change, Ground, Snapshot};

fn file(policy: &str, domains: &[(&str, u32)]) -> String {
    let domains: Vec<String> = domains
        .iter()
        .map(|(name, weight)| format!("{{ value = \"{name}\", weight = {weight} }}"))
        .collect();
    format!(
        "[[zone]]\norigin = \"example.com\"\nns = [\"ns.example.net\"]\ncontact = \"h.example.com\"\n\
         [[monitor]]\nname = \"tcp\"\nprotocol = \"tcp\"\n\
         [[pool]]\nname = \"p\"\ntype = \"domain\"\npolicy = \"{policy}\"\nmonitor = \"tcp\"\naddress = [{}]\n\
         [[pool]]\nname = \"last\"\ntype = \"ipv4\"\naddress = [{{ value = \"192.0.2.99\" }}]\n\
         [[instance]]\nname = \"apex\"\ndomain = \"example.com\"\nttl = \"60s\"\n\
         [[instance.strategy]]\nname = \"s\"\nlines = [\"default\"]\nfallback = \"last\"\n\
         tier = [{{ pools = [\"p\"], policy = \"{policy}\" }}]\n",
        domains.join(", ")
    )
}

fn name(text: &str) -> Name {
    let mut name = Name::from_ascii(text).expect("a name");
    name.set_fqdn(true);
    name
}

/// Each domain's addresses, of the family they are of, with their TTL.
fn resolved(domains: &[(&str, &[&str], u32)]) -> Resolved {
    let mut resolved = Resolved::default();
    for (domain, texts, ttl_s) in domains {
        for ipv6 in [false, true] {
            let parse = |text: &&str| text.parse::<IpAddr>().expect("an address");
            let all = texts.iter().map(parse);
            let addresses = all.filter(|ip| ip.is_ipv6() == ipv6).collect();
            let known = Known {
                addresses,
                ttl_s: *ttl_s,
                stale: false,
            };
            resolved.learn(name(domain), ipv6, Some(known));
        }
    }
    resolved
}

fn with(ground: &Arc<Ground>, resolved: Resolved, down: &[&str]) -> Snapshot {
    Snapshot::flattening(Arc::clone(ground), &Down(down), resolved, 1, COOKIES)
}

/// The one instance's answer to A (0) or AAAA (1).
fn answer(snapshot: &Snapshot, family: usize) -> &LargeAnswer {
    let names = &snapshot.image.fixed.names;
    let (_, of, _) = names
        .iter()
        .find(|(_, of, _)| of.view != [u16::MAX; 2])
        .expect("the apex");
    let slot = snapshot.image.fixed.slots[of.slots[family] as usize];
    assert_ne!(
        slot.answer & LARGE,
        0,
        "nobody knows how many addresses there will be"
    );
    &snapshot.image.large[(slot.answer & !LARGE) as usize]
}

/// The last octets of the records of a reply to each random number, with how often they come.
fn drawn(answer: &LargeAnswer, draws: u32) -> BTreeMap<Vec<u8>, u32> {
    let mut found = BTreeMap::new();
    for at in 0..draws {
        // Over the whole range, which a draw by weight divides.
        let random = ((u64::from(at) << 32) / u64::from(draws)) as u32 | (at % 2);
        let window = reply::choose(answer, random).expect("there are records");
        let first = window.start as usize..(window.start + window.len) as usize;
        let mut octets = answer.octets[first].to_vec();
        octets.extend(&answer.octets[..window.wrapped as usize]);
        let record = if answer.rtype == 1 { 16 } else { 28 };
        let lasts = octets.chunks(record).map(|record| record[record.len() - 1]);
        *found.entry(lasts.collect()).or_default() += 1;
    }
    found
}

#[test]
fn one_domain_is_answered_as_its_own_servers_would() {
    let ground = ground(&file("all", &[("a.example.net", 100)]));
    let known = resolved(&[(
        "a.example.net",
        &["192.0.2.1", "192.0.2.2", "2001:db8::7"],
        40,
    )]);
    let snapshot = with(&ground, known, &[]);
    let (a, aaaa) = (answer(&snapshot, 0), answer(&snapshot, 1));
    assert_eq!((a.rtype, a.records, a.window, a.ttl), (1, 2, 2, 40));
    assert_eq!((aaaa.rtype, aaaa.records, aaaa.ttl), (28, 1, 40));
    let orders: Vec<_> = drawn(a, 10).into_keys().collect();
    assert_eq!(orders, [vec![1, 2], vec![2, 1]]);
    // The instance's own TTL is the most.
    let known = resolved(&[("a.example.net", &["192.0.2.1"], 3600)]);
    let snapshot = with(&ground, known, &[]);
    assert_eq!(answer(&snapshot, 0).ttl, 60);
    assert_eq!(
        answer(&snapshot, 1).records,
        0,
        "it has no IPv6 address: NODATA"
    );
}

#[test]
fn of_several_domains_each_has_its_share() {
    let domains = [("a.example.net", 30), ("b.example.net", 10)];
    let known: [(&str, &[&str], u32); 2] = [
        (
            "a.example.net",
            &["192.0.2.1", "192.0.2.2", "192.0.2.3"],
            50,
        ),
        ("b.example.net", &["192.0.2.9"], 20),
    ];
    for (policy, shares) in [("all", [200, 600]), ("weight", [300, 300])] {
        let ground = ground(&file(policy, &domains));
        let snapshot = with(&ground, resolved(&known), &[]);
        let answer = answer(&snapshot, 0);
        assert_eq!((answer.window, answer.ttl), (1, 20));
        let found = drawn(answer, 1200);
        let share = |last| f64::from(found[&vec![last]]);
        for (last, expected) in [
            (1, shares[0]),
            (2, shares[0]),
            (3, shares[0]),
            (9, shares[1]),
        ] {
            let off = (share(last) - f64::from(expected)).abs();
            assert!(off <= 2.0, "{policy}: {found:?}");
        }
    }
}

#[test]
fn what_is_not_resolved_is_no_negative_answer() {
    let domains = [("a.example.net", 100), ("b.example.net", 100)];
    let ground = ground(&file("all", &domains));
    let nothing = with(&ground, Resolved::default(), &[]);
    assert!(answer(&nothing, 0).is_unknown() && answer(&nothing, 1).is_unknown());
    assert!(
        reply::choose(answer(&nothing, 0), 0).is_none(),
        "the kernel passes it up"
    );
    // The other domain first.
    let known = resolved(&[("b.example.net", &["192.0.2.9"], 20)]);
    let one = with(&ground, known, &[]);
    assert_eq!(
        drawn(answer(&one, 0), 10).into_keys().collect::<Vec<_>>(),
        [vec![9]]
    );
    assert!(
        answer(&one, 1).is_unknown(),
        "a.example.net may have an IPv6 address"
    );
    // Health decides before that: what is down is not waited for.
    let down = with(
        &ground,
        Resolved::default(),
        &["a.example.net", "b.example.net"],
    );
    assert_eq!(drawn_small(&down), 99);
}

/// The fallback's one address, in the large answer of the same slot.
fn drawn_small(snapshot: &Snapshot) -> u8 {
    let answer = answer(snapshot, 0);
    assert_eq!((answer.rtype, answer.records, answer.ttl), (1, 1, 60));
    answer.octets[15]
}

#[test]
fn what_is_learned_changes_its_answers_only() {
    let ground = ground(&file("all", &[("a.example.net", 100)]));
    let first = with(&ground, Resolved::default(), &[]);
    let known = resolved(&[("a.example.net", &["192.0.2.1"], 40)]);
    let learned = [name("a.example.net"), name("unknown.example.net")];
    let change = Change {
        learned: &learned,
        ..Change::default()
    };
    let next = first.after_change(&change, &Down(&[]), known.clone(), 2);
    assert_eq!(
        next.image.changed.as_ref().map(Vec::len),
        Some(2),
        "A and AAAA"
    );
    assert_eq!(next.redecided, Some(Vec::new()));
    let fresh = with(&ground, known.clone(), &[]);
    assert_eq!(next.image.large, fresh.image.large);
    let same = next.after_change(&change, &Down(&[]), known, 3);
    assert_eq!(same.image.changed, Some(Vec::new()));
}

proptest! {
    /// Whatever domains are resolved to, it fits, and each domain keeps its share to a hundredth.
    #[test]
    fn shares_hold_for_any_numbers(
        domains in prop::collection::vec((1_u32..=100, 0_usize..40), 1..40)
    ) {
        let names: Vec<String> = (0..domains.len()).map(|at| format!("d{at}.example.net")).collect();
        let pool: Vec<_> = names.iter().map(String::as_str).zip(domains.iter().map(|one| one.0)).collect();
        let ground = ground(&file("weight", &pool));
        let texts: Vec<Vec<String>> = domains.iter().enumerate()
            .map(|(at, (_, count))| (0..*count).map(|n| format!("10.0.{at}.{n}")).collect())
            .collect();
        let texts: Vec<Vec<&str>> = texts.iter().map(|one| one.iter().map(String::as_str).collect()).collect();
        let known: Vec<_> = names.iter().zip(&texts).map(|(name, texts)| (name.as_str(), &texts[..], 20)).collect();
        let snapshot = with(&ground, resolved(&known), &[]);
        let answer = answer(&snapshot, 0);
        let with: Vec<_> = domains.iter().enumerate().filter(|(_, one)| one.1 > 0).collect();
        if with.len() < 2 {
            let most = with.first().map_or(0, |(_, one)| one.1);
            prop_assert_eq!(usize::from(answer.records), most);
            return Ok(());
        }
        let weights: u32 = with.iter().map(|(_, one)| one.0).sum();
        for (at, (weight, _)) in with {
            let mut before = 0;
            let mut own = 0;
            for record in 0..usize::from(answer.records) {
                let octets = &answer.octets[usize::from(answer.offsets[record])..];
                if usize::from(octets[14]) == at {
                    own += answer.cumulative[record] - before;
                }
                before = answer.cumulative[record];
            }
            let share = f64::from(own) / f64::from(answer.total_weight);
            let expected = f64::from(*weight) / f64::from(weights);
            prop_assert!((share / expected - 1.0).abs() < 0.01, "{} instead of {}", share, expected);
        }
    }
}
