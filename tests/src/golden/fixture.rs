//! The world that the golden packets come to: fixture.toml, what is healthy in it, and the maps in
//! each [`State`].

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use igtm::config;
use igtm::config::model::{Address, Config};
use igtm::health::{AddressState, HealthView, Target};
use igtm::snapshot::{Ground, Snapshot};
use igtm_common::name::HashKey;

use super::case::State;
use super::kernel::Kernel;

/// The address that fails in [`State::Failed`].
pub const FAILING: &str = "192.0.2.1";

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
        let stale_after = match state {
            State::Fresh | State::Stale => "stale_after = \"1m\"\n",
            _ => "",
        };
        let text = include_str!("fixture.toml");
        let text = text.replace("[server]\n", &format!("[server]\n{stale_after}"));
        let config = Arc::new(parse(&text)?);
        let mut kernel = Kernel::load("igtm_given_random", &config.server)?;
        let ground = ground(config, kernel.hash_key())?;
        let healthy = Snapshot::new(Arc::clone(&ground), &Down(None), 1, None)?;
        let failed = || {
            let down = Down(Some(FAILING.parse()?));
            let failed = Snapshot::new(Arc::clone(&ground), &down, 2, Some(&healthy))?;
            anyhow::Ok(failed)
        };
        let snapshots = match state {
            State::NotReady => vec![],
            State::Healthy | State::Fresh | State::Stale => vec![],
            State::Failed => vec![failed()?],
            State::Recovered => {
                let failed = failed()?;
                let recovered = Snapshot::new(Arc::clone(&ground), &Down(None), 3, Some(&failed))?;
                vec![failed, recovered]
            }
        };
        if state != State::NotReady {
            kernel.apply(&healthy.image)?;
        }
        let mut snapshot = healthy;
        for next in snapshots {
            kernel.apply(&next.image)?;
            snapshot = next;
        }
        if state == State::Stale {
            kernel.age_heartbeat()?;
        }
        Ok(Self { kernel, snapshot })
    }
}

/// A configuration from its text.
pub fn parse(text: &str) -> Result<Config> {
    config::parse(text, Path::new("/nonexistent/golden.toml")).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow!("{}", lines.join("\n"))
    })
}

/// A configuration, compiled.
pub fn ground(config: Arc<Config>, hash_key: HashKey) -> Result<Arc<Ground>> {
    Ok(Arc::new(Ground::new(config, hash_key)?))
}

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
