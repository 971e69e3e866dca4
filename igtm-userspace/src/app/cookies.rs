//! The secrets of server cookies: where they come from, and when others take their place.
//!
//! Kernel and userspace have the same, or one would refuse what the other gave.

use std::time::Duration;

use igtm_common::cookie::{Secret, Secrets};

use crate::dataplane::Dataplane;

/// How long a secret makes cookies (RFC 7873 §7.1).
pub(super) const ROTATION: Duration = Duration::from_secs(24 * 3600);

/// The secrets that a daemon starts with: new ones, since nobody knows how old those are that the
/// kernel has; what those made stays good.
pub(super) fn first(dataplane: Option<&mut Dataplane>) -> anyhow::Result<Secrets> {
    let adopted = dataplane.as_ref().and_then(|dataplane| dataplane.cookies());
    let cookies = adopted.map_or_else(
        || {
            let current = fresh();
            Secrets {
                current,
                previous: current,
            }
        },
        renewed,
    );
    if let Some(dataplane) = dataplane {
        dataplane.set_cookies(cookies)?;
    }
    Ok(cookies)
}

/// New secrets; what the former ones made stays good for its hour.
pub(super) fn renewed(former: Secrets) -> Secrets {
    Secrets {
        current: fresh(),
        previous: former.current,
    }
}

fn fresh() -> Secret {
    Secret(rand::random())
}
