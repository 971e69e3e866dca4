//! Programs of others, as `cargo xtask test` installs them; without one its test says that it skips.
//!
//! Each is ours alone, on loopback, and ends with its test.

mod alertmanager;
mod standard_webhooks;

use std::path::{Path, PathBuf};

/// The Python of target/peers. `None` has been said.
pub(super) fn python() -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/peers");
    let python = target.join("bin/python");
    if target.join("installed").exists() {
        return Some(python);
    }
    println!(
        "SKIP: {}: the Python packages are not installed (cargo xtask test installs them)",
        std::thread::current().name().unwrap_or_default()
    );
    None
}
