//! A panic shows no secret: neither by what it says nor in its backtrace.
//!
//! Real panics, in a process of their own: this binary runs itself once more, where every channel's
//! sender panics in the middle of an attempt, and then the whole configuration is what a panic says.

use std::pin::pin;
use std::process::Command;
use std::sync::Arc;
use std::task::{Context, Waker};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use super::marked;
use crate::notify::channel::Sender;
use crate::notify::dial;
use crate::notify::event::Kind;
use crate::notify::message::Message;
use crate::notify::words::Words;
use crate::notify::worker::Settings;

/// In every secret of [`marked::config`].
const MARK: &str = "S3CRET";
/// Set where it is meant that everything panics.
const ASKED: &str = "IGTM_TEST_OF_PANICS";
const NAME: &str = "notify::tests::panics::no_panic_shows_a_secret";

/// As it stands in the file, in base64 wherever it begins, and as a list of octets.
fn leaks(text: &str) -> Vec<String> {
    let octets: Vec<String> = MARK.bytes().map(|octet| octet.to_string()).collect();
    let mut needles = vec![MARK.to_owned(), octets.join(", ")];
    needles.extend((0..3_usize).map(|before| {
        let whole = STANDARD.encode(format!("{}{MARK}", "x".repeat(before)));
        let end = (before + MARK.len()) * 8 / 6;
        whole[(before * 8).div_ceil(6)..end].to_owned()
    }));
    let found = needles.iter().flat_map(|one| text.match_indices(one));
    let around = found.map(|(at, one)| {
        let start = text.floor_char_boundary(at.saturating_sub(80));
        let end = text.ceil_char_boundary((at + one.len() + 20).min(text.len()));
        text[start..end].to_owned()
    });
    around.collect()
}

#[test]
fn no_panic_shows_a_secret() {
    if std::env::var_os(ASKED).is_some() {
        return panic_everywhere();
    }
    let said = Command::new(std::env::current_exe().expect("this binary"))
        .args([NAME, "--exact", "--nocapture", "--test-threads=1"])
        .env(ASKED, "1")
        .env("RUST_BACKTRACE", "full")
        .output()
        .expect("it runs once more");
    let text = [said.stdout, said.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(!said.status.success(), "{text}");
    let senders = text.matches("there is no reactor running").count();
    assert_eq!(senders, marked::config().channels.len(), "{text}");
    assert!(
        text.contains("[secret]"),
        "the configuration is shown: {text}"
    );
    assert!(
        text.contains("panics::panic_everywhere"),
        "a backtrace: {text}"
    );
    let leaks = leaks(&text);
    assert!(leaks.is_empty(), "{leaks:#?}");
}

/// A search that finds nothing anywhere would find nothing here either.
#[test]
fn a_leak_is_found_however_it_is_written() {
    let key = format!("x{MARK}-key");
    for leak in [
        key.clone(),
        STANDARD.encode(&key),
        format!("{:?}", key.as_bytes()),
    ] {
        assert_eq!(leaks(&leak).len(), 1, "{leak}");
    }
    assert!(leaks("[secret]").is_empty());
}

fn panic_everywhere() {
    let config = Arc::new(marked::config());
    let event = Arc::new(marked::test_of(&config, Kind::FallbackEntered));
    let message = Message {
        id: "msg_000000000000000000000001".to_owned(),
        subscription: "night".to_owned(),
        made: Timestamp::now(),
        events: vec![event],
        more: 0,
        repeated: false,
    };
    let tls = dial::tls();
    let mut all = Vec::new();
    for channel in &config.channels {
        let settings = Settings::new(channel.clone(), &config, &tls);
        let sender = Sender::new(channel, &tls).expect("a usable channel");
        let parts = sender.render(&message, &Words::new(channel, &config.templates));
        // No runtime is there: the first thing that dials panics.
        let attempt = std::panic::AssertUnwindSafe(|| {
            let mut sent = pin!(sender.send(&message.id, &parts[0], message.made));
            let _never = sent.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        });
        assert!(std::panic::catch_unwind(attempt).is_err(), "{sender:?}");
        all.push((settings, sender));
    }
    panic!("all there is: {:?}", (all, config));
}
