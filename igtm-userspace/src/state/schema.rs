//! The tables of the state database, and how an older file becomes today's.
//!
//! A migration is never changed once released: the next one is added below it.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

/// `MIGRATIONS[n]` makes version n + 1 (`PRAGMA user_version`) of version n.
///
/// Times are microseconds since 1970, days are days since then, UTC. What has structure and is only
/// ever read whole is JSON. Names, not ids, stand for objects of the configuration: they outlive
/// its order.
const MIGRATIONS: [&str; 4] = [
    "
    CREATE TABLE counters (
        name  TEXT PRIMARY KEY,
        value INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE health (
        monitor  TEXT NOT NULL,
        address  TEXT NOT NULL,
        host     TEXT NOT NULL, -- '' for none: NULL is not equal to itself in a key
        state    TEXT NOT NULL,
        since_us INTEGER NOT NULL,
        bad_run  INTEGER NOT NULL,
        good_run INTEGER NOT NULL,
        reasons  TEXT NOT NULL,
        round_us INTEGER NOT NULL,
        PRIMARY KEY (monitor, address, host)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE moves (
        instance TEXT NOT NULL,
        strategy TEXT NOT NULL,
        active   TEXT NOT NULL,
        since_us INTEGER NOT NULL,
        PRIMARY KEY (instance, strategy)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE forces (
        address  TEXT NOT NULL,
        pool     TEXT NOT NULL, -- '' for all
        mode     TEXT NOT NULL,
        reason   TEXT NOT NULL,
        who      TEXT NOT NULL,
        since_us INTEGER NOT NULL,
        until_us INTEGER,
        PRIMARY KEY (address, pool)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE frozen (
        instance TEXT NOT NULL,
        strategy TEXT NOT NULL,
        line     TEXT NOT NULL,
        ipv6     INTEGER NOT NULL,
        answer   TEXT NOT NULL,
        since_us INTEGER NOT NULL,
        PRIMARY KEY (instance, strategy, line, ipv6)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE rounds (
        monitor TEXT NOT NULL,
        day     INTEGER NOT NULL,
        good    INTEGER NOT NULL,
        bad     INTEGER NOT NULL,
        PRIMARY KEY (monitor, day)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE events (
        id       INTEGER PRIMARY KEY AUTOINCREMENT, -- never given twice, also after retention
        time_us  INTEGER NOT NULL,
        kind     TEXT NOT NULL,
        severity TEXT NOT NULL,
        instance TEXT,
        lines    TEXT NOT NULL,
        strategy TEXT,
        pool     TEXT,
        address  TEXT,
        node     TEXT NOT NULL,
        title    TEXT NOT NULL,
        cause    TEXT NOT NULL,
        event    TEXT NOT NULL
    ) STRICT;
    CREATE INDEX events_by_time ON events (time_us);
    CREATE INDEX events_by_instance ON events (instance) WHERE instance IS NOT NULL;
",
    "
    ALTER TABLE moves ADD COLUMN believed TEXT; -- by all that was told, where that is something else
",
    "
    ALTER TABLE events ADD COLUMN unrouted INTEGER; -- until its subscriptions were asked
    CREATE INDEX events_unrouted ON events (unrouted) WHERE unrouted IS NOT NULL;
    CREATE TABLE told (
        condition    TEXT NOT NULL,
        subscription TEXT NOT NULL,
        open         TEXT NOT NULL,
        PRIMARY KEY (condition, subscription)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE waiting (
        name    TEXT PRIMARY KEY, -- subscription and purpose
        content TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE messages (
        id        TEXT PRIMARY KEY,
        made_us   INTEGER NOT NULL,
        channel   TEXT NOT NULL,
        template  TEXT,
        state     TEXT NOT NULL,
        kinds     TEXT NOT NULL,
        instances TEXT NOT NULL,
        record    TEXT NOT NULL
    ) STRICT;
    CREATE INDEX messages_by_time ON messages (made_us);
    CREATE INDEX messages_pending ON messages (made_us) WHERE state = 'pending';
    CREATE TABLE mutes (
        instance TEXT PRIMARY KEY,
        content  TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE channels (
        name    TEXT PRIMARY KEY,
        content TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
",
    "
    ALTER TABLE moves ADD COLUMN left_us INTEGER; -- since when not from the first tier
",
];

/// The version that this igtm writes.
pub(super) const VERSION: i32 = MIGRATIONS.len() as i32;

/// How long another program that has the file open may keep us waiting.
const BUSY: Duration = Duration::from_secs(1);

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    /// SQLite says so.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// A newer igtm wrote it.
    #[error("version {found} of its tables is newer than this igtm's, {VERSION}")]
    Newer {
        /// The file's.
        found: i32,
    },
}

/// Opens or makes the database at `path`, with today's tables.
///
/// * WAL: a commit is one sequential write, and kill -9 leaves it whole.
/// * `synchronous = FULL`: what was acknowledged to an operator outlives a power cut as well. It
///   costs an fsync a commit, at most five a second, in a thread that nobody waits for.
/// * `locking_mode = EXCLUSIVE`: one daemon has the file anyway (the directory is locked), and
///   without the shared-memory file a full or failing disk ends in an error, never in SIGBUS.
pub(super) fn open(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.execute_batch(
        "PRAGMA locking_mode = EXCLUSIVE;
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA journal_size_limit = 16777216;
         PRAGMA temp_store = MEMORY;",
    )?;
    let found: i32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > VERSION {
        return Err(OpenError::Newer { found });
    }
    for (version, migration) in (1..)
        .zip(MIGRATIONS)
        .filter(|(version, _)| *version > found)
    {
        let step = connection.transaction()?;
        step.execute_batch(migration)?;
        step.pragma_update(None, "user_version", version)?;
        step.commit()?;
    }
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_first_version_is_taken_over() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("igtm.db");
        let first = Connection::open(&path).expect("a new file");
        first.execute_batch(MIGRATIONS[0]).expect("its tables");
        let row =
            "INSERT INTO moves VALUES ('www', 'default', 'tier 2', 7); PRAGMA user_version = 1";
        first.execute_batch(row).expect("a row");
        drop(first);
        let connection = open(&path).expect("taken over");
        let moves = super::super::read::moves(&connection).expect("its rows");
        assert_eq!((&*moves[0].active, &moves[0].believed), ("tier 2", &None));
    }
}
