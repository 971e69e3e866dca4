//! The example file, bad files with their exact messages, and text that means nothing.

mod admin;
mod any_text;
mod catalogue;
mod chains;
mod directory;
mod failover;
mod fuzz;
mod geo;
mod good;
mod harness;
mod instances;
mod large;
mod manual;
mod mmdb;
mod mmdb_writer;
mod monitor_table;
mod monitors;
mod nodes;
mod notify;
mod objects;
mod plans;
mod schema;
mod whole;
mod zonefile_any;
mod zonefile_bad;
mod zonefile_good;
