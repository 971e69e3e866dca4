//! A message, from its first attempt to its last.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::{Failed, Sending, Settings};
use crate::notify::channel::Sender;
use crate::notify::event::Kind;
use crate::notify::failure::Failure;
use crate::notify::outgoing;
use crate::notify::retry::{self, Class, Schedule};
use crate::state::outbox::{Attempt, Origin, Push, PushState, Step};

/// Attempts that a record has; of more, the oldest are left out.
const ATTEMPTS: usize = 64;
/// Octets of a reply that are kept.
const REPLY: usize = 2048;

/// What came of trying all parts of a message.
enum Tried {
    Delivered,
    Again(Duration),
    GivenUp(Failure),
}

impl Sending {
    /// Returns when `push` is delivered, suppressed or given up.
    pub(super) async fn deliver(&mut self, mut push: Push) {
        let now = Instant::now();
        let age = Timestamp::now().duration_since(push.made);
        let age = Duration::try_from(age).unwrap_or_default();
        let throttled = Duration::from_secs(push.throttled_s);
        let mut schedule = Schedule::resumed(age, push.failures, throttled, now);
        let mut rendered: Option<Arc<Settings>> = None;
        self.wait_till(push.next).await;
        loop {
            let settings = Arc::clone(&self.settings.borrow_and_update());
            if !settings.channel.enabled {
                return self.suppress(push);
            }
            let sender = match self.open(&settings) {
                Ok(sender) => sender,
                Err(failure) => return self.give_up(push, failure, &settings),
            };
            let same = rendered
                .as_ref()
                .is_some_and(|of| Arc::ptr_eq(of, &settings));
            if !same {
                render(&mut push, sender, &settings);
                rendered = Some(Arc::clone(&settings));
                self.record_first(&push).await;
            }
            match self.attempt(&mut push, sender, &mut schedule).await {
                Tried::Delivered => return self.delivered(push, &schedule),
                Tried::GivenUp(failure) => return self.give_up(push, failure, &settings),
                Tried::Again(pause) => {
                    let last = push.attempts.last().and_then(|attempt| attempt.class);
                    // What waits meanwhile is more than the channel takes.
                    self.limited |= matches!(last, Some(Class::Throttled(_)));
                    let now = Timestamp::now();
                    push.next = Some(now.checked_add(pause).unwrap_or(now));
                    push.failures = schedule.attempts();
                    push.throttled_s = schedule.waited_as_told().as_secs();
                    self.record(vec![push.clone()]);
                    if push.rest_of.is_some() {
                        let mint = &self.office.mint;
                        self.inbox.push(push, mint, now);
                        return;
                    }
                    self.pause(pause).await;
                }
            }
        }
    }

    /// A pause that a restart has cut short goes on.
    async fn wait_till(&mut self, next: Option<Timestamp>) {
        let left = next.map(|next| next.duration_since(Timestamp::now()));
        let left = left.and_then(|left| Duration::try_from(left).ok());
        if let Some(left) = left {
            self.pause(left).await;
        }
    }

    /// Nothing is tried before that is over, or the entry changes; what lasts is told meanwhile.
    async fn pause(&mut self, pause: Duration) {
        let over = Instant::now() + pause;
        let inbox = Arc::clone(&self.inbox);
        while over > Instant::now() {
            if self.remind().await {
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep_until(over.into()) => {}
                Ok(()) = self.settings.changed() => return,
                () = inbox.woken() => {}
            }
        }
    }

    /// Sends what is left of the parts, until one fails.
    async fn attempt(
        &mut self,
        push: &mut Push,
        sender: &Sender,
        schedule: &mut Schedule,
    ) -> Tried {
        while let Some(part) = push.parts.get(push.parts_done) {
            let at = push.parts_done;
            self.pace(sender).await;
            let id = part_id(&push.id, at);
            match sender.send(&id, part, Timestamp::now()).await {
                Ok(receipt) => {
                    let (rest, later) = match receipt.left {
                        Some(left) => self.rest(push, left),
                        None => (None, String::new()),
                    };
                    let remarks = receipt.remark.into_iter();
                    let remarks = remarks.chain(Some(later).filter(|it| !it.is_empty()));
                    let remark = remarks.collect::<Vec<_>>().join("; ");
                    let remark = Some(remark).filter(|it| !it.is_empty());
                    note(push, at, None, remark, Some(receipt.reply));
                    push.parts_done += 1;
                    // As one: nobody is told twice, nor forgotten, by a restart.
                    self.record(rest.iter().chain([&*push]).cloned().collect());
                    if let Some(rest) = rest {
                        let mint = &self.office.mint;
                        self.inbox.push(rest, mint, Timestamp::now());
                    }
                }
                Err(mut failure) => {
                    let class = failure.class;
                    let pause = schedule.after(class, Instant::now(), rand::random());
                    if pause.is_none()
                        && let Some(enough) = retry::enough(class)
                    {
                        failure.why = format!("{}; {enough}", failure.why);
                    }
                    let why = Some(failure.why.clone());
                    note(push, at, Some(class), why, failure.reply.clone());
                    self.say(push, &failure, schedule.attempts(), pause);
                    return match pause {
                        Some(pause) => Tried::Again(pause),
                        None => Tried::GivenUp(failure),
                    };
                }
            }
        }
        Tried::Delivered
    }

    /// A token for each request.
    pub(super) async fn pace(&mut self, sender: &Sender) {
        let limit = sender.limit();
        loop {
            let bucket = self.bucket(limit);
            let wait = bucket.wait(Instant::now());
            if wait.is_zero() {
                return bucket.take();
            }
            tokio::time::sleep(wait).await;
        }
    }

    fn say(&self, push: &Push, failure: &Failure, attempt: u32, pause: Option<Duration>) {
        let class = failure.class;
        tracing::error!(
            subscription = push.subscription,
            channel = push.channel,
            %class,
            id = push.id,
            attempt,
            retry_in_s = pause.map(|pause| pause.as_secs()),
            last = pause.is_none(),
            "message not delivered: {failure}"
        );
        let known = self.inbox.record();
        let record = self.inbox.note(|record| {
            record.failing = record.failing.or(Some(Timestamp::now()));
            record.class = Some(class);
            record.why = Some(failure.why.clone());
        });
        if record != known {
            self.office.store.take_step(Step {
                channels: vec![(push.channel.clone(), Some(record))],
                ..Step::default()
            });
        }
        if class == Class::Config && known.class != Some(Class::Config) {
            tracing::error!(
                channel = push.channel,
                "CHANNEL MISCONFIGURED: nothing arrives until this is changed: {failure}"
            );
        }
    }

    fn delivered(&mut self, mut push: Push, schedule: &Schedule) {
        let now = Timestamp::now();
        tracing::info!(
            subscription = push.subscription,
            channel = push.channel,
            id = push.id,
            events = push.count,
            attempt = schedule.attempts() + 1,
            "message delivered"
        );
        let former = self.inbox.record();
        if former.failing.is_some() {
            tracing::info!(channel = push.channel, "the channel works again");
        }
        let record = self.inbox.note(|record| {
            *record = crate::state::outbox::ChannelRecord {
                delivered: Some(now),
                ..Default::default()
            };
        });
        self.office
            .metrics
            .message(&push.channel, PushState::Delivered);
        push.state = PushState::Delivered;
        self.forget_ended(&push.events);
        push.finished = Some(now);
        push.next = None;
        push.events = Vec::new();
        self.office.store.take_step(Step {
            channels: vec![(push.channel.clone(), Some(record))],
            messages: vec![push],
            ..Step::default()
        });
    }

    fn suppress(&mut self, mut push: Push) {
        tracing::info!(
            subscription = push.subscription,
            channel = push.channel,
            id = push.id,
            events = push.count,
            "message suppressed: the channel is disabled"
        );
        self.office
            .metrics
            .message(&push.channel, PushState::Suppressed);
        outgoing::suppress(&mut push, "the channel is disabled", Timestamp::now());
        self.record(vec![push]);
    }

    /// Hands it over to the router, which tells whoever is told instead, and records both as one.
    fn give_up(&mut self, mut push: Push, failure: Failure, settings: &Arc<Settings>) {
        let now = Timestamp::now();
        let class = failure.class;
        if push.attempts.is_empty() {
            self.say(&push, &failure, 0, None);
        }
        if class == Class::Gone && !self.is_gone(settings) {
            tracing::error!(
                channel = push.channel,
                "CHANNEL DISABLED: its receiver answered 410 Gone; nothing more is sent to it \
                 until its entry in the file changes"
            );
            let entry = settings.fingerprint.clone();
            self.inbox.note(|record| record.gone = Some(entry));
        }
        // That another one fails is no reason to tell that this one does: it would go round for ever.
        let tells = push
            .kinds
            .iter()
            .any(|kind| kind != Kind::ChannelFailed.name());
        let first = tells && !self.inbox.record().announced;
        let record = self.inbox.note(|record| record.announced |= first);
        self.office
            .metrics
            .message(&push.channel, PushState::Failed);
        push.state = PushState::Failed;
        push.note = Some(format!("{class}: {}", failure.why));
        push.finished = Some(now);
        push.next = None;
        // It fails to be taken only where the daemon is ending: it stays pending then.
        let _ending = self.office.failed.send(Failed {
            push,
            failure,
            first,
            record,
            later: self.inbox.ends_behind(),
        });
    }

    /// What it is sent with, or why it cannot be.
    fn open<'a>(&mut self, settings: &'a Arc<Settings>) -> Result<&'a Sender, Failure> {
        if self.is_gone(settings) {
            let why = "its receiver answered 410 Gone before";
            return Err(Failure::new(Class::Gone, why));
        }
        let sender = settings.sender.as_ref();
        sender.map_err(|error| Failure::new(Class::Config, error.to_string()))
    }
}

/// The same at every attempt, and the message's own where it has one part.
pub(super) fn part_id(id: &str, part: usize) -> String {
    match part {
        0 => id.to_owned(),
        more => format!("{id}_{}", more + 1),
    }
}

/// Fixes what is sent: what has arrived in part stays as it began, and so does a replay, unless the
/// channel is of another type by now.
fn render(push: &mut Push, sender: &Sender, settings: &Settings) {
    let r#type = settings.channel.kind.name();
    let begun = push.parts_done > 0 || push.origin == Origin::Replay || push.rest_of.is_some();
    let stays = !push.parts.is_empty() && begun && push.r#type == r#type;
    if stays || push.events.is_empty() {
        return;
    }
    push.parts = sender.render(&outgoing::message(push), &settings.words);
    push.parts_done = 0;
    push.r#type = r#type.to_owned();
    push.template = settings.template.as_ref().map(|one| one.name.clone());
}

fn note(
    push: &mut Push,
    part: usize,
    class: Option<Class>,
    why: Option<String>,
    reply: Option<String>,
) {
    if push.attempts.len() == ATTEMPTS {
        push.attempts.remove(0);
    }
    push.attempts.push(Attempt {
        at: Timestamp::now(),
        part,
        class,
        why,
        reply: reply.map(|mut reply| {
            reply.truncate(reply.floor_char_boundary(REPLY));
            reply
        }),
    });
}
