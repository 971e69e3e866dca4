//! A mail: what is recorded of it, and what is sent.
//!
//! Pure. What is recorded is a few headers and the text; receivers, Date and Message-ID are added when
//! it is sent, and the HTML part shows the same text. Only what is left of a mail, for those who would
//! not have it at first, names its receivers.

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};

use crate::config::model::Language;
use crate::notify::fit::{Fit, Unit};
use crate::notify::message::{Message, Part};
use crate::notify::tone::Tone;
use crate::notify::vendor;
use crate::notify::words::Words;

/// Octets of the text: what a mail program shows without hiding the end of it.
const TEXT: usize = 40 * 1024;

/// Before the addresses that a part is for, where it is not for all.
const ONLY: &str = "Only-For: ";

/// How a message looks, by the word it is recorded with.
const TONES: [(Tone, &str, &str); 4] = [
    (Tone::Critical, "critical", "#c62828"),
    (Tone::Warning, "warning", "#ef6c00"),
    (Tone::Info, "info", "#1565c0"),
    (Tone::Recovery, "recovery", "#2e7d32"),
];

/// What is recorded: `Subject`, `Tone`, an empty line and the text.
pub(super) fn part(message: &Message, words: &Words, language: Language) -> Part {
    let subject = vendor::title(message, words, Unit::Utf16);
    let items = vendor::items(message, words);
    let text = Fit {
        head: &subject,
        items: &items,
        more: message.more,
        tail: "",
        between: "\n\n",
        unit: Unit::Octets,
        language,
    };
    let text = text.within(TEXT);
    let tone = Tone::of(message);
    let (_, tone, _) = TONES
        .iter()
        .find(|(each, _, _)| *each == tone)
        .expect("the table has every tone");
    Part {
        body: format!("Subject: {subject}\nTone: {tone}\n\n{text}"),
    }
}

/// The same for these receivers alone.
pub(super) fn only_for(part: &Part, addresses: &[String]) -> Part {
    let (head, text) = part.body.split_once("\n\n").unwrap_or(("", &part.body));
    let kept = head.lines().filter(|line| !line.starts_with(ONLY));
    let only = format!("{ONLY}{}", addresses.join(", "));
    let head: Vec<&str> = kept.chain([only.as_str()]).collect();
    Part {
        body: format!("{}\n\n{text}", head.join("\n")),
    }
}

/// Those of `to` that it is for: all, where it names none.
pub(super) fn receivers(part: &Part, to: &[Mailbox]) -> Vec<Mailbox> {
    let (head, _) = part.body.split_once("\n\n").unwrap_or_default();
    let only = head.lines().find_map(|line| line.strip_prefix(ONLY));
    let is_meant = |mailbox: &&Mailbox| {
        let address = mailbox.email.to_string();
        only.is_none_or(|only| only.split(", ").any(|it| it == address))
    };
    to.iter().filter(is_meant).cloned().collect()
}

/// The headers and the text of what [`part`] made.
fn read(part: &Part) -> (&str, &str, &str) {
    let (head, text) = part.body.split_once("\n\n").unwrap_or(("", &part.body));
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
    let subject = header("Subject: ").unwrap_or("igtm");
    (subject, header("Tone: ").unwrap_or("info"), text)
}

/// The mail itself, by whom and to whom. `now` is its Date.
///
/// # Errors
/// None that a checked configuration can cause.
pub(super) fn compose(
    id: &str,
    part: &Part,
    from: &Mailbox,
    to: &[Mailbox],
    now: jiff::Timestamp,
) -> Result<lettre::Message, lettre::error::Error> {
    let (subject, tone, text) = read(part);
    let domain = from.email.domain();
    let mut builder = lettre::Message::builder()
        .from(from.clone())
        .subject(subject)
        .date(now.into())
        // The same at every attempt: receivers and people tell a repetition by it.
        .message_id(Some(format!("<{id}@{domain}>")))
        // RFC 3834 §5: nobody's absence is to be told to a machine.
        .raw_header(ascii_header("Auto-Submitted", "auto-generated"));
    if tone == "critical" {
        builder = builder.raw_header(ascii_header("Importance", "high"));
    }
    for receiver in to {
        builder = builder.to(receiver.clone());
    }
    let parts = MultiPart::alternative_plain_html(text.to_owned(), html(text, tone));
    builder.multipart(parts)
}

fn ascii_header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// The text with a bar in its tone; nothing in it is markup.
fn html(text: &str, tone: &str) -> String {
    let colour = TONES.iter().find(|(_, word, _)| *word == tone);
    let colour = colour.map_or("#1565c0", |(_, _, colour)| colour);
    let mut shown = String::with_capacity(text.len() + 512);
    for character in text.chars() {
        match character {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '"' => shown.push_str("&quot;"),
            '\n' => shown.push_str("<br>\n"),
            other => shown.push(other),
        }
    }
    format!(
        "<!doctype html>\n<html><head><meta charset=\"utf-8\"></head><body>\n\
         <div style=\"border-left:4px solid {colour};padding:2px 12px;\
         font-family:sans-serif;line-height:1.5\">\n{shown}\n</div>\n</body></html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::event::Kind;
    use crate::notify::fixture::{event, message, words};

    fn composed(part: &Part) -> String {
        let from = "告警 <igtm@mail.example>".parse().expect("an address");
        let to = ["a@mail.example", "Bo <b@mail.example>"].map(|it| it.parse().expect("one"));
        let now = "2026-01-02T03:04:05Z".parse().expect("a time");
        let mail = compose("msg_1-0", part, &from, &to, now).expect("a mail");
        String::from_utf8(mail.formatted()).expect("ASCII")
    }

    #[test]
    fn a_mail_says_who_it_is_from_and_that_no_person_wrote_it() {
        let mut entered = event(Kind::FallbackEntered, "192.0.2.1");
        entered.title = "网站 <shop> is answered from its fallback".to_owned();
        let part = part(&message(vec![entered]), &words(), Language::En);
        let mail = composed(&part);
        assert!(mail.is_ascii());
        for header in [
            "Message-ID: <msg_1-0@mail.example>\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Importance: high\r\n",
            "Date: Fri, 02 Jan 2026 03:04:05 +0000\r\n",
            "To: a@mail.example, Bo <b@mail.example>\r\n",
            "From: =?utf-8?b?",
            "Subject: =?utf-8?b?",
            "Content-Type: multipart/alternative;",
            "Content-Type: text/plain; charset=utf-8\r\n",
            "Content-Type: text/html; charset=utf-8\r\n",
        ] {
            assert!(mail.contains(header), "{header} in {mail}");
        }
        let calm = Part {
            body: "Subject: x\nTone: recovery\n\ny".to_owned(),
        };
        assert!(!composed(&calm).contains("Importance"));
    }

    #[test]
    fn what_is_left_of_a_mail_is_the_same_for_fewer() {
        let to = ["a@mail.example", "Bo <b@mail.example>", "c@mail.example"];
        let to = to.map(|it| it.parse::<Mailbox>().expect("one"));
        let whole = Part {
            body: "Subject: x\nTone: recovery\n\ny\n\nOnly-For: a@mail.example".to_owned(),
        };
        assert_eq!(receivers(&whole, &to), to);
        let two = only_for(
            &whole,
            &["b@mail.example", "c@mail.example"].map(str::to_owned),
        );
        assert_eq!(receivers(&two, &to), to[1..]);
        let one = only_for(&two, &["c@mail.example".to_owned()]);
        assert_eq!(receivers(&one, &to), to[2..]);
        // Who is no longer in the file is not told.
        assert_eq!(receivers(&one, &to[..2]), []);
        assert_eq!(read(&one), read(&whole));
    }

    #[test]
    fn nothing_in_an_event_is_markup_or_a_header() {
        let mut sly = event(Kind::AddressDown, "192.0.2.1");
        sly.title = "a\r\nBcc: x@y.example\n\n<script>\"&".to_owned();
        let part = part(&message(vec![sly]), &words(), Language::En);
        let (subject, _, text) = read(&part);
        assert!(!subject.contains(['\r', '\n']) && subject.contains("Bcc"));
        let html = html(text, "warning");
        assert!(!html.contains("<script>") && html.contains("&lt;script&gt;&quot;&amp;"));
        let mail = composed(&part);
        let (headers, _) = mail.split_once("\r\n\r\n").expect("headers");
        assert!(!headers.contains("\r\nBcc"), "{headers}");
    }

    #[test]
    fn a_storm_is_cut_and_says_how_many_are_left_out() {
        let mut long = event(Kind::AddressDown, "192.0.2.1");
        long.title = "长".repeat(1000);
        let mut storm = message(vec![long; 100]);
        storm.more = 9_900;
        let part = part(&storm, &words(), Language::Zh);
        let (_, tone, text) = read(&part);
        assert!(text.len() <= TEXT && tone == "warning");
        let shown = text.split("\n\n").count() - 2;
        let told = format!("……另有 {} 条", 10_000 - shown);
        assert!(
            text.ends_with(&told),
            "{shown}: {}",
            &text[text.len() - 40..]
        );
    }
}
