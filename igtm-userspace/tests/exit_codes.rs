//! What the command says by its exit code (config.md, Command line): 0 done, 1 no, 2 wrong usage, 3
//! the daemon cannot be reached. The program itself is run; nothing here needs root or a daemon.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

const FILE: &str = r#"version = 1
[[zone]]
origin = "example.com"
ns = ["ns.example.net"]
contact = "ops.example.net"
[[pool]]
name = "pool"
type = "ipv4"
address = [{ value = "192.0.2.1" }]
[[instance]]
name = "www"
domain = "www.example.com"
[[instance.strategy]]
name = "default"
lines = ["default"]
fallback = "pool"
tier = [{ pools = ["pool"] }]
"#;

/// Runs `igtm WORDS…`, in which `{}` is `directory`.
fn igtm(directory: &Path, words: &str) -> Output {
    let words = words.split_whitespace();
    let words = words.map(|word| word.replace("{}", &directory.to_string_lossy()));
    Command::new(env!("CARGO_BIN_EXE_igtm"))
        .args(words)
        .output()
        .expect("it is built")
}

/// Each of `cases` must end with `code`, and say why if it is not 0.
fn end_with(code: i32, cases: &[&str]) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path();
    let admin = format!("[admin]\nsocket = \"{}/none.sock\"\n", path.display());
    std::fs::write(path.join("igtm.toml"), format!("{FILE}{admin}")).expect("it is writable");
    std::fs::write(path.join("bad.toml"), "version = 2\n").expect("it is writable");
    let wrong = cases.iter().filter_map(|case| {
        let ended = igtm(path, case);
        let said = String::from_utf8_lossy(&ended.stderr);
        let shown = String::from_utf8_lossy(&ended.stdout);
        let told = match code {
            0 => said.is_empty(),
            2 => shown.is_empty() && said.contains("--help"),
            _ => !said.is_empty() || !shown.is_empty(),
        };
        let right = ended.status.code() == Some(code) && told;
        (!right).then(|| format!("igtm {case}: {}\n{shown}{said}", ended.status))
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "not {code}:\n{}", wrong.join("\n"));
}

/// By command, what it cannot be told.
const MISUSED: &[(&str, &[&str])] = &[
    ("run", &["--json", "extra", "--log-format xml", "-c"]),
    ("check", &["", "a b", "{}/igtm.toml --socket x", "--what a"]),
    ("status", &["--what", "--watch=maybe", "--color loud"]),
    ("reload", &["extra", "--pool a"]),
    (
        "force",
        &[
            "",
            "192.0.2.1",
            "192.0.2.1 sideways --reason x",
            "192.0.2.1 down",
            "192.0.2.1 down --reason",
            "192.0.2.1 down --reason x --pool",
            "192.0.2.1 down --reason x --for never",
        ],
    ),
    ("release", &["", "a b"]),
    (
        "events",
        &[
            "extra",
            "--kind nothing",
            "--since",
            "send nothing --instance www",
            "send test",
        ],
    ),
    (
        "pushes",
        &["extra", "--result maybe", "--since", "show", "replay a b"],
    ),
    ("mute", &["", "www", "--for 1h", "www --for never"]),
    ("notify", &["", "ops", "test", "test a b"]),
    (
        "explain",
        &[
            "",
            "www.example.com",
            "--client 192.0.2.300 www.example.com",
            "--client 192.0.2.1 --ecs 192.0.2.0/33 www.example.com",
            "--client 192.0.2.1 www.example.com NOTYPE",
            "--client 192.0.2.1 a..b",
        ],
    ),
    (
        "map",
        &["sideways", "line", "line 192.0.2", "answers extra"],
    ),
    ("tail", &["--count many", "--top --count 1", "extra"]),
    ("schema", &["extra", "--json"]),
    ("completions", &["", "cmd"]),
    ("man", &["extra", "--dir"]),
    ("detach", &["extra", "--bpffs"]),
    ("help", &["nothing"]),
];

#[test]
fn wrong_usage_is_2() {
    let cases = MISUSED.iter().flat_map(|(command, all)| {
        let words = all.iter();
        words.map(move |words| format!("{command} {words}"))
    });
    let mut cases: Vec<String> = cases.collect();
    cases.extend(["", "stauts", "--json", "-c x status"].map(str::to_owned));
    end_with(2, &cases.iter().map(String::as_str).collect::<Vec<_>>());
}

/// A command that is added is asked about here.
#[test]
fn no_command_is_left_out() {
    let help = igtm(Path::new("/"), "--help").stdout;
    let help = String::from_utf8(help).expect("it is text");
    let commands = help.split("Commands:\n").nth(1).expect("they are listed");
    let commands = commands.lines().take_while(|line| !line.is_empty());
    let listed: BTreeSet<&str> = commands
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let asked: BTreeSet<&str> = MISUSED.iter().map(|(command, _)| *command).collect();
    assert_eq!(listed, asked);
}

#[test]
fn a_daemon_that_cannot_be_reached_is_3() {
    end_with(
        3,
        &[
            "status -c {}/igtm.toml",
            "status --socket {}/none.sock --json",
            "reload -c {}/igtm.toml",
            "reload --socket {}/igtm.toml", // no socket at all
            "force 192.0.2.1 down --reason x -c {}/igtm.toml",
            "release default -c {}/igtm.toml",
            "events -c {}/igtm.toml",
            "events send test --instance www -c {}/igtm.toml",
            "pushes -c {}/igtm.toml",
            "pushes show msg_1 -c {}/igtm.toml",
            "pushes replay msg_1 --socket {}/none.sock",
            "mute www --for 1h -c {}/igtm.toml",
            "mute www --for 0 -c {}/igtm.toml",
            "explain --live --client 192.0.2.1 www.example.com -c {}/igtm.toml",
            "check {}/igtm.toml --against-running",
        ],
    );
}

#[test]
fn a_no_or_a_bad_file_is_1() {
    end_with(
        1,
        &[
            "check {}/bad.toml",
            "check {}/bad.toml --json",
            "check {}/none.toml",
            "run -c {}/bad.toml",
            "status -c {}/none.toml",
            "reload -c {}/none.toml",
            "force 192.0.2.1 down --reason x -c {}/none.toml",
            "release default -c {}/none.toml",
            "events -c {}/none.toml",
            "pushes -c {}/none.toml",
            "mute www --for 1h -c {}/none.toml",
            "notify test ops -c {}/igtm.toml", // no such channel
            "notify test ops -c {}/bad.toml",
            "explain --client 192.0.2.1 other.example.net -c {}/igtm.toml",
            "explain --client 192.0.2.1 www.example.com -c {}/bad.toml",
            "map --bpffs {}/bpf",
            "map counters -c {}/bad.toml",
            "tail --top --bpffs {}/bpf",
            "detach -c {}/bad.toml",
            "man --dir {}/igtm.toml",
        ],
    );
}

#[test]
fn what_is_done_is_0() {
    end_with(
        0,
        &[
            "check {}/igtm.toml",
            "check {}/igtm.toml --json",
            "explain --client 192.0.2.1 www.example.com -c {}/igtm.toml",
            "explain --client 192.0.2.1 --down 192.0.2.1 www.example.com AAAA -c {}/igtm.toml",
            "schema",
            "completions bash",
            "man",
            "detach --bpffs {}/bpf",
            "help events",
            "--version",
        ],
    );
}
