//! What is kept of a move: its causes, and the news for the next run.

use super::*;
use crate::alerts::{Cause, NodeReport, of_moves};

#[test]
fn a_moves_cause_is_what_changed_among_its_own_addresses() {
    let ground = ground(FILE);
    let step: Vec<(Target, Cause)> = ["192.0.2.1", "192.0.2.3"]
        .map(|address| {
            let transition = Transition {
                target: target(&ground.config, address),
                from: AddressState::Ok,
                to: AddressState::Down,
                since: at(0),
                at: at(90),
                reasons: Vec::new(),
            };
            let report = |node: &str, reason: Option<&str>| NodeReport {
                node: node.to_owned(),
                reason: reason.map(str::to_owned),
            };
            let nodes = vec![report("b", Some("status 503")), report("a", None)];
            let cause = Cause::new(&ground, &transition, 2, nodes);
            (transition.target, cause)
        })
        .into();
    let before = snapshot(&ground, &[], 1);
    let changed: Vec<Target> = step.iter().map(|(target, _)| target.clone()).collect();
    let now = before.after(&changed, &Down(&["192.0.2.1", "192.0.2.3"]), 2);
    let mut since = Since::default();
    since.of_change(None, &before, &Because::default(), at(0));
    let moves = since.of_change(Some(&before), &now, &Because::default(), at(90));
    let names: Vec<_> = moves
        .iter()
        .filter_map(|event| event.instance.as_deref())
        .collect();
    assert_eq!(names, ["www", "api"]);
    let causes = of_moves(&ground, &step, &moves);
    let addresses = causes
        .iter()
        .map(|causes| causes.iter().map(|cause| &*cause.address));
    let addresses: Vec<Vec<_>> = addresses.map(Iterator::collect).collect();
    // The second tier is www's alone.
    assert_eq!(
        addresses,
        [vec!["192.0.2.1", "192.0.2.3"], vec!["192.0.2.1"]]
    );
    let cause = &causes[0][0];
    assert_eq!((&*cause.monitor, cause.rounds), ("tcp", 2));
    let nodes: Vec<_> = cause.nodes.iter().map(|report| &*report.node).collect();
    assert_eq!(nodes, ["a", "b"], "who reported first is no matter");
    // Of an address's own event there is no move.
    let own = events_of(&ground, "192.0.2.1", &[AddressState::Down]);
    assert!(of_moves(&ground, &step, &own).iter().all(Vec::is_empty));
}

/// What a next run has to know: moves, what is gone, and what came back while nobody looked.
#[test]
fn news_are_what_the_next_run_would_else_get_wrong() {
    let name = || ("www".to_owned(), "default".to_owned());
    let gone = || ("old".to_owned(), "default".to_owned());
    let mut since = Since::restored([
        (name(), stand(Active::Fallback, -50)),
        (gone(), stand(Active::Fallback, -60)),
    ]);
    let whole = ground(FILE);
    // All that both tiers of www have, and none that api needs.
    let both = ["192.0.2.3"];
    let first = snapshot(&whole, &both, 1);
    since.of_change(None, &first, &Because::default(), at(0));
    let told = since.take_news();
    assert!(told.contains(&(gone(), None)), "{told:?}");
    assert!(
        told.contains(&(name(), Some(stand(Active::Tier(0), 0)))),
        "{told:?}"
    );
    assert_eq!(since.take_news(), []);
    let down = snapshot(&whole, &["192.0.2.1"], 2);
    since.of_change(Some(&first), &down, &Because::default(), at(5));
    let told = since.take_news();
    assert!(
        told.contains(&(name(), Some(stand(Active::Tier(1), 5)))),
        "{told:?}"
    );
    // Disabled, and enabled again when all is well: no event, but it is not on tier 2 any more.
    let disabled = FILE.replace("name = \"www\"", "name = \"www\"\nenabled = false");
    let without = snapshot(&ground(&disabled), &["192.0.2.1"], 3);
    since.of_change(Some(&down), &without, &Because::default(), at(10));
    since.take_news();
    let again = snapshot(&ground(FILE), &[], 4);
    let told = since.of_change(Some(&without), &again, &Because::default(), at(20));
    assert!(
        told.iter()
            .all(|event| event.instance.as_deref() != Some("www"))
    );
    let told = since.take_news();
    assert!(
        told.contains(&(name(), Some(stand(Active::Tier(0), 20)))),
        "{told:?}"
    );
}
