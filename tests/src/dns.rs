//! A small DNS client that asks from inside a namespace, over UDP and TCP.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hickory_proto::op::{Edns, Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};

use crate::netns::Netns;

/// How long a reply may take.
pub const TIMEOUT: Duration = Duration::from_secs(2);

/// A reply, parsed.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The whole of it.
    pub message: Message,
    /// From the query's sending to the reply's arrival.
    pub took: Duration,
}

impl Reply {
    /// The addresses in the answer section, in order.
    pub fn addresses(&self) -> Vec<IpAddr> {
        addresses(&self.message)
    }

    /// The response code.
    pub fn code(&self) -> ResponseCode {
        self.message.metadata.response_code
    }
}

/// The addresses in the answer section, in order.
pub fn addresses(message: &Message) -> Vec<IpAddr> {
    let answers = message.answers.iter();
    answers
        .filter_map(|record| match &record.data {
            RData::A(address) => Some(IpAddr::V4(address.0)),
            RData::AAAA(address) => Some(IpAddr::V6(address.0)),
            _ => None,
        })
        .collect()
}

/// Asks one server from one namespace.
#[derive(Debug)]
pub struct Client<'a> {
    netns: &'a Netns,
    server: SocketAddr,
    socket: UdpSocket,
}

impl<'a> Client<'a> {
    /// Asks port 53 of `server`.
    pub fn new(netns: &'a Netns, server: impl Into<IpAddr>) -> Result<Self> {
        let server = SocketAddr::new(server.into(), 53);
        let socket = udp_socket(netns, server, None)?;
        Ok(Self {
            netns,
            server,
            socket,
        })
    }

    /// The same from the address `source` of the namespace.
    pub fn from(netns: &'a Netns, source: IpAddr, server: impl Into<IpAddr>) -> Result<Self> {
        let server = SocketAddr::new(server.into(), 53);
        let socket = udp_socket(netns, server, Some(source))?;
        Ok(Self {
            netns,
            server,
            socket,
        })
    }

    /// Asks over UDP with an OPT, as `dig` does.
    pub fn ask(&self, name: &str, r#type: RecordType) -> Result<Reply> {
        self.send(&query(name, r#type, true)?)
    }

    /// Sends `query` over UDP and does not wait.
    pub fn post(&self, query: &Message) -> Result<()> {
        self.socket.send(&query.to_vec()?)?;
        Ok(())
    }

    /// The next reply to whatever was sent.
    pub fn next(&self) -> Result<Message> {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer);
        let length = length.with_context(|| format!("no reply from {}", self.server))?;
        Ok(Message::from_vec(&buffer[..length])?)
    }

    /// Sends `query` over UDP and waits for the reply with its id.
    pub fn send(&self, query: &Message) -> Result<Reply> {
        let start = Instant::now();
        self.socket.send(&query.to_vec()?)?;
        let mut buffer = [0; 4096];
        loop {
            let length = self
                .socket
                .recv(&mut buffer)
                .with_context(|| format!("no reply from {}", self.server))?;
            let message = Message::from_vec(&buffer[..length])?;
            // A late reply to an earlier query is not ours.
            if message.metadata.id == query.metadata.id {
                let took = start.elapsed();
                return Ok(Reply { message, took });
            }
        }
    }

    /// Asks over TCP (RFC 7766), one query a connection.
    pub fn ask_tcp(&self, name: &str, r#type: RecordType) -> Result<Reply> {
        self.send_tcp(&query(name, r#type, true)?)
    }

    /// Sends `query` over TCP.
    pub fn send_tcp(&self, query: &Message) -> Result<Reply> {
        let start = Instant::now();
        let octets = self.netns.enter(|| exchange_tcp(self.server, query))?;
        let message = Message::from_vec(&octets)?;
        ensure!(
            message.metadata.id == query.metadata.id,
            "another query's reply"
        );
        let took = start.elapsed();
        Ok(Reply { message, took })
    }
}

/// A query for `name`, recursion not desired; with an OPT of 1232 octets if `edns`.
pub fn query(name: &str, r#type: RecordType, edns: bool) -> Result<Message> {
    let mut name = Name::from_ascii(name)?;
    name.set_fqdn(true);
    let mut message = Message::query();
    message.add_query(Query::query(name, r#type));
    if edns {
        let mut edns = Edns::new();
        edns.set_max_payload(1232);
        message.set_edns(edns);
    }
    Ok(message)
}

/// A socket connected to `server`, inside `netns`.
pub(crate) fn udp_socket(
    netns: &Netns,
    server: SocketAddr,
    source: Option<IpAddr>,
) -> Result<UdpSocket> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = netns.enter(|| Ok(UdpSocket::bind((source.unwrap_or(any), 0))?))?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(TIMEOUT))?;
    Ok(socket)
}

fn exchange_tcp(server: SocketAddr, query: &Message) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&server, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let octets = query.to_vec()?;
    let mut framed = u16::try_from(octets.len())?.to_be_bytes().to_vec();
    framed.extend(octets);
    stream.write_all(&framed)?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut reply = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut reply)?;
    Ok(reply)
}
