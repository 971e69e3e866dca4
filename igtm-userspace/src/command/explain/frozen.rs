//! The part of an explanation that a frozen answer decides (product.md §3, `keep`).
//!
//! Must not decide which lines are frozen: it says what the daemon answers from.

use hickory_proto::rr::Name;

use super::trace::{self, Offer};
use super::{Answer, CandidateTrace, Decided, Known, Request};
use crate::config::model::{Config, Instance, LineId, PoolType};
use crate::line::longest_prefix;
use crate::policy::{self, Draw};
use crate::snapshot::frozen::Frozen;

/// A question about a name at which something is frozen.
pub(super) struct Inquiry<'a> {
    pub(super) config: &'a Config,
    pub(super) known: Known<'a>,
    pub(super) request: &'a Request,
    /// The access domain.
    pub(super) name: &'a Name,
    /// Whose it is; `None`: only what is frozen is left.
    pub(super) instance: Option<&'a Instance>,
    /// Every line of the client, most preferred first.
    pub(super) chain: &'a [LineId],
}

/// What a frozen answer decides.
pub(super) struct Outcome {
    pub(super) instance: String,
    pub(super) decided: Decided,
    pub(super) answer: Answer,
    pub(super) notes: Vec<String>,
}

/// Who answers a line.
enum By<'a> {
    Strategy,
    Frozen(LineId, &'a Frozen),
}

impl<'a> Inquiry<'a> {
    /// What is answered by something frozen; `None`: nothing frozen decides.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        let own: Vec<&Frozen> = self
            .frozen()
            .iter()
            .filter(|one| one.name == *self.name)
            .collect();
        let first = own.first()?;
        match self.decide(&own) {
            Some(By::Strategy) => None,
            Some(By::Frozen(line, frozen)) => Some(self.told(line, frozen)),
            None if self.instance.is_some() => None,
            None => {
                let qtype = self.request.qtype;
                let why = format!("no line of this client is frozen for {qtype} at this name");
                Some(Outcome {
                    instance: first.key.instance.clone(),
                    decided: Decided::default(),
                    answer: trace::nodata(self.config, self.name, why),
                    notes: vec![trace::assumption(&self.known, &self.request.down)],
                })
            }
        }
    }

    fn frozen(&self) -> &'a [Frozen] {
        match self.known {
            Known::Assumed => &[],
            Known::Observed { frozen, .. } => frozen,
        }
    }

    /// The most preferred line that anything answers; of other types than A and AAAA that of the
    /// family that has a CNAME.
    fn decide(&self, own: &[&'a Frozen]) -> Option<By<'a>> {
        let families = policy::families_asked(self.request.qtype).iter();
        let mut found = families.filter_map(|ipv6| self.decide_family(own, *ipv6));
        let first = found.next()?;
        let cname = |by: &By<'_>| matches!(by, By::Frozen(_, frozen) if frozen.set().kind == PoolType::Domain);
        Some(
            found
                .find(cname)
                .filter(|_| !cname(&first))
                .unwrap_or(first),
        )
    }

    fn decide_family(&self, own: &[&'a Frozen], ipv6: bool) -> Option<By<'a>> {
        let claims = self.instance.map_or_else(Vec::new, |instance| {
            policy::assign(self.config, instance, ipv6)
        });
        self.chain.iter().find_map(|line| {
            if claims.iter().any(|claim| claim.line == *line) {
                return Some(By::Strategy);
            }
            let name = &self.config.line(*line).name;
            let mut own = own.iter().filter(|one| one.key.ipv6 == ipv6);
            let frozen = own.find(|one| one.key.line == *name)?;
            Some(By::Frozen(*line, frozen))
        })
    }

    fn told(&self, line: LineId, frozen: &Frozen) -> Outcome {
        let (config, set) = (self.config, frozen.set());
        let looked_up = super::subnet::looked_up(config, self.request);
        let prefix = longest_prefix(&config.lines, line, looked_up);
        let offer = Offer {
            set,
            active: "what is frozen",
            max_answers: frozen.max_answers,
            ttl_s: u64::from(frozen.ttl_s),
        };
        let answer = offer
            .answer(self.request.qtype)
            .unwrap_or_else(|why| trace::nodata(config, self.name, why));
        let candidates = set.candidates.iter().zip(set.shares());
        let key = &frozen.key;
        let strategy = &key.strategy;
        Outcome {
            instance: key.instance.clone(),
            decided: Decided {
                line: Some(config.line(line).name.clone()),
                prefix: prefix.map(|prefix| prefix.to_string()),
                strategy: Some(strategy.clone()),
                frozen_since: Some(frozen.since),
                policy: Some(match set.draw {
                    Draw::Rotate => "all",
                    Draw::Weighted => "weight",
                }),
                candidates: candidates
                    .map(|(one, share)| CandidateTrace {
                        address: one.address.to_string(),
                        weight: one.weight,
                        share,
                        state: one.state,
                        forced: None,
                        pools: Vec::new(),
                    })
                    .collect(),
                ..Decided::default()
            },
            answer,
            notes: vec![
                trace::assumption(&self.known, &self.request.down),
                format!(
                    "frozen: the answer stays whatever its health, until `igtm release {strategy}` or a strategy that claims the line"
                ),
            ],
        }
    }
}
