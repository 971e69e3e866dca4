//! The example file, bad files with their exact messages, and text that means nothing.

mod admin;
mod any_text;
mod good;
mod harness;
mod instances;
mod monitors;
mod notify;
mod objects;
mod whole;
