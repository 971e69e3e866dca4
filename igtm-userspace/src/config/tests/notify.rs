//! Bad templates, channels and subscriptions, each with its exact messages, none of which shows a
//! secret.

use super::harness::{INSTANCE, POOL, STRATEGY, ZONE, expect, expect_after, problems};

#[test]
fn channels_never_show_a_secret() {
    for (text, expected) in [
        (
            "",
            "2:1: `url` is missing in `channel` (or `url_file`, or `url_env`)",
        ),
        (
            "url = \"ftp://hunter2\"",
            "5:7: `url` (not shown: it is a secret) must be an http:// or https:// URL",
        ),
        (
            "url = [\"http://x\", \"http://hunter2\"]",
            "5:20: a channel has one `url`",
        ),
        (
            "url = \"http://x\"\nurl_env = \"hunter2\"",
            "6:11: give only one of `url`, `url_file` and `url_env`|6:11: `url_env` (not shown) must name an environment variable that is set",
        ),
        (
            "url = \"http://x\"\nsecret = \"hunter2\"",
            "6:10: `secret` (not shown) must be \"whsec_\" and then the key in base64 with padding",
        ),
        (
            "url = \"http://x\"\nsecret = \"whsec_aHVudGVyMg==\"",
            "6:10: `secret` (not shown): a webhook secret holds 24 to 64 octets, this one 7",
        ),
        // PATH is set, and no URL: the variable was read, and is not shown.
        (
            "url_env = \"PATH\"",
            "5:11: `url` (not shown: it is a secret) must be an http:// or https:// URL",
        ),
        (
            "url = \"http://x\"\nsecret = 1",
            "6:10: `secret` is a whole number; it must be a text",
        ),
        (
            "url = \"http://x\"\nsecret_file = \"whsec_hunter2\"",
            "6:15: cannot read the file that `secret_file` names: No such file or directory (os error 2)",
        ),
        (
            "url = \"http://x\"\nheaders = { \"a b\" = \"hunter2\", host = \"hunter2\", c = \"hunter\\n2\" }",
            "6:13: `a b` cannot be the name of an HTTP header|6:32: the header `host` is set by igtm itself|6:54: the value of this header (not shown) has characters that HTTP does not allow",
        ),
        (
            "url = \"http://x\"\nheaders = { Transfer-Encoding = \"hunter2\", upgrade = \"hunter2\", Webhook-Signature = \"hunter2\" }",
            "6:13: the header `Transfer-Encoding` is set by igtm itself|6:44: the header `upgrade` is set by igtm itself|6:65: the header `Webhook-Signature` is set by igtm itself",
        ),
        (
            "url = \"http://x\"\nwebhook = \"hunter2\"",
            "6:1: unknown key `webhook`; `channel` has name, type, description, enabled, template, language, timeout, allow_private, url, url_file, url_env, secret, secret_file, secret_env, headers",
        ),
    ] {
        let text = format!("[[channel]]\nname = \"c\"\ntype = \"webhook\"\n{text}");
        let expected: Vec<&str> = expected.split('|').collect();
        expect(&text, &expected);
        assert!(!problems(&text).concat().contains("hunter"));
    }
}

/// A channel of a type with these keys, from line 2 on; its own begin at line 5.
fn channel(r#type: &str, keys: &str) -> String {
    format!("[[channel]]\nname = \"c\"\ntype = \"{type}\"\n{keys}")
}

#[test]
fn each_type_has_its_keys() {
    for (r#type, keys, expected) in [
        (
            "wecom",
            "",
            "4:8: `type` is \"wecom\"; it must be \"wecom_robot\", \"wecom_app\", \"dingtalk\", \"feishu\", \"slack\", \"webhook\", \"email\", \"pagerduty\", \"alertmanager\" or \"group\"",
        ),
        (
            "wecom_robot",
            "webhook = \"https://qyapi.weixin.qq.com/cgi-bin/webhook/send\"",
            "5:11: `webhook` (not shown: it is a secret) must be the whole URL that the vendor shows, …/cgi-bin/webhook/send?key=…",
        ),
        (
            "wecom_robot",
            "webhook = \"https://x/send?key=hunter2\"\nmention_users = [\"\"]\nmention_mobiles = \"138\"",
            "6:18: `mention_users` is \"\"; it must be a text that is not empty|7:19: `mention_mobiles` is a text; it must be a list of texts",
        ),
        (
            "wecom_app",
            "corp_id = \"ww1\"\nagent_id = \"one\"",
            "6:12: `agent_id` is \"one\"; it must be a whole number from 0 to 4294967295|2:1: `secret` is missing in `channel` (or `secret_file`, or `secret_env`)|2:1: a wecom_app tells somebody: give `users` (\"@all\" is everyone), `departments` or `tags`",
        ),
        (
            "dingtalk",
            "webhook = \"https://x/robot/send?access_token=\"",
            "5:11: `webhook` (not shown: it is a secret) must be the whole URL that the vendor shows, …/robot/send?access_token=…",
        ),
        (
            "feishu",
            "webhook = \"https://x/open-apis/bot/v2/hook/\"\nmention_users = []",
            "5:11: `webhook` (not shown: it is a secret) must be the whole URL that the vendor shows, …/open-apis/bot/v2/hook/…|6:1: unknown key `mention_users`; `channel` has name, type, description, enabled, template, language, timeout, allow_private, webhook, webhook_file, webhook_env, secret, secret_file, secret_env, keyword, mention_all",
        ),
        (
            "slack",
            "webhook_env = \"hunter2_is_not_set\"",
            "5:15: `webhook_env` (not shown) must name an environment variable that is set",
        ),
        (
            "email",
            "smtp = \"smtp://me:hunter2@mail.example.com\"\nusername = \"me\"\nfrom = \"igtm\"\nto = []",
            "5:8: `smtp` is a text; it must be smtps://host:465 or smtp://host:587, without a login (that is `username` and `password`)|2:1: a login has both: `username` and `password` (or `password_file`, or `password_env`)|7:8: `from` is \"igtm\"; it must be a mail address: name@domain, or Name <name@domain>|8:6: `to` is empty; a mail has at least one receiver",
        ),
        (
            "pagerduty",
            "base_url = \"events\"",
            "2:1: `routing_key` is missing in `channel` (or `routing_key_file`, or `routing_key_env`)|5:12: `base_url` is \"events\"; it must be an http:// or https:// URL",
        ),
        (
            "alertmanager",
            "url = \"hunter2:9093\"",
            "5:7: `url` (not shown: it is a secret) must be an http:// or https:// URL",
        ),
        ("group", "", "2:1: `channels` is missing in `channel`"),
        (
            "group",
            "channels = []",
            "5:12: `channels` is empty; a group has at least one channel",
        ),
        (
            "group",
            "channels = []\nlanguage = \"en\"\ntimeout = \"1s\"\nallow_private = 7\ntemplate = \"t\"\nurl = \"x\"",
            "5:12: `channels` is empty; a group has at least one channel|6:1: `language` does nothing in a group, which sends nothing itself: write it in each of the channels that `channels` lists; a group has name, type, description, enabled, channels|7:1: `timeout` does nothing in a group, which sends nothing itself: write it in each of the channels that `channels` lists; a group has name, type, description, enabled, channels|8:1: `allow_private` does nothing in a group, which sends nothing itself: write it in each of the channels that `channels` lists; a group has name, type, description, enabled, channels|9:1: `template` does nothing in a group, which sends nothing itself: write it in each of the channels that `channels` lists; a group has name, type, description, enabled, channels|10:1: unknown key `url`; `channel` has name, type, description, enabled, channels",
        ),
        (
            "group",
            "channels = [\"c\", \"d\"]",
            "5:18: no channel is named `d`|5:13: `c` is a group itself; the group `c` may have channels only",
        ),
    ] {
        let text = channel(r#type, keys);
        let mut expected: Vec<&str> = expected.split('|').collect();
        expected.sort_unstable();
        let mut found = problems(&text);
        found.sort_unstable();
        assert_eq!(found, expected, "for\n{text}");
        assert!(!found.concat().contains("hunter"));
    }
}

#[test]
fn templates_are_refused_where_they_are_wrong() {
    for (text, expected) in [
        ("", "2:1: `text` is missing in `template` (or `file`)"),
        (
            "text = \"x\"\nfile = \"x\"",
            "5:8: give only one of `text` and `file`",
        ),
        (
            "file = \"\"",
            "4:8: `file` is \"\"; it must be the path of a file that holds the template's text",
        ),
        (
            "file = \"x.j2\"",
            "4:8: cannot read /nowhere/x.j2: No such file or directory (os error 2)",
        ),
        (
            "text = \"\"\"\n{{ event.title }}\n{{ event.titel }}\"\"\"",
            "4:8: the template, line 2: undefined value",
        ),
    ] {
        expect(&format!("[[template]]\nname = \"t\"\n{text}"), &[expected]);
    }
    let text = format!(
        "{}template = \"shrot\"\nlanguage = \"fr\"\n[[template]]\nname = \"short\"\ntext = \"x\"\n",
        channel("slack", "webhook = \"https://x\"\n")
    );
    expect(
        &text,
        &[
            "6:12: no template is named `shrot`; did you mean `short`?",
            "7:12: `language` is \"fr\"; it must be \"zh\" or \"en\"",
        ],
    );
}

#[test]
fn who_is_told_anyway_is_not_told_instead() {
    let channels = channel("slack", "webhook = \"https://x\"\n");
    let text = "[[subscription]]
name = \"s\"
channels = [\"c\"]
on_failure = [\"c\"]
";
    expect_after(
        &[ZONE, POOL, INSTANCE, STRATEGY, &channels],
        text,
        &[(
            5,
            "14: `on_failure` names one of `channels`, which is told anyway: name another",
        )],
    );
}

#[test]
fn subscriptions_name_what_there_is() {
    let slack = channel("slack", "webhook = \"https://x\"\n");
    let text = "[[subscription]]
name = \"s\"
channels = [\"c\"]
on_failure = [\"d\"]
repeat_interval = \"366d\"
events = [\"address_up\", \"tset\"]
quiet = { from = \"24:00\", to = \"7:00\" }
[subscription.match]
instances = [\"i\", \"i\"]
lines = [\"defualt\"]
pools = [\"q\"]
addresses = [\"192.0.2.2\"]
nodes = [\"local\", \"loca\"]
severity = \"high\"
";
    expect_after(
        &[ZONE, POOL, INSTANCE, STRATEGY, &slack],
        text,
        &[
            (5, "15: no channel is named `d`"),
            (
                6,
                "19: `repeat_interval` is \"366d\"; it must be a duration from 0s to 365d (\"500ms\", \"15s\", \"1h30m\", or whole seconds)",
            ),
            (
                7,
                "25: no event is called `tset`; did you mean `test`?; there are address_down, address_up, address_warn, pool_down, pool_up, tier_switched, tier_restored, fallback_entered, fallback_left, node_silent, node_back, config_applied, config_rejected, dataplane_degraded, dataplane_restored, channel_failed, test",
            ),
            (8, "9: `severity` is missing in `subscription.quiet`"),
            (
                8,
                "18: `from` is \"24:00\"; it must be a time of the day, \"00:00\" to \"23:59\"",
            ),
            (
                8,
                "32: `to` is \"7:00\"; it must be a time of the day, \"00:00\" to \"23:59\"",
            ),
            (10, "19: `i` stands in this list twice"),
            (
                11,
                "10: no line is named `defualt`; did you mean `default`?",
            ),
            (12, "10: no pool is named `q`"),
            (
                13,
                "14: no address is named `192.0.2.2`; did you mean `192.0.2.1`?",
            ),
            (14, "19: no node is named `loca`; did you mean `local`?"),
            (
                15,
                "12: `severity` is \"high\"; it must be \"info\", \"warning\" or \"critical\"",
            ),
        ],
    );
    expect_after(
        &[&slack],
        "[[subscription]]\nname = \"s\"\nchannels = [\"c\"]\nrepeat_interval = \"999ms\"\n",
        &[(
            5,
            "19: `repeat_interval` is \"999ms\"; it must be 0s (once), or a duration from 1s to 365d",
        )],
    );
    expect_after(
        &[&slack],
        "[[subscription]]\nname = \"s\"\nchannels = [\"c\"]\nquiet = { from = \"23:00\", to = \"23:00\", severity = \"critical\" }\n",
        &[(
            5,
            "32: `from` and `to` are the same; disable the subscription instead",
        )],
    );
}

#[test]
fn a_secret_at_another_key_is_not_shown() {
    let app = "type = \"wecom_app\"\ncorp_id = \"ww1\"\nsecret = \"1000002\"\nusers = [\"@all\"]";
    let robot = "type = \"slack\"\nwebhook = \"https://x/services/T\"";
    let token = "hunter2hunter2hunter2";
    for text in [
        format!("[[channel]]\nname = \"c\"\n{app}\nagent_id = \"{token}\""),
        format!("[[channel]]\nname = \"c\"\n{robot}\nlanguage = \"{token}\""),
        format!("[[channel]]\nname = \"c\"\n{robot}\ntimeout = \"whsec_{token}\""),
        format!("[[channel]]\nname = \"https://x/{token}\"\n{robot}"),
        format!(
            "[[channel]]\nname = \"c\"\n{robot}\n\
             [[subscription]]\nname = \"s\"\nchannels = [\"https://x/{token}\"]"
        ),
    ] {
        let told = problems(&text);
        let told = format!("{told:?}");
        assert!(told.contains("not shown"), "{text}: {told}");
        assert!(!told.contains("hunter2"), "{text}: {told}");
    }
}
