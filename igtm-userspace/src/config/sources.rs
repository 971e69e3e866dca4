//! Which files a configuration was read from, and whether they say something else by now.
//!
//! What was read is remembered by its digest, so that a file that was only touched, or written anew
//! with the same content, is no change. Must not wait nor watch: that is the daemon's.

use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::{fs, mem};

/// Octets of one file at most; the largest databases have some hundred million. Whoever names a
/// larger file has named another one than was meant, and must not cost the daemon its memory.
const MOST_OCTETS: u64 = 1 << 31;

/// What a file is known by without reading it: device, inode, size, and time of modification in
/// seconds and nanoseconds.
type Stamp = (u64, u64, u64, i64, i64);

/// One file (or a directory of files) as it was when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// As it was opened.
    pub path: PathBuf,
    stamp: Option<Stamp>,
    /// None: it could not be read.
    digest: Option<u64>,
}

/// What became of a [`Source`].
#[derive(Debug)]
pub enum Since {
    /// It says the same.
    Same,
    /// It says something else, or can be read where it could not.
    Changed,
    /// It cannot be read any more.
    Gone(io::Error),
}

impl Source {
    /// Reads a file, and remembers what it said.
    pub(super) fn read(path: &Path) -> (Self, io::Result<Vec<u8>>) {
        let (known, octets) = match content(path) {
            Ok((stamp, octets)) => (Some((stamp, digest(&octets))), Ok(octets)),
            Err(error) => (None, Err(error)),
        };
        let source = Self {
            path: path.to_owned(),
            stamp: known.map(|(stamp, _)| stamp),
            digest: known.map(|(_, digest)| digest),
        };
        (source, octets)
    }

    /// A directory, of which the names of its `*.toml` count.
    pub fn directory(path: &Path) -> Self {
        let known = listing(path).ok();
        Self {
            path: path.to_owned(),
            stamp: known.map(|(stamp, _)| stamp),
            digest: known.map(|(_, digest)| digest),
        }
    }

    /// Compares it with what stands there now. Reads only what has another stamp; keeps what it has
    /// seen, so that the same touch is read once.
    pub fn compare(&mut self) -> Since {
        match fs::metadata(&self.path) {
            Ok(metadata) if self.stamp == Some(stamp(&metadata)) => return Since::Same,
            Ok(metadata) if metadata.is_dir() => {
                let now = Self::directory(&self.path);
                return self.become_as(now);
            }
            Ok(_) => {}
            Err(error) => return self.gone(error),
        }
        match Self::read(&self.path) {
            (now, Ok(_)) => self.become_as(now),
            (_, Err(error)) => self.gone(error),
        }
    }

    fn become_as(&mut self, now: Self) -> Since {
        let former = mem::replace(self, now);
        if former.digest == self.digest {
            Since::Same
        } else {
            Since::Changed
        }
    }

    /// What could not be read before is no news when it still cannot. The digest stays: back with
    /// the same content, it has not changed.
    fn gone(&mut self, error: io::Error) -> Since {
        self.stamp = None;
        match self.digest {
            None => Since::Same,
            Some(_) => Since::Gone(error),
        }
    }
}

/// What a regular file says. Anything else may have no end, or none that comes by itself: a reload
/// that waits for it would be the last one.
fn content(path: &Path) -> io::Result<(Stamp, Vec<u8>)> {
    // Opening a FIFO waits for a writer, unless told not to.
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    // Before the content: what is written meanwhile has another stamp.
    let metadata = file.metadata()?;
    if !metadata.is_file() && !metadata.is_dir() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let too_large = |found: u64| {
        let message = format!("it has {found} octets; a file may have {MOST_OCTETS}");
        io::Error::new(io::ErrorKind::FileTooLarge, message)
    };
    if metadata.len() > MOST_OCTETS {
        return Err(too_large(metadata.len()));
    }
    let mut octets = Vec::new();
    octets.try_reserve_exact(usize::try_from(metadata.len()).unwrap_or(0))?;
    file.take(MOST_OCTETS + 1).read_to_end(&mut octets)?;
    match u64::try_from(octets.len()) {
        Ok(read) if read <= MOST_OCTETS => Ok((stamp(&metadata), octets)),
        _ => Err(too_large(MOST_OCTETS + 1)),
    }
}

fn stamp(metadata: &fs::Metadata) -> Stamp {
    (
        metadata.dev(),
        metadata.ino(),
        metadata.len(),
        metadata.mtime(),
        metadata.mtime_nsec(),
    )
}

fn digest(octets: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(octets);
    hasher.finish()
}

fn listing(path: &Path) -> io::Result<(Stamp, u64)> {
    let stamp = stamp(&fs::metadata(path)?);
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        let name = PathBuf::from(entry?.file_name());
        if is_toml(&name) {
            names.push(name);
        }
    }
    names.sort_unstable();
    let mut hasher = DefaultHasher::new();
    for name in names {
        hasher.write(name.as_os_str().as_encoded_bytes());
        hasher.write_u8(0);
    }
    Ok((stamp, hasher.finish()))
}

/// Whether a file of a directory is part of the configuration: hidden ones, as editors leave
/// behind, are not.
pub fn is_toml(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    let hidden = name.as_encoded_bytes().starts_with(b".");
    !hidden && path.extension().is_some_and(|it| it == "toml")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn a_touch_and_the_same_content_anew_are_no_change() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a");
        fs::write(&path, "one").expect("written");
        let (mut source, octets) = Source::read(&path);
        assert_eq!(octets.expect("read"), b"one");
        let later = SystemTime::now() + Duration::from_secs(7);
        let file = fs::File::open(&path).expect("there");
        file.set_modified(later).expect("touched");
        assert!(matches!(source.compare(), Since::Same));
        // Another inode, moved into place.
        let aside = directory.path().join("b");
        fs::write(&aside, "one").expect("written");
        fs::rename(&aside, &path).expect("renamed");
        assert!(matches!(source.compare(), Since::Same));
        fs::write(&aside, "two").expect("written");
        fs::rename(&aside, &path).expect("renamed");
        assert!(matches!(source.compare(), Since::Changed));
        assert!(matches!(source.compare(), Since::Same));
    }

    #[test]
    fn what_vanished_and_came_back_the_same_has_not_changed() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a");
        let (mut missing, read) = Source::read(&path);
        assert!(read.is_err());
        assert!(matches!(missing.compare(), Since::Same));
        fs::write(&path, "one").expect("written");
        assert!(matches!(missing.compare(), Since::Changed));
        fs::remove_file(&path).expect("removed");
        assert!(matches!(missing.compare(), Since::Gone(_)));
        assert!(matches!(missing.compare(), Since::Gone(_)));
        fs::write(&path, "one").expect("written");
        assert!(matches!(missing.compare(), Since::Same));
    }

    #[test]
    fn what_has_no_end_is_refused_at_once() {
        let directory = tempfile::tempdir().expect("a directory");
        let fifo = directory.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRUSR).expect("made");
        let large = directory.path().join("large");
        let file = fs::File::create(&large).expect("created");
        file.set_len(1 << 40).expect("sparse");
        for (path, why) in [
            (fifo.as_path(), "it is not a regular file"),
            (Path::new("/dev/zero"), "it is not a regular file"),
            (
                large.as_path(),
                "it has 1099511627776 octets; a file may have 2147483648",
            ),
        ] {
            let (mut source, read) = Source::read(path);
            assert_eq!(read.expect_err("refused").to_string(), why);
            assert!(matches!(source.compare(), Since::Same));
        }
    }

    #[test]
    fn a_directory_is_what_toml_files_it_has() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut source = Source::directory(directory.path());
        fs::write(directory.path().join("a.toml.swp"), "").expect("written");
        fs::write(directory.path().join(".a.toml"), "").expect("written");
        assert!(matches!(source.compare(), Since::Same));
        fs::write(directory.path().join("a.toml"), "").expect("written");
        assert!(matches!(source.compare(), Since::Changed));
        assert!(matches!(source.compare(), Since::Same));
    }
}
