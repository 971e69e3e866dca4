//! The connections of a listener: so many, each with what it does now; the one that has done nothing
//! for longest makes room for another.
//!
//! ```text
//!   waits for its peer ──a request is whole──▶ is worked on ──reply──▶ waits for its peer
//!     │ may be ended for another, once it has had FRESH              (octets taken: not idle)
//! ```
//! Must not touch a socket: whoever has a place is ended by aborting its task.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::sleep_until;

/// How long a new connection has at least: whoever asks right after connecting is heard, however
/// many others come.
const FRESH: Duration = Duration::from_millis(100);

/// The places of one listener; clones are handles to the same.
#[derive(Clone, Debug)]
pub(super) struct Places(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    most: usize,
    taken: Mutex<Taken>,
    /// A place is free, or may be made free.
    freed: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    by: HashMap<u64, Held>,
}

#[derive(Debug)]
struct Held {
    since: Instant,
    /// When it last got something done.
    active: Instant,
    /// A request of it is worked on.
    working: bool,
    /// `None`: its task has not begun.
    task: Option<AbortHandle>,
}

/// The place of a connection, until dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    id: u64,
}

/// A request that is worked on, until dropped.
#[derive(Debug)]
pub(super) struct Working<'a>(&'a Place);

impl Places {
    pub(super) fn new(most: usize) -> Self {
        Self(Arc::new(Shared {
            most,
            taken: Mutex::default(),
            freed: Notify::new(),
        }))
    }

    /// Waits until a connection more has a place, for which an idle one may have to go. Only one
    /// may wait at a time: who accepts connections.
    pub(super) async fn room(&self) {
        loop {
            let again = {
                let mut taken = self.lock();
                if taken.by.len() < self.0.most {
                    return;
                }
                let now = Instant::now();
                match taken.idlest() {
                    Some((id, old)) if old <= now => {
                        if let Some(task) = taken.by.remove(&id).and_then(|held| held.task) {
                            task.abort();
                        }
                        return;
                    }
                    Some((_, old)) => Some(old),
                    None => None,
                }
            };
            match again {
                Some(old) => tokio::select! {
                    () = sleep_until(old.into()) => {}
                    () = self.0.freed.notified() => {}
                },
                None => self.0.freed.notified().await,
            }
        }
    }

    /// A place for a new connection; there must be [`Self::room`].
    pub(super) fn take(&self) -> Place {
        let now = Instant::now();
        let mut taken = self.lock();
        let id = taken.next;
        taken.next += 1;
        let held = Held {
            since: now,
            active: now,
            working: false,
            task: None,
        };
        taken.by.insert(id, held);
        drop(taken);
        Place {
            places: self.clone(),
            id,
        }
    }

    /// How the connection at place `id` is ended.
    pub(super) fn ended_by(&self, id: u64, task: AbortHandle) {
        if let Some(held) = self.lock().by.get_mut(&id) {
            held.task = Some(task);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        // Nothing in it is half done between two statements.
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// The one that is to go first, and from when on it may.
    fn idlest(&self) -> Option<(u64, Instant)> {
        let waiting = self.by.iter().filter(|(_, held)| !held.working);
        // It may not have had its time yet: that is waited for, rather than that one goes which gets
        // something done.
        let first = waiting.min_by_key(|(id, held)| (held.active, **id));
        first.map(|(id, held)| (*id, held.since + FRESH))
    }
}

impl Place {
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Begins to work on a request; `None`: the connection had to go.
    pub(super) fn work(&self) -> Option<Working<'_>> {
        self.places.lock().by.get_mut(&self.id)?.working = true;
        Some(Working(self))
    }

    /// Its peer has taken something.
    pub(super) fn active(&self) {
        if let Some(held) = self.places.lock().by.get_mut(&self.id) {
            held.active = Instant::now();
        }
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        let Place { places, id } = self.0;
        if let Some(held) = places.lock().by.get_mut(id) {
            held.working = false;
            held.active = Instant::now();
        }
        places.0.freed.notify_one();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().by.remove(&self.id);
        self.places.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use tokio::time::timeout;

    /// Connections that wait for their peers for ever.
    async fn connected(places: &Places) -> (u64, tokio::task::JoinHandle<()>) {
        places.room().await;
        let place = places.take();
        let id = place.id();
        let task = tokio::spawn(async move {
            let _place = place;
            std::future::pending().await
        });
        places.ended_by(id, task.abort_handle());
        (id, task)
    }

    fn held(places: &Places) -> Vec<u64> {
        let mut held: Vec<u64> = places.lock().by.keys().copied().collect();
        held.sort_unstable();
        held
    }

    #[tokio::test]
    async fn the_one_that_is_idle_for_longest_goes() {
        let places = Places::new(3);
        let first = connected(&places).await;
        let second = connected(&places).await;
        let third = connected(&places).await;
        // The first has done something since.
        places.lock().by.get_mut(&first.0).expect("held").active = Instant::now();
        let fourth = connected(&places).await;
        assert_eq!(held(&places), [first.0, third.0, fourth.0]);
        assert!(second.1.await.expect_err("ended").is_cancelled());
    }

    #[tokio::test]
    async fn a_new_one_has_its_time() {
        let places = Places::new(1);
        let begun = Instant::now();
        connected(&places).await;
        connected(&places).await;
        assert!(begun.elapsed() >= FRESH, "{:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn what_is_worked_on_stays_and_its_end_makes_room() {
        let places = Places::new(1);
        places.room().await;
        let place = places.take();
        let working = place.work().expect("it has its place");
        let full = timeout(FRESH * 3, places.room()).await;
        assert!(full.is_err(), "it was worked on");
        drop(working);
        timeout(FRESH * 3, places.room()).await.expect("it is idle");
        assert!(place.work().is_none(), "its place is another's");
        // What is left of it changes nothing for the next.
        let next = places.take();
        drop(place);
        assert_eq!(held(&places), [next.id()]);
    }
}
