//! The example file, bad files with their exact messages, and text that means nothing.

mod any_text;
mod good;
mod harness;
mod instances;
mod monitors;
mod nodes;
mod notify;
mod objects;
mod whole;
