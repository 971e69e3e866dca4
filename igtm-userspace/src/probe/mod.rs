//! probe: being built.
