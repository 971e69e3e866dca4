//! The `igtm` command.
fn main() {}
