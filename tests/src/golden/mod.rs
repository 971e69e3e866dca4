//! Golden packets: each case through the kernel's program by BPF_PROG_TEST_RUN and through the
//! userspace answerer, which must agree octet for octet.
//!
//! Frames and expected replies are written by hand here ([`frame`], [`message`]), so that neither is
//! what the product's own code says it is. The object under test is igtm-bench.bpf.o: the code of
//! `igtm` with the random number and the time given.

pub mod answers;
pub mod case;
pub mod check;
pub mod cookie;
pub mod cookies;
pub mod dice;
pub mod differ;
pub mod fixture;
pub mod flip;
pub mod frame;
pub mod generate;
pub mod headers;
pub mod kernel;
pub mod limits;
pub mod lines;
pub mod literal;
pub mod message;
pub mod mutate;
pub mod negative;
pub mod opts;
pub mod queries;
pub mod reply;
pub mod statics;
pub mod subnet;
pub mod sweeps;
pub mod vlan;
pub mod windows;
