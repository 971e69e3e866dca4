//! Looks up the answer of a query and turns the frame into the reply.
//!
//! Everything is read and decided first; resizing the frame is the last thing that can
//! fail, and only then is a single octet changed.

mod room;

use aya_ebpf::{
    bindings::xdp_md,
    btf_maps::lpm_trie::Key,
    helpers::{bpf_ktime_get_coarse_ns, bpf_xdp_store_bytes},
    programs::XdpContext,
};
use igtm_common::{
    checksum,
    counter::Counter,
    layout::{
        self, Answer, AnswerKey, EPOCH_NONE, NO_LINE, PrefixV4, PrefixV6, REPLY_OCTETS, Settings,
    },
    reply::{self, HEADER_OCTETS, OPT_OCTETS, OptRecord, Slice},
};

use crate::{
    frame::{ETHERNET, Frame, IPV4, IPV6, Ipv4, Ipv6, Packet, UDP, Udp},
    maps,
    query::Query,
    verdict,
};

/// TTL and hop limit of a reply.
const HOPS: u8 = 64;
/// A lookup of one whole address behind the epoch, bits.
const WHOLE_V4: u32 = 32 + 32;
const WHOLE_V6: u32 = 32 + 128;

/// Answers the frame in place, or leaves it as it is; counts which. Returns the verdict.
#[inline(always)]
pub fn answer(ctx: &XdpContext, random: u32) -> u32 {
    match Frame::ip_header(&Packet::of(ctx)) {
        Ok(IPV4) => answer_v4(ctx.ctx, random),
        Ok(_) => answer_v6(ctx.ctx, random),
        Err(counter) => verdict::reached(Err(counter)),
    }
}

/// A function of its own in BPF: 512 octets of stack for each family instead of for both.
#[inline(never)]
fn answer_v4(ctx: *mut xdp_md, random: u32) -> u32 {
    verdict::reached(answer_over::<IPV4>(&XdpContext::new(ctx), random))
}

/// As [`answer_v4`].
#[inline(never)]
fn answer_v6(ctx: *mut xdp_md, random: u32) -> u32 {
    verdict::reached(answer_over::<IPV6>(&XdpContext::new(ctx), random))
}

/// `Ok` when the frame became the reply; `Err` when it is as it was, and why.
#[inline(always)]
fn answer_over<const L3: usize>(ctx: &XdpContext, random: u32) -> Result<Counter, Counter> {
    let settings = maps::SETTINGS.get(0).ok_or(Counter::PassNotReady)?;
    let packet = Packet::of(ctx);
    let frame = Frame::check::<L3>(ctx, &packet, settings)?;
    // Read once: everything below is of one epoch.
    // SAFETY: a field of a live map value.
    let epoch = unsafe { (&raw const settings.epoch).read_volatile() };
    if epoch == EPOCH_NONE {
        return Err(Counter::PassNotReady);
    }
    fresh(settings)?;
    let query = Query::parse::<L3>(&packet, settings, frame.message)?;
    let answer = look_up::<L3>(epoch, &frame, &query).ok_or(Counter::PassNoAnswer)?;

    let opt_octets = if query.opt.is_some() { OPT_OCTETS } else { 0 };
    let fixed = (HEADER_OCTETS + query.question + opt_octets) as u32;
    let limit = u32::from(reply::udp_limit(query.opt, settings.udp_size));
    let slice = reply::choose(answer, random, fixed, limit).ok_or(Counter::PassNoAnswer)?;

    write::<L3>(ctx, settings, &frame, &query, answer, &slice)?;
    Ok(if slice.truncated {
        Counter::ReplyTruncated
    } else {
        Counter::ReplyAnswer
    })
}

/// Whether the daemon was heard of recently enough.
#[inline(always)]
fn fresh(settings: &Settings) -> Result<(), Counter> {
    if settings.stale_after_ns != 0 {
        // SAFETY: the helper has no preconditions.
        let now = unsafe { bpf_ktime_get_coarse_ns() };
        // The coarse clock may be behind the daemon's by a tick.
        if now.saturating_sub(settings.heartbeat_ns) > settings.stale_after_ns {
            return Err(Counter::PassStale);
        }
    }
    Ok(())
}

/// The answer of the most preferred of the client's lines that has one for this name and type.
#[inline(always)]
fn look_up<'a, const L3: usize>(epoch: u32, frame: &Frame, query: &Query) -> Option<&'a Answer> {
    // SAFETY: eight words are sixteen octets.
    let source = unsafe { core::mem::transmute::<[u16; 8], [u8; 16]>(frame.source) };
    let found = if L3 == IPV4 {
        let address = [source[0], source[1], source[2], source[3]];
        maps::LINES_V4.get(&Key::new(WHOLE_V4, PrefixV4 { epoch, address }))
    } else {
        let address = source;
        maps::LINES_V6.get(&Key::new(WHOLE_V6, PrefixV6 { epoch, address }))
    };
    // Chain 0 is the default line alone.
    let chain = found.map_or(0, |found| found.chain);
    let chain = maps::CHAINS.get(epoch * layout::CHAINS as u32 + chain)?;
    for line in chain.lines {
        if line == NO_LINE {
            break;
        }
        let key = AnswerKey {
            name: query.name.0,
            epoch,
            line,
            qtype: query.qtype,
        };
        if let Some(answer) = maps::ANSWERS.get_ptr(key) {
            // SAFETY: entries of the epoch that is answered from are not changed; the daemon
            // waits for running programs before it reuses the other epoch.
            return Some(unsafe { &*answer });
        }
    }
    None
}

/// Resizes the frame and writes the reply into it.
#[inline(always)]
fn write<const L3: usize>(
    ctx: &XdpContext,
    settings: &Settings,
    frame: &Frame,
    query: &Query,
    answer: &Answer,
    slice: &Slice,
) -> Result<(), Counter> {
    let message_at = ETHERNET + L3 + UDP;
    let dnssec_ok = query.opt.is_some_and(|opt| opt.dnssec_ok);
    let opt = OptRecord::new(settings.udp_size, dnssec_ok, 0);
    let header = reply::header(query.header, slice, query.opt.is_some());

    let answers_at = HEADER_OCTETS + query.question;
    let opt_at = answers_at + slice.len as usize;
    let message = if query.opt.is_some() {
        opt_at + OPT_OCTETS
    } else {
        opt_at
    };
    let udp_length = ((UDP + message) as u16).to_be();

    // Ports, length twice (header and pseudo-header), protocol, addresses: RFC 768, RFC 8200 §8.1.
    let mut sum = frame.addresses_sum
        + u64::from(frame.client_port)
        + u64::from(frame.server_port)
        + 2 * u64::from(udp_length)
        + u64::from(17_u16.to_be())
        + words(&header)
        + u64::from(checksum::fold(query.question_sum))
        + checksum::at_offset(u64::from(slice.sum), answers_at);
    if query.opt.is_some() {
        sum += checksum::at_offset(opt.sum(), opt_at);
    }

    let old_end = Packet::of(ctx).octets();
    let new_end = message_at + message;
    room::resize(ctx.ctx, old_end, new_end, message_at + answers_at)?;
    if slice.len > 0 {
        let from = answer.octets.as_ptr().wrapping_add(slice.start as usize);
        store(ctx.ctx, message_at + answers_at, from, slice.len)?;
    }
    if query.opt.is_some() {
        let from = (&raw const opt).cast();
        store(ctx.ctx, message_at + opt_at, from, OPT_OCTETS as u32)?;
    }
    let packet = Packet::of(ctx);
    let ethernet = Frame::ethernet(&packet).ok_or(Counter::DropBroken)?;
    let udp = packet.at::<Udp>(ETHERNET + L3).ok_or(Counter::DropBroken)?;
    let dns = packet
        .at::<[u8; HEADER_OCTETS]>(message_at)
        .ok_or(Counter::DropBroken)?;
    ethernet.turn_round();
    write_ip::<L3>(&packet, udp_length)?;
    // SAFETY: both inside the frame; Udp is packed, octets need no alignment.
    unsafe {
        *udp = Udp {
            source: frame.server_port,
            destination: frame.client_port,
            length: udp_length,
            checksum: checksum::udp(sum),
        };
        *dns = header;
    }
    Ok(())
}

/// Turns the IP header round, with a fresh TTL or hop limit.
#[inline(always)]
fn write_ip<const L3: usize>(packet: &Packet, udp_length: u16) -> Result<(), Counter> {
    if L3 == IPV4 {
        let header = packet.at::<Ipv4>(ETHERNET).ok_or(Counter::DropBroken)?;
        // SAFETY: inside the frame; the type is packed.
        let old = unsafe { (*header).words };
        let total = (u16::from_be(udp_length) + IPV4 as u16).to_be();
        // An atomic datagram (RFC 6864 §4.1): DF, and the identification does not matter.
        let mut words = [
            u16::from_ne_bytes([0x45, 0]),
            total,
            0,
            0x4000_u16.to_be(),
            u16::from_ne_bytes([HOPS, 17]),
            0,
            old[8],
            old[9],
            old[6],
            old[7],
        ];
        words[5] = !checksum::fold(words.iter().map(|word| u64::from(*word)).sum());
        // SAFETY: as above.
        unsafe { (*header).words = words };
    } else {
        let header = packet.at::<Ipv6>(ETHERNET).ok_or(Counter::DropBroken)?;
        // SAFETY: inside the frame; the type is packed.
        unsafe {
            let old = *header;
            *header = Ipv6 {
                version_class_flow: 0x6000_0000_u32.to_be(),
                payload_length: udp_length,
                next_header: 17,
                hop_limit: HOPS,
                source: old.destination,
                destination: old.source,
            };
        }
    }
    Ok(())
}

/// Checksum part of a header.
#[inline(always)]
fn words(octets: &[u8; HEADER_OCTETS]) -> u64 {
    let word = |at: usize| u64::from(u16::from_ne_bytes([octets[at], octets[at + 1]]));
    word(0) + word(2) + word(4) + word(6) + word(8) + word(10)
}

#[inline(always)]
fn store(ctx: *mut xdp_md, offset: usize, from: *const u8, len: u32) -> Result<(), Counter> {
    if len > REPLY_OCTETS as u32 {
        return Err(Counter::DropBroken);
    }
    // SAFETY: `from` has `len` octets; the helper checks the frame's bounds.
    let failed = unsafe { bpf_xdp_store_bytes(ctx, offset as u32, from.cast_mut().cast(), len) };
    if failed != 0 {
        return Err(Counter::DropBroken);
    }
    Ok(())
}
