//! Replies that the kernel may give too, laid out by the same renderer (`igtm_common::reply`).

use igtm_common::layout::Answer;
use igtm_common::reply::{self, HEADER_OCTETS, OPT_OCTETS, OptRecord};

use super::query::Raw;

/// The reply's octets; `None` for an answer without records.
///
/// `limit` is what may leave in all, `udp_size` what our OPT says, octets. `subnet` is the option
/// that the reply's OPT carries, header included.
pub(super) fn reply(
    message: &[u8],
    raw: &Raw<'_>,
    answer: &Answer,
    random: u32,
    limit: u16,
    udp_size: u16,
    subnet: &[u8],
) -> Option<Vec<u8>> {
    let opt_octets = raw.opt.map_or(0, |_| OPT_OCTETS + subnet.len());
    let fixed = HEADER_OCTETS + raw.question.len() + opt_octets;
    let slice = reply::choose(answer, random, fixed as u32, limit.into())?;
    let query = [message[0], message[1], message[2]];
    let mut reply = Vec::with_capacity(fixed + slice.len as usize);
    reply.extend_from_slice(&reply::header(query, &slice, raw.opt.is_some()));
    reply.extend_from_slice(raw.question);
    let records = slice.start as usize..(slice.start + slice.len) as usize;
    reply.extend_from_slice(answer.octets.get(records)?);
    if let Some(opt) = raw.opt {
        let record = OptRecord::new(udp_size, opt.dnssec_ok, subnet.len() as u16);
        reply.extend_from_slice(&record.octets());
        reply.extend_from_slice(subnet);
    }
    Some(reply)
}
