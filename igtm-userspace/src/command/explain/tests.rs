//! Explanations of one small configuration, as text and as fields.

use super::trace::NODATA;
use super::*;
use crate::config::model::{LineKind, Policy};
use crate::health::Health;
use crate::policy::fixture;

/// www: telecom has two tiers and a fallback, by weight; default has one; AAAA on default only.
/// cdn: a domain pool, named alike inside and outside.
fn config() -> Config {
    let mut config = fixture::config();
    let domestic = fixture::line("domestic", LineKind::Domestic, &["203.0.0.0/8"]);
    let telecom = fixture::line("telecom", LineKind::Operator, &["203.0.113.0/24"]);
    config.lines.extend([domestic, telecom]);
    let gz = [("192.0.2.1", 80), ("192.0.2.2", 20)];
    let gz = fixture::pool(&mut config, "guangzhou", Policy::Weight, &gz);
    let sz = fixture::pool(&mut config, "shenzhen", Policy::All, &[("192.0.2.3", 100)]);
    let last = [("192.0.2.8", 100), ("192.0.2.9", 100)];
    let last = fixture::pool(&mut config, "disaster", Policy::All, &last);
    let six = fixture::pool(&mut config, "six", Policy::All, &[("2001:db8::1", 100)]);
    let cdn = [("a.example.net", 3), ("b.example.net", 1)];
    let cdn = fixture::pool(&mut config, "cdn", Policy::Weight, &cdn);
    config.pools[last.0].monitor = None;
    let telecom = fixture::strategy(
        "telecom",
        &[LineId(2)],
        vec![
            fixture::tier(Policy::Weight, 1, &[(gz, 100), (sz, 50)]),
            fixture::tier(Policy::All, 1, &[(sz, 100)]),
        ],
        last,
    );
    let only = |pool| vec![fixture::tier(Policy::All, 1, &[(pool, 100)])];
    let default = fixture::strategy("default", &[LineId::DEFAULT], only(sz), last);
    let default6 = fixture::strategy("default6", &[LineId::DEFAULT], only(six), six);
    let www = fixture::instance(vec![telecom, default, default6]);
    let by_weight = vec![fixture::tier(Policy::Weight, 1, &[(cdn, 100)])];
    let cname = fixture::strategy("cname", &[LineId::DEFAULT], by_weight, cdn);
    let mut cdn = fixture::instance(vec![cname]);
    cdn.name = "cdn".to_owned();
    cdn.access_domain = fixture::name("cdn.gtm.example.com");
    cdn.domain = cdn.access_domain.clone();
    config.instances = vec![www, cdn];
    config
}

fn request(name: &str, client: &str) -> Request {
    Request {
        name: parse_name(name).expect("a name"),
        qtype: RecordType::A,
        client: client.parse().expect("an address"),
        ecs: None,
        down: Vec::new(),
    }
}

fn down(mut request: Request, addresses: &[&str]) -> Request {
    let parse = |text: &&str| parse_address(text).expect("an address");
    request.down = addresses.iter().map(parse).collect();
    request
}

fn explained(request: &Request) -> Explanation {
    explain(&config(), request).expect("a known name")
}

#[test]
fn the_text_says_every_step() {
    let asked = down(request("WWW.example.com.", "203.0.113.7"), &["192.0.2.2"]);
    let text = explained(&asked).to_string();
    let expected = "\
www.example.com A for 203.0.113.7
  instance   www
  line       telecom, by 203.0.113.0/24 (this client's lines: telecom, domestic, default)
  strategy   telecom
    tier 1   active: 2 of 3 usable, needs 1; policy weight, pools guangzhou, shenzhen
    tier 2   not active: 1 of 1 usable, needs 1; policy all, pools shenzhen
    fallback pool disaster
  policy     weight
    192.0.2.1  weight  8000  share  99.4 %  ok, in guangzhou
    192.0.2.3  weight    50  share   0.6 %  ok, in shenzhen
    192.0.2.2  withheld: down, in guangzhou
  answer     one of 2 A records, drawn by weight, TTL 60 s
  note       health is assumed, not observed: every monitored address is taken as ok, except 192.0.2.2 (--down)
  note       www.example.com is a CNAME to www.gtm.example.com, which the owner of its zone must have set: it is not served here
";
    assert_eq!(text, expected);
}

#[test]
fn the_json_has_the_contracts_fields() {
    let asked = request("www.gtm.example.com", "203.0.113.7");
    let json = serde_json::to_value(explained(&asked)).expect("plain data");
    assert_eq!(json["instance"], "www");
    assert_eq!(json["line"], "telecom");
    assert_eq!(json["prefix"], "203.0.113.0/24");
    assert_eq!(json["strategy"], "telecom");
    assert_eq!(json["tiers"][0]["usable"], 3);
    assert_eq!(json["tiers"][0]["enabled"], 3);
    assert_eq!(json["tiers"][0]["min_healthy"], 1);
    assert_eq!(json["tiers"][0]["active"], true);
    assert_eq!(json["policy"], "weight");
    assert_eq!(json["candidates"][0]["address"], "192.0.2.1");
    assert_eq!(json["candidates"][0]["weight"], 8000);
    assert_eq!(json["candidates"][0]["state"], "ok");
    assert_eq!(json["candidates"][0]["share"], 8000.0 / 10050.0);
    assert_eq!(json["answer"]["kind"], "A");
    assert_eq!(json["answer"]["count"], 1);
    assert_eq!(json["cname"], serde_json::Value::Null);
}

#[test]
fn addresses_down_move_the_answer_on() {
    let asked = request("www.gtm.example.com", "203.0.113.7");
    let none_left = ["192.0.2.1", "192.0.2.2", "192.0.2.3"];
    for (gone, active, records) in [
        (&none_left[..2], "tier 1", &["192.0.2.3"][..]),
        (&none_left[..], "fallback", &["192.0.2.8", "192.0.2.9"]),
    ] {
        let explanation = explained(&down(asked.clone(), gone));
        assert_eq!(
            explanation.decided.active.as_deref(),
            Some(active),
            "{gone:?}"
        );
        assert_eq!(explanation.answer.records, records, "{gone:?}");
    }
}

#[test]
fn a_client_without_a_line_gets_the_default() {
    let explanation = explained(&request("www.gtm.example.com", "198.51.100.1"));
    assert_eq!(explanation.decided.line.as_deref(), Some("default"));
    assert_eq!(explanation.decided.prefix, None);
    assert_eq!(explanation.answer.records, ["192.0.2.3"]);
}

#[test]
fn an_unclaimed_family_falls_to_the_next_line_of_the_client() {
    let mut asked = request("www.gtm.example.com", "203.0.113.7");
    asked.qtype = RecordType::AAAA;
    let explanation = explained(&asked);
    assert_eq!(explanation.decided.line.as_deref(), Some("default"));
    assert_eq!(explanation.decided.strategy.as_deref(), Some("default6"));
    assert_eq!(explanation.answer.records, ["2001:db8::1"]);
}

#[test]
fn a_domain_answers_every_type() {
    for qtype in [RecordType::A, RecordType::AAAA, RecordType::TXT] {
        let mut asked = request("cdn.gtm.example.com", "198.51.100.1");
        asked.qtype = qtype;
        let explanation = explained(&asked);
        assert_eq!(explanation.answer.kind, "CNAME", "{qtype}");
        assert_eq!(
            explanation.answer.records,
            ["a.example.net", "b.example.net"]
        );
        assert_eq!(explanation.decided.candidates[0].share, 0.75);
    }
}

#[test]
fn addresses_answer_no_other_type() {
    let mut asked = request("www.gtm.example.com", "198.51.100.1");
    asked.qtype = RecordType::TXT;
    let answer = explained(&asked).answer;
    let text = "NODATA, TTL 60 s: tier 1 holds A records, TXT was asked for";
    assert_eq!((answer.kind, answer.text.as_str()), ("NODATA", text));
}

#[test]
fn a_disabled_instance_says_so() {
    let mut config = config();
    config.instances[0].enabled = false;
    let asked = request("www.gtm.example.com", "198.51.100.1");
    let explanation = explain(&config, &asked).expect("a known name");
    assert_eq!(explanation.decided.line, None);
    assert_eq!(
        explanation.answer.text,
        "NODATA, TTL 60 s: the instance is disabled"
    );
}

#[test]
fn a_client_subnet_chooses_the_line() {
    let mut asked = request("www.gtm.example.com", "198.51.100.1");
    for (subnet, ecs, line, scope) in [
        ("203.0.113.64/26", true, "telecom", Some(24)),
        ("203.0.114.0/24", true, "default", Some(23)),
        ("0.0.0.0/0", true, "default", Some(0)),
        ("203.0.113.64/26", false, "default", None),
    ] {
        let mut config = config();
        config.server.ecs = ecs;
        asked.ecs = Some(subnet.parse().expect("a prefix"));
        let explanation = explain(&config, &asked).expect("a known name");
        assert_eq!(
            explanation.decided.line.as_deref(),
            Some(line),
            "{subnet} {ecs}"
        );
        assert_eq!(explanation.scope, scope, "{subnet} {ecs}");
    }
}

#[test]
fn what_is_odd_about_down_is_said() {
    let asked = request("www.gtm.example.com", "198.51.100.1");
    let asked = down(asked, &["192.0.2.8", "192.0.2.77", "192.0.2.1"]);
    let notes = explained(&asked).notes;
    let odd = [
        "192.0.2.8 is not monitored: nothing would ever find it down",
        "192.0.2.77 (--down) stands in no pool",
    ];
    assert_eq!(notes[1..], odd);
}

#[test]
fn an_unknown_name_is_refused_with_what_looks_like_it() {
    for (name, message) in [
        (
            "wwww.example.com",
            "no instance has the name wwww.example.com; did you mean www.example.com or www.gtm.example.com?",
        ),
        (
            "cdn.example.org",
            "no instance has the name cdn.example.org; did you mean cdn.gtm.example.com?",
        ),
        (
            "mail.example.org",
            "no instance has the name mail.example.org",
        ),
    ] {
        let error = explain(&config(), &request(name, "198.51.100.1")).expect_err("unknown");
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn domains_at_an_apex_and_domains_served_here() {
    let mut config = config();
    config.instances[1].access_domain = fixture::name("gtm.example.com");
    config.instances[1].domain = fixture::name("gtm.example.com");
    let mut asked = request("gtm.example.com", "8.8.8.8");
    let told = explain(&config, &asked).expect("a known name");
    assert_eq!((told.answer.kind, told.answer.count), ("A", 1));
    assert_eq!(
        told.answer.text,
        "one A record of 2 domains, a domain drawn by weight, TTL at most 60 s: flattened at a zone's apex, by what the daemon has resolved"
    );
    asked.qtype = RecordType::TXT;
    let told = explain(&config, &asked).expect("a known name");
    assert_eq!(told.answer.kind, NODATA);
    // Elsewhere it is a CNAME, and one into our own zones is followed.
    config.instances[1].access_domain = fixture::name("cdn.gtm.example.com");
    let pool = config
        .pools
        .iter_mut()
        .find(|pool| pool.name == "cdn")
        .expect("it is there");
    pool.addresses[1].value =
        crate::config::model::Address::Domain(fixture::name("www.gtm.example.com"));
    let told = explain(&config, &request("cdn.gtm.example.com", "8.8.8.8")).expect("a known name");
    assert_eq!(told.answer.kind, "CNAME");
    let note =
        "www.gtm.example.com is served here, its answer follows in the reply: explain it too";
    assert!(told.notes.iter().any(|one| one == note), "{:?}", told.notes);
}

#[test]
fn what_is_frozen_says_since_when() {
    let mut config = config();
    let table = LineTable::build(&config.lines).expect("lines");
    let addresses = [("192.0.2.77", 3), ("192.0.2.78", 1)];
    let frozen = fixture::frozen("www.gtm.example.com", "domestic", &addresses);
    let seen = |config: &Config, name: &str, client: &str| {
        let known = Known::Observed {
            health: &Health::new(config, frozen.since),
            node: "edge-1",
            at: frozen.since,
            frozen: std::slice::from_ref(&frozen),
        };
        explain_by(config, &table, known, &request(name, client))
    };
    // telecom is claimed, and preferred; the rest of the domestic clients get what is frozen.
    let telecom = seen(&config, "www.gtm.example.com", "203.0.113.7").expect("known");
    assert_eq!(telecom.decided.frozen_since, None);
    for instances in [1, 0] {
        // At the end not even the instance is there.
        config.instances.truncate(instances);
        let name = "www.gtm.example.com";
        let domestic = seen(&config, name, "203.0.1.1").expect("known");
        assert_eq!(domestic.decided.line.as_deref(), Some("domestic"));
        assert_eq!(domestic.decided.frozen_since, Some(frozen.since));
        assert_eq!(
            domestic.answer.text,
            "one of 2 A records, drawn by weight, TTL 30 s"
        );
        let text = domestic.to_string();
        assert!(
            text.contains("  frozen     since 1970-01-01T00:00:05Z\n"),
            "{text}"
        );
        assert!(
            text.contains("192.0.2.77  weight     3  share  75.0 %  unmonitored\n"),
            "{text}"
        );
    }
    let other = seen(&config, "www.gtm.example.com", "192.0.2.200").expect("known");
    assert_eq!((other.answer.kind, &*other.instance), ("NODATA", "www"));
    assert!(seen(&config, "api.gtm.example.com", "192.0.2.200").is_err());
}

#[test]
fn static_records_are_named_and_their_cnames_followed() {
    let directory = tempfile::tempdir().expect("a directory");
    let zone = directory.path().join("z");
    let records = "ns 60 A 192.0.2.53\n 60 TXT x\nto 60 CNAME Alias\nalias 60 CNAME www\n*.w 60 A 192.0.2.1\n\
                   sub 60 NS ns.other.\nold 60 DNAME x.other.\nlost 60 CNAME no\n";
    std::fs::write(&zone, records).expect("written");
    let text = format!(
        "[[zone]]\norigin = \"example.com\"\nns = [\"ns.other\"]\ncontact = \"h.other\"\nfile = \"{}\"\n\
         [[pool]]\nname = \"p\"\ntype = \"ipv4\"\naddress = [{{ value = \"192.0.2.9\" }}]\n\
         [[instance]]\nname = \"i\"\ndomain = \"www.example.com\"\n[[instance.strategy]]\nname = \"s\"\n\
         lines = [\"default\"]\nfallback = \"p\"\ntier = [{{ pools = [\"p\"] }}]\n",
        zone.display()
    );
    let config = crate::snapshot::fixture::config(&text);
    let asked = |name: &str| explain(&config, &request(name, "192.0.2.7"));
    let followed = asked("to.example.com").expect("an instance is there");
    assert_eq!(followed.instance, "i");
    assert_eq!(
        followed.notes[..2],
        [
            "a static CNAME of the zone's file leads from to.example.com to alias.example.com",
            "a static CNAME of the zone's file leads from alias.example.com to www.example.com",
        ]
    );
    for (name, told) in [
        (
            "ns.example.com",
            "static records of ns.example.com answer: A 192.0.2.53 (TTL 60 s); TXT \"x\" (TTL 60 s)",
        ),
        (
            "any.w.example.com",
            "static records of *.w.example.com answer: A 192.0.2.1 (TTL 60 s)",
        ),
        (
            "x.sub.example.com",
            "the delegation (NS) of sub.example.com answers: NS ns.other. (TTL 60 s)",
        ),
        (
            "x.old.example.com",
            "the DNAME of old.example.com answers: DNAME x.other. (TTL 60 s)",
        ),
    ] {
        let error = asked(name).expect_err("no instance is there").to_string();
        assert_eq!(error, format!("no instance has the name {name}: {told}"));
    }
    let unknown = asked("nothing.example.com")
        .expect_err("nothing is there")
        .to_string();
    assert_eq!(unknown, "no instance has the name nothing.example.com");
}
