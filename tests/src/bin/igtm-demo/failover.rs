//! The failover and the way back: answers and webhooks, with their times.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use hickory_proto::rr::RecordType;
use igtm_tests::dns::Client;
use igtm_tests::receiver::Delivery;
use igtm_tests::wait;
use igtm_tests::world::{EDGE_V4, Place};

use crate::dig;
use crate::scene::{INTERVAL, Scene, address_of};
use crate::screen::Screen;
use crate::steps::{self, WELL};

/// Several rounds of probes.
const PATIENCE: Duration = Duration::from_secs(10);
/// The backend that dies, and the one that stands in for it.
const DYING: &str = "guangzhou";
const STANDING_IN: &str = "shanghai";

pub(crate) fn outage(scene: &mut Scene<'_>, screen: &Screen) -> Result<()> {
    screen.step(&format!("{DYING} dies"));
    backend(scene)?.stop();
    let change = Change {
        began: Instant::now(),
        what: format!(
            "{} refuses connections; a round every {INTERVAL}, one retry",
            address_of(DYING)
        ),
        answers: STANDING_IN,
        events: ["address_down", "tier_switched"],
    };
    change.watch(scene, screen)?;
    let [_, unicom, other] = WELL;
    let asked = scene.ask_everywhere([&[STANDING_IN], unicom, other])?;
    steps::show_answers(screen, &asked);
    screen.passed("telecom moved to its second tier, the others stayed, all from the kernel");
    Ok(())
}

pub(crate) fn recovery(scene: &mut Scene<'_>, screen: &Screen) -> Result<()> {
    screen.step(&format!("{DYING} comes back"));
    backend(scene)?.resume()?;
    let change = Change {
        began: Instant::now(),
        what: format!("{} accepts connections again", address_of(DYING)),
        answers: DYING,
        events: ["address_up", "tier_restored"],
    };
    change.watch(scene, screen)?;
    steps::show_answers(screen, &scene.ask_everywhere(WELL)?);
    screen.passed("everybody is answered as before");
    Ok(())
}

fn backend<'s, 'a>(scene: &'s mut Scene<'a>) -> Result<&'s mut igtm_tests::backend::Backend<'a>> {
    let mut backends = scene.backends.iter_mut();
    backends
        .find(|backend| backend.name() == DYING)
        .context("the backend that dies")
}

/// Something happened to a backend, and what must follow.
struct Change {
    began: Instant,
    what: String,
    /// The backend that telecom is answered afterwards.
    answers: &'static str,
    events: [&'static str; 2],
}

impl Change {
    /// Waits for the answer and the webhooks, and shows when each came.
    fn watch(&self, scene: &Scene<'_>, screen: &Screen) -> Result<()> {
        let expected: IpAddr = address_of(self.answers).parse()?;
        let client = Client::new(scene.world.client(Place::Telecom), EDGE_V4)?;
        let changed = wait::until("the new answer", PATIENCE, || {
            let reply = client.ask(dig::NAME, RecordType::A)?;
            Ok((reply.addresses() == [expected]).then(Instant::now))
        })?;
        let mut rows = vec![
            self.row(self.began, self.what.clone()),
            self.row(changed, format!("telecom is answered {expected}")),
        ];
        for kind in self.events {
            let delivery = scene.receiver.wait_for(kind, PATIENCE, |delivery| {
                delivery.at > self.began && delivery.event(kind).is_some()
            })?;
            rows.push(self.row(delivery.at, told(&delivery, kind)?));
        }
        rows.sort_by_key(|(at, _)| *at);
        let rows: Vec<[String; 2]> = rows.into_iter().map(|(_, row)| row).collect();
        screen.table(["after", "what"], &rows);
        println!();
        Ok(())
    }

    fn row(&self, at: Instant, what: String) -> (Instant, [String; 2]) {
        let after = at.duration_since(self.began).as_millis();
        (at, [format!("{after:5} ms"), what])
    }
}

/// The webhook in words; its signature must hold.
fn told(delivery: &Delivery, kind: &str) -> Result<String> {
    let signature = delivery.signature.clone();
    signature.map_err(|why| anyhow!("webhook {}: {why}", delivery.id))?;
    let event = delivery.event(kind).context("chosen for it")?;
    let title = event["title"].as_str().context("an event has a title")?;
    ensure!(
        event["test"] == false,
        "a real event is not marked as a test"
    );
    Ok(format!("webhook {kind}, signature right: {title}"))
}
