//! The example file, bad files with their exact messages, and text that means nothing.

mod any_text;
mod directory;
mod failover;
mod good;
mod harness;
mod instances;
mod monitors;
mod notify;
mod objects;
mod plans;
mod schema;
mod whole;
