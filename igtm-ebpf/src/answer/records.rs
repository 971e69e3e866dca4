//! Which records leave, and how they get into the frame.

use aya_ebpf::{bindings::xdp_md, helpers::bpf_xdp_store_bytes, programs::XdpContext};
use igtm_common::{
    counter::Counter,
    layout::{Answer, LARGE, NO_ANSWER, SOA_OCTETS, position},
    opaque::opaque,
    reply::{self, Kind, origin_pointer},
};

use super::Work;
use crate::{lookup::Found, maps, packet::Packet};

/// What stands between question and OPT: a part of some map's octets, and one from their beginning.
pub(crate) struct Records {
    pub(crate) kind: Kind,
    pub(super) start: u32,
    pub(super) len: u32,
    pub(super) wrapped: u32,
    pub(super) sum: u32,
    /// The owner of an SOA; 0 elsewhere.
    pub(super) owner: u16,
    /// Of the client subnet.
    pub(super) scope: u8,
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
/// Puts the records into the frame. Looks their element up again: a pointer kept from before would
/// make the verifier walk all that lies between once for each map.
#[inline(always)]
pub(super) fn copy(
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
pub(super) fn store<const MOST: u32>(
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
