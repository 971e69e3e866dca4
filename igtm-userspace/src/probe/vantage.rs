//! A node that probes from this host, with what all its attempts share.
//!
//! Must not know targets or rounds.

use std::sync::Mutex;
use std::time::Duration;

use rustls::RootCertStore;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::failure::Failure;
use super::ping::Echo;
use super::tls::Tls;
use crate::metrics::Metrics;

/// Tcp and http attempts at once, well inside the usual limit of 1024 open files.
const MAX_ATTEMPTS: usize = 512;

/// At most one complaint about this host in so long.
const COMPLAINT_EVERY: Duration = Duration::from_secs(60);

/// A vantage point on this host.
pub struct Vantage {
    node: String,
    tls: Tls,
    echo: Echo,
    sockets: Semaphore,
    complained: Mutex<Option<Instant>>,
    metrics: Metrics,
}

impl Vantage {
    /// The node called `node`, trusting the system's roots.
    pub fn new(node: &str) -> Self {
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
        Self::trusting(node, roots)
    }

    /// The node called `node`, trusting `roots`.
    pub fn trusting(node: &str, roots: RootCertStore) -> Self {
        Self {
            node: node.to_owned(),
            tls: Tls::new(roots),
            echo: Echo::new(),
            sockets: Semaphore::new(MAX_ATTEMPTS),
            complained: Mutex::new(None),
            metrics: Metrics::default(),
        }
    }

    /// The same, whose rounds are counted there.
    pub fn counted_by(self, metrics: Metrics) -> Self {
        Self { metrics, ..self }
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The name.
    pub fn node(&self) -> &str {
        &self.node
    }

    pub(super) fn tls(&self) -> &Tls {
        &self.tls
    }

    pub(super) fn echo(&self) -> &Echo {
        &self.echo
    }

    /// Leave to make one tcp or http attempt; waits for others to end.
    pub(super) async fn socket(&self) -> SemaphorePermit<'_> {
        self.sockets
            .acquire()
            .await
            .expect("this semaphore is never closed")
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
            node = %self.node,
            %failure,
            "cannot probe from here: last verdicts stand"
        );
    }
}
