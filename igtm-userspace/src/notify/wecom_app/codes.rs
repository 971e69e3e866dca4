//! What 企业微信's codes mean to an application, and what to change where: those of notify.md, and of
//! the vendor's list (企业微信全局错误码, developer.work.weixin.qq.com/document/path/90313; WxJava's
//! `WxCpErrorMsgEnum` repeats it) those that its two requests can be answered with.
//!
//! Pure.

use std::time::Duration;

use super::super::retry::Class;
use super::super::vendor::{self, Said};

/// The kept token holds no longer: another one helps.
pub(super) const TOKEN_GONE: [i64; 3] = [40001, 40014, 42001];

/// Where an application is set up.
const PAGE: &str = "企业微信管理后台 → 应用管理 → 自建 → the application";

/// Of the request that fetches a token.
pub(super) fn of_token(said: &Said) -> (Class, String) {
    match said.code {
        40001 | 40091 | 41004 => (
            Class::Config,
            format!("`secret` is not this application's: copy the Secret again from {PAGE}"),
        ),
        _ => of_both(said),
    }
}

/// Of the request that sends a message.
pub(super) fn of_message(said: &Said) -> (Class, String) {
    match said.code {
        // A new one was fetched before this is told.
        40001 | 40014 | 42001 => (
            Class::Transient,
            "it does not take the access token that it has just given".to_owned(),
        ),
        81013 | 82001 | 60011 => (
            Class::Config,
            format!(
                "not one of `users`, `departments` and `tags` exists and may see the application: \
                 correct them, or add them to its 可见范围 in {PAGE}"
            ),
        ),
        301_002 | 40056 => (
            Class::Config,
            format!(
                "`agent_id` and `secret` are not of one application: copy AgentId and Secret \
                 again from {PAGE}"
            ),
        ),
        50003 => (
            Class::Config,
            format!("the application is disabled: enable it in {PAGE}"),
        ),
        48002 => (
            Class::Config,
            format!("the application may not send messages: give it the right in {PAGE}"),
        ),
        40058 | 45002 => (
            Class::Permanent,
            "the message is too long or holds what 企业微信 does not take: shorten the template"
                .to_owned(),
        ),
        40008 | 44004 => (
            Class::Permanent,
            "the message is empty or of a kind it does not take: look at the template".to_owned(),
        ),
        _ => of_both(said),
    }
}

fn of_both(said: &Said) -> (Class, String) {
    match said.code {
        -1 => (Class::Transient, "企业微信 is busy".to_owned()),
        45009 => (
            vendor::wait(Duration::from_mins(1)),
            "the application has sent more than it may in this minute, hour or day".to_owned(),
        ),
        45033 => (
            Class::Throttled(None),
            "too many requests at the same moment".to_owned(),
        ),
        40013 | 41002 => (
            Class::Config,
            "`corp_id` is wrong: copy the 企业ID from 企业微信管理后台 → 我的企业 → 企业信息"
                .to_owned(),
        ),
        60020 => {
            let ip = address(&said.words).map_or_else(
                || "this host's IP".to_owned(),
                |ip| format!("this host's IP, {ip},"),
            );
            (
                Class::Config,
                format!(
                    "{ip} is not in 企业可信IP of the application: add it in {PAGE} → 企业可信IP"
                ),
            )
        }
        _ => vendor::unknown("企业微信"),
    }
}

/// `not allow to access from your ip, …, from ip: 203.0.113.9, more info at …`.
fn address(words: &str) -> Option<std::net::IpAddr> {
    let (_, rest) = words.split_once("from ip:")?;
    let rest = rest.trim_start();
    let end = rest.find([',', ' ', ']']).unwrap_or(rest.len());
    rest[..end].parse().ok()
}
