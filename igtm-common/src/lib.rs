//! What igtm's kernel program and its daemon must agree on: map layouts, the hash of a
//! name, the reply's octets, counters. `no_std`, no I/O; knows nobody.
#![no_std]
#![cfg_attr(target_arch = "bpf", feature(asm_experimental_arch))]

#[cfg(test)]
extern crate std;

pub mod answer;
pub mod bucket;
pub mod checksum;
pub mod cookie;
pub mod counter;
pub mod generator;
pub mod layout;
pub mod line;
pub mod measure;
pub mod name;
pub mod opaque;
pub mod rate;
pub mod reply;
pub mod subnet;
