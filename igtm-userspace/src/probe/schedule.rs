//! The task that begins rounds when they are due and hands on what they found.
//!
//! Must not decide when (the timetable does), how (attempts do) or what it means (health does).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, Id, JoinError, JoinHandle, JoinSet};

use super::Vantage;
use super::round::round;
use super::timetable::{Slot, Timetable};
use crate::config::model::Monitor;
use crate::health::{NodeResult, Round, Target};

type Wanted = Vec<(Target, Arc<Monitor>)>;

/// Probes targets until it is stopped or dropped.
#[derive(Debug)]
pub struct Prober {
    wanted: watch::Sender<Wanted>,
    task: JoinHandle<()>,
}

impl Prober {
    /// Starts, inside a tokio runtime, with no targets. Finished rounds go to `rounds`; while
    /// that is full no round begins. A `rounds` that is closed stops the prober, and the prober's
    /// end closes it.
    pub fn start(vantage: Vantage, rounds: mpsc::Sender<Round>) -> Self {
        let (wanted, changed) = watch::channel(Wanted::new());
        let schedule = Schedule {
            vantage: Arc::new(vantage),
            timetable: Timetable::default(),
            running: JoinSet::new(),
            handles: HashMap::new(),
            rounds,
        };
        Self {
            wanted,
            task: tokio::spawn(schedule.run(changed)),
        }
    }

    /// Replaces what is probed. A new target's first round begins at once, an unchanged one
    /// (same monitor, address and host) keeps its time, a removed one is left alone, its round
    /// under way included. A round of a former set may still be in the channel.
    pub fn set_targets(&self, targets: Vec<(Target, Arc<Monitor>)>) {
        self.wanted.send_replace(targets);
    }

    /// Ends every round under way, and waits for that.
    pub async fn stop(mut self) {
        self.task.abort();
        // Cancelled is what was asked for.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Finished = Result<(Id, (Slot, Vec<NodeResult>)), JoinError>;

struct Schedule {
    vantage: Arc<Vantage>,
    timetable: Timetable,
    /// Dropping it ends every round.
    running: JoinSet<(Slot, Vec<NodeResult>)>,
    handles: HashMap<Slot, AbortHandle>,
    rounds: mpsc::Sender<Round>,
}

impl Schedule {
    async fn run(mut self, mut wanted: watch::Receiver<Wanted>) {
        loop {
            let due = self.timetable.next_due();
            tokio::select! {
                biased;
                changed = wanted.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let targets = wanted.borrow_and_update().clone();
                    self.replace(targets);
                }
                Some(finished) = self.running.join_next_with_id() => {
                    if let Some(round) = self.finish(finished)
                        && self.rounds.send(round).await.is_err()
                    {
                        return;
                    }
                }
                () = sleep_until(due) => self.begin(),
            }
        }
    }

    fn replace(&mut self, targets: Wanted) {
        for slot in self.timetable.replace(targets, Instant::now()) {
            if let Some(handle) = self.handles.remove(&slot) {
                handle.abort();
            }
        }
    }

    fn begin(&mut self) {
        for (slot, target, monitor) in self.timetable.take_due(Instant::now()) {
            let vantage = Arc::clone(&self.vantage);
            let handle = self
                .running
                .spawn(async move { (slot, round(&vantage, &target, &monitor).await) });
            self.handles.insert(slot, handle);
        }
    }

    fn finish(&mut self, finished: Finished) -> Option<Round> {
        let (slot, results) = match finished {
            Ok((_, done)) => done,
            Err(error) if error.is_cancelled() => return None,
            Err(error) => {
                // A bug, but of one round: the node does not report, the others go on.
                tracing::error!(%error, "a round panicked");
                let (slot, _) = self
                    .handles
                    .iter()
                    .find(|(_, handle)| handle.id() == error.id())?;
                (*slot, Vec::new())
            }
        };
        self.handles.remove(&slot);
        let (target, monitor) = self.timetable.finished(slot)?;
        Some(Round {
            target,
            monitor,
            results,
        })
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{sleep, timeout};

    use super::super::testing::{Counted, tcp_target, vantage};
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(200);

    async fn next(rounds: &mut mpsc::Receiver<Round>) -> Round {
        timeout(Duration::from_secs(5), rounds.recv())
            .await
            .expect("a round within 5 s")
            .expect("the prober runs")
    }

    #[tokio::test]
    async fn a_new_target_is_probed_at_once_then_every_interval() {
        let server = Counted::start().await;
        let (sender, mut rounds) = mpsc::channel(16);
        let prober = Prober::start(vantage(), sender);
        let begun = Instant::now();
        prober.set_targets(vec![tcp_target(server.port, INTERVAL)]);
        let round = next(&mut rounds).await;
        assert!(begun.elapsed() < INTERVAL, "{:?}", begun.elapsed());
        assert_eq!(
            round.results,
            [NodeResult {
                node: "local".to_owned(),
                outcome: Ok(())
            }]
        );
        next(&mut rounds).await;
        let second = Instant::now();
        for _ in 0..4 {
            next(&mut rounds).await;
        }
        let took = second.elapsed();
        // Never more often; a busy machine may be late.
        assert!(took > INTERVAL * 7 / 2 && took < INTERVAL * 6, "{took:?}");
        prober.stop().await;
    }

    #[tokio::test]
    async fn a_removed_target_is_left_alone_and_the_other_keeps_its_time() {
        let (kept, removed) = (Counted::start().await, Counted::start().await);
        let (sender, mut rounds) = mpsc::channel(256);
        let prober = Prober::start(vantage(), sender);
        let both = vec![
            tcp_target(kept.port, INTERVAL),
            tcp_target(removed.port, INTERVAL),
        ];
        prober.set_targets(both);
        sleep(INTERVAL * 2).await;
        assert!(removed.connections() >= 1);

        prober.set_targets(vec![tcp_target(kept.port, INTERVAL)]);
        sleep(INTERVAL / 10).await;
        while rounds.try_recv().is_ok() {}
        let (kept_then, removed_then) = (kept.connections(), removed.connections());
        let then = Instant::now();
        // Saying the same again and again must not set its time back, nor start it anew.
        for _ in 0..20 {
            sleep(INTERVAL / 4).await;
            prober.set_targets(vec![tcp_target(kept.port, INTERVAL)]);
        }
        assert_eq!(removed.connections(), removed_then);
        let seen = kept.connections() - kept_then;
        let intervals = then.elapsed().div_duration_f64(INTERVAL).round() as usize;
        assert!(intervals.abs_diff(seen) <= 1, "{seen} in {intervals}");
        while let Ok(round) = rounds.try_recv() {
            assert_eq!(round.monitor.name, format!("tcp-{}", kept.port));
        }
        prober.stop().await;
    }

    #[tokio::test]
    async fn after_stop_nothing_is_probed_and_the_channel_is_closed() {
        let server = Counted::start().await;
        let (sender, mut rounds) = mpsc::channel(16);
        let prober = Prober::start(vantage(), sender);
        prober.set_targets(vec![tcp_target(server.port, INTERVAL)]);
        next(&mut rounds).await;
        prober.stop().await;
        let then = server.connections();
        sleep(INTERVAL * 2).await;
        assert_eq!(server.connections(), then);
        while rounds.try_recv().is_ok() {}
        assert!(rounds.recv().await.is_none());
    }
}
