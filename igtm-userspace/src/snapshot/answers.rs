//! Which answers there are, whatever the health: one for each recipe, family, TTL and number of
//! answers, however many names and lines give it.

use std::collections::{BTreeSet, HashMap};

use hickory_proto::rr::Name;
use igtm_common::layout::{LARGE, LargeAnswer, SmallAnswer};

use super::SnapshotError;
use super::frozen::Frozen;
use super::lists::Lists;
use super::recipe::{Recipe, RecipeId, Recipes};
use crate::config::model::{Address, Config, PoolId, PoolType, Strategy};
use crate::policy::AnswerSet;

/// What instances say of their answers, besides their strategies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Terms {
    /// Effective, seconds.
    pub(super) ttl: u32,
    /// As the instance's.
    pub(super) max_answers: Option<u16>,
    /// At an apex, where domains are flattened.
    pub(super) apex: bool,
}

/// One answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Wanted {
    /// What decides it.
    pub(super) recipe: RecipeId,
    /// To AAAA queries, not to A queries.
    pub(super) ipv6: bool,
    terms: u32,
}

/// Every answer.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// Of `ANSWERS`, by number.
    pub(super) small: Vec<Wanted>,
    /// Of `LARGE_ANSWERS`, by number.
    pub(super) large: Vec<Wanted>,
    terms: Vec<Terms>,
    /// Numbers of answers, with [`LARGE`], by recipe.
    of_recipe: Lists<u32>,
    /// Numbers of answers by the domains whose addresses they may have.
    of_domain: HashMap<Name, Vec<u32>>,
}

impl Answers {
    /// The answers that a recipe decides, as slots refer to them.
    pub(super) fn of_recipe(&self, recipe: RecipeId) -> &[u32] {
        self.of_recipe.group(recipe.0)
    }

    /// The answers that may have the addresses of a domain.
    pub(super) fn of_domain(&self, domain: &Name) -> &[u32] {
        self.of_domain.get(domain).map_or(&[], Vec::as_slice)
    }

    /// The answer of a number that this has given.
    pub(super) fn wanted(&self, answer: u32) -> &Wanted {
        let at = (answer & !LARGE) as usize;
        if answer & LARGE == 0 {
            &self.small[at]
        } else {
            &self.large[at]
        }
    }

    pub(super) fn terms(&self, wanted: &Wanted) -> Terms {
        self.terms[wanted.terms as usize]
    }
}

/// Numbers answers as they come.
pub(super) struct Catalogue<'a> {
    config: &'a Config,
    recipes: &'a Recipes,
    frozen: &'a [Frozen],
    answers: Answers,
    terms: HashMap<Terms, u32>,
    /// By recipe and family the first terms asked for and their answer: nearly always the only.
    first: Vec<[Option<(u32, u32)>; 2]>,
    others: HashMap<Wanted, u32>,
}

impl<'a> Catalogue<'a> {
    pub(super) fn new(config: &'a Config, recipes: &'a Recipes, frozen: &'a [Frozen]) -> Self {
        Self {
            config,
            recipes,
            frozen,
            answers: Answers::default(),
            terms: HashMap::new(),
            first: vec![[None; 2]; recipes.len()],
            others: HashMap::new(),
        }
    }

    /// The number of an instance's terms, for [`Self::find`].
    pub(super) fn terms(&mut self, terms: Terms) -> u32 {
        let known = &mut self.answers.terms;
        *self.terms.entry(terms).or_insert_with(|| {
            known.push(terms);
            known.len() as u32 - 1
        })
    }

    /// The number of an answer, with [`LARGE`] for one that may not fit a small one.
    pub(super) fn find(
        &mut self,
        recipe: RecipeId,
        ipv6: bool,
        terms: u32,
    ) -> Result<u32, SnapshotError> {
        let first = self.first[recipe.0 as usize][usize::from(ipv6)];
        if let Some((known, answer)) = first
            && known == terms
        {
            return Ok(answer);
        }
        let wanted = Wanted {
            recipe,
            ipv6,
            terms,
        };
        if let Some(answer) = self.others.get(&wanted) {
            return Ok(*answer);
        }
        let answer = self.add(wanted)?;
        if first.is_none() {
            self.first[recipe.0 as usize][usize::from(ipv6)] = Some((terms, answer));
        } else {
            self.others.insert(wanted, answer);
        }
        Ok(answer)
    }

    fn add(&mut self, wanted: Wanted) -> Result<u32, SnapshotError> {
        let apex = self.answers.terms(&wanted).apex;
        let mut flattened: Vec<&Name> = Vec::new();
        let room = match self.recipes.frozen(wanted.recipe) {
            Some(at) => {
                let frozen = &self.frozen[at];
                flattened.extend(frozen.domains().filter(|_| apex));
                match flattened[..] {
                    [] => room_of_frozen(frozen)?,
                    _ => Room::Large,
                }
            }
            None => {
                let recipe = self.recipes.recipe(wanted.recipe);
                if apex && recipe.domains {
                    let (_, strategy) = recipe.first(self.config);
                    flattened.extend(domains(self.config, strategy));
                }
                room(self.config, recipe, wanted.ipv6, apex)?
            }
        };
        let (list, mark) = match room {
            Room::Small => (&mut self.answers.small, 0),
            Room::Large => (&mut self.answers.large, LARGE),
        };
        let number = list.len() as u32 | mark;
        list.push(wanted);
        for domain in flattened {
            let of_domain = &mut self.answers.of_domain;
            of_domain.entry(domain.clone()).or_default().push(number);
        }
        Ok(number)
    }

    pub(super) fn finish(mut self) -> Answers {
        let numbers = |list: &'_ [Wanted], mark: u32| -> Vec<(u32, u32)> {
            let numbered = list.iter().zip(0..);
            numbered
                .map(|(wanted, number): (_, u32)| (wanted.recipe.0, number | mark))
                .collect()
        };
        let mut pairs = numbers(&self.answers.small, 0);
        pairs.extend(numbers(&self.answers.large, LARGE));
        self.answers.of_recipe = Lists::of(self.recipes.len(), pairs.into_iter());
        self.answers
    }
}

/// The enabled domains of a strategy's pools, each once.
fn domains<'a>(config: &'a Config, strategy: &Strategy) -> BTreeSet<&'a Name> {
    let pools = alternatives(strategy).flatten();
    let addresses = pools.flat_map(|pool| &config.pool(pool).addresses);
    addresses
        .filter(|address| address.enabled)
        .filter_map(|address| match &address.value {
            Address::Domain(name) => Some(name),
            Address::Ip(_) => None,
        })
        .collect()
}

/// Which size of answer holds whatever health makes of a recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    Small,
    Large,
}

/// The size that holds all enabled addresses of the largest tier, or of the fallback; of flattened
/// domains nobody knows how many those are, so theirs is the large one.
fn room(config: &Config, recipe: &Recipe, ipv6: bool, apex: bool) -> Result<Room, SnapshotError> {
    let (instance, strategy) = recipe.first(config);
    let sizes: Vec<Size> = alternatives(strategy)
        .filter(|pools| fits(config, pools, ipv6))
        .map(|pools| Size::of(config, &pools).flattened(apex && is_of_domains(config, &pools)))
        .collect();
    if let Some(room) = Room::of(&sizes) {
        return Ok(room);
    }
    let records = sizes.iter().map(|size| size.records).max().unwrap_or(0);
    let octets = sizes.iter().map(|size| size.octets).max().unwrap_or(0);
    let problem = if records > LargeAnswer::MOST_RECORDS {
        let most = LargeAnswer::MOST_RECORDS;
        format!("{records} addresses in one answer, at most {most} are supported")
    } else {
        let most = LargeAnswer::MOST_OCTETS;
        format!("its names take {octets} octets, at most {most} are supported")
    };
    Err(SnapshotError::Answer {
        instance: instance.name.clone(),
        strategy: strategy.name.clone(),
        problem,
    })
}

/// What is frozen does not change: it needs no more than it takes.
fn room_of_frozen(frozen: &Frozen) -> Result<Room, SnapshotError> {
    let set = frozen.set();
    Room::of(&[Size::of_set(set)]).ok_or_else(|| SnapshotError::Answer {
        instance: frozen.key.instance.clone(),
        strategy: frozen.key.strategy.clone(),
        problem: format!("{} frozen addresses in one answer", set.candidates.len()),
    })
}

/// Whether an answer holds all candidates of `set`.
pub(super) fn holds(set: &AnswerSet) -> bool {
    Room::of(&[Size::of_set(set)]).is_some()
}

impl Room {
    /// The smaller one that holds whichever of `sizes`, if one does.
    fn of(sizes: &[Size]) -> Option<Self> {
        let within = |records, octets| {
            let fits = |size: &Size| size.records <= records && size.octets <= octets;
            sizes.iter().all(fits)
        };
        if within(SmallAnswer::MOST_RECORDS, SmallAnswer::MOST_OCTETS) {
            return Some(Self::Small);
        }
        let large = within(LargeAnswer::MOST_RECORDS, LargeAnswer::MOST_OCTETS);
        large.then_some(Self::Large)
    }
}

/// What is answered together: the pools of each tier, and the fallback.
fn alternatives(strategy: &Strategy) -> impl Iterator<Item = Vec<PoolId>> {
    let tiers = strategy.tiers.iter();
    let tiers = tiers.map(|tier| tier.pools.iter().map(|member| member.pool).collect());
    tiers.chain([vec![strategy.fallback]])
}

/// Pools that are answered together have one type.
fn fits(config: &Config, pools: &[PoolId], ipv6: bool) -> bool {
    pools.iter().any(|pool| match config.pool(*pool).r#type {
        PoolType::Ipv4 => !ipv6,
        PoolType::Ipv6 => ipv6,
        PoolType::Domain => true,
    })
}

fn is_of_domains(config: &Config, pools: &[PoolId]) -> bool {
    let mut types = pools.iter().map(|pool| config.pool(*pool).r#type);
    types.any(|r#type| r#type == PoolType::Domain)
}

/// What an answer takes at most.
struct Size {
    records: usize,
    octets: usize,
}

impl Size {
    /// Of the addresses of domains instead of their names: as many as there is room for.
    fn flattened(self, is: bool) -> Self {
        if !is {
            return self;
        }
        Self {
            records: self.records.max(LargeAnswer::MOST_RECORDS),
            octets: 0,
        }
    }

    fn of(config: &Config, pools: &[PoolId]) -> Self {
        let addresses = pools.iter().flat_map(|pool| &config.pool(*pool).addresses);
        let enabled = addresses.filter(|address| address.enabled);
        let distinct: BTreeSet<&Address> = enabled.map(|address| &address.value).collect();
        Self {
            records: distinct.len(),
            octets: distinct.into_iter().map(record_octets).sum(),
        }
    }

    fn of_set(set: &AnswerSet) -> Self {
        let addresses = set.candidates.iter().map(|one| &one.address);
        Self {
            records: addresses.len(),
            octets: addresses.map(record_octets).sum(),
        }
    }
}

fn record_octets(address: &Address) -> usize {
    igtm_common::answer::RECORD_FIXED + rdata_octets(address)
}

fn rdata_octets(address: &Address) -> usize {
    match address {
        Address::Ip(ip) if ip.is_ipv4() => 4,
        Address::Ip(_) => 16,
        // hickory's length leaves the root label out.
        Address::Domain(name) => name.len() + 1,
    }
}
