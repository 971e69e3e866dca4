//! What a good zone file's SOA and circles of CNAMEs mean to what is answered.

use std::time::Duration;

use super::zonefile_good::{APEX, TOML, config, read};

/// No zone is refused for them: `igtm check` tells each circle once, wherever it is gone into.
#[test]
fn cnames_in_a_circle_are_noted() {
    let toml = format!("{TOML}[[zone]]\norigin = \"y.test\"\nfile = \"y\"\n");
    let long: String = (0..20)
        .map(|n| format!("l{n} 60 CNAME l{}\n", (n + 1) % 20))
        .collect();
    let z = format!(
        "{APEX}in 60 CNAME A\na 60 CNAME B.y.test.\nself 60 CNAME self\nto 60 CNAME self\n\
         one 60 CNAME two\ntwo 60 CNAME three\nthree 60 A 192.0.2.1\nout 60 CNAME x.other.\n{long}"
    );
    let y = format!("{APEX}b 60 CNAME c\nc 60 CNAME a.z.test.\n");
    let (reading, directory) = read(&[("igtm.toml", &toml), ("z", &z), ("y", &y)]);
    let notes = reading.notes.iter();
    let notes: Vec<String> = notes
        .map(|note| note.to_string().replace(&directory, ""))
        .collect();
    let names: Vec<String> = (0..8).map(|n| format!("`l{n}.z.test`")).collect();
    let end = "lead in a circle; what leads into it is answered SERVFAIL, or by its first 8";
    assert_eq!(
        notes,
        [
            format!("z:4:1: the CNAMEs `a.z.test` → `b.y.test` → `c.y.test` → `a.z.test` {end}"),
            format!(
                "z:11:1: the CNAMEs {} → … → `l0.z.test` {end}",
                names.join(" → ")
            ),
            format!("z:5:1: the CNAMEs `self.z.test` → `self.z.test` {end}"),
        ]
    );
    assert!(reading.config.is_ok());
}

/// RFC 2308 §3: the smaller one of the SOA's TTL and its MINIMUM.
#[test]
fn the_negative_ttl_is_the_smaller_one() {
    for (ttl, minimum, expected) in [(60, 120, 60), (120, 60, 60), (7, 7, 7)] {
        let file = format!("@ {ttl} SOA ns.other. h.other. 1 2 3 4 {minimum}\n@ 60 NS ns.other.\n");
        let of_file = config(&[("igtm.toml", TOML), ("z", &file)]);
        let zone = &of_file.zones[0];
        assert_eq!(zone.negative_ttl, Duration::from_secs(expected));
        assert_eq!((zone.soa.ttl, zone.soa.minimum), (ttl, minimum));
    }
}
