//! A message that the daemon goes wrong at: it alone is lost, and that is told.

use std::time::Duration;

use crate::notify::event::Kind;
use crate::notify::fixture::{channel, config, event, subscription};
use crate::notify::retry::Class;
use crate::state::Store;
use crate::state::outbox::{PushFilter, PushState, Step};

use super::receiver::{Receiver, Reply};
use super::rig::Rig;

/// It was recorded with a number that no daemon writes: any bug that a message meets is like that.
#[tokio::test]
async fn it_is_given_up_and_the_next_one_leaves() {
    let busy = "503 Service Unavailable";
    let mut receiver = Receiver::start(vec![Reply::status(busy), Reply::status(busy)]).await;
    let configured = || {
        config(
            vec![channel("ops", &receiver.origin)],
            vec![subscription("night", &[0])],
        )
    };
    let (first, second) = (configured(), configured());
    let rig = Rig::start(first);
    rig.raise(event(Kind::AddressDown, "192.0.2.1"));
    receiver.next().await;
    let place = rig.place();
    rig.drain(Duration::ZERO).await;

    let state = place.path().join("state");
    let (store, _) = Store::open(&state).expect("nobody has it");
    let pushes = store.pushes(PushFilter::default()).await;
    let mut push = pushes.expect("a database").remove(0);
    let whole = store.push(push.id.clone()).await.expect("a database");
    push = whole.expect("it is there");
    assert_eq!(push.state, PushState::Pending);
    (push.throttled_s, push.next) = (u64::MAX, None);
    let id = push.id.clone();
    store.take_step(Step {
        messages: vec![push],
        ..Step::default()
    });
    store.close(Duration::from_secs(10)).await;

    let rig = Rig::start_in(second, place);
    receiver.next().await;
    rig.raise(event(Kind::AddressDown, "192.0.2.2"));
    let told = receiver.next().await.json();
    assert_eq!(told["data"]["events"][0]["address"], "192.0.2.2", "{told}");
    let pushes = rig.pushes().await;
    let spoiled = pushes.iter().find(|push| push.id == id).expect("kept");
    assert_eq!(spoiled.state, PushState::Failed);
    let class = Class::Permanent.to_string();
    assert!(
        spoiled
            .note
            .as_ref()
            .is_some_and(|why| why.contains(&class))
    );
    rig.drain(Duration::from_secs(10)).await;
}
