//! UDP: threads of their own, each with a socket of every address, so that neither queries nor the
//! rest of the daemon wait for the other.
//!
//! Decides nothing: [`super::service`] does. The kernel spreads clients over the threads' sockets
//! (SO_REUSEPORT); a thread waits for all of its own at once.

mod backlog;
mod datagrams;

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};
use tracing::{debug, error};

use super::service::Service;
use super::short::shorten;
use backlog::Backlog;
use datagrams::{BATCH, Datagrams};

/// Batches of one socket before the thread looks at its others.
const TURN: usize = 8;
/// Sockets that one wait tells of.
const TOLD: usize = 64;
/// How long a reply waits for room in the socket before it is given up.
const ROOM: u16 = 20;
/// After an error of a socket, so that a lasting one does not spin.
const PAUSE: Duration = Duration::from_millis(50);
/// The key of the wake-up; sockets' are above.
const WAKE: u64 = 0;

/// What a thread is told.
enum Change {
    Open(SocketAddr, UdpSocket),
    Close(SocketAddr),
}

/// A thread that answers; dropped, it ends.
pub(super) struct Worker {
    changes: Option<Sender<Change>>,
    wake: Arc<EventFd>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread; it has no socket yet.
    pub(super) fn start(number: usize, service: Arc<Service>) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let wake = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        let wake = Arc::new(wake);
        epoll.add(&*wake, EpollEvent::new(EpollFlags::EPOLLIN, WAKE))?;
        let (changes, told) = mpsc::channel();
        let mut sockets = Sockets {
            epoll,
            wake: Arc::clone(&wake),
            told,
            open: BTreeMap::new(),
            opened: WAKE,
        };
        let thread = thread::Builder::new()
            .name(format!("dns-udp-{number}"))
            // What goes wrong beside a query's answer ends no thread either: its sockets are all that
            // some clients are led to.
            .spawn(move || {
                while service.survive(|| sockets.serve(&service)).is_none() {
                    pause();
                }
            })?;
        Ok(Self {
            changes: Some(changes),
            wake,
            thread: Some(thread),
        })
    }

    /// Has it answer what comes to `socket`, which does not block.
    pub(super) fn open(&self, address: SocketAddr, socket: UdpSocket) {
        self.tell(Change::Open(address, socket));
    }

    /// Has it close its socket of `address`.
    pub(super) fn close(&self, address: SocketAddr) {
        self.tell(Change::Close(address));
    }

    fn tell(&self, change: Change) {
        // A thread that has ended has said why.
        let _ended = self.changes.as_ref().map(|changes| changes.send(change));
        let _awake = self.wake.write(1);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.changes = None;
        let _awake = self.wake.write(1);
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

/// The sockets of one thread.
struct Sockets {
    epoll: Epoll,
    wake: Arc<EventFd>,
    told: Receiver<Change>,
    open: BTreeMap<u64, Open>,
    /// The last key given.
    opened: u64,
}

struct Open {
    address: SocketAddr,
    socket: UdpSocket,
    backlog: Backlog,
}

impl Sockets {
    fn serve(&mut self, service: &Service) {
        let mut datagrams = Datagrams::new();
        let mut events = [EpollEvent::empty(); TOLD];
        loop {
            let ready = match self.epoll.wait(&mut events, EpollTimeout::NONE) {
                Ok(ready) => ready,
                Err(nix::Error::EINTR) => continue,
                Err(error) => {
                    error!(%error, "waiting for UDP queries");
                    pause();
                    continue;
                }
            };
            for event in &events[..ready] {
                if event.data() == WAKE {
                    if self.change() == Told::End {
                        return;
                    }
                } else if let Some(open) = self.open.get_mut(&event.data()) {
                    open.turn(&mut datagrams, service);
                }
            }
        }
    }

    fn change(&mut self) -> Told {
        let _count = self.wake.read();
        loop {
            match self.told.try_recv() {
                Ok(Change::Open(address, socket)) => self.add(address, socket),
                Ok(Change::Close(address)) => self.open.retain(|_, open| open.address != address),
                Err(TryRecvError::Empty) => return Told::GoOn,
                Err(TryRecvError::Disconnected) => return Told::End,
            }
        }
    }

    fn add(&mut self, address: SocketAddr, socket: UdpSocket) {
        self.opened += 1;
        let event = EpollEvent::new(EpollFlags::EPOLLIN, self.opened);
        if let Err(error) = self.epoll.add(&socket, event) {
            error!(%error, %address, "a UDP socket cannot be waited for");
            return;
        }
        let open = Open {
            address,
            socket,
            backlog: Backlog::default(),
        };
        self.open.insert(self.opened, open);
    }
}

#[derive(PartialEq, Eq)]
enum Told {
    GoOn,
    End,
}

impl Open {
    /// Answers what is there, up to some batches.
    fn turn(&mut self, datagrams: &mut Datagrams, service: &Service) {
        for _ in 0..TURN {
            let came = match datagrams.receive(self.socket.as_fd(), self.backlog.stamps()) {
                Ok(came) => came,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                Err(error) => {
                    // An ICMP error of an earlier reply, or no memory.
                    debug!(%error, "UDP receive");
                    pause();
                    return;
                }
            };
            let now = Instant::now();
            if let Some(stamp) = self.backlog.seen(came == BATCH, now)
                && let Err(error) = datagrams::stamp(&self.socket, stamp)
            {
                debug!(%error, "UDP time stamps");
            }
            if came > 0 {
                self.answer(datagrams, service);
            }
            if came < BATCH {
                return;
            }
        }
    }

    fn answer(&mut self, datagrams: &mut Datagrams, service: &Service) {
        let (backlog, mut batch) = (&self.backlog, service.batch());
        datagrams.reply(|query, client, waited, out| {
            if waited.is_some_and(|waited| backlog.is_late(waited)) {
                batch.shed();
                return None;
            }
            batch.udp(query, client, out)
        });
        drop(batch);
        while datagrams.has_replies() {
            match datagrams.send(self.socket.as_fd()) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let fd = PollFd::new(self.socket.as_fd(), PollFlags::POLLOUT);
                    if !matches!(poll(&mut [fd], PollTimeout::from(ROOM)), Ok(1..)) {
                        debug!(address = %self.address, "UDP send: no room");
                        datagrams.forget();
                    }
                }
                Err(error) if error.raw_os_error() == Some(libc::EMSGSIZE) && cut(datagrams) => {}
                Err(error) => {
                    // Not among the fields: those are evaluated only where somebody reads them.
                    let client = datagrams.skip();
                    debug!(%error, ?client, "UDP send");
                }
            }
        }
    }
}

/// Has the client of a reply that the interface does not take ask by TCP (RFC 9715 §3.1); whether that
/// made it smaller.
fn cut(datagrams: &mut Datagrams) -> bool {
    datagrams.unsent().is_some_and(|reply| {
        let octets = reply.len();
        shorten(reply);
        reply.len() < octets
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "a thread of its own, no async worker"
)]
fn pause() {
    thread::sleep(PAUSE);
}
