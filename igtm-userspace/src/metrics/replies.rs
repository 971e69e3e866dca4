//! Replies of userspace, by what they say: read from the reply itself, so nobody has to tell.

use std::sync::atomic::{AtomicU64, Ordering};

/// What became of a query that userspace had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Records.
    Answer,
    /// NOERROR without an answer.
    Nodata,
    /// The name does not exist.
    Nxdomain,
    /// TC=1: to be asked again by TCP.
    Truncated,
    /// Not our zone, or a transfer.
    Refused,
    /// The query could not be read.
    Formerr,
    /// An opcode or version that is not served.
    Notimp,
    /// Anything else.
    Other,
    /// No reply at all.
    Dropped,
    /// TC=1, because the source's prefix is over its rate.
    LimitedSlip,
    /// No reply, because the source's prefix is over its rate.
    LimitedDrop,
    /// Not read, because it had waited too long in an overload.
    Shed,
    /// No reply, because answering it went wrong.
    Panicked,
}

const OUTCOMES: [(Outcome, &str); 13] = [
    (Outcome::Answer, "answer"),
    (Outcome::Nodata, "nodata"),
    (Outcome::Nxdomain, "nxdomain"),
    (Outcome::Truncated, "truncated"),
    (Outcome::Refused, "refused"),
    (Outcome::Formerr, "formerr"),
    (Outcome::Notimp, "notimp"),
    (Outcome::Other, "other"),
    (Outcome::Dropped, "dropped"),
    (Outcome::LimitedSlip, "limited_slip"),
    (Outcome::LimitedDrop, "limited_drop"),
    (Outcome::Shed, "shed"),
    (Outcome::Panicked, "panicked"),
];

/// Octets of a DNS header (RFC 1035 §4.1.1).
const HEADER: usize = 12;
const TC: u8 = 0x02;
const RCODE: u8 = 0x0f;

/// How many there were of each.
#[derive(Debug, Default)]
pub struct Replies {
    counts: [AtomicU64; OUTCOMES.len()],
}

impl Replies {
    /// Counts what became of some queries.
    pub fn add(&self, tally: &Tally) {
        for (count, more) in self.counts.iter().zip(tally.counts) {
            if more > 0 {
                count.fetch_add(more, Ordering::Relaxed);
            }
        }
    }

    /// Every outcome by name, with its count.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.counts.iter();
        let counts = counts.map(|count| count.load(Ordering::Relaxed));
        OUTCOMES.into_iter().map(|(_, name)| name).zip(counts)
    }
}

/// The same of a few, by one thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    counts: [u64; OUTCOMES.len()],
}

impl Tally {
    /// Counts one.
    pub fn add(&mut self, outcome: Outcome) {
        self.counts[outcome as usize] += 1;
    }
}

/// What a reply says.
pub fn outcome(reply: &[u8]) -> Outcome {
    let Some(header) = reply.first_chunk::<HEADER>() else {
        return Outcome::Other;
    };
    if header[2] & TC != 0 {
        return Outcome::Truncated;
    }
    let answers = u16::from_be_bytes([header[6], header[7]]);
    match (header[3] & RCODE, answers) {
        // BADVERS: the only code of more than four bits that ends in zeros (RFC 6891 §6.1.3).
        (0, 0) if upper_bits(reply) > 0 => Outcome::Notimp,
        (0, 0) => Outcome::Nodata,
        (0, _) => Outcome::Answer,
        (1, _) => Outcome::Formerr,
        (3, _) => Outcome::Nxdomain,
        (4, _) => Outcome::Notimp,
        (5, _) => Outcome::Refused,
        _ => Outcome::Other,
    }
}

/// The upper bits of the code of a reply without records: of the OPT behind its question.
fn upper_bits(reply: &[u8]) -> u8 {
    if reply[8..HEADER] != [0, 0, 0, 1] {
        return 0;
    }
    let mut at = HEADER;
    if reply[4..6] != [0, 0] {
        while let Some(length) = reply.get(at).filter(|length| **length > 0) {
            at += 1 + usize::from(*length);
        }
        // The root, type and class.
        at += 5;
    }
    // The root, type and class again, the last of which is a size.
    reply.get(at + 5).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_what_its_header_says() {
        let header = |flags: u16, answers: u8| {
            let [high, low] = flags.to_be_bytes();
            [0, 7, high, low, 0, 1, 0, answers, 0, 0, 0, 0]
        };
        for (flags, answers, expected) in [
            (0x8400, 2, Outcome::Answer),
            (0x8400, 0, Outcome::Nodata),
            (0x8403, 0, Outcome::Nxdomain),
            (0x8600, 0, Outcome::Truncated),
            (0x8105, 0, Outcome::Refused),
            (0x8101, 0, Outcome::Formerr),
            (0x8104, 0, Outcome::Notimp),
            (0x8102, 0, Outcome::Other),
        ] {
            assert_eq!(outcome(&header(flags, answers)), expected, "{flags:x}");
        }
        assert_eq!(outcome(&[0; 11]), Outcome::Other);
        // The rest of a code stands in the OPT, behind the question where there is one.
        let opt = [0, 0, 41, 4, 208, 1, 0, 0, 0, 0, 0];
        for question in [&[][..], &[0, 0, 1, 0, 1], &[1, b'a', 0, 0, 1, 0, 1]] {
            let mut reply = header(0x8000, 0);
            (reply[5], reply[11]) = (u8::from(!question.is_empty()), 1);
            let mut reply = [&reply[..], question, &opt].concat();
            assert_eq!(outcome(&reply), Outcome::Notimp, "{question:?}");
            let at = reply.len() - 6;
            reply[at] = 0;
            assert_eq!(outcome(&reply), Outcome::Nodata, "{question:?}");
            for cut in 12..reply.len() {
                assert_eq!(outcome(&reply[..cut]), Outcome::Nodata, "{question:?}");
            }
        }
        // Each has the place of its number.
        for (at, (outcome, _)) in OUTCOMES.iter().enumerate() {
            assert_eq!(*outcome as usize, at);
        }
        let replies = Replies::default();
        let mut tally = Tally::default();
        tally.add(Outcome::Dropped);
        tally.add(Outcome::Answer);
        replies.add(&tally);
        let counted: Vec<_> = replies.all().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counted, [("answer", 1), ("dropped", 1)]);
    }
}
