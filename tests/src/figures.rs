//! Nanoseconds a packet, and what loading costs. Trust ratios on one host, not absolutes.
//!
//! A run of BPF_PROG_TEST_RUN goes over what the last one left, so a hit is measured with its query
//! put back before each run, and the cost of putting back is measured alone and subtracted. The
//! queries come from random addresses inside the prefixes, as random traffic would.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use aya::EbpfLoader;
use aya::maps::Array;
use aya::programs::Xdp;
use igtm::dataplane::OBJECT;
use igtm::snapshot::Snapshot;
use igtm_common::counter::Counter;
use igtm_common::measure::{QUERIES, QUERY_OCTETS, SavedQuery};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::golden::fixture::{Down, ground, parse};
use crate::golden::frame::datagram;
use crate::golden::kernel::{Kernel, XDP_TX};
use crate::golden::message::{A, query};

/// IPv4 prefixes of the line that asks.
const PREFIXES: usize = 10_000;
/// What is asked for: 17 octets in wire format, as in the design's measurements.
const NAME: &str = "www.gtm.examp.le";
/// Of the addresses that ask.
const SEED: u64 = 0x5eed;

/// Times of one thing, one a round, nanoseconds a run, sorted.
#[derive(Clone, Debug)]
struct Times(Vec<u64>);

impl Times {
    fn sorted(mut times: Vec<u64>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    fn best(&self) -> u64 {
        self.0[0]
    }

    fn median(&self) -> u64 {
        self.0[self.0.len() / 2]
    }
}

/// The program measured alone, then those whose difference is the hit.
const PROGRAMS: [&str; 3] = ["igtm_reflector", "igtm_restore_only", "igtm_restore_hit"];

/// What was measured.
#[derive(Clone, Debug)]
pub struct Figures {
    repeat: u32,
    /// With [`PREFIXES`].
    packets: Packets,
    /// With no line but `default`.
    packets_without_lines: Packets,
    verified_instructions: u32,
    load: Duration,
}

/// What packets cost with some content of the maps.
#[derive(Clone, Debug)]
struct Packets {
    /// Of [`PROGRAMS`].
    programs: [Times; 3],
    /// The difference of the latter two, round by round.
    hit: Times,
}

/// Measures everything: `rounds` measurements of `repeat` runs of each program.
pub fn measure(repeat: u32, rounds: u32) -> Result<Figures> {
    let (verified_instructions, load) = load()?;
    Ok(Figures {
        repeat,
        packets: packets(PREFIXES, repeat, rounds)?,
        packets_without_lines: packets(0, repeat, rounds)?,
        verified_instructions,
        load,
    })
}

/// Runs [`PROGRAMS`] in turns, so that a busy moment of the host meets all of them.
fn packets(prefixes: usize, repeat: u32, rounds: u32) -> Result<Packets> {
    let mut kernel = kernel(prefixes)?;
    let frame = datagram(asker(0, 0), &query(NAME, A).opt(1232).octets());
    let mut times = [const { Vec::new() }; 3];
    let hits_before = hits(&mut kernel)?;
    for _ in 0..rounds {
        for (program, times) in PROGRAMS.iter().zip(&mut times) {
            let (verdict, time) = kernel.time(program, &frame, repeat)?;
            ensure!(verdict == XDP_TX, "{program}: verdict {verdict}, not TX");
            times.push(u64::try_from(time.as_nanos())?);
        }
    }
    let hits = hits(&mut kernel)? - hits_before;
    let expected = u64::from(repeat) * u64::from(rounds);
    ensure!(hits == expected, "{hits} of {expected} runs were hits");
    let [_, restore, both] = &times;
    let hit = both.iter().zip(restore);
    let hit = hit.map(|(both, restore)| both.saturating_sub(*restore));
    Ok(Packets {
        hit: Times::sorted(hit.collect()),
        programs: times.map(Times::sorted),
    })
}

/// Replies with an answer, of all CPUs.
fn hits(kernel: &mut Kernel) -> Result<u64> {
    let counters = kernel.counters()?;
    let found = counters
        .iter()
        .find(|(counter, _)| *counter == Counter::ReplyAnswer);
    Ok(found.map_or(0, |(_, value)| *value))
}

/// The production object: verified instructions of `igtm`, and how long the kernel took to take it.
fn load() -> Result<(u32, Duration)> {
    ensure!(
        !OBJECT.is_empty(),
        "built without the BPF object: `cargo xtask build` makes it"
    );
    let began = Instant::now();
    let mut ebpf = EbpfLoader::new().load(OBJECT).context("loading the maps")?;
    let igtm = ebpf.program_mut("igtm").context("no program igtm")?;
    let igtm: &mut Xdp = igtm.try_into()?;
    igtm.load().context("loading igtm")?;
    let load = began.elapsed();
    let instructions = igtm.info()?.verified_instruction_count();
    let instructions = instructions.context("this kernel does not say how many it verified")?;
    Ok((instructions, load))
}

/// Maps with one name, whose answer is that of a line of so many prefixes, or of `default` without
/// any; and queries from inside the prefixes.
fn kernel(prefixes: usize) -> Result<Kernel> {
    let config = Arc::new(parse(&configuration(prefixes))?);
    let mut kernel = Kernel::load(PROGRAMS[0], &config.server)?;
    for program in &PROGRAMS[1..] {
        kernel.load_another(program)?;
    }
    let ground = ground(config, kernel.hash_key())?;
    let snapshot = Snapshot::new(ground, &Down(None), 1, None)?;
    let written = snapshot.image.prefixes.len();
    ensure!(written == prefixes, "{written} prefixes, not {prefixes}");
    kernel.apply(&snapshot.image)?;
    let saved = kernel.ebpf_mut().take_map("QUERIES_SAVED");
    let saved = saved.context("no map QUERIES_SAVED")?;
    let mut saved: Array<_, SavedQuery> = saved.try_into()?;
    let mut random = StdRng::seed_from_u64(SEED);
    let message = query(NAME, A).opt(1232).octets();
    for at in 0..QUERIES as u32 {
        let client = asker(random.random_range(0..PREFIXES), random.random());
        let frame = datagram(client, &message);
        let mut octets = [0; QUERY_OCTETS];
        octets[..frame.len()].copy_from_slice(&frame);
        let len = frame.len() as u32;
        saved.set(at, SavedQuery { len, octets }, 0)?;
    }
    Ok(kernel)
}

/// An address in the prefix with this number. Every other /24, so that none can be joined.
fn asker(prefix: usize, host: u8) -> IpAddr {
    let network = 0x1400_0000 + 512 * prefix as u32;
    Ipv4Addr::from_bits(network + u32::from(host)).into()
}

fn configuration(prefixes: usize) -> String {
    let mut text = format!(
        r#"version = 1
[server]
node = "figures"
listen = ["198.18.0.53"]
[[zone]]
origin = "gtm.examp.le"
ns = ["ns1.example.net"]
contact = "hostmaster.example.net"
[[pool]]
name = "two"
type = "ipv4"
address = [{{ value = "192.0.2.1" }}, {{ value = "192.0.2.2" }}]
[[instance]]
name = "www"
domain = "{NAME}"
[[instance.strategy]]
name = "default"
lines = ["default"]
fallback = "two"
tier = [{{ pools = ["two"] }}]
"#
    );
    if prefixes > 0 {
        let prefixes: Vec<String> = (0..prefixes)
            .map(|at| format!("\"{}/24\"", asker(at, 0)))
            .collect();
        text += r#"[[instance.strategy]]
name = "operator"
lines = ["operator"]
fallback = "two"
tier = [{ pools = ["two"] }]
[[line]]
name = "operator"
kind = "operator"
"#;
        text += &format!("prefixes = [{}]\n", prefixes.join(", "));
    }
    text
}

impl Figures {
    /// Name, best, median or value, and unit of each.
    fn rows(&self) -> [(&'static str, Option<u64>, u64, &'static str); 7] {
        let plain = |name, times: &Times| (name, Some(times.best()), times.median(), "ns");
        let [reflector, restore, both] = &self.packets.programs;
        let load = u64::try_from(self.load.as_millis()).unwrap_or(u64::MAX);
        let instructions = u64::from(self.verified_instructions);
        [
            plain("hit", &self.packets.hit),
            plain("hit_without_lines", &self.packets_without_lines.hit),
            plain("reflector", reflector),
            plain("restore_query", restore),
            plain("restore_query_and_hit", both),
            ("verified_instructions", None, instructions, ""),
            ("load", None, load, "ms"),
        ]
    }

    fn rounds(&self) -> usize {
        self.packets.hit.0.len()
    }

    /// For other programs.
    pub fn json(&self) -> Value {
        let figures: serde_json::Map<String, Value> = self
            .rows()
            .into_iter()
            .map(|(name, best, value, unit)| {
                let figure = match best {
                    Some(best) => json!({ "best": best, "median": value, "unit": unit }),
                    None => json!({ "value": value, "unit": unit }),
                };
                (name.to_owned(), figure)
            })
            .collect();
        json!({
            "repeat": self.repeat,
            "rounds": self.rounds(),
            "prefixes": PREFIXES,
            "figures": figures,
        })
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounds = self.rounds();
        writeln!(f, "{:24}{:>9}{:>9}", "figure", "best", "median")?;
        for (name, best, value, unit) in self.rows() {
            let best = best.map_or(String::new(), |best| best.to_string());
            writeln!(f, "{name:24}{best:>9}{value:>9} {unit}")?;
        }
        writeln!(
            f,
            "A with OPT over IPv4, line by source among {PREFIXES} prefixes, {rounds} × {} runs; \
             hit = restore_query_and_hit − restore_query",
            self.repeat
        )
    }
}
