//! One node's part of a round: attempts until one succeeds, 1 + retries at most.
//!
//! Must not remember former rounds.

use std::sync::Arc;
use std::time::Instant;

use super::{Vantage, attempt};
use crate::health::{Outcome, Task};

/// What `vantage` sees of the task's target.
pub(super) async fn round(vantage: &Arc<Vantage>, task: &Arc<Task>) -> Outcome {
    let (monitor, began) = (&task.monitor, Instant::now());
    let outcome = attempts(vantage, task).await;
    let good = match &outcome {
        Outcome::Good => Some(true),
        Outcome::Bad(_) => Some(false),
        Outcome::Unable(_) => None,
    };
    let metrics = vantage.metrics();
    metrics.round(&monitor.protocol, good, began.elapsed());
    outcome
}

async fn attempts(vantage: &Arc<Vantage>, task: &Arc<Task>) -> Outcome {
    let (target, monitor) = (&task.target, &task.monitor);
    let mut outcome = Outcome::Good;
    for number in 0..=monitor.retries {
        match attempt(vantage, target, monitor).await {
            Ok(()) => return Outcome::Good,
            Err(failure) if failure.is_local() => {
                vantage.complain(&failure);
                return Outcome::Unable(failure.to_string());
            }
            Err(failure) => {
                tracing::debug!(
                    monitor = %monitor.name,
                    node = %task.node.name,
                    address = %target.address,
                    host = target.host.as_deref(),
                    attempt = number + 1,
                    %failure,
                    "attempt failed"
                );
                outcome = Outcome::Bad(failure.to_string());
            }
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::super::testing::{Reply, Site, closed_port, tcp_task, vantage};
    use super::*;
    use crate::config::model::{HttpCheck, Monitor, Protocol};

    /// A site whose first `failures` requests fail, and a round of it.
    async fn round_of(failures: usize, retries: u32) -> (Outcome, usize) {
        let asked = AtomicUsize::new(0);
        let site = Site::plain(move |_| {
            let number = asked.fetch_add(1, Ordering::Relaxed);
            Reply::status(if number < failures { 503 } else { 200 })
        })
        .await;
        let mut task = (*tcp_task(site.port, Duration::from_secs(60))).clone();
        task.target.host = Some("www.example.com".to_owned());
        task.monitor = Arc::new(Monitor {
            retries,
            protocol: Protocol::Http(HttpCheck {
                port: site.port,
                host: None,
                path: "/".to_owned(),
                bad_status: 500,
                follow_redirects: true,
                tls: None,
            }),
            ..(*task.monitor).clone()
        });
        let outcome = round(&Arc::new(vantage()), &Arc::new(task)).await;
        (outcome, site.heads().len())
    }

    #[tokio::test]
    async fn it_fails_after_one_and_retries_failures_in_a_row() {
        // failures before a success, retries, fails, attempts
        let table = [
            (0, 0, false, 1),
            (0, 5, false, 1),
            (1, 0, true, 1),
            (1, 1, false, 2),
            (2, 1, true, 2),
            (5, 5, false, 6),
            (6, 5, true, 6),
        ];
        for (failures, retries, fails, attempts) in table {
            let outcome = if fails {
                Outcome::Bad("status 503".to_owned())
            } else {
                Outcome::Good
            };
            assert_eq!(
                round_of(failures, retries).await,
                (outcome, attempts),
                "{failures} failures, {retries} retries"
            );
        }
    }

    #[tokio::test]
    async fn the_reason_is_the_last_attempts() {
        let task = tcp_task(closed_port().port(), Duration::from_secs(60));
        let outcome = round(&Arc::new(vantage()), &task).await;
        assert_eq!(outcome, Outcome::Bad("connection refused".to_owned()));
    }
}
