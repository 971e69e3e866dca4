//! Snapshots of small files for tests, with the health that a case wants.

use std::path::Path;
use std::sync::Arc;

use igtm_common::cookie::{Secret, Secrets};
use igtm_common::name::HashKey;

use super::{Ground, Snapshot};
use crate::config::{self, model::Config};
use crate::health::{AddressState, HealthView, Target};

/// The secret of every snapshot here.
pub(crate) const KEY: HashKey = {
    // Words that differ, or both hashes of a name would be alike.
    let mut key: HashKey = [0x0123_4567_89ab_cdef; _];
    let mut at = 1;
    while at < key.len() {
        key[at] = key[at - 1]
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(1);
        at += 1;
    }
    key
};

/// The cookie secrets of every snapshot here.
pub(crate) const COOKIES: Secrets = Secrets {
    current: Secret::new([0xc0; 16]),
    previous: Secret::new([0xc1; 16]),
};

/// These addresses are down, every other one is ok.
pub(crate) struct Down<'a>(pub(crate) &'a [&'a str]);

impl HealthView for Down<'_> {
    fn state(&self, target: &Target) -> AddressState {
        if self.0.contains(&target.address.to_string().as_str()) {
            AddressState::Down
        } else {
            AddressState::Ok
        }
    }
}

/// The configuration that is `version = 1`, then `text`.
pub(crate) fn config(text: &str) -> Arc<Config> {
    let text = format!("version = 1\n{text}");
    let config = config::parse(&text, Path::new("/nowhere/igtm.toml"))
        .unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    Arc::new(config)
}

/// The same, compiled.
pub(crate) fn ground(text: &str) -> Arc<Ground> {
    Arc::new(Ground::new(config(text), KEY, None).expect("it fits"))
}

/// What is answered from `ground` with the addresses `down`.
pub(crate) fn snapshot(ground: &Arc<Ground>, down: &[&str], serial: u32) -> Snapshot {
    Snapshot::new(Arc::clone(ground), &Down(down), serial, COOKIES)
}
