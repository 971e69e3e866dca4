//! What operators order of alerts.

use std::sync::Arc;

use jiff::Timestamp;

use super::Dispatch;
use crate::notify::event::Event;
use crate::notify::routing::Fate;
use crate::notify::told::Mute;
use crate::notify::{Order, OrderError, outgoing, trial};
use crate::state::outbox::{Push, Step};

impl Dispatch {
    /// Does as ordered, and records it before it says so: whoever asked may wait for the disk next.
    /// They may have gone: then nobody misses the reply.
    pub(super) fn obey(&mut self, order: Order) {
        match order {
            Order::Mute { mute, reply } => {
                let muted = self.mute(mute);
                self.settle();
                let _gone = reply.send(muted);
            }
            Order::Unmute { instance, reply } => {
                let ended = self.router.unmute(&instance);
                self.settle();
                let _gone = reply.send(ended);
            }
            Order::Raise { event, reply } => {
                let event: Arc<Event> = Arc::from(event);
                self.step.events.push((*event).clone());
                let fates: Vec<Fate> = self.route(&event, None);
                self.settle();
                let _gone = reply.send(fates);
            }
            Order::Replay { push, reply } => {
                let replayed = self.replay(&push);
                self.settle();
                let _gone = reply.send(replayed);
            }
            Order::Try { channel, reply } => match self.tried(&channel) {
                Ok(channels) => {
                    let (config, office) = (Arc::clone(&self.rules.config), self.office.clone());
                    drop(tokio::spawn(async move {
                        let made = |at| (at, office.mint.time(Timestamp::now()));
                        let channels = channels.into_iter().map(made).collect();
                        let tried = trial::send_each(&config, channels).await;
                        for push in &tried {
                            office.metrics.message(&push.channel, push.state);
                        }
                        office.store.take_step(Step {
                            messages: tried.clone(),
                            ..Step::default()
                        });
                        let _gone = reply.send(Ok(tried));
                    }));
                }
                Err(error) => {
                    let _gone = reply.send(Err(error));
                }
            },
        }
    }

    fn mute(&mut self, mute: Mute) -> Result<Mute, OrderError> {
        let mut instances = self.rules.config.instances.iter();
        if !instances.any(|one| one.name == mute.instance) {
            return Err(OrderError::no_instance(&self.rules.config, &mute.instance));
        }
        self.router.mute(mute.clone());
        Ok(mute)
    }

    fn replay(&mut self, of: &Push) -> Result<Push, OrderError> {
        let mut channels = self.rules.config.channels.iter();
        let channel = channels.find(|one| one.name == of.channel);
        let Some(channel) = channel else {
            return Err(OrderError::no_channel(&self.rules.config, &of.channel));
        };
        if of.parts.is_empty() {
            return Err(OrderError::NothingSent(of.id.clone()));
        }
        if of.r#type != channel.kind.name() {
            return Err(OrderError::OtherType {
                id: of.id.clone(),
                was: of.r#type.clone(),
                is: channel.kind.name(),
            });
        }
        if !channel.enabled {
            return Err(OrderError::Disabled(channel.name.clone()));
        }
        let made = self.office.mint.time(Timestamp::now());
        let push = outgoing::replay(of, channel, &self.rules.config, made);
        self.step.messages.push(push.clone());
        Ok(push)
    }

    /// The channels that are meant, groups as those in them.
    fn tried(&self, name: &str) -> Result<Vec<usize>, OrderError> {
        trial::meant(&self.rules.config, name)
    }
}
