//! The file anew: whole or not at all. Read and compiled beside the main loop, which goes on
//! judging rounds meanwhile; applied by it as one step.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use tokio::task::{JoinHandle, block_in_place, spawn_blocking};
use tracing::{error, info};

use super::phases::Phases;
use super::service::notify_service;
use super::watch::Watch;
use super::{App, tell_notes};
use crate::admin::command::{Applied, Asker, NotApplied, Reloaded};
use crate::admin::needs_restart;
use crate::admin::published::Refused;
use crate::alerts;
use crate::config::sources::Source;
use crate::config::{self, diff, model::Config};
use crate::metrics::ReloadResult;
use crate::snapshot::freeze::{Freezing, Plan};
use crate::snapshot::{Ground, Snapshot, compare};
use crate::state::Store;

/// Lines of what changes that are logged.
const LOGGED: usize = 40;

/// What reading the file came to.
pub(super) struct Read {
    ground: Result<Good, NotApplied>,
    /// Of a bad one too: what makes it good may be a change of any of its files. `None`: it was
    /// not read to the end.
    sources: Option<Vec<Source>>,
}

/// A good file.
enum Good {
    /// It says what is applied already.
    Same,
    /// It says something else, or what the kernel has refused before.
    Other(Box<Compiled>),
}

/// A file that is to be applied.
struct Compiled {
    ground: Ground,
    /// What it does to frozen answers.
    freezing: Freezing,
    /// What it is to take the place of.
    running: Arc<Ground>,
    at: Timestamp,
}

/// A file that is being read.
pub(super) struct Reloading {
    task: JoinHandle<Read>,
    started: Instant,
    /// Who waits for what becomes of it; nobody does after a SIGHUP.
    askers: Vec<Asker>,
    /// Somebody asked since, those wait: the file may have changed after it was read.
    again: Option<Vec<Asker>>,
}

/// The end of what is being read; never, when nothing is.
pub(super) async fn read(reloading: &mut Option<Reloading>) -> Read {
    let Some(reloading) = reloading else {
        return std::future::pending().await;
    };
    let read = (&mut reloading.task).await;
    read.unwrap_or_else(|error| Read {
        ground: Err(NotApplied::Refused(error.to_string())),
        sources: None,
    })
}

impl App {
    /// Begins to read the file; when one is being read, it is read once more after that.
    pub(super) fn reload(&mut self, askers: Vec<Asker>) {
        if let Some(reloading) = &mut self.reloading {
            let again = reloading.again.get_or_insert_default();
            // As many wait as have connections, however many came and went.
            again.retain(|asker| !asker.is_closed());
            again.extend(askers);
            return;
        }
        self.begin(askers);
    }

    fn begin(&mut self, askers: Vec<Asker>) {
        notify_service(&[sd_notify::NotifyState::Reloading]);
        let (file, running) = (self.file.clone(), Arc::clone(&self.ground));
        let snapshot = self.snapshot();
        // What the kernel has refused is tried again, whether the file is another or not.
        let again_all = self.trouble.answers.is_some();
        self.reloading = Some(Reloading {
            task: spawn_blocking(move || {
                read_file(&file, &running, snapshot.as_deref(), again_all)
            }),
            started: Instant::now(),
            askers,
            again: None,
        });
    }

    /// Applies what was read, or says why not.
    pub(super) fn finish_reload(&mut self, read: Read, watch: &mut Watch) {
        let Some(reloading) = self.reloading.take() else {
            return;
        };
        let Reloading {
            started,
            askers,
            again,
            ..
        } = reloading;
        if let Some(sources) = read.sources {
            watch.read(sources);
        }
        // Forgetting 100 000 instances takes a while: whoever describes the change does it.
        let before = self.published.load_full();
        let applied = read.ground.and_then(|good| match good {
            Good::Same => Ok(None),
            Good::Other(compiled) => self.apply(*compiled, started).map(Some),
        });
        match applied {
            Ok(None) => {
                self.metrics.reload(ReloadResult::applied);
                self.refused = None;
                let applied = Applied {
                    same: true,
                    took_ms: ms(started),
                    ..Applied::default()
                };
                info!(file = %self.file.display(), "reloaded: {}", applied.in_short());
                self.publish();
                self.tell_applied(&applied);
                answer(askers, &Ok(applied));
            }
            Ok(Some((after, freezing))) => {
                self.metrics.reload(ReloadResult::applied);
                self.refused = None;
                self.trouble.answers = None;
                self.applied = Timestamp::now();
                let took_ms = ms(started);
                info!(file = %self.file.display(), took_ms, "reloaded");
                self.publish();
                // Nobody waits for the description but those who asked.
                let told = self.describe.clone();
                let store = self.store.clone();
                drop(tokio::spawn(async move {
                    let freezing = written(&store, freezing).await;
                    drop(spawn_blocking(move || {
                        let mut applied = describe(before.snapshot.as_deref(), &after, took_ms);
                        applied.frozen = freezing;
                        log(&applied);
                        // The daemon may be ending.
                        let _ending = told.blocking_send(applied.clone());
                        answer(askers, &Ok(applied));
                    }));
                }));
            }
            Err(refused) => {
                self.metrics.reload(ReloadResult::refused);
                error!(
                    file = %self.file.display(),
                    "the file is refused, what ran before goes on:\n{refused}"
                );
                self.refused = Some(Refused {
                    at: Timestamp::now(),
                    why: refused.to_string(),
                });
                self.publish();
                let config = &self.ground.config;
                let event = alerts::of_refused(config, &refused, Timestamp::now());
                self.raise(event, Vec::new());
                answer(askers, &Err(refused));
            }
        }
        self.tell_trouble();
        notify_service(&[sd_notify::NotifyState::Ready]);
        self.settle();
        if let Some(askers) = again {
            self.begin(askers);
        }
    }

    /// Tells what a file has changed, once that is known.
    pub(super) fn tell_applied(&mut self, applied: &Applied) {
        let event = alerts::of_applied(&self.ground.config, applied, Timestamp::now());
        self.raise(event, Vec::new());
    }

    fn apply(
        &mut self,
        compiled: Compiled,
        since: Instant,
    ) -> Result<(Arc<Snapshot>, Freezing), NotApplied> {
        let mut phases = Phases::new();
        let Compiled {
            ground,
            freezing,
            running,
            at,
        } = compiled;
        let (ground, freezing) = block_in_place(|| self.up_to_date(ground, freezing, &running, at))
            .map_err(NotApplied::Refused)?;
        let ground = Arc::new(ground);
        phases.over("frozen answers looked at");
        let config = Arc::clone(&ground.config);
        let health = self.health.clone();
        self.health.reconcile(&config, Timestamp::now());
        phases.over("targets found");
        if let Err(error) = self.change(Some(Arc::clone(&ground)), since) {
            self.health = health;
            return Err(NotApplied::Refused(error));
        }
        phases.over("applied");
        self.ground = ground;
        self.keep_frozen(&freezing);
        self.configure(&config);
        self.prober.set_tasks(self.health.tasks());
        self.flattener.set_names(self.ground.flattened());
        self.notifier.reconfigure(config);
        phases.over("probes and channels told");
        let nothing = || NotApplied::Refused("nothing is answered yet".to_owned());
        let snapshot = self.snapshot().ok_or_else(nothing)?;
        Ok((snapshot, freezing))
    }

    /// Tells the kernel what a new file says besides the answers.
    fn configure(&mut self, config: &Config) {
        if let Some(dataplane) = &mut self.dataplane
            && let Err(error) = dataplane.configure(config)
        {
            error!(%error, "the kernel's settings stay as they were");
        }
    }
}

/// The file, validated and compiled; what is the same as in `running` is taken from there.
fn read_file(
    file: &Path,
    running: &Arc<Ground>,
    snapshot: Option<&Snapshot>,
    again_all: bool,
) -> Read {
    let mut phases = Phases::new();
    let reading = config::reading(file);
    tell_notes(&reading.notes);
    phases.over("file read");
    let ground = reading.config.map_err(NotApplied::from).and_then(|config| {
        if !again_all && config == *running.config {
            return Ok(Good::Same);
        }
        let compiled = compiled(file, Arc::new(config), running, snapshot)?;
        Ok(Good::Other(Box::new(compiled)))
    });
    phases.over("names and lines compiled");
    Read {
        ground,
        sources: Some(reading.sources),
    }
}

fn compiled(
    file: &Path,
    config: Arc<Config>,
    running: &Arc<Ground>,
    snapshot: Option<&Snapshot>,
) -> Result<Compiled, NotApplied> {
    if let Some(table) = needs_restart(&running.config, &config) {
        let why = format!("{}: {table}", file.display());
        return Err(NotApplied::Refused(why));
    }
    let at = Timestamp::now();
    let plan = snapshot.map(|snapshot| Plan::of(snapshot, &config, at));
    let Plan { frozen, freezing } = plan.unwrap_or_default();
    let ground = Ground::with_frozen(config, running.hash_key, Some(running), frozen);
    Ok(Compiled {
        ground: ground.map_err(|error| NotApplied::Refused(error.to_string()))?,
        freezing,
        running: Arc::clone(running),
        at,
    })
}

/// Since `started`, whole milliseconds.
fn ms(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Waits until what is frozen is on the disk; says why it is not.
async fn written(store: &Store, mut freezing: Freezing) -> Freezing {
    if !freezing.is_empty()
        && let Err(error) = store.flush().await
    {
        freezing.unwritten = Some(error.to_string());
    }
    freezing
}

fn describe(before: Option<&Snapshot>, after: &Snapshot, took_ms: u64) -> Applied {
    let Some(before) = before else {
        return Applied {
            took_ms,
            ..Applied::default()
        };
    };
    Applied {
        changes: diff::diff(&before.ground.config, &after.ground.config),
        answers: compare::compare(before, after),
        took_ms,
        ..Applied::default()
    }
}

fn log(applied: &Applied) {
    let text = applied.to_string();
    let mut lines: Vec<&str> = text.lines().collect();
    if lines.len() > LOGGED {
        lines.truncate(LOGGED);
        lines.push("…");
    }
    info!("the file changes: {}", lines.join("\n"));
}

fn answer(askers: Vec<Asker>, reloaded: &Reloaded) {
    for asker in askers {
        // Whoever asked may have gone.
        let _gone = asker.send(reloaded.clone());
    }
}
