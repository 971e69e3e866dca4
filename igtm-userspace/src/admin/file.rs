//! What applying a file of this host would change, without doing it: `igtm check --against-running`.
//!
//! Decides the other file's answers with the health that is observed now. Changes nothing.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::command::{Applied, NotApplied};
use super::published::Published;
use super::reply::{failed, shown};
use super::routes::{Shared, off_the_loop, refusal};
use crate::config::{
    self, diff,
    model::{Config, Pool, PoolType},
};
use crate::snapshot::freeze::Plan;
use crate::snapshot::{Ground, Snapshot, compare};

/// What is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Asked {
    /// An absolute path.
    pub(super) file: PathBuf,
}

pub(super) async fn check(
    State(shared): State<Shared>,
    headers: HeaderMap,
    asked: Result<Json<Asked>, JsonRejection>,
) -> Response {
    let asked = match asked {
        Ok(Json(asked)) => asked,
        Err(rejection) => return failed(rejection.status(), rejection.body_text()),
    };
    if !asked.file.is_absolute() {
        return failed(StatusCode::BAD_REQUEST, "`file` must be an absolute path");
    }
    let published = shared.published.load_full();
    match off_the_loop(move || would_change(&published, &asked)).await {
        Ok(Ok(applied)) => shown(&headers, StatusCode::OK, &applied),
        Ok(Err(refused)) => refusal(&headers, &refused),
        Err(response) => response,
    }
}

fn would_change(published: &Published, asked: &Asked) -> Result<Applied, NotApplied> {
    let started = Instant::now();
    let config = Arc::new(config::load(&asked.file)?);
    let running = &published.ground;
    let refused = |error: &dyn ToString| NotApplied::Refused(error.to_string());
    let Some(snapshot) = &published.snapshot else {
        return Err(refused(&"the daemon does not answer yet"));
    };
    let Plan { frozen, freezing } = Plan::of(snapshot, &config, published.at);
    let (former, key) = (Some(&**running), running.hash_key);
    let ground = Ground::with_frozen(Arc::clone(&config), key, former, frozen)
        .map_err(|error| refused(&error))?;
    // As a reload does it: unchanged addresses keep their health.
    let mut health = published.health.clone();
    health.reconcile(&config, published.at);
    let after = Snapshot::new(Arc::new(ground), &health, snapshot.serial, snapshot.cookies);
    Ok(Applied {
        same: *running.config == *config,
        changes: diff::diff(&running.config, &config),
        answers: compare::compare(snapshot, &after),
        frozen: freezing,
        restart: needs_restart(&running.config, &config),
        took_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    })
}

/// What of another file a reload cannot change; in words.
pub(crate) fn needs_restart(running: &Config, other: &Config) -> Option<String> {
    let table = if running.server != other.server {
        "[server]"
    } else if !running.admin.same_places(&other.admin) {
        "[admin]"
    } else {
        return other_type(running, other);
    };
    Some(format!("{table} has changed: that takes a restart"))
}

/// A pool whose type is another: it never changes after the pool's creation (product.md §1, Pool),
/// since whatever refers to it by name would become something else.
fn other_type(running: &Config, other: &Config) -> Option<String> {
    let types: HashMap<&str, PoolType> = running
        .pools
        .iter()
        .map(|pool| (pool.name.as_str(), pool.r#type))
        .collect();
    let changed = |pool: &&Pool| {
        let was = types.get(pool.name.as_str());
        was.is_some_and(|was| *was != pool.r#type)
    };
    let pool = other.pools.iter().find(changed)?;
    let (was, now) = (types[pool.name.as_str()].name(), pool.r#type.name());
    Some(format!(
        "the pool `{}` is of type {was} and would be of type {now}: a pool's type never changes; \
         give the new one another name, or restart",
        pool.name
    ))
}

#[cfg(test)]
mod tests {
    use crate::config::parse;
    use std::path::Path;

    use super::*;

    fn pools(types: [&str; 2]) -> Config {
        let pools = ["a", "b"].iter().zip(types).map(|(name, word)| {
            let value = match word {
                "ipv4" => "192.0.2.1",
                _ => "2001:db8::1",
            };
            format!(
                "[[pool]]\nname = \"{name}\"\ntype = \"{word}\"\naddress = [{{ value = \"{value}\" }}]\n"
            )
        });
        let text = format!("version = 1\n{}", pools.collect::<String>());
        parse(&text, Path::new("/nowhere/x.toml")).expect("a good file")
    }

    #[test]
    fn a_pools_type_never_changes() {
        let running = pools(["ipv4", "ipv4"]);
        assert_eq!(needs_restart(&running, &running), None);
        assert_eq!(
            needs_restart(&running, &pools(["ipv4", "ipv6"])),
            Some(
                "the pool `b` is of type ipv4 and would be of type ipv6: a pool's type never \
                 changes; give the new one another name, or restart"
                    .to_owned()
            )
        );
    }
}
