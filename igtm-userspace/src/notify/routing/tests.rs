//! Cases and properties of routing.
