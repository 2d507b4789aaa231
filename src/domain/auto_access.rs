//! Auto access: which groups get a customer's chat, by the page that they are on when it begins (structure `auto_access` of
//! the Configuration API).

use serde::{Deserialize, Serialize};
use url::Url;

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
    fn hold(&self, page: &str) -> bool {
        let on_domain = |condition: &Condition| {
            let parsed = Url::parse(page).ok();
            parsed.as_ref().and_then(Url::host_str).is_some_and(|host| condition.holds(host))
        };
        // Conditions that only a later version knows fit nobody.
        let is_any = self.url.is_some() || self.domain.is_some();
        is_any
            && self.url.as_ref().is_none_or(|condition| condition.holds(page))
            && self.domain.as_ref().is_none_or(on_domain)
    }
}

/// What is wrong with a license's rules, if anything is.
pub fn auto_access_fault(rules: &[AutoAccess]) -> Option<String> {
    if rules.len() > MAX_RULES {
        return Some(format!("at most {MAX_RULES} rules"));
    }
    rules.iter().zip(1..).find_map(|(rule, number)| {
        let Conditions { url, domain } = &rule.conditions;
        let fault = match (url, domain) {
            _ if rule.access.groups.is_empty() => Some("access.groups must not be empty"),
            _ if rule.description.len() > MAX_TEXT => Some("a description has at most 2048 bytes"),
            (None, None) => Some("conditions need url or domain"),
            _ => url.iter().chain(domain).find_map(Condition::fault),
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

    /// The groups that a chat begun on this page goes to; empty if no rule fits it. Groups that were removed do not count.
    pub fn auto_access(&self, page: &str) -> Vec<GroupId> {
        let groups = |rule: &AutoAccess| -> Vec<GroupId> {
            rule.access.groups.iter().copied().filter(|group| self.has_group(*group)).collect()
        };
        let fitting = self.settings.auto_access.iter().find(|rule| rule.conditions.hold(page));
        fitting.map(groups).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Vec<AutoAccess> {
        serde_json::from_str(text).expect("rules")
    }

    fn conditions(text: &str) -> Conditions {
        serde_json::from_str(text).expect("conditions")
    }

    #[test]
    fn a_value_is_looked_for_anywhere_unless_the_whole_must_be_it() {
        let anywhere = conditions(r#"{"url":{"values":[{"value":"/pricing"}]}}"#);
        assert!(anywhere.hold("https://shop.example/pricing?x=1"));
        assert!(!anywhere.hold("https://shop.example/"));
        let later = [r#"{"country":"PL"}"#, r#"{"url":{"like":"x"}}"#];
        assert!(later.iter().all(|text| !conditions(text).hold("https://shop.example/x")));
        let whole = conditions(r#"{"domain":{"values":[{"value":"shop.example","exact_match":true}]}}"#);
        assert!(whole.hold("https://shop.example:8443/pricing"));
        assert!(!whole.hold("https://www.shop.example/"));
        assert!(!whole.hold("shop.example"), "not an address");
    }

    #[test]
    fn excluded_values_must_not_fit_and_all_conditions_must_hold() {
        let text = r#"{"url":{"exclude_values":[{"value":"/blog"},{"value":"/jobs"}]},
            "domain":{"values":[{"value":"a.example"},{"value":"b.example"}]}}"#;
        let both = conditions(text);
        assert!(both.hold("https://b.example/shop"));
        assert!(!both.hold("https://b.example/jobs"));
        assert!(!both.hold("https://c.example/shop"));
    }

    #[test]
    fn rules_that_mean_nothing_are_refused() {
        let fine = rules(r#"[{"access":{"groups":[0,2]},"conditions":{"url":{"values":[{"value":"/"}]}}}]"#);
        assert_eq!(auto_access_fault(&fine), None);
        for (wrong, why) in [
            (r#"[{"access":{"groups":[]},"conditions":{"url":{"values":[{"value":"/"}]}}}]"#, "empty"),
            (r#"[{"access":{"groups":[1]},"conditions":{}}]"#, "need url or domain"),
            (r#"[{"access":{"groups":[1]},"conditions":{"url":{}}}]"#, "needs values"),
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
