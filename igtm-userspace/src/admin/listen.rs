//! The places where the admin API is reached: a unix socket, and perhaps a TCP address.
//!
//! Binds, and removes what a dead daemon has left; answers nothing.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::{TcpListener, UnixListener};

use crate::config::model::Admin;

/// Whoever is in the socket's group may open it.
const MODE: u32 = 0o660;
const BACKLOG: i32 = 128;

/// Why the admin API cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The socket, or its directory, cannot be made.
    #[error("admin.socket: {path}: {error}")]
    Socket {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Another daemon answers there.
    #[error("admin.socket: {path} is in use by another igtm; give each daemon its own")]
    InUse {
        /// Which.
        path: PathBuf,
    },
    /// What stands there is not ours to remove.
    #[error("admin.socket: {path} is there, and is not a socket")]
    NotASocket {
        /// Which.
        path: PathBuf,
    },
    /// The TCP address cannot be had.
    #[error("admin.listen: {address}: {error}")]
    Tcp {
        /// Which.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
}

/// Bound sockets that nobody serves yet. The unix socket goes with it.
#[derive(Debug)]
pub struct Door {
    pub(super) unix: UnixListener,
    pub(super) tcp: Option<TcpListener>,
    pub(super) path: SocketPath,
}

/// The socket's file; removed on drop, unless another stands in its place by then.
#[derive(Debug)]
pub(super) struct SocketPath {
    path: PathBuf,
    /// `None`: it could not be looked at, and is left there; the next daemon removes it.
    ours: Option<Identity>,
}

/// Which file a path leads to. An inode's number is given again, together with its time it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    modified: (i64, i64),
}

impl Identity {
    fn of(path: &Path) -> Option<Self> {
        let found = fs::symlink_metadata(path).ok()?;
        Some(Self {
            device: found.dev(),
            inode: found.ino(),
            modified: (found.mtime(), found.mtime_nsec()),
        })
    }
}

impl SocketPath {
    fn bound(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            ours: Identity::of(path),
        }
    }
}

impl Drop for SocketPath {
    fn drop(&mut self) {
        if self.ours.is_some() && Identity::of(&self.path) == self.ours {
            let _gone_already = fs::remove_file(&self.path);
        }
    }
}

impl Door {
    /// Binds. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// A living daemon has the socket, or the system refuses.
    pub fn bind(admin: &Admin) -> Result<Self, ListenError> {
        let (unix, path) = unix(&admin.socket)?;
        let tcp = match admin.listen {
            Some(address) => Some(tcp(address)?),
            None => None,
        };
        Ok(Self { unix, tcp, path })
    }
}

fn unix(path: &Path) -> Result<(UnixListener, SocketPath), ListenError> {
    let wrong = |error| ListenError::Socket {
        path: path.to_owned(),
        error,
    };
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(wrong)?;
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(wrong)?;
    let address = SockAddr::unix(path).map_err(wrong)?;
    match socket.bind(&address) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            make_room(path)?;
            socket.bind(&address).map_err(wrong)?;
        }
        Err(error) => return Err(wrong(error)),
    }
    let bound = SocketPath::bound(path);
    // Nobody gets in before `listen`, and by then the mode is right, whatever the umask.
    fs::set_permissions(path, Permissions::from_mode(MODE)).map_err(wrong)?;
    socket.listen(BACKLOG).map_err(wrong)?;
    socket.set_nonblocking(true).map_err(wrong)?;
    let listener = UnixListener::from_std(socket.into()).map_err(wrong)?;
    Ok((listener, bound))
}

/// Removes the socket of a dead daemon.
fn make_room(path: &Path) -> Result<(), ListenError> {
    let wrong = |error| ListenError::Socket {
        path: path.to_owned(),
        error,
    };
    let kind = fs::symlink_metadata(path).map_err(wrong)?.file_type();
    if !kind.is_socket() {
        let path = path.to_owned();
        return Err(ListenError::NotASocket { path });
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(wrong)
        }
        Err(error) => Err(wrong(error)),
        Ok(_answers) => Err(ListenError::InUse {
            path: path.to_owned(),
        }),
    }
}

fn tcp(address: SocketAddr) -> Result<TcpListener, ListenError> {
    let wrong = |error| ListenError::Tcp { address, error };
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).map_err(wrong)?;
    if address.is_ipv6() {
        socket.set_only_v6(true).map_err(wrong)?;
    }
    // A restart need not wait for the last connections of the former run.
    socket.set_reuse_address(true).map_err(wrong)?;
    socket.set_nonblocking(true).map_err(wrong)?;
    socket.bind(&address.into()).map_err(wrong)?;
    socket.listen(BACKLOG).map_err(wrong)?;
    TcpListener::from_std(socket.into()).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admin(path: PathBuf) -> Admin {
        Admin {
            socket: path,
            ..Admin::default()
        }
    }

    #[tokio::test]
    async fn the_directory_is_made_and_the_socket_is_the_group_s() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("run/igtm/admin.sock");
        let door = Door::bind(&admin(path.clone())).expect("it binds");
        let mode = fs::metadata(&path)
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, MODE);
        drop(door);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn another_daemon_s_socket_is_left_where_it_is() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("admin.sock");
        let door = Door::bind(&admin(path.clone())).expect("it binds");
        // As after `rm`: what stands there from now on is another's.
        fs::remove_file(&path).expect("it is there");
        let other = Door::bind(&admin(path.clone())).expect("nobody is there");
        drop(door);
        assert!(path.exists(), "the other's socket is gone");
        drop(other);
        assert!(!path.exists(), "its own is left behind");
    }

    #[tokio::test]
    async fn a_dead_daemon_s_socket_is_replaced_and_a_living_one_s_is_not() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("admin.sock");
        // As after a kill: the file is there, nobody listens.
        drop(std::os::unix::net::UnixListener::bind(&path).expect("it binds"));
        let door = Door::bind(&admin(path.clone())).expect("the dead one's is replaced");
        let error = Door::bind(&admin(path.clone())).expect_err("that is a living one's");
        assert!(matches!(&error, ListenError::InUse { .. }), "{error}");
        assert!(path.exists());
        drop(door);
        fs::write(&path, "precious").expect("a file");
        let error = Door::bind(&admin(path.clone())).expect_err("that is no socket");
        assert!(matches!(&error, ListenError::NotASocket { .. }), "{error}");
        assert_eq!(fs::read_to_string(&path).expect("still there"), "precious");
    }
}
