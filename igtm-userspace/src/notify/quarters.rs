//! Where alerts run: a thread of their own.
//!
//! Whatever a receiver has a channel do, probes, the main loop and the admin socket have theirs. Must
//! not know what runs there.

use tokio::runtime::{Builder, Handle, Runtime};

/// A runtime, ended when it is dropped.
#[derive(Debug)]
pub(super) struct Quarters {
    /// `None`: there was no thread to be had.
    own: Option<Runtime>,
}

impl Quarters {
    /// Without a thread to be had, alerts run where whoever calls this does: better late than never.
    pub(super) fn open() -> Self {
        let own = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("alerts")
            .enable_all()
            .build();
        let own = own.inspect_err(|error| {
            tracing::error!(%error, "no thread for alerts: they share one with all the rest");
        });
        Self { own: own.ok() }
    }

    /// Where to spawn. Must be called within a tokio runtime.
    pub(super) fn handle(&self) -> Handle {
        let own = self.own.as_ref();
        own.map_or_else(Handle::current, |own| own.handle().clone())
    }
}

impl Drop for Quarters {
    fn drop(&mut self) {
        // Not waited for: who drops this may be a worker of another runtime.
        if let Some(own) = self.own.take() {
            own.shutdown_background();
        }
    }
}
