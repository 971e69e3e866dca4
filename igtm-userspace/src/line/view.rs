//! placeholder, replaced by branch lines
use std::net::IpAddr;

use igtm_common::line::{NO_SLOT, Place, Unit};

use super::LineTable;
use crate::config::model::LineId;

/// A set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ViewId(pub u16);

/// Sets.
#[derive(Clone, Debug, Default)]
pub struct Views {
    table: Option<LineTable>,
    sets: Vec<Vec<LineId>>,
}

impl Views {
    /// Builds.
    pub fn build(table: &LineTable, sets: &[Vec<LineId>]) -> Self {
        Self {
            table: Some(table.clone()),
            sets: sets.to_vec(),
        }
    }
    /// How many.
    pub fn len(&self) -> usize {
        self.sets.len()
    }
    /// None.
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }
    /// Lines.
    pub fn lines(&self, view: ViewId) -> &[LineId] {
        &self.sets[usize::from(view.0)]
    }
    /// Units.
    pub fn units(&self) -> &[Unit] {
        &[]
    }
    /// Looks up.
    pub fn look_up(&self, view: ViewId, client: IpAddr) -> Place {
        let table = self.table.as_ref().expect("built");
        let chain = table.chain(table.chain_of(client));
        let lines = self.lines(view);
        let found = chain
            .iter()
            .find_map(|line| lines.iter().position(|one| one == line));
        Place {
            slot: found.map_or(NO_SLOT, |at| at as u16),
            scope: table.scope(client),
        }
    }
}
