//! What `[[failover]]` and `[plan]` come to on the wire.

use hickory_proto::rr::RecordType::{A, AAAA};

use super::{OTHER, SERIAL, TELECOM, octets, parsed, query, words};
use crate::snapshot::fixture::{ground, snapshot};

const FILE: &str = r#"
[[zone]]
origin = "example.com"
ns = ["ns.example.net"]
contact = "ops.example.net"
[plan]
profile = "failover"
types = ["ipv4", "ipv6"]
[[line]]
name = "telecom"
prefixes = ["203.0.113.0/24"]
[[monitor]]
name = "ping"
protocol = "ping"
interval = "5m"
[[failover]]
name = "api"
domain = "api.example.com"
line = "telecom"
primary = "10.0.0.1"
backups = ["10.0.0.2"]
monitor = "ping"
[[failover]]
name = "six"
domain = "six.example.com"
primary = "2001:db8::1"
backups = ["10.0.0.2"]
monitor = "ping"
ttl = "1h"
[[pool]]
name = "shop"
type = "ipv4"
address = [{ value = "10.0.0.9" }]
[[instance]]
name = "shop"
domain = "shop.example.com"
access_domain = "shop-gtm.example.com"
plan = { profile = "standard", min_ttl = 90 }
[[instance.strategy]]
name = "default"
lines = ["default"]
fallback = "shop"
tier = [{ pools = ["shop"] }]
"#;

const SOA: &str = "| example.com. 60 SOA 7 60";

#[test]
fn failovers_and_floors() {
    let ground = ground(FILE);
    for (down, client, name, r#type, expected) in [
        (
            &[][..],
            TELECOM,
            "api",
            A,
            "api.example.com. 600 A 10.0.0.1",
        ),
        (
            &["10.0.0.1"],
            TELECOM,
            "api",
            A,
            "api.example.com. 600 A 10.0.0.2",
        ),
        // Both down: the primary, whatever its health.
        (
            &["10.0.0.1", "10.0.0.2"],
            TELECOM,
            "api",
            A,
            "api.example.com. 600 A 10.0.0.1",
        ),
        // No failover names the default line.
        (&[], OTHER, "api", A, SOA),
        (&[], TELECOM, "api", AAAA, SOA),
        // Primary and backup of two families: what answers has one of them.
        (
            &[],
            OTHER,
            "six",
            AAAA,
            "six.example.com. 3600 AAAA 2001:db8::1",
        ),
        (&[], OTHER, "six", A, SOA),
        (
            &["2001:db8::1"],
            OTHER,
            "six",
            A,
            "six.example.com. 3600 A 10.0.0.2",
        ),
        (&["2001:db8::1"], OTHER, "six", AAAA, SOA),
        // The CNAME that igtm makes has the same floor.
        (
            &[],
            OTHER,
            "shop",
            A,
            "shop.example.com. 90 CNAME shop-gtm.example.com. shop-gtm.example.com. 90 A 10.0.0.9",
        ),
    ] {
        let snapshot = snapshot(&ground, down, SERIAL);
        let asked = octets(&query(&format!("{name}.example.com"), r#type, false));
        let said = words(&parsed(&snapshot, client, &asked));
        assert_eq!(
            said,
            format!("NoError aa {expected}"),
            "{name} {type} {down:?}"
        );
    }
}
