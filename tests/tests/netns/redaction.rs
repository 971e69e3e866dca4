//! No secret of a configuration comes out of igtm anywhere: every one holds [`MARK`], and all that
//! igtm says or keeps is searched for it. The vendors' refusals repeat whatever they know.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use igtm_tests::daemon::Daemon;
use igtm_tests::mailbox::Mailbox;
use igtm_tests::vendors::{MARK, Trouble, VENDORS, Vendors, whsec};
use igtm_tests::wait;
use igtm_tests::world::{EDGE_V4, RECEIVER, World};

use crate::channels::mail;
use crate::scene::{WWW, igtm, igtm_by, plain};

/// Longer than any delivery here.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a leak may look like: as it is, percent-encoded (no octet of [`MARK`] changes), in hex, and
/// in base64 at each of the three places it may begin at.
fn needles() -> Vec<String> {
    let hex: String = MARK.bytes().map(|octet| format!("{octet:02x}")).collect();
    let list: Vec<String> = MARK.bytes().map(|octet| octet.to_string()).collect();
    let mut needles = vec![MARK.to_owned(), hex, list.join(", ")];
    for before in 0..3 {
        let text = format!("{}{MARK}", "x".repeat(before));
        let whole = STANDARD.encode(&text);
        // Characters that an octet outside of the mark has a part in are left out.
        let from = (before * 8).div_ceil(6);
        let to = text.len() * 8 / 6;
        needles.push(whole[from..to].to_owned());
    }
    needles
}

/// All that was said, by what said it.
#[derive(Default)]
struct Said {
    searched: std::collections::BTreeMap<String, usize>,
    leaks: BTreeSet<String>,
}

impl Said {
    fn search(&mut self, what: &str, text: &[u8]) {
        *self.searched.entry(what.to_owned()).or_default() += text.len();
        let text = String::from_utf8_lossy(text);
        for needle in needles() {
            for (at, _) in text.match_indices(&needle) {
                let start = text.floor_char_boundary(at.saturating_sub(120));
                let end = text.ceil_char_boundary((at + 60).min(text.len()));
                self.leaks
                    .insert(format!("{what}: …{}…", &text[start..end]));
            }
        }
    }
}

/// Everything with secrets: of each channel type, by a file, by the environment, the admin token.
fn config(world: &World, vendors: &Vendors) -> Result<String> {
    let directory = world.directory();
    fs::write(
        directory.join("hook.url"),
        format!("http://{RECEIVER}/hook/{MARK}-file-hook\n"),
    )?;
    fs::write(directory.join("hook.key"), format!("{}\n", whsec()))?;
    let admin = format!("listen = \"{EDGE_V4}:8053\"\ntoken = \"{MARK}-admin-token\"\n[[zone]]");
    let all: Vec<String> = VENDORS.iter().map(|of| format!("\"{of}-zh\"")).collect();
    Ok(
        plain(world, "xdp = \"off\"").replacen("[[zone]]", &admin, 1)
        + &vendors.channels("zh")
        + &mail("zh", &format!("username = \"igtm\"\npassword = \"{MARK}-password\""))
        + "[[channel]]\nname = \"by-file\"\ntype = \"webhook\"\nurl_file = \"hook.url\"\n\
           secret_file = \"hook.key\"\nallow_private = true\nheaders = { X-Key = \"LeakM4rk-header\" }\n"
        + "[[channel]]\nname = \"by-env\"\ntype = \"slack\"\nwebhook_env = \"HOOK_OF_SLACK\"\n\
           allow_private = true\n"
        // Nobody answers here, and nothing resolves there.
        + &format!(
            "[[channel]]\nname = \"dead\"\ntype = \"slack\"\n\
             webhook = \"http://u:{MARK}-user@{RECEIVER}:9/services/{MARK}-dead\"\nallow_private = true\n\
             [[channel]]\nname = \"lost\"\ntype = \"slack\"\ntimeout = \"1s\"\n\
             webhook = \"https://host.invalid/services/{MARK}-lost\"\n\
             [[subscription]]\nname = \"all\"\ngroup_wait = \"0s\"\n\
             channels = [{}, \"email-zh\", \"by-file\", \"by-env\", \"dead\", \"lost\"]\n",
            all.join(", ")
        ),
    )
}

/// What people get wrong in such a file, each beside a secret.
fn broken(config: &str) -> Vec<String> {
    let pairs = [
        (format!("key={MARK}-robot"), format!("kee={MARK}-robot")),
        (format!("key={MARK}-robot\""), format!("key={MARK}-robot")),
        (
            format!("secret = \"{MARK}+corp/=\""),
            format!("secret = {MARK}+corp/="),
        ),
        (
            format!("secret = \"{MARK}+corp/=\""),
            format!("secert = \"{MARK}+corp/=\""),
        ),
        (
            format!("secret = \"{MARK}+corp/=\""),
            format!("secret = [\"{MARK}\", \"{MARK}2\"]"),
        ),
        (
            format!("secret = \"{MARK}/ding"),
            format!("secret = \"x\"\nsecret = \"{MARK}/ding"),
        ),
        ("whsec_".to_owned(), "whsek_".to_owned()),
        ("whsec_".to_owned(), "whsec_%".to_owned()),
        (format!("X-Key = \"{MARK}"), format!("X-Key = \"\\n{MARK}")),
        (
            format!("routing_key = \"{MARK}"),
            format!("routing_key = \"{MARK} "),
        ),
        (
            format!("routing_key = \"{MARK}-routing-key\""),
            format!("routing_key = {{ a = \"{MARK}\" }}"),
        ),
        (format!("token = \"{MARK}"), format!("token = \"{MARK} ")),
        (
            format!("token = \"{MARK}-admin-token\""),
            format!("token = \"{MARK}\""),
        ),
        (
            format!("password = \"{MARK}"),
            format!("passwort = \"{MARK}"),
        ),
        ("smtps://".to_owned(), format!("smtps://u:{MARK}@")),
        (
            "base_url = \"http://".to_owned(),
            format!("base_url = \"http://u:{MARK}@"),
        ),
        (
            "url_file = \"hook.url\"".to_owned(),
            format!("url_file = \"hook.url\"\nurl = \"{MARK}\""),
        ),
        (
            format!("url = \"http://{RECEIVER}:80/hook"),
            format!("url = \"htp://{RECEIVER}:80/{MARK}"),
        ),
        (
            format!("http://{RECEIVER}:80/services"),
            format!("http://[{MARK}/services"),
        ),
    ];
    let all = pairs.iter().map(|(from, to)| config.replacen(from, to, 1));
    all.filter(|text| text != config).collect()
}

#[test]
fn no_secret_comes_out_of_igtm_anywhere() -> Result<()> {
    let world = World::new("redaction")?;
    let vendors = Vendors::start(world.backends(), (RECEIVER, 80).into())?;
    let mailbox = Mailbox::start(world.backends(), (RECEIVER, 465).into(), world.directory())?;
    // Not all at trace: what watches the configuration's directory would log the log's own growth.
    let slack = format!("HOOK_OF_SLACK=http://{RECEIVER}/services/{MARK}-env-slack");
    let environment = format!(
        "env RUST_LOG=debug,igtm=trace,igtm_userspace=trace,hyper=trace,rustls=trace,lettre=trace SSL_CERT_FILE={} {slack}",
        mailbox.roots().display()
    );
    let config = config(&world, &vendors)?;
    let mut daemon = Daemon::spawn(&world, &igtm_by(&world, &environment)?, &config)?;
    daemon.wait_until_ready()?;
    let mut said = Said::default();
    let file = daemon.config().to_owned();
    let run = |args: &[&str]| -> Result<String> {
        let mut command = Command::new(igtm()?);
        let (name, url) = slack.split_once('=').context("NAME=VALUE")?;
        command.args(args).env("RUST_LOG", "debug").env(name, url);
        let output = world.edge().enter(|| Ok(command.output()?))?;
        let text = [output.stdout, output.stderr].concat();
        Ok(String::from_utf8_lossy(&text).into_owned())
    };
    let at = file.to_str().context("UTF-8")?;

    let named = VENDORS.iter().map(|of| format!("{of}-zh"));
    let others = ["email-zh", "by-file", "by-env", "dead", "lost"].map(str::to_owned);
    let names: Vec<String> = named.chain(others).collect();
    let troubles = [
        None,
        Some(Trouble::Transient),
        Some(Trouble::Throttled),
        Some(Trouble::Config),
        Some(Trouble::Permanent),
    ];
    for trouble in troubles {
        vendors.trouble(trouble);
        mailbox.refuse(trouble == Some(Trouble::Config));
        said.search(
            "events send",
            run(&[
                "events",
                "send",
                "fallback_entered",
                "--instance",
                "www",
                "-c",
                at,
            ])?
            .as_bytes(),
        );
        for name in &names {
            let text = run(&["notify", "test", name, "-c", at])?;
            println!("{trouble:?} {text}");
            said.search("notify test", text.as_bytes());
            let healthy = !matches!(name.as_str(), "dead" | "lost");
            let mail = name == "email-zh" && trouble != Some(Trouble::Config);
            let arrives = healthy && (trouble.is_none() || mail);
            ensure!(
                arrives != text.contains("NOT delivered"),
                "{trouble:?} {name}: {text}"
            );
        }
    }
    wait::until(
        "an attempt that was refused, in the records",
        PATIENCE,
        || {
            let pushes = daemon_json(&run(&["pushes", "--json", "-c", at])?)?;
            let pushes = pushes.as_array().context("a list")?;
            let failed = pushes.iter().any(|push| push["state"] == "failed");
            Ok(failed.then_some(()))
        },
    )?;

    // Files that are refused, by the daemon and without it.
    let variants = broken(&config);
    ensure!(variants.len() >= 18, "only {}", variants.len());
    let other = world.directory().join("broken.toml");
    let there = other.to_str().context("UTF-8")?;
    for variant in &variants {
        fs::write(&other, variant)?;
        for args in [
            &["check", there][..],
            &["check", "--json", there],
            &["check", "--against-running", there],
        ] {
            said.search("check", run(args)?.as_bytes());
        }
    }
    for variant in [&variants[0], &variants[1], &variants[3], &variants[11]] {
        daemon.rewrite_config(variant)?;
        said.search("reload", run(&["reload", "-c", at])?.as_bytes());
    }
    // One that differs in secrets only, and one that is as before.
    daemon.rewrite_config(&config)?;
    fs::write(
        &other,
        config.replace(&format!("{MARK}-"), &format!("{MARK}2-")),
    )?;
    for args in [
        &["check", "--against-running", there][..],
        &["check", "--against-running", "--json", there],
    ] {
        said.search("check", run(args)?.as_bytes());
    }

    // Whatever can be asked.
    let explain = ["explain", "--client", "192.0.2.9", WWW, "-c", at];
    for args in [
        &["status", "-c", at][..],
        &["events", "-c", at],
        &["pushes", "-c", at],
        &explain,
    ] {
        said.search(args[0], run(args)?.as_bytes());
        let json = [args, &["--json"]].concat();
        said.search(args[0], run(&json)?.as_bytes());
    }
    let pushes = daemon_json(&run(&["pushes", "--json", "-c", at])?)?;
    let ids = pushes
        .as_array()
        .context("a list")?
        .iter()
        .filter_map(|push| push["id"].as_str());
    let ids: Vec<&str> = ids.collect();
    ensure!(ids.len() >= names.len(), "{pushes:#}");
    for id in ids.iter().take(40) {
        said.search(
            "pushes show",
            run(&["pushes", "show", id, "-c", at])?.as_bytes(),
        );
        let record = run(&["pushes", "show", id, "--json", "-c", at])?;
        said.search("pushes show", record.as_bytes());
    }
    for path in [
        "/ready",
        "/metrics",
        "/api/v1/status",
        "/api/v1/events",
        "/api/v1/pushes",
        "/api/v1/explain?name=www.example.com&client=192.0.2.9",
        "/api/v1/pushes?channel=x",
    ] {
        let reply = get(&world, path)?;
        ensure!(reply.starts_with(b"HTTP/1.1 "), "{path}");
        said.search(path, &reply);
    }

    // Whatever can be ordered, as it should be and as it should not.
    vendors.trouble(Some(Trouble::Permanent));
    let known = ids.first().context("a message")?;
    let tests = names
        .iter()
        .map(|name| format!("{{\"channel\": \"{name}\"}}"));
    let mut orders: Vec<(&str, String)> = tests.map(|one| ("/api/v1/notify/test", one)).collect();
    orders.extend([
        (
            "/api/v1/notify/test",
            r#"{"channel": "nothing"}"#.to_owned(),
        ),
        ("/api/v1/notify/test", r#"{"channel": 7}"#.to_owned()),
        ("/api/v1/pushes/replay", format!("{{\"id\": \"{known}\"}}")),
        ("/api/v1/pushes/replay", r#"{"id": "msg_none"}"#.to_owned()),
        (
            "/api/v1/events/send",
            r#"{"kind": "test", "instance": "www"}"#.to_owned(),
        ),
        (
            "/api/v1/events/send",
            r#"{"kind": "x", "instance": "www"}"#.to_owned(),
        ),
        (
            "/api/v1/mute",
            r#"{"instance": "www", "for": "1s"}"#.to_owned(),
        ),
        (
            "/api/v1/mute",
            r#"{"instance": "www", "for": "never"}"#.to_owned(),
        ),
        (
            "/api/v1/force",
            r#"{"address": "x", "to": "up", "reason": "x"}"#.to_owned(),
        ),
        ("/api/v1/release", r#"{"strategy": "x"}"#.to_owned()),
        ("/api/v1/check", format!("{{\"file\": \"{there}\"}}")),
        ("/api/v1/reload", String::new()),
    ]);
    for (path, body) in &orders {
        let reply = asked(&world, "POST", path, body)?;
        ensure!(reply.starts_with(b"HTTP/1.1 "), "{path} {body}");
        said.search(path, &reply);
    }
    daemon.rewrite_config(&variants[2])?;
    said.search("reload", &asked(&world, "POST", "/api/v1/reload", "")?);
    daemon.rewrite_config(&config)?;

    daemon.stop()?;
    let log = fs::read(world.directory().join("igtm.log"))?;
    said.search("the log", &log);
    for entry in fs::read_dir(world.directory().join("state"))? {
        let path = entry?.path();
        if path.is_file() {
            said.search(&path.display().to_string(), &fs::read(&path)?);
        }
    }
    let (searched, records) = (&said.searched, ids.len());
    println!("redaction: octets searched: {searched:?}; {records} records");
    let leaks: Vec<&String> = said.leaks.iter().take(40).collect();
    ensure!(leaks.is_empty(), "{} leaks: {leaks:#?}", said.leaks.len());
    Ok(())
}

fn daemon_json(text: &str) -> Result<serde_json::Value> {
    let start = text.find(['[', '{']).with_context(|| text.to_owned())?;
    let mut values = serde_json::Deserializer::from_str(&text[start..]).into_iter();
    Ok(values.next().context("a value")??)
}

/// A GET at the admin's TCP address, with its token.
fn get(world: &World, path: &str) -> Result<Vec<u8>> {
    asked(world, "GET", path, "")
}

/// What the admin's TCP address replies, asked with its token.
fn asked(world: &World, method: &str, path: &str, body: &str) -> Result<Vec<u8>> {
    let mut stream = world
        .edge()
        .enter(|| Ok(TcpStream::connect((EDGE_V4, 8053))?))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {MARK}-admin-token\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply)?;
    Ok(reply)
}
