//! The world that the golden packets come to: fixture.toml, what is healthy in it, and the maps in
//! each [`State`].

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use hickory_proto::rr::Name;
use igtm::config;
use igtm::config::model::{Address, Config};
use igtm::dataplane::Capacity;
use igtm::flatten::{Known, Resolved};
use igtm::health::{AddressState, HealthView, Target, targets};
use igtm::snapshot::{Ground, Snapshot};
use igtm_common::cookie::{Secret, Secrets};
use igtm_common::name::HashKey;

use super::case::State;
use super::kernel::Kernel;

/// The address that fails in [`State::Failed`].
pub const FAILING: &str = "192.0.2.1";

/// What cookies are judged by: the secrets of RFC 9018, Appendices A.1 and A.4.
pub const CURRENT: u128 = 0xe5e9_73e5_a6b2_a43f_48e7_dc84_9e37_bfcf;
/// The one before [`CURRENT`].
pub const PREVIOUS: u128 = 0xdd3b_df93_44b6_78b1_85a6_f5cb_60fc_a715;

/// Kernel and snapshot in one state.
pub struct Stage {
    /// With its maps written from `snapshot`.
    pub kernel: Kernel,
    /// What userspace answers from.
    pub snapshot: Snapshot,
}

impl Stage {
    /// Loads the program and brings its maps into `state`.
    pub fn new(state: State) -> Result<Self> {
        let ground = ground(Arc::new(parse(&text(state))?))?;
        let snapshot = |down: Option<&str>, state: State| -> Result<Snapshot> {
            let down = Down(down.map(str::parse).transpose()?);
            let ground = Arc::clone(&ground);
            let serial = state.serial();
            let resolved = resolved()?;
            Ok(Snapshot::flattening(
                ground,
                &down,
                resolved,
                serial,
                secrets(),
            ))
        };
        let mut stage = Self::of(snapshot(None, state)?, state != State::NotReady)?;
        match state {
            State::Failed => stage.change(Some(FAILING), state)?,
            State::Recovered => {
                stage.change(Some(FAILING), State::Failed)?;
                stage.change(None, state)?;
            }
            State::Stale => stage.kernel.age_heartbeat()?,
            State::Limited => stage.kernel.slow_rates(3600)?,
            _ => {}
        }
        Ok(stage)
    }

    /// Loads the program; its maps hold `snapshot`, when it is `ready`.
    pub fn of(snapshot: Snapshot, ready: bool) -> Result<Self> {
        let Ground {
            config, hash_key, ..
        } = &*snapshot.ground;
        let needed = Capacity::needed(&snapshot.image);
        let mut kernel = Kernel::load(config, *hash_key, needed)?;
        kernel.set_cookies(snapshot.cookies)?;
        if ready {
            kernel.apply(&snapshot.image)?;
        }
        Ok(Self { kernel, snapshot })
    }

    /// As the daemon does when an address fails, or comes back.
    fn change(&mut self, down: Option<&str>, state: State) -> Result<()> {
        let down = Down(down.map(str::parse).transpose()?);
        let config = Arc::clone(&self.snapshot.ground.config);
        let failing = FAILING.parse()?;
        let targets: Vec<Target> = targets(&config)
            .into_iter()
            .filter(|target| target.address == Address::Ip(failing))
            .collect();
        self.snapshot = self.snapshot.after(&targets, &down, state.serial());
        self.kernel.apply(&self.snapshot.image)
    }
}

/// What the fixture's flattened domains are resolved to; one is not.
fn resolved() -> Result<Resolved> {
    let mut resolved = Resolved::default();
    for (name, v4, v6) in [
        (
            "flat.cdn.example.",
            &["192.0.2.61", "192.0.2.62", "192.0.2.63"][..],
            &["2001:db8::61"][..],
        ),
        ("one.cdn.example.", &["192.0.2.64"], &[]),
    ] {
        for (ipv6, texts) in [(false, v4), (true, v6)] {
            let addresses = texts.iter().map(|text| text.parse());
            let known = Known {
                addresses: addresses.collect::<Result<_, _>>()?,
                ttl_s: 3600,
                stale: false,
            };
            resolved.learn(Name::from_ascii(name)?, ipv6, Some(known));
        }
    }
    Ok(resolved)
}

fn secrets() -> Secrets {
    Secrets {
        current: Secret::new(CURRENT.to_be_bytes()),
        previous: Secret::new(PREVIOUS.to_be_bytes()),
    }
}

/// The fixture's file in a state.
fn text(state: State) -> String {
    let (server, behind) = match state {
        State::Fresh | State::Stale => ("stale_after = \"1m\"\n", String::new()),
        State::NoSubnet => ("ecs = false\n", String::new()),
        State::Deep => ("", deep()),
        State::Limited => (
            "",
            "[limits]\nresponses_per_second = 5\nslip = 3\n".to_owned(),
        ),
        State::RealRate => (
            "",
            "[limits]\nresponses_per_second = 1000\nslip = 0\n".to_owned(),
        ),
        _ => ("", String::new()),
    };
    let text = include_str!("fixture.toml");
    let udp_size = format!("udp_size = {}\n", state.udp_size());
    let text = text.replace("udp_size = 1232\n", &udp_size);
    text.replace("[server]\n", &format!("[server]\n{server}")) + "\n" + &behind
}

/// An instance as deep as a name can be.
fn deep() -> String {
    format!(
        r#"[[instance]]
name = "127-labels"
domain = "{}"
strategy = [{{ name = "default", lines = ["default"], fallback = "office", tier = [{{ pools = ["office"] }}] }}]
"#,
        deep_name()
    )
}

/// A name of 127 labels in the zone `z`.
pub fn deep_name() -> String {
    "d.".repeat(126) + "z"
}

/// A configuration from its text.
pub fn parse(text: &str) -> Result<Config> {
    let zone = concat!(env!("CARGO_MANIFEST_DIR"), "/src/golden/static.zone");
    let text = text.replace("STATIC.ZONE", zone);
    config::parse(&text, Path::new("/nonexistent/golden.toml")).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow!("{}", lines.join("\n"))
    })
}

/// A configuration, compiled.
pub fn ground(config: Arc<Config>) -> Result<Arc<Ground>> {
    Ok(Arc::new(Ground::new(config, HASH_KEY, None)?))
}

/// A key like any other, so that a run can be repeated.
const HASH_KEY: HashKey = {
    let mut key = [0x1697_3053_5eed_c0de_u64; _];
    let mut at = 1;
    while at < key.len() {
        key[at] = key[at - 1]
            .rotate_left(23)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        at += 1;
    }
    key
};

/// Everything is well, but for one address.
pub struct Down(pub Option<IpAddr>);

impl HealthView for Down {
    fn state(&self, target: &Target) -> AddressState {
        match target.address {
            Address::Ip(address) if Some(address) == self.0 => AddressState::Down,
            _ => AddressState::Ok,
        }
    }
}
