//! What flattened domains are resolved to becomes part of the answers, like a change of health.

use std::time::Instant;

use hickory_proto::rr::Name;

use super::App;

impl App {
    /// Takes in that these domains are resolved to something else; while that cannot be written, it
    /// waits for the next change.
    pub(super) fn learn(&mut self, domains: Vec<Name>) {
        self.learned.extend(domains);
        if !self.learned.is_empty() {
            self.change(None, Instant::now());
        }
    }
}
