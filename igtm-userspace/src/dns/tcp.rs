//! TCP (RFC 7766, 9210): connections accepted, each with its limits, on a runtime of their own.
//!
//! Decides nothing: [`super::service`] does, and `places.rs` says who has to go when all places are
//! taken. A client costs at most what the constants here say, whatever it does.

mod frames;
mod places;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, yield_now};
use tokio::time::{Instant as Deadline, timeout_at};
use tracing::{debug, error, info};

use super::service::Service;
use super::transfer::{Part, Transfer};
use crate::metrics::connections::Connections;
use crate::supervised::supervised;
use frames::Frames;
use places::{Place, Places, Prefix};

/// How long a connection may be silent, a message may take to come, and replies to be taken
/// (RFC 7766 §6.2.3).
pub(super) const IDLE: Duration = Duration::from_secs(10);
/// Octets that one look at a connection takes.
const CHUNK: usize = 4096;
/// With so many octets of replies waiting, they leave before more queries are answered. So a
/// connection holds at most these and one reply.
const OUTBOX: usize = 4096;
/// Octets that the kernel keeps for a connection, either way: queries are small.
pub(super) const SOCKET_OCTETS: usize = 64 * 1024;
/// After an error of a socket, so that a lasting one does not spin.
const PAUSE: Duration = Duration::from_millis(50);

/// What all connections share.
pub(super) struct Guests {
    service: Arc<Service>,
    places: Mutex<Places<AbortHandle>>,
    counts: Arc<Connections>,
    idle: Duration,
}

impl Guests {
    /// At most `most` connections at once.
    pub(super) fn new(service: Arc<Service>, most: usize, counts: Arc<Connections>) -> Self {
        Self {
            service,
            places: Mutex::new(Places::new(most)),
            counts,
            idle: IDLE,
        }
    }

    fn places(&self) -> MutexGuard<'_, Places<AbortHandle>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for `client`; somebody else's, where none is free.
    fn seat(self: &Arc<Self>, client: IpAddr) -> Seat {
        let (place, gone) = self.places().take(Prefix::of(client), Instant::now());
        self.close(gone);
        self.counts.opened();
        Seat {
            guests: Arc::clone(self),
            place,
        }
    }

    fn close(&self, gone: Option<Option<AbortHandle>>) {
        if let Some(gone) = gone {
            self.counts.made_room();
            if let Some(connection) = gone {
                connection.abort();
            }
        }
    }
}

/// A place that is taken, until dropped.
struct Seat {
    guests: Arc<Guests>,
    place: Place,
}

impl Seat {
    /// Its client has asked, and was answered.
    fn asked(&self) {
        self.guests.places().touch(self.place, Instant::now());
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.guests.places().leave(self.place);
        self.guests.counts.closed();
    }
}

/// Accepts whoever comes to `listener`, until dropped; connections go on without it.
pub(super) async fn serve(address: SocketAddr, listener: TcpListener, guests: Arc<Guests>) {
    let what = format!("DNS by TCP at {address}");
    supervised(what, async move || accept_all(&listener, &guests).await).await;
}

async fn accept_all(listener: &TcpListener, guests: &Arc<Guests>) {
    loop {
        match listener.accept().await {
            Ok((stream, client)) => {
                let seat = guests.seat(client.ip());
                let place = seat.place;
                let connection = tokio::spawn(connection(stream, client, seat));
                guests.places().name(place, connection.abort_handle());
            }
            Err(error) => {
                let no_files = [Errno::EMFILE, Errno::ENFILE].map(|errno| errno as i32);
                if error
                    .raw_os_error()
                    .is_some_and(|errno| no_files.contains(&errno))
                {
                    let gone = guests.places().make_room();
                    guests.close(gone);
                }
                error!(%error, "TCP accept");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, client: SocketAddr, seat: Seat) {
    if let Err(error) = answer_all(stream, client.ip(), &seat).await {
        debug!(%error, %client, "TCP connection");
    }
}

/// Answers message after message, until the client is done or too slow.
async fn answer_all(mut stream: TcpStream, client: IpAddr, seat: &Seat) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let idle = seat.guests.idle;
    let mut frames = Frames::default();
    let mut replies = Vec::new();
    let mut until = Deadline::now() + idle;
    loop {
        let Ok(readable) = timeout_at(until, stream.readable()).await else {
            return Ok(());
        };
        readable?;
        let (took, was_whole) = match take(&stream, &mut frames) {
            Ok((0, _)) => return Ok(()),
            Ok(took) => took,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        };
        let mut asked = false;
        loop {
            let state = answer(&mut frames, client, seat, &mut replies);
            asked |= !replies.is_empty();
            if !send(&mut stream, &mut replies, idle).await? {
                return Ok(());
            }
            match state {
                State::More => {}
                State::Transfer(mut zone) => {
                    info!(%client, zone = %zone.origin(), "zone transfer");
                    loop {
                        match next_of(&mut zone, seat, &mut replies) {
                            Some(true) => {}
                            Some(false) => break,
                            // Half a zone without an end: the client must not wait for it.
                            None => return Ok(()),
                        }
                        seat.asked();
                        if !send(&mut stream, &mut replies, idle).await? {
                            return Ok(());
                        }
                        // Zones are large, and others' queries small.
                        yield_now().await;
                    }
                    asked = true;
                }
                State::Waiting => break,
                State::Done => return Ok(()),
            }
        }
        if asked {
            seat.asked();
        }
        // A message has so long from its first octet on: a slow one is not helped by another octet.
        if asked || was_whole {
            until = Deadline::now() + idle;
        }
        if frames.is_empty() {
            // A client that only waits costs no buffers.
            (frames, replies) = (Frames::default(), Vec::new());
        }
        if took == CHUNK {
            yield_now().await;
        }
    }
}

/// Sends what waits; whether the client takes it.
async fn send(stream: &mut TcpStream, replies: &mut Vec<u8>, idle: Duration) -> io::Result<bool> {
    if replies.is_empty() {
        return Ok(true);
    }
    let Ok(written) = timeout_at(Deadline::now() + idle, stream.write_all(replies)).await else {
        return Ok(false);
    };
    written?;
    replies.clear();
    Ok(true)
}

/// Octets that came, and whether no message was under way before.
fn take(stream: &TcpStream, frames: &mut Frames) -> io::Result<(usize, bool)> {
    let mut chunk = [0; CHUNK];
    let took = stream.try_read(&mut chunk)?;
    let was_whole = frames.is_empty();
    frames.push(&chunk[..took]);
    Ok((took, was_whole))
}

enum State {
    /// There are messages that have not been answered.
    More,
    /// A whole zone is to be sent before the next message.
    Transfer(Box<Transfer>),
    /// What is left is no whole message.
    Waiting,
    /// This is no client that can be answered.
    Done,
}

/// Answers what is there, up to [`OUTBOX`].
fn answer(frames: &mut Frames, client: IpAddr, seat: &Seat, replies: &mut Vec<u8>) -> State {
    let mut batch = seat.guests.service.batch();
    let mut reply = Vec::new();
    while replies.len() < OUTBOX {
        let Some(message) = frames.next() else {
            return State::Waiting;
        };
        if let Some(transfer) = batch.transfer(message, client) {
            return State::Transfer(Box::new(transfer));
        }
        // Not even a header, or a reply: whoever sends that speaks no DNS.
        let replied = batch.tcp(message, client, &mut reply);
        if replied.is_none() || !frame(&reply, replies) {
            return State::Done;
        }
    }
    State::More
}

/// Adds the next message of a transfer, if it is ready; whether there are more, or `None` when it broke.
fn next_of(zone: &mut Transfer, seat: &Seat, replies: &mut Vec<u8>) -> Option<bool> {
    match seat.guests.service.batch().next_of(zone).ok()? {
        Some(Part::Message(message)) => frame(&message, replies).then_some(true),
        Some(Part::Pause) => Some(true),
        None => Some(false),
    }
}

/// Adds a message with its length before it (RFC 1035 §4.2.2); whether it has one.
fn frame(message: &[u8], replies: &mut Vec<u8>) -> bool {
    let Ok(octets) = u16::try_from(message.len()) else {
        return false;
    };
    replies.extend_from_slice(&octets.to_be_bytes());
    replies.extend_from_slice(message);
    true
}
