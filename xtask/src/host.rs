//! Changing the host: packages, mounts, and root by sudo.
//!
//! Must not decide what is needed: that is setup's.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell;

/// Whether we are root. The owner of our own entry in /proc is our effective user.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// `program` as root: itself, or by sudo.
pub(crate) fn as_root(program: &str) -> Result<Command> {
    if is_root() {
        return Ok(Command::new(program));
    }
    if shell::find("sudo").is_none() {
        bail!("`{program}` needs root and there is no sudo: run this as root");
    }
    let mut command = Command::new("sudo");
    command.arg(program);
    Ok(command)
}

/// Runs its arguments while maintainer scripts may start nothing (invoke-rc.d(8)); a host that has a
/// policy of its own keeps it.
const WITHOUT_SERVICES: &str = r#"
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM
    printf '#!/bin/sh\nexit 101\n' > "$policy" && chmod 755 "$policy" || exit
fi
"$@"
"#;

/// Debian's package manager and whoever shares it.
pub(crate) struct Apt {
    updated: bool,
}

impl Apt {
    /// `None` on a host without apt-get.
    pub(crate) fn find() -> Option<Self> {
        shell::find("apt-get")?;
        Some(Self { updated: false })
    }

    /// The names in `packages` that no configured source has, also after an update.
    pub(crate) fn unknown<'a>(&mut self, packages: &[&'a str]) -> Result<Vec<&'a str>> {
        let lacking = without_candidate(packages);
        if lacking.is_empty() || self.updated {
            return Ok(lacking);
        }
        self.update()?;
        Ok(without_candidate(packages))
    }

    /// Installs `packages`, with fresh lists when the old ones are out of date.
    pub(crate) fn install(&mut self, packages: &[&str]) -> Result<()> {
        self.install_by(&[], packages)
    }

    /// The same, and no service of theirs is started.
    pub(crate) fn install_idle(&mut self, packages: &[&str]) -> Result<()> {
        self.install_by(&["sh", "-c", WITHOUT_SERVICES, "sh"], packages)
    }

    fn install_by(&mut self, prefix: &[&str], packages: &[&str]) -> Result<()> {
        let first = Self::try_install(prefix, packages);
        if first.is_err() && !self.updated {
            self.update()?;
            return Self::try_install(prefix, packages);
        }
        first
    }

    fn try_install(prefix: &[&str], packages: &[&str]) -> Result<()> {
        let mut command = as_root("env")?;
        command
            .arg("DEBIAN_FRONTEND=noninteractive")
            .args(prefix)
            .args(["apt-get", "install"])
            .args(["--yes", "--no-install-recommends"])
            .args(packages);
        shell::run_quietly(&mut command)
    }

    fn update(&mut self) -> Result<()> {
        println!("setup: apt-get update, since the package lists are missing or old");
        self.updated = true;
        shell::run_quietly(as_root("apt-get")?.arg("update"))
    }
}

/// Stops a service that a package brought, also after the next boot. Without systemd there is nothing
/// that would start it.
pub(crate) fn stop_for_good(service: &str) -> Result<()> {
    if shell::find("systemctl").is_none() {
        return Ok(());
    }
    shell::run_quietly(as_root("systemctl")?.args(["disable", service]))?;
    let is_booted = shell::printed(Command::new("systemctl").arg("is-system-running"));
    if is_booted.is_some() {
        shell::run_quietly(as_root("systemctl")?.args(["stop", service]))?;
    }
    Ok(())
}

fn without_candidate<'a>(packages: &[&'a str]) -> Vec<&'a str> {
    let policy = shell::printed(
        Command::new("apt-cache")
            .env("LC_ALL", "C")
            .arg("policy")
            .args(packages),
    );
    let known = candidates(&policy.unwrap_or_default());
    packages
        .iter()
        .copied()
        .filter(|package| !known.iter().any(|name| name == package))
        .collect()
}

/// The packages that `apt-cache policy` has a version of.
fn candidates(policy: &str) -> Vec<String> {
    let mut known = Vec::new();
    let mut package = "";
    for line in policy.lines() {
        if let Some(name) = line.strip_suffix(':').filter(|name| !name.starts_with(' ')) {
            package = name;
        } else if let Some(version) = line.trim().strip_prefix("Candidate: ")
            && version != "(none)"
        {
            known.push(package.to_owned());
        }
    }
    known
}

/// Where pinned maps live unless a configuration says otherwise.
pub(crate) const BPFFS: &str = "/sys/fs/bpf";

/// Whether a BPF file system is mounted at [`BPFFS`].
pub(crate) fn bpffs_is_mounted() -> bool {
    fs::read_to_string("/proc/self/mounts").is_ok_and(|mounts| has_bpffs(&mounts))
}

fn has_bpffs(mounts: &str) -> bool {
    mounts.lines().any(|line| {
        let mut fields = line.split(' ').skip(1);
        fields.next() == Some(BPFFS) && fields.next() == Some("bpf")
    })
}

/// Mounts it.
pub(crate) fn mount_bpffs() -> Result<()> {
    shell::run_quietly(as_root("mount")?.args(["-t", "bpf", "bpf", BPFFS])).with_context(|| {
        format!("cannot mount a BPF file system at {BPFFS}: is this a container without CAP_SYS_ADMIN, or a kernel without CONFIG_BPF_SYSCALL?")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_without_candidate_is_unknown() {
        let policy = "rustc-web:\n  Installed: (none)\n  Candidate: 1.96.0\n  Version table:\n\
                      llvm-22-dev:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n";
        assert_eq!(candidates(policy), ["rustc-web"]);
        assert!(candidates("").is_empty());
    }

    #[test]
    fn only_a_bpf_mount_at_the_right_place_counts() {
        assert!(has_bpffs("bpf /sys/fs/bpf bpf rw,relatime 0 0\n"));
        assert!(!has_bpffs(
            "bpf /tmp/bpffs bpf rw 0 0\nnone /sys/fs/bpf tmpfs rw 0 0\n"
        ));
    }
}
