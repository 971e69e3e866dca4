//! What steps have changed, to be kept.

use std::collections::BTreeSet;

use super::Router;
use crate::notify::group::{Group, GroupKey};
use crate::notify::told::{Mute, Open, OpenKey};

/// The keys of what is otherwise than it was kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Conditions.
    pub open: BTreeSet<OpenKey>,
    /// Groups.
    pub groups: BTreeSet<GroupKey>,
    /// Instances.
    pub mutes: BTreeSet<String>,
}

impl Router {
    /// What has changed since this was asked last.
    pub fn take_changed(&mut self) -> Changed {
        std::mem::take(&mut self.changed)
    }

    /// A condition as it is now; `None`: forgotten.
    pub fn open(&self, key: &OpenKey) -> Option<&Open> {
        self.open.get(key)
    }

    /// A group as it is now.
    pub fn waiting(&self, key: &GroupKey) -> Option<&Group> {
        self.groups.get(key)
    }

    /// A mute as it is now.
    pub fn mute_of(&self, instance: &str) -> Option<&Mute> {
        self.mutes.get(instance)
    }
}
