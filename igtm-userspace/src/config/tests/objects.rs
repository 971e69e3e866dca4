//! Bad servers, zones, lines, monitors and pools, each with its exact messages.

use crate::config::parse;

use super::harness::{ZONE, expect};

#[test]
fn an_empty_path_is_no_zone_file() {
    expect(
        "[[zone]]\norigin = \"example.com\"\nfile = \"\"\n",
        &[
            "4:8: `file` is \"\"; it must be the path of an RFC 1035 zone file (leave it out where the zone has none)",
        ],
    );
}

#[test]
fn server() {
    for (line, expected) in [
        (
            "port = 0",
            "3:8: `port` is 0; it must be a whole number from 1 to 65535",
        ),
        (
            "port = 70000",
            "3:8: `port` is 70000; it must be a whole number from 1 to 65535",
        ),
        (
            "udp_size = 511",
            "3:12: `udp_size` is 511; it must be a whole number from 512 to 4096",
        ),
        (
            "nsid = 7",
            "3:8: `nsid` is a whole number; it must be a text",
        ),
        (
            "identity = \"a\\u0007b\"",
            "3:12: `identity` is \"a\\u{7}b\"; it must be a text of at most 255 octets without control characters",
        ),
        (
            "ecs = \"yes\"",
            "3:7: `ecs` is \"yes\"; it must be true or false",
        ),
        (
            "node = \"a b\"",
            "3:8: `node` is \"a b\"; it must be 1 to 64 letters, digits, `-`, `_` or `.`",
        ),
        (
            "xdp = \"nativ\"",
            "3:7: `xdp` is \"nativ\"; it must be \"auto\", \"native\", \"generic\" or \"off\"; did you mean `native`?",
        ),
        (
            "listen = []",
            "3:10: `listen` is empty; leave it out to answer on all of the host's addresses",
        ),
        (
            "listen = \"::\"",
            "3:10: `listen` is a text; it must be a list of addresses",
        ),
        (
            "listen = [\"::1\", \"::1\"]",
            "3:18: `::1` stands in this list twice",
        ),
        (
            "listen = [\"::\", \"::1\"]",
            "3:17: `::1` is covered by `::`; leave out one of them",
        ),
        (
            "listen = [\"192.0.2.1:53\"]",
            "3:11: `listen` is \"192.0.2.1:53\"; it must be an IPv4 or IPv6 address without port or length",
        ),
        (
            "listen = [\"::ffff:192.0.2.1\"]",
            "3:11: `listen` is \"::ffff:192.0.2.1\"; it must be written as `192.0.2.1`",
        ),
        (
            "interfaces = [\"eth0\", \"eth0\"]",
            "3:23: `eth0` stands in this list twice",
        ),
        (
            "interfaces = [\"a/b\"]",
            "3:15: `interfaces` is \"a/b\"; it must be an interface's name of 1 to 15 octets without spaces or `/`",
        ),
        (
            "start_wait = \"soon\"",
            "3:14: `start_wait` is \"soon\"; it must be a duration from 0s to 1h (\"500ms\", \"15s\", \"1h30m\", or whole seconds)",
        ),
        (
            "state_dir = \"\"",
            "3:13: `state_dir` is \"\"; it must be a path",
        ),
    ] {
        expect(&format!("[server]\n{line}"), &[expected]);
    }
}

#[test]
fn lists_longer_than_the_maps() {
    let list = |count: usize, item: &dyn Fn(usize) -> String| {
        let items: Vec<String> = (0..count).map(item).collect();
        items.join(", ")
    };
    let listen = |count| list(count, &|at| format!("\"192.0.{}.{}\"", at / 250, at % 250));
    let interfaces = |count| list(count, &|at| format!("\"eth{at}\""));
    for (key, most, items) in [
        ("listen", 256, &listen as &dyn Fn(usize) -> String),
        ("interfaces", 64, &interfaces),
    ] {
        let server = |count| format!("[server]\nnode = \"n\"\n{key} = [{}]\n{ZONE}", items(count));
        expect(&server(most), &[]);
        let (column, found) = (key.len() + 4, most + 1);
        let problem = format!("4:{column}: this list has {found} entries, at most {most}");
        expect(&server(found), &[&problem]);
    }
}

#[test]
fn zones() {
    expect(
        &format!("{ZONE}{ZONE}"),
        &["7:10: the zone `example.com` is declared on line 3 already"],
    );
    expect(
        "[[zone]]\norigin = \"example.com\"\nns = [\"ns.example.com\"]\ncontact = \"ops@example.com\"\nmin_ttl = \"1500ms\"",
        &[
            "4:7: the name server `ns.example.com` lies in the zone `example.com` served here and has no address there; add its A or AAAA to the zone's file",
            "5:11: `contact` is \"ops@example.com\"; it must be a domain name (write `user@example.com` as `user.example.com`)",
            "6:11: `min_ttl` is \"1500ms\"; it must be whole seconds",
        ],
    );
    expect(
        &format!(
            "{ZONE}transfer = [\"192.0.2.7\", \"192.0.2.0/24\", \"192.0.2.0/24\", \"::1/64\", \"any\"]"
        ),
        &[
            "6:13: `192.0.2.7` has no length; for this one address write `192.0.2.7/32`",
            "6:42: `192.0.2.0/24` stands in this list twice",
            "6:58: `::1/64` has host bits set; write `::/64`",
            "6:68: `any` is not a prefix; write ADDRESS/LENGTH like `192.0.2.0/24` or `2001:db8::/32`",
        ],
    );
    expect(
        "[[zone]]",
        &[
            "2:1: `origin` is missing in `zone`",
            "2:1: `ns` is missing in `zone`",
            "2:1: `contact` is missing in `zone`",
        ],
    );
}

#[test]
fn lines() {
    for (text, expected) in [
        (
            "name = \"default\"\nprefixes = []",
            "3:8: the line `default` is built in: it holds every client and is not declared",
        ),
        (
            "name = \"a\"\nprefixes = []\nkind = \"default\"",
            "5:8: the kind `default` is the built-in line's; leave `kind` out or choose another",
        ),
        (
            "name = \"a\"",
            "3:8: the line `a` holds nobody: it has no `prefixes`, `prefix_files`, `asn` or `country`, and is no line's parent",
        ),
        (
            "name = \"a\"\nprefixes = [\"192.0.2.7/24\"]",
            "4:13: `192.0.2.7/24` has host bits set; write `192.0.2.0/24`",
        ),
        (
            "name = \"a\"\nprefix_files = [\"gone.txt\"]",
            "4:17: cannot read `/nowhere/gone.txt`: No such file or directory (os error 2)",
        ),
        (
            "name = \"a\"\nprefixes = []\nparent = \"b\"",
            "5:10: no line is named `b`",
        ),
        (
            "name = \"a\"\nprefixes = []\nparent = \"default\"",
            "5:10: the line `default` holds every client already; leave `parent` out",
        ),
        (
            "name = \"a\"\nprefixes = []\nparent = \"a\"",
            "5:10: a line cannot be its own ancestor: a → a",
        ),
        (
            "name = \"a\"\nparent = \"c\"\n[[line]]\nname = \"b\"\nparent = \"a\"\n[[line]]\nname = \"c\"\nparent = \"b\"",
            "4:10: a line cannot be its own ancestor: a → c → b → a",
        ),
        (
            "name = \"a\"\nprefixes = []\n[[line]]\nname = \"a\"\nprefixes = []",
            "6:8: the name `a` is taken by the line of line 3",
        ),
    ] {
        expect(&format!("[[line]]\n{text}"), &[expected]);
    }
}

#[test]
fn a_bad_prefix_file_is_told_with_its_own_lines() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("a.txt");
    std::fs::write(&file, "192.0.2.0/24\n  192.0.2.1/24 # x\n\nfoo\n").expect("it can be written");
    let text = "version = 1\n[[line]]\nname = \"a\"\nprefix_files = [\"a.txt\"]\n";
    let problems = parse(text, &directory.path().join("x.toml")).unwrap_err();
    let file = file.display();
    assert_eq!(
        problems.to_string(),
        format!(
            "{file}:2:3: `192.0.2.1/24` has host bits set; write `192.0.2.0/24`\n\
             {file}:4:1: `foo` is not a prefix; write ADDRESS/LENGTH like `192.0.2.0/24` or `2001:db8::/32`"
        )
    );
}

#[test]
fn what_may_be_a_secret_is_not_shown_of_a_prefix_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let token = "0123456789abcdef0123456789abcdef";
    let list = format!(
        "{token}\nroot:$y$j9T$abcdef:20228:0:99999:7:::\n{}\n",
        &token[..16]
    );
    std::fs::write(directory.path().join("a.txt"), list).expect("it can be written");
    let text = "version = 1\n[[line]]\nname = \"a\"\nprefix_files = [\"a.txt\"]\n";
    let problems = parse(text, &directory.path().join("x.toml")).unwrap_err();
    let told = problems.to_string();
    assert_eq!(
        told.matches("(not shown) is not a prefix").count(),
        3,
        "{told}"
    );
    assert!(
        !told.contains(&token[..8]) && !told.contains("root"),
        "{told}"
    );
}

#[test]
fn of_a_prefix_file_full_of_errors_the_first_are_told() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut list = "\u{feff}192.0.2.0/24\r\n".to_owned();
    list += &"192.0.2.1/24\n".repeat(23);
    std::fs::write(directory.path().join("a.txt"), list).expect("it can be written");
    let text = "version = 1\n[[line]]\nname = \"a\"\nprefix_files = [\"a.txt\"]\n";
    let problems = parse(text, &directory.path().join("x.toml")).unwrap_err();
    let shown: Vec<String> = problems
        .iter()
        .map(|problem| {
            problem
                .to_string()
                .replace(&format!("{}/", directory.path().display()), "")
        })
        .collect();
    assert_eq!(shown.len(), 21);
    assert_eq!(
        shown[0],
        "x.toml:4:17: 3 more lines of `a.txt` cannot be read as prefixes; the first 20 are told"
    );
    let last = "a.txt:21:1: `192.0.2.1/24` has host bits set; write `192.0.2.0/24`";
    assert_eq!(shown[20], last);
}

#[test]
fn pools() {
    for (text, expected) in [
        (
            "type = \"ipv4\"",
            "3:8: the pool `p` has no address: add a `[[pool.address]]`",
        ),
        (
            "type = \"ipv5\"\naddress = [{ value = \"x\" }]",
            "4:8: `type` is \"ipv5\"; it must be \"ipv4\", \"ipv6\" or \"domain\"; did you mean `ipv4`?",
        ),
        (
            "type = \"ipv4\"\naddress = [{ value = \"2001:db8::1\" }]",
            "5:22: `2001:db8::1` is an IPv6 address; this pool is of type \"ipv4\", and types are not mixed",
        ),
        (
            "type = \"ipv6\"\naddress = [{ value = \"192.0.2.1\" }]",
            "5:22: `192.0.2.1` is an IPv4 address; this pool is of type \"ipv6\", and types are not mixed",
        ),
        (
            "type = \"domain\"\naddress = [{ value = \"192.0.2.1\" }]",
            "5:22: `192.0.2.1` is an IP address; this pool is of type \"domain\", and types are not mixed",
        ),
        (
            "type = \"ipv4\"\naddress = [{ value = \"www.example.com\" }]",
            "5:22: `www.example.com` is a domain name; this pool is of type \"ipv4\", and types are not mixed",
        ),
        (
            "type = \"ipv4\"\naddress = [{ value = \"192.0.2.256\" }]",
            "5:22: `value` is \"192.0.2.256\"; it must be an IPv4 address",
        ),
        (
            "type = \"ipv4\"\naddress = [{ value = \"0.0.0.0\" }]",
            "5:22: `value` is \"0.0.0.0\"; it must be an address that clients can reach; this one means \"none\"",
        ),
        (
            "type = \"ipv6\"\naddress = [{ value = \"::ffff:192.0.2.1\" }]",
            "5:22: `value` is \"::ffff:192.0.2.1\"; it must be an address that clients can reach; write `192.0.2.1` in a pool of type \"ipv4\"",
        ),
        (
            "type = \"ipv6\"\naddress = [{ value = \"2001:db8::1\" }, { value = \"2001:DB8:0::1\" }]",
            "5:49: `2001:db8::1` is in this pool already, on line 5",
        ),
        (
            "type = \"domain\"\naddress = [{ value = \"a.example\" },\n{ value = \"A.example.\" }]",
            "6:11: `a.example` is in this pool already, on line 5",
        ),
        (
            "type = \"ipv4\"\nmonitor = \"m\"\naddress = [{ value = \"192.0.2.1\", weight = 0 }]",
            "5:11: no monitor is named `m`|6:44: `weight` is 0; it must be a whole number from 1 to 100",
        ),
        (
            "type = \"ipv4\"\n[[pool.address]]\nvalue = \"192.0.2.1\"\nwieght = 3",
            "7:1: unknown key `wieght`; did you mean `weight`?",
        ),
        (
            "type = \"ipv4\"\naddress = [{ weight = 3 }]",
            "5:12: `value` is missing in `pool.address`",
        ),
    ] {
        let expected: Vec<&str> = expected.split('|').collect();
        expect(&format!("[[pool]]\nname = \"p\"\n{text}"), &expected);
    }
}
