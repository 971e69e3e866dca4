//! Names in wire format, and their keys.
//!
//! Must not know what stands at a name: that is `fixed.rs`'.

use hickory_proto::rr::Name;
use igtm_common::layout::NameKey;
use igtm_common::name::{HashKey, NameHash};

/// A name's octets in wire format (RFC 1035 §3.1), uncompressed, as it is written.
pub fn wire(name: &Name) -> Vec<u8> {
    let mut octets = Vec::with_capacity(name.len() + 1);
    for label in name.iter() {
        octets.push(label.len() as u8);
        octets.extend_from_slice(label);
    }
    octets.push(0);
    octets
}

/// The lookup key of a wire name in any case; `None` when it is longer than a name can be.
pub fn key(secret: &HashKey, wire: &[u8]) -> Option<NameKey> {
    NameHash::of(secret, wire).map(|NameHash(hash)| NameKey { hash })
}

/// A wire name as people write it, without the final dot; the root is empty.
pub fn text(wire: &[u8]) -> String {
    let mut text = String::with_capacity(wire.len());
    for label in labels(wire) {
        if !text.is_empty() {
            text.push('.');
        }
        text.extend(label.iter().map(|octet| char::from(*octet)));
    }
    text
}

/// How many labels a wire name has, without the root.
pub fn depth(wire: &[u8]) -> u8 {
    // At most 127: each takes two octets.
    labels(wire).count() as u8
}

/// A wire name, its parent, and so on up to the root.
pub fn upward(wire: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::successors(Some(wire), |name| {
        let length = usize::from(*name.first()?);
        if length == 0 {
            return None;
        }
        name.get(1 + length..)
    })
}

fn labels(wire: &[u8]) -> impl Iterator<Item = &[u8]> {
    upward(wire).filter_map(|name| {
        let length = usize::from(*name.first()?);
        name.get(1..1 + length).filter(|label| !label.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &[u8] = b"\x03www\x03gtm\x04test\0";

    #[test]
    fn a_name_is_told_by_its_labels() {
        assert_eq!(text(NAME), "www.gtm.test");
        assert_eq!(depth(NAME), 3);
        let parents: Vec<_> = upward(NAME).map(text).collect();
        assert_eq!(parents, ["www.gtm.test", "gtm.test", "test", ""]);
        assert_eq!((text(b"\0"), depth(b"\0")), (String::new(), 0));
    }

    #[test]
    fn the_key_is_that_of_any_case() {
        let secret = [0x0123_4567_89ab_cdef; _];
        assert_eq!(
            key(&secret, NAME),
            key(&secret, b"\x03WwW\x03gtm\x04TEST\0")
        );
        assert_ne!(key(&secret, NAME), key(&secret, &NAME[4..]));
        assert_eq!(key(&secret, &[1; 256]), None);
    }
}
