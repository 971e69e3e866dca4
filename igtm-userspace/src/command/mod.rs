//! What the subcommands do, without their arguments: those are `main`'s.

pub mod explain;
