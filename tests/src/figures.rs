//! Nanoseconds a packet, and what loading costs. Trust ratios on one host, not absolutes.
//!
//! A run of BPF_PROG_TEST_RUN goes over what the last one left, so a reply is measured with its query
//! put back before each run, and the cost of putting back is measured alone and subtracted. Queries
//! are drawn at random; where many names or prefixes are asked for, so many different queries are.

mod circle;
mod content;

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use aya::EbpfLoader;
use aya::maps::Array;
use aya::programs::{TestRun, TestRunOptions, Xdp};
use igtm::dataplane::{Capacity, Local, Maps, OBJECT, Writer, interface};
use igtm_common::counter::Counter;
use igtm_common::measure::SavedQuery;
use serde_json::{Value, json};

use crate::golden::frame::SERVER_MAC;
use content::{Ask, Content, Family};

/// XDP_TX.
const TX: u32 = 3;
/// TEST_RUN says that frames come in by the loopback device.
const LOOPBACK: u32 = 1;

/// The program measured alone, then those whose difference is the reply.
const PROGRAMS: [&str; 3] = ["igtm_reflector", "igtm_restore_only", "igtm_restore_hit"];

/// The figure of the first of them.
const REFLECTOR: &str = "reflector";

/// A figure to measure: its name, what the maps hold and what is asked, and how it must end.
struct Plan {
    name: &'static str,
    content: Content,
    outcome: Counter,
}

fn plans() -> Vec<Plan> {
    let usual = Content {
        names: 1,
        prefixes: 10_000,
        family: Family::V4,
        ask: Ask::Address,
        limited: false,
    };
    let large = Content {
        names: 1 << 20,
        prefixes: 1 << 20,
        ..usual
    };
    let plan = |name, content, outcome| Plan {
        name,
        content,
        outcome,
    };
    let v6 = Family::V6;
    let with = |ask| Content { ask, ..usual };
    let hit = Counter::ReplyAnswer;
    vec![
        plan("hit", usual, hit),
        plan(
            "hit_without_lines",
            Content {
                prefixes: 0,
                ..usual
            },
            hit,
        ),
        plan(
            "hit_v6",
            Content {
                family: v6,
                ..usual
            },
            hit,
        ),
        plan("hit_subnet", with(Ask::Subnet), hit),
        plan("hit_cookie", with(Ask::Cookie), hit),
        plan(
            "hit_limited",
            Content {
                limited: true,
                ..usual
            },
            hit,
        ),
        plan("nodata", with(Ask::OtherType), Counter::ReplyNodata),
        plan("nxdomain", with(Ask::Absent), Counter::ReplyNxdomain),
        plan("hit_million", large, hit),
        plan(
            "hit_million_v6",
            Content {
                family: v6,
                ..large
            },
            hit,
        ),
    ]
}

/// Times of one thing, one a round, nanoseconds a run, sorted.
#[derive(Clone, Debug)]
pub struct Times(Vec<u64>);

impl Times {
    fn sorted(mut times: Vec<u64>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// The least.
    pub fn best(&self) -> u64 {
        self.0[0]
    }

    /// The middle one.
    pub fn median(&self) -> u64 {
        self.0[self.0.len() / 2]
    }

    /// All of them, ascending.
    pub fn all(&self) -> &[u64] {
        &self.0
    }
}

/// What was measured.
#[derive(Clone, Debug)]
pub struct Figures {
    repeat: u32,
    /// Replies, net of putting the query back, and the reflector.
    pub times: Vec<(&'static str, Times)>,
    /// Of `igtm`, as the kernel counted.
    pub verified_instructions: u32,
    /// From the object to a loaded program.
    pub load: Duration,
}

/// Measures everything, or the figures called `only`: `rounds` measurements of `repeat` runs of each
/// program.
pub fn measure(repeat: u32, rounds: u32, only: &[String]) -> Result<Figures> {
    let (verified_instructions, load) = load()?;
    let mut times = Vec::new();
    let wanted = |plan: &Plan| only.is_empty() || only.iter().any(|name| name == plan.name);
    if only.is_empty() || only.iter().any(|name| name == circle::NAME) {
        times.push((circle::NAME, circle::measure(repeat, rounds)?));
    }
    for plan in plans().into_iter().filter(wanted) {
        let measured = packets(&plan, repeat, rounds).with_context(|| plan.name.to_owned())?;
        if !times.iter().any(|(name, _)| *name == REFLECTOR) {
            times.push((REFLECTOR, measured.reflector));
        }
        times.push((plan.name, measured.net));
    }
    Ok(Figures {
        repeat,
        times,
        verified_instructions,
        load,
    })
}

struct Measured {
    reflector: Times,
    net: Times,
}

/// Runs [`PROGRAMS`] in turns, so that a busy moment of the host meets all of them.
fn packets(plan: &Plan, repeat: u32, rounds: u32) -> Result<Measured> {
    let mut bench = Bench::load(&plan.content)?;
    let mut times = [const { Vec::new() }; 3];
    let before = bench.counted(plan.outcome)?;
    for _ in 0..rounds {
        for (program, times) in PROGRAMS.iter().zip(&mut times) {
            times.push(bench.time(program, repeat)?);
        }
    }
    let counted = bench.counted(plan.outcome)? - before;
    let expected = u64::from(repeat) * u64::from(rounds);
    ensure!(
        counted == expected,
        "{counted} of {expected} runs ended as {:?}",
        plan.outcome
    );
    let [reflector, restore, both] = times;
    let net = both.iter().zip(&restore);
    let net = net.map(|(both, restore)| both.saturating_sub(*restore));
    Ok(Measured {
        net: Times::sorted(net.collect()),
        reflector: Times::sorted(reflector),
    })
}

/// The measuring object with its maps filled.
struct Bench {
    ebpf: aya::Ebpf,
    writer: Writer,
    frame: Vec<u8>,
}

impl Bench {
    fn load(content: &Content) -> Result<Self> {
        let hash_key = std::array::from_fn(|_| rand::random());
        let image = content.image(&hash_key)?;
        let config = content.config()?;
        let queries = content.queries();
        let mut loader = EbpfLoader::new();
        Capacity::needed(&image).roomy().set(&mut loader);
        loader.map_max_entries("QUERIES_SAVED", queries.len() as u32);
        let path = object();
        let mut ebpf = loader
            .load_file(&path)
            .with_context(|| format!("{}: `cargo xtask build` makes it", path.display()))?;
        for program in PROGRAMS {
            xdp(&mut ebpf, program)?
                .load()
                .with_context(|| format!("loading {program}"))?;
        }
        let mut writer = Writer::adopt(Maps::take(&mut ebpf)?, &config, hash_key)?;
        let mut local = Local::default();
        local.refresh(&mut writer, &config.server)?;
        local.set_interfaces(&mut writer, vec![interface(LOOPBACK, SERVER_MAC, "lo")])?;
        writer.apply(&image)?;
        let mask = ebpf.take_map("QUERIES_MASK").context("no QUERIES_MASK")?;
        let mut mask: Array<_, u32> = mask.try_into()?;
        mask.set(0, queries.len() as u32 - 1, 0)?;
        let saved = ebpf.take_map("QUERIES_SAVED").context("no QUERIES_SAVED")?;
        let mut saved: Array<_, SavedQuery> = saved.try_into()?;
        for (query, at) in queries.iter().zip(0..) {
            saved.set(at, *query, 0)?;
        }
        let frame = queries[0].octets[..queries[0].len as usize].to_vec();
        Ok(Self {
            ebpf,
            writer,
            frame,
        })
    }

    /// Mean nanoseconds of a run.
    fn time(&mut self, program: &str, repeat: u32) -> Result<u64> {
        time(&mut self.ebpf, program, &self.frame, repeat)
    }

    /// Frames that ended so, of all CPUs.
    fn counted(&mut self, counter: Counter) -> Result<u64> {
        let values = self.writer.maps_mut().counters.get(&0, 0)?;
        Ok(values.iter().map(|cpu| cpu.value(counter)).sum())
    }
}

/// Mean nanoseconds of a run of `program` over `frame`.
fn time(ebpf: &mut aya::Ebpf, program: &str, frame: &[u8], repeat: u32) -> Result<u64> {
    let result = xdp(ebpf, program)?.test_run(TestRunOptions {
        data_in: Some(frame),
        repeat,
        ..TestRunOptions::new()
    })?;
    let verdict = result.return_value;
    ensure!(verdict == TX, "{program}: verdict {verdict}, not TX");
    Ok(u64::try_from(result.duration.as_nanos())?)
}

/// The object with all that is only measured.
fn object() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/bpf/igtm-bench.bpf.o")
}

fn xdp<'a>(ebpf: &'a mut aya::Ebpf, program: &str) -> Result<&'a mut Xdp> {
    let found = ebpf.program_mut(program);
    let found = found.with_context(|| format!("no program {program}"))?;
    Ok(found.try_into()?)
}

/// The production object: verified instructions of `igtm`, and how long the kernel took to take it.
fn load() -> Result<(u32, Duration)> {
    ensure!(
        !OBJECT.is_empty(),
        "built without the BPF object: `cargo xtask build` makes it"
    );
    let began = Instant::now();
    let mut ebpf = EbpfLoader::new().load(OBJECT).context("loading the maps")?;
    let igtm = xdp(&mut ebpf, "igtm")?;
    igtm.load().context("loading igtm")?;
    let load = began.elapsed();
    let instructions = igtm.info()?.verified_instruction_count();
    let instructions = instructions.context("this kernel does not say how many it verified")?;
    Ok((instructions, load))
}

impl Figures {
    /// Rounds of each.
    pub fn rounds(&self) -> usize {
        self.times.first().map_or(0, |(_, times)| times.0.len())
    }

    /// Runs a round.
    pub fn repeat(&self) -> u32 {
        self.repeat
    }

    /// For other programs.
    pub fn json(&self) -> Value {
        let mut figures: serde_json::Map<String, Value> = self
            .times
            .iter()
            .map(|(name, times)| {
                let figure =
                    json!({ "best": times.best(), "median": times.median(), "unit": "ns" });
                ((*name).to_owned(), figure)
            })
            .collect();
        figures.insert(
            "verified_instructions".to_owned(),
            json!({ "value": self.verified_instructions, "unit": "" }),
        );
        figures.insert(
            "load".to_owned(),
            json!({ "value": self.load.as_millis() as u64, "unit": "ms" }),
        );
        json!({ "repeat": self.repeat, "rounds": self.rounds(), "figures": figures })
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:24}{:>9}{:>9}", "figure", "best", "median")?;
        for (name, times) in &self.times {
            writeln!(f, "{name:24}{:>9}{:>9} ns", times.best(), times.median())?;
        }
        let load = self.load.as_millis();
        writeln!(
            f,
            "{:24}{:9}{:>9}",
            "verified_instructions", "", self.verified_instructions
        )?;
        writeln!(f, "{:24}{:9}{load:>9} ms", "load", "")?;
        writeln!(
            f,
            "with OPT, line by source among 10 000 prefixes (million: names and prefixes), \
             {} × {} runs, net of putting the query back",
            self.rounds(),
            self.repeat
        )
    }
}
