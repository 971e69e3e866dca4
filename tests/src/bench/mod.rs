//! What `cargo xtask bench` measures with real packets and the real daemon, one concept a file.
//!
//! Two CPUs are used: the server's and the generator's. Nothing here decides what is good enough
//! but the goal that a row carries.

pub mod comparison;
pub mod cpu;
pub mod failover;
pub mod generator;
pub mod ground;
mod interrupt;
pub mod machine;
pub mod packets;
pub mod peers;
pub mod process;
pub mod query;
pub mod readme;
pub mod report;
pub mod run;
pub mod scale;
pub mod search;
pub mod server;
pub mod startup;
pub mod stats;
pub mod wire;
