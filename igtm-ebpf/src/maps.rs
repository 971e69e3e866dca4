//! The pinned maps. Their names are the manual's; their shapes are `igtm_common::layout`'s.

use aya_ebpf::{
    bindings::BPF_F_NO_PREALLOC,
    btf_maps::{Array, HashMap, LpmTrie, PerCpuArray},
    macros::btf_map,
};
use igtm_common::{
    counter::Counters,
    layout::{
        self, Answer, AnswerKey, Chain, ChainRef, Interface, LineName, ListenKey, PrefixV4,
        PrefixV6,
    },
};

const NO_PREALLOC: usize = BPF_F_NO_PREALLOC as usize;

#[btf_map]
pub(crate) static SETTINGS: Array<layout::Settings, 1> = Array::new();

#[btf_map]
pub(crate) static ANSWERS: HashMap<AnswerKey, Answer, { layout::ANSWERS }, NO_PREALLOC> =
    HashMap::new();

#[btf_map]
pub(crate) static LINES_V4: LpmTrie<PrefixV4, ChainRef, { layout::PREFIXES }> = LpmTrie::new();

#[btf_map]
pub(crate) static LINES_V6: LpmTrie<PrefixV6, ChainRef, { layout::PREFIXES }> = LpmTrie::new();

#[btf_map]
pub(crate) static CHAINS: Array<Chain, { 2 * layout::CHAINS }> = Array::new();

/// Not read here: `igtm map` names lines from it with the daemon stopped.
#[btf_map]
pub(crate) static LINE_NAMES: Array<LineName, { 2 * layout::LINES }> = Array::new();

#[btf_map]
pub(crate) static LISTEN: HashMap<ListenKey, u8, { layout::LISTEN }> = HashMap::new();

#[btf_map]
pub(crate) static INTERFACES: HashMap<u32, Interface, { layout::INTERFACES }> = HashMap::new();

#[btf_map]
pub(crate) static COUNTERS: PerCpuArray<Counters, 1> = PerCpuArray::new();
