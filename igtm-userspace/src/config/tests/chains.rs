//! Domains that lead into zones served here, and domains at an apex.

use super::harness::{ZONE, expect_after};

/// A pool of these domains.
fn pool(name: &str, domains: &[&str]) -> String {
    let domains: Vec<String> = domains
        .iter()
        .map(|domain| format!("{{ value = \"{domain}\" }}"))
        .collect();
    let domains = domains.join(", ");
    format!("[[pool]]\nname = \"{name}\"\ntype = \"domain\"\naddress = [{domains}]\n")
}

/// An instance that answers with a pool, of nine lines: domain, and after a space the access domain.
fn instance(domain: &str, pool: &str) -> String {
    let (domain, access) = domain.split_once(' ').unwrap_or((domain, domain));
    format!(
        "[[instance]]\nname = \"{domain}\"\ndomain = \"{domain}\"\naccess_domain = \"{access}\"\n\
         [[instance.strategy]]\nname = \"s\"\nlines = [\"default\"]\nfallback = \"{pool}\"\n\
         tier = [{{ pools = [\"{pool}\"] }}]\n"
    )
}

#[test]
fn an_apex_answers_the_addresses_of_names_elsewhere() {
    let apex = instance("example.com", "p");
    expect_after(&[ZONE, &pool("p", &["cdn.example.net"])], &apex, &[]);
    let problem = "17: `example.com` is a zone's apex, where the pool `p` sends `www.example.com`, which lies in the zone `example.com` served here: only names elsewhere can be flattened; name the pools of its instance here";
    let inside = pool("p", &["cdn.example.net", "www.example.com"]);
    expect_after(&[ZONE, &inside], &apex, &[(5, problem)]);
    // Its own CNAME to an access domain is none that could be flattened.
    let problem = "10: `example.com` is a zone's apex, where no CNAME to the access domain may stand; leave `access_domain` out";
    expect_after(
        &[ZONE, &pool("p", &["cdn.example.net"])],
        &instance("example.com a.example.com", "p"),
        &[(4, problem)],
    );
}

#[test]
fn a_chain_leads_to_what_exists() {
    let www = instance("www.example.com access.example.com", "out");
    let before = [ZONE, &pool("out", &["cdn.example.net"]), &www];
    for target in ["www.example.com", "ACCESS.example.com."] {
        let inside = pool("p", &[target, "cdn.example.net"]);
        let before = [before[0], before[1], before[2], &inside];
        expect_after(&before, &instance("a.example.com", "p"), &[]);
    }
    let inside = pool("p", &["access.example.com", "absent.example.com"]);
    let problem = "17: the pool `p` sends `absent.example.com`, which lies in the zone `example.com` served here, but is neither the domain nor the access domain of an instance, nor in the zone's file";
    let before = [before[0], before[1], before[2], &inside];
    expect_after(&before, &instance("a.example.com", "p"), &[(5, problem)]);
}

#[test]
fn a_loop_is_none_of_health() {
    let itself = pool("p", &["www.example.com"]);
    expect_after(
        &[ZONE, &itself],
        &instance("www.example.com", "p"),
        &[(
            5,
            "17: the pool `p` sends `www.example.com` back to this instance: a CNAME loop",
        )],
    );
    // a → b → c → b: told of b and c, where a leads into it.
    let pools = pool("to-b", &["b.example.com"]) + &pool("to-c", &["www.example.com"]);
    let others = instance("a.example.com", "to-b") + &instance("b.example.com", "to-c");
    let last = instance("www.example.com c.example.com", "to-b");
    let told = [
        (
            14,
            "17: a CNAME loop: b.example.com → c.example.com → b.example.com",
        ),
        (
            23,
            "17: a CNAME loop: c.example.com → b.example.com → c.example.com",
        ),
    ];
    let text = others + &last;
    expect_after(&[ZONE, &pools], &text, &told);
    // The same of a file that is large enough to be read in pieces.
    let padding = format!("#{}\n", "-".repeat(120)).repeat(20_000);
    expect_after(&[ZONE, &pools], &(text + &padding), &told);
}

#[test]
fn eight_cnames_are_enough() {
    let chain = |last: usize| {
        let mut text = pool("p0", &["cdn.example.net"]);
        for at in 1..=last {
            text += &pool(&format!("p{at}"), &[&format!("i{}.example.com", at - 1)]);
        }
        for at in 0..last {
            text += &instance(&format!("i{at}.example.com"), &format!("p{at}"));
        }
        text
    };
    // i7 has eight: i7 → i6 → … → i0 → cdn.example.net.
    expect_after(&[ZONE, &chain(7)], &instance("i7.example.com", "p7"), &[]);
    let way = "c.example.com → i6.example.com → i5.example.com → i4.example.com → i3.example.com → i2.example.com → i1.example.com → i0.example.com";
    // The domain's own is the ninth.
    expect_after(
        &[ZONE, &chain(7)],
        &instance("www.example.com c.example.com", "p7"),
        &[(5, &format!("17: more than 8 CNAMEs in a row: {way}"))],
    );
}
