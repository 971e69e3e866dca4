//! What flattened domains are resolved to becomes part of the answers, like a change of health.

use std::time::Instant;

use hickory_proto::rr::Name;
use tokio::time::timeout_at;
use tracing::warn;

use super::App;

impl App {
    /// Waits until every flattened domain was asked for.
    pub(super) async fn first_addresses(&mut self, until: tokio::time::Instant) {
        while !self.flattener.all_asked() {
            if timeout_at(until, self.flattener.learned()).await.is_err() {
                warn!("start_wait is over before every domain at an apex was asked for");
                return;
            }
        }
    }

    /// Takes in that these domains are resolved to something else; while that cannot be written, it
    /// waits for the next change.
    pub(super) fn learn(&mut self, domains: Vec<Name>) {
        self.learned.extend(domains);
        if !self.learned.is_empty() {
            self.switch(Instant::now());
        }
    }
}
