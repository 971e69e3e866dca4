//! Zone files that mean nothing, or nearly something: whatever they say, reading them ends.

use std::fs;

use proptest::prelude::*;

use crate::config::reading;

/// What files are made of.
fn piece() -> impl Strategy<Value = String> {
    let words = vec![
        "@",
        "a",
        "*",
        "ns.a",
        "z.test.",
        "other.",
        ".",
        "..",
        "\\",
        "\\0",
        "\\065",
        "\\300",
        "\"",
        "\"x\"",
        "(",
        ")",
        ";",
        "$TTL",
        "$ORIGIN",
        "$INCLUDE",
        "z",
        "IN",
        "CH",
        "60",
        "1h",
        "99999999999",
        "A",
        "AAAA",
        "NS",
        "CNAME",
        "DNAME",
        "MX",
        "TXT",
        "SRV",
        "CAA",
        "PTR",
        "NAPTR",
        "DS",
        "TLSA",
        "SSHFP",
        "SVCB",
        "HTTPS",
        "SOA",
        "RP",
        "NSEC3",
        "IPSECKEY",
        "DNSKEY",
        "CDS",
        "OPENPGPKEY",
        "ZONEMD",
        "TYPE65280",
        "TYPE0",
        "192.0.2.1",
        "2001:db8::1",
        "\\# 4 c0000201",
        "\\# 0",
        "\\#",
        "alpn=h2",
        "key1=\"x\"",
        "mandatory=port",
        "port=1",
        "0",
        "1",
        "65536",
        "00ff",
        "AQID",
        "issue",
        "1 2 3 4 5",
        "ns.other. h.other. 1 2 3 4 5",
        "\u{7535}",
        "\u{0}",
    ];
    let space = prop::sample::select(vec![" ", "\t", "\n", "\r\n", "", " "]);
    prop_oneof![
        12 => (prop::sample::select(words), space).prop_map(|(word, space)| format!("{word}{space}")),
        1 => "\\PC{0,6}",
        1 => "[a-z0-9.]{60,70}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn any_file_is_read_to_its_end(pieces in prop::collection::vec(piece(), 0..40), cut in any::<prop::sample::Index>()) {
        let directory = tempfile::tempdir().expect("a directory");
        let toml = directory.path().join("igtm.toml");
        let text = "version = 1\n[[zone]]\norigin = \"z.test\"\nns = [\"ns.other\"]\ncontact = \"h.other\"\nfile = \"z\"\n";
        fs::write(&toml, text).expect("written");
        let mut octets = pieces.concat().into_bytes();
        // Perhaps within a character.
        octets.truncate(cut.index(octets.len() + 1).max(octets.len() / 2));
        fs::write(directory.path().join("z"), &octets).expect("written");
        let lines = octets.split(|octet| *octet == b'\n').count();
        if let Err(problems) = reading(&toml).config {
            for problem in problems.iter() {
                prop_assert!(problem.file.ends_with("igtm.toml") || problem.line <= lines, "{problem}");
                prop_assert!(problem.line > 0 && problem.column > 0);
            }
        }
    }
}
