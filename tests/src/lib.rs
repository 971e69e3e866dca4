//! The harness that end-to-end cases and the demonstration share, and the golden packets.
//!
//! A [`world::World`] is an edge host, clients of two operators and one outside, and backends,
//! in network namespaces that vanish with it. The daemon between them is the real one, and so are
//! the packets: nothing here may stand in for a part of igtm.

pub mod backend;
pub mod bench;
pub mod daemon;
pub mod dns;
pub mod figures;
pub mod golden;
pub mod http;
pub mod line_figures;
pub mod list_figures;
pub mod load;
pub mod mailbox;
pub mod netns;
pub mod pass;
pub mod probe_figures;
pub mod receiver;
pub mod undo;
pub mod vendors;
pub mod wait;
pub mod wire;
pub mod world;
