//! `[[template]]`: texts of messages.
//!
//! Must not know what may stand in one: `notify::words` does.

use super::model::Template;
use super::names::{Named, Names};
use super::reader::Section;
use crate::notify::words;

/// Octets of a template: many times what any message may have.
const LONGEST: usize = 64 * 1024;

/// Reads every `[[template]]`.
pub(super) fn read_all(root: &mut Section<'_>) -> (Vec<Template>, Names) {
    let mut sections = root.tables("template");
    let (names, named) = Names::declare("template", &mut sections, 0);
    let templates = sections
        .into_iter()
        .zip(named)
        .map(|(section, named)| read(section, named))
        .collect();
    (templates, names)
}

fn read(mut section: Section<'_>, named: Named) -> Template {
    let report = section.report();
    let (text, file) = (section.take("text"), section.take("file"));
    let found = match (text, file) {
        (Some(_), Some(file)) => {
            file.problem("give only one of `text` and `file`");
            None
        }
        (None, None) => {
            let message = "`text` is missing in `template` (or `file`)";
            report.problem(section.at(), message);
            None
        }
        (Some(text), None) => text.string().map(|found| (text, found.to_owned())),
        (None, Some(file)) if file.text() == Some("") => {
            file.wrong("the path of a file that holds the template's text");
            None
        }
        (None, Some(file)) => file.string().and_then(|path| {
            let path = report.resolve(file.at, path);
            let octets = report.read(&path);
            let text = octets
                .map_err(|error| error.to_string())
                .and_then(|octets| String::from_utf8(octets).map_err(|_| "not UTF-8".to_owned()));
            match text {
                Ok(text) => Some((file, text)),
                Err(error) => {
                    file.problem(format!("cannot read {}: {error}", path.display()));
                    None
                }
            }
        }),
    };
    section.finish();
    let Some((value, text)) = found else {
        return Template {
            name: named.text,
            text: String::new(),
        };
    };
    if text.len() > LONGEST {
        let octets = text.len();
        value.problem(format!(
            "the template has {octets} octets; it may have {LONGEST}"
        ));
    } else if let Err((line, why)) = words::check(&text) {
        value.problem(format!("the template, line {line}: {why}"));
    }
    Template {
        name: named.text,
        text,
    }
}
