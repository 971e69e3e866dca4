//! Bad zone files with their exact messages, and what good ones come to.

use std::fs;

use crate::config::{Reading, reading};

/// The apex of most files here, on two lines.
const APEX: &str = "@ 60 SOA ns.other. h.other. 1 2 3 4 5\n@ 60 NS ns.other.\n";

/// Reads a configuration whose zone `z.test` has this file, which may include `bad`.
fn read(text: &str) -> (Reading, String) {
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).expect("written");
        path
    };
    let toml = "version = 1\n[[zone]]\norigin = \"z.test\"\nfile = \"z\"\n";
    let toml = file("igtm.toml", toml);
    file("z", text);
    file("bad", "x 60 A 1\n");
    (reading(&toml), format!("{}/", directory.path().display()))
}

fn problems(text: &str) -> Vec<String> {
    let (reading, directory) = read(text);
    let problems = reading.config.err();
    let problems = problems.iter().flat_map(|problems| problems.iter());
    problems
        .map(|problem| problem.to_string().replace(&directory, ""))
        .collect()
}

/// Whose file this is: entries without the apex, and their problems, one a line.
const BAD: &[(&str, &str)] = &[
    (
        "a 60 IN",
        "z:3:6: no type of a record, such as `A`, stands here",
    ),
    (
        "a 60 IN FOO x",
        "z:3:9: `FOO` is no type of a record; such as `A`, `TXT` or `TYPE65280`",
    ),
    (
        "a 60 IN abcdefghijklmnopqrstuvwx",
        "z:3:9: what stands here (not shown) is no type of a record; such as `A`, `TXT` or `TYPE65280`",
    ),
    (
        "a 60 ANY x",
        "z:3:6: `ANY` is asked for, or is part of messages; no record has this type",
    ),
    (
        "a 60 RRSIG A 8 2 60 20260101000000 20250101000000 1 z.test. AAAA",
        "z:3:6: `RRSIG`: signed zones are not served; give the file without signatures",
    ),
    (
        "a 60 CH TXT x",
        "z:3:6: the class `CH`; only `IN` is served",
    ),
    (
        "a 60 CLASS3 TXT x",
        "z:3:6: the class `CLASS3`; only `IN` is served",
    ),
    (
        "a 60 A 192.0.2.256",
        "z:3:8: `A IPV4-ADDRESS`: expected IPv4 address; `192.0.2.256` was found",
    ),
    (
        "a 60 A",
        "z:3:6: `A IPV4-ADDRESS`: something is missing at its end",
    ),
    (
        "a 60 AAAA 2001:db8:::1",
        "z:3:11: `AAAA IPV6-ADDRESS`: expected IPv6 address; `2001:db8:::1` was found",
    ),
    (
        "a 60 A 192.0.2.1 192.0.2.2",
        "z:3:18: `A IPV4-ADDRESS`: `192.0.2.2` is more than belongs there",
    ),
    (
        "a 60 MX mail 10",
        "z:3:9: `MX PREFERENCE NAME`: expected decimal number; `mail` was found",
    ),
    (
        "a 60 MX 65536 mail",
        "z:3:9: `MX PREFERENCE NAME`: decimal number overflow; `65536` was found",
    ),
    (
        "a 60 TXT xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "z:3:10: `TXT \"TEXT\"…`: one text holds at most 255 octets; write several; what stands here (not shown) was found",
    ),
    (
        "a 60 SRV 1 2 mail",
        "z:3:14: `SRV PRIORITY WEIGHT PORT NAME`: expected decimal number; `mail` was found",
    ),
    (
        "a 60 CAA 0 is-sue \"x\"",
        "z:3:12: `CAA FLAGS TAG \"VALUE\"`: CAA tag contains invalid character; `is-sue` was found",
    ),
    (
        "a 60 NAPTR 1 2 u",
        "z:3:16: `NAPTR ORDER PREFERENCE \"FLAGS\" \"SERVICE\" \"REGEXP\" NAME`: something is missing at its end",
    ),
    (
        "a 60 NS b.other.\na 60 DS 1 13 2 0g",
        "z:4:16: `DS KEY-TAG ALGORITHM DIGEST-TYPE HEX`: expected hex digits; `0g` was found",
    ),
    (
        "a 60 TLSA 3 1 1 abc",
        "z:3:17: `TLSA USAGE SELECTOR MATCHING HEX`: uneven number of hex digits; `abc` was found",
    ),
    (
        "a 60 SSHFP 4 2",
        "z:3:14: `SSHFP ALGORITHM TYPE HEX`: something is missing at its end",
    ),
    (
        "a 60 SVCB 1 . port=x",
        "z:3:15: `SVCB PRIORITY NAME KEY=VALUE…`: port value must be a 16-bit unsigned decimal number; `port=x` was found",
    ),
    (
        "a 60 SVCB 1 . port=1 port=2",
        "z:3:22: `SVCB PRIORITY NAME KEY=VALUE…`: duplicate SvcParamKey; `port=2` was found",
    ),
    (
        "a 60 HTTPS 1 . key9=x key9=y",
        "z:3:23: `HTTPS PRIORITY NAME KEY=VALUE…`: duplicate SvcParamKey; `key9=y` was found",
    ),
    (
        "a 60 HTTPS 1 . key3=\\000\\053 port=53",
        "z:3:30: `HTTPS PRIORITY NAME KEY=VALUE…`: duplicate SvcParamKey; `port=53` was found",
    ),
    (
        "a 60 HTTPS 1 . key65535=x",
        "z:3:16: `HTTPS PRIORITY NAME KEY=VALUE…`: a numbered key is `key0` to `key65534`, without leading zeros",
    ),
    (
        "a 60 HTTPS 1 . key09=x",
        "z:3:16: `HTTPS PRIORITY NAME KEY=VALUE…`: a numbered key is `key0` to `key65534`, without leading zeros",
    ),
    (
        "a 60 HTTPS 1 . Port=53",
        "z:3:16: `HTTPS PRIORITY NAME KEY=VALUE…`: invalid SvcParamKey; `Port=53` was found",
    ),
    (
        "a 60 HTTPS 1 . no-default-alpn",
        "z:3:16: `HTTPS PRIORITY NAME KEY=VALUE…`: no-default-alpn needs alpn; `no-default-alpn` was found",
    ),
    (
        "a 60 HTTPS 1 . pvd",
        "z:3:16: `HTTPS PRIORITY NAME KEY=VALUE…`: the values of `pvd` are not known here; write `key11=OCTETS`",
    ),
    (
        "a 60 HTTPS 1 . mandatory=port",
        "z:3:16: `HTTPS PRIORITY NAME KEY=VALUE…`: port is mandatory and not there; `mandatory=port` was found",
    ),
    (
        "a 60 HTTPS x .",
        "z:3:12: `HTTPS PRIORITY NAME KEY=VALUE…`: expected decimal number; `x` was found",
    ),
    (
        "a 60 TYPE65280 \\# 3 0a000001",
        "z:3:21: `TYPE65280 …`: generic data has incorrect length; `0a000001` was found",
    ),
    (
        "a 60 A \\# 3 0a0000",
        "z:3:13: `A IPV4-ADDRESS`: these octets are no data of a `A` record",
    ),
    (
        "a 60 TYPE65280 \\# 1 zz",
        "z:3:21: `TYPE65280 …`: expected hex digits; `zz` was found",
    ),
    (
        "a 60 TYPE65280 x",
        "z:3:6: `TYPE65280 …`: the text form of `TYPE65280` is not known here; write `\\# LENGTH HEX` (RFC 3597)",
    ),
    (
        "a 60 LOC 52 22 23.000 N 4 53 32.000 E -2.00m",
        "z:3:6: `LOC …`: the text form of `LOC` is not known here; write `\\# LENGTH HEX` (RFC 3597)",
    ),
    (
        "a 1x A 192.0.2.1",
        "z:3:3: `1x` is no time; write seconds, or numbers with `w`, `d`, `h`, `m`, `s`, at most 2147483647 s in all",
    ),
    (
        "a 2147483648 A 192.0.2.1",
        "z:3:3: `2147483648` is no time; write seconds, or numbers with `w`, `d`, `h`, `m`, `s`, at most 2147483647 s in all",
    ),
    (
        "a 1w2d3h4m5 A 192.0.2.1\na 68y A 192.0.2.1",
        "z:4:3: `68y` is no time; write seconds, or numbers with `w`, `d`, `h`, `m`, `s`, at most 2147483647 s in all",
    ),
    (
        "a.other. 60 A 192.0.2.1\n 60 TXT follows",
        "z:3:1: `a.other` is outside of the zone `z.test`",
    ),
    (
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 60 A 192.0.2.1",
        "z:3:1: a label holds at most 63 octets",
    ),
    ("a..b 60 A 192.0.2.1", "z:3:1: an empty label in a name"),
    (
        "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.b 60 A 192.0.2.1",
        "z:3:1: a name holds at most 255 octets",
    ),
    (
        "a\\256 60 A 192.0.2.1\nb\\2x 60 A 192.0.2.1",
        "z:3:1: an escaped octet is written `\\000` to `\\255`\nz:4:1: an escaped octet is written in three digits",
    ),
    (
        "a 60 CNAME \"b\"",
        "z:3:12: `CNAME NAME`: a domain name is not written in quotes; `b` was found",
    ),
    (
        "a 60 TXT \"b\nc 60 A 192.0.2.1",
        "z:3:10: a text whose closing `\"` is not on its line",
    ),
    ("a 60 TXT b )", "z:3:12: a `)` without a `(` before it"),
    (
        "a 60 TXT ( b\nc 60 A x",
        "z:3:10: a `(` that is not closed before the end of the file",
    ),
    ("a 60 TXT ( ( b ) )", "z:3:12: a `(` within `( … )`"),
    (
        "$FOO x\n$TTL x\n$TTL 1 2\n$ORIGIN\n$GENERATE 1-2 a A 192.0.2.$",
        "z:3:1: `$FOO` is no directive; `$ORIGIN`, `$TTL` and `$INCLUDE` are\nz:4:6: `x` is no time; write seconds, or numbers with `w`, `d`, `h`, `m`, `s`, at most 2147483647 s in all\nz:5:8: `2` is more than belongs there\nz:6:1: something is missing at its end\nz:7:1: `$GENERATE` is not supported; write the records out",
    ),
    (
        "$INCLUDE missing\n$INCLUDE z\n$INCLUDE sub sub x\n$INCLUDE bad b.z.test.",
        "z:3:10: cannot read `missing`: No such file or directory (os error 2)\nz:4:10: `z` includes itself\nz:5:18: `x` is more than belongs there\nbad:1:8: `A IPV4-ADDRESS`: expected IPv4 address; `1` was found",
    ),
    (
        "a 60 CNAME b\na 60 TXT x",
        "z:3:1: `a.z.test` has a CNAME and TXT; a CNAME stands alone",
    ),
    (
        "a 60 CNAME b\na 60 CNAME c",
        "z:4:1: a second CNAME at `a.z.test`; there can be one",
    ),
    (
        "@ 60 CNAME b",
        "z:3:1: a CNAME at the apex `z.test`, beside SOA and NS; it stands alone",
    ),
    (
        "@ 60 SOA ns.other. h.other. 1 2 3 4 6",
        "z:3:1: a second SOA at `z.test`; there can be one",
    ),
    (
        "a 60 SOA ns.other. h.other. 1 2 3 4 5",
        "z:3:1: an SOA at `a.z.test`; it stands at the apex, `z.test`",
    ),
    (
        "a 60 DNAME b\na 60 DNAME c\nx.a 60 A 192.0.2.1",
        "z:4:1: a second DNAME at `a.z.test`; there can be one\nz:5:1: `x.a.z.test` is below the DNAME of `a.z.test` (z:3), which stands for all names below",
    ),
    (
        "a 60 DNAME b\na 60 CNAME c",
        "z:4:1: `a.z.test` has a CNAME and DNAME; a CNAME stands alone",
    ),
    (
        "*.a 60 NS b.other.\n*.b 60 DNAME b",
        "z:3:1: a wildcard of NS, `*.a.z.test`, has no agreed meaning (RFC 4592)\nz:4:1: a wildcard of DNAME, `*.b.z.test`, has no agreed meaning (RFC 4592)",
    ),
    (
        "a 60 DS 1 13 2 00\n@ 60 DS 1 13 2 00",
        "z:3:1: a DS at `a.z.test`, which is not delegated: it has no NS\nz:4:1: a DS at the apex; it belongs to the zone above",
    ),
    (
        "a 60 NS b.other.\na 60 TXT x\nx.a 60 TXT x\ny.a 60 A 192.0.2.1",
        "z:4:1: TXT at `a.z.test`, which is delegated: only NS, DS and addresses stand there\nz:5:1: TXT at `x.a.z.test`, which is below the delegation of `a.z.test` (z:3): only addresses of name servers stand there",
    ),
    (
        "a 60 NS b.other.\na 60 DNAME x",
        "z:4:1: DNAME at `a.z.test`, which is delegated: only NS, DS and addresses stand there",
    ),
    (
        "a 60 NS ns.a\nb 60 NS ns.b\nns.b 60 A 192.0.2.1\nc 60 NS h\nd 60 NS x.e\ne 60 NS ns.other.",
        "z:3:1: the name server `ns.a.z.test` lies in the zone `z.test` served here and has no address there; add its A or AAAA to the zone's file\nz:6:1: the name server `h.z.test` lies in the zone `z.test` served here and has no address there; add its A or AAAA to the zone's file",
    ),
    (
        "@ 60 NS a\na 60 CNAME b",
        "z:2:1: the name server `a.z.test` is a CNAME; it has addresses of its own (RFC 2181 §10.3)",
    ),
    (
        "a 60 TXT \"电信\" \"x\n",
        "z:3:15: a text whose closing `\"` is not on its line",
    ),
    (
        "a\t60\tIN\tA\t192.0.2.1\r\na\tIN\t60\tA\t1.2.3\r\n",
        "z:4:11: `A IPV4-ADDRESS`: expected IPv4 address; `1.2.3` was found",
    ),
];

/// The same of whole files.
const WHOLE: &[(&str, &str)] = &[
    (
        "@ 60 SOA ns.other. h.other. 1 2 3 4\n@ 60 NS ns.other.\n",
        "z:1:35: `SOA MNAME RNAME SERIAL REFRESH RETRY EXPIRE MINIMUM`: something is missing at its end",
    ),
    (
        "@ 60 SOA ns.other. h.other. x 2 3 4 5\n@ 60 NS ns.other.\n",
        "z:1:29: `SOA MNAME RNAME SERIAL REFRESH RETRY EXPIRE MINIMUM`: the serial is a number below 2^32; `x` was found",
    ),
    (
        "@ 60 SOA ns.other. h.other. 1 2 3 4q 5\n@ 60 NS ns.other.\n",
        "z:1:35: `SOA MNAME RNAME SERIAL REFRESH RETRY EXPIRE MINIMUM`: `4q` is no time; write seconds, or numbers with `w`, `d`, `h`, `m`, `s`, at most 2147483647 s in all",
    ),
    (
        "@ NS ns.other.\n@ 60 SOA ns.other. h.other. 1 2 3 4 5\n",
        "z:1:1: no TTL: write one in the record, or `$TTL 1h` above",
    ),
    (
        "  60 A 192.0.2.1\n@ 60 SOA ns.other. h.other. 1 2 3 4 5\n@ 60 NS ns.other.\n",
        "z:1:3: this line names no owner, and there is none before it",
    ),
];

#[test]
fn every_problem_has_its_place() {
    for (text, expected) in BAD {
        assert_eq!(
            problems(&format!("{APEX}{text}")).join("\n"),
            *expected,
            "for\n{text}"
        );
    }
    for (text, expected) in WHOLE {
        assert_eq!(problems(text).join("\n"), *expected, "for\n{text}");
    }
}
