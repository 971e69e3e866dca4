//! `cargo xtask setup`: what building and testing need, installed where it is missing.
//!
//! Looks first and installs least; says one line for each thing it does; a second run does
//! nothing. A host it cannot provision is told exactly what to install.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::host::{self, Apt};
use crate::shell;
use crate::toolchain::{self, TARGET, Toolchain};

/// A program that has to be there.
struct Tool {
    program: &'static str,
    package: &'static str,
    why: &'static str,
}

const TOOLS: [Tool; 4] = [
    Tool {
        program: "ip",
        package: "iproute2",
        why: "makes the network namespaces of tests and demonstration",
    },
    Tool {
        program: "ethtool",
        package: "ethtool",
        why: "turns veth offloads off, which XDP cannot follow",
    },
    Tool {
        program: "dig",
        package: "bind9-dnsutils",
        why: "asks the demonstration's queries",
    },
    Tool {
        program: "bpftool",
        package: "bpftool",
        why: "reads the pinned maps",
    },
];

/// Debian's compiler for BPF.
const COMPILER: [&str; 4] = [
    "rustc-web",
    "cargo-web",
    "libstd-rust-web-dev-bpf",
    "llvm-22-dev",
];

/// Where Debian keeps the LLVM that [`COMPILER`] was built with.
const LLVM: &str = "/usr/lib/llvm-22";

/// The bpf-linker that was tried with it.
const LINKER_VERSION: &str = "0.13.0";

/// Provisions the host, and says in one line that it is ready.
pub(crate) fn setup() -> Result<()> {
    let toolchain = ensure()?;
    println!("setup: ready, BPF by {}", toolchain.description());
    Ok(())
}

/// Provisions the host; silent when nothing is missing.
pub(crate) fn ensure() -> Result<Toolchain> {
    install_tools()?;
    let toolchain = match Toolchain::find() {
        Some(toolchain) => toolchain,
        None => install_toolchain()?,
    };
    if !host::bpffs_is_mounted() {
        println!(
            "setup: mounting a BPF file system at {}, for pinned maps",
            host::BPFFS
        );
        host::mount_bpffs()?;
    }
    Ok(toolchain)
}

fn install_tools() -> Result<()> {
    let missing: Vec<&Tool> = TOOLS
        .iter()
        .filter(|tool| shell::find(tool.program).is_none())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|tool| tool.package).collect();
    let Some(mut apt) = provider(&packages)? else {
        let list: Vec<String> = missing
            .iter()
            .map(|tool| format!("  {:8} {}", tool.program, tool.why))
            .collect();
        bail!(
            "this host has no package manager that setup knows; install these programs yourself:\n{}",
            list.join("\n")
        );
    };
    for tool in missing {
        println!(
            "setup: installing {}: {} {}",
            tool.package, tool.program, tool.why
        );
    }
    apt.install(&packages)
}

fn install_toolchain() -> Result<Toolchain> {
    let has_linker = shell::find("bpf-linker").is_some();
    let has_llvm = Path::new(LLVM).join("bin/llvm-config").exists();
    if !toolchain::distribution_compiles() || !(has_linker || has_llvm) {
        install_compiler()?;
    }
    if !has_linker {
        install_linker()?;
    }
    Toolchain::find().with_context(|| {
        format!(
            "installed {} and bpf-linker, yet rustc finds no core for {TARGET} \
             (`/usr/bin/rustc --print target-libdir --target {TARGET}`)",
            COMPILER.join(" ")
        )
    })
}

fn install_compiler() -> Result<()> {
    let Some(mut apt) = provider(&COMPILER)? else {
        bail!(
            "nothing here compiles Rust for {TARGET}, and this host's packages do not hold it; install it by\n  \
             rustup toolchain install nightly --component rust-src\n  \
             cargo install bpf-linker\n\
             (bpf-linker must be built with the LLVM version that `rustc +nightly -vV` shows)"
        );
    };
    println!(
        "setup: installing {}: a compiler for {TARGET} and the LLVM its linker needs (130 MB)",
        COMPILER.join(" ")
    );
    apt.install(&COMPILER)
}

fn install_linker() -> Result<()> {
    println!(
        "setup: installing bpf-linker {LINKER_VERSION} with cargo: links the XDP program (about a minute)"
    );
    let path = std::env::var("PATH").unwrap_or_default();
    shell::run_quietly(
        shell::outside_cargo("cargo")
            .args(["install", "bpf-linker", "--version", LINKER_VERSION])
            .args(["--locked", "--no-default-features", "--features", "llvm-22"])
            .env("LLVM_PREFIX", LLVM)
            .env("LLVM_SYS_221_PREFIX", LLVM)
            .env("PATH", format!("{LLVM}/bin:{path}")),
    )
}

/// apt, when it has all of `packages`.
fn provider(packages: &[&str]) -> Result<Option<Apt>> {
    let Some(mut apt) = Apt::find() else {
        return Ok(None);
    };
    Ok(apt.unknown(packages)?.is_empty().then_some(apt))
}
