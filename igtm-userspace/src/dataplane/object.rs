//! The BPF object inside this binary, and how it is loaded.

use std::path::Path;

use aya::{Ebpf, EbpfLoader, include_bytes_aligned};

use super::capacity::Capacity;
use super::error::{DataplaneError, refused};
use super::maps::NAMES;

/// The object that `cargo xtask build` made; empty without it.
pub static OBJECT: &[u8] = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/igtm.bpf.o"));

/// The program that is attached.
pub(super) const PROGRAM: &str = "igtm";

/// [`OBJECT`], when there is one.
pub(super) fn object() -> Result<&'static [u8], DataplaneError> {
    if OBJECT.is_empty() {
        return Err(DataplaneError::NoObject);
    }
    Ok(OBJECT)
}

/// Opens the maps that are pinned in `directory` and makes the others, as large as `capacity`.
pub(super) fn load(
    object: &[u8],
    directory: &Path,
    capacity: Capacity,
) -> Result<Ebpf, DataplaneError> {
    let mut loader = EbpfLoader::new();
    capacity.set(&mut loader);
    for name in NAMES {
        loader.map_pin_path(name, directory.join(name));
    }
    loader
        .load(object)
        .map_err(|error| refused("loading BPF maps", &error))
}
