//! What of the outbox waits to be written: the newest of everything.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use super::{ChannelRecord, Push, PushFilter, Step};
use crate::notify::group::{Group, GroupKey};
use crate::notify::told::{Mute, Open, OpenKey};

/// Messages that wait for a disk at most; of more, the oldest are sent all the same, but not
/// recorded.
pub const MESSAGES_WAITING: usize = 10_000;

#[derive(Debug, Default)]
pub(in crate::state) struct Waiting {
    pub(super) routed: BTreeSet<i64>,
    pub(super) open: HashMap<OpenKey, Option<Open>>,
    pub(super) groups: HashMap<GroupKey, Option<Group>>,
    pub(super) messages: BTreeMap<(Timestamp, String), Push>,
    pub(super) mutes: HashMap<String, Option<Mute>>,
    pub(super) channels: HashMap<String, Option<ChannelRecord>>,
    /// Messages that found no place.
    pub(super) lost: u64,
}

impl Waiting {
    /// Adds all of a step but its events.
    pub(in crate::state) fn add(&mut self, step: Step) {
        self.routed.extend(step.routed);
        self.open.extend(step.open);
        self.groups.extend(step.groups);
        let messages = step.messages.into_iter();
        self.messages
            .extend(messages.map(|push| ((push.made, push.id.clone()), push)));
        self.mutes.extend(step.mutes);
        self.channels.extend(step.channels);
        self.bound();
    }

    pub(in crate::state) fn is_empty(&self) -> bool {
        self.routed.is_empty()
            && self.open.is_empty()
            && self.groups.is_empty()
            && self.messages.is_empty()
            && self.mutes.is_empty()
            && self.channels.is_empty()
    }

    /// Whether the event of that key is routed already.
    pub(in crate::state) fn is_routed(&self, key: i64) -> bool {
        self.routed.contains(&key)
    }

    /// Puts back what could not be written; what came since is newer.
    pub(in crate::state) fn put_back(&mut self, former: Self) {
        fn older<K: Eq + std::hash::Hash, V>(now: &mut HashMap<K, V>, former: HashMap<K, V>) {
            for (key, value) in former {
                now.entry(key).or_insert(value);
            }
        }
        self.routed.extend(former.routed);
        older(&mut self.open, former.open);
        older(&mut self.groups, former.groups);
        for (key, push) in former.messages {
            self.messages.entry(key).or_insert(push);
        }
        older(&mut self.mutes, former.mutes);
        older(&mut self.channels, former.channels);
        self.lost += former.lost;
        self.bound();
    }

    /// `known` of the database, with what is newer of it and what it has not got yet.
    pub(in crate::state) fn with_known(&self, known: Vec<Push>, filter: &PushFilter) -> Vec<Push> {
        let written = |push: &Push| !self.messages.contains_key(&(push.made, push.id.clone()));
        let mut all: Vec<Push> = known.into_iter().filter(written).collect();
        let most = usize::try_from(filter.limit).unwrap_or(usize::MAX);
        // Newest first, and no more than are asked for: whoever writes waits meanwhile.
        let newest = self.messages.values().rev();
        let waiting = newest.filter(|push| filter.lets(push)).take(most);
        all.extend(waiting.map(|push| push.clone().without_content()));
        all.sort_by(|one, other| (other.made, &other.id).cmp(&(one.made, &one.id)));
        all.truncate(most);
        all
    }

    /// The message of that id, if it waits.
    pub(in crate::state) fn message(&self, id: &str) -> Option<&Push> {
        self.messages.values().find(|push| push.id == id)
    }

    /// How many messages were not recorded since this was asked last.
    pub(in crate::state) fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    /// They were not said yet.
    pub(in crate::state) fn put_back_lost(&mut self, lost: u64) {
        self.lost += lost;
    }

    fn bound(&mut self) {
        while self.messages.len() > MESSAGES_WAITING {
            self.messages.pop_first();
            self.lost += 1;
        }
    }
}
