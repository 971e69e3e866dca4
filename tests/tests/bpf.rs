//! The kernel's program and the userspace answerer over the same packets, octet for octet.
//! Needs root and `cargo xtask build`.

use anyhow::Result;
use igtm_tests::figures;
use igtm_tests::golden::check::check_all;
use igtm_tests::golden::{
    answers, cookies, headers, limits, lines, literal, negative, opts, queries, subnet, sweeps,
    vlan, windows,
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

/// That everything can be measured; the numbers mean nothing in a debug build beside other tests.
#[test]
fn figures_can_be_measured() -> Result<()> {
    print!("{}", figures::measure(1000, 1, &[])?);
    Ok(())
}
