//! What is being answered now: immutable, made whole from configuration and health, swapped
//! whole. The kernel's maps and the userspace server are both made from it.
//!
//! Pure: no I/O, no clock.

mod image;
pub mod names;
mod render;

use std::sync::Arc;

use hickory_proto::rr::{Name, RecordType};
use igtm_common::answer::AnswerError;
use igtm_common::layout::{Answer, AnswerKey};
use igtm_common::name::{HashKey, NameHash};

pub use image::{CapacityError, Image};
pub use names::{Names, Owner};

use crate::config::model::{Config, LineId};
use crate::health::HealthView;
use crate::line::{ChainId, LineTable, TableError};
use crate::policy::{self, Decision};

/// Why a configuration cannot be answered from.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The lines do not make a table.
    #[error("{0}")]
    Lines(#[from] TableError),
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
    /// Two names with one hash, one in 2^64; a restart chooses another secret.
    #[error(
        "the names {one} and {other} have the same hash; `igtm detach` and a restart choose another"
    )]
    Collision {
        /// One name.
        one: Box<Name>,
        /// The other.
        other: Box<Name>,
    },
}

/// What does not change with health: a configuration with its compiled lines and names.
#[derive(Debug)]
pub struct Ground {
    /// What is wanted.
    pub config: Arc<Config>,
    /// Who is on which line.
    pub lines: LineTable,
    /// What stands at which name.
    pub names: Names,
    /// The secret of the name hash.
    pub hash_key: HashKey,
}

impl Ground {
    /// Compiles a configuration.
    pub fn new(config: Arc<Config>, hash_key: HashKey) -> Result<Self, SnapshotError> {
        let lines = LineTable::build(&config.lines)?;
        let names = Names::of(&config, &hash_key)?;
        Ok(Self {
            config,
            lines,
            names,
            hash_key,
        })
    }
}

/// What is being answered now.
#[derive(Debug)]
pub struct Snapshot {
    /// What does not change with health.
    pub ground: Arc<Ground>,
    /// SOA serial; rises with every snapshot.
    pub serial: u32,
    /// What each strategy of each instance answers.
    pub decisions: Vec<Vec<Decision>>,
    /// The content of the maps; userspace looks answers up in it too.
    pub image: Image,
}

impl Snapshot {
    /// Decides and renders everything. Answers that are as in `former` are shared with it.
    pub fn new(
        ground: Arc<Ground>,
        health: &dyn HealthView,
        serial: u32,
        former: Option<&Self>,
    ) -> Result<Self, SnapshotError> {
        let config = &ground.config;
        let decisions: Vec<Vec<Decision>> = config
            .instances
            .iter()
            .map(|instance| {
                let decide = |strategy| policy::decide(config, instance, strategy, health);
                instance.strategies.iter().map(decide).collect()
            })
            .collect();
        let mut image = Image {
            answers: render::answers(&ground, &decisions)?,
            prefixes: prefixes(&ground.lines),
            chains: ground
                .lines
                .chains()
                .iter()
                .map(|chain| image::chain(chain.iter().map(|line| line.0)))
                .collect(),
            line_names: config.lines.iter().map(|line| line.name.clone()).collect(),
        };
        if let Some(former) = former {
            share(&mut image, &former.image);
        }
        Ok(Self {
            ground,
            serial,
            decisions,
            image,
        })
    }

    /// What the kernel would find for a name, a type and a chain of lines: the answer of the most
    /// preferred line that has one. One without records is passed up by the kernel.
    pub fn look_up(&self, name: NameHash, qtype: RecordType, chain: ChainId) -> Option<&Answer> {
        let lines = self.ground.lines.chain(chain);
        lines.iter().find_map(|LineId(line)| {
            let key = AnswerKey {
                name: name.0,
                epoch: 0,
                line: *line,
                qtype: qtype.into(),
            };
            self.image.answers.get(&key).map(Arc::as_ref)
        })
    }
}

fn prefixes(lines: &LineTable) -> std::collections::BTreeMap<ipnet::IpNet, u32> {
    let v4 = lines.prefixes_v4().iter();
    let v6 = lines.prefixes_v6().iter();
    v4.map(|(prefix, chain)| ((*prefix).into(), chain.0))
        .chain(v6.map(|(prefix, chain)| ((*prefix).into(), chain.0)))
        .collect()
}

/// Equal answers become the same one, so that what did not change is seen at a glance.
fn share(image: &mut Image, former: &Image) {
    for (key, answer) in &mut image.answers {
        if let Some(same) = former.answers.get(key).filter(|old| *old == answer) {
            *answer = Arc::clone(same);
        }
    }
}

/// [`AnswerError`] in words.
fn problem(error: AnswerError) -> String {
    use igtm_common::layout::{RECORDS, REPLY_OCTETS};
    match error {
        AnswerError::Empty => "no enabled address".to_owned(),
        AnswerError::TooMany { records } => {
            format!("{records} addresses in one answer, at most {RECORDS} are supported yet")
        }
        AnswerError::TooLong { octets } => {
            format!("its names take {octets} octets, at most {REPLY_OCTETS} are supported yet")
        }
    }
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
