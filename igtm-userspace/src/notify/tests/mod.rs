//! The whole of notify against a real HTTP server on loopback.

mod attempts;
mod delivery;
mod journal;
mod receiver;
