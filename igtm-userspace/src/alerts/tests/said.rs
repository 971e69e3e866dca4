//! What a person on call reads of what really happened: events by the way that the daemon makes them,
//! in the default words of both languages.

use super::run::{Run, SHARED};
use super::*;
use crate::admin::command::{Applied, NotApplied};
use crate::alerts::{of_applied, of_dataplane, of_node, of_refused};
use crate::config::model::{Channel, ChannelKind, Language, Secret};
use crate::health::{ForcedState, NodeChange};
use crate::notify::condition::{self, Condition, Phase};
use crate::notify::words::Words;

fn words(language: Language) -> Words {
    let channel = Channel {
        name: "ops".to_owned(),
        description: None,
        enabled: true,
        template: None,
        language,
        timeout: std::time::Duration::from_secs(1),
        allow_private: false,
        kind: ChannelKind::Alertmanager {
            url: Secret::new("https://x"),
        },
    };
    Words::new(&channel, &[])
}

/// All that is told on a long night.
fn night() -> Vec<Event> {
    let mut run = Run::new(ground(SHARED));
    run.round(|_| false);
    let api = |target: &Target| target.host.as_deref() == Some("api.example.com");
    run.round(api);
    run.round(|_| false);
    run.round(api);
    run.round(api);
    run.round(|_| false);
    run.round(|target| target.host.is_none());
    run.force("192.0.2.1", None, ForcedState::Down, false);
    run.say("192.0.2.1", |health| {
        drop(health.unforce(&"192.0.2.1".parse().expect("an address"), None));
    });
    run.round(|_| false);
    run.round(api);
    let config = Arc::clone(&run.ground.config);
    let mut events = std::mem::take(&mut run.heard);
    let node = |silent| NodeChange {
        node: "gz".to_owned(),
        silent,
        since: at(0),
        at: at(45),
        trouble: silent.then(|| "cannot send from 192.0.2.9".to_owned()),
    };
    let refused = NotApplied::Refused("server.listen: it needs a restart".to_owned());
    let warned = events.last().expect("it was warned of").clone();
    events.extend([
        of_node(&config, &node(true)),
        of_node(&config, &node(false)),
        of_applied(&config, &Applied::default(), at(50)),
        of_refused(&config, &refused, at(51)),
        of_dataplane(
            &config,
            Some("the map of names is full"),
            Some(at(0)),
            at(52),
        ),
        of_dataplane(&config, None, Some(at(52)), at(112)),
        condition::gone(&warned, at(2000)),
    ]);
    events
}

fn of<'a>(events: &'a [Event], kind: Kind, instance: &str) -> &'a Event {
    let mut of_kind = events.iter().filter(|event| event.kind == kind);
    let found = of_kind.find(|event| event.instance.as_deref() == Some(instance));
    found.unwrap_or_else(|| panic!("{kind:?} of {instance} was told"))
}

/// As the host's clock shows it.
fn local(second: i64) -> String {
    let zoned = at(second).to_zoned(jiff::tz::TimeZone::system());
    zoned.strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

#[test]
fn what_happened_is_told_with_why_and_for_how_long() {
    let events = night();
    let [en, zh] = [Language::En, Language::Zh].map(words);
    for event in &events {
        let over = matches!(Condition::of(event), Some((_, Phase::Over)));
        let [english, chinese] = [&en, &zh].map(|words| words.event(event));
        if over && event.kind != Kind::ConfigApplied {
            for (text, words) in [
                (&english, "It was |Tier 1 did not"),
                (&chinese, "持续|离开"),
            ] {
                let mut words = words.split('|');
                assert!(words.any(|one| text.contains(one)), "{text}");
            }
        }
        if !over {
            assert!(english.contains("\nWhy ("), "{english}");
            assert!(chinese.contains("\n原因（"), "{chinese}");
        }
        if event.address.is_some() || event.pool.is_some() || event.strategy.is_some() {
            assert!(english.contains("\nInstance: "), "{english}");
            assert!(english.contains("\nLines: default"), "{english}");
        }
        // What is told for one domain says for which.
        if let Some(host) = &event.host {
            for text in [&english, &chinese] {
                assert_eq!(
                    text.lines().next().map(|one| one.contains(host)),
                    Some(true)
                );
            }
        }
    }
    let fallback = of(&events, Kind::FallbackEntered, "api");
    assert_eq!(
        en.event(fallback),
        format!(
            "api (api.example.com), strategy default, is answered from the fallback: fallback, \
             192.0.2.2\nSeverity: critical\nInstance: api (api.example.com)\nLines: default\n\
             Strategy: default, tier 1 → fallback\nWhy (local): 192.0.2.1: connection refused\n\
             Why (local): 192.0.2.2: connection refused\nAnswered now: 192.0.2.2\n\
             Answered before: 192.0.2.1, 192.0.2.2\n\
             Before that, tier 1 had answered for 5 min, since {}\nAt {}, told by edge-1",
            local(0),
            local(300)
        )
    );
    let left = of(&events, Kind::FallbackLeft, "api");
    assert_eq!(
        zh.event(left),
        format!(
            "api（default）退出兜底，回到一级地址池\n级别：通知\n实例：api（api.example.com）\n\
             线路：default\n策略：default，兜底地址池 → 一级地址池\n\
             原因（local）：192.0.2.1 is up again\n原因（local）：192.0.2.2 is up again\n\
             当前应答：192.0.2.1、192.0.2.2\n此前应答：192.0.2.2\n\
             离开一级地址池共 1 分，始于 {}\n时间：{}，上报：edge-1",
            local(300),
            local(360)
        )
    );
    let up = events.iter().find(|event| event.kind == Kind::AddressUp);
    let up = up.expect("it was at risk only");
    assert_eq!(
        en.headline(up),
        "192.0.2.1 of pool web, asked for api.example.com, is no longer at risk"
    );
    assert_eq!(
        zh.headline(up),
        "地址 192.0.2.1 风险解除（地址池 web，域名 api.example.com）"
    );
}
