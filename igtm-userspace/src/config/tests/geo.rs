//! `[geo]`: which prefixes lines get of a database, and what is told of bad ones.

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Instant;

use ipnet::IpNet;

use super::harness::expect;
use super::mmdb_writer::{Field, Format, USUAL, asn, country, database};
use crate::config::{Reading, reading};

const LINES: &str = r#"
version = 1
[geo]
asn = "asn.mmdb"
country = "country.mmdb"
[[line]]
name = "telecom"
kind = "operator"
asn = [4134, 4812]
prefixes = ["192.0.2.0/24"]
[[line]]
name = "unicom"
kind = "operator"
asn = [4837]
[[line]]
name = "both"
asn = [4837, 4134]
[[line]]
name = "domestic"
kind = "domestic"
country = ["CN"]
"#;

pub(super) fn asn_networks() -> Vec<(&'static str, Field)> {
    vec![
        ("1.0.0.0/8", asn(4134)),
        ("1.2.0.0/16", asn(4837)),
        ("1.2.3.0/24", asn(4134)),
        ("2.0.0.0/24", asn(4812)),
        ("2400:1::/32", asn(4134)),
        ("2400:2::/32", asn(4837)),
        ("8.8.8.0/24", asn(15169)),
    ]
}

/// Writes both databases and `text` into a directory of their own, and reads it.
fn read_with(asn: &[u8], country: &[u8], text: &str) -> (Reading, String) {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("asn.mmdb"), asn).expect("written");
    fs::write(directory.path().join("country.mmdb"), country).expect("written");
    let file = directory.path().join("x.toml");
    fs::write(&file, text).expect("written");
    (reading(&file), directory.path().display().to_string())
}

fn usual_country() -> Vec<u8> {
    let networks = [
        ("1.0.0.0/8", country("CN")),
        ("2400::/12", country("CN")),
        ("8.0.0.0/8", country("US")),
    ];
    database("Test-Country", USUAL, &networks)
}

fn prefixes(reading: &Reading) -> BTreeMap<&str, Vec<String>> {
    let config = reading.config.as_ref().expect("the file is good");
    let shown = |nets: &[IpNet]| nets.iter().map(IpNet::to_string).collect();
    let lines = config.lines.iter().skip(1);
    lines
        .map(|line| (line.name.as_str(), shown(&line.prefixes)))
        .collect()
}

#[test]
fn lines_get_the_prefixes_of_their_systems_and_countries() {
    for record_bits in [24, 28, 32] {
        for aliases in [false, true] {
            let format = Format {
                record_bits,
                aliases,
                ..USUAL
            };
            let asn = database("Test-ASN", format, &asn_networks());
            let (read, _) = read_with(&asn, &usual_country(), LINES);
            let prefixes = prefixes(&read);
            assert_eq!(prefixes["unicom"][0], "1.2.0.0/23", "{format:?}");
            assert!(prefixes["telecom"].contains(&"1.2.3.0/24".to_owned()));
            assert!(prefixes["telecom"].contains(&"192.0.2.0/24".to_owned()));
            assert!(prefixes["telecom"].contains(&"2.0.0.0/24".to_owned()));
            assert_eq!(
                prefixes["unicom"].last().map(String::as_str),
                Some("2400:2::/32")
            );
            assert_eq!(prefixes["domestic"], ["1.0.0.0/8", "2400::/12"]);
            // No alias of IPv4, and nothing twice: the v6 prefixes are those of the database.
            let v6 = |line: &str| {
                prefixes[line]
                    .iter()
                    .filter(|text| text.contains(':'))
                    .count()
            };
            assert_eq!(
                (v6("telecom"), v6("unicom"), v6("both")),
                (1, 1, 2),
                "{format:?}"
            );
            assert_eq!(
                prefixes["both"].len(),
                prefixes["telecom"].len() - 2 + prefixes["unicom"].len()
            );
            assert_eq!(read.notes, []);
            let named: Vec<_> = read
                .sources
                .iter()
                .filter_map(|source| source.path.file_name())
                .collect();
            assert_eq!(named, ["x.toml", "asn.mmdb", "country.mmdb"]);
        }
    }
}

#[test]
fn a_database_of_ipv4_alone_and_one_whose_ipv4_is_one_record() {
    let v4 = Format {
        ip_version: 4,
        aliases: false,
        ..USUAL
    };
    let networks: Vec<_> = asn_networks()
        .into_iter()
        .filter(|(net, _)| !net.contains(':'))
        .collect();
    let (read, _) = read_with(
        &database("Test-ASN", v4, &networks),
        &usual_country(),
        LINES,
    );
    assert_eq!(prefixes(&read)["unicom"][..2], ["1.2.0.0/23", "1.2.2.0/24"]);
    let whole = [
        ("0.0.0.0/0", asn(4134)),
        ("2400:1::/32", asn(4134)),
        ("2400:2::/32", asn(4837)),
    ];
    let (read, _) = read_with(
        &database("Test-ASN", USUAL, &whole),
        &usual_country(),
        LINES,
    );
    assert_eq!(
        prefixes(&read)["telecom"],
        ["0.0.0.0/0", "192.0.2.0/24", "2400:1::/32"]
    );
}

#[test]
fn regions_are_guessed_where_the_file_names_none() {
    let pools = r#"
version = 1
[geo]
country = "country.mmdb"
[[pool]]
name = "v4"
type = "ipv4"
address = [{ value = "1.2.3.4" }, { value = "8.8.8.8", region = "elsewhere" }, { value = "9.9.9.9" }]
[[pool]]
name = "v6"
type = "ipv6"
address = [{ value = "2400::1" }]
[[pool]]
name = "domain"
type = "domain"
address = [{ value = "www.example.org" }]
"#;
    let (read, _) = read_with(b"", &usual_country(), pools);
    let config = read.config.expect("the file is good");
    let addresses = config.pools.iter().flat_map(|pool| &pool.addresses);
    let regions: Vec<Option<&str>> = addresses.map(|one| one.region.as_deref()).collect();
    let expected = [Some("CN"), Some("elsewhere"), None, Some("CN"), None];
    assert_eq!(regions, expected);
}

/// As large as public ones are: one pass, whatever the number of lines.
#[test]
fn a_large_database_and_many_lines() {
    const NETWORKS: u32 = 100_000;
    let networks: Vec<(String, Field)> = (0..NETWORKS)
        // An odd multiplier visits every /24 once: scattered, and in no order.
        .map(|n| {
            (
                Ipv4Addr::from_bits(n.wrapping_mul(0x9e37_79b1) << 8),
                n % 12_500 + 1,
            )
        })
        .map(|(start, number)| (format!("{start}/24"), asn(number)))
        .collect();
    let networks: Vec<(&str, Field)> = networks
        .iter()
        .map(|(net, field)| (net.as_str(), field.clone()))
        .collect();
    let octets = database("large", USUAL, &networks);
    let mut text = "version = 1\n[geo]\nasn = \"asn.mmdb\"\n".to_owned();
    for line in 0..250 {
        let numbers: Vec<u32> = (0..50).map(|n| line * 50 + n + 1).collect();
        text += &format!("[[line]]\nname = \"l{line}\"\nasn = {numbers:?}\n");
    }
    let begun = Instant::now();
    let (read, _) = read_with(&octets, b"", &text);
    let took = begun.elapsed();
    let config = read.config.expect("the file is good");
    assert!(
        config.lines[1..]
            .iter()
            .all(|line| line.prefixes.len() == 400)
    );
    println!(
        "{NETWORKS} networks, {} octets, to 250 lines in {took:?}",
        octets.len()
    );
    // A second or so, unoptimized; a pass for each line takes minutes.
    assert!(took.as_secs() < 60, "took {took:?}");
}

#[test]
fn flat_records_are_read_too() {
    let flat = |number: &str, code: &str| {
        let text = |text: &str| Field::Text(text.to_owned());
        Field::Map(vec![
            ("asn", text(number)),
            ("country", text("a country")),
            ("country_code", text(code)),
        ])
    };
    let networks = [
        ("1.0.0.0/8", flat("AS4134", "CN")),
        ("2.0.0.0/8", flat("AS4837", "US")),
    ];
    let octets = database("flat", USUAL, &networks);
    let (read, directory) = read_with(&octets, &octets, LINES);
    assert_eq!(prefixes(&read)["unicom"], ["2.0.0.0/8"]);
    assert_eq!(prefixes(&read)["domestic"], ["1.0.0.0/8"]);
    let notes: Vec<String> = read.notes.iter().map(ToString::to_string).collect();
    let expected =
        format!("{directory}/x.toml:9:14: AS4812 has no network in `{directory}/asn.mmdb`");
    assert_eq!(notes, [expected]);
}

#[test]
fn what_is_wrong_with_a_database_is_said() {
    let good = database("Test-ASN", USUAL, &asn_networks());
    let told = |asn: &[u8], country: &[u8]| {
        let (read, directory) = read_with(asn, country, LINES);
        read.config
            .expect_err("bad")
            .to_string()
            .replace(&format!("{directory}/"), "")
    };
    // The other way round.
    assert_eq!(
        told(&usual_country(), &good),
        "x.toml:4:7: cannot use `asn.mmdb`: it has no ASN: none of its 3 networks (its type is \"Test-Country\")\n\
         x.toml:5:11: cannot use `country.mmdb`: it has no country: none of its 21 networks (its type is \"Test-ASN\")"
    );
    let not_one = told(b"not a database", &usual_country());
    assert!(
        not_one
            .starts_with("x.toml:4:7: cannot use `asn.mmdb`: it is not a good MaxMind DB file: "),
        "{not_one}"
    );
    let half = told(&good[good.len() / 2..], &usual_country());
    assert!(
        half.starts_with("x.toml:4:7: cannot use `asn.mmdb`: it is not a good MaxMind DB file: "),
        "{half}"
    );
    // A tree that goes round in circles.
    let mut circle = good;
    circle[..6].fill(0);
    let circle = told(&circle, &usual_country());
    assert!(circle.contains("cycle"), "{circle}");
}

#[test]
fn values_and_what_they_need() {
    expect(
        "[[line]]\nname = \"a\"\nasn = [0, 4294967296, \"AS4134\", 4134, 4134]\ncountry = [\"cn\", \"UK\", \"XX\", \"CN\", 86]",
        &[
            "4:7: `line.asn` needs a database: name a MaxMind DB file with ASN data as `asn` in `[geo]`",
            "4:8: `asn` is 0; it must be a whole number from 1 to 4294967295",
            "4:11: `asn` is 4294967296; it must be a whole number from 1 to 4294967295",
            "4:23: `asn` is \"AS4134\"; it must be a whole number from 1 to 4294967295",
            "4:39: AS4134 stands in this list twice",
            "5:11: `line.country` needs a database: name a MaxMind DB file with country data as `country` in `[geo]`",
            "5:12: `country` is \"cn\"; it must be an ISO 3166 alpha-2 code of a country, in capitals like \"CN\"; did you mean `CN`?",
            "5:18: `country` is \"UK\"; it must be an ISO 3166 alpha-2 code of a country, in capitals like \"CN\"; did you mean `GB`?",
            "5:24: `country` is \"XX\"; it must be an ISO 3166 alpha-2 code of a country, in capitals like \"CN\"",
            "5:36: `country` is a whole number; it must be a text",
        ],
    );
    expect(
        "[geo]\nasn = \"gone.mmdb\"\ncity = \"x\"",
        &[
            "3:7: cannot read `/nowhere/gone.mmdb`: No such file or directory (os error 2)",
            "4:1: unknown key `city`",
        ],
    );
    // Nothing is wanted: nothing is needed.
    expect(
        "[[line]]\nname = \"a\"\nprefixes = []\nasn = []\ncountry = []",
        &[],
    );
}

#[test]
fn the_files_of_a_bad_configuration_are_known_too() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("x.toml");
    fs::write(
        &file,
        "version = 1\n[[line]]\nname = \"a\"\nprefix_files = [\"gone.txt\"]\n",
    )
    .expect("written");
    let read = reading(&file);
    assert!(read.config.is_err());
    let named: Vec<&Path> = read
        .sources
        .iter()
        .map(|source| source.path.as_path())
        .collect();
    assert_eq!(named, [file.as_path(), &directory.path().join("gone.txt")]);
}
