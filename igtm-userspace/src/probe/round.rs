//! One round of a target at one node: attempts until one succeeds, 1 + retries at most.
//!
//! Must not remember former rounds.

use std::sync::Arc;
use std::time::Instant;

use super::{Vantage, attempt};
use crate::config::model::Monitor;
use crate::health::{NodeResult, Target};

/// What `vantage` reports on `target`; nothing when it could not look for reasons of its own.
pub(super) async fn round(
    vantage: &Arc<Vantage>,
    target: &Target,
    monitor: &Arc<Monitor>,
) -> Vec<NodeResult> {
    let began = Instant::now();
    let count = |good| {
        let metrics = vantage.metrics();
        metrics.round(&monitor.protocol, good, began.elapsed());
    };
    let mut outcome = Ok(());
    for number in 0..=monitor.retries {
        match attempt(vantage, target, monitor).await {
            Ok(()) => {
                outcome = Ok(());
                break;
            }
            Err(failure) if failure.is_local() => {
                vantage.complain(&failure);
                count(None);
                return Vec::new();
            }
            Err(failure) => {
                tracing::debug!(
                    monitor = %monitor.name,
                    address = %target.address,
                    host = target.host.as_deref(),
                    attempt = number + 1,
                    %failure,
                    "attempt failed"
                );
                outcome = Err(failure.to_string());
            }
        }
    }
    count(Some(outcome.is_ok()));
    vec![NodeResult {
        node: vantage.node().to_owned(),
        outcome,
    }]
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::super::testing::{Reply, Site, closed_port, tcp_target, vantage};
    use super::*;
    use crate::config::model::{HttpCheck, Protocol};

    /// A site whose first `failures` requests fail, and a round of it.
    async fn round_of(failures: usize, retries: u32) -> (Vec<NodeResult>, usize) {
        let asked = AtomicUsize::new(0);
        let site = Site::plain(move |_| {
            let number = asked.fetch_add(1, Ordering::Relaxed);
            Reply::status(if number < failures { 503 } else { 200 })
        })
        .await;
        let (mut target, monitor) = tcp_target(site.port, Duration::from_secs(60));
        target.host = Some("www.example.com".to_owned());
        let monitor = Monitor {
            retries,
            protocol: Protocol::Http(HttpCheck {
                port: site.port,
                host: None,
                path: "/".to_owned(),
                bad_status: 500,
                follow_redirects: true,
                tls: None,
            }),
            ..(*monitor).clone()
        };
        let results = round(&Arc::new(vantage()), &target, &Arc::new(monitor)).await;
        (results, site.heads().len())
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
                Err("status 503".to_owned())
            } else {
                Ok(())
            };
            let node = "local".to_owned();
            assert_eq!(
                round_of(failures, retries).await,
                (vec![NodeResult { node, outcome }], attempts),
                "{failures} failures, {retries} retries"
            );
        }
    }

    #[tokio::test]
    async fn the_reason_is_the_last_attempts() {
        let (target, monitor) = tcp_target(closed_port().port(), Duration::from_secs(60));
        let results = round(&Arc::new(vantage()), &target, &monitor).await;
        assert_eq!(results[0].outcome, Err("connection refused".to_owned()));
    }
}
