//! A notifier on a state database of its own.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use crate::config::model::Config;
use crate::metrics::Metrics;
use crate::notify::alertmanager::RESEND;
use crate::notify::event::Event;
use crate::notify::{Handle, Notifier};
use crate::state::Store;
use crate::state::outbox::{Push, PushFilter};

pub(super) struct Rig {
    pub(super) notifier: Notifier,
    pub(super) store: Store,
    pub(super) metrics: Metrics,
    config: Arc<Config>,
    directory: Arc<TempDir>,
}

impl Rig {
    pub(super) fn start(config: Config) -> Self {
        let directory = Arc::new(tempfile::tempdir().expect("a temporary directory"));
        Self::start_in(config, directory)
    }

    /// What lasts is told again so often to receivers that forget.
    pub(super) fn start_reminding(config: Config, remind: Duration) -> Self {
        let directory = Arc::new(tempfile::tempdir().expect("a temporary directory"));
        let state = directory.path().join("state");
        let metrics = Metrics::default();
        let (notifier, store) = start_at_pace(config.clone(), &state, metrics.clone(), remind);
        Self {
            notifier,
            store,
            metrics,
            config: Arc::new(config),
            directory,
        }
    }

    fn start_in(config: Config, directory: Arc<TempDir>) -> Self {
        Self::start_at(
            config,
            &directory.path().join("state"),
            Arc::clone(&directory),
        )
    }

    fn start_at(config: Config, state: &Path, directory: Arc<TempDir>) -> Self {
        let metrics = Metrics::default();
        let (notifier, store) = start_at_pace(config.clone(), state, metrics.clone(), RESEND);
        Self {
            notifier,
            store,
            metrics,
            config: Arc::new(config),
            directory,
        }
    }

    /// Not even root makes a directory of a file.
    pub(super) fn start_without_disk(config: Config) -> Self {
        let directory = Arc::new(tempfile::tempdir().expect("a temporary directory"));
        let state = directory.path().join("file");
        std::fs::write(&state, "a file").expect("written");
        Self::start_at(config, &state, directory)
    }

    /// The directory that its state directory is in.
    pub(super) fn place(&self) -> Arc<TempDir> {
        Arc::clone(&self.directory)
    }

    pub(super) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config)
    }

    /// The end of the daemon, and its next start, with another configuration.
    pub(super) async fn restarted(self, config: Config) -> Self {
        let directory = Arc::clone(&self.directory);
        self.drain(Duration::ZERO).await;
        Self::start_in(config, directory)
    }

    pub(super) fn raise(&self, event: Event) {
        self.notifier.raise(event, Vec::new());
    }

    pub(super) fn reconfigure(&self, config: Arc<Config>) {
        self.notifier.reconfigure(config);
    }

    pub(super) fn events_lost(&self) -> u64 {
        self.notifier.events_lost()
    }

    pub(super) fn handle(&self) -> Handle {
        self.notifier.handle()
    }

    /// What is recorded, oldest first.
    pub(super) async fn pushes(&self) -> Vec<Push> {
        let all = PushFilter {
            limit: 10_000,
            ..PushFilter::default()
        };
        let mut pushes = self.store.pushes(all).await.expect("a database");
        pushes.reverse();
        pushes
    }

    /// Waits until that holds of what is recorded; gives it.
    pub(super) async fn until(&self, holds: impl Fn(&[Push]) -> bool) -> Vec<Push> {
        for _ in 0..1000 {
            let pushes = self.pushes().await;
            if holds(&pushes) {
                return pushes;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("not yet: {:#?}", self.pushes().await);
    }

    /// Waits until so many are recorded and none is pending.
    pub(super) async fn settled(&self, count: usize) -> Vec<Push> {
        let settled =
            |pushes: &[Push]| pushes.len() >= count && !pushes.iter().any(Push::is_pending);
        self.until(settled).await
    }

    pub(super) async fn drain(self, within: Duration) {
        self.notifier.drain(within).await;
        self.store.close(Duration::from_secs(30)).await;
    }
}

/// A notifier that goes on from what `directory` has.
pub(super) fn start(config: Config, directory: &Path) -> (Notifier, Store) {
    start_at_pace(config, directory, Metrics::default(), RESEND)
}

fn start_at_pace(
    config: Config,
    directory: &Path,
    metrics: Metrics,
    remind: Duration,
) -> (Notifier, Store) {
    let (store, restored) = Store::open(directory).expect("nobody else has it");
    let saved = restored.alerts;
    let notifier = Notifier::start_here(Arc::new(config), store.clone(), metrics, saved, remind);
    (notifier, store)
}
