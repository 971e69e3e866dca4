//! What a benchmark needs of the host: a directory, a BPF file system, and room in sockets.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, process};

use anyhow::{Context, Result};
use nix::mount::{MsFlags, mount};

use crate::undo::{Guard, Undo};
use crate::world;

/// Octets of a socket's receive buffer unless the server asks for another size. A live frame takes
/// a page there, so the usual 208 KiB would hold 49 queries and every server would lose some.
const RECEIVE_BUFFER: u32 = 4 << 20;
const RECEIVE_BUFFERS: [&str; 2] = ["rmem_max", "rmem_default"];

/// All of it is as before when dropped.
#[derive(Debug)]
pub struct Ground {
    _settings: Vec<Guard>,
    bpffs: PathBuf,
    // Unmounted before the directory that holds the mount point goes.
    _mount: Guard,
    directory: PathBuf,
    _directory: Guard,
}

impl Ground {
    /// Makes it, after sweeping up what killed processes left.
    pub fn new() -> Result<Self> {
        world::sweep();
        let settings = RECEIVE_BUFFERS
            .into_iter()
            .map(enlarge)
            .collect::<Result<_>>()?;
        let directory = env::temp_dir().join(format!("igtm-{}-bench", process::id()));
        fs::create_dir(&directory).with_context(|| format!("{}", directory.display()))?;
        let directory_guard = Guard::new(Undo::Directory(directory.clone()));
        let bpffs = directory.join("bpf");
        fs::create_dir(&bpffs)?;
        mount(
            Some("bpf"),
            &bpffs,
            Some("bpf"),
            MsFlags::empty(),
            None::<&str>,
        )
        .context("cannot mount a BPF file system: root is needed")?;
        Ok(Self {
            _settings: settings,
            _mount: Guard::new(Undo::Mount(bpffs.clone())),
            bpffs,
            directory,
            _directory: directory_guard,
        })
    }

    /// A fresh directory for one server.
    pub fn directory(&self, server: &str) -> Result<PathBuf> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory = self.directory.join(format!("{number}-{server}"));
        fs::create_dir(&directory).with_context(|| format!("{}", directory.display()))?;
        Ok(directory)
    }

    /// Where one server may pin: below the BPF file system, and named as its directory.
    pub fn pins(&self, directory: &Path) -> PathBuf {
        self.bpffs.join(directory.file_name().unwrap_or_default())
    }
}

fn enlarge(setting: &str) -> Result<Guard> {
    let path = Path::new("/proc/sys/net/core").join(setting);
    let was = fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
    let guard = Guard::new(Undo::Setting(path.clone(), was.clone()));
    let octets: u32 = was.trim().parse()?;
    fs::write(&path, octets.max(RECEIVE_BUFFER).to_string())?;
    Ok(guard)
}
