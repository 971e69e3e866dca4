//! The daemon: builds its parts in start order, then turns rounds into answers until it is told
//! to stop.
//!
//! ```text
//!  load file ─ lock state ─ bind sockets ─ adopt maps ─ probe ─┬─ every target known ─┐
//!                                                              └─ start_wait is over ─┴─ answer
//!      ┌──────────────────────────────────────────────────────────────────────────────────┘
//!      └─ round → health → snapshot → {maps, sockets} → events;
//!         SIGHUP, a file changed: the same from the file;
//!         SIGTERM: drain, and the kernel goes on answering
//! ```

mod cookies;
mod flattening;
mod phases;
mod reload;
mod service;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use arc_swap::ArcSwap;
use hickory_proto::rr::Name;
use igtm_common::cookie::Secrets;
use jiff::Timestamp;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::{JoinSet, block_in_place};
use tokio::time::{MissedTickBehavior, interval, interval_at, timeout_at};
use tracing::{debug, error, info, warn};

use crate::alerts::{self, Since};
use crate::config::{self, model::Config};
use crate::dataplane::{Capacity, Dataplane};
use crate::dns::server::{Current, Listener};
use crate::flatten::{self, Flattener, Resolvers};
use crate::health::{Health, Round, Target};
use crate::notify::Notifier;
use crate::notify::event::Event;
use crate::probe::{Prober, Vantage};
use crate::snapshot::{Ground, Snapshot};
use crate::state::State;
use phases::Phases;
use service::{Stop, notify_service};
use watch::Watch;

/// Rounds that wait to be judged; probes wait when there are more.
const ROUNDS: usize = 4096;
/// How often the kernel hears that the daemon lives.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long pending alerts may take at the end.
const DRAIN: Duration = Duration::from_secs(5);

/// Runs the daemon on `file` until SIGTERM or SIGINT.
pub async fn run(file: PathBuf) -> anyhow::Result<()> {
    // First of all: a SIGHUP that nobody takes ends the process, and reading the file may take long.
    let mut stop = Stop::new()?;
    let hangup = signal(SignalKind::hangup()).context("SIGHUP")?;
    let mut phases = Phases::new();
    let reading = config::reading(&file);
    tell_notes(&reading.notes);
    phases.over("file read");
    let mut app = App::build(file, Arc::new(reading.config?))?;
    let watch = Watch::start(reading.sources, watch::QUIET);
    tokio::select! {
        biased;
        signal = stop.wait() => info!(signal, "stopping before the first answer"),
        () = app.first_rounds() => {
            let answering = app.first_answer()?;
            app.follow(stop, hangup, watch).await;
            drop(answering);
        }
    }
    app.drain().await;
    Ok(())
}

struct App {
    file: PathBuf,
    ground: Arc<Ground>,
    state: State,
    dataplane: Option<Dataplane>,
    listener: Option<Listener>,
    health: Health,
    prober: Prober,
    rounds: mpsc::Receiver<Round>,
    notifier: Notifier,
    flattener: Flattener,
    current: Option<Current>,
    since: Since,
    serial: u32,
    /// Secrets of server cookies.
    cookies: Secrets,
    /// Targets whose state is not yet part of what is answered.
    changed: Vec<Target>,
    /// Flattened domains whose addresses are not yet part of what is answered.
    learned: Vec<Name>,
    /// Events of transitions that are not yet part of what is answered.
    pending: Vec<Event>,
}

impl App {
    /// Everything that can refuse to start; what outlives a refusal (the pins) comes last.
    fn build(file: PathBuf, config: Arc<Config>) -> anyhow::Result<Self> {
        let server = &config.server;
        let mut phases = Phases::new();
        let state = State::open(&server.state_dir)?;
        let listener = Listener::bind(server)?;
        let hash_key =
            Dataplane::hash_key(server).unwrap_or_else(|| std::array::from_fn(|_| rand::random()));
        let ground = Arc::new(Ground::new(Arc::clone(&config), hash_key, None)?);
        phases.over("names and lines compiled");
        let mut dataplane = Dataplane::open(&config, hash_key, needed(&ground))?;
        let cookies = cookies::first(dataplane.as_mut())?;
        phases.over("program loaded, maps made or adopted");
        let health = Health::new(&config, Timestamp::now());
        let (reports, rounds) = mpsc::channel(ROUNDS);
        let prober = Prober::start(Vantage::new("local"), reports);
        prober.set_targets(health.probes());
        let mut flattener = Flattener::new(Resolvers::System);
        flattener.set_names(flatten::names(&config));
        let serial = state.serial();
        phases.over("targets found, probes started");
        Ok(Self {
            file,
            ground,
            state,
            dataplane,
            listener: Some(listener),
            health,
            prober,
            rounds,
            notifier: Notifier::start(config),
            flattener,
            current: None,
            since: Since::default(),
            serial,
            cookies,
            changed: Vec::new(),
            learned: Vec::new(),
            pending: Vec::new(),
        })
    }

    /// Waits until every monitored address has finished a round and every flattened domain was
    /// asked for, or `start_wait` is over.
    async fn first_rounds(&mut self) {
        let wait = self.ground.config.server.start_wait;
        let until = tokio::time::Instant::now() + wait;
        // Rounds wait meanwhile, and are taken in also when the time is over.
        self.first_addresses(until).await;
        while !self.health.all_known() {
            match timeout_at(until, self.rounds.recv()).await {
                Ok(Some(round)) => self.judge(round),
                Ok(None) => return,
                Err(_elapsed) => {
                    warn!(?wait, "start_wait is over before every address was probed");
                    return;
                }
            }
        }
    }

    /// The first snapshot: from now on queries are answered.
    fn first_answer(&mut self) -> anyhow::Result<JoinSet<()>> {
        let ground = Arc::clone(&self.ground);
        let mut phases = Phases::new();
        let resolved = self.flattener.resolved().clone();
        let serial = self.next_serial();
        let snapshot = Snapshot::flattening(ground, &self.health, resolved, serial, self.cookies);
        phases.over("decided");
        self.write(&snapshot)?;
        phases.over("maps written");
        self.changed.clear();
        self.learned.clear();
        self.reserve_serials(snapshot.serial);
        let current: Current = Arc::new(ArcSwap::from_pointee(snapshot));
        let listener = self
            .listener
            .take()
            .context("the sockets are served once")?;
        let answering = listener.serve(&current);
        let snapshot = current.load_full();
        self.current = Some(current);
        self.tell(None, &snapshot);
        phases.over("told");
        notify_service(&[sd_notify::NotifyState::Ready]);
        info!(
            instances = snapshot.ground.config.instances.len(),
            answers = snapshot.image.small.len() + snapshot.image.large.len(),
            kernel = self.dataplane.is_some(),
            "answering"
        );
        self.settle();
        Ok(answering)
    }

    /// Rounds, reloads and heartbeats, until told to stop.
    async fn follow(&mut self, mut stop: Stop, mut hangup: Signal, mut watch: Watch) {
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
                Some(round) = self.rounds.recv() => {
                    let verdict = Instant::now();
                    self.judge(round);
                    // What has come meanwhile becomes one step. Bounded: where rounds end faster
                    // than they are judged, nothing would ever be answered nor stopped.
                    for _ in 0..ROUNDS {
                        let Ok(round) = self.rounds.try_recv() else { break };
                        self.judge(round);
                    }
                    if !self.changed.is_empty() {
                        self.change(None, verdict);
                    }
                }
                learned = self.flattener.learned() => self.learn(learned),
                _ = hangup.recv() => self.reload(&mut watch),
                () = watch.changed() => self.reload(&mut watch),
                _ = heartbeat.tick() => self.beat(),
                _ = rotation.tick() => self.rotate_cookies(),
            }
        }
    }

    /// Takes in a round; a state that it changed waits for [`Self::change`].
    fn judge(&mut self, round: Round) {
        let Some(transition) = self.health.report(round, Timestamp::now()) else {
            return;
        };
        let reasons: Vec<String> = transition
            .reasons
            .iter()
            .map(|reason| format!("{}: {}", reason.node, reason.reason))
            .collect();
        info!(
            address = %transition.target.address,
            monitor = self.ground.config.monitor(transition.target.monitor).name,
            from = ?transition.from,
            to = ?transition.to,
            reasons = reasons.join("; "),
            "state"
        );
        let events = alerts::of_transition(&self.ground, &transition);
        self.pending.extend(events);
        self.changed.push(transition.target);
    }

    /// Decides what has changed, or all of another ground, and makes it the answer everywhere; on
    /// an error all stays as it was.
    fn change(&mut self, ground: Option<Arc<Ground>>, since: Instant) -> bool {
        let Some(current) = self.current.clone() else {
            return false;
        };
        let mut phases = Phases::new();
        let serial = self.next_serial();
        let resolved = self.flattener.resolved().clone();
        let snapshot = Arc::new(match ground {
            Some(ground) => {
                Snapshot::flattening(ground, &self.health, resolved, serial, self.cookies)
            }
            None => {
                let (changed, learned) = (&self.changed, &self.learned);
                let current = current.load();
                current.after_learning(changed, &self.health, learned, resolved, serial)
            }
        });
        phases.over("decided");
        if let Err(error) = self.write(&snapshot) {
            error!(
                error = format!("{error:#}"),
                "the answers stay as they were"
            );
            return false;
        }
        phases.over("maps written");
        self.changed.clear();
        self.learned.clear();
        let former = current.swap(Arc::clone(&snapshot));
        let took_us = since.elapsed().as_micros() as u64;
        let (serial, answers) = (snapshot.serial, snapshot.image.answers_changed());
        if snapshot.redecided.as_ref().is_some_and(Vec::is_empty) {
            // TTLs of flattened domains, mostly.
            debug!(took_us, serial, answers, "answers renewed");
        } else {
            info!(took_us, serial, answers, "answers changed");
        }
        self.tell(Some(&former), &snapshot);
        phases.over("told");
        self.settle();
        phases.over("the other epoch written");
        true
    }

    fn reserve_serials(&mut self, used: u32) {
        if let Err(error) = block_in_place(|| self.state.reserve_serials(used)) {
            error!(%error, "the SOA serial may not rise across a restart");
        }
    }

    /// Waits now for what the next change would else wait for.
    fn settle(&mut self) {
        if let Some(dataplane) = &mut self.dataplane
            && let Err(error) = block_in_place(|| dataplane.settle())
        {
            error!(%error, "the maps are brought up to date with the next change");
        }
    }

    /// Above every serial that was ever answered, also when the clock went back (RFC 1982
    /// arithmetic is not needed before 2106).
    fn next_serial(&self) -> u32 {
        let now = u32::try_from(Timestamp::now().as_second()).unwrap_or(u32::MAX);
        now.max(self.serial.saturating_add(1))
    }

    /// The kernel first: what it refuses is not answered in userspace either.
    fn write(&mut self, snapshot: &Snapshot) -> anyhow::Result<()> {
        if let Some(dataplane) = &mut self.dataplane {
            block_in_place(|| dataplane.apply(&snapshot.ground.config, &snapshot.image))?;
        }
        self.serial = snapshot.serial;
        Ok(())
    }

    /// Raises what has happened, and keeps what must outlive the daemon. After the answers: no
    /// alert and no disk ever delays a failover.
    fn tell(&mut self, former: Option<&Snapshot>, now: &Snapshot) {
        let moves = self.since.of_change(former, now, Timestamp::now());
        for event in self.pending.drain(..).chain(moves) {
            info!(event = event.kind.name(), "{}", event.title);
            self.notifier.raise(event);
        }
        self.reserve_serials(now.serial);
    }

    fn beat(&mut self) {
        if let Some(dataplane) = &mut self.dataplane
            && let Err(error) = block_in_place(|| dataplane.heartbeat())
        {
            error!(%error, "heartbeat");
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

    /// Ends what is under way: probes at once, alerts within [`DRAIN`].
    async fn drain(self) {
        self.prober.stop().await;
        self.notifier.drain(DRAIN).await;
        info!("stopped");
    }
}

/// What the operator should know of a configuration that is good.
fn tell_notes(notes: &[config::Problem]) {
    for note in notes {
        warn!("{note}");
    }
}

/// What the maps have to hold, whatever the health.
fn needed(ground: &Ground) -> Capacity {
    let fixed = &ground.fixed;
    let (small, large) = ground.answers();
    Capacity {
        names: fixed.names.buckets().len(),
        views: fixed.views.views().len(),
        units: fixed.views.units().len(),
        slots: fixed.slots.len(),
        small,
        large,
        zones: ground.config.zones.len(),
        lines: fixed.line_names.len(),
    }
}
