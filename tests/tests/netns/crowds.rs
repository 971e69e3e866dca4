//! Many at once at the admin API: silent connections, and commands.

use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use igtm_tests::wait;
use igtm_tests::world::{EDGE_V4, Place, World};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::admin::run;
use crate::scene::{answered, plain, set, start};

const SILENT: usize = 1000;
const RELOADS: usize = 50;
/// What a command took before silent connections had to make room, and more.
const LATE: Duration = Duration::from_secs(10);

#[test]
fn a_thousand_silent_connections_keep_nobody_out() -> Result<()> {
    let world = World::new("silent")?;
    let listen =
        format!("listen = \"{EDGE_V4}:8053\"\ntoken = \"a-token-for-this-test\"\n[[zone]]");
    let config = plain(&world, "xdp = \"off\"").replacen("[[zone]]", &listen, 1);
    let daemon = start(&world, &config)?;
    // Both crowds are this process's.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    let socket = world.directory().join("admin.sock");
    let silent: Vec<UnixStream> = (0..SILENT)
        .map(|_| Ok(UnixStream::connect(&socket)?))
        .collect::<Result<_>>()?;
    let ask = || -> Result<Duration> {
        let begun = Instant::now();
        let (code, text) = run(&daemon, &["status"])?;
        ensure!(code == 0, "{code} {text}");
        Ok(begun.elapsed())
    };
    let took = ask()?;
    ensure!(took < LATE, "{took:?}");
    // By TCP as well, and those are others' places.
    let client = world.client(Place::Other);
    let more: Vec<TcpStream> = client.enter(|| {
        (0..SILENT)
            .map(|_| Ok(TcpStream::connect((EDGE_V4, 8053))?))
            .collect::<Result<_>>()
    })?;
    let took = ask()?;
    ensure!(took < LATE, "{took:?}");
    println!("crowds: igtm status beside {SILENT} silent connections each took {took:?}");
    drop((silent, more));
    answered(&world, &set(&["192.0.2.1", "192.0.2.2"]))?;
    daemon.stop()
}

#[test]
fn fifty_reloads_at_once_all_succeed() -> Result<()> {
    let world = World::new("reloads")?;
    let daemon = start(&world, &plain(&world, "xdp = \"off\""))?;
    thread::scope(|scope| {
        let each: Vec<_> = (0..RELOADS)
            .map(|_| scope.spawn(|| run(&daemon, &["reload"])))
            .collect();
        // Each reload is told to whoever started the daemon, which here is us.
        while each.iter().any(|one| !one.is_finished()) {
            daemon.forget_notifications()?;
            wait::pause(wait::STEP);
        }
        each.into_iter().try_for_each(|one| {
            let (code, text) = one.join().expect("no panic")?;
            ensure!(code == 0, "{code} {text}");
            Ok(())
        })
    })?;
    answered(&world, &set(&["192.0.2.1", "192.0.2.2"]))?;
    daemon.stop()
}
