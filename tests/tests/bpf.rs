//! The kernel's program and the userspace answerer over the same packets, octet for octet.
//! Needs root and `cargo xtask build`.

use std::env;

use anyhow::{Context, Result};
use igtm_tests::figures;
use igtm_tests::golden::check::check_all;
use igtm_tests::golden::{
    answers, cookies, differ, flip, headers, limits, lines, literal, negative, opts, queries,
    statics, subnet, sweeps, vlan, windows,
};

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
fn what_is_answered_behind_tags() -> Result<()> {
    check_all(&vlan::cases())
}

#[test]
fn whose_line_a_client_subnet_chooses() -> Result<()> {
    check_all(&subnet::cases())
}

#[test]
fn which_cookie_comes_back() -> Result<()> {
    check_all(&cookies::cases())
}

#[test]
fn what_does_not_exist_and_whose_soa_says_so() -> Result<()> {
    check_all(&negative::cases())
}

#[test]
fn what_is_known_of_static_records() -> Result<()> {
    check_all(&statics::cases())
}

#[test]
fn which_records_fit_a_reply() -> Result<()> {
    check_all(&windows::cases())
}

#[test]
fn what_is_limited() -> Result<()> {
    check_all(&limits::cases())
}

#[test]
fn replies_come_at_the_rate() -> Result<()> {
    limits::replies_come_at_the_rate()
}

#[test]
fn a_change_of_health_is_one_step() -> Result<()> {
    flip::by_health()
}

#[test]
fn a_change_of_configuration_is_one_step() -> Result<()> {
    flip::by_configuration()
}

/// Frames of the fuzzer: 200 000, or what `IGTM_FUZZ_FRAMES` says (five million at night), by a fixed
/// seed or that of `IGTM_FUZZ_SEED` (decimal, or hexadecimal behind 0x). A failure prints the frame,
/// which belongs into the table.
#[test]
fn whatever_comes_is_answered_alike_or_passed_unchanged() -> Result<()> {
    let frames = number("IGTM_FUZZ_FRAMES", 200_000)?;
    let seed = number("IGTM_FUZZ_SEED", 0x1697_3053)?;
    let seeds = [
        answers::cases(),
        lines::cases(),
        headers::cases(),
        queries::cases(),
        opts::cases(),
        vlan::cases(),
        subnet::cases(),
        cookies::cases(),
        negative::cases(),
        statics::cases(),
        windows::cases(),
        limits::cases(),
    ];
    differ::differ(seed, usize::try_from(frames)?, &seeds.concat())?;
    Ok(())
}

/// A number of the environment.
fn number(name: &str, usual: u64) -> Result<u64> {
    let Ok(text) = env::var(name) else {
        return Ok(usual);
    };
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.replace('_', "").parse(),
    };
    number.with_context(|| format!("{name} = {text:?}"))
}

/// That everything can be measured; the numbers mean nothing in a debug build beside other tests.
#[test]
fn figures_can_be_measured() -> Result<()> {
    print!("{}", figures::measure(1000, 1, &[])?);
    Ok(())
}
