//! Alertmanager: what lasts is told again and again until it is over, in requests of a bounded size.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::config::model::{ChannelKind, Config, Secret};
use crate::notify::alertmanager::{ALERTS_PER_PART, RESEND};
use crate::notify::event::Kind;
use crate::notify::fixture::{channel, config, event, subscription};

use super::receiver::{Receiver, Reply};
use super::rig::Rig;

const PATIENCE: Duration = Duration::from_secs(10);
const OFTEN: Duration = Duration::from_millis(150);

fn one(url: &str) -> Config {
    let mut am = channel("am", url);
    am.kind = ChannelKind::Alertmanager {
        url: Secret::new(url),
    };
    config(vec![am], vec![subscription("night", &[0])])
}

/// The addresses that last by the next request, and how many alerts it has.
async fn lasting(receiver: &mut Receiver) -> (BTreeSet<String>, usize) {
    let body = receiver.next().await.json();
    let alerts = body.as_array().expect("a list").clone();
    let now = jiff::Timestamp::now();
    let lasts = |alert: &&Value| {
        let end = alert["endsAt"].as_str().expect("an end");
        end.parse::<jiff::Timestamp>().expect("a time") > now
    };
    let of = alerts.iter().filter(lasts);
    let of = of.map(|alert| alert["labels"]["address"].as_str().expect("one").to_owned());
    (of.collect(), alerts.len())
}

#[test]
fn it_is_each_minute() {
    assert_eq!(RESEND, Duration::from_secs(60));
}

#[tokio::test]
async fn what_lasts_is_told_again_until_it_is_over() {
    let mut receiver = Receiver::start(vec![]).await;
    let rig = Rig::start_reminding(one(&receiver.origin), OFTEN);
    let address = "192.0.2.1";
    rig.raise(event(Kind::AddressDown, address));
    let only = BTreeSet::from([address.to_owned()]);
    // The news ends the alerts of its other severities; what is told again does not.
    assert_eq!(lasting(&mut receiver).await, (only.clone(), 3));
    for _ in 0..3 {
        assert_eq!(lasting(&mut receiver).await, (only.clone(), 1));
    }
    rig.raise(event(Kind::AddressUp, address));
    loop {
        let (lasts, alerts) = lasting(&mut receiver).await;
        if lasts.is_empty() {
            assert_eq!(alerts, 3, "ended, whatever its severity was");
            break;
        }
    }
    receiver.silent(500).await;
    // None of it is recorded as a message.
    assert_eq!(rig.pushes().await.len(), 2);
    rig.drain(PATIENCE).await;
}

#[tokio::test]
async fn many_are_told_in_parts_and_after_a_restart_as_well() {
    const MANY: usize = 450;
    let mut receiver = Receiver::start(vec![]).await;
    let rig = Rig::start_reminding(one(&receiver.origin), Duration::from_secs(1));
    let all: BTreeSet<String> = (0..MANY)
        .map(|n| format!("10.0.{}.{}", n / 256, n % 256))
        .collect();
    for address in &all {
        rig.raise(event(Kind::AddressDown, address));
    }
    // Of a storm most are only counted; what is told again is all of it.
    let (mut seen, mut largest) = (BTreeSet::new(), 0);
    while seen != all {
        let (lasts, alerts) = lasting(&mut receiver).await;
        largest = largest.max(alerts);
        seen.extend(lasts);
    }
    assert_eq!(largest, ALERTS_PER_PART);
    rig.drain(PATIENCE).await;
}

#[tokio::test]
async fn a_message_that_is_tried_again_does_not_keep_what_lasts_from_being_told() {
    let mut news = 0;
    let mut receiver = Receiver::answering(move |request| {
        // The second news is refused for a while: it has the ends of other severities with it.
        let is_news = request.json().as_array().expect("a list").len() > 1;
        news += u32::from(is_news);
        match is_news && news > 1 {
            true => Reply::status("500 Oops"),
            false => Reply::ok(),
        }
    })
    .await;
    let rig = Rig::start_reminding(one(&receiver.origin), OFTEN);
    rig.raise(event(Kind::AddressDown, "192.0.2.1"));
    lasting(&mut receiver).await;
    rig.raise(event(Kind::AddressDown, "192.0.2.2"));
    // Between the attempts there are seconds.
    let (mut attempts, mut between) = (0, 0);
    while attempts < 2 {
        match lasting(&mut receiver).await.1 {
            1 => {}
            2 => between += attempts,
            _ => attempts += 1,
        }
    }
    assert!(between >= 2, "{between}");
    rig.drain(Duration::ZERO).await;
}
