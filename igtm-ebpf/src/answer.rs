//! What becomes of a frame: parse → look up → limit → reply.
//!
//! Everything is read and decided first; resizing the frame is the last thing that can
//! fail, and only then is a single octet changed.
//!
//! Each step is a function of its own in BPF, with a stack of its own, and leaves what it found out
//! in [`Work`]: to the verifier that is memory, so what one step may have found does not multiply
//! the ways through the next.

mod chance;
mod headers;
mod records;
mod room;
mod write;

use aya_ebpf::{
    bindings::xdp_md, btf_maps::PerCpuArray, helpers::bpf_ktime_get_coarse_ns, macros::btf_map,
    programs::XdpContext,
};
use igtm_common::{
    counter::Counter,
    layout::{EPOCH_NONE, SLOT_COUNTS, Settings},
    opaque::opaque,
    reply::Kind,
};

use crate::{
    frame::Frame, limit, lookup::Found, maps, options::Options, packet::Packet, query::Query,
    sample, verdict,
};
use records::Records;

/// What a reply depends on besides the query and the maps; tests give it.
pub trait Inputs {
    /// Chooses records.
    fn random(&self) -> u32;
    /// Seconds since 1970, modulo 2^32.
    fn seconds(&self, settings: &Settings) -> u32;
}

/// The real ones.
pub struct Live;

impl Inputs for Live {
    #[inline(always)]
    fn random(&self) -> u32 {
        chance::random()
    }

    #[inline(always)]
    fn seconds(&self, settings: &Settings) -> u32 {
        // SAFETY: the helper has no preconditions.
        let since_boot = unsafe { bpf_ktime_get_coarse_ns() } / 1_000_000_000;
        settings.boot_time.wrapping_add(since_boot as u32)
    }
}

/// A query with all that is found out about it.
pub(crate) struct Work {
    pub(crate) epoch: u32,
    pub(crate) frame: Frame,
    pub(crate) query: Query,
    pub(crate) options: Options,
    pub(crate) found: Found,
    pub(crate) records: Records,
}

/// What this CPU works on. Not pinned: without meaning between two frames.
#[btf_map]
static WORK: PerCpuArray<[u64; size_of::<Work>().div_ceil(8)], 1> = PerCpuArray::new();

/// Answers the frame in place, or leaves it as it is; counts which. Returns the verdict.
#[inline(always)]
pub fn answer(ctx: &XdpContext, inputs: &impl Inputs) -> u32 {
    let (Some(settings), Some(work)) = (maps::SETTINGS.get(0), WORK.get_ptr_mut(0)) else {
        return verdict::reached(Err(Counter::PassNotReady)).0;
    };
    let work = work.cast::<u64>();
    if let Err(counter) = take_in(ctx, settings, work) {
        return verdict::reached(Err(counter)).0;
    }
    let outcome = conclude(ctx, settings, inputs, work);
    let (verdict, times) = verdict::reached(outcome);
    // The first of each outcome is one of them.
    if times.wrapping_sub(1) & u64::from(settings.sample_mask) == 0 {
        let (Ok(outcome) | Err(outcome)) = outcome;
        sample::take(ctx.ctx, work, outcome as u32);
    }
    verdict
}

/// Whether the frame is a query that can be answered now.
#[inline(always)]
fn take_in(ctx: &XdpContext, settings: &Settings, work: Opaque) -> Result<(), Counter> {
    // Read once: everything below is of one epoch.
    // SAFETY: a field of a live map value.
    let epoch = unsafe { (&raw const settings.epoch).read_volatile() };
    if epoch == EPOCH_NONE {
        return Err(Counter::PassNotReady);
    }
    of(work).epoch = epoch & 1;
    done(parse(ctx.ctx, settings, work))
}

/// From a query to its reply: `Ok` when the frame became that, `Err` when it is as it was, and why.
#[inline(always)]
fn conclude(
    ctx: &XdpContext,
    settings: &Settings,
    inputs: &impl Inputs,
    opaque: Opaque,
) -> Result<Counter, Counter> {
    if of(opaque).query.has_options() {
        done(read_options(
            ctx.ctx,
            settings,
            inputs.seconds(settings),
            opaque,
        ))?;
    }
    done(look_up(ctx.ctx, settings, inputs.random(), opaque))?;
    let truncate = limit::check(settings, of(opaque))?;
    if truncate {
        of(opaque).records.truncate();
    }
    done(reply(ctx.ctx, settings, opaque))?;
    let work = of(opaque);
    Ok(match work.records.kind {
        Kind::Answer(_) => {
            count_slot(work.found.slot);
            Counter::ReplyAnswer
        }
        Kind::NoData => Counter::ReplyNodata,
        Kind::NxDomain => Counter::ReplyNxdomain,
        Kind::Truncated if truncate => Counter::LimitedSlip,
        Kind::Truncated => Counter::ReplyTruncated,
    })
}

/// Reads and checks everything but the options.
#[inline(never)]
fn parse(ctx: *mut xdp_md, settings: &Settings, work: Opaque) -> Step {
    let parse = |work: &mut Work| {
        let ctx = &XdpContext::new(ctx);
        let packet = Packet::of(ctx);
        work.frame = Frame::check(ctx, &packet, settings)?;
        fresh(settings)?;
        work.query = Query::parse(&packet, settings, &work.frame)?;
        work.options.none(&work.frame);
        Ok(())
    };
    step(parse(of(work)))
}

#[inline(never)]
fn read_options(ctx: *mut xdp_md, settings: &Settings, now: u32, work: Opaque) -> Step {
    let work = of(work);
    let packet = Packet::of(&XdpContext::new(ctx));
    let options = &mut work.options;
    step(options.read(&packet, settings, &work.frame, &work.query, now))
}

#[inline(never)]
fn look_up(ctx: *mut xdp_md, settings: &Settings, random: u32, work: Opaque) -> Step {
    let look_up = |work: &mut Work| {
        work.found = Found::look_up(ctx, settings, work)?;
        work.records = Records::choose(work, random)?;
        Ok(())
    };
    step(look_up(of(work)))
}

#[inline(never)]
fn reply(ctx: *mut xdp_md, settings: &Settings, work: Opaque) -> Step {
    step(write::write(&XdpContext::new(ctx), settings, of(work)))
}

/// A pointer to [`Work`] in the signature of a BPF function: BTF cannot say what Rust's enums are,
/// and it says all that a signature names.
pub(crate) type Opaque = *mut u64;

/// The value behind an [`Opaque`].
#[inline(always)]
pub(crate) fn of<'a>(work: Opaque) -> &'a mut Work {
    // SAFETY: this CPU's own value, with room for it; one step at a time refers to it, and each
    // field is written before it is read.
    unsafe { &mut *work.cast::<Work>() }
}

/// How a step ended, as a number: 0, or 1 + the counter of what it met.
type Step = u32;

#[inline(always)]
fn step(outcome: Result<(), Counter>) -> Step {
    match outcome {
        Ok(()) => 0,
        Err(counter) => 1 + counter as u32,
    }
}

#[inline(always)]
fn done(step: Step) -> Result<(), Counter> {
    if step == 0 {
        return Ok(());
    }
    Err(Counter::numbered(opaque(step.into()) as u32 - 1).unwrap_or(Counter::DropBroken))
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

/// Counts a reply for the instance and line of a slot.
#[inline(always)]
fn count_slot(slot: u32) {
    if let Some(counts) = maps::SLOT_COUNTS.get_ptr_mut(slot / SLOT_COUNTS) {
        // SAFETY: the remainder is inside the value, which is this CPU's own.
        unsafe { (*counts)[(slot % SLOT_COUNTS) as usize] += 1 };
    }
}
