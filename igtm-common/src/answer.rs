//! Records → [`Answer`]: lays out what may be answered, ready to be chosen from.
//!
//! Made by the daemon only; it stands here because [`crate::reply`] reads what it writes. Knows no
//! name: records point to the question, so that many names share one answer.

use crate::checksum;
use crate::layout::{Text, text};

/// Value of `ANSWERS` and `LARGE_ANSWERS`: ready records and how to choose among them, `C` − 1 at
/// most with `O` octets in all.
///
/// Arrays by record have one element more than there can be records: what stands at `n` is true of
/// the first `n` records together.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<const C: usize, const O: usize, const T: usize> {
    /// Number of records to choose from, fewer than `C`; 0: NODATA; [`Answer::UNKNOWN`] has more.
    pub records: u16,
    /// How many of them one reply holds at most, at most `records`.
    pub window: u16,
    /// TYPE of the records, host order.
    pub rtype: u16,
    /// Explicit padding, zero.
    pub pad: u16,
    /// Sum of all weights; 0: rotation instead of a draw.
    pub total_weight: u32,
    /// Seconds.
    pub ttl: u32,
    /// Where each record begins in `octets`, and where the last one ends.
    pub offsets: [u16; C],
    /// Checksum part of the records before each; see [`crate::checksum::sum`].
    pub sums: [u32; C],
    /// Sum of weights up to and with each record; `u32::MAX` behind the last.
    pub cumulative: [u32; C],
    /// Resource records in wire format (RFC 1035 §4.1.3), owner a pointer to the question.
    pub octets: [u8; O],
    /// Addresses with weights, for people; a longer list is cut.
    pub addresses: Text<T>,
}

/// The usual answer: up to seven records.
pub type SmallAnswer = Answer<8, 160, 160>;

/// An answer that does not fit a [`SmallAnswer`]: up to 127 records.
pub type LargeAnswer = Answer<128, 3568, 3568>;

const _: () = {
    assert!(size_of::<SmallAnswer>() == 416);
    assert!(size_of::<LargeAnswer>() == 8432);
};

/// Why records do not make an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerError {
    /// More records than it has room for.
    TooMany {
        /// How many there were.
        records: usize,
        /// How many there can be.
        most: usize,
    },
    /// More octets than it has room for.
    TooLong {
        /// How many there were.
        octets: usize,
        /// How many there can be.
        most: usize,
    },
}

/// One record to choose from.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
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

/// Octets of a record without its RDATA, the owner being a pointer.
pub const RECORD_FIXED: usize = 12;

impl<const C: usize, const O: usize, const T: usize> Answer<C, O, T> {
    /// Most records to choose from.
    pub const MOST_RECORDS: usize = C - 1;

    /// Most octets that all of them may take.
    pub const MOST_OCTETS: usize = O;

    /// No records: NODATA.
    pub const NOTHING: Self = Self {
        records: 0,
        window: 0,
        rtype: 0,
        pad: 0,
        total_weight: 0,
        ttl: 0,
        offsets: [0; _],
        sums: [0; _],
        cumulative: [u32::MAX; _],
        octets: [0; _],
        addresses: [0; _],
    };

    /// What is answered is not known: never [`crate::reply::choose`]n from, so the kernel passes the
    /// query up, and userspace fails it.
    pub const UNKNOWN: Self = Self {
        records: u16::MAX,
        ..Self::NOTHING
    };

    /// Whether this is [`Self::UNKNOWN`].
    pub fn is_unknown(&self) -> bool {
        self.records == u16::MAX
    }

    /// The answer that chooses among `choices`; `ttl` in seconds, `addresses` for people.
    pub fn new(
        rtype: u16,
        choices: &[Choice<'_>],
        ttl: u32,
        draw: Draw,
        addresses: &str,
    ) -> Result<Self, AnswerError> {
        let records = choices.len();
        let most = C - 1;
        if records > most {
            return Err(AnswerError::TooMany { records, most });
        }
        let lengths = choices
            .iter()
            .map(|choice| RECORD_FIXED + choice.rdata.len());
        let (octets, most) = (lengths.sum(), O);
        if octets > most {
            return Err(AnswerError::TooLong { octets, most });
        }
        let window = match draw {
            Draw::Rotate(most) => usize::from(most).min(records),
            Draw::Weighted => records.min(1),
        };
        let mut answer = Self {
            records: records as u16,
            window: window as u16,
            rtype,
            ttl,
            addresses: text(addresses),
            ..Self::NOTHING
        };
        let mut end = 0;
        for (at, choice) in choices.iter().enumerate() {
            let octets = RECORD_FIXED + choice.rdata.len();
            let field = &mut answer.octets[end..end + octets];
            write_record(field, rtype, choice.rdata, ttl);
            end += octets;
            answer.sums[at + 1] = answer.sums[at] + checksum::sum(field);
            answer.offsets[at + 1] = end as u16;
            if draw == Draw::Weighted {
                answer.total_weight += choice.weight;
                answer.cumulative[at] = answer.total_weight;
            }
        }
        Ok(answer)
    }
}

/// RFC 1035 §4.1.3, with the owner compressed to the question (§4.1.4).
fn write_record(field: &mut [u8], rtype: u16, rdata: &[u8], ttl: u32) {
    field[0..2].copy_from_slice(&[0xc0, 12]);
    field[2..4].copy_from_slice(&rtype.to_be_bytes());
    field[4..6].copy_from_slice(&[0, 1]);
    field[6..10].copy_from_slice(&ttl.to_be_bytes());
    field[10..12].copy_from_slice(&(rdata.len() as u16).to_be_bytes());
    field[12..].copy_from_slice(rdata);
}
