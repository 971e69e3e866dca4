//! The userspace authority: whatever XDP passes up, answered from the same snapshot.
//!
//! [`answer`] decides and is pure; [`query`] reads the octets; [`transfer`] is for whole zones;
//! [`server`] has the sockets, `service` is what they all do with a message.

pub mod answer;
mod bare;
mod chain;
mod edns;
mod hot;
mod limit;
mod mishap;
mod query;
mod records;
mod referral;
mod send;
pub mod server;
mod service;
mod short;
mod sockets;
mod stale;
mod tcp;
pub mod transfer;
mod udp;

#[cfg(test)]
mod tests;
