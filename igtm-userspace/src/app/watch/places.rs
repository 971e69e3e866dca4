//! Where files can change: every name on the way to them, links and directories too.
//!
//! Kubernetes changes a file by turning a link two directories above it. Must not watch anything.

use std::collections::{HashSet, VecDeque};
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::config::sources::{Source, is_toml};

/// Links on one way: what the kernel follows (path_resolution(7)).
const MOST_LINKS: usize = 40;

/// Names whose change may change what was read.
#[derive(Debug, Default)]
pub(super) struct Places {
    names: HashSet<PathBuf>,
    /// Directories of which every `*.toml` counts.
    directories: HashSet<PathBuf>,
}

impl Places {
    /// As the links lead now.
    pub(super) fn of(sources: &[Source]) -> Self {
        let mut places = Self::default();
        for source in sources {
            let (names, end) = on_the_way(&source.path);
            places.names.extend(names);
            if end.is_dir() {
                places.directories.insert(end);
            }
        }
        places
    }

    /// The directories in which those names stand.
    pub(super) fn watched(&self) -> HashSet<PathBuf> {
        let parents = self.names.iter().filter_map(|name| name.parent());
        let parents = parents.map(Path::to_owned);
        parents.chain(self.directories.iter().cloned()).collect()
    }

    /// Whether a change of `path` counts.
    pub(super) fn matters(&self, path: &Path) -> bool {
        let in_directory = |parent| self.directories.contains(parent) && is_toml(path);
        self.names.contains(path)
            || self.directories.contains(path)
            || path.parent().is_some_and(in_directory)
    }
}

/// Every name that is looked up to open `path`, and where that ends.
fn on_the_way(path: &Path) -> (Vec<PathBuf>, PathBuf) {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut ahead: VecDeque<OsString> = parts(&path).collect();
    let mut at = PathBuf::from("/");
    let mut names = Vec::new();
    let mut links = 0;
    while let Some(part) = ahead.pop_front() {
        if part == ".." {
            at.pop();
            continue;
        }
        let name = at.join(&part);
        names.push(name.clone());
        match fs::read_link(&name) {
            Ok(target) if links < MOST_LINKS => {
                links += 1;
                if target.is_absolute() {
                    at = PathBuf::from("/");
                }
                for part in parts(&target).collect::<Vec<_>>().into_iter().rev() {
                    ahead.push_front(part);
                }
            }
            _ => at = name,
        }
    }
    (names, at)
}

fn parts(path: &Path) -> impl Iterator<Item = OsString> + '_ {
    path.components().filter_map(|part| match part {
        Component::Normal(_) | Component::ParentDir => Some(part.as_os_str().to_owned()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn every_link_on_the_way_counts() {
        let directory = tempfile::tempdir().expect("a directory");
        // Where temporary files are may itself be a link.
        let root = directory.path().canonicalize().expect("there");
        fs::create_dir(root.join("..v1")).expect("made");
        fs::write(root.join("..v1/igtm.toml"), "").expect("written");
        symlink("..v1", root.join("..data")).expect("linked");
        symlink("..data/igtm.toml", root.join("igtm.toml")).expect("linked");
        let (names, end) = on_the_way(&root.join("./x/../igtm.toml"));
        let below: Vec<&Path> = names
            .iter()
            .filter_map(|name| name.strip_prefix(&root).ok())
            .filter(|name| !name.as_os_str().is_empty())
            .collect();
        let expected = ["x", "igtm.toml", "..data", "..v1", "..v1/igtm.toml"];
        assert_eq!(below, expected.map(Path::new));
        assert_eq!(end, root.join("..v1/igtm.toml"));
    }

    #[test]
    fn links_in_a_circle_end() {
        let directory = tempfile::tempdir().expect("a directory");
        let circle = directory.path().join("circle");
        symlink("circle", &circle).expect("linked");
        let (names, _) = on_the_way(&circle);
        assert!(names.contains(&circle));
    }
}
