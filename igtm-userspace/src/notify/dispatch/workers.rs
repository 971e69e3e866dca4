//! The workers by their channel's name: a reload may move every index.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::task::JoinSet;

use super::forgets;
use crate::config::model::{ChannelKind, Config};
use crate::notify::dial;
use crate::notify::inbox::Inbox;
use crate::notify::matching::Rules;
use crate::notify::routing::Router;
use crate::notify::worker::{Office, Settings, Worker};
use crate::state::outbox::{ChannelRecord, Push, PushState};

/// One for each channel that is no group.
#[derive(Debug)]
pub(in crate::notify) struct Workers {
    all: HashMap<String, Worker>,
    /// How channels were doing in a former run, until they are started.
    records: HashMap<String, ChannelRecord>,
    office: Office,
}

impl Workers {
    /// None yet.
    pub(super) fn new(records: HashMap<String, ChannelRecord>, office: Office) -> Self {
        Self {
            all: HashMap::new(),
            records,
            office,
        }
    }

    /// Makes the workers those of `config`'s channels; `pending` are messages of a former run.
    /// Gives those that have nowhere to go any more, as they are to be recorded.
    pub(super) fn reconfigure(&mut self, config: &Config, pending: Vec<Push>) -> Vec<Push> {
        // Read anew at every reload: roots change, and rarely anything is cheaper.
        let tls = dial::tls();
        let mut former = std::mem::take(&mut self.all);
        let mut waiting: HashMap<String, Vec<Push>> = HashMap::new();
        for push in pending {
            waiting.entry(push.channel.clone()).or_default().push(push);
        }
        let channels = config.channels.iter();
        for channel in channels.filter(|one| !matches!(one.kind, ChannelKind::Group { .. })) {
            let name = &channel.name;
            let worker = match former.remove(name) {
                Some(worker) => {
                    worker.reconfigure(channel, config, &tls);
                    worker
                }
                None => {
                    let record = self.records.remove(name).unwrap_or_default();
                    let inbox = Arc::new(Inbox::resumed(record));
                    for push in waiting.remove(name).unwrap_or_default() {
                        let merged = inbox.push(push, &self.office.mint, Timestamp::now());
                        debug_assert!(merged.is_empty() || merged.len() > 1);
                        self.record(merged);
                    }
                    let settings = Settings::new(channel.clone(), config, &tls);
                    Worker::start(settings, inbox, self.office.clone())
                }
            };
            self.all.insert(name.clone(), worker);
        }
        let removed = former.into_values().flat_map(Worker::abandon);
        let nowhere = waiting.into_values().flatten();
        removed.chain(nowhere).map(dropped).collect()
    }

    fn record(&self, messages: Vec<Push>) {
        if !messages.is_empty() {
            self.office.store.take_step(crate::state::outbox::Step {
                messages,
                ..Default::default()
            });
        }
    }

    /// Hands messages over; gives what is to be recorded where too many wait.
    pub(super) fn send(&self, messages: impl Iterator<Item = Push>) -> Vec<Push> {
        let mut merged = Vec::new();
        for push in messages {
            if let Some(worker) = self.all.get(&push.channel) {
                merged.extend(worker.inbox.push(push, &self.office.mint, Timestamp::now()));
            }
        }
        merged
    }

    /// Tells receivers that forget what still lasts.
    pub(super) fn refresh(&self, rules: &Rules, router: &Router) {
        let channels = rules.config.channels.iter();
        for channel in channels.filter(|one| one.enabled && forgets(&one.kind)) {
            if let Some(worker) = self.all.get(&channel.name) {
                let lasting = router.open_at(&channel.name).cloned().collect();
                worker.inbox.refresh(lasting);
            }
        }
    }

    /// The channels that fail, as was told of them.
    pub(super) fn failing(&self) -> Vec<String> {
        let failing = self
            .all
            .iter()
            .filter(|(_, it)| it.inbox.record().announced);
        failing.map(|(name, _)| name.clone()).collect()
    }

    /// What waits for a channel.
    pub(in crate::notify) fn inbox(&self, channel: &str) -> Option<&Arc<Inbox>> {
        self.all.get(channel).map(|worker| &worker.inbox)
    }

    /// Waits for all of them at once, each until `deadline` at most.
    pub(in crate::notify) async fn drain(self, deadline: tokio::time::Instant) {
        let mut ending = JoinSet::new();
        for worker in self.all.into_values() {
            ending.spawn(worker.drain(deadline));
        }
        ending.join_all().await;
    }
}

/// A message whose channel is gone from the file.
fn dropped(mut push: Push) -> Push {
    tracing::error!(
        subscription = push.subscription,
        channel = push.channel,
        id = push.id,
        class = %"abandoned",
        "message dropped: the channel was removed"
    );
    push.state = PushState::Failed;
    push.note = Some("the channel was removed".to_owned());
    push.finished = Some(Timestamp::now());
    push.next = None;
    push.events = Vec::new();
    push
}
