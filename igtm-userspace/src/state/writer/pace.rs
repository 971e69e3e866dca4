//! How long what is to be written waits.

use std::time::Duration;

/// How long things wait.
#[derive(Clone, Copy, Debug)]
pub(in crate::state) struct Pace {
    /// For what comes with it: a verdict, the answer that it changed and their events are one write.
    pub(in crate::state) gather: Duration,
    /// Between two transactions: however many rounds end, so many they are.
    pub(in crate::state) spacing: Duration,
    /// For counts of rounds, which change all the time and are missed by nobody.
    pub(in crate::state) rounds: Duration,
    /// After the first failure; twice as long after each further one.
    pub(in crate::state) retry: Duration,
    /// At most.
    pub(in crate::state) retry_most: Duration,
    /// Between two looks at what is old.
    pub(in crate::state) retire: Duration,
    /// Between two looks at whether the database is still in its place, where nothing is written.
    pub(in crate::state) look: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            gather: Duration::from_millis(20),
            spacing: Duration::from_millis(200),
            rounds: Duration::from_secs(10),
            retry: Duration::from_secs(1),
            retry_most: Duration::from_secs(60),
            retire: Duration::from_secs(60),
            look: Duration::from_secs(1),
        }
    }
}
