//! Chains of CNAMEs inside our own zones, and names at an apex that are not resolved.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use hickory_proto::op::Message;
use hickory_proto::rr::Name;
use hickory_proto::rr::RecordType::{self, A, AAAA, ANY, CNAME, MX, NS, TXT};

use super::edns::{subnet, with_subnet};
use super::{OTHER, TELECOM, answer, by, octets, parsed, query, words};
use crate::config::model::{Address, Config};
use crate::dns::answer::Transport;
use crate::flatten::{Known, Resolved};
use crate::snapshot::fixture::{COOKIES, Down, KEY, config, ground, snapshot};
use crate::snapshot::{Ground, Snapshot};

/// An instance of one strategy for everybody.
fn instance(domain: &str, access: &str, pool: &str) -> String {
    format!(
        "[[instance]]\nname = \"i-{domain}\"\ndomain = \"{domain}\"\naccess_domain = \"{access}\"\n\
         ttl = \"20s\"\n[[instance.strategy]]\nname = \"s\"\nlines = [\"default\"]\n\
         fallback = \"{pool}\"\ntier = [{{ pools = [\"{pool}\"] }}]\n"
    )
}

fn pool(name: &str, domains: &str) -> String {
    format!("[[pool]]\nname = \"{name}\"\ntype = \"domain\"\naddress = [{domains}]\n")
}

/// `campaign` → www (an instance by line), `deep` → shop's domain → its access domain,
/// `either` → www or the apex, which is flattened.
fn file() -> String {
    super::FILE.to_owned()
        + &pool("www", "{ value = \"www.example.com\" }")
        + &pool("shop", "{ value = \"shop.example.com\" }")
        + &pool(
            "either",
            "{ value = \"www.example.com\" }, { value = \"example.com\" }",
        )
        + &pool("many-more", "{ value = \"many.example.com\" }")
        + &instance("lots.example.com", "lots.example.com", "many-more")
        + &pool("out", "{ value = \"a.cdn.example.net\" }")
        + &instance("campaign.example.com", "campaign.example.com", "www")
        + &instance("deep.example.com", "deep.gtm.example.org", "shop")
        + &instance("either.example.com", "either.example.com", "either")
        + &instance("example.com", "example.com", "out")
}

/// Its addresses, perhaps stale; it has no IPv6 ones.
fn resolved(stale: bool) -> Resolved {
    let mut resolved = Resolved::default();
    let name = Name::from_ascii("a.cdn.example.net.").expect("a name");
    let known = |addresses: &[&str]| Known {
        addresses: addresses
            .iter()
            .map(|text| text.parse::<IpAddr>().expect("an address"))
            .collect(),
        ttl_s: 15,
        stale,
    };
    resolved.learn(name.clone(), false, Some(known(&["192.0.2.7"])));
    resolved.learn(name, true, Some(known(&[])));
    resolved
}

fn all_well() -> Snapshot {
    let ground = ground(&file());
    Snapshot::flattening(ground, &Down(&[]), resolved(false), super::SERIAL, COOKIES)
}

#[track_caller]
fn expect(snapshot: &Snapshot, client: &str, name: &str, r#type: RecordType, expected: &str) {
    for edns in [false, true] {
        let asked = octets(&query(name, r#type, edns));
        let reply = parsed(snapshot, client, &asked);
        assert_eq!(
            words(&reply),
            expected,
            "{client} {name} {type}, OPT: {edns}"
        );
    }
}

#[test]
fn a_chain_is_answered_whole_by_the_clients_own_line() {
    let snapshot = all_well();
    let cname = "campaign.example.com. 20 CNAME www.example.com.";
    for (client, r#type, end) in [
        (TELECOM, A, "www.example.com. 60 A 10.0.0.1"),
        (
            OTHER,
            A,
            "www.example.com. 60 A 10.0.0.3 www.example.com. 60 A 10.0.0.2",
        ),
        (OTHER, AAAA, "www.example.com. 60 AAAA 2001:db8::1"),
        // What it leads to has none of these.
        (OTHER, TXT, "| example.com. 30 SOA 7 30"),
        (OTHER, MX, "| example.com. 30 SOA 7 30"),
    ] {
        let name = "campaign.example.com";
        let reply = parsed(&snapshot, client, &octets(&query(name, r#type, false)));
        let words = words(&reply);
        // Where two are rotated, either may be first: the number drawn is another at each link.
        let sorted = |words: &str| words.split(' ').map(str::to_owned).collect::<BTreeSet<_>>();
        let expected = format!("NoError aa {cname} {end}");
        assert_eq!(sorted(&words), sorted(&expected), "{client} {type}");
    }
    let alone = format!("NoError aa {cname}");
    expect(&snapshot, OTHER, "campaign.example.com", CNAME, &alone);
}

#[test]
fn a_business_domain_leads_on_through_another() {
    let links = "deep.example.com. 20 CNAME deep.gtm.example.org. \
                 deep.gtm.example.org. 20 CNAME shop.example.com. \
                 shop.example.com. 2 CNAME shop.x.gtm.example.org.";
    let end = "shop.x.gtm.example.org. 2 A 10.0.0.1";
    let snapshot = all_well();
    let whole = format!("NoError aa {links} {end}");
    expect(&snapshot, OTHER, "deep.example.com", A, &whole);
    let nodata = format!("NoError aa {links} | gtm.example.org. 60 SOA 7 60");
    expect(&snapshot, OTHER, "deep.example.com", AAAA, &nodata);
    // The kernel passes all of it: its flags say so.
    let names = &snapshot.image.fixed.names;
    let passed = names
        .iter()
        .filter(|(_, of, _)| of.flags & igtm_common::layout::PASS != 0);
    assert_eq!(
        passed.count(),
        3 + 4,
        "three business domains, and four that lead inward"
    );
}

#[test]
fn any_is_answered_by_the_cname_alone() {
    let snapshot = all_well();
    for (name, expected) in [
        (
            "deep.example.com",
            "deep.example.com. 20 CNAME deep.gtm.example.org.",
        ),
        (
            "deep.gtm.example.org",
            "deep.gtm.example.org. 20 CNAME shop.example.com.",
        ),
        (
            "campaign.example.com",
            "campaign.example.com. 20 CNAME www.example.com.",
        ),
    ] {
        expect(
            &snapshot,
            OTHER,
            name,
            ANY,
            &format!("NoError aa {expected}"),
        );
    }
}

#[test]
fn an_apex_is_answered_by_the_addresses_of_its_domain() {
    let snapshot = all_well();
    for (r#type, expected) in [
        (A, "NoError aa example.com. 15 A 192.0.2.7"),
        (AAAA, "NoError aa | example.com. 30 SOA 7 30"),
        (TXT, "NoError aa | example.com. 30 SOA 7 30"),
        (ANY, "NoError aa example.com. 15 A 192.0.2.7"),
        (
            NS,
            "NoError aa example.com. 3600 NS ns1.example.net. example.com. 3600 NS ns2.example.net.",
        ),
    ] {
        expect(&snapshot, OTHER, "example.com", r#type, expected);
    }
}

#[test]
fn what_is_not_resolved_is_a_failure_not_an_absence() {
    let snapshot = snapshot(&ground(&file()), &[], super::SERIAL);
    for r#type in [A, AAAA, ANY] {
        expect(&snapshot, OTHER, "example.com", r#type, "ServFail");
    }
    expect(
        &snapshot,
        OTHER,
        "example.com",
        TXT,
        "NoError aa | example.com. 30 SOA 7 30",
    );
    let soa = "NoError aa example.com. 3600 SOA ns1.example.net. 7 30";
    expect(&snapshot, OTHER, "example.com", RecordType::SOA, soa);
    // So does a chain that ends there; random numbers 0 and 1 lead to either.
    let asked = octets(&query("either.example.com", A, true));
    let replies: BTreeSet<String> = (0..2)
        .map(|random| {
            let circumstances = super::Circumstances {
                random,
                ..by(TELECOM, Transport::Udp)
            };
            let reply = answer(&snapshot, &asked, circumstances).expect("a reply");
            words(&Message::from_vec(&reply).expect("well formed"))
        })
        .collect();
    let whole = "NoError aa either.example.com. 20 CNAME www.example.com. \
                 www.example.com. 60 A 10.0.0.1";
    assert_eq!(
        replies,
        BTreeSet::from([whole.to_owned(), "ServFail".to_owned()])
    );
}

/// An extended error in the OPT (RFC 8914): 3 for stale addresses, 22 where nothing is known. Not where
/// the kernel gives the same reply.
#[test]
fn why_an_apex_is_answered_so_is_told() {
    let (ground, well) = (ground(&file()), Down(&[]));
    let stale = Snapshot::flattening(
        Arc::clone(&ground),
        &well,
        resolved(true),
        super::SERIAL,
        COOKIES,
    );
    let unknown = snapshot(&ground, &[], super::SERIAL);
    let fresh = all_well();
    // With 1 drawn `either` leads to the apex.
    let said = |snapshot: &Snapshot, name, r#type, edns, transport| {
        let asked = octets(&query(name, r#type, edns));
        let circumstances = super::Circumstances {
            random: 1,
            ..by(OTHER, transport)
        };
        answer(snapshot, &asked, circumstances).expect("a reply")
    };
    for (name, r#type, transport, error) in [
        ("example.com", A, Transport::Udp, None),
        ("example.com", A, Transport::Tcp, Some(3)),
        ("example.com", ANY, Transport::Tcp, Some(3)),
        // What it has none of is no old answer.
        ("example.com", AAAA, Transport::Tcp, None),
        ("example.com", TXT, Transport::Tcp, None),
        ("either.example.com", A, Transport::Udp, Some(3)),
        ("either.example.com", A, Transport::Tcp, Some(3)),
        ("either.example.com", CNAME, Transport::Udp, None),
        ("www.example.com", A, Transport::Tcp, None),
    ] {
        let mut expected = said(&fresh, name, r#type, true, transport);
        if let Some(error) = error {
            // The OPT is the last, and has no other option.
            let length = expected.len() - 1;
            assert_eq!(expected[length], 0);
            expected[length] = 6;
            expected.extend([0, 15, 0, 2, 0, error]);
        }
        let found = said(&stale, name, r#type, true, transport);
        assert_eq!(found, expected, "{name} {type} {transport:?}");
        let plain = said(&fresh, name, r#type, false, transport);
        assert_eq!(said(&stale, name, r#type, false, transport), plain);
    }
    for (name, transport) in [
        ("example.com", Transport::Udp),
        ("example.com", Transport::Tcp),
        ("either.example.com", Transport::Udp),
    ] {
        let found = said(&unknown, name, A, true, transport);
        assert!(found.ends_with(&[0, 6, 0, 15, 0, 2, 0, 22]), "{found:x?}");
        let found = said(&unknown, name, A, false, transport);
        assert_eq!(found.len(), 12 + name.len() + 2 + 4, "{name}");
    }
}

/// With a pool that the rules refuse.
fn spoiled(pool: &str, target: &str) -> Snapshot {
    let mut config = Config::clone(&config(&file()));
    let spoiled = config
        .pools
        .iter_mut()
        .find(|one| one.name == pool)
        .expect("it is there");
    let mut name = Name::from_ascii(target).expect("a name");
    name.set_fqdn(true);
    spoiled.addresses[0].value = Address::Domain(name);
    let ground = Ground::new(Arc::new(config), KEY, None).expect("it fits");
    snapshot(&Arc::new(ground), &[], super::SERIAL)
}

#[test]
fn no_loop_is_endless_and_no_end_is_missing() {
    // What no good file says: campaign → campaign, and campaign → nowhere.
    let looped = spoiled("www", "campaign.example.com");
    expect(&looped, OTHER, "campaign.example.com", A, "ServFail");
    let lost = spoiled("www", "absent.gtm.example.org");
    let expected = "NXDomain aa campaign.example.com. 20 CNAME absent.gtm.example.org. \
                    | gtm.example.org. 60 SOA 7 60";
    expect(&lost, OTHER, "campaign.example.com", A, expected);
}

#[test]
fn the_scope_is_the_widest_look_of_all_links() {
    let snapshot = all_well();
    for (name, scope) in [("campaign.example.com", 24), ("deep.example.com", 0)] {
        let asked = with_subnet(name, &[0, 1, 32, 0, 203, 0, 113, 9]);
        let reply = parsed(&snapshot, OTHER, &asked);
        assert_eq!(subnet(&reply), Some((32, scope)), "{name}");
    }
}

#[test]
fn too_long_a_chain_is_cut_over_udp() {
    let snapshot = all_well();
    let asked = octets(&query("lots.example.com", AAAA, false));
    assert_eq!(words(&parsed(&snapshot, OTHER, &asked)), "NoError aa tc");
    let whole = answer(&snapshot, &asked, by(OTHER, Transport::Tcp)).expect("a reply");
    let whole = Message::from_vec(&whole).expect("well formed");
    assert_eq!(whole.answers.len(), 1 + 18);
}

#[test]
fn a_business_domains_cname_has_the_scope_of_what_it_leads_to() {
    let more = instance("biz.example.com", "access.gtm.example.org", "www-lines").replace(
        "tier = [{ pools = [\"www-lines\"] }]",
        "tier = [{ pools = [\"default\"] }]\n[[instance.strategy]]\nname = \"t\"\n\
         lines = [\"telecom\"]\nfallback = \"telecom\"\ntier = [{ pools = [\"telecom\"] }]",
    );
    let file = super::FILE.to_owned() + &more.replace("\"www-lines\"", "\"default\"");
    let snapshot = snapshot(&ground(&file), &[], super::SERIAL);
    let subnet_of = |option: &[u8], r#type| {
        let mut message =
            Message::from_vec(&with_subnet("biz.example.com", option)).expect("well formed");
        message.queries[0].set_query_type(r#type);
        let edns = message.edns.as_mut().expect("it has one");
        edns.set_dnssec_ok(true);
        let reply = parsed(&snapshot, OTHER, &octets(&message));
        assert!(
            reply
                .edns
                .as_ref()
                .is_some_and(|edns| edns.flags().dnssec_ok),
            "DO is copied"
        );
        (words(&reply), subnet(&reply))
    };
    let host = [0, 1, 32, 0, 203, 0, 113, 9];
    let cname = "NoError aa biz.example.com. 20 CNAME access.gtm.example.org.";
    let whole = format!("{cname} access.gtm.example.org. 20 A 10.0.0.1");
    assert_eq!(subnet_of(&host, A), (whole, Some((32, 24))));
    // The CNAME itself is everybody's, and so is what is not there.
    assert_eq!(subnet_of(&host, CNAME), (cname.to_owned(), Some((32, 0))));
    let nodata = format!("{cname} | gtm.example.org. 60 SOA 7 60");
    assert_eq!(subnet_of(&host, AAAA), (nodata, Some((32, 0))));
}
