//! `[[instance]]`: one business domain, its strategies and their tiers.

use std::time::Duration;

use hickory_proto::rr::Name;

use super::{Config, LineId, Plan, Policy, PoolId, PoolType};

/// Most CNAMEs in one reply, each of a name in a zone served here but for the last target.
pub const MOST_CNAMES: usize = 8;

/// One business domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Unique.
    pub name: String,
    /// What users type; lower case, fully qualified.
    pub domain: Name,
    /// The name inside a zone served here; lower case, fully qualified; may equal `domain`.
    pub access_domain: Name,
    /// Before the zone's floor; see [`Config::effective_ttl`].
    pub ttl: Duration,
    /// A disabled instance answers NODATA.
    pub enabled: bool,
    /// Most addresses in one answer; `None`: 20 for A, 8 for AAAA.
    pub max_answers: Option<u16>,
    /// What it may use; `None`: what `[plan]` says.
    pub plan: Option<Box<Plan>>,
    /// In order of declaration; enabled and disabled.
    pub strategies: Vec<Strategy>,
}

impl Instance {
    /// The domain as people write it, without the final dot.
    pub fn domain_text(&self) -> String {
        self.domain.to_string().trim_end_matches('.').to_owned()
    }
}

/// What one set of lines is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strategy {
    /// Unique within the instance.
    pub name: String,
    /// The lines it claims, for the families of its pools.
    pub lines: Vec<LineId>,
    /// A disabled strategy claims nothing.
    pub enabled: bool,
    /// 策略强制保留: when it is removed or disabled, its last answers stay until they are released.
    pub keep: bool,
    /// How it moves between tiers.
    pub switch: Switch,
    /// 1–4, most preferred first.
    pub tiers: Vec<Tier>,
    /// 兜底.
    pub fallback: PoolId,
}

impl Strategy {
    /// Whether it claims its lines for A (`ipv6 == false`) or AAAA queries: the
    /// families of all its pools, a domain pool counting for both.
    pub fn claims(&self, config: &Config, ipv6: bool) -> bool {
        let tiers = self.tiers.iter().flat_map(|tier| &tier.pools);
        tiers
            .map(|member| member.pool)
            .chain([self.fallback])
            .any(|pool| match config.pool(pool).r#type {
                PoolType::Ipv4 => !ipv6,
                PoolType::Ipv6 => ipv6,
                PoolType::Domain => true,
            })
    }
}

/// `switch` of a strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// The first tier with enough usable addresses.
    Auto,
    /// Always the first tier.
    Hold,
}

/// One of a strategy's ordered tiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    /// All of one type, no duplicates, never empty.
    pub pools: Vec<TierPool>,
    /// How its addresses are answered.
    pub policy: Policy,
    /// 切换阈值: active with at least this many usable addresses.
    pub min_healthy: usize,
}

/// A pool's place in a tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TierPool {
    /// Which.
    pub pool: PoolId,
    /// 1–100.
    pub weight: u32,
}
