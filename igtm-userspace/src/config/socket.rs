//! Where a configuration's daemon is reached: for commands, which need nothing else of the file.
//!
//! A file that is being edited, and has problems, must not keep anybody from asking the daemon.

use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::model::Admin;
use super::problem::Problems;

/// `admin.socket` as the file at `path` says it, or its default; a directory's files are looked
/// through. Nothing else is judged.
///
/// # Errors
/// The file cannot be read.
pub fn socket(path: &Path) -> Result<PathBuf, Problems> {
    let wrong = |file: &Path, error: std::io::Error| {
        Problems::of_file(file, format!("cannot read this file: {error}"))
    };
    let mut files = vec![path.to_owned()];
    if path.is_dir() {
        let entries = std::fs::read_dir(path).map_err(|error| wrong(path, error))?;
        let entries = entries.flatten().map(|entry| entry.path());
        files = entries
            .filter(|file| file.extension().is_some_and(|end| end == "toml"))
            .collect();
        files.sort();
    }
    for file in files {
        let text = std::fs::read_to_string(&file).map_err(|error| wrong(&file, error))?;
        if let Some(socket) = named(&text) {
            let directory = file.parent().unwrap_or(Path::new(""));
            return Ok(directory.join(socket));
        }
    }
    Ok(Admin::default().socket)
}

fn named(text: &str) -> Option<String> {
    let (root, _errors) = DeTable::parse_recoverable(text);
    let admin = root.get_ref().get("admin")?.get_ref().as_table()?;
    let socket = admin.get("socket")?.get_ref().as_str()?;
    (!socket.is_empty()).then(|| socket.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_found_whatever_else_the_file_says() {
        let place = tempfile::tempdir().expect("a directory");
        let file = place.path().join("igtm.toml");
        let found = |text: &str| {
            std::fs::write(&file, text).expect("it can be written");
            socket(&file).expect("it can be read")
        };
        let default = Path::new("/run/igtm/admin.sock");
        assert_eq!(found("version = 1"), default);
        assert_eq!(found("[admin]\nlisten = 3"), default);
        assert_eq!(
            found("[admin]\nsocket = \"/x/y.sock\""),
            Path::new("/x/y.sock")
        );
        let own = place.path().join("own.sock");
        assert_eq!(
            found("a = \n[admin]\nsocket = \"own.sock\"\n[[pool]]\nx = 1"),
            own
        );
        // A directory of files.
        std::fs::write(place.path().join("a.toml"), "version = 1").expect("written");
        assert_eq!(socket(place.path()).expect("readable"), own);
        let error = socket(&place.path().join("none.toml")).expect_err("it is not there");
        assert!(
            error.to_string().contains("cannot read this file"),
            "{error}"
        );
    }
}
