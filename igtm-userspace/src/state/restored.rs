//! What a new run goes on from.

use rusqlite::Connection;

use super::model::{ForceKey, FrozenKey, Moved, SavedForce, SavedFrozen, key_of};
use super::outbox::{self, SavedAlerts, Step};
use super::pending::{Change, Changes, Raised};
use super::read;
use crate::health::SavedTarget;

/// Everything that was kept and that answers or alerts depend on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Restored {
    /// The last known health of each target.
    pub health: Vec<SavedTarget>,
    /// From what each strategy that ever moved was answered.
    pub moves: Vec<Moved>,
    /// What operators forced; those that have expired meanwhile as well.
    pub forces: Vec<(ForceKey, SavedForce)>,
    /// Frozen answers.
    pub frozen: Vec<(FrozenKey, SavedFrozen)>,
    /// No SOA serial above this one was ever answered; 0 before the first.
    pub serial: u32,
    /// What alerts go on from.
    pub alerts: SavedAlerts,
}

impl Restored {
    /// All of it, or the first error.
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            health: read::health(connection)?,
            moves: read::moves(connection)?,
            forces: read::forces(connection)?,
            frozen: read::frozen(connection)?,
            serial: read::serial(connection)?,
            alerts: outbox::alerts(connection)?,
        })
    }

    /// Of a damaged database, whatever tables can still be read.
    pub(super) fn salvage(connection: &Connection) -> Self {
        Self {
            health: read::health(connection).unwrap_or_default(),
            moves: read::moves(connection).unwrap_or_default(),
            forces: read::forces(connection).unwrap_or_default(),
            frozen: read::frozen(connection).unwrap_or_default(),
            serial: read::serial(connection).unwrap_or_default(),
            alerts: outbox::alerts(connection).unwrap_or_default(),
        }
    }

    /// The same, to be written into a new database.
    pub(super) fn into_changes(self) -> Changes {
        let mut changes = Changes::default();
        let health = self.health.into_iter();
        let moves = self.moves.into_iter();
        let forces = self.forces.into_iter();
        let frozen = self.frozen.into_iter();
        health
            .map(|saved| Change::Health(key_of(&saved), Some(saved)))
            .chain(moves.map(|moved| Change::Moved(moved.key(), Some(moved))))
            .chain(forces.map(|(key, force)| Change::Force(key, Some(force))))
            .chain(frozen.map(|(key, frozen)| Change::Frozen(key, Some(frozen))))
            .for_each(|change| changes.add(change));
        changes.serial = self.serial;
        let alerts = self.alerts;
        let unrouted = alerts.unrouted.into_iter();
        changes.events.extend(unrouted.map(|one| Raised {
            event: one.event,
            cause: Vec::new(),
            unrouted: Some(one.key),
        }));
        let some = |(name, record)| (name, Some(record));
        changes.add(Change::Outbox(Box::new(Step {
            open: alerts
                .open
                .into_iter()
                .map(|(key, open)| (key, Some(open)))
                .collect(),
            groups: alerts
                .groups
                .into_iter()
                .map(|(key, group)| (key, Some(group)))
                .collect(),
            messages: alerts.pending,
            mutes: alerts
                .mutes
                .into_iter()
                .map(|one| (one.instance.clone(), Some(one)))
                .collect(),
            channels: alerts.channels.into_iter().map(some).collect(),
            ..Step::default()
        })));
        changes
    }
}
