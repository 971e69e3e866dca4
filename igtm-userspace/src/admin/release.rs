//! `POST /api/v1/release`: what is asked, which frozen answers that is, and what became of it.
//!
//! Must not release anything: that is the main loop's.

use std::collections::BTreeSet;
use std::fmt;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::command::Command;
use super::reply::{failed, shown};
use super::routes::{Shared, unheard};
use crate::snapshot::compare::AnswersChanged;
use crate::snapshot::frozen::Frozen;
use crate::state::FrozenKey;

/// Names that a refusal lists.
const MOST_NAMED: usize = 20;

/// Whose frozen answers are to end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The strategy's name.
    pub strategy: String,
    /// The instance's; needed where several had a strategy of that name.
    pub instance: Option<String>,
}

/// Frozen answers that ended. Its `Display` is the text for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    /// Whose they were.
    pub released: Vec<FrozenKey>,
    /// Names that are answered otherwise.
    pub answers: AnswersChanged,
    /// Why they may come back at a restart.
    pub unwritten: Option<String>,
}

/// Why nothing is released.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReleased {
    /// Nothing of that name is frozen.
    #[error("no frozen answer is of strategy {asked}; {}", frozen_in_words(frozen))]
    Unknown {
        /// As asked.
        asked: String,
        /// What is frozen: strategy and instance.
        frozen: BTreeSet<(String, String)>,
    },
    /// Several instances had such a strategy.
    #[error("strategy {strategy} is frozen of several instances: name one by --instance ({})", instances.join(", "))]
    Ambiguous {
        /// As asked.
        strategy: String,
        /// Their names.
        instances: Vec<String>,
    },
    /// What was answered goes on.
    #[error("{0}")]
    Refused(String),
}

fn frozen_in_words(frozen: &BTreeSet<(String, String)>) -> String {
    if frozen.is_empty() {
        return "nothing is frozen".to_owned();
    }
    let named = frozen.iter().take(MOST_NAMED);
    let named = named.map(|(strategy, instance)| format!("{strategy} of {instance}"));
    let mut words = named.collect::<Vec<_>>().join(", ");
    if frozen.len() > MOST_NAMED {
        words += &format!(" and {} more", frozen.len() - MOST_NAMED);
    }
    format!("frozen are: {words}")
}

impl Release {
    /// The frozen answers that are meant: never none, and of one strategy.
    ///
    /// # Errors
    /// Nothing of that name is frozen, or of several instances.
    pub fn meant(&self, frozen: &[Frozen]) -> Result<Vec<FrozenKey>, NotReleased> {
        let named = |key: &FrozenKey| {
            let instance = self.instance.as_ref();
            key.strategy == self.strategy && instance.is_none_or(|one| *one == key.instance)
        };
        let keys = || frozen.iter().map(|one| &one.key);
        let instances: BTreeSet<&str> = keys()
            .filter(|key| named(key))
            .map(|key| &*key.instance)
            .collect();
        match instances.len() {
            0 => Err(NotReleased::Unknown {
                asked: match &self.instance {
                    Some(instance) => format!("{} of {instance}", self.strategy),
                    None => self.strategy.clone(),
                },
                frozen: keys()
                    .map(|key| (key.strategy.clone(), key.instance.clone()))
                    .collect(),
            }),
            1 => Ok(keys().filter(|key| named(key)).cloned().collect()),
            _ => Err(NotReleased::Ambiguous {
                strategy: self.strategy.clone(),
                instances: instances.into_iter().map(str::to_owned).collect(),
            }),
        }
    }
}

pub(super) async fn release(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Json(asked): Json<Release>,
) -> Response {
    let (reply, released) = oneshot::channel();
    let told = shared
        .commands
        .tell(Command::Release { asked, reply }, released);
    match told.await {
        Ok(Ok(mut released)) => {
            // What is released is so already: the disk only decides what a restart finds.
            let written = shared.store.flush().await;
            released.unwritten = written.err().map(|error| error.to_string());
            shown(&headers, StatusCode::OK, &released)
        }
        Ok(Err(why)) => {
            let status = match why {
                NotReleased::Unknown { .. } => StatusCode::NOT_FOUND,
                NotReleased::Ambiguous { .. } => StatusCode::CONFLICT,
                NotReleased::Refused(_) => StatusCode::SERVICE_UNAVAILABLE,
            };
            failed(status, why)
        }
        Err(why) => unheard(why),
    }
}

impl fmt::Display for Released {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for key in &self.released {
            writeln!(f, "released: {key}")?;
        }
        write!(f, "{}", self.answers)?;
        match &self.unwritten {
            Some(why) => writeln!(f, "a restart may bring it back: {why}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::fixture;

    fn frozen(of: &[(&str, &str, &str)]) -> Vec<Frozen> {
        let one = |(instance, strategy, line): &(&str, &str, &str)| {
            let mut one = fixture::frozen("www.example.com", line, &[("192.0.2.1", 1)]);
            one.key.instance = (*instance).to_owned();
            one.key.strategy = (*strategy).to_owned();
            one
        };
        of.iter().map(one).collect()
    }

    fn asked(strategy: &str, instance: Option<&str>) -> Release {
        Release {
            strategy: strategy.to_owned(),
            instance: instance.map(str::to_owned),
        }
    }

    #[test]
    fn a_strategy_is_released_on_all_lines_and_never_two_by_one_word() {
        let frozen = frozen(&[
            ("www", "south", "telecom"),
            ("www", "south", "unicom"),
            ("www", "north", "mobile"),
            ("api", "north", "mobile"),
        ]);
        let lines = |asked: Release| -> Result<Vec<String>, String> {
            let meant = asked.meant(&frozen).map_err(|error| error.to_string())?;
            Ok(meant.into_iter().map(|key| key.line).collect())
        };
        let both = ["telecom".to_owned(), "unicom".to_owned()];
        assert_eq!(lines(asked("south", None)), Ok(both.to_vec()));
        assert_eq!(
            lines(asked("north", Some("api"))).map(|all| all.len()),
            Ok(1)
        );
        assert_eq!(
            lines(asked("north", None)).unwrap_err(),
            "strategy north is frozen of several instances: name one by --instance (api, www)"
        );
        assert_eq!(
            lines(asked("south", Some("api"))).unwrap_err(),
            "no frozen answer is of strategy south of api; frozen are: north of api, north of www, south of www"
        );
        let nothing = asked("south", None).meant(&[]).unwrap_err().to_string();
        assert_eq!(
            nothing,
            "no frozen answer is of strategy south; nothing is frozen"
        );
    }
}
