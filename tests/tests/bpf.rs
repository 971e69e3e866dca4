//! The kernel's program and the userspace answerer over the same packets, octet for octet.
//! Needs root and `cargo xtask build`.

use anyhow::Result;
use igtm_tests::figures;
use igtm_tests::golden::check::check_all;
use igtm_tests::golden::{answers, headers, lines, literal, mutate, opts, queries, sweeps};

/// Of the random packets; a failure names the frame, which belongs into the table.
const SEED: u64 = 0x1697_3053;
const FRAMES: usize = 20_000;

#[test]
fn two_exchanges_octet_by_octet() -> Result<()> {
    literal::check()
}

#[test]
fn what_is_answered() -> Result<()> {
    check_all(&answers::cases())
}

#[test]
fn who_is_answered_what_and_when() -> Result<()> {
    check_all(&lines::cases())
}

#[test]
fn what_is_passed_for_its_headers() -> Result<()> {
    check_all(&headers::cases())
}

#[test]
fn what_is_passed_for_its_message() -> Result<()> {
    check_all(&queries::cases())
}

#[test]
fn what_is_passed_for_its_opt() -> Result<()> {
    check_all(&opts::cases())
}

#[test]
fn what_is_cut_short_at_any_length() -> Result<()> {
    check_all(&sweeps::cases())
}

#[test]
fn whatever_comes_is_answered_alike_or_passed_unchanged() -> Result<()> {
    let tally = mutate::differ(SEED, FRAMES)?;
    println!("{FRAMES} frames from seed {SEED:#x}: {tally}");
    Ok(())
}

/// That everything can be measured; the numbers mean nothing in a debug build beside other tests.
#[test]
fn figures_can_be_measured() -> Result<()> {
    print!("{}", figures::measure(1000, 1)?);
    Ok(())
}
