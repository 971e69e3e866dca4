//! The sockets of the userspace authority: UDP and TCP on every address of `listen`.
//!
//! Decides nothing: [`super::answer`] does.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use nix::ifaddrs::getifaddrs;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{debug, error, info};

use super::answer::{Circumstances, Transport, answer};
use super::transfer::transfer;
use super::udp;
use crate::config::model::Server;
use crate::metrics::replies::Replies;
use crate::snapshot::Snapshot;

/// What every socket answers from.
pub type Current = Arc<ArcSwap<Snapshot>>;

/// TCP connections at once; more wait to be accepted.
const CONNECTIONS: usize = 1024;
/// How long a TCP connection may be silent, or a write may take (RFC 7766 §6.2.3).
const IDLE: Duration = Duration::from_secs(10);
/// After an error of a socket, so that a lasting one does not spin.
pub(super) const PAUSE: Duration = Duration::from_millis(50);
const BACKLOG: i32 = 1024;

/// Why the server does not listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// A socket could not be bound.
    #[error("server.listen: {address} ({protocol}): {error}{}", hint(error))]
    Bind {
        /// Where.
        address: SocketAddr,
        /// `UDP` or `TCP`.
        protocol: &'static str,
        /// Why.
        error: io::Error,
    },
    /// The host's addresses could not be listed.
    #[error("server.listen: this host's addresses cannot be listed: {error}")]
    Addresses {
        /// Why.
        error: io::Error,
    },
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; another server has it (`ss -lnp` shows which)",
        io::ErrorKind::AddrNotAvailable => "; this host does not have it",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need CAP_NET_BIND_SERVICE",
        _ => "",
    }
}

/// Bound sockets that nobody reads yet: queries wait in them for the first answer.
pub struct Listener {
    udp: Vec<UdpSocket>,
    tcp: Vec<TcpListener>,
}

impl Listener {
    /// Binds every address. An unspecified one stands for each address the host has now, so
    /// that a reply leaves from the address that was asked.
    pub fn bind(server: &Server) -> Result<Self, ListenError> {
        let mut listener = Self {
            udp: Vec::new(),
            tcp: Vec::new(),
        };
        for address in addresses(server)? {
            let bind = |protocol, result: io::Result<Socket>| {
                result.map_err(|error| ListenError::Bind {
                    address,
                    protocol,
                    error,
                })
            };
            let udp = bind("UDP", socket(address, Type::DGRAM, Protocol::UDP))?;
            let tcp = bind("TCP", socket(address, Type::STREAM, Protocol::TCP))?;
            let wrap = |protocol, error| ListenError::Bind {
                address,
                protocol,
                error,
            };
            let udp = UdpSocket::from_std(udp.into()).map_err(|error| wrap("UDP", error))?;
            let tcp = TcpListener::from_std(tcp.into()).map_err(|error| wrap("TCP", error))?;
            listener.udp.push(udp);
            listener.tcp.push(tcp);
        }
        Ok(listener)
    }

    /// Answers from `current` until the returned tasks are dropped.
    pub fn serve(self, current: &Current, replies: &Arc<Replies>) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for socket in self.udp {
            let socket = Arc::new(socket);
            for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
                let (socket, current) = (Arc::clone(&socket), Arc::clone(current));
                tasks.spawn(udp::serve(socket, current, Arc::clone(replies)));
            }
        }
        let connections = Arc::new(Semaphore::new(CONNECTIONS));
        for listener in self.tcp {
            tasks.spawn(serve_tcp(
                listener,
                Arc::clone(current),
                Arc::clone(replies),
                Arc::clone(&connections),
            ));
        }
        tasks
    }
}

fn socket(address: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if kind == Type::STREAM {
        // A restart need not wait for the last connections of the former run.
        socket.set_reuse_address(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    if kind == Type::STREAM {
        socket.listen(BACKLOG)?;
    }
    Ok(socket)
}

fn addresses(server: &Server) -> Result<Vec<SocketAddr>, ListenError> {
    let host = own_addresses()?;
    let answered = server.answered(&host).into_iter();
    Ok(answered
        .map(|address| SocketAddr::new(address, server.port))
        .collect())
}

fn own_addresses() -> Result<Vec<IpAddr>, ListenError> {
    let interfaces = getifaddrs().map_err(|error| ListenError::Addresses {
        error: error.into(),
    })?;
    let own = interfaces.filter_map(|interface| {
        let address = interface.address?;
        let v4 = address.as_sockaddr_in().map(|v4| IpAddr::from(v4.ip()));
        v4.or_else(|| Some(address.as_sockaddr_in6()?.ip().into()))
    });
    Ok(own.collect())
}

pub(super) fn circumstances(client: IpAddr, transport: Transport) -> Circumstances {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    Circumstances {
        client,
        transport,
        random: rand::random(),
        // Modulo 2^32, as cookies count (RFC 9018 §4.3); a clock before 1970 makes them invalid.
        now: now.map_or(0, |now| now.as_secs() as u32),
    }
}

async fn serve_tcp(
    listener: TcpListener,
    current: Current,
    replies: Arc<Replies>,
    connections: Arc<Semaphore>,
) {
    // Dropping the set ends its connections.
    let mut served = JoinSet::new();
    loop {
        while served.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, client)) => {
                let (current, replies) = (Arc::clone(&current), Arc::clone(&replies));
                served.spawn(async move {
                    let served = serve_connection(stream, client.ip(), &current, &replies);
                    if let Err(error) = served.await {
                        debug!(%error, %client, "TCP connection");
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                error!(%error, "TCP accept");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Messages with two octets of length before each (RFC 1035 §4.2.2), until the client is done.
async fn serve_connection(
    mut stream: TcpStream,
    client: IpAddr,
    current: &Current,
    replies: &Replies,
) -> io::Result<()> {
    let mut query = Vec::new();
    loop {
        let length = match timeout(IDLE, stream.read_u16()).await {
            Ok(Ok(length)) => usize::from(length),
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Ok(Err(error)) => return Err(error),
            Err(_elapsed) => return Ok(()),
        };
        query.resize(length, 0);
        timeout(IDLE, stream.read_exact(&mut query)).await??;
        let snapshot = current.load_full();
        let now = circumstances(client, Transport::Tcp);
        if let Some(transfer) = transfer(&snapshot, &query, now) {
            info!(%client, zone = %transfer.origin(), "zone transfer");
            for message in transfer {
                replies.count(Some(&message));
                send(&mut stream, &message).await?;
            }
            continue;
        }
        let reply = answer(&snapshot, &query, now);
        replies.count(reply.as_deref());
        let Some(reply) = reply else {
            return Ok(());
        };
        send(&mut stream, &reply).await?;
    }
}

async fn send(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let mut framed = (message.len() as u16).to_be_bytes().to_vec();
    framed.extend_from_slice(message);
    timeout(IDLE, stream.write_all(&framed)).await?
}
