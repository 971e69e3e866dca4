//! Response rate limiting: the kernel's rule over any arrivals, and what a limited reply is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hickory_proto::rr::RecordType;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use igtm_common::layout::RATES;
use igtm_common::line::Address;
use igtm_common::rate::{Bucket, Limit, Outcome, bucket_of, prefix_hash};
use proptest::prelude::*;

use super::super::limit::Limiter;
use super::super::service::Batch;
use super::super::short::shorten;
use super::udp::{counted, service};
use super::*;
use crate::config::model::Limits;

/// What `igtm-ebpf/src/limit.rs` does, with an array in place of the map.
struct Kernel {
    key: [u64; 2],
    buckets: Vec<Bucket>,
}

impl Kernel {
    fn check(&mut self, limits: &Limits, source: IpAddr, now_ns: u64) -> Outcome {
        let bits = match source {
            IpAddr::V4(_) => limits.ipv4_prefix,
            IpAddr::V6(_) => limits.ipv6_prefix,
        };
        let Address { high, low } = Address::from(source);
        let (index, tag) = prefix_hash(&self.key, high, low, bits.into());
        let limit = Limit::per_second(limits.responses_per_second, limits.slip);
        self.buckets[bucket_of(index, RATES) as usize].take(&limit, tag, now_ns)
    }
}

fn source() -> impl Strategy<Value = IpAddr> {
    // Few prefixes, so that they go over their rates.
    let v4 = (0_u32..3, any::<u8>()).prop_map(|(net, host)| {
        IpAddr::from(Ipv4Addr::from_bits(
            0xc000_0200 + (net << 8) + u32::from(host),
        ))
    });
    let v6 = (0_u128..3, any::<u8>()).prop_map(|(net, host)| {
        IpAddr::from(Ipv6Addr::from_bits(
            (0x2001_0db8 << 96) + (net << 72) + u128::from(host),
        ))
    });
    prop_oneof![v4, v6]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn userspace_limits_as_the_kernel_does(
        rate in 1_u32..50,
        slip in 0_u32..4,
        bits in (8_u8..=32, 32_u8..=128),
        arrivals in prop::collection::vec((source(), 0_u64..30_000_000), 1..300),
    ) {
        let limits = Limits {
            responses_per_second: rate,
            slip,
            ipv4_prefix: bits.0,
            ipv6_prefix: bits.1,
        };
        let limiter = Limiter::new(None);
        let mut kernel = Kernel {
            key: limiter.key(),
            buckets: vec![Bucket::default(); RATES as usize],
        };
        let mut now_ns = 1 << 50;
        for (source, later_ns) in arrivals {
            now_ns += later_ns;
            let expected = kernel.check(&limits, source, now_ns);
            prop_assert_eq!(limiter.take(&limits, source, now_ns), expected);
        }
    }
}

/// The fixture with a limit of two replies a second, every other one TC=1.
fn limited() -> Snapshot {
    let text = format!("{FILE}\n[limits]\nresponses_per_second = 2\nslip = 2\n");
    snapshot(&ground(&text), &[], SERIAL)
}

fn with_cookie(cookie: &[u8]) -> Message {
    let mut message = query("www.gtm.example.com", RecordType::A, true);
    let option = EdnsOption::Unknown(EdnsCode::Cookie.into(), cookie.to_vec());
    message
        .edns
        .as_mut()
        .expect("an OPT")
        .options_mut()
        .insert(option);
    message
}

fn udp(batch: &mut Batch<'_>, message: &[u8], client: IpAddr) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    batch.udp(message, client, &mut out).map(|Replied| out)
}

#[test]
fn a_prefix_over_its_rate_is_limited_over_udp_unless_it_is_known() {
    let (service, replies) = service(limited(), answer::answer);
    let telecom: IpAddr = TELECOM.parse().expect("an address");
    let neighbour = IpAddr::from([203, 0, 113, 11]);
    let plain = octets(&query("absent.gtm.example.com", RecordType::A, true));
    // No time goes by within a batch.
    let mut batch = service.batch();
    let whole = udp(&mut batch, &plain, telecom).expect("the first");
    assert_eq!(udp(&mut batch, &plain, neighbour).as_ref(), Some(&whole));
    assert_eq!(udp(&mut batch, &plain, telecom), None);
    let slip = udp(&mut batch, &plain, telecom).expect("every other is TC=1");
    let slip = Message::from_vec(&slip).expect("well formed");
    assert_eq!(words(&slip), "NoError aa tc");
    // What is no query takes nothing from anybody.
    let mut reply = plain.clone();
    reply[2] |= 0x80;
    assert_eq!(udp(&mut batch, &reply, telecom), None);
    // Refusals are replies like any.
    let refused = octets(&query("example.net", RecordType::A, true));
    assert_eq!(udp(&mut batch, &refused, telecom), None);
    let slip = udp(&mut batch, &refused, telecom).expect("every other is TC=1");
    assert_eq!(
        words(&Message::from_vec(&slip).expect("well formed")),
        "Refused tc"
    );
    // TCP, and another prefix, have no part in it.
    let mut first = Vec::new();
    assert!(batch.tcp(&plain, telecom, &mut first).is_some());
    assert!(udp(&mut batch, &plain, OTHER.parse().expect("an address")).is_some());
    // A cookie of ours, shown by whom it was made for.
    let fresh = octets(&with_cookie(b"12345678"));
    let replied = batch.tcp(&fresh, telecom, &mut first);
    assert!(replied.is_some());
    let first = Message::from_vec(&first).expect("well formed");
    let edns = first.edns.as_ref().expect("an OPT");
    let Some(EdnsOption::Unknown(_, cookie)) = edns.option(EdnsCode::Cookie) else {
        panic!("{edns:?}");
    };
    let known = octets(&with_cookie(cookie));
    for _ in 0..10 {
        assert!(udp(&mut batch, &known, telecom).is_some());
    }
    assert_eq!(udp(&mut batch, &known, neighbour), None);
    drop(batch);
    let drops = counted(&replies, 0);
    let of = |name| {
        drops
            .iter()
            .find(|(one, _)| *one == name)
            .map(|(_, count)| *count)
    };
    assert_eq!((of("limited_drop"), of("limited_slip")), (Some(3), Some(2)));
}

#[test]
fn a_shortened_reply_is_what_the_renderer_truncates_to() {
    let snapshot = well();
    let shortened = |query: &[u8], transport| {
        let mut reply = answer(&snapshot, query, by(TELECOM, transport)).expect("a reply");
        shorten(&mut reply);
        reply
    };
    for edns in [false, true] {
        for (name, r#type) in [
            ("www.gtm.example.com", RecordType::A),
            ("absent.gtm.example.com", RecordType::A),
            ("gtm.example.com", RecordType::TXT),
            ("gtm.example.com", RecordType::SOA),
        ] {
            let query = octets(&query(name, r#type, edns));
            let short = shortened(&query, Transport::Udp);
            let message = Message::from_vec(&short).expect("well formed");
            assert_eq!(words(&message), "NoError aa tc", "{name} {type}");
            assert_eq!(message.edns.is_some(), edns);
            assert_eq!(message.queries.len(), 1);
            // Once is enough.
            let mut again = short.clone();
            shorten(&mut again);
            assert_eq!(again, short);
        }
    }
}

proptest! {
    /// Whatever octets: no panic, nothing longer.
    #[test]
    fn anything_can_be_shortened(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut reply = octets.clone();
        shorten(&mut reply);
        prop_assert!(reply.len() <= octets.len());
    }
}
