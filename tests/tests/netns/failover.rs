//! A backend dies and comes back: how long until the answer follows, and who is told what.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use hickory_proto::rr::RecordType;
use igtm_tests::backend::Backend;
use igtm_tests::dns::Client;
use igtm_tests::receiver::{Delivery, Receiver};
use igtm_tests::wait;
use igtm_tests::world::{EDGE_V4, Place, World, backend_v4};
use serde_json::{Value, json};

use crate::scene::{
    PATIENCE, WWW, backend_pool, instance, pool, receiver, server, set, start, strategy,
    until_answered, web, webhook,
};

const INTERVAL: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_millis(300);
/// Cores busy with something else, the write of the maps and the polling client.
const SLACK: Duration = Duration::from_secs(1);
const DEATHS: usize = 3;

fn config(world: &World, retries: u8, hook: &str) -> String {
    server(world, "xdp = \"native\"")
        + &web("1s", "300ms", retries)
        + &backend_pool("first", &[1])
        + &backend_pool("second", &[2])
        + &backend_pool("last", &[3, 4])
        + &instance(WWW)
        + &strategy("default", "default", &["first", "second"], "last")
        + hook
}

/// Asks until only `backend` is answered; when that was.
fn answered_by(world: &World, backend: u8) -> Result<Instant> {
    let client = Client::new(world.client(Place::Other), EDGE_V4)?;
    wait::until("the new answer", PATIENCE, || {
        let addresses = client.ask(WWW, RecordType::A)?.addresses();
        Ok((addresses == [backend_v4(backend)]).then(Instant::now))
    })
    .with_context(|| format!("that of backend {backend}"))
}

#[test]
fn the_answer_follows_a_death_within_an_interval_and_the_retries() -> Result<()> {
    for retries in [0, 1] {
        let world = World::new("times")?;
        let mut first = Backend::start(world.backends(), "first", backend_v4(1))?;
        let _second = Backend::start(world.backends(), "second", backend_v4(2))?;
        let daemon = start(&world, &config(&world, retries, ""))?;
        answered_by(&world, 1)?;
        let interface = |command: &str| {
            let address = backend_v4(1);
            world
                .backends()
                .ip_batch(&format!("addr {command} {address}/24 dev back0\n"))
        };
        for refuses in [true, false] {
            let mut times = Vec::new();
            for _ in 0..DEATHS {
                let death = Instant::now();
                if refuses {
                    first.stop();
                } else {
                    interface("del")?;
                }
                let took = answered_by(&world, 2)?.duration_since(death);
                let most = INTERVAL + TIMEOUT * (1 + u32::from(retries)) + SLACK;
                ensure!(
                    took <= most,
                    "{took:?} with {retries} retries, not {most:?}"
                );
                times.push(took.as_millis());
                if refuses {
                    first.resume()?;
                } else {
                    interface("add")?;
                }
                let back = Instant::now();
                let took = answered_by(&world, 1)?.duration_since(back);
                let most = INTERVAL + TIMEOUT * (1 + u32::from(retries)) + SLACK;
                ensure!(took <= most, "recovery took {took:?}, not {most:?}");
            }
            println!(
                "failover: death → new answer {times:?} ms (right after a round, the worst case; \
                 backend {}; interval 1 s, timeout 300 ms, retries {retries})",
                if refuses { "refuses" } else { "vanishes" }
            );
        }
        daemon.stop()?;
    }
    Ok(())
}

/// The first event of `kind` delivered since `began`; its message must be signed.
fn told(receiver: &Receiver, began: Instant, kind: &str) -> Result<(Delivery, Value)> {
    let delivery = receiver.wait_for(kind, PATIENCE, |delivery| {
        delivery.at > began && delivery.event(kind).is_some()
    })?;
    let signature = delivery.signature.clone();
    signature.map_err(|why| anyhow!("{kind}: {why}"))?;
    let event = delivery.event(kind).context("chosen for it")?.clone();
    Ok((delivery, event))
}

/// The node's reasons for each of `addresses`, and for no other.
fn why(event: &Value, addresses: &[&str]) -> Result<()> {
    let reasons = event["reason"].as_array().context("reasons")?;
    ensure!(reasons.len() == addresses.len(), "{event:#}");
    for (reason, address) in reasons.iter().zip(addresses) {
        let text = reason["reason"].as_str().context("a reason")?;
        let fits = text.starts_with(&format!("{address}: ")) && text.contains("refused");
        ensure!(reason["node"] == "local" && fits, "{event:#}");
    }
    Ok(())
}

/// Every field of `expected` must stand in `event`.
fn has(event: &Value, expected: &Value) -> Result<()> {
    for (key, value) in expected.as_object().context("an object")? {
        ensure!(event[key] == *value, "{key} is not {value}: {event:#}");
    }
    Ok(())
}

#[test]
fn everybody_is_told_of_a_failover_and_of_the_way_back() -> Result<()> {
    let world = World::new("told")?;
    let mut backends = [1, 2, 3, 4].map(|n| {
        Backend::start(world.backends(), &format!("b{n}"), backend_v4(n)).expect("it listens")
    });
    let receiver = receiver(&world)?;
    let hook = webhook(&receiver, "50ms");
    let daemon = start(&world, &config(&world, 0, &hook))?;
    until_answered(&world, &set(&[backend_v4(1)]))?;
    let strategy = json!({
        "node": "edge-test", "instance": "www", "domain": WWW, "strategy": "default",
        "lines": ["default"], "test": false,
    });

    let began = Instant::now();
    backends[0].stop();
    let (delivery, down) = told(&receiver, began, "address_down")?;
    has(
        &down,
        &json!({ "severity": "warning", "address": "10.80.0.11", "pool": "first",
            "instance": "www", "node": "edge-test", "test": false }),
    )?;
    ensure!(down["reason"][0]["node"] == "local", "{down:#}");
    let reason = down["reason"][0]["reason"].as_str().context("a reason")?;
    ensure!(reason.contains("refused"), "{reason}");
    ensure!(delivery.body["specversion"] == "1.0", "{}", delivery.body);
    ensure!(delivery.body["source"] == "/igtm/edge-test");
    ensure!(
        delivery.request.header("content-type") == Some("application/cloudevents+json")
            && delivery.body["id"] == delivery.id.as_str()
    );
    let (_, switched) = told(&receiver, began, "tier_switched")?;
    has(&switched, &strategy)?;
    has(
        &switched,
        &json!({ "tier_from": "tier 1", "tier_to": "tier 2", "severity": "warning",
            "answers_before": ["10.80.0.11"], "answers_now": ["10.80.0.12"] }),
    )?;
    why(&switched, &["10.80.0.11"])?;
    let (_, pool) = told(&receiver, began, "pool_down")?;
    has(&pool, &json!({ "pool": "first", "instance": "www" }))?;
    why(&pool, &["10.80.0.11"])?;

    // All die: the fallback answers, whatever its own health.
    let began = Instant::now();
    for backend in &mut backends[1..] {
        backend.stop();
    }
    let (_, fallback) = told(&receiver, began, "fallback_entered")?;
    has(&fallback, &strategy)?;
    has(
        &fallback,
        &json!({ "tier_from": "tier 2", "tier_to": "fallback", "severity": "critical",
            "answers_now": ["10.80.0.13", "10.80.0.14"] }),
    )?;
    // Whatever keeps the tiers from answering, whenever it began.
    why(&fallback, &["10.80.0.11", "10.80.0.12"])?;
    until_answered(&world, &set(&[backend_v4(3), backend_v4(4)]))?;

    let began = Instant::now();
    backends[1].resume()?;
    let (_, left) = told(&receiver, began, "fallback_left")?;
    has(&left, &strategy)?;
    has(
        &left,
        &json!({ "tier_from": "fallback", "tier_to": "tier 2" }),
    )?;
    until_answered(&world, &set(&[backend_v4(2)]))?;

    let began = Instant::now();
    backends[0].resume()?;
    let (_, restored) = told(&receiver, began, "tier_restored")?;
    has(&restored, &strategy)?;
    has(
        &restored,
        &json!({ "tier_from": "tier 2", "tier_to": "tier 1", "severity": "info",
            "answers_now": ["10.80.0.11"] }),
    )?;
    let reason = restored["reason"][0]["reason"].as_str();
    ensure!(reason == Some("10.80.0.11 is up again"), "{restored:#}");
    // From the first step away, not from the last.
    let away = restored["since"].as_str().context("a time")?;
    ensure!(Some(away) == switched["time"].as_str(), "{restored:#}");
    let (_, up) = told(&receiver, began, "address_up")?;
    has(
        &up,
        &json!({ "address": "10.80.0.11", "pool": "first", "severity": "info" }),
    )?;
    until_answered(&world, &set(&[backend_v4(1)]))?;
    daemon.stop()
}

#[test]
fn a_webhook_that_is_refused_comes_again_with_its_id() -> Result<()> {
    let world = World::new("again")?;
    let mut first = Backend::start(world.backends(), "first", backend_v4(1))?;
    let _second = Backend::start(world.backends(), "second", backend_v4(2))?;
    let receiver = receiver(&world)?;
    let hook = webhook(&receiver, "300ms");
    let daemon = start(&world, &config(&world, 0, &hook))?;
    answered_by(&world, 1)?;
    // Backends 3 and 4 were never there, and their alerts are out of the way.
    told(&receiver, Instant::now() - PATIENCE, "address_down")?;

    receiver.answer_next_with(&[503]);
    let began = Instant::now();
    first.stop();
    answered_by(&world, 2)?;
    let attempts = wait::until("the second attempt", PATIENCE, || {
        let deliveries = receiver.deliveries().into_iter();
        let attempts: Vec<Delivery> = deliveries.filter(|one| one.at > began).collect();
        Ok((attempts.len() >= 2).then_some(attempts))
    })?;
    ensure!(attempts[0].id == attempts[1].id, "the same message");
    ensure!(attempts.iter().all(|attempt| attempt.signature.is_ok()));
    ensure!(attempts[0].body == attempts[1].body);
    daemon.stop()
}

/// ping and tcp see a host that is gone, and see it come back.
#[test]
fn ping_and_tcp_see_a_death_too() -> Result<()> {
    let world = World::new("protocols")?;
    let _first = Backend::start(world.backends(), "first", backend_v4(1))?;
    let monitors = [("ping", "packets = 2\n"), ("tcp", "port = 80\n")];
    let file: String = monitors
        .iter()
        .map(|(protocol, keys)| {
            format!(
                "[[monitor]]\nname = \"{protocol}\"\nprotocol = \"{protocol}\"\ninterval = \"1s\"\n\
                 timeout = \"200ms\"\nretries = 0\n{keys}"
            ) + &pool(
                &format!("{protocol}-first"),
                &format!("monitor = \"{protocol}\""),
                &[("10.80.0.11", 100)],
            ) + &instance(&format!("{protocol}.example.com"))
                + &strategy("s", "default", &[&format!("{protocol}-first")], "last")
        })
        .collect();
    let last = pool("last", "", &[("10.80.0.12", 100)]);
    let daemon = start(
        &world,
        &(server(&world, "xdp = \"native\"") + &last + &file),
    )?;
    let client = Client::new(world.client(Place::Other), EDGE_V4)?;
    for (command, expected) in [("", 1), ("del", 2), ("add", 1)] {
        if !command.is_empty() {
            let address = backend_v4(1);
            let line = format!("addr {command} {address}/24 dev back0\n");
            world.backends().ip_batch(&line)?;
        }
        for (protocol, _) in monitors {
            let name = format!("{protocol}.example.com");
            wait::until(&name, PATIENCE, || {
                let addresses = client.ask(&name, RecordType::A)?.addresses();
                Ok((addresses == [backend_v4(expected)]).then_some(()))
            })
            .with_context(|| format!("after {command:?}: {}", daemon.log()))?;
        }
    }
    daemon.stop()
}
