//! A steady load of queries that misses no lost or wrong reply.
//!
//! Bounded: at most [`LIMIT`] queries, so that one forgotten never floods the host.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;

use crate::dns;
use crate::netns::Netns;
use crate::wait;

/// Most queries of one load; each has an id of its own.
pub const LIMIT: u16 = u16::MAX;
/// Highest rate, queries a second.
pub const RATE_LIMIT: u32 = 5000;
/// A reply that takes longer is lost.
const PATIENCE: Duration = Duration::from_secs(1);

/// What became of the queries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Sent.
    pub sent: u32,
    /// Answered as they should be.
    pub right: u32,
    /// Answered with anything else; the first few in words.
    pub wrong: u32,
    /// Not answered.
    pub lost: u32,
    /// The first wrong replies.
    pub examples: Vec<String>,
}

/// What a reply answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Which of the questions.
    pub question: usize,
    /// The mark as it was when the query was sent.
    pub mark: u32,
}

/// Why a reply is wrong, if it is.
pub type Judge = Box<dyn FnMut(Asked, &Message) -> Result<(), String> + Send>;

/// Queries going out until stopped.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    thread: JoinHandle<Result<Tally>>,
}

#[derive(Debug)]
struct Shared {
    stopping: AtomicBool,
    mark: Arc<AtomicU32>,
    /// The mark of each query, by its id.
    marks: Vec<AtomicU32>,
}

impl Load {
    /// Asks `server` for `name` from inside `netns`, `rate` times a second; a right reply holds
    /// addresses out of `expected` only.
    pub fn start(
        netns: &Netns,
        server: impl Into<IpAddr>,
        (name, r#type): (&str, RecordType),
        rate: u32,
        expected: impl IntoIterator<Item = IpAddr>,
    ) -> Result<Self> {
        let expected: BTreeSet<IpAddr> = expected.into_iter().collect();
        let judge = move |_, reply: &Message| one_of(reply, &expected);
        let mark = Arc::default();
        Self::judged(
            netns,
            server,
            &[(name, r#type)],
            rate,
            mark,
            Box::new(judge),
        )
    }

    /// Asks one of `questions` after the other; `judge` looks at each first reply, and at what
    /// `mark` was when its query was sent.
    pub fn judged(
        netns: &Netns,
        server: impl Into<IpAddr>,
        questions: &[(&str, RecordType)],
        rate: u32,
        mark: Arc<AtomicU32>,
        judge: Judge,
    ) -> Result<Self> {
        ensure!(
            (1..=RATE_LIMIT).contains(&rate),
            "a rate of {rate}, not 1 to {RATE_LIMIT}"
        );
        let server = SocketAddr::new(server.into(), 53);
        let socket = dns::udp_socket(netns, server, None)?;
        let queries = questions
            .iter()
            .map(|(name, r#type)| dns::query(name, *r#type, true))
            .collect::<Result<Vec<_>>>()?;
        ensure!(!queries.is_empty(), "nothing to ask");
        let shared = Arc::new(Shared {
            stopping: AtomicBool::new(false),
            mark,
            marks: (0..=LIMIT).map(|_| AtomicU32::new(0)).collect(),
        });
        let gap = Duration::from_secs(1) / rate;
        let ours = Arc::clone(&shared);
        let thread = thread::spawn(move || drive(&socket, queries, gap, judge, &ours));
        Ok(Self { shared, thread })
    }

    /// Stops, waits for the last replies and counts.
    pub fn stop(self) -> Result<Tally> {
        self.shared.stopping.store(true, Ordering::Release);
        self.thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

fn drive(
    socket: &UdpSocket,
    mut queries: Vec<Message>,
    gap: Duration,
    judge: Judge,
    shared: &Shared,
) -> Result<Tally> {
    let sending_ended = AtomicBool::new(false);
    let questions = queries.len();
    thread::scope(|scope| {
        let receiver = scope.spawn(|| receive(socket, questions, judge, shared, &sending_ended));
        let start = Instant::now();
        let mut sent = 0;
        let mut outcome = Ok(());
        while sent < LIMIT && !shared.stopping.load(Ordering::Acquire) {
            let query = &mut queries[usize::from(sent) % questions];
            query.metadata.id = sent;
            let mark = shared.mark.load(Ordering::SeqCst);
            shared.marks[usize::from(sent)].store(mark, Ordering::SeqCst);
            outcome = send(socket, query);
            if outcome.is_err() {
                break;
            }
            sent += 1;
            // By the schedule, not by the gap: a late query does not delay the rest.
            let due = start + gap * u32::from(sent);
            wait::pause(due.saturating_duration_since(Instant::now()));
        }
        sending_ended.store(true, Ordering::Release);
        let mut tally = receiver
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        outcome?;
        tally.sent = sent.into();
        tally.lost = tally.sent.saturating_sub(tally.right + tally.wrong);
        Ok(tally)
    })
}

/// A refusal that came back as ICMP shows at the next call: that query is lost, not the load.
fn send(socket: &UdpSocket, query: &Message) -> Result<()> {
    let octets = query.to_vec()?;
    match socket.send(&octets) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => socket
            .send(&octets)
            .map(drop)
            .or_else(|error| match error.kind() {
                ErrorKind::ConnectionRefused => Ok(()),
                _ => Err(error),
            }),
        sent => sent.map(drop),
    }
    .context("sending a query")
}

fn receive(
    socket: &UdpSocket,
    questions: usize,
    mut judge: Judge,
    shared: &Shared,
    sending_ended: &AtomicBool,
) -> Result<Tally> {
    const EXAMPLES: usize = 5;
    socket.set_read_timeout(Some(Duration::from_millis(50)))?;
    let mut tally = Tally::default();
    let mut seen = BTreeSet::new();
    let mut buffer = [0; 4096];
    let mut ended = None;
    loop {
        if sending_ended.load(Ordering::Acquire) {
            let since = *ended.get_or_insert_with(Instant::now);
            if since.elapsed() > PATIENCE {
                return Ok(tally);
            }
        }
        let length = match socket.recv(&mut buffer) {
            Ok(length) => length,
            Err(error) if is_passing(error.kind()) => continue,
            Err(error) => return Err(error).context("receiving a reply"),
        };
        let mut judged = || {
            let reply = first_reply(&buffer[..length], &mut seen)?;
            let id = usize::from(reply.metadata.id);
            let asked = Asked {
                question: id % questions,
                mark: shared.marks[id].load(Ordering::SeqCst),
            };
            judge(asked, &reply)
        };
        match judged() {
            Ok(()) => tally.right += 1,
            Err(why) => {
                tally.wrong += 1;
                if tally.examples.len() < EXAMPLES {
                    tally.examples.push(why);
                }
            }
        }
    }
}

fn is_passing(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::WouldBlock
            | ErrorKind::TimedOut
            | ErrorKind::Interrupted
            | ErrorKind::ConnectionRefused
    )
}

fn first_reply(octets: &[u8], seen: &mut BTreeSet<u16>) -> Result<Message, String> {
    let message = Message::from_vec(octets).map_err(|error| format!("unreadable: {error}"))?;
    if !seen.insert(message.metadata.id) {
        return Err(format!("a second reply to {}", message.metadata.id));
    }
    Ok(message)
}

/// At least one address, and each of them expected.
fn one_of(reply: &Message, expected: &BTreeSet<IpAddr>) -> Result<(), String> {
    let addresses = dns::addresses(reply);
    let code = reply.metadata.response_code;
    let right = code == ResponseCode::NoError
        && !addresses.is_empty()
        && addresses.iter().all(|address| expected.contains(address));
    if right {
        return Ok(());
    }
    Err(format!("{code} with {addresses:?}"))
}
