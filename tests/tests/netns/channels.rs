//! A dying backend is told through a channel of every type, in both languages, and so is its end.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use igtm_tests::backend::Backend;
use igtm_tests::daemon::Daemon;
use igtm_tests::mailbox::Mailbox;
use igtm_tests::vendors::{Sent, VENDORS, Vendors};
use igtm_tests::wait;
use igtm_tests::world::{RECEIVER, World, backend_v4};
use jiff::Timestamp;

use crate::scene::{
    WWW, backend_pool, igtm_by, instance, server, set, strategy, until_answered, web,
};

const GROUP_WAIT: Duration = Duration::from_secs(1);
/// What issue 6 allows beyond `group_wait`, from the change of the answer to the vendor.
const ALLOWED: Duration = Duration::from_secs(2);
/// How long a message is waited for, however late it is.
const PATIENCE: Duration = Duration::from_secs(20);
/// In this language the first server is told, and the second in that.
const LANGUAGES: [&str; 2] = ["zh", "en"];

/// A channel to [`Mailbox`]; the receiver's name is the language.
pub(crate) fn mail(language: &str, more: &str) -> String {
    format!(
        "[[channel]]\nname = \"email-{language}\"\ntype = \"email\"\nlanguage = \"{language}\"\n\
         smtp = \"smtps://{RECEIVER}:465\"\nfrom = \"igtm@mail.example\"\n\
         to = [\"{language}@mail.example\"]\nallow_private = true\n{more}\n"
    )
}

/// The names of all of a language, quoted.
fn names(language: &str) -> String {
    let all = VENDORS.iter().chain(&["email"]);
    let all: Vec<String> = all.map(|of| format!("\"{of}-{language}\"")).collect();
    all.join(", ")
}

/// When the daemon itself says that the last event of `kind` happened.
fn happened(world: &World, daemon: &Daemon, kind: &str) -> Result<SystemTime> {
    let events = daemon.query(world, &["events", "--kind", kind])?;
    let events = events.as_array().context("a list")?;
    let times = events.iter().filter_map(|event| event["time"].as_str());
    let times = times.filter_map(|time| time.parse::<Timestamp>().ok());
    Ok(times
        .max()
        .with_context(|| format!("no {kind}: {events:?}"))?
        .into())
}

/// Whether this message tells a person of a fallback entered, or left, in their language.
fn tells(sent: &Sent, language: &str, over: bool) -> bool {
    let text = sent.body.to_string();
    let kind = if over {
        "fallback_left"
    } else {
        "fallback_entered"
    };
    let words = match (language, over) {
        ("zh", false) => "启用兜底",
        ("zh", true) => "退出兜底",
        _ => "www",
    };
    let about = match sent.vendor {
        "webhook" => text.contains(&format!("\"kind\":\"{kind}\"")),
        "pagerduty" => {
            let action = if over { "resolve" } else { "trigger" };
            sent.body["event_action"] == action && text.contains("www")
        }
        "alertmanager" => {
            let mut alerts = sent.body.as_array().into_iter().flatten();
            // Before it is over, its end lies ahead: the next repeat moves it on.
            alerts.any(|alert| {
                let end = alert["endsAt"]
                    .as_str()
                    .and_then(|end| end.parse::<Timestamp>().ok());
                let ended = end.is_some_and(|end| SystemTime::from(end) <= sent.at);
                ended == over && alert.to_string().contains("www")
            })
        }
        _ => text.contains(words) && (language == "zh" || !text.contains("兜底")),
    };
    about && text.contains("www")
}

/// The time from `since` until each of the channels was told, the slowest last.
fn delays(
    servers: &[Vendors; 2],
    mailbox: &Mailbox,
    over: bool,
    began: SystemTime,
) -> Result<Vec<(SystemTime, String)>> {
    let mut told = Vec::new();
    for (server, language) in servers.iter().zip(LANGUAGES) {
        for vendor in VENDORS {
            let what = format!("{vendor}-{language} (over: {over})");
            let at = wait::until(&what, PATIENCE, || {
                let sent = server.sent();
                if let Some(wrong) = sent.iter().find(|one| one.wrong.is_some()) {
                    anyhow::bail!("{wrong:#?}");
                }
                let mut of = sent
                    .iter()
                    .filter(|one| one.vendor == vendor && one.at > began);
                Ok(of.find(|one| tells(one, language, over)).map(|one| one.at))
            });
            let at = at.with_context(|| {
                let sent = server.sent();
                let of = sent
                    .iter()
                    .filter(|one| one.vendor == vendor && one.at > began);
                format!(
                    "{:#?}",
                    of.map(|one| one.body.to_string()).collect::<Vec<_>>()
                )
            })?;
            told.push((at, what));
        }
        let words = match (language, over) {
            ("zh", false) => "启用兜底",
            ("zh", true) => "退出兜底",
            _ => "www",
        };
        let what = format!("email-{language} (over: {over})");
        let at = wait::until(&what, PATIENCE, || {
            let mails = mailbox.mails();
            let mut of = mails.iter().filter(|mail| mail.at > began);
            let found = of.find(|mail| {
                mail.text.contains(&format!("{language}@mail.example")) && mail.text.contains(words)
            });
            Ok(found.map(|mail| mail.at))
        })?;
        told.push((at, what));
    }
    told.sort();
    Ok(told)
}

fn in_time(told: &[(SystemTime, String)], changed: SystemTime, what: &str) -> Result<()> {
    let delay = |at: &SystemTime| at.duration_since(changed).unwrap_or_default();
    let (first, last) = (told.first().context("some")?, told.last().context("some")?);
    println!(
        "channels: {what}: {} channels told between {:?} and {:?} after the change, group_wait {GROUP_WAIT:?}",
        told.len(),
        delay(&first.0),
        delay(&last.0)
    );
    for (at, channel) in told {
        let took = delay(at);
        ensure!(
            took <= GROUP_WAIT + ALLOWED,
            "{channel}: {took:?} after the change"
        );
    }
    Ok(())
}

#[test]
fn a_channel_of_every_type_tells_of_a_death_and_its_end_in_both_languages() -> Result<()> {
    let world = World::new("channels")?;
    let mut first = Backend::start(world.backends(), "first", backend_v4(1))?;
    let _second = Backend::start(world.backends(), "second", backend_v4(2))?;
    let servers = [
        Vendors::start(world.backends(), (RECEIVER, 80).into())?,
        Vendors::start(world.backends(), (RECEIVER, 81).into())?,
    ];
    let mailbox = Mailbox::start(world.backends(), (RECEIVER, 465).into(), world.directory())?;
    let mut config = server(&world, "xdp = \"off\"")
        + &web("1s", "300ms", 0)
        + &backend_pool("first", &[1])
        + &backend_pool("second", &[2])
        + &instance(WWW)
        + &strategy("default", "default", &["first"], "second");
    for (server, language) in servers.iter().zip(LANGUAGES) {
        config += &server.channels(language);
        config += &mail(language, "");
    }
    config += &format!(
        "[[channel]]\nname = \"everyone\"\ntype = \"group\"\nchannels = [{}]\n\
         [[subscription]]\nname = \"all\"\nchannels = [{}, \"everyone\"]\ngroup_wait = \"{}s\"\n\
         events = [\"address_down\", \"address_up\", \"fallback_entered\", \"fallback_left\"]\n",
        names("en"),
        names("zh"),
        GROUP_WAIT.as_secs()
    );
    let roots = format!("env SSL_CERT_FILE={}", mailbox.roots().display());
    let mut daemon = Daemon::spawn(&world, &igtm_by(&world, &roots)?, &config)?;
    daemon.wait_until_ready()?;
    until_answered(&world, &set(&[backend_v4(1)]))?;

    let began = SystemTime::now();
    first.stop();
    until_answered(&world, &set(&[backend_v4(2)]))?;
    let told = delays(&servers, &mailbox, false, began)?;
    in_time(
        &told,
        happened(&world, &daemon, "fallback_entered")?,
        "a death",
    )?;

    let began = SystemTime::now();
    first.resume()?;
    until_answered(&world, &set(&[backend_v4(1)]))?;
    let told = delays(&servers, &mailbox, true, began)?;
    in_time(
        &told,
        happened(&world, &daemon, "fallback_left")?,
        "its end",
    )?;
    daemon.stop()
}

#[test]
fn who_is_refused_for_now_is_mailed_alone_later_and_keeps_nobody_waiting() -> Result<()> {
    let world = World::new("greylist")?;
    let _first = Backend::start(world.backends(), "first", backend_v4(1))?;
    let _second = Backend::start(world.backends(), "second", backend_v4(2))?;
    let mailbox = Mailbox::start(world.backends(), (RECEIVER, 465).into(), world.directory())?;
    mailbox.greylist(true);
    let to = "\"ops@mail.example\", \"grey@mail.example\"";
    let config = server(&world, "xdp = \"off\"")
        + &web("1s", "300ms", 0)
        + &backend_pool("first", &[1])
        + &backend_pool("second", &[2])
        + &instance(WWW)
        + &strategy("default", "default", &["first"], "second")
        + &mail("en", "").replace("\"en@mail.example\"", to)
        + "[[subscription]]\nname = \"all\"\nchannels = [\"email-en\"]\ngroup_wait = \"0s\"\n\
           events = [\"fallback_entered\", \"fallback_left\"]\n";
    let roots = format!("env SSL_CERT_FILE={}", mailbox.roots().display());
    let mut daemon = Daemon::spawn(&world, &igtm_by(&world, &roots)?, &config)?;
    daemon.wait_until_ready()?;
    let of = |name: &str| {
        let mails = mailbox.mails().into_iter();
        let whole = format!("{name}@mail.example");
        mails.filter(|mail| mail.to == [whole.clone()]).count()
    };
    let tell = |kind: &str| daemon.query(&world, &["events", "send", kind, "--instance", "www"]);
    let ops_have = |count: usize| {
        wait::until("a mail to ops", PATIENCE, || {
            Ok((of("ops") == count).then_some(()))
        })
    };
    tell("fallback_entered")?;
    ops_have(1)?;
    // What is left of the first one waits and is refused; the second one does not wait for it.
    tell("fallback_left")?;
    ops_have(2)?;
    mailbox.greylist(false);
    wait::until("both mails to grey", PATIENCE, || {
        Ok((of("grey") == 2).then_some(()))
    })?;
    ensure!(
        of("ops") == 2,
        "nobody is told twice: {:?}",
        mailbox.mails()
    );
    let pushes = daemon.query(&world, &["pushes"])?;
    let text = pushes.to_string();
    ensure!(text.contains("what is left of msg_"), "{text}");
    daemon.stop()
}
