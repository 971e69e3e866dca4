//! The end of frozen answers, over the socket.

use super::{asked, stage};
use crate::admin::command::Command;
use crate::admin::release::{NotReleased, Released};

#[tokio::test]
async fn a_release_is_the_loop_s_and_says_what_was_not_meant() {
    let mut stage = stage();
    let unknown = NotReleased::Refused("no".to_owned());
    for (answer, code) in [(Ok(Released::default()), 200), (Err(unknown), 503)] {
        let socket = stage.socket.clone();
        let body = "{\"strategy\": \"south\"}";
        let asking =
            tokio::spawn(async move { asked(&socket, "/api/v1/release", Some(body), false).await });
        match stage.commands.recv().await.expect("a command") {
            Command::Release { asked, reply } => {
                assert_eq!((&*asked.strategy, asked.instance), ("south", None));
                reply.send(answer).expect("somebody waits");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(asking.await.expect("no panic").status, code);
    }
    let reply = asked(&stage.socket, "/api/v1/release", Some("{}"), false).await;
    assert_eq!(reply.status, 422);
}
