//! Makes the kernel answer from another image, as one step.
//!
//! Everything stands in the maps twice, once for each epoch. A change is written to the epoch that
//! nobody reads, then SETTINGS.epoch is flipped; when no program can be on the other one any more,
//! the same change is written there too. So a change costs what it changes, not the whole.

use std::sync::Arc;
use std::time::Duration;

use igtm_common::cookie::Secrets;
use igtm_common::layout::{
    ABI_VERSION, EPOCH_NONE, LARGE, LineName, Settings, View, position, text,
};
use igtm_common::name::HashKey;
use igtm_common::rate::Limit;

use super::DataplaneError;
use super::capacity::Capacity;
use super::counts::{self, Moves};
use super::error::wrong;
use super::maps::Maps;
use crate::config::model::Config;
use crate::snapshot::{Fixed, Image};

/// When the kernel cannot be asked to wait (nohz_full): far longer than a program runs.
const GRACE_FALLBACK: Duration = Duration::from_millis(50);

/// The only writer of the maps.
pub struct Writer {
    maps: Maps,
    settings: Settings,
    /// What each epoch holds; `None`: not known, or half written.
    held: [Option<Image>; 2],
    /// Programs may run on the epoch that was left, and it lacks the last change.
    behind: bool,
}

impl Writer {
    /// Takes over maps that may have been written by an earlier run; answers stay as they are.
    pub fn adopt(maps: Maps, config: &Config, hash_key: HashKey) -> Result<Self, DataplaneError> {
        let mut settings = maps.settings.get(&0, 0).map_err(wrong("SETTINGS"))?;
        if settings.abi == 0 {
            settings.epoch = EPOCH_NONE;
            settings.hash_key = hash_key;
            settings.limits.key = rand::random();
        }
        settings.abi = ABI_VERSION;
        let mut writer = Self {
            maps,
            settings,
            held: [None, None],
            // Programs of the earlier run may be on the other epoch still.
            behind: settings.epoch != EPOCH_NONE,
        };
        writer.configure(config)?;
        Ok(writer)
    }

    /// Takes over empty maps that are to replace those of `former`, and with them what belongs to
    /// both; `fixed` is what they are for.
    pub(super) fn inherit(
        mut maps: Maps,
        config: &Config,
        former: &Self,
        fixed: &Fixed,
    ) -> Result<Self, DataplaneError> {
        let moves = former.moved_counts(fixed, true)?;
        counts::write(&mut maps, counts::moved(&former.maps, &moves)?)?;
        let mut writer = Self {
            maps,
            settings: Settings {
                epoch: EPOCH_NONE,
                ..former.settings
            },
            held: [None, None],
            behind: false,
        };
        writer.configure(config)?;
        Ok(writer)
    }

    /// Takes what the program needs of a configuration besides its answers.
    pub fn configure(&mut self, config: &Config) -> Result<(), DataplaneError> {
        let (server, limits) = (&config.server, &config.limits);
        let settings = &mut self.settings;
        settings.port = server.port.to_be();
        settings.udp_size = server.udp_size;
        settings.ecs = server.ecs.into();
        settings.stale_after_ns = u64::try_from(server.stale_after.as_nanos()).unwrap_or(u64::MAX);
        settings.limits.limit = Limit::per_second(limits.responses_per_second, limits.slip);
        settings.limits.v4_bits = limits.ipv4_prefix.into();
        settings.limits.v6_bits = limits.ipv6_prefix.into();
        settings.sample_mask = SAMPLE_MASK;
        self.touch();
        self.write_settings()
    }

    /// What SETTINGS holds.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What the maps can hold.
    pub fn capacity(&self) -> Capacity {
        self.maps.capacity()
    }

    /// The maps themselves. What this writer keeps an account of is not to be changed behind its
    /// back.
    pub fn maps_mut(&mut self) -> &mut Maps {
        &mut self.maps
    }

    /// Writes `image` to the epoch that nobody reads and flips.
    pub fn apply(&mut self, image: &Image) -> Result<(), DataplaneError> {
        if let Some(lack) = self.capacity().lacks(Capacity::needed(image)) {
            return Err(lack.into());
        }
        self.settle()?;
        let epoch = match self.settings.epoch {
            0 => 1,
            _ => 0,
        };
        let moves = self.moved_counts(&image.fixed, false)?;
        self.write_epoch(epoch, image)?;
        let counts = counts::moved(&self.maps, &moves)?;
        counts::write(&mut self.maps, counts)?;
        // What belongs to the epoch first: the program may read between two octets of a write.
        self.set_names(epoch, &image.fixed);
        self.write_settings()?;
        self.settings.epoch = epoch;
        self.settings.generation += 1;
        self.behind = true;
        self.touch();
        self.write_settings()
    }

    /// Which counts stand elsewhere, or nowhere, for the slots of `fixed`.
    fn moved_counts(&self, fixed: &Fixed, all: bool) -> Result<Moves, DataplaneError> {
        let epoch = self.settings.epoch;
        let held = self.held[(epoch & 1) as usize].as_ref();
        let same = held.is_some_and(|held| std::ptr::eq(&*held.fixed, fixed));
        if epoch == EPOCH_NONE || (same && !all) {
            return Ok(Moves::new());
        }
        counts::moves(&self.maps, &self.settings, fixed, all)
    }

    /// Waits until no program runs on the epoch that was left, and brings it up to date.
    pub fn settle(&mut self) -> Result<(), DataplaneError> {
        if !std::mem::take(&mut self.behind) {
            return Ok(());
        }
        grace_period();
        let current = self.settings.epoch & 1;
        if let Some(image) = self.held[current as usize].clone() {
            self.write_epoch(current ^ 1, &image)?;
            self.set_names(current ^ 1, &image.fixed);
        }
        Ok(())
    }

    /// Says that the daemon lives.
    pub fn heartbeat(&mut self) -> Result<(), DataplaneError> {
        self.touch();
        self.write_settings()
    }

    /// Server cookies are made and judged with these from now on.
    pub fn set_cookies(&mut self, cookies: Secrets) -> Result<(), DataplaneError> {
        self.settings.cookies = cookies;
        self.write_settings()
    }

    /// Changes SETTINGS; for [`super::local`].
    pub(super) fn change_settings(
        &mut self,
        change: impl FnOnce(&mut Settings),
    ) -> Result<(), DataplaneError> {
        change(&mut self.settings);
        self.write_settings()
    }

    fn touch(&mut self) {
        self.settings.heartbeat_ns = monotonic().as_nanos() as u64;
        let now = jiff::Timestamp::now().as_second() as u32;
        self.settings.boot_time = now.wrapping_sub(monotonic().as_secs() as u32);
    }

    fn write_settings(&mut self) -> Result<(), DataplaneError> {
        self.maps
            .settings
            .set(0, self.settings, 0)
            .map_err(wrong("SETTINGS"))
    }

    /// Makes `epoch` hold `image`.
    fn write_epoch(&mut self, epoch: u32, image: &Image) -> Result<(), DataplaneError> {
        // Should this fail, nobody knows what is there.
        let held = self.held[epoch as usize].take();
        let same = held
            .as_ref()
            .filter(|held| Arc::ptr_eq(&held.fixed, &image.fixed));
        match same {
            Some(_) => self.write_changed(epoch, image),
            None => {
                self.write_fixed(epoch, &image.fixed)?;
                self.write_all(epoch, image);
            }
        }
        for (zone, at) in image.zones.iter().zip(0..) {
            self.maps.zones.write(position(at, epoch), zone);
        }
        self.held[epoch as usize] = Some(image.clone());
        Ok(())
    }

    /// The answers that differ from what the epoch holds: those of the last change, since both
    /// epochs held the same before.
    fn write_changed(&mut self, epoch: u32, image: &Image) {
        let Some(changed) = &image.changed else {
            return self.write_all(epoch, image);
        };
        for answer in changed {
            let at = answer & !LARGE;
            if answer & LARGE == 0 {
                if let Some(small) = image.small.get(at as usize) {
                    self.maps.small.write(position(at, epoch), small);
                }
            } else if let Some(large) = image.large.get(at as usize) {
                self.maps.large.write(position(at, epoch), large);
            }
        }
    }

    fn write_all(&mut self, epoch: u32, image: &Image) {
        for (small, at) in image.small.iter().zip(0..) {
            self.maps.small.write(position(at, epoch), small);
        }
        for (large, at) in image.large.iter().zip(0..) {
            self.maps.large.write(position(at, epoch), large);
        }
    }

    /// What health does not change: names, views, units, slots, names of lines.
    fn write_fixed(&mut self, epoch: u32, fixed: &Fixed) -> Result<(), DataplaneError> {
        for (bucket, at) in fixed.names.buckets().iter().zip(0..) {
            self.maps.names.write(position(at, epoch), bucket);
        }
        for (view, at) in fixed.views.views().iter().zip(0..) {
            let value = View {
                v4: view.root_v4.0,
                v6: view.root_v6.0,
                slots: view.lines.len() as u32,
                pad: 0,
            };
            self.maps.views.write(position(at, epoch), &value);
        }
        for (unit, at) in fixed.views.units().iter().zip(0..) {
            self.maps.lines.write(position(at, epoch), unit);
        }
        for (slot, at) in fixed.slots.iter().zip(0..) {
            self.maps.slots.write(position(at, epoch), slot);
        }
        for at in 0..self.maps.lines() {
            let name = fixed.line_names.get(at as usize).map_or("", String::as_str);
            self.maps
                .line_names
                .set(at, LineName { name: text(name) }, 0)
                .map_err(wrong("LINE_NAMES"))?;
        }
        Ok(())
    }

    /// What SETTINGS says of the names of `epoch`.
    fn set_names(&mut self, epoch: u32, fixed: &Fixed) {
        self.settings.buckets[epoch as usize] = fixed.names.buckets().len() as u32;
        self.settings.deepest[epoch as usize] = fixed.deepest;
    }
}

/// Of 64 queries with one outcome one is sampled.
const SAMPLE_MASK: u8 = 63;

/// Waits until every program that runs now has ended.
fn grace_period() {
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

/// CLOCK_MONOTONIC, which `bpf_ktime_get_coarse_ns` reads too.
fn monotonic() -> Duration {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC)
        .map(Duration::from)
        .unwrap_or_default()
}
