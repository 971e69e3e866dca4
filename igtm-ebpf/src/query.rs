//! The DNS message of a query: header, one question, at most one OPT.
//!
//! Reads only; accepts nothing that the contract (dataplane.md §1) does not name.

use core::hint::black_box;

use igtm_common::{
    counter::Counter,
    layout::Settings,
    name::{NAME_OCTETS, NAME_WORDS, NameHash, WORD, first_zero, lowercase},
    reply::{HEADER_OCTETS, NOT_QUERY, OPT_OCTETS, Opt},
};

use crate::frame::{ETHERNET, Packet, UDP};

const CLASS_IN: u16 = 1;
const TYPE_OPT: u16 = 41;
/// Options that change the reply and are served by the daemon: NSID (RFC 5001), client
/// subnet (RFC 7871).
const NSID: u16 = 3;
const CLIENT_SUBNET: u16 = 8;
/// More are passed up: a query has one or two.
const MOST_OPTIONS: usize = 4;
/// QTYPE and QCLASS.
const QUESTION_TAIL: usize = 4;

/// A query that may have an answer.
pub(crate) struct Query {
    /// The name's key.
    pub(crate) name: NameHash,
    /// Host order.
    pub(crate) qtype: u16,
    /// The first three octets of the header.
    pub(crate) header: [u8; 3],
    /// Octets of the question.
    pub(crate) question: usize,
    /// The question's checksum part, as it came.
    pub(crate) question_sum: u64,
    /// Its OPT.
    pub(crate) opt: Option<Opt>,
}

impl Query {
    /// Parses the message behind an IP header of `L3` octets; `message` is its length.
    #[inline(always)]
    pub(crate) fn parse<const L3: usize>(
        packet: &Packet,
        settings: &Settings,
        message: usize,
    ) -> Result<Self, Counter> {
        let start = ETHERNET + L3 + UDP;
        let header = packet
            .at::<[u8; HEADER_OCTETS]>(start)
            .ok_or(Counter::PassBadLength)?;
        // SAFETY: inside the frame.
        let header = unsafe { *header };
        if header[2] & NOT_QUERY != 0 {
            return Err(Counter::PassNotQuery);
        }
        let additional = header[11];
        if header[4..11] != [0, 1, 0, 0, 0, 0, 0] || additional > 1 {
            return Err(Counter::PassSections);
        }

        let name_at = start + HEADER_OCTETS;
        let mut name = Name::default();
        let octets = name.read(packet, settings, name_at, start + message)?;
        let octets = forget(octets, packet.octets());
        if octets > NAME_OCTETS {
            return Err(Counter::PassBadName);
        }
        let tail = packet
            .at_variable::<[u16; 2]>(name_at + octets)
            .ok_or(Counter::PassBadName)?;
        // SAFETY: inside the frame.
        let [qtype, class] = unsafe { tail.read_unaligned() };
        if u16::from_be(class) != CLASS_IN {
            return Err(Counter::PassClass);
        }
        let question = octets + QUESTION_TAIL;
        let tail_sum = u64::from(qtype) + u64::from(class);
        let question_sum = name.sum + igtm_common::checksum::at_offset(tail_sum, octets);

        let mut end = HEADER_OCTETS + question;
        let mut opt = None;
        if additional == 1 {
            let (found, octets) = read_opt(packet, name_at + question)?;
            opt = Some(found);
            end += octets;
        }
        if end != message {
            return Err(Counter::PassBadLength);
        }
        Ok(Self {
            name: name.hash,
            qtype: u16::from_be(qtype),
            header: [header[0], header[1], header[2]],
            question,
            question_sum,
            opt,
        })
    }
}

/// The same number, which the verifier no longer knows: it would else walk all that follows
/// once for each length a name can have.
#[inline(always)]
fn forget(number: usize, unknown: usize) -> usize {
    black_box(number ^ unknown) ^ unknown
}

#[derive(Default)]
struct Name {
    hash: NameHash,
    sum: u64,
}

impl Name {
    /// Hashes and sums the name at `offset` of a message that ends at `end` of the frame.
    /// Returns its octets with the root label.
    #[inline(always)]
    fn read(
        &mut self,
        packet: &Packet,
        settings: &Settings,
        offset: usize,
        end: usize,
    ) -> Result<usize, Counter> {
        let mut word_at = 0;
        // The last word stands behind the loop: inside, the verifier would walk the rest of the
        // loop once more for each word that could be the last.
        while let Some(word) = packet.at::<u64>(offset + WORD * word_at) {
            // SAFETY: inside the frame.
            let word = u64::from_le(unsafe { word.read_unaligned() });
            if let Some(octets) = self.take(settings, word_at, word) {
                return Ok(octets);
            }
            word_at += 1;
            if word_at == NAME_WORDS {
                return Err(Counter::PassBadName);
            }
        }
        let word = last_word(packet, offset + WORD * word_at, end)?;
        self.take(settings, word_at, word)
            .ok_or(Counter::PassBadName)
    }

    /// Takes in one word; `Some` with the name's octets when it ends there.
    #[inline(always)]
    fn take(&mut self, settings: &Settings, word_at: usize, word: u64) -> Option<usize> {
        let zero = first_zero(word);
        let cut = match zero {
            Some((before, _)) => word & before,
            None => word,
        };
        self.hash
            .absorb(&settings.hash_key, word_at, lowercase(cut));
        self.sum += (cut & 0xffff_ffff) + (cut >> 32);
        zero.map(|(_, octets)| WORD * word_at + octets + 1)
    }
}

/// The word at `from` when fewer than eight octets of the frame are left: the message's
/// final eight octets, shifted down to what is asked for. What is shifted in reads as
/// the end of the name and is caught by the message's length.
#[inline(always)]
fn last_word(packet: &Packet, from: usize, end: usize) -> Result<u64, Counter> {
    if from >= end || end - from >= WORD {
        return Err(Counter::PassBadName);
    }
    let word = packet
        .at_variable::<u64>(end - WORD)
        .ok_or(Counter::PassBadName)?;
    // SAFETY: inside the frame.
    let word = u64::from_le(unsafe { word.read_unaligned() });
    Ok(word >> (8 * (WORD - (end - from))))
}

/// The OPT at `offset` of the frame and its octets (RFC 6891 §6.1.2).
#[inline(always)]
fn read_opt(packet: &Packet, offset: usize) -> Result<(Opt, usize), Counter> {
    let fixed = packet
        .at_variable::<[u8; OPT_OCTETS]>(offset)
        .ok_or(Counter::PassBadOpt)?;
    // SAFETY: inside the frame.
    let fixed = unsafe { *fixed };
    let word = |at: usize| u16::from_be_bytes([fixed[at], fixed[at + 1]]);
    let version = fixed[6];
    if fixed[0] != 0 || word(1) != TYPE_OPT || version != 0 {
        return Err(Counter::PassBadOpt);
    }
    let opt = Opt {
        udp_size: word(3),
        dnssec_ok: fixed[7] & 0x80 != 0,
    };
    let length = usize::from(word(9));
    let mut read = 0;
    for _ in 0..MOST_OPTIONS {
        if read == length {
            return Ok((opt, OPT_OCTETS + length));
        }
        if read + 4 > length || read > 1024 {
            return Err(Counter::PassBadOpt);
        }
        let option = packet
            .at_variable::<[u16; 2]>(offset + OPT_OCTETS + read)
            .ok_or(Counter::PassBadOpt)?;
        // SAFETY: inside the frame.
        let [code, octets] = unsafe { option.read_unaligned() }.map(u16::from_be);
        if code == NSID || code == CLIENT_SUBNET {
            return Err(Counter::PassEdnsOption);
        }
        read += 4 + usize::from(octets);
    }
    if read == length {
        return Ok((opt, OPT_OCTETS + length));
    }
    Err(Counter::PassEdnsOption)
}
