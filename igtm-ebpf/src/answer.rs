//! What becomes of a frame: parse → look up → limit → reply.
//!
//! Everything is read and decided first; resizing the frame is the last thing that can
//! fail, and only then is a single octet changed.

mod room;
mod write;

use aya_ebpf::{helpers::bpf_ktime_get_coarse_ns, programs::XdpContext};
use igtm_common::{
    counter::Counter,
    layout::{EPOCH_NONE, Settings},
    reply::Kind,
};

use crate::{
    frame::Frame,
    limit, lookup,
    lookup::{Client, Found},
    maps,
    options::Options,
    packet::Packet,
    query::Query,
    sample, verdict,
};

/// What a reply depends on besides the query and the maps; tests give it.
pub trait Inputs {
    /// Chooses records.
    fn random(&self) -> u32;
    /// Seconds since 1970, modulo 2^32.
    fn seconds(&self, settings: &Settings) -> u32;
}

/// Answers the frame in place, or leaves it as it is; counts which. Returns the verdict.
#[inline(always)]
pub fn answer(ctx: &XdpContext, inputs: &impl Inputs) -> u32 {
    verdict::reached(respond(ctx, inputs))
}

/// `Ok` when the frame became the reply; `Err` when it is as it was, and why.
#[inline(always)]
fn respond(ctx: &XdpContext, inputs: &impl Inputs) -> Result<Counter, Counter> {
    let settings = maps::SETTINGS.get(0).ok_or(Counter::PassNotReady)?;
    let packet = Packet::of(ctx);
    let frame = Frame::check(ctx, &packet, settings)?;
    // Read once: everything below is of one epoch.
    // SAFETY: a field of a live map value.
    let epoch = unsafe { (&raw const settings.epoch).read_volatile() };
    if epoch == EPOCH_NONE {
        return Err(Counter::PassNotReady);
    }
    fresh(settings)?;
    let query = Query::parse(&packet, settings, &frame)?;
    let options = Options::read(&packet, settings, &frame, &query, inputs)?;
    let client = match &options.subnet {
        Some(subnet) if subnet.source() > 0 => Client {
            address: subnet.address(),
            v6: subnet.is_v6(),
        },
        _ => Client {
            address: frame.source,
            v6: frame.v6,
        },
    };
    let found = lookup::look_up(ctx, settings, epoch, &frame, &query, &client)?;
    let truncate = limit::check(settings, &frame, &options)?;
    let kind = write::write(ctx, settings, epoch, &frame, &query, &options, &found, inputs.random(), truncate)?;
    Ok(match kind {
        Kind::Answer(_) => Counter::ReplyAnswer,
        Kind::NoData => Counter::ReplyNodata,
        Kind::NxDomain => Counter::ReplyNxdomain,
        Kind::Truncated if truncate => Counter::LimitedSlip,
        Kind::Truncated => Counter::ReplyTruncated,
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
