//! What igtm's kernel program and its daemon must agree on: map layouts, the hash of a
//! name, the reply's octets, counters. `no_std`, no I/O; knows nobody.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod answer;
pub mod checksum;
pub mod counter;
pub mod generator;
pub mod layout;
pub mod measure;
pub mod name;
pub mod reply;
