//! The state directory: what was observed and must outlive the daemon.
//!
//! So far the SOA serial. Holds a lock, so that two daemons never share one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

/// What can go wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It cannot be made or written.
    #[error("server.state_dir: {path}: {error}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Another daemon has it.
    #[error("server.state_dir: {path} is in use by another igtm")]
    Locked {
        /// The directory.
        path: PathBuf,
    },
}

/// An open state directory.
#[derive(Debug)]
pub struct State {
    directory: PathBuf,
    _lock: Flock<File>,
}

impl State {
    /// Makes it if need be, proves that it can be written, and locks it.
    pub fn open(directory: &Path) -> Result<Self, StateError> {
        let wrong = |path: &Path| {
            let path = path.to_owned();
            move |error| StateError::Io { path, error }
        };
        fs::create_dir_all(directory).map_err(wrong(directory))?;
        let path = directory.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(wrong(&path))?;
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(
            |(_file, error)| match error {
                nix::errno::Errno::EWOULDBLOCK => StateError::Locked {
                    path: directory.to_owned(),
                },
                error => wrong(&path)(error.into()),
            },
        )?;
        Ok(Self {
            directory: directory.to_owned(),
            _lock: lock,
        })
    }

    /// The last SOA serial that was answered; 0 before the first.
    pub fn serial(&self) -> u32 {
        fs::read_to_string(self.serial_path())
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(0)
    }

    /// Keeps the serial: written aside and renamed, so that a crash leaves the former one.
    pub fn keep_serial(&self, serial: u32) -> Result<(), StateError> {
        let path = self.serial_path();
        let aside = path.with_extension("new");
        let write = || {
            let mut file = File::create(&aside)?;
            writeln!(file, "{serial}")?;
            file.sync_all()?;
            fs::rename(&aside, &path)
        };
        write().map_err(|error| StateError::Io { path, error })
    }

    fn serial_path(&self) -> PathBuf {
        self.directory.join("serial")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_is_kept_and_the_directory_is_one_daemons() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("state");
        let state = State::open(&path).expect("can be made");
        assert_eq!(state.serial(), 0);
        state.keep_serial(7).expect("can be written");
        assert!(matches!(State::open(&path), Err(StateError::Locked { .. })));
        drop(state);
        assert_eq!(State::open(&path).expect("free again").serial(), 7);
    }
}
