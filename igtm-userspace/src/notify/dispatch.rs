//! The task between events and channels: routes, records, hands over. Never waits for a channel
//! nor for a disk.

mod orders;
mod workers;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

use super::event::{Event, Kind, NodeReason, Severity};
use super::matching::Rules;
use super::outgoing;
use super::routing::{Fate, Moment, Router, Troubled, Undelivered};
use super::worker::{Failed, Office};
use super::{Lost, Order, Raised, Shown};
use crate::config::model::{ChannelKind, Config};
use crate::state::outbox::{Origin, SavedAlerts, Step};
pub(super) use workers::Workers;

/// Events that are routed as one step.
const STEP: usize = 1024;
/// The wall clock may be put: nothing waits for longer without a look at it.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What it is told by.
pub(super) struct Sources {
    pub(super) raised: mpsc::Receiver<Raised>,
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) failed: mpsc::UnboundedReceiver<Failed>,
    pub(super) config: watch::Receiver<Arc<Config>>,
    /// How often receivers that forget are told what lasts.
    pub(super) remind: Duration,
}

/// The task's own state.
pub(super) struct Dispatch {
    sources: Sources,
    /// Of the configuration that the workers were made of: matching by a newer one could name a
    /// channel that has no worker yet.
    rules: Rules,
    lost: Arc<Lost>,
    router: Router,
    workers: Workers,
    office: Office,
    shown: Arc<Shown>,
    /// What is to be recorded with the present step.
    step: Step,
}

impl Dispatch {
    /// Goes on from `saved`, and starts the workers of the present configuration.
    pub(super) fn new(
        mut sources: Sources,
        office: Office,
        lost: Arc<Lost>,
        shown: Arc<Shown>,
        saved: SavedAlerts,
    ) -> Self {
        let config = Arc::clone(&sources.config.borrow_and_update());
        let SavedAlerts {
            unrouted,
            open,
            groups,
            pending,
            mutes,
            channels,
        } = saved;
        let workers = Workers::new(channels.into_iter().collect(), office.clone());
        let mut dispatch = Self {
            sources,
            rules: Rules::new(Arc::clone(&config)),
            lost,
            router: Router::resumed(open, groups, mutes),
            workers,
            office,
            shown,
            step: Step::default(),
        };
        dispatch.workers.reconfigure(&config, pending);
        dispatch.router.reconfigure(&dispatch.rules);
        for one in unrouted {
            dispatch.take(&Raised {
                key: one.key,
                event: one.event,
            });
        }
        dispatch.settle();
        dispatch
    }

    /// Runs until no more events can come; every message is then in its worker's inbox.
    pub(super) async fn run(mut self) -> Workers {
        let mut refresh = interval(self.sources.remind);
        refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut raised = Vec::new();
        loop {
            let now = Timestamp::now();
            let due = self.router.next_due();
            let left = due.map(|due| due.duration_since(now));
            let left = left.map_or(LONGEST_WAIT, |left| {
                Duration::try_from(left).unwrap_or_default()
            });
            // A reload first: what is raised after it is matched by it.
            tokio::select! {
                biased;
                Ok(()) = self.sources.config.changed() => self.reconfigure(),
                Some(order) = self.sources.orders.recv() => self.obey(order),
                Some(failed) = self.sources.failed.recv() => self.failed(failed),
                _ = refresh.tick() => self.workers.refresh(&self.rules, &self.router),
                () = tokio::time::sleep(left.min(LONGEST_WAIT)) => {}
                count = self.sources.raised.recv_many(&mut raised, STEP) => {
                    if count == 0 {
                        break;
                    }
                    for one in raised.drain(..) {
                        self.take(&one);
                    }
                    self.say_lost();
                }
            }
            self.send_due(false);
            self.settle();
        }
        self.send_due(true);
        self.settle();
        self.workers
    }

    fn reconfigure(&mut self) {
        let config = Arc::clone(&self.sources.config.borrow_and_update());
        self.rules = Rules::new(Arc::clone(&config));
        let orphans = self.workers.reconfigure(&config, Vec::new());
        self.step.messages.extend(orphans);
        self.router.reconfigure(&self.rules);
    }

    fn take(&mut self, raised: &Raised) {
        self.step.routed.push(raised.key);
        self.route(&raised.event, None);
    }

    fn route(&mut self, event: &Arc<Event>, but: Option<&Troubled>) -> Vec<Fate> {
        let zone = TimeZone::system();
        self.router.take(
            event,
            but,
            Moment {
                rules: &self.rules,
                now: Timestamp::now(),
                zone: &zone,
            },
        )
    }

    /// What time has brought.
    fn send_due(&mut self, all: bool) {
        let now = Timestamp::now();
        if self.router.is_time_to_look(now) {
            let zone = TimeZone::system();
            let rules = &self.rules;
            self.router.look(Moment {
                rules,
                now,
                zone: &zone,
            });
        }
        for (key, group) in self.router.due(now, all) {
            for batch in group.batches() {
                let mut channels = self.rules.config.channels.iter();
                let Some(channel) = channels.find(|one| one.name == batch.channel) else {
                    tracing::error!(
                        subscription = key.subscription,
                        channel = batch.channel,
                        class = %"abandoned",
                        "message dropped: the channel was removed"
                    );
                    continue;
                };
                let made = self.office.mint.time(now);
                let mut push = outgoing::of_batch(&batch, &key, channel, &self.rules, made);
                // Only a disabled one stands for its channels.
                if matches!(channel.kind, ChannelKind::Group { .. }) {
                    outgoing::suppress(&mut push, "the group is disabled", now);
                    self.office.metrics.message(&push.channel, push.state);
                }
                self.step.messages.push(push);
            }
        }
    }

    /// Records the step as one, and only then hands its messages over.
    fn settle(&mut self) {
        let changed = self.router.take_changed();
        let mut step = std::mem::take(&mut self.step);
        let router = &self.router;
        let open = changed.open.into_iter();
        step.open
            .extend(open.map(|key| (key.clone(), router.open(&key).cloned())));
        let groups = changed.groups.into_iter();
        step.groups
            .extend(groups.map(|key| (key.clone(), router.waiting(&key).cloned())));
        let muted = !changed.mutes.is_empty();
        let mutes = changed.mutes.into_iter();
        step.mutes
            .extend(mutes.map(|name| (name.clone(), router.mute_of(&name).cloned())));
        if muted || !step.is_empty() {
            let messages: Vec<_> = step.messages.clone();
            self.office.store.take_step(step);
            let pending = messages.into_iter().filter(|push| push.is_pending());
            let merged = self.workers.send(pending);
            if !merged.is_empty() {
                self.office.store.take_step(Step {
                    messages: merged,
                    ..Step::default()
                });
            }
        }
        self.shown
            .show(&self.rules.config, &self.workers, &self.router);
    }

    fn failed(&mut self, failed: Failed) {
        let Failed {
            mut push,
            failure,
            first,
            record,
            later,
        } = failed;
        let (class, why) = (failure.class, &failure.why);
        let event = Arc::new(Event {
            kind: Kind::ChannelFailed,
            severity: Severity::Warning,
            title: format!("the channel {} failed: {why}", push.channel),
            time: Timestamp::now(),
            reason: vec![NodeReason {
                node: push.channel.clone(),
                reason: format!("{class}: {why}"),
            }],
            ..Event::blank(Kind::ChannelFailed, &self.rules.config.server.node)
        });
        // What was told because another channel failed ends here: two that fail must not keep each
        // other busy.
        if matches!(push.origin, Origin::Alert | Origin::Repeat) {
            let zone = TimeZone::system();
            for name in outgoing::subscriptions(&push) {
                let moment = Moment {
                    rules: &self.rules,
                    now: Timestamp::now(),
                    zone: &zone,
                };
                let lost = Undelivered {
                    failed: &event,
                    push: &push,
                    later: &later,
                };
                self.router.failed(name, lost, moment);
            }
        }
        if first && push.origin != Origin::Test {
            tracing::info!(event = event.kind.name(), "{}", event.title);
            self.step.events.push((*event).clone());
            let but = Troubled {
                failed: push.channel.clone(),
                others: self.workers.failing(),
            };
            self.route(&event, Some(&but));
        }
        let channel = push.channel.clone();
        push.events = Vec::new();
        self.step.messages.push(push);
        self.step.channels.push((channel, Some(record)));
    }

    fn say_lost(&self) {
        if self.sources.raised.is_empty() && self.lost.said.swap(false, Ordering::Relaxed) {
            let events = self.lost.events.load(Ordering::Relaxed);
            tracing::error!(events, "events were lost since the start");
        }
    }
}

/// Whether its receiver forgets what it is not told again.
pub(super) fn forgets(kind: &ChannelKind) -> bool {
    matches!(kind, ChannelKind::Alertmanager { .. })
}
