//! What was measured on.

use std::fmt;
use std::fs;
use std::thread;

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// One host, without its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// As the kernel calls it.
    pub processor: String,
    /// That we may use.
    pub cpus: usize,
    /// MiB.
    pub memory_mib: u64,
    /// Release.
    pub kernel: String,
}

impl Machine {
    /// This one.
    pub fn this() -> Result<Self> {
        let processors = fs::read_to_string("/proc/cpuinfo")?;
        let memory = fs::read_to_string("/proc/meminfo")?;
        let processor = field(&processors, "model name").unwrap_or("unnamed");
        let kib = field(&memory, "MemTotal").and_then(|text| text.split(' ').next());
        let kib: u64 = kib.context("no MemTotal in /proc/meminfo")?.parse()?;
        Ok(Self {
            processor: processor.to_owned(),
            cpus: thread::available_parallelism()?.get(),
            memory_mib: kib / 1024,
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?
                .trim()
                .to_owned(),
        })
    }

    /// For other programs.
    pub fn json(&self) -> Value {
        json!({
            "processor": self.processor,
            "cpus": self.cpus,
            "memory_mib": self.memory_mib,
            "kernel": self.kernel,
        })
    }
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim())
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} × {}, {} GiB, Linux {}",
            self.cpus,
            self.processor,
            self.memory_mib.div_ceil(1024),
            self.kernel
        )
    }
}
