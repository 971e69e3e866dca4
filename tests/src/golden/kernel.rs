//! The programs of igtm-bench.bpf.o in this kernel, with maps written by the product's own writer.
//!
//! Nothing is pinned or attached: all is gone when the handle is.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use aya::programs::{TestRun, TestRunOptions, Xdp};
use aya::{Ebpf, EbpfLoader};
use igtm::config::model::Server;
use igtm::dataplane::{Local, Maps, Writer};
use igtm::snapshot::Image;
use igtm_common::counter::{Counter, Counters};
use igtm_common::layout::{Interface, text};
use igtm_common::name::HashKey;

use super::frame::SERVER_MAC;

/// XDP_PASS of linux/bpf.h.
pub const XDP_PASS: u32 = 2;
/// XDP_TX.
pub const XDP_TX: u32 = 3;

/// TEST_RUN says that frames come in by the loopback device.
const LOOPBACK: u32 = 1;
/// Room for what a program makes of a frame.
const FRAME_ROOM: usize = 4096;
/// Octets of `struct xdp_md`.
const XDP_MD: usize = 24;
/// Octets of metadata: the random number.
const META: usize = 4;

/// A loaded program and its maps.
pub struct Kernel {
    ebpf: Ebpf,
    program: &'static str,
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
    /// Loads `program`; its maps hold settings and addresses, and no answer.
    pub fn load(program: &'static str, server: &Server) -> Result<Self> {
        let mut ebpf = load_object()?;
        load_program(&mut ebpf, program)?;
        let maps = Maps::take(&mut ebpf)?;
        let mut writer = Writer::adopt(maps, server)?;
        Local::default().refresh(writer.maps_mut(), server)?;
        let interface = Interface {
            mac: SERVER_MAC,
            pad: [0; 2],
            name: text("lo"),
        };
        let interfaces = &mut writer.maps_mut().interfaces;
        interfaces.insert(LOOPBACK, interface, 0)?;
        Ok(Self {
            ebpf,
            program,
            writer,
        })
    }

    /// The secret of the name hash.
    pub fn hash_key(&self) -> HashKey {
        self.writer.settings().hash_key
    }

    /// Answers from `image`.
    pub fn apply(&mut self, image: &Image) -> Result<()> {
        Ok(self.writer.apply(image)?)
    }

    /// Makes it look as if the daemon had last been heard of long ago.
    pub fn age_heartbeat(&mut self) -> Result<()> {
        let mut settings = *self.writer.settings();
        settings.heartbeat_ns = 1;
        Ok(self.writer.maps_mut().settings.set(0, settings, 0)?)
    }

    /// Runs the program once.
    pub fn run(&self, frame: &[u8], random: u32) -> Result<Run> {
        let mut input = random.to_ne_bytes().to_vec();
        input.extend(frame);
        let mut output = vec![0; META + FRAME_ROOM];
        // data_meta, data, data_end behind each other in the order of struct xdp_md.
        let mut context = [0; XDP_MD];
        context[0..4].copy_from_slice(&(META as u32).to_ne_bytes());
        context[4..8].copy_from_slice(&(input.len() as u32).to_ne_bytes());
        let result = xdp(&self.ebpf, self.program)?.test_run(TestRunOptions {
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

    /// Runs the program `repeat` times on what the last run left; the mean time of one run.
    pub fn time(&self, program: &str, frame: &[u8], repeat: u32) -> Result<(u32, Duration)> {
        let result = xdp(&self.ebpf, program)?.test_run(TestRunOptions {
            data_in: Some(frame),
            repeat,
            ..TestRunOptions::new()
        })?;
        Ok((result.return_value, result.duration))
    }

    /// Loads another program of the object, with the same maps.
    pub fn load_another(&mut self, program: &str) -> Result<()> {
        load_program(&mut self.ebpf, program)
    }

    /// The object, for maps that are not the product's.
    pub fn ebpf_mut(&mut self) -> &mut Ebpf {
        &mut self.ebpf
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

fn load_object() -> Result<Ebpf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/bpf/igtm-bench.bpf.o");
    EbpfLoader::new().load_file(&path).with_context(|| {
        format!(
            "{}: `cargo xtask build` makes it, and root can load it",
            path.display()
        )
    })
}

fn load_program(ebpf: &mut Ebpf, program: &str) -> Result<()> {
    let found = ebpf.program_mut(program);
    let xdp: &mut Xdp = found
        .with_context(|| format!("no program {program}"))?
        .try_into()?;
    xdp.load().with_context(|| format!("loading {program}"))
}

fn xdp<'a>(ebpf: &'a Ebpf, program: &str) -> Result<&'a Xdp> {
    let found = ebpf.program(program);
    Ok(found
        .with_context(|| format!("no program {program}"))?
        .try_into()?)
}
