//! Many datagrams at once over a real socket, and what must not stop it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::super::udp;
use super::*;
use crate::metrics::replies::Replies;

/// More than one call takes or sends.
const QUERIES: u16 = 100;

async fn socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").await.expect("loopback")
}

async fn received(client: &UdpSocket) -> Message {
    let mut reply = [0; 4096];
    let came = timeout(Duration::from_secs(5), client.recv(&mut reply)).await;
    let octets = came.expect("a reply in time").expect("a reply");
    Message::from_vec(&reply[..octets]).expect("well formed")
}

#[tokio::test]
async fn each_of_many_is_answered_once_to_who_asked() {
    let server = Arc::new(socket().await);
    let address = server.local_addr().expect("bound");
    let clients = [socket().await, socket().await];
    // All of them wait when the first is read.
    for id in 0..QUERIES {
        let mut message = query("www.gtm.example.com", RecordType::A, true);
        message.metadata.id = id;
        let client = &clients[usize::from(id % 2)];
        client
            .send_to(&octets(&message), address)
            .await
            .expect("sent");
    }
    let current = Arc::new(ArcSwap::from_pointee(well()));
    let replies = Arc::new(Replies::default());
    let serving = tokio::spawn(udp::serve(server, current, Arc::clone(&replies)));
    for (client, first) in clients.iter().zip(0..) {
        let mut ids = BTreeSet::new();
        for _ in 0..QUERIES / 2 {
            ids.insert(received(client).await.metadata.id);
        }
        let expected: BTreeSet<u16> = (0..QUERIES).filter(|id| id % 2 == first).collect();
        assert_eq!(ids, expected);
    }
    // A query that is longer than any is read in part, and answered as what it then is.
    let mut long = octets(&query("www.gtm.example.com", RecordType::A, false));
    long.resize(5000, 0);
    clients[0].send_to(&long, address).await.expect("sent");
    let refused = received(&clients[0]).await.metadata.response_code;
    assert_eq!(refused, ResponseCode::FormErr);
    let counted: Vec<_> = replies.all().filter(|(_, count)| *count > 0).collect();
    // The name is none of the fixture's.
    assert_eq!(counted, [("nxdomain", u64::from(QUERIES)), ("formerr", 1)]);
    serving.abort();
}
