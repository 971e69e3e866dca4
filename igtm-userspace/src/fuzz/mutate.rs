//! From inputs that there are, another one; and from one that fails, a shorter one.
//!
//! Must not know what inputs mean.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Numbers at which something ends.
const EDGES: [u16; 12] = [
    0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xff, 0x100, 0x7fff, 0x8000, 0xffff,
];
/// Changes of one input, at most.
const MOST_CHANGES: usize = 6;
/// Attempts at a shorter input.
const MOST_ATTEMPTS: usize = 2_000;

/// Makes inputs; the same ones from the same seed and corpus.
pub(super) struct Mutator<'a> {
    random: StdRng,
    words: &'a [&'a [u8]],
    most_octets: usize,
}

impl<'a> Mutator<'a> {
    pub(super) fn new(seed: u64, words: &'a [&'a [u8]], most_octets: usize) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed),
            words,
            most_octets,
        }
    }

    /// One of `corpus`, changed.
    pub(super) fn next(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut input = self.one_of(corpus);
        for _ in 0..self.random.random_range(1..=MOST_CHANGES) {
            self.change(&mut input, corpus);
        }
        input.truncate(self.most_octets);
        input
    }

    fn one_of(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let at = self.random.random_range(0..corpus.len());
        corpus[at].clone()
    }

    fn change(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let (from, to) = self.range(input.len());
        match self.random.random_range(0..11) {
            0 => drop(input.drain(from..to)),
            1 => {
                let piece = input[from..to].to_vec();
                let at = self.place(input.len());
                input.splice(at..at, piece);
            }
            2 => input.truncate(from),
            3 | 4 if !self.words.is_empty() => {
                let word = self.words[self.random.random_range(0..self.words.len())];
                // In the place of something, or besides.
                let end = if self.random.random() { to } else { from };
                input.splice(from..end, word.iter().copied());
            }
            5 => {
                let other = self.one_of(corpus);
                let (start, end) = self.range(other.len());
                input.splice(from..to, other[start..end].iter().copied());
            }
            6 => {
                let edge = EDGES[self.random.random_range(0..EDGES.len())];
                let octets = edge.to_be_bytes();
                let skip = usize::from(edge < 0x100 && self.random.random());
                for (place, octet) in input[from..].iter_mut().zip(&octets[skip..]) {
                    *place = *octet;
                }
            }
            7 => {
                let octets: Vec<u8> = (from..to).map(|_| self.random.random()).collect();
                input.splice(from..to, octets);
            }
            8 if from < input.len() => input[from] = input[from].wrapping_add(1),
            9 if from < input.len() => input[from] = input[from].wrapping_sub(1),
            _ if from < input.len() => input[from] ^= 1 << self.random.random_range(0..8),
            _ => input.push(self.random.random()),
        }
    }

    fn place(&mut self, length: usize) -> usize {
        self.random.random_range(0..=length)
    }

    /// Mostly a short one.
    fn range(&mut self, length: usize) -> (usize, usize) {
        let from = self.place(length);
        let most = match self.random.random_range(0..8) {
            0 => length,
            1 | 2 => 64,
            _ => 4,
        };
        let octets = self.random.random_range(0..=most);
        (from, from.saturating_add(octets).min(length))
    }
}

/// `input` with as much left out as it still `fails` without.
pub(super) fn shortened(input: &[u8], fails: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut kept = input.to_vec();
    let mut attempts = 0;
    let mut piece = kept.len() / 2;
    while piece > 0 {
        let mut at = 0;
        while at < kept.len() && attempts < MOST_ATTEMPTS {
            let mut less = kept.clone();
            less.drain(at..(at + piece).min(kept.len()));
            attempts += 1;
            if fails(&less) {
                kept = less;
            } else {
                at += piece;
            }
        }
        piece /= 2;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_sequence() {
        let corpus = [b"one".to_vec(), b"another".to_vec()];
        let sequence = |seed| {
            let mut mutator = Mutator::new(seed, &[b"word"], 10);
            let inputs: Vec<_> = (0..500).map(|_| mutator.next(&corpus)).collect();
            assert!(inputs.iter().all(|input| input.len() <= 10));
            inputs
        };
        assert_eq!(sequence(1), sequence(1));
        assert_ne!(sequence(1), sequence(2));
    }

    #[test]
    fn what_a_failure_does_not_need_is_left_out() {
        let fails = |input: &[u8]| input.contains(&b'x') && input.ends_with(b"y");
        assert_eq!(shortened(b"aaaaxbbbbbbby", fails), b"xy");
    }
}
