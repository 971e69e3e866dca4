//! How many files this process may open, and how they are shared out.
//!
//! Every connection takes one: those of probes, and those of DNS over TCP, which others open. Must
//! not know what either does with them.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Left for everything else: sockets, maps, files, the admin API.
const RESERVED: u64 = 2048;
/// DNS connections at once, whatever the limit: each takes some memory, in the kernel too.
const MOST_CONNECTIONS: u64 = 10_240;
const LEAST_CONNECTIONS: u64 = 128;
/// Attempts of probes at once, whatever the limit: each takes some memory.
const MOST_ATTEMPTS: u64 = 32_768;
const LEAST_ATTEMPTS: u64 = 256;

/// DNS connections at once: at most half of what is not reserved.
pub(crate) fn connections() -> usize {
    shares(limit()).0
}

/// Attempts of probes at once: the rest.
pub(crate) fn attempts() -> usize {
    shares(limit()).1
}

fn shares(limit: u64) -> (usize, usize) {
    let files = limit.saturating_sub(RESERVED);
    let connections = (files / 2).clamp(LEAST_CONNECTIONS, MOST_CONNECTIONS);
    let attempts = files.saturating_sub(connections);
    let attempts = attempts.clamp(LEAST_ATTEMPTS, MOST_ATTEMPTS);
    (connections as usize, attempts as usize)
}

/// The limit of open files, raised as far as it goes.
fn limit() -> u64 {
    match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((soft, hard)) if soft < hard => {
            if setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() {
                hard
            } else {
                soft
            }
        }
        Ok((soft, _)) => soft,
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_the_others_files() {
        for (limit, connections, attempts) in [
            (1024, 128, 256),
            (4096, 1024, 1024),
            (20_000, 8976, 8976),
            (1_048_576, 10_240, 32_768),
        ] {
            assert_eq!(shares(limit), (connections, attempts), "{limit}");
            let all = (connections + attempts) as u64 + RESERVED;
            assert!(limit < 4096 || all <= limit, "{limit}: {all}");
        }
    }
}
