//! A name server on loopback for tests: real packets, answers that a case may change or withhold.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, SOA};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// What it says of a name.
#[derive(Clone, Debug)]
pub(super) enum Says {
    /// These, with this TTL, at the name itself.
    Addresses(Vec<IpAddr>, u32),
    /// The same behind a CNAME of this TTL.
    Behind(u32, Vec<IpAddr>, u32),
    /// There is no such name, for so long.
    NoName(u32),
    /// SERVFAIL.
    Failure,
}

/// The server; ends with the value.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    says: Arc<Mutex<HashMap<Name, Says>>>,
    task: JoinHandle<()>,
}

impl Server {
    pub(super) async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("loopback");
        let address = socket.local_addr().expect("it is bound");
        let says: Arc<Mutex<HashMap<Name, Says>>> = Arc::default();
        let task = tokio::spawn(serve(socket, Arc::clone(&says)));
        Self {
            address,
            says,
            task,
        }
    }

    pub(super) fn says(&self, name: &str, says: Says) {
        let name = Name::from_ascii(name).expect("a name");
        self.says.lock().expect("nobody panics").insert(name, says);
    }

    /// As a server that is off: its port is closed.
    pub(super) fn kill(&self) {
        self.task.abort();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(socket: UdpSocket, says: Arc<Mutex<HashMap<Name, Says>>>) {
    let mut buffer = [0; 1500];
    while let Ok((octets, client)) = socket.recv_from(&mut buffer).await {
        let query = Message::from_vec(&buffer[..octets]).expect("a resolver's query");
        let known = says.lock().expect("nobody panics").clone();
        let reply = reply(&query, &known);
        let octets = reply.to_vec().expect("it can be encoded");
        socket.send_to(&octets, client).await.expect("loopback");
    }
}

fn reply(query: &Message, says: &HashMap<Name, Says>) -> Message {
    let mut reply = Message::error_msg(
        query.metadata.id,
        query.metadata.op_code,
        ResponseCode::NoError,
    );
    reply.add_queries(query.queries.clone());
    let question = &query.queries[0];
    let (name, rtype) = (question.name().clone(), question.query_type());
    match says.get(&name) {
        Some(Says::Addresses(addresses, ttl)) => {
            reply.add_answers(records(&name, addresses, *ttl, rtype));
        }
        Some(Says::Behind(alias_ttl, addresses, ttl)) => {
            let end = Name::from_ascii("end.example.org.").expect("a name");
            let alias = RData::CNAME(CNAME(end.clone()));
            reply.add_answer(Record::from_rdata(name, *alias_ttl, alias));
            reply.add_answers(records(&end, addresses, *ttl, rtype));
        }
        Some(Says::NoName(ttl)) => {
            reply.metadata.response_code = ResponseCode::NXDomain;
            let root = Name::root();
            let soa = SOA::new(root.clone(), root.clone(), 1, 1, 1, 1, *ttl);
            reply.add_authority(Record::from_rdata(root, *ttl, RData::SOA(soa)));
        }
        Some(Says::Failure) | None => reply.metadata.response_code = ResponseCode::ServFail,
    }
    reply
}

fn records(owner: &Name, addresses: &[IpAddr], ttl: u32, rtype: RecordType) -> Vec<Record> {
    let data = addresses.iter().filter_map(|ip| match (ip, rtype) {
        (IpAddr::V4(v4), RecordType::A) => Some(RData::A(A(*v4))),
        (IpAddr::V6(v6), RecordType::AAAA) => Some(RData::AAAA(AAAA(*v6))),
        _ => None,
    });
    data.map(|data| Record::from_rdata(owner.clone(), ttl, data))
        .collect()
}
