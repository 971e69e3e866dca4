//! What compiles the XDP program: found, never installed here.
//!
//! Two sets fit. A rustup nightly with rust-src builds `core` itself, the usual aya set-up;
//! a distribution's rustc may bring a ready-built `core` for BPF. Both need bpf-linker.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell;

/// The crates that may use unstable features: aya-ebpf wants one of its own, ours the `asm!` of a
/// target that is not stable.
pub(crate) const UNSTABLE: &str = "aya_ebpf,igtm_common,igtm_ebpf";

/// The target triple; the hosts we build for are little-endian.
pub(crate) const TARGET: &str = "bpfel-unknown-none";

/// A compiler for [`TARGET`] and the linker that goes with it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Toolchain {
    pub(crate) compiler: Compiler,
    pub(crate) linker: PathBuf,
}

/// Which rustc, and where its `core` for BPF comes from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Compiler {
    /// A rustup nightly with rust-src, by rustup's name for it.
    Nightly(String),
    /// rustc and cargo of the distribution, with a ready-built `core`.
    Distribution { rustc: PathBuf, cargo: PathBuf },
}

impl Toolchain {
    /// The first complete set on this host.
    pub(crate) fn find() -> Option<Self> {
        let linker = shell::find("bpf-linker")?;
        let compiler = nightly_with_source().or_else(distribution)?;
        Some(Self { compiler, linker })
    }

    /// `cargo build` for [`TARGET`], less what to build.
    pub(crate) fn cargo_build(&self) -> Command {
        let mut command = match &self.compiler {
            Compiler::Nightly(name) => {
                let mut command = shell::outside_cargo("rustup");
                command.args(["run", name, "cargo", "build", "-Z", "build-std=core"]);
                command
            }
            Compiler::Distribution { rustc, cargo } => {
                let mut command = shell::outside_cargo(cargo);
                command
                    .env("RUSTC", rustc)
                    .env("RUSTC_BOOTSTRAP", UNSTABLE)
                    .arg("build");
                command
            }
        };
        command.args(["--target", TARGET]);
        // Encoded, so that a linker's path may hold a space.
        command.env("CARGO_ENCODED_RUSTFLAGS", self.flags().join("\u{1f}"));
        command
    }

    fn flags(&self) -> Vec<String> {
        vec![
            format!("-Clinker={}", self.linker.display()),
            "-Clink-arg=--btf".into(),
            // The packet is read by 8-octet words at any offset: one load instead of eight.
            "-Clink-arg=--cpu-features=+allows-misaligned-mem-access".into(),
            "-Ctarget-cpu=v3".into(),
            "-Cdebuginfo=2".into(), // BTF is made from it
            format!("--cfg=bpf_target_arch=\"{}\"", env::consts::ARCH),
        ]
    }

    /// For the line that says what is used.
    pub(crate) fn description(&self) -> String {
        match &self.compiler {
            Compiler::Nightly(name) => format!("rustup's {name} with rust-src"),
            Compiler::Distribution { rustc, .. } => {
                format!("{} with its core for BPF", rustc.display())
            }
        }
    }
}

fn nightly_with_source() -> Option<Compiler> {
    shell::find("rustup")?;
    let home = env::var_os("RUSTUP_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(env::home_dir()?.join(".rustup")))?;
    nightly_in(&home.join("toolchains")).map(Compiler::Nightly)
}

/// The newest-named nightly with rust-src; plain `nightly` before dated ones.
fn nightly_in(toolchains: &Path) -> Option<String> {
    let mut names: Vec<String> = fs::read_dir(toolchains)
        .ok()?
        .flatten()
        .filter(|entry| {
            entry
                .path()
                .join("lib/rustlib/src/rust/library/core/Cargo.toml")
                .is_file()
        })
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.starts_with("nightly"))
        .collect();
    names.sort();
    names.pop()
}

/// Whether the distribution's compiler is there, with or without a linker.
pub(crate) fn distribution_compiles() -> bool {
    distribution().is_some()
}

fn distribution() -> Option<Compiler> {
    // Not through PATH: rustup's own rustc comes first there and has no core for BPF.
    let (rustc, cargo) = (Path::new("/usr/bin/rustc"), Path::new("/usr/bin/cargo"));
    (shell::is_executable(rustc) && shell::is_executable(cargo)).then_some(())?;
    let libraries = shell::printed(shell::outside_cargo(rustc).args([
        "--print",
        "target-libdir",
        "--target",
        TARGET,
    ]))?;
    has_core(Path::new(libraries.trim())).then(|| Compiler::Distribution {
        rustc: rustc.into(),
        cargo: cargo.into(),
    })
}

fn has_core(libraries: &Path) -> bool {
    fs::read_dir(libraries).is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            let name = entry.file_name();
            name.to_string_lossy().starts_with("libcore-")
                && Path::new(&name).extension() == Some(OsStr::new("rlib"))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nightly_counts_only_with_its_source() {
        let home = env::temp_dir().join(format!("igtm-xtask-{}", std::process::id()));
        let source = |name: &str| home.join(name).join("lib/rustlib/src/rust/library/core");
        fs::create_dir_all(home.join("nightly-x86_64-unknown-linux-gnu")).expect("temp dir");
        assert_eq!(nightly_in(&home), None, "no rust-src");

        for name in ["stable-x86_64", "nightly-2026-01-01-x86_64"] {
            fs::create_dir_all(source(name)).expect("temp dir");
            fs::write(source(name).join("Cargo.toml"), "").expect("temp file");
        }
        assert_eq!(
            nightly_in(&home).as_deref(),
            Some("nightly-2026-01-01-x86_64")
        );
        fs::remove_dir_all(&home).expect("ours");
    }

    #[test]
    fn a_directory_without_core_is_no_toolchain() {
        assert!(!has_core(Path::new("/nonexistent")));
        assert!(!has_core(Path::new("/usr/bin")));
    }
}
