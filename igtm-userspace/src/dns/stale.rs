//! Whether an answer is of addresses that could not be asked for in time (RFC 8767), as an extended
//! error says (RFC 8914 §4.4).
//!
//! Must not decide which replies say it.

use hickory_proto::rr::RecordType;
use igtm_common::layout::NameRef;

use super::answer::Asked;
use crate::policy::families_asked;

impl Asked<'_> {
    /// Whether what is answered at an access domain is addresses whose TTL is over (RFC 8767); of no
    /// interest to who sent no OPT.
    pub(super) fn is_stale(&self, of: &NameRef) -> bool {
        let mut families = families_asked(RecordType::from(self.raw.qtype)).iter();
        let answered = families.find(|ipv6| self.family(of, **ipv6).0.is_some());
        let number = answered.and_then(|ipv6| self.number(of, *ipv6).0);
        self.raw.opt.is_some() && number.is_some_and(|number| self.snapshot.is_stale(number))
    }
}
