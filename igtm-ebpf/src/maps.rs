//! The pinned maps. Their names are the manual's; their shapes are `igtm_common::layout`'s.
//!
//! Capacities here are the least; the daemon makes the maps as large as its configuration needs.

use aya_ebpf::{
    bindings::BPF_F_MMAPABLE,
    btf_maps::{Array, PerCpuArray},
    macros::btf_map,
};
use igtm_common::{
    counter::Counters,
    layout::{
        self, Interface, LargeAnswer, LineName, Listen, NameBucket, Sample, Slot, SlotCounts,
        SmallAnswer, View, ZoneEntry,
    },
    line::Unit,
    rate::Bucket,
};

/// Written by the daemon as memory, without a system call each.
const MMAPABLE: usize = BPF_F_MMAPABLE as usize;

#[btf_map]
pub(crate) static SETTINGS: Array<layout::Settings, 1> = Array::new();

#[btf_map]
pub(crate) static NAMES: Array<NameBucket, 2, MMAPABLE> = Array::new();

#[btf_map]
pub(crate) static VIEWS: Array<View, 2, MMAPABLE> = Array::new();

#[btf_map]
pub(crate) static LINES: Array<Unit, 2, MMAPABLE> = Array::new();

#[btf_map]
pub(crate) static SLOTS: Array<Slot, 2, MMAPABLE> = Array::new();

#[btf_map]
pub(crate) static ANSWERS: Array<SmallAnswer, 2, MMAPABLE> = Array::new();

#[btf_map]
pub(crate) static LARGE_ANSWERS: Array<LargeAnswer, 2, MMAPABLE> = Array::new();

#[btf_map]
pub(crate) static ZONES: Array<ZoneEntry, 2, MMAPABLE> = Array::new();

/// Not read here: `igtm map` names lines from it with the daemon stopped.
#[btf_map]
pub(crate) static LINE_NAMES: Array<LineName, 2> = Array::new();

#[btf_map]
pub(crate) static LISTEN: Array<Listen, { layout::LISTEN_BUCKETS as usize }> = Array::new();

#[btf_map]
pub(crate) static INTERFACES: Array<Interface, { layout::INTERFACE_SLOTS as usize }> = Array::new();

#[btf_map]
pub(crate) static COUNTERS: PerCpuArray<Counters, 1> = PerCpuArray::new();

#[btf_map]
pub(crate) static SLOT_COUNTS: PerCpuArray<SlotCounts, 1> = PerCpuArray::new();

/// The daemon's replies over UDP are charged to the same buckets.
#[btf_map]
pub(crate) static RATES: Array<Bucket, { layout::RATES as usize }, MMAPABLE> = Array::new();

#[btf_map]
pub(crate) static SAMPLES: PerCpuArray<Sample, { layout::SAMPLES as usize }> = PerCpuArray::new();

/// How many samples each CPU has taken.
#[btf_map]
pub(crate) static SAMPLED: PerCpuArray<u64, 1> = PerCpuArray::new();
