//! The daemon: builds its parts in start order, then turns rounds into answers until it is told
//! to stop.
//!
//! ```text
//!  load file ─ lock state ─ bind sockets ─ adopt maps ─ probe ─┬─ every target known ─┐
//!                                                              └─ start_wait is over ─┴─ answer
//!      ┌──────────────────────────────────────────────────────────────────────────────────┘
//!      └─ round → health → snapshot → {maps, sockets} → events;
//!         SIGHUP, a command, a file changed: the same from the file;
//!         after each: what readers see;
//!         SIGTERM: drain, and the kernel goes on answering
//! ```

mod change;
mod cookies;
mod events;
mod flattening;
mod force;
mod freeze;
mod judge;
mod keep;
mod left;
mod phases;
mod publish;
mod reload;
mod service;
mod trouble;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use hickory_proto::rr::Name;
use igtm_common::cookie::Secrets;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep_until, timeout};
use tracing::{info, warn};

use crate::admin::command::{self, Applied, Told};
use crate::admin::published::{self, Refused};
use crate::admin::{Door, Serving, Shared};
use crate::alerts::{AddressesTold, Cause, PoolsDown, Said, Since};
use crate::config::{self, model::Config};
use crate::dataplane::{Capacity, Dataplane};
use crate::dns::server::{Answering, Current, Listener};
use crate::flatten::{Flattener, Resolvers};
use crate::health::{Health, Report, Target};
use crate::metrics::Metrics;
use crate::notify::Notifier;
use crate::notify::event::Event;
use crate::probe::{Means, Prober};
use crate::snapshot::{Ground, Snapshot};
use crate::state::Store;
use phases::Phases;
use reload::Reloading;
use service::{Stop, notify_service};
pub use service::{hold_hangups, release_hangups};
use trouble::Trouble;
use watch::Watch;

/// Reports that wait to be judged; probes wait when there are more. A large reload takes seconds.
const REPORTS: usize = 65_536;
/// Descriptions of reloads that wait to be told; the next one waits when there are more.
const DESCRIBED: usize = 4;
/// How long the first answer waits for its serials to be on the disk.
const SERIALS: Duration = Duration::from_secs(1);
/// How long pending alerts may take at the end.
const DRAIN: Duration = Duration::from_secs(5);

/// Runs the daemon on `file` until SIGTERM or SIGINT.
pub async fn run(file: PathBuf) -> anyhow::Result<()> {
    // First of all: reading the file may take long.
    let mut stop = Stop::new()?;
    let hangup = service::take_hangups()?;
    // Whoever asks what another file would change names it from elsewhere: paths must compare.
    let file = std::path::absolute(&file).context("the configuration's path")?;
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
            app.first_serials().await;
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
    store: Store,
    /// The admin API; it ends with the daemon.
    _admin: Serving,
    /// What readers of the admin API are shown.
    published: published::Current,
    commands: Told,
    metrics: Metrics,
    dataplane: Option<Dataplane>,
    listener: Option<Listener>,
    health: Health,
    prober: Prober,
    reports: mpsc::Receiver<Report>,
    notifier: Notifier,
    flattener: Flattener,
    current: Option<Current>,
    since: Since,
    /// The addresses that are down or at risk, as was told.
    addresses_told: AddressesTold,
    /// The pools that are down, as was told.
    pools_down: PoolsDown,
    serial: u32,
    /// Secrets of server cookies.
    cookies: Secrets,
    /// Targets whose state is not yet part of what is answered, and why they changed.
    changed: Vec<(Target, Cause)>,
    /// Operators' words that are not yet part of what is answered.
    said: Vec<Said>,
    /// Flattened domains whose addresses are not yet part of what is answered.
    learned: Vec<Name>,
    /// Events of transitions that are not yet part of what is answered, each with its causes.
    pending: Vec<(Event, Vec<Cause>)>,
    /// What a former run told to last, of which this one does not know yet whether it is over.
    left_over: Vec<Arc<Event>>,
    /// A file that is being read.
    reloading: Option<Reloading>,
    started: Timestamp,
    /// When the configuration was applied.
    applied: Timestamp,
    /// The last file that was refused, if none was applied since.
    refused: Option<Refused>,
    trouble: Trouble,
    /// Descriptions of what reloads changed come here.
    described: mpsc::Receiver<Applied>,
    describe: mpsc::Sender<Applied>,
    last_heartbeat: Option<Timestamp>,
}

impl App {
    /// Everything that can refuse to start; what outlives a refusal (the pins) comes last.
    fn build(file: PathBuf, config: Arc<Config>) -> anyhow::Result<Self> {
        let server = &config.server;
        let mut phases = Phases::new();
        let (store, mut restored) = Store::open(&server.state_dir)?;
        let door = Door::bind(&config.admin)?;
        let listener = Listener::bind(server)?;
        let hash_key =
            Dataplane::hash_key(server).unwrap_or_else(|| std::array::from_fn(|_| rand::random()));
        let frozen = freeze::resume(&store, &config, &restored.frozen);
        let ground = Ground::with_frozen(Arc::clone(&config), hash_key, None, frozen)?;
        let ground = Arc::new(ground);
        phases.over("names and lines compiled");
        let mut dataplane = Dataplane::open(&config, hash_key, needed(&ground))?;
        let cookies = cookies::first(dataplane.as_mut())?;
        phases.over("program loaded, maps made or adopted");
        let started = Timestamp::now();
        let mut health = Health::new(&config, started);
        let metrics = Metrics::default();
        let serial = restored.serial;
        let saved = std::mem::take(&mut restored.alerts);
        let left_over = left::left_over(&saved);
        let told = left::told(&saved);
        let since = keep::resume(&store, &mut health, restored);
        let addresses_told = AddressesTold::resumed(&ground, &health, &told, started);
        let pools_down = PoolsDown::resumed(&ground, &health, &told, started);
        let notifier = Notifier::start(config, store.clone(), metrics.clone(), saved);
        let (sender, reports) = mpsc::channel(REPORTS);
        let means = Means::of_host().counted_by(metrics.clone());
        let prober = Prober::start(means, sender);
        prober.set_tasks(health.tasks());
        let mut flattener = Flattener::new(Resolvers::System);
        flattener.set_names(ground.flattened());
        phases.over("targets found, probes started");
        let (told, commands) = command::channel();
        let (describe, described) = mpsc::channel(DESCRIBED);
        let first = publish::first(file.clone(), &ground, &health, dataplane.is_some());
        let published = Arc::new(ArcSwap::from_pointee(first));
        let admin = door.serve(&Shared {
            published: Arc::clone(&published),
            commands: told,
            metrics: metrics.clone(),
            store: store.clone(),
            lateness: Arc::clone(prober.lateness()),
            alerts: notifier.handle(),
            page: Arc::default(),
        });
        Ok(Self {
            file,
            ground,
            store,
            _admin: admin,
            published,
            commands,
            metrics,
            dataplane,
            listener: Some(listener),
            health,
            prober,
            reports,
            notifier,
            flattener,
            current: None,
            since,
            addresses_told,
            pools_down,
            serial,
            cookies,
            changed: Vec::new(),
            said: Vec::new(),
            learned: Vec::new(),
            pending: Vec::new(),
            left_over,
            reloading: None,
            started,
            applied: started,
            refused: None,
            trouble: Trouble::default(),
            described,
            describe,
            last_heartbeat: None,
        })
    }

    /// Waits until every monitored address has finished a round and every flattened domain was
    /// asked for, or `start_wait` is over.
    async fn first_rounds(&mut self) {
        let wait = self.ground.config.server.start_wait;
        let until = tokio::time::Instant::now() + wait;
        // What ended while nobody was here.
        self.end_forces(self.started);
        // Rounds wait meanwhile, and are taken in also when the time is over.
        self.first_addresses(until).await;
        let mut clock = interval(events::HEARTBEAT);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.health.all_known() {
            tokio::select! {
                report = self.reports.recv() => match report {
                    Some(report) => self.judge(report),
                    None => return,
                },
                _ = clock.tick() => {
                    self.tick();
                    self.publish();
                }
                () = sleep_until(until) => {
                    warn!(?wait, "start_wait is over before every address was probed");
                    return;
                }
            }
        }
    }

    /// Serials that a restart is above of, also one that comes before the next write: the one time
    /// that answers wait for a disk, and not for a slow one.
    async fn first_serials(&self) {
        self.store.reserve_serials(self.next_serial());
        let written = timeout(SERIALS, self.store.flush()).await;
        if !matches!(written, Ok(Ok(()))) {
            warn!("SOA serials are not reserved: a daemon that is killed soon may repeat them");
        }
    }

    /// The first snapshot: from now on queries are answered.
    fn first_answer(&mut self) -> anyhow::Result<Answering> {
        let ground = Arc::clone(&self.ground);
        let mut phases = Phases::new();
        let resolved = self.flattener.resolved().clone();
        let serial = self.next_serial();
        let snapshot = Snapshot::flattening(ground, &self.health, resolved, serial, self.cookies);
        phases.over("decided");
        self.write(&snapshot)?;
        phases.over("maps written");
        for all in [false, true] {
            self.note_pools(&snapshot.ground, all);
        }
        self.learned.clear();
        let current: Current = Arc::new(ArcSwap::from_pointee(snapshot));
        let listener = self
            .listener
            .take()
            .context("the sockets are served once")?;
        let rates = self.dataplane.as_mut().map(Dataplane::rates);
        let answering = listener.serve(&current, &self.metrics, rates)?;
        let snapshot = current.load_full();
        self.current = Some(current);
        self.tell(None, &snapshot);
        phases.over("told");
        self.publish();
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

    /// Ends what is under way: probes at once, alerts and what is kept within [`DRAIN`].
    async fn drain(self) {
        self.prober.stop().await;
        // First what writes, then what is written to.
        self.notifier.drain(DRAIN).await;
        self.store.close(DRAIN).await;
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
