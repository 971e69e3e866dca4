//! Cases that the kernel passes for their OPT.

use hickory_proto::op::ResponseCode::{BADVERS, NoError};
use igtm_common::counter::Counter::{PassBadLength, PassBadOpt, PassEdnsOption};

use super::case::Case;
use super::case::Userspace::{Code, Refusal};
use super::message::{Opt, wire};
use super::queries::{passed, www};

/// Every case of this file.
pub fn cases() -> Vec<Case> {
    let with = |what: &str, opt: &Opt, counters, userspace| {
        passed(what, &www().with(opt), counters, userspace)
    };
    let opt = || Opt::sized(1232);
    let cookie = || opt().option(10, &[7; 8]);
    let excess = |opt: Opt, excess| opt.edit(|opt| opt.excess = excess);
    let five = (0..5).fold(opt(), |opt, at| opt.option(65_001 + at, &[7; 3]));
    let far = opt().option(12, &[0; 1200]).option(65_001, &[]);
    let subnet = [0, 1, 24, 0, 198, 51, 100];
    let padded = excess(opt(), 4);
    vec![
        with(
            "NSID",
            &opt().option(3, b""),
            &[PassEdnsOption],
            Code(NoError),
        ),
        with(
            "NSID behind a cookie",
            &cookie().option(3, b""),
            &[PassEdnsOption],
            Code(NoError),
        ),
        with(
            "NSID before a client subnet",
            &opt().option(3, b"").option(8, &subnet),
            &[PassEdnsOption],
            Code(NoError),
        ),
        with("five options", &five, &[PassEdnsOption], Code(NoError)),
        with(
            "an option behind long padding",
            &far,
            &[PassBadOpt],
            Code(NoError),
        ),
        with(
            "EDNS version 1",
            &opt().edit(|opt| opt.version = 1),
            &[PassBadOpt],
            Code(BADVERS),
        ),
        with(
            "EDNS version 255",
            &opt().edit(|opt| opt.version = 255),
            &[PassBadOpt],
            Code(BADVERS),
        ),
        with(
            "an OPT that is not at the root",
            &opt().edit(|opt| opt.owner = wire("www")),
            &[PassBadOpt],
            Refusal,
        ),
        with(
            "an RDLENGTH one too long",
            &excess(opt(), 1),
            &[PassBadOpt],
            Refusal,
        ),
        with(
            "an RDLENGTH of an option that is not there",
            &padded,
            &[PassBadOpt],
            Refusal,
        ),
        with(
            "that option made of Ethernet padding",
            &padded,
            &[PassBadLength],
            Refusal,
        )
        .edit_frame(|frame| frame.extend([0; 8])),
        with(
            "an RDLENGTH one too long for its option",
            &excess(cookie(), 1),
            &[PassBadOpt],
            Refusal,
        ),
        with(
            "an RDLENGTH one too short",
            &excess(cookie(), -1),
            &[PassBadOpt],
            Refusal,
        ),
        with(
            "an RDLENGTH of 0 before an option",
            &excess(cookie(), -12),
            &[PassBadLength],
            Refusal,
        ),
        with(
            "an option longer than the OPT",
            &opt().edit(|opt| opt.options = vec![0, 10, 0, 9, 1]),
            &[PassBadOpt],
            Refusal,
        ),
        with(
            "half an option's header",
            &opt().edit(|opt| opt.options = vec![0, 10]),
            &[PassBadOpt],
            Refusal,
        ),
        with(
            "an RDLENGTH of 65535",
            &excess(opt(), -1),
            &[PassBadOpt],
            Refusal,
        ),
    ]
}
