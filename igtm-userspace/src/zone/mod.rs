//! Static records as they are answered: found by the hash of a name, rendered ahead.
//!
//! [`store`] finds, [`compose`] lays out. Pure. Must not
//! know instances: what stands beside and below what is decided in `dns/`.

pub mod compose;
pub mod store;
