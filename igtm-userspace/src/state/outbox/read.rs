//! What is asked of the outbox. Must not change it.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, ToSql};
use serde::de::DeserializeOwned;

use super::{Push, PushFilter, PushState, SavedAlerts, Unrouted};
use crate::notify::told::OpenKey;
use crate::state::read::json;

/// What alerts go on from.
pub(in crate::state) fn alerts(connection: &Connection) -> rusqlite::Result<SavedAlerts> {
    let mut unrouted = connection
        .prepare("SELECT unrouted, event FROM events WHERE unrouted IS NOT NULL ORDER BY id")?;
    let unrouted = unrouted.query_map([], |row| {
        Ok(Unrouted {
            key: row.get(0)?,
            event: json(row, 1)?,
        })
    })?;
    let mut open = connection.prepare("SELECT condition, subscription, open FROM told")?;
    let open = open.query_map([], |row| {
        let key = OpenKey {
            condition: row.get(0)?,
            subscription: row.get(1)?,
        };
        Ok((key, json(row, 2)?))
    })?;
    let mut pending = connection
        .prepare("SELECT record FROM messages WHERE state = 'pending' ORDER BY made_us, id")?;
    let pending = pending.query_map([], |row| json(row, 0))?;
    let mut mutes = connection.prepare("SELECT content FROM mutes")?;
    let mutes = mutes.query_map([], |row| json(row, 0))?;
    Ok(SavedAlerts {
        unrouted: unrouted.collect::<Result<_, _>>()?,
        open: open.collect::<Result<_, _>>()?,
        groups: pairs(connection, "SELECT name, content FROM waiting", |row| {
            json(row, 0)
        })?,
        pending: pending.collect::<Result<_, _>>()?,
        mutes: mutes.collect::<Result<_, _>>()?,
        channels: pairs(connection, "SELECT name, content FROM channels", |row| {
            row.get(0)
        })?,
    })
}

fn pairs<K, V: DeserializeOwned>(
    connection: &Connection,
    select: &str,
    key: impl Fn(&rusqlite::Row<'_>) -> rusqlite::Result<K>,
) -> rusqlite::Result<Vec<(K, V)>> {
    let mut select = connection.prepare(select)?;
    let rows = select.query_map([], |row| Ok((key(row)?, json(row, 1)?)))?;
    rows.collect()
}

/// The message of that id, whole.
pub(in crate::state) fn push(connection: &Connection, id: &str) -> rusqlite::Result<Option<Push>> {
    connection
        .query_row("SELECT record FROM messages WHERE id = ?1", [id], |row| {
            json(row, 0)
        })
        .optional()
}

/// The messages that `filter` lets through, newest first, without their content.
pub(in crate::state) fn pushes(
    connection: &Connection,
    filter: &PushFilter,
) -> rusqlite::Result<Vec<Push>> {
    let list = |names: &[String]| serde_json::Value::from(names.to_vec()).to_string();
    let (channels, templates, kinds) = (
        list(&filter.channels),
        list(&filter.templates),
        list(&filter.kinds),
    );
    let states: Vec<String> = filter
        .states
        .iter()
        .map(|one| one.name().to_owned())
        .collect();
    let states = list(&states);
    let since = filter.since.map(Timestamp::as_microsecond);
    let until = filter.until.map(Timestamp::as_microsecond);
    let mut conditions = vec!["1"];
    let mut values: Vec<(&str, &dyn ToSql)> = vec![(":limit", &filter.limit)];
    if !filter.channels.is_empty() {
        conditions.push("channel IN (SELECT value FROM json_each(:channels))");
        values.push((":channels", &channels));
    }
    if !filter.templates.is_empty() {
        conditions.push("template IN (SELECT value FROM json_each(:templates))");
        values.push((":templates", &templates));
    }
    if !filter.kinds.is_empty() {
        conditions.push(
            "EXISTS (SELECT 1 FROM json_each(kinds) AS own
                     WHERE own.value IN (SELECT value FROM json_each(:kinds)))",
        );
        values.push((":kinds", &kinds));
    }
    if let Some(instance) = &filter.instance {
        conditions
            .push("EXISTS (SELECT 1 FROM json_each(instances) AS own WHERE own.value = :instance)");
        values.push((":instance", instance));
    }
    if let Some(since) = &since {
        conditions.push("made_us >= :since");
        values.push((":since", since));
    }
    if let Some(until) = &until {
        conditions.push("made_us < :until");
        values.push((":until", until));
    }
    if !filter.states.is_empty() {
        conditions.push("state IN (SELECT value FROM json_each(:states))");
        values.push((":states", &states));
    }
    let mut select = connection.prepare(&format!(
        "SELECT record FROM messages WHERE {} ORDER BY made_us DESC, id DESC LIMIT :limit",
        conditions.join(" AND ")
    ))?;
    let rows = select.query_map(&*values, |row| {
        let push: Push = json(row, 0)?;
        Ok(push.without_content())
    })?;
    rows.collect()
}

impl Push {
    /// As it is listed.
    pub(super) fn without_content(self) -> Self {
        Self {
            parts: Vec::new(),
            events: Vec::new(),
            ..self
        }
    }

    /// Whether it is neither delivered nor given up.
    pub fn is_pending(&self) -> bool {
        self.state == PushState::Pending
    }
}
