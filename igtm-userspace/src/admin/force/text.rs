//! What became of an order, as people read it.

use std::fmt;

use super::{Obeyed, Word};

impl fmt::Display for Obeyed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, .. } = self;
        let word = match self.to {
            Word::Up => "up",
            Word::Down => "down",
            Word::Drain => "drain",
            Word::Auto => "",
        };
        if word.is_empty() {
            writeln!(f, "{address}: what is measured holds")?;
        } else {
            let until = match self.until {
                Some(until) => format!("until {until:.0}"),
                None => "until it is ended (igtm force … auto)".to_owned(),
            };
            let (who, reason) = (&self.who, &self.reason);
            writeln!(f, "{address} is forced {word} by {who} {until}: {reason}")?;
        }
        for one in &self.pools {
            let (pool, before, after) = (&one.pool, &one.before, &one.after);
            if before == after {
                writeln!(f, "  pool {pool}: {after}, as before")?;
            } else {
                writeln!(f, "  pool {pool}: {before} → {after}")?;
            }
        }
        for one in &self.moved {
            let (instance, strategy) = (&one.instance, &one.strategy);
            let (from, to) = (&one.from, &one.to);
            writeln!(f, "  {instance}, strategy {strategy}: {from} → {to}")?;
        }
        if self.moved_left_out > 0 {
            writeln!(f, "  … and {} more strategies", self.moved_left_out)?;
        }
        for note in &self.notes {
            writeln!(f, "  note: {note}")?;
        }
        Ok(())
    }
}
