//! Which address is looked up among the lines, and the scope that comes of it (RFC 7871).
//!
//! Must not know what is answered.

use std::net::IpAddr;

use ipnet::IpNet;

use super::Request;
use crate::config::model::Config;

/// The client subnet, where it counts: switched on, and with a source prefix.
fn used_subnet(config: &Config, request: &Request) -> Option<IpNet> {
    request
        .ecs
        .filter(|subnet| config.server.ecs && subnet.prefix_len() > 0)
}

/// What is looked up among the lines.
pub(super) fn looked_up(config: &Config, request: &Request) -> IpAddr {
    used_subnet(config, request).map_or(request.client, |subnet| subnet.network())
}

/// The scope of the reply: 0 where the line did not count, or the client asked for none.
pub(super) fn scope(
    config: &Config,
    request: &Request,
    negative: bool,
    homogeneous: u8,
) -> Option<u8> {
    let subnet = request.ecs.filter(|_| config.server.ecs)?;
    let counts = subnet.prefix_len() > 0 && !negative;
    Some(if counts { homogeneous } else { 0 })
}
