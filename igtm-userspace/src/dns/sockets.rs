//! The sockets of one address: bound, not yet read.
//!
//! Must not decide which addresses there are: `Server::answered` does.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::AsRawFd;

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::tcp::SOCKET_OCTETS;

/// TCP connections that wait to be accepted.
const BACKLOG: i32 = 1024;
/// Octets of queries that wait in a UDP socket: about a thousand queries, a few milliseconds of a
/// core's work. Raised, never lowered.
const UDP_OCTETS: usize = 1024 * 1024;

/// A socket that could not be bound, and why.
pub(super) type Refused = (&'static str, io::Error);

/// What serves one address.
pub(super) struct Bound {
    /// One for each thread; the kernel spreads clients over them.
    pub(super) udp: Vec<UdpSocket>,
    pub(super) tcp: TcpListener,
}

impl Bound {
    /// Binds `threads` UDP sockets and one for TCP.
    pub(super) fn bind(address: SocketAddr, threads: usize) -> Result<Self, Refused> {
        let tcp = tcp(address).map_err(|error| ("TCP", error))?;
        let udp = udp(address, threads).map_err(|error| ("UDP", error))?;
        Ok(Self { udp, tcp })
    }
}

fn udp(address: SocketAddr, count: usize) -> io::Result<Vec<UdpSocket>> {
    // Alone, this one says whether another server has the address: sockets that share theirs would
    // share it with that one's as well.
    let alone = bound(address, Type::DGRAM, |socket| unfragmented(socket, address))?;
    if count <= 1 {
        receive_more(&alone);
        return Ok(vec![alone.into()]);
    }
    drop(alone);
    let one = || {
        let socket = bound(address, Type::DGRAM, |socket| {
            socket.set_reuse_port(true)?;
            unfragmented(socket, address)
        })?;
        receive_more(&socket);
        Ok(socket.into())
    };
    std::iter::repeat_with(one).take(count).collect()
}

fn tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = bound(address, Type::STREAM, |socket| {
        // A restart need not wait for the last connections of the former run.
        socket.set_reuse_address(true)?;
        // Its connections inherit them.
        socket.set_recv_buffer_size(SOCKET_OCTETS)?;
        socket.set_send_buffer_size(SOCKET_OCTETS)
    })?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn bound(
    address: SocketAddr,
    kind: Type,
    options: impl FnOnce(&Socket) -> io::Result<()>,
) -> io::Result<Socket> {
    let protocol = match kind {
        Type::STREAM => Protocol::TCP,
        _ => Protocol::UDP,
    };
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    options(&socket)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Has no reply of `socket` fragmented (RFC 9715 §3.1): those over IPv4 have DF, as the kernel's have,
/// and what is larger than the interface takes is an error. Of a path that takes less, ICMP is not
/// believed: anybody may send it. The kernel chooses no identification for such datagrams either
/// (RFC 6864 §4.1), which is a tenth of what a reply costs.
fn unfragmented(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    let (level, option, value) = match address {
        SocketAddr::V4(_) => (
            libc::IPPROTO_IP,
            libc::IP_MTU_DISCOVER,
            libc::IP_PMTUDISC_PROBE,
        ),
        SocketAddr::V6(_) => (
            libc::IPPROTO_IPV6,
            libc::IPV6_MTU_DISCOVER,
            libc::IPV6_PMTUDISC_PROBE,
        ),
    };
    let octets = size_of_val(&value) as libc::socklen_t;
    // SAFETY: the value outlives the call, and `octets` is its size.
    let failed = unsafe {
        let value = (&raw const value).cast();
        libc::setsockopt(socket.as_raw_fd(), level, option, value, octets)
    };
    nix::errno::Errno::result(failed)?;
    Ok(())
}

/// As much as is wanted, where this process may; else what the host allows everybody.
fn receive_more(socket: &Socket) {
    let socket = SockRef::from(socket);
    // The kernel doubles what it is told, and tells that.
    if socket
        .recv_buffer_size()
        .is_ok_and(|octets| octets >= 2 * UDP_OCTETS)
    {
        return;
    }
    let forced = nix::sys::socket::setsockopt(
        &*socket,
        nix::sys::socket::sockopt::RcvBufForce,
        &UDP_OCTETS,
    );
    if forced.is_err() {
        let _as_it_was = socket.set_recv_buffer_size(UDP_OCTETS);
    }
}
