//! `[[line]]`: where clients are; prefixes inline, from files and by `[geo]`, kinds, parents.
//!
//! Must not decide which line a client is in: that is policy's.

use ipnet::IpNet;

use super::geo::{Geo, Wanted};
use super::model::{Line, LineId, LineKind};
use super::names::{Named, Names};
use super::prefix;
use super::problem::{At, Report};
use super::reader::Section;
use super::value::Value;

/// The built-in line's name, and its kind's.
const DEFAULT: &str = "default";

/// Most lines besides the built-in one: what the kernel's maps can name.
const MOST_LINES: usize = 1023;

/// Reads every `[[line]]`; the built-in `default` comes first.
pub(super) fn read_all(root: &mut Section<'_>, geo: &Geo) -> (Vec<Line>, Names) {
    let report = root.report();
    let mut sections = root.tables("line");
    if let Some(extra) = sections.get(MOST_LINES) {
        let message = format!("more than {MOST_LINES} lines");
        report.problem(extra.at(), message);
        sections.truncate(MOST_LINES);
    }
    let (names, named) = Names::declare("line", &mut sections, 1);
    let names = names.with(DEFAULT, 0);
    let mut lines = vec![Line {
        name: DEFAULT.to_owned(),
        kind: LineKind::Default,
        prefixes: Vec::new(),
        parent: None,
    }];
    let mut marks = vec![Mark {
        at: root.at(),
        parent: root.at(),
        given: true,
    }];
    let mut wanted = vec![Wanted::default()];
    for (section, named) in sections.into_iter().zip(named) {
        let (line, mark, wants) = read(section, named, &names, report);
        lines.push(line);
        marks.push(mark);
        wanted.push(wants);
    }
    geo.resolve(&wanted, report, |line, prefix| {
        lines[line].prefixes.push(prefix);
    });
    for line in &mut lines {
        // Lists overlap in practice; within one line a prefix said twice means the same as once.
        line.prefixes.sort_unstable();
        line.prefixes.dedup();
    }
    refuse_childless_without_prefixes(&lines, &marks, report);
    refuse_cycles(&lines, &marks, report);
    (lines, names)
}

/// What the rules need to know of a line beside the model.
struct Mark {
    at: At,
    /// Where its parent is named.
    parent: At,
    /// Whether any list of prefixes is there, or of what has some.
    given: bool,
}

fn read(
    mut section: Section<'_>,
    named: Named,
    names: &Names,
    report: &Report<'_>,
) -> (Line, Mark, Wanted) {
    if named.text == DEFAULT {
        report.problem(
            named.at,
            "the line `default` is built in: it holds every client and is not declared",
        );
    }
    let kind = section.take("kind").and_then(|value| kind(&value));
    let files = section.take("prefix_files");
    let inline = section.take("prefixes");
    let wanted = Wanted::take(&mut section);
    let mut prefixes: Vec<IpNet> = Vec::new();
    for item in items(inline, "a list of prefixes") {
        prefixes.extend(prefix::prefix(&item));
    }
    for item in items(files, "a list of files") {
        prefix::read_file(&item, report, &mut prefixes);
    }
    let parent_value = section.take("parent");
    let parent = parent_value.and_then(|value| parent(&value, names));
    let mark = Mark {
        at: named.at,
        parent: parent_value.map_or(named.at, |value| value.at),
        given: files.is_some() || inline.is_some() || wanted.given(),
    };
    section.finish();
    let line = Line {
        name: named.text,
        kind: kind.unwrap_or(LineKind::Custom),
        prefixes,
        parent,
    };
    (line, mark, wanted)
}

fn items<'a>(value: Option<Value<'a>>, allowed: &str) -> Vec<Value<'a>> {
    value
        .and_then(|value| value.list(allowed))
        .unwrap_or_default()
}

fn kind(value: &Value<'_>) -> Option<LineKind> {
    // `default`, the last kind, is the built-in line's alone, so it is not offered.
    let (_, choices) = LineKind::ALL.split_last().expect("there are fifteen kinds");
    if value.string()? == DEFAULT {
        value.problem(
            "the kind `default` is the built-in line's; leave `kind` out or choose another",
        );
        return None;
    }
    value.one_of(choices)
}

fn parent(value: &Value<'_>, names: &Names) -> Option<LineId> {
    let position = names.resolve(value)?;
    if position == 0 {
        value.problem("the line `default` holds every client already; leave `parent` out");
        return None;
    }
    u16::try_from(position).ok().map(LineId)
}

fn refuse_childless_without_prefixes(lines: &[Line], marks: &[Mark], report: &Report<'_>) {
    let mut has_child = vec![false; lines.len()];
    for parent in lines.iter().filter_map(|line| line.parent) {
        if let Some(slot) = has_child.get_mut(usize::from(parent.0)) {
            *slot = true;
        }
    }
    for ((line, mark), has_child) in lines.iter().zip(marks).zip(has_child) {
        if !mark.given && !has_child {
            report.problem(
                mark.at,
                format!(
                    "the line `{}` holds nobody: it has no `prefixes`, `prefix_files`, `asn` or `country`, and is no line's parent",
                    line.name
                ),
            );
        }
    }
}

/// Every cycle is told once, at the first of its lines.
fn refuse_cycles(lines: &[Line], marks: &[Mark], report: &Report<'_>) {
    /// How far a line has been followed towards its root.
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        No,
        Now(usize),
        Before,
    }
    let mut seen = vec![Seen::No; lines.len()];
    for start in 0..lines.len() {
        let mut path = Vec::new();
        let mut next = Some(start);
        while let Some(at) = next {
            match seen.get(at) {
                Some(Seen::No) => {
                    seen[at] = Seen::Now(path.len());
                    path.push(at);
                    next = lines[at].parent.map(|id| usize::from(id.0));
                }
                Some(Seen::Now(from)) => {
                    let cycle = &path[*from..];
                    let names: Vec<&str> = cycle
                        .iter()
                        .chain(cycle.first())
                        .map(|line| lines[*line].name.as_str())
                        .collect();
                    let message =
                        format!("a line cannot be its own ancestor: {}", names.join(" → "));
                    report.problem(marks[at].parent, message);
                    break;
                }
                Some(Seen::Before) | None => break,
            }
        }
        for line in path {
            seen[line] = Seen::Before;
        }
    }
}
