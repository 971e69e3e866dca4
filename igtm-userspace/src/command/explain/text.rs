//! An explanation as people read it: one indented line per step.

use std::fmt;

use hickory_proto::rr::Name;

use super::{Explanation, TierTrace};

/// A name as people write it: without its final dot.
pub(super) fn of_name(name: &Name) -> String {
    name.to_string().trim_end_matches('.').to_owned()
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {} for {}", self.name, self.r#type, self.client)?;
        step(f, "instance", &self.instance)?;
        if let Some(subnet) = &self.ecs {
            let scope = self.scope.map_or("ignored".to_owned(), |scope| {
                format!("scope of the reply /{scope}")
            });
            step(f, "subnet", &format!("{subnet}, {scope}"))?;
        }
        step(f, "line", &self.line_in_words())?;
        if let Some(strategy) = &self.decided.strategy {
            step(f, "strategy", strategy)?;
        }
        if let Some(since) = &self.decided.frozen_since {
            step(f, "frozen", &format!("since {since:.0}"))?;
        }
        for tier in &self.decided.tiers {
            sub_step(f, &format!("tier {}", tier.tier), &tier_in_words(tier))?;
        }
        if let Some(fallback) = &self.decided.fallback {
            let active = self.decided.active.as_deref() == Some("fallback");
            let state = if active {
                "active: all of pool"
            } else {
                "pool"
            };
            sub_step(f, "fallback", &format!("{state} {fallback}"))?;
        }
        if let Some(policy) = self.decided.policy {
            step(f, "policy", policy)?;
        }
        self.candidates_in_words(f)?;
        step(f, "answer", &self.answer.text)?;
        for note in &self.notes {
            step(f, "note", note)?;
        }
        Ok(())
    }
}

impl Explanation {
    fn line_in_words(&self) -> String {
        let chosen = match (&self.decided.line, &self.decided.prefix) {
            (None, _) => "none".to_owned(),
            (Some(line), None) => line.clone(),
            (Some(line), Some(prefix)) => format!("{line}, by {prefix}"),
        };
        format!("{chosen} (this client's lines: {})", self.lines.join(", "))
    }

    fn candidates_in_words(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weighed = self.decided.policy == Some("weight");
        let addresses = self.decided.candidates.iter().map(|one| &one.address);
        let all = addresses.chain(self.decided.withheld.iter().map(|one| &one.address));
        let width = all
            .map(|address| address.chars().count())
            .max()
            .unwrap_or(0);
        for one in &self.decided.candidates {
            write!(f, "    {:<width$}", one.address)?;
            if weighed {
                write!(f, "  weight {:>5}", one.weight)?;
            }
            let state = format!("{:?}", one.state).to_lowercase();
            let state = one.forced.as_ref().unwrap_or(&state);
            write!(f, "  share {:>5.1} %  {state}", one.share * 100.0)?;
            // What is frozen stands in no pool.
            match &one.pools[..] {
                [] => writeln!(f)?,
                pools => writeln!(f, ", in {}", pools.join(", "))?,
            }
        }
        for one in &self.decided.withheld {
            let pools = one.pools.join(", ");
            let why = one.forced.as_deref().unwrap_or("down");
            writeln!(
                f,
                "    {:<width$}  withheld: {why}, in {pools}",
                one.address
            )?;
        }
        Ok(())
    }
}

fn step(f: &mut fmt::Formatter<'_>, what: &str, words: &str) -> fmt::Result {
    writeln!(f, "  {what:<10} {words}")
}

fn sub_step(f: &mut fmt::Formatter<'_>, what: &str, words: &str) -> fmt::Result {
    writeln!(f, "    {what:<8} {words}")
}

fn tier_in_words(tier: &TierTrace) -> String {
    let active = if tier.active { "active" } else { "not active" };
    format!(
        "{active}: {} of {} usable, needs {}; policy {}, pools {}",
        tier.usable,
        tier.enabled,
        tier.min_healthy,
        tier.policy,
        tier.pools.join(", ")
    )
}
