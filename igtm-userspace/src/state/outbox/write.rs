//! The outbox's part of a transaction, and what is old enough to go.

use jiff::Timestamp;
use rusqlite::{Connection, Transaction, params};

use super::{PushState, Waiting};
use crate::state::write::{MICROSECONDS_A_DAY, json};

/// Messages that are kept, the newest of them; those that are pending besides.
pub const MESSAGES_KEPT: i64 = 20_000;
/// For how many days at most.
pub const MESSAGES_KEPT_DAYS: i64 = 90;

/// After the events: those that are routed by the same step are there.
pub(in crate::state) fn write(step: &Transaction<'_>, waiting: &Waiting) -> rusqlite::Result<()> {
    let mut routed =
        step.prepare_cached("UPDATE events SET unrouted = NULL WHERE unrouted = ?1")?;
    for key in &waiting.routed {
        routed.execute([key])?;
    }
    let mut put = step.prepare_cached(
        "INSERT OR REPLACE INTO told (condition, subscription, open) VALUES (?1, ?2, ?3)",
    )?;
    let mut remove =
        step.prepare_cached("DELETE FROM told WHERE condition = ?1 AND subscription = ?2")?;
    for (key, open) in &waiting.open {
        match open {
            Some(open) => {
                put.execute(params![key.condition, key.subscription, json(open)?])?;
            }
            None => {
                remove.execute(params![key.condition, key.subscription])?;
            }
        }
    }
    for (key, group) in &waiting.groups {
        let key = json(key)?;
        match group {
            Some(group) => step.execute(
                "INSERT OR REPLACE INTO waiting (name, content) VALUES (?1, ?2)",
                params![key, json(group)?],
            )?,
            None => step.execute("DELETE FROM waiting WHERE name = ?1", [key])?,
        };
    }
    messages(step, waiting)?;
    for (instance, mute) in &waiting.mutes {
        match mute {
            Some(mute) => step.execute(
                "INSERT OR REPLACE INTO mutes (instance, content) VALUES (?1, ?2)",
                params![instance, json(mute)?],
            )?,
            None => step.execute("DELETE FROM mutes WHERE instance = ?1", [instance])?,
        };
    }
    for (name, record) in &waiting.channels {
        match record {
            Some(record) => step.execute(
                "INSERT OR REPLACE INTO channels (name, content) VALUES (?1, ?2)",
                params![name, json(record)?],
            )?,
            None => step.execute("DELETE FROM channels WHERE name = ?1", [name])?,
        };
    }
    Ok(())
}

fn messages(step: &Transaction<'_>, waiting: &Waiting) -> rusqlite::Result<()> {
    let mut put = step.prepare_cached(
        "INSERT OR REPLACE INTO messages
             (id, made_us, channel, template, state, kinds, instances, record)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for push in waiting.messages.values() {
        put.execute(params![
            push.id,
            push.made.as_microsecond(),
            push.channel,
            push.template,
            push.state.name(),
            json(&push.kinds)?,
            json(&push.instances)?,
            json(push)?,
        ])?;
    }
    Ok(())
}

/// Lets go of what is older than is kept. What is pending stays, however old.
pub(in crate::state) fn retire(connection: &Connection, now: Timestamp) -> rusqlite::Result<()> {
    let oldest = now.as_microsecond() - MESSAGES_KEPT_DAYS * MICROSECONDS_A_DAY;
    let pending = PushState::Pending.name();
    connection.execute(
        "DELETE FROM messages WHERE made_us < ?1 AND state <> ?2",
        params![oldest, pending],
    )?;
    connection.execute(
        "DELETE FROM messages WHERE state <> ?2 AND made_us <=
             (SELECT made_us FROM messages ORDER BY made_us DESC LIMIT 1 OFFSET ?1)",
        params![MESSAGES_KEPT, pending],
    )?;
    Ok(())
}
