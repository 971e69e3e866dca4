//! The commands of `igtm`, one file each. They print and choose the exit code; they decide nothing.

pub mod alerts;
pub mod check;
pub mod daemon;
pub mod events;
pub mod explain;
pub mod force;
pub mod generate;
pub mod map;
pub mod pushes;
pub mod release;
pub mod status;
pub mod tail;
