//! What is asked of the database.
//!
//! Must not change it.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, Row, ToSql};
use serde::de::DeserializeOwned;

use super::event::{Filter, StoredEvent};
use super::model::{ForceKey, ForceMode, FrozenKey, Moved, Rounds, SavedForce, SavedFrozen};
use super::write::{SERIAL, day_of};
use crate::config::model::Address;
use crate::health::{AddressState, SavedTarget};

pub(super) fn health(connection: &Connection) -> rusqlite::Result<Vec<SavedTarget>> {
    let mut select = connection.prepare(
        "SELECT monitor, address, host, state, since_us, bad_run, good_run, reasons, round_us
         FROM health",
    )?;
    let rows = select.query_map([], |row| {
        Ok(SavedTarget {
            monitor: row.get(0)?,
            address: address(row, 1)?,
            host: optional(row, 2)?,
            state: state(row, 3)?,
            since: time(row, 4)?,
            bad_run: row.get(5)?,
            good_run: row.get(6)?,
            reasons: json(row, 7)?,
            last_round: time(row, 8)?,
        })
    })?;
    rows.collect()
}

pub(super) fn moves(connection: &Connection) -> rusqlite::Result<Vec<Moved>> {
    let mut select = connection
        .prepare("SELECT instance, strategy, active, since_us, believed, left_us FROM moves")?;
    let rows = select.query_map([], |row| {
        Ok(Moved {
            instance: row.get(0)?,
            strategy: row.get(1)?,
            active: row.get(2)?,
            since: time(row, 3)?,
            believed: row.get(4)?,
            left: match row.get::<_, Option<i64>>(5)? {
                Some(_) => Some(time(row, 5)?),
                None => None,
            },
        })
    })?;
    rows.collect()
}

pub(super) fn forces(connection: &Connection) -> rusqlite::Result<Vec<(ForceKey, SavedForce)>> {
    let mut select = connection.prepare(
        "SELECT address, pool, mode, reason, who, since_us, until_us FROM forces
         ORDER BY address, pool",
    )?;
    let rows = select.query_map([], |row| {
        let key = ForceKey {
            address: row.get(0)?,
            pool: optional(row, 1)?,
        };
        let force = SavedForce {
            mode: mode(row, 2)?,
            reason: row.get(3)?,
            who: row.get(4)?,
            since: time(row, 5)?,
            until: match row.get::<_, Option<i64>>(6)? {
                Some(_) => Some(time(row, 6)?),
                None => None,
            },
        };
        Ok((key, force))
    })?;
    rows.collect()
}

pub(super) fn frozen(connection: &Connection) -> rusqlite::Result<Vec<(FrozenKey, SavedFrozen)>> {
    let mut select = connection.prepare(
        "SELECT instance, strategy, line, ipv6, answer, since_us FROM frozen
         ORDER BY instance, strategy, line, ipv6",
    )?;
    let rows = select.query_map([], |row| {
        let key = FrozenKey {
            instance: row.get(0)?,
            strategy: row.get(1)?,
            line: row.get(2)?,
            ipv6: row.get(3)?,
        };
        let frozen = SavedFrozen {
            answer: json(row, 4)?,
            since: time(row, 5)?,
        };
        Ok((key, frozen))
    })?;
    rows.collect()
}

pub(super) fn serial(connection: &Connection) -> rusqlite::Result<u32> {
    let mut select = connection.prepare("SELECT value FROM counters WHERE name = ?1")?;
    let mut rows = select.query([SERIAL])?;
    rows.next()?.map_or(Ok(0), |row| row.get(0))
}

pub(super) fn events(
    connection: &Connection,
    filter: &Filter,
) -> rusqlite::Result<Vec<StoredEvent>> {
    // Only what is asked for: each condition that lets all through would cost an index its use.
    let mut conditions = vec!["id < :before"];
    let before = filter.before.unwrap_or(i64::MAX);
    let mut values: Vec<(&str, &dyn ToSql)> = vec![(":before", &before), (":limit", &filter.limit)];
    let kinds = serde_json::Value::from(filter.kinds.clone()).to_string();
    if !filter.kinds.is_empty() {
        conditions.push("kind IN (SELECT value FROM json_each(:kinds))");
        values.push((":kinds", &kinds));
    }
    if let Some(instance) = &filter.instance {
        conditions.push("instance = :instance");
        values.push((":instance", instance));
    }
    if let Some(address) = &filter.address {
        conditions.push("address = :address");
        values.push((":address", address));
    }
    // By id they come as they are wanted and `LIMIT` ends it; by time (the + says: not by its
    // index) all of them would be sorted first.
    let since = filter.since.map(Timestamp::as_microsecond);
    if let Some(since) = &since {
        conditions.push("+time_us >= :since");
        values.push((":since", since));
    }
    let until = filter.until.map(Timestamp::as_microsecond);
    if let Some(until) = &until {
        conditions.push("+time_us < :until");
        values.push((":until", until));
    }
    let mut select = connection.prepare(&format!(
        "SELECT id, cause, event FROM events WHERE {} ORDER BY id DESC LIMIT :limit",
        conditions.join(" AND ")
    ))?;
    let rows = select.query_map(&*values, |row| {
        Ok(StoredEvent {
            id: row.get(0)?,
            cause: json(row, 1)?,
            event: json(row, 2)?,
        })
    })?;
    rows.collect()
}

pub(super) fn rounds(
    connection: &Connection,
    days: u16,
    now: Timestamp,
) -> rusqlite::Result<HashMap<String, Rounds>> {
    let mut select = connection.prepare(
        "SELECT monitor, SUM(good), SUM(bad) FROM rounds WHERE day >= ?1 GROUP BY monitor",
    )?;
    let rows = select.query_map([first_day(days, now)], |row| {
        let rounds = Rounds {
            good: row.get::<_, i64>(1)?.unsigned_abs(),
            bad: row.get::<_, i64>(2)?.unsigned_abs(),
        };
        Ok((row.get(0)?, rounds))
    })?;
    rows.collect()
}

/// The first of `days` days, of which `now` is in the last.
fn first_day(days: u16, now: Timestamp) -> i64 {
    day_of(now) - i64::from(days) + 1
}

fn wrong(
    column: usize,
    r#type: Type,
    error: impl std::error::Error + Send + Sync + 'static,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, r#type, Box::new(error))
}

/// What a table never had: its text is no name of ours.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not known")]
struct Unnamed(String);

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    Timestamp::from_microsecond(row.get(column)?)
        .map_err(|error| wrong(column, Type::Integer, error))
}

pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| wrong(column, Type::Text, error))
}

/// `''` is none.
fn optional(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<String>> {
    let text: String = row.get(column)?;
    Ok((!text.is_empty()).then_some(text))
}

fn address(row: &Row<'_>, column: usize) -> rusqlite::Result<Address> {
    let text: String = row.get(column)?;
    text.parse()
        .map_err(|error| wrong(column, Type::Text, error))
}

fn state(row: &Row<'_>, column: usize) -> rusqlite::Result<AddressState> {
    let name: String = row.get(column)?;
    AddressState::named(&name).ok_or_else(|| wrong(column, Type::Text, Unnamed(name)))
}

fn mode(row: &Row<'_>, column: usize) -> rusqlite::Result<ForceMode> {
    let name: String = row.get(column)?;
    let found = ForceMode::ALL.iter().find(|(_, known)| *known == name);
    found
        .map(|(mode, _)| *mode)
        .ok_or_else(|| wrong(column, Type::Text, Unnamed(name)))
}
