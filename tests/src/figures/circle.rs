//! What one load costs that depends on the one before and finds its cache line nowhere near: the
//! unit in which look-ups among millions are counted.

use anyhow::{Context, Result};
use aya::EbpfLoader;
use aya::maps::Array;
use igtm_common::measure::{CIRCLE_STEPS, Cell};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::{Times, object, time, xdp};

/// The figure's name.
pub(super) const NAME: &str = "dependent_load";

/// 256 MiB of cells, as large as the maps of a million names and prefixes.
const CELLS: u32 = 1 << 22;

/// Octets of a frame that the reflector takes.
const FRAME: usize = 64;

/// Nanoseconds of one load, net of the reflector.
pub(super) fn measure(repeat: u32, rounds: u32) -> Result<Times> {
    let mut loader = EbpfLoader::new();
    loader.map_max_entries("CIRCLE", CELLS);
    let path = object();
    let mut ebpf = loader
        .load_file(&path)
        .with_context(|| format!("{}: `cargo xtask build` makes it", path.display()))?;
    let programs = ["igtm_reflector", "igtm_circle"];
    for program in programs {
        xdp(&mut ebpf, program)?
            .load()
            .with_context(|| format!("loading {program}"))?;
    }
    let circle = ebpf.take_map("CIRCLE").context("no CIRCLE")?;
    let mut circle: Array<_, Cell> = circle.try_into()?;
    let mut order: Vec<u32> = (0..CELLS).collect();
    order.shuffle(&mut StdRng::seed_from_u64(super::content::SEED));
    for (at, next) in order.iter().zip(order.iter().cycle().skip(1)) {
        circle.set(
            *at,
            Cell {
                next: *next,
                pad: [0; 15],
            },
            0,
        )?;
    }
    // No more runs than go once round.
    let repeat = repeat.min(CELLS / CIRCLE_STEPS);
    let frame = [0; FRAME];
    let mut times = Vec::new();
    for _ in 0..rounds {
        let [bare, all] = programs.map(|program| time(&mut ebpf, program, &frame, repeat));
        times.push(all?.saturating_sub(bare?) / u64::from(CIRCLE_STEPS));
    }
    Ok(Times::sorted(times))
}
