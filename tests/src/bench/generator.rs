//! Sends real queries into the veth and counts what comes back, at a rate that is given.
//!
//! An XDP program runs over live frames (BPF_PROG_TEST_RUN): it makes each the query that is due and
//! redirects it out of the client's interface, where another XDP program counts replies and drops
//! them. Nothing is copied to or from user space.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use aya::maps::{Array, PerCpuArray, PerCpuValues};
use aya::programs::xdp::XdpMode;
use aya::programs::{ProgramError, TestRun, TestRunAttrs, TestRunOptions, Xdp};
use aya::{Ebpf, EbpfLoader};
use igtm_common::generator::{FRAME_OCTETS, Plan, Progress, Replies};
use nix::net::if_::if_nametoindex;

use super::cpu::{self, Priority};
use super::wire::Wire;
use super::{interrupt, query};
use crate::netns::Netns;
use crate::wait;

/// Frames between two hand-overs to the interface.
const BATCH: u32 = 64;
/// Queries still on their way when the last one was sent.
const SETTLE: Duration = Duration::from_millis(60);

/// Attached to the client's end until dropped.
pub struct Generator<'a> {
    wire: &'a Wire,
    ebpf: Ebpf,
    ifindex: u32,
}

/// What a run did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Queries a second that were asked for; infinite for as many as possible.
    pub asked: f64,
    /// Queries handed to the interface.
    pub sent: u64,
    /// NOERROR replies with an answer.
    pub answered: u64,
    /// Replies of another kind.
    pub other: u64,
    /// From the first query to the last.
    pub took: Duration,
}

impl Outcome {
    /// Queries a second that were sent.
    pub fn offered(&self) -> f64 {
        self.sent as f64 / self.took.as_secs_f64()
    }

    /// Replies a second that came.
    pub fn rate(&self) -> f64 {
        self.answered as f64 / self.took.as_secs_f64()
    }

    /// Of the queries sent, the share that was answered.
    pub fn share(&self) -> f64 {
        self.answered as f64 / self.sent.max(1) as f64
    }

    /// Whether the generator could not send what it was asked for.
    pub fn is_short(&self) -> bool {
        self.offered() < 0.9 * self.asked
    }
}

impl<'a> Generator<'a> {
    /// Loads it all and attaches the counting program.
    pub fn new(wire: &'a Wire) -> Result<Self> {
        let interface = Wire::client_interface();
        let (ebpf, ifindex) = wire.client().enter(|| {
            let mut ebpf = load(&["generate"])?;
            attach(&mut ebpf, "count", &interface)?;
            Ok((ebpf, if_nametoindex(interface.as_str())?))
        })?;
        let mut generator = Self {
            wire,
            ebpf,
            ifindex,
        };
        let map = generator
            .ebpf
            .map_mut("TEMPLATE")
            .context("no map TEMPLATE")?;
        let mut templates: Array<_, _> = map.try_into()?;
        for (at, template) in query::templates()?.into_iter().enumerate() {
            templates.set(at as u32, template, 0)?;
        }
        Ok(generator)
    }

    /// Sends for `time`, `rate` queries a second, or as many as possible.
    pub fn run(&mut self, rate: Option<u64>, time: Duration) -> Result<Outcome> {
        self.reset(rate)?;
        let program: &Xdp = self
            .ebpf
            .program("generate")
            .context("no generate")?
            .try_into()?;
        self.wire.client().enter(|| {
            cpu::pin_self(cpu::GENERATOR, Priority::Work)?;
            let run = || {
                program.test_run(TestRunOptions {
                    data_in: Some(&[0; FRAME_OCTETS]),
                    repeat: u32::MAX,
                    attrs: TestRunAttrs::new().xdp_live_frames(BATCH),
                    ..TestRunOptions::new()
                })
            };
            match interrupt::after(time, run)? {
                Err(ProgramError::SyscallError(error))
                    if error.io_error.kind() == ErrorKind::Interrupted =>
                {
                    Ok(())
                }
                other => other.map(drop).context("running over live frames"),
            }
        })?;
        wait::pause(SETTLE);
        let progress = self.progress()?;
        let replies = self.replies()?;
        ensure!(progress.last_ns > progress.first_ns, "nothing was sent");
        Ok(Outcome {
            asked: rate.map_or(f64::INFINITY, |rate| rate as f64),
            sent: progress.sent,
            answered: replies.answered,
            other: replies.other,
            took: Duration::from_nanos(progress.last_ns - progress.first_ns),
        })
    }

    fn reset(&mut self, rate: Option<u64>) -> Result<()> {
        let cpus = aya::util::nr_cpus().map_err(|(_, error)| error)?;
        let fresh = Progress {
            random: rand::random::<u64>() | 1,
            ..Progress::default()
        };
        let map = self.ebpf.map_mut("PROGRESS").context("no map PROGRESS")?;
        let mut progress: PerCpuArray<_, Progress> = map.try_into()?;
        progress.set(0, PerCpuValues::try_from(vec![fresh; cpus])?, 0)?;
        let map = self.ebpf.map_mut("REPLIES").context("no map REPLIES")?;
        let mut replies: PerCpuArray<_, Replies> = map.try_into()?;
        replies.set(
            0,
            PerCpuValues::try_from(vec![Replies::default(); cpus])?,
            0,
        )?;

        let rate = match rate {
            None => 0,
            Some(rate) => u64::try_from((u128::from(rate) << 32) / 1_000_000_000)?,
        };
        let map = self.ebpf.map_mut("PLAN").context("no map PLAN")?;
        let mut plan: Array<_, Plan> = map.try_into()?;
        let now = Plan {
            rate,
            ifindex: self.ifindex,
            sources: query::SOURCES,
        };
        Ok(plan.set(0, now, 0)?)
    }

    /// Of the one CPU that sent.
    fn progress(&self) -> Result<Progress> {
        let map = self.ebpf.map("PROGRESS").context("no map PROGRESS")?;
        let progress: PerCpuArray<_, Progress> = map.try_into()?;
        let values = progress.get(&0, 0)?;
        values.get(cpu::GENERATOR).copied().context("no such CPU")
    }

    /// Of all CPUs.
    fn replies(&self) -> Result<Replies> {
        let map = self.ebpf.map("REPLIES").context("no map REPLIES")?;
        let replies: PerCpuArray<_, Replies> = map.try_into()?;
        let mut sum = Replies::default();
        for cpu in replies.get(&0, 0)?.iter() {
            sum.answered += cpu.answered;
            sum.other += cpu.other;
        }
        Ok(sum)
    }
}

/// The bare reflector on `interface` of `netns`, until dropped.
pub fn reflector(netns: &Netns, interface: &str) -> Result<Ebpf> {
    netns.enter(|| {
        let mut ebpf = load(&[])?;
        attach(&mut ebpf, "reflect", interface)?;
        Ok(ebpf)
    })
}

fn load(programs: &[&str]) -> Result<Ebpf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/bpf/igtm-generator.bpf.o");
    let mut ebpf = EbpfLoader::new().load_file(&path).with_context(|| {
        format!(
            "{}: `cargo xtask build` makes it, and root can load it",
            path.display()
        )
    })?;
    for name in programs {
        program(&mut ebpf, name)?
            .load()
            .with_context(|| format!("loading {name}"))?;
    }
    Ok(ebpf)
}

fn attach(ebpf: &mut Ebpf, name: &str, interface: &str) -> Result<()> {
    let program = program(ebpf, name)?;
    program.load().with_context(|| format!("loading {name}"))?;
    let attached = program.attach(interface, XdpMode::Driver);
    attached.with_context(|| format!("attaching {name} to {interface}"))?;
    Ok(())
}

fn program<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut Xdp> {
    let found = ebpf.program_mut(name);
    Ok(found
        .with_context(|| format!("no program {name}"))?
        .try_into()?)
}
