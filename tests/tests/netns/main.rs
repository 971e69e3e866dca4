//! The end-to-end cases: the real `igtm` between real clients and backends, on real veth pairs
//! with XDP, in namespaces of its own. `cargo xtask test netns` runs them, one after the other.
//!
//! Nothing stands in for a part of igtm here, and nothing outlives a case: worlds, daemons and
//! pins unmake themselves when dropped, also by a panic.

mod admin;
mod alerts;
mod authority;
mod channels;
mod crowds;
mod draws;
mod ending;
mod failover;
mod files;
mod flattening;
mod forced;
mod frozen;
mod growth;
mod hostile;
mod inspection;
mod interfaces;
mod limits;
mod lines;
mod lost;
mod nodes;
mod one_step;
mod redaction;
mod refusals;
mod reload;
mod resolvers;
mod scene;
mod signals;
mod sockets;
mod start;
mod state;
mod survival;
mod tags;
mod traffic;
mod transfers;
mod upgrade;
mod zone_files;
