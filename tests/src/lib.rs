//! The harness that end-to-end cases and the demonstration share.
