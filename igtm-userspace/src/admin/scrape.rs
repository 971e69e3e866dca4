//! `/metrics`: what is counted, and what can be read from what is published and from the kernel.
//!
//! Reads and writes text; changes nothing. Labels are the configuration's own names, which are
//! bounded; where there are very many addresses, only those that are not ok have series.

mod probes;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::published::Published;
use super::status::build::States;
use super::status::pools::{self, Usage};
use crate::config::model::PoolId;
use crate::health::rollup::State;
use crate::health::{AddressState, Target, TargetHealth};
use crate::metrics::Metrics;
use crate::metrics::connections::Connections;
use crate::probe::Lateness;

/// What the text is: OpenMetrics, which Prometheus asks for.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// With more addresses in pools than this, only those that are not ok have series of their own.
const MOST_ADDRESSES: usize = 10_000;

/// What the kernel has counted.
pub(super) type KernelCounters = Vec<(&'static str, u64)>;

/// The page.
///
/// # Errors
/// None that is known of: the text is written to memory.
pub(super) fn page(
    metrics: &Metrics,
    published: &Published,
    lateness: &Arc<Lateness>,
    kernel: Option<KernelCounters>,
    now: Timestamp,
) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    metrics.register(&mut registry);
    registry.register_collector(Box::new(Seen {
        replies: metrics.replies.all().collect(),
        connections: Arc::clone(&metrics.connections),
        published: published.clone(),
        lateness: Arc::clone(lateness),
        kernel: kernel.unwrap_or_default(),
        now,
    }));
    let mut page = String::new();
    text::encode(&mut page, &registry)?;
    Ok(page)
}

/// What is read when Prometheus asks.
#[derive(Debug)]
struct Seen {
    published: Published,
    lateness: Arc<Lateness>,
    replies: Vec<(&'static str, u64)>,
    connections: Arc<Connections>,
    kernel: KernelCounters,
    now: Timestamp,
}

/// An address in a pool, with a state of its own.
struct Row<'a> {
    pool: &'a str,
    address: String,
    host: &'a str,
    /// Forced, else measured.
    usable: bool,
    health: &'a TargetHealth,
}

impl Collector for Seen {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut sheet = Sheet(&mut encoder);
        self.queries(&mut sheet)?;
        self.daemon(&mut sheet)?;
        self.counts(&mut sheet)?;
        self.probes(&mut sheet)?;
        self.forces(&mut sheet)?;
        self.addresses(&mut sheet)
    }
}

impl Seen {
    fn queries(&self, sheet: &mut Sheet<'_, '_>) -> fmt::Result {
        let userspace = self.replies.iter();
        let userspace = userspace.map(|(result, count)| ("userspace", *result, *count));
        let kernel = self.kernel.iter().filter_map(|(counter, count)| {
            let result = match *counter {
                "limited_slip" | "limited_drop" | "drop_broken" => *counter,
                counter => counter.strip_prefix("reply_")?,
            };
            Some(("kernel", result, *count))
        });
        let all = kernel.chain(userspace);
        sheet.counters(
            "igtm_queries",
            "Queries, by where and how they were answered",
            all.map(|(path, result, count)| (vec![("path", path), ("result", result)], count)),
        )?;
        let passes = self.kernel.iter().filter_map(|(counter, count)| {
            let reason = counter.strip_prefix("pass_")?;
            Some((vec![("reason", reason)], *count))
        });
        sheet.counters(
            "igtm_passes",
            "Frames that XDP handed to the network stack, by reason",
            passes,
        )?;
        let connections = &self.connections;
        sheet.gauge(
            "igtm_tcp_connections",
            "DNS connections over TCP that are open",
            Some(connections.open() as f64),
        )?;
        sheet.counters(
            "igtm_tcp_connections_accepted",
            "DNS connections over TCP",
            [(Vec::new(), connections.accepted())],
        )?;
        sheet.counters(
            "igtm_tcp_connections_shed",
            "DNS connections over TCP that were closed to make room for others",
            [(Vec::new(), connections.shed())],
        )
    }

    fn daemon(&self, sheet: &mut Sheet<'_, '_>) -> fmt::Result {
        let published = &self.published;
        let age = |since: Timestamp| self.now.duration_since(since).as_secs_f64().max(0.0);
        let flag = |set: bool| f64::from(u8::from(set));
        let kernel = &published.kernel;
        let version = vec![("version", env!("CARGO_PKG_VERSION"))];
        sheet.gauges("igtm_build", "This igtm", [(version, 1.0)])?;
        let ready = flag(published.not_ready().is_none());
        sheet.gauge("igtm_ready", "1 when /ready says 200", Some(ready))?;
        let attached = flag(kernel.attached);
        sheet.gauge("igtm_kernel_answers", "1 when XDP answers", Some(attached))?;
        let degraded = flag(kernel.degraded.is_some() || kernel.lost.is_some());
        sheet.gauge(
            "igtm_dataplane_degraded",
            "1 while the kernel refuses something",
            Some(degraded),
        )?;
        let heartbeat = kernel.heartbeat.map(age);
        sheet.gauge(
            "igtm_heartbeat_age_seconds",
            "Since the kernel last took a heartbeat",
            heartbeat,
        )?;
        let up = age(published.started);
        sheet.gauge("igtm_uptime_seconds", "Since the daemon started", Some(up))?;
        let config = age(published.applied);
        sheet.gauge(
            "igtm_config_age_seconds",
            "Since the configuration was applied",
            Some(config),
        )?;
        let refused = flag(published.refused.is_some());
        sheet.gauge(
            "igtm_config_refused",
            "1 when the file on disk was refused and an earlier one runs",
            Some(refused),
        )?;
        let frozen = published.ground.frozen.len() as f64;
        sheet.gauge(
            "igtm_frozen_answers",
            "Answers of strategies that are gone, by name, line and family (keep)",
            Some(frozen),
        )?;
        let serial = published.snapshot.as_ref().map(|one| f64::from(one.serial));
        sheet.gauge("igtm_soa_serial", "The SOA serial", serial)
    }

    fn counts(&self, sheet: &mut Sheet<'_, '_>) -> fmt::Result {
        let published = &self.published;
        let config = &*published.ground.config;
        let states = States::of(published);
        let usage = Usage::of(config);
        let pool_states = pools::states(published, &usage);
        let count = |of: &[State], state: State| of.iter().filter(|one| **one == state).count();
        let rows = |of: Vec<(State, usize)>| {
            of.into_iter()
                .map(|(state, count)| (vec![("state", state.name())], count as f64))
        };
        let all = |of: &[State]| {
            let each = State::ALL.into_iter();
            rows(each.map(|state| (state, count(of, state))).collect())
        };
        sheet.gauges("igtm_instances", "By state", all(&states.instances))?;
        sheet.gauges("igtm_strategies", "By state", rows(states.strategies))?;
        sheet.gauges("igtm_pools", "By state", all(&pool_states))?;
        let mut targets = [0_usize; 5];
        for (_, health) in published.health.targets() {
            targets[health.state() as usize] += 1;
        }
        let targets = ADDRESS_STATES.into_iter().zip(targets);
        let targets = targets.map(|(state, count)| (vec![("state", state.name())], count as f64));
        sheet.gauges("igtm_targets", "What is probed, by state", targets)?;
        let pools = config.pools.iter().zip(&pool_states).map(|(pool, state)| {
            let labels = vec![("pool", pool.name.as_str()), ("state", state.name())];
            (labels, 1.0)
        });
        sheet.gauges(
            "igtm_pool_state",
            "1 for the state that a pool is in",
            pools,
        )
    }

    fn addresses(&self, sheet: &mut Sheet<'_, '_>) -> fmt::Result {
        let rows = self.rows();
        let few = rows.len() <= MOST_ADDRESSES;
        let listed = || {
            let rows = rows.iter();
            rows.filter(|row| few || !row.usable || row.health.state() != AddressState::Ok)
                .take(MOST_ADDRESSES)
        };
        let left_out = (rows.len() - listed().count()) as f64;
        sheet.gauge(
            "igtm_addresses_left_out",
            "Addresses without series of their own, because there are too many",
            Some(left_out),
        )?;
        sheet.gauges(
            "igtm_address_usable",
            "1 when an address of a pool may be answered",
            listed().map(|row| {
                let usable = f64::from(u8::from(row.usable));
                (row.labels(), usable)
            }),
        )?;
        sheet.gauges(
            "igtm_address_state",
            "1 for the state that an address of a pool is in",
            listed().map(|row| {
                let mut labels = row.labels();
                labels.push(("state", row.health.state().name()));
                (labels, 1.0)
            }),
        )?;
        let age = |since: Timestamp| self.now.duration_since(since).as_secs_f64().max(0.0);
        sheet.gauges(
            "igtm_address_state_age_seconds",
            "Since an address of a pool came into its state",
            listed().map(|row| (row.labels(), age(row.health.since()))),
        )?;
        sheet.gauges(
            "igtm_address_round_age_seconds",
            "Since the last round of an address that a node reported in",
            listed().filter_map(|row| Some((row.labels(), age(row.health.last_round()?)))),
        )
    }

    /// Every address of a pool that is probed, in the order of the configuration.
    fn rows(&self) -> Vec<Row<'_>> {
        let ground = &self.published.ground;
        let mut found: Vec<(PoolId, &Target, &TargetHealth)> = Vec::new();
        for (target, health) in self.published.health.targets() {
            let pools = ground.recipes.pools(target).iter();
            found.extend(pools.map(|pool| (*pool, target, health)));
        }
        found.sort_by_key(|(pool, target, _)| (*pool, *target));
        let rows = found.into_iter();
        rows.map(|(pool, target, health)| {
            let pool = &ground.config.pool(pool).name;
            let forced = self.published.health.forced_in(pool, &target.address);
            Row {
                pool,
                address: target.address.to_string(),
                host: target.host.as_deref().unwrap_or_default(),
                usable: forced.map_or(health.state().usable(), |one| one.state.usable()),
                health,
            }
        })
        .collect()
    }
}

/// Every state, each at the place of its number.
const ADDRESS_STATES: [AddressState; 5] = [
    AddressState::Unknown,
    AddressState::Unmonitored,
    AddressState::Ok,
    AddressState::Warn,
    AddressState::Down,
];

type Labels<'a> = Vec<(&'static str, &'a str)>;

impl Row<'_> {
    fn labels(&self) -> Labels<'_> {
        let mut labels = vec![("pool", self.pool), ("address", self.address.as_str())];
        if !self.host.is_empty() {
            labels.push(("host", self.host));
        }
        labels
    }
}

/// Writes families of metrics.
struct Sheet<'s, 'e>(&'s mut DescriptorEncoder<'e>);

impl Sheet<'_, '_> {
    fn gauge(&mut self, name: &str, help: &str, value: Option<f64>) -> fmt::Result {
        self.gauges(name, help, value.map(|value| (Vec::new(), value)))
    }

    fn gauges<'a>(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = (Labels<'a>, f64)>,
    ) -> fmt::Result {
        let encoder = &mut *self.0;
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in rows {
            if labels.is_empty() {
                family.encode_gauge(&value)?;
            } else {
                family.encode_family(&labels)?.encode_gauge(&value)?;
            }
        }
        Ok(())
    }

    fn counters<'a>(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = (Labels<'a>, u64)>,
    ) -> fmt::Result {
        let encoder = &mut *self.0;
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in rows {
            if labels.is_empty() {
                family.encode_counter::<NoLabelSet, u64, u64>(&value, None)?;
            } else {
                let mut one = family.encode_family(&labels)?;
                one.encode_counter::<NoLabelSet, u64, u64>(&value, None)?;
            }
        }
        Ok(())
    }
}
