//! Everything that waits, in one transaction; and what is old enough to go.
//!
//! Must not decide what is written: that was done when it was saved.

use jiff::Timestamp;
use rusqlite::{Connection, Transaction, params};
use serde::Serialize;

use super::model::{ForceMode, SavedForce};
use super::outbox;
use super::pending::Changes;
use crate::alerts::Cause;
use crate::notify::event::Event;

/// Events that are kept, the newest of them.
pub const EVENTS_KEPT: i64 = 100_000;
/// For how many days at most.
pub const EVENTS_KEPT_DAYS: i64 = 90;
/// Days of which rounds are counted: a week and today.
pub const ROUNDS_KEPT_DAYS: i64 = 8;

/// The counter of reserved SOA serials.
pub(super) const SERIAL: &str = "serial";

pub(super) const MICROSECONDS_A_DAY: i64 = 86_400 * 1_000_000;

/// The day since 1970, UTC.
pub(super) fn day_of(time: Timestamp) -> i64 {
    time.as_microsecond().div_euclid(MICROSECONDS_A_DAY)
}

/// All of it or nothing.
pub(super) fn write(connection: &mut Connection, changes: &Changes) -> rusqlite::Result<()> {
    let step = connection.transaction()?;
    health(&step, changes)?;
    orders(&step, changes)?;
    rounds(&step, changes)?;
    if changes.serial != 0 {
        step.execute(
            "INSERT INTO counters (name, value) VALUES (?1, ?2)
             ON CONFLICT DO UPDATE SET value = max(value, excluded.value)",
            params![SERIAL, changes.serial],
        )?;
    }
    let mut insert = step.prepare_cached(
        "INSERT INTO events (time_us, kind, severity, instance, lines, strategy, pool, address,
                             node, title, cause, event, unrouted)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?;
    for raised in &changes.events {
        let routed = |key: &i64| changes.outbox.is_routed(*key);
        let unrouted = raised.unrouted.filter(|key| !routed(key));
        add_event(&mut insert, &raised.event, &raised.cause, unrouted)?;
    }
    drop(insert);
    outbox::write(&step, &changes.outbox)?;
    step.commit()
}

fn health(step: &Transaction<'_>, changes: &Changes) -> rusqlite::Result<()> {
    let mut put = step.prepare_cached(
        "INSERT OR REPLACE INTO health
             (monitor, address, host, state, since_us, bad_run, good_run, reasons, round_us)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    let mut remove = step
        .prepare_cached("DELETE FROM health WHERE monitor = ?1 AND address = ?2 AND host = ?3")?;
    for ((monitor, address, host), saved) in &changes.health {
        let host = host.as_deref().unwrap_or("");
        match saved {
            Some(saved) => put.execute(params![
                monitor,
                address,
                host,
                saved.state.name(),
                saved.since.as_microsecond(),
                saved.bad_run,
                saved.good_run,
                json(&saved.reasons)?,
                saved.last_round.as_microsecond(),
            ])?,
            None => remove.execute(params![monitor, address, host])?,
        };
    }
    let mut put = step.prepare_cached(
        "INSERT OR REPLACE INTO moves (instance, strategy, active, since_us, believed, left_us)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let mut remove =
        step.prepare_cached("DELETE FROM moves WHERE instance = ?1 AND strategy = ?2")?;
    for ((instance, strategy), moved) in &changes.moves {
        match moved {
            Some(moved) => put.execute(params![
                instance,
                strategy,
                moved.active,
                moved.since.as_microsecond(),
                moved.believed,
                moved.left.map(Timestamp::as_microsecond),
            ])?,
            None => remove.execute(params![instance, strategy])?,
        };
    }
    Ok(())
}

/// What operators said.
fn orders(step: &Transaction<'_>, changes: &Changes) -> rusqlite::Result<()> {
    for (key, force) in &changes.forces {
        let pool = key.pool.as_deref().unwrap_or("");
        match force {
            Some(force) => step.execute(
                "INSERT OR REPLACE INTO forces
                     (address, pool, mode, reason, who, since_us, until_us)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    key.address,
                    pool,
                    mode(force),
                    force.reason,
                    force.who,
                    force.since.as_microsecond(),
                    force.until.map(Timestamp::as_microsecond),
                ],
            )?,
            None => step.execute(
                "DELETE FROM forces WHERE address = ?1 AND pool = ?2",
                params![key.address, pool],
            )?,
        };
    }
    for (key, frozen) in &changes.frozen {
        match frozen {
            Some(frozen) => step.execute(
                "INSERT OR REPLACE INTO frozen (instance, strategy, line, ipv6, answer, since_us)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    key.instance,
                    key.strategy,
                    key.line,
                    key.ipv6,
                    json(&frozen.answer)?,
                    frozen.since.as_microsecond(),
                ],
            )?,
            None => step.execute(
                "DELETE FROM frozen
                 WHERE instance = ?1 AND strategy = ?2 AND line = ?3 AND ipv6 = ?4",
                params![key.instance, key.strategy, key.line, key.ipv6],
            )?,
        };
    }
    Ok(())
}

fn rounds(step: &Transaction<'_>, changes: &Changes) -> rusqlite::Result<()> {
    let mut put = step.prepare_cached(
        "INSERT INTO rounds (monitor, day, good, bad) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET good = good + excluded.good, bad = bad + excluded.bad",
    )?;
    for (monitor, days) in &changes.rounds {
        for (day, (good, bad)) in days {
            put.execute(params![monitor, day, good, bad])?;
        }
    }
    Ok(())
}

fn add_event(
    insert: &mut rusqlite::Statement<'_>,
    event: &Event,
    cause: &[Cause],
    unrouted: Option<i64>,
) -> rusqlite::Result<()> {
    insert.execute(params![
        event.time.as_microsecond(),
        event.kind.name(),
        event.severity.name(),
        event.instance,
        json(&event.lines)?,
        event.strategy,
        event.pool,
        event.address,
        event.node,
        event.title,
        json(cause)?,
        json(event)?,
        unrouted,
    ])?;
    Ok(())
}

/// Lets go of what is older than is kept.
pub(super) fn retire(connection: &Connection, now: Timestamp) -> rusqlite::Result<()> {
    let oldest = now.as_microsecond() - EVENTS_KEPT_DAYS * MICROSECONDS_A_DAY;
    connection.execute("DELETE FROM events WHERE time_us < ?1", [oldest])?;
    connection.execute(
        "DELETE FROM events WHERE id <= (SELECT max(id) FROM events) - ?1",
        [EVENTS_KEPT],
    )?;
    connection.execute(
        "DELETE FROM rounds WHERE day <= ?1",
        [day_of(now) - ROUNDS_KEPT_DAYS],
    )?;
    outbox::retire(connection, now)
}

fn mode(force: &SavedForce) -> &'static str {
    let found = ForceMode::ALL.iter().find(|(mode, _)| *mode == force.mode);
    found.map_or("", |(_, name)| name)
}

pub(super) fn json(value: &(impl Serialize + ?Sized)) -> rusqlite::Result<String> {
    serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}
