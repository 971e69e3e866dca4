//! The watch over real files: what makes it speak, and what does not.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, SystemTime};

use tokio::time::timeout;

use super::*;

const SHORT: Duration = Duration::from_millis(50);
/// Long enough for an event and [`SHORT`], on a busy host.
const SOON: Duration = Duration::from_secs(10);
/// As long as silence is listened to.
const NEVER: Duration = Duration::from_millis(600);

/// What a configuration with one prefix file is read from.
fn read(directory: &Path) -> Vec<Source> {
    let file = directory.join("igtm.toml");
    let text = "version = 1\n[[line]]\nname = \"a\"\nprefix_files = [\"a.txt\"]\n";
    if !file.exists() {
        fs::write(&file, text).expect("written");
    }
    crate::config::reading(&file).sources
}

async fn speaks(watch: &mut Watch, directory: &Path) {
    timeout(SOON, watch.changed()).await.expect("it speaks");
    watch.read(read(directory));
}

async fn is_silent(watch: &mut Watch) {
    let heard = timeout(NEVER, watch.changed()).await;
    assert!(heard.is_err(), "nothing has changed");
}

/// Until the watches are set: before, only the first look sees a change.
async fn settled() {
    sleep(Duration::from_millis(200)).await;
}

fn replace(path: &Path, text: &str) {
    let aside = path.with_extension("new");
    fs::write(&aside, text).expect("written");
    fs::rename(&aside, path).expect("renamed");
}

#[tokio::test(flavor = "multi_thread")]
async fn content_counts_and_not_what_was_done_to_the_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    let list = root.join("a.txt");
    fs::write(&list, "192.0.2.0/24\n").expect("written");
    let mut watch = Watch::start(read(root), SHORT);
    settled().await;
    replace(&list, "198.51.100.0/24\n");
    speaks(&mut watch, root).await;
    // Said once.
    is_silent(&mut watch).await;
    fs::write(&list, "203.0.113.0/24\n").expect("written");
    speaks(&mut watch, root).await;
    let touched = fs::File::open(&list).expect("there");
    touched.set_modified(SystemTime::now()).expect("touched");
    replace(&list, "203.0.113.0/24\n");
    fs::write(root.join("other.txt"), "x").expect("written");
    is_silent(&mut watch).await;
    // Gone: what runs goes on. Back with the same: no change. Back with another: one.
    fs::remove_file(&list).expect("removed");
    is_silent(&mut watch).await;
    fs::write(&list, "203.0.113.0/24\n").expect("written");
    is_silent(&mut watch).await;
    fs::remove_file(&list).expect("removed");
    fs::write(&list, "192.0.2.0/24\n").expect("written");
    speaks(&mut watch, root).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_before_the_watch_was_set_is_seen() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    let list = root.join("a.txt");
    fs::write(&list, "192.0.2.0/24\n").expect("written");
    let sources = read(root);
    replace(&list, "198.51.100.0/24\n");
    let mut watch = Watch::start(sources, SHORT);
    speaks(&mut watch, root).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_above_is_turned_as_kubernetes_does() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    for (version, net) in [("..v1", "192.0.2.0/24\n"), ("..v2", "198.51.100.0/24\n")] {
        fs::create_dir(root.join(version)).expect("made");
        fs::write(root.join(version).join("a.txt"), net).expect("written");
    }
    symlink("..v1", root.join("..data")).expect("linked");
    symlink("..data/a.txt", root.join("a.txt")).expect("linked");
    let mut watch = Watch::start(read(root), SHORT);
    settled().await;
    symlink("..v2", root.join("..tmp")).expect("linked");
    fs::rename(root.join("..tmp"), root.join("..data")).expect("turned");
    speaks(&mut watch, root).await;
    fs::remove_dir_all(root.join("..v1")).expect("removed");
    is_silent(&mut watch).await;
    // The new way is watched by now.
    fs::write(root.join("..v2/a.txt"), "203.0.113.0/24\n").expect("written");
    speaks(&mut watch, root).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_moved_into_place_and_a_file_that_was_missing() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path().join("etc");
    fs::create_dir(&root).expect("made");
    // Its list is missing: the configuration is bad, and becomes good with the list.
    let mut watch = Watch::start(read(&root), SHORT);
    settled().await;
    fs::write(root.join("a.txt"), "192.0.2.0/24\n").expect("written");
    speaks(&mut watch, &root).await;
    let next = directory.path().join("next");
    fs::create_dir(&next).expect("made");
    fs::copy(root.join("igtm.toml"), next.join("igtm.toml")).expect("copied");
    fs::write(next.join("a.txt"), "198.51.100.0/24\n").expect("written");
    fs::rename(&root, directory.path().join("former")).expect("moved");
    fs::rename(&next, &root).expect("moved");
    speaks(&mut watch, &root).await;
    replace(&root.join("a.txt"), "203.0.113.0/24\n");
    speaks(&mut watch, &root).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_more_in_a_directory_of_files() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    let mut watch = Watch::start(vec![Source::directory(root)], SHORT);
    settled().await;
    fs::write(root.join(".lines.toml.swp"), "").expect("written");
    is_silent(&mut watch).await;
    fs::write(root.join("lines.toml"), "").expect("written");
    timeout(SOON, watch.changed()).await.expect("it speaks");
}
