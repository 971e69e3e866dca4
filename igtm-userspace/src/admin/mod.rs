//! The admin API.

pub mod command;
pub mod published;
pub mod status;
