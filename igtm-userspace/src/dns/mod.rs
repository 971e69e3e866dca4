//! The userspace authority: whatever XDP passes up, answered from the same snapshot.
//!
//! [`answer`] decides and is pure; [`query`] reads what hickory does not check; [`server`] has
//! the sockets.

pub mod answer;
mod chain;
mod cold;
mod hot;
mod query;
mod records;
mod send;
pub mod server;
mod udp;

#[cfg(test)]
mod tests;
