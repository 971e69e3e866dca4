//! A stream of octets → messages, two octets of length before each (RFC 1035 §4.2.2). Pure.
//!
//! Holds no more of a message than [`MOST`], however long it says it is: the rest is skipped as it
//! comes. What is cut is malformed, and answered so, as over UDP.

/// Octets of a message that are kept: names and options of any sane length.
const MOST: usize = 4096;
/// Octets of a length.
const LENGTH: usize = 2;

/// What came of a stream and was not taken yet.
#[derive(Debug, Default)]
pub(super) struct Frames {
    octets: Vec<u8>,
    /// Where the next message begins, with its length.
    start: usize,
    /// Octets to come of a message that was too long.
    skip: usize,
}

impl Frames {
    /// What came.
    pub(super) fn push(&mut self, mut octets: &[u8]) {
        self.octets.drain(..self.start);
        self.start = 0;
        let skipped = self.skip.min(octets.len());
        // Of a message that is cut: it has been taken, or what is kept of it is all there.
        self.skip -= skipped;
        octets = &octets[skipped..];
        self.octets.extend_from_slice(octets);
    }

    /// The next message, if enough of it is there.
    pub(super) fn next(&mut self) -> Option<&[u8]> {
        let rest = self.octets.get(self.start..)?;
        let length = rest.first_chunk::<LENGTH>()?;
        let length = usize::from(u16::from_be_bytes(*length));
        let kept = length.min(MOST);
        if rest.len() < LENGTH + kept {
            return None;
        }
        let there = (rest.len() - LENGTH).min(length);
        self.skip = length - there;
        let message = self.start + LENGTH..self.start + LENGTH + kept;
        self.start += LENGTH + there;
        self.octets.get(message)
    }

    /// Whether no part of a message is there.
    pub(super) fn is_empty(&self) -> bool {
        self.skip == 0 && self.start == self.octets.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What [`Frames`] makes of `messages`, sent in pieces that end at `cuts`.
    fn taken(messages: &[Vec<u8>], cuts: &[usize]) -> Vec<Vec<u8>> {
        let mut stream = Vec::new();
        for message in messages {
            stream.extend_from_slice(&(message.len() as u16).to_be_bytes());
            stream.extend_from_slice(message);
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let (mut frames, mut taken) = (Frames::default(), Vec::new());
        for piece in cuts.windows(2) {
            frames.push(&stream[piece[0]..piece[1]]);
            while let Some(message) = frames.next() {
                taken.push(message.to_vec());
            }
            let held = frames.octets.len() - frames.start;
            assert!(held < LENGTH + MOST, "{held} octets held");
        }
        assert!(frames.is_empty());
        taken
    }

    proptest! {
        #[test]
        fn messages_come_out_as_they_went_in(
            lengths in prop::collection::vec(prop_oneof![0_usize..40, 4000_usize..9000], 1..8),
            cuts in prop::collection::vec(any::<usize>(), 0..12),
        ) {
            let message = |(at, length): (usize, &usize)| vec![at as u8; *length];
            let messages: Vec<_> = lengths.iter().enumerate().map(message).collect();
            let expected: Vec<_> = messages
                .iter()
                .map(|message| message[..message.len().min(MOST)].to_vec())
                .collect();
            prop_assert_eq!(taken(&messages, &cuts), expected);
        }
    }

    #[test]
    fn the_longest_there_is_leaves_the_next_whole() {
        let messages = [vec![1; 65_535], vec![], vec![2; 12]];
        let cuts: Vec<usize> = (0..65_551).step_by(4096).collect();
        let taken = taken(&messages, &cuts);
        assert_eq!(taken, [vec![1; MOST], vec![], vec![2; 12]]);
    }

    #[test]
    fn a_part_of_a_message_is_not_nothing() {
        let mut frames = Frames::default();
        assert!(frames.is_empty());
        frames.push(&[0]);
        assert!(!frames.is_empty() && frames.next().is_none());
        frames.push(&[1]);
        assert!(!frames.is_empty() && frames.next().is_none());
        frames.push(&[7]);
        assert_eq!(frames.next(), Some(&[7][..]));
        assert!(frames.is_empty());
    }
}
