//! What stands at which name of the zones served here.
//!
//! Must not know health or lines.

use std::collections::{BTreeSet, HashMap};

use hickory_proto::rr::Name;
use igtm_common::name::{HashKey, NameHash};

use super::SnapshotError;
use crate::config::model::Config;

/// Who answers a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The access domain of the instance at this position.
    Access(usize),
    /// The business domain of the instance at this position: a CNAME to its access domain.
    Business(usize),
}

/// Every name that exists, lower case.
#[derive(Debug, Default)]
pub struct Names {
    owners: HashMap<Name, Owner>,
    /// Names that exist because one below them does (RFC 4592 §2.2.2), zone apexes included.
    parents: BTreeSet<Name>,
}

impl Names {
    /// The names of a configuration; refuses two access domains of one hash.
    pub(super) fn of(config: &Config, key: &HashKey) -> Result<Self, SnapshotError> {
        let mut names = Self::default();
        let mut hashes: HashMap<NameHash, Name> = HashMap::new();
        for (at, instance) in config.instances.iter().enumerate() {
            let access = &instance.access_domain;
            names.add(config, access, Owner::Access(at));
            if instance.domain != *access {
                names.add(config, &instance.domain, Owner::Business(at));
            }
            if let Some(other) =
                hash(key, access).and_then(|hash| hashes.insert(hash, access.clone()))
            {
                return Err(SnapshotError::Collision {
                    one: Box::new(access.clone()),
                    other: Box::new(other),
                });
            }
        }
        names
            .parents
            .extend(config.zones.iter().map(|zone| zone.origin.clone()));
        Ok(names)
    }

    fn add(&mut self, config: &Config, name: &Name, owner: Owner) {
        let Some(zone) = config.zone_of(name) else {
            return;
        };
        self.owners.insert(name.clone(), owner);
        let mut parent = name.base_name();
        while zone.origin.zone_of(&parent) && self.parents.insert(parent.clone()) {
            parent = parent.base_name();
        }
    }

    /// Who answers `name` (lower case).
    pub fn owner(&self, name: &Name) -> Option<Owner> {
        self.owners.get(name).copied()
    }

    /// Whether `name` (lower case) exists: the difference of NODATA and NXDOMAIN.
    pub fn exists(&self, name: &Name) -> bool {
        self.owners.contains_key(name) || self.parents.contains(name)
    }
}

/// The lookup key of a name.
pub fn hash(key: &HashKey, name: &Name) -> Option<NameHash> {
    NameHash::of(key, &wire(name))
}

/// A name's octets in wire format (RFC 1035 §3.1), uncompressed, as it is written.
pub fn wire(name: &Name) -> Vec<u8> {
    let mut octets = Vec::with_capacity(name.len() + 1);
    for label in name.iter() {
        octets.push(label.len() as u8);
        octets.extend_from_slice(label);
    }
    octets.push(0);
    octets
}
