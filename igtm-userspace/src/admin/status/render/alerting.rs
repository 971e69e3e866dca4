//! Channels and mutes as the tree shows them.

use super::super::tree::Node;
use super::{Drawing, Look, age, many};
use crate::notify::inbox::ChannelStatus;

impl Drawing<'_> {
    pub(super) fn channels(&self) -> Vec<Node> {
        let channels = self.status.channels.iter();
        channels
            .map(|one| Node::new(self.channel(one), Vec::new()))
            .collect()
    }

    /// `ops  webhook  delivered 5 min ago`, and what is wrong with it.
    fn channel(&self, one: &ChannelStatus) -> String {
        let at = self.status.daemon.at;
        let name = self.paint(Look::Bold, &one.name);
        let delivered = match one.delivered {
            Some(then) => format!("delivered {} ago", age(then, at)),
            None => "nothing delivered yet".to_owned(),
        };
        let mut text = format!("{name}  {}  {delivered}", one.r#type);
        if !one.enabled {
            text = format!("{text}  {}", self.paint(Look::Dim, "disabled"));
        }
        if one.pending > 0 {
            let waiting = format!("{} waiting", many(one.pending, "message"));
            text = format!("{text}  {}", self.paint(Look::Doubtful, &waiting));
        }
        if let Some(trouble) = &one.trouble {
            let word = match trouble.gone {
                true => "DISABLED BY ITS RECEIVER".to_owned(),
                false => format!("FAILING ({})", trouble.class),
            };
            let since = age(trouble.since, at);
            let why = &trouble.why;
            text = format!(
                "{text}  {} for {since}: {why}",
                self.paint(Look::Bad, &word)
            );
        }
        text
    }

    pub(super) fn mutes(&self) -> Vec<Node> {
        let at = self.status.daemon.at;
        let mutes = self.status.mutes.iter().map(|mute| {
            let reason = mute.reason.as_ref().map(|text| format!(": {text}"));
            let name = self.paint(Look::Bold, &mute.instance);
            let (who, since) = (&mute.who, age(mute.since, at));
            let reason = reason.unwrap_or_default();
            let text = format!(
                "{name}  by {who} for {since}, until {:.0}{reason}",
                mute.until
            );
            Node::new(text, Vec::new())
        });
        mutes.collect()
    }
}
