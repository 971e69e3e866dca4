//! What can go wrong between the daemon and the kernel, and aya's errors in our words.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use crate::snapshot::CapacityError;

/// What can go wrong between the daemon and the kernel.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says what its fields are")]
pub enum DataplaneError {
    #[error(
        "this igtm was built without the BPF object: build it with `cargo xtask build`, or set server.xdp = \"off\""
    )]
    NoObject,
    #[error(
        "no permission for {what}: igtm needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON (or root): {error}"
    )]
    Permission { what: String, error: String },
    #[error(
        "server.bpffs = {path}: not on a BPF file system; `mount -t bpf bpf /sys/fs/bpf` mounts one"
    )]
    NotBpffs { path: PathBuf },
    #[error("server.bpffs: {path}: {error}")]
    Pins {
        path: PathBuf,
        error: std::io::Error,
    },
    #[error("server.bpffs: {path} is in use by another igtm")]
    Locked { path: PathBuf },
    #[error(
        "the pinned map {path} has another layout: {field} is {found}, this igtm has {expected}; `igtm detach` removes it"
    )]
    Layout {
        path: PathBuf,
        field: &'static str,
        found: u64,
        expected: u64,
    },
    #[error("server.interfaces: {name} does not exist; this host has {present}")]
    NoInterface { name: String, present: String },
    #[error("server.interfaces: {name}: attaching XDP ({mode}): {error}")]
    Attach {
        name: String,
        mode: &'static str,
        error: String,
    },
    #[error("loading the XDP program: {error}")]
    Load { error: String },
    #[error("BPF map {map}: {error}")]
    Map { map: &'static str, error: String },
    #[error(transparent)]
    Capacity(#[from] CapacityError),
    #[error("this host's addresses cannot be listed: {error}")]
    Addresses { error: String },
    #[error(
        "nothing is pinned under {path}: no daemon has run with these settings, or `igtm detach` removed it"
    )]
    NothingPinned { path: PathBuf },
}

/// An error of aya as one of ours; a missing capability is told apart.
pub(super) fn refused(what: &str, error: &(dyn Error + 'static)) -> DataplaneError {
    let denied = causes(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|io| io.kind() == io::ErrorKind::PermissionDenied);
    let error = words(error);
    if denied {
        return DataplaneError::Permission {
            what: what.to_owned(),
            error,
        };
    }
    DataplaneError::Load { error }
}

/// Turns an error of map `map` into ours.
pub(super) fn wrong<E: Error + 'static>(map: &'static str) -> impl Fn(E) -> DataplaneError {
    move |error| DataplaneError::Map {
        map,
        error: words(&error),
    }
}

/// An error and its causes, as far as they say anything new.
fn words(error: &(dyn Error + 'static)) -> String {
    causes(error).fold(String::new(), |text, cause| {
        let own = cause.to_string();
        if text.is_empty() {
            own
        } else if text.contains(&own) {
            text
        } else {
            format!("{text}: {own}")
        }
    })
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&(dyn Error + 'static)| {
        (*error).source()
    })
}
