//! command: being built.

pub mod check;
