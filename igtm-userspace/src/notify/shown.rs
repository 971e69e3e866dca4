//! What readers are shown of alerts: channels and mutes, without asking the task.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;

use super::dispatch::Workers;
use super::inbox::{ChannelStatus, Inbox};
use super::routing::Router;
use super::told::Mute;
use crate::config::model::{ChannelKind, Config};

/// As of the last step.
#[derive(Debug, Default)]
pub struct Shown {
    inboxes: ArcSwap<HashMap<String, Arc<Inbox>>>,
    mutes: ArcSwap<Vec<Mute>>,
}

impl Shown {
    /// Takes over what is otherwise.
    pub(super) fn show(&self, config: &Config, workers: &Workers, router: &Router) {
        let mutes: Vec<Mute> = router.mutes().cloned().collect();
        if **self.mutes.load() != mutes {
            self.mutes.store(Arc::new(mutes));
        }
        let names = || config.channels.iter().map(|one| &one.name);
        let inbox = |name: &String| Some((name.clone(), Arc::clone(workers.inbox(name)?)));
        let known = self.inboxes.load();
        let same = |name: &String| match (known.get(name), workers.inbox(name)) {
            (Some(known), Some(now)) => Arc::ptr_eq(known, now),
            (None, None) => true,
            _ => false,
        };
        if known.len() != names().filter_map(inbox).count() || !names().all(same) {
            self.inboxes
                .store(Arc::new(names().filter_map(inbox).collect()));
        }
    }

    /// How the channels of `config` are doing, in the file's order; groups are left out.
    pub fn channels(&self, config: &Config) -> Vec<ChannelStatus> {
        let inboxes = self.inboxes.load();
        let channels = config.channels.iter();
        let real = channels.filter(|one| !matches!(one.kind, ChannelKind::Group { .. }));
        let status = real.map(|channel| {
            let inbox = inboxes.get(&channel.name);
            ChannelStatus {
                name: channel.name.clone(),
                r#type: channel.kind.name().to_owned(),
                enabled: channel.enabled,
                pending: inbox.map_or(0, |inbox| inbox.pending()),
                delivered: inbox.and_then(|inbox| inbox.record().delivered),
                trouble: inbox.and_then(|inbox| inbox.trouble()),
            }
        });
        status.collect()
    }

    /// What is muted at `now`.
    pub fn mutes(&self, now: Timestamp) -> Vec<Mute> {
        let mutes = self.mutes.load();
        let held = mutes.iter().filter(|mute| mute.until > now);
        held.cloned().collect()
    }
}
