//! Makes the reply out of the frame: sums up, resizes, writes.

use aya_ebpf::programs::XdpContext;
use igtm_common::{
    checksum,
    counter::Counter,
    layout::Settings,
    reply::{self, COOKIE_OCTETS, CookieOption, HEADER_OCTETS, OPT_OCTETS, OptRecord},
};

use super::{
    Work, headers,
    records::{copy, store},
    room,
};
use crate::{frame::UDP, packet::Packet};

/// Octets of the longest client subnet option.
const SUBNET: u32 = 24;

/// Turns the frame into the reply; an error leaves it as it was.
#[inline(always)]
pub(super) fn write(ctx: &XdpContext, settings: &Settings, work: &mut Work) -> Result<(), Counter> {
    let Work {
        epoch,
        frame,
        query,
        options,
        found,
        records,
    } = work;
    let opt_octets = if query.has_opt() {
        OPT_OCTETS + options.cookie_octets + options.subnet_octets
    } else {
        0
    };
    let answers_at = HEADER_OCTETS + query.question();
    let mut opt_at = answers_at + (records.len + records.wrapped) as usize;
    let limit = reply::udp_limit(query.opt, settings.udp_size);
    if opt_at + opt_octets > usize::from(limit) {
        opt_at = answers_at;
        records.truncate();
    }
    let message = opt_at + opt_octets;
    let udp_length = ((UDP + message) as u16).to_be();

    let dnssec_ok = query.opt.is_some_and(|opt| opt.dnssec_ok);
    let rdlength = options.cookie_octets + options.subnet_octets;
    let opt = OptRecord::new(settings.udp_size, dnssec_ok, rdlength as u16);
    let header = reply::header(query.id, query.flags, records.kind, query.has_opt());
    let cookie_at = opt_at + OPT_OCTETS;
    let subnet_at = cookie_at + options.cookie_octets;

    // Ports, length twice (header and pseudo-header), protocol, addresses: RFC 768, RFC 8200 §8.1.
    let mut sum = frame.addresses_sum
        + u64::from(frame.client_port)
        + u64::from(settings.port)
        + 2 * u64::from(udp_length)
        + u64::from(17_u16.to_be())
        + header.iter().map(|word| u64::from(*word)).sum::<u64>()
        + u64::from(checksum::fold(query.question_sum))
        + checksum::at_offset(
            u64::from(records.sum) + u64::from(records.owner),
            answers_at,
        );
    if query.has_opt() {
        sum += checksum::at_offset(opt.sum(), opt_at);
        if options.cookie_octets > 0 {
            sum += checksum::at_offset(options.cookie.sum(), cookie_at);
        }
    }
    if options.subnet_octets > 0 {
        let wants_line = options.subnet.source() > 0;
        let option = options
            .subnet
            .reply(if wants_line { records.scope } else { 0 });
        sum += checksum::at_offset(option.sum(), subnet_at);
        options.subnet_words = option.words;
    }

    let at = frame.message_at;
    let old_end = Packet::of(ctx).octets();
    room::resize(ctx.ctx, old_end, at + message, at + answers_at)?;
    copy(ctx.ctx, *epoch, found, records, at + answers_at)?;
    if options.subnet_octets > 0 {
        let from = options.subnet_words.as_ptr().cast();
        store::<SUBNET>(ctx.ctx, at + subnet_at, from, options.subnet_octets as u32)?;
    }
    let packet = Packet::of(ctx);
    if records.owner != 0 {
        let owner = packet
            .at_variable::<u16>(at + answers_at)
            .ok_or(Counter::DropBroken)?;
        // SAFETY: inside the frame.
        unsafe { owner.write_unaligned(records.owner) };
    }
    if query.has_opt() {
        write_opt(&packet, at + opt_at, opt)?;
        if options.cookie_octets > 0 {
            write_cookie(&packet, at + cookie_at, &options.cookie)?;
        }
    }
    headers::write(
        &packet,
        frame,
        settings,
        udp_length,
        checksum::udp(sum),
        header,
    )?;
    Ok(())
}
#[inline(always)]
fn write_opt(packet: &Packet, at: usize, opt: OptRecord) -> Result<(), Counter> {
    let to = packet
        .at_variable::<[u8; OPT_OCTETS]>(at)
        .ok_or(Counter::DropBroken)?
        .cast::<u8>();
    let [first, second] = opt.0;
    // SAFETY: eight, two and one octets of OPT_OCTETS inside the frame.
    unsafe {
        to.cast::<u64>().write_unaligned(first);
        to.add(8)
            .cast::<u16>()
            .write_unaligned((second.to_le() as u16).to_le());
        to.add(10).write((second.to_le() >> 16) as u8);
    }
    Ok(())
}

#[inline(always)]
fn write_cookie(packet: &Packet, at: usize, cookie: &CookieOption) -> Result<(), Counter> {
    let to = packet
        .at_variable::<[u8; COOKIE_OCTETS]>(at)
        .ok_or(Counter::DropBroken)?
        .cast::<u8>();
    // SAFETY: COOKIE_OCTETS inside the frame.
    unsafe {
        to.cast::<u32>().write_unaligned(CookieOption::HEADER);
        to.add(4).cast::<u64>().write_unaligned(cookie.client);
        to.add(12).cast::<u64>().write_unaligned(cookie.server[0]);
        to.add(20).cast::<u64>().write_unaligned(cookie.server[1]);
    }
    Ok(())
}
