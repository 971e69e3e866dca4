//! What leaves in a reply, against plain arithmetic over the records.

use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::answer::{Choice, Draw, LargeAnswer, SmallAnswer};

const A: u16 = 1;
const MOST: usize = 127;

fn made(records: usize, draw: Draw) -> LargeAnswer {
    let rdata: Vec<[u8; 4]> = (0..records).map(|at| [192, 0, 2, at as u8]).collect();
    let choices: Vec<Choice<'_>> = rdata
        .iter()
        .enumerate()
        .map(|(at, rdata)| Choice {
            rdata,
            weight: 10 * (at as u32 + 1),
        })
        .collect();
    LargeAnswer::new(A, &choices, 60, draw, "").expect("fits")
}

fn octets(answer: &LargeAnswer, window: &Window) -> Vec<u8> {
    let mut octets = answer.octets[window.start as usize..][..window.len as usize].to_vec();
    octets.extend(&answer.octets[..window.wrapped as usize]);
    octets
}

proptest! {
    #[test]
    fn a_window_is_cyclic(records in 1usize..=MOST, most in 1u16..130, random: u32) {
        let answer = made(records, Draw::Rotate(most));
        let window = choose(&answer, random).expect("well made");
        let octets = octets(&answer, &window);
        let last: Vec<usize> = octets.chunks(16).map(|record| usize::from(record[15])).collect();
        let expected: Vec<usize> = (0..usize::from(most).min(records))
            .map(|at| (random as usize % records + at) % records)
            .collect();
        prop_assert_eq!(usize::from(window.count), expected.len());
        prop_assert_eq!(last, expected);
        prop_assert_eq!(checksum::fold(u64::from(window.sum)), checksum::fold(u64::from(checksum::sum(&octets))));
    }

    #[test]
    fn a_draw_is_by_weight(records in 1usize..=MOST, random: u32) {
        let answer = made(records, Draw::Weighted);
        let window = choose(&answer, random).expect("well made");
        let drawn = window.start / 16;
        let point = (u64::from(random) * u64::from(answer.total_weight)) >> 32;
        let before: u64 = (1..=u64::from(drawn)).map(|at| 10 * at).sum();
        prop_assert_eq!((window.count, window.len, window.wrapped), (1, 16, 0));
        prop_assert!(before <= point && point < before + 10 * (u64::from(drawn) + 1));
    }
}

#[test]
fn whatever_is_made_can_be_drawn() {
    for length in 1..=255 {
        let rdata = std::vec![0; length];
        for records in 1..=MOST {
            let choices = std::vec![Choice { rdata: &rdata, weight: 1 }; records];
            let Ok(answer) = LargeAnswer::new(5, &choices, 60, Draw::Rotate(1), "") else {
                assert!(records * (12 + length) > 3568);
                continue;
            };
            for random in 0..records as u32 {
                let drawn = choose(&answer, random);
                assert!(
                    drawn.is_some(),
                    "{random} of {records} with {length} octets"
                );
            }
        }
    }
}

#[test]
fn nothing_is_chosen_from_nothing() {
    assert_eq!(choose(&SmallAnswer::NOTHING, 7), None);
    let none = SmallAnswer::new(A, &[], 60, Draw::Rotate(20), "").expect("fits");
    assert_eq!(choose(&none, 7), None);
}

#[test]
fn the_limit_is_the_smaller_of_both_and_at_least_512() {
    let opt = |udp_size| {
        Some(Opt {
            udp_size,
            dnssec_ok: false,
        })
    };
    assert_eq!(udp_limit(None, 1232), 512);
    assert_eq!(udp_limit(opt(0), 1232), 512);
    assert_eq!(udp_limit(opt(700), 1232), 700);
    assert_eq!(udp_limit(opt(4096), 1232), 1232);
}

#[test]
fn an_soa_belongs_to_the_origin_in_the_question() {
    // 4www3gtm4test0 below 3gtm4test0: 12 + 14 − 10.
    assert_eq!(origin_pointer(14, 10), [0xc0, 16]);
    assert_eq!(origin_pointer(255, 1), [0xc1, 10]);
}
