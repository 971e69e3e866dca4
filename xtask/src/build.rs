//! `cargo xtask build`: the XDP program, then the daemon with it inside.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::btf;
use crate::setup;
use crate::shell;
use crate::toolchain::{TARGET, Toolchain};

/// How the host's crates are built; the XDP program is always optimised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    Debug,
    Release,
}

impl From<bool> for Profile {
    fn from(release: bool) -> Self {
        if release { Self::Release } else { Self::Debug }
    }
}

impl Profile {
    /// Where cargo leaves the binaries.
    pub(crate) fn directory(self) -> PathBuf {
        let name = match self {
            Self::Debug => "debug",
            Self::Release => "release",
        };
        shell::workspace().join("target").join(name)
    }
}

/// Provisions the host and builds everything.
pub(crate) fn build(profile: Profile) -> Result<()> {
    let toolchain = setup::ensure()?;
    build_object(&toolchain)?;
    let mut command = shell::cargo();
    command.args(["build", "-p", "igtm-userspace", "-p", "igtm-tests"]);
    if profile == Profile::Release {
        command.arg("--release");
    }
    shell::run(&mut command)
}

/// Builds target/bpf/igtm.bpf.o, which igtm-userspace takes in.
fn build_object(toolchain: &Toolchain) -> Result<()> {
    let directory = shell::workspace().join("target/bpf");
    shell::run(
        toolchain
            .cargo_build()
            .args(["--release", "--package", "igtm-ebpf", "--bin", "igtm"])
            .arg("--target-dir")
            .arg(&directory),
    )?;
    let built = directory.join(TARGET).join("release/igtm");
    let mut object =
        fs::read(&built).with_context(|| format!("cannot read {}", built.display()))?;
    btf::make_i8_print_as_text(&mut object)
        .with_context(|| format!("the BTF of {}", built.display()))?;
    write_if_changed(&directory.join("igtm.bpf.o"), &object)
}

/// An unchanged file keeps its time, so that cargo does not build the daemon again.
fn write_if_changed(path: &Path, content: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}
