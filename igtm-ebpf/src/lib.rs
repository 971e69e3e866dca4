//! What the XDP program is made of: parse → look up → answer → count → verdict.
//!
//! Thin on purpose: what a reply looks like is `igtm_common::reply`'s, what is answered is
//! in the maps. Whatever is not answered is passed, whole and unchanged, and counted.
//! The programs themselves are in `main.rs` (what is attached) and `bin/` (what tests load).
#![no_std]

pub mod answer;
pub mod frame;
mod maps;
mod query;
mod verdict;
