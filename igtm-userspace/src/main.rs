//! The `igtm` command: arguments in, exit code out (config.md, Command line).

use std::fmt::Display;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use hickory_proto::rr::{Name, RecordType};
use igtm::command::alerts::{self, MuteArgs, NotifyCommand};
use igtm::command::daemon::{self, Daemon};
use igtm::command::events::{self, EventsArgs};
use igtm::command::force::{self, ForceArgs};
use igtm::command::pushes::{self, PushesArgs};
use igtm::command::release::{self, ReleaseArgs};
use igtm::command::status::{self, StatusArgs};
use igtm::command::{check, explain, generate, map, tail};
use igtm::config::{self, model::Address};
use igtm::{app, dataplane};
use ipnet::IpNet;
use serde_json::json;
use tracing_subscriber::EnvFilter;

/// Loading and dropping a large configuration is half malloc's work: this one takes half of that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Self-hosted global traffic manager: DNS answers by line, health and weight, from XDP.
#[derive(Parser)]
#[command(name = "igtm", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the daemon
    Run {
        #[command(flatten)]
        config: ConfigFile,
        /// How to log, to standard error; RUST_LOG chooses what
        #[arg(long, value_enum, default_value_t = LogFormat::Text)]
        log_format: LogFormat,
    },
    /// Check a configuration, touching nothing: every problem, or a short summary
    Check {
        /// The file, or a directory whose *.toml files are one configuration
        file: PathBuf,
        /// Instead of the summary: what applying it would change of what the daemon runs
        #[arg(long)]
        against_running: bool,
        /// With --against-running: the daemon's socket, without asking FILE for it
        #[arg(long, value_name = "PATH", requires = "against_running")]
        socket: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// What a running daemon does: instances, strategies, pools, addresses, monitors
    Status(StatusArgs),
    /// Have the daemon apply its file now, and see what changed
    Reload(Daemon),
    /// Hold an address to be up or down, or drain it, whatever is measured; or end that
    Force(ForceArgs),
    /// End frozen answers: what stays of a strategy with `keep` that is removed or disabled
    Release(ReleaseArgs),
    /// What has happened: failovers, addresses down and up again, each with what led to it
    Events(EventsArgs),
    /// Messages of alerts: what was sent to whom, what became of it, one of them once more
    Pushes(PushesArgs),
    /// Channels of alerts
    Notify {
        #[command(subcommand)]
        what: NotifyCommand,
    },
    /// No alerts of an instance for a while
    Mute(MuteArgs),
    /// What a client would be answered, and why
    Explain(ExplainArgs),
    /// The data plane in words, from the pins; works with the daemon stopped
    Map {
        #[command(flatten)]
        pins: Pins,
        #[command(subcommand)]
        view: Option<MapView>,
    },
    /// Sampled queries as they come, from the pins; works with the daemon stopped
    Tail {
        #[command(flatten)]
        pins: Pins,
        /// End after so many
        #[arg(long, value_name = "N")]
        count: Option<u64>,
        /// Instead: the names, sources and lines that stand most in the last samples
        #[arg(long, conflicts_with = "count")]
        top: bool,
    },
    /// The JSON schema of the configuration, for editors and other tools
    Schema,
    /// What a shell needs to complete this command line
    Completions {
        /// For which
        #[arg(value_enum)]
        shell: generate::Shell,
    },
    /// The manual page of igtm, or with --dir those of all commands
    Man {
        /// Write igtm.1, igtm-run.1 and so on into this directory
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// Take XDP off every interface and remove the pins
    Detach {
        #[command(flatten)]
        pins: Pins,
    },
}

#[derive(Args)]
struct ConfigFile {
    /// The configuration: a file, or a directory whose *.toml files are one configuration
    #[arg(
        short,
        long,
        value_name = "FILE",
        default_value = "/etc/igtm/igtm.toml"
    )]
    config: PathBuf,
}

#[derive(Args)]
struct Pins {
    /// The configuration that names the pins' place (server.bpffs)
    #[arg(
        short,
        long,
        value_name = "FILE",
        global = true,
        default_value = "/etc/igtm/igtm.toml"
    )]
    config: PathBuf,
    /// The pins' place, without a configuration
    #[arg(long, value_name = "DIR", global = true)]
    bpffs: Option<PathBuf>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Args)]
struct ExplainArgs {
    #[command(flatten)]
    daemon: Daemon,
    /// By the health that the daemon observes, instead of taking every address as ok
    #[arg(long)]
    live: bool,
    /// The client's address
    #[arg(long, value_name = "IP")]
    client: IpAddr,
    /// The client subnet its resolver sends
    #[arg(long, value_name = "PREFIX")]
    ecs: Option<IpNet>,
    /// Take an address as down; may be repeated
    #[arg(long, value_name = "ADDRESS", value_parser = explain::parse_address)]
    down: Vec<Address>,
    /// The business or the access domain
    #[arg(value_parser = explain::parse_name)]
    name: Name,
    /// The query's type
    #[arg(default_value = "A", ignore_case = true)]
    r#type: RecordType,
}

#[derive(Clone, Copy, Subcommand)]
enum MapView {
    /// The answers that are given now (the default)
    Answers,
    /// Which lines are claimed together, and by how many names
    Lines,
    /// Frames by what became of them, and replies by name and line
    Counters,
    /// The line of one address
    Line {
        /// The address
        address: IpAddr,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

fn main() -> ExitCode {
    // First of all, even before it is known whether this is the daemon: every moment counts.
    app::hold_hangups();
    if std::env::args_os().nth(1).is_none_or(|word| word != "run") {
        app::release_hangups();
    }
    match Cli::parse().command {
        Command::Run { config, log_format } => run(config.config, log_format),
        Command::Check {
            file,
            against_running: false,
            json,
            ..
        } => check::check(&file, json),
        Command::Check {
            file, socket, json, ..
        } => {
            let config = file.clone();
            let running = Daemon {
                config,
                socket,
                json,
            };
            daemon::against_running(&running, &file)
        }
        Command::Status(args) => status::status(&args),
        Command::Reload(running) => daemon::reload(&running),
        Command::Force(args) => force::force(&args),
        Command::Release(args) => release::release(args),
        Command::Events(args) => events::events(args),
        Command::Pushes(args) => pushes::pushes(args),
        Command::Notify { what } => alerts::notify(&what),
        Command::Mute(args) => alerts::mute(&args),
        Command::Explain(args) => explain(args),
        Command::Map { pins, view } => {
            let view = match view {
                None | Some(MapView::Answers) => map::View::Answers,
                Some(MapView::Lines) => map::View::Lines,
                Some(MapView::Counters) => map::View::Counters,
                Some(MapView::Line { address }) => map::View::Line(address),
            };
            let shown = pins
                .place()
                .and_then(|bpffs| Ok(map::map(&bpffs, view, pins.json)?));
            print(pins.json, shown)
        }
        Command::Tail {
            pins, top: true, ..
        } => print(
            pins.json,
            pins.place()
                .and_then(|bpffs| Ok(tail::top(&bpffs, pins.json)?)),
        ),
        Command::Tail { pins, count, .. } => {
            let followed = pins.place().and_then(|bpffs| {
                let mut out = std::io::stdout().lock();
                Ok(tail::follow(&bpffs, count, pins.json, &mut out)?)
            });
            match followed {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => print(pins.json, Err::<String, _>(error)),
            }
        }
        Command::Schema => print(false, Ok::<_, anyhow::Error>(config::SCHEMA.trim_end())),
        Command::Completions { shell } => {
            print(false, generate::completions(Cli::command(), shell))
        }
        Command::Man { dir: None } => print(false, generate::page(Cli::command())),
        Command::Man { dir: Some(dir) } => print(false, generate::pages(Cli::command(), &dir)),
        Command::Detach { pins } => print(
            pins.json,
            pins.place().and_then(|bpffs| detach(&bpffs, pins.json)),
        ),
    }
}

fn run(file: PathBuf, format: LogFormat) -> ExitCode {
    let filter = log_filter(std::env::var("RUST_LOG").ok());
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false);
    match format {
        LogFormat::Text => log
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "no runtime");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(app::run(file)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What is logged: as `RUST_LOG` says, else what an operator needs.
fn log_filter(said: Option<String>) -> EnvFilter {
    // hickory warns of every malformed option in a query: whoever sends those would fill the log.
    let said = said.unwrap_or_else(|| "info,hickory_proto=off".to_owned());
    EnvFilter::builder()
        .with_default_directive(tracing::level_filters::LevelFilter::INFO.into())
        .parse_lossy(said)
}

fn explain(args: ExplainArgs) -> ExitCode {
    let json = args.daemon.json;
    let request = explain::Request {
        name: args.name,
        qtype: args.r#type,
        client: args.client,
        ecs: args.ecs,
        down: args.down,
    };
    if args.live {
        let path = format!("/api/v1/explain?{}", request.to_query());
        return daemon::print_reply(json, args.daemon.ask(&path, None));
    }
    let explained = config::load(&args.daemon.config)
        .map_err(anyhow::Error::from)
        .and_then(|config| {
            let explanation = explain::explain(&config, &request)?;
            if json {
                return Ok(serde_json::to_string(&explanation)?);
            }
            Ok(explanation.to_string().trim_end().to_owned())
        });
    print(json, explained)
}

fn detach(bpffs: &Path, json: bool) -> anyhow::Result<String> {
    let detached = dataplane::detach(bpffs)?;
    if json {
        return Ok(serde_json::to_string(&detached)?);
    }
    if detached.directories.is_empty() {
        return Ok(format!("nothing is pinned under {}", bpffs.display()));
    }
    let interfaces = match &detached.interfaces[..] {
        [] => "no interface".to_owned(),
        interfaces => interfaces.join(", "),
    };
    Ok(format!(
        "XDP detached from {interfaces}; the pins under {} are removed",
        bpffs.display()
    ))
}

impl Pins {
    fn place(&self) -> anyhow::Result<PathBuf> {
        match &self.bpffs {
            Some(bpffs) => Ok(bpffs.clone()),
            None => Ok(config::load(&self.config)?.server.bpffs),
        }
    }
}

/// To standard output what was asked for; to standard error why it could not be had.
#[expect(clippy::print_stderr, reason = "this is where commands report")]
fn print(json: bool, result: Result<impl Display, impl Display>) -> ExitCode {
    use std::io::Write as _;
    match result {
        Ok(text) => {
            // A closed pipe (`igtm map | head`) is no failure.
            let _closed = writeln!(std::io::stdout(), "{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let text = format!("{error:#}");
            if json {
                let _closed = writeln!(std::io::stdout(), "{}", json!({ "error": text }));
            } else {
                eprintln!("igtm: {text}");
            }
            ExitCode::FAILURE
        }
    }
}
