//! Strategies that are the same to the policy are decided once: what they have in common is a
//! *recipe*.
//!
//! Knows which recipes a target's health decides. Must not know health itself, names or lines.

use std::collections::HashMap;

use super::lists::Lists;
use crate::config::model::{
    Address, Config, Instance, MonitorId, Policy, Pool, PoolId, PoolType, Strategy, Switch,
};
use crate::health::{Target, is_by_instance};

/// A position among the recipes of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecipeId(pub u32);

/// A strategy of an instance, by their positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    /// In the configuration.
    pub instance: u32,
    /// In the instance.
    pub strategy: u32,
}

/// What some strategies have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recipe {
    /// The first strategy that follows it: what is true of it is true of all.
    first: User,
    /// Whether it claims lines for A, and for AAAA.
    pub(super) claims: [bool; 2],
    /// Whether its answer may be a CNAME.
    pub(super) domains: bool,
    /// Whether that may point into a zone served here.
    pub(super) inward: bool,
}

/// The recipes of a configuration's enabled strategies.
#[derive(Debug)]
pub struct Recipes {
    list: Vec<Recipe>,
    /// How many frozen answers there are; the recipes behind `list` are theirs.
    frozen: usize,
    /// By strategy, instance after instance; [`NONE`] for what is disabled.
    followed: Vec<u32>,
    /// Where in `followed` the strategies of each instance begin.
    begins: Vec<u32>,
    users: Lists<User>,
    dependents: Dependents,
}

const NONE: u32 = u32::MAX;

impl Recipes {
    /// Finds the recipes of `config`, and behind them one for each answer that is frozen.
    pub(super) fn of(config: &Config, frozen: usize) -> Self {
        let mut book = Book::new(config);
        let strategies = config.instances.iter().map(|one| one.strategies.len());
        let mut followed = Vec::with_capacity(strategies.sum());
        let mut begins = Vec::with_capacity(config.instances.len());
        for (at, instance) in config.instances.iter().enumerate() {
            begins.push(followed.len() as u32);
            for (strategy, one) in instance.strategies.iter().enumerate() {
                let user = User {
                    instance: at as u32,
                    strategy: strategy as u32,
                };
                followed.push(if instance.enabled && one.enabled {
                    book.find(user, one)
                } else {
                    NONE
                });
            }
        }
        let list = book.list;
        let users = Lists::of(list.len() + frozen, using(&begins, &followed));
        let dependents = Dependents::of(config, &list);
        Self {
            list,
            frozen,
            followed,
            begins,
            users,
            dependents,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len() + self.frozen
    }

    /// How many of them are strategies'; those of frozen answers come behind.
    pub fn of_strategies(&self) -> usize {
        self.list.len()
    }

    /// Whether nothing is enabled or frozen.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The recipe of a frozen answer by its position.
    pub(super) fn of_frozen(&self, at: u32) -> RecipeId {
        // Frozen answers are fewer than 2^32, as strategies are.
        RecipeId(self.list.len() as u32 + at)
    }

    /// The position of the frozen answer that a recipe is; `None`: a strategy's.
    pub(super) fn frozen(&self, id: RecipeId) -> Option<usize> {
        (id.0 as usize).checked_sub(self.list.len())
    }

    /// What some strategies have in common: not of a frozen answer.
    pub(super) fn recipe(&self, id: RecipeId) -> &Recipe {
        &self.list[id.0 as usize]
    }

    /// What a strategy follows; `None` where it or its instance is disabled.
    pub fn followed(&self, instance: usize, strategy: usize) -> Option<RecipeId> {
        let begin = *self.begins.get(instance)? as usize;
        let id = *self.followed.get(begin + strategy)?;
        (id != NONE).then_some(RecipeId(id))
    }

    /// The strategies that follow a recipe, in the order of the configuration.
    pub fn users(&self, id: RecipeId) -> &[User] {
        self.users.group(id.0)
    }

    /// The recipes that a target's health decides, in no particular order; some may come twice.
    pub fn dependents(&self, config: &Config, target: &Target) -> Vec<RecipeId> {
        self.dependents.of_target(config, &self.list, target)
    }

    /// The recipes that a pool plays a part in; some may come twice.
    pub fn using(&self, pool: PoolId) -> impl Iterator<Item = RecipeId> + '_ {
        let recipes = self.dependents.recipes.group(pool.0 as u32);
        recipes.iter().copied().map(RecipeId)
    }

    /// The pools that hold a target's address, enabled, and have it probed by its monitor.
    pub fn pools(&self, target: &Target) -> &[PoolId] {
        self.dependents.pools(target.monitor, &target.address)
    }
}

fn using<'a>(
    begins: &'a [u32],
    followed: &'a [u32],
) -> impl Iterator<Item = (u32, User)> + Clone + 'a {
    let ends = begins.iter().skip(1).copied();
    let ends = ends.chain([followed.len() as u32]);
    let instances = begins.iter().copied().zip(ends).enumerate();
    instances.flat_map(move |(instance, (begin, end))| {
        let own = &followed[begin as usize..end as usize];
        own.iter().enumerate().filter_map(move |(strategy, id)| {
            let user = User {
                instance: instance as u32,
                strategy: strategy as u32,
            };
            (*id != NONE).then_some((*id, user))
        })
    })
}

/// The pools of a strategy, tiers first.
fn pools(strategy: &Strategy) -> impl Iterator<Item = PoolId> {
    let tiers = strategy.tiers.iter().flat_map(|tier| &tier.pools);
    tiers.map(|member| member.pool).chain([strategy.fallback])
}

fn leads_inward(config: &Config, pool: &Pool) -> bool {
    let mut enabled = pool.addresses.iter().filter(|address| address.enabled);
    enabled.any(|address| match &address.value {
        Address::Domain(name) => config.zone_of(name).is_some(),
        Address::Ip(_) => false,
    })
}

/// Recipes by what the policy reads of a strategy, as words.
struct Book<'a> {
    config: &'a Config,
    /// By pool: whether its health is another for each instance.
    by_instance: Vec<bool>,
    /// By pool: whether a domain of it lies in a zone served here.
    inward: Vec<bool>,
    list: Vec<Recipe>,
    known: HashMap<Box<[u32]>, u32>,
    words: Vec<u32>,
}

impl<'a> Book<'a> {
    fn new(config: &'a Config) -> Self {
        let pools = config.pools.iter();
        Self {
            config,
            by_instance: pools
                .clone()
                .map(|pool| is_by_instance(config, pool))
                .collect(),
            inward: pools.map(|pool| leads_inward(config, pool)).collect(),
            list: Vec::new(),
            known: HashMap::new(),
            words: Vec::new(),
        }
    }

    fn find(&mut self, user: User, strategy: &Strategy) -> u32 {
        self.read(user, strategy);
        if let Some(id) = self.known.get(&self.words[..]) {
            return *id;
        }
        // Strategies are fewer than 2^32: each takes some octets of one file.
        let id = self.list.len() as u32;
        let domain = |pool| self.config.pool(pool).r#type == PoolType::Domain;
        self.list.push(Recipe {
            first: user,
            claims: [false, true].map(|ipv6| strategy.claims(self.config, ipv6)),
            domains: pools(strategy).any(domain),
            inward: pools(strategy).any(|pool| self.inward[pool.0]),
        });
        self.known.insert(self.words.as_slice().into(), id);
        id
    }

    /// Whatever the policy's decision depends on; no two different ones give the same words.
    fn read(&mut self, user: User, strategy: &Strategy) {
        let words = &mut self.words;
        words.clear();
        let hold = u32::from(strategy.switch == Switch::Hold);
        words.extend([hold, strategy.fallback.0 as u32]);
        let mut own = self.by_instance[strategy.fallback.0];
        for tier in &strategy.tiers {
            let weighted = u32::from(tier.policy == Policy::Weight);
            words.extend([tier.pools.len() as u32, weighted, tier.min_healthy as u32]);
            for place in &tier.pools {
                words.extend([place.pool.0 as u32, place.weight]);
                own |= self.by_instance[place.pool.0];
            }
        }
        // An odd word at the end, where else a tier would begin: no tier has no pools.
        if own {
            words.extend([0, user.instance]);
        }
    }
}

/// Who depends on a target.
#[derive(Debug, Default)]
struct Dependents {
    /// Pools by what probes an enabled address of theirs.
    pools: HashMap<(MonitorId, Address), Vec<PoolId>>,
    /// Recipes by pool.
    recipes: Lists<u32>,
    /// Recipes whose health is that of one instance, by its domain.
    own: HashMap<String, Vec<u32>>,
}

impl Dependents {
    fn of(config: &Config, list: &[Recipe]) -> Self {
        let mut dependents = Self::default();
        for (at, pool) in config.pools.iter().enumerate() {
            let Some(monitor) = pool.monitor.filter(|id| config.monitor(*id).enabled) else {
                continue;
            };
            for address in pool.addresses.iter().filter(|address| address.enabled) {
                let key = (monitor, address.value.clone());
                dependents.pools.entry(key).or_default().push(PoolId(at));
            }
        }
        let mut using = Vec::new();
        for (recipe, id) in list.iter().zip(0..) {
            let (instance, strategy) = recipe.first(config);
            using.extend(pools(strategy).map(|pool| (pool.0 as u32, id)));
            if pools(strategy).any(|pool| is_by_instance(config, config.pool(pool))) {
                let domain = instance.domain_text();
                dependents.own.entry(domain).or_default().push(id);
            }
        }
        dependents.recipes = Lists::of(config.pools.len(), using.iter().copied());
        dependents
    }

    fn pools(&self, monitor: MonitorId, address: &Address) -> &[PoolId] {
        // Asked once a change of state, not once a query: a clone is fine.
        let found = self.pools.get(&(monitor, address.clone()));
        found.map_or(&[], Vec::as_slice)
    }

    fn of_target(&self, config: &Config, list: &[Recipe], target: &Target) -> Vec<RecipeId> {
        let mut found = Vec::new();
        for pool in self.pools(target.monitor, &target.address) {
            if !is_by_instance(config, config.pool(*pool)) {
                let recipes = self.recipes.group(pool.0 as u32);
                found.extend(recipes.iter().copied().map(RecipeId));
                continue;
            }
            let own = target.host.as_ref().and_then(|host| self.own.get(host));
            found.extend(own.into_iter().flatten().copied().filter_map(|id| {
                let (_, strategy) = list[id as usize].first(config);
                pools(strategy)
                    .any(|one| one == *pool)
                    .then_some(RecipeId(id))
            }));
        }
        found
    }
}

impl Recipe {
    /// The first strategy that follows it.
    pub(super) fn first<'a>(&self, config: &'a Config) -> (&'a Instance, &'a Strategy) {
        let User { instance, strategy } = self.first;
        let instance = &config.instances[instance as usize];
        (instance, &instance.strategies[strategy as usize])
    }
}
