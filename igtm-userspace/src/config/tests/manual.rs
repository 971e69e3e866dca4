//! The examples of the manual's page on channels: each is a whole file that `igtm check` accepts.

use std::path::Path;

use crate::config::parse;

const MANUAL: &str = include_str!("../../../../docs/manual.md");

/// notify.md's types, in its order.
const TYPES: [&str; 10] = [
    "wecom_robot",
    "wecom_app",
    "dingtalk",
    "feishu",
    "slack",
    "webhook",
    "email",
    "pagerduty",
    "alertmanager",
    "group",
];

/// What stands under the heading `## Channels`, each type's section by its name.
fn sections() -> Vec<(&'static str, &'static str)> {
    let (_, page) = MANUAL.split_once("\n## Channels\n").expect("the page");
    let (page, _) = page.split_once("\n## ").expect("its end");
    let sections = page.split("\n### ").skip(1);
    sections
        .map(|section| {
            let (heading, text) = section.split_once('\n').expect("a heading");
            (heading.split(' ').next().unwrap_or_default(), text)
        })
        .collect()
}

#[test]
fn every_type_has_its_section_with_an_example_that_can_be_used() {
    let sections = sections();
    let names: Vec<&str> = sections.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, TYPES);
    for (name, text) in sections {
        let examples: Vec<&str> = text
            .split("```toml\n")
            .skip(1)
            .map(|rest| rest.split("```").next().expect("its end"))
            .collect();
        assert!(!examples.is_empty(), "{name} has no example");
        for example in examples {
            let config = parse(example, Path::new("/nowhere/igtm.toml"))
                .unwrap_or_else(|problems| panic!("{name}: {problems:?}\n{example}"));
            let mut kinds = config.channels.iter().map(|channel| channel.kind.name());
            assert!(kinds.any(|kind| kind == name), "{name}:\n{example}");
            assert!(!config.subscriptions.is_empty(), "{name}:\n{example}");
            if name != "group" && name != "alertmanager" {
                assert!(config.channels.iter().all(|it| !it.allow_private), "{name}");
            }
        }
    }
}

#[test]
fn the_example_of_a_template_can_be_used() {
    let (_, page) = MANUAL.split_once("\n## Templates\n").expect("the page");
    let (_, example) = page.split_once("```toml\n").expect("an example");
    let (example, _) = example.split_once("```").expect("its end");
    let text = format!("version = 1\n{example}");
    if let Err(problems) = parse(&text, Path::new("/nowhere/igtm.toml")) {
        panic!("{problems:?}");
    }
}
