//! Many at once: silent connections to the admin API and to DNS by TCP, and commands.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use hickory_proto::rr::RecordType;
use igtm_tests::dns::Client;
use igtm_tests::wait;
use igtm_tests::world::{EDGE_V4, Place, World};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::admin::{get, metric, run};
use crate::scene::{PATIENCE, WWW, answered, plain, set, start};

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

/// Two of three last: more of those than the daemon has places for.
const CONNECTIONS: usize = 15_750;
/// Places there are at most, and what the rest of the daemon keeps of its open files before half of them
/// are places (the manual's table of limits).
const MOST_PLACES: u64 = 10_240;
const RESERVED_FILES: u64 = 2048;
/// How long a connection may be silent (`dns/tcp.rs`), and before that is near.
const IDLE: Duration = Duration::from_secs(10);
const YOUNG: Duration = Duration::from_secs(8);

/// Connections of one client that is up to no good.
#[derive(Default)]
struct Crowd {
    /// Silent, or with a message that has only begun.
    lasting: Vec<(TcpStream, Instant)>,
    /// With half a message and no more to come.
    halves: Vec<(TcpStream, Instant)>,
    /// How long it took until the server was done with each of those.
    gone: Vec<Duration>,
}

impl Crowd {
    fn more(&mut self, server: SocketAddr, count: usize) -> Result<()> {
        for at in 0..count {
            let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
            match at % 3 {
                0 => self.lasting.push((stream, Instant::now())),
                1 => {
                    stream.write_all(&[0])?;
                    self.lasting.push((stream, Instant::now()));
                }
                _ => {
                    // Of 40 octets.
                    stream.write_all(&[[0, 40].as_slice(), &[1; 20]].concat())?;
                    stream.shutdown(Shutdown::Write)?;
                    self.halves.push((stream, Instant::now()));
                }
            }
        }
        for (half, since) in self.halves.drain(..) {
            half.set_read_timeout(Some(PATIENCE))?;
            match (&half).read(&mut [0; 64]) {
                Ok(0) => {}
                // It was told to go before it had said all.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
                other => bail!("half a message was answered with {other:?}"),
            }
            self.gone.push(since.elapsed());
        }
        Ok(())
    }

    /// How many of those that last nobody has a reason to close yet.
    fn young(&self) -> usize {
        let young = |(_, since): &&(TcpStream, Instant)| since.elapsed() < YOUNG;
        self.lasting.iter().filter(young).count()
    }
}

/// The resident memory of the daemon, KiB.
fn resident_kib(pid: &str) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let value = line.and_then(|line| line.trim().strip_suffix("kB"));
    Ok(value.context("no VmRSS")?.trim().parse()?)
}

/// Silent ones, slow ones and half-closed ones: all places are taken, memory is bounded, who has no more
/// to say is done with at once, and another client is served all the time.
#[test]
fn ten_thousand_silent_connections_make_nobody_wait() -> Result<()> {
    let (_, files) = getrlimit(Resource::RLIMIT_NOFILE)?;
    // For this process; the daemon raises its own as far. Where that is not far, it has fewer places too.
    setrlimit(Resource::RLIMIT_NOFILE, files, files).context("the limit of open files")?;
    let connections = CONNECTIONS.min(usize::try_from(files)?.saturating_sub(1000));
    let places = (files.saturating_sub(RESERVED_FILES) / 2).clamp(128, MOST_PLACES);
    let world = World::new("slowloris")?;
    let daemon = start(&world, &plain(&world, "xdp = \"off\""))?;
    let pid = daemon.pid().to_string();
    let (edge, before) = (SocketAddr::from((EDGE_V4, 53)), resident_kib(&pid)?);
    let other = Client::new(world.client(Place::Other), EDGE_V4)?;
    let (mut most_open, mut slowest) = (0, Duration::ZERO);
    let mut crowd = Crowd::default();
    for _ in 0..connections / 750 {
        let begun = Instant::now();
        world
            .client(Place::Telecom)
            .enter(|| crowd.more(edge, 750))?;
        slowest = slowest.max(other.ask_tcp(WWW, RecordType::A)?.took);
        let open = wait::until("the crowd to be let in", PATIENCE, || {
            let open = metric(&get(&world, "/metrics")?, "igtm_tcp_connections ")? as u64;
            // On a busy machine fewer are young by now, and the others may have been closed.
            let expected = places.min(crowd.young() as u64);
            Ok((open * 100 >= expected * 95).then_some(open))
        })?;
        most_open = most_open.max(open);
        println!("{open} open, {:?} for 750 more", begun.elapsed());
    }
    let asked = Instant::now();
    for _ in 0..20 {
        slowest = slowest.max(other.ask_tcp(WWW, RecordType::A)?.took);
    }
    let grown = resident_kib(&pid)?.saturating_sub(before);
    crowd.gone.sort();
    let half_closed = crowd.gone[crowd.gone.len() / 2];
    println!(
        "{most_open} open at once of {places}, {grown} KiB more; half of those with half a message were \
         gone after {half_closed:?}; the slowest reply took {slowest:?}, the last 20 {:?}",
        asked.elapsed()
    );
    // What `ask_tcp` waits for a connection or a reply is two seconds each: they would be over. Its own
    // may be one more until it is seen that it has closed.
    ensure!(most_open <= places + 1, "{most_open} of {places}");
    ensure!(half_closed < IDLE / 2, "{half_closed:?}");
    ensure!(grown < 200 * 1024, "{grown} KiB more");
    drop(crowd);
    wait::until("the connections to end", PATIENCE * 3, || {
        let open = metric(&get(&world, "/metrics")?, "igtm_tcp_connections ")?;
        Ok((open < 10.0).then_some(()))
    })?;
    daemon.stop()
}
