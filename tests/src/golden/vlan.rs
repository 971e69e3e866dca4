//! Cases behind VLAN tags (IEEE 802.1Q, 802.1ad): up to two are answered and come back as they came.

use std::net::IpAddr;

use igtm_common::counter::Counter::{
    self, PassBadLength, PassNoZone, PassNotIp, PassNotUdp, PassWrongMac,
};

use super::answers::{ANYBODY, ANYBODY_V6, TELECOM, TELECOM_V6, a, aaaa};
use super::case::Case;
use super::frame::{ETHERNET, datagram, fix_ipv4_checksum, tagged};
use super::message::{A, AAAA, Opt, TXT, query};
use super::reply::gtm;

/// IEEE 802.1Q.
const C: u16 = 0x8100;
/// IEEE 802.1ad.
const S: u16 = 0x88a8;

/// Every way to be tagged that is answered: VLAN 7, priority tags, all bits of the value.
const TAGS: [&[[u16; 2]]; 9] = [
    &[],
    &[[C, 7]],
    &[[S, 7]],
    &[[C, 0xe000]],
    &[[C, 0xffff]],
    &[[S, 9], [C, 7]],
    &[[C, 9], [C, 7]],
    &[[S, 9], [S, 7]],
    &[[C, 0xf000], [S, 0]],
];

/// Every case of this file.
pub fn cases() -> Vec<Case> {
    let mut cases = answered();
    cases.extend(passed());
    cases.extend(cut());
    cases
}

/// Each kind of client and of reply behind each kind of tags.
fn answered() -> Vec<Case> {
    let www = query("www.gtm.test", A);
    let www_v6 = query("wWw.gtm.test", AAAA).opt(1232);
    let padded = query("www.gtm.test", A).with(&Opt::sized(1232).option(12, &[0; 300]));
    let mut cases = Vec::new();
    for tags in TAGS {
        let what = |what: &str| format!("{what} behind {tags:04x?}");
        let of = |case: Case| case.edit_frame(|frame| *frame = tagged(frame, tags));
        let three = [a(1), a(2), a(3)];
        cases.extend(
            [
                Case::answered(what("A"), ANYBODY, &www, &three),
                Case::answered(what("A over IPv6"), ANYBODY_V6, &www, &three),
                Case::answered(what("telecom's A"), TELECOM, &www, &[a(51)]),
                Case::answered(what("telecom's A over IPv6"), TELECOM_V6, &www, &[a(51)]),
                Case::answered(what("AAAA"), ANYBODY, &www_v6, &[aaaa(1), aaaa(2)]),
                Case::answered(what("a shorter reply"), ANYBODY_V6, &padded, &three),
                Case::truncated(
                    what("TC"),
                    ANYBODY_V6,
                    &query("many.gtm.test", AAAA).opt(512),
                ),
                Case::nodata(
                    what("NODATA"),
                    ANYBODY,
                    &query("www.gtm.test", TXT).opt(512),
                    gtm(),
                ),
                Case::nxdomain(
                    what("NXDOMAIN"),
                    ANYBODY_V6,
                    &query("no.gtm.test", A),
                    gtm(),
                ),
                Case::answered(what("padding"), ANYBODY, &www, &three)
                    .edit_frame(|frame| frame.extend([0; 14])),
            ]
            .map(of),
        );
    }
    cases
}

fn passed() -> Vec<Case> {
    let message = query("www.gtm.test", A).opt(1232).octets();
    let behind = |what: &str, client: IpAddr, tags: &[[u16; 2]], counters| {
        let frame = tagged(&datagram(client, &message), tags);
        Case::passed_frame(what, frame, counters)
    };
    let mut cases = Vec::new();
    for client in [ANYBODY, ANYBODY_V6] {
        cases.extend([
            behind(
                "three tags",
                client,
                &[[S, 9], [C, 8], [C, 7]],
                &[PassNotIp],
            ),
            behind(
                "four tags",
                client,
                &[[C, 9], [C, 8], [C, 7], [C, 6]],
                &[PassNotIp],
            ),
            behind("an old QinQ type", client, &[[0x9100, 7]], &[PassNotIp]),
            behind(
                "an old QinQ type below a tag",
                client,
                &[[C, 7], [0x9200, 7]],
                &[PassNotIp],
            ),
            behind(
                "a tag's type, bytes swapped",
                client,
                &[[0x0081, 7]],
                &[PassNotIp],
            ),
            behind("a MAC-in-MAC tag", client, &[[0x88e7, 7]], &[PassNotIp]),
            behind("a tag to another host", client, &[[C, 7]], &[PassWrongMac])
                .edit_frame(|frame| frame[5] ^= 1),
            behind("ARP behind a tag", client, &[[C, 7]], &[PassNotIp]).edit_frame(|frame| {
                frame[16..18].copy_from_slice(&[0x08, 0x06]);
            }),
        ]);
    }
    let tcp = |frame: &mut Vec<u8>| {
        frame[ETHERNET + 9] = 6;
        fix_ipv4_checksum(frame);
        *frame = tagged(frame, &[[S, 9], [C, 7]]);
    };
    cases.push(
        Case::passed_frame(
            "TCP behind two tags",
            datagram(ANYBODY, &message),
            &[PassNotUdp],
        )
        .edit_frame(tcp),
    );
    let outside = datagram(ANYBODY, &query("nothing.example", A).octets());
    cases.push(Case::passed_frame(
        "a name outside behind a tag",
        tagged(&outside, &[[C, 7]]),
        &[PassNoZone],
    ));
    cases
}

/// A tagged frame cut at every length: in a tag, at its end, and behind.
fn cut() -> Vec<Case> {
    const CUT: &[Counter] = &[PassBadLength, PassNotIp];
    let message = query("www.gtm.test", A).octets();
    let mut cases = Vec::new();
    for client in [ANYBODY, ANYBODY_V6] {
        for tags in [&[[C, 7]][..], &[[S, 9], [C, 7]]] {
            let frame = tagged(&datagram(client, &message), tags);
            for length in ETHERNET..frame.len() {
                let what = format!("behind {tags:04x?} from {client}, cut to {length} octets");
                cases.push(Case::passed_frame(what, frame[..length].to_vec(), CUT));
            }
        }
    }
    cases
}
