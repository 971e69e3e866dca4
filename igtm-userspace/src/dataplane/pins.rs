//! Where things are pinned, whether what is pinned there fits, and how it is removed.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use aya::maps::{MapData, MapInfo};
use igtm_common::layout::ABI_VERSION;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, Flock, FlockArg, RenameFlags, renameat2};
use nix::sys::statfs::statfs;
use serde::Serialize;

use super::DataplaneError;
use super::error::{refused, wrong};
use super::maps::{LASTING, NAMES};

/// BPF_FS_MAGIC of linux/magic.h.
const BPF_FS_MAGIC: i64 = 0xcafe_4a11;

/// A pinned link's name is this and the interface's.
const LINK: &str = "link_";

/// Stands for a dot in the name of an interface (`eth0.100`), which the name of a pin cannot have.
/// No interface has it in its name: the kernel takes it for a place to put a number.
const DOT: &str = "%";

/// Behind the name of a directory that is not in use yet, or no longer. No dot: a BPF file system
/// refuses names with one (EPERM).
const STAGING: &str = "-next";

/// The pins of this layout.
pub(super) fn directory(bpffs: &Path) -> PathBuf {
    bpffs.join(format!("v{ABI_VERSION}"))
}

/// Where larger maps are made, before they take the place of [`directory`].
pub(super) fn staging(bpffs: &Path) -> PathBuf {
    bpffs.join(format!("v{ABI_VERSION}{STAGING}"))
}

/// Where the link of `interface` is pinned.
pub(super) fn link(directory: &Path, interface: &str) -> PathBuf {
    directory.join(format!("{LINK}{}", interface.replace('.', DOT)))
}

/// Makes the directory; refuses one that is not on a bpffs.
pub(super) fn prepare(directory: &Path) -> Result<(), DataplaneError> {
    let existing = directory
        .ancestors()
        .find(|path| path.exists())
        .unwrap_or(Path::new("/"));
    let filesystem = statfs(existing).map_err(|error| DataplaneError::Pins {
        path: existing.to_owned(),
        error: error.into(),
    })?;
    if filesystem.filesystem_type().0 != BPF_FS_MAGIC {
        return Err(DataplaneError::NotBpffs {
            path: directory.parent().unwrap_or(directory).to_owned(),
        });
    }
    fs::create_dir_all(directory).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => DataplaneError::Permission {
            what: directory.display().to_string(),
            error: error.to_string(),
        },
        _ => DataplaneError::Pins {
            path: directory.to_owned(),
            error,
        },
    })
}

/// Makes the pins this process's until the returned lock is dropped: two writers of one map would
/// each break the other's idea of what it holds.
pub(super) fn lock(directory: &Path) -> Result<Flock<File>, DataplaneError> {
    let file = File::open(directory).map_err(|error| pins_error(directory, error))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_file, error)| match error {
        Errno::EWOULDBLOCK => DataplaneError::Locked {
            path: directory.to_owned(),
        },
        error => pins_error(directory, error.into()),
    })
}

/// Which of the maps are pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Present {
    None,
    /// Somebody has removed the others: these alone mean nothing.
    Some,
    All,
}

/// Compares each pinned map with what the object says it is (aya does not). Capacities are the
/// daemon's choice, but for maps that are the same with every configuration.
pub(super) fn check_layout(directory: &Path, object: &[u8]) -> Result<Present, DataplaneError> {
    let object = aya_obj::Object::parse(object)
        .map_err(|error| refused("reading the BPF object", &error))?;
    let mut present = 0;
    for name in NAMES {
        let path = directory.join(name);
        if !path.exists() {
            continue;
        }
        let map = &object.maps[name];
        let info = MapInfo::from_pin(&path)
            .map_err(|error| refused(&path.display().to_string(), &error))?;
        let map_type = info.map_type().map_or(u64::MAX, |map_type| map_type as u64);
        let capacity = if LASTING.contains(&name) {
            map.max_entries()
        } else {
            info.max_entries()
        };
        for (field, found, expected) in [
            ("its type", map_type, u64::from(map.map_type())),
            (
                "its key size",
                info.key_size().into(),
                map.key_size().into(),
            ),
            (
                "its value size",
                info.value_size().into(),
                map.value_size().into(),
            ),
            ("its capacity", info.max_entries().into(), capacity.into()),
            ("its flags", info.map_flags().into(), map.map_flags().into()),
        ] {
            if found != expected {
                return Err(DataplaneError::Layout {
                    path,
                    field,
                    found,
                    expected,
                });
            }
        }
        present += 1;
    }
    Ok(match present {
        0 => Present::None,
        present if present == NAMES.len() => Present::All,
        _ => Present::Some,
    })
}

/// Removes the pinned maps. Links stay, and with them the program and the maps that it has.
pub(super) fn remove_maps(directory: &Path) -> Result<(), DataplaneError> {
    let paths = NAMES.map(|name| directory.join(name));
    paths
        .iter()
        .filter(|path| path.exists())
        .try_for_each(|path| remove(path))
}

/// Pins the maps that outlive a growth in `to` as well.
pub(super) fn share_lasting(from: &Path, to: &Path) -> Result<(), DataplaneError> {
    for name in LASTING {
        let map = MapData::from_pin(from.join(name)).map_err(wrong(name))?;
        map.pin(to.join(name)).map_err(wrong(name))?;
    }
    Ok(())
}

/// Puts `staging` in the place of `directory`, between two look-ups of a path, and removes what
/// stood there.
pub(super) fn exchange(staging: &Path, directory: &Path) -> Result<(), DataplaneError> {
    renameat2(
        AT_FDCWD,
        staging,
        AT_FDCWD,
        directory,
        RenameFlags::RENAME_EXCHANGE,
    )
    .map_err(|error| pins_error(directory, error.into()))?;
    remove_directory(staging)
}

/// Directories of other layouts than this one's, and leftovers of a growth that did not end.
pub(super) fn others(bpffs: &Path) -> Result<Vec<PathBuf>, DataplaneError> {
    let own = directory(bpffs);
    let mut others = layouts(bpffs)?;
    others.retain(|path| *path != own);
    Ok(others)
}

/// Every directory of pins under `bpffs`.
fn layouts(bpffs: &Path) -> Result<Vec<PathBuf>, DataplaneError> {
    let entries = match fs::read_dir(bpffs) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(pins_error(bpffs, error)),
    };
    let mut layouts = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| pins_error(bpffs, error))?.path();
        if is_layout(&path) {
            layouts.push(path);
        }
    }
    layouts.sort();
    Ok(layouts)
}

/// Removes a directory of pins with all that is in it: links first, so that nothing is answered
/// from half-removed maps.
pub(super) fn remove_directory(path: &Path) -> Result<(), DataplaneError> {
    for (_, link) in links(path)? {
        remove(&link)?;
    }
    for pin in fs::read_dir(path).map_err(|error| pins_error(path, error))? {
        remove(&pin.map_err(|error| pins_error(path, error))?.path())?;
    }
    fs::remove_dir(path).map_err(|error| pins_error(path, error))
}

/// Takes the program off every interface that is pinned but not in `keep`.
pub(super) fn release_links(bpffs: &Path, keep: &[String]) -> Result<(), DataplaneError> {
    for (interface, path) in links(&directory(bpffs))? {
        if !keep.contains(&interface) {
            remove(&path)?;
            tracing::info!(interface, "XDP detached: no longer in server.interfaces");
        }
    }
    Ok(())
}

/// What [`detach`] took away.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Detached {
    /// Interfaces the program was on.
    pub interfaces: Vec<String>,
    /// Directories of pins removed.
    pub directories: Vec<PathBuf>,
}

/// Takes XDP off every interface and removes the pins, of every layout under `bpffs`.
///
/// Needs no BPF object and no running daemon. Links first: nothing is answered from
/// half-removed maps.
pub fn detach(bpffs: &Path) -> Result<Detached, DataplaneError> {
    let mut detached = Detached::default();
    for path in layouts(bpffs)? {
        let interfaces = links(&path)?.into_iter().map(|(interface, _)| interface);
        detached.interfaces.extend(interfaces);
        remove_directory(&path)?;
        detached.directories.push(path);
    }
    // Ours when nothing else is in it; a mount point stays.
    let _not_empty = fs::remove_dir(bpffs);
    detached.interfaces.sort();
    detached.interfaces.dedup();
    Ok(detached)
}

/// Whether a path is a directory of pins: `v` and a number, or one of those being made.
fn is_layout(path: &Path) -> bool {
    let version = path
        .file_name()
        .and_then(|name| name.to_str())
        .map(|name| name.strip_suffix(STAGING).unwrap_or(name))
        .and_then(|name| name.strip_prefix('v'));
    version.is_some_and(|version| version.parse::<u32>().is_ok())
}

fn links(directory: &Path) -> Result<Vec<(String, PathBuf)>, DataplaneError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        // Nothing is pinned where nobody may look or nothing is.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied
            ) =>
        {
            return Ok(Vec::new());
        }
        Err(error) => return Err(pins_error(directory, error)),
    };
    let mut links = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| pins_error(directory, error))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if let Some(interface) = name.and_then(|name| name.strip_prefix(LINK)) {
            links.push((interface.replace(DOT, "."), path.clone()));
        }
    }
    Ok(links)
}

pub(super) fn remove(path: &Path) -> Result<(), DataplaneError> {
    fs::remove_file(path).map_err(|error| pins_error(path, error))
}

fn pins_error(path: &Path, error: io::Error) -> DataplaneError {
    DataplaneError::Pins {
        path: path.to_owned(),
        error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_pinned_by_a_name_with_a_dot() {
        let pins = Path::new("igtm");
        for path in [staging(pins), link(pins, "eth0.100")] {
            let name = path.file_name().expect("a name").to_string_lossy();
            assert!(!name.contains('.'), "bpffs refuses {name}");
        }
        assert!(is_layout(&staging(pins)) && is_layout(&directory(pins)));
    }

    #[test]
    fn an_interface_is_told_by_its_pin() {
        let pins = tempfile::tempdir().expect("a temporary directory");
        let pin = link(pins.path(), "eth0.100");
        fs::write(&pin, "").expect("a file");
        let found = links(pins.path()).expect("readable");
        assert_eq!(found, [("eth0.100".to_owned(), pin)]);
    }

    #[test]
    fn pins_are_one_daemons() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let held = lock(directory.path()).expect("free");
        let refused = lock(directory.path());
        assert!(matches!(refused, Err(DataplaneError::Locked { .. })));
        drop(held);
        lock(directory.path()).expect("free again");
    }
}
