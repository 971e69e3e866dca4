//! The userspace authority: whatever XDP passes up, answered from the same snapshot.
//!
//! [`answer`] decides and is pure; [`query`] reads what hickory does not check; [`server`] has
//! the sockets, `service` is what they all do with a message.

pub mod answer;
mod chain;
mod cold;
mod hot;
mod limit;
mod mishap;
mod query;
mod records;
pub mod server;
mod service;
mod short;
mod sockets;
mod tcp;
mod udp;

#[cfg(test)]
mod tests;
