//! The resolver against a real server on loopback.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use hickory_proto::rr::Name;
use tokio::time::timeout;

use super::memory::Outcome;
use super::resolver::Resolver;
use super::server::{Says, Server};
use super::{Flattener, Known, Resolvers};

const TARGET: &str = "cdn.example.net.";

fn addresses(texts: &[&str]) -> Vec<IpAddr> {
    let parse = |text: &&str| text.parse().expect("an address");
    texts.iter().map(parse).collect()
}

fn name(text: &str) -> Name {
    Name::from_ascii(text).expect("a name")
}

#[tokio::test]
async fn replies_are_told_apart() {
    let server = Server::start().await;
    let resolver = Resolver::new(Resolvers::At(server.address));
    let both = addresses(&["192.0.2.1", "2001:db8::1", "192.0.2.2"]);
    let found = |texts: &[&str], ttl| Outcome::Addresses {
        addresses: addresses(texts),
        ttl: Duration::from_secs(ttl),
    };
    server.says(TARGET, Says::Addresses(both.clone(), 60));
    let target = name(TARGET);
    let asked = resolver.ask(&target, false).await;
    assert_eq!(asked, found(&["192.0.2.1", "192.0.2.2"], 60));
    assert_eq!(
        resolver.ask(&target, true).await,
        found(&["2001:db8::1"], 60)
    );
    // The CNAME's TTL counts too: it may lead elsewhere after that.
    server.says(TARGET, Says::Behind(20, both, 300));
    assert_eq!(
        resolver.ask(&target, true).await,
        found(&["2001:db8::1"], 20)
    );
    // Of this family there is none, without an SOA.
    server.says(TARGET, Says::Addresses(addresses(&["192.0.2.1"]), 60));
    assert_eq!(
        resolver.ask(&target, true).await,
        Outcome::Nothing { ttl: None }
    );
    server.says(TARGET, Says::NoName(17));
    let ttl = Some(Duration::from_secs(17));
    assert_eq!(resolver.ask(&target, false).await, Outcome::Nothing { ttl });
    server.says(TARGET, Says::Failure);
    let failed = resolver.ask(&target, false).await;
    assert!(matches!(failed, Outcome::Failed(_)), "{failed:?}");
    server.kill();
    let failed = resolver.ask(&target, false).await;
    assert!(matches!(failed, Outcome::Failed(_)), "{failed:?}");
}

#[tokio::test]
async fn what_is_learned_comes_together_and_follows_changes() {
    let server = Server::start().await;
    server.says(TARGET, Says::Addresses(addresses(&["192.0.2.1"]), 1));
    server.says("other.example.net.", Says::Failure);
    let mut flattener = Flattener::new(Resolvers::At(server.address));
    let names = [name(TARGET), name("other.example.net.")];
    flattener.set_names(names.iter().cloned().collect());
    assert!(!flattener.all_asked());
    let mut learned = BTreeSet::new();
    while !flattener.all_asked() {
        let wait = Duration::from_secs(20);
        let came = timeout(wait, flattener.learned())
            .await
            .expect("all are asked");
        learned.extend(came);
    }
    assert_eq!(
        learned,
        BTreeSet::from([name(TARGET)]),
        "nothing is known of the other"
    );
    let known = |ip: &str| Known {
        addresses: addresses(&[ip]),
        ttl_s: 1,
        stale: false,
    };
    assert_eq!(
        flattener.resolved().of(&names[0], false),
        Some(&known("192.0.2.1"))
    );
    assert_eq!(flattener.resolved().of(&names[1], false), None);
    // Asked again within five seconds, whatever its TTL; stays when the server goes.
    server.says(TARGET, Says::Addresses(addresses(&["192.0.2.9"]), 1));
    let wait = Duration::from_secs(20);
    let came = timeout(wait, flattener.learned())
        .await
        .expect("it is asked again");
    assert_eq!(came, [name(TARGET)]);
    assert_eq!(
        flattener.resolved().of(&names[0], false),
        Some(&known("192.0.2.9"))
    );
    server.kill();
    let stale = Known {
        ttl_s: 30,
        stale: true,
        ..known("192.0.2.9")
    };
    loop {
        let wait = Duration::from_secs(20);
        timeout(wait, flattener.learned())
            .await
            .expect("it is asked again");
        if flattener.resolved().of(&names[0], false) == Some(&stale) {
            break;
        }
    }
    // What is wanted no more is forgotten.
    flattener.set_names(BTreeSet::from([names[1].clone()]));
    assert_eq!(flattener.resolved().of(&names[0], false), None);
}
