//! line: being built.
