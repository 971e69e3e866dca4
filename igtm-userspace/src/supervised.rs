//! Tasks that have to last: one that panics is told of, and begins again after a pause.
//!
//! Whatever `tokio::spawn` alone is given ends silently with its first panic: a channel, a domain, a
//! listener would be dead until the next start. Must not hide a panic: the process's own message says
//! where it was, the line here says whose it was.

use std::any::Any;
use std::fmt::Display;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tracing::error;

/// Before a task begins again, so that one which always panics does nothing else.
pub(crate) const PAUSE: Duration = Duration::from_secs(1);

/// Does `work` until it comes to its end; when it panics, again. What it works on is the closure's own,
/// and stays as the panic left it.
pub(crate) async fn supervised<T>(what: impl Display, mut work: impl AsyncFnMut() -> T) -> T {
    loop {
        match caught(work()).await {
            Ok(done) => return done,
            Err(_panic) => tell(&what),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The same of a thread.
#[expect(
    clippy::disallowed_methods,
    reason = "a thread of its own, no async worker"
)]
pub(crate) fn supervised_thread<T>(what: impl Display, mut work: impl FnMut() -> T) -> T {
    loop {
        match catch_unwind(AssertUnwindSafe(&mut work)) {
            Ok(done) => return done,
            Err(_panic) => tell(&what),
        }
        std::thread::sleep(PAUSE);
    }
}

fn tell(what: &impl Display) {
    error!(task = %what, "it went wrong, and begins again: please report this");
}

/// What `work` comes to, or its panic. Dropped, it drops `work`.
pub(crate) async fn caught<T>(work: impl Future<Output = T>) -> Result<T, Box<dyn Any + Send>> {
    let mut work = pin!(work);
    poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(done)) => Poll::Ready(Ok(done)),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use tokio::time::{Instant, sleep};

    use super::*;

    #[tokio::test]
    async fn who_panics_begins_again_with_what_it_had() {
        let begun = Instant::now();
        let mut seen = Vec::new();
        let task = tokio::spawn(supervised("a task", async move || {
            seen.push(begun.elapsed());
            assert!(seen.len() != 1, "before it first waits");
            sleep(Duration::from_millis(1)).await;
            assert!(seen.len() != 2, "afterwards");
            seen.clone()
        }));
        let seen = task.await.expect("no panic comes out");
        // One pause after each.
        assert!(seen[1] >= PAUSE && seen[2] >= PAUSE * 2, "{seen:?}");
    }

    #[tokio::test]
    async fn an_aborted_one_is_over() {
        let held = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&held);
        let task = tokio::spawn(supervised("a task", async move || {
            counted.fetch_add(1, SeqCst);
            sleep(Duration::from_secs(3600)).await;
        }));
        while held.load(SeqCst) == 0 {
            sleep(Duration::from_millis(1)).await;
        }
        task.abort();
        assert!(task.await.is_err_and(|ended| ended.is_cancelled()));
        assert_eq!((held.load(SeqCst), Arc::strong_count(&held)), (1, 1));
    }

    #[test]
    fn a_thread_goes_on() {
        let mut times = 0;
        let done = supervised_thread("a thread", || {
            times += 1;
            assert!(times > 1, "the first time");
            times
        });
        assert_eq!(done, 2);
    }
}
