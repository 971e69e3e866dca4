//! From a query to what is answered: name → view → line → slot → answer.

use igtm_common::{
    counter::Counter,
    layout::{
        EXISTS, NO_ANSWER, NO_VIEW, NameKey, NameRef, PASS, PASS_OTHERS, Settings, View, position,
    },
    line::{self, Address, Entry, NO_SLOT},
    reply,
};

use aya_ebpf::programs::XdpContext;

use crate::{absent, frame::Frame, maps, query::Query};

const A: u16 = 1;
const AAAA: u16 = 28;

/// What a query is answered with.
pub(crate) enum Found {
    /// Records of an answer.
    Answer {
        /// As in SLOTS.
        answer: u32,
        /// For the client subnet of the reply (RFC 7871 §7.2.1).
        scope: u8,
        /// For the counters.
        slot: u32,
    },
    /// The SOA of this zone: the name has no such record.
    NoData {
        /// Position in ZONES, without the epoch.
        zone: u32,
    },
    /// The SOA of this zone: there is no such name.
    NxDomain {
        /// Position in ZONES, without the epoch.
        zone: u32,
    },
}

/// Who asks, as far as the line goes.
pub(crate) struct Client {
    /// Its address, or its subnet's.
    pub(crate) address: Address,
    /// Whether that is an IPv6 one.
    pub(crate) v6: bool,
}

/// What the name, the type and the client's line say in `epoch`.
#[inline(always)]
pub(crate) fn look_up(
    ctx: &XdpContext,
    settings: &Settings,
    epoch: u32,
    frame: &Frame,
    query: &Query,
    client: &Client,
) -> Result<Found, Counter> {
    if reply::is_meta(query.qtype) {
        return Err(Counter::PassUserspace);
    }
    let name = named(query.name.0, epoch);
    if name.flags & EXISTS == 0 {
        let zone = absent::zone(ctx, settings, epoch, frame, query)?;
        return Ok(Found::NxDomain { zone });
    }
    if name.flags & PASS != 0 {
        return Err(Counter::PassUserspace);
    }
    let zone = name.zone.into();
    let (view, slots) = match query.qtype {
        A => (name.view[0], name.slots[0]),
        AAAA => (name.view[1], name.slots[1]),
        _ if name.flags & PASS_OTHERS != 0 => return Err(Counter::PassUserspace),
        _ => (NO_VIEW, 0),
    };
    if view == NO_VIEW {
        return Ok(Found::NoData { zone });
    }
    let view = maps::VIEWS
        .get(position(view.into(), epoch))
        .ok_or(Counter::PassUserspace)?;
    let place = place(view, epoch, client).ok_or(Counter::PassUserspace)?;
    if place.slot == NO_SLOT {
        return Ok(Found::NoData { zone });
    }
    let slot = slots + u32::from(place.slot);
    let answer = maps::SLOTS
        .get(position(slot, epoch))
        .ok_or(Counter::PassUserspace)?
        .answer;
    if answer == NO_ANSWER {
        return Ok(Found::NoData { zone });
    }
    Ok(Found::Answer {
        answer,
        scope: place.scope,
        slot,
    })
}

/// What the name with this hash is in `epoch`.
#[inline(always)]
pub(crate) fn named(hash: [u64; 2], epoch: u32) -> NameRef {
    let Some(entry) = maps::NAMES.get_ptr(NameKey { hash }) else {
        return NameRef::default();
    };
    // SAFETY: what is of the epoch that is answered from is not changed; the daemon waits for
    // running programs before it reuses the other one.
    unsafe { (*entry).of[(epoch & 1) as usize] }
}

#[inline(always)]
fn place(view: &View, epoch: u32, client: &Client) -> Option<line::Place> {
    let root = Entry(if client.v6 { view.v6 } else { view.v4 });
    line::look_up(root, client.address, |unit| {
        maps::LINES.get(position(unit, epoch))
    })
}
