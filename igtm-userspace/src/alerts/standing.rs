//! Where instances and strategies stand in a file, by their names: another file has them elsewhere. Pure.

use std::cell::OnceCell;
use std::collections::HashMap;

use crate::config::model::{Config, Instance, Strategy};
use crate::policy::Decision;
use crate::snapshot::Snapshot;

/// Where each instance stands in a file: a change of it may have to look for all of them.
pub(super) struct Standing<'a> {
    instances: &'a [Instance],
    /// Made when it is needed: most files keep the order that they had.
    by_name: OnceCell<HashMap<&'a str, usize>>,
}

impl<'a> Standing<'a> {
    pub(super) fn of(config: &'a Config) -> Self {
        Self {
            instances: &config.instances,
            by_name: OnceCell::new(),
        }
    }

    /// The place of an instance, which is `likely` there.
    pub(super) fn find(&self, name: &str, likely: usize) -> Option<usize> {
        let there = self.instances.get(likely);
        match there.filter(|instance| instance.name == name) {
            Some(_) => Some(likely),
            None => self.by_name(name),
        }
    }

    pub(super) fn by_name(&self, name: &str) -> Option<usize> {
        let by_name = self.by_name.get_or_init(|| {
            let instances = self.instances.iter().enumerate();
            instances
                .map(|(at, instance)| (instance.name.as_str(), at))
                .collect()
        });
        by_name.get(name).copied()
    }
}

/// What was decided for the strategy of this name.
pub(super) fn decision<'a>(
    former: &'a Snapshot,
    instance: usize,
    strategy: &Strategy,
) -> Option<&'a Decision> {
    let mut strategies = former.ground.config.instances[instance].strategies.iter();
    let at = strategies.position(|old| old.name == strategy.name)?;
    former.decision(instance, at)
}
