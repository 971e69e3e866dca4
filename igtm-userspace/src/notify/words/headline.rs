//! What happened, in one line of a language.

use crate::config::model::Language;
use crate::health::AddressState;
use crate::notify::event::{Event, Kind, Severity};

/// What happened to what.
pub(super) fn headline(language: Language, event: &Event) -> String {
    let what = match language {
        Language::Zh => chinese(event),
        Language::En => english(event),
    };
    if event.test {
        return format!("{}{what}", test(language));
    }
    what
}

fn test(language: Language) -> &'static str {
    match language {
        Language::Zh => "【测试】",
        Language::En => "[test] ",
    }
}

/// A severity as people say it.
pub(super) fn severity(language: Language, severity: Severity) -> &'static str {
    match (language, severity) {
        (Language::Zh, Severity::Critical) => "严重",
        (Language::Zh, Severity::Warning) => "警告",
        (Language::Zh, Severity::Info) => "通知",
        (Language::En, severity) => severity.name(),
    }
}

/// `tier 1`, `fallback` and the like, as people say them.
pub(super) fn tier(language: Language, tier: &str) -> String {
    let ordinal = tier.strip_prefix("tier ").and_then(|n| n.parse().ok());
    match (language, ordinal) {
        (Language::En, _) => tier.to_owned(),
        (Language::Zh, Some(n @ 1..=4_usize)) => {
            format!("{}级地址池", ["一", "二", "三", "四"][n - 1])
        }
        (Language::Zh, _) if tier == "fallback" => "兜底地址池".to_owned(),
        (Language::Zh, _) => tier.to_owned(),
    }
}

fn text(part: Option<&String>) -> &str {
    part.map_or("", String::as_str)
}

fn chinese(event: &Event) -> String {
    let instance = text(event.instance.as_ref());
    let (pool, address) = (text(event.pool.as_ref()), text(event.address.as_ref()));
    let of = |what: &str| {
        let lines = match &event.lines[..] {
            [] => String::new(),
            [one] => format!("（{one}）"),
            [one, rest @ ..] => format!("（{one} 等 {} 条线路）", rest.len() + 1),
        };
        format!("{instance}{lines}{what}")
    };
    let now = || tier(Language::Zh, text(event.tier_to.as_ref()));
    let node = || event.reason.first().map_or("", |reason| &reason.node);
    let asked = event.host.as_ref();
    let asked = asked.map_or_else(String::new, |host| format!("，域名 {host}"));
    let place = format!("（地址池 {pool}{asked}）");
    let of_pool = || match &event.host {
        Some(host) => format!("地址池 {pool}（域名 {host}）"),
        None => format!("地址池 {pool} "),
    };
    if event.gone {
        return match event.kind {
            Kind::AddressUp => format!("地址 {address} 已移除、停用或不再监控{place}"),
            Kind::PoolUp => format!("{}已移除或不再监控", of_pool()),
            Kind::NodeBack => format!("监控节点 {} 已移除", node()),
            _ => of("已移除或停用"),
        };
    }
    match event.kind {
        Kind::AddressDown => format!("地址 {address} 故障{place}"),
        Kind::AddressUp => {
            let word = match (event.state_from, event.state_to) {
                (Some(AddressState::Warn), _) => "风险解除",
                (_, Some(AddressState::Warn)) => "恢复可用，仍有风险",
                _ => "恢复",
            };
            format!("地址 {address} {word}{place}")
        }
        Kind::AddressWarn => format!("地址 {address} 有风险，尚未判为故障{place}"),
        Kind::PoolDown => format!("{}已无可用地址", of_pool()),
        Kind::PoolUp => format!("{}恢复可用", of_pool()),
        Kind::TierSwitched => of(&format!("切换到{}", now())),
        Kind::TierRestored => of(&format!("恢复到{}", now())),
        Kind::FallbackEntered => of("所有地址池不可用，启用兜底"),
        Kind::FallbackLeft => of(&format!("退出兜底，回到{}", now())),
        Kind::NodeSilent => format!("监控节点 {} 失联", node()),
        Kind::NodeBack => format!("监控节点 {} 恢复", node()),
        Kind::ConfigApplied => format!("{} 已应用新配置{}", event.node, detail(&event.title)),
        Kind::ConfigRejected => format!("{} 的新配置被拒绝，仍按原配置运行", event.node),
        Kind::DataplaneDegraded => format!("{} 的内核快速路径降级", event.node),
        Kind::DataplaneRestored => format!("{} 的内核快速路径恢复", event.node),
        Kind::ChannelFailed => format!("通知渠道 {} 发送失败", node()),
        Kind::Test => format!("来自 {} 的测试消息", event.node),
    }
}

/// What an English title says behind its colon: numbers and names mostly.
fn detail(title: &str) -> String {
    let (_, detail) = title.split_once(": ").unwrap_or_default();
    match detail {
        "" => String::new(),
        detail => format!("（{detail}）"),
    }
}

/// Titles are English (`alerts`).
fn english(event: &Event) -> String {
    event.title.clone()
}
