//! The main loop: rounds, commands, reloads and heartbeats, one after the other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::signal::unix::Signal;
use tokio::task::block_in_place;
use tokio::time::{MissedTickBehavior, interval, interval_at};
use tracing::{error, info};

use super::service::{Stop, notify_service};
use super::watch::Watch;
use super::{App, cookies, reload};
use crate::admin::command::Command;

/// Reports that become one step at most.
const STEP: usize = 4096;
/// How often the kernel hears that the daemon lives, time is asked what it brought, and readers see
/// what came meanwhile.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(1);

impl App {
    /// Rounds, commands, reloads and heartbeats, until told to stop.
    pub(super) async fn follow(&mut self, mut stop: Stop, mut hangup: Signal, mut watch: Watch) {
        let mut rotation = interval_at(
            tokio::time::Instant::now() + cookies::ROTATION,
            cookies::ROTATION,
        );
        let mut heartbeat = interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                signal = stop.wait() => {
                    match self.dataplane {
                        Some(_) => info!(signal, "stopping; the kernel goes on answering from its maps"),
                        None => info!(signal, "stopping"),
                    }
                    notify_service(&[sd_notify::NotifyState::Stopping]);
                    return;
                }
                read = reload::read(&mut self.reloading) => self.finish_reload(read, &mut watch),
                learned = self.flattener.learned() => self.learn(learned),
                _ = hangup.recv() => self.reload(Vec::new()),
                // What is being read now says itself what is to be watched.
                () = watch.changed(), if self.reloading.is_none() => self.reload(Vec::new()),
                Some(command) = self.commands.recv() => self.obey(command),
                Some(applied) = self.described.recv() => self.tell_applied(&applied),
                _ = heartbeat.tick() => {
                    self.beat();
                    self.tick();
                    self.tell_left_over();
                    self.publish();
                }
                _ = rotation.tick() => self.rotate_cookies(),
                // Last: reports may come without a pause, the others never do.
                Some(report) = self.reports.recv() => {
                    let verdict = Instant::now();
                    self.judge(report);
                    // What has come meanwhile becomes one step. Bounded: where rounds end faster
                    // than they are judged, nothing would ever be answered nor stopped.
                    for _ in 0..STEP {
                        let Ok(report) = self.reports.try_recv() else { break };
                        self.judge(report);
                    }
                    if !self.changed.is_empty() {
                        self.switch(verdict);
                    }
                    self.keep_rounds(Timestamp::now());
                }
            }
        }
    }

    /// Does what it is told.
    fn obey(&mut self, command: Command) {
        match command {
            Command::Reload { askers } => self.reload(askers),
            Command::Force { order, reply } => self.force(order, reply),
            Command::Release { asked, reply } => {
                let released = block_in_place(|| self.release(&asked));
                // Whoever asked may have gone.
                let _gone = reply.send(released);
            }
        }
    }

    fn beat(&mut self) {
        if let Some(dataplane) = &mut self.dataplane {
            let beaten = block_in_place(|| dataplane.heartbeat());
            self.trouble.interfaces = dataplane.lost();
            match beaten {
                Ok(()) => {
                    self.trouble.heartbeat = None;
                    self.last_heartbeat = Some(Timestamp::now());
                }
                Err(error) => {
                    error!(%error, "heartbeat");
                    self.trouble.heartbeat = Some(error.to_string());
                }
            }
            self.tell_trouble();
        }
    }

    /// Other secrets for server cookies; the former ones stay valid for their hour.
    fn rotate_cookies(&mut self) {
        let cookies = cookies::renewed(self.cookies);
        if let Some(dataplane) = &mut self.dataplane
            && let Err(error) = dataplane.set_cookies(cookies)
        {
            error!(%error, "the secrets of cookies stay as they were");
            return;
        }
        self.cookies = cookies;
        if let Some(current) = &self.current {
            let snapshot = current.load().with_cookies(self.cookies);
            current.store(Arc::new(snapshot));
        }
    }
}
