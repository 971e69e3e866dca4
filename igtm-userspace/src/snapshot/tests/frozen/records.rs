//! Frozen answers and what the zone's file says of their names by now.

use std::fs;

use super::super::super::fixture::{KEY, config, ground, snapshot};
use super::super::super::freeze::{Plan, Why};
use super::super::super::{Ground, names};
use super::super::entries;
use super::{HEAD, KEPT, reload};

/// `HEAD` without the instance, its zone from a file of these records.
fn file(directory: &tempfile::TempDir, records: &str) -> String {
    let path = directory.path().join("zone");
    let apex = "$TTL 60\n@ SOA ns.example.net. ops.example.net. 1 2 3 4 5\n@ NS ns.example.net.\n";
    fs::write(&path, format!("{apex}{records}")).expect("written");
    let end = HEAD.find("[[instance]]").expect("there");
    let zone = format!("origin = \"example.com\", file = {path:?} }}");
    let begin = HEAD.find("origin").expect("there");
    let behind = HEAD.find("]\nmonitor").expect("there");
    format!("{}{zone}{}", &HEAD[..begin], &HEAD[behind..end])
}

#[test]
fn the_zones_file_ends_what_it_says_otherwise() {
    let directory = tempfile::tempdir().expect("a directory");
    let domains = KEPT.replace("[\"first\"], policy = \"weight\"", "[\"cdn\"]");
    let name = "www.gtm.example.com";
    for (records, of_domain, ended) in [
        (
            "gtm NS ns.example.net.\n",
            false,
            Some(("NS", "gtm.example.com")),
        ),
        ("www.gtm NS ns.example.net.\n", false, Some(("NS", name))),
        (
            "gtm DNAME x.example.net.\n",
            false,
            Some(("DNAME", "gtm.example.com")),
        ),
        ("www.gtm A 192.0.2.7\n", false, Some(("A", name))),
        ("www.gtm AAAA 2001:db8::7\n", false, Some(("AAAA", name))),
        (
            "www.gtm CNAME x.example.net.\n",
            false,
            Some(("CNAME", name)),
        ),
        ("www.gtm TXT x\n", false, None),
        ("www.gtm TXT x\n", true, Some(("TXT", name))),
        ("www.gtm DNAME x.example.net.\n", false, None),
        (
            "www.gtm DNAME x.example.net.\n",
            true,
            Some(("DNAME", name)),
        ),
        (
            "gtm TXT x\n*.gtm A 192.0.2.7\nx.www.gtm A 192.0.2.7\n",
            true,
            None,
        ),
    ] {
        let kept = if of_domain { &domains } else { KEPT };
        let before = snapshot(&ground(&format!("{HEAD}{kept}")), &[], 1);
        let frozen = reload(&before, HEAD, &[], 9).0;
        let next = file(&directory, records);
        let why = ended.map(|(rtype, owner)| Why::Static {
            rtype: rtype.to_owned(),
            owner: owner.to_owned(),
        });
        // On the reload that would freeze it, and where it is frozen already.
        let (after, lost) = reload(&before, &next, &[], 10);
        let (later, released) = reload(&frozen, &next, &[], 10);
        let restored = Plan::restored(&frozen.ground.frozen, &config(&next));
        for (told, answered) in [
            (&lost.freezing.lost, &after),
            (&released.freezing.released, &later),
        ] {
            let told: Vec<_> = told.iter().map(|one| Some(&one.why)).collect();
            let all = frozen.ground.frozen.len();
            assert_eq!(
                told,
                vec![why.as_ref(); if ended.is_some() { all } else { 0 }],
                "{records}"
            );
            assert_eq!(entries(answered).is_empty(), ended.is_some(), "{records}");
        }
        assert_eq!(restored.frozen, released.frozen, "{records}");
        // Whatever was kept, the records are what stands.
        let kept = frozen.ground.frozen.clone();
        let ground = Ground::with_frozen(config(&next), KEY, None, kept).expect("it fits");
        let wire = b"\x03www\x03gtm\x07example\x03com\0";
        let key = names::key(&KEY, wire).expect("a name");
        let view = ground.fixed.names.find(key).map(|of| of.view);
        let free = view.is_none_or(|view| view == [igtm_common::layout::NO_VIEW; 2]);
        assert_eq!(free, ended.is_some(), "{records}");
    }
}
