//! Looks at addresses: attempts, rounds, and when they happen.
//!
//! Must not judge: what a round means for an address is health's business.
//!
//! For the part that wires it:
//! ```no_run
//! # use igtm::{config::model::Config, health::Health, probe::{Means, Prober}};
//! # use jiff::Timestamp;
//! # async fn wire(config: Config) {
//! let mut health = Health::new(&config, Timestamp::now());
//! let (reports, mut reported) = tokio::sync::mpsc::channel(1024);
//! let prober = Prober::start(Means::of_host(), reports);
//! prober.set_tasks(health.tasks()); // and again after each health.reconcile
//! while let Some(report) = reported.recv().await {
//!     for transition in health.report(report, Timestamp::now()) {
//!         // to policy and notifications
//!     }
//! }
//! prober.stop().await; // or drop it
//! # }
//! ```

mod failure;
mod http;
mod lateness;
mod ping;
mod redirect;
mod resolve;
mod round;
mod schedule;
mod tcp;
#[cfg(test)]
mod testing;
mod timetable;
mod tls;
mod vantage;

pub use failure::{Failure, Phase};
pub use lateness::Lateness;
pub use schedule::Prober;
pub use vantage::{Means, Vantage};

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::config::model::{Address, Monitor, Protocol};
use crate::health::Target;
use failure::Deadline;

/// Looks at `target` once, from `vantage`.
///
/// A domain is resolved first, and every address it has must pass; those of a family that the
/// node has no source for are left out. Except for ping, where it is
/// each packet's, `monitor.timeout` bounds the whole attempt, resolving included.
///
/// # Errors
/// What was seen, in words for people. [`Failure::is_local`] says that the vantage point could
/// not look, which says nothing about the target.
pub async fn attempt(
    vantage: &Arc<Vantage>,
    target: &Target,
    monitor: &Arc<Monitor>,
) -> Result<(), Failure> {
    // A round is begun when there is room for one socket, so this seldom waits: only the further
    // addresses of domains do.
    let deadline = Deadline::after(monitor.timeout);
    match &target.address {
        Address::Ip(ip) => one_address(vantage, target, monitor, *ip, deadline).await,
        Address::Domain(name) => {
            let mut addresses = resolve::lookup(name, deadline).await?;
            addresses.retain(|address| vantage.node().reaches(*address));
            if addresses.is_empty() {
                return Err(Failure::NoFamily(target.address.to_string()));
            }
            every_address(vantage, target, monitor, addresses, deadline).await
        }
    }
}

/// All at once; of several that fail, the lowest address is told.
async fn every_address(
    vantage: &Arc<Vantage>,
    target: &Target,
    monitor: &Arc<Monitor>,
    addresses: Vec<IpAddr>,
    deadline: Deadline,
) -> Result<(), Failure> {
    let mut attempts = JoinSet::new();
    for address in addresses {
        let (vantage, target, monitor) = (vantage.clone(), target.clone(), monitor.clone());
        attempts.spawn(async move {
            let seen = one_address(&vantage, &target, &monitor, address, deadline).await;
            (address, seen)
        });
    }
    let mut failed: Vec<(IpAddr, Failure)> = attempts
        .join_all()
        .await
        .into_iter()
        .filter_map(|(address, seen)| Some((address, seen.err()?)))
        .collect();
    failed.sort_by_key(|(address, failure)| (failure.is_local(), *address));
    match failed.into_iter().next() {
        None => Ok(()),
        Some((address, failure)) => Err(Failure::Resolved {
            address,
            failure: Box::new(failure),
        }),
    }
}

async fn one_address(
    vantage: &Vantage,
    target: &Target,
    monitor: &Monitor,
    address: IpAddr,
    deadline: Deadline,
) -> Result<(), Failure> {
    let node = vantage.node();
    match &monitor.protocol {
        Protocol::Ping {
            packets,
            loss_percent,
        } => {
            let salvo = ping::Salvo {
                packets: *packets,
                loss_percent: *loss_percent,
                gap: ping::gap(monitor.interval, monitor.retries, *packets),
                timeout: monitor.timeout,
            };
            ping::attempt(vantage.echo(), address, salvo).await
        }
        Protocol::Tcp { port } => {
            let _socket = vantage.socket().await;
            let to = (address, *port).into();
            tcp::connect(node, to, deadline).await.map(drop)
        }
        Protocol::Http(check) => {
            let _socket = vantage.socket().await;
            // Target::of gives every http target a host; an address stands in for none.
            let host = target
                .host
                .clone()
                .unwrap_or_else(|| target.address.to_string());
            http::attempt(node, vantage.tls(), check, &host, address, deadline).await
        }
    }
}

/// "2 s", "500 ms".
fn in_words(duration: Duration) -> String {
    let ms = duration.as_millis();
    if ms.is_multiple_of(1000) {
        format!("{} s", ms / 1000)
    } else {
        format!("{ms} ms")
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::Name;
    use jiff::Timestamp;
    use tokio::sync::mpsc;

    use super::testing::{listener, means, tcp_task, vantage};
    use super::*;
    use crate::config::model::Node;
    use crate::health::Task;

    const LIMIT: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn every_address_of_a_domain_must_pass() {
        let server = listener("127.0.0.1").await;
        let port = server.local_addr().expect("bound").port();
        let Task {
            target, monitor, ..
        } = (*tcp_task(port, LIMIT)).clone();
        let vantage = Arc::new(vantage());
        let seen = async |last: &[u8]| {
            let addresses = last.iter().map(|last| [127, 0, 0, *last].into()).collect();
            let deadline = Deadline::after(LIMIT);
            every_address(&vantage, &target, &monitor, addresses, deadline)
                .await
                .map_err(|failure| failure.to_string())
        };
        assert_eq!(seen(&[1]).await, Ok(()));
        // The server listens on 127.0.0.1 alone.
        let refused = Err("127.0.0.2: connection refused".to_owned());
        assert_eq!(seen(&[1, 2]).await, refused);
        assert_eq!(seen(&[3, 2, 1]).await, refused);
    }

    #[tokio::test]
    async fn a_domain_is_resolved_and_dialled() {
        let server = listener("127.0.0.1").await;
        let port = server.local_addr().expect("bound").port();
        let _also = tokio::net::TcpListener::bind(("::1", port)).await;
        let Task {
            mut target,
            monitor,
            ..
        } = (*tcp_task(port, LIMIT)).clone();
        target.address = Address::Domain(Name::from_ascii("localhost.").expect("a name"));
        attempt(&Arc::new(vantage()), &target, &monitor)
            .await
            .expect("localhost is in the hosts file");
    }

    #[tokio::test]
    async fn addresses_of_a_family_that_the_node_has_no_source_for_are_left_out() {
        let server = listener("127.0.0.1").await;
        let port = server.local_addr().expect("bound").port();
        let Task {
            mut target,
            monitor,
            ..
        } = (*tcp_task(port, LIMIT)).clone();
        target.address = Address::Domain(Name::from_ascii("localhost.").expect("a name"));
        let node = Node {
            source_v4: "127.0.0.9".parse().ok(),
            ..Node::local()
        };
        let vantage = Vantage::new(Arc::new(node), Arc::new(means()));
        attempt(&Arc::new(vantage), &target, &monitor)
            .await
            .expect("nobody listens on ::1, and nobody is asked there");
    }

    #[tokio::test]
    async fn every_node_reports_for_itself() {
        use crate::config::model::NodeId;
        use crate::health::testing::{config, monitor, pool};
        use crate::health::{Health, Outcome};

        let server = listener("127.0.0.1").await;
        let port = server.local_addr().expect("bound").port();
        let monitor = Monitor {
            nodes: vec![NodeId(0), NodeId(1), NodeId(2)],
            ..monitor("tcp", Protocol::Tcp { port })
        };
        let pools = ["a", "b"].map(|name| pool(name, Some(0), &["127.0.0.1"]));
        let mut config = config(vec![monitor], pools.to_vec());
        for (name, source) in [("here", "127.0.0.9"), ("gone", "192.0.2.9")] {
            config.nodes.push(Node {
                name: name.to_owned(),
                source_v4: source.parse().ok(),
                ..Node::local()
            });
        }
        let health = Health::new(&config, Timestamp::now());
        let (sender, mut reported) = mpsc::channel(16);
        let prober = Prober::start(means(), sender);
        prober.set_tasks(health.tasks());
        let mut seen = Vec::new();
        for _ in 0..3 {
            let report = tokio::time::timeout(LIMIT, reported.recv()).await;
            let report = report.expect("in time").expect("the prober runs");
            seen.push((report.task.node.name.clone(), report.outcome));
        }
        seen.sort_by(|a, b| a.0.cmp(&b.0));
        let unable = "cannot send from 192.0.2.9: this host does not have the address";
        assert_eq!(
            seen,
            [
                ("gone".to_owned(), Outcome::Unable(unable.to_owned())),
                ("here".to_owned(), Outcome::Good),
                ("local".to_owned(), Outcome::Good),
            ]
        );
        // Two pools, one target: three tasks, and no other before the interval is half over.
        let more = tokio::time::timeout(Duration::from_millis(700), reported.recv()).await;
        assert!(more.is_err(), "{more:?}");
        prober.stop().await;
    }

    #[tokio::test]
    async fn a_backend_dies_and_comes_back() {
        use crate::health::testing::{config, monitor, pool};
        use crate::health::{AddressState, Health};

        let server = listener("127.0.0.1").await;
        let port = server.local_addr().expect("bound").port();
        let monitor = Monitor {
            interval: Duration::from_millis(100),
            timeout: LIMIT,
            bad_rounds: 2,
            ..monitor("tcp", Protocol::Tcp { port })
        };
        let config = config(vec![monitor], vec![pool("a", Some(0), &["127.0.0.1"])]);
        let mut health = Health::new(&config, Timestamp::now());
        let (rounds, mut reported) = mpsc::channel(16);
        let prober = Prober::start(means(), rounds);
        prober.set_tasks(health.tasks());
        let mut change = async || {
            loop {
                let round = tokio::time::timeout(2 * LIMIT, reported.recv())
                    .await
                    .expect("rounds go on")
                    .expect("the prober runs");
                if let Some(transition) = health.report(round, Timestamp::now()).pop() {
                    let reason = transition.reasons.into_iter().next();
                    return (transition.to, reason.map(|each| each.reason));
                }
            }
        };
        let refused = || Some("connection refused".to_owned());
        assert_eq!(change().await, (AddressState::Ok, None));
        drop(server);
        assert_eq!(change().await, (AddressState::Warn, refused()));
        assert_eq!(change().await, (AddressState::Down, refused()));
        let _server = tokio::net::TcpListener::bind(("127.0.0.1", port))
            .await
            .expect("it is free again");
        assert_eq!(change().await, (AddressState::Ok, None));
        prober.stop().await;
    }
}
