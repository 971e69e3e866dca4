//! `[[line]]`: where clients are.

use ipnet::IpNet;

use super::LineId;

/// How specific a line is, most preferred first (product.md, Line).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are config.md's own")]
pub enum LineKind {
    Custom,
    SearchEngine,
    SearchEngines,
    OperatorProvince,
    CloudProvince,
    Province,
    OperatorRegion,
    Region,
    Operator,
    Cloud,
    Domestic,
    Country,
    Continent,
    Overseas,
    Default,
}

impl LineKind {
    /// Every kind with its name in the file, most preferred first.
    pub const ALL: [(Self, &'static str); 15] = [
        (Self::Custom, "custom"),
        (Self::SearchEngine, "search_engine"),
        (Self::SearchEngines, "search_engines"),
        (Self::OperatorProvince, "operator_province"),
        (Self::CloudProvince, "cloud_province"),
        (Self::Province, "province"),
        (Self::OperatorRegion, "operator_region"),
        (Self::Region, "region"),
        (Self::Operator, "operator"),
        (Self::Cloud, "cloud"),
        (Self::Domestic, "domestic"),
        (Self::Country, "country"),
        (Self::Continent, "continent"),
        (Self::Overseas, "overseas"),
        (Self::Default, "default"),
    ];
}

/// A named set of prefixes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Unique.
    pub name: String,
    /// How specific it is.
    pub kind: LineKind,
    /// Its own prefixes (files read, host bits cleared), without its children's.
    pub prefixes: Vec<IpNet>,
    /// The line that counts as containing whatever this one contains.
    pub parent: Option<LineId>,
}
