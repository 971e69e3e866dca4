//! One entry of a master file → a record or a directive (RFC 1035 §5.1, RFC 2308 §4).
//!
//! Must not open files, nor look at more than one entry.

use std::str::FromStr;

use domain::base::ParseRecordData as _;
use domain::base::iana::Rtype;
use domain::base::name::ParsedName;
use domain::base::rdata::{ComposeRecordData as _, UnknownRecordData};
use domain::base::scan::{Scanner as _, ScannerError as _};
use domain::dep::octseq::Parser;
use domain::rdata::ZoneRecordData;

use super::service;
use super::words::{Words, Wrong};
use crate::config::model::rtype;

/// The longest TTL (RFC 2181 §8), seconds.
const LONGEST_TTL: u64 = (1 << 31) - 1;

/// Characters of a word that is shown whatever it is. A file that was named by mistake may hold
/// secrets, and messages are logged: a token has 16 or more.
const LONGEST_SHOWN: usize = 15;

/// What stands before the data of a record.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// What the entry says, if it does.
    pub(super) ttl: Option<u32>,
    pub(super) rtype: Rtype,
}

/// Reads TTL and class, in either order or not there, and the type.
pub(super) fn head(words: &mut Words<'_>) -> Result<Head, Wrong> {
    let mut ttl = None;
    let mut class = false;
    loop {
        let Some(word) = words.peek() else {
            return Err(Wrong::new("no type of a record, such as `A`, stands here"));
        };
        if ttl.is_none() && word.first().is_some_and(u8::is_ascii_digit) {
            ttl = Some(seconds(words)?);
        } else if !class && is_class(word) {
            let text = words.text()?;
            if !["IN", "CLASS1"]
                .iter()
                .any(|own| own.eq_ignore_ascii_case(text))
            {
                return Err(Wrong::new(format!(
                    "the class `{text}`; only `IN` is served"
                )));
            }
            class = true;
        } else {
            let rtype = rtype(words)?;
            return Ok(Head { ttl, rtype });
        }
    }
}

fn is_class(word: &[u8]) -> bool {
    let named = ["IN", "CH", "CS", "HS", "CHAOS", "HESIOD"];
    let numbered = word
        .get(..5)
        .is_some_and(|it| it.eq_ignore_ascii_case(b"CLASS"));
    let numbered = numbered && word.len() > 5 && word[5..].iter().all(u8::is_ascii_digit);
    numbered
        || named
            .iter()
            .any(|it| it.as_bytes().eq_ignore_ascii_case(word))
}

fn rtype(words: &mut Words<'_>) -> Result<Rtype, Wrong> {
    let shown = shown(words.peek().unwrap_or_default());
    let text = words.text()?;
    let found = Rtype::from_str(text).map_err(|_| {
        Wrong::new(format!(
            "{shown} is no type of a record; such as `A`, `TXT` or `TYPE65280`"
        ))
    })?;
    match found {
        Rtype::RRSIG | Rtype::NSEC | Rtype::NSEC3 | Rtype::NSEC3PARAM => Err(Wrong::new(format!(
            "`{found}`: signed zones are not served; give the file without signatures"
        ))),
        _ if igtm_common::reply::is_meta(found.to_int()) => Err(Wrong::new(format!(
            "`{found}` is asked for, or is part of messages; no record has this type"
        ))),
        _ => Ok(found),
    }
}

/// A word for a message.
pub(super) fn shown(word: &[u8]) -> String {
    match str::from_utf8(word) {
        Ok(text) if text.chars().count() <= LONGEST_SHOWN => {
            format!("`{}`", crate::config::value::shorten(text))
        }
        _ => "what stands here (not shown)".to_owned(),
    }
}

/// A time: seconds, or numbers with units from weeks to seconds, `1h30m`.
pub(super) fn seconds(words: &mut Words<'_>) -> Result<u32, Wrong> {
    let shown = shown(words.peek().unwrap_or_default());
    let text = words.text()?;
    let wrong = || {
        Wrong::new(format!(
            "{shown} is no time; write seconds, or numbers with `w`, `d`, `h`, `m`, `s`, at most 2147483647 s in all"
        ))
    };
    let mut total = 0_u64;
    let mut number: Option<u64> = None;
    for c in text.bytes() {
        let unit = match c.to_ascii_lowercase() {
            b'0'..=b'9' => {
                let next = number.unwrap_or(0).checked_mul(10);
                let next = next.and_then(|it| it.checked_add(u64::from(c - b'0')));
                number = Some(next.filter(|it| *it <= LONGEST_TTL).ok_or_else(wrong)?);
                continue;
            }
            b'w' => 7 * 86_400,
            b'd' => 86_400,
            b'h' => 3_600,
            b'm' => 60,
            b's' => 1,
            _ => return Err(wrong()),
        };
        total += number.take().ok_or_else(wrong)? * unit;
        if total > LONGEST_TTL {
            return Err(wrong());
        }
    }
    // Without a unit behind them, the last digits are seconds.
    total += number.unwrap_or(0);
    let total = u32::try_from(total)
        .ok()
        .filter(|it| u64::from(*it) <= LONGEST_TTL);
    total.filter(|_| !text.is_empty()).ok_or_else(wrong)
}

/// The data of a record in wire format, uncompressed.
pub(super) fn rdata(found: Rtype, words: &mut Words<'_>) -> Result<Vec<u8>, Wrong> {
    let wire = if words.scan_opt_unknown_marker()? {
        generic(found, words)?
    } else if found.to_int() == rtype::SOA {
        soa(words)?
    } else if matches!(found, Rtype::SVCB | Rtype::HTTPS) {
        service::rdata(words)?
    } else {
        let data =
            ZoneRecordData::scan(found, words).map_err(|wrong| unknown_text(found, wrong))?;
        let mut wire = Vec::new();
        data.compose_rdata(&mut wire)
            .expect("a vector has room for what was just read");
        let fixed = match found {
            Rtype::SSHFP => 2,
            Rtype::TLSA => 3,
            Rtype::DS => 4,
            _ => 0,
        };
        if fixed > 0 && wire.len() == fixed {
            return Err(Wrong::end_of_entry());
        }
        wire
    };
    if words.continues() {
        let word = shown(words.peek().unwrap_or_default());
        words.at += 1;
        return Err(Wrong::new(format!("{word} is more than belongs there")));
    }
    if wire.len() > usize::from(u16::MAX) {
        return Err(Wrong::new("the data of a record has at most 65 535 octets"));
    }
    Ok(wire)
}

/// Types whose text is not known here are written as RFC 3597 says.
fn unknown_text(found: Rtype, wrong: Wrong) -> Wrong {
    if wrong.0 == "unknown record type with concrete data" {
        Wrong::new(format!(
            "the text form of `{found}` is not known here; write `\\# LENGTH HEX` (RFC 3597)"
        ))
    } else {
        wrong
    }
}

/// `\# LENGTH HEX` (RFC 3597 §5); of a type that is known it must be such data.
fn generic(found: Rtype, words: &mut Words<'_>) -> Result<Vec<u8>, Wrong> {
    let unknown = UnknownRecordData::scan_without_marker(found, words)?;
    let octets: Vec<u8> = unknown.data().clone();
    let mut parser = Parser::from_ref(&octets[..]);
    let parsed = ZoneRecordData::<_, ParsedName<_>>::parse_rdata(found, &mut parser);
    let whole = parser.remaining() == 0;
    let mut again = Vec::new();
    if let Ok(Some(data)) = parsed {
        data.compose_rdata(&mut again)
            .expect("a vector has room for what was just read");
        if whole && again == octets {
            return Ok(octets);
        }
    }
    Err(Wrong::new(format!(
        "these octets are no data of a `{found}` record"
    )))
}

/// RFC 1035 §3.3.13; its times may have units.
fn soa(words: &mut Words<'_>) -> Result<Vec<u8>, Wrong> {
    let mut wire = words.name()?;
    wire.extend(words.name()?);
    let serial: Result<u32, _> = words.text()?.parse();
    let serial = serial.map_err(|_| Wrong::new("the serial is a number below 2^32"))?;
    wire.extend(serial.to_be_bytes());
    for _ in ["REFRESH", "RETRY", "EXPIRE", "MINIMUM"] {
        let time = if words.continues() {
            seconds(words)?
        } else {
            words.text().map(|_| 0)?
        };
        wire.extend(time.to_be_bytes());
    }
    Ok(wire)
}

/// How the data of a common type is written.
pub(super) fn form(found: Rtype) -> &'static str {
    match found {
        Rtype::A => " IPV4-ADDRESS",
        Rtype::AAAA => " IPV6-ADDRESS",
        Rtype::NS | Rtype::CNAME | Rtype::PTR | Rtype::DNAME => " NAME",
        Rtype::MX => " PREFERENCE NAME",
        Rtype::TXT => " \"TEXT\"…",
        Rtype::SRV => " PRIORITY WEIGHT PORT NAME",
        Rtype::CAA => " FLAGS TAG \"VALUE\"",
        Rtype::NAPTR => " ORDER PREFERENCE \"FLAGS\" \"SERVICE\" \"REGEXP\" NAME",
        Rtype::DS => " KEY-TAG ALGORITHM DIGEST-TYPE HEX",
        Rtype::TLSA => " USAGE SELECTOR MATCHING HEX",
        Rtype::SSHFP => " ALGORITHM TYPE HEX",
        Rtype::SVCB | Rtype::HTTPS => " PRIORITY NAME KEY=VALUE…",
        Rtype::SOA => " MNAME RNAME SERIAL REFRESH RETRY EXPIRE MINIMUM",
        _ => " …",
    }
}
