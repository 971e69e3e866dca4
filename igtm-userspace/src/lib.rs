//! igtm's daemon: probe → health → policy → snapshot → {dataplane, dns}, and never back.

pub mod admin;
pub mod alerts;
pub mod app;
pub mod command;
pub mod config;
pub mod dataplane;
pub mod dns;
pub mod flatten;
#[cfg(test)]
mod fuzz;
pub mod health;
mod http1;
pub mod line;
mod metered;
pub mod metrics;
pub mod notify;
mod open_files;
pub mod policy;
pub mod probe;
pub mod snapshot;
pub mod state;
mod supervised;
pub mod zone;
