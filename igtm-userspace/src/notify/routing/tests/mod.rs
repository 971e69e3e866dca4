//! Routing: who is told what, and when.

mod instead;
mod lasting;
mod matching;
mod property;
mod storm;
mod withheld;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Fate, Moment, Router, Troubled, Undelivered};
use crate::config::model::{
    Channel, ChannelId, ChannelKind, Config, LineKind, Policy, Quiet, Subscription,
};
use crate::notify::event::{Event, Kind, Severity};
use crate::notify::fixture::{self, channel, subscription};
use crate::notify::group::{Batch, GroupKey, Purpose};
use crate::notify::matching::Rules;
use crate::notify::outgoing;
use crate::notify::told::{Mute, Open};
use crate::policy::fixture as objects;
use crate::state::outbox::Push;

/// `www` uses the pools `own` and `shared`, on the lines `telecom` and default; `api` uses
/// `shared` on the default line. Channels `ops`, `mail`, and `both`, a group of them.
fn config(subscriptions: Vec<Subscription>) -> Config {
    let mut config = objects::config();
    config
        .lines
        .push(objects::line("telecom", LineKind::Operator, &[]));
    let own = objects::pool(
        &mut config,
        "own",
        Policy::All,
        &[("192.0.2.1", 1), ("192.0.2.2", 1)],
    );
    let shared = objects::pool(&mut config, "shared", Policy::All, &[("192.0.2.9", 1)]);
    let (default, telecom) = (
        crate::config::model::LineId(0),
        crate::config::model::LineId(1),
    );
    let tier = |pool| objects::tier(Policy::All, 1, &[(pool, 1)]);
    let south = objects::strategy("south", &[telecom], vec![tier(own)], shared);
    let rest = objects::strategy("rest", &[default], vec![tier(own)], own);
    let www = objects::instance(vec![south, rest]);
    let mut api = objects::instance(vec![objects::strategy(
        "all",
        &[default],
        vec![tier(shared)],
        shared,
    )]);
    api.name = "api".to_owned();
    config.instances = vec![www, api];
    let both = Channel {
        kind: ChannelKind::Group {
            channels: vec![ChannelId(0), ChannelId(1)],
        },
        ..channel("both", "http://127.0.0.1/")
    };
    config.channels = vec![
        channel("ops", "http://127.0.0.1/"),
        channel("mail", "http://127.0.0.1/"),
        both,
    ];
    config.subscriptions = subscriptions;
    config
}

/// Everything to `ops`, three seconds after it came.
fn night() -> Subscription {
    Subscription {
        group_wait: Duration::from_secs(3),
        ..subscription("night", &[0])
    }
}

/// From 23:00 to 07:00.
fn quiet(severity: Severity) -> Option<Quiet> {
    Some(Quiet {
        from: 23 * 60,
        to: 7 * 60,
        severity,
    })
}

/// An address of the pool `own`, which `www` alone uses.
fn address(kind: Kind, address: &str) -> Event {
    Event {
        pool: Some("own".to_owned()),
        instance: Some("www".to_owned()),
        ..fixture::event(kind, address)
    }
}

/// A message to `channel` that tells these.
fn push(channel: &str, rules: &Rules, events: Vec<Arc<Event>>) -> Push {
    let batch = Batch {
        channel: channel.to_owned(),
        events,
        more: 0,
        beside: Vec::new(),
    };
    let key = GroupKey {
        subscription: "night".to_owned(),
        purpose: Purpose::News,
    };
    outgoing::of_batch(
        &batch,
        &key,
        &rules.config.channels[0],
        rules,
        Timestamp::UNIX_EPOCH,
    )
}

/// That `push` is given up.
fn lost_by<'a>(failed: &'a Arc<Event>, push: &'a Push, later: &'a [Arc<Event>]) -> Undelivered<'a> {
    Undelivered {
        failed,
        push,
        later,
    }
}

/// A strategy of `www` that moves.
fn moved(kind: Kind, to: &str) -> Event {
    Event {
        pool: None,
        address: None,
        instance: Some("www".to_owned()),
        strategy: Some("south".to_owned()),
        lines: vec!["telecom".to_owned()],
        tier_to: Some(to.to_owned()),
        ..fixture::event(kind, to)
    }
}

/// A router and a clock.
struct Bench {
    router: Router,
    rules: Rules,
    now: Timestamp,
}

impl Bench {
    fn new(subscriptions: Vec<Subscription>) -> Self {
        Self::at("2026-01-05T12:00:00Z", subscriptions)
    }

    fn at(now: &str, subscriptions: Vec<Subscription>) -> Self {
        Self {
            router: Router::default(),
            rules: Rules::new(Arc::new(config(subscriptions))),
            now: now.parse().expect("a time"),
        }
    }

    fn take(&mut self, event: Event) -> Vec<Fate> {
        let event = Arc::new(event);
        let zone = TimeZone::UTC;
        self.router.take(
            &event,
            None,
            Moment {
                rules: &self.rules,
                now: self.now,
                zone: &zone,
            },
        )
    }

    /// What is told from now till so many seconds later: `channel: kind address`, in order.
    fn pass(&mut self, seconds: i64) -> Vec<String> {
        let end = self.now + jiff::SignedDuration::from_secs(seconds);
        let mut told = Vec::new();
        loop {
            told.extend(self.due());
            let next = self.router.next_due();
            match next.filter(|at| *at <= end) {
                Some(at) if at > self.now => self.now = at,
                Some(_) => {}
                None => break,
            }
        }
        self.now = end;
        told.extend(self.due());
        told
    }

    fn due(&mut self) -> Vec<String> {
        let zone = TimeZone::UTC;
        if self.router.is_time_to_look(self.now) {
            self.router.look(Moment {
                rules: &self.rules,
                now: self.now,
                zone: &zone,
            });
        }
        let mut told = Vec::new();
        for (key, group) in self.router.due(self.now, false) {
            let again = match key.purpose {
                Purpose::News => "",
                Purpose::Repeat => "again ",
                Purpose::OnFailure => "instead ",
            };
            for batch in group.batches() {
                let events: Vec<String> = batch
                    .events
                    .iter()
                    .map(|event| event.title.clone())
                    .collect();
                let more = match batch.more {
                    0 => String::new(),
                    more => format!(" +{more}"),
                };
                told.push(format!(
                    "{again}{}: {}{more}",
                    batch.channel,
                    events.join(", ")
                ));
            }
        }
        told
    }

    fn mute(&mut self, instance: &str, seconds: i64) {
        self.router.mute(Mute {
            instance: instance.to_owned(),
            who: "root".to_owned(),
            reason: None,
            since: self.now,
            until: self.now + jiff::SignedDuration::from_secs(seconds),
        });
    }

    fn reconfigure(&mut self, subscriptions: Vec<Subscription>) {
        self.rules = Rules::new(Arc::new(config(subscriptions)));
        self.router.reconfigure(&self.rules);
    }

    /// As a restart finds it: all of it was kept, but for what is gone from the file.
    fn restart(&mut self) {
        self.resume();
        self.router.reconfigure(&self.rules);
    }

    fn resume(&mut self) {
        fn again<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
            let text = serde_json::to_string(value).expect("it is written");
            serde_json::from_str(&text).expect("it is read")
        }
        let router = std::mem::take(&mut self.router);
        let open = router
            .open
            .iter()
            .map(|(key, open)| (key.clone(), again::<Open>(open)));
        let groups = router
            .groups
            .iter()
            .map(|(key, group)| (again(key), again(group)));
        let mutes = router.mutes.values().map(again);
        self.router = Router::resumed(open, groups, mutes);
    }
}
