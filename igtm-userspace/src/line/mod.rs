//! Lines: which of them hold a client, and which is preferred. Pure; reads no file and no database.

pub mod range;
pub mod sweep;
pub mod table;

#[cfg(test)]
mod reference;

pub use table::{ChainId, LineTable, MAX_CHAIN, MAX_CHAINS, TableError, longest_prefix};
