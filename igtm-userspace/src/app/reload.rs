//! SIGHUP, or a file changed: the file anew, whole or not at all.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use tracing::{error, info};

use super::phases::Phases;
use super::service::notify_service;
use super::watch::Watch;
use super::{App, tell_notes};
use crate::config::{self, model::Config};
use crate::flatten;
use crate::snapshot::Ground;

impl App {
    /// The file anew: whole or not at all.
    pub(super) fn reload(&mut self, watch: &mut Watch) {
        let started = Instant::now();
        notify_service(&[sd_notify::NotifyState::Reloading]);
        let mut phases = Phases::new();
        match self.reloaded(watch) {
            Ok(config) => {
                phases.over("file read");
                let health = self.health.clone();
                self.health.reconcile(&config, Timestamp::now());
                let hash_key = self.ground.hash_key;
                phases.over("targets found");
                let ground = Ground::new(Arc::clone(&config), hash_key, Some(&self.ground));
                phases.over("names and lines compiled");
                let applied = match ground {
                    Ok(ground) => {
                        let ground = Arc::new(ground);
                        let applied = self.change(Some(Arc::clone(&ground)), started);
                        phases.over("applied");
                        if applied {
                            let former = std::mem::replace(&mut self.ground, ground);
                            // Forgetting 100 000 instances takes a while, and nobody waits for it.
                            drop(tokio::task::spawn_blocking(move || drop(former)));
                        }
                        applied
                    }
                    Err(error) => {
                        error!(%error, "the file is not applied");
                        false
                    }
                };
                if applied {
                    self.configure(&config);
                    self.prober.set_targets(self.health.probes());
                    self.flattener.set_names(flatten::names(&config));
                    self.notifier.reconfigure(config);
                    phases.over("probes and channels told");
                    info!(file = %self.file.display(), "reloaded");
                } else {
                    self.health = health;
                }
            }
            Err(error) => error!(
                file = %self.file.display(),
                "the file is refused, what ran before goes on:\n{error:#}"
            ),
        }
        notify_service(&[sd_notify::NotifyState::Ready]);
    }

    /// Tells the kernel what a new file says besides the answers.
    fn configure(&mut self, config: &Config) {
        if let Some(dataplane) = &mut self.dataplane
            && let Err(error) = dataplane.configure(config)
        {
            error!(%error, "the kernel's settings stay as they were");
        }
    }

    fn reloaded(&self, watch: &mut Watch) -> anyhow::Result<Arc<Config>> {
        let reading = config::reading(&self.file);
        // Also of a bad one: what makes it good may be a change of any of its files.
        watch.read(reading.sources);
        tell_notes(&reading.notes);
        let config = reading.config?;
        let running = &self.ground.config.server;
        anyhow::ensure!(
            config.server == *running,
            "{}: [server] has changed: that takes a restart",
            self.file.display()
        );
        Ok(Arc::new(config))
    }
}
