//! The file and the kernel, told.

use super::*;
use crate::admin::command::{Applied, NotApplied};
use crate::alerts::{of_applied, of_dataplane, of_refused};
use crate::config::diff::diff;

#[test]
fn an_applied_file_is_told_in_short() {
    let before = ground(FILE);
    let short = |to: &str| {
        let after = ground(to);
        let applied = Applied {
            same: before.config == after.config,
            changes: diff(&before.config, &after.config),
            ..Applied::default()
        };
        of_applied(&after.config, &applied, at(1))
    };
    let same = short(FILE);
    assert_eq!(
        (same.kind, same.severity),
        (Kind::ConfigApplied, Severity::Info)
    );
    assert_eq!(same.title, "the configuration was applied: nothing changed");
    let (tcp, other) = (
        "name = \"tcp\"\nprotocol = \"tcp\"\n",
        "name = \"other\"\nprotocol = \"tcp\"\nport = 80\n",
    );
    let between = "[[monitor]]\n";
    let turned = short(&FILE.replace(
        &[tcp, between, other].concat(),
        &[other, between, tcp].concat(),
    ));
    assert_eq!(
        turned.title,
        "the configuration was applied: nothing is different but the order"
    );
    let other = short(&FILE.replace("192.0.2.4", "192.0.2.9"));
    assert_eq!(
        other.title,
        "the configuration was applied: 0 added, 0 removed, 1 changed (pool last); 0 names answered otherwise"
    );
    let many = short(
        &FILE
            .replace("[[monitor]]", "[[monitor]]\ninterval = \"2m\"")
            .replace("type = \"ipv4\"", "type = \"ipv4\"\npolicy = \"weight\""),
    );
    assert!(many.title.contains(" and 2 more)"), "{}", many.title);
}

#[test]
fn a_refused_file_is_told_with_its_first_problem() {
    let ground = ground(FILE);
    let path = std::path::Path::new("igtm.toml");
    let told = |refused: NotApplied| of_refused(&ground.config, &refused, at(1));
    let problems = crate::config::parse("version = 2\nnodes = 1\n[what]\n", path);
    let many = told(problems.expect_err("it is bad").into());
    assert_eq!(
        (many.kind, many.severity),
        (Kind::ConfigRejected, Severity::Warning)
    );
    let first = "the configuration was refused: igtm.toml:1:11: `version` is 2";
    assert!(many.title.starts_with(first), "{}", many.title);
    assert!(many.title.ends_with(" more problems)"), "{}", many.title);
    assert_eq!(many.reason[0].node, "edge-1");
    let one = told(NotApplied::Refused("[server] has changed".to_owned()));
    assert_eq!(
        one.title,
        "the configuration was refused: [server] has changed"
    );
}

#[test]
fn the_kernel_is_told_with_its_reason_and_for_how_long() {
    let ground = ground(FILE);
    let config = &ground.config;
    let degraded = of_dataplane(config, Some("no room"), None, at(5));
    assert_eq!(
        (degraded.kind, degraded.severity),
        (Kind::DataplaneDegraded, Severity::Critical)
    );
    assert_eq!(degraded.title, "the data plane is degraded: no room");
    assert_eq!(degraded.reason[0].reason, "no room");
    assert_eq!(degraded.since, None);
    let back = of_dataplane(config, None, Some(at(5)), at(65));
    assert_eq!(
        (back.kind, back.severity),
        (Kind::DataplaneRestored, Severity::Info)
    );
    assert_eq!((back.since, back.duration_s), (Some(at(5)), Some(60)));
}
