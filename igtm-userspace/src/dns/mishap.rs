//! A panic while a query is answered costs that query, and nobody else anything.
//!
//! Must not hide one: each is counted, and told once a second. What is told is where it happened; the
//! message may hold what somebody sent.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use tracing::error;

/// At most one line in the log in so long.
const TELL_EVERY: Duration = Duration::from_secs(1);

thread_local! {
    /// Whether this thread is where a panic is survived.
    static SURVIVING: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Panics that were survived.
#[derive(Debug, Default)]
pub(super) struct Mishaps {
    untold: AtomicU64,
    told: Mutex<Option<Instant>>,
}

impl Mishaps {
    /// What `work` gives, or `None` when it panicked.
    pub(super) fn survive<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        quiet();
        SURVIVING.set(true);
        // What it works on is a snapshot that nobody changes, or its own.
        let survived = panic::catch_unwind(AssertUnwindSafe(work));
        SURVIVING.set(false);
        survived.inspect_err(|_panic| self.tell()).ok()
    }

    fn tell(&self) {
        self.untold.fetch_add(1, Relaxed);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
            *told = Some(Instant::now());
            let panics = self.untold.swap(0, Relaxed);
            let place = PLACE.take();
            error!(
                panics,
                place, "queries that this version cannot answer: please report this"
            );
        }
    }
}

/// Keeps the process's own message, one for each panic, from filling the log.
fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if SURVIVING.get() {
                let place = panic.location().map(ToString::to_string);
                PLACE.set(place.unwrap_or_default());
            } else {
                usual(panic);
            }
        }));
    });
}
