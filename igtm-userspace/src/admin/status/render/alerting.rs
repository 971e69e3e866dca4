//! Channels and mutes as the tree shows them.

use super::super::tree::Node;
use super::{Drawing, Look, age, many};
use crate::command::events::plain;
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
            let word = match (trouble.gone, &*trouble.class) {
                (true, _) => "DISABLED BY ITS RECEIVER".to_owned(),
                // Waiting does not help: it must not look like what does.
                (false, "config") => "MISCONFIGURED".to_owned(),
                (false, class) => format!("FAILING ({class})"),
            };
            let since = age(trouble.since, at);
            let why = plain(&trouble.why);
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

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::super::super::tests::{FILE, published};
    use super::super::super::{Status, build};
    use super::super::render;
    use crate::notify::inbox::{ChannelStatus, Trouble};
    use crate::notify::told::Mute;
    use crate::snapshot::fixture::ground;

    #[test]
    fn channels_say_what_is_wrong_and_mutes_until_when() {
        let published = published(&ground(FILE), &[]);
        let whole = build::build(&published, None, &build::Asked::default());
        let Status { daemon, .. } = whole.clone().expect("nothing is named");
        let ago = |minutes| daemon.at - SignedDuration::from_mins(minutes);
        let channel = |name: &str| ChannelStatus {
            name: name.to_owned(),
            r#type: "slack".to_owned(),
            enabled: true,
            pending: 0,
            delivered: None,
            trouble: None,
        };
        let trouble = |class: &str, gone| {
            Some(Trouble {
                since: ago(20),
                class: class.to_owned(),
                why: "https://hooks.example.com/… answered 404".to_owned(),
                gone,
            })
        };
        let status = Status {
            channels: vec![
                ChannelStatus {
                    delivered: Some(ago(5)),
                    ..channel("ops")
                },
                ChannelStatus {
                    pending: 2,
                    trouble: trouble("permanent", false),
                    ..channel("mail")
                },
                ChannelStatus {
                    pending: 1,
                    trouble: trouble("transient", false),
                    ..channel("slow")
                },
                ChannelStatus {
                    delivered: Some(ago(120)),
                    trouble: trouble("config", false),
                    ..channel("robot")
                },
                ChannelStatus {
                    trouble: trouble("gone", true),
                    ..channel("left")
                },
                ChannelStatus {
                    enabled: false,
                    trouble: trouble("gone", true),
                    ..channel("old")
                },
                ChannelStatus {
                    trouble: Some(Trouble {
                        since: ago(20),
                        class: "permanent".to_owned(),
                        why: "said \u{1b}[2J\nmore".to_owned(),
                        gone: false,
                    }),
                    ..channel("evil")
                },
            ],
            mutes: vec![Mute {
                instance: "www".to_owned(),
                who: "root".to_owned(),
                reason: Some("moving".to_owned()),
                since: ago(1),
                until: "2026-11-22T12:00:00Z".parse().expect("a time"),
            }],
            ..whole.expect("nothing is named")
        };
        let text = render(&status, false);
        for line in [
            "ops  slack  delivered 5 min ago",
            "mail  slack  nothing delivered yet  2 messages waiting  FAILING (permanent) for 20 min: https://hooks.example.com/… answered 404",
            "slow  slack  nothing delivered yet  1 message waiting  FAILING (transient) for 20 min: ",
            "robot  slack  delivered 2 h ago  MISCONFIGURED for 20 min: https://hooks.example.com/… answered 404",
            "left  slack  nothing delivered yet  DISABLED BY ITS RECEIVER for 20 min",
            "old  slack  nothing delivered yet  disabled  DISABLED BY ITS RECEIVER for 20 min",
            "FAILING (permanent) for 20 min: said \u{fffd}[2J\u{fffd}more",
            "www  by root for 1 min, until 2026-11-22T12:00:00Z: moving",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        let coloured = render(&status, true);
        for loud in ["\u{1b}[1;31mMISCONFIGURED\u{1b}[0m", "\u{1b}[1;31mFAILING"] {
            assert!(coloured.contains(loud), "{coloured:?}");
        }
    }
}
