//! What is being answered now: immutable, made whole from configuration and health, swapped
//! whole. The kernel's maps and the userspace server are both made from it.
//!
//! ```text
//!  configuration ─▶ Ground: names → slots → answers → recipes     once
//!  health ────────▶ Snapshot: recipes → decisions → answers       of the targets that changed
//! ```
//! Pure: no I/O, no clock.

mod answers;
mod claims;
pub mod compare;
mod fixed;
mod flat;
pub mod freeze;
pub mod frozen;
mod image;
mod lists;
pub mod names;
mod recipe;
mod render;
mod same;
mod slots;
pub mod soa;
mod table;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use hickory_proto::rr::Name;
use igtm_common::bucket::TableFull;
use igtm_common::cookie::Secrets;
use igtm_common::layout::{LARGE, NameKey, ZoneEntry};
use igtm_common::name::HashKey;
use imbl::Vector;

pub use image::{CapacityError, Either, Fixed, Image};
pub use recipe::{RecipeId, Recipes, User};
pub use table::Names;

use crate::config::model::{Config, Instance, PoolId, Strategy};
use crate::flatten::{self, Resolved};
use crate::health::{HealthView, Target};
use crate::line::{LineTable, TableError, ViewsError};
use crate::policy::{self, Decision};
use crate::zone::store::Store;
use answers::Answers;
use frozen::Frozen;

/// Why a configuration cannot be answered from.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The lines do not make a table.
    #[error("{0}")]
    Lines(#[from] TableError),
    /// The lines that are claimed do not.
    #[error("{0}")]
    Views(#[from] ViewsError),
    /// More than one answer holds.
    #[error("instance {instance}, strategy {strategy}: {problem}")]
    Answer {
        /// The instance's name.
        instance: String,
        /// The strategy's name.
        strategy: String,
        /// What does not fit, with the numbers.
        problem: String,
    },
    /// More than can be numbered.
    #[error(transparent)]
    Capacity(#[from] CapacityError),
    /// Two names with one hash, one in 2^64; a restart chooses another secret.
    #[error(
        "the names {one} and {other} have the same hash; `igtm detach` and a restart choose another"
    )]
    Collision {
        /// One name.
        one: String,
        /// The other.
        other: String,
    },
    /// The names cannot be placed; a restart chooses another secret.
    #[error("{0}; `igtm detach` and a restart choose others")]
    Table(#[from] TableFull),
}

/// What does not change with health: a configuration with its compiled lines and names.
#[derive(Debug)]
pub struct Ground {
    /// What is wanted.
    pub config: Arc<Config>,
    /// Who is on which line.
    pub lines: Arc<LineTable>,
    /// The secret of the name hash.
    pub hash_key: HashKey,
    /// Names, views and slots.
    pub fixed: Arc<Fixed>,
    /// What is decided together.
    pub recipes: Recipes,
    /// What is answered although `config` does not say so.
    pub frozen: Vec<Frozen>,
    answers: Answers,
    business: HashMap<NameKey, u32>,
    /// Static records, as they are answered.
    pub statics: Store,
    /// Of each zone, with serial 0.
    zones: Vec<ZoneEntry>,
}

impl Ground {
    /// Compiles a configuration. With a former one, what did not change keeps its slots.
    pub fn new(
        config: Arc<Config>,
        hash_key: HashKey,
        former: Option<&Self>,
    ) -> Result<Self, SnapshotError> {
        Self::with_frozen(config, hash_key, former, Vec::new())
    }

    /// The same with frozen answers, of which the configuration claims no line and family.
    pub fn with_frozen(
        config: Arc<Config>,
        hash_key: HashKey,
        former: Option<&Self>,
        frozen: Vec<Frozen>,
    ) -> Result<Self, SnapshotError> {
        // A reload that leaves the lines alone need not compile them: they may be a million prefixes.
        let lines = match former.filter(|former| former.config.lines == config.lines) {
            Some(former) => Arc::clone(&former.lines),
            None => Arc::new(LineTable::build(&config.lines)?),
        };
        let recipes = Recipes::of(&config, frozen.len());
        let (statics, standing) = Store::new(&config, &hash_key);
        let decided = (&recipes, &*frozen);
        let built = fixed::build(&config, &hash_key, &lines, decided, &standing, former)?;
        drop(standing);
        let zones: Vec<_> = config.zones.iter().map(soa::zone).collect();
        let answers = (built.answers.small.len(), built.answers.large.len());
        image::check_capacity(&built.fixed, answers, zones.len())?;
        Ok(Self {
            config,
            lines,
            hash_key,
            fixed: Arc::new(built.fixed),
            recipes,
            frozen,
            answers: built.answers,
            business: built.business,
            statics,
            zones,
        })
    }

    /// The instance whose business domain has this key.
    pub fn business(&self, key: NameKey) -> Option<&Instance> {
        let at = *self.business.get(&key)?;
        Some(&self.config.instances[at as usize])
    }

    /// The domains at zones' apexes, whose addresses are to be known: the configuration's, and those
    /// of frozen answers.
    pub fn flattened(&self) -> BTreeSet<Name> {
        let at_apex = self.frozen.iter();
        let at_apex = at_apex.filter(|frozen| self.config.zones.at(&frozen.name).is_some());
        let frozen = at_apex.flat_map(Frozen::domains).cloned();
        frozen.chain(flatten::names(&self.config)).collect()
    }

    /// How many answers there are: those that always fit a small one, and the others.
    pub fn answers(&self) -> (usize, usize) {
        (self.answers.small.len(), self.answers.large.len())
    }

    /// An instance and its strategy.
    pub fn strategy(&self, user: User) -> (&Instance, &Strategy) {
        let instance = &self.config.instances[user.instance as usize];
        (instance, &instance.strategies[user.strategy as usize])
    }

    fn decide(&self, recipe: RecipeId, health: &dyn HealthView) -> Arc<Decision> {
        if let Some(at) = self.recipes.frozen(recipe) {
            return Arc::clone(&self.frozen[at].decision);
        }
        let (instance, strategy) = self.recipes.recipe(recipe).first(&self.config);
        let decision = policy::decide(&self.config, instance, strategy, health);
        Arc::new(decision)
    }

    fn zones(&self, serial: u32) -> Vec<ZoneEntry> {
        let mut zones = self.zones.clone();
        for zone in &mut zones {
            soa::set_serial(zone, serial);
        }
        zones
    }
}

/// What is being answered now.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// What does not change with health.
    pub ground: Arc<Ground>,
    /// SOA serial; rises with every snapshot.
    pub serial: u32,
    /// What is answered, by [`RecipeId`].
    pub decisions: Vector<Arc<Decision>>,
    /// The recipes decided otherwise than in the snapshot before; `None`: `ground` is another.
    pub redecided: Option<Vec<RecipeId>>,
    /// The content of the maps; userspace looks answers up in it too.
    pub image: Image,
    /// Secrets of server cookies (RFC 9018).
    pub cookies: Secrets,
    /// What flattened domains are answered as.
    pub resolved: Resolved,
}

/// What has changed since a snapshot was made.
#[derive(Clone, Debug, Default)]
pub struct Change<'a> {
    /// Targets with another state.
    pub targets: Vec<&'a Target>,
    /// Pools of which an operator said something.
    pub pools: &'a [PoolId],
    /// Domains that are resolved to something else.
    pub learned: &'a [Name],
}

impl Snapshot {
    /// Decides and renders everything; no domain is resolved yet.
    pub fn new(
        ground: Arc<Ground>,
        health: &dyn HealthView,
        serial: u32,
        cookies: Secrets,
    ) -> Self {
        Self::flattening(ground, health, Resolved::default(), serial, cookies)
    }

    /// Decides and renders everything, with what domains are resolved to.
    pub fn flattening(
        ground: Arc<Ground>,
        health: &dyn HealthView,
        resolved: Resolved,
        serial: u32,
        cookies: Secrets,
    ) -> Self {
        let recipes = (0..ground.recipes.len() as u32).map(RecipeId);
        let decisions: Vector<_> = recipes
            .map(|recipe| ground.decide(recipe, health))
            .collect();
        let answers = &ground.answers;
        let image = Image {
            fixed: Arc::clone(&ground.fixed),
            small: render::all(&answers.small, answers, &decisions, &resolved),
            large: render::all(&answers.large, answers, &decisions, &resolved),
            zones: ground.zones(serial),
            changed: None,
        };
        Self {
            ground,
            serial,
            decisions,
            redecided: None,
            image,
            cookies,
            resolved,
        }
    }

    /// The same with another health: decides anew what depends on the targets that `changed`.
    pub fn after<'a>(
        &self,
        changed: impl IntoIterator<Item = &'a Target>,
        health: &dyn HealthView,
        serial: u32,
    ) -> Self {
        let change = Change {
            targets: changed.into_iter().collect(),
            ..Change::default()
        };
        self.after_change(&change, health, self.resolved.clone(), serial)
    }

    /// The same after whatever changed; what domains are resolved to now is in `resolved`.
    pub fn after_change(
        &self,
        change: &Change<'_>,
        health: &dyn HealthView,
        resolved: Resolved,
        serial: u32,
    ) -> Self {
        let ground = &self.ground;
        let targets = change.targets.iter();
        let mut recipes: Vec<RecipeId> = targets
            .flat_map(|target| ground.recipes.dependents(&ground.config, target))
            .collect();
        let pools = change.pools.iter();
        recipes.extend(pools.flat_map(|pool| ground.recipes.using(*pool)));
        recipes.sort_unstable();
        recipes.dedup();
        let mut next = Self {
            serial,
            image: Image {
                zones: ground.zones(serial),
                ..self.image.clone()
            },
            resolved,
            ..self.clone()
        };
        let mut changed = Vec::new();
        recipes.retain(|recipe| next.decide(*recipe, health, &mut changed));
        for number in change
            .learned
            .iter()
            .flat_map(|name| ground.answers.of_domain(name))
        {
            next.answer(*number, &mut changed);
        }
        changed.sort_unstable();
        changed.dedup();
        next.redecided = Some(recipes);
        next.image.changed = Some(changed);
        next
    }

    /// Decides one recipe; whether that gives something else. Adds the answers that follow it.
    fn decide(
        &mut self,
        recipe: RecipeId,
        health: &dyn HealthView,
        changed: &mut Vec<u32>,
    ) -> bool {
        let decision = self.ground.decide(recipe, health);
        let at = recipe.0 as usize;
        if self.decisions[at] == decision {
            return false;
        }
        self.decisions.set(at, decision);
        let ground = Arc::clone(&self.ground);
        for &number in ground.answers.of_recipe(recipe) {
            self.answer(number, changed);
        }
        true
    }

    /// Renders one answer anew; adds it where that gives something else.
    fn answer(&mut self, number: u32, changed: &mut Vec<u32>) {
        let answers = &self.ground.answers;
        let wanted = answers.wanted(number);
        let set = &self.decisions[wanted.recipe.0 as usize].answer;
        let (ipv6, terms) = (wanted.ipv6, answers.terms(wanted));
        let at = (number & !LARGE) as usize;
        let other = if number & LARGE == 0 {
            let answer = render::render(set, ipv6, terms, &self.resolved);
            put(&mut self.image.small, at, answer)
        } else {
            let answer = render::render(set, ipv6, terms, &self.resolved);
            put(&mut self.image.large, at, answer)
        };
        changed.extend(other.then_some(number));
    }

    /// The same with other secrets.
    pub fn with_cookies(&self, cookies: Secrets) -> Self {
        Self {
            cookies,
            ..self.clone()
        }
    }

    /// What a strategy is answered; `None` where it or its instance is disabled.
    pub fn decision(&self, instance: usize, strategy: usize) -> Option<&Decision> {
        let recipe = self.ground.recipes.followed(instance, strategy)?;
        self.decisions.get(recipe.0 as usize).map(Arc::as_ref)
    }
}

/// Puts `value` at a place; whether it is another than what was there.
fn put<T: Clone + PartialEq>(vector: &mut Vector<Arc<T>>, at: usize, value: T) -> bool {
    let other = *vector[at] != value;
    if other {
        vector.set(at, Arc::new(value));
    }
    other
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
