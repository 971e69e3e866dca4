//! A database that cannot be used is moved aside, and a new one begins.
//!
//! Must not do so for a disk that is full or read-only: the file is good then.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::restored::Restored;
use super::schema::OpenError;

/// So many are left in the directory: a failing disk must not be filled by its own wrecks.
const KEPT: usize = 3;
/// What SQLite puts beside a database, and the database itself.
const SUFFIXES: [&str; 4] = ["", "-wal", "-journal", "-shm"];
/// Between the database's name and the time.
const MARK: &str = ".aside-";

/// Whether it is the file at `path` that is wrong, not the disk it is on.
pub(super) fn is_unusable(error: &OpenError, path: &Path) -> bool {
    match error {
        OpenError::Newer { .. } => true,
        OpenError::Sqlite(error) => is_corrupt(error) || is_no_file(error, path),
    }
}

/// Whether what SQLite read cannot have been written by it.
pub(super) fn is_corrupt(error: &rusqlite::Error) -> bool {
    match error {
        rusqlite::Error::SqliteFailure(failure, message) => match failure.code {
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => true,
            // A table or column is missing: not ours, whatever its version says.
            ErrorCode::Unknown => message.as_deref().is_some_and(|text| {
                text.starts_with("no such ") || text.contains("already exists")
            }),
            _ => false,
        },
        rusqlite::Error::SqlInputError { .. }
        | rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::InvalidColumnType(..) => true,
        _ => false,
    }
}

/// Something stands there that is no file of ours, and it is not the disk's fault.
fn is_no_file(error: &rusqlite::Error, path: &Path) -> bool {
    let refused = matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied)
    );
    if !refused {
        return false;
    }
    match fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.is_file() => true,
        Ok(_) => OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .is_err_and(|error| error.kind() == ErrorKind::PermissionDenied),
        Err(_) => false,
    }
}

/// Moves the database at `path`, and what SQLite has beside it, to a name with the time in it; says
/// to which.
pub(super) fn move_aside(path: &Path, now: Timestamp) -> io::Result<PathBuf> {
    let time = now.strftime("%Y%m%dT%H%M%S%3fZ");
    let aside = beside(path, &format!("{MARK}{time}"));
    for suffix in SUFFIXES {
        match fs::rename(beside(path, suffix), beside(&aside, suffix)) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            done => done?,
        }
    }
    prune(path);
    Ok(aside)
}

/// Removes what SQLite has left beside `path`, where the database itself is gone.
pub(super) fn remove_logs(path: &Path) -> io::Result<()> {
    for suffix in &SUFFIXES[1..] {
        match fs::remove_file(beside(path, suffix)) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            done => done?,
        }
    }
    Ok(())
}

/// What can still be read of what was moved aside.
pub(super) fn salvage(aside: &Path) -> Restored {
    // Its log is read as well, which takes a lock and so a writable connection.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let Ok(connection) = Connection::open_with_flags(aside, flags) else {
        return Restored::default();
    };
    if connection
        .execute_batch("PRAGMA locking_mode = EXCLUSIVE")
        .is_err()
    {
        return Restored::default();
    }
    Restored::salvage(&connection)
}

/// Removes all but the newest that were moved aside.
fn prune(path: &Path) {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return;
    };
    let prefix = format!("{}{MARK}", name.to_string_lossy());
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    let mut wrecks: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(&prefix) && name.ends_with('Z'))
        .collect();
    // The time makes the order.
    wrecks.sort_unstable();
    let over = wrecks.len().saturating_sub(KEPT);
    for wreck in &wrecks[..over] {
        for suffix in SUFFIXES {
            // What cannot be removed (a directory that was no database) is not ours to press.
            let _left = fs::remove_file(directory.join(format!("{wreck}{suffix}")));
        }
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
