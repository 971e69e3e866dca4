//! Records → [`Answer`]: lays out what one name, type and line can be answered.
//!
//! Used by the daemon only; it stands here because [`crate::reply`] reads what it writes.

use crate::checksum;
use crate::layout::{Answer, RECORD_OCTETS, RECORDS, REPLY_OCTETS, text};

/// Why records do not make an [`Answer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerError {
    /// No record at all.
    Empty,
    /// More than [`RECORDS`].
    TooMany {
        /// How many there were.
        records: usize,
    },
    /// More octets than [`REPLY_OCTETS`]: [`crate::reply::choose`] takes no record from behind it.
    TooLong {
        /// How many there were.
        octets: usize,
    },
}

/// One record to choose from.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    /// QTYPE of the record.
    pub rtype: u16,
    /// Its RDATA, uncompressed.
    pub rdata: &'a [u8],
    /// Its share of a draw; not read in a rotation.
    pub weight: u32,
}

/// How a reply's records are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draw {
    /// At most this many consecutive records, beginning at random mod n.
    Rotate(u16),
    /// One, by weight.
    Weighted,
}

/// The answer that chooses among `choices`; `ttl` in seconds.
///
/// The texts for people are left to the caller ([`describe`]).
pub fn answer(choices: &[Choice<'_>], ttl: u32, draw: Draw) -> Result<Answer, AnswerError> {
    let records = choices.len();
    if records == 0 {
        return Err(AnswerError::Empty);
    }
    if records > RECORDS {
        return Err(AnswerError::TooMany { records });
    }
    let octets = choices.iter().map(|choice| 12 + choice.rdata.len()).sum();
    if octets > REPLY_OCTETS {
        return Err(AnswerError::TooLong { octets });
    }
    let window = match draw {
        Draw::Rotate(most) => usize::from(most).clamp(1, records),
        Draw::Weighted => 1,
    };
    let mut answer = Answer {
        records: records as u16,
        window: window as u16,
        ..nothing()
    };
    if draw == Draw::Weighted {
        for (at, choice) in choices.iter().enumerate() {
            answer.total_weight += choice.weight;
            answer.cumulative[at] = answer.total_weight;
        }
    }
    // A window that begins at the last record wraps round to the first ones.
    let stored = records + window - 1;
    let mut end = 0;
    for (at, choice) in choices.iter().cycle().take(stored).enumerate() {
        let octets = 12 + choice.rdata.len();
        let field = &mut answer.octets[end..end + octets];
        write_record(field, choice, ttl);
        answer.sums[at + 1] = answer.sums[at] + checksum::sum(field);
        end += octets;
        answer.offsets[at + 1] = end as u16;
    }
    Ok(answer)
}

/// An answer without records: the kernel passes the query up instead of going on to a less
/// preferred line.
pub const fn nothing() -> Answer {
    Answer {
        name: [0; _],
        line: [0; _],
        addresses: [0; _],
        records: 0,
        window: 0,
        total_weight: 0,
        cumulative: [u32::MAX; _],
        sums: [0; _],
        offsets: [0; _],
        pad: [0; _],
        octets: [0; _],
    }
}

/// Fills in what `bpftool map dump` shows.
pub fn describe(answer: &mut Answer, name: &str, line: &str, addresses: &str) {
    answer.name = text(name);
    answer.line = text(line);
    answer.addresses = text(addresses);
}

/// RFC 1035 §4.1.3, with the owner compressed to the question (§4.1.4).
fn write_record(field: &mut [u8], choice: &Choice<'_>, ttl: u32) {
    field[0..2].copy_from_slice(&[0xc0, 12]);
    field[2..4].copy_from_slice(&choice.rtype.to_be_bytes());
    field[4..6].copy_from_slice(&[0, 1]);
    field[6..10].copy_from_slice(&ttl.to_be_bytes());
    field[10..12].copy_from_slice(&(choice.rdata.len() as u16).to_be_bytes());
    field[12..].copy_from_slice(choice.rdata);
}

const _: () = {
    assert!(RECORD_OCTETS <= u16::MAX as usize);
    // Every record is stored at most twice.
    assert!(2 * REPLY_OCTETS <= RECORD_OCTETS);
};
