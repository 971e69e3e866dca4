//! Frozen answers in the status (`keep`): as data, and as a branch of the tree.

use super::FrozenStatus;
use super::build::Asked;
use super::tree::Node;
use crate::policy::Draw;
use crate::snapshot::frozen::Frozen;

/// Those of `frozen` that are asked for, by instance, strategy or name.
pub(super) fn shown<'a>(
    frozen: &'a [Frozen],
    asked: &'a Asked,
) -> impl Iterator<Item = FrozenStatus> + 'a {
    let wanted = |one: &&Frozen| asked.names.is_empty() || asked.names.iter().any(|of| is(one, of));
    frozen.iter().filter(wanted).map(status)
}

/// Whether a frozen answer is what somebody calls `name`.
pub(super) fn is(frozen: &Frozen, name: &str) -> bool {
    let domain = name.trim_end_matches('.').to_lowercase();
    let key = &frozen.key;
    key.instance == name || key.strategy == name || text(frozen) == domain
}

fn text(frozen: &Frozen) -> String {
    frozen.name.to_string().trim_end_matches('.').to_owned()
}

fn status(frozen: &Frozen) -> FrozenStatus {
    let set = frozen.set();
    let answers = set.candidates.iter().map(|one| match set.draw {
        Draw::Rotate => one.address.to_string(),
        Draw::Weighted => format!("{} weight {}", one.address, one.weight),
    });
    let key = &frozen.key;
    FrozenStatus {
        name: text(frozen),
        r#type: if key.ipv6 { "AAAA" } else { "A" }.to_owned(),
        line: key.line.clone(),
        instance: key.instance.clone(),
        strategy: key.strategy.clone(),
        since: frozen.since,
        answers: answers.collect(),
        ttl_s: frozen.ttl_s,
    }
}

/// One leaf for each; `age` tells how long ago something was.
pub(super) fn tree(
    title: String,
    frozen: &[FrozenStatus],
    age: impl Fn(jiff::Timestamp) -> String,
) -> Node {
    let leaves = frozen.iter().map(|one| {
        let FrozenStatus {
            name,
            r#type,
            line,
            instance,
            strategy,
            since,
            answers,
            ttl_s,
        } = one;
        let (since, answers) = (age(*since), answers.join(", "));
        let text = format!(
            "{name} {type} on {line}: {answers} (TTL {ttl_s} s), frozen for {since}, of strategy {strategy} of {instance}"
        );
        Node::new(text, Vec::new())
    });
    Node::new(title, leaves.collect())
}
