//! Puts the BPF object into the binary when `cargo xtask build` has left one; without it
//! the crate builds all the same and can run with `xdp = "off"`.
use std::path::PathBuf;
use std::{env, fs};

fn main() {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo"));
    let object = manifest.join("../target/bpf/igtm.bpf.o");
    println!("cargo::rerun-if-changed={}", object.display());
    println!("cargo::rerun-if-changed=build.rs");
    let copy = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo")).join("igtm.bpf.o");
    let octets = fs::read(&object).unwrap_or_default();
    fs::write(&copy, octets).expect("OUT_DIR is writable");
}
