//! Worlds out of a tape of numbers, which proptest shrinks: a shorter tape is a simpler world.
//!
//! What is made is a file that `igtm check` takes: what would be refused is mended here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::words::{
    Entry, Force, Instance, KINDS, Line, Monitor, Pool, Strategy, Tier, Type, World, Zone,
};

/// Numbers one after the other; 0 when there are no more.
pub(super) struct Tape<'a>(pub(super) std::slice::Iter<'a, u32>);

const TYPES: [Type; 3] = [Type::Ipv4, Type::Ipv6, Type::Domain];
/// Pools of each type.
const OF_EACH: usize = 3;
const WEIGHTS: [u32; 7] = [100, 1, 2, 3, 5, 10, 50];
const TTLS: [u32; 5] = [60, 1, 30, 90, 3600];

impl Tape<'_> {
    /// Less than `most`.
    fn below(&mut self, most: usize) -> usize {
        self.0.next().map_or(0, |number| *number as usize % most)
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// Whether, one time in so many.
    fn rarely(&mut self, times: usize) -> bool {
        self.below(times) == times - 1
    }

    /// The world that the numbers say.
    pub(super) fn world(&mut self) -> World {
        let pools: Vec<_> = (0..3 * OF_EACH).map(|at| self.pool(at)).collect();
        let mut world = World {
            zones: vec![self.zone("gtm.example.com"), self.zone("example.com")],
            floor: self.one(&[1, 1, 45]),
            lines: self.lines(),
            monitors: vec![
                Monitor {
                    enabled: true,
                    by_domain: false,
                },
                Monitor {
                    enabled: !self.rarely(2),
                    by_domain: false,
                },
                Monitor {
                    enabled: true,
                    by_domain: true,
                },
            ],
            written_pools: pools.len(),
            pools,
            instances: Vec::new(),
            forces: Vec::new(),
            luck: self.0.next().copied().unwrap_or_default(),
            all_down: false,
        };
        for at in 0..1 + self.below(3) {
            let instance = self.instance(&mut world, at);
            world.instances.push(instance);
        }
        for at in 0..self.below(3) {
            let instance = self.failovers(&mut world, at);
            world.instances.push(instance);
        }
        unwatch_unused(&mut world);
        for _ in 0..self.below(4) {
            self.force(&mut world);
        }
        world
    }

    /// Said, or not.
    fn ttl(&mut self) -> Option<u32> {
        self.rarely(2).then(|| self.one(&TTLS))
    }

    /// A client near the lines' prefixes, or far from them.
    pub(super) fn client(&mut self) -> IpAddr {
        match self.below(5) {
            0 => Ipv4Addr::new(192, 0, 2, 77).into(),
            1 | 2 => self.v4().into(),
            _ => self.v6().into(),
        }
    }

    fn v4(&mut self) -> Ipv4Addr {
        let second = self.one(&[0, 16, 17]);
        let (third, fourth) = (self.one(&[0, 1, 128]), self.one(&[0, 1, 2, 255]));
        Ipv4Addr::new(10, second, third, fourth)
    }

    fn v6(&mut self) -> Ipv6Addr {
        let third = self.one(&[0, 1, 0x8000]);
        let (fourth, last) = (self.one(&[0, 1]), self.one(&[0, 1, 0xffff]));
        Ipv6Addr::new(0x2001, 0xdb8, third, fourth, 0, 0, 0, last)
    }

    fn zone(&mut self, origin: &'static str) -> Zone {
        Zone {
            origin,
            min_ttl: self.one(&[1, 1, 40, 120]),
            negative_ttl: self.one(&[60, 5]),
        }
    }

    fn lines(&mut self) -> Vec<Line> {
        let count = self.below(6);
        // Parents stand all after, or all before: never in a circle.
        let after = self.rarely(2);
        (0..count)
            .map(|at| {
                let kind = match self.rarely(3) {
                    true => self.below(KINDS.len()),
                    // Of one kind often enough for the prefix to decide.
                    false => 8,
                };
                let mut prefixes: Vec<_> = (0..1 + self.below(4)).map(|_| self.prefix()).collect();
                prefixes.sort_unstable();
                prefixes.dedup();
                let others = if after { at + 1..count } else { 0..at };
                let parent = (!others.is_empty() && self.rarely(3))
                    .then(|| others.start + self.below(others.len()));
                Line {
                    name: format!("line-{at}"),
                    kind,
                    prefixes,
                    parent,
                }
            })
            .collect()
    }

    fn prefix(&mut self) -> (IpAddr, u8) {
        if self.rarely(3) {
            let len = self.one(&[32, 33, 48, 64, 128]);
            let mask = u128::MAX << (128 - u32::from(len));
            let bits = self.v6().to_bits() & mask;
            (Ipv6Addr::from_bits(bits).into(), len)
        } else {
            let len = self.one(&[8, 12, 16, 17, 24, 32]);
            let bits = self.v4().to_bits() & (u32::MAX << (32 - u32::from(len)));
            (Ipv4Addr::from_bits(bits).into(), len)
        }
    }

    fn pool(&mut self, at: usize) -> Pool {
        let r#type = TYPES[at / OF_EACH];
        // Now and then more than one answer holds; else few, so that pools share them.
        let (many, first) = match self.rarely(6) {
            true => (9 + self.below(18), 0),
            false => (1 + self.below(4), self.below(3)),
        };
        let entries = (first..first + many).map(|n| Entry {
            value: value(r#type, n),
            weight: self.one(&WEIGHTS),
            enabled: !self.rarely(5),
        });
        Pool {
            name: format!("pool-{at}"),
            r#type,
            entries: entries.collect(),
            weighted: self.rarely(2),
            monitor: self.one(&[Some(0), Some(0), Some(1), Some(2), None]),
        }
    }

    fn instance(&mut self, world: &mut World, at: usize) -> Instance {
        let access = format!("www{at}.gtm.example.com");
        let domain = match self.below(3) {
            0 => access.clone(),
            1 => format!("www{at}.example.com"),
            _ => format!("www{at}.example.net"),
        };
        let mut strategies = Vec::new();
        for number in 0..1 + self.below(5) {
            let mut strategy = self.strategy(world, number);
            take_the_free_lines(world, &strategies, &mut strategy);
            strategies.push(strategy);
        }
        Instance {
            name: format!("instance-{at}"),
            domain,
            access,
            ttl: self.ttl(),
            enabled: !self.rarely(12),
            max_answers: self.rarely(2).then(|| 1 + self.below(20)),
            floor: self.one(&[None, None, Some(100)]),
            short: false,
            strategies,
        }
    }

    fn line(&mut self, world: &World) -> Option<usize> {
        match self.below(world.lines.len() + 1) {
            0 => None,
            line => Some(line - 1),
        }
    }

    fn strategy(&mut self, world: &mut World, number: usize) -> Strategy {
        // The default line is there, and often one strategy is for one family.
        let mut lines = match number {
            0 => vec![None],
            _ => vec![self.line(world)],
        };
        if self.rarely(2) {
            lines.push(self.line(world));
            lines.dedup();
        }
        let only = self.one(&[None, Some(0), Some(0), Some(1), Some(2)]);
        let r#type = |tape: &mut Self| only.unwrap_or_else(|| tape.below(TYPES.len()));
        let tiers = (0..1 + self.below(4)).map(|_| {
            let first = r#type(self) * OF_EACH;
            self.tier(world, first)
        });
        let tiers = tiers.collect();
        let fallback = r#type(self) * OF_EACH + self.below(OF_EACH);
        enable_one(world, fallback);
        Strategy {
            name: format!("strategy-{number}"),
            lines,
            enabled: number == 0 || !self.rarely(6),
            hold: self.rarely(4),
            tiers,
            fallback,
        }
    }

    fn tier(&mut self, world: &mut World, first: usize) -> Tier {
        let mut pools: Vec<(usize, u32)> = Vec::new();
        for _ in 0..1 + self.below(OF_EACH) {
            let pool = first + self.below(OF_EACH);
            if pools.iter().all(|(other, _)| *other != pool) {
                pools.push((pool, self.one(&WEIGHTS)));
            }
        }
        enable_one(world, pools[0].0);
        let entries = pools
            .iter()
            .flat_map(|(pool, _)| &world.pools[*pool].entries);
        let mut enabled: Vec<_> = entries
            .filter(|one| one.enabled)
            .map(|one| &one.value)
            .collect();
        enabled.sort_unstable();
        enabled.dedup();
        Tier {
            min_healthy: 1 + self.below(enabled.len().min(4)),
            weighted: self.rarely(2),
            pools,
        }
    }

    /// Failovers of one domain.
    fn failovers(&mut self, world: &mut World, at: usize) -> Instance {
        let domain = format!("fo{at}.gtm.example.com");
        let mut strategies: Vec<Strategy> = Vec::new();
        for number in 0..1 + self.below(3) {
            let name = format!("fo{at}-{number}");
            let monitor = Some(self.below(3));
            let mut values: Vec<(Type, String)> = Vec::new();
            let wanted = 2 + self.below(3);
            for n in 0..wanted {
                let r#type = self.one(&[Type::Ipv4, Type::Ipv4, Type::Ipv6, Type::Domain]);
                values.push((r#type, value(r#type, n)));
            }
            let first = world.pools.len();
            for (n, (r#type, value)) in values.into_iter().enumerate() {
                let entries = vec![Entry {
                    value,
                    weight: 100,
                    enabled: true,
                }];
                world.pools.push(Pool {
                    name: format!("of failover {name} {n}"),
                    r#type,
                    weighted: false,
                    monitor,
                    entries,
                });
            }
            let tier = |pool| Tier {
                pools: vec![(pool, 100)],
                weighted: false,
                min_healthy: 1,
            };
            let mut strategy = Strategy {
                name,
                lines: vec![self.line(world)],
                enabled: !self.rarely(8),
                hold: false,
                tiers: (first..first + wanted).map(tier).collect(),
                fallback: first,
            };
            take_the_free_lines(world, &strategies, &mut strategy);
            strategies.push(strategy);
        }
        Instance {
            name: format!("failover:{domain}"),
            access: domain.clone(),
            domain,
            ttl: self.ttl(),
            enabled: true,
            max_answers: None,
            floor: None,
            short: true,
            strategies,
        }
    }

    fn force(&mut self, world: &mut World) {
        let (pool, force) = (
            self.below(world.written_pools),
            self.one(&[Force::Up, Force::Down, Force::Drain]),
        );
        let pool = &world.pools[pool];
        let entry = &pool.entries[self.below(pool.entries.len())];
        let of = self.rarely(2).then(|| pool.name.clone());
        let said = &world.forces;
        if !said
            .iter()
            .any(|(value, pool, _)| *value == entry.value && *pool == of)
        {
            world.forces.push((entry.value.clone(), of, force));
        }
    }
}

fn value(r#type: Type, n: usize) -> String {
    match r#type {
        Type::Ipv4 => format!("192.0.2.{n}"),
        Type::Ipv6 => format!("2001:db8:f::{:x}", n + 1),
        Type::Domain => format!("d{n}.example.org"),
    }
}

/// A fallback without any enabled address is refused, and so is such a tier.
fn enable_one(world: &mut World, pool: usize) {
    let entries = &mut world.pools[pool].entries;
    if entries.iter().all(|entry| !entry.enabled) {
        entries[0].enabled = true;
    }
}

/// A line and family is claimed once: what others claim is left to them, and who has nothing left
/// is disabled.
fn take_the_free_lines(world: &World, others: &[Strategy], strategy: &mut Strategy) {
    if !strategy.enabled {
        return;
    }
    let taken = |line: &Option<usize>| {
        others.iter().filter(|other| other.enabled).any(|other| {
            let clash = |ipv6| world.claims(other, ipv6) && world.claims(strategy, ipv6);
            other.lines.contains(line) && (clash(false) || clash(true))
        })
    };
    let free: Vec<_> = strategy
        .lines
        .iter()
        .filter(|line| !taken(line))
        .copied()
        .collect();
    if free.is_empty() {
        strategy.enabled = false;
    } else {
        strategy.lines = free;
    }
}

/// A monitor that takes the instances' domains needs one.
fn unwatch_unused(world: &mut World) {
    for at in 0..world.written_pools {
        let used = world
            .instances
            .iter()
            .filter(|one| one.enabled)
            .any(|instance| {
                let mut strategies = instance.strategies.iter().filter(|one| one.enabled);
                strategies.any(|strategy| {
                    let mut tiers = strategy.tiers.iter().flat_map(|tier| &tier.pools);
                    strategy.fallback == at || tiers.any(|(pool, _)| *pool == at)
                })
            });
        let pool = &mut world.pools[at];
        if !used && pool.monitor == Some(2) {
            pool.monitor = None;
        }
    }
}
