//! The example file, bad files with their exact messages, and text that means nothing.

mod any_text;
mod catalogue;
mod chains;
mod geo;
mod good;
mod harness;
mod instances;
mod large;
mod mmdb;
mod mmdb_writer;
mod monitors;
mod notify;
mod objects;
mod whole;
