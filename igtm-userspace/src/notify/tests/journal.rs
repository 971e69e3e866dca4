//! What a test logs, as text: to say what must and what must not be in it.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

/// Everything logged on this thread while it lives, at every level.
#[derive(Clone, Default)]
pub(in crate::notify) struct Journal(Arc<Mutex<Vec<u8>>>);

impl Journal {
    /// Collects until the guard is dropped. Tests run on one thread, tasks included.
    pub(in crate::notify) fn start() -> (Self, tracing::subscriber::DefaultGuard) {
        let journal = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(journal.clone())
            .finish();
        (journal, tracing::subscriber::set_default(subscriber))
    }

    pub(in crate::notify) fn text(&self) -> String {
        let octets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&octets).into_owned()
    }

    /// The lines that hold all of `parts`.
    pub(in crate::notify) fn lines_with(&self, parts: &[&str]) -> usize {
        let text = self.text();
        let holds_all = |line: &&str| parts.iter().all(|part| line.contains(part));
        text.lines().filter(holds_all).count()
    }
}

impl io::Write for Journal {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Journal {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
