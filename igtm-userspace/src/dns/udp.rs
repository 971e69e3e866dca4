//! One UDP socket: datagrams in, replies out, many by one system call.
//!
//! Decides nothing: [`super::answer`] does. At a query a call, calls would be most of what a query
//! costs.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::IpAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tracing::debug;

use super::answer::{Transport, answer};
use super::server::{Current, PAUSE, circumstances};
use crate::metrics::replies::Replies;

/// Datagrams by one call.
const BATCH: usize = 32;

/// Octets of a query that are read: what is larger than EDNS is commonly used with (RFC 6891 §6.2.5)
/// is cut, hence malformed, and answered so.
const QUERY_OCTETS: usize = 4096;

/// Answers what comes to `socket` until dropped.
pub(super) async fn serve(socket: Arc<UdpSocket>, current: Current, replies: Arc<Replies>) {
    let mut inbox = Inbox::new();
    let mut outbox = Outbox::new();
    let fd = socket.as_raw_fd();
    loop {
        if let Err(error) = socket
            .async_io(Interest::READABLE, || inbox.receive(fd))
            .await
        {
            // An ICMP error of an earlier reply, or no memory.
            debug!(%error, "UDP receive");
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        {
            let snapshot = current.load();
            for (query, client) in inbox.queries() {
                let Some(ip) = ip(client) else { continue };
                let now = circumstances(ip, Transport::Udp);
                let reply = answer(&snapshot, query, now);
                replies.count(reply.as_deref());
                if let Some(reply) = reply {
                    outbox.add(reply, *client);
                }
            }
        }
        while !outbox.is_empty() {
            let sent = socket.async_io(Interest::WRITABLE, || outbox.send(fd));
            if let Err(error) = sent.await {
                debug!(%error, client = ?outbox.skip(), "UDP send");
            }
        }
    }
}

/// What came, and from where.
struct Inbox {
    buffers: Vec<[u8; QUERY_OCTETS]>,
    /// Octets and source of each datagram of the last call.
    came: Vec<(usize, Option<SockaddrStorage>)>,
}

impl Inbox {
    fn new() -> Self {
        Self {
            buffers: vec![[0; QUERY_OCTETS]; BATCH],
            came: Vec::with_capacity(BATCH),
        }
    }

    /// Takes what is there, at least one.
    fn receive(&mut self, fd: RawFd) -> io::Result<()> {
        self.came.clear();
        // Made anew each time: they are pointers, which may not go from thread to thread.
        let mut headers = MultiHeaders::preallocate(BATCH, None);
        let mut slices: Vec<_> = self
            .buffers
            .iter_mut()
            .map(|buffer| [IoSliceMut::new(buffer)])
            .collect();
        let came = recvmmsg(
            fd,
            &mut headers,
            slices.iter_mut(),
            MsgFlags::MSG_DONTWAIT,
            None,
        )?;
        self.came
            .extend(came.map(|datagram| (datagram.bytes, datagram.address)));
        Ok(())
    }

    fn queries(&self) -> impl Iterator<Item = (&[u8], &SockaddrStorage)> {
        let came = self.buffers.iter().zip(&self.came);
        came.filter_map(|(buffer, (octets, client))| {
            Some((buffer.get(..*octets)?, client.as_ref()?))
        })
    }
}

/// Replies that have not left yet.
struct Outbox {
    replies: Vec<Vec<u8>>,
    clients: Vec<Option<SockaddrStorage>>,
    /// How many have.
    sent: usize,
}

impl Outbox {
    fn new() -> Self {
        Self {
            replies: Vec::with_capacity(BATCH),
            clients: Vec::with_capacity(BATCH),
            sent: 0,
        }
    }

    fn add(&mut self, reply: Vec<u8>, client: SockaddrStorage) {
        self.replies.push(reply);
        self.clients.push(Some(client));
    }

    fn is_empty(&self) -> bool {
        self.replies.is_empty()
    }

    /// Sends what it can; an error is that of the first.
    fn send(&mut self, fd: RawFd) -> io::Result<()> {
        let slices: Vec<[IoSlice<'_>; 1]> = self.replies[self.sent..]
            .iter()
            .map(|reply| [IoSlice::new(reply)])
            .collect();
        let mut headers = MultiHeaders::preallocate(slices.len(), None);
        let sent = sendmmsg(
            fd,
            &mut headers,
            &slices,
            &self.clients[self.sent..],
            [],
            MsgFlags::MSG_DONTWAIT,
        )?
        .count();
        self.done(sent);
        Ok(())
    }

    /// Gives the first up; whose it was.
    fn skip(&mut self) -> Option<IpAddr> {
        let client = self.clients.get(self.sent).copied().flatten();
        self.done(1);
        ip(&client?)
    }

    fn done(&mut self, more: usize) {
        self.sent += more;
        if self.sent >= self.replies.len() {
            self.replies.clear();
            self.clients.clear();
            self.sent = 0;
        }
    }
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| IpAddr::from(v4.ip()));
    v4.or_else(|| Some(address.as_sockaddr_in6()?.ip().into()))
}
