//! Auto access: which groups get a customer's chat, by the page that they are on when it begins and by where they are
//! (structure `auto_access` of the Configuration API).

use serde::{Deserialize, Serialize};
use url::Url;

use super::geolocation::Geolocation;
use super::id::GroupId;
use super::license::License;

/// Rules of a license.
const MAX_RULES: usize = 500;
/// Values of a condition.
const MAX_VALUES: usize = 100;
/// Bytes of a value or a description.
const MAX_TEXT: usize = 2_048;

/// One rule. A license has a list of them; the first that fits counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoAccess {
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Where the chats go.
    pub access: AccessTarget,
    /// When; all of them must hold.
    pub conditions: Conditions,
}

/// Where chats go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessTarget {
    /// Never empty.
    pub groups: Vec<GroupId>,
}

/// What is looked at; at least one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Conditions {
    /// The page's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Condition>,
    /// The host of the page's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<Condition>,
    /// Where the customer is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub geolocation: Option<Whereabouts>,
}

/// The customer is in one of these places. Nobody is anywhere whose place is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Whereabouts {
    /// Never empty.
    pub values: Vec<Whereabout>,
}

/// A place; all that is said of it must fit, whatever the case of its letters (structure `geolocation_object`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Whereabout {
    /// The country's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Its code, two letters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country_code: Option<String>,
    /// The part of the country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The town.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
}

impl Whereabout {
    fn fits(&self, place: &Geolocation) -> bool {
        let pairs = [
            (&self.country, &place.country),
            (&self.country_code, &place.country_code),
            (&self.region, &place.region),
            (&self.city, &place.city),
        ];
        // One that says what only a later version knows is nowhere.
        let says_anything = pairs.iter().any(|(wanted, _)| wanted.is_some());
        let is_there = |wanted: &String, known: &Option<String>| {
            known.as_ref().is_some_and(|known| known.to_lowercase() == wanted.to_lowercase())
        };
        says_anything
            && pairs
                .iter()
                .all(|(wanted, known)| wanted.as_ref().is_none_or(|wanted| is_there(wanted, known)))
    }
}

impl Whereabouts {
    fn hold(&self, place: Option<&Geolocation>) -> bool {
        place.is_some_and(|place| self.values.iter().any(|wanted| wanted.fits(place)))
    }

    fn fault(&self) -> Option<&'static str> {
        let texts = |one: &Whereabout| {
            let Whereabout { country, country_code, region, city } = one.clone();
            [country, country_code, region, city].into_iter().flatten().collect::<Vec<_>>()
        };
        if self.values.is_empty() || self.values.len() > MAX_VALUES {
            return Some("geolocation has 1 to 100 values");
        }
        self.values.iter().map(texts).find_map(|texts| {
            let is_wrong = texts.iter().any(|text| text.is_empty() || text.len() > MAX_TEXT);
            (texts.is_empty() || is_wrong)
                .then_some("a place has country, country_code, region or city, of 1 to 2048 bytes")
        })
    }
}

/// One of `values` fits, or none of `exclude_values` does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Condition {
    /// One of them must fit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Match>,
    /// None of them may fit; not together with `values`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude_values: Vec<Match>,
}

/// A text to look for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    /// The text.
    pub value: String,
    /// The whole has to be it; else it may stand anywhere in it.
    #[serde(default)]
    pub exact_match: bool,
}

impl Match {
    fn fits(&self, text: &str) -> bool {
        if self.exact_match { text == self.value } else { text.contains(&self.value) }
    }
}

impl Condition {
    fn holds(&self, text: &str) -> bool {
        let fits = |values: &[Match]| values.iter().any(|value| value.fits(text));
        match (self.values.is_empty(), self.exclude_values.is_empty()) {
            // One that only a later version knows.
            (true, true) => false,
            (true, false) => !fits(&self.exclude_values),
            (false, _) => fits(&self.values),
        }
    }

    fn fault(&self) -> Option<&'static str> {
        let values = || self.values.iter().chain(&self.exclude_values);
        match (self.values.is_empty(), self.exclude_values.is_empty()) {
            (true, true) => Some("a condition needs values or exclude_values"),
            (false, false) => Some("a condition has values or exclude_values, not both"),
            _ if values().count() > MAX_VALUES => Some("a condition has at most 100 values"),
            _ if values().any(|one| one.value.is_empty() || one.value.len() > MAX_TEXT) => {
                Some("a value has 1 to 2048 bytes")
            }
            _ => None,
        }
    }
}

impl Conditions {
    fn hold(&self, page: Option<&str>, place: Option<&Geolocation>) -> bool {
        let on_page = |condition: &Condition| page.is_some_and(|page| condition.holds(page));
        let on_domain = |condition: &Condition| {
            let parsed = page.and_then(|page| Url::parse(page).ok());
            parsed.as_ref().and_then(Url::host_str).is_some_and(|host| condition.holds(host))
        };
        // Conditions that only a later version knows fit nobody.
        let is_any = self.url.is_some() || self.domain.is_some() || self.geolocation.is_some();
        is_any
            && self.url.as_ref().is_none_or(on_page)
            && self.domain.as_ref().is_none_or(on_domain)
            && self.geolocation.as_ref().is_none_or(|wanted| wanted.hold(place))
    }
}

/// What is wrong with a license's rules, if anything is.
pub fn auto_access_fault(rules: &[AutoAccess]) -> Option<String> {
    if rules.len() > MAX_RULES {
        return Some(format!("at most {MAX_RULES} rules"));
    }
    rules.iter().zip(1..).find_map(|(rule, number)| {
        let Conditions { url, domain, geolocation } = &rule.conditions;
        let fault = match (url, domain, geolocation) {
            _ if rule.access.groups.is_empty() => Some("access.groups must not be empty"),
            _ if rule.description.len() > MAX_TEXT => Some("a description has at most 2048 bytes"),
            (None, None, None) => Some("conditions need url, domain or geolocation"),
            _ => {
                let of_page = url.iter().chain(domain).find_map(Condition::fault);
                of_page.or_else(|| geolocation.as_ref().and_then(Whereabouts::fault))
            }
        };
        fault.map(|fault| format!("rule {number}: {fault}"))
    })
}

impl License {
    /// A group that a rule names and that is not there.
    pub fn unknown_auto_access(&self) -> Option<GroupId> {
        let named = self.settings.auto_access.iter().flat_map(|rule| &rule.access.groups);
        named.copied().find(|group| !self.has_group(*group))
    }

    /// The groups that a chat begun on this page and in this place goes to; empty if no rule fits. Groups that were removed do
    /// not count.
    pub fn auto_access(&self, page: Option<&str>, place: Option<&Geolocation>) -> Vec<GroupId> {
        let groups = |rule: &AutoAccess| -> Vec<GroupId> {
            rule.access.groups.iter().copied().filter(|group| self.has_group(*group)).collect()
        };
        let fitting = self.settings.auto_access.iter().find(|rule| rule.conditions.hold(page, place));
        fitting.map(groups).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Vec<AutoAccess> {
        serde_json::from_str(text).expect("rules")
    }

    fn on(conditions: &Conditions, page: &str) -> bool {
        conditions.hold(Some(page), None)
    }

    fn conditions(text: &str) -> Conditions {
        serde_json::from_str(text).expect("conditions")
    }

    #[test]
    fn a_value_is_looked_for_anywhere_unless_the_whole_must_be_it() {
        let anywhere = conditions(r#"{"url":{"values":[{"value":"/pricing"}]}}"#);
        assert!(on(&anywhere, "https://shop.example/pricing?x=1"));
        assert!(!on(&anywhere, "https://shop.example/"));
        let later = [r#"{"country":"PL"}"#, r#"{"url":{"like":"x"}}"#];
        assert!(later.iter().all(|text| !on(&conditions(text), "https://shop.example/x")));
        let whole = conditions(r#"{"domain":{"values":[{"value":"shop.example","exact_match":true}]}}"#);
        assert!(on(&whole, "https://shop.example:8443/pricing"));
        assert!(!on(&whole, "https://www.shop.example/"));
        assert!(!on(&whole, "shop.example"), "not an address");
        assert!(!whole.hold(None, None), "on no page");
    }

    #[test]
    fn excluded_values_must_not_fit_and_all_conditions_must_hold() {
        let text = r#"{"url":{"exclude_values":[{"value":"/blog"},{"value":"/jobs"}]},
            "domain":{"values":[{"value":"a.example"},{"value":"b.example"}]}}"#;
        let both = conditions(text);
        assert!(on(&both, "https://b.example/shop"));
        assert!(!on(&both, "https://b.example/jobs"));
        assert!(!on(&both, "https://c.example/shop"));
    }

    #[test]
    fn a_place_fits_if_all_that_is_said_of_it_does() {
        let text = |text: &str| Some(text.to_owned());
        let cracow =
            Geolocation { country_code: text("PL"), city: text("Kraków"), ..Geolocation::default() };
        for (values, expected) in [
            (r#"[{"country_code":"pl"}]"#, true),
            (r#"[{"country_code":"PL","city":"KRAKÓW"}]"#, true),
            (r#"[{"country_code":"PL","city":"Gdynia"}]"#, false),
            (r#"[{"city":"Gdynia"},{"city":"Kraków"}]"#, true),
            (r#"[{"country":"Poland"}]"#, false),
            (r#"[{"planet":"Earth"}]"#, false),
            ("[]", false),
        ] {
            let wanted = conditions(&format!(r#"{{"geolocation":{{"values":{values}}}}}"#));
            assert_eq!(wanted.hold(None, Some(&cracow)), expected, "{values}");
            assert!(!wanted.hold(Some("https://shop.example/"), None), "{values}: nobody knows where");
        }
        let both =
            r#"{"url":{"values":[{"value":"/shop"}]},"geolocation":{"values":[{"country_code":"PL"}]}}"#;
        assert!(conditions(both).hold(Some("/shop"), Some(&cracow)));
        assert!(!conditions(both).hold(Some("/jobs"), Some(&cracow)));
    }

    #[test]
    fn rules_that_mean_nothing_are_refused() {
        let fine = rules(r#"[{"access":{"groups":[0,2]},"conditions":{"url":{"values":[{"value":"/"}]}}}]"#);
        assert_eq!(auto_access_fault(&fine), None);
        for (wrong, why) in [
            (r#"[{"access":{"groups":[]},"conditions":{"url":{"values":[{"value":"/"}]}}}]"#, "empty"),
            (r#"[{"access":{"groups":[1]},"conditions":{}}]"#, "need url, domain or geolocation"),
            (r#"[{"access":{"groups":[1]},"conditions":{"url":{}}}]"#, "needs values"),
            (r#"[{"access":{"groups":[1]},"conditions":{"geolocation":{}}}]"#, "1 to 100 values"),
            (
                r#"[{"access":{"groups":[1]},"conditions":{"geolocation":{"values":[{}]}}}]"#,
                "a place has country",
            ),
            (r#"[{"access":{"groups":[1]},"conditions":{"url":{"values":[{"value":""}]}}}]"#, "1 to 2048"),
            (
                r#"[{"access":{"groups":[1]},"conditions":{"domain":{"values":[{"value":"a"}],"exclude_values":[{"value":"b"}]}}}]"#,
                "not both",
            ),
        ] {
            let fault = auto_access_fault(&rules(wrong)).expect(wrong);
            assert!(fault.starts_with("rule 1: ") && fault.contains(why), "{wrong}: {fault}");
        }
    }
}
