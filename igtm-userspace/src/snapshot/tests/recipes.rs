//! What is decided once.

use super::super::fixture::{Down, ground, snapshot};
use crate::health::targets;

const PLAIN: &str = r#"
zone = [{ origin = "example.com", ns = ["ns.example.net"], contact = "ops.example.net" }]
[[monitor]]
name = "tcp"
protocol = "tcp"
[[pool]]
name = "shared"
type = "ipv4"
monitor = "tcp"
address = [{ value = "192.0.2.1" }, { value = "192.0.2.2" }]
"#;

const WEB: &str = r#"
[[monitor]]
name = "web"
protocol = "http"
[[pool]]
name = "own"
type = "ipv4"
monitor = "web"
address = [{ value = "192.0.2.3" }, { value = "192.0.2.4" }]
"#;

/// Instances on a pool, numbered from `from`, each with these keys besides.
fn instances(pool: &str, from: usize, keys: &[&str]) -> String {
    let instance = |(at, keys): (usize, &&str)| {
        format!(
            "[[instance]]\nname = \"i{0}\"\ndomain = \"i{0}.example.com\"\n{keys}\n\
             strategy = [{{ name = \"s{0}\", lines = [\"default\"], fallback = \"{pool}\", \
             tier = [{{ pools = [\"{pool}\"] }}] }}]\n",
            from + at
        )
    };
    keys.iter().enumerate().map(instance).collect()
}

#[test]
fn what_is_the_same_to_the_policy_is_decided_and_answered_once() {
    let shared = instances("shared", 0, &["", "", "ttl = 5", "max_answers = 1", ""]);
    let ground = ground(&format!("{PLAIN}{shared}"));
    assert_eq!(ground.recipes.len(), 1);
    // As it is, with another TTL, with another window.
    assert_eq!(ground.answers(), (3, 0));
    let before = snapshot(&ground, &[], 1);
    let targets: Vec<_> = targets(&ground.config).into_iter().collect();
    let after = before.after(&targets, &Down(&["192.0.2.1"]), 2);
    assert_eq!(after.redecided.as_ref().map(Vec::len), Some(1));
    assert_eq!(after.image.changed.as_ref().map(Vec::len), Some(3));
}

/// Probed by their own domains, two instances may see one address otherwise.
#[test]
fn instances_with_a_health_of_their_own_are_decided_each() {
    let own = instances("own", 0, &["", ""]);
    let shared = instances("shared", 2, &["", ""]);
    let ground = ground(&format!("{PLAIN}{WEB}{own}{shared}"));
    assert_eq!(ground.recipes.len(), 3);
    let followed = |instance| ground.recipes.followed(instance, 0).expect("enabled");
    assert_ne!(followed(0), followed(1));
    assert_eq!(followed(2), followed(3));
    for target in targets(&ground.config) {
        let mut dependents = ground.recipes.dependents(&ground.config, &target);
        dependents.dedup();
        let expected = match target.host.as_deref() {
            Some("i0.example.com") => followed(0),
            Some("i1.example.com") => followed(1),
            _ => followed(2),
        };
        assert_eq!(dependents, [expected], "{target:?}");
    }
}
