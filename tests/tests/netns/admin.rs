//! The admin API of a running daemon: status, reload, what a file would change, `/metrics`, `/ready`.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Output};

use anyhow::{Context, Result, bail, ensure};
use hickory_proto::rr::RecordType;
use igtm_tests::backend::Backend;
use igtm_tests::daemon::Daemon;
use igtm_tests::wait;
use igtm_tests::world::{EDGE_V4, Place, World, backend_v4};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::scene::{
    PATIENCE, WWW, answered, asked, backend_pool, igtm, instance, plain, server, set, start,
    strategy, until_answered, web,
};

const TOKEN: &str = "a-token-for-this-test";

/// Backends 1 and 2 behind www: the first has a tier of its own.
fn file(world: &World, interval: &str) -> String {
    server(world, "xdp = \"native\"")
        + &web(interval, "300ms", 0)
        + &backend_pool("first", &[1])
        + &backend_pool("second", &[2])
        + &instance(WWW)
        + &strategy("default", "default", &["first", "second"], "second")
}

pub(crate) fn socket(world: &World) -> PathBuf {
    world.directory().join("admin.sock")
}

/// `igtm ARGS… -c FILE`, whatever its exit code.
pub(crate) fn run(daemon: &Daemon, args: &[&str]) -> Result<(i32, String)> {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(igtm()?)
        .args(args)
        .arg("-c")
        .arg(daemon.config())
        .output()?;
    let text = String::from_utf8(stdout)? + &String::from_utf8(stderr)?;
    Ok((status.code().context("it ended by itself")?, text))
}

/// One request over a stream, and the whole reply.
pub(crate) fn exchange(mut stream: impl Read + Write, request: &str) -> Result<String> {
    write!(
        stream,
        "{request}\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    )?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    Ok(reply)
}

/// What the socket says.
pub(crate) fn get(world: &World, path: &str) -> Result<String> {
    let stream = UnixStream::connect(socket(world))?;
    exchange(stream, &format!("GET {path} HTTP/1.1"))
}

/// The value of a metric, by its whole name with labels.
pub(crate) fn metric(page: &str, name: &str) -> Result<f64> {
    let line = page.lines().find_map(|line| line.strip_prefix(name));
    let value = line.with_context(|| format!("no {name} in\n{page}"))?;
    Ok(value.trim().parse()?)
}

#[test]
fn the_status_names_what_fails_since_when_and_why() -> Result<()> {
    let world = World::new("status")?;
    let _second = Backend::start(world.backends(), "second", backend_v4(2))?;
    let daemon = start(&world, &file(&world, "1s"))?;
    let mode = std::fs::metadata(socket(&world))?.permissions().mode();
    ensure!(mode & 0o777 == 0o660, "{mode:o}");
    let status = daemon.query(&world, &["status"])?;
    let strategy = &status["instances"][0]["strategies"][0];
    ensure!(status["instances"][0]["state"] == "warn", "{status}");
    ensure!(strategy["active"] == "tier 2", "{strategy}");
    ensure!(strategy["since"].is_string(), "{strategy}");
    ensure!(
        strategy["answers"][0] == backend_v4(2).to_string(),
        "{strategy}"
    );
    let first = &status["pools"][0];
    ensure!(
        first["name"] == "first" && first["state"] == "down",
        "{first}"
    );
    ensure!(first["users"] == 1 && first["tasks"] == 1, "{first}");
    let address = &first["addresses"][0];
    ensure!(address["state"] == "down", "{address}");
    ensure!(address["why"][0]["node"] == "local", "{address}");
    ensure!(address["why"][0]["reason"].is_string(), "{address}");
    ensure!(
        status["monitors"][0]["rounds_7d"]["bad"].as_u64() > Some(0),
        "{status}"
    );

    // What has happened, and why.
    let events = daemon.query(&world, &["events", "--kind", "tier_switched"])?;
    ensure!(events[0]["tier_to"] == "tier 2", "{events}");
    // In the first step every address has become known.
    let causes = events[0]["cause"].as_array().context("causes")?;
    let down = causes.iter().find(|cause| cause["to"] == "down");
    let reason = down.map(|cause| cause["nodes"][0]["reason"].is_string());
    ensure!(reason == Some(true), "{events}");
    let (code, text) = run(&daemon, &["events", "--instance", "www"])?;
    ensure!(code == 0 && text.contains("tier_switched"), "{text}");

    // As a tree, plain where nobody looks at colours; one line of it for each level.
    let (code, tree) = run(&daemon, &["status"])?;
    ensure!(code == 0, "{tree}");
    for part in [
        "www.example.com  warn",
        "tier 2  active: 1 of 1 usable",
        "first  down",
        "local: ",
    ] {
        ensure!(tree.contains(part), "no {part:?} in\n{tree}");
    }
    ensure!(!tree.contains('\x1b'), "{tree}");

    // The first comes back, and the tree follows.
    let _first = Backend::start(world.backends(), "first", backend_v4(1))?;
    until_answered(&world, &set(&[backend_v4(1)]))?;
    let status = daemon.query(&world, &["status", WWW])?;
    ensure!(status["instances"][0]["state"] == "ok", "{status}");
    ensure!(status["summary"]["targets"]["ok"] == 2, "{status}");

    // What it would answer, by the health it observes.
    let explained = daemon.query(&world, &["explain", "--live", "--client", "192.0.2.7", WWW])?;
    ensure!(
        explained["candidates"][0]["address"] == backend_v4(1).to_string(),
        "{explained}"
    );
    let down = backend_v4(1).to_string();
    let args = [
        "explain",
        "--live",
        "--client",
        "192.0.2.7",
        "--down",
        &down,
        WWW,
    ];
    let explained = daemon.query(&world, &args)?;
    ensure!(explained["active"] == "tier 2", "{explained}");

    // No such thing is exit code 1, no such daemon 3.
    let (code, text) = run(&daemon, &["status", "nobody"])?;
    ensure!(code == 1 && text.contains("nobody"), "{code} {text}");
    daemon.stop()?;
    ensure!(!socket(&world).exists());
    let gone = Command::new(igtm()?)
        .arg("status")
        .arg("--socket")
        .arg(socket(&world))
        .output()?;
    ensure!(gone.status.code() == Some(3), "{gone:?}");
    let said = String::from_utf8(gone.stderr)?;
    ensure!(
        said.contains("admin.sock") && said.contains("No such file"),
        "{said}"
    );
    Ok(())
}

#[test]
fn a_reload_says_what_changed_or_what_is_wrong() -> Result<()> {
    let world = World::new("reloaded")?;
    let good = plain(&world, "xdp = \"native\"");
    let daemon = start(&world, &good)?;
    let other = good.replace("192.0.2.2", "192.0.2.3");

    // What would change, before it does.
    let aside = world.directory().join("other.toml");
    std::fs::write(&aside, &other)?;
    let against = Command::new(igtm()?)
        .args(["check", "--against-running"])
        .arg(&aside)
        .output()?;
    let would = String::from_utf8(against.stdout)?;
    ensure!(against.status.success(), "{would}");
    ensure!(
        would.contains("0 added, 0 removed, 1 changed\n~ pool pool\n"),
        "{would}"
    );
    ensure!(
        would.contains("answered otherwise: 1 name, 1 answer\n"),
        "{would}"
    );
    answered(&world, &set(&["192.0.2.1", "192.0.2.2"]))?;

    // When the command is back, it is done.
    daemon.rewrite_config(&other)?;
    let (code, changed) = run(&daemon, &["reload"])?;
    ensure!(code == 0 && changed == would, "{code} {changed}");
    answered(&world, &set(&["192.0.2.1", "192.0.2.3"]))?;
    ensure!(
        daemon.log().contains("address 192.0.2.3: added"),
        "{}",
        daemon.log()
    );

    // A bad one is refused whole, with its places; the status says so.
    daemon.rewrite_config(&other.replace("type = \"ipv4\"", "type = \"ipv9\""))?;
    let (code, problems) = run(&daemon, &["reload"])?;
    ensure!(code == 1, "{problems}");
    ensure!(
        problems.contains("igtm.toml:") && problems.contains("ipv9"),
        "{problems}"
    );
    let json: Value = {
        let (code, text) = run(&daemon, &["reload", "--json"])?;
        ensure!(code == 1, "{text}");
        serde_json::from_str(&text)?
    };
    ensure!(
        json["problems"][0]["line"].is_u64() && json["ok"] == false,
        "{json}"
    );
    answered(&world, &set(&["192.0.2.1", "192.0.2.3"]))?;
    let status = daemon.query(&world, &["status"])?;
    ensure!(
        status["daemon"]["refused"]["why"]
            .as_str()
            .is_some_and(|why| why.contains("ipv9"))
    );

    // What takes a restart is refused by name.
    daemon.rewrite_config(&other.replace("admin.sock", "moved.sock"))?;
    let stream = UnixStream::connect(socket(&world))?;
    let refused = exchange(stream, "POST /api/v1/reload HTTP/1.1")?;
    ensure!(refused.starts_with("HTTP/1.1 422"), "{refused}");
    ensure!(
        refused.contains("[admin] has changed: that takes a restart"),
        "{refused}"
    );
    daemon.stop()
}

#[test]
fn metrics_count_and_ready_is_ready() -> Result<()> {
    let world = World::new("metrics")?;
    let _second = Backend::start(world.backends(), "second", backend_v4(2))?;
    // Backend 1 never answers, so the first answer waits: that long it is not ready.
    let waiting = file(&world, "5s").replace("300ms", "2s");
    let mut daemon = Daemon::spawn(&world, &igtm()?, &waiting)?;
    wait::until("the socket", PATIENCE, || {
        Ok(UnixStream::connect(socket(&world)).ok())
    })?;
    let early = get(&world, "/ready")?;
    daemon.wait_until_ready()?;
    let ready = get(&world, "/ready")?;
    ensure!(ready.starts_with("HTTP/1.1 200"), "{ready}");
    if early.starts_with("HTTP/1.1 503") {
        ensure!(early.contains("not answering yet"), "{early}");
    } else {
        bail!("ready before the first round: {early}");
    }

    let before = get(&world, "/metrics")?;
    for _ in 0..5 {
        asked(&world, Place::Other, WWW, RecordType::A)?;
    }
    asked(&world, Place::Other, "nothing.example.com", RecordType::A)?;
    asked(&world, Place::Other, "example.com", RecordType::SOA)?;
    let after = get(&world, "/metrics")?;
    let counted =
        |name: &str| Ok::<_, anyhow::Error>(metric(&after, name)? - metric(&before, name)?);
    let kernel =
        |result: &str| format!("igtm_queries_total{{path=\"kernel\",result=\"{result}\"}}");
    ensure!(counted(&kernel("answer"))? == 5.0, "{after}");
    ensure!(counted(&kernel("nxdomain"))? == 1.0, "{after}");
    ensure!(
        counted("igtm_passes_total{reason=\"userspace\"}")? == 1.0,
        "{after}"
    );
    ensure!(counted("igtm_queries_total{path=\"userspace\",result=\"answer\"}")? == 1.0);
    let address = backend_v4(1);
    let usable =
        format!("igtm_address_usable{{pool=\"first\",address=\"{address}\",host=\"{WWW}\"}}");
    ensure!(metric(&after, &usable)? == 0.0);
    ensure!(metric(&after, "igtm_kernel_answers")? == 1.0);
    // The first one comes after the first answer.
    let heartbeat = wait::until("a heartbeat", PATIENCE, || {
        Ok(metric(&get(&world, "/metrics")?, "igtm_heartbeat_age_seconds").ok())
    })?;
    ensure!(heartbeat < 10.0, "{heartbeat}");
    ensure!(
        metric(
            &after,
            "igtm_probe_round_duration_seconds_count{protocol=\"http\"}"
        )? >= 2.0
    );
    ensure!(!after.contains("nothing.example.com"));
    ensure!(after.ends_with("# EOF\n"));
    daemon.signal(Signal::SIGTERM)?;
    ensure!(daemon.wait()?.success());
    Ok(())
}

#[test]
fn over_tcp_a_change_takes_the_token() -> Result<()> {
    let world = World::new("token")?;
    let tcp = format!("listen = \"{EDGE_V4}:8053\"\ntoken = \"{TOKEN}\"\n[[zone]]");
    let config = plain(&world, "xdp = \"off\"").replacen("[[zone]]", &tcp, 1);
    let daemon = start(&world, &config)?;
    let ask = |request: &str| {
        let stream = world
            .client(Place::Other)
            .enter(|| Ok(TcpStream::connect((EDGE_V4, 8053))?))?;
        exchange(stream, request)
    };
    let reload = "POST /api/v1/reload HTTP/1.1";
    for (request, expected) in [
        ("GET /ready HTTP/1.1".to_owned(), "200"),
        ("GET /metrics HTTP/1.1".to_owned(), "200"),
        ("GET /api/v1/status HTTP/1.1".to_owned(), "200"),
        ("GET /api/v1/reload HTTP/1.1".to_owned(), "401"),
        (reload.to_owned(), "401"),
        (format!("{reload}\r\nAuthorization: Bearer {TOKEN}x"), "401"),
        (format!("{reload}\r\nAuthorization: Bearer {TOKEN}"), "200"),
        (
            format!("POST /api/v1/check HTTP/1.1\r\nAuthorization: Bearer {TOKEN}"),
            "403",
        ),
        ("GET / HTTP/1.1".to_owned(), "404"),
    ] {
        let reply = ask(&request)?;
        let status = format!("HTTP/1.1 {expected}");
        ensure!(reply.starts_with(&status), "{request}: {reply}");
        ensure!(!reply.contains(TOKEN), "{reply}");
    }
    ensure!(!daemon.log().contains(TOKEN));
    daemon.stop()
}

/// A daemon that was killed leaves its socket; the next one takes its place.
#[test]
fn a_killed_daemon_s_socket_is_no_obstacle() -> Result<()> {
    let world = World::new("stale")?;
    let config = plain(&world, "xdp = \"off\"");
    let mut daemon = start(&world, &config)?;
    daemon.signal(Signal::SIGKILL)?;
    daemon.wait()?;
    ensure!(socket(&world).exists());
    let daemon = start(&world, &config)?;
    ensure!(get(&world, "/ready")?.starts_with("HTTP/1.1 200"));
    // A second one, whose state is its own, is told that this socket is in use.
    let second = config.replace("/state\"", "/other-state\"");
    let path = world.directory().join("second.toml");
    std::fs::write(&path, second)?;
    let refused = world.edge().enter(|| {
        Ok(Command::new(igtm()?)
            .arg("run")
            .arg("-c")
            .arg(&path)
            .output()?)
    })?;
    let said = String::from_utf8(refused.stderr)?;
    ensure!(
        !refused.status.success() && said.contains("admin.sock is in use by another igtm"),
        "{said}"
    );
    ensure!(get(&world, "/ready")?.starts_with("HTTP/1.1 200"));
    daemon.stop()
}
