//! dataplane: being built.
