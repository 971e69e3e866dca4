//! SIGHUP: the file anew, whole or not at all.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use tracing::{error, info};

use super::App;
use super::service::notify_service;
use crate::config::{self, model::Config};
use crate::snapshot::Ground;

impl App {
    /// The file anew: whole or not at all.
    pub(super) fn reload(&mut self) {
        let started = Instant::now();
        notify_service(&[sd_notify::NotifyState::Reloading]);
        match self.reloaded() {
            Ok(config) => {
                let health = self.health.clone();
                self.health.reconcile(&config, Timestamp::now());
                let hash_key = self.ground.hash_key;
                let ground = Ground::new(Arc::clone(&config), hash_key, Some(&self.ground));
                let applied = match ground {
                    Ok(ground) => {
                        let ground = Arc::new(ground);
                        let applied = self.change(Some(Arc::clone(&ground)), started);
                        if applied {
                            self.ground = ground;
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
                    self.prober.set_tasks(self.health.tasks());
                    self.notifier.reconfigure(config);
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

    fn reloaded(&self) -> anyhow::Result<Arc<Config>> {
        let config = config::load(&self.file)?;
        let running = &self.ground.config.server;
        anyhow::ensure!(
            config.server == *running,
            "{}: [server] has changed: that takes a restart",
            self.file.display()
        );
        Ok(Arc::new(config))
    }
}
