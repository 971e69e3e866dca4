//! `[[pool]]`: addresses of one service.

use std::net::IpAddr;

use hickory_proto::rr::Name;

use super::MonitorId;

/// What a pool's addresses are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PoolType {
    /// A records.
    Ipv4,
    /// AAAA records.
    Ipv6,
    /// One CNAME, for every type.
    Domain,
}

/// `policy` of a pool or a tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// 解析所有健康地址: every usable address.
    All,
    /// 负载均衡: one address by weight.
    Weight,
}

impl PoolType {
    /// As the file says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Domain => "domain",
        }
    }
}

impl Policy {
    /// As the file says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Weight => "weight",
        }
    }
}

/// Addresses of one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Unique.
    pub name: String,
    /// What its addresses are.
    pub r#type: PoolType,
    /// How its addresses stand in a weight tier.
    pub policy: Policy,
    /// What probes them.
    pub monitor: Option<MonitorId>,
    /// In order of declaration, no duplicates, never empty.
    pub addresses: Vec<PoolAddress>,
}

/// One address of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolAddress {
    /// An IP address of the pool's type, or a domain name.
    pub value: Address,
    /// 1–100.
    pub weight: u32,
    /// 归属地域, for people; guessed by `geo.country` where the file names none.
    pub region: Option<String>,
    /// A disabled address is not used.
    pub enabled: bool,
}

/// What a pool holds.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(into = "String", try_from = "String")]
pub enum Address {
    /// Of an ipv4 or ipv6 pool.
    Ip(IpAddr),
    /// Of a domain pool: lower case, fully qualified.
    Domain(Name),
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Domain(name) => f.write_str(name.to_string().trim_end_matches('.')),
        }
    }
}

/// Why a text is no [`Address`].
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is neither an IP address nor a domain name: {error}")]
pub struct AddressError {
    /// What was found.
    pub text: String,
    /// What is wrong with it as a name.
    pub error: hickory_proto::ProtoError,
}

/// As it is shown: `192.0.2.1`, `2001:db8::1`, `www.example.net`.
impl std::str::FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Ok(ip) = text.parse() {
            return Ok(Self::Ip(ip));
        }
        let name = Name::from_ascii(text).map_err(|error| AddressError {
            text: text.to_owned(),
            error,
        })?;
        let mut name = name.to_lowercase();
        name.set_fqdn(true);
        Ok(Self::Domain(name))
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}
