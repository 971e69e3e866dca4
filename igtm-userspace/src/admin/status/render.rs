//! The tree of `igtm status` as text, with colours or without. Pure.
//!
//! Says nothing that is not in the [`Status`]; times are told as ages at the time it was made.

mod alerting;
mod probing;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;

use super::frozen;
use super::tree::Node;
use super::{AddressStatus, InstanceStatus, PoolStatus, Status, StrategyStatus};
use crate::health::AddressState;
use crate::health::rollup::State;

/// How a text looks, where there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Bold,
    Dim,
    Good,
    Doubtful,
    Bad,
}

/// Draws the tree; with `colour`, with ANSI escapes.
pub fn render(status: &Status, colour: bool) -> String {
    let drawing = Drawing {
        status,
        colour,
        pools: status
            .pools
            .iter()
            .map(|pool| (pool.name.as_str(), pool))
            .collect(),
    };
    let mut text = drawing.head();
    for instance in &status.instances {
        text.push('\n');
        text += &drawing.instance(instance).draw();
    }
    if status.instances_left_out > 0 {
        let more = status.instances_left_out;
        let _ = writeln!(
            text,
            "\n… and {more} more instances: name them, or see all with --all"
        );
    }
    if !status.frozen.is_empty() {
        let title = drawing.paint(Look::Doubtful, "frozen answers");
        let at = status.daemon.at;
        text.push('\n');
        text += &frozen::tree(title, &status.frozen, |since| age(since, at)).draw();
    }
    if status.frozen_left_out > 0 {
        let more = status.frozen_left_out;
        let _ = writeln!(text, "… and {more} more frozen answers: see all with --all");
    }
    let idle: Vec<&PoolStatus> = status.pools.iter().filter(|pool| pool.users == 0).collect();
    if !idle.is_empty() {
        let children = idle.iter().map(|pool| drawing.pool(pool, None, None));
        let title = drawing.paint(Look::Bold, "pools that no instance uses");
        text.push('\n');
        text += &Node::new(title, children.collect()).draw();
    }
    if !status.monitors.is_empty() {
        let children = status.monitors.iter().map(|one| drawing.monitor(one));
        let title = drawing.paint(Look::Bold, "monitors");
        text.push('\n');
        text += &Node::new(title, children.collect()).draw();
    }
    if status.monitors_left_out > 0 {
        let more = status.monitors_left_out;
        let _ = writeln!(text, "… and {more} more monitors: see all with --all");
    }
    for (what, children) in [
        ("forced", drawing.forces()),
        ("nodes", drawing.nodes()),
        ("channels", drawing.channels()),
        ("muted", drawing.mutes()),
    ] {
        if !children.is_empty() {
            let title = drawing.paint(Look::Bold, what);
            text.push('\n');
            text += &Node::new(title, children).draw();
        }
    }
    text
}

struct Drawing<'a> {
    status: &'a Status,
    colour: bool,
    pools: BTreeMap<&'a str, &'a PoolStatus>,
}

impl Drawing<'_> {
    fn paint(&self, look: Look, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let code = match look {
            Look::Bold => "1",
            Look::Dim => "2",
            Look::Good => "32",
            Look::Doubtful => "33",
            Look::Bad => "1;31",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    fn state(&self, state: State) -> String {
        let look = match state {
            State::Ok => Look::Good,
            State::Unknown | State::Warn => Look::Doubtful,
            State::Down => Look::Bad,
            State::Disabled => Look::Dim,
        };
        self.paint(look, state.name())
    }

    fn head(&self) -> String {
        let daemon = &self.status.daemon;
        let up = age(daemon.started, daemon.at);
        let answering = match (&daemon.not_ready, daemon.kernel) {
            (Some(why), _) => self.paint(Look::Bad, why),
            (None, true) => {
                let interfaces = daemon.interfaces.join(", ");
                let text = format!("answering in the kernel ({interfaces}) and in userspace");
                self.paint(Look::Good, &text)
            }
            (None, false) => self.paint(Look::Good, "answering in userspace"),
        };
        let node = self.paint(Look::Bold, &daemon.node);
        let mut text = format!("{node}  igtm {}, up {up}, {answering}\n", daemon.version);
        let applied = age(daemon.applied, daemon.at);
        let serial = daemon
            .serial
            .map_or(String::new(), |serial| format!(", SOA serial {serial}"));
        let _ = writeln!(text, "{}, applied {applied} ago{serial}", daemon.file);
        if let Some(refused) = &daemon.refused {
            let ago = age(refused.at, daemon.at);
            let title = format!("refused {ago} ago, what ran before goes on:");
            let _ = writeln!(text, "{}\n{}", self.paint(Look::Bad, &title), refused.why);
        }
        if let Some(why) = &daemon.state.trouble {
            let title = "not kept over a restart now:";
            let _ = writeln!(text, "{} {why}", self.paint(Look::Bad, title));
        }
        if let Some(at) = daemon.state.made_again {
            let ago = age(at, daemon.at);
            let said = format!("the state database was gone and made again {ago} ago");
            let _ = writeln!(text, "{}", self.paint(Look::Doubtful, &said));
        }
        let summary = &self.status.summary;
        let all = [
            ("instances", self.counts(&summary.instances)),
            ("strategies", self.counts(&summary.strategies)),
            ("pools", self.counts(&summary.pools)),
            ("targets", self.address_counts(&summary.targets)),
        ];
        for (what, counts) in all {
            let _ = writeln!(text, "{what:<10} {counts}");
        }
        text
    }

    fn counts(&self, counts: &BTreeMap<State, usize>) -> String {
        let each = counts.iter();
        let texts = each.map(|(state, count)| format!("{count} {}", self.state(*state)));
        or_none(texts.collect())
    }

    fn address_counts(&self, counts: &BTreeMap<AddressState, usize>) -> String {
        let each = counts.iter();
        let texts = each.map(|(state, count)| format!("{count} {}", self.address_state(*state)));
        or_none(texts.collect())
    }

    fn address_state(&self, state: AddressState) -> String {
        let look = match state {
            AddressState::Ok => Look::Good,
            AddressState::Warn | AddressState::Unknown => Look::Doubtful,
            AddressState::Down => Look::Bad,
            AddressState::Unmonitored => Look::Dim,
        };
        self.paint(look, state.name())
    }

    fn instance(&self, instance: &InstanceStatus) -> Node {
        let name = self.paint(Look::Bold, &instance.name);
        let domain = if instance.domain == instance.access_domain {
            instance.domain.clone()
        } else {
            format!("{} → {}", instance.domain, instance.access_domain)
        };
        let title = format!("{name}  {domain}  {}", self.state(instance.state));
        let strategies = instance.strategies.iter();
        let children = strategies.map(|one| self.strategy(instance, one));
        Node::new(title, children.collect())
    }

    fn strategy(&self, instance: &InstanceStatus, strategy: &StrategyStatus) -> Node {
        let mut head = format!(
            "{}  on {}  {}",
            self.paint(Look::Bold, &strategy.name),
            strategy.lines.join(", "),
            self.state(strategy.state)
        );
        if let Some(active) = &strategy.active {
            let held = match strategy.switch.as_str() {
                "hold" => ", held",
                _ => "",
            };
            let since = strategy.since.map_or(String::new(), |since| {
                format!(" for {}", age(since, self.status.daemon.at))
            });
            let _ = write!(head, "  {active}{held}{since}");
        }
        let tiers = strategy.tiers.iter().zip(1..);
        let mut children: Vec<Node> = tiers
            .map(|(tier, number)| {
                let counts = match (tier.usable, tier.enabled) {
                    (Some(usable), Some(enabled)) => {
                        format!("{usable} of {enabled} usable, needs {}", tier.min_healthy)
                    }
                    _ => format!("needs {}", tier.min_healthy),
                };
                let active = self.active(tier.active);
                let title = format!("tier {number}  {active}{counts}, policy {}", tier.policy);
                let pools = tier.pools.iter().map(|(name, weight)| {
                    let weight = (tier.policy == "weight").then_some(*weight);
                    self.pool_named(name, weight, instance)
                });
                Node::new(title, pools.collect())
            })
            .collect();
        let fallback = strategy.active.as_deref() == Some("fallback");
        let title = format!("fallback  {}", self.active(fallback));
        children.push(if fallback {
            let pool = self.pool_named(&strategy.fallback, None, instance);
            Node::new(title.trim_end().to_owned(), vec![pool])
        } else {
            Node::new(format!("{title}{}", strategy.fallback), Vec::new())
        });
        Node::new(head, children)
    }

    /// `active: ` before what answers.
    fn active(&self, active: bool) -> String {
        match active {
            true => format!("{}: ", self.paint(Look::Bold, "active")),
            false => String::new(),
        }
    }

    fn pool_named(&self, name: &str, weight: Option<u32>, instance: &InstanceStatus) -> Node {
        match self.pools.get(name) {
            Some(pool) => self.pool(pool, weight, Some(&instance.domain)),
            None => Node::new(name.to_owned(), Vec::new()),
        }
    }

    /// A pool with its addresses, those of `domain` where each domain has its own.
    fn pool(&self, pool: &PoolStatus, weight: Option<u32>, domain: Option<&str>) -> Node {
        let weight = weight.map_or(String::new(), |weight| format!(" × {weight}"));
        let monitor = match &pool.monitor {
            Some(monitor) => format!("monitor {monitor}, {}", many(pool.tasks, "task")),
            None => "no monitor".to_owned(),
        };
        let about = format!("{}, {monitor}, {}", pool.r#type, many(pool.users, "user"));
        let title = format!(
            "{}{weight}  {}  {}",
            pool.name,
            self.state(pool.state),
            self.paint(Look::Dim, &about)
        );
        let own = |one: &&AddressStatus| match (&one.host, domain) {
            (Some(host), Some(domain)) => host == domain,
            _ => true,
        };
        let rows: Vec<&AddressStatus> = pool.addresses.iter().filter(own).collect();
        let width = |text: fn(&AddressStatus) -> String| {
            let lengths = rows.iter().map(|one| text(one).chars().count());
            lengths.max().unwrap_or(0)
        };
        let (address, state) = (width(|one| one.address.clone()), width(shown_state));
        let weighed = pool.policy == "weight";
        let children = rows
            .iter()
            .map(|one| Node::new(self.address(one, address, state, weighed), Vec::new()));
        Node::new(title, children.collect())
    }

    fn address(&self, one: &AddressStatus, address: usize, state: usize, weighed: bool) -> String {
        let shown = shown_state(one);
        let pad = " ".repeat(state - shown.chars().count());
        let painted = match one.enabled {
            true => self.address_state(one.state),
            false => self.paint(Look::Dim, &shown),
        };
        let mut text = format!("{:<address$}  {painted}{pad}", one.address);
        if weighed {
            let _ = write!(text, "  weight {:>3}", one.weight);
        }
        if let Some(since) = one.since.filter(|_| one.enabled) {
            let _ = write!(text, "  for {}", age(since, self.status.daemon.at));
        }
        if one.stale {
            let _ = write!(text, "  {}", self.paint(Look::Doubtful, "stale"));
        }
        if let Some(forced) = &one.forced {
            let _ = write!(text, "  {}", self.forced(forced));
        }
        for why in &one.why {
            let _ = write!(text, "  {}: {}", why.node, why.reason);
        }
        if let Some(region) = &one.region {
            let _ = write!(text, "  {}", self.paint(Look::Dim, region));
        }
        text.trim_end().to_owned()
    }
}

fn shown_state(one: &AddressStatus) -> String {
    match one.enabled {
        true => one.state.name(),
        false => "disabled",
    }
    .to_owned()
}

fn or_none(texts: Vec<String>) -> String {
    match texts.is_empty() {
        true => "none".to_owned(),
        false => texts.join(", "),
    }
}

/// "1 task", "2 tasks".
fn many(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}

/// How long ago, in its largest whole unit.
fn age(since: Timestamp, at: Timestamp) -> String {
    let seconds = at.duration_since(since).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}
