//! Every good query cut at every length: as a shorter datagram, and as a cut frame.

use igtm_common::counter::Counter::{
    self, PassBadLength, PassBadName, PassBadOpt, PassClass, PassNotIp,
};

use super::answers::{ANYBODY, ANYBODY_V6, long_name};
use super::case::{Case, Userspace};
use super::frame::{ETHERNET, datagram};
use super::message::{A, AAAA, Opt, Query, TXT, query};

/// What a cut message may be passed for, depending on where it was cut.
const CUT: &[Counter] = &[PassBadLength, PassBadName, PassBadOpt, PassClass];

/// What a cut frame may be passed for.
const CUT_FRAME: &[Counter] = &[PassBadLength, PassNotIp];

/// Every case of this file.
pub fn cases() -> Vec<Case> {
    let cookie = Opt::sized(1232).option(10, &[7; 8]);
    let subnet = Opt::sized(1232).option(8, &[0, 1, 24, 0, 198, 51, 100]);
    let queries: [(&str, Query); 6] = [
        ("plain", query("www.gtm.test", A)),
        ("with OPT", query("www.gtm.test", AAAA).opt(1232)),
        ("with a cookie", query("onelabel", A).with(&cookie)),
        ("of 255 octets", query(&long_name(), A).opt(1232)),
        ("with a subnet", query("www.gtm.test", A).with(&subnet)),
        ("for nothing", query("nothing.gtm.test", TXT).opt(1232)),
    ];
    let mut cases = Vec::new();
    for (what, query) in queries {
        let message = query.octets();
        for client in [ANYBODY, ANYBODY_V6] {
            for length in 0..message.len() {
                cases.push(Case::passed(
                    format!("a query {what} from {client} cut to {length} octets"),
                    client,
                    &message[..length],
                    CUT,
                    Userspace::Refusal,
                ));
            }
            let frame = datagram(client, &message);
            for length in ETHERNET..frame.len() {
                cases.push(Case::passed_frame(
                    format!("a query {what} from {client}, its frame cut to {length} octets"),
                    frame[..length].to_vec(),
                    CUT_FRAME,
                ));
            }
        }
    }
    cases
}
