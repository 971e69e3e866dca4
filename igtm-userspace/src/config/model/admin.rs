//! `[admin]`: where the daemon is asked and told.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::Secret;

/// `[admin]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// The unix socket, mode 0660: whoever opens it is trusted.
    pub socket: PathBuf,
    /// Where TCP is listened on; `None`: nowhere.
    pub listen: Option<SocketAddr>,
    /// What a change over TCP must bring; always there with `listen`.
    pub token: Option<Secret>,
}

impl Default for Admin {
    fn default() -> Self {
        Self {
            socket: PathBuf::from("/run/igtm/admin.sock"),
            listen: None,
            token: None,
        }
    }
}

impl Admin {
    /// Whether `other` listens at the same places. A token may change while the daemon runs.
    pub fn same_places(&self, other: &Self) -> bool {
        self.socket == other.socket && self.listen == other.listen
    }
}
