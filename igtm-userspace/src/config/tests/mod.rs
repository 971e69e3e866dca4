//! The example file, bad files with their exact messages, and text that means nothing.

mod bad;
mod good;
