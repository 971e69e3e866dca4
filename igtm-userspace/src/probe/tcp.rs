//! The TCP handshake: all of a tcp probe, the beginning of an http one.
//!
//! Must not send or read anything on the connection.

use std::io;
use std::net::{IpAddr, SocketAddr};

use nix::sys::socket::{setsockopt, sockopt};
use tokio::net::{TcpSocket, TcpStream};

use super::failure::{Deadline, Failure, Phase};
use crate::config::model::Node;

/// A connection from `node` to `to`, by `deadline`.
pub(super) async fn connect(
    node: &Node,
    to: SocketAddr,
    deadline: Deadline,
) -> Result<TcpStream, Failure> {
    let failed = |error| Failure::Io {
        phase: Phase::Tcp,
        error,
    };
    let socket = match to {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    };
    let socket = socket.map_err(failed)?;
    bind(&socket, node, to.ip()).map_err(|error| Failure::origin(node, to.ip(), error))?;
    deadline
        .within(Phase::Tcp, socket.connect(to))
        .await?
        .map_err(failed)
}

/// Has `socket` send as `node` does.
fn bind(socket: &TcpSocket, node: &Node, to: IpAddr) -> io::Result<()> {
    if let Some(interface) = &node.interface {
        socket.bind_device(Some(interface.as_bytes()))?;
    }
    if let Some(source) = node.source(to) {
        // The port is chosen when the destination is known: else ports would be used up by the
        // sum of all targets (ip(7)).
        setsockopt(socket, sockopt::IpBindAddressNoPort, &true)?;
        socket.bind((source, 0).into())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use socket2::{Domain, Socket, Type};

    use super::super::testing::{closed_port, listener};
    use super::*;

    const LIMIT: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn an_open_port_passes_on_both_families() {
        for ip in ["127.0.0.1", "[::1]"] {
            let server = listener(ip).await;
            let to = server.local_addr().expect("bound");
            connect(&Node::local(), to, Deadline::after(LIMIT))
                .await
                .expect(ip);
        }
    }

    #[tokio::test]
    async fn a_closed_port_refuses() {
        let failure = connect(&Node::local(), closed_port(), Deadline::after(LIMIT))
            .await
            .expect_err("nobody listens");
        assert_eq!(failure.to_string(), "connection refused");
    }

    #[tokio::test]
    async fn a_server_that_accepts_no_more_times_out() {
        // A full accept queue: the kernel drops further SYNs.
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
        socket.bind(&any.into()).expect("bound");
        socket.listen(0).expect("listening");
        let to = socket.local_addr().expect("bound");
        let to = to.as_socket().expect("of an IP family");
        let mut queued = Vec::new();
        for _ in 0..16 {
            match connect(
                &Node::local(),
                to,
                Deadline::after(Duration::from_millis(200)),
            )
            .await
            {
                Ok(stream) => queued.push(stream),
                Err(failure) => {
                    assert_eq!(failure.to_string(), "timeout after 200 ms in TCP handshake");
                    return;
                }
            }
        }
        panic!("16 connections fitted a queue of length 0");
    }

    /// Whom a server on `ip` sees, when `node` connects.
    async fn seen_from(node: &Node, ip: &str) -> Result<String, Failure> {
        let server = listener(ip).await;
        let to = server.local_addr().expect("bound");
        let (connected, accepted) =
            tokio::join!(connect(node, to, Deadline::after(LIMIT)), async {
                tokio::time::timeout(Duration::from_millis(500), server.accept()).await
            });
        connected?;
        let (_, from) = accepted.expect("connected").expect("accepted");
        Ok(from.ip().to_string())
    }

    #[tokio::test]
    async fn it_comes_from_the_nodes_source_by_its_interface() {
        let node = |v4: Option<&str>, v6: Option<&str>, interface: Option<&str>| Node {
            source_v4: v4.and_then(|ip| ip.parse().ok()),
            source_v6: v6.and_then(|ip| ip.parse().ok()),
            interface: interface.map(str::to_owned),
            ..Node::local()
        };
        // node, server, whom it sees or why nobody
        let table = [
            (node(None, None, None), "127.0.0.1", Ok("127.0.0.1")),
            (
                node(Some("127.0.0.9"), None, None),
                "127.0.0.1",
                Ok("127.0.0.9"),
            ),
            (
                node(Some("127.0.0.9"), Some("::1"), Some("lo")),
                "127.0.0.1",
                Ok("127.0.0.9"),
            ),
            (
                node(Some("127.0.0.9"), Some("::1"), Some("lo")),
                "[::1]",
                Ok("::1"),
            ),
            (
                node(Some("192.0.2.9"), None, None),
                "127.0.0.1",
                Err("cannot send from 192.0.2.9: this host does not have the address"),
            ),
            (
                node(None, None, Some("nowhere0")),
                "127.0.0.1",
                Err("cannot send from nowhere0: this host does not have the interface"),
            ),
            (
                node(None, Some("2001:db8::9"), Some("lo")),
                "[::1]",
                Err("cannot send from 2001:db8::9 on lo: this host does not have the address"),
            ),
        ];
        for (node, ip, expected) in table {
            let seen = seen_from(&node, ip).await;
            // Whatever keeps a node from sending is no word about the target.
            assert!(seen.as_ref().err().is_none_or(Failure::is_local));
            let seen = seen.map_err(|failure| failure.to_string());
            assert_eq!(
                seen.as_deref().map_err(String::as_str),
                expected,
                "{node:?}"
            );
        }
    }
}
