//! Asks the system's resolvers for the addresses of a domain, and how long those may be kept.
//!
//! Remembers no answer: that is `memory.rs`'.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{Name, RData, RecordType};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};

use super::memory::Outcome;

/// How long one try of one server may take.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Tries after the first.
const ATTEMPTS: usize = 1;
/// How long /etc/resolv.conf is taken as it was read; after a failure it is read at once.
const REREAD: Duration = Duration::from_secs(60);

/// Which servers are asked.
#[derive(Clone, Debug)]
pub enum Resolvers {
    /// Those of /etc/resolv.conf, after /etc/hosts.
    System,
    /// This one, over UDP and TCP.
    At(SocketAddr),
}

/// The servers, made ready.
pub(super) struct Resolver {
    servers: Resolvers,
    made: Mutex<Option<(Arc<TokioResolver>, Instant)>>,
}

impl Resolver {
    pub(super) fn new(servers: Resolvers) -> Self {
        Self {
            servers,
            made: Mutex::new(None),
        }
    }

    /// Asks for the A (`ipv6 == false`) or AAAA records of `name`.
    pub(super) async fn ask(&self, name: &Name, ipv6: bool) -> Outcome {
        let resolver = match self.ready() {
            Ok(resolver) => resolver,
            Err(error) => return Outcome::Failed(error.to_string()),
        };
        let rtype = if ipv6 {
            RecordType::AAAA
        } else {
            RecordType::A
        };
        match resolver.lookup(name.clone(), rtype).await {
            Ok(found) => {
                let addresses = found
                    .answers()
                    .iter()
                    .filter_map(|record| match &record.data {
                        RData::A(a) if !ipv6 => Some(IpAddr::V4(a.0)),
                        RData::AAAA(aaaa) if ipv6 => Some(IpAddr::V6(aaaa.0)),
                        _ => None,
                    });
                // With the CNAMEs that led there: the shortest of their TTLs counts.
                let ttl = found.answers().iter().map(|record| record.ttl).min();
                Outcome::Addresses {
                    addresses: addresses.collect(),
                    ttl: Duration::from_secs(ttl.unwrap_or(0).into()),
                }
            }
            Err(error) => self.negative(&error),
        }
    }

    /// A reply that says "none" for certain, or a failure.
    fn negative(&self, error: &NetError) -> Outcome {
        if let NetError::Dns(DnsError::NoRecordsFound(none)) = error {
            let code = none.response_code;
            let certain = code == ResponseCode::NXDomain || code == ResponseCode::NoError;
            // NS without an SOA is a server that knows nothing of the name (RFC 2308 §2.2).
            if certain && (none.soa.is_some() || none.ns.is_none()) {
                let ttl = none.negative_ttl.map(u64::from);
                return Outcome::Nothing {
                    ttl: ttl.map(Duration::from_secs),
                };
            }
        }
        *self.made.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Outcome::Failed(error.to_string())
    }

    fn ready(&self) -> Result<Arc<TokioResolver>, NetError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((resolver, when)) = &*made
            && when.elapsed() < REREAD
        {
            return Ok(Arc::clone(resolver));
        }
        let (config, mut options) = match self.servers {
            Resolvers::System => hickory_resolver::system_conf::read_system_conf()?,
            Resolvers::At(server) => (at(server), ResolverOpts::default()),
        };
        options.cache_size = 0;
        options.preserve_intermediates = true;
        options.timeout = TIMEOUT;
        options.attempts = ATTEMPTS;
        options.use_hosts_file = match self.servers {
            Resolvers::System if Path::new("/etc/hosts").exists() => ResolveHosts::Always,
            Resolvers::System | Resolvers::At(_) => ResolveHosts::Never,
        };
        let provider = TokioRuntimeProvider::default();
        let mut builder = TokioResolver::builder_with_config(config, provider);
        *builder.options_mut() = options;
        let resolver = Arc::new(builder.build()?);
        *made = Some((Arc::clone(&resolver), Instant::now()));
        Ok(resolver)
    }
}

fn at(server: SocketAddr) -> ResolverConfig {
    let mut one = NameServerConfig::udp_and_tcp(server.ip());
    for connection in &mut one.connections {
        connection.port = server.port();
    }
    ResolverConfig::from_parts(None, Vec::new(), vec![one])
}
