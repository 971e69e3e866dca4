//! The state directory: what was observed and must outlive the daemon.
//!
//! So far the SOA serial. Serials are reserved ahead: a daemon that is killed between an answer
//! and a write has none left behind that a restart would give again, and no answer waits for the
//! disk. Holds a lock, so that two daemons never share one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

/// Serials reserved at once; the next ones are reserved when half are used.
const RESERVE: u32 = 64;

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
    reserved: u32,
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
        let reserved = fs::read_to_string(serial_path(directory))
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(0);
        Ok(Self {
            directory: directory.to_owned(),
            reserved,
            _lock: lock,
        })
    }

    /// No SOA serial above this one was ever answered; 0 before the first.
    pub fn serial(&self) -> u32 {
        self.reserved
    }

    /// Makes sure that `used` and some serials behind it stay below those of a later run. Written
    /// aside and renamed, so that a crash leaves the former reservation.
    pub fn reserve_serials(&mut self, used: u32) -> Result<(), StateError> {
        if used.saturating_add(RESERVE / 2) <= self.reserved {
            return Ok(());
        }
        let reserved = used.saturating_add(RESERVE);
        let path = serial_path(&self.directory);
        let aside = path.with_extension("new");
        let write = || {
            let mut file = File::create(&aside)?;
            writeln!(file, "{reserved}")?;
            file.sync_all()?;
            fs::rename(&aside, &path)
        };
        write().map_err(|error| StateError::Io { path, error })?;
        self.reserved = reserved;
        Ok(())
    }
}

fn serial_path(directory: &Path) -> PathBuf {
    directory.join("serial")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_rise_across_restarts_and_the_directory_is_one_daemons() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("state");
        let mut state = State::open(&path).expect("can be made");
        assert_eq!(state.serial(), 0);
        let mut used = 7;
        for _ in 0..3 * RESERVE {
            state.reserve_serials(used).expect("can be written");
            // Killed before the next reservation, a restart is above what is answered now.
            used += 1;
            let kept = fs::read_to_string(serial_path(&path)).expect("is there");
            assert!(kept.trim().parse::<u32>().expect("a number") >= used);
        }
        assert!(matches!(State::open(&path), Err(StateError::Locked { .. })));
        drop(state);
        assert!(State::open(&path).expect("free again").serial() >= used);
    }
}
