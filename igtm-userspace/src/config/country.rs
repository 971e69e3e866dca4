//! ISO 3166 alpha-2 codes of countries, and what is mistaken for one.
//!
//! Must not know which prefixes a country has: that is a database's.

use super::mmdb::Country;
use super::value::Value;

/// Every assigned code, and XK: not assigned, but what databases say for Kosovo.
const CODES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS \
BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI \
FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR \
IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM \
MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT \
PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM \
TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

/// What people write, and mean. Letters alone say nothing: almost every pair is near to a code.
const MISTAKEN: [(&str, &str); 12] = [
    ("UK", "GB"),
    ("EL", "GR"),
    ("EN", "GB"),
    ("CHN", "CN"),
    ("HKG", "HK"),
    ("MAC", "MO"),
    ("TWN", "TW"),
    ("USA", "US"),
    ("JPN", "JP"),
    ("KOR", "KR"),
    ("SGP", "SG"),
    ("GBR", "GB"),
];

/// A country's code, in capitals.
pub(super) fn country(value: &Value<'_>) -> Option<Country> {
    let text = value.string()?;
    let found = CODES.split(' ').find(|code| *code == text);
    if found.is_none() {
        let upper = text.to_ascii_uppercase();
        let meant = MISTAKEN.iter().find(|(wrong, _)| *wrong == upper);
        let meant = meant.map(|(_, right)| *right);
        let near = CODES.split(' ').find(|code| *code == upper).or(meant);
        let near = near.map_or_else(String::new, |code| format!("; did you mean `{code}`?"));
        value.wrong(format_args!(
            "an ISO 3166 alpha-2 code of a country, in capitals like \"CN\"{near}"
        ));
    }
    found.and_then(Country::from_code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_two_letters_each_once_in_order() {
        let codes: Vec<&str> = CODES.split(' ').collect();
        assert_eq!(codes.len(), 250);
        assert!(codes.is_sorted_by(|a, b| a < b));
        let good = |code: &&str| code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase());
        assert!(codes.iter().all(good));
        assert!(
            MISTAKEN
                .iter()
                .all(|(wrong, right)| codes.contains(right) && !codes.contains(wrong))
        );
    }
}
