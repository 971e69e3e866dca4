//! Whatever the items, the text fits, and tells the truth about what is left out.

use proptest::prelude::*;

use super::*;

const UNITS: [Unit; 3] = [Unit::Octets, Unit::Json, Unit::Utf16];

fn item(text: &str, severity: Severity) -> Item {
    let text = text.to_owned();
    Item { text, severity }
}

fn fit<'a>(items: &'a [Item], more: u64) -> Fit<'a> {
    Fit {
        head: "head",
        items,
        more,
        tail: "tail",
        between: "\n",
        unit: Unit::Octets,
        language: Language::En,
    }
}

#[test]
fn items_are_left_out_from_the_end_and_counted() {
    let items = ["the first", "the second", "the third"].map(|text| item(text, Severity::Info));
    let all = "head\nthe first\nthe second\nthe third\ntail";
    assert_eq!(fit(&items, 0).within(all.len()), all);
    let less = "head\nthe first\n…and 2 more\ntail";
    assert_eq!(fit(&items, 0).within(all.len() - 1), less);
    assert_eq!(
        fit(&items, 40).within(100),
        "head\nthe first\nthe second\nthe third\n…and 40 more\ntail"
    );
    let chinese = Fit {
        language: Language::Zh,
        ..fit(&items, 35)
    };
    assert_eq!(chinese.within(44), "head\nthe first\n……另有 37 条\ntail");
}

#[test]
fn the_most_severe_stay() {
    let items = [
        item("this is only told", Severity::Info),
        item("a warning", Severity::Warning),
        item("critical", Severity::Critical),
    ];
    let text = fit(&items, 0).within(34);
    assert_eq!(text, "head\ncritical\n…and 2 more\ntail");
}

#[test]
fn a_single_item_that_is_too_long_is_cut_between_characters() {
    let items = [item("很长的一段话", Severity::Info)];
    assert_eq!(fit(&items, 0).within(20), "head\n很长…\ntail");
    let tagged = [item("<font color=\"info\">green</font>", Severity::Info)];
    assert_eq!(fit(&tagged, 0).within(24), "head\n…\ntail");
    assert_eq!(fit(&items, 5).within(3), "hea");
}

#[test]
fn sizes_in_json_are_what_serde_json_writes() {
    for text in ["", "\"\\\n\r\t\u{8}\u{c}\u{0}\u{1f}\u{7f}/<>&", "中文🔥"] {
        let written = serde_json::to_string(text).expect("a string").len();
        assert_eq!(Unit::Json.size(text), written - 2, "{text:?}");
    }
}

/// Items of letters that neither the head, the tail nor the words hold.
fn any_items() -> impl Strategy<Value = Vec<Item>> {
    let severity =
        prop::sample::select(vec![Severity::Info, Severity::Warning, Severity::Critical]);
    let text = "[X中🔥\"\\\n]{1,60}";
    prop::collection::vec((text, severity), 0..30).prop_map(|items| {
        let numbered = items.into_iter().enumerate();
        numbered
            .map(|(at, (text, severity))| item(&format!("#{at:02}{text}#"), severity))
            .collect()
    })
}

proptest! {
    #[test]
    fn a_text_fits_and_tells_what_is_left_out(
        items in any_items(),
        more in prop_oneof![Just(0_u64), 1..5000_u64],
        limit in 0_usize..3000,
        unit in prop::sample::select(UNITS.to_vec()),
        zh: bool,
    ) {
        let language = if zh { Language::Zh } else { Language::En };
        let fit = Fit { unit, language, ..fit(&items, more) };
        let text = fit.within(limit);
        prop_assert!(unit.size(&text) <= limit);
        let whole = fit.within(usize::MAX);
        if unit.size(&whole) <= limit {
            prop_assert_eq!(&text, &whole);
            let all = items.iter().all(|item| text.contains(&item.text));
            prop_assert!(all && (more > 0 || !text.contains('…')));
            return Ok(());
        }
        // Below that there is no room to tell anything.
        prop_assume!(limit >= 60);
        let shown: Vec<&Item> = items.iter().filter(|item| text.contains(&item.text)).collect();
        let begun = (0..items.len()).filter(|at| text.contains(&format!("#{at:02}"))).count();
        let cut = begun - shown.len();
        prop_assert!(cut == 0 || (cut == 1 && shown.is_empty()), "cut items: {cut}");
        let told = match language {
            Language::Zh => text.split("……另有 ").nth(1).and_then(|rest| rest.split(" 条").next()),
            Language::En => text.split("…and ").nth(1).and_then(|rest| rest.split(" more").next()),
        };
        let told: u64 = told.map_or(0, |count| count.parse().expect("a count"));
        prop_assert_eq!(told, u64::try_from(items.len() - begun).expect("few") + more);
        prop_assert!(text.starts_with("head") && text.ends_with("tail"));
        // Nothing more severe is left out than what is shown.
        let least = shown.iter().map(|item| item.severity).min();
        let hidden = items.iter().enumerate().filter(|(at, _)| !text.contains(&format!("#{at:02}")));
        let most = hidden.map(|(_, item)| item.severity).max();
        prop_assert!(least.is_none() || most <= least);
    }

    #[test]
    fn a_cut_is_the_longest_beginning(text in "\\PC{0,80}", limit in 0_usize..200, unit in prop::sample::select(UNITS.to_vec())) {
        let kept = cut(&text, limit, unit);
        prop_assert!(text.starts_with(kept) && unit.size(kept) <= limit);
        let next = text[kept.len()..].chars().next();
        prop_assert!(next.is_none_or(|c| unit.size(kept) + unit.of_char(c) > limit));
        prop_assert!(unit.size(&shorten(&text, limit, unit)) <= limit);
    }
}
