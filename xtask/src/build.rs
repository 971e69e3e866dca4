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
    build_objects(&toolchain)?;
    let mut command = shell::cargo();
    command.args(["build", "-p", "igtm-userspace", "-p", "igtm-tests"]);
    if profile == Profile::Release {
        command.arg("--release");
    }
    shell::run(&mut command)
}

/// The program that igtm-userspace takes in, and those that tests and figures load.
const OBJECTS: [&str; 3] = ["igtm", "igtm-bench", "igtm-generator"];

/// Builds target/bpf/NAME.bpf.o of [`OBJECTS`].
fn build_objects(toolchain: &Toolchain) -> Result<()> {
    let directory = shell::workspace().join("target/bpf");
    shell::run(
        toolchain
            .cargo_build()
            .args(["--release", "--package", "igtm-ebpf", "--bins"])
            .arg("--target-dir")
            .arg(&directory),
    )?;
    for name in OBJECTS {
        let built = directory.join(TARGET).join("release").join(name);
        let mut object =
            fs::read(&built).with_context(|| format!("cannot read {}", built.display()))?;
        btf::make_i8_print_as_text(&mut object)
            .with_context(|| format!("the BTF of {}", built.display()))?;
        write_if_changed(&directory.join(format!("{name}.bpf.o")), &object)?;
    }
    Ok(())
}

/// An unchanged file keeps its time, so that cargo does not build the daemon again.
fn write_if_changed(path: &Path, content: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}
