//! The task between events and channels: routes, records, hands over. Never waits for a channel
//! nor for a disk.

mod orders;
mod unsaid;
mod workers;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

use super::event::{Event, Kind, NodeReason, Severity};
use super::group::{Group, GroupKey};
use super::matching::Rules;
use super::outgoing;
use super::routing::{Fate, Moment, Router, Troubled, Undelivered};
use super::worker::{Failed, Office};
use super::{Lost, Order, Raised, Shown};
use crate::config::model::{ChannelKind, Config};
use crate::state::outbox::{Origin, Push, PushState, SavedAlerts, Step};
use unsaid::Unsaid;
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
    /// What was raised and is not routed yet, and groups whose time has come and that are not sent yet:
    /// kept here, so that whatever goes wrong at one of them costs none of the others.
    taken: VecDeque<Raised>,
    due: VecDeque<(GroupKey, Group)>,
    /// What is to be recorded with the present step.
    step: Step,
    /// What is withheld, and to be recorded.
    unsaid: Unsaid,
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
            taken: unrouted
                .into_iter()
                .map(|one| Raised {
                    key: one.key,
                    event: one.event,
                })
                .collect(),
            due: VecDeque::new(),
            step: Step::default(),
            unsaid: Unsaid::default(),
        };
        let nowhere = dispatch.workers.reconfigure(&config, pending);
        dispatch.step.messages.extend(nowhere);
        // What is known is shown from the first moment on.
        dispatch.settle();
        dispatch
    }

    /// Runs until no more events can come; every message is then in its worker's inbox.
    pub(super) async fn run(&mut self) -> Workers {
        let mut refresh = interval(self.sources.remind);
        refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut raised = Vec::new();
        self.take_all();
        self.end_gone();
        self.settle();
        loop {
            let now = Timestamp::now();
            let due = self.router.next_due();
            let left = due.map(|due| due.duration_since(now));
            let left = left.map_or(LONGEST_WAIT, |left| {
                Duration::try_from(left).unwrap_or_default()
            });
            let unsaid = self.unsaid.left(Instant::now());
            let left = unsaid.map_or(left, |unsaid| left.min(unsaid));
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
                    self.taken.extend(raised.drain(..));
                    self.take_all();
                    self.say_lost();
                }
            }
            self.send_due(false);
            self.settle();
        }
        self.send_due(true);
        self.settle();
        let none = Workers::new(HashMap::new(), self.office.clone());
        std::mem::replace(&mut self.workers, none)
    }

    fn reconfigure(&mut self) {
        let config = Arc::clone(&self.sources.config.borrow_and_update());
        self.rules = Rules::new(Arc::clone(&config));
        let orphans = self.workers.reconfigure(&config, Vec::new());
        self.step.messages.extend(orphans);
        self.end_gone();
    }

    /// What is gone from the file is over.
    fn end_gone(&mut self) {
        for end in self.router.reconfigure(&self.rules, Timestamp::now()) {
            tracing::info!(event = end.kind.name(), "{}", end.title);
            self.step.events.push(Event::clone(&end));
        }
    }

    fn take_all(&mut self) {
        while let Some(raised) = self.taken.pop_front() {
            self.step.routed.push(raised.key);
            self.route(&raised.event, None);
        }
    }

    fn route(&mut self, event: &Arc<Event>, but: Option<&Troubled>) -> Vec<Fate> {
        let zone = TimeZone::system();
        let fates = self.router.take(
            event,
            but,
            Moment {
                rules: &self.rules,
                now: Timestamp::now(),
                zone: &zone,
            },
        );
        let subscription = |name: &str| self.rules.subscription(name);
        let wait = |name: &str| subscription(name).map_or(Duration::ZERO, |one| one.group_wait);
        self.unsaid.add(event, &fates, wait, Instant::now());
        fates
    }

    /// Records who would have been told of what is withheld.
    fn record_unsaid(&mut self, all: bool) {
        for held in self.unsaid.take_due(Instant::now(), all) {
            let mut channels = self.rules.config.channels.iter();
            let Some(channel) = channels.find(|one| one.name == held.channel) else {
                continue;
            };
            let now = Timestamp::now();
            let made = self.office.mint.time(now);
            let (subscription, events) = (held.subscription, held.events);
            let push = outgoing::of_subscription(subscription, channel, &self.rules, made);
            let push = Push {
                state: PushState::Suppressed,
                finished: Some(now),
                note: Some(held.why.to_owned()),
                events: Vec::new(),
                more: 0,
                ..outgoing::telling(push, events, held.more, &self.rules)
            };
            self.office.metrics.message(&push.channel, push.state);
            self.step.messages.push(push);
        }
    }

    /// What time has brought.
    fn send_due(&mut self, all: bool) {
        self.record_unsaid(all);
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
        self.due.extend(self.router.due(now, all));
        while let Some((key, group)) = self.due.pop_front() {
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
