//! Makes the reply out of the frame: chooses records, resizes, writes.

use aya_ebpf::{bindings::xdp_md, helpers::bpf_xdp_store_bytes, programs::XdpContext};
use igtm_common::{
    checksum,
    counter::Counter,
    layout::{Answer, LARGE, NO_ANSWER, SOA_OCTETS, Settings, position},
    opaque::opaque,
    reply::{
        self, COOKIE_OCTETS, CookieOption, HEADER_OCTETS, Kind, OPT_OCTETS, OptRecord,
        origin_pointer,
    },
};

use super::{Work, room};
use crate::{
    frame::{self, Frame, IPV4, IPV6, Ipv4, Ipv6, UDP, Udp},
    lookup::Found,
    maps,
    packet::Packet,
};

/// TTL and hop limit of a reply.
const HOPS: u8 = 64;
/// Octets of the longest client subnet option.
const SUBNET: u32 = 24;

/// What stands between question and OPT: a part of some map's octets, and one from their beginning.
pub(crate) struct Records {
    pub(crate) kind: Kind,
    start: u32,
    len: u32,
    wrapped: u32,
    sum: u32,
    /// The owner of an SOA; 0 elsewhere.
    owner: u16,
    /// Of the client subnet.
    scope: u8,
}

impl Records {
    /// Leaves none of them.
    #[inline(always)]
    pub(crate) fn truncate(&mut self) {
        self.kind = Kind::Truncated;
        self.len = 0;
        self.wrapped = 0;
        self.sum = 0;
        self.owner = 0;
    }

    /// Which octets of which map leave; reads no octet of them.
    #[inline(always)]
    pub(crate) fn choose(work: &Work, random: u32) -> Result<Self, Counter> {
        let Work {
            epoch,
            query,
            found,
            ..
        } = work;
        if found.answer != NO_ANSWER {
            let at = position(found.answer & !LARGE, *epoch);
            let (records, chosen) = if found.answer & LARGE == 0 {
                let answer = maps::ANSWERS.get(at).ok_or(Counter::PassUserspace)?;
                (answer.records, reply::choose(answer, random))
            } else {
                let answer = maps::LARGE_ANSWERS.get(at).ok_or(Counter::PassUserspace)?;
                (answer.records, reply::choose(answer, random))
            };
            if records != 0 {
                let window = chosen.ok_or(Counter::PassUserspace)?;
                return Ok(Self {
                    kind: Kind::Answer(window.count),
                    start: window.start,
                    len: window.len,
                    wrapped: window.wrapped,
                    sum: window.sum,
                    owner: 0,
                    scope: found.scope,
                });
            }
        }
        let zone = maps::ZONES
            .get(position(found.zone, *epoch))
            .ok_or(Counter::PassUserspace)?;
        let owner = origin_pointer(query.name_octets, zone.origin_octets.into());
        Ok(Self {
            kind: if found.exists {
                Kind::NoData
            } else {
                Kind::NxDomain
            },
            start: 0,
            len: zone.soa_octets.into(),
            wrapped: 0,
            sum: zone.sum,
            owner: u16::from_ne_bytes(owner),
            scope: 0,
        })
    }
}

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
    write_headers(
        &packet,
        frame,
        settings,
        udp_length,
        checksum::udp(sum),
        header,
    )?;
    Ok(())
}

/// Puts the records into the frame. Looks their element up again: a pointer kept from before would
/// make the verifier walk all that lies between once for each map.
#[inline(always)]
fn copy(
    ctx: *mut xdp_md,
    epoch: u32,
    found: &Found,
    records: &Records,
    to: usize,
) -> Result<(), Counter> {
    match records.kind {
        Kind::Truncated => Ok(()),
        Kind::Answer(_) => {
            let at = position(found.answer & !LARGE, epoch);
            if found.answer & LARGE == 0 {
                let answer = maps::ANSWERS.get(at).ok_or(Counter::DropBroken)?;
                copy_window(ctx, answer, records, to)
            } else {
                let answer = maps::LARGE_ANSWERS.get(at).ok_or(Counter::DropBroken)?;
                copy_window(ctx, answer, records, to)
            }
        }
        Kind::NoData | Kind::NxDomain => {
            let zone = maps::ZONES
                .get(position(found.zone, epoch))
                .ok_or(Counter::DropBroken)?;
            store::<{ SOA_OCTETS as u32 }>(ctx, to, zone.soa.as_ptr(), records.len)
        }
    }
}

#[inline(always)]
fn copy_window<const C: usize, const O: usize, const T: usize>(
    ctx: *mut xdp_md,
    answer: &Answer<C, O, T>,
    records: &Records,
    to: usize,
) -> Result<(), Counter> {
    // The verifier follows each bound but not that of their sum, so it wants room for both.
    const { assert!(T >= O) };
    let octets = answer.octets.as_ptr();
    let start = opaque(records.start.into());
    let len = opaque(records.len.into());
    if start > O as u64 || len == 0 || len > O as u64 {
        return Err(Counter::DropBroken);
    }
    // SAFETY: `Records::choose` has it that both together are inside.
    copy_octets(ctx, to, unsafe { octets.add(start as usize) }, len)?;
    let wrapped = opaque(records.wrapped.into());
    if wrapped > O as u64 {
        return Err(Counter::DropBroken);
    }
    if wrapped > 0 {
        copy_octets(ctx, to + len as usize, octets, wrapped)?;
    }
    Ok(())
}

/// Copies `len` octets into the frame: as words when they are few, which is half as dear as a helper.
#[inline(always)]
fn copy_octets(ctx: *mut xdp_md, to: usize, from: *const u8, len: u64) -> Result<(), Counter> {
    /// Four records of A.
    const FEW: u64 = 64;
    if len > FEW || !len.is_multiple_of(4) {
        // SAFETY: the caller's: `from` has `len` octets; the helper checks the frame's bounds.
        let failed =
            unsafe { bpf_xdp_store_bytes(ctx, to as u32, from.cast_mut().cast(), len as u32) };
        return if failed == 0 {
            Ok(())
        } else {
            Err(Counter::DropBroken)
        };
    }
    let packet = Packet::of(&XdpContext::new(ctx));
    let to = packet.from(to).ok_or(Counter::DropBroken)?;
    for word in 0..(FEW / 4) as usize {
        if 4 * word as u64 >= len {
            break;
        }
        let to = to.at::<u32>(4 * word).ok_or(Counter::DropBroken)?;
        // SAFETY: the caller's: `from` has `len` octets; `to` is inside the frame.
        unsafe { to.write_unaligned(from.add(4 * word).cast::<u32>().read_unaligned()) };
    }
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

/// UDP header and the beginning of a message.
#[repr(C, packed)]
struct UdpMessage {
    udp: Udp,
    header: [u16; HEADER_OCTETS / 2],
}

/// Turns Ethernet, IP and UDP round and puts the DNS header in.
#[inline(always)]
fn write_headers(
    packet: &Packet,
    frame: &Frame,
    settings: &Settings,
    udp_length: u16,
    checksum: u16,
    header: [u16; HEADER_OCTETS / 2],
) -> Result<(), Counter> {
    let ethernet = frame::ethernet(packet).ok_or(Counter::DropBroken)?;
    let ip = packet.from(frame.ip_at).ok_or(Counter::DropBroken)?;
    let udp = packet
        .at_variable::<UdpMessage>(frame.message_at - UDP)
        .ok_or(Counter::DropBroken)?;
    ethernet.turn_round();
    if frame.v6 {
        turn_ipv6_round(&ip, udp_length)?;
    } else {
        turn_ipv4_round(&ip, udp_length)?;
    }
    // SAFETY: inside the frame; the type is packed.
    unsafe {
        *udp = UdpMessage {
            udp: Udp {
                source: settings.port,
                destination: frame.client_port,
                length: udp_length,
                checksum,
            },
            header,
        };
    }
    Ok(())
}

#[inline(always)]
fn turn_ipv4_round(ip: &Packet, udp_length: u16) -> Result<(), Counter> {
    let header = ip.at::<Ipv4>(0).ok_or(Counter::DropBroken)?;
    // SAFETY: inside the frame; the type is packed.
    let [_, _, _, source, destination] = unsafe { (*header).words };
    let [total_high, total_low] = (u16::from_be(udp_length) + IPV4 as u16).to_be_bytes();
    // An atomic datagram (RFC 6864 §4.1): DF, and the identification does not matter.
    let length = u32::from_ne_bytes([0x45, 0, total_high, total_low]);
    let fragment = u32::from_ne_bytes([0, 0, 0x40, 0]);
    let protocol = u32::from_ne_bytes([HOPS, 17, 0, 0]);
    let fixed = u64::from(length) + u64::from(fragment) + u64::from(protocol);
    let sum = fixed + u64::from(source) + u64::from(destination);
    let [high, low] = (!checksum::fold(sum)).to_ne_bytes();
    let checksum = u32::from_ne_bytes([0, 0, high, low]);
    // SAFETY: as above.
    unsafe { (*header).words = [length, fragment, protocol | checksum, destination, source] };
    Ok(())
}

#[inline(always)]
fn turn_ipv6_round(ip: &Packet, udp_length: u16) -> Result<(), Counter> {
    const { assert!(size_of::<Ipv6>() == IPV6) };
    let header = ip.at::<Ipv6>(0).ok_or(Counter::DropBroken)?;
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
    Ok(())
}

#[inline(always)]
fn store<const MOST: u32>(
    ctx: *mut xdp_md,
    offset: usize,
    from: *const u8,
    len: u32,
) -> Result<(), Counter> {
    let len = opaque(len.into());
    if len == 0 || len > MOST.into() {
        return Err(Counter::DropBroken);
    }
    // SAFETY: `from` has `MOST` octets; the helper checks the frame's bounds.
    let failed =
        unsafe { bpf_xdp_store_bytes(ctx, offset as u32, from.cast_mut().cast(), len as u32) };
    if failed != 0 {
        return Err(Counter::DropBroken);
    }
    Ok(())
}
