//! What is answered from ready octets costs no allocation: the whole way of a query, from one socket to
//! the other, is watched by an allocator that counts.
//!
//! A binary of its own, and one test: an allocator is that of a whole process.

use std::alloc::{GlobalAlloc, Layout, System};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use arc_swap::ArcSwap;
use hickory_proto::op::{Edns, Message, Query};
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::rr::{Name, RecordType};
use igtm::config;
use igtm::dns::server::{Answering, Listener};
use igtm::health::{AddressState, HealthView, Target};
use igtm::metrics::Metrics;
use igtm::snapshot::{Ground, Snapshot};
use igtm_common::cookie::{Secret, Secrets};

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: everything is the system's; that it is counted changes nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, SeqCst);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, octets: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, SeqCst);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(block, layout, octets) }
    }
}

const HITS: usize = 500;
/// With limits, so that each hit is charged; far above what is asked here.
const FILE: &str = r#"version = 1
[server]
listen = ["127.0.0.1"]
port = PORT
[limits]
responses_per_second = 1000000
[[zone]]
origin = "gtm.test"
file = "ZONE"
[[line]]
name = "telecom"
kind = "operator"
prefixes = ["203.0.113.0/24"]
[[pool]]
name = "pool"
type = "ipv4"
address = [{ value = "192.0.2.1" }, { value = "192.0.2.2" }]
[[instance]]
name = "www"
domain = "www.gtm.test"
[[instance.strategy]]
name = "default"
lines = ["default"]
fallback = "pool"
tier = [{ pools = ["pool"] }]
"#;
const ZONE: &str = "@ 3600 SOA ns hostmaster 1 7200 900 86400 60\n\
                    @ 3600 NS ns\n\
                    ns 3600 A 192.0.2.53\n\
                    text 300 TXT \"what stands in a file\"\n\
                    mail 300 MX 10 ns\n";

struct Well;

impl HealthView for Well {
    fn state(&self, _: &Target) -> AddressState {
        AddressState::Ok
    }
}

/// A server on loopback, and a client of it.
fn server() -> (Answering, UdpSocket) {
    let directory = tempfile::tempdir().expect("a directory");
    let zone = directory.path().join("gtm.test.zone");
    std::fs::write(&zone, ZONE).expect("written");
    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback");
    // A free port, unless somebody takes it in the meantime.
    let port = {
        let free = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback");
        free.local_addr().expect("bound").port()
    };
    let text = FILE
        .replace("ZONE", &zone.to_string_lossy())
        .replace("PORT", &port.to_string());
    let config = config::parse(&text, Path::new("/nowhere/igtm.toml"));
    let config = config.unwrap_or_else(|problems| panic!("{problems}"));
    let listener = Listener::bind(&config.server).expect("a free port");
    let ground = Ground::new(
        Arc::new(config),
        std::array::from_fn(|at| at as u64 + 7),
        None,
    );
    let secrets = Secrets {
        current: Secret::new([0xc0; 16]),
        previous: Secret::new([0xc1; 16]),
    };
    let snapshot = Snapshot::new(Arc::new(ground.expect("it fits")), &Well, 7, secrets);
    let current = Arc::new(ArcSwap::from_pointee(snapshot));
    let answering = listener.serve(&current, &Metrics::default(), None);
    client
        .connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .expect("an address");
    client
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a time");
    (answering.expect("threads"), client)
}

fn query(name: &str, rtype: RecordType, options: Option<&[(EdnsCode, &[u8])]>) -> Vec<u8> {
    let mut message = Message::query();
    message.add_query(Query::query(Name::from_ascii(name).expect("a name"), rtype));
    if let Some(options) = options {
        let mut edns = Edns::new();
        edns.set_max_payload(1232);
        for (code, data) in options {
            let option = EdnsOption::Unknown((*code).into(), data.to_vec());
            edns.options_mut().insert(option);
        }
        message.set_edns(edns);
    }
    message.to_vec().expect("it can be encoded")
}

/// Asks once, allocating nothing: code and answers, and whether the reply has an OPT.
fn asked(client: &UdpSocket, query: &[u8]) -> (u8, u8, bool) {
    let mut reply = [0; 1232];
    client.send(query).expect("sent");
    client.recv(&mut reply).expect("a reply in time");
    (reply[3] & 0x0f, reply[7], reply[11] > 0)
}

#[test]
fn a_hit_allocates_nothing() {
    let (answering, client) = server();
    let cookie: (EdnsCode, &[u8]) = (EdnsCode::Cookie, b"12345678");
    let telecom: (EdnsCode, &[u8]) = (EdnsCode::Subnet, &[0, 1, 24, 0, 203, 0, 113]);
    let (a, txt) = (RecordType::A, RecordType::TXT);
    for (name, rtype, options, expected) in [
        ("www.gtm.test.", a, None, (0, 2, false)),
        ("www.gtm.test.", a, Some(&[][..]), (0, 2, true)),
        ("WWW.gtm.test.", a, Some(&[cookie]), (0, 2, true)),
        ("www.gtm.test.", a, Some(&[telecom]), (0, 2, true)),
        ("www.gtm.test.", a, Some(&[cookie, telecom]), (0, 2, true)),
        ("www.gtm.test.", txt, Some(&[cookie]), (0, 0, true)),
        ("text.gtm.test.", txt, None, (0, 1, false)),
        ("text.gtm.test.", txt, Some(&[cookie]), (0, 1, true)),
        ("mail.gtm.test.", RecordType::MX, Some(&[]), (0, 1, true)),
        ("text.gtm.test.", a, Some(&[]), (0, 0, true)),
        ("a.b.gtm.test.", a, Some(&[cookie]), (3, 0, true)),
        ("a.b.test.", a, Some(&[cookie]), (5, 0, true)),
    ] {
        let query = query(name, rtype, options);
        // Buffers are made, and the thread's own things.
        for _ in 0..10 {
            assert_eq!(asked(&client, &query), expected, "{name} {rtype}");
        }
        let before = ALLOCATIONS.load(SeqCst);
        for _ in 0..HITS {
            asked(&client, &query);
        }
        let allocations = ALLOCATIONS.load(SeqCst) - before;
        assert_eq!(allocations, 0, "of {HITS} hits: {name} {rtype} {options:?}");
    }
    drop(answering);
}
