//! The whole of notify against a real HTTP server on loopback.

mod attempts;
mod delivery;
mod https;
mod journal;
mod kill;
mod outbox;
mod receiver;
mod rig;
mod schema;
