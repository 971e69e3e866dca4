//! Walking databases: what was written comes back, and damage is an error at most.

use std::net::IpAddr;

use ipnet::IpNet;
use proptest::prelude::*;

use super::geo::asn_networks;
use super::mmdb_writer::{Field, Format, USUAL, asn, database};
use crate::config::mmdb::{Asn, Database};

/// Prefixes crowded at the ends of the families, and at the aliases.
fn any_net() -> impl Strategy<Value = IpNet> {
    let start = prop::sample::select(vec![
        "0.0.0.0",
        "1.0.0.0",
        "1.2.3.0",
        "255.255.255.0",
        "2400::",
        "2400:1::",
        "2003::",
        "fd00::",
    ]);
    (start, 1..=24_u8, 0..4_u8).prop_map(|(start, length, more)| {
        let address: IpAddr = start.parse().expect("an address");
        let length = length + if address.is_ipv6() { 16 + more } else { more };
        IpNet::new(address, length).expect("a length").trunc()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Each address has the fact of the longest network that was written, and of one prefix only.
    #[test]
    fn a_walk_gives_back_what_was_written(
        networks in prop::collection::btree_map(any_net(), 1..5_u32, 1..12),
        record_bits in prop::sample::select(vec![24_u16, 28, 32]),
        aliases in any::<bool>(),
    ) {
        let written: Vec<(String, Field)> = networks.iter().map(|(net, number)| (net.to_string(), asn(*number))).collect();
        let written: Vec<(&str, Field)> = written.iter().map(|(net, field)| (net.as_str(), field.clone())).collect();
        let octets = database("any", Format { record_bits, aliases, ..USUAL }, &written);
        let mut walked: Vec<(IpNet, u32)> = Vec::new();
        let database = Database::open(octets).expect("good");
        database.walk(|net, Asn(number)| walked.push((net, number))).expect("good");
        for net in networks.keys() {
            for client in [net.network(), net.broadcast()] {
                let longest = networks.iter()
                    .filter(|(net, _)| net.contains(&client))
                    .max_by_key(|(net, _)| net.prefix_len());
                let holding: Vec<u32> = walked.iter()
                    .filter(|(net, _)| net.contains(&client))
                    .map(|(_, number)| *number)
                    .collect();
                prop_assert_eq!(holding, vec![*longest.expect("itself").1], "{}", client);
            }
        }
        // Nothing beside: every walked network lies in a written one.
        for (net, _) in walked {
            prop_assert!(networks.keys().any(|written| written.contains(&net)), "{}", net);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// A damaged file may be refused or say something else, but ends neither the reader nor its time.
    #[test]
    fn damage_is_an_error_at_most(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
        version in prop::sample::select(vec![4_u16, 6]),
    ) {
        let format = Format { ip_version: version, aliases: version == 6, ..USUAL };
        let networks: Vec<_> = asn_networks().into_iter()
            .filter(|(net, _)| version == 6 || !net.contains(':'))
            .collect();
        let mut octets = database("Test-ASN", format, &networks);
        for (at, octet) in damage {
            let at = at.index(octets.len());
            octets[at] = octet;
        }
        if let Some(cut) = cut {
            octets.truncate(cut.index(octets.len()));
        }
        let mut walked = 0_usize;
        if let Ok(database) = Database::open(octets) {
            let _refused = database.walk(|_, Asn(_)| walked += 1);
        }
        prop_assert!(walked < 1_000_000);
    }
}
