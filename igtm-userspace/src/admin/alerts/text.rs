//! What became of orders about alerts, as people read it.

use std::fmt;

use super::{Muted, Sent, Tested};
use crate::command::events::plain;
use crate::notify::routing::Withheld;
use crate::state::outbox::{Push, PushState};

impl fmt::Display for Muted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.instance;
        match (&self.mute, &self.ended) {
            (Some(mute), _) => {
                let reason = mute.reason.as_ref().map(|text| format!(": {text}"));
                writeln!(
                    f,
                    "{name}: no alerts until {:.0}, by {}{}",
                    mute.until,
                    mute.who,
                    reason.unwrap_or_default()
                )?;
            }
            (None, Some(_)) => writeln!(f, "{name}: alerts again; what still lasts is told now")?,
            (None, None) => writeln!(f, "{name}: was not muted")?,
        }
        match &self.unwritten {
            Some(why) => writeln!(f, "  note: a restart may forget this: {why}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.event.kind.name(), self.event.title)?;
        if self.subscriptions.is_empty() {
            return writeln!(f, "  no subscription asks for it: nobody is told");
        }
        for fate in &self.subscriptions {
            let (name, channels) = (&fate.subscription, fate.channels.join(", "));
            match fate.withheld {
                None => writeln!(f, "  {name} tells {channels}; see igtm pushes")?,
                Some(Withheld::Quiet) => {
                    writeln!(f, "  {name} would tell {channels}, but it is quiet now")?;
                }
                Some(Withheld::Muted) => {
                    writeln!(
                        f,
                        "  {name} would tell {channels}, but the instance is muted"
                    )?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Tested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.messages.iter().try_for_each(|push| one(f, push))
    }
}

fn one(f: &mut fmt::Formatter<'_>, push: &Push) -> fmt::Result {
    let (channel, r#type) = (&push.channel, &push.r#type);
    let last = push.attempts.last();
    let note = push.note.as_deref().map(plain);
    match push.state {
        PushState::Delivered => {
            writeln!(f, "{channel} ({type}): delivered as {}", push.id)?;
            if let Some(note) = note {
                writeln!(f, "  but: {note}")?;
            }
        }
        _ => {
            let why = note.unwrap_or_else(|| "it was not sent".to_owned());
            writeln!(f, "{channel} ({type}): NOT delivered: {why}")?;
        }
    }
    let remarks = push.attempts.iter().filter(|one| one.class.is_none());
    for remark in remarks.filter_map(|one| one.why.as_ref()) {
        writeln!(f, "  but: {}", plain(remark))?;
    }
    let reply = last.and_then(|one| one.reply.as_deref());
    let Some(reply) = reply.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(());
    };
    // Line by line: a proxy's error page has many.
    let lines: Vec<String> = reply.lines().map(plain).collect();
    writeln!(f, "  the receiver replied: {}", lines.join("\n    "))
}

#[cfg(test)]
mod tests;
