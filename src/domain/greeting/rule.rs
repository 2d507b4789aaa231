//! When a greeting is due: what its rules look at, and how they are put together.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::time::Timestamp;
use crate::domain::visit::{CustomerVisits, LAST_PAGES, Visit, VisitPage};

/// Addresses of a rule.
const MAX_URLS: usize = 10;
/// Seconds that a rule may wait.
const MAX_SECONDS: u64 = 900;
/// Bytes of a text to look for.
const MAX_TEXT: usize = 2_048;
/// Bytes of a session field's name and value.
const MAX_FIELD: usize = 255;
/// The types that this server can tell whether they hold.
const KNOWN: &str = "visit_time_site, visit_time_page, url_current, url_visited, url_funnel, pages_view_number, \
                     url_match_page_view_number, url_referrer, visits_number, geolocation, custom_variable";

const NUMBER_OPERATORS: &str =
    "its operator is equals, doesnt_equal, lower_than, lower_or_equal, greater_than or greater_or_equal";

/// One rule, as operators write it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// How it goes with those before it.
    #[serde(default)]
    pub condition: Condition,
    /// What is looked at.
    #[serde(rename = "type")]
    pub kind: String,
    /// How it is compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// With what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// With which addresses, one after the other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<RuleUrl>,
    /// With which session field; one key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_field: Option<std::collections::BTreeMap<String, String>>,
}

/// How a rule goes with those before it. `and` binds closer than `or`; that of the first rule says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Both must hold.
    #[default]
    And,
    /// One is enough.
    Or,
    /// One that only a later version knows; never holds.
    #[serde(other)]
    Unknown,
}

/// An address of a funnel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleUrl {
    /// The text to look for.
    pub url: String,
    /// How.
    pub operator: String,
}

/// A rule that was understood.
pub(super) enum Test<'a> {
    Number(Count, Order, u64),
    Text(Place, Comparison<'a>),
    Funnel(Vec<Comparison<'a>>),
    /// Views of pages with one of these addresses, of those that a visit keeps.
    Views(Order, usize, Vec<Comparison<'a>>),
    Field(&'a str, &'a str),
}

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    SecondsOfVisit,
    SecondsOnPage,
    Pages,
    Visits,
}

/// What is read.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Current,
    Visited,
    Referrer,
    /// The visitor's country, its code, the part of it and the town, each by itself.
    Whereabouts,
}

/// How numbers are compared.
#[derive(Clone, Copy)]
pub(super) enum Order {
    Equals,
    DoesntEqual,
    Lower,
    LowerOrEqual,
    Greater,
    GreaterOrEqual,
}

/// How texts are compared, and with what.
pub(super) struct Comparison<'a> {
    /// The whole has to be it; else it may stand anywhere in it.
    whole: bool,
    /// It must not be so.
    not: bool,
    text: &'a str,
}

/// What rules look at.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) visits: &'a CustomerVisits,
    pub(super) visit: &'a Visit,
    pub(super) page: Option<&'a VisitPage>,
    pub(super) fields: &'a [(String, String)],
    pub(super) now: Timestamp,
}

impl Order {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "equals" => Self::Equals,
            "doesnt_equal" => Self::DoesntEqual,
            "lower_than" => Self::Lower,
            "lower_or_equal" => Self::LowerOrEqual,
            "greater_than" => Self::Greater,
            "greater_or_equal" => Self::GreaterOrEqual,
            _ => return None,
        })
    }

    fn holds(self, found: u64, value: u64) -> bool {
        match self {
            Self::Equals => found == value,
            Self::DoesntEqual => found != value,
            Self::Lower => found < value,
            Self::LowerOrEqual => found <= value,
            Self::Greater => found > value,
            Self::GreaterOrEqual => found >= value,
        }
    }
}

impl<'a> Comparison<'a> {
    fn read(operator: &str, text: &'a str) -> Result<Self, String> {
        if text.is_empty() || text.len() > MAX_TEXT {
            return Err(format!("an address has 1 to {MAX_TEXT} bytes"));
        }
        let (whole, not) = match operator {
            "equals" => (true, false),
            "doesnt_equal" => (true, true),
            "contains" => (false, false),
            "doesnt_contain" => (false, true),
            _ => return Err("its operator is equals, doesnt_equal, contains or doesnt_contain".to_owned()),
        };
        Ok(Self { whole, not, text })
    }

    fn finds(&self, text: &str) -> bool {
        if self.whole { text == self.text } else { text.contains(self.text) }
    }

    fn holds(&self, text: &str) -> bool {
        self.finds(text) != self.not
    }
}

impl Rule {
    /// Understands the rule, or says why it cannot be kept.
    pub(super) fn read(&self) -> Result<Test<'_>, String> {
        if self.condition == Condition::Unknown {
            return Err("condition must be and or or".to_owned());
        }
        let operator = self.operator.as_deref().unwrap_or_default();
        let value = self.value.as_deref().unwrap_or_default();
        let number = |count: Count| {
            let order = Order::named(operator).ok_or(NUMBER_OPERATORS)?;
            let most = match count {
                Count::SecondsOfVisit | Count::SecondsOnPage => MAX_SECONDS,
                Count::Pages | Count::Visits => u64::from(u32::MAX),
            };
            let value = value.parse().ok().filter(|value| *value <= most);
            let value = value.ok_or(format!("its value is a number from 0 to {most}"))?;
            Ok(Test::Number(count, order, value))
        };
        let text = |place: Place| Ok(Test::Text(place, Comparison::read(operator, value)?));
        let urls = || {
            if self.urls.is_empty() || self.urls.len() > MAX_URLS {
                return Err(format!("{} has 1 to {MAX_URLS} urls", self.kind));
            }
            self.urls
                .iter()
                .map(|url| Comparison::read(&url.operator, &url.url))
                .collect::<Result<Vec<_>, _>>()
        };
        match self.kind.as_str() {
            "visit_time_site" => number(Count::SecondsOfVisit),
            "visit_time_page" => number(Count::SecondsOnPage),
            "pages_view_number" => number(Count::Pages),
            "visits_number" => number(Count::Visits),
            "url_current" => text(Place::Current),
            "url_visited" => text(Place::Visited),
            "url_referrer" => text(Place::Referrer),
            "geolocation" => text(Place::Whereabouts),
            "url_funnel" => Ok(Test::Funnel(urls()?)),
            "url_match_page_view_number" => {
                let order = Order::named(operator).ok_or(NUMBER_OPERATORS)?;
                let value = value.parse().ok().filter(|value| *value <= LAST_PAGES);
                let value = value.ok_or(format!("its value is a number from 0 to {LAST_PAGES}"))?;
                Ok(Test::Views(order, value, urls()?))
            }
            "custom_variable" => {
                let fields = self.session_field.iter().flatten().collect::<Vec<_>>();
                let [(name, value)] = fields[..] else {
                    return Err("custom_variable has a session_field of one key".to_owned());
                };
                if name.is_empty() || name.len() > MAX_FIELD || value.len() > MAX_FIELD {
                    return Err(format!("a session field has at most {MAX_FIELD} bytes"));
                }
                Ok(Test::Field(name, value))
            }
            other => Err(format!("{other} is nothing that this server can know; there are {KNOWN}")),
        }
    }
}

impl Test<'_> {
    fn holds(&self, seen: &Seen<'_>) -> bool {
        let pages = || seen.visit.last_pages.iter().map(|page| page.url.as_str());
        match self {
            Self::Number(count, order, value) => {
                count.found(seen).is_some_and(|found| order.holds(found, *value))
            }
            Self::Text(Place::Current, text) => seen.page.is_some_and(|page| text.holds(&page.url)),
            Self::Text(Place::Visited, text) => pages().any(|url| text.finds(url)) != text.not,
            Self::Text(Place::Referrer, text) => {
                text.holds(seen.visit.referrer.as_deref().unwrap_or_default())
            }
            // Of who is nobody knows where nothing is said, not even that they are elsewhere.
            Self::Text(Place::Whereabouts, text) => seen.visit.geolocation.as_ref().is_some_and(|place| {
                let names = [&place.country, &place.country_code, &place.region, &place.city];
                names.into_iter().flatten().any(|name| text.finds(name)) != text.not
            }),
            // The last one is the page they are on; between the others there may have been more.
            Self::Funnel(urls) => {
                let mut before = pages().rev();
                let mut wanted = urls.iter().rev();
                let is_here = wanted.next().zip(before.next()).is_some_and(|(text, url)| text.holds(url));
                is_here && wanted.all(|text| before.any(|url| text.holds(url)))
            }
            Self::Views(order, value, urls) => {
                let views = pages().filter(|page| urls.iter().any(|text| text.holds(page))).count();
                order.holds(views as u64, *value as u64)
            }
            Self::Field(name, value) => {
                seen.fields.iter().any(|(is, has)| is.as_str() == *name && has.as_str() == *value)
            }
        }
    }

    /// The next moment at which time alone may make it hold.
    fn may_turn_at(&self, seen: &Seen<'_>) -> Option<Timestamp> {
        let Self::Number(count, _, value) = self else { return None };
        let since = count.since(seen)?;
        let at = |seconds: u64| since.after(Duration::from_secs(seconds));
        [at(*value), at(value + 1)].into_iter().find(|at| *at > seen.now)
    }
}

impl Count {
    /// Since when seconds are counted.
    fn since(self, seen: &Seen<'_>) -> Option<Timestamp> {
        match self {
            Self::SecondsOfVisit => Some(seen.visit.started_at),
            Self::SecondsOnPage => seen.page.map(|page| page.opened_at),
            Self::Pages | Self::Visits => None,
        }
    }

    fn found(self, seen: &Seen<'_>) -> Option<u64> {
        match self {
            Self::SecondsOfVisit | Self::SecondsOnPage => {
                self.since(seen).map(|since| seen.now.since(since).as_secs())
            }
            Self::Pages => Some(seen.visit.pages_count.into()),
            Self::Visits => Some(seen.visits.visits_count.into()),
        }
    }
}

/// Do the rules hold?
pub(super) fn hold(rules: &[Rule], seen: &Seen<'_>) -> bool {
    let holds = |rule: &Rule| rule.read().is_ok_and(|test| test.holds(seen));
    rules.chunk_by(|_, next| next.condition != Condition::Or).any(|all| all.iter().all(holds))
}

/// The next moment at which time alone may make them hold.
pub(super) fn may_turn_at(rules: &[Rule], seen: &Seen<'_>) -> Option<Timestamp> {
    rules.iter().filter_map(|rule| rule.read().ok()?.may_turn_at(seen)).min()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::command::testing::demo_license;
    use crate::domain::geolocation::Geolocation;
    use crate::domain::visit::{Arrival, NewPage};

    const START: Timestamp = Timestamp(1_000_000_000);

    fn rules(list: Value) -> Vec<Rule> {
        serde_json::from_value(list).expect("rules")
    }

    /// Came from a search to `/a`, went on to `/b` after 10 seconds and to `/c` after 20.
    fn visits() -> CustomerVisits {
        let mut visits = CustomerVisits::default();
        let page = |url: &str| NewPage { url: format!("https://shop.example{url}"), title: None };
        let referrer = Some("https://search.example/?q=x".to_owned());
        let geolocation = Some(Box::new(Geolocation {
            country: Some("Poland".to_owned()),
            country_code: Some("PL".to_owned()),
            ..Geolocation::default()
        }));
        let arrival = Arrival {
            page: Some(page("/a")),
            referrer,
            ip: Some("203.0.113.7".to_owned()),
            geolocation,
            ..Arrival::default()
        };
        visits.arrive(&arrival, &demo_license(), START);
        for (url, seconds) in [("/b", 10), ("/c", 20)] {
            visits.open_page(&page(url), &demo_license(), START.after(Duration::from_secs(seconds)));
        }
        visits
    }

    fn after(seconds: u64, check: impl Fn(&Seen<'_>)) {
        let visits = visits();
        let visit = visits.visit.as_ref().expect("a visit");
        let fields = [("plan".to_owned(), "gold".to_owned())];
        let now = START.after(Duration::from_secs(seconds));
        check(&Seen { visits: &visits, visit, page: visit.last_pages.last(), fields: &fields, now });
    }

    fn rule(kind: &str, operator: &str, value: &str) -> Value {
        json!({ "condition": "and", "type": kind, "operator": operator, "value": value })
    }

    fn funnel(urls: &[&str]) -> Value {
        let urls: Vec<Value> = urls.iter().map(|url| json!({ "url": url, "operator": "contains" })).collect();
        json!({ "type": "url_funnel", "urls": urls })
    }

    fn views(operator: &str, value: &str, urls: &[&str]) -> Value {
        let mut rule = rule("url_match_page_view_number", operator, value);
        rule["urls"] = funnel(urls)["urls"].clone();
        rule
    }

    #[test]
    fn each_rule_looks_at_what_it_names() {
        for (one, expected) in [
            (rule("visit_time_site", "greater_than", "24"), true),
            (rule("visit_time_site", "greater_than", "25"), false),
            (rule("visit_time_page", "equals", "5"), true),
            (rule("visit_time_page", "lower_than", "5"), false),
            (rule("url_current", "contains", "/c"), true),
            (rule("url_current", "equals", "/c"), false),
            (rule("url_current", "doesnt_contain", "/c"), false),
            (rule("url_visited", "equals", "https://shop.example/a"), true),
            (rule("url_visited", "doesnt_contain", "/b"), false),
            (rule("url_visited", "doesnt_contain", "/d"), true),
            (rule("pages_view_number", "greater_or_equal", "3"), true),
            (rule("pages_view_number", "doesnt_equal", "3"), false),
            (rule("visits_number", "lower_or_equal", "1"), true),
            (rule("url_referrer", "contains", "search.example"), true),
            (rule("geolocation", "equals", "PL"), true),
            (rule("geolocation", "equals", "Pol"), false),
            (rule("geolocation", "contains", "Pol"), true),
            (rule("geolocation", "doesnt_equal", "Poland"), false),
            (rule("geolocation", "doesnt_contain", "France"), true),
            (funnel(&["/a", "/c"]), true),
            (funnel(&["/c", "/a"]), false),
            (funnel(&["/a", "/b"]), false),
            (views("equals", "2", &["/a", "/c"]), true),
            (views("greater_than", "0", &["/d"]), false),
            (views("greater_or_equal", "3", &["shop.example"]), true),
            (json!({ "type": "custom_variable", "session_field": { "plan": "gold" } }), true),
            (json!({ "type": "custom_variable", "session_field": { "plan": "silver" } }), false),
        ] {
            let rules = rules(json!([one]));
            assert_eq!(rules[0].read().err(), None);
            after(25, |seen| assert_eq!(hold(&rules, seen), expected, "{one}"));
        }
    }

    #[test]
    fn of_a_place_that_nobody_knows_no_rule_holds() {
        let mut visits = CustomerVisits::default();
        visits.arrive(&Arrival::default(), &demo_license(), START);
        let visit = visits.visit.as_ref().expect("a visit");
        let seen = Seen { visits: &visits, visit, page: None, fields: &[], now: START };
        for operator in ["equals", "doesnt_equal", "contains", "doesnt_contain"] {
            assert!(!hold(&rules(json!([rule("geolocation", operator, "PL")])), &seen), "{operator}");
        }
    }

    #[test]
    fn and_binds_closer_than_or() {
        let [yes, no] = ["/c", "/x"].map(|url| rule("url_current", "contains", url));
        let or = |mut rule: Value| {
            rule["condition"] = json!("or");
            rule
        };
        for (list, expected) in [
            (json!([yes, no]), false),
            (json!([no, or(yes.clone())]), true),
            (json!([yes, or(yes.clone()), no]), true),
            (json!([no, or(yes.clone()), no]), false),
            (json!([or(yes.clone())]), true),
        ] {
            let rules = rules(list.clone());
            after(25, |seen| assert_eq!(hold(&rules, seen), expected, "{list}"));
        }
    }

    #[test]
    fn time_is_looked_at_again_when_it_may_make_a_difference() {
        let page = rules(json!([
            rule("visit_time_page", "greater_than", "10"),
            rule("visit_time_site", "equals", "90")
        ]));
        let at = |seconds: u64| Some(START.after(Duration::from_secs(seconds)));
        for (now, next) in [(20, at(30)), (30, at(31)), (31, at(90)), (90, at(91)), (91, None)] {
            after(now, |seen| assert_eq!(may_turn_at(&page, seen), next, "after {now} seconds"));
        }
        let never = rules(json!([rule("url_current", "equals", "x")]));
        after(20, |seen| assert_eq!(may_turn_at(&never, seen), None));
    }

    #[test]
    fn what_cannot_be_known_or_understood_is_refused_and_never_holds() {
        for (wrong, why) in [
            (rule("search_keyword", "contains", "x"), "search_keyword is nothing that this server can know"),
            (rule("geolocation", "lower_than", "PL"), "doesnt_contain"),
            (rule("visit_time_site", "contains", "5"), "lower_or_equal"),
            (rule("visit_time_site", "equals", "901"), "from 0 to 900"),
            (rule("visit_time_page", "equals", "-1"), "from 0 to 900"),
            (rule("url_current", "greater_than", "x"), "doesnt_contain"),
            (rule("url_current", "equals", ""), "1 to 2048 bytes"),
            (json!({ "type": "url_funnel" }), "1 to 10 urls"),
            (rule("url_match_page_view_number", "equals", "2"), "1 to 10 urls"),
            (views("contains", "2", &["/a"]), "lower_or_equal"),
            (views("equals", "11", &["/a"]), "from 0 to 10"),
            (json!({ "type": "custom_variable", "session_field": { "a": "1", "b": "2" } }), "one key"),
            (
                json!({ "condition": "xor", "type": "url_current", "operator": "equals", "value": "x" }),
                "and or or",
            ),
        ] {
            let rules = rules(json!([wrong]));
            let told = rules[0].read().err().unwrap_or_default();
            assert!(told.contains(why), "{wrong}: {told}");
            after(25, |seen| assert!(!hold(&rules, seen), "{wrong}"));
        }
    }
}
