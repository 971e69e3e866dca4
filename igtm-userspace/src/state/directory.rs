//! The directory itself: made, locked, and what earlier versions kept in it.
//!
//! Must not know the database's tables.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use super::StateError;

/// The database's file in it.
pub(super) const DATABASE: &str = "igtm.db";

/// A directory that is ours until dropped.
#[derive(Debug)]
pub(super) struct Directory {
    _lock: Flock<File>,
}

impl Directory {
    /// Makes it if need be, and locks it.
    pub(super) fn lock(path: &Path) -> Result<Self, StateError> {
        let wrong = |path: &Path| {
            let path = path.to_owned();
            move |error: io::Error| StateError::Unavailable {
                path,
                why: error.to_string(),
            }
        };
        fs::create_dir_all(path).map_err(wrong(path))?;
        let file_path = path.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&file_path)
            .map_err(wrong(&file_path))?;
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(
            |(_file, error)| match error {
                nix::errno::Errno::EWOULDBLOCK => StateError::Locked {
                    path: path.to_owned(),
                },
                error => wrong(&file_path)(error.into()),
            },
        )?;
        Ok(Self { _lock: lock })
    }
}

/// How far an earlier igtm, which had no database, reserved SOA serials; 0 when it left nothing.
pub(super) fn former_serial(directory: &Path) -> u32 {
    fs::read_to_string(serial_path(directory))
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0)
}

/// Once the database has it.
pub(super) fn forget_former_serial(directory: &Path) {
    // What cannot be removed is read again at the next start: the larger one counts.
    let _left = fs::remove_file(serial_path(directory));
}

fn serial_path(directory: &Path) -> PathBuf {
    directory.join("serial")
}
