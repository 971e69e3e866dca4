//! A node on this host, with what all its attempts share; and what all nodes share.
//!
//! Must not know targets or rounds.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::RootCertStore;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::failure::Failure;
use super::ping::Echo;
use super::tls::Tls;
use crate::config::model::Node;
use crate::metrics::Metrics;
use crate::open_files;

/// At most one complaint about this host in so long.
const COMPLAINT_EVERY: Duration = Duration::from_secs(60);

/// What all nodes of this host share: trusted roots, and how many sockets may be open at once.
#[derive(Debug)]
pub struct Means {
    tls: Tls,
    attempts: usize,
    sockets: Semaphore,
    metrics: Metrics,
}

impl Means {
    /// The system's roots, and as many sockets as the limit of open files leaves. Raises that
    /// limit as far as it goes: every attempt takes a file.
    pub fn of_host() -> Self {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        let (added, refused) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            tracing::warn!(
                refused,
                errors = ?found.errors,
                "this host has no trusted roots: every monitor with `verify = true` will fail"
            );
        }
        Self::trusting(roots)
    }

    /// The same with these roots.
    pub fn trusting(roots: RootCertStore) -> Self {
        let attempts = open_files::attempts();
        Self {
            tls: Tls::new(roots),
            attempts,
            sockets: Semaphore::new(attempts),
            metrics: Metrics::default(),
        }
    }

    /// The same, whose rounds are counted there.
    pub fn counted_by(self, metrics: Metrics) -> Self {
        Self { metrics, ..self }
    }

    /// How many rounds may be under way at once.
    pub(super) fn attempts(&self) -> usize {
        self.attempts
    }
}

/// A vantage point on this host.
#[derive(Debug)]
pub struct Vantage {
    node: Arc<Node>,
    means: Arc<Means>,
    echo: Echo,
    complained: Mutex<Option<Instant>>,
}

impl Vantage {
    /// That of `node`.
    pub fn new(node: Arc<Node>, means: Arc<Means>) -> Self {
        Self {
            echo: Echo::new(Arc::clone(&node)),
            node,
            means,
            complained: Mutex::new(None),
        }
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.means.metrics
    }

    /// Whose it is.
    pub fn node(&self) -> &Arc<Node> {
        &self.node
    }

    pub(super) fn tls(&self) -> &Tls {
        &self.means.tls
    }

    pub(super) fn echo(&self) -> &Echo {
        &self.echo
    }

    /// Leave to have one socket open; waits for others to close theirs.
    pub(super) async fn socket(&self) -> SemaphorePermit<'_> {
        let sockets = self.means.sockets.acquire();
        sockets.await.expect("this semaphore is never closed")
    }

    /// Says now and then that this host cannot probe.
    pub(super) fn complain(&self, failure: &Failure) {
        let now = Instant::now();
        let mut last = self
            .complained
            .lock()
            .expect("nobody panics while holding it");
        if last.is_some_and(|last| now - last < COMPLAINT_EVERY) {
            return;
        }
        *last = Some(now);
        tracing::warn!(
            node = %self.node.name,
            %failure,
            "cannot probe from here: last verdicts stand"
        );
    }
}
