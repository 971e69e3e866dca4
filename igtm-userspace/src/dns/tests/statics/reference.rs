//! What a zone answers, slowly and obviously: RFC 1034 §4.3.2 from the apex down, with RFC 4592 and
//! RFC 6672, over a list of records. Shares no code with the product.

use std::collections::BTreeSet;

/// One record: owner as labels from the root down, type, data.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Record {
    pub(super) owner: Vec<String>,
    pub(super) rtype: &'static str,
    pub(super) data: String,
}

/// Labels from the root down.
pub(super) fn labels(name: &str) -> Vec<String> {
    let labels = name.trim_end_matches('.').split('.').rev();
    labels
        .filter(|label| !label.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The name of labels.
pub(super) fn text(labels: &[String]) -> String {
    let labels: Vec<&str> = labels.iter().rev().map(String::as_str).collect();
    labels.join(".") + "."
}

/// A reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) code: &'static str,
    pub(super) authoritative: bool,
    /// "OWNER TYPE DATA".
    pub(super) answer: BTreeSet<String>,
    pub(super) authority: BTreeSet<String>,
}

/// One zone.
pub(super) struct Zone<'z> {
    pub(super) apex: Vec<String>,
    pub(super) records: &'z [Record],
}

/// CNAMEs in one reply.
const MOST_LINKS: usize = 8;

impl Zone<'_> {
    fn exists(&self, name: &[String]) -> bool {
        self.records
            .iter()
            .any(|record| record.owner.starts_with(name))
    }

    fn at(&self, name: &[String], rtype: &str) -> Vec<&Record> {
        let all = self.records.iter();
        all.filter(|record| record.owner == name && record.rtype == rtype)
            .collect()
    }

    /// The reply to a question; `None`: a loop.
    pub(super) fn reply(&self, name: &str, qtype: &str) -> Option<Reply> {
        let mut reply = Reply {
            code: "NoError",
            authoritative: true,
            ..Reply::default()
        };
        let mut owner = labels(name);
        let mut seen = vec![owner.clone()];
        for link in 0..MOST_LINKS {
            let Some(next) = self.step(&owner, qtype, link, &mut reply) else {
                return Some(reply);
            };
            if qtype == "CNAME" || link + 1 == MOST_LINKS {
                return Some(reply);
            }
            if seen.contains(&next) {
                return None;
            }
            seen.push(next.clone());
            owner = next;
        }
        Some(reply)
    }

    /// One name; where a CNAME leads, if it does.
    fn step(
        &self,
        owner: &[String],
        qtype: &str,
        link: usize,
        reply: &mut Reply,
    ) -> Option<Vec<String>> {
        if !owner.starts_with(&self.apex) {
            if link == 0 {
                (reply.code, reply.authoritative) = ("Refused", false);
            }
            return None;
        }
        let mut source = owner.to_vec();
        for depth in self.apex.len()..=owner.len() {
            let node = &owner[..depth];
            if !self.exists(node) {
                let mut wildcard = node[..depth - 1].to_vec();
                wildcard.push("*".to_owned());
                if !self.exists(&wildcard) {
                    reply.code = "NXDomain";
                    reply.authority.insert("SOA".to_owned());
                    return None;
                }
                source = wildcard;
                break;
            }
            let ns = self.at(node, "NS");
            let signer = depth == owner.len() && qtype == "DS";
            if depth > self.apex.len() && !ns.is_empty() && !signer {
                for one in ns {
                    reply
                        .authority
                        .insert(format!("{} NS {}", text(node), one.data));
                }
                reply.authoritative = link > 0;
                return None;
            }
            let dname = self.at(node, "DNAME");
            if let Some(dname) = dname.first().filter(|_| depth < owner.len()) {
                reply
                    .answer
                    .insert(format!("{} DNAME {}", text(node), dname.data));
                let mut renamed = labels(&dname.data);
                renamed.extend_from_slice(&owner[depth..]);
                if text(&renamed).len() + 1 > 255 {
                    reply.code = "YXDomain";
                    return None;
                }
                reply
                    .answer
                    .insert(format!("{} CNAME {}", text(owner), text(&renamed)));
                return Some(renamed);
            }
        }
        let own = self.at(&source, qtype);
        for one in &own {
            reply
                .answer
                .insert(format!("{} {qtype} {}", text(owner), one.data));
        }
        if own.is_empty()
            && let Some(cname) = self.at(&source, "CNAME").first()
        {
            reply
                .answer
                .insert(format!("{} CNAME {}", text(owner), cname.data));
            return Some(labels(&cname.data));
        }
        if qtype == "CNAME" && !own.is_empty() {
            return None;
        }
        if own.is_empty() {
            reply.authority.insert("SOA".to_owned());
        }
        None
    }
}
