//! The directory itself: made, locked, whether it still is where it was, and what earlier versions
//! kept in it.
//!
//! Must not know the database's tables.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use super::StateError;

/// The database's file in it.
pub(super) const DATABASE: &str = "igtm.db";
/// The file that is locked in it.
const LOCK: &str = "lock";

/// A directory that is ours until dropped.
#[derive(Debug)]
pub(super) struct Directory {
    _lock: Flock<File>,
    /// `None`: it could not be looked at.
    inode: Option<Inode>,
}

/// A file that is open, so that no other is given its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Inode {
    device: u64,
    number: u64,
}

impl Inode {
    /// The file that `path` leads to.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|found| Self::of(&found))
    }

    fn of(found: &Metadata) -> Self {
        Self {
            device: found.dev(),
            number: found.ino(),
        }
    }

    /// Whether `path` leads to it. What cannot be looked at now is taken to be there.
    pub(super) fn stands_at(self, path: &Path) -> bool {
        match Self::at(path) {
            Ok(found) => found == self,
            Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
        }
    }
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
        let file_path = path.join(LOCK);
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
        let inode = lock.metadata().ok().map(|found| Inode::of(&found));
        Ok(Self { _lock: lock, inode })
    }

    /// Whether whoever locks `path` now meets this lock.
    pub(super) fn stands_at(&self, path: &Path) -> bool {
        let file = path.join(LOCK);
        self.inode.is_none_or(|inode| inode.stands_at(&file))
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
