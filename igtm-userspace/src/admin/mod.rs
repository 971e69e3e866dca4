//! The admin API: JSON over HTTP/1.1, on a unix socket and, if wanted, on a TCP address.
//!
//! | request | does | over TCP |
//! |---|---|---|
//! | `GET /ready` | 200 when queries are answered, else 503 with the reason | open |
//! | `GET /metrics` | OpenMetrics text | open |
//! | `GET /api/v1/status?name=…&all=true` | the tree ([`status::Status`]) | open |
//! | `GET /api/v1/explain?name=…&client=…` | what a client is answered, and why; `type`, `ecs`, `down` | open |
//! | `GET /api/v1/events?kind=…&instance=…` | the history ([`history`]), newest first; `address`, `since`, `until`, `before`, `limit` | open |
//! | `POST /api/v1/reload` | applies the file now; 200 with what changed, 422 with the problems | token |
//! | `POST /api/v1/force` | holds an address to be up, down or drained ([`force::Wish`]), or ends that | token |
//! | `POST /api/v1/release` | ends frozen answers ([`release`]); `{"strategy": "…", "instance": "…"}`; 404 and 409 name those that are | token |
//! | `GET /api/v1/pushes?channel=…&result=…` | messages ([`pushes`]), newest first; `template`, `event`, `instance`, `since`, `until`, `limit` | open |
//! | `GET /api/v1/pushes/ID` | one message with its content and every attempt | open |
//! | `POST /api/v1/pushes/replay` | the same content once more; `{"id": "…"}` | token |
//! | `POST /api/v1/mute` | no alerts of an instance for a while ([`alerts::MuteWish`]), or again | token |
//! | `POST /api/v1/events/send` | a test event, the way of a real one ([`alerts::SendWish`]) | token |
//! | `POST /api/v1/notify/test` | a test message through a channel; `{"channel": "…"}` | token |
//! | `POST /api/v1/check` | what applying a file of this host would change; `{"file": "/…"}` | never |
//!
//! Whoever opens the unix socket is trusted: it has mode 0660. Over TCP, what changes something
//! takes `Authorization: Bearer TOKEN`. Replies are JSON; with `Accept: text/plain`, what the
//! command prints. An error is `{"error": "…"}`.
//!
//! The only user of the web framework. Reads are answered from what is [`published`]; what changes
//! something is a [`command`] to the main loop. Must not change anything itself, must not make the
//! loop wait, and never shows a secret.

pub mod alerts;
mod authority;
pub mod client;
pub mod command;
mod file;
pub mod force;
pub mod history;
mod listen;
mod paced;
mod places;
pub mod published;
pub mod pushes;
pub mod release;
mod reply;
mod routes;
mod scrape;
mod serve;
pub mod status;
#[cfg(test)]
mod tests;

pub(crate) use file::needs_restart;
pub use listen::{Door, ListenError};
pub use routes::Shared;
pub use serve::Serving;
