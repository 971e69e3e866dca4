//! The database is open, but its path no longer leads to it: `rm -rf`, a disk mounted over it, or a
//! file put in its place. What is open goes on in a new file there.
//!
//! ```text
//!   looked at before each commit and each second ── leads elsewhere ──▶ lock ── copy ── rename ── open
//! ```
//! Must not give up what is open before the copy stands: it may be the only one.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Instant;

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode};
use tracing::error;

use super::Writer;
use crate::state::directory::Directory;
use crate::state::pending::Changes;
use crate::state::restored::Restored;
use crate::state::{StateError, aside, schema, write};

impl Writer {
    /// Whether what is open is no longer where it should be. What cannot be looked at now is taken
    /// to be there.
    pub(super) fn is_lost(&self) -> bool {
        self.connection.is_some() && (!self.is_locked() || !self.leads_to_database())
    }

    /// Whether the directory at the path is the one that is locked.
    pub(super) fn is_locked(&self) -> bool {
        let directory = self.directory.as_ref();
        directory.is_some_and(|one| one.stands_at(&self.path))
    }

    pub(super) fn leads_to_database(&self) -> bool {
        self.inode
            .is_none_or(|inode| inode.stands_at(&self.database()))
    }

    /// Looks, where nothing was written for a while.
    pub(super) fn look(&mut self) {
        self.looked = Instant::now();
        // In trouble, what is tried again looks.
        if self.trouble.is_none()
            && self.is_lost()
            && let Err(error) = self.begin_again()
        {
            self.fail(error);
        }
    }

    /// Goes on with a copy of what is open, at the path.
    pub(super) fn begin_again(&mut self) -> Result<(), StateError> {
        if !self.is_locked() {
            self.directory = Some(Directory::lock(&self.path)?);
        }
        if self.leads_to_database() {
            error!(
                directory = %self.path.display(),
                "the lock of the state directory was gone: it is taken again"
            );
            return Ok(());
        }
        let path = self.database();
        let gone = |error: Gone| StateError::Unavailable {
            path: path.clone(),
            why: format!("it is gone, and cannot be made again: {error}"),
        };
        let connection = self.connection.as_ref().ok_or(StateError::Closed)?;
        let copy = Copy::make(connection, &path).map_err(gone)?;
        let found = set_aside(&path).map_err(|error| gone(error.into()))?;
        copy.put_at(&path).map_err(|error| gone(error.into()))?;
        // Only now, and before the new one is open: SQLite may remove the log beside it as its own.
        self.connection = None;
        let mut opened = schema::open(&path).map_err(|error| gone(error.into()))?;
        let (serial, moved_to) = found.unwrap_or_default();
        // A restart must not fall behind what any database here has reserved.
        let above = Changes {
            serial,
            ..Changes::default()
        };
        let written = write::write(&mut opened, &above);
        self.opened(opened);
        written.map_err(|error| gone(error.into()))?;
        self.shared.made_again(Timestamp::now());
        error!(
            database = %path.display(),
            moved_to = %moved_to.display(),
            whole = copy.whole,
            "the state database was gone from its place: it is made again from what is open and known"
        );
        Ok(())
    }

    /// Another database is open than before, without a copy of that.
    pub(super) fn tell_other(&self) {
        error!(
            database = %self.database().display(),
            "the state database is another than before: what is known is written to it"
        );
        self.shared.made_again(Timestamp::now());
    }
}

/// Why it cannot be made again.
#[derive(Debug, thiserror::Error)]
enum Gone {
    /// The copy, or what it becomes, cannot be written.
    #[error(transparent)]
    Open(#[from] schema::OpenError),
    /// Nor this.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// Its place cannot be had.
    #[error(transparent)]
    Place(#[from] io::Error),
}

/// What is open, in a file of its own.
struct Copy {
    path: PathBuf,
    /// With the history, not only what answers depend on.
    whole: bool,
}

impl Copy {
    fn make(connection: &Connection, beside: &Path) -> Result<Self, Gone> {
        let path = beside.with_extension("db.new");
        let whole = || {
            // Of a former try.
            let _none = fs::remove_file(&path);
            connection.execute("VACUUM INTO ?1", [path.to_string_lossy()])
        };
        match whole() {
            Ok(_) => Ok(Self { path, whole: true }),
            // The new one's place is at fault: it is tried again.
            Err(error) if is_of_the_place(&error) => Err(error.into()),
            Err(error) => {
                error!(%error, "not all of the state database can be read any more");
                let _none = fs::remove_file(&path);
                let mut fresh = schema::open(&path)?;
                let rest = Restored::salvage(connection).into_changes();
                write::write(&mut fresh, &rest)?;
                Ok(Self { path, whole: false })
            }
        }
    }

    fn put_at(&self, path: &Path) -> io::Result<()> {
        File::open(&self.path)?.sync_all()?;
        fs::rename(&self.path, path)?;
        match path.parent() {
            Some(directory) => File::open(directory)?.sync_all(),
            None => Ok(()),
        }
    }
}

fn is_of_the_place(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DiskFull
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::PermissionDenied
                | ErrorCode::DatabaseBusy
        )
    )
}

/// Moves aside what stands at `path` and beside it; the serial that it has reserved, and to where.
fn set_aside(path: &Path) -> io::Result<Option<(u32, PathBuf)>> {
    let stands = match fs::symlink_metadata(path) {
        Ok(_) => true,
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(error) => return Err(error),
    };
    if !stands {
        // The new one would take a log that was left for its own.
        aside::remove_logs(path)?;
        return Ok(None);
    }
    let aside = aside::move_aside(path, Timestamp::now())?;
    Ok(Some((aside::salvage(&aside).serial, aside)))
}
