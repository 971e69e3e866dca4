//! The steps of the demonstration, less the failover: each shows something and checks it.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use igtm_tests::netns;
use igtm_tests::world::{EDGE_INTERFACE, EDGE_V4, EDGE_V6, Place, RECEIVER, World, backend_v4};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::dig;
use crate::scene::{Asked, Scene, name_of};
use crate::screen::Screen;

/// What each place is answered while all is well, by name.
pub(crate) const WELL: [&[&str]; 3] = [&["guangzhou"], &["beijing-1", "beijing-2"], &["frankfurt"]];

pub(crate) fn network(screen: &Screen) -> Result<World> {
    screen.step("A network of its own");
    let start = Instant::now();
    let world = World::new("demo")?;
    let mut rows = vec![[
        world.edge().name().to_owned(),
        format!("{EDGE_V4}  {EDGE_V6}"),
        format!("answers DNS; XDP on {EDGE_INTERFACE}"),
    ]];
    for place in Place::ALL {
        let part = match place {
            Place::Other => "a client outside both operators".to_owned(),
            _ => format!("a client in the prefixes of {}", place.name()),
        };
        rows.push([
            world.client(place).name().to_owned(),
            format!("{}  {}", place.v4(10), place.v6(0x10)),
            part,
        ]);
    }
    rows.push([
        world.backends().name().to_owned(),
        format!("{} – {}", backend_v4(1), backend_v4(5)),
        format!("five web servers; a webhook receiver at {RECEIVER}"),
    ]);
    rows.push([
        world.router().name().to_owned(),
        String::new(),
        "connects them by veth pairs".to_owned(),
    ]);
    screen.table(["namespace", "addresses", "part"], &rows);
    screen.passed(&format!("there in {} ms", start.elapsed().as_millis()));
    Ok(world)
}

pub(crate) fn daemon(scene: &Scene<'_>, screen: &Screen) -> Result<()> {
    screen.step("The daemon");
    screen.passed(&format!(
        "ready after {} ms, every backend probed once before the first answer",
        scene.ready_after.as_millis()
    ));
    let links = netns::ip(&[
        "-n",
        scene.world.edge().name(),
        "-json",
        "link",
        "show",
        EDGE_INTERFACE,
    ])?;
    let links: Value = serde_json::from_str(&links).context("what ip prints")?;
    // XDP_ATTACHED_DRV of linux/if_link.h
    ensure!(
        links[0]["xdp"]["mode"] == 1,
        "{EDGE_INTERFACE} has no native XDP program: {}",
        links[0]["xdp"]
    );
    screen.passed(&format!("XDP is attached to {EDGE_INTERFACE}, natively"));
    Ok(())
}

pub(crate) fn answers(scene: &Scene<'_>, screen: &Screen) -> Result<()> {
    screen.step("Each client gets its own line's answer");
    let asked = scene.ask_everywhere(WELL)?;
    show_answers(screen, &asked);
    screen.passed("as configured: telecom, unicom and the default line");

    screen.step("These answers came from the kernel");
    let row = |name: &str| {
        let count = |counters: &igtm_tests::daemon::Counters| {
            counters.get(name).copied().unwrap_or(0).to_string()
        };
        [name.to_owned(), count(&asked.before), count(&asked.after)]
    };
    screen.table(
        ["counter (igtm map counters)", "before", "after"],
        &["reply_answer", "pass_userspace"].map(row),
    );
    screen.passed("three queries, three replies by XDP, none passed up to the daemon");
    Ok(())
}

pub(crate) fn show_answers(screen: &Screen, asked: &Asked) {
    let rows: Vec<[String; 4]> = asked
        .answers
        .iter()
        .map(|(place, addresses)| {
            let names: Vec<&str> = addresses.iter().map(|address| name_of(address)).collect();
            [
                place.name().to_owned(),
                place.v4(10).to_string(),
                addresses.join("  "),
                names.join(", "),
            ]
        })
        .collect();
    screen.table(
        ["client", "asks from", &dig::command_line(), "which is"],
        &rows,
    );
}

pub(crate) fn daemon_killed(scene: &mut Scene<'_>, screen: &Screen) -> Result<()> {
    screen.step("The daemon is killed, and the kernel goes on answering");
    scene.daemon.signal(Signal::SIGKILL)?;
    scene.daemon.wait()?;
    let asked = scene.ask_everywhere(WELL)?;
    show_answers(screen, &asked);
    screen.passed("the same answers with no daemon running");
    scene.restart_daemon()?;
    scene.ask_everywhere(WELL)?;
    screen.passed("a new daemon has adopted the pinned maps and answers on");
    Ok(())
}

pub(crate) fn by_hand(scene: &Scene<'_>, screen: &Screen) {
    screen.step("Try it by hand, as root");
    let config = scene.daemon.config().display();
    let igtm = scene.igtm().display();
    let pins = scene.world.bpffs();
    for place in Place::ALL {
        let client = scene.world.client(place).name();
        let ask = dig::command_line();
        screen.command(
            &format!("ask as a client {}", said(place)),
            &format!("ip netns exec {client} {ask}"),
        );
    }
    screen.command(
        "what the kernel answers from, in words",
        &format!("{igtm} map answers -c {config}"),
    );
    screen.command(
        "the same from the pinned map itself",
        &format!("bpftool map dump pinned {}/v1/ANSWERS", pins.display()),
    );
    screen.command(
        "how often, and why anything was passed up",
        &format!("{igtm} map counters -c {config}"),
    );
    screen.command(
        "what the daemon logs",
        &format!("tail -f {}", scene.daemon.log_path().display()),
    );
}

fn said(place: Place) -> &'static str {
    match place {
        Place::Telecom => "of telecom",
        Place::Unicom => "of unicom",
        Place::Other => "of neither",
    }
}
