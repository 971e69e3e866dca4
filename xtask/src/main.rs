//! `cargo xtask`: setup, build, run, test, lint and ci, one file each.
fn main() {}
