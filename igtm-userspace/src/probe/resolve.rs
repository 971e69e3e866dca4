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
    use std::sync::Arc;
    use std::time::Duration;

    use nix::mount::{MsFlags, mount};

    use super::super::round::round;
    use super::super::testing::{Reply, Site, in_a_namespace, tcp_task, vantage};
    use super::*;
    use crate::config::model::Address;
    use crate::health::Outcome;

    #[tokio::test]
    async fn the_hosts_file_counts() {
        let name = Name::from_ascii("localhost.").expect("a name");
        let deadline = Deadline::after(Duration::from_secs(5));
        let addresses = lookup(&name, deadline).await.expect("localhost is known");
        assert!(addresses.iter().all(IpAddr::is_loopback), "{addresses:?}");
    }

    /// What a round sees of a name that an /etc/hosts of its own says these lines of.
    async fn rounds_of(hosts: Vec<&'static str>) -> Vec<Outcome> {
        let site = Site::plain(|_| Reply::status(200)).await;
        let mut task = (*tcp_task(site.port, Duration::from_secs(60))).clone();
        let name = Name::from_ascii("cdn.example.net.").expect("a name");
        task.target.address = Address::Domain(name);
        let (vantage, task) = (Arc::new(vantage()), Arc::new(task));
        let mut seen = Vec::new();
        for lines in hosts {
            std::fs::write("/etc/hosts", lines).expect("our own");
            seen.push(round(&vantage, &task).await);
        }
        seen
    }

    /// The site is at 127.0.0.1 only.
    #[test]
    fn each_round_probes_what_the_name_resolves_to_then() {
        let hosts = tempfile::NamedTempFile::new().expect("a file");
        let path = hosts.path().to_owned();
        let prepare = move || {
            let up = std::process::Command::new("ip")
                .args(["link", "set", "lo", "up"])
                .status();
            assert!(up.expect("iproute2 is installed").success());
            let bound = |from: &std::path::Path, to: &str| {
                mount(Some(from), to, None::<&str>, MsFlags::MS_BIND, None::<&str>)
                    .expect("root may");
            };
            bound(&path, "/etc/hosts");
            // No name server, and nobody who is asked in its place.
            bound(std::path::Path::new("/dev/null"), "/etc/resolv.conf");
        };
        let seen = in_a_namespace(prepare, async || {
            rounds_of(vec![
                "127.0.0.1 cdn.example.net\n",
                "127.0.0.2 cdn.example.net\n",
                "127.0.0.1 other.example.net\n",
                "127.0.0.1 cdn.example.net\n127.0.0.3 cdn.example.net\n",
                "127.0.0.1 cdn.example.net\n",
            ])
            .await
        });
        drop(hosts);
        let Some(seen) = seen else { return };
        let bad = |outcome: &Outcome| match outcome {
            Outcome::Bad(why) => why.clone(),
            other => panic!("{other:?} in {seen:?}"),
        };
        assert_eq!((&seen[0], &seen[4]), (&Outcome::Good, &Outcome::Good));
        assert_eq!(bad(&seen[1]), "127.0.0.2: connection refused");
        // What the system says of it differs.
        let unknown = bad(&seen[2]);
        assert!(unknown.contains("cdn.example.net"), "{unknown}");
        assert_eq!(bad(&seen[3]), "127.0.0.3: connection refused", "one of two");
    }
}
