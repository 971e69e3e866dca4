//! The sockets of the userspace authority: UDP and TCP on every address of `listen`, as long as the
//! host has it.
//!
//! Decides nothing: [`super::answer`] does. UDP has threads and TCP a runtime of its own, so that no
//! flood of queries makes probes, the admin socket or the main loop wait, nor they it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use nix::ifaddrs::getifaddrs;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::task::AbortHandle;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info, warn};

use super::limit::Limiter;
pub use super::service::Current;
use super::service::Service;
use super::sockets::Bound;
use super::tcp::{self, Guests};
use super::udp::Worker;
use crate::config::model::Server;
use crate::dataplane::Rates;
use crate::metrics::Metrics;
use crate::open_files;
use crate::supervised::supervised;

/// How often the host's addresses are looked at: as often as the kernel's side does.
const FOLLOW: Duration = Duration::from_secs(1);
/// Threads for UDP, whatever the cores.
const MOST_THREADS: usize = 64;

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
    /// No thread to answer with.
    #[error("no thread to answer queries: {error}")]
    Thread {
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
    server: Server,
    threads: usize,
    bound: BTreeMap<SocketAddr, Bound>,
}

impl Listener {
    /// Binds every address. An unspecified one stands for each address the host has, so that a
    /// reply leaves from the address that was asked.
    pub fn bind(server: &Server) -> Result<Self, ListenError> {
        let threads = available_parallelism().map_or(1, usize::from);
        let mut listener = Self {
            server: server.clone(),
            threads: threads.min(MOST_THREADS),
            bound: BTreeMap::new(),
        };
        for address in addresses(server)? {
            match Bound::bind(address, listener.threads) {
                Ok(bound) => {
                    listener.bound.insert(address, bound);
                }
                // Not there yet, or gone again: whoever follows the host tries again.
                Err((_, error))
                    if error.kind() == io::ErrorKind::AddrNotAvailable
                        && !server.listen.contains(&address.ip()) => {}
                Err((protocol, error)) => {
                    return Err(ListenError::Bind {
                        address,
                        protocol,
                        error,
                    });
                }
            }
        }
        Ok(listener)
    }

    /// Answers from `current` until what it gives is dropped. Limits are charged to `rates`, where
    /// XDP answers too.
    pub fn serve(
        self,
        current: &Current,
        metrics: &Metrics,
        rates: Option<Rates>,
    ) -> Result<Answering, ListenError> {
        let replies = Arc::clone(&metrics.replies);
        let service = Service::new(Arc::clone(current), replies, Limiter::new(rates));
        let service = Arc::new(service);
        let workers = (0..self.threads)
            .map(|number| Worker::start(number, Arc::clone(&service)))
            .collect::<io::Result<_>>()
            .map_err(|error| ListenError::Thread { error })?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(self.threads)
            .thread_name("dns-tcp")
            .enable_all()
            .build()
            .map_err(|error| ListenError::Thread { error })?;
        let connections = Arc::clone(&metrics.connections);
        let guests = Guests::new(service, open_files::connections(), connections);
        let mut serving = Serving {
            server: self.server,
            threads: self.threads,
            workers,
            guests: Arc::new(guests),
            open: BTreeMap::new(),
            refused: BTreeMap::new(),
        };
        let inside = runtime.enter();
        for (address, bound) in self.bound {
            serving.open(address, bound);
        }
        drop(inside);
        runtime.spawn(supervised("DNS sockets", async move || {
            serving.follow().await;
        }));
        Ok(Answering {
            runtime: Some(runtime),
        })
    }
}

/// Sockets that are answered, until dropped.
pub struct Answering {
    runtime: Option<Runtime>,
}

impl Drop for Answering {
    fn drop(&mut self) {
        // Not waited for: who drops this may be a worker of another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What is open, and what is done when the host's addresses change.
struct Serving {
    server: Server,
    threads: usize,
    workers: Vec<Worker>,
    guests: Arc<Guests>,
    /// With what ends the accepting of each.
    open: BTreeMap<SocketAddr, AbortHandle>,
    /// Addresses that could not be bound, and why: told once.
    refused: BTreeMap<SocketAddr, String>,
}

impl Serving {
    /// Has the workers answer what comes to `address`. Inside of the runtime.
    fn open(&mut self, address: SocketAddr, bound: Bound) {
        let listener = match TcpListener::from_std(bound.tcp) {
            Ok(listener) => listener,
            Err(error) => {
                error!(%error, %address, "TCP cannot be served");
                return;
            }
        };
        let guests = Arc::clone(&self.guests);
        let accepting = tokio::spawn(tcp::serve(address, listener, guests));
        self.open.insert(address, accepting.abort_handle());
        for (worker, socket) in self.workers.iter().zip(bound.udp) {
            worker.open(address, socket);
        }
    }

    fn close(&mut self, address: SocketAddr) {
        if let Some(accepting) = self.open.remove(&address) {
            accepting.abort();
        }
        for worker in &self.workers {
            worker.close(address);
        }
    }

    /// Opens and closes sockets as the host's addresses come and go; those of the others stay.
    async fn follow(&mut self) {
        if !self.server.listen.iter().any(IpAddr::is_unspecified) {
            // The workers go with it.
            return std::future::pending().await;
        }
        let mut clock = interval(FOLLOW);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            clock.tick().await;
            match addresses(&self.server) {
                Ok(wanted) => self.change(&wanted),
                Err(error) => warn!(%error, "the sockets stay as they are"),
            }
        }
    }

    fn change(&mut self, wanted: &BTreeSet<SocketAddr>) {
        let gone = self.open.keys().filter(|address| !wanted.contains(address));
        for address in gone.copied().collect::<Vec<_>>() {
            info!(%address, "the host no longer has it: its sockets are closed");
            self.close(address);
        }
        self.refused.retain(|address, _| wanted.contains(address));
        for address in wanted {
            if self.open.contains_key(address) {
                continue;
            }
            match Bound::bind(*address, self.threads) {
                Ok(bound) => {
                    info!(%address, "the host has it now: it is answered");
                    self.refused.remove(address);
                    self.open(*address, bound);
                }
                Err((protocol, error)) => {
                    let said = error.to_string();
                    if self.refused.get(address) != Some(&said) {
                        let hint = hint(&error);
                        warn!(%address, protocol, "it is not answered in userspace yet: {said}{hint}");
                        self.refused.insert(*address, said);
                    }
                }
            }
        }
    }
}

fn addresses(server: &Server) -> Result<BTreeSet<SocketAddr>, ListenError> {
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
