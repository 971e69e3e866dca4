//! `igtm completions SHELL` and `igtm man`: what is made from the command line's own definition.
//!
//! Must not know any command: whatever the definition holds is written.

use std::io;
use std::path::{Path, PathBuf};

use clap::Command;
pub use clap_complete::Shell;
use clap_mangen::Man;

/// Why nothing, or not all, was made.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// A page or script could not be made.
    #[error("cannot be made: {0}")]
    Make(#[source] io::Error),
    /// It was made, and cannot be text.
    #[error("is not UTF-8")]
    Text(#[from] std::string::FromUtf8Error),
    /// A file that cannot be written.
    #[error("cannot write {}: {error}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// The script by which `shell` completes `command`.
///
/// # Errors
/// A shell whose script cannot be made for this command line.
pub fn completions(mut command: Command, shell: Shell) -> Result<String, GenerateError> {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    Ok(String::from_utf8(script)?)
}

/// The manual page of `command` itself, in roff.
///
/// # Errors
/// A page that cannot be made.
pub fn page(command: Command) -> Result<String, GenerateError> {
    let mut page = Vec::new();
    Man::new(command)
        .render(&mut page)
        .map_err(GenerateError::Make)?;
    Ok(String::from_utf8(page)?)
}

/// Writes the pages of `command` and all its subcommands into `directory`; gives what was done.
///
/// # Errors
/// A page that cannot be made or written.
pub fn pages(mut command: Command, directory: &Path) -> Result<String, GenerateError> {
    command.build();
    let mut written = Vec::new();
    let mut rest = vec![command];
    while let Some(command) = rest.pop() {
        let shown = command.get_subcommands().filter(|one| !one.is_hide_set());
        // `help` is clap's own: its pages would repeat every other.
        rest.extend(shown.filter(|one| one.get_name() != "help").cloned());
        let name = command
            .get_display_name()
            .unwrap_or_else(|| command.get_name());
        let path = directory.join(format!("{name}.1"));
        std::fs::write(&path, page(command)?).map_err(|error| GenerateError::Write {
            path: path.clone(),
            error,
        })?;
        written.push(path.display().to_string());
    }
    written.sort_unstable();
    Ok(written.join("\n"))
}

#[cfg(test)]
mod tests {
    use clap::{Arg, ValueEnum as _};

    use super::*;

    fn command() -> Command {
        let view = Command::new("line").about("One line");
        let map = Command::new("map").about("The maps").subcommand(view);
        Command::new("igtm")
            .about("Answers")
            .arg(Arg::new("json").long("json"))
            .subcommand(map)
    }

    #[test]
    fn every_shell_completes_every_command() {
        for shell in Shell::value_variants() {
            let script = completions(command(), *shell).expect("it is made");
            assert!(script.contains("map") && script.contains("--json") || script.contains("json"));
            assert!(script.contains("line"), "{shell}");
        }
    }

    #[test]
    fn each_command_has_a_page() {
        let directory = tempfile::tempdir().expect("a directory");
        let written = pages(command(), directory.path()).expect("they are written");
        let names: Vec<&str> = written
            .lines()
            .filter_map(|path| path.rsplit('/').next())
            .collect();
        assert_eq!(names, ["igtm-map-line.1", "igtm-map.1", "igtm.1"]);
        let one = std::fs::read_to_string(directory.path().join("igtm.1")).expect("it is there");
        assert!(
            one.starts_with(".ie") || one.contains(".TH igtm 1"),
            "{one}"
        );
        assert!(one.contains("Answers"), "{one}");
        let missing = pages(command(), Path::new("/nonexistent")).unwrap_err();
        assert!(
            missing
                .to_string()
                .starts_with("cannot write /nonexistent/igtm")
        );
    }
}
