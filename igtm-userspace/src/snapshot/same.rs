//! What a configuration has in common with the one before: where a name's slots were.
//!
//! Must not know what is answered from them.

use std::collections::HashMap;

use igtm_common::layout::{NO_VIEW, NameKey};

use super::Ground;
use crate::config::model::{Config, LineId};
use crate::line::ViewId;

/// What a former configuration has in common with this one.
pub(super) struct Same<'a> {
    former: &'a Ground,
    /// Former lines by number → the lines of the same names.
    lines: Vec<Option<LineId>>,
    /// Whether a former view has the lines of a new one.
    views: HashMap<(u16, u16), bool>,
}

impl<'a> Same<'a> {
    pub(super) fn new(former: &'a Ground, config: &Config) -> Self {
        let numbers: HashMap<&str, u16> = config
            .lines
            .iter()
            .zip(0..)
            .map(|(line, at)| (line.name.as_str(), at))
            .collect();
        let lines = former.fixed.line_names.iter();
        Self {
            former,
            lines: lines
                .map(|name| numbers.get(name.as_str()).copied().map(LineId))
                .collect(),
            views: HashMap::new(),
        }
    }

    /// Where the slots of a name were, when its lines are as they were.
    pub(super) fn base(
        &mut self,
        key: NameKey,
        ipv6: bool,
        lines: &[LineId],
        view: u16,
    ) -> Option<u32> {
        let of = self.former.fixed.names.find(key)?;
        let old = of.view[usize::from(ipv6)];
        if old == NO_VIEW {
            return None;
        }
        let same = self.views.entry((old, view)).or_insert_with(|| {
            let old = &self.former.fixed.views.view(ViewId(old)).lines;
            let moved = old.iter().map(|line| self.lines[usize::from(line.0)]);
            moved.eq(lines.iter().copied().map(Some))
        });
        same.then_some(of.slots[usize::from(ipv6)])
    }
}
