//! The data plane in words, read from the pins; works with the daemon stopped. Changes nothing.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use hickory_proto::rr::{Name, RecordType};
use igtm_common::counter::{Counter, Counters};
use igtm_common::layout::{
    Answer, EPOCH_NONE, LARGE, NO_ANSWER, NO_VIEW, NameBucket, NameRef, SLOT_COUNTS, Slot, Text,
    position,
};
use igtm_common::line::{self, Address, Entry, NO_SLOT};
use serde::Serialize;

use super::error::wrong;
use super::maps::Maps;
use super::{DataplaneError, pins};

/// The pinned maps, opened for reading.
pub struct Inspection {
    pub(super) maps: Maps,
    epoch: u32,
    /// Of NAMES that are in use.
    buckets: u32,
}

/// Whose a slot is.
#[derive(Clone, Debug)]
struct Owner {
    name: String,
    qtype: RecordType,
    view: u16,
}

/// What a name is answered on one line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct AnswerRow {
    /// The owner name.
    pub name: String,
    /// QTYPE as text.
    pub r#type: String,
    /// The line's name.
    pub line: String,
    /// Addresses, with weights where they are drawn.
    pub addresses: String,
    /// How many leave in one reply at most.
    pub window: u16,
    /// `rotate`, `weight`, or `nodata`.
    pub draw: &'static str,
    /// Replies that came of it.
    pub replies: u64,
}

/// A set of lines that names claim together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ViewRow {
    /// The lines, in the order of the configuration.
    pub lines: Vec<String>,
    /// How many names claim them for a type.
    pub names: usize,
    /// One of them.
    pub example: String,
}

/// The line of an address among those of a view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LineRow {
    /// The line; `None`: none of them.
    pub line: Option<String>,
    /// The shortest prefix around the address with the same answers, bits.
    pub scope: u8,
    /// The view.
    #[serde(flatten)]
    pub view: ViewRow,
}

impl Inspection {
    /// Opens what is pinned under `bpffs`.
    pub fn open(bpffs: &Path) -> Result<Self, DataplaneError> {
        let maps = Maps::pinned(&pins::directory(bpffs))?;
        let settings = maps.settings.get(&0, 0).map_err(wrong("SETTINGS"))?;
        Ok(Self {
            maps,
            epoch: settings.epoch,
            buckets: settings.buckets[(settings.epoch & 1) as usize],
        })
    }

    /// Whether a first answer was written.
    pub fn ready(&self) -> bool {
        self.epoch != EPOCH_NONE
    }

    /// Whose each slot is: reads every name.
    fn owners(&self) -> BTreeMap<u32, Owner> {
        let mut owners = BTreeMap::new();
        if !self.ready() {
            return owners;
        }
        let places = 0..self.buckets;
        let buckets = places.filter_map(|at| self.maps.names.read(position(at, self.epoch)));
        for NameBucket { of, name, .. } in buckets {
            for (of, name) in of.iter().zip(&name).filter(|(of, _)| of.flags != 0) {
                self.own(&mut owners, of, name);
            }
        }
        owners
    }

    /// The slots of a name.
    fn own(&self, owners: &mut BTreeMap<u32, Owner>, of: &NameRef, name: &Text<96>) {
        for (family, qtype) in [RecordType::A, RecordType::AAAA].into_iter().enumerate() {
            let view = of.view[family];
            if view == NO_VIEW {
                continue;
            }
            let slots = self.view(view).map_or(0, |view| view.slots);
            for at in 0..slots {
                let owner = Owner {
                    name: read_text(name),
                    qtype,
                    view,
                };
                owners.insert(of.slots[family] + at, owner);
            }
        }
    }

    fn view(&self, view: u16) -> Option<igtm_common::layout::View> {
        self.maps.views.read(position(view.into(), self.epoch))
    }

    fn slot(&self, slot: u32) -> Option<Slot> {
        self.maps.slots.read(position(slot, self.epoch))
    }

    /// The answers that are given now, sorted.
    pub fn answers(&self) -> Result<Vec<AnswerRow>, DataplaneError> {
        let counts = self.slot_counts()?;
        let mut rows = Vec::new();
        for (at, owner) in self.owners() {
            let Some(slot) = self.slot(at) else { continue };
            let (addresses, window, draw) = self.answer(slot.answer);
            rows.push(AnswerRow {
                name: owner.name,
                r#type: owner.qtype.to_string(),
                line: self.line_name(slot.line)?,
                addresses,
                window,
                draw,
                replies: counts.get(at as usize).copied().unwrap_or(0),
            });
        }
        rows.sort();
        Ok(rows)
    }

    fn answer(&self, answer: u32) -> (String, u16, &'static str) {
        let at = position(answer & !LARGE, self.epoch);
        let shown = if answer == NO_ANSWER {
            None
        } else if answer & LARGE == 0 {
            self.maps.small.read(at).map(|small| describe(&small))
        } else {
            self.maps.large.read(at).map(|large| describe(&large))
        };
        shown.unwrap_or((String::new(), 0, "nodata"))
    }

    /// Every set of lines that names claim together.
    pub fn lines(&self) -> Result<Vec<ViewRow>, DataplaneError> {
        Ok(self.views()?.into_values().collect())
    }

    fn views(&self) -> Result<BTreeMap<u16, ViewRow>, DataplaneError> {
        let mut views: BTreeMap<u16, ViewRow> = BTreeMap::new();
        let mut last = None;
        for (at, owner) in &self.owners() {
            let view = views.entry(owner.view).or_insert_with(|| ViewRow {
                lines: Vec::new(),
                names: 0,
                example: owner.name.clone(),
            });
            let new = last != Some((owner.view, &owner.name, owner.qtype));
            last = Some((owner.view, &owner.name, owner.qtype));
            view.names += usize::from(new);
            if view.names == 1
                && let Some(slot) = self.slot(*at)
            {
                view.lines.push(self.line_name(slot.line)?);
            }
        }
        Ok(views)
    }

    /// The line of one address, for each set of lines that names claim together.
    pub fn lines_of(&self, address: IpAddr) -> Result<Vec<LineRow>, DataplaneError> {
        let mut rows = Vec::new();
        for (view, row) in self.views()? {
            let Some(roots) = self.view(view) else {
                continue;
            };
            let root = if address.is_ipv4() {
                roots.v4
            } else {
                roots.v6
            };
            let units = &self.maps.lines;
            // Units are copied out; the few a look-up touches live as long as it does.
            let store: std::cell::RefCell<Vec<Box<line::Unit>>> = std::cell::RefCell::default();
            let unit = |at: u32| {
                let unit = Box::new(units.read(position(at, self.epoch))?);
                let pointer: *const line::Unit = &raw const *unit;
                store.borrow_mut().push(unit);
                // SAFETY: boxed, and kept by `store` until after the look-up.
                Some(unsafe { &*pointer })
            };
            let Some(place) = line::look_up(Entry(root), Address::from(address), unit) else {
                continue;
            };
            let line = match place.slot {
                NO_SLOT => None,
                slot => row.lines.get(usize::from(slot)).cloned(),
            };
            rows.push(LineRow {
                line,
                scope: place.scope,
                view: row,
            });
        }
        Ok(rows)
    }

    /// Every counter, summed over the CPUs.
    pub fn counters(&self) -> Result<Vec<(&'static str, u64)>, DataplaneError> {
        let values = self.maps.counters.get(&0, 0).map_err(wrong("COUNTERS"))?;
        let sum = |counter: Counter| values.iter().map(|cpu: &Counters| cpu.value(counter)).sum();
        Ok(Counter::ALL
            .iter()
            .map(|(counter, name)| (*name, sum(*counter)))
            .collect())
    }

    /// Replies by slot, summed over the CPUs.
    fn slot_counts(&self) -> Result<Vec<u64>, DataplaneError> {
        let mut counts = Vec::new();
        for at in 0..self.maps.count_blocks() {
            let values = self
                .maps
                .slot_counts
                .get(&at, 0)
                .map_err(wrong("SLOT_COUNTS"))?;
            counts.extend((0..SLOT_COUNTS as usize).map(|slot| {
                let cpus = values.iter().map(|cpu| cpu[slot]);
                cpus.sum::<u64>()
            }));
        }
        Ok(counts)
    }

    /// The line of a slot.
    pub(super) fn line_of_slot(&self, slot: u32) -> Option<String> {
        let line = self.slot(slot)?.line;
        self.line_name(line).ok()
    }

    fn line_name(&self, line: u16) -> Result<String, DataplaneError> {
        let name = self.maps.line_names.get(&line.into(), 0);
        Ok(read_text(&name.map_err(wrong("LINE_NAMES"))?.name))
    }
}

/// Addresses, how many leave at once, and how they are chosen.
fn describe<const C: usize, const O: usize, const T: usize>(
    answer: &Answer<C, O, T>,
) -> (String, u16, &'static str) {
    if answer.records == 0 {
        return (String::new(), 0, "nodata");
    }
    if answer.is_unknown() {
        return (String::new(), 0, "not resolved");
    }
    let mut before = 0;
    let texts = (0..usize::from(answer.records)).map(|at| {
        let record = usize::from(answer.offsets[at])..usize::from(answer.offsets[at + 1]);
        let rdata = answer
            .octets
            .get(record)
            .and_then(|octets| octets.get(12..));
        let address = address(answer.rtype.into(), rdata.unwrap_or_default());
        let weight = answer.cumulative[at].wrapping_sub(before);
        before = answer.cumulative[at];
        match answer.total_weight {
            0 => address,
            _ => format!("{address} weight {weight}"),
        }
    });
    let texts: Vec<String> = texts.collect();
    let draw = match answer.total_weight {
        0 => "rotate",
        _ => "weight",
    };
    (texts.join(", "), answer.window, draw)
}

fn address(rtype: RecordType, rdata: &[u8]) -> String {
    if let (RecordType::A, Ok(octets)) = (rtype, <[u8; 4]>::try_from(rdata)) {
        return Ipv4Addr::from(octets).to_string();
    }
    if let (RecordType::AAAA, Ok(octets)) = (rtype, <[u8; 16]>::try_from(rdata)) {
        return Ipv6Addr::from(octets).to_string();
    }
    name(rdata)
}

/// A name in wire format as people write it, without the final dot.
pub(super) fn name(wire: &[u8]) -> String {
    let mut labels = Vec::new();
    let mut rest = wire;
    while let Some((octets, behind)) = rest.split_first()
        && *octets > 0
    {
        let end = usize::from(*octets).min(behind.len());
        labels.push(&behind[..end]);
        rest = &behind[end..];
    }
    let name = Name::from_labels(labels).map(|name| name.to_string());
    name.map_or_else(
        |_| "?".to_owned(),
        |name| match name.trim_end_matches('.') {
            "" => ".".to_owned(),
            name => name.to_owned(),
        },
    )
}

fn read_text<const N: usize>(field: &Text<N>) -> String {
    let octets: Vec<u8> = field
        .iter()
        .take_while(|octet| **octet != 0)
        .map(|octet| octet.cast_unsigned())
        .collect();
    String::from_utf8_lossy(&octets).into_owned()
}
