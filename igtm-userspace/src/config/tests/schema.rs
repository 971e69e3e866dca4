//! `igtm schema` against the readers: the same keys, and what it refuses they refuse.
//!
//! Nothing here lists keys: those of the readers are taken from what they say of an unknown key,
//! those of the schema from the schema.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::config::{Problem, SCHEMA, parse};

/// A key that nobody has and that is near to none.
const NOBODYS: &str = "zqxjkvwzqxjkvw";

fn schema() -> Value {
    serde_json::from_str(SCHEMA).expect("the schema is JSON")
}

fn validator() -> Validator {
    jsonschema::draft202012::new(&schema()).expect("it is a schema")
}

/// TOML as JSON, as editors hold it against a schema.
fn as_json(text: &str) -> Value {
    let table: toml::Table = text.parse().expect("it is TOML");
    serde_json::to_value(table).expect("there is no date in it")
}

/// One table of the schema.
#[derive(Debug)]
struct Table {
    /// `instance.strategy`; empty for the whole file.
    label: String,
    /// The headers that lead to it in a file.
    headers: String,
    /// Where it stands in that file.
    pointer: String,
    schema: Value,
}

impl Table {
    fn properties(&self) -> impl Iterator<Item = (&String, &Value)> {
        let properties = self.schema["properties"].as_object();
        properties.into_iter().flatten()
    }

    /// What it needs for what is in it to be judged: a pool's addresses rest on its type.
    fn choices(&self) -> String {
        let properties = self.properties();
        let needed = properties.filter(|(key, _)| {
            let required = self.schema["required"].as_array();
            required.is_some_and(|it| it.contains(&json!(key)))
        });
        let choices = needed.filter(|(_, value)| value["enum"].is_array());
        choices
            .map(|(key, value)| format!("{key} = {}\n", value["enum"][0]))
            .collect()
    }

    /// Each with a line more that makes it one of its kinds, and the keys it then has.
    fn variants(&self) -> Vec<(String, BTreeSet<String>)> {
        let words = |value: &Value| -> BTreeSet<String> {
            let words = value.as_array().into_iter().flatten();
            words.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let all = self.schema["allOf"].as_array().into_iter().flatten();
        let variants: Vec<_> = all
            .filter(|one| one["then"]["propertyNames"].is_object())
            .map(|one| {
                let (key, value) = one["if"]["properties"]
                    .as_object()
                    .and_then(|it| it.iter().next())
                    .expect("a variant is chosen by a key");
                let line = format!("{key} = {}\n", value["const"]);
                (line, words(&one["then"]["propertyNames"]["enum"]))
            })
            .collect();
        if variants.is_empty() {
            let keys = self.properties().map(|(key, _)| key.clone()).collect();
            return vec![(String::new(), keys)];
        }
        variants
    }
}

/// Every table of the schema, parents first.
fn tables() -> Vec<Table> {
    let mut found = Vec::new();
    let mut rest = vec![Table {
        label: String::new(),
        headers: String::new(),
        pointer: String::new(),
        schema: schema(),
    }];
    while let Some(table) = rest.pop() {
        for (key, value) in table.properties() {
            let dot = if table.label.is_empty() { "" } else { "." };
            let label = format!("{}{dot}{key}", table.label);
            let (schema, header, index) = if value["items"]["properties"].is_object() {
                (&value["items"], format!("[[{label}]]\n"), "/0")
            } else if value["properties"].is_object() {
                (value, format!("[{label}]\n"), "")
            } else {
                continue;
            };
            rest.push(Table {
                headers: format!("{}{}{header}", table.headers, table.choices()),
                pointer: format!("{}/{key}{index}", table.pointer),
                schema: schema.clone(),
                label,
            });
        }
        found.push(table);
    }
    found
}

/// What is wrong with a text.
fn problems(text: &str) -> Vec<Problem> {
    match parse(text, Path::new("/nowhere/x.toml")) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().cloned().collect(),
    }
}

/// What the readers say of a line at the end of a table.
fn said_of(table: &Table, more: &str, line: &str) -> Vec<String> {
    let text = format!("{}{more}{line}\n", table.headers);
    let last = text.lines().count();
    let of_line = problems(&text).into_iter().filter(|it| it.line == last);
    of_line.map(|problem| problem.message).collect()
}

/// What the readers take in a table; `None` when they do not read it yet.
fn keys_of_readers(table: &Table, more: &str) -> Option<BTreeSet<String>> {
    let said = said_of(table, more, &format!("{NOBODYS} = 0"));
    let lists: Vec<&String> = said
        .iter()
        .filter(|it| it.starts_with("unknown key"))
        .collect();
    let [list] = lists[..] else {
        assert!(lists.is_empty(), "{}: {said:?}", table.label);
        return None;
    };
    let (_, keys) = list.rsplit_once(" has ").expect("it lists what is allowed");
    Some(keys.split(", ").map(str::to_owned).collect())
}

#[test]
fn the_example_is_valid() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etc/igtm.toml");
    let text = std::fs::read_to_string(path).expect("the example is there");
    let validator = validator();
    let example = as_json(&text);
    let errors: Vec<String> = validator
        .iter_errors(&example)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(errors, [""; 0]);
}

#[test]
fn the_readers_have_the_keys_of_the_schema_and_no_others() {
    let mut not_read = Vec::new();
    for table in tables() {
        for (more, keys) in table.variants() {
            let Some(known) = keys_of_readers(&table, &more) else {
                not_read.push(format!("{} {}", table.label, more.trim()));
                continue;
            };
            let label = format!("{} {more}", table.label);
            for key in &known {
                assert!(keys.contains(key), "{label}: the schema has no `{key}`");
            }
            for key in keys.difference(&known) {
                let said = said_of(&table, &more, &format!("{key} = 0"));
                let later = said.iter().any(|it| it.ends_with("is not supported yet"));
                assert!(later, "{label}: no reader has `{key}`: {said:?}");
            }
        }
    }
    // What is refused by name as a whole: nothing else may hide here.
    let later = |label: &String| ["admin", "node"].contains(&label.trim());
    not_read.retain(|label| !later(label));
    assert_eq!(not_read, [""; 0]);
}

/// `schema` with what it refers to.
fn resolved(schema: &Value, root: &Value) -> Value {
    let mut merged = schema.as_object().cloned().unwrap_or_default();
    if let Some(path) = schema["$ref"].as_str() {
        let target = root.pointer(path.trim_start_matches('#'));
        let target = target.and_then(Value::as_object).expect("it is defined");
        for (key, value) in target {
            merged.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
    Value::Object(merged)
}

/// Values that a schema is to be tried with: of every type, and beside every border.
fn values(schema: &Value, root: &Value) -> Vec<Value> {
    let schema = &resolved(schema, root);
    let mut values = vec![
        json!(1.5),
        json!(true),
        json!(-1),
        json!(0),
        json!("x"),
        json!(" "),
        json!(""),
        json!("192.0.2.1"),
        json!("15s"),
        json!([]),
        json!({}),
    ];
    for (border, beyond) in [("minimum", -1), ("maximum", 1)] {
        if let Some(border) = schema[border].as_i64() {
            values.extend([json!(border), json!(border + beyond)]);
        }
    }
    let listed = ["enum", "examples"].map(|key| schema[key].as_array().cloned());
    values.extend(listed.into_iter().flatten().flatten());
    values.extend(schema.get("default").cloned());
    if schema["items"].is_object() && !schema["items"]["properties"].is_object() {
        let each = self::values(&schema["items"], root).into_iter();
        values.extend(each.map(|value| json!([value])));
    }
    if let Some(most) = schema["maxItems"].as_u64() {
        let is_number = schema["items"]["minimum"].is_i64();
        let item = if is_number {
            json!(1)
        } else {
            json!("a@b.example")
        };
        for count in [most, most + 1] {
            values.push(vec![item.clone(); usize::try_from(count).expect("few")].into());
        }
    }
    values
}

/// Whether the readers find the value itself wrong: not only what it refers to, nor that what
/// config.md says is not built yet.
fn readers_refuse(said: &[String]) -> bool {
    let refused = ["it must be", "is empty", "it may have"];
    said.iter()
        .any(|message| refused.iter().any(|it| message.contains(it)))
}

#[test]
fn what_one_refuses_the_other_refuses() {
    let (root, validator) = (schema(), validator());
    let mut tried: BTreeMap<bool, usize> = BTreeMap::new();
    let mut differences = Vec::new();
    for table in tables() {
        for (more, keys) in table.variants() {
            if keys_of_readers(&table, &more).is_none() {
                continue;
            }
            let properties = table.properties();
            for (key, schema) in properties.filter(|(key, _)| keys.contains(*key)) {
                if more.starts_with(&format!("{key} = ")) {
                    continue;
                }
                for value in values(schema, &root) {
                    let shown = toml::Value::try_from(&value)
                        .expect("it is a value")
                        .to_string();
                    let line = format!("{key} = {shown}");
                    let said = said_of(&table, &more, &line);
                    if said
                        .iter()
                        .any(|it| it.ends_with(&format!("{key}` is not supported yet")))
                    {
                        continue;
                    }
                    let document = as_json(&format!("{}{more}{line}\n", table.headers));
                    let place = format!("{}/{key}", table.pointer);
                    let invalid = validator
                        .iter_errors(&document)
                        .any(|error| error.instance_path().to_string().starts_with(&place));
                    *tried.entry(invalid).or_default() += 1;
                    // Of an empty list of tables the table that it is in is told.
                    let anywhere = || {
                        let text = format!("{}{more}{line}\n", table.headers);
                        let mut all = problems(&text).into_iter();
                        all.any(|problem| problem.message.contains(&format!("{key}]]")))
                    };
                    if invalid && said.is_empty() && !anywhere() {
                        differences
                            .push(format!("{}: only the schema refuses {line}", table.label));
                    }
                    if !invalid && readers_refuse(&said) {
                        differences.push(format!(
                            "{}: only the readers refuse {line}: {said:?}",
                            table.label
                        ));
                    }
                }
            }
        }
    }
    assert!(tried.values().all(|count| *count > 200), "{tried:?}");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
