//! The whole of notify against a real HTTP server on loopback.

mod attempts;
mod chat;
mod delivery;
mod https;
mod journal;
mod receiver;
mod schema;
