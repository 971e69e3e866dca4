//! Domain addresses: which addresses they have, by this host's resolvers.
//!
//! Must not be used for the `host` of an http probe: that name is never resolved.

use std::io;
use std::net::IpAddr;

use hickory_proto::rr::Name;
use tokio::net::lookup_host;

use super::failure::{Deadline, Failure, Phase};

/// The addresses of `name`, never empty, sorted, without repeats.
///
/// The name is asked without its final dot: with it, /etc/hosts would not be looked into.
pub(super) async fn lookup(name: &Name, deadline: Deadline) -> Result<Vec<IpAddr>, Failure> {
    let name = name.to_string().trim_end_matches('.').to_owned();
    let asked = async {
        let found = lookup_host((name.as_str(), 0)).await?;
        io::Result::Ok(found.map(|socket| socket.ip()).collect())
    };
    let mut addresses: Vec<IpAddr> = match deadline.within(Phase::Lookup, asked).await? {
        Ok(addresses) => addresses,
        Err(error) => {
            let error = error.to_string();
            let error = error
                .strip_prefix("failed to lookup address information: ")
                .unwrap_or(&error)
                .to_owned();
            return Err(Failure::Lookup { name, error });
        }
    };
    addresses.sort_unstable();
    addresses.dedup();
    if addresses.is_empty() {
        let error = "no address".to_owned();
        return Err(Failure::Lookup { name, error });
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn the_hosts_file_counts() {
        let name = Name::from_ascii("localhost.").expect("a name");
        let deadline = Deadline::after(Duration::from_secs(5));
        let addresses = lookup(&name, deadline).await.expect("localhost is known");
        assert!(addresses.iter().all(IpAddr::is_loopback), "{addresses:?}");
    }
}
