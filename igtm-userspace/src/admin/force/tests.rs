//! Wishes in, orders or refusals out; and the text.

use super::*;

fn wish(to: Word) -> Wish {
    Wish {
        address: "192.0.2.1".to_owned(),
        to,
        reason: Some(" disk swap ".to_owned()),
        pool: None,
        r#for: Some("1h30m".to_owned()),
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("in range")
}

#[test]
fn a_wish_is_an_order_or_says_what_is_wrong() {
    let ordered = |wish: Wish| wish.order("root".to_owned(), at(100));
    let order = ordered(wish(Word::Drain)).expect("nothing is wrong");
    assert_eq!(
        (order.to, &*order.reason),
        (Some(ForcedState::Drain), "disk swap")
    );
    assert_eq!(order.until, Some(at(100 + 5400)));
    let change = |change: fn(&mut Wish)| {
        let mut wish = wish(Word::Down);
        change(&mut wish);
        ordered(wish).expect_err("something is wrong")
    };
    let bad = |text: &str| BadWish::For(text.to_owned());
    assert_eq!(change(|wish| wish.reason = None), BadWish::NoReason);
    assert_eq!(
        change(|wish| wish.reason = Some("  ".into())),
        BadWish::NoReason
    );
    assert_eq!(
        change(|wish| wish.reason = Some("a\nb".into())),
        BadWish::Reason
    );
    assert_eq!(
        change(|wish| wish.reason = Some("字".repeat(501))),
        BadWish::Reason
    );
    assert_eq!(change(|wish| wish.r#for = Some("0s".into())), bad("0s"));
    assert_eq!(change(|wish| wish.r#for = Some("soon".into())), bad("soon"));
    assert_eq!(change(|wish| wish.to = Word::Auto), BadWish::ForAuto);
    let nobody = change(|wish| wish.address = "no such..address".into());
    assert_eq!(nobody, BadWish::Address("no such..address".to_owned()));
    let mut end = wish(Word::Auto);
    (end.reason, end.r#for) = (None, None);
    assert_eq!(ordered(end).map(|order| order.to), Ok(None));
}

#[test]
fn the_text_says_what_changed() {
    let mut obeyed = Obeyed {
        address: "192.0.2.1".to_owned(),
        to: Word::Down,
        reason: "disk swap".to_owned(),
        who: "root".to_owned(),
        until: Some(at(60)),
        pools: vec![InPool {
            pool: "guangzhou".to_owned(),
            before: "ok".to_owned(),
            after: "forced down (disk swap)".to_owned(),
        }],
        moved: vec![Moved {
            instance: "www".to_owned(),
            strategy: "telecom".to_owned(),
            from: "tier 1".to_owned(),
            to: "tier 2".to_owned(),
        }],
        moved_left_out: 3,
        notes: vec!["mind".to_owned()],
    };
    assert_eq!(
        obeyed.to_string(),
        "192.0.2.1 is forced down by root until 1970-01-01T00:01:00Z: disk swap\n\
         \x20 pool guangzhou: ok → forced down (disk swap)\n\
         \x20 www, strategy telecom: tier 1 → tier 2\n\
         \x20 … and 3 more strategies\n\
         \x20 note: mind\n"
    );
    obeyed.to = Word::Auto;
    assert!(
        obeyed
            .to_string()
            .starts_with("192.0.2.1: what is measured holds\n")
    );
}
