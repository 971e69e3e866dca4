//! The files that the configuration was read from, watched: says when it is to be read again.
//!
//! ```text
//!  inotify of directories ─┐
//!  a look each minute ─────┴─ quiet for a second ─ compared by content ─ changed ─ main loop reloads
//!        ▲                                                                             │
//!        └──────────────── the files that were read now, and what they said ───────────┘
//! ```
//!
//! Must not read the configuration: SIGHUP and a change of a file take the same way.

mod places;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::{mpsc, watch};
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{debug, info, warn};

use self::places::Places;
use crate::config::sources::{Since, Source};
use crate::supervised::supervised;

/// How long nothing must happen to the files: whoever copies many is done, and an editor that moves
/// the old one away has written the new one.
pub(super) const QUIET: Duration = Duration::from_secs(1);
/// A file that is written all the time is looked at all the same.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Some file systems tell nobody what other hosts write to them.
const LOOK: Duration = Duration::from_secs(60);

/// Watches until it is dropped.
pub(super) struct Watch {
    changed: mpsc::Receiver<()>,
    sources: watch::Sender<Vec<Source>>,
}

impl Watch {
    /// Watches what was read, as soon as nothing has happened to it for `quiet`.
    pub(super) fn start(sources: Vec<Source>, quiet: Duration) -> Self {
        let (tell, changed) = mpsc::channel(1);
        let (sources, read) = watch::channel(sources);
        let (mut follower, mut read) = (Follower::new(), read);
        tokio::spawn(supervised("watch of the files", async move || {
            follower.follow(&mut read, &tell, quiet).await;
        }));
        Self { changed, sources }
    }

    /// Some file says something else than what was read of it. Whoever hears it reads the
    /// configuration and tells [`Self::read`]; nothing is said before that.
    pub(super) async fn changed(&mut self) {
        if self.changed.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }

    /// The configuration was read again, from these.
    pub(super) fn read(&mut self, sources: Vec<Source>) {
        // What was said of the former ones; what has changed since is said again.
        let _ = self.changed.try_recv();
        self.sources.send_replace(sources);
    }
}

/// Which inode a path led to.
type Inode = (u64, u64);

struct Follower {
    /// None where the system gives none; then there are the looks.
    watcher: Option<RecommendedWatcher>,
    hints: mpsc::Receiver<()>,
    /// What of all that happens in the directories matters.
    places: Arc<ArcSwap<Places>>,
    /// Directories that are watched.
    watched: HashMap<PathBuf, Inode>,
    sources: Vec<Source>,
    /// Files that were said to be gone.
    gone: HashSet<PathBuf>,
}

impl Follower {
    fn new() -> Self {
        let places = Arc::new(ArcSwap::from_pointee(Places::default()));
        let (hint, hints) = mpsc::channel(1);
        let known = Arc::clone(&places);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if matters(&event, &known.load()) {
                // Full: a hint waits already.
                let _ = hint.try_send(());
            }
        });
        let watcher = watcher
            .inspect_err(|error| {
                warn!(%error, "a change of files is seen within a minute, not at once");
            })
            .ok();
        Self {
            watcher,
            hints,
            places,
            watched: HashMap::new(),
            sources: Vec::new(),
            gone: HashSet::new(),
        }
    }

    async fn follow(
        &mut self,
        read: &mut watch::Receiver<Vec<Source>>,
        tell: &mpsc::Sender<()>,
        quiet: Duration,
    ) {
        self.sources = read.borrow_and_update().clone();
        loop {
            // First the watch, then the look: what happens in between is seen twice, not never.
            let changed = block_in_place(|| {
                self.arm();
                self.compare()
            });
            if changed && tell.send(()).await.is_err() {
                return;
            }
            tokio::select! {
                read_again = read.changed() => {
                    if read_again.is_err() {
                        return;
                    }
                    self.sources = read.borrow_and_update().clone();
                }
                // What was said stands until the configuration was read.
                Some(()) = self.hints.recv(), if !changed => self.settle(quiet).await,
                () = sleep(LOOK), if !changed => {}
            }
        }
    }

    /// Waits until nothing has happened for `quiet`, at most [`LONGEST_WAIT`].
    async fn settle(&mut self, quiet: Duration) {
        let latest = Instant::now() + LONGEST_WAIT;
        while Instant::now() < latest {
            let until = latest.min(Instant::now() + quiet);
            if timeout_at(until, self.hints.recv()).await.is_err() {
                return;
            }
        }
    }

    /// Watches the directories that lead to the files now. Directories, since a file that is moved
    /// into place is another inode.
    fn arm(&mut self) {
        let places = Places::of(&self.sources);
        let wanted = places.watched();
        self.places.store(Arc::new(places));
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        self.watched.retain(|directory, inode| {
            let stays = wanted.contains(directory) && inode_of(directory) == Some(*inode);
            if !stays && let Err(error) = watcher.unwatch(directory) {
                // A removed directory has taken its watch with it.
                debug!(directory = %directory.display(), %error, "unwatch");
            }
            stays
        });
        for directory in wanted {
            if self.watched.contains_key(&directory) {
                continue;
            }
            let Some(inode) = inode_of(&directory) else {
                continue;
            };
            match watcher.watch(&directory, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.watched.insert(directory, inode);
                }
                // Directories far above may be closed to us; a look sees what happens there.
                Err(error) => debug!(directory = %directory.display(), %error, "watch"),
            }
        }
    }

    /// Whether any file says something else than what was read of it.
    fn compare(&mut self) -> bool {
        let mut changed = false;
        for source in &mut self.sources {
            let since = source.compare();
            let path = &source.path;
            if let Since::Gone(error) = since {
                if self.gone.insert(path.clone()) {
                    warn!(file = %path.display(), %error, "gone; what was read of it goes on");
                }
                continue;
            }
            if self.gone.remove(path) {
                info!(file = %path.display(), "back");
            }
            if matches!(since, Since::Changed) {
                info!(file = %path.display(), "changed");
                changed = true;
            }
        }
        changed
    }
}

/// Whether what happened may have changed a file. Reading one is an event too, also when we do.
fn matters(event: &notify::Result<notify::Event>, places: &Places) -> bool {
    let Ok(event) = event else { return true };
    let written = EventKind::Access(AccessKind::Close(AccessMode::Write));
    if event.need_rescan() {
        return true;
    }
    if event.kind.is_access() && event.kind != written {
        return false;
    }
    event.paths.iter().any(|path| places.matters(path))
}

fn inode_of(directory: &Path) -> Option<Inode> {
    let metadata = fs::metadata(directory).ok()?;
    Some((metadata.dev(), metadata.ino()))
}
