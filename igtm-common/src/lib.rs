//! What igtm's kernel program and its daemon must agree on. `no_std`, no I/O; knows nobody.
#![no_std]
