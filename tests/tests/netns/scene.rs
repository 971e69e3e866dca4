//! What the cases share: the pieces of a configuration, and igtm started with it.
//!
//! Must not hide what a case is about: each case shows its own pools, tiers and answers.

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hickory_proto::rr::RecordType;
use igtm_tests::daemon::{Daemon, igtm_beside_tests};
use igtm_tests::dns::Client;
use igtm_tests::receiver::Receiver;
use igtm_tests::wait;
use igtm_tests::world::{EDGE_INTERFACE, EDGE_V4, EDGE_V6, Place, RECEIVER, World, backend_v4};
use serde_json::Value;

/// Longer than any round of probes or delivery here.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// The name that most cases ask for.
pub(crate) const WWW: &str = "www.example.com";

/// `version`, `[server]` with `more` in it, and the zone example.com.
pub(crate) fn server(world: &World, more: &str) -> String {
    let (directory, bpffs) = (world.directory().display(), world.bpffs());
    format!(
        r#"version = 1
[server]
node       = "edge-test"
listen     = ["{EDGE_V4}", "{EDGE_V6}"]
interfaces = ["{EDGE_INTERFACE}"]
state_dir  = "{directory}/state"
bpffs      = "{}"
{more}
[admin]
socket = "{directory}/admin.sock"
[[zone]]
origin       = "example.com"
ns           = ["ns1.example.net", "ns2.example.net"]
contact      = "hostmaster.example.com"
negative_ttl = "30s"
"#,
        bpffs.display()
    )
}

/// The operators' lines, by their prefixes in both families.
pub(crate) fn operators() -> String {
    let line = |place: Place| {
        format!(
            "[[line]]\nname = \"{}\"\nkind = \"operator\"\nprefixes = [\"{}\", \"{}\"]\n",
            place.name(),
            place.prefix_v4(),
            place.prefix_v6()
        )
    };
    line(Place::Telecom) + &line(Place::Unicom)
}

/// A pool with `more` keys; `addresses` are values with weights.
pub(crate) fn pool(name: &str, more: &str, addresses: &[(&str, u32)]) -> String {
    let family = match addresses.first() {
        Some((value, _)) if value.contains(':') => "ipv6",
        _ => "ipv4",
    };
    let addresses: Vec<String> = addresses
        .iter()
        .map(|(value, weight)| format!("{{ value = \"{value}\", weight = {weight} }}"))
        .collect();
    format!(
        "[[pool]]\nname = \"{name}\"\ntype = \"{family}\"\n{more}\naddress = [{}]\n",
        addresses.join(", ")
    )
}

/// A pool of one backend each, monitored by `web`.
pub(crate) fn backend_pool(name: &str, backends: &[u8]) -> String {
    let addresses: Vec<String> = backends
        .iter()
        .map(|n| backend_v4(*n).to_string())
        .collect();
    let addresses: Vec<(&str, u32)> = addresses.iter().map(|text| (text.as_str(), 100)).collect();
    pool(name, "monitor = \"web\"", &addresses)
}

/// The HTTP monitor `web`.
pub(crate) fn web(interval: &str, timeout: &str, retries: u8) -> String {
    format!(
        "[[monitor]]\nname = \"web\"\nprotocol = \"http\"\nport = 80\npath = \"/healthz\"\n\
         interval = \"{interval}\"\ntimeout = \"{timeout}\"\nretries = {retries}\n"
    )
}

/// An instance of one domain, ttl 5 s; its strategies follow.
pub(crate) fn instance(domain: &str) -> String {
    let name = domain.split('.').next().unwrap_or(domain);
    format!("[[instance]]\nname = \"{name}\"\ndomain = \"{domain}\"\nttl = \"5s\"\n")
}

/// A strategy of the instance before it: one pool a tier, policy `all`.
pub(crate) fn strategy(name: &str, line: &str, tiers: &[&str], fallback: &str) -> String {
    let tiers: String = tiers
        .iter()
        .map(|pool| format!("[[instance.strategy.tier]]\npools = [\"{pool}\"]\n"))
        .collect();
    format!(
        "[[instance.strategy]]\nname = \"{name}\"\nlines = [\"{line}\"]\nfallback = \"{fallback}\"\n{tiers}"
    )
}

/// What every delivery is signed with.
pub(crate) const SECRET: &str = "whsec_aWd0bSBlbmQgdG8gZW5kIHRlc3RzIHNpZ24gdG9v";

/// Whom [`webhook`] tells.
pub(crate) fn receiver(world: &World) -> Result<Receiver> {
    Receiver::start(world.backends(), (RECEIVER, 80).into(), SECRET)
}

/// The channel and subscription that tell `receiver` of everything.
pub(crate) fn webhook(receiver: &Receiver, group_wait: &str) -> String {
    let url = receiver.url();
    format!(
        "[[channel]]\nname = \"ops\"\ntype = \"webhook\"\nurl = \"{url}\"\nsecret = \"{SECRET}\"\n\
         allow_private = true\n\
         [[subscription]]\nname = \"all\"\nchannels = [\"ops\"]\ngroup_wait = \"{group_wait}\"\n"
    )
}

/// How many events of `kind` were delivered. A message that a killed daemon had not noted as taken
/// comes again under its id: like any receiver, this one drops it.
pub(crate) fn times(receiver: &Receiver, kind: &str) -> usize {
    let mut deliveries = receiver.deliveries();
    let mut known = BTreeSet::new();
    deliveries.retain(|delivery| known.insert(delivery.id.clone()));
    let events = deliveries.iter().flat_map(|delivery| delivery.events());
    events.filter(|event| event["kind"] == kind).count()
}

/// The first event of `kind` that is delivered.
pub(crate) fn told(receiver: &Receiver, kind: &str) -> Result<Value> {
    let told = receiver.wait_for(kind, PATIENCE, |one| one.event(kind).is_some())?;
    Ok(told.event(kind).context("chosen for it")?.clone())
}

/// www.example.com for everybody: 192.0.2.1 (weight 80) and 192.0.2.2, nothing monitored.
pub(crate) fn plain(world: &World, more: &str) -> String {
    server(world, more)
        + &pool("pool", "", &[("192.0.2.1", 80), ("192.0.2.2", 100)])
        + &instance(WWW)
        + &strategy("default", "default", &["pool"], "pool")
}

/// The `igtm` under test.
pub(crate) fn igtm() -> Result<PathBuf> {
    igtm_beside_tests()
}

/// Starts igtm with `config` and waits until it answers.
pub(crate) fn start(world: &World, config: &str) -> Result<Daemon> {
    Daemon::start(world, &igtm()?, config)
}

/// A program of the world that runs igtm by `command`; `IGTM` and its arguments come after it.
pub(crate) fn igtm_by(world: &World, command: &str) -> Result<PathBuf> {
    let path = world.directory().join("igtm-by.sh");
    let igtm = igtm()?;
    let script = format!("#!/bin/sh\nexec {command} '{}' \"$@\"\n", igtm.display());
    fs::write(&path, script)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(path)
}

/// `setpriv` that takes `capabilities` away, from root and from whatever it runs.
pub(crate) fn without(capabilities: &[&str]) -> String {
    let dropped: Vec<String> = capabilities.iter().map(|name| format!("-{name}")).collect();
    let dropped = dropped.join(",");
    format!("setpriv --inh-caps={dropped} --bounding-set={dropped}")
}

/// Addresses from their texts.
pub(crate) fn set<T: ToString>(texts: &[T]) -> BTreeSet<IpAddr> {
    let parse = |text: &T| text.to_string().parse().expect("an address");
    texts.iter().map(parse).collect()
}

/// What `place` is answered for the name and type, over IPv4, in any order.
pub(crate) fn asked(
    world: &World,
    place: Place,
    name: &str,
    r#type: RecordType,
) -> Result<BTreeSet<IpAddr>> {
    let client = Client::new(world.client(place), EDGE_V4)?;
    Ok(client.ask(name, r#type)?.addresses().into_iter().collect())
}

/// Asks from outside until the answer for [`WWW`] is `expected`.
pub(crate) fn until_answered(world: &World, expected: &BTreeSet<IpAddr>) -> Result<()> {
    let client = Client::new(world.client(Place::Other), EDGE_V4)?;
    let mut last = BTreeSet::new();
    wait::until("the expected answer", PATIENCE, || {
        last = client
            .ask(WWW, RecordType::A)?
            .addresses()
            .into_iter()
            .collect();
        Ok((last == *expected).then_some(()))
    })
    .with_context(|| format!("{expected:?}, the last being {last:?}"))
}

/// The answer for [`WWW`] from outside must be `expected` now.
pub(crate) fn answered(world: &World, expected: &BTreeSet<IpAddr>) -> Result<()> {
    let found = asked(world, Place::Other, WWW, RecordType::A)?;
    ensure!(found == *expected, "{found:?} instead of {expected:?}");
    Ok(())
}
