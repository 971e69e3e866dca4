//! The DNS message of a query: header, one question, at most one OPT.
//!
//! Reads only; accepts nothing that the contract (dataplane.md §1) does not name.

use igtm_common::{
    checksum,
    counter::Counter,
    layout::Settings,
    name::{NAME_OCTETS, NAME_WORDS, NameHash, WORD, first_zero, lowercase},
    reply::{HEADER_OCTETS, NOT_QUERY, Opt},
};

use crate::{
    edns::{self, Found},
    frame::Frame,
    packet::Packet,
};

const CLASS_IN: u16 = 1;
/// QTYPE and QCLASS.
const QUESTION_TAIL: usize = 4;

/// A query that may have an answer.
pub(crate) struct Query {
    /// The name's key.
    pub(crate) name: NameHash,
    /// Octets of the name with its root label.
    pub(crate) name_octets: usize,
    /// Host order.
    pub(crate) qtype: u16,
    /// The id, in memory order.
    pub(crate) id: u16,
    /// The flags, in memory order.
    pub(crate) flags: u16,
    /// The question's checksum part, as it came.
    pub(crate) question_sum: u64,
    /// Its OPT.
    pub(crate) opt: Option<Opt>,
    /// Where its client subnet stands.
    pub(crate) subnet: Found,
    /// Where its cookie stands.
    pub(crate) cookie: Found,
}

impl Query {
    /// Octets of the question.
    #[inline(always)]
    pub(crate) fn question(&self) -> usize {
        self.name_octets + QUESTION_TAIL
    }

    /// Whether it has an OPT, and so its reply.
    #[inline(always)]
    pub(crate) fn has_opt(&self) -> bool {
        self.opt.is_some()
    }

    /// Whether it has an option that is served.
    #[inline(always)]
    pub(crate) fn has_options(&self) -> bool {
        self.subnet.at | self.cookie.at != 0
    }

    /// Parses the message of a frame.
    #[inline(always)]
    pub(crate) fn parse(
        packet: &Packet,
        settings: &Settings,
        frame: &Frame,
    ) -> Result<Self, Counter> {
        let message = packet
            .from(frame.message_at)
            .ok_or(Counter::PassBadLength)?;
        let header = message
            .at::<[u16; HEADER_OCTETS / 2]>(0)
            .ok_or(Counter::PassBadLength)?;
        // SAFETY: inside the frame.
        let header = unsafe { header.read_unaligned() };
        let [flags, _] = header[1].to_ne_bytes();
        if flags & NOT_QUERY != 0 {
            return Err(Counter::PassNotQuery);
        }
        const ONE: u16 = 1_u16.to_be();
        let [_, _, questions, answers, authority, additional] = header;
        if questions != ONE || answers | authority != 0 || additional & !ONE != 0 {
            return Err(Counter::PassSections);
        }

        let mut name = Name::default();
        let octets = name.read(&message, settings, frame.message)?;
        let octets = packet.forget(octets);
        if octets > NAME_OCTETS {
            return Err(Counter::PassBadName);
        }
        let tail = message
            .at_variable::<[u16; 2]>(HEADER_OCTETS + octets)
            .ok_or(Counter::PassBadName)?;
        // SAFETY: inside the frame.
        let [qtype, class] = unsafe { tail.read_unaligned() };
        if u16::from_be(class) != CLASS_IN {
            return Err(Counter::PassClass);
        }
        let tail_sum = u64::from(qtype) + u64::from(class);
        let mut end = HEADER_OCTETS + octets + QUESTION_TAIL;
        let mut opt = None;
        let mut options = edns::Options::default();
        if additional == ONE {
            let octets;
            let found;
            (found, options, octets) = edns::read(&message, end)?;
            opt = Some(found);
            end += octets;
        }
        if end != frame.message {
            return Err(Counter::PassBadLength);
        }
        Ok(Self {
            name: name.hash,
            name_octets: octets,
            qtype: u16::from_be(qtype),
            id: header[0],
            flags: header[1],
            question_sum: name.sum + checksum::at_offset(tail_sum, octets),
            opt,
            subnet: options.subnet,
            cookie: options.cookie,
        })
    }
}

#[derive(Default)]
struct Name {
    hash: NameHash,
    sum: u64,
}

impl Name {
    /// Hashes and sums the name behind the header of a message of `end` octets. Returns the name's
    /// octets with the root label.
    #[inline(always)]
    fn read(
        &mut self,
        message: &Packet,
        settings: &Settings,
        end: usize,
    ) -> Result<usize, Counter> {
        let mut word_at = 0;
        // The last word stands behind the loop: inside, the verifier would walk the rest of the
        // loop once more for each word that could be the last.
        while let Some(word) = message.at::<u64>(HEADER_OCTETS + WORD * word_at) {
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
        let word = last_word(message, HEADER_OCTETS + WORD * word_at, end)?;
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
        self.sum += checksum::of_word(cut);
        zero.map(|(_, octets)| WORD * word_at + octets + 1)
    }
}

/// The word at `from` when fewer than eight octets of the frame are left: the message's
/// final eight octets, shifted down to what is asked for. What is shifted in reads as
/// the end of the name and is caught by the message's length.
#[inline(always)]
fn last_word(message: &Packet, from: usize, end: usize) -> Result<u64, Counter> {
    if from >= end || end - from >= WORD {
        return Err(Counter::PassBadName);
    }
    let word = message
        .at_variable::<u64>(end - WORD)
        .ok_or(Counter::PassBadName)?;
    // SAFETY: inside the frame.
    let word = u64::from_le(unsafe { word.read_unaligned() });
    Ok(word >> (8 * (WORD - (end - from))))
}
