//! Any configuration, and any octets in the files that one names: judged without a panic, with
//! problems that stand in the file they name, and what is found good can be answered from.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::geo::asn_networks;
use super::mmdb_writer::{Format, USUAL, database};
use crate::config::mmdb::{Asn, Country, Database};
use crate::config::{Problem, Reading, parse, reading};
use crate::dns::answer::{Circumstances, Transport, answer};
use crate::fuzz::{Target, kind_of, way};
use crate::snapshot::Ground;
use crate::snapshot::fixture::{KEY, snapshot};

/// Where a problem is told, it can be pointed at: in `text`, or just behind it.
fn stands_in(problem: &Problem, text: &[u8]) {
    let line = text
        .split(|octet| *octet == b'\n')
        .nth(problem.line.wrapping_sub(1));
    let line = line.unwrap_or_else(|| panic!("no such line: {problem}"));
    assert!(
        (1..=line.len() + 1).contains(&problem.column),
        "no such column: {problem}"
    );
}

#[test]
fn configuration() {
    let example = include_str!("../../../../etc/igtm.toml");
    let tables = example
        .split("\n\n")
        .map(|part| format!("version = 1\n{part}").into_bytes());
    let authority = format!(
        "version = 1\n{}",
        include_str!("../../dns/tests/authority.toml")
    );
    let seeds = tables
        .chain([example.into(), authority.into_bytes()])
        .collect();
    let target = Target {
        name: "configuration",
        seeds,
        words: &[
            b"[[pool]]\n",
            b"[[instance]]\n",
            b"[[instance.strategy]]\n",
            b"[[zone]]\n",
            b"[[failover]]\n",
            b"[[monitor]]\n",
            b"[[node]]\n",
            b"[[channel]]\n",
            b"[server]\n",
            b"\"default\"",
            b"[]",
            b"{}",
            b" = ",
            b"-1",
            b"0",
            b"99999999999999999999",
            b"1e400",
            b"\"1s\"",
            b"\"99999999999999999999h\"",
            b"\"*\"",
            b"\".\"",
            b"\"\xe7\x94\xb5\"",
            b"\"\"\"",
            b"true",
            b"1979-05-27",
            b"\"\\u0000\"",
            b"\"192.0.2.1\"",
            b"\"::/0\"",
            b"\n",
            b"\"\xff\"",
        ],
    };
    target.run(|octets| {
        let text = String::from_utf8_lossy(octets);
        match parse(&text, Path::new("/nowhere/igtm.toml")) {
            Ok(_) => 0,
            Err(problems) => {
                assert!(problems.iter().count() > 0);
                problems
                    .iter()
                    .for_each(|one| stands_in(one, text.as_bytes()));
                way(problems.iter().map(|one| kind_of(&one.message)).max())
            }
        }
    });
}

/// Reads `toml` beside the file `name` of these octets; the problems stand in these two.
fn beside(directory: &Path, toml: &str, name: &str, octets: &[u8]) -> (Reading, u64) {
    let (path, file) = (directory.join("igtm.toml"), directory.join(name));
    for (path, octets) in [(&path, toml.as_bytes()), (&file, octets)] {
        // A new file each: writing over one may wait for the disk.
        let _ = fs::remove_file(path);
        fs::write(path, octets).expect("written");
    }
    let reading = reading(&path);
    let mut kinds = 0;
    let problems = reading.config.as_ref().err();
    for problem in problems.into_iter().flat_map(|all| all.iter()) {
        if Path::new(&problem.file) == file {
            stands_in(problem, octets);
        } else {
            assert_eq!(Path::new(&problem.file), path, "{problem}");
            stands_in(problem, toml.as_bytes());
        }
        kinds = way((kinds.min(1), kind_of(&problem.message)));
    }
    (reading, kinds)
}

#[test]
fn zone_file() {
    const TOML: &str = "version = 1\n[[zone]]\norigin = \"z.test\"\nfile = \"z\"\n";
    let directory = tempfile::tempdir().expect("a directory");
    let whole = include_str!("../../dns/tests/fuzz/zone");
    let (soa, rest) = whole.split_once("ns      A").expect("it is there");
    let each = rest
        .lines()
        .map(|line| format!("{soa}ns A 192.0.2.1\nx {line}\n").into_bytes());
    let seeds = each.chain([whole.into()]).collect();
    let target = Target {
        name: "zone_file",
        seeds,
        words: &[
            b"$ORIGIN ",
            b"$TTL ",
            b"$INCLUDE z",
            b"$GENERATE 1-9",
            b"(",
            b")",
            b"\"",
            b";",
            b"\\",
            b"\\000",
            b"\\255",
            b"@",
            b"*",
            b".",
            b"\t",
            b"\n",
            b"\n ",
            b"\r\n",
            b"IN",
            b"CH",
            b"TYPE65535",
            b"TYPE41",
            b"\\# 4 c0000201",
            b"\\# 65535 ",
            b"4294967296",
            b"2147483648",
            b"1w1d",
            b"CNAME",
            b"DNAME",
            b"NS",
            b"SOA",
            b"TXT",
            b"SVCB",
            b"HTTPS",
            b"key65535=",
            b"mandatory=alpn",
            b"alpn=",
            b"LOC",
            b"NSEC",
            b"RRSIG",
            b"IPSECKEY",
            b"APL",
            b"CERT",
            b"HIP",
            b"z.test.",
            b"2001:db8::1",
        ],
    };
    target.run(|octets| {
        let (reading, kinds) = beside(directory.path(), TOML, "z", octets);
        let Ok(config) = reading.config else {
            return kinds;
        };
        // What is good is answered from, whatever it is.
        let zone = &config.zones[0];
        let owners: Vec<Vec<u8>> = zone
            .records
            .sets()
            .iter()
            .map(|set| set.owner.to_vec())
            .collect();
        let types: Vec<u16> = zone.records.sets().iter().map(|set| set.rtype).collect();
        let leads_on = types.iter().any(|rtype| [5, 39].contains(rtype));
        let ground = Arc::new(Ground::new(Arc::new(config), KEY, None).expect("it fits"));
        let snapshot = snapshot(&ground, &[], 1);
        let mut ways = Vec::new();
        for (owner, rtype) in owners.iter().zip(types) {
            for (rtype, transport) in [(rtype, Transport::Tcp), (1, Transport::Udp)] {
                let header = [0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
                let asked = [&header[..], owner, &rtype.to_be_bytes(), &[0, 1]].concat();
                let circumstances = Circumstances {
                    client: [192, 0, 2, 9].into(),
                    transport,
                    random: 0,
                    now: 1_800_000_000,
                };
                let mut reply = Vec::new();
                answer(&snapshot, &asked, circumstances, &mut reply).expect("a reply");
                // Only who is led on can be led in a circle.
                let failed = reply[3] & 0x0f == 2;
                assert!(!failed || leads_on, "SERVFAIL for {asked:?}");
                ways.push((reply[2], reply[3], reply[7], reply[9]));
            }
        }
        way((kinds, ways))
    });
}

#[test]
fn prefix_file() {
    const TOML: &str =
        "version = 1\n[[line]]\nname = \"x\"\nkind = \"operator\"\nprefix_files = [\"p\"]\n";
    let directory = tempfile::tempdir().expect("a directory");
    let target = Target {
        name: "prefix_file",
        seeds: vec![
            b"192.0.2.0/24\n2001:db8::/32 # a comment\n\n# another\n".to_vec(),
            b"\xef\xbb\xbf0.0.0.0/0\r\n::/0\r\n".to_vec(),
            b"10.0.0.1\n::ffff:1.2.3.0/120\n".to_vec(),
        ],
        words: &[
            b"/",
            b"/0",
            b"/32",
            b"/33",
            b"/128",
            b"/129",
            b"/-1",
            b"::",
            b":",
            b".",
            b"#",
            b"\n",
            b"\r",
            b"\xef\xbb\xbf",
            b"\0",
            b"\xff",
            b"255.255.255.255",
            b"1.2.3.4/8",
            b"fe80::1%eth0",
            b"\xe7\x94\xb5",
        ],
    };
    target.run(|octets| {
        let (reading, kinds) = beside(directory.path(), TOML, "p", octets);
        let prefixes = reading
            .config
            .map(|config| config.lines[0].prefixes.len().min(8));
        way((kinds, prefixes.unwrap_or(0)))
    });
}

#[test]
fn mmdb() {
    let of_version = |ip_version, record_bits| {
        let format = Format {
            ip_version,
            record_bits,
            aliases: ip_version == 6,
        };
        let networks = asn_networks().into_iter();
        let networks: Vec<_> = networks
            .filter(|(net, _)| ip_version == 6 || !net.contains(':'))
            .collect();
        database("Test-ASN", format, &networks)
    };
    let target = Target {
        name: "mmdb",
        seeds: vec![
            of_version(USUAL.ip_version, USUAL.record_bits),
            of_version(4, 28),
            of_version(6, 32),
        ],
        words: &[
            b"\xab\xcd\xefMaxMind.com",
            b"node_count",
            b"record_size",
            b"ip_version",
            b"database_type",
            b"autonomous_system_number",
            &[0xe1],
            &[0xff, 0xff],
            &[0x20, 0],
            &[0x3f, 0xff, 0xff, 0xff, 0xff],
            &[0xc4, 0xff, 0xff, 0xff, 0xff],
            &[0x1d, 4, 0xff, 0xff, 0xff],
        ],
    };
    target.run(|octets| {
        let database = match Database::open(octets.to_vec()) {
            Ok(database) => database,
            Err(error) => return way(kind_of(&error.to_string())),
        };
        let mut walked = 0_u32;
        let asn = database.walk(|_, Asn(_)| walked += 1);
        let country = database.walk(|_, Country(_)| walked += 1);
        let found = ["1.0.0.1", "2400::1"].map(|one| {
            let fact = database.fact_of(one.parse().expect("an address"));
            fact.map(|Asn(number)| number)
        });
        let said = [asn, country].map(|walk| walk.err().map(|error| kind_of(&error.to_string())));
        way((said, walked.min(64), found.map(|one| one.is_some())))
    });
}
