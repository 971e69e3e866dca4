//! Queries made at random out of what a query is made of: clients, tags, names, types, options.
//!
//! Says of each whether the kernel must answer it: made by the rules here, not by the product's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::answers::{ANYBODY, ANYBODY_V6, TELECOM, TELECOM_V6, long_name};
use super::cookie::{CLIENT, cookie, forged};
use super::dice::Dice;
use super::fixture::{CURRENT, PREVIOUS};
use super::frame::datagram;
use super::message::{A, AAAA, COOKIE, Opt, SUBNET, TXT, query, wire};

/// Zones of the fixture.
const ZONES: [&str; 7] = [
    "gtm.test",
    "child.between.gtm.test",
    "onelabel",
    "z",
    "flat.test",
    "unresolved.test",
    "static.test",
];
/// Names that exist besides, and whether types other than A and AAAA are userspace's.
const NAMES: [(&str, Others); 29] = [
    ("www.gtm.test", Others::Kernel),
    ("window.gtm.test", Others::Kernel),
    ("weighted.gtm.test", Others::Kernel),
    ("many.gtm.test", Others::Kernel),
    ("seven.gtm.test", Others::Kernel),
    ("eight.gtm.test", Others::Kernel),
    ("full.gtm.test", Others::Kernel),
    ("full-weighted.gtm.test", Others::Kernel),
    ("subnets.gtm.test", Others::Kernel),
    ("deep.under.empty.gtm.test", Others::Kernel),
    ("under.empty.gtm.test", Others::Kernel),
    ("www.child.between.gtm.test", Others::Kernel),
    ("shop-access.gtm.test", Others::Kernel),
    ("cdn.gtm.test", Others::Userspace),
    ("cdn-long.gtm.test", Others::Userspace),
    ("shop.gtm.test", Others::All),
    ("inward.gtm.test", Others::All),
    ("unresolved.test", Others::All),
    ("host.static.test", Others::All),
    ("alias.static.test", Others::All),
    ("cut.static.test", Others::All),
    ("*.wild.static.test", Others::All),
    ("wild.static.test", Others::Kernel),
    ("ent.static.test", Others::Kernel),
    ("under.ent.static.test", Others::Kernel),
    ("deep.under.ent.static.test", Others::Userspace),
    ("txt.static.test", Others::Userspace),
    ("beside.static.test", Others::Userspace),
    ("old.static.test", Others::Userspace),
];
/// Names below which a wildcard, a delegation or a DNAME answers: whatever is there, userspace may say.
const OPEN: [&str; 3] = ["wild.static.test", "cut.static.test", "old.static.test"];

/// Who answers what at a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Others {
    /// The kernel answers every type.
    Kernel,
    /// A and AAAA only.
    Userspace,
    /// None.
    All,
}

/// A query on its way.
pub struct Made {
    /// The message.
    pub message: Vec<u8>,
    /// Who sends it.
    pub client: IpAddr,
    /// Nothing is wrong with it, and nothing in it is userspace's.
    pub plain: bool,
}

impl Made {
    /// In a frame without tags.
    pub fn frame(&self) -> Vec<u8> {
        datagram(self.client, &self.message)
    }
}

/// Whether types like this are left to userspace at a name, both as a query has them.
pub fn is_userspaces(name: &[u8], qtype: u16) -> bool {
    let is_meta = qtype == 0 || qtype == 41 || (128..=255).contains(&qtype);
    let name = name.to_ascii_lowercase();
    let at_zone = ZONES.iter().any(|zone| wire(zone) == name);
    let others = NAMES.iter().find(|(known, _)| wire(known) == name);
    let address = matches!(qtype, A | AAAA);
    let mut open = OPEN.iter().map(|open| wire(open));
    is_meta
        || open.any(|open| name.ends_with(&open) && name != open)
        || (at_zone && !address)
        || others.is_some_and(|(_, others)| match others {
            Others::Kernel => false,
            Others::Userspace => !address,
            Others::All => true,
        })
}

/// A query; `cookies` are what clients have been given before.
pub fn made(dice: &mut Dice, cookies: &[(IpAddr, Vec<u8>)], now: u32) -> Made {
    let (name, inside) = name(dice);
    let qtype = qtype(dice);
    let mut plain = inside && !is_userspaces(&name, qtype);
    let mut client = client(dice);
    let mut query = query("", qtype);
    query.name = name;
    query.id = dice.word() as u16;
    if dice.one_in(4) {
        // RD, AA and everything that a query does not mean.
        query.flags = [dice.octet() & 0x05, dice.octet()];
    }
    if !dice.one_in(3) {
        let (opt, fine) = opt(dice, &mut client, cookies, now);
        plain &= fine;
        query = query.with(&opt);
    }
    Made {
        message: query.octets(),
        client,
        plain,
    }
}

fn client(dice: &mut Dice) -> IpAddr {
    match dice.below(8) {
        0 => ANYBODY,
        1 => ANYBODY_V6,
        2 => TELECOM,
        3 => TELECOM_V6,
        _ => address(dice),
    }
}

/// Near the fixture's prefixes, or anywhere; good as a source.
fn address(dice: &mut Dice) -> IpAddr {
    match dice.below(6) {
        0 => [198, 51, 99 + dice.below(3) as u8, dice.octet()].into(),
        1 => [100, 60 + dice.below(70) as u8, dice.octet(), dice.octet()].into(),
        2 => Ipv4Addr::new(100, 80, 1, dice.below(4) as u8).into(),
        3 => Ipv4Addr::new(1 + dice.below(126) as u8, dice.octet(), dice.octet(), 9).into(),
        4 => {
            let third = *dice.pick(&[0x50, 0x51, 0x52, 0x8000, 0x8001, 0xc000]);
            let rest = dice.word() & dice.word() & dice.word();
            let (high, low) = ((rest >> 16) as u16, rest as u16);
            Ipv6Addr::new(0x2001, 0xdb8, third, high, 0, low, 0, dice.below(3) as u16).into()
        }
        _ => {
            let mut octets = [0; 16];
            octets.copy_from_slice(&dice.octets(16));
            octets[0] = 0x20 | octets[0] & 0x1f;
            octets.into()
        }
    }
}

fn qtype(dice: &mut Dice) -> u16 {
    match dice.below(10) {
        0..5 => A,
        5..8 => AAAA,
        8 => *dice.pick(&[2, 5, 6, TXT, 33, 43, 64, 65, 255, 257]),
        _ => (dice.word() as u16) >> dice.below(9),
    }
}

/// A name, and whether it lies in a zone.
fn name(dice: &mut Dice) -> (Vec<u8>, bool) {
    let long = long_name();
    let known = match dice.below(12) {
        0..8 => dice.pick(&NAMES).0,
        8 => &long,
        _ => dice.pick(&ZONES),
    };
    let mut name = wire(known);
    let mut inside = true;
    match dice.below(12) {
        0..6 => {}
        6 | 7 => {
            for _ in 0..1 + dice.below(4) {
                prepend(dice, &mut name);
            }
        }
        // As long as can be, of labels long and short.
        8 => while prepend(dice, &mut name) {},
        9 => {
            while name.len() <= 253 {
                name.splice(0..0, [1, b'x']);
            }
        }
        10 => {
            // A neighbour's name, or one that only looks like this one.
            let at = dice.below(name.len());
            name[at] ^= 1 << dice.below(8);
            inside = false;
        }
        _ => {
            // Above it.
            let labels = 1 + dice.below(2);
            for _ in 0..labels {
                let label = usize::from(name[0]);
                if label > 0 {
                    name.drain(..=label);
                }
            }
            inside = false;
        }
    }
    for octet in &mut name {
        if octet.is_ascii_lowercase() && dice.one_in(2) {
            *octet = octet.to_ascii_uppercase();
        }
    }
    (name, inside)
}

/// Puts a label before a name; whether there was room.
fn prepend(dice: &mut Dice, name: &mut Vec<u8>) -> bool {
    let room = 255_usize.saturating_sub(name.len() + 1).min(63);
    if room == 0 {
        return false;
    }
    let octets = match dice.below(4) {
        0 => room,
        _ => 1 + dice.below(room.min(16)),
    };
    let mut label = dice.octets(octets);
    if !dice.one_in(4) {
        for octet in &mut label {
            *octet = b"abcdefghijklmnopqrstuvwxyz0123456789-_"[usize::from(*octet) % 38];
        }
    }
    // The end of a name to who looks for the first zero octet: in a label it is userspace's.
    for octet in &mut label {
        *octet = (*octet).max(1);
    }
    label.insert(0, octets as u8);
    name.splice(0..0, label);
    true
}

/// An OPT, and whether the kernel takes it; `client` becomes that of a cookie that is shown.
fn opt(
    dice: &mut Dice,
    client: &mut IpAddr,
    cookies: &[(IpAddr, Vec<u8>)],
    now: u32,
) -> (Opt, bool) {
    let size = match dice.below(8) {
        0 => dice.word() as u16,
        1 => 400 + dice.below(500) as u16,
        _ => *dice.pick(&[0, 512, 1232, 4096, u16::MAX]),
    };
    let mut opt = Opt::sized(size);
    opt.dnssec_ok = dice.one_in(2);
    let (mut fine, mut subnets, mut shown) = (true, 0, 0);
    let count = *dice.pick(&[0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4, 5]);
    for _ in 0..count {
        let (code, data, good) = match dice.below(5) {
            0 | 1 if subnets == 0 || dice.one_in(8) => {
                subnets += 1;
                let (data, good) = subnet(dice);
                (SUBNET, data, good)
            }
            2 | 3 if shown == 0 || dice.one_in(8) => {
                shown += 1;
                let (data, good) = cookie_data(dice, client, cookies, now);
                (COOKIE, data, good)
            }
            _ => {
                let code = *dice.pick(&[0, 1, 2, 3, 4, 5, 9, 11, 12, 13, 15, 18, 20, 256, 65_001]);
                let octets = *dice.pick(&[0, 1, 2, 3, 4, 7, 8, 16, 33, 100, 400]);
                (code, dice.octets(octets), code != 3)
            }
        };
        fine &= good && opt.options.len() < 1024;
        opt = opt.option(code, &data);
    }
    fine &= subnets < 2 && shown < 2 && count < 5;
    if dice.one_in(40) {
        opt.version = dice.octet();
        fine &= opt.version == 0;
    }
    if dice.one_in(40) {
        opt.excess = dice.below(9) as i16 - 4;
        fine &= opt.excess == 0;
    }
    (opt, fine)
}

/// A subnet's data, and whether it is well formed.
fn subnet(dice: &mut Dice) -> (Vec<u8>, bool) {
    let (family, address, most) = match address(dice) {
        IpAddr::V4(v4) => (1, v4.octets().to_vec(), 32),
        IpAddr::V6(v6) => (2, v6.octets().to_vec(), 128),
    };
    let source = match dice.below(6) {
        0 => 0,
        1 => most,
        2 => most / 4 * 3,
        _ => 1 + dice.below(most),
    };
    let octets = source.div_ceil(8);
    let mut data = vec![0, family, source as u8, 0];
    data.extend(&address[..octets]);
    if source % 8 != 0 {
        data[3 + octets] &= 0xff << (8 - source % 8);
    }
    if !dice.one_in(12) {
        return (data, true);
    }
    let before = data.clone();
    match dice.below(5) {
        0 => data[dice.below(4)] = dice.octet(),
        1 => data.push(0),
        2 => data.truncate(dice.below(data.len())),
        3 => {
            let at = dice.below(data.len());
            data[at] ^= 1 << dice.below(8);
        }
        _ => {
            let octets = dice.below(24);
            data = dice.octets(octets);
        }
    }
    // What is wrong with it is not for this to say.
    (data.clone(), data == before)
}

/// A cookie's data, and whether it is well formed.
fn cookie_data(
    dice: &mut Dice,
    client: &mut IpAddr,
    cookies: &[(IpAddr, Vec<u8>)],
    now: u32,
) -> (Vec<u8>, bool) {
    let age = match dice.below(4) {
        0 => dice.word(),
        1 => *dice.pick(&[0, 1, 1800, 1801, 3600, 3601, 300_u32.wrapping_neg()]),
        _ => dice.below(4000) as u32,
    };
    let timestamp = now.wrapping_sub(age);
    match dice.below(10) {
        0 | 1 => (dice.octets(8), true),
        2..5 if !cookies.is_empty() => {
            let (owner, data) = dice.pick(cookies);
            if !dice.one_in(4) {
                *client = *owner;
            }
            (data.clone(), true)
        }
        5 => (cookie(CLIENT, *client, timestamp), true),
        6 => {
            let secret = *dice.pick(&[CURRENT, PREVIOUS, 7]);
            let version = *dice.pick(&[0x0100_0000, 0x0100_0001, 0x01ff_ffff, 0, 0x0200_0000]);
            (forged(secret, CLIENT, version, *client, timestamp), true)
        }
        7 => {
            let octets = dice.below(50);
            let good = octets == 8 || (16..=40).contains(&octets);
            (dice.octets(octets), good)
        }
        8 => {
            let mut data = cookie(CLIENT, *client, timestamp);
            let at = dice.below(data.len());
            data[at] ^= 1 << dice.below(8);
            (data, true)
        }
        _ => (dice.octets(24), true),
    }
}

/// A query with a part that does not fit the others.
pub fn miscounted(dice: &mut Dice, message: &mut [u8]) {
    if message.len() >= 12 {
        let at = 4 + dice.below(8);
        message[at] = dice.below(3) as u8;
    }
}
