//! Lines: which of them hold a client, and which is preferred. Pure; reads no file and no database.

mod range;
mod sweep;
mod table;
mod view;

#[cfg(test)]
mod reference;

pub use table::{ChainId, LineTable, MAX_LINES, TableError, longest_prefix};
pub use view::{MAX_VIEWS, View, ViewId, Views, ViewsError};
