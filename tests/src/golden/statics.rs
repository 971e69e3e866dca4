//! Cases around static records: what the kernel may say of names beside, above and below them, and
//! what it leaves to userspace.

use hickory_proto::op::ResponseCode::{self, NXDomain, NoError};
use igtm_common::counter::Counter;

use super::answers::{ANYBODY, ANYBODY_V6};
use super::case::{Case, Userspace};
use super::message::{A, AAAA, TXT, query};
use super::reply::{Data, Zone, gtm};

/// The zone of static.zone.
fn zone() -> Zone {
    Zone {
        origin: "static.test",
        ..gtm()
    }
}

/// Every case of this file.
pub fn cases() -> Vec<Case> {
    let mut cases = kernels();
    cases.extend(userspaces());
    cases
}

fn kernels() -> Vec<Case> {
    let nodata = |name: &str, qtype| {
        let what = format!("{name} has no type {qtype}");
        Case::nodata(what, ANYBODY, &query(name, qtype).opt(1232), zone())
    };
    let nxdomain = |name: &str| {
        let what = format!("there is no {name}");
        Case::nxdomain(what, ANYBODY_V6, &query(name, A), zone())
    };
    let office = [Data::A([192, 0, 2, 99].into())];
    vec![
        Case::answered(
            "an instance beside a TXT",
            ANYBODY,
            &query("beside.static.test", A),
            &office,
        ),
        nodata("beside.static.test", AAAA),
        nodata("txt.static.test", A),
        nodata("ent.static.test", TXT),
        nodata("under.ent.static.test", A),
        nodata("wild.static.test", A),
        nodata("old.static.test", A),
        nodata("static.test", A),
        nxdomain("nothing.static.test"),
        nxdomain("below.host.static.test"),
        nxdomain("other.ent.static.test"),
        nxdomain("below.alias.static.test"),
        nxdomain("far.below.beside.static.test"),
        nxdomain("below.*.wild.static.test"),
    ]
}

fn userspaces() -> Vec<Case> {
    let passed = |name: &str, qtype, code: ResponseCode| {
        let what = format!("{name}, type {qtype}, is userspace's");
        let message = query(name, qtype).opt(1232).octets();
        let counters = &[Counter::PassUserspace];
        Case::passed(what, ANYBODY, &message, counters, Userspace::Code(code))
    };
    vec![
        passed("host.static.test", A, NoError),
        passed("HOST.static.test", AAAA, NoError),
        passed("host.static.test", TXT, NoError),
        passed("txt.static.test", TXT, NoError),
        passed("txt.static.test", 15, NoError),
        passed("beside.static.test", TXT, NoError),
        passed("alias.static.test", A, NoError),
        passed("*.wild.static.test", A, NoError),
        passed("any.wild.static.test", A, NoError),
        passed("far.any.wild.static.test", TXT, NoError),
        passed("cut.static.test", A, NoError),
        passed("ns.cut.static.test", A, NoError),
        passed("far.below.cut.static.test", TXT, NoError),
        passed("old.static.test", 39, NoError),
        passed("www.old.static.test", A, NoError),
        passed("nothing.old.static.test", A, NXDomain),
        passed("static.test", 2, NoError),
    ]
}
