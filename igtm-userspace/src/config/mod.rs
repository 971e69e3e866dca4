//! One TOML file in, a validated immutable [`model::Config`] out, or every problem in it.

pub mod model;
