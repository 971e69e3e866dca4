//! The commands of `igtm`, one file each.

pub mod check;
