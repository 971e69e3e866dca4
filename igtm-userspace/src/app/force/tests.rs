//! Which orders fit, and what is said after each.

use jiff::Timestamp;

use super::*;
use crate::snapshot::fixture::config as load_text;

const FILE: &str = r#"
[[monitor]]
name = "tcp"
protocol = "tcp"
[[pool]]
name = "guangzhou"
type = "ipv4"
monitor = "tcp"
address = [{ value = "192.0.2.11" }, { value = "192.0.2.12", enabled = false }]
[[pool]]
name = "backup"
type = "ipv4"
address = [{ value = "192.0.2.11" }, { value = "198.51.100.77" }]
"#;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("in range")
}

fn order(address: &str, to: Option<ForcedState>, pool: Option<&str>) -> Order {
    Order {
        address: address.parse().expect("an address"),
        pool: pool.map(str::to_owned),
        to,
        reason: "disk swap".to_owned(),
        who: "root".to_owned(),
        at: at(5),
        until: None,
    }
}

#[test]
fn what_does_not_fit_is_refused_and_says_what_would() {
    use ForcedState::Down;
    let config = load_text(FILE);
    let mut health = Health::new(&config, at(0));
    health.force(forced(&order("192.0.2.11", None, None), Down));
    for (address, to, pool, expected) in [
        (
            "198.51.100.7",
            Some(Down),
            None,
            "198.51.100.7 stands in no pool; did you mean `198.51.100.77`?",
        ),
        ("203.0.113.1", None, None, "203.0.113.1 stands in no pool"),
        (
            "192.0.2.11",
            Some(Down),
            Some("guangzou"),
            "no pool is named guangzou; did you mean `guangzhou`?",
        ),
        (
            "198.51.100.77",
            Some(Down),
            Some("guangzhou"),
            "198.51.100.77 does not stand in pool guangzhou, but in backup",
        ),
        (
            "192.0.2.11",
            None,
            Some("backup"),
            "192.0.2.11 is not forced in pool backup alone, but in all pools: leave out --pool",
        ),
    ] {
        let order = order(address, to, pool);
        let refused = pools(&config, &health, &order).expect_err(address);
        assert_eq!(refused.to_string(), expected);
    }
    let both = order("192.0.2.11", Some(Down), None);
    assert_eq!(
        pools(&config, &health, &both),
        Ok(vec![PoolId(0), PoolId(1)])
    );
    // A file without the address does not keep anybody from ending it.
    let without = load_text(&FILE.replace("192.0.2.11", "192.0.2.99"));
    let end = order("192.0.2.11", None, None);
    assert_eq!(pools(&without, &health, &end), Ok(Vec::new()));
    assert_eq!(obey(&mut health, &end).len(), 1);
    assert!(pools(&without, &health, &end).is_err());
}

#[test]
fn an_end_of_all_ends_what_was_said_of_each_pool() {
    use ForcedState::{Drain, Up};
    let config = load_text(FILE);
    let mut health = Health::new(&config, at(0));
    let pool = |at: usize| &config.pools[at];
    let address = "192.0.2.11".parse().expect("an address");
    assert_eq!(seen(&health, pool(0), &address), "unknown");
    assert_eq!(seen(&health, pool(1), &address), "unmonitored");
    let disabled = "192.0.2.12".parse().expect("an address");
    assert_eq!(seen(&health, pool(0), &disabled), "disabled");
    obey(&mut health, &order("192.0.2.11", Some(Drain), None));
    obey(&mut health, &order("192.0.2.11", Some(Up), Some("backup")));
    assert_eq!(seen(&health, pool(0), &address), "forced drain (disk swap)");
    assert_eq!(seen(&health, pool(1), &address), "forced up (disk swap)");
    let ended = obey(&mut health, &order("192.0.2.11", None, None));
    assert_eq!(ended.len(), 2);
    assert_eq!(seen(&health, pool(1), &address), "unmonitored");
}

#[test]
fn what_is_kept_comes_back_as_it_was() {
    let one = forced(
        &order("192.0.2.11", None, Some("backup")),
        ForcedState::Drain,
    );
    let back = restored(&key(&one), saved(one.clone()));
    assert_eq!(back, Some(one));
    let nobodys = ForceKey {
        address: "not an address".to_owned(),
        pool: None,
    };
    let one = forced(&order("192.0.2.11", None, None), ForcedState::Up);
    assert_eq!(restored(&nobodys, saved(one)), None);
}
