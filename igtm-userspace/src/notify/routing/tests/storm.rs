//! Storms: most is only counted, but what was told by name is ended by name.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::notify::condition::{Condition, Phase};
use crate::notify::inbox::Inbox;
use crate::notify::outgoing::Mint;
use crate::notify::pagerduty::dedup_key;
use crate::state::outbox::ChannelRecord;

/// What is due, as messages to `ops`.
fn due(bench: &mut Bench) -> Vec<Push> {
    let groups = bench.router.due(bench.now, true);
    let batches = groups.iter().flat_map(|(_, group)| group.batches());
    let messages = batches.map(|batch| {
        let mut message = push("ops", &bench.rules, batch.events);
        message.more = batch.more;
        message.count += batch.more;
        message
    });
    messages.collect()
}

/// What is open at a receiver that knows of nothing but what is told by name.
#[derive(Default)]
struct Incidents(BTreeSet<String>);

impl Incidents {
    fn follow(&mut self, messages: &[Push]) {
        for event in messages.iter().flat_map(|message| &message.events) {
            match Condition::of(event) {
                Some((_, Phase::Lasts)) => self.0.insert(dedup_key(event)),
                Some((_, Phase::Over)) => self.0.remove(&dedup_key(event)),
                None => false,
            };
        }
    }
}

fn host(n: u16) -> String {
    format!("10.0.{}.{}", n / 256, n % 256)
}

#[test]
fn three_hundred_failures_and_their_ends_in_another_order_leave_nothing_open() {
    let mut bench = Bench::new(vec![night()]);
    let mut incidents = Incidents::default();
    for n in 0..300 {
        bench.take(address(Kind::AddressDown, &host(n)));
    }
    let failed = due(&mut bench);
    incidents.follow(&failed);
    assert_eq!(
        (failed.len(), incidents.0.len(), failed[0].more),
        (1, 100, 200)
    );
    bench.resume();
    for n in 0..300 {
        bench.take(address(Kind::AddressUp, &host(n * 7 % 300)));
    }
    let ended = due(&mut bench);
    incidents.follow(&ended);
    assert_eq!(incidents.0, BTreeSet::new());
    assert_eq!(ended.iter().map(|message| message.count).sum::<u64>(), 300);
    assert!(
        ended.len() == 1 && ended[0].events.len() <= 200,
        "{}",
        ended[0].events.len()
    );
}

#[test]
fn of_a_failure_and_its_end_in_one_message_none_is_told_alone() {
    let mut bench = Bench::new(vec![night()]);
    for n in 0..300 {
        bench.take(address(Kind::AddressDown, &host(n)));
    }
    for n in 0..300 {
        bench.take(address(Kind::AddressUp, &host(299 - n)));
    }
    let mut incidents = Incidents::default();
    let messages = due(&mut bench);
    incidents.follow(&messages);
    assert_eq!(incidents.0, BTreeSet::new());
    assert_eq!((messages[0].count, messages[0].events.len()), (600, 100));
}

#[test]
fn messages_that_are_merged_lose_no_end() {
    let mut bench = Bench::new(vec![night()]);
    let mut incidents = Incidents::default();
    for n in 0..500 {
        bench.take(address(Kind::AddressDown, &host(n)));
        if n % 100 == 99 {
            incidents.follow(&due(&mut bench));
        }
    }
    assert_eq!(incidents.0.len(), 500);
    // The receiver is slow now: all of these wait, and something critical with them.
    let mut waiting = Vec::new();
    for n in 0..500 {
        bench.take(address(Kind::AddressUp, &host(n)));
        bench.take(moved(Kind::FallbackEntered, &format!("fallback {n}")));
        if n % 50 == 49 {
            waiting.extend(due(&mut bench));
        }
    }
    let count = waiting.iter().map(|message| message.count).sum::<u64>();
    let merged = outgoing::merge(&mut waiting, &Mint::default(), bench.now);
    incidents.follow(&merged);
    let left: Vec<_> = incidents.0.iter().collect();
    assert!(
        left.len() == 1 && left[0].contains("answers www"),
        "{left:?}"
    );
    assert_eq!(
        merged.iter().map(|message| message.count).sum::<u64>(),
        count
    );
    assert!(merged.len() <= 2 && waiting.iter().all(|message| !message.is_pending()));
}

#[test]
fn what_is_told_again_leaves_before_the_news_that_it_is_over() {
    let mut one = night();
    one.repeat_interval = Duration::from_hours(1);
    let mut bench = Bench::new(vec![one]);
    bench.take(address(Kind::AddressDown, "192.0.2.1"));
    bench.pass(3599);
    // Something else happens, then it is repeated, then it is over: one is due after the other.
    bench.take(address(Kind::AddressDown, "192.0.2.2"));
    bench.pass(1);
    bench.take(address(Kind::AddressUp, "192.0.2.1"));
    assert_eq!(
        bench.pass(10),
        [
            "again ops: address_down 192.0.2.1",
            "ops: address_down 192.0.2.2, address_up 192.0.2.1"
        ]
    );
}

#[test]
fn beyond_what_an_inbox_holds_those_that_wait_become_one() {
    let bench = Bench::new(vec![night()]);
    let inbox = Inbox::resumed(ChannelRecord::default());
    let mint = Mint::default();
    let mut recorded: BTreeMap<String, Push> = BTreeMap::new();
    let mut first = None;
    for n in 0..crate::notify::inbox::MESSAGES_PER_CHANNEL as u16 + 1 {
        let event = Arc::new(address(Kind::AddressDown, &host(n)));
        let mut message = push("ops", &bench.rules, vec![event]);
        message.made = mint.time(bench.now);
        recorded.insert(message.id.clone(), message.clone());
        for message in inbox.push(message, &mint, bench.now) {
            recorded.insert(message.id.clone(), message);
        }
        // The first is in the worker's hands.
        first = first.or_else(|| inbox.begin());
    }
    let first = first.expect("one was pushed");
    assert_eq!(inbox.pending(), 2);
    inbox.finish();
    let merged = inbox.begin().expect("one of all others");
    assert_eq!(
        (merged.count, merged.events.len(), merged.more),
        (200, 100, 100)
    );
    let pending: BTreeSet<&str> = recorded
        .values()
        .filter(|message| message.is_pending())
        .map(|message| message.id.as_str())
        .collect();
    assert_eq!(
        pending,
        BTreeSet::from([first.id.as_str(), merged.id.as_str()])
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn in_the_end_nothing_is_open_that_is_over(
        steps in prop::collection::vec((0..220_u16, any::<bool>(), 0..40_u8), 1..1200),
        merging in any::<bool>(),
    ) {
        let mut bench = Bench::new(vec![night()]);
        let (mut down, mut incidents) = (BTreeSet::new(), Incidents::default());
        let mut queue: VecDeque<Push> = VecDeque::new();
        for (n, is_down, leave) in steps {
            // Health raises changes only.
            if down.contains(&n) != is_down {
                let kind = if is_down { Kind::AddressDown } else { Kind::AddressUp };
                bench.take(address(kind, &host(n)));
                if is_down { down.insert(n) } else { down.remove(&n) };
            }
            if leave == 0 {
                queue.extend(due(&mut bench));
            }
        }
        for n in down {
            bench.take(address(Kind::AddressUp, &host(n)));
        }
        queue.extend(due(&mut bench));
        let mut messages: Vec<Push> = queue.into();
        if merging {
            let merged = outgoing::merge(&mut messages, &Mint::default(), bench.now);
            if !merged.is_empty() {
                messages = merged;
            }
        }
        incidents.follow(&messages);
        prop_assert_eq!(incidents.0, BTreeSet::new());
    }
}
