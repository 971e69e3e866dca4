//! The data of SVCB and HTTPS records (RFC 9460 §2): priority, target, and parameters by key.
//!
//! What the value of a named key means is `domain`'s; its reader of the whole list refuses keys with a
//! `9` or a `z` in them, and reads numbered ones as named. Must not look at other records.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use domain::base::iana::SvcParamKey;
use domain::base::scan::{Scan as _, Scanner as _};
use domain::rdata::svcb::value::AllValues;
use domain::rdata::svcb::{ComposeSvcParamValue as _, ScanSvcParamValue as _};

use super::words::{Words, Wrong};

/// Priority, target, and parameters with ascending keys (RFC 9460 §2.2).
pub(super) fn rdata(words: &mut Words<'_>) -> Result<Vec<u8>, Wrong> {
    let mut wire = u16::scan(words)?.to_be_bytes().to_vec();
    wire.extend(words.name()?);
    let mut params = BTreeMap::new();
    while words.continues() {
        let param = words.scan_svcb_octets()?;
        let mut parts = param.splitn(2, |octet| *octet == b'=');
        let name = parts.next().unwrap_or_default();
        let value = parts.next().unwrap_or_default();
        let (key, value) = match number(name)? {
            // Whatever it means (RFC 9460 §2.1).
            Some(number) => (number, value.to_vec()),
            None => named(name, value, words)?,
        };
        if value.len() > usize::from(u16::MAX) {
            return Err(Wrong::new("a value has at most 65 535 octets"));
        }
        if params.insert(key, value).is_some() {
            return Err(Wrong::new("duplicate SvcParamKey"));
        }
    }
    let (mandatory, _) = params
        .get(&SvcParamKey::MANDATORY.to_int())
        .map_or(&[][..], Vec::as_slice)
        .as_chunks();
    for key in mandatory {
        let key = u16::from_be_bytes(*key);
        if !params.contains_key(&key) {
            return Err(Wrong::new(format!(
                "{} is mandatory and not there",
                SvcParamKey::from_int(key)
            )));
        }
    }
    let has = |key: SvcParamKey| params.contains_key(&key.to_int());
    // RFC 9460 §7.1.1.
    if has(SvcParamKey::NO_DEFAULT_ALPN) && !has(SvcParamKey::ALPN) {
        return Err(Wrong::new("no-default-alpn needs alpn"));
    }
    for (key, value) in params {
        wire.extend(key.to_be_bytes());
        wire.extend((value.len() as u16).to_be_bytes());
        wire.extend(value);
    }
    Ok(wire)
}

/// The number of a key that is written `keyNNNNN`, without leading zeros.
fn number(name: &[u8]) -> Result<Option<u16>, Wrong> {
    let lower = |octet: &u8| matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'-');
    if name.is_empty() || !name.iter().all(lower) {
        return Err(Wrong::new("invalid SvcParamKey"));
    }
    let digits = name.strip_prefix(b"key").unwrap_or_default();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Ok(None);
    }
    let text = str::from_utf8(digits).unwrap_or_default();
    let number = text
        .parse()
        .ok()
        .filter(|_| digits[0] != b'0' || digits.len() == 1);
    // The last one is reserved (RFC 9460 §14.3.2).
    let number = number.filter(|number| SvcParamKey::from_int(*number) != SvcParamKey::INVALID);
    let wrong = || Wrong::new("a numbered key is `key0` to `key65534`, without leading zeros");
    number.map(Some).ok_or_else(wrong)
}

/// A key with a name of the registry, and its value.
fn named(name: &[u8], value: &[u8], words: &mut Words<'_>) -> Result<(u16, Vec<u8>), Wrong> {
    let key = SvcParamKey::from_str(&String::from_utf8_lossy(name))
        .map_err(|_| Wrong::new("unknown SvcParamKey"))?;
    let unknown = || {
        let number = key.to_int();
        Wrong::new(format!(
            "the values of `{key}` are not known here; write `key{number}=OCTETS`"
        ))
    };
    let read = AllValues::value_from_scan_octets(words, key, value)?;
    let value = read.filter(|value| !matches!(value, AllValues::Unknown(_)));
    let value: AllValues<Vec<u8>> = value.ok_or_else(unknown)?;
    let mut octets = Vec::new();
    value
        .compose_value(&mut octets)
        .expect("a vector has room for what was just read");
    Ok((key.to_int(), octets))
}
