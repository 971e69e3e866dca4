//! A page of a small configuration, line by line.

use std::time::Duration;

use super::*;
use crate::admin::status::tests::{FILE, published};
use crate::config::model::Protocol;
use crate::metrics::ReloadResult;
use crate::notify::event::Kind;
use crate::snapshot::fixture::ground;

fn page(failing: &[&str], kernel: Option<KernelCounters>) -> String {
    let metrics = Metrics::default();
    let tcp = Protocol::Tcp { port: 80 };
    metrics.round(&tcp, Some(true), Duration::from_millis(3));
    metrics.round(&tcp, Some(false), Duration::from_millis(700));
    metrics.round(&tcp, None, Duration::ZERO);
    metrics.switched(Duration::from_micros(216));
    metrics.event(Kind::TierSwitched);
    metrics.event(Kind::AddressDown);
    metrics.reload(ReloadResult::applied);
    metrics.transition("down");
    let mut tally = crate::metrics::replies::Tally::default();
    tally.add(crate::metrics::replies::Outcome::Dropped);
    metrics.replies.add(&tally);
    let published = published(&ground(FILE), failing);
    let now = published.at;
    let lateness = Arc::default();
    super::page(&metrics, &published, &lateness, kernel, now).expect("it is text")
}

#[test]
fn what_is_counted_and_what_is_read() {
    let kernel = vec![
        ("reply_answer", 155),
        ("limited_drop", 2),
        ("pass_no_zone", 7),
    ];
    let page = page(&["192.0.2.20"], Some(kernel));
    for line in [
        "igtm_probe_rounds_total{protocol=\"tcp\",result=\"failed\"} 1",
        "igtm_probe_rounds_total{protocol=\"tcp\",result=\"not_made\"} 1",
        "igtm_probe_round_duration_seconds_bucket{le=\"0.005\",protocol=\"tcp\"} 1",
        "igtm_probe_round_duration_seconds_count{protocol=\"tcp\"} 2",
        "igtm_verdict_to_answer_seconds_bucket{le=\"0.00025\"} 1",
        "igtm_strategy_switches_total{kind=\"tier_switched\"} 1",
        "igtm_target_transitions_total{to=\"down\"} 1",
        "igtm_reloads_total{result=\"applied\"} 1",
        "igtm_queries_total{path=\"kernel\",result=\"answer\"} 155",
        "igtm_queries_total{path=\"kernel\",result=\"limited_drop\"} 2",
        "igtm_queries_total{path=\"userspace\",result=\"dropped\"} 1",
        "igtm_queries_total{path=\"userspace\",result=\"answer\"} 0",
        "igtm_passes_total{reason=\"no_zone\"} 7",
        "igtm_ready 1.0",
        "igtm_kernel_answers 1.0",
        "igtm_heartbeat_age_seconds 0.0",
        "igtm_config_age_seconds 400.0",
        "igtm_soa_serial 8.0",
        "igtm_instances{state=\"warn\"} 2.0",
        "igtm_instances{state=\"down\"} 0.0",
        "igtm_strategies{state=\"disabled\"} 1.0",
        "igtm_targets{state=\"down\"} 1.0",
        "igtm_pool_state{pool=\"guangzhou\",state=\"warn\"} 1.0",
        "igtm_addresses_left_out 0.0",
        "igtm_address_usable{pool=\"guangzhou\",address=\"192.0.2.20\"} 0.0",
        "igtm_address_usable{pool=\"beijing\",address=\"198.51.100.1\",host=\"www.example.com\"} 1.0",
        "igtm_address_state{pool=\"guangzhou\",address=\"192.0.2.20\",state=\"down\"} 1.0",
        "igtm_address_state_age_seconds{pool=\"guangzhou\",address=\"192.0.2.20\"} 300.0",
        "igtm_address_round_age_seconds{pool=\"guangzhou\",address=\"192.0.2.1\"} 300.0",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} in\n{page}");
    }
    assert!(page.ends_with("# EOF\n"));
    // No event that moves nothing, and no name of a query.
    assert!(!page.contains("address_down") && !page.contains("www.gtm.example.com"));
}

#[test]
fn without_the_kernel_its_counters_are_not_there() {
    let page = page(&[], None);
    assert!(!page.contains("path=\"kernel\""));
    assert!(page.contains("igtm_queries_total{path=\"userspace\",result=\"nodata\"} 0"));
}

#[test]
fn of_very_many_addresses_those_that_fail_are_told() {
    let addresses: Vec<String> = (0..10_300)
        .map(|n: u32| format!("{{ value = \"10.0.{}.{}\" }}", n / 200, n % 200 + 1))
        .collect();
    let file = format!(
        "{FILE}[[pool]]\nname = \"many\"\ntype = \"ipv4\"\nmonitor = \"port\"\naddress = [{}]\n",
        addresses.join(", ")
    );
    let published = published(&ground(&file), &["10.0.3.7"]);
    let page = super::page(
        &Metrics::default(),
        &published,
        &Arc::default(),
        None,
        published.at,
    )
    .expect("text");
    assert!(page.contains("igtm_address_usable{pool=\"many\",address=\"10.0.3.7\"} 0.0"));
    assert!(!page.contains("address=\"10.0.3.8\""));
    assert!(
        page.contains("igtm_addresses_left_out 10302.0"),
        "{}",
        page.lines()
            .filter(|l| l.contains("left_out"))
            .collect::<String>()
    );
    assert!(page.contains("igtm_targets{state=\"ok\"} 10302.0"));
}

#[test]
fn what_is_forced_counts_for_what_may_be_answered() {
    use crate::health::{Forced, ForcedState};
    let mut published = published(&ground(FILE), &["192.0.2.20"]);
    for (address, pool, state) in [
        ("192.0.2.1", None, ForcedState::Drain),
        ("192.0.2.20", Some("guangzhou"), ForcedState::Up),
    ] {
        published.health.force(Forced {
            address: address.parse().expect("an address"),
            pool: pool.map(str::to_owned),
            state,
            reason: "disk swap".to_owned(),
            who: "root".to_owned(),
            since: published.at,
            until: None,
        });
    }
    let page = super::page(
        &Metrics::default(),
        &published,
        &Arc::default(),
        None,
        published.at,
    )
    .expect("text");
    for line in [
        "igtm_forced{address=\"192.0.2.1\",mode=\"drain\"} 1.0",
        "igtm_forced{address=\"192.0.2.20\",mode=\"up\",pool=\"guangzhou\"} 1.0",
        "igtm_address_usable{pool=\"guangzhou\",address=\"192.0.2.1\"} 0.0",
        "igtm_address_usable{pool=\"guangzhou\",address=\"192.0.2.20\"} 1.0",
        "igtm_address_state{pool=\"guangzhou\",address=\"192.0.2.1\",state=\"ok\"} 1.0",
        "igtm_probe_lateness_seconds{quantile=\"0.99\"} 0.0",
        "igtm_probe_rounds_left_out_total 0",
        "igtm_node_tasks{node=\"local\"} 3.0",
        "igtm_node_silent{node=\"local\"} 0.0",
        "igtm_targets_stale 3.0",
    ] {
        assert!(page.lines().any(|one| one == line), "no {line} in\n{page}");
    }
}
