//! The task that begins rounds when they are due and hands on what they found.
//!
//! Must not decide when (the timetable does), how (attempts do) or what it means (health does).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, Id, JoinError, JoinHandle, JoinSet};

use super::round::round;
use super::timetable::{Due, Slot, Timetable};
use super::{Lateness, Means, Vantage};
use crate::health::{Outcome, Report, Task};
use crate::supervised::supervised;

type Wanted = Vec<Arc<Task>>;

/// Looks at targets until it is stopped or dropped.
#[derive(Debug)]
pub struct Prober {
    wanted: watch::Sender<Wanted>,
    lateness: Arc<Lateness>,
    task: JoinHandle<()>,
}

impl Prober {
    /// Starts, inside a tokio runtime, with no tasks. What is seen goes to `reports`; while that
    /// is full no round begins. A `reports` that is closed stops the prober, and the prober's end
    /// closes it.
    pub fn start(means: Means, reports: mpsc::Sender<Report>) -> Self {
        let (wanted, mut changed) = watch::channel(Wanted::new());
        let lateness = Arc::new(Lateness::default());
        let mut schedule = Schedule {
            means: Arc::new(means),
            vantages: HashMap::new(),
            timetable: Timetable::default(),
            running: JoinSet::new(),
            handles: HashMap::new(),
            lateness: Arc::clone(&lateness),
            reports,
        };
        Self {
            wanted,
            lateness,
            task: tokio::spawn(supervised("probes", async move || {
                schedule.run(&mut changed).await;
            })),
        }
    }

    /// Replaces what is probed. A new task's first round begins at once, an unchanged one (same
    /// monitor, node, address and host) keeps its time, a removed one is left alone, its round
    /// under way included. A report of a former set may still be in the channel.
    pub fn set_tasks(&self, tasks: Vec<Arc<Task>>) {
        self.wanted.send_replace(tasks);
    }

    /// How late rounds begin.
    pub fn lateness(&self) -> &Arc<Lateness> {
        &self.lateness
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

type Finished = Result<(Id, (Slot, Outcome)), JoinError>;

struct Schedule {
    means: Arc<Means>,
    /// By name of node.
    vantages: HashMap<String, Arc<Vantage>>,
    timetable: Timetable,
    /// Dropping it ends every round.
    running: JoinSet<(Slot, Outcome)>,
    handles: HashMap<Slot, AbortHandle>,
    lateness: Arc<Lateness>,
    reports: mpsc::Sender<Report>,
}

impl Schedule {
    async fn run(&mut self, wanted: &mut watch::Receiver<Wanted>) {
        // After a panic: rounds that were taken and not begun would never be again.
        let handles = &self.handles;
        self.timetable.release(|slot| !handles.contains_key(&slot));
        loop {
            let due = self.timetable.next_due();
            let room = self.running.len() < self.means.attempts();
            tokio::select! {
                biased;
                changed = wanted.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let tasks = wanted.borrow_and_update().clone();
                    self.replace(tasks);
                }
                // Before what has finished: a burst of that must make nothing late.
                () = sleep_until(due), if room => self.begin(),
                Some(finished) = self.running.join_next_with_id() => {
                    if let Some(report) = self.finish(finished)
                        && self.reports.send(report).await.is_err()
                    {
                        return;
                    }
                }
            }
        }
    }

    fn replace(&mut self, tasks: Wanted) {
        let mut former = std::mem::take(&mut self.vantages);
        for task in &tasks {
            let node = &task.node;
            if self.vantages.contains_key(&node.name) {
                continue;
            }
            let kept = former.remove(&node.name);
            let kept = kept.filter(|kept| kept.node() == node);
            let vantage = kept.unwrap_or_else(|| {
                let means = Arc::clone(&self.means);
                Arc::new(Vantage::new(Arc::clone(node), means))
            });
            self.vantages.insert(node.name.clone(), vantage);
        }
        for slot in self.timetable.replace(tasks, Instant::now()) {
            if let Some(handle) = self.handles.remove(&slot) {
                handle.abort();
            }
        }
    }

    fn begin(&mut self) {
        let room = self.means.attempts().saturating_sub(self.running.len());
        let (rounds, left_out) = self.timetable.take_due(Instant::now(), room);
        for _ in 0..left_out {
            self.lateness.leave_out();
        }
        for Due { slot, task, at } in rounds {
            let vantage = self.vantages.entry(task.node.name.clone());
            let vantage = vantage.or_insert_with(|| {
                let (node, means) = (Arc::clone(&task.node), Arc::clone(&self.means));
                Arc::new(Vantage::new(node, means))
            });
            let (vantage, lateness) = (Arc::clone(vantage), Arc::clone(&self.lateness));
            let handle = self.running.spawn(async move {
                lateness.record(at.elapsed());
                (slot, round(&vantage, &task).await)
            });
            self.handles.insert(slot, handle);
        }
    }

    fn finish(&mut self, finished: Finished) -> Option<Report> {
        let (slot, outcome) = match finished {
            Ok((_, done)) => done,
            Err(error) if error.is_cancelled() => return None,
            Err(error) => {
                // A bug, but of one round: the node could not look, the others go on.
                tracing::error!(%error, "a round panicked");
                let (slot, _) = self
                    .handles
                    .iter()
                    .find(|(_, handle)| handle.id() == error.id())?;
                (*slot, Outcome::Unable("a round panicked".to_owned()))
            }
        };
        self.handles.remove(&slot);
        let task = self.timetable.finished(slot)?;
        Some(Report { task, outcome })
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

    use super::super::testing::{Counted, means, tcp_task};
    use super::*;
    use crate::config::model::Monitor;

    const INTERVAL: Duration = Duration::from_millis(200);

    async fn next(rounds: &mut mpsc::Receiver<Report>) -> Report {
        timeout(Duration::from_secs(5), rounds.recv())
            .await
            .expect("a round within 5 s")
            .expect("the prober runs")
    }

    #[tokio::test]
    async fn a_new_target_is_probed_at_once_then_every_interval() {
        let server = Counted::start().await;
        let (sender, mut rounds) = mpsc::channel(16);
        let prober = Prober::start(means(), sender);
        let begun = Instant::now();
        prober.set_tasks(vec![tcp_task(server.port, INTERVAL)]);
        let report = next(&mut rounds).await;
        assert!(begun.elapsed() < INTERVAL, "{:?}", begun.elapsed());
        assert_eq!(report.outcome, Outcome::Good);
        assert_eq!(report.task.node.name, "local");
        next(&mut rounds).await;
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
        let prober = Prober::start(means(), sender);
        let both = vec![
            tcp_task(kept.port, INTERVAL),
            tcp_task(removed.port, INTERVAL),
        ];
        prober.set_tasks(both);
        sleep(INTERVAL * 2).await;
        assert!(removed.connections() >= 1);

        prober.set_tasks(vec![tcp_task(kept.port, INTERVAL)]);
        sleep(INTERVAL / 10).await;
        while rounds.try_recv().is_ok() {}
        let (kept_then, removed_then) = (kept.connections(), removed.connections());
        let then = Instant::now();
        // Saying the same again and again must not set its time back, nor start it anew.
        for _ in 0..20 {
            sleep(INTERVAL / 4).await;
            prober.set_tasks(vec![tcp_task(kept.port, INTERVAL)]);
        }
        assert_eq!(removed.connections(), removed_then);
        let seen = kept.connections() - kept_then;
        let intervals = then.elapsed().div_duration_f64(INTERVAL).round() as usize;
        assert!(intervals.abs_diff(seen) <= 1, "{seen} in {intervals}");
        while let Ok(report) = rounds.try_recv() {
            assert_eq!(report.task.monitor.name, format!("tcp-{}", kept.port));
        }
        prober.stop().await;
    }

    /// No file has such a time limit, or such an interval: they stand for bugs in a round, and in the
    /// task that begins them all.
    #[tokio::test]
    async fn a_panic_ends_neither_other_rounds_nor_the_prober() {
        let server = Counted::start().await;
        let good = tcp_task(server.port, INTERVAL);
        let spoiled = |monitor: Monitor| {
            let (monitor, task) = (Arc::new(monitor), tcp_task(server.port, INTERVAL));
            Arc::new(Task {
                monitor,
                ..Task::clone(&task)
            })
        };
        let endless = spoiled(Monitor {
            name: "endless".to_owned(),
            timeout: Duration::MAX,
            ..Monitor::clone(&good.monitor)
        });
        let never = spoiled(Monitor {
            name: "never".to_owned(),
            interval: Duration::MAX,
            ..Monitor::clone(&good.monitor)
        });
        let (sender, mut rounds) = mpsc::channel(256);
        let prober = Prober::start(means(), sender);
        prober.set_tasks(vec![endless, Arc::clone(&good)]);
        let mut seen = [false; 2];
        while seen != [true; 2] {
            match next(&mut rounds).await.outcome {
                Outcome::Unable(_) => seen[0] = true,
                outcome => seen[1] = outcome == Outcome::Good,
            }
        }
        prober.set_tasks(vec![never]);
        sleep(INTERVAL).await;
        while rounds.try_recv().is_ok() {}
        prober.set_tasks(vec![good]);
        assert_eq!(next(&mut rounds).await.outcome, Outcome::Good);
        prober.stop().await;
    }

    #[tokio::test]
    async fn after_stop_nothing_is_probed_and_the_channel_is_closed() {
        let server = Counted::start().await;
        let (sender, mut rounds) = mpsc::channel(16);
        let prober = Prober::start(means(), sender);
        prober.set_tasks(vec![tcp_task(server.port, INTERVAL)]);
        next(&mut rounds).await;
        prober.stop().await;
        let then = server.connections();
        sleep(INTERVAL * 2).await;
        assert_eq!(server.connections(), then);
        while rounds.try_recv().is_ok() {}
        assert!(rounds.recv().await.is_none());
    }
}
