//! Decisions → the entries of ANSWERS: one for each name, type and claimed line.

use std::collections::HashMap;
use std::sync::Arc;

use hickory_proto::rr::RecordType;
use igtm_common::answer::{self, Choice, describe};
use igtm_common::layout::{Answer, AnswerKey};

use super::names::{hash, wire};
use super::{Ground, SnapshotError, problem};
use crate::config::model::{Address, Instance, PoolType};
use crate::policy::{AnswerSet, Claim, Decision, Draw, assign};

type Answers = HashMap<AnswerKey, Arc<Answer>>;

/// Every entry of a configuration.
pub(super) fn answers(
    ground: &Ground,
    decisions: &[Vec<Decision>],
) -> Result<Answers, SnapshotError> {
    let mut answers = Answers::new();
    for (instance, decisions) in ground.config.instances.iter().zip(decisions) {
        for (ipv6, qtype) in [(false, RecordType::A), (true, RecordType::AAAA)] {
            let claims = assign(&ground.config, instance, ipv6);
            let fits = |set: &AnswerSet| set.fits(ipv6);
            entries(
                ground,
                instance,
                &claims,
                decisions,
                qtype,
                &fits,
                &mut answers,
            )?;
        }
        // A query for CNAME itself is decided as one for A; where that is no CNAME, userspace
        // looks at AAAA too.
        let claims = assign(&ground.config, instance, false);
        let fits = |set: &AnswerSet| set.kind == PoolType::Domain;
        entries(
            ground,
            instance,
            &claims,
            decisions,
            RecordType::CNAME,
            &fits,
            &mut answers,
        )?;
    }
    Ok(answers)
}

/// The entries of one name and type. A claimed line whose answer does not fit the type has an
/// entry without records, or the kernel would go on to a less preferred line.
fn entries(
    ground: &Ground,
    instance: &Instance,
    claims: &[Claim],
    decisions: &[Decision],
    qtype: RecordType,
    fits: &dyn Fn(&AnswerSet) -> bool,
    answers: &mut Answers,
) -> Result<(), SnapshotError> {
    let set_of = |claim: &Claim| &decisions[claim.strategy].answer;
    if !claims.iter().any(|claim| fits(set_of(claim))) {
        return Ok(());
    }
    let Some(name) = hash(&ground.hash_key, &instance.access_domain) else {
        return Ok(());
    };
    for claim in claims {
        let set = set_of(claim);
        let mut answer = if fits(set) && !set.candidates.is_empty() {
            render(ground, instance, set).map_err(|error| SnapshotError::Answer {
                instance: instance.name.clone(),
                strategy: instance.strategies[claim.strategy].name.clone(),
                problem: problem(error),
            })?
        } else {
            answer::nothing()
        };
        let line = &ground.config.line(claim.line).name;
        describe(
            &mut answer,
            &text_of(&instance.access_domain),
            line,
            &addresses(set),
        );
        let key = AnswerKey {
            name: name.0,
            epoch: 0,
            line: claim.line.0,
            qtype: qtype.into(),
        };
        answers.insert(key, Arc::new(answer));
    }
    Ok(())
}

fn render(
    ground: &Ground,
    instance: &Instance,
    set: &AnswerSet,
) -> Result<Answer, answer::AnswerError> {
    let rtype = match set.kind {
        PoolType::Ipv4 => RecordType::A,
        PoolType::Ipv6 => RecordType::AAAA,
        PoolType::Domain => RecordType::CNAME,
    };
    let rdata: Vec<Vec<u8>> = set
        .candidates
        .iter()
        .map(|candidate| match &candidate.address {
            Address::Ip(std::net::IpAddr::V4(v4)) => v4.octets().to_vec(),
            Address::Ip(std::net::IpAddr::V6(v6)) => v6.octets().to_vec(),
            Address::Domain(name) => wire(name),
        })
        .collect();
    let choices: Vec<Choice<'_>> = set
        .candidates
        .iter()
        .zip(&rdata)
        .map(|(candidate, rdata)| Choice {
            rtype: rtype.into(),
            rdata,
            weight: candidate.weight,
        })
        .collect();
    let draw = match set.draw {
        Draw::Weighted => answer::Draw::Weighted,
        Draw::Rotate => answer::Draw::Rotate(set.window(instance) as u16),
    };
    let ttl = ground.config.effective_ttl(instance).as_secs();
    answer::answer(&choices, u32::try_from(ttl).unwrap_or(u32::MAX), draw)
}

/// "192.0.2.1, 192.0.2.2", with weights where they count: "192.0.2.1 weight 80".
fn addresses(set: &AnswerSet) -> String {
    let texts: Vec<String> = set
        .candidates
        .iter()
        .map(|candidate| match set.draw {
            Draw::Rotate => candidate.address.to_string(),
            Draw::Weighted => format!("{} weight {}", candidate.address, candidate.weight),
        })
        .collect();
    texts.join(", ")
}

fn text_of(name: &hickory_proto::rr::Name) -> String {
    name.to_string().trim_end_matches('.').to_owned()
}
