//! One task for each domain and family: asks, tells, waits. What they tell becomes one step.
//!
//! Decides neither when to ask nor what counts: that is `memory.rs`'.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hickory_proto::rr::Name;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::AbortHandle;
use tokio::time::{sleep, sleep_until};
use tracing::{debug, info, warn};

use super::memory::{Memory, Outcome};
use super::resolver::Resolver;
use super::{Known, Resolved, Resolvers};
use crate::supervised::{caught, supervised};

/// Questions under way at once; more wait.
const AT_ONCE: usize = 64;
/// What tasks have told and nobody has taken yet; tasks wait when there is more.
const TOLD: usize = 1024;
/// How long what is learned waits for more, to become one step of the answers.
const GATHER: Duration = Duration::from_millis(200);

/// One domain and family, and what may be answered now.
struct Told {
    name: Name,
    ipv6: bool,
    known: Option<Known>,
}

/// Resolves domains and keeps what they are resolved to.
pub struct Flattener {
    asking: Arc<Asking>,
    tasks: HashMap<(Name, bool), AbortHandle>,
    told: mpsc::Receiver<Told>,
    /// Never asked for an answer yet.
    waiting: HashSet<(Name, bool)>,
    resolved: Resolved,
    /// Learned and not yet given out.
    learned: BTreeSet<Name>,
    /// When it is given out.
    due: Option<tokio::time::Instant>,
}

/// What all tasks share.
struct Asking {
    resolver: Resolver,
    permits: Semaphore,
    tell: mpsc::Sender<Told>,
}

impl Flattener {
    /// Begins with no domain.
    pub fn new(servers: Resolvers) -> Self {
        let (tell, told) = mpsc::channel(TOLD);
        let asking = Asking {
            resolver: Resolver::new(servers),
            permits: Semaphore::new(AT_ONCE),
            tell,
        };
        Self {
            asking: Arc::new(asking),
            tasks: HashMap::new(),
            told,
            waiting: HashSet::new(),
            resolved: Resolved::default(),
            learned: BTreeSet::new(),
            due: None,
        }
    }

    /// Resolves these domains from now on and no others; what is known of those that stay, stays.
    pub fn set_names(&mut self, names: BTreeSet<Name>) {
        self.tasks.retain(|(name, _), task| {
            let stays = names.contains(name);
            if !stays {
                task.abort();
            }
            stays
        });
        self.waiting.retain(|(name, _)| names.contains(name));
        self.learned.retain(|name| names.contains(name));
        self.resolved.retain(|name| names.contains(name));
        for name in names {
            for ipv6 in [false, true] {
                let key = (name.clone(), ipv6);
                if self.tasks.contains_key(&key) {
                    continue;
                }
                let asking = Arc::clone(&self.asking);
                let (name, mut memory) = (name.clone(), Memory::default());
                let what = format!("flattening of {name} {}", rtype(ipv6));
                let task = tokio::spawn(supervised(what, async move || {
                    follow(&name, ipv6, &asking, &mut memory).await;
                }));
                self.tasks.insert(key.clone(), task.abort_handle());
                self.waiting.insert(key);
            }
        }
    }

    /// Whether every domain has been asked for, be it in vain.
    pub fn all_asked(&self) -> bool {
        self.waiting.is_empty()
    }

    /// What is known now.
    pub fn resolved(&self) -> &Resolved {
        &self.resolved
    }

    /// Waits until something was learned, or asked for the first time in vain, and for [`GATHER`] what
    /// comes with it; gives the domains of which something else is known now. Nothing is lost when it is dropped.
    pub async fn learned(&mut self) -> Vec<Name> {
        loop {
            let due = self.due;
            let over = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = over => {
                    self.due = None;
                    return std::mem::take(&mut self.learned).into_iter().collect();
                }
                // There is a sender as long as this lives.
                Some(told) = self.told.recv() => self.take_in(told),
            }
        }
    }

    fn take_in(&mut self, Told { name, ipv6, known }: Told) {
        let key = (name, ipv6);
        if !self.tasks.contains_key(&key) {
            // Told before it was taken out.
            return;
        }
        let first = self.waiting.remove(&key);
        let (name, _) = key;
        let before = self
            .resolved
            .of(&name, ipv6)
            .map(|one| one.addresses.clone());
        if before != known.as_ref().map(|one| one.addresses.clone()) {
            let addresses = known.as_ref().map(|one| &one.addresses);
            info!(%name, r#type = rtype(ipv6), ?addresses, "flattened domain");
        }
        let other = self.resolved.learn(name.clone(), ipv6, known);
        if other {
            self.learned.insert(name);
        }
        if (first || other) && self.due.is_none() {
            self.due = Some(tokio::time::Instant::now() + GATHER);
        }
    }
}

impl Drop for Flattener {
    fn drop(&mut self) {
        for task in self.tasks.values() {
            task.abort();
        }
    }
}

/// Asks for one domain and family for ever.
async fn follow(name: &Name, ipv6: bool, asking: &Asking, memory: &mut Memory) {
    // Told once until it works again.
    let mut failing = false;
    loop {
        let outcome = {
            let Ok(_permit) = asking.permits.acquire().await else {
                return;
            };
            // One that goes wrong each time has failed each time: what was known goes stale.
            let asked = caught(asking.resolver.ask(name, ipv6)).await;
            asked.unwrap_or_else(|_panic| Outcome::Failed("it went wrong".to_owned()))
        };
        match &outcome {
            Outcome::Failed(error) if !failing => {
                warn!(%name, r#type = rtype(ipv6), error, "flattening: the domain cannot be resolved");
            }
            outcome => debug!(%name, r#type = rtype(ipv6), ?outcome, "flattening: asked"),
        }
        failing = matches!(outcome, Outcome::Failed(_));
        let (known, pause) = memory.learn(outcome, Instant::now(), rand::random());
        let told = Told {
            name: name.clone(),
            ipv6,
            known,
        };
        if asking.tell.send(told).await.is_err() {
            return;
        }
        sleep(pause).await;
    }
}

fn rtype(ipv6: bool) -> &'static str {
    if ipv6 { "AAAA" } else { "A" }
}
