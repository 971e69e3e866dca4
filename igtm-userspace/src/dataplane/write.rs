//! Makes the kernel answer from another image, as one step.
//!
//! Every entry carries an epoch. A change is written to the epoch that nobody reads, then
//! SETTINGS.epoch is flipped. Each epoch needs only what changed since it was last read, so
//! the cost is that of the last two changes, not of the whole.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use aya::maps::lpm_trie::Key;
use igtm_common::layout::{
    ABI_VERSION, Answer, AnswerKey, CHAINS, Chain, ChainRef, EPOCH_NONE, LINES, LineName, PrefixV4,
    PrefixV6, Settings, text,
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::DataplaneError;
use super::maps::{Maps, wrong};
use crate::config::model::Server;
use crate::snapshot::Image;

/// Bits of the epoch in front of a prefix.
const EPOCH_BITS: u32 = 32;

/// When the kernel cannot be asked to wait (nohz_full): far longer than a program runs.
const GRACE_FALLBACK: Duration = Duration::from_millis(50);

/// What one epoch of the maps holds.
#[derive(Default)]
struct Held {
    answers: HashMap<AnswerKey, Arc<Answer>>,
    prefixes: BTreeMap<IpNet, u32>,
    chains: Vec<Chain>,
    line_names: Vec<String>,
}

/// The only writer of the maps.
pub(super) struct Writer {
    maps: Maps,
    settings: Settings,
    held: [Held; 2],
    unsettled: bool,
}

impl Writer {
    /// Takes over maps that may have been written by an earlier run; answers stay as they are.
    pub(super) fn adopt(maps: Maps, server: &Server) -> Result<Self, DataplaneError> {
        let mut settings = maps.settings.get(&0, 0).map_err(wrong("SETTINGS"))?;
        if settings.abi == 0 {
            settings.epoch = EPOCH_NONE;
            settings.hash_key = std::array::from_fn(|_| rand::random());
        }
        settings.abi = ABI_VERSION;
        settings.port = server.port;
        settings.udp_size = server.udp_size;
        settings.stale_after_ns = u64::try_from(server.stale_after.as_nanos()).unwrap_or(u64::MAX);
        settings.heartbeat_ns = monotonic_ns();
        let mut writer = Self {
            held: read(&maps)?,
            maps,
            settings,
            // Programs of the earlier run may be on the other epoch still.
            unsettled: true,
        };
        writer.write_settings()?;
        Ok(writer)
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(super) fn maps_mut(&mut self) -> &mut Maps {
        &mut self.maps
    }

    /// Writes `image` to the epoch that nobody reads and flips.
    pub(super) fn apply(&mut self, image: &Image) -> Result<(), DataplaneError> {
        image.check_capacity()?;
        self.settle();
        let epoch = match self.settings.epoch {
            0 => 1,
            _ => 0,
        };
        if let Err(error) = self.write_epoch(epoch, image) {
            // Nobody reads what was half written; the next change must not trust it either.
            self.held = read(&self.maps)?;
            return Err(error);
        }
        self.settings.epoch = epoch;
        self.settings.generation += 1;
        self.settings.heartbeat_ns = monotonic_ns();
        self.unsettled = true;
        self.write_settings()
    }

    fn write_epoch(&mut self, epoch: u32, image: &Image) -> Result<(), DataplaneError> {
        self.write_prefixes(epoch, &image.prefixes)?;
        self.write_chains(epoch, &image.chains)?;
        self.write_line_names(epoch, &image.line_names)?;
        self.write_answers(epoch, &image.answers)
    }

    /// Waits until no program runs on the epoch that was left.
    pub(super) fn settle(&mut self) {
        if !std::mem::take(&mut self.unsettled) {
            return;
        }
        // MEMBARRIER_CMD_GLOBAL waits for an RCU grace period, and XDP programs run inside
        // RCU read sections.
        // SAFETY: no memory is passed.
        let failed = unsafe { libc::syscall(libc::SYS_membarrier, 1, 0, 0) } != 0;
        if failed {
            #[expect(
                clippy::disallowed_methods,
                reason = "the writer has a thread of its own"
            )]
            std::thread::sleep(GRACE_FALLBACK);
        }
    }

    pub(super) fn heartbeat(&mut self) -> Result<(), DataplaneError> {
        self.settings.heartbeat_ns = monotonic_ns();
        self.write_settings()
    }

    fn write_settings(&mut self) -> Result<(), DataplaneError> {
        self.maps
            .settings
            .set(0, self.settings, 0)
            .map_err(wrong("SETTINGS"))
    }

    fn write_answers(
        &mut self,
        epoch: u32,
        wanted: &HashMap<AnswerKey, Arc<Answer>>,
    ) -> Result<(), DataplaneError> {
        let held = &mut self.held[epoch as usize].answers;
        let map = &mut self.maps.answers;
        let gone: Vec<AnswerKey> = held
            .keys()
            .filter(|key| !wanted.contains_key(key))
            .copied()
            .collect();
        for key in gone {
            map.remove(&AnswerKey { epoch, ..key })
                .map_err(wrong("ANSWERS"))?;
            held.remove(&key);
        }
        for (key, answer) in wanted {
            let same = held
                .get(key)
                .is_some_and(|held| Arc::ptr_eq(held, answer) || held == answer);
            if !same {
                map.insert(AnswerKey { epoch, ..*key }, **answer, 0)
                    .map_err(wrong("ANSWERS"))?;
            }
            held.insert(*key, Arc::clone(answer));
        }
        Ok(())
    }

    fn write_prefixes(
        &mut self,
        epoch: u32,
        wanted: &BTreeMap<IpNet, u32>,
    ) -> Result<(), DataplaneError> {
        let held = &mut self.held[epoch as usize].prefixes;
        let gone: Vec<IpNet> = held
            .keys()
            .filter(|prefix| !wanted.contains_key(prefix))
            .copied()
            .collect();
        for prefix in gone {
            match prefix {
                IpNet::V4(v4) => self.maps.lines_v4.remove(&key_v4(epoch, v4)),
                IpNet::V6(v6) => self.maps.lines_v6.remove(&key_v6(epoch, v6)),
            }
            .map_err(wrong("LINES"))?;
            held.remove(&prefix);
        }
        for (prefix, chain) in wanted {
            if held.get(prefix) == Some(chain) {
                continue;
            }
            let value = ChainRef { chain: *chain };
            match prefix {
                IpNet::V4(v4) => self.maps.lines_v4.insert(&key_v4(epoch, *v4), value, 0),
                IpNet::V6(v6) => self.maps.lines_v6.insert(&key_v6(epoch, *v6), value, 0),
            }
            .map_err(wrong("LINES"))?;
            held.insert(*prefix, *chain);
        }
        Ok(())
    }

    fn write_chains(&mut self, epoch: u32, wanted: &[Chain]) -> Result<(), DataplaneError> {
        let held = &mut self.held[epoch as usize].chains;
        for (at, chain) in wanted.iter().enumerate() {
            if held.get(at) != Some(chain) {
                let index = epoch * CHAINS as u32 + at as u32;
                self.maps
                    .chains
                    .set(index, *chain, 0)
                    .map_err(wrong("CHAINS"))?;
            }
        }
        *held = wanted.to_vec();
        Ok(())
    }

    fn write_line_names(&mut self, epoch: u32, wanted: &[String]) -> Result<(), DataplaneError> {
        let held = &mut self.held[epoch as usize].line_names;
        let behind = held.len().max(wanted.len());
        for at in 0..behind {
            let name = wanted.get(at).map_or("", String::as_str);
            if held.get(at).map(String::as_str) != Some(name) {
                let index = epoch * LINES as u32 + at as u32;
                let value = LineName { name: text(name) };
                self.maps
                    .line_names
                    .set(index, value, 0)
                    .map_err(wrong("LINE_NAMES"))?;
            }
        }
        *held = wanted.to_vec();
        Ok(())
    }
}

/// What the maps hold, by epoch. Chains and names are written anew: they are few.
fn read(maps: &Maps) -> Result<[Held; 2], DataplaneError> {
    let mut held = [Held::default(), Held::default()];
    for entry in maps.answers.iter() {
        let (key, answer) = entry.map_err(wrong("ANSWERS"))?;
        let of_epoch = &mut held[key.epoch as usize & 1].answers;
        of_epoch.insert(AnswerKey { epoch: 0, ..key }, Arc::new(answer));
    }
    for entry in maps.lines_v4.iter() {
        let (key, value) = entry.map_err(wrong("LINES_V4"))?;
        let (data, bits) = (
            key.data(),
            key.prefix_len().saturating_sub(EPOCH_BITS) as u8,
        );
        if let Ok(prefix) = Ipv4Net::new(data.address.into(), bits) {
            held[data.epoch as usize & 1]
                .prefixes
                .insert(prefix.into(), value.chain);
        }
    }
    for entry in maps.lines_v6.iter() {
        let (key, value) = entry.map_err(wrong("LINES_V6"))?;
        let (data, bits) = (
            key.data(),
            key.prefix_len().saturating_sub(EPOCH_BITS) as u8,
        );
        if let Ok(prefix) = Ipv6Net::new(data.address.into(), bits) {
            held[data.epoch as usize & 1]
                .prefixes
                .insert(prefix.into(), value.chain);
        }
    }
    Ok(held)
}

fn key_v4(epoch: u32, prefix: Ipv4Net) -> Key<PrefixV4> {
    let address = prefix.network().octets();
    let bits = EPOCH_BITS + u32::from(prefix.prefix_len());
    Key::new(bits, PrefixV4 { epoch, address })
}

fn key_v6(epoch: u32, prefix: Ipv6Net) -> Key<PrefixV6> {
    let address = prefix.network().octets();
    let bits = EPOCH_BITS + u32::from(prefix.prefix_len());
    Key::new(bits, PrefixV6 { epoch, address })
}

/// The prefix length and key with which the program looks up one address.
pub(super) fn lookup(epoch: u32, address: IpAddr) -> Result<Key<PrefixV4>, Key<PrefixV6>> {
    match address {
        IpAddr::V4(v4) => Ok(key_v4(epoch, v4.into())),
        IpAddr::V6(v6) => Err(key_v6(epoch, v6.into())),
    }
}

/// CLOCK_MONOTONIC, which `bpf_ktime_get_coarse_ns` reads too.
fn monotonic_ns() -> u64 {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC)
        .map(Duration::from)
        .unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}
