//! What good zone files come to: every type in wire format, directives, defaults, several zones.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::config::model::{Config, Zone};
use crate::config::{Reading, load, reading};

/// Writes these files into a directory and reads `igtm.toml`, the first of them.
pub(super) fn read(files: &[(&str, &str)]) -> (Reading, String) {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().expect("it has one")).expect("made");
        fs::write(path, text).expect("written");
    }
    let toml = directory.path().join(files[0].0);
    (reading(&toml), format!("{}/", directory.path().display()))
}

pub(super) const TOML: &str = "version = 1\n[[zone]]\norigin = \"z.test\"\nfile = \"z\"\n";
pub(super) const APEX: &str = "@ 60 SOA ns.other. h.other. 1 2 3 4 5\n@ 60 NS ns.other.\n";

#[track_caller]
pub(super) fn config(files: &[(&str, &str)]) -> Config {
    let (reading, _) = read(files);
    reading
        .config
        .unwrap_or_else(|problems| panic!("{problems}"))
}

/// "OWNER TTL TYPE HEX" of all records of a zone but NS of the apex.
fn shown(zone: &Zone) -> Vec<String> {
    let sets = zone.records.sets().iter();
    let each = sets.flat_map(|set| {
        let owner = crate::snapshot::names::text(&set.owner);
        set.rdata().map(move |rdata| {
            let hex: String = rdata.iter().map(|octet| format!("{octet:02x}")).collect();
            format!("{owner} {} {} {hex}", set.ttl, set.rtype)
        })
    });
    each.filter(|one| !one.starts_with("z.test 60 2 "))
        .collect()
}

#[test]
fn every_type_in_wire_format() {
    let name = "0162017a047465737400";
    for (text, rtype, hex) in [
        ("A 192.0.2.1", 1, "c0000201".to_owned()),
        ("CNAME b", 5, "0162017a047465737400".to_owned()),
        ("PTR b", 12, name.to_owned()),
        ("DNAME b", 39, name.to_owned()),
        ("MX 10 b", 15, format!("000a{name}")),
        (
            "TXT a \"b \\\"c\\; \\010\" \"\"",
            16,
            "01610762202263".to_owned() + "3b200a" + "00",
        ),
        (
            "AAAA 2001:db8::1",
            28,
            "20010db8000000000000000000000001".to_owned(),
        ),
        ("SRV 1 2 5060 b", 33, format!("0001000213c4{name}")),
        (
            "NAPTR 1 2 \"u\" \"E2U\" \"!x!y!\" .",
            35,
            "00010002017503453255052178217921".to_owned() + "00",
        ),
        ("SSHFP 4 2 01 02 ( 03\n 04 )", 44, "040201020304".to_owned()),
        ("TLSA 3 1 1 00FF", 52, "03010100ff".to_owned()),
        (
            "SVCB 1 b alpn=h2,h3 port=\"443\" ipv4hint=192.0.2.1",
            64,
            format!(
                "0001{name}0001000602683202683300030002{}00040004c0000201",
                "01bb"
            ),
        ),
        ("HTTPS 0 b", 65, format!("0000{name}")),
        // In ascending order of their keys, whatever their order in the file (RFC 9460 §2.2).
        (
            "HTTPS 1 . key65409=\"x y\" key9=x port=53 alpn=h2 mandatory=key9,port",
            65,
            "0001000000000400030009".to_owned()
                + "0001000302683200030002003500090001"
                + "78ff8100037820"
                + "79",
        ),
        // Numbered keys have octets, also those with a name (RFC 9460 §7.1.1).
        (
            "SVCB 1 . key1=\\002h2 key65534 key0=\"\\000\\001\"",
            64,
            "000100000000020001000100030268".to_owned() + "32fffe0000",
        ),
        (
            "HTTPS 1 . tls-supported-groups=29,23",
            65,
            "00010000090004001d0017".to_owned(),
        ),
        (
            "CAA 128 issue \"ca.example; x=1\"",
            257,
            "8005697373756563612e6578616d706c653b20783d31".to_owned(),
        ),
        ("TYPE65280 \\# 4 0a0000 01", 65_280, "0a000001".to_owned()),
        ("type65281 \\# 0", 65_281, String::new()),
        ("CLASS1 A \\# 4 c0000201", 1, "c0000201".to_owned()),
        (
            "MX \\# 12 000a0162017a047465737400",
            15,
            format!("000a{name}"),
        ),
        ("LOC \\# 1 00", 29, "00".to_owned()),
        ("HINFO \"a\" b", 13, "01610162".to_owned()),
    ] {
        let file = format!("{APEX}a 60 IN {text}\n").replace("IN CLASS1", "CLASS1");
        let config = config(&[("igtm.toml", TOML), ("z", &file)]);
        assert_eq!(
            shown(&config.zones[0]),
            [format!("a.z.test 60 {rtype} {hex}")],
            "{text}"
        );
    }
    let file = format!("{APEX}a 60 NS ns.other.\na 60 DS 258 13 2 00ff\n");
    let config = config(&[("igtm.toml", TOML), ("z", &file)]);
    let ns = "026e73056f7468657200";
    assert_eq!(
        shown(&config.zones[0]),
        [
            format!("a.z.test 60 2 {ns}"),
            "a.z.test 60 43 01020d0200ff".to_owned()
        ]
    );
}

#[test]
fn directives_and_defaults() {
    let file = format!(
        "\u{feff}{APEX}a 5 A 192.0.2.1 ; last TTL\n  A 192.0.2.2\n$TTL 1h30m\nA\t7 IN A 192.0.2.1\nb IN 1D A 192.0.2.1\r\n\
         $ORIGIN sub\nc A 192.0.2.1\n$INCLUDE inc/one x.y.z.test. ; x\nd A 192.0.2.1\n\
         $INCLUDE \"inc/two\"\n  TXT \"back\"\n@ TXT \"電\"\ne\\.f\\040 A 192.0.2.1\n$ORIGIN .\nz.test TXT ( \"a\"\n; x\n \"b\" )\n"
    );
    let one = "i A 192.0.2.1\n$INCLUDE two\n$ORIGIN z.test.\n$TTL 9\nj A 192.0.2.1\n";
    let two = "  TXT \"two\"\nk A 192.0.2.1\n";
    let files = [
        ("igtm.toml", TOML),
        ("z", &*file),
        ("inc/one", one),
        ("inc/two", two),
    ];
    let (reading, directory) = read(&files);
    let sources: Vec<String> = reading
        .sources
        .iter()
        .map(|source| source.path.display().to_string().replace(&directory, ""))
        .collect();
    assert_eq!(sources, ["igtm.toml", "z", "inc/one", "inc/two", "inc/two"]);
    let notes: Vec<String> = reading
        .notes
        .iter()
        .map(|note| note.to_string().replace(&directory, ""))
        .collect();
    assert_eq!(notes, [
        "z:6:1: this A record of `a.z.test` stands above already",
        "z:6:1: the A records of `a.z.test` have several TTLs; all are answered with the smallest, 5 s",
    ][..].iter().rev().map(|it| (*it).to_owned()).collect::<Vec<_>>());
    let config = reading.config.expect("it is good");
    let mut all = shown(&config.zones[0]);
    all.sort();
    let v4 = "1 c0000201";
    let mut expected = vec![
        "z.test 5400 16 01610162".to_owned(),
        format!("a.z.test 5 {v4}"),
        "a.z.test 5 1 c0000202".to_owned(),
        format!("b.z.test 86400 {v4}"),
        format!("c.sub.z.test 5400 {v4}"),
        format!("i.x.y.z.test 5400 {v4}"),
        "i.x.y.z.test 5400 16 0374776f".to_owned(),
        format!("k.x.y.z.test 5400 {v4}"),
        format!("j.z.test 9 {v4}"),
        format!("d.sub.z.test 5400 {v4}"),
        "d.sub.z.test 5400 16 0374776f".to_owned(),
        "d.sub.z.test 5400 16 046261636b".to_owned(),
        format!("k.sub.z.test 5400 {v4}"),
        "sub.z.test 5400 16 03e99bbb".to_owned(),
        format!("e.f(.sub.z.test 5400 {v4}"),
    ];
    expected.sort();
    assert_eq!(all, expected);
}

#[test]
fn the_file_s_soa_and_ns_are_the_zone_s() {
    let file =
        "@ 1h SOA NS1 Host.Master 7 1d 2h 4w 5m\n  NS ns1\n  NS ns.other.\nns1 A 192.0.2.1\n";
    let of_file = config(&[("igtm.toml", TOML), ("z", file)]);
    let zone = &of_file.zones[0];
    assert_eq!(
        zone.ns.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["ns1.z.test.", "ns.other."]
    );
    assert_eq!(zone.contact.to_string(), "host.master.z.test.");
    let soa = &zone.soa;
    let numbers = (soa.refresh, soa.retry, soa.expire, soa.minimum, soa.ttl);
    assert_eq!(numbers, (86_400, 7_200, 2_419_200, 300, 3_600));
    assert_eq!(zone.negative_ttl, Duration::from_secs(300));
    let both = format!(
        "{TOML}ns = [\"ns.other\", \"ns1.z.test\"]\ncontact = \"host.master.z.test\"\nnegative_ttl = 7\n"
    );
    let both = config(&[("igtm.toml", &both), ("z", file)]);
    assert_eq!(
        (
            both.zones[0].negative_ttl.as_secs(),
            both.zones[0].soa.minimum
        ),
        (7, 7)
    );
    let own = format!("{TOML}ns = [\"ns1.z.test\"]\ncontact = \"h.other\"\n");
    let own = config(&[("igtm.toml", &own), ("z", "ns1 60 A 192.0.2.1\n")]);
    assert_eq!(own.zones[0].records.count(), 2);
}

#[test]
fn what_a_zone_and_its_file_say_must_agree() {
    let soa = "@ 60 SOA ns.other. h.other. 1 2 3 4 5\n";
    for (more, file, expected) in [
        (
            "",
            "a 60 A 192.0.2.1\n",
            "igtm.toml:2:1: `ns` is missing in `zone`|igtm.toml:2:1: `contact` is missing in `zone`",
        ),
        ("ns = [\"ns.other\"]\n", soa, ""),
        (
            "ns = [\"b.other\"]\n",
            APEX,
            "igtm.toml:5:7: the name server `b.other` is not among the NS of the zone's file; leave `ns` out, or the NS there",
        ),
        (
            "ns = [\"ns.other\"]\n",
            &format!("{APEX}@ 60 NS c.other.\n"),
            "igtm.toml:5:6: the zone's file has the NS `c.other` too; leave `ns` out, or name it here",
        ),
        (
            "contact = \"x.other\"\n",
            APEX,
            "igtm.toml:5:11: `contact` is `x.other`, and the SOA of the zone's file (ns.other) says `h.other`; leave one out",
        ),
        (
            "ns = [\"n.z.test\"]\n",
            soa,
            "igtm.toml:5:7: the name server `n.z.test` lies in the zone `z.test` served here and has no address there; add its A or AAAA to the zone's file",
        ),
    ] {
        let toml = format!("{TOML}{more}");
        let (reading, directory) = read(&[("igtm.toml", &toml), ("z", file)]);
        let found = reading.config.err().map_or_else(String::new, |problems| {
            problems
                .to_string()
                .replace(&directory, "")
                .replace('\n', "|")
        });
        assert_eq!(found, expected, "{more}{file}");
    }
}

#[test]
fn instances_beside_records() {
    let toml = |name: &str, kind: &str, value: &str| {
        format!(
            "{TOML}[[pool]]\nname = \"p\"\ntype = \"{kind}\"\naddress = [{{ value = \"{value}\" }}]\n\
             [[instance]]\nname = \"i\"\ndomain = \"{name}.z.test\"\n[[instance.strategy]]\nname = \"s\"\n\
             lines = [\"default\"]\nfallback = \"p\"\ntier = [{{ pools = [\"p\"] }}]\n"
        )
    };
    let file = format!(
        "{APEX}a 60 A 192.0.2.1\nt 60 TXT x\nc 60 CNAME x.other.\nd 60 DNAME x.other.\ns 60 NS ns.other.\n*.w 60 A 192.0.2.1\n"
    );
    for (name, expected) in [
        (
            "a",
            "`a.z.test` has a static A (z:3), where this instance answers; remove one of them",
        ),
        (
            "c",
            "`c.z.test` has a static CNAME (z:5), where this instance answers; remove one of them",
        ),
        (
            "x.d",
            "`x.d.z.test` is below the DNAME of `d.z.test` (z:6), which stands for all names below; no instance can be there",
        ),
        (
            "s",
            "`s.z.test` is delegated to other servers by the NS of `s.z.test` (z:7); no instance can be there",
        ),
        (
            "x.s",
            "`x.s.z.test` is delegated to other servers by the NS of `s.z.test` (z:7); no instance can be there",
        ),
        ("t", ""),
        ("d", ""),
        ("x.w", ""),
        ("free", ""),
    ] {
        let (reading, directory) = read(&[
            ("igtm.toml", &toml(name, "ipv4", "192.0.2.9")),
            ("z", &file),
        ]);
        let found = reading
            .config
            .err()
            .map_or_else(String::new, |problems| problems.to_string());
        let expected = if expected.is_empty() {
            String::new()
        } else {
            format!("igtm.toml:11:10: {expected}")
        };
        assert_eq!(found.replace(&directory, ""), expected, "{name}");
    }
    let (reading, directory) = read(&[
        ("igtm.toml", &toml("t", "domain", "x.example")),
        ("z", &file),
    ]);
    let found = reading.config.expect_err("it is refused").to_string();
    assert_eq!(
        found.replace(&directory, ""),
        "igtm.toml:11:10: `t.z.test` has a static TXT (z:4), and this instance can answer a CNAME (pool `p`), which stands alone; remove one of them"
    );
}

#[test]
fn several_zones_agree() {
    let toml = format!("{TOML}[[zone]]\norigin = \"c.z.test\"\nfile = \"c\"\n");
    let child = "@ 60 SOA ns h.other. 1 2 3 4 5\n@ 60 NS ns\nns 60 A 192.0.2.1\n";
    let good = format!("{APEX}c 60 NS ns.c\nc 60 DS 1 13 2 00\nns.c 60 A 192.0.2.1\n");
    config(&[("igtm.toml", &toml), ("z", &good), ("c", child)]);
    let bad = format!("{APEX}c 60 TXT x\nx.c 60 MX 1 y\ny 60 NS ns.c\nz 60 NS no.c\n");
    let (reading, directory) = read(&[("igtm.toml", &toml), ("z", &bad), ("c", child)]);
    let found = reading.config.expect_err("it is refused").to_string();
    let expected = [
        "z:3:1: TXT at `c.z.test`, which lies in the zone `c.z.test` served here too; write it there",
        "z:4:1: MX at `x.c.z.test`, which lies in the zone `c.z.test` served here too; write it there",
        "z:6:1: the name server `no.c.z.test` lies in the zone `c.z.test` served here and has no address there; add its A or AAAA to the zone's file",
    ];
    assert_eq!(found.replace(&directory, ""), expected.join("\n"));
}

#[test]
fn a_large_zone_is_read_in_reasonable_time() {
    let mut file = format!("$TTL 60\n{APEX}");
    for at in 0..100_000_u32 {
        file += &format!(
            "host-{at}.rack-{} A 192.0.{}.{}\n",
            at % 977,
            at >> 8 & 255,
            at & 255
        );
    }
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("z"), file).expect("written");
    let toml = directory.path().join("igtm.toml");
    fs::write(&toml, TOML).expect("written");
    let began = Instant::now();
    let config = load(Path::new(&toml)).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(config.zones[0].records.count(), 100_001);
    // A debug build on a busy machine: only what is worse than linear would take longer.
    assert!(
        began.elapsed() < Duration::from_secs(60),
        "{:?}",
        began.elapsed()
    );
}
