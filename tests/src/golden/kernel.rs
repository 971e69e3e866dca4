//! The programs of igtm-bench.bpf.o in this kernel, with maps written by the product's own writer.
//!
//! Nothing is pinned or attached: all is gone when the handle is.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use aya::programs::{TestRun, TestRunOptions, Xdp};
use aya::{Ebpf, EbpfLoader};
use igtm::config::model::Config;
use igtm::dataplane::{Capacity, Local, Maps, Writer, interface};
use igtm::snapshot::Image;
use igtm_common::cookie::Secrets;
use igtm_common::counter::{Counter, Counters};
use igtm_common::name::HashKey;

use super::frame::SERVER_MAC;

/// XDP_DROP of linux/bpf.h.
pub const XDP_DROP: u32 = 1;
/// XDP_PASS.
pub const XDP_PASS: u32 = 2;
/// XDP_TX.
pub const XDP_TX: u32 = 3;

/// TEST_RUN says that frames come in by the loopback device.
const LOOPBACK: u32 = 1;
/// Room for what a program makes of a frame.
const FRAME_ROOM: usize = 4096;
/// Octets of `struct xdp_md`.
const XDP_MD: usize = 24;
/// Octets of metadata: the random number and the time.
const META: usize = 8;
/// What answers as the daemon's program does, with both given.
const PROGRAM: &str = "igtm_given";

/// A loaded program and its maps.
pub struct Kernel {
    ebpf: Ebpf,
    writer: Writer,
}

/// What a program did with a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The XDP action.
    pub verdict: u32,
    /// The frame afterwards.
    pub frame: Vec<u8>,
}

impl Kernel {
    /// Loads the program with maps that can hold `needed`; they hold settings and addresses, and no
    /// answer.
    pub fn load(config: &Config, hash_key: HashKey, needed: Capacity) -> Result<Self> {
        let mut ebpf = load_object(needed)?;
        let program: &mut Xdp = ebpf
            .program_mut(PROGRAM)
            .with_context(|| format!("no program {PROGRAM}"))?
            .try_into()?;
        program
            .load()
            .with_context(|| format!("loading {PROGRAM}"))?;
        let mut writer = Writer::adopt(Maps::take(&mut ebpf)?, config, hash_key)?;
        let mut local = Local::default();
        local.refresh(&mut writer, &config.server)?;
        let interfaces = vec![interface(LOOPBACK, SERVER_MAC, "lo")];
        local.set_interfaces(&mut writer, interfaces)?;
        Ok(Self { ebpf, writer })
    }

    /// Answers from `image`, in both epochs.
    pub fn apply(&mut self, image: &Image) -> Result<()> {
        self.writer.apply(image)?;
        Ok(self.writer.settle()?)
    }

    /// Judges cookies by these.
    pub fn set_cookies(&mut self, cookies: Secrets) -> Result<()> {
        Ok(self.writer.set_cookies(cookies)?)
    }

    /// The writer, and the program apart from it: one thread changes, another runs.
    pub fn split(&mut self) -> (Runner<'_>, &mut Writer) {
        let Self { ebpf, writer } = self;
        (Runner { ebpf }, writer)
    }

    /// Makes it look as if the daemon had last been heard of long ago.
    pub fn age_heartbeat(&mut self) -> Result<()> {
        let mut settings = *self.writer.settings();
        settings.heartbeat_ns = 1;
        Ok(self.writer.maps_mut().settings.set(0, settings, 0)?)
    }

    /// Makes rates so many times as slow, so that no time goes by while a test runs.
    pub fn slow_rates(&mut self, times: u64) -> Result<()> {
        let mut settings = *self.writer.settings();
        settings.limits.limit.interval_ns *= times;
        settings.limits.limit.burst_ns *= times;
        Ok(self.writer.maps_mut().settings.set(0, settings, 0)?)
    }

    /// Runs the program once.
    pub fn run(&self, frame: &[u8], random: u32, now: u32) -> Result<Run> {
        Runner { ebpf: &self.ebpf }.run(frame, random, now)
    }

    /// Every counter that is not zero, summed over the CPUs.
    pub fn counters(&mut self) -> Result<Vec<(Counter, u64)>> {
        let values = self.writer.maps_mut().counters.get(&0, 0)?;
        let sum = |counter| values.iter().map(|cpu: &Counters| cpu.value(counter)).sum();
        Ok(Counter::ALL
            .iter()
            .map(|(counter, _)| (*counter, sum(*counter)))
            .filter(|(_, value)| *value > 0)
            .collect())
    }

    /// The counters that `work` raised, and by how much.
    pub fn counted<T>(
        &mut self,
        work: impl FnOnce(&Self) -> Result<T>,
    ) -> Result<(T, Vec<(Counter, u64)>)> {
        let before = self.counters()?;
        let done = work(self)?;
        let mut after = self.counters()?;
        for (counter, value) in &mut after {
            let was = before.iter().find(|(other, _)| other == counter);
            *value -= was.map_or(0, |(_, value)| *value);
        }
        after.retain(|(_, value)| *value > 0);
        Ok((done, after))
    }
}

/// The program.
#[derive(Clone, Copy)]
pub struct Runner<'a> {
    ebpf: &'a Ebpf,
}

impl Runner<'_> {
    /// Runs the program once.
    pub fn run(self, frame: &[u8], random: u32, now: u32) -> Result<Run> {
        let mut input = Vec::with_capacity(META + frame.len());
        input.extend(random.to_ne_bytes());
        input.extend(now.to_ne_bytes());
        input.extend(frame);
        let mut output = vec![0; META + FRAME_ROOM];
        // data_meta, data, data_end behind each other in the order of struct xdp_md.
        let mut context = [0; XDP_MD];
        context[0..4].copy_from_slice(&(META as u32).to_ne_bytes());
        context[4..8].copy_from_slice(&(input.len() as u32).to_ne_bytes());
        let result = xdp(self.ebpf, PROGRAM)?.test_run(TestRunOptions {
            data_in: Some(&input),
            data_out: Some(&mut output),
            ctx_in: Some(&context),
            ..TestRunOptions::new()
        })?;
        let octets = result.data_size_out as usize;
        ensure!((META..=output.len()).contains(&octets), "{octets} came out");
        output.truncate(octets);
        Ok(Run {
            verdict: result.return_value,
            frame: output.split_off(META),
        })
    }
}

fn load_object(needed: Capacity) -> Result<Ebpf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/bpf/igtm-bench.bpf.o");
    let mut loader = EbpfLoader::new();
    needed.roomy().set(&mut loader);
    loader.load_file(&path).with_context(|| {
        format!(
            "{}: `cargo xtask build` makes it, and root can load it",
            path.display()
        )
    })
}

fn xdp<'a>(ebpf: &'a Ebpf, program: &str) -> Result<&'a Xdp> {
    let found = ebpf.program(program);
    Ok(found
        .with_context(|| format!("no program {program}"))?
        .try_into()?)
}
