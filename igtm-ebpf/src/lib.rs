//! What the XDP program is made of: parse → look up → answer → count → verdict.
//!
//! Thin on purpose: what a reply looks like is `igtm_common::reply`'s, what is answered is
//! in the maps. Whatever is not answered is passed, whole and unchanged, and counted.
//! The programs themselves are in `main.rs` (what is attached) and `bin/` (what tests load).
#![no_std]

mod absent;
pub mod answer;
mod edns;
pub mod frame;
mod limit;
mod local;
mod lookup;
mod maps;
mod options;
pub mod packet;
mod query;
mod sample;
mod verdict;
