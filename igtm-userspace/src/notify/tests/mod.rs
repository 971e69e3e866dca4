//! The whole of notify against a real HTTP server on loopback.

mod alertmanager;
mod attempts;
mod chat;
mod delivery;
mod https;
mod journal;
mod kill;
mod mail;
mod outbox;
mod pagerduty;
mod peers;
mod receiver;
mod rig;
mod schema;
mod spoiled;
