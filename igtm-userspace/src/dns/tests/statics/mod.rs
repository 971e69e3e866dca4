//! Static records as they are answered: the main cases in words, and any zone against a slow
//! reference.

mod any_zones;
mod reference;
mod words;

use std::fs;
use std::sync::Arc;

use hickory_proto::op::Message;

use crate::snapshot::fixture::ground;
use crate::snapshot::{Ground, Snapshot};

/// What answers from these zones (origin, text of the file) and the tables of `more`.
fn zones(files: &[(&str, &str)], more: &str) -> Arc<Ground> {
    let directory = tempfile::tempdir().expect("a directory");
    let mut text = String::new();
    for (at, (origin, records)) in files.iter().enumerate() {
        let path = directory.path().join(at.to_string());
        fs::write(&path, records).expect("written");
        let path = path.display();
        text += &format!("[[zone]]\norigin = \"{origin}\"\nfile = \"{path}\"\n");
    }
    ground(&format!("{text}{more}"))
}

fn snapshot(ground: &Arc<Ground>) -> Snapshot {
    crate::snapshot::fixture::snapshot(ground, &[], super::SERIAL)
}

/// A type that nobody has, in the place of DNAME, which hickory does not parse.
const DNAME: u16 = 65_281;

/// A reply, parsed by hickory.
fn parsed(mut octets: Vec<u8>) -> Message {
    let word = |octets: &[u8], at: usize| u16::from_be_bytes([octets[at], octets[at + 1]]);
    let records: u16 = [6, 8, 10].map(|at| word(&octets, at)).iter().sum();
    let skip_name = |octets: &[u8], mut at: usize| loop {
        match octets[at] {
            0 => break at + 1,
            0xc0.. => break at + 2,
            length => at += 1 + usize::from(length),
        }
    };
    let mut at = skip_name(&octets, 12) + 4;
    for _ in 0..records {
        at = skip_name(&octets, at);
        if word(&octets, at) == 39 {
            octets[at..at + 2].copy_from_slice(&DNAME.to_be_bytes());
        }
        at += 10 + usize::from(word(&octets, at + 8));
    }
    assert_eq!(at, octets.len(), "nothing stands behind the records");
    Message::from_vec(&octets).expect("well formed")
}

/// An instance with one address for everybody.
fn instance(domain: &str, access: &str) -> String {
    format!(
        "[[instance]]\nname = \"i-{access}\"\ndomain = \"{domain}\"\naccess_domain = \"{access}\"\n\
         [[instance.strategy]]\nname = \"s\"\nlines = [\"default\"]\nfallback = \"p\"\n\
         tier = [{{ pools = [\"p\"] }}]\n"
    )
}

const POOL: &str =
    "[[pool]]\nname = \"p\"\ntype = \"ipv4\"\naddress = [{ value = \"192.0.2.80\" }]\n";
