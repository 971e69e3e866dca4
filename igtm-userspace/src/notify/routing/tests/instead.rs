//! `on_failure`: who is told instead hears of the end as well, once; and disabled groups.

use super::*;

fn failed(channel: &str) -> Arc<Event> {
    Arc::new(Event {
        pool: None,
        address: None,
        ..fixture::event(Kind::ChannelFailed, channel)
    })
}

impl Bench {
    /// `ops` could not tell these, and has those still to tell.
    fn lose(&mut self, events: Vec<Event>, later: Vec<Event>, beside: &[&str]) {
        let shared = |events: Vec<Event>| events.into_iter().map(Arc::new).collect::<Vec<_>>();
        let mut lost = push("ops", &self.rules, shared(events));
        lost.beside = beside.iter().map(|name| (*name).to_owned()).collect();
        let zone = TimeZone::UTC;
        let moment = Moment {
            rules: &self.rules,
            now: self.now,
            zone: &zone,
        };
        let (event, later) = (failed("ops"), shared(later));
        self.router
            .failed("night", lost_by(&event, &lost, &later), moment);
    }
}

fn down() -> Event {
    address(Kind::AddressDown, "192.0.2.1")
}

fn up() -> Event {
    address(Kind::AddressUp, "192.0.2.1")
}

fn bench() -> Bench {
    let mut night = night();
    night.on_failure = vec![ChannelId(1)];
    Bench::new(vec![night])
}

#[test]
fn who_is_told_instead_is_told_when_it_is_over() {
    let mut bench = bench();
    bench.take(down());
    bench.pass(3);
    bench.lose(vec![down()], vec![], &[]);
    // Several channels may lose the same.
    bench.lose(vec![down()], vec![], &[]);
    assert_eq!(
        bench.pass(3),
        ["instead mail: channel_failed ops, address_down 192.0.2.1"]
    );
    bench.restart();
    bench.take(up());
    assert_eq!(
        bench.pass(3),
        ["ops: address_up 192.0.2.1", "mail: address_up 192.0.2.1"]
    );
    // `ops` fails again: `mail` knows already.
    bench.lose(vec![up()], vec![], &["mail"]);
    assert_eq!(bench.pass(3), ["instead mail: channel_failed ops"]);
}

#[test]
fn what_is_over_when_it_is_told_instead_is_told_with_its_end() {
    let both = ["instead mail: channel_failed ops, address_down 192.0.2.1, address_up 192.0.2.1"];
    // The end is with `ops`, which may still tell it.
    let mut queued = bench();
    queued.take(down());
    queued.take(up());
    queued.pass(3);
    queued.lose(vec![down()], vec![up()], &[]);
    assert_eq!(queued.pass(3), both);
    // It waits for company, and was not to be told to `mail`.
    let mut waiting = bench();
    waiting.take(down());
    waiting.pass(3);
    waiting.take(up());
    waiting.lose(vec![down()], vec![], &[]);
    let told = waiting.pass(3);
    assert_eq!(told, [both[0], "ops: address_up 192.0.2.1"]);
    // Both were lost.
    let mut lost = bench();
    lost.lose(vec![down(), up()], vec![], &[]);
    assert_eq!(lost.pass(3), both);
}

#[test]
fn who_fails_is_not_told_that_others_do_while_somebody_else_can_be() {
    let mut all = night();
    all.channels = vec![ChannelId(0), ChannelId(1), ChannelId(3), ChannelId(4)];
    let mut bench = Bench::new(vec![all]);
    let mut config = (*bench.rules.config).clone();
    for name in ["third", "fourth"] {
        config.channels.push(channel(name, "http://127.0.0.1/"));
    }
    bench.rules = Rules::new(Arc::new(config));
    let mut told = |others: &[&str]| {
        let but = Troubled {
            failed: "ops".to_owned(),
            others: others.iter().map(|name| (*name).to_owned()).collect(),
        };
        let zone = TimeZone::UTC;
        let moment = Moment {
            rules: &bench.rules,
            now: bench.now,
            zone: &zone,
        };
        let fates = bench.router.take(&failed("ops"), Some(&but), moment);
        fates[0].channels.clone()
    };
    assert_eq!(told(&[]), ["mail", "third", "fourth"]);
    assert_eq!(told(&["ops", "third"]), ["mail", "fourth"]);
    assert_eq!(told(&["ops", "mail", "third", "fourth"]), ["mail"]);
}

#[test]
fn a_disabled_group_stands_for_itself_and_tells_none_of_its_channels() {
    let mut both = night();
    both.channels = vec![ChannelId(2)];
    let mut bench = Bench::new(vec![both.clone()]);
    let mut config = (*bench.rules.config).clone();
    config.channels[2].enabled = false;
    bench.rules = Rules::new(Arc::new(config));
    bench.take(down());
    assert_eq!(bench.pass(3), ["both: address_down 192.0.2.1"]);
    // Enabled since: who was not told of it is not told of its end.
    bench.reconfigure(vec![both]);
    bench.take(up());
    assert_eq!(bench.pass(3), ["both: address_up 192.0.2.1"]);
    bench.take(down());
    let told = [
        "ops: address_down 192.0.2.1",
        "mail: address_down 192.0.2.1",
    ];
    assert_eq!(bench.pass(3), told);
}
