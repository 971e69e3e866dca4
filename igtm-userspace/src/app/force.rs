//! An operator's order about an address: checked, made the answer as one step, kept, told.
//!
//! Must not wait for the disk before the answers change, nor let the disk undo the order.

use std::collections::BTreeSet;
use std::time::Instant;

use tokio::sync::oneshot;
use tracing::info;

use super::App;
use crate::admin::force::{InPool, MOST_MOVES, Moved, NotForced, Obeyed, Order, Word};
use crate::config::model::{Address, Config, Pool, PoolId};
use crate::config::near_miss::suggestion;
use crate::health::{Forced, ForcedState, Health};
use crate::snapshot::Snapshot;
use crate::state::{ForceKey, ForceMode, SavedForce};

impl App {
    /// Does as ordered, and replies when it is kept, or cannot be.
    pub(super) fn force(
        &mut self,
        order: Order,
        reply: oneshot::Sender<Result<Obeyed, NotForced>>,
    ) {
        let pools = match pools(&self.ground.config, &self.health, &order) {
            Ok(pools) => pools,
            Err(refused) => {
                // Whoever asked may have gone.
                let _gone = reply.send(Err(refused));
                return;
            }
        };
        let begun = Instant::now();
        let former = self.snapshot();
        let before = self.seen(&pools, &order.address);
        let mut ended = Vec::new();
        self.forcing(std::slice::from_ref(&order.address), |health| {
            ended = obey(health, &order);
        });
        if self.said.is_empty() {
            self.publish();
        } else {
            self.switch(begun);
        }
        info!(
            address = %order.address,
            pool = order.pool,
            to = order.to.map_or("auto", ForcedState::word),
            who = order.who,
            reason = order.reason,
            until = order.until.map(tracing::field::display),
            "forced"
        );
        let after = self.seen(&pools, &order.address);
        let (moved, moved_left_out) = self.moved(former.as_deref(), &pools);
        let pools = self
            .names(&pools)
            .into_iter()
            .zip(before.into_iter().zip(after));
        let mut obeyed = Obeyed {
            address: order.address.to_string(),
            to: word(order.to),
            reason: order.reason.clone(),
            who: order.who.clone(),
            until: order.until,
            pools: pools
                .map(|(pool, (before, after))| InPool {
                    pool,
                    before,
                    after,
                })
                .collect(),
            moved,
            moved_left_out,
            notes: self.notes(&order),
        };
        let store = self.store.clone();
        let saved = order.to.map(|to| {
            let forced = forced(&order, to);
            store.put_force(key(&forced), saved(forced))
        });
        // What the new word takes the place of has its key: only an end removes.
        let removed: Vec<_> = match order.to {
            Some(_) => Vec::new(),
            None => ended
                .iter()
                .map(|one| store.remove_force(key(one)))
                .collect(),
        };
        tokio::spawn(async move {
            let mut failed = None;
            if let Some(saved) = saved {
                failed = saved.await.err();
            }
            for one in removed {
                failed = one.await.err().or(failed);
            }
            obeyed.notes.extend(
                failed.map(|error| {
                    format!("this holds now, but would not survive a restart: {error}")
                }),
            );
            let _gone = reply.send(Ok(obeyed));
        });
    }

    /// What holds for `address` in each of `pools`, in words.
    fn seen(&self, pools: &[PoolId], address: &Address) -> Vec<String> {
        let config = &self.ground.config;
        let each = pools.iter().map(|id| config.pool(*id));
        each.map(|pool| seen(&self.health, pool, address)).collect()
    }

    fn names(&self, pools: &[PoolId]) -> Vec<String> {
        let config = &self.ground.config;
        pools
            .iter()
            .map(|id| config.pool(*id).name.clone())
            .collect()
    }

    /// Strategies that are answered from elsewhere than in `former`: the first of them, and how
    /// many more.
    fn moved(&self, former: Option<&Snapshot>, pools: &[PoolId]) -> (Vec<Moved>, usize) {
        let (Some(former), Some(now)) = (former, self.snapshot()) else {
            return (Vec::new(), 0);
        };
        let ground = &self.ground;
        let using = pools.iter().flat_map(|pool| ground.recipes.using(*pool));
        let using: BTreeSet<usize> = using.map(|recipe| recipe.0 as usize).collect();
        let (mut moved, mut left_out) = (Vec::new(), 0);
        for at in using {
            let (from, to) = (former.decisions[at].active, now.decisions[at].active);
            if from == to {
                continue;
            }
            for user in ground.recipes.users(crate::snapshot::RecipeId(at as u32)) {
                if moved.len() == MOST_MOVES {
                    left_out += 1;
                    continue;
                }
                let (instance, strategy) = ground.strategy(*user);
                moved.push(Moved {
                    instance: instance.name.clone(),
                    strategy: strategy.name.clone(),
                    from: from.to_string(),
                    to: to.to_string(),
                });
            }
        }
        (moved, left_out)
    }

    fn notes(&self, order: &Order) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(error) = &self.trouble.answers {
            notes.push(format!(
                "the answers are as they were, and it is tried again: {error}"
            ));
        }
        let all = self.health.forces_of(std::slice::from_ref(&order.address));
        if order.pool.is_none() && order.to.is_some() {
            notes.extend(all.iter().filter_map(|one| {
                let pool = one.pool.as_deref()?;
                let word = one.state.word();
                Some(format!(
                    "in pool {pool} it stays forced {word}: that was said of this pool"
                ))
            }));
        }
        if order.pool.is_some()
            && order.to.is_none()
            && let Some(one) = all.iter().find(|one| one.pool.is_none())
        {
            let word = one.state.word();
            notes.push(format!("it stays forced {word} in all pools"));
        }
        notes
    }
}

/// The pools that an order is about, or why it is refused.
fn pools(config: &Config, health: &Health, order: &Order) -> Result<Vec<PoolId>, NotForced> {
    let address = &order.address;
    let stands = |pool: &Pool| pool.addresses.iter().any(|one| one.value == *address);
    let all = config.pools.iter().enumerate();
    let holders: Vec<PoolId> = all
        .filter(|(_, pool)| stands(pool))
        .map(|(at, _)| PoolId(at))
        .collect();
    let forces = health.forces_of(std::slice::from_ref(address));
    let ending = order.to.is_none() && forces.iter().any(|one| one.pool == order.pool);
    let Some(name) = &order.pool else {
        // Of an address that is gone from the file, what was said can be ended all the same.
        let forgotten = order.to.is_none() && !forces.is_empty();
        return if holders.is_empty() && !forgotten {
            Err(no_address(config, address))
        } else {
            Ok(holders)
        };
    };
    if ending {
        let there = |id: &PoolId| config.pool(*id).name == *name;
        return Ok(holders.into_iter().filter(there).collect());
    }
    let Some(at) = config.pools.iter().position(|pool| pool.name == *name) else {
        let names = config.pools.iter().map(|pool| pool.name.as_str());
        return Err(NotForced::NoPool {
            pool: name.clone(),
            near: suggestion(name, names),
        });
    };
    if !holders.contains(&PoolId(at)) {
        if holders.is_empty() {
            return Err(no_address(config, address));
        }
        return Err(NotForced::NotThere {
            address: address.to_string(),
            pool: name.clone(),
            holders: holders
                .iter()
                .map(|id| config.pool(*id).name.clone())
                .collect(),
        });
    }
    if order.to.is_none() && forces.iter().any(|one| one.pool.is_none()) {
        return Err(NotForced::ForcedInAll {
            address: address.to_string(),
            pool: name.clone(),
        });
    }
    Ok(vec![PoolId(at)])
}

fn no_address(config: &Config, address: &Address) -> NotForced {
    let address = address.to_string();
    let all = config.pools.iter().flat_map(|pool| &pool.addresses);
    let known: BTreeSet<String> = all.map(|one| one.value.to_string()).collect();
    NotForced::NoAddress {
        near: suggestion(&address, known.iter().map(String::as_str)),
        address,
    }
}

/// Changes what is said; returns what holds no longer.
fn obey(health: &mut Health, order: &Order) -> Vec<Forced> {
    let address = &order.address;
    match (order.to, &order.pool) {
        (Some(to), _) => Vec::from_iter(health.force(forced(order, to))),
        (None, Some(pool)) => Vec::from_iter(health.unforce(address, Some(pool))),
        (None, None) => {
            let all = health.forces_of(std::slice::from_ref(address)).into_iter();
            all.filter_map(|one| health.unforce(address, one.pool.as_deref()))
                .collect()
        }
    }
}

fn forced(order: &Order, state: ForcedState) -> Forced {
    Forced {
        address: order.address.clone(),
        pool: order.pool.clone(),
        state,
        reason: order.reason.clone(),
        who: order.who.clone(),
        since: order.at,
        until: order.until,
    }
}

fn seen(health: &Health, pool: &Pool, address: &Address) -> String {
    let entry = pool.addresses.iter().find(|one| one.value == *address);
    if entry.is_some_and(|entry| !entry.enabled) {
        return "disabled".to_owned();
    }
    match health.forced_in(&pool.name, address) {
        Some(forced) => format!("forced {} ({})", forced.state.word(), forced.reason),
        None => health.measured(pool.monitor, address).name().to_owned(),
    }
}

fn word(to: Option<ForcedState>) -> Word {
    match to {
        Some(ForcedState::Up) => Word::Up,
        Some(ForcedState::Down) => Word::Down,
        Some(ForcedState::Drain) => Word::Drain,
        None => Word::Auto,
    }
}

/// What it is kept by.
pub(super) fn key(forced: &Forced) -> ForceKey {
    ForceKey {
        address: forced.address.to_string(),
        pool: forced.pool.clone(),
    }
}

pub(super) fn saved(forced: Forced) -> SavedForce {
    SavedForce {
        mode: match forced.state {
            ForcedState::Up => ForceMode::Up,
            ForcedState::Down => ForceMode::Down,
            ForcedState::Drain => ForceMode::Drain,
        },
        reason: forced.reason,
        who: forced.who,
        since: forced.since,
        until: forced.until,
    }
}

/// The same as it was kept; `None` when no igtm wrote this address.
pub(super) fn restored(key: &ForceKey, saved: SavedForce) -> Option<Forced> {
    Some(Forced {
        address: key.address.parse().ok()?,
        pool: key.pool.clone(),
        state: match saved.mode {
            ForceMode::Up => ForcedState::Up,
            ForceMode::Down => ForcedState::Down,
            ForceMode::Drain => ForcedState::Drain,
        },
        reason: saved.reason,
        who: saved.who,
        since: saved.since,
        until: saved.until,
    })
}

#[cfg(test)]
mod tests;
