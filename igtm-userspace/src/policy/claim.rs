//! Which strategy decides for a client: the most preferred of its lines that is claimed.

use hickory_proto::rr::RecordType;

use crate::config::model::{Config, Instance, LineId};

/// A line that a strategy answers, for one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    /// The line.
    pub line: LineId,
    /// The position of the strategy in the instance.
    pub strategy: usize,
}

/// Every line that `instance` answers for A (`ipv6 == false`) or AAAA queries, with its
/// strategy; none for a disabled instance, which answers NODATA.
pub fn assign(config: &Config, instance: &Instance, ipv6: bool) -> Vec<Claim> {
    let claiming = instance
        .strategies
        .iter()
        .enumerate()
        .filter(|(_, one)| instance.enabled && one.enabled && one.claims(config, ipv6));
    claiming
        .flat_map(|(strategy, one)| one.lines.iter().map(move |&line| Claim { line, strategy }))
        .collect()
}

/// The claim that decides for a client with this chain of lines; `None`: the answer is NODATA.
pub fn choose_line(chain: &[LineId], claims: &[Claim]) -> Option<Claim> {
    chain
        .iter()
        .find_map(|line| claims.iter().find(|claim| claim.line == *line))
        .copied()
}

/// The families (`true`: IPv6) whose answers a query of this type looks at, in order. Types other
/// than A and AAAA are answered only where one of them is a CNAME: by the first that is.
pub fn families_asked(qtype: RecordType) -> &'static [bool] {
    match qtype {
        RecordType::A => &[false],
        RecordType::AAAA => &[true],
        _ => &[false, true],
    }
}
