//! From a query to what is answered: name → view → line → slot → answer.

use igtm_common::{
    bucket,
    counter::Counter,
    layout::{
        EXISTS, NO_ANSWER, NO_VIEW, NameKey, NameRef, PASS, PASS_OTHERS, Settings, View, position,
    },
    line::{self, Entry, NO_SLOT},
    name::NameHash,
    reply,
};

use aya_ebpf::bindings::xdp_md;

use crate::{absent, answer::Work, maps, options::Options};

const A: u16 = 1;
const AAAA: u16 = 28;

/// What a query is answered with.
pub(crate) struct Found {
    /// Which answer, as in SLOTS; [`NO_ANSWER`], or one without records: the zone's SOA.
    pub(crate) answer: u32,
    /// For the client subnet of a positive reply (RFC 7871 §7.2.1).
    pub(crate) scope: u8,
    /// For the counters; [`NO_ANSWER`] without one.
    pub(crate) slot: u32,
    /// Position in ZONES, without the epoch.
    pub(crate) zone: u32,
    /// Whether there is such a name.
    pub(crate) exists: bool,
}

impl Found {
    /// What the name, the type and the client's line say.
    #[inline(always)]
    pub(crate) fn look_up(
        ctx: *mut xdp_md,
        settings: &Settings,
        work: &Work,
    ) -> Result<Self, Counter> {
        let Work { epoch, query, .. } = work;
        let epoch = *epoch;
        if reply::is_meta(query.qtype) {
            return Err(Counter::PassUserspace);
        }
        let name = named(settings, query.name, epoch);
        if name.flags & EXISTS == 0 {
            let zone = absent::zone(ctx, settings, work)?;
            return Ok(Self::negative(zone, false));
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
            return Ok(Self::negative(zone, true));
        }
        let view = maps::VIEWS
            .get(position(view.into(), epoch))
            .ok_or(Counter::PassUserspace)?;
        let place = place(view, epoch, &work.options).ok_or(Counter::PassUserspace)?;
        if place.slot == NO_SLOT {
            return Ok(Self::negative(zone, true));
        }
        let slot = slots + u32::from(place.slot);
        let answer = maps::SLOTS
            .get(position(slot, epoch))
            .ok_or(Counter::PassUserspace)?
            .answer;
        Ok(Self {
            answer,
            scope: place.scope,
            slot,
            zone,
            exists: true,
        })
    }

    #[inline(always)]
    fn negative(zone: u32, exists: bool) -> Self {
        Self {
            answer: NO_ANSWER,
            scope: 0,
            slot: NO_ANSWER,
            zone,
            exists,
        }
    }
}

/// What the name with this hash is in `epoch`.
#[inline(always)]
pub(crate) fn named(settings: &Settings, name: NameHash, epoch: u32) -> NameRef {
    let buckets = settings.buckets[(epoch & 1) as usize];
    bucket::find(NameKey { hash: name.0 }, buckets, |at| {
        maps::NAMES.get(position(at, epoch))
    })
}

/// The slot of the client in a view.
#[inline(always)]
fn place(view: &View, epoch: u32, options: &Options) -> Option<line::Place> {
    let root = Entry(if options.client_v6 { view.v6 } else { view.v4 });
    line::look_up(root, options.client, |unit| {
        maps::LINES.get(position(unit, epoch))
    })
}
