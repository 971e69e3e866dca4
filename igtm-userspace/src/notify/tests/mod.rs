//! The whole of notify against a real HTTP server on loopback.

mod alertmanager;
mod attempts;
mod chat;
mod delivery;
mod https;
pub(super) mod journal;
mod kill;
mod mail;
mod marked;
mod orders;
mod others;
mod outbox;
mod pagerduty;
mod panics;
mod peers;
mod queue;
mod receiver;
mod reminders;
mod rig;
mod schema;
mod spoiled;
mod storms;
